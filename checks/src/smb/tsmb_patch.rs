use checker_core::facts::containers::Containers;
use checker_core::facts::smb::Smb;
use checker_core::facts::tsmb::Tsmb;
use checker_core::facts::{Missing, This};
use checker_core::{Context, Judgement, check};

check! {
    /// The SMB-W server is no patched build that the upgrade would replace.
    ///
    /// ## What it looks at
    /// On each server of an SMB-W cluster the version that
    /// `weka local exec -C smbw tsmb-server -v` prints, against the builds of the release
    /// data that were handed out as a fix: 3024.3.22.10, which no release holds yet, and
    /// 3024.3.22.7 and 3024.3.22.9, whose fixes are in 4.4.20.116 and later. Every
    /// release of the path counts: the first that lacks the fix takes the build away.
    ///
    /// ## Why it matters
    /// The upgrade brings the SMB-W server of the target. A build that was put in by
    /// hand is replaced by it, and the fault that it was made for is back.
    ///
    /// ## If ignored
    /// SMB fails again in the way that the patch had mended.
    ///
    /// ## How to fix
    /// Contact WEKA support before the upgrade: they say which target holds the fix, or
    /// have a patched build for it.
    pub TSMB_PATCH {
        id: "smb/tsmb-patch",
        scope: [Backend],
        when: "SMB-W in use",
        levels: [Fail],
        sources: ["rules N13", "public checker: SMB hosts, patched builds"],
        needs: [This<'_>, &Smb, Result<&Containers, Missing>, Result<&Tsmb, Missing>],
        judge: judge,
    }
}

fn judge(
    context: &Context<'_>,
    This(server): This<'_>,
    smb: &Smb,
    containers: Result<&Containers, Missing>,
    tsmb: Result<&Tsmb, Missing>,
) -> Judgement {
    if !smb.in_use() {
        return super::not_in_use();
    }
    if smb.kind.as_deref() == Some("samba") {
        return Judgement::skipped("SMB is served by the older samba, not by SMB-W");
    }
    let containers = match containers {
        Ok(containers) => containers,
        Err(missing) => return Judgement::unknown(missing.to_string()),
    };
    let own = |id: &u64| containers.by_id(*id).map(|c| c.stands_on(server));
    let serves = smb.containers.iter().any(|id| own(id) == Some(true));
    let strays: Vec<String> = smb
        .containers
        .iter()
        .filter(|id| own(id).is_none())
        .map(u64::to_string)
        .collect();
    let stray = (!strays.is_empty()).then(|| {
        format!(
            "SMB names container {}, which `weka cluster container` does not list",
            strays.join(", ")
        )
    });
    // What serves no SMB need not have the container; a leftover of it is not used.
    if !serves && strays.is_empty() {
        return Judgement::skipped("no server of the SMB cluster");
    }
    let version = match tsmb {
        Ok(Tsmb(Some(version))) => version,
        Ok(Tsmb(None)) if serves => {
            return Judgement::unknown(
                "the cluster serves SMB-W here, but there is no SMB-W server on this server",
            );
        }
        Ok(Tsmb(None)) => {
            return Judgement::skipped("no server of the SMB cluster").details(stray);
        }
        Err(missing) => return Judgement::unknown(missing.to_string()).details(stray),
    };
    let rules = &context.data.rules.tsmb;
    let ahead = context.releases_ahead();
    let replacing = rules
        .iter()
        .filter(|rule| rule.version == *version)
        .find_map(|rule| ahead.iter().find(|to| rule.targets.contains(to)));
    if let Some(target) = replacing {
        return Judgement::fail(
            format!(
                "tsmb-server {version} is a patched build, which {target} would replace"
            ),
            format!(
                "Contact WEKA support before the upgrade, with the answer of `weka local exec -C smbw tsmb-server -v`: they \
                 say which target holds the fix of {version}, or have a patched build for {target}."
            ),
        )
        .details(stray);
    }
    Judgement::pass(format!("tsmb-server {version}")).details(stray)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::server::{Role, Step};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const CONTAINERS: &str = r#"[
        {"host_id":"HostId<4>","hostname":"weka-01","container_name":"frontend0","host_ip":"10.0.0.1","mode":"backend","status":"UP"},
        {"host_id":"HostId<7>","hostname":"weka-02","container_name":"frontend0","host_ip":"10.0.0.2","mode":"backend","status":"UP"}]"#;
    const HERE: &str = r#"{"type":"smbw","sambaHosts":["HostId<4>"]}"#;
    const THERE: &str = r#"{"type":"smbw","sambaHosts":["HostId<7>"]}"#;

    fn cluster(smb: &str) -> Evidence {
        Evidence::running("4.4.6.122")
            .by(crate::release_data().expect("good data"))
            .weka("weka:containers", CONTAINERS)
            .weka("weka:smb-cluster", smb)
    }

    fn judged(smb: &str, answer: &str, target: &str) -> CheckResult {
        cluster(smb)
            .backend("weka-01", &[("host:tsmb", answer)])
            .judge_one(&TSMB_PATCH, target)
    }

    // field history 87
    #[rstest]
    #[case::plain("3024.3.22.6", "4.4.20.115", Outcome::Pass)]
    #[case::seven_before("3024.3.22.7", "4.4.20.115", Outcome::Fail)]
    #[case::seven_on("3024.3.22.7", "4.4.20.116", Outcome::Pass)]
    #[case::seven_behind("3024.3.22.7", "4.4.21.2", Outcome::Pass)]
    #[case::eight("3024.3.22.8", "4.4.20.115", Outcome::Pass)]
    #[case::nine_before("3024.3.22.9", "4.4.10.202", Outcome::Fail)]
    #[case::nine_on("3024.3.22.9", "4.4.20.116", Outcome::Pass)]
    #[case::nine_on_another_line("3024.3.22.9", "5.0.4.401", Outcome::Pass)]
    #[case::ten_before("3024.3.22.10", "4.4.20.115", Outcome::Fail)]
    #[case::ten_on("3024.3.22.10", "4.4.20.116", Outcome::Fail)]
    #[case::ten_behind("3024.3.22.10", "5.1.25", Outcome::Fail)]
    #[case::eleven("3024.3.22.11", "4.4.20.115", Outcome::Pass)]
    // A number that only begins like it.
    #[case::seventy("3024.3.22.70", "4.4.20.115", Outcome::Pass)]
    fn builds(#[case] version: &str, #[case] target: &str, #[case] outcome: Outcome) {
        let result = judged(
            HERE,
            &format!("tsmb-server version {version}\nbuilt\n"),
            target,
        );
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert!(result.summary.contains(version), "{result:?}");
    }

    /// 4.4.6 → 5.0.3.19 → 5.0.4.401 and 4.2 → 4.3.5.105 → 4.4.4: what lies between counts.
    #[rstest]
    #[case::held_on_the_way("4.4.6", "5.0.4.401", Outcome::Pass)]
    #[case::lost_on_the_way("4.2.9.28", "4.4.4", Outcome::Fail)]
    fn every_hop_counts(#[case] from: &str, #[case] to: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .weka("weka:containers", CONTAINERS)
            .weka("weka:smb-cluster", HERE)
            .backend(
                "weka-01",
                &[("host:tsmb", "tsmb-server version 3024.3.22.9\n")],
            )
            .judge_one(&TSMB_PATCH, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
        if outcome == Outcome::Fail {
            assert!(result.summary.contains("4.3.5.105"), "{result:?}");
        }
    }

    /// A site's own list decides.
    #[test]
    fn by_other_data() {
        let mut data = crate::release_data().expect("good data");
        data.rules.tsmb.truncate(1);
        data.rules.tsmb[0].version = "3024.3.22.6".to_owned();
        let judged = |version: &str| {
            let answer = format!("tsmb-server version {version}\n");
            cluster(HERE)
                .by(data.clone())
                .backend("weka-01", &[("host:tsmb", &answer)])
                .judge_one(&TSMB_PATCH, "4.4.33")
                .outcome
        };
        assert_eq!(judged("3024.3.22.6"), Outcome::Fail);
        assert_eq!(judged("3024.3.22.10"), Outcome::Pass);
    }

    const PATCHED: &str = "tsmb-server version 3024.3.22.10\n";

    #[rstest]
    #[case::no_smb("[]", PATCHED, Outcome::Skipped)]
    #[case::samba(
        r#"{"type":"samba","sambaHosts":["HostId<4>"]}"#,
        PATCHED,
        Outcome::Skipped
    )]
    #[case::kind_not_told(r#"{"sambaHosts":["HostId<4>"]}"#, PATCHED, Outcome::Fail)]
    #[case::of_6_0(r#"{"type":"smbw","smb_containers":[4]}"#, PATCHED, Outcome::Fail)]
    #[case::another_server(THERE, "none\n", Outcome::Skipped)]
    #[case::leftover_on_another_server(THERE, PATCHED, Outcome::Skipped)]
    #[case::not_there(HERE, "none\n", Outcome::Unknown)]
    #[case::a_stranger(
        r#"{"type":"smbw","sambaHosts":["HostId<99>"]}"#,
        PATCHED,
        Outcome::Fail
    )]
    #[case::a_stranger_elsewhere(
        r#"{"type":"smbw","sambaHosts":["HostId<99>"]}"#,
        "none\n",
        Outcome::Skipped
    )]
    #[case::no_version(HERE, "tsmb-server\n", Outcome::Unknown)]
    #[case::empty(HERE, "", Outcome::Unknown)]
    #[case::list_cut(r#"{"type":"smbw","#, PATCHED, Outcome::Unknown)]
    fn in_use_or_not(#[case] smb: &str, #[case] answer: &str, #[case] outcome: Outcome) {
        let result = judged(smb, answer, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::serves(HERE, Outcome::Unknown)]
    #[case::does_not(THERE, Outcome::Skipped)]
    #[case::could(r#"{"sambaHosts":["HostId<99>"]}"#, Outcome::Unknown)]
    fn no_answer(#[case] smb: &str, #[case] outcome: Outcome) {
        let cluster = cluster(smb);
        let ended = |end, stderr| {
            let record = cluster.record("host:tsmb", end, "", stderr);
            cluster
                .clone()
                .server_answered("weka-01", Role::Backend, vec![record])
        };
        let unreached = cluster
            .clone()
            .unreached("weka-01", Role::Backend, Step::Timeout, "10 s");
        for evidence in [
            ended(End::Exited(1), "error: container smbw is not running"),
            ended(End::Exited(127), "weka: not found"),
            ended(End::TimedOut, ""),
            unreached,
        ] {
            let result = evidence.judge_one(&TSMB_PATCH, "4.4.33");
            assert_eq!(result.outcome, outcome, "{result:?}");
        }
    }

    #[test]
    fn not_logged_in_is_unknown() {
        for key in ["weka:smb-cluster", "weka:containers"] {
            let result = cluster(HERE)
                .weka_ended(key, End::Exited(41), "", "error: not logged in")
                .backend("weka-01", &[("host:tsmb", PATCHED)])
                .judge_one(&TSMB_PATCH, "4.4.33");
            assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
        }
    }

    /// field history G14
    #[test]
    fn a_container_that_nobody_knows_is_named() {
        let result = judged(r#"{"sambaHosts":["HostId<99>"]}"#, "none\n", "4.4.33");
        assert!(result.details[0].contains("container 99"), "{result:?}");
    }
}
