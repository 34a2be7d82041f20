use checker_core::check::{Applies, UpgradePath};
use checker_core::facts::Missing;
use checker_core::facts::s3::S3;
use checker_core::facts::s3_etcd::S3Etcd;
use checker_core::{Context, Judgement, Version, check};

check! {
    /// S3 keeps its state in KWAS, not in ETCD any more.
    ///
    /// ## What it looks at
    /// Two places, either of which is enough: `etcd_cluster_hosts` of
    /// `weka s3 cluster -J` names hosts, or
    /// `weka debug config show s3ClusterInfo.etcdEnabled` is true.
    ///
    /// The guide names exactly 4.2.4 as the target. A cluster that came past 4.2.4
    /// has moved, but the two are there to be read, so every target from 4.2.4 on
    /// is looked at. Where a release from 4.2.5 on has neither of the two places, there is
    /// no ETCD left to be on; an older one that says nothing is unknown.
    ///
    /// ## Why it matters
    /// Releases from 4.2.4 on have S3's state in KWAS, their own key-value store. The move
    /// there is a procedure of its own, before the upgrade.
    ///
    /// ## If ignored
    /// S3 comes up without its users, policies and buckets' settings, or not at all.
    ///
    /// ## How to fix
    /// Contact WEKA support: the move from ETCD to KWAS is done with them, and there is no
    /// way back from it. `weka debug config show s3ClusterInfo.etcdEnabled` says
    /// `false` when it is done.
    pub ETCD {
        id: "s3/etcd",
        scope: [Cluster],
        when: "S3 in use, tgt >= 4.2.4",
        applies: applies,
        levels: [Fail],
        sources: ["Upgrade guide: prerequisites, S3 with target 4.2.4", "rules K8, Q1"],
        needs: [&S3, Result<&S3Etcd, Missing>],
        judge: judge,
    }
}

/// The first target that has only KWAS.
const ONLY_KWAS: Version = Version::new(4, 2, 4, 0);
/// From here on a running release has moved, where nothing says otherwise.
const MOVED: Version = Version::new(4, 2, 5, 0);

fn applies(path: &UpgradePath) -> Applies {
    if path.to < ONLY_KWAS {
        Applies::No(format!("{} is older than 4.2.4", path.to))
    } else {
        Applies::Yes
    }
}

fn judge(context: &Context<'_>, s3: &S3, enabled: Result<&S3Etcd, Missing>) -> Judgement {
    if !s3.configured() {
        return super::not_in_use();
    }
    let hosts = s3.etcd_hosts.as_deref();
    let on = matches!(&enabled, Ok(S3Etcd(Some(true))));
    let named = hosts.unwrap_or_default();
    if on || !named.is_empty() {
        let mut details = Vec::new();
        if !named.is_empty() {
            details.push(format!("etcd_cluster_hosts: {}", named.join(", ")));
        }
        if on {
            details.push("s3ClusterInfo.etcdEnabled: true".to_owned());
        }
        return Judgement::fail(
            "S3 still keeps its state in ETCD",
            "Contact WEKA support before the upgrade: S3's state has to be moved from ETCD to KWAS with them. \
             `weka debug config show s3ClusterInfo.etcdEnabled` says false when that is done.",
        )
        .details(details);
    }
    match (hosts, enabled) {
        (_, Ok(S3Etcd(Some(_)))) => Judgement::pass("ETCD is off: S3 keeps its state in KWAS"),
        (Some(_), Ok(S3Etcd(None))) => Judgement::pass("no ETCD hosts: S3 keeps its state in KWAS"),
        (None, Ok(S3Etcd(None))) if context.from.is_some_and(|from| *from >= MOVED) => {
            Judgement::pass("this release's configuration knows no ETCD any more")
        }
        (None, Ok(S3Etcd(None))) => Judgement::unknown(
            "neither `weka s3 cluster -J` nor s3ClusterInfo tells where S3 keeps its state",
        ),
        // Hosts without ETCD are the older sign; whether it is on could not be read.
        (_, Err(missing)) => Judgement::unknown(missing.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const NO_MEMBER: &str =
        "error: object of type ConfigRoot does not have a member named etcdEnabled";

    fn s3(etcd: &str) -> String {
        format!(r#"{{{etcd}"active":true,"s3_hosts":["HostId<6>"]}}"#)
    }

    const NO_HOSTS: &str = r#""etcd_cluster_hosts":[],"#;
    const HOSTS: &str = r#""etcd_cluster_hosts":["HostId<6>"],"#;

    fn judged(running: &str, hosts: &str, enabled: Option<&str>) -> CheckResult {
        let evidence = Evidence::running(running).weka("weka:s3-cluster", &s3(hosts));
        match enabled {
            Some(text) => evidence.weka("weka:s3-etcd", text),
            None => evidence.weka_ended("weka:s3-etcd", End::Exited(1), "", NO_MEMBER),
        }
        .judge_one(&ETCD, "4.4.33")
    }

    #[rstest]
    #[case::kwas("4.4.21.2", NO_HOSTS, Some("false"), Outcome::Pass)]
    #[case::on("4.4.21.2", NO_HOSTS, Some("true"), Outcome::Fail)]
    #[case::hosts("4.2.0", HOSTS, Some("false"), Outcome::Fail)]
    #[case::both("4.2.0", HOSTS, Some("true"), Outcome::Fail)]
    #[case::hosts_alone("4.0.5.40", HOSTS, None, Outcome::Fail)]
    #[case::no_hosts_alone("4.0.5.40", NO_HOSTS, None, Outcome::Pass)]
    #[case::off_alone("4.4.21.2", "", Some("false"), Outcome::Pass)]
    #[case::on_alone("4.4.21.2", "", Some("true"), Outcome::Fail)]
    #[case::neither("6.0.0.6363", "", None, Outcome::Pass)]
    #[case::neither_at_the_bound("4.2.5", "", None, Outcome::Pass)]
    #[case::neither_below_it("4.2.4.99", "", None, Outcome::Unknown)]
    #[case::null_hosts(
        "4.4.21.2",
        r#""etcd_cluster_hosts":null,"#,
        Some("false"),
        Outcome::Pass
    )]
    #[case::cut("4.4.21.2", NO_HOSTS, Some("fal"), Outcome::Unknown)]
    #[case::empty("4.4.21.2", NO_HOSTS, Some(""), Outcome::Unknown)]
    #[case::null("4.4.21.2", NO_HOSTS, Some("null"), Outcome::Unknown)]
    #[case::hosts_and_cut("4.4.21.2", HOSTS, Some("fal"), Outcome::Fail)]
    fn judges(
        #[case] running: &str,
        #[case] hosts: &str,
        #[case] enabled: Option<&str>,
        #[case] outcome: Outcome,
    ) {
        let result = judged(running, hosts, enabled);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::before("4.2.3.99", Outcome::Skipped)]
    #[case::on("4.2.4", Outcome::Fail)]
    #[case::on_in_full("4.2.4.0", Outcome::Fail)]
    #[case::behind("4.2.5", Outcome::Fail)]
    fn window(#[case] target: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.1.0.77")
            .weka("weka:s3-cluster", &s3(HOSTS))
            .weka("weka:s3-etcd", "true")
            .judge_one(&ETCD, target);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "error: not logged in")]
    #[case::failed(End::Exited(1), "error: no leader")]
    #[case::cut(End::Lost, "")]
    fn no_answer_is_unknown(#[case] end: End, #[case] stderr: &str) {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:s3-cluster", &s3(NO_HOSTS))
            .weka_ended("weka:s3-etcd", end, "", stderr)
            .judge_one(&ETCD, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[rstest]
    #[case::none(r#"{"active":false}"#, Outcome::Skipped)]
    #[case::switched_off(
        r#"{"active":false,"s3_hosts":[6],"etcd_cluster_hosts":[6]}"#,
        Outcome::Fail
    )]
    #[case::of_3_11(
        r#"{"status":true,"s3_hosts":["HostId<6>"],"etcd_cluster_hosts":["HostId<6>"]}"#,
        Outcome::Fail
    )] // field history 47
    #[case::cut(r#"{"active""#, Outcome::Unknown)]
    fn in_use_or_not(#[case] s3: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.1.0.77")
            .weka("weka:s3-cluster", s3)
            .weka_ended("weka:s3-etcd", End::Exited(1), "", NO_MEMBER)
            .judge_one(&ETCD, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn says_what_was_seen() {
        let result = judged("4.2.0", HOSTS, Some("true"));
        assert_eq!(
            result.details,
            [
                "etcd_cluster_hosts: HostId<6>",
                "s3ClusterInfo.etcdEnabled: true"
            ]
        );
    }
}
