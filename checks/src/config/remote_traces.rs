use checker_core::facts::traces::RemoteTraces;
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// Traces are not sent to another machine.
    ///
    /// ## What it looks at
    /// `enabled` in `weka debug traces remote-endpoint status -J`.
    ///
    /// ## Why it matters
    /// In releases from 5.0.1 to before 5.1.2, sending traces elsewhere gets in
    /// the way of the upgrade (WEKAPP-594061).
    ///
    /// ## If ignored
    /// Containers hang while they are upgraded.
    ///
    /// ## How to fix
    /// `weka debug traces remote-endpoint disable`. It can be enabled again
    /// once the cluster runs the target.
    pub REMOTE_TRACES {
        id: "config/remote-traces",
        scope: [Cluster],
        when: "5.0.1 <= src < 5.1.2",
        applies: applies,
        levels: [Fail],
        sources: ["WEKAPP-594061", "public checker, check 47", "rules N9"],
        needs: [&RemoteTraces],
        judge: judge,
    }
}

const FIRST: Version = Version::new(5, 0, 1, 0);
const FIXED: Version = Version::new(5, 1, 2, 0);

fn applies(path: &UpgradePath) -> Applies {
    if (FIRST..FIXED).contains(&path.from) {
        Applies::Yes
    } else {
        Applies::No(format!(
            "only releases from 5.0.1 to before 5.1.2 are affected; this is {}",
            path.from
        ))
    }
}

fn judge(_: &Context<'_>, traces: &RemoteTraces) -> Judgement {
    if !traces.enabled {
        return Judgement::pass("traces stay on the servers");
    }
    Judgement::fail(
        "traces are sent to another machine (WEKAPP-594061)",
        "Turn that off with `weka debug traces remote-endpoint disable`; it can be enabled again after the upgrade.",
    )
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged;

    #[rstest]
    #[case::off(r#"{"enabled":false}"#, Outcome::Pass)]
    #[case::on(r#"{"enabled":true}"#, Outcome::Fail)]
    #[case::not_told("{}", Outcome::Unknown)]
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("5.0.4")
            .weka("weka:remote-traces", answer)
            .judge_one(&REMOTE_TRACES, "5.1.25");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 84
    #[rstest]
    #[case("5.0.0.9", Outcome::Skipped)]
    #[case("5.0.1", Outcome::Fail)]
    #[case("5.1.0-hcfs", Outcome::Fail)]
    #[case("5.1.1.99", Outcome::Fail)]
    #[case("5.1.2", Outcome::Skipped)]
    #[case("4.4.33", Outcome::Skipped)]
    fn window(#[case] release: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(release)
            .weka("weka:remote-traces", r#"{"enabled":true}"#)
            .judge_one(&REMOTE_TRACES, "5.1.25");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn damaged_answers_are_unknown() {
        damaged::is_unknown(
            &REMOTE_TRACES,
            "5.1.25",
            "weka:remote-traces",
            &Evidence::running("5.0.4"),
        );
    }
}
