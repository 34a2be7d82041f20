use checker_core::facts::boot_arguments::BootArguments;
use checker_core::facts::containers::Containers;
use checker_core::facts::status::Status;
use checker_core::facts::usage::Usage;
use checker_core::facts::{Fleet, Missing};
use checker_core::release_data::{Issue, Met};
use checker_core::{Context, Judgement, Version, check};

use super::conditions::{Cluster, Concerns, hints};

check! {
    /// No known issue of the releases ahead concerns this cluster.
    ///
    /// ## What it looks at
    /// The known issues in the release data whose window holds a release of the
    /// path, and what they are bound to: protocols, link type, object store,
    /// several organizations, boot arguments of the backends, releases of
    /// clients. A condition that nothing in the evidence decides is named, so
    /// that it can be looked up.
    ///
    /// ## Why it matters
    /// These faults are known and can be planned for: by another target, a
    /// setting, or a step before the upgrade.
    ///
    /// ## If ignored
    /// The fault shows itself after the upgrade, when there is no way back.
    ///
    /// ## How to fix
    /// Choose a target behind the issue's window, or do what the result says.
    /// Where neither can be, ask support and accept the warning with their answer.
    pub KNOWN_ISSUES {
        id: "version/known-issues",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["public list of known issues", "rule N23"],
        needs: [&Status, &Usage, Result<&Containers, Missing>, Fleet<BootArguments>],
        judge: judge,
    }
}

fn judge(
    context: &Context<'_>,
    status: &Status,
    usage: &Usage,
    containers: Result<&Containers, Missing>,
    boot_arguments: Fleet<'_, BootArguments>,
) -> Judgement {
    let cluster = Cluster {
        status,
        usage,
        containers: &containers,
        boot_arguments: Some(&boot_arguments),
    };
    let mut found: Vec<&Issue> = Vec::new();
    let mut lines = Vec::new();
    let mut undecided: Vec<(&Issue, Missing)> = Vec::new();
    for issue in &context.data.known_issues {
        let met: Vec<&Version> = context
            .hops()
            .iter()
            .filter(|hop| issue.is_met(Some(hop.from), hop.to))
            .map(|hop| hop.to)
            .collect();
        if met.is_empty() {
            continue;
        }
        match cluster.concerns(issue) {
            Concerns::No => {}
            Concerns::Undecided(missing) => undecided.push((issue, missing)),
            Concerns::Yes => {
                found.push(issue);
                lines.extend(met.iter().map(|to| line(issue, to)));
                lines.extend(hints(issue).map(|hint| format!("{}: {hint}", issue.id)));
            }
        }
    }
    lines.extend(undecided.iter().map(|(issue, missing)| {
        format!(
            "{}: {}: may concern this cluster, {missing}",
            issue.id, issue.summary
        )
    }));
    match (found.as_slice(), undecided.as_slice()) {
        ([], []) => Judgement::pass(format!(
            "none of {} known issues concerns this cluster on its way to {}",
            context.data.known_issues.len(),
            context.to
        )),
        ([], [(issue, missing), ..]) => Judgement::unknown(format!(
            "whether {} concerns this cluster: {missing}",
            issue.id
        ))
        .details(lines),
        (found, _) => {
            let ids: Vec<&str> = found.iter().map(|issue| issue.id.as_str()).collect();
            let issues = if ids.len() == 1 { "issue" } else { "issues" };
            Judgement::warn(
                format!("{} known {issues} on the way to {}: {}", ids.len(), context.to, ids.join(", ")),
                "Choose a target in which they are fixed, or do what stands beside each; ask support where neither can be.",
            )
            .details(lines)
        }
    }
}

/// One per issue and hop.
fn line(issue: &Issue, to: &Version) -> String {
    let fixed = match &issue.met {
        Met::In(windows) => windows
            .iter()
            .find(|window| window.contains(to))
            .and_then(|window| window.end())
            .map(|end| format!(" (fixed in {end})")),
        Met::Over(_) => None,
    };
    format!(
        "{to}: {}: {}{}",
        issue.id,
        issue.summary,
        fixed.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// A cluster without any service, that answers everything.
    fn bare(from: &str) -> Evidence {
        Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .weka("weka:containers", "[]")
            .weka("weka:nfs-interface-groups", "[]")
            .weka("weka:smb-cluster", "[]")
            .weka("weka:s3-cluster", "{}")
            .weka("weka:object-stores", "[]")
            .weka("weka:orgs", r#"[{"id":0,"name":"Root"}]"#)
            .backend("weka-01", &[("host:cmdline", "ro quiet\n")])
    }

    const S3: &str = r#"{"active":true,"s3_hosts":["HostId<6>"]}"#;
    const SMB: &str = r#"{"type":"smbw","sambaHosts":["HostId<4>"]}"#;
    const TWO_ORGS: &str = r#"[{"id":0,"name":"Root"},{"id":1,"name":"team-a"}]"#;

    fn named(result: &CheckResult, id: &str) -> bool {
        result.details.iter().any(|line| line.contains(id))
    }

    #[test]
    fn green() {
        let result = bare("4.4.33").judge_one(&KNOWN_ISSUES, "4.4.34");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
        assert_eq!(
            result.summary,
            "none of 13 known issues concerns this cluster on its way to 4.4.34"
        );
    }

    /// The window's ends, with its condition true.
    #[rstest]
    #[case::before("4.4.24", "4.4.23", false)]
    #[case::on("4.4.23", "4.4.24", true)]
    // field history 82
    #[case::inside("4.4.23", "4.4.31.6", true)]
    #[case::on_the_end("4.4.23", "4.4.32", false)]
    #[case::after("4.4.23", "4.4.33", false)]
    #[case::second_window("5.1.0.605", "5.1.23.1", true)]
    #[case::end_of_the_second("5.1.0.605", "5.1.24", false)]
    fn windows(#[case] from: &str, #[case] to: &str, #[case] found: bool) {
        let result = bare(from).judge_one(&KNOWN_ISSUES, to);
        assert_eq!(named(&result, "WEKAPP-626440"), found, "{result:?}");
    }

    // field history 106, G6
    /// The public reader never matched this one: its list of protocols is `[""]`.
    #[rstest]
    #[case::ethernet("ETH", true)]
    #[case::infiniband("IB", false)]
    // field history S1
    #[case::both("ETH,IB", true)]
    fn link_types(#[case] layer: &str, #[case] found: bool) {
        let status = json!({"name":"a","guid":"b","release":"4.4.23","upgrade_info":{},"status":"OK",
            "io_status":"STARTED","net":{"link_layer":layer}});
        let result = bare("4.4.23")
            .weka("weka:status", &status.to_string())
            .judge_one(&KNOWN_ISSUES, "4.4.31.6");
        assert_eq!(named(&result, "WEKAPP-626440"), found, "{result:?}");
    }

    #[rstest]
    #[case::s3("weka:s3-cluster", S3, "5.1.0.605", "5.1.21.26", "WEKAPP-616874")]
    #[case::s3_before_its_end("weka:s3-cluster", S3, "5.1.0.605", "5.1.20.7", "WEKAPP-615442")]
    #[case::smb("weka:smb-cluster", SMB, "4.4.0", "4.4.10.202", "WEKAPP-513906")]
    #[case::object_store(
        "weka:object-stores",
        r#"[{"id":"ObjectStorageBucketId<0>"}]"#,
        "4.4.0",
        "4.4.10.118",
        "WEKAPP-558408"
    )]
    fn services(
        #[case] key: &str,
        #[case] answer: &str,
        #[case] from: &str,
        #[case] to: &str,
        #[case] id: &str,
    ) {
        let without = bare(from).judge_one(&KNOWN_ISSUES, to);
        assert!(!named(&without, id), "{without:?}");
        let with = bare(from).weka(key, answer).judge_one(&KNOWN_ISSUES, to);
        assert_eq!(with.outcome, Outcome::Warn);
        assert!(named(&with, id), "{with:?}");
    }

    #[rstest]
    #[case::both(S3, TWO_ORGS, true)]
    #[case::one_org(S3, r#"[{"id":0}]"#, false)]
    #[case::no_s3("{}", TWO_ORGS, false)]
    fn every_condition_must_hold(#[case] s3: &str, #[case] orgs: &str, #[case] found: bool) {
        let result = bare("4.4.0")
            .weka("weka:s3-cluster", s3)
            .weka("weka:orgs", orgs)
            .judge_one(&KNOWN_ISSUES, "4.4.10.202");
        assert_eq!(named(&result, "WEKAPP-562863"), found, "{result:?}");
    }

    #[rstest]
    #[case::of_4_2("4.2.18.34", true)]
    #[case::of_4_3("4.3.0", false)]
    fn clients(#[case] release: &str, #[case] found: bool) {
        let client = json!([{"host_id":1,"hostname":"c","mode":"client","status":"UP","sw_version":release}]);
        let result = bare("4.4.10.202")
            .weka("weka:containers", &client.to_string())
            .judge_one(&KNOWN_ISSUES, "4.4.20.116");
        assert_eq!(named(&result, "WEKAPP-604059"), found, "{result:?}");
    }

    #[rstest]
    #[case::with("ro iommu=pt quiet\n", true)]
    #[case::as_a_part("ro intel_iommu=pt quiet\n", false)]
    #[case::longer("ro iommu=ptx\n", false)]
    fn boot_arguments(#[case] cmdline: &str, #[case] found: bool) {
        let result = bare("4.4.0")
            .backend("weka-02", &[("host:cmdline", cmdline)])
            .judge_one(&KNOWN_ISSUES, "4.4.8.76");
        assert_eq!(named(&result, "WEKAPP-513581"), found, "{result:?}");
    }

    /// A direct upgrade reports it too: the public checker never did.
    #[rstest]
    // field history 89, G7
    #[case::direct("4.4.6", "4.4.33", true)]
    #[case::older("4.3.5.105", "4.4.33", true)]
    #[case::behind("4.4.7.89", "4.4.33", false)]
    #[case::not_over("4.4.4", "4.4.6", false)]
    fn the_step_over_4_4_6(#[case] from: &str, #[case] to: &str, #[case] found: bool) {
        let result = bare(from)
            .weka("weka:smb-cluster", SMB)
            .judge_one(&KNOWN_ISSUES, to);
        assert_eq!(named(&result, "WEKAPP-450389"), found, "{result:?}");
        let without = bare(from).judge_one(&KNOWN_ISSUES, to);
        assert!(!named(&without, "WEKAPP-450389"), "{without:?}");
    }

    // field history 88
    /// 4.4.26, then 5.1.23.1: both lie in the two windows of one issue.
    #[test]
    fn one_finding_per_issue_and_hop() {
        let result = bare("4.2.18.34").judge_one(&KNOWN_ISSUES, "5.1.23.1");
        let lines: Vec<&String> = result
            .details
            .iter()
            .filter(|line| line.contains("WEKAPP-626440: the gateway"))
            .collect();
        assert_eq!(lines.len(), 2, "{result:?}");
        assert!(lines[0].starts_with("4.4.26: ") && lines[0].ends_with("(fixed in 4.4.32)"));
        assert!(lines[1].starts_with("5.1.23.1: ") && lines[1].ends_with("(fixed in 5.1.24)"));
        assert!(named(
            &result,
            "only if WEKA's traffic goes over bonded interfaces: please look"
        ));
    }

    // field history 90
    /// Two windows of one issue that both hold the target.
    #[test]
    fn overlapping_windows_are_one_finding() {
        let dir = tempfile::tempdir().expect("a directory");
        let issues = r#"{"WEKAPP-1": {"description": "it breaks", "internal_reference": "WEKAPP-1",
            "affected_versions": [{"min": "4.4.0", "max": "4.4.34"}, {"min": "4.4.30", "max": "5.0"}]}}"#;
        std::fs::write(dir.path().join("known_issues.json"), issues).expect("a file");
        let data = crate::release_data_from(dir.path()).expect("good data");
        let result = bare("4.4.26").by(data).judge_one(&KNOWN_ISSUES, "4.4.33");
        assert_eq!(result.outcome, Outcome::Warn, "{result:?}");
        let lines = result.details.iter().filter(|l| l.contains("WEKAPP-1"));
        assert_eq!(lines.count(), 1, "{result:?}");
    }

    #[test]
    fn the_running_release_is_not_judged() {
        let result = bare("4.4.26").judge_one(&KNOWN_ISSUES, "4.4.33");
        assert!(!named(&result, "WEKAPP-626440"), "{result:?}");
    }

    /// What could decide is asked only where an issue's window holds a hop.
    #[rstest]
    #[case::nothing_to_decide("4.4.33", "4.4.34", Outcome::Pass)]
    #[case::one_to_decide("5.0.2.119", "5.0.4.401", Outcome::Unknown)]
    fn a_missing_answer(#[case] from: &str, #[case] to: &str, #[case] outcome: Outcome) {
        let result = bare(from)
            .weka_ended("weka:s3-cluster", End::Exited(1), "", "error: no leader")
            .weka("weka:orgs", TWO_ORGS)
            .judge_one(&KNOWN_ISSUES, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    /// With one organization it can't be, whatever S3 would have said.
    #[test]
    fn what_is_known_to_be_false_decides() {
        let result = bare("5.0.2.119")
            .weka_ended("weka:s3-cluster", End::Exited(1), "", "error: no leader")
            .judge_one(&KNOWN_ISSUES, "5.0.4.401");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
    }

    #[test]
    fn what_is_not_decided_stands_beside_what_is_found() {
        let result = bare("5.1.0.605")
            .weka_ended("weka:s3-cluster", End::TimedOut, "", "")
            .judge_one(&KNOWN_ISSUES, "5.1.20.7");
        assert_eq!(result.outcome, Outcome::Warn);
        assert!(
            named(
                &result,
                "WEKAPP-616874: the S3 webhook configuration can fail to migrate after the upgrade: may concern this cluster"
            ),
            "{result:?}"
        );
    }

    #[test]
    fn no_status_is_unknown() {
        let result = Evidence::new().judge_one(&KNOWN_ISSUES, "5.1.25");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
