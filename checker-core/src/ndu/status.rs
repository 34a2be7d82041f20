//! Where an upgrade stands, by its journal and by the cluster.

use schemars::JsonSchema;
use serde::Serialize;

use super::journal::{Entry, Line, Story};
use super::observe::{ClusterState, Phase};
use super::plan::{SCHEMA, shown_json};
use crate::report::page::{Page, Tint};
use crate::report::{TextOptions, printable};
use crate::version::Version;

/// How many of the journal's lines are shown.
const SHOWN: usize = 8;

/// In a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No upgrade was begun from here, and the cluster is in none.
    None,
    /// A `checker upgrade` works on it.
    Running,
    /// Nobody works on it, and it is not finished.
    Interrupted,
    /// It stopped, and said why.
    Stopped,
    /// It is finished.
    Finished,
}

/// How far one part of the cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PhaseNow {
    /// Which.
    pub phase: Phase,
    /// Its containers on the release of the hop.
    pub done: usize,
    /// Its containers.
    pub all: usize,
}

/// What the cluster says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClusterNow {
    /// Its name.
    pub name: String,
    /// What it says that it runs.
    pub release: Version,
    /// `OK`, ….
    pub status: String,
    /// The phase that it names; empty when none is under way.
    pub upgrade_phase: String,
    /// Whether the upgrade was paused.
    pub paused: bool,
    /// The release that its containers are on their way to, where that is known.
    pub to: Option<Version>,
    /// The parts of the cluster, in the order in which they are upgraded.
    pub phases: Vec<PhaseNow>,
    /// Whether metadata is being converted.
    pub converting: bool,
}

/// Where an upgrade stands, as automation reads it. It only grows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Status {
    /// The version of this shape; it only grows.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: u32,
    /// In a word.
    pub state: State,
    /// The cluster's uuid.
    pub guid: Option<String>,
    /// The release before, the releases between, the target; empty where no journal tells.
    pub releases: Vec<Version>,
    /// The journal's file.
    pub journal: Option<String>,
    /// Who works on it.
    pub holder: Option<String>,
    /// The last things that the journal tells, the newest last.
    pub last: Vec<String>,
    /// What the cluster says.
    pub cluster: Option<ClusterNow>,
    /// Why it says nothing.
    pub cluster_error: Option<String>,
    /// What to do next.
    pub next: String,
}

/// A journal that was found: its file and its lines.
pub type Found<'a> = (String, &'a [Line]);

impl Status {
    /// By the journal, by who holds the lock, and by the cluster or the words
    /// why it does not answer.
    #[must_use]
    pub fn of(
        guid: Option<String>,
        found: Option<Found<'_>>,
        holder: Option<String>,
        seen: Result<&ClusterState, String>,
    ) -> Self {
        let lines = found.as_ref().map(|(_, lines)| *lines).unwrap_or_default();
        let story = Story::of(lines);
        let releases = story
            .begun()
            .map(|(_, releases)| releases.to_vec())
            .unwrap_or_default();
        let half_way = seen.as_ref().is_ok_and(|state| {
            let mut running = state.backends.iter().filter_map(|c| c.release.as_ref());
            let first = running.next();
            state.upgrading() || running.any(|release| Some(release) != first)
        });
        let target = releases.last();
        let (state, next) = where_it_stands(lines, holder.is_some(), half_way, target);
        let to = seen
            .as_ref()
            .ok()
            .and_then(|state| hop_target(&releases, state));
        let (cluster, cluster_error) = match seen {
            Ok(state) => (Some(now(state, to)), None),
            Err(error) => (None, Some(error)),
        };
        let first = lines.len().saturating_sub(SHOWN);
        Self {
            schema: SCHEMA,
            state,
            guid,
            releases,
            last: lines[first..].iter().map(Line::told).collect(),
            journal: found.map(|(path, _)| path),
            holder,
            cluster,
            cluster_error,
            next,
        }
    }

    /// For a program to read, with a line break at the end.
    #[must_use]
    pub fn json(&self) -> String {
        shown_json(self)
    }

    /// For a person to read: where it stands in the first line, what to do in
    /// the last.
    #[must_use]
    pub fn text(&self, options: &TextOptions) -> String {
        let mut page = Page::new(options.width, options.color);
        let names: Vec<String> = self.releases.iter().map(ToString::to_string).collect();
        let of = match names.join(" → ") {
            names if names.is_empty() => "An upgrade".to_owned(),
            names => format!("The upgrade {names}"),
        };
        let (tint, first) = match self.state {
            State::None => (Tint::Plain, "No upgrade".to_owned()),
            State::Running => (Tint::Green, format!("{of} is under way")),
            State::Interrupted => (
                Tint::Yellow,
                format!("{of} is not finished; no checker works on it from here"),
            ),
            State::Stopped => (Tint::Red, format!("{of} is stopped")),
            State::Finished => (Tint::Green, format!("{of} is finished")),
        };
        page.unwrapped(tint, &printable(&first));
        if let Some(holder) = &self.holder {
            page.marked(0, "by:      ", Tint::Plain, &printable(holder));
        }
        match (&self.cluster, &self.cluster_error) {
            (Some(now), _) => cluster(&mut page, now),
            (None, Some(error)) => {
                let words = format!("can't be looked at: {error}");
                page.marked(0, "cluster: ", Tint::Plain, &printable(&words));
            }
            (None, None) => {}
        }
        if let Some(journal) = &self.journal {
            page.unwrapped(Tint::Plain, &printable(&format!("journal: {journal}")));
            for line in &self.last {
                page.marked(9, "", Tint::Faint, &printable(line));
            }
        }
        page.marked(0, "next:    ", Tint::Heading, &printable(&self.next));
        page.finish()
    }
}

fn where_it_stands(
    lines: &[Line],
    held: bool,
    half_way: bool,
    target: Option<&Version>,
) -> (State, String) {
    let resume = match target {
        Some(target) => format!("`checker upgrade --resume --target-version {target}`"),
        None => "`checker upgrade --resume --target-version V`".to_owned(),
    };
    let stop = lines.last().and_then(|line| match &line.entry {
        Entry::Stopped { next, .. } => Some(next.clone()),
        _ => None,
    });
    if held {
        let next = "Nothing: a checker works on it. This command shows how far it is.".to_owned();
        return (State::Running, next);
    }
    if lines.is_empty() && half_way {
        let next = format!(
            "No journal tells of it, but the cluster is in the middle of an upgrade. If somebody else upgrades it, leave it to them. Else {resume} goes on with it."
        );
        return (State::Interrupted, next);
    }
    if lines.is_empty() {
        let next =
            "Nothing: no upgrade was begun from here, and the cluster is in none.".to_owned();
        return (State::None, next);
    }
    if Story::of(lines).finished() {
        return (State::Finished, "Nothing: it is finished.".to_owned());
    }
    if let Some(next) = stop {
        return (State::Stopped, next);
    }
    if let Some(Entry::Gate { open: false, .. }) = lines.last().map(|line| &line.entry) {
        let next = format!(
            "Mend what closed the gate (`checker --target-version V` shows it), then {resume}."
        );
        return (State::Stopped, next);
    }
    let next = format!(
        "A command that was started goes on by itself. {resume}, with the other options as before, comes back to it and goes on."
    );
    (State::Interrupted, next)
}

/// The release of the hop that the cluster is in: the first of the way that
/// not every container runs.
fn hop_target(releases: &[Version], state: &ClusterState) -> Option<Version> {
    let later = releases.get(1..).unwrap_or_default();
    let on_the_way = later.iter().find(|to| !state.left(to).is_empty());
    on_the_way.or(later.last()).cloned().or_else(|| {
        let running = state.backends.iter().filter_map(|c| c.release.clone());
        running.max()
    })
}

fn now(state: &ClusterState, to: Option<Version>) -> ClusterNow {
    let phases = to.as_ref().map_or_else(Vec::new, |to| {
        let of_phase = |phase| {
            let (done, all) = state.upgraded_in(phase, to);
            PhaseNow { phase, done, all }
        };
        Phase::ALL.into_iter().map(of_phase).collect()
    });
    ClusterNow {
        converting: state.converting().is_some(),
        name: state.name.clone(),
        release: state.release.clone(),
        status: state.status.clone(),
        upgrade_phase: state.upgrade_phase.clone(),
        paused: state.paused,
        to,
        phases,
    }
}

fn cluster(page: &mut Page, now: &ClusterNow) {
    let mut words = format!("{} says {}, {}", now.name, now.release, now.status);
    if !now.upgrade_phase.is_empty() {
        words.push_str(&format!(", phase {}", now.upgrade_phase));
    }
    if now.paused {
        words.push_str(", PAUSED by somebody");
    }
    page.marked(0, "cluster: ", Tint::Plain, &printable(&words));
    if now.converting {
        page.line(9, Tint::Plain, "metadata is being converted");
    }
    for PhaseNow { phase, done, all } in &now.phases {
        let on = match &now.to {
            Some(to) => format!(" on {to}"),
            None => String::new(),
        };
        let words = format!("{phase}: {done} of {all} containers{on}");
        page.line(9, Tint::Plain, &words);
    }
}
