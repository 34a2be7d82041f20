//! `checker upgrade status`: where an upgrade stands, by its journal and by
//! the cluster.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use checker_core::Version;
use checker_core::deadline::Deadline;
use checker_core::ndu::journal::{self, Entry, Line, Story};
use checker_core::ndu::observe::{ClusterState, Phase};
use serde::Serialize;

use super::outcome::last_words;
use super::place::{Place, clusters};
use crate::args::{CheckArgs, Format, UpgradeStatusArgs};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;

/// How many of the journal's lines are shown.
const SHOWN: usize = 8;

/// For how long a cluster may not answer before only the journal is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// The shape that automation reads; it only grows.
#[derive(Debug, Serialize)]
struct Status {
    schema: u32,
    /// `none`, `running`, `interrupted`, `stopped`, `finished`.
    state: &'static str,
    guid: Option<String>,
    releases: Vec<Version>,
    journal: Option<String>,
    holder: Option<String>,
    last: Vec<String>,
    cluster: Option<Now>,
    cluster_error: Option<String>,
    next: String,
}

/// What the cluster says.
#[derive(Debug, Serialize)]
struct Now {
    name: String,
    release: Version,
    status: String,
    upgrade_phase: String,
    paused: bool,
    /// Containers on the release of the hop, and all, by phase.
    phases: Vec<(Phase, usize, usize)>,
    converting: bool,
}

pub(super) fn run(arguments: UpgradeStatusArgs) -> Result<Exit, Failure> {
    let mut place = Place::new(&arguments.place, &arguments.reach, true)?;
    // No target is needed to look; any release stands in its place.
    let settings = Settings::new(CheckArgs {
        target_version: Some(Version::new(0, 0, 0, 0)),
        reach: arguments.reach,
        simulate: arguments.place.simulate.clone(),
        no_bundle: true,
        ..CheckArgs::default()
    })?;
    let seen = place
        .open(&settings.source)
        .and_then(|()| place.source())
        .map_err(|failure| format!("{:#}", failure.error))
        .and_then(|source| {
            // A hand-over of the leader takes seconds.
            let begun = Instant::now();
            loop {
                let deadline = Deadline::within(super::FIRST_LOOK);
                match ClusterState::observe(&*source, &deadline) {
                    Err(_) if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                    seen => break seen.map_err(|missing| missing.to_string()),
                }
            }
        });
    let dir = place.state_dir();
    let guid = match &seen {
        Ok(state) => Some(state.guid.clone()),
        // The cluster is silent: the one that was worked on last.
        Err(_) => newest(&place),
    };
    let found = match &guid {
        Some(guid) => journal::look(dir, guid).map_err(Failure::usage)?,
        None => None,
    };
    let holder = match &guid {
        Some(guid) => journal::holder(dir, guid).map_err(Failure::internal)?,
        None => None,
    };
    let status = status(guid, found.as_ref(), holder, seen);
    let text = match arguments.format {
        Format::Json => format!(
            "{}\n",
            serde_json::to_string_pretty(&status).unwrap_or_default()
        ),
        _ => text(&status),
    };
    output::print(&text)?;
    if status.cluster.is_none() && status.journal.is_none() {
        return Err(Failure {
            error: anyhow!(
                "neither a journal nor the cluster could be looked at: {}",
                status.cluster_error.unwrap_or_default()
            ),
            exit: Exit::Unverified,
        });
    }
    Ok(Exit::Green)
}

fn newest(place: &Place) -> Option<String> {
    let dir = place.state_dir();
    let age = |guid: &String| {
        let (_, lines) = journal::look(dir, guid).ok()??;
        lines.last().map(|line| line.at)
    };
    clusters(dir).into_iter().max_by_key(age)
}

fn status(
    guid: Option<String>,
    found: Option<&(std::path::PathBuf, Vec<Line>)>,
    holder: Option<String>,
    seen: Result<ClusterState, String>,
) -> Status {
    let lines = found.map(|(_, lines)| lines.as_slice()).unwrap_or_default();
    let story = Story::of(lines);
    let releases = story
        .begun()
        .map(|(_, releases)| releases.to_vec())
        .unwrap_or_default();
    let stop = lines.iter().rev().find_map(|line| match &line.entry {
        Entry::Stopped { next, .. } => Some(next.clone()),
        _ => None,
    });
    let gate_closed = matches!(
        lines.last().map(|l| &l.entry),
        Some(Entry::Gate { open: false, .. })
    );
    let last_is_stop = matches!(lines.last().map(|l| &l.entry), Some(Entry::Stopped { .. }));
    let half_way = seen.as_ref().ok().is_some_and(|state| {
        let mut running = state.backends.iter().filter_map(|c| c.release.as_ref());
        let first = running.next();
        state.upgrading() || running.any(|release| Some(release) != first)
    });
    let resume = match releases.last() {
        Some(target) => format!("`checker upgrade --resume --target-version {target}`"),
        None => "`checker upgrade --resume --target-version V`".to_owned(),
    };
    let (state, next) = if holder.is_some() {
        (
            "running",
            "Nothing: a checker works on it. This command shows how far it is.".to_owned(),
        )
    } else if lines.is_empty() && half_way {
        (
            "interrupted",
            format!(
                "No journal tells of it, but the cluster is in the middle of an upgrade. {resume} goes on with it; if somebody else upgrades it, leave it alone."
            ),
        )
    } else if lines.is_empty() {
        (
            "none",
            "Nothing: no upgrade was begun from here.".to_owned(),
        )
    } else if story.finished() {
        ("finished", "Nothing: it is finished.".to_owned())
    } else if last_is_stop {
        ("stopped", stop.unwrap_or_default())
    } else if gate_closed {
        (
            "stopped",
            format!(
                "Mend what closed the gate (`checker --target-version V` shows it), then {resume}."
            ),
        )
    } else {
        ("interrupted", format!("{resume} goes on with it."))
    };
    let to = hop_target(&releases, seen.as_ref().ok());
    let (cluster, cluster_error) = match seen {
        Ok(state) => (Some(now(state, to.as_ref())), None),
        Err(error) => (None, Some(error)),
    };
    let first = lines.len().saturating_sub(SHOWN);
    Status {
        schema: 1,
        state,
        guid,
        releases,
        journal: found.map(|(path, _)| path.display().to_string()),
        holder,
        last: lines[first..].iter().map(last_words).collect(),
        cluster,
        cluster_error,
        next,
    }
}

/// The release of the hop that the cluster is in: the first of the way that
/// not every container runs.
fn hop_target(releases: &[Version], state: Option<&ClusterState>) -> Option<Version> {
    let state = state?;
    let later = releases.get(1..).unwrap_or_default();
    let on_the_way = later.iter().find(|to| !state.left(to).is_empty());
    on_the_way.or(later.last()).cloned().or_else(|| {
        let running = state.backends.iter().filter_map(|c| c.release.clone());
        running.max()
    })
}

fn now(state: ClusterState, to: Option<&Version>) -> Now {
    let phases = to.map_or_else(Vec::new, |to| {
        let of_phase = |phase| {
            let (done, all) = state.upgraded_in(phase, to);
            (phase, done, all)
        };
        Phase::ALL.into_iter().map(of_phase).collect()
    });
    Now {
        converting: state.converting().is_some(),
        name: state.name,
        release: state.release,
        status: state.status,
        upgrade_phase: state.upgrade_phase,
        paused: state.paused,
        phases,
    }
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    let names: Vec<String> = status.releases.iter().map(ToString::to_string).collect();
    let what = match status.state {
        "none" => "no upgrade".to_owned(),
        state => format!(
            "the upgrade {} is {}",
            names.join(" → "),
            match state {
                "running" => "under way",
                "stopped" => "stopped",
                "finished" => "finished",
                _ => "interrupted",
            }
        ),
    };
    let _ = writeln!(text, "{}", capitalized(&what));
    if let Some(holder) = &status.holder {
        let _ = writeln!(text, "by:      {holder}");
    }
    match (&status.cluster, &status.cluster_error) {
        (Some(now), _) => {
            let _ = writeln!(
                text,
                "cluster: {} says {}, {}{}{}",
                now.name,
                now.release,
                now.status,
                if now.upgrade_phase.is_empty() {
                    String::new()
                } else {
                    format!(", phase {}", now.upgrade_phase)
                },
                if now.paused { ", PAUSED" } else { "" },
            );
            if now.converting {
                let _ = writeln!(text, "         metadata is being converted");
            }
            for (phase, done, all) in &now.phases {
                let _ = writeln!(text, "         {phase}: {done} of {all} containers");
            }
        }
        (None, Some(error)) => {
            let _ = writeln!(text, "cluster: can't be looked at: {error}");
        }
        (None, None) => {}
    }
    if let Some(journal) = &status.journal {
        let _ = writeln!(text, "journal: {journal}");
        for line in &status.last {
            let _ = writeln!(text, "         {line}");
        }
    }
    let _ = writeln!(text, "next:    {}", status.next);
    text
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}
