use checker_core::facts::tasks::Tasks;
use checker_core::{Context, Judgement, check};

use super::{Class, alive, line, none_among, states};

check! {
    /// Object stores that are being detached may go on.
    ///
    /// ## What it looks at
    /// `weka cluster task -J` for tasks of type OBS_DETACH, whatever number the
    /// release puts behind that name.
    ///
    /// ## Why it matters
    /// It is the one long task that the upgrade guide says to ignore. It is
    /// named so that nobody aborts it for the upgrade's sake. A new one cannot
    /// be started while the upgrade runs.
    ///
    /// ## If ignored
    /// Nothing happens: the task goes on through the upgrade.
    ///
    /// ## How to fix
    /// There is nothing to fix. `weka cluster task` shows how far it is.
    pub OBS_DETACH {
        id: "tasks/obs-detach",
        scope: [Cluster],
        when: "all",
        levels: [],
        sources: ["Upgrade guide: background tasks", "rules E1"],
        needs: [&Tasks],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, tasks: &Tasks) -> Judgement {
    let found = alive(tasks, Class::Detach);
    if found.is_empty() {
        return Judgement::pass(none_among("object store being detached", tasks));
    }
    Judgement::pass(format!(
        "object stores being detached: {}; leave them be, the upgrade does not mind",
        states(&found)
    ))
    .details(found.iter().map(|task| line(task)))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none("[]", 0)]
    #[case::older_name(r#"[{"type":"OBS_DETACH","state":"RUNNING"}]"#, 1)]
    #[case::newer_name(r#"[{"type":"OBS_DETACH2","state":"PAUSED"}]"#, 1)]
    #[case::over(r#"[{"type":"OBS_DETACH2","state":"DONE"}]"#, 0)]
    fn is_green_with_a_note(#[case] list: &str, #[case] notes: usize) {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:tasks", list)
            .judge_one(&OBS_DETACH, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass);
        assert_eq!(result.details.len(), notes, "{result:?}");
    }

    #[test]
    fn no_answer_is_unknown() {
        let result = Evidence::running("4.4.21.2")
            .weka_ended("weka:tasks", End::Exited(41), "", "")
            .judge_one(&OBS_DETACH, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
