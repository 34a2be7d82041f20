//! What must not be running in the background?

mod catalog;
mod obs_detach;
mod other;
mod snapshot_download;
mod snapshot_prefetch;
mod snapshot_upload;

use checker_core::facts::tasks::{Task, Tasks};
use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &catalog::CATALOG,
    &obs_detach::OBS_DETACH,
    &other::OTHER,
    &snapshot_download::SNAPSHOT_DOWNLOAD,
    &snapshot_prefetch::SNAPSHOT_PREFETCH,
    &snapshot_upload::SNAPSHOT_UPLOAD,
];

/// Which check judges a task. Each task belongs to exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Upload,
    Download,
    Prefetch,
    Detach,
    Catalog,
    /// FSCK and RAID_SCANNER: the cluster looks after itself.
    Harmless,
    Other,
}

impl Class {
    /// By the name of the task's type. Some types have a number behind them
    /// in newer releases (`OBS_DETACH2`), and one prints `CATALAOG_INGEST`.
    fn of(task: &Task) -> Self {
        let kind = task.kind.as_str();
        match kind.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "STOW_UPLOAD" => Self::Upload,
            "STOW_DOWNLOAD_SNAPSHOT" | "STOW_DOWNLOAD_FILESYSTEM" | "FILESYSTEM_SQUASH" => {
                Self::Download
            }
            "SNAPSHOT_PREFETCH" => Self::Prefetch,
            "FSCK" | "RAID_SCANNER" => Self::Harmless,
            _ if kind.starts_with("OBS_DETACH") => Self::Detach,
            _ if kind.starts_with("CATALOG_") || kind.starts_with("CATALAOG_") => Self::Catalog,
            _ => Self::Other,
        }
    }
}

/// The tasks of one class that are not over: running, paused, waiting, being
/// paused or aborted, or in a state that the cluster did not tell.
fn alive(tasks: &Tasks, class: Class) -> Vec<&Task> {
    tasks
        .list
        .iter()
        .filter(|task| !task.over() && Class::of(task) == class)
        .collect()
}

/// `STOW_UPLOAD, id 57, RUNNING, 41 %: Uploading snapshot daily-1`.
fn line(task: &Task) -> String {
    let mut line = task.kind.clone();
    if let Some(id) = &task.id {
        line += &format!(", id {id}");
    }
    line += &format!(", {}", task.state.as_deref().unwrap_or("state not told"));
    if task.paused && task.state.as_deref() != Some("PAUSED") {
        line += " (paused by a user)";
    }
    if let Some(progress) = &task.progress {
        line += &format!(", {progress}");
    }
    if !task.description.is_empty() {
        line += &format!(": {}", task.description);
    }
    line
}

/// `1 RUNNING, 2 PAUSED`, in the order in which they are listed.
fn states(tasks: &[&Task]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for task in tasks {
        let state = task.state.as_deref().unwrap_or("in a state not told");
        match counts.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => counts.push((state, 1)),
        }
    }
    let words: Vec<String> = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    words.join(", ")
}

/// The summary of a check that found nothing: how much it looked at, and what
/// it could not see.
fn none_among(what: &str, tasks: &Tasks) -> String {
    let count = match tasks.list.len() {
        0 => "no background task at all".to_owned(),
        1 => format!("no {what}; 1 background task in all"),
        n => format!("no {what}; {n} background tasks in all"),
    };
    if tasks.shows_waiting {
        count
    } else {
        format!("{count} (this release cannot list those that wait for their turn)")
    }
}

/// The command for each of these tasks, by its id where that is a plain
/// number: what else the cluster calls an id is not put into a command.
fn command(verb: &str, tasks: &[&Task]) -> String {
    let ids: Vec<&str> = tasks
        .iter()
        .filter_map(|task| task.id.as_deref())
        .filter(|id| id.bytes().all(|b| b.is_ascii_digit()))
        .collect();
    match ids.as_slice() {
        // The details name them all; a remedy is one that a person reads.
        [] | [_, _, _, _, _, ..] => format!("`weka cluster task {verb} <id>`"),
        ids => ids
            .iter()
            .map(|id| format!("`weka cluster task {verb} {id}`"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // field history S21
    #[rstest]
    #[case("STOW_UPLOAD", Class::Upload)]
    #[case("STOW_UPLOAD2", Class::Upload)]
    #[case("STOW_DOWNLOAD_SNAPSHOT", Class::Download)]
    #[case("STOW_DOWNLOAD_FILESYSTEM", Class::Download)]
    #[case("FILESYSTEM_SQUASH", Class::Download)]
    #[case("SNAPSHOT_PREFETCH", Class::Prefetch)]
    #[case("OBS_DETACH", Class::Detach)]
    #[case("OBS_DETACH2", Class::Detach)]
    #[case("FSCK", Class::Harmless)]
    #[case("RAID_SCANNER", Class::Harmless)]
    #[case("CATALOG_INGEST", Class::Catalog)]
    #[case("CATALAOG_INGEST", Class::Catalog)] // field history 68
    #[case("CATALOG_METADATA_DELETE", Class::Catalog)]
    #[case("CATALOG_METADATA_DELETE_ALL", Class::Catalog)]
    #[case("QUOTA_COLORING", Class::Other)]
    #[case("STOW_SOMETHING_NEW", Class::Other)]
    fn each_task_has_one_judge(#[case] kind: &str, #[case] expected: Class) {
        assert_eq!(Class::of(&task(kind)), expected);
    }

    fn task(kind: &str) -> Task {
        Task {
            kind: kind.to_owned(),
            id: Some("57".to_owned()),
            state: Some("RUNNING".to_owned()),
            paused: false,
            progress: Some("41 %".to_owned()),
            description: "Uploading daily-1".to_owned(),
        }
    }

    #[test]
    fn a_line_says_all_there_is() {
        let mut task = task("STOW_UPLOAD");
        assert_eq!(
            line(&task),
            "STOW_UPLOAD, id 57, RUNNING, 41 %: Uploading daily-1"
        );
        task.paused = true;
        assert_eq!(
            line(&task),
            "STOW_UPLOAD, id 57, RUNNING (paused by a user), 41 %: Uploading daily-1"
        );
        task.id = None;
        task.state = None;
        task.paused = false;
        task.progress = None;
        task.description = String::new();
        assert_eq!(line(&task), "STOW_UPLOAD, state not told");
    }

    #[rstest]
    #[case(Some("57"), "`weka cluster task abort 57`")]
    #[case(Some("5;reboot"), "`weka cluster task abort <id>`")]
    #[case(None, "`weka cluster task abort <id>`")]
    fn only_numbers_get_into_a_command(#[case] id: Option<&str>, #[case] expected: &str) {
        let task = Task {
            id: id.map(str::to_owned),
            ..task("STOW_UPLOAD")
        };
        assert_eq!(command("abort", &[&task]), expected);
    }
}
