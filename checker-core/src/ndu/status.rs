//! Where an upgrade stands, by its journal and by the cluster.

use schemars::JsonSchema;
use serde::Serialize;

use super::executor::{JobId, JobState};
use super::journal::{Entry, Line, Story};
use super::observe::{ClusterState, Phase};
use super::plan::{SCHEMA, StepKind, shown_json};
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
    /// Not known: the cluster does not answer and no journal tells, or the
    /// journal can't be read.
    Unknown,
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
    /// Why the journal can't be read.
    pub journal_error: Option<String>,
    /// Who works on it.
    pub holder: Option<String>,
    /// The command that the journal knows no end of, and how it is.
    pub job: Option<String>,
    /// The last things that the journal tells, the newest last.
    pub last: Vec<String>,
    /// What the cluster says.
    pub cluster: Option<ClusterNow>,
    /// Why it says nothing.
    pub cluster_error: Option<String>,
    /// What to do next.
    pub next: String,
    /// The cluster is in another upgrade than that of the journal.
    #[serde(skip)]
    another: bool,
}

/// A journal that was found: its file and its lines.
pub type Found<'a> = (String, &'a [Line]);

/// A command that the journal doesn't know to have ended, and how it is, or
/// why that can't be told.
pub type OpenJob = (JobId, Result<JobState, String>);

/// All that is known of an upgrade.
#[derive(Debug)]
pub struct Known<'a> {
    /// The cluster's uuid.
    pub guid: Option<String>,
    /// Its newest journal.
    pub found: Option<Found<'a>>,
    /// Why that can't be read.
    pub unreadable: Option<String>,
    /// Who holds its lock.
    pub holder: Option<String>,
    /// Its command that has no end in the journal.
    pub job: Option<OpenJob>,
    /// The cluster, or the words why it does not answer.
    pub seen: Result<&'a ClusterState, String>,
}

impl Status {
    /// By all that is known.
    #[must_use]
    pub fn of(known: Known<'_>) -> Self {
        let lines = known.found.as_ref().map(|(_, lines)| *lines);
        let lines = lines.unwrap_or_default();
        let story = Story::of(lines);
        let releases = story
            .begun()
            .map(|(_, releases)| releases.to_vec())
            .unwrap_or_default();
        let half_way = known.seen.as_ref().is_ok_and(|state| {
            let mut running = state.backends.iter().filter_map(|c| c.release.as_ref());
            let first = running.next();
            state.upgrading() || running.any(|release| Some(release) != first)
        });
        let another = half_way && story.finished() && known.holder.is_none();
        let (state, next) = where_it_stands(&known, lines, half_way);
        let way = if another { &[][..] } else { &releases[..] };
        let to = known
            .seen
            .as_ref()
            .ok()
            .and_then(|state| hop_target(way, state));
        let (cluster, cluster_error) = match known.seen {
            Ok(state) => (Some(now(state, to)), None),
            Err(error) => (None, Some(error)),
        };
        let first = lines.len().saturating_sub(SHOWN);
        Self {
            schema: SCHEMA,
            state,
            guid: known.guid,
            releases,
            last: lines[first..].iter().map(Line::told).collect(),
            journal: known.found.map(|(path, _)| path),
            journal_error: known.unreadable,
            holder: known.holder,
            job: known
                .job
                .map(|(job, seen)| format!("{job} {}", told(&seen))),
            cluster,
            cluster_error,
            next,
            another,
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
            names if names.is_empty() || self.another => "An upgrade".to_owned(),
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
            State::Unknown if self.journal_error.is_some() => (
                Tint::Yellow,
                "Not known: the journal can't be read".to_owned(),
            ),
            State::Unknown => (
                Tint::Yellow,
                "Not known: the cluster did not answer".to_owned(),
            ),
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
        if let Some(error) = &self.journal_error {
            page.marked(0, "journal: ", Tint::Red, &printable(error));
        }
        if let Some(job) = &self.job {
            page.marked(0, "command: ", Tint::Plain, &printable(job));
        }
        page.marked(0, "next:    ", Tint::Heading, &printable(&self.next));
        page.finish()
    }
}

/// How a command is, in a few words.
fn told(seen: &Result<JobState, String>) -> String {
    match seen {
        Ok(JobState::Running) => "runs".to_owned(),
        Ok(JobState::Ended(0)) => "succeeded".to_owned(),
        Ok(JobState::Ended(status)) => format!("failed with exit status {status}"),
        Ok(JobState::Lost) => "was ended from outside".to_owned(),
        Ok(JobState::Absent) => "was never started".to_owned(),
        Err(why) => format!("can't be looked at: {why}"),
    }
}

/// The options of the last command line that say how far it was to go.
fn limits(lines: &[Line]) -> Vec<&'static str> {
    let argv = lines.iter().rev().find_map(|line| match &line.entry {
        Entry::Begun { argv, .. } | Entry::Resumed { argv, .. } => Some(argv),
        _ => None,
    });
    let argv = argv.map(Vec::as_slice).unwrap_or_default();
    let has = |option: &str| argv.iter().any(|word| word == option);
    let next = has("--hops=next") || argv.windows(2).any(|two| two == ["--hops", "next"]);
    [
        ("--prepare-only", has("--prepare-only")),
        ("--distribute-only", has("--distribute-only")),
        ("--hops next", next),
    ]
    .into_iter()
    .filter_map(|(option, given)| given.then_some(option))
    .collect()
}

/// The option that let it end where it ended, where it came as far as that.
fn as_far_as_asked(lines: &[Line], limits: &[&'static str]) -> Option<&'static str> {
    let story = Story::of(lines);
    let asked = |option: &'static str| limits.contains(&option).then_some(option);
    match lines.last()?.entry {
        Entry::StepDone { hop, .. } if story.done(hop, StepKind::Prepare) => {
            asked("--prepare-only").or_else(|| {
                asked("--distribute-only").filter(|_| story.done(hop, StepKind::Distribute))
            })
        }
        Entry::HopDone { .. } => asked("--hops next"),
        _ => None,
    }
}

fn where_it_stands(known: &Known<'_>, lines: &[Line], half_way: bool) -> (State, String) {
    let story = Story::of(lines);
    let target = story.begun().and_then(|(_, releases)| releases.last());
    let target = target.map_or_else(|| "V".to_owned(), ToString::to_string);
    let resume = format!("`checker upgrade --resume --target-version {target}`");
    const ANEW: &str = "`checker upgrade --resume --target-version V`";
    const THEIRS: &str = "If somebody else upgrades it, leave it to them.";
    if known.holder.is_some() {
        let next = "Nothing: a checker works on it. This command shows how far it is.".to_owned();
        return (State::Running, next);
    }
    if known.unreadable.is_some() {
        let (state, stands) = if half_way {
            (
                State::Interrupted,
                "The cluster is in the middle of an upgrade, and what the journal tells of it can't be read.",
            )
        } else if known.seen.is_ok() {
            (
                State::Unknown,
                "By the cluster no upgrade is under way; whether one that was begun from here is at its end can't be read.",
            )
        } else {
            (
                State::Unknown,
                "Neither the journal nor the cluster tells where it stands.",
            )
        };
        let next = format!(
            "{stands} The journal is only a help: move it away; {ANEW} then asks the cluster, and goes on from there."
        );
        return (state, next);
    }
    if lines.is_empty() && half_way {
        let next = format!(
            "No journal tells of it, but the cluster is in the middle of an upgrade. {THEIRS} Else {ANEW} goes on with it."
        );
        return (State::Interrupted, next);
    }
    if lines.is_empty() && known.seen.is_err() {
        let next = "No upgrade was begun from here. See that the cluster answers (`weka status`), then ask again.";
        return (State::Unknown, next.to_owned());
    }
    if lines.is_empty() {
        let next =
            "Nothing: no upgrade was begun from here, and the cluster is in none.".to_owned();
        return (State::None, next);
    }
    if story.finished() && half_way {
        let next = format!(
            "What the journal tells of is finished, but the cluster is in the middle of another upgrade. {THEIRS} Else {ANEW} goes on with it."
        );
        return (State::Interrupted, next);
    }
    if story.finished() {
        return (State::Finished, "Nothing: it is finished.".to_owned());
    }
    match lines.last().map(|line| &line.entry) {
        Some(Entry::Stopped { next, .. }) => return (State::Stopped, next.clone()),
        Some(Entry::Gate { open: false, .. }) => {
            let next = format!(
                "Mend what closed the gate (`checker --target-version V` shows it), then {resume}."
            );
            return (State::Stopped, next);
        }
        _ => {}
    }
    let limits = limits(lines);
    if let Some(option) = as_far_as_asked(lines, &limits) {
        let next = match option {
            "--hops next" => format!(
                "It is as far as was asked ({option}), and nothing runs. {resume} goes all the hops that are left, with {option} one more."
            ),
            _ => format!(
                "It is as far as was asked ({option}): no container of this hop was touched, and nothing runs. {resume} goes on and upgrades the containers."
            ),
        };
        return (State::Interrupted, next);
    }
    let resume = limits.iter().fold(resume, |line, option| {
        format!("{} {option}`", line.trim_end_matches('`'))
    });
    let back = format!("{resume}, with the other options as before,");
    let next = match known.job.as_ref().map(|(_, seen)| seen) {
        None => format!("No command of it runs, and nothing goes on by itself. {back} goes on."),
        Some(Ok(JobState::Running)) => format!(
            "The command that was started runs, and goes on by itself. {back} comes back to it and goes on."
        ),
        Some(Ok(JobState::Ended(0))) => format!(
            "The command that was started has succeeded; nothing else goes on by itself. {back} goes on from there."
        ),
        Some(Ok(JobState::Ended(status))) => format!(
            "The command that was started failed with exit status {status} while nobody looked; nothing goes on by itself. {back} shows what it printed and what to do."
        ),
        Some(Ok(JobState::Lost)) => format!(
            "The command that was started was ended from outside; nothing goes on by itself. See why (a reboot, no memory left, someone's `kill`). {back} goes on from where the cluster is."
        ),
        Some(Ok(JobState::Absent)) => format!(
            "The command that was written down was never started; nothing goes on by itself. {back} begins it."
        ),
        Some(Err(_)) => format!(
            "Whether the command that was started still runs is not known: it goes on by itself if it does. {back} comes back to it and goes on."
        ),
    };
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
