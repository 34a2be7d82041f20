use checker_core::facts::Missing;
use checker_core::facts::containers::Containers;
use checker_core::facts::smb::Smb;
use checker_core::facts::smb_status::SmbStatus;
use checker_core::{Context, Judgement, check};

use crate::readiness::Service;

check! {
    /// Every server of the SMB cluster is active.
    ///
    /// ## What it looks at
    /// `weka smb cluster status -J` against the containers that
    /// `weka smb cluster -J` names: each must be listed, and ready.
    ///
    /// ## Why it matters
    /// Servers are upgraded one after the other, and the SMB cluster keeps working as long as
    /// enough of its servers do. One that does not work already is one fewer.
    ///
    /// ## If ignored
    /// SMB clients are cut off while the servers that are left restart.
    ///
    /// ## How to fix
    /// `weka smb cluster status` names the server; `weka local status smbw` on it says
    /// how its container is; `weka local stop smbw`, then `weka local start smbw`,
    /// starts it afresh.
    pub HEALTH {
        id: "smb/health",
        scope: [Cluster],
        when: "SMB in use",
        levels: [Warn],
        sources: ["public checker: SMB hosts"],
        needs: [&Smb, Result<&SmbStatus, Missing>, Result<&Containers, Missing>],
        judge: judge,
    }
}

fn judge(
    _: &Context<'_>,
    smb: &Smb,
    status: Result<&SmbStatus, Missing>,
    containers: Result<&Containers, Missing>,
) -> Judgement {
    if !smb.in_use() {
        return super::not_in_use();
    }
    let service = Service {
        name: "SMB",
        status: "weka smb cluster status",
        container: if smb.kind.as_deref() == Some("samba") {
            "samba"
        } else {
            "smbw"
        },
    };
    match status {
        Err(missing) => Judgement::unknown(missing.to_string()),
        Ok(SmbStatus(hosts)) => service.judge(&smb.containers, hosts, containers),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const CONTAINERS: &str = r#"[
        {"host_id":"HostId<4>","hostname":"weka-02","container_name":"frontend0","host_ip":"10.0.0.2","mode":"backend","status":"UP"},
        {"host_id":"HostId<7>","hostname":"weka-03","container_name":"frontend0","host_ip":"10.0.0.3","mode":"backend","status":"UP"}]"#;
    const SMB: &str = r#"{"type":"smbw","sambaHosts":["HostId<4>","HostId<7>"]}"#;

    fn evidence(smb: &str) -> Evidence {
        Evidence::running("4.4.21.2")
            .weka("weka:containers", CONTAINERS)
            .weka("weka:smb-cluster", smb)
    }

    // field history S13
    #[rstest]
    #[case::all(r#"{"HostId<4>":true,"HostId<7>":true}"#, Outcome::Pass)]
    #[case::one_not(r#"{"HostId<4>":true,"HostId<7>":false}"#, Outcome::Warn)]
    #[case::of_6_0(
        r#"[{"container":4,"ready":true},{"container":7,"ready":true}]"#,
        Outcome::Pass
    )]
    #[case::of_6_0_one_not(
        r#"[{"container":4,"ready":true},{"container":7,"ready":false}]"#,
        Outcome::Warn
    )]
    #[case::by_name(r#"{"weka-02":"Ready","weka-03":"Ready"}"#, Outcome::Pass)]
    #[case::one_missing(r#"{"HostId<4>":true}"#, Outcome::Unknown)]
    #[case::none_listed("{}", Outcome::Unknown)]
    #[case::no_rows("[]", Outcome::Unknown)]
    #[case::null("null", Outcome::Unknown)]
    #[case::cut(r#"{"HostId<4>":true"#, Outcome::Unknown)]
    #[case::nothing("", Outcome::Unknown)]
    #[case::no_state(r#"[{"container":4},{"container":7}]"#, Outcome::Unknown)]
    fn judges(#[case] status: &str, #[case] outcome: Outcome) {
        let result = evidence(SMB)
            .weka("weka:smb-status", status)
            .judge_one(&HEALTH, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 63
    #[rstest]
    #[case::none("[]", Outcome::Skipped)]
    #[case::empty("{}", Outcome::Skipped)]
    #[case::there(SMB, Outcome::Unknown)]
    #[case::cut(r#"{"type":"smbw","#, Outcome::Unknown)]
    fn in_use_or_not(#[case] smb: &str, #[case] outcome: Outcome) {
        for end in [End::Exited(1), End::Exited(41), End::TimedOut] {
            let result = evidence(smb)
                .weka_ended("weka:smb-status", end, "", "error: no")
                .judge_one(&HEALTH, "4.4.33");
            assert_eq!(result.outcome, outcome, "{result:?}");
        }
    }

    #[test]
    fn names_the_server_and_its_container() {
        for (smb, container) in [
            (SMB.to_owned(), "smbw"),
            (SMB.replace("smbw", "samba"), "samba"),
        ] {
            let result = evidence(&smb)
                .weka("weka:smb-status", r#"{"HostId<4>":true,"HostId<7>":false}"#)
                .judge_one(&HEALTH, "4.4.33");
            assert_eq!(result.summary, "1 of 2 SMB servers not ready");
            assert_eq!(result.details, ["container 7 (weka-03): not ready"]);
            let remedy = result.remedy.expect("a remedy");
            assert!(
                remedy.contains(&format!("weka local start {container}")),
                "{remedy}"
            );
        }
    }
}
