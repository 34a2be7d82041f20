//! `checker upgrade status`: where an upgrade stands, by its journal and by
//! the cluster.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use checker_core::Version;
use checker_core::deadline::Deadline;
use checker_core::ndu::journal::{self, JournalError, Story};
use checker_core::ndu::observe::ClusterState;
use checker_core::ndu::status::{Known, Status};

use super::place::{Begins, Place, clusters};
use crate::args::{CheckArgs, Format, UpgradeStatusArgs};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;

/// For how long a cluster may not answer before only the journal is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// For how long the command that was started last may be looked at.
const LOOK: Duration = Duration::from_secs(20);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) fn run(arguments: UpgradeStatusArgs) -> Result<Exit, Failure> {
    let mut place = Place::new(&arguments.place, &arguments.reach, Begins::GoesOn)?;
    // No target is needed to look; any release stands in its place.
    let settings = Settings::new(CheckArgs {
        target_version: Some(Version::new(0, 0, 0, 0)),
        reach: arguments.reach,
        simulate: arguments.place.simulate.clone(),
        no_bundle: true,
        ..CheckArgs::default()
    })?;
    let seen = place
        .open(&settings.source, BTreeMap::new())
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
    let (found, unreadable) = match &guid {
        Some(guid) => match journal::look(dir, guid) {
            Ok(found) => (found, None),
            // The cluster is told all the same.
            Err(JournalError::Line { path, line, what }) => {
                let words = format!("unreadable at line {line}: {what} ({})", path.display());
                (None, Some(words))
            }
            Err(error) => return Err(Failure::usage(error)),
        },
        None => (None, None),
    };
    let holder = match &guid {
        Some(guid) => journal::holder(dir, guid).map_err(Failure::internal)?,
        None => None,
    };
    let open = found
        .as_ref()
        .map(|(_, lines)| Story::of(lines))
        .filter(|story| holder.is_none() && !story.finished())
        .and_then(|story| story.open_job().cloned());
    let job = open.map(|job| {
        // To look changes nothing there.
        let seen = place
            .executor()
            .map_err(|failure| format!("{:#}", failure.error))
            .and_then(|executor| {
                let deadline = Deadline::within(LOOK);
                let view = executor.look(&job, 0, &deadline);
                view.map(|view| view.state).map_err(|e| e.to_string())
            });
        (job, seen)
    });
    let found = found
        .as_ref()
        .map(|(path, lines)| (path.display().to_string(), lines.as_slice()));
    let status = Status::of(Known {
        guid,
        found,
        unreadable,
        holder,
        job,
        seen: seen.as_ref().map_err(Clone::clone),
    });
    let text = match arguments.format {
        Format::Json => status.json(),
        Format::Text => status.text(&output::on_stdout(false)),
    };
    output::print(&text)?;
    if status.cluster.is_none() && status.journal.is_none() && status.journal_error.is_none() {
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
