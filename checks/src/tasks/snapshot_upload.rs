use checker_core::facts::Missing;
use checker_core::facts::snapshots::{ObjectCopy, Place, Snapshots};
use checker_core::facts::tasks::Tasks;
use checker_core::{Context, Judgement, check};

use super::{Class, alive, command, line, none_among, states};

check! {
    /// No snapshot is being uploaded.
    ///
    /// ## What it looks at
    /// `weka cluster task -J` for tasks of type STOW_UPLOAD, those that wait for
    /// their turn included where the release can list them, and the upload
    /// status of every snapshot in `weka fs snapshot -J`, to the filesystem's
    /// own object store and to a remote one.
    ///
    /// ## Why it matters
    /// An upload must end before the upgrade. A paused one has not ended, and
    /// one that waits for its turn can start in the middle of the upgrade.
    ///
    /// ## If ignored
    /// The upload fails half-way, or holds up the upgrade while containers
    /// restart under it.
    ///
    /// ## How to fix
    /// Wait until `weka cluster task --show-waiting` lists no upload, or abort
    /// it with `weka cluster task abort <id>` and upload the snapshot again
    /// after the upgrade with `weka fs snapshot upload <filesystem> <snapshot>`.
    /// A paused upload goes on with `weka cluster task resume <id>`.
    pub SNAPSHOT_UPLOAD {
        id: "tasks/snapshot-upload",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: background tasks", "rules E1, E4, E5, E7"],
        needs: [Result<&Tasks, Missing>, Result<&Snapshots, Missing>],
        judge: judge,
    }
}

/// Either source alone can show an upload; only both together show that there
/// is none.
fn judge(
    _: &Context<'_>,
    tasks: Result<&Tasks, Missing>,
    snapshots: Result<&Snapshots, Missing>,
) -> Judgement {
    let running = tasks
        .as_ref()
        .map(|tasks| alive(tasks, Class::Upload))
        .unwrap_or_default();
    let seen = snapshots
        .as_ref()
        .map(|list| uploading(list))
        .unwrap_or_default();
    let missing = [
        tasks.as_ref().err().map(ToString::to_string),
        snapshots.as_ref().err().map(ToString::to_string),
    ];
    let missing: Vec<String> = missing.into_iter().flatten().collect();

    if !running.is_empty() || !seen.is_empty() {
        let mut counts = Vec::new();
        if !running.is_empty() {
            counts.push(format!("upload tasks: {}", states(&running)));
        }
        if !seen.is_empty() {
            counts.push(format!(
                "snapshots with an upload under way: {}",
                seen.len()
            ));
        }
        return Judgement::fail(
            counts.join("; "),
            format!(
                "Wait until they are done (`weka cluster task`, `weka fs snapshot`), or abort them: {}, and upload \
                 those snapshots again after the upgrade with `weka fs snapshot upload <filesystem> <snapshot>`. \
                 Paused ones go on with `weka cluster task resume <id>`.",
                command("abort", &running)
            ),
        )
        .details(running.iter().map(|task| line(task)))
        .details(seen)
        .details(missing.iter().map(|why| format!("not looked at: {why}")));
    }
    let (Ok(tasks), Ok(snapshots)) = (tasks, snapshots) else {
        return Judgement::unknown(missing.join("; "));
    };
    let untold: Vec<&str> = snapshots
        .0
        .iter()
        .filter(|snapshot| !snapshot.is_told)
        .map(|snapshot| snapshot.name.as_str())
        .collect();
    if let Some(first) = untold.first() {
        return Judgement::unknown(format!(
            "`weka fs snapshot -J` does not say whether {} of {} snapshots are being uploaded, {first} for one",
            untold.len(),
            snapshots.0.len()
        ))
        .details(untold);
    }
    Judgement::pass(format!(
        "{}; none of {} snapshots is being uploaded",
        none_among("upload", tasks),
        snapshots.0.len()
    ))
}

/// The snapshots that are on their way to an object store.
fn uploading(snapshots: &Snapshots) -> Vec<String> {
    let under_way =
        |copy: &&ObjectCopy| copy.status.contains("UPLOAD") && copy.status != "UPLOADED";
    let mut lines = Vec::new();
    for snapshot in &snapshots.0 {
        for copy in snapshot.copies.iter().filter(under_way) {
            let mut line = format!("snapshot {}", snapshot.name);
            if let Some(filesystem) = &snapshot.filesystem {
                line += &format!(" of filesystem {filesystem}");
            }
            line += match copy.place {
                Place::Local => " to its own object store: ",
                Place::Remote => " to the remote object store: ",
                Place::Untold => " to an object store: ",
            };
            line += &copy.status;
            if let Some(progress) = &copy.progress {
                line += &format!(", {progress}");
            }
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const NEWEST: &str = "cluster task --show-waiting --show-catalog -J";

    fn judged(evidence: &Evidence) -> CheckResult {
        evidence.judge_one(&SNAPSHOT_UPLOAD, "4.4.33")
    }

    fn tasks(answer: &str) -> Evidence {
        Evidence::running("4.4.21.2")
            .weka_spelt("weka:tasks", NEWEST, answer)
            .weka("weka:snapshots", "[]")
    }

    fn snapshots(answer: &str) -> Evidence {
        Evidence::running("4.4.21.2")
            .weka_spelt("weka:tasks", NEWEST, "[]")
            .weka("weka:snapshots", answer)
    }

    #[rstest]
    #[case::none(json!([]), Outcome::Pass)]
    // field history G3
    #[case::running(json!([{"type":"STOW_UPLOAD","state":"RUNNING"}]), Outcome::Fail)]
    #[case::paused(json!([{"type":"STOW_UPLOAD","state":"PAUSED","paused":true}]), Outcome::Fail)]
    #[case::pausing(json!([{"type":"STOW_UPLOAD","state":"PAUSING"}]), Outcome::Fail)]
    #[case::waiting(json!([{"type":"STOW_UPLOAD","state":"WAITING"}]), Outcome::Fail)]
    #[case::aborting(json!([{"type":"STOW_UPLOAD","state":"ABORTING"}]), Outcome::Fail)]
    #[case::a_word_nobody_knows(json!([{"type":"STOW_UPLOAD","state":"FROBNICATING"}]), Outcome::Fail)]
    #[case::state_not_told(json!([{"type":"STOW_UPLOAD"}]), Outcome::Fail)]
    #[case::at_100_percent(json!([{"type":"STOW_UPLOAD","state":"RUNNING","progress":100}]), Outcome::Fail)]
    #[case::done(json!([{"type":"STOW_UPLOAD","state":"DONE"}]), Outcome::Pass)]
    #[case::aborted(json!([{"type":"STOW_UPLOAD","state":"ABORTED"}]), Outcome::Pass)]
    #[case::last_of_many(json!([{"type":"FSCK","state":"RUNNING"},{"type":"STOW_UPLOAD","state":"RUNNING"}]), Outcome::Fail)] // field history 68
    #[case::another(json!([{"type":"STOW_DOWNLOAD_SNAPSHOT","state":"RUNNING"}]), Outcome::Pass)]
    #[case::of_6_0(json!([{"id":57,"type":"STOW_UPLOAD","state":"▶","state_plain":"RUNNING","progress_percent":41}]), Outcome::Fail)]
    fn by_tasks(#[case] list: serde_json::Value, #[case] outcome: Outcome) {
        let result = judged(&tasks(&list.to_string()));
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::none(json!([]), Outcome::Pass)]
    #[case::remote(json!([{"name":"a","localStowInfo":{"stowStatus":"NONE"},"remoteStowInfo":{"stowStatus":"UPLOADING"}}]), Outcome::Fail)]
    #[case::local(json!([{"name":"a","localStowInfo":{"stowStatus":"UPLOADING"},"remoteStowInfo":{"stowStatus":"NONE"}}]), Outcome::Fail)]
    #[case::flat(json!([{"id":"4","name":"a","stowStatus":"UPLOADING"}]), Outcome::Fail)] // field history 52
    #[case::flat_remote(json!([{"id":"4","name":"a","stowStatus":"NONE","remote_object_status":"UPLOADING"}]), Outcome::Fail)]
    #[case::at_rest(json!([{"name":"a","localStowInfo":{"stowStatus":"NONE"},"remoteStowInfo":{"stowStatus":"SYNCHRONIZED"}}]), Outcome::Pass)]
    #[case::uploaded(json!([{"name":"a","localStowInfo":null,"remoteStowInfo":{"stowStatus":"UPLOADED"}}]), Outcome::Pass)]
    #[case::one_store_not_told(json!([{"name":"a","remoteStowInfo":{"stowStatus":"NONE"}}]), Outcome::Unknown)]
    #[case::an_empty_word(json!([{"name":"a","localStowInfo":{"stowStatus":""},"remoteStowInfo":{"stowStatus":"NONE"}}]), Outcome::Unknown)]
    #[case::not_told(json!([{"name":"a"}]), Outcome::Unknown)]
    #[case::not_told_beside_an_upload(json!([{"name":"a"},{"name":"b","localStowInfo":{"stowStatus":"UPLOADING"}}]), Outcome::Fail)]
    #[case::null(json!(null), Outcome::Unknown)]
    fn by_snapshots(#[case] list: serde_json::Value, #[case] outcome: Outcome) {
        let result = judged(&snapshots(&list.to_string()));
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn names_what_it_found_and_how_to_end_it() {
        let result = judged(
            &Evidence::running("4.4.21.2")
                .weka_spelt("weka:tasks", NEWEST, r#"[{"id":"57","type":"STOW_UPLOAD","state":"PAUSED","progress":41,"description":"Uploading snapshot daily-1 from filesystem fs01"}]"#)
                .weka("weka:snapshots", r#"[{"name":"daily-1","filesystem":"fs01","localStowInfo":{"stowStatus":"NONE"},"remoteStowInfo":{"stowStatus":"UPLOADING","stowProgress":"41%"}}]"#),
        );
        assert_eq!(
            result.summary,
            "upload tasks: 1 PAUSED; snapshots with an upload under way: 1"
        );
        assert_eq!(
            result.details,
            [
                "STOW_UPLOAD, id 57, PAUSED, 41 %: Uploading snapshot daily-1 from filesystem fs01",
                "snapshot daily-1 of filesystem fs01 to the remote object store: UPLOADING, 41%",
            ]
        );
        let remedy = result.remedy.expect("a remedy");
        assert!(remedy.contains("`weka cluster task abort 57`"), "{remedy}");
    }

    #[rstest]
    #[case::newest(
        NEWEST,
        "no background task at all; none of 0 snapshots is being uploaded"
    )]
    #[case::cannot_show_waiting(
        "cluster task -J",
        "no background task at all (this release cannot list those that wait for their turn); none of 0 snapshots is being uploaded"
    )]
    fn says_what_it_could_not_see(#[case] spelling: &str, #[case] summary: &str) {
        let evidence = Evidence::running("4.4.21.2")
            .weka_spelt("weka:tasks", spelling, "[]")
            .weka("weka:snapshots", "[]");
        assert_eq!(judged(&evidence).summary, summary);
    }

    /// One source missing: the other can still show an upload, but not that there is none.
    #[rstest]
    #[case::no_tasks_and_an_upload(
        None,
        Some(r#"[{"name":"a","remoteStowInfo":{"stowStatus":"UPLOADING"}}]"#),
        Outcome::Fail
    )]
    #[case::no_tasks(None, Some("[]"), Outcome::Unknown)]
    #[case::no_snapshots_and_an_upload(
        Some(r#"[{"type":"STOW_UPLOAD","state":"RUNNING"}]"#),
        None,
        Outcome::Fail
    )]
    #[case::no_snapshots(Some("[]"), None, Outcome::Unknown)]
    #[case::neither(None, None, Outcome::Unknown)]
    fn one_source_alone(
        #[case] tasks: Option<&str>,
        #[case] snapshots: Option<&str>,
        #[case] outcome: Outcome,
    ) {
        let mut evidence = Evidence::running("4.4.21.2");
        if let Some(tasks) = tasks {
            evidence = evidence.weka_spelt("weka:tasks", NEWEST, tasks);
        }
        if let Some(snapshots) = snapshots {
            evidence = evidence.weka("weka:snapshots", snapshots);
        }
        let result = judged(&evidence);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::failed(End::Exited(1), "")]
    #[case::timed_out(End::TimedOut, "")]
    #[case::cut(End::Exited(0), r#"[{"type":"FSCK","state":"RUNNING"},{"type":"#)]
    #[case::empty(End::Exited(0), "\n")]
    #[case::no_type(End::Exited(0), r#"[{"id":"57","state":"RUNNING"}]"#)]
    fn what_could_not_be_read_is_unknown(#[case] end: End, #[case] stdout: &str) {
        let evidence = Evidence::running("4.4.21.2")
            .weka_ended("weka:tasks", end, stdout, "error: no leader")
            .weka("weka:snapshots", "[]");
        let result = judged(&evidence);
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }
}
