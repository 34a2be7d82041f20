use checker_core::facts::tasks::Tasks;
use checker_core::{Context, Judgement, check};

use super::{Class, alive, command, line, none_among, states};

check! {
    /// No other background task is running.
    ///
    /// ## What it looks at
    /// `weka cluster task -J` for every task that no other check judges. FSCK
    /// and RAID_SCANNER are left out: the cluster looks after itself with them.
    ///
    /// ## Why it matters
    /// The guide asks to postpone tasks that are planned, and to decide about
    /// those that run by what they do: a quota is not enforced before its task
    /// is done, a snapshot's space is not free before it is deleted.
    ///
    /// ## If ignored
    /// The task slows the upgrade down, and the upgrade the task.
    ///
    /// ## How to fix
    /// Wait until `weka cluster task --show-waiting` lists none, or pause it for
    /// the time of the upgrade: `weka cluster task pause <id>`, and after it
    /// `weka cluster task resume <id>`. If it may go on, accept this warning.
    pub OTHER {
        id: "tasks/other",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["Upgrade guide: background tasks", "rules E1, E3, E4"],
        needs: [&Tasks],
        judge: judge,
    }
}

/// A paused task is listed too: that it is to be resumed afterwards is worth
/// knowing, and an operator can accept the warning.
fn judge(_: &Context<'_>, tasks: &Tasks) -> Judgement {
    let found = alive(tasks, Class::Other);
    if found.is_empty() {
        return Judgement::pass(none_among("other task", tasks));
    }
    let mut kinds: Vec<&str> = found.iter().map(|task| task.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    Judgement::warn(
        format!("other tasks ({}): {}", kinds.join(", "), states(&found)),
        format!(
            "Wait until they are done (`weka cluster task`), or pause them for the time of the upgrade: {}; go on \
             after it with `weka cluster task resume <id>`. If they may go on, accept this warning.",
            command("pause", &found)
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

    use super::*;

    #[rstest]
    // field history S21
    #[case::none("[]", Outcome::Pass)]
    #[case::fsck(r#"[{"type":"FSCK","state":"RUNNING"}]"#, Outcome::Pass)]
    #[case::raid_scanner(r#"[{"type":"RAID_SCANNER","state":"RUNNING"}]"#, Outcome::Pass)] // field history 68
    #[case::quota(r#"[{"type":"QUOTA_COLORING","state":"RUNNING"}]"#, Outcome::Warn)]
    #[case::unheard_of(r#"[{"type":"FROBNICATE","state":"RUNNING"}]"#, Outcome::Warn)]
    #[case::state_not_told(r#"[{"type":"DATA_REDUCTION"}]"#, Outcome::Warn)]
    #[case::over(r#"[{"type":"DATA_REDUCTION","state":"DONE"}]"#, Outcome::Pass)]
    #[case::judged_elsewhere(
        r#"[{"type":"STOW_UPLOAD","state":"RUNNING"},{"type":"OBS_DETACH2","state":"RUNNING"},
            {"type":"CATALAOG_INGEST","state":"RUNNING"},{"type":"SNAPSHOT_PREFETCH","state":"RUNNING"}]"#,
        Outcome::Pass
    )]
    fn judges(#[case] list: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:tasks", list)
            .judge_one(&OTHER, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn lists_every_one() {
        let result = Evidence::running("4.4.21.2")
            .weka(
                "weka:tasks",
                r#"[{"id":1,"type":"QUOTA_COLORING","state":"RUNNING"},{"id":2,"type":"DATA_REDUCTION","state":"PAUSED"},
                    {"id":3,"type":"QUOTA_COLORING","state":"RUNNING"}]"#,
            )
            .judge_one(&OTHER, "4.4.33");
        assert_eq!(
            result.summary,
            "other tasks (DATA_REDUCTION, QUOTA_COLORING): 2 RUNNING, 1 PAUSED"
        );
        assert_eq!(result.details.len(), 3);
        assert!(result.remedy.expect("a remedy").contains("task pause 2`"));
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::cut(End::Exited(0), r#"[{"type":"FSCK","#)]
    #[case::an_object(End::Exited(0), r#"{"error":"no leader"}"#)]
    fn what_could_not_be_read_is_unknown(#[case] end: End, #[case] stdout: &str) {
        let result = Evidence::running("4.4.21.2")
            .weka_ended("weka:tasks", end, stdout, "")
            .judge_one(&OTHER, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }
}
