use checker_core::facts::Missing;
use checker_core::facts::containers::Containers;
use checker_core::facts::status::Status;
use checker_core::facts::usage::Usage;
use checker_core::release_data::{Issue, Met, Window};
use checker_core::{Context, Judgement, check};

use super::conditions::{Cluster, Concerns, hints};

check! {
    /// No known issue of the running release touches the upgrade itself.
    ///
    /// ## What it looks at
    /// The advisories in the release data whose window holds the running
    /// release, and what they are bound to. An advisory that is bound to no
    /// release, and that the evidence can't decide, is mentioned without a warning.
    ///
    /// ## Why it matters
    /// The old release takes part in the upgrade until the last container has
    /// been restarted. Its own faults can stop it half way.
    ///
    /// ## If ignored
    /// The upgrade can hang or take the cluster down, on a fault that is known
    /// and that support can work around.
    ///
    /// ## How to fix
    /// Look at what stands beside each, and ask support with the reference
    /// before the upgrade.
    pub SOURCE_ISSUES {
        id: "version/source-issues",
        scope: [Cluster],
        when: "src in a listed window",
        levels: [Warn],
        sources: ["rules N24 to N31"],
        needs: [&Status, &Usage, Result<&Containers, Missing>],
        judge: judge,
    }
}

fn judge(
    context: &Context<'_>,
    status: &Status,
    usage: &Usage,
    containers: Result<&Containers, Missing>,
) -> Judgement {
    let cluster = Cluster {
        status,
        usage,
        containers: &containers,
        boot_arguments: None,
    };
    let in_window = |issue: &&Issue| match &issue.met {
        Met::In(windows) => windows.iter().any(|w| w.contains(&status.release)),
        Met::Over(release) => status.release.without_suffix() <= *release,
    };
    let candidates: Vec<&Issue> = context
        .data
        .source_issues
        .iter()
        .filter(in_window)
        .collect();
    if candidates.is_empty() {
        return Judgement::skipped(format!("no advisory is listed for {}", status.release));
    }
    let mut found = Vec::new();
    let mut mentioned = 0;
    let mut lines = Vec::new();
    let mut undecided = Vec::new();
    for issue in &candidates {
        let name = match &issue.reference {
            Some(reference) => format!("{} ({reference})", issue.id),
            None => issue.id.clone(),
        };
        match cluster.concerns(issue) {
            Concerns::No => {}
            Concerns::Yes => {
                if is_general(issue) {
                    mentioned += 1;
                } else {
                    found.push(issue.id.as_str());
                }
                lines.push(format!("{name}: {}", issue.summary));
                lines.extend(hints(issue).map(|hint| format!("{}: {hint}", issue.id)));
            }
            Concerns::Undecided(missing) => {
                lines.push(format!(
                    "{name}: {}: may concern this cluster, {missing}",
                    issue.summary
                ));
                undecided.push((issue.id.as_str(), missing));
            }
        }
    }
    match (found.as_slice(), undecided.as_slice()) {
        ([], []) if mentioned > 0 => Judgement::pass(format!(
            "nothing is bound to {}; {} to look at",
            status.release,
            advisories(mentioned)
        ))
        .details(lines),
        ([], []) => Judgement::pass(format!(
            "{} listed for {}, none concerns this cluster",
            advisories(candidates.len()),
            status.release
        )),
        ([], [(id, missing), ..]) => {
            Judgement::unknown(format!("whether {id} concerns this cluster: {missing}")).details(lines)
        }
        (found, _) => Judgement::warn(
            format!(
                "{} for upgrades from {}: {}",
                advisories(found.len()),
                status.release,
                found.join(", ")
            ),
            "Ask support about these references before the upgrade, and do what stands beside each.",
        )
        .details(lines),
    }
}

/// Bound to no release and not decided by the evidence: a warning would never
/// go away, whatever the operator does.
fn is_general(issue: &Issue) -> bool {
    let everywhere = match &issue.met {
        Met::In(windows) => windows.iter().any(Window::is_everything),
        Met::Over(_) => false,
    };
    everywhere && issue.conditions.only_if.is_some()
}

fn advisories(n: usize) -> String {
    match n {
        1 => "1 advisory".to_owned(),
        n => format!("{n} advisories"),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn bare(from: &str) -> Evidence {
        Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .weka("weka:containers", "[]")
            .weka("weka:nfs-interface-groups", "[]")
            .weka("weka:smb-cluster", "[]")
            .weka("weka:s3-cluster", "{}")
            .weka("weka:object-stores", "[]")
            .weka("weka:orgs", r#"[{"id":0}]"#)
    }

    // field history G8
    /// Each bound, on both sides.
    #[rstest]
    #[case("4.2.0", "WEKAPP-315823", true)]
    #[case("4.2.0.1", "WEKAPP-315823", false)]
    #[case("4.1.2.36", "WEKAPP-323045", false)]
    #[case("4.2.0", "WEKAPP-323045", true)]
    #[case("4.2.1", "WEKAPP-323045", false)]
    #[case("4.2.1.21", "WEKAPP-312395", true)]
    #[case("4.2.1.22", "WEKAPP-312395", false)]
    #[case("4.0.5.39", "WEKAPP-318113", false)]
    #[case("4.1.0", "WEKAPP-318113", true)]
    #[case("4.2.0", "WEKAPP-318113", true)]
    #[case("4.2.1", "WEKAPP-318113", false)]
    #[case("4.2.14", "WEKAPP-429276", true)]
    #[case("4.2.14-6a24a384", "WEKAPP-429276", true)]
    #[case("4.2.15", "WEKAPP-429276", false)]
    #[case("4.1.2", "WEKAPP-329531", true)]
    #[case("4.1.1", "WEKAPP-329531", false)]
    #[case("4.2.3", "WEKAPP-329531", true)]
    #[case("4.2.4", "WEKAPP-329531", false)]
    #[case("4.2.7.64", "WEKAPP-351707", true)]
    #[case("4.2.7.65", "WEKAPP-351707", false)]
    #[case("4.2.8.66", "WEKAPP-351707", true)]
    #[case("4.2.8.65", "WEKAPP-351707", false)]
    fn windows(#[case] from: &str, #[case] id: &str, #[case] found: bool) {
        let result = bare(from).judge_one(&SOURCE_ISSUES, "4.4.33");
        let named = result.details.iter().any(|line| line.contains(id));
        assert_eq!(named, found, "{result:?}");
        if found {
            assert_eq!(result.outcome, Outcome::Warn);
        }
    }

    #[rstest]
    #[case::no_smb("[]", Outcome::Pass)]
    #[case::smb(r#"{"type":"smbw","sambaHosts":["HostId<4>"]}"#, Outcome::Pass)]
    #[case::cut(r#"{"type":"smbw","samb"#, Outcome::Unknown)]
    fn bound_to_smb(#[case] smb: &str, #[case] outcome: Outcome) {
        let result = bare("4.4.26")
            .weka("weka:smb-cluster", smb)
            .judge_one(&SOURCE_ISSUES, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    /// No release of the product ends it, so it is said and does not warn.
    #[test]
    fn what_is_bound_to_no_release_is_mentioned() {
        let result = bare("4.4.26")
            .weka(
                "weka:smb-cluster",
                r#"{"type":"smbw","sambaHosts":["HostId<4>"]}"#,
            )
            .judge_one(&SOURCE_ISSUES, "4.4.33");
        assert_eq!(
            result.summary,
            "nothing is bound to 4.4.26; 1 advisory to look at"
        );
        assert!(
            result.details[0].starts_with("WEKAPP-424920 (N31): SMB-W shares"),
            "{result:?}"
        );
    }

    #[test]
    fn outside_every_window_it_is_skipped() {
        let mut data = crate::release_data().expect("good data");
        data.source_issues
            .retain(|issue| issue.id != "WEKAPP-424920");
        let result = bare("4.4.26").by(data).judge_one(&SOURCE_ISSUES, "4.4.33");
        assert_eq!(result.outcome, Outcome::Skipped);
        assert_eq!(result.summary, "no advisory is listed for 4.4.26");
    }

    #[test]
    fn what_is_missing_stands_beside_what_is_found() {
        let result = bare("4.2.14")
            .weka_ended("weka:smb-cluster", End::TimedOut, "", "")
            .judge_one(&SOURCE_ISSUES, "4.4.33");
        assert_eq!(result.outcome, Outcome::Warn);
        assert_eq!(
            result.summary,
            "1 advisory for upgrades from 4.2.14: WEKAPP-429276"
        );
        assert!(
            result
                .details
                .iter()
                .any(|line| line.contains("may concern")),
            "{result:?}"
        );
    }

    #[test]
    fn no_status_is_unknown() {
        let result = Evidence::new().judge_one(&SOURCE_ISSUES, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
