use checker_core::facts::tasks::Tasks;
use checker_core::{Context, Judgement, check};

use super::{Class, alive, command, line, none_among, states};

check! {
    /// No snapshot or filesystem is being downloaded.
    ///
    /// ## What it looks at
    /// `weka cluster task -J` for tasks of type STOW_DOWNLOAD_SNAPSHOT,
    /// STOW_DOWNLOAD_FILESYSTEM and FILESYSTEM_SQUASH (the step that merges
    /// what was downloaded), those that wait for their turn included where the
    /// release can list them.
    ///
    /// ## Why it matters
    /// A download must end before the upgrade. A paused one has not ended, and
    /// one that waits for its turn can start in the middle of the upgrade.
    ///
    /// ## If ignored
    /// The download fails half-way, or holds up the upgrade while containers
    /// restart under it.
    ///
    /// ## How to fix
    /// Wait until `weka cluster task --show-waiting` lists no download; a paused
    /// one goes on with `weka cluster task resume <id>`. A download can be given
    /// up only by deleting what it creates. For STOW_DOWNLOAD_SNAPSHOT and
    /// FILESYSTEM_SQUASH that is the snapshot, in a filesystem that was there
    /// before and stays: `weka fs snapshot delete <filesystem> <snapshot>`. For
    /// STOW_DOWNLOAD_FILESYSTEM it is the filesystem that the download makes, and
    /// no other; let a second person look before one is deleted.
    pub SNAPSHOT_DOWNLOAD {
        id: "tasks/snapshot-download",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: background tasks", "rules E1, E4, E5"],
        needs: [&Tasks],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, tasks: &Tasks) -> Judgement {
    let found = alive(tasks, Class::Download);
    if found.is_empty() {
        return Judgement::pass(none_among("download", tasks));
    }
    // No command that deletes is offered for copying: a snapshot is downloaded
    // into a filesystem that is in use.
    let makes_filesystem = found
        .iter()
        .any(|task| task.kind.starts_with("STOW_DOWNLOAD_FILESYSTEM"));
    let give_up = if makes_filesystem {
        "One that makes a new filesystem is given up by deleting that new filesystem"
    } else {
        "One is given up by deleting the snapshot that it makes; its filesystem stays"
    };
    Judgement::fail(
        format!("download tasks: {}", states(&found)),
        format!(
            "Wait until they are done (`weka cluster task`); paused ones go on with {}. {give_up}: \
             `checker explain tasks/snapshot-download` says how.",
            command("resume", &found)
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
    #[case::snapshot(json!([{"type":"STOW_DOWNLOAD_SNAPSHOT","state":"RUNNING"}]), Outcome::Fail)]
    #[case::filesystem(json!([{"type":"STOW_DOWNLOAD_FILESYSTEM","state":"PAUSED"}]), Outcome::Fail)]
    #[case::squash(json!([{"type":"FILESYSTEM_SQUASH","state":"WAITING"}]), Outcome::Fail)]
    #[case::aborting(json!([{"type":"STOW_DOWNLOAD_SNAPSHOT","state":"ABORTING"}]), Outcome::Fail)]
    #[case::state_not_told(json!([{"type":"STOW_DOWNLOAD_SNAPSHOT"}]), Outcome::Fail)]
    #[case::aborted(json!([{"type":"STOW_DOWNLOAD_SNAPSHOT","state":"ABORTED"}]), Outcome::Pass)]
    #[case::upload(json!([{"type":"STOW_UPLOAD","state":"RUNNING"}]), Outcome::Pass)]
    fn judges(#[case] list: serde_json::Value, #[case] outcome: Outcome) {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:tasks", &list.to_string())
            .judge_one(&SNAPSHOT_DOWNLOAD, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(
            result.details.len(),
            usize::from(outcome == Outcome::Fail),
            "{result:?}"
        );
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::failed(End::Exited(1), "")]
    #[case::cut(End::Exited(0), r#"[{"type":"FSCK","#)]
    #[case::null(End::Exited(0), "null")]
    fn what_could_not_be_read_is_unknown(#[case] end: End, #[case] stdout: &str) {
        let result = Evidence::running("4.4.21.2")
            .weka_ended("weka:tasks", end, stdout, "")
            .judge_one(&SNAPSHOT_DOWNLOAD, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn says_how_to_go_on() {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:tasks", r#"[{"id":"9","type":"FILESYSTEM_SQUASH","state":"PAUSED"},{"id":"10","type":"STOW_DOWNLOAD_SNAPSHOT","state":"RUNNING"}]"#)
            .judge_one(&SNAPSHOT_DOWNLOAD, "4.4.33");
        assert_eq!(result.summary, "download tasks: 1 PAUSED, 1 RUNNING");
        let remedy = result.remedy.expect("a remedy");
        assert!(remedy.contains("`weka cluster task resume 9`, `weka cluster task resume 10`"));
    }

    /// A snapshot is downloaded into a filesystem that is in use.
    #[rstest]
    #[case::snapshot("STOW_DOWNLOAD_SNAPSHOT", "its filesystem stays")]
    #[case::squash("FILESYSTEM_SQUASH", "its filesystem stays")]
    #[case::filesystem("STOW_DOWNLOAD_FILESYSTEM", "deleting that new filesystem")]
    fn offers_no_command_that_deletes(#[case] kind: &str, #[case] words: &str) {
        let list = json!([{"id":"9","type":kind,"state":"RUNNING"}]);
        let result = Evidence::running("4.4.21.2")
            .weka("weka:tasks", &list.to_string())
            .judge_one(&SNAPSHOT_DOWNLOAD, "4.4.33");
        let remedy = result.remedy.expect("a remedy");
        assert!(
            remedy.contains(words) && !remedy.contains(" delete "),
            "{remedy}"
        );
    }
}
