use checker_core::facts::Missing;
use checker_core::facts::containers::Containers;
use checker_core::facts::s3::S3;
use checker_core::facts::s3_status::S3Status;
use checker_core::{Context, Judgement, check};

use crate::readiness::Service;

check! {
    /// Every server of the S3 cluster is ready.
    ///
    /// ## What it looks at
    /// `weka s3 cluster status -J`, in both of its forms, against the containers
    /// that `weka s3 cluster -J` names: each must be listed, and ready.
    ///
    /// ## Why it matters
    /// Servers are upgraded one after the other. With one that is not ready, the
    /// next one that stops takes the service down, or leaves the rest with the load
    /// of two.
    ///
    /// ## If ignored
    /// S3 clients see errors while the servers that are left restart.
    ///
    /// ## How to fix
    /// `weka s3 cluster status` names the server; `weka local status s3` on it says
    /// how its container is; `weka local stop s3`, then `weka local start s3`, starts
    /// it afresh.
    pub HEALTH {
        id: "s3/health",
        scope: [Cluster],
        when: "S3 in use",
        levels: [Warn],
        sources: ["public checker: S3 hosts"],
        needs: [&S3, Result<&S3Status, Missing>, Result<&Containers, Missing>],
        judge: judge,
    }
}

const SERVICE: Service = Service {
    name: "S3",
    status: "weka s3 cluster status",
    container: "s3",
};

fn judge(
    _: &Context<'_>,
    s3: &S3,
    status: Result<&S3Status, Missing>,
    containers: Result<&Containers, Missing>,
) -> Judgement {
    if !s3.configured() {
        return super::not_in_use();
    }
    if !s3.active {
        return Judgement::skipped(format!(
            "S3 is switched off on its {} servers",
            s3.containers.len()
        ));
    }
    match status {
        Err(missing) => Judgement::unknown(missing.to_string()),
        Ok(S3Status(hosts)) => SERVICE.judge(&s3.containers, hosts, containers),
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
        {"host_id":"HostId<6>","hostname":"weka-02","container_name":"frontend0","host_ip":"10.0.0.2","mode":"backend","status":"UP"},
        {"host_id":"HostId<9>","hostname":"weka-03","container_name":"frontend0","host_ip":"10.0.0.3","mode":"backend","status":"UP"}]"#;
    const S3: &str = r#"{"active":true,"s3_hosts":["HostId<6>","HostId<9>"]}"#;

    fn evidence(s3: &str) -> Evidence {
        Evidence::running("4.4.21.2")
            .weka("weka:containers", CONTAINERS)
            .weka("weka:s3-cluster", s3)
    }

    // field history 48
    #[rstest]
    #[case::by_id(r#"{"HostId<6>":true,"HostId<9>":true}"#, Outcome::Pass)]
    #[case::by_id_one_not(r#"{"HostId<6>":true,"HostId<9>":false}"#, Outcome::Warn)]
    #[case::rows(
        r#"[{"host_id":6,"service_status":"Ready"},{"host_id":9,"service_status":"Ready"}]"#,
        Outcome::Pass
    )]
    #[case::rows_one_not(
        r#"[{"host_id":6,"service_status":"Ready"},{"host_id":9,"service_status":"Not Ready"}]"#,
        Outcome::Warn
    )]
    #[case::by_name(r#"{"weka-02":true,"weka-03":true}"#, Outcome::Pass)]
    #[case::one_missing(r#"{"HostId<6>":true}"#, Outcome::Unknown)]
    #[case::one_missing_one_bad(r#"{"HostId<6>":false}"#, Outcome::Warn)]
    #[case::none_listed("{}", Outcome::Unknown)]
    #[case::no_rows("[]", Outcome::Unknown)]
    #[case::null("null", Outcome::Unknown)]
    #[case::cut(r#"{"HostId<6>":true,"#, Outcome::Unknown)]
    #[case::nothing("", Outcome::Unknown)]
    #[case::no_state(r#"[{"host_id":6},{"host_id":9}]"#, Outcome::Unknown)]
    fn judges(#[case] status: &str, #[case] outcome: Outcome) {
        let result = evidence(S3)
            .weka("weka:s3-status", status)
            .judge_one(&HEALTH, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 63
    #[rstest]
    #[case::none(r#"{"active":false,"s3_hosts":[]}"#, Outcome::Skipped)]
    #[case::empty("[]", Outcome::Skipped)]
    #[case::switched_off(r#"{"active":false,"s3_hosts":["HostId<6>"]}"#, Outcome::Skipped)]
    #[case::of_3_11(
        r#"{"status":true,"s3_hosts":["HostId<6>","HostId<9>"]}"#,
        Outcome::Unknown
    )] // field history 47
    #[case::cut(r#"{"active":tr"#, Outcome::Unknown)]
    fn in_use_or_not(#[case] s3: &str, #[case] outcome: Outcome) {
        // The status fails where there is no S3 cluster: that is no finding.
        let result = evidence(s3)
            .weka_ended("weka:s3-status", End::Exited(1), "", "error: no S3 cluster")
            .judge_one(&HEALTH, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn not_logged_in_is_unknown() {
        let result = evidence(S3)
            .weka_ended(
                "weka:s3-status",
                End::Exited(41),
                "",
                "error: not logged in",
            )
            .judge_one(&HEALTH, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    /// field history 30, G14: the bad one is named, also when no
    /// container has its id.
    #[test]
    fn names_the_server() {
        let result = evidence(S3)
            .weka(
                "weka:s3-status",
                r#"{"HostId<6>":true,"HostId<9>":false,"HostId<99>":false}"#,
            )
            .judge_one(&HEALTH, "4.4.33");
        assert_eq!(result.summary, "2 of 3 S3 servers not ready");
        assert_eq!(
            result.details,
            [
                "container 9 (weka-03): not ready",
                "container 99, which `weka cluster container` does not list: not ready"
            ]
        );
    }

    // field history G14
    #[test]
    fn without_the_containers_the_ids_are_enough() {
        let result = evidence(S3)
            .weka("weka:containers", "[{")
            .weka("weka:s3-status", r#"{"HostId<6>":true,"HostId<9>":true}"#)
            .judge_one(&HEALTH, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
        assert_eq!(result.summary, "all 2 S3 servers ready");
    }
}
