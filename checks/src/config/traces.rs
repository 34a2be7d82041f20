use checker_core::facts::traces::Traces;
use checker_core::{Context, Judgement, check};

check! {
    /// Traces are on.
    ///
    /// ## What it looks at
    /// `enabled` in `weka debug traces status -J`.
    ///
    /// ## Why it matters
    /// When something goes wrong during an upgrade, support finds the reason in
    /// the traces of those minutes.
    ///
    /// ## If ignored
    /// A fault cannot be explained afterwards, and may come back with the next upgrade.
    ///
    /// ## How to fix
    /// `weka debug traces start`, and see with `weka debug traces status` that
    /// they are on.
    pub TRACES {
        id: "config/traces",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["public checker, check 32", "alert TracesDisabled"],
        needs: [&Traces],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, traces: &Traces) -> Judgement {
    if traces.enabled {
        return Judgement::pass("traces are on");
    }
    Judgement::warn(
        "traces are off",
        "Turn them on with `weka debug traces start`, and see with `weka debug traces status` that they are.",
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
    #[case::on(r#"{"enabled":true,"servers_ensure_free":{"value":1}}"#, Outcome::Pass)]
    #[case::off(r#"{"enabled":false}"#, Outcome::Warn)]
    #[case::not_told("{}", Outcome::Unknown)]
    #[case::null(r#"{"enabled":null}"#, Outcome::Unknown)]
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:traces", answer)
            .judge_one(&TRACES, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn damaged_answers_are_unknown() {
        damaged::is_unknown(
            &TRACES,
            "4.4.33",
            "weka:traces",
            &Evidence::running("4.4.21.2"),
        );
    }
}
