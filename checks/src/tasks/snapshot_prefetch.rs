use checker_core::facts::tasks::Tasks;
use checker_core::{Context, Judgement, check};

use super::{Class, alive, command, line, none_among, states};

check! {
    /// No snapshot's metadata is being fetched ahead.
    ///
    /// ## What it looks at
    /// `weka cluster task -J` for tasks of type SNAPSHOT_PREFETCH, those that
    /// wait for their turn included where the release can list them.
    ///
    /// ## Why it matters
    /// Such a task cannot go on after the upgrade: it must end or be aborted
    /// before. Pausing it does not help.
    ///
    /// ## If ignored
    /// The task is lost, and stays in the way of the upgrade while it runs.
    ///
    /// ## How to fix
    /// Wait until `weka cluster task --show-waiting` lists none, or abort it
    /// with `weka cluster task abort <id>` and start it anew after the upgrade.
    pub SNAPSHOT_PREFETCH {
        id: "tasks/snapshot-prefetch",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: background tasks", "rules E1, E4, E5"],
        needs: [&Tasks],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, tasks: &Tasks) -> Judgement {
    let found = alive(tasks, Class::Prefetch);
    if found.is_empty() {
        return Judgement::pass(none_among("prefetch", tasks));
    }
    Judgement::fail(
        format!(
            "prefetch tasks: {}; they cannot go on after the upgrade",
            states(&found)
        ),
        format!(
            "Wait until they are done (`weka cluster task`), or abort them: {}, and start them anew after the upgrade. \
             Pausing does not help.",
            command("abort", &found)
        ),
    )
    .details(found.iter().map(|task| line(task)))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::none(json!([]), Outcome::Pass)]
    #[case::running(json!([{"type":"SNAPSHOT_PREFETCH","state":"RUNNING"}]), Outcome::Fail)]
    #[case::paused(json!([{"type":"SNAPSHOT_PREFETCH","state":"PAUSED"}]), Outcome::Fail)]
    #[case::waiting(json!([{"type":"SNAPSHOT_PREFETCH","state":"WAITING"}]), Outcome::Fail)]
    #[case::state_not_told(json!([{"type":"SNAPSHOT_PREFETCH"}]), Outcome::Fail)]
    #[case::done(json!([{"type":"SNAPSHOT_PREFETCH","state":"DONE"}]), Outcome::Pass)]
    #[case::upload(json!([{"type":"STOW_UPLOAD","state":"RUNNING"}]), Outcome::Pass)]
    fn judges(#[case] list: serde_json::Value, #[case] outcome: Outcome) {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:tasks", &list.to_string())
            .judge_one(&SNAPSHOT_PREFETCH, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::cut(End::Exited(0), r#"[{"type":"FSCK","#)]
    #[case::empty(End::Exited(0), "")]
    fn what_could_not_be_read_is_unknown(#[case] end: End, #[case] stdout: &str) {
        let result = Evidence::running("4.4.21.2")
            .weka_ended("weka:tasks", end, stdout, "")
            .judge_one(&SNAPSHOT_PREFETCH, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn never_advises_to_pause() {
        let result = Evidence::running("4.4.21.2")
            .weka(
                "weka:tasks",
                r#"[{"id":3,"type":"SNAPSHOT_PREFETCH","state":"RUNNING"}]"#,
            )
            .judge_one(&SNAPSHOT_PREFETCH, "4.4.33");
        let remedy = result.remedy.expect("a remedy");
        assert!(remedy.contains("`weka cluster task abort 3`"), "{remedy}");
        assert!(!remedy.contains("task pause"), "{remedy}");
    }
}
