use checker_core::facts::accepted_versions::AcceptedVersions;
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// No other release is accepted for mixed processes.
    ///
    /// ## What it looks at
    /// `weka debug config show clusterInfo.acceptedVersionsPerType -J`: the list
    /// MIXED. A cluster without that list has nothing to complain of.
    ///
    /// ## Why it matters
    /// An entry is left behind by an upgrade that did not clean up, or was set
    /// by hand. From 5.1.0 on the upgrade stumbles over it.
    ///
    /// ## If ignored
    /// The upgrade to 5.1.0 or later stops half way (WEKAPP-638315).
    ///
    /// ## How to fix
    /// Call support; they clear the list. It can't be done with a documented command.
    pub MIXED_ACCEPTED {
        id: "version/mixed-accepted",
        scope: [Cluster],
        when: "tgt >= 5.1.0",
        applies: applies,
        levels: [Fail],
        sources: ["WEKAPP-638315", "rule N14"],
        needs: [&AcceptedVersions],
        judge: judge,
    }
}

const SINCE: Version = Version::new(5, 1, 0, 0);

fn applies(path: &UpgradePath) -> Applies {
    if path.to >= SINCE {
        Applies::Yes
    } else {
        Applies::No(format!("only targets from 5.1.0 on; {} is older", path.to))
    }
}

fn judge(_: &Context<'_>, accepted: &AcceptedVersions) -> Judgement {
    match accepted.mixed.as_deref() {
        None => Judgement::pass("the cluster has no list of accepted releases"),
        Some([]) => Judgement::pass("the list of accepted releases is empty"),
        Some(list) => Judgement::fail(
            format!(
                "{} accepted for mixed processes: {}",
                count(list.len()),
                list.join(", ")
            ),
            "Call support before the upgrade: the list MIXED in clusterInfo.acceptedVersionsPerType must be cleared (WEKAPP-638315).",
        ),
    }
}

fn count(n: usize) -> String {
    match n {
        1 => "1 release is".to_owned(),
        n => format!("{n} releases are"),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    // field history 69
    #[rstest]
    #[case::empty(r#"{"MIXED":[]}"#, Outcome::Pass)]
    #[case::no_member("{}", Outcome::Pass)]
    #[case::null("null", Outcome::Pass)]
    #[case::one(r#"{"MIXED":["4.4.21.2"]}"#, Outcome::Fail)]
    #[case::cut(r#"{"MIXED":["4.4.2"#, Outcome::Unknown)]
    #[case::nothing("", Outcome::Unknown)]
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("5.0.4.401")
            .weka("weka:accepted-versions", answer)
            .judge_one(&MIXED_ACCEPTED, "5.1.0.605");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    /// A cluster that is older than the member is no reason to worry.
    #[rstest]
    // field history 67
    #[case::absent(
        "error: Object does not have a member named acceptedVersionsPerType",
        Outcome::Pass
    )]
    #[case::another_failure("error: no leader", Outcome::Unknown)]
    fn a_failed_command(#[case] stderr: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("5.0.4.401")
            .weka_ended("weka:accepted-versions", End::Exited(1), "", stderr)
            .judge_one(&MIXED_ACCEPTED, "5.1.0.605");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::before("5.0.4.401", Outcome::Skipped)]
    #[case::just_before("5.0.99.99", Outcome::Skipped)]
    #[case::on("5.1.0", Outcome::Fail)]
    #[case::after("5.1.0.397", Outcome::Fail)]
    fn the_window(#[case] to: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("5.0.3.19")
            .weka("weka:accepted-versions", r#"{"MIXED":["4.4.21.2"]}"#)
            .judge_one(&MIXED_ACCEPTED, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }
}
