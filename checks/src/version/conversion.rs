use checker_core::facts::status::Status;
use checker_core::{Context, Judgement, check};

check! {
    /// No metadata conversion of the last upgrade is running.
    ///
    /// ## What it looks at
    /// `block_upgrade_task` of `weka status -J`: it is IDLE when nothing runs.
    ///
    /// ## Why it matters
    /// Some releases convert metadata in the background after an upgrade. Until
    /// that ends the upgrade is not complete.
    ///
    /// ## If ignored
    /// The next release finds metadata in two forms, one of which it may not know.
    ///
    /// ## How to fix
    /// Wait: it takes minutes. `weka status` shows how far it is. If it does
    /// not move, call support.
    pub CONVERSION {
        id: "version/conversion",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: upgrades in several hops", "rules D1, D2"],
        needs: [&Status],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, status: &Status) -> Judgement {
    let Some(task) = &status.block_task else {
        return Judgement::unknown(
            "`weka status -J` says nothing of a conversion (block_upgrade_task is missing)",
        );
    };
    let state = task.state.to_ascii_uppercase();
    match state.as_str() {
        "IDLE" => Judgement::pass("no metadata conversion is running"),
        // Nothing runs once it has ended, whatever the release calls that.
        "DONE" | "COMPLETE" | "COMPLETED" | "FINISHED" => Judgement::pass(format!(
            "the metadata conversion has ended ({})",
            task.state
        )),
        _ => {
            let far = task
                .progress
                .map(|p| format!(", {p} %"))
                .unwrap_or_default();
            Judgement::fail(
                format!(
                    "a metadata conversion is not finished: {} is {}{far}",
                    task.kind, task.state
                ),
                "Wait until `weka status` no longer shows a data upgrade task; it takes minutes. Call support if it does not move.",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn evidence(task: Value) -> Evidence {
        let mut status = json!({"name":"a","guid":"b","release":"4.4.21.2","upgrade_info":{},
            "status":"OK","io_status":"STARTED"});
        if !task.is_null() {
            status["block_upgrade_task"] = task;
        }
        Evidence::new().weka("weka:status", &status.to_string())
    }

    #[rstest]
    #[case::idle(json!({"type":"INVALID","state":"IDLE","progress":0}), Outcome::Pass)]
    #[case::running(json!({"type":"UPGRADE","state":"RUNNING","progress":37}), Outcome::Fail)]
    #[case::at_its_start(json!({"type":"UPGRADE","state":"RUNNING","progress":0}), Outcome::Fail)]
    #[case::all_but_done(json!({"type":"UPGRADE","state":"RUNNING","progress":100}), Outcome::Fail)]
    #[case::paused(json!({"type":"UPGRADE","state":"PAUSED","progress":37}), Outcome::Fail)]
    #[case::a_word_nobody_knows(json!({"type":"UPGRADE","state":"FROBNICATING"}), Outcome::Fail)]
    #[case::done(json!({"type":"UPGRADE","state":"DONE","progress":100}), Outcome::Pass)]
    #[case::not_told(Value::Null, Outcome::Unknown)]
    fn judges(#[case] task: Value, #[case] outcome: Outcome) {
        let result = evidence(task).judge_one(&CONVERSION, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn it_says_how_far_it_is() {
        let task = json!({"type":"UPGRADE","state":"RUNNING","progress":37});
        let result = evidence(task).judge_one(&CONVERSION, "4.4.33");
        assert_eq!(
            result.summary,
            "a metadata conversion is not finished: UPGRADE is RUNNING, 37 %"
        );
    }

    #[test]
    fn no_answer_is_unknown() {
        let evidence =
            Evidence::new().weka_ended("weka:status", End::Exited(1), "", "error: no leader");
        assert_eq!(
            evidence.judge_one(&CONVERSION, "4.4.33").outcome,
            Outcome::Unknown
        );
    }
}
