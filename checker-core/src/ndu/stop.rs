//! Why an upgrade stopped, and what to do next.

use std::fmt;
use std::time::Duration;

use super::executor::JobId;
use super::journal::JournalError;
use super::observe::Phase;
use super::plan::StepKind;
use super::run::GateAnswer;
use crate::facts::Missing;
use crate::report::page::{Page, Tint};
use crate::report::{TextOptions, fold_names, printable};
use crate::version::Version;

/// Why a step could not be done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The checks before a hop could not be run.
    #[error("the checks could not be run: {0}")]
    NoChecks(String),
    /// The path that the checks found is not the planned one.
    #[error("the plan goes to {planned} next, but the checks found the path {}", shown_path(.found))]
    AnotherPath {
        /// What was planned.
        planned: Version,
        /// What the report has.
        found: Vec<Version>,
    },
    /// An upgrade was begun before, and nobody asked to go on with it.
    #[error(
        "an upgrade to {to} was begun and is not finished: {} not on it{}",
        counted(.left.len(), "backend container"),
        if .phase.is_empty() { String::new() } else { format!(", phase {}", .phase) }
    )]
    HalfWay {
        /// The release of the hop.
        to: Version,
        /// Containers that do not run it.
        left: Vec<String>,
        /// The phase that the cluster names.
        phase: String,
    },
    /// Containers run a later release than the one that they are to be brought to.
    #[error("{} on a later release than {to}", counted(.later.len(), "backend container"))]
    Beyond {
        /// The release of the hop.
        to: Version,
        /// Those that do.
        later: Vec<String>,
    },
    /// The release could not be downloaded.
    #[error("the release could not be got")]
    Get {
        /// The command's last lines.
        output: Vec<String>,
    },
    /// The download succeeded, and the release is not there.
    #[error("the command succeeded, but `weka version` does not list {0}")]
    NotThere(Version),
    /// The release could not be prepared on the machine that commands run on.
    #[error("the release could not be prepared on the machine that the commands run on")]
    Prepare {
        /// The command's last lines.
        output: Vec<String>,
    },
    /// The release could not be brought to all backends, or not prepared there.
    /// No container was touched.
    #[error(
        "the preparation of the backends failed{}; no container was upgraded",
        if .servers.is_empty() { String::new() } else { format!(" on {}", fold_names(.servers)) }
    )]
    Distribute {
        /// The servers that the command names in its errors.
        servers: Vec<String>,
        /// The command's last lines.
        output: Vec<String>,
    },
    /// The override could not be set.
    #[error("the override that the hop needs could not be set")]
    Override {
        /// The command's last lines.
        output: Vec<String>,
    },
    /// A phase stopped before all of its containers were upgraded.
    #[error("the upgrade of the {phase} stopped: {done} of {all} backend containers are upgraded")]
    Phase {
        /// Which.
        phase: Phase,
        /// Backend containers on the new release.
        done: usize,
        /// Backend containers.
        all: usize,
        /// Containers that are not.
        left: Vec<String>,
        /// The command's last lines.
        output: Vec<String>,
    },
    /// The cleanup of a phase failed twice.
    #[error("the cleanup after the {phase} failed, also when it was tried once more with {}", .phase.option())]
    Cleanup {
        /// Which.
        phase: Phase,
        /// The command's last lines.
        output: Vec<String>,
    },
    /// The upgrade command runs no more and left no exit status.
    #[error(
        "the upgrade command was ended from outside: {done} of {all} backend containers are upgraded"
    )]
    Lost {
        /// The first phase that is not finished.
        phase: Option<Phase>,
        /// Backend containers on the new release.
        done: usize,
        /// Backend containers.
        all: usize,
        /// Containers that are not.
        left: Vec<String>,
    },
    /// Another command runs no more and left no exit status.
    #[error("the command was ended from outside")]
    CommandLost {
        /// Its last lines.
        output: Vec<String>,
    },
    /// The command says that it succeeded, and no container changed.
    #[error("the command succeeded, but {} not on {to}", counted(.left.len(), "backend container"))]
    VersionUnchanged {
        /// The release of the hop.
        to: Version,
        /// Containers that do not run it.
        left: Vec<String>,
        /// The command's last lines.
        output: Vec<String>,
    },
    /// The upgrade was paused by someone.
    #[error("the upgrade is paused")]
    Paused,
    /// Nothing happens any more.
    #[error("no sign of going on for {} minutes", .for_.as_secs() / 60)]
    Stalled {
        /// For how long.
        for_: Duration,
        /// The command's last lines.
        output: Vec<String>,
    },
    /// The cluster did not come to rest on the new release.
    #[error("the cluster has not settled: {}", .0.join("; "))]
    NotSettled(Vec<String>),
    /// The conversion of metadata stands still.
    #[error("the conversion of metadata stands still{}", .progress.map(|p| format!(" at {p} %")).unwrap_or_default())]
    Conversion {
        /// Its progress in percent, where the cluster tells.
        progress: Option<u64>,
    },
    /// Clients are left.
    #[error("clients are left: {} upgraded, {} failed, {} not tried", .done.len(), .failed.len(), .left.len())]
    Clients {
        /// Those that run the release now.
        done: Vec<String>,
        /// Those that were tried and do not.
        failed: Vec<String>,
        /// Those that were not tried.
        left: Vec<String>,
        /// The command's last lines.
        output: Vec<String>,
    },
    /// The cluster did not answer.
    #[error("the cluster does not answer: {0}")]
    Silent(Missing),
    /// The machine that commands run on does not answer.
    #[error("the machine that runs the command does not answer: {0}")]
    NotSeen(String),
    /// A command could not be started.
    #[error("`{command}` could not be started: {words}")]
    NotStarted {
        /// Its command line.
        command: String,
        /// Why.
        words: String,
    },
    /// Another command runs there.
    #[error("another command of an upgrade runs there already: {0}")]
    Busy(JobId),
    /// The operator said no.
    #[error("the answer was no: {0}")]
    Declined(String),
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what} is")
    } else {
        format!("{count} {what}s are")
    }
}

fn shown_path(path: &[Version]) -> String {
    if path.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> = path.iter().map(ToString::to_string).collect();
    names.join(" → ")
}

impl Failure {
    /// What the command printed at its end.
    #[must_use]
    pub fn output(&self) -> &[String] {
        match self {
            Self::Get { output }
            | Self::Prepare { output }
            | Self::Distribute { output, .. }
            | Self::Override { output }
            | Self::Phase { output, .. }
            | Self::Cleanup { output, .. }
            | Self::CommandLost { output }
            | Self::VersionUnchanged { output, .. }
            | Self::Stalled { output, .. }
            | Self::Clients { output, .. } => output,
            _ => &[],
        }
    }

    /// What is as it was, and what is not, in a line each.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::HalfWay { left, .. }
            | Self::Phase { left, .. }
            | Self::Lost { left, .. }
            | Self::VersionUnchanged { left, .. }
                if !left.is_empty() =>
            {
                vec![format!("not upgraded: {}", fold_names(left))]
            }
            Self::Beyond { later, .. } => {
                vec![format!("on a later release: {}", fold_names(later))]
            }
            Self::Clients {
                done, failed, left, ..
            } => [("upgraded", done), ("failed", failed), ("not tried", left)]
                .into_iter()
                .filter(|(_, names)| !names.is_empty())
                .map(|(word, names)| format!("{word}: {}", names.join(", ")))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What to do next.
    fn next(&self, to: &Version) -> String {
        // Options such as --via and --accept are not written down.
        let resume = "then the same command line with --resume";
        let again = "Then the same command line with --resume";
        match self {
            Self::NoChecks(_) => "Nothing was begun in this hop. Mend what is named, then run the same command line again.".to_owned(),
            Self::AnotherPath { .. } => {
                "Nothing was begun in this hop. Start `checker upgrade` anew: it plans from where the cluster is.".to_owned()
            }
            Self::HalfWay { .. } => {
                "No container was touched by this command. `checker upgrade status` shows where it stands; the same command line with --resume goes on with it. If somebody else upgrades the cluster just now, leave it to them.".to_owned()
            }
            Self::Beyond { .. } => {
                "Nothing was begun in this hop. Somebody else upgrades this cluster, or has upgraded it, to another release: leave it to them. Nothing goes back to an earlier release. When they are done, start `checker upgrade` anew: it plans from where the cluster is.".to_owned()
            }
            Self::Get { .. } => format!(
                "Nothing was begun on the cluster. Mend what the lines above name: is the site right (--from), its token (--token-file), is there room under /opt/weka? Without a network give the package (--package FILE.tar). {again}."
            ),
            Self::NotThere(_) => format!("Nothing was begun on the cluster. Look at `weka version` on that machine, {resume}."),
            Self::Prepare { .. } => format!(
                "Nothing was begun on the cluster. Mostly the kernel's headers or a compiler are missing there; install them, {resume}."
            ),
            Self::Distribute { servers, .. } if servers.is_empty() => format!(
                "No container was upgraded and the cluster runs as before. Mend what the lines above name, {resume}."
            ),
            Self::Distribute { servers, .. } => format!(
                "No container was upgraded and the cluster runs as before. Mend {} (reachable? kernel headers, gcc and make there?), {resume}.",
                fold_names(servers)
            ),
            Self::Override { .. } => format!("No container was upgraded. Set it by hand as the plan (--dry-run) shows, {resume}."),
            Self::Phase { left, .. } if left.is_empty() => format!(
                "All backend containers run {to}. See what the lines above name (`weka status`, `weka alerts`), {resume}: it verifies the cluster."
            ),
            Self::Phase { .. } => format!(
                "The cluster runs with two releases, which it can for a while; leave it so, and start nothing else. Mend what the lines above name (`weka status`, `weka alerts`, `weka cluster container`), {resume}: it begins at this phase. Call support if you are not sure."
            ),
            Self::Cleanup { phase, .. } => format!(
                "All {phase} run {to}{}. Mend what the lines above name, {resume}: it begins at this phase. Call support if you are not sure.",
                if *phase == Phase::Frontends {
                    ""
                } else {
                    "; the later phases were not begun, so the cluster runs with two releases, which it can for a while"
                }
            ),
            Self::Lost { .. } => format!(
                "The cluster may run with two releases, which it can for a while. See why the command was ended (a reboot, no memory left, someone's `kill`: `dmesg`, the system's log), {resume}: it begins at the phase that is not finished."
            ),
            Self::CommandLost { .. } => "The same command line with --resume runs it again: that does no harm.".to_owned(),
            Self::VersionUnchanged { .. } => format!(
                "Look at `weka cluster container` and the lines above. Call support, or mend what is named, {resume}."
            ),
            Self::Paused => format!(
                "Somebody paused it at the cluster, and its command waits; containers may run two releases, which the cluster can for a while. Find out who and why. `weka upgrade resume`, where the cluster knows it (6.0), lets it go on; else call support. {again}."
            ),
            Self::Stalled { .. } => {
                "The command was not ended and may still go on: `checker upgrade status` shows. The same command line with --resume watches it again. If it does not move, call support; end nothing by hand before.".to_owned()
            }
            Self::NotSettled(_) => format!(
                "The containers are upgraded. Wait for what is named, or mend it (`weka status`, `weka cluster process`), {resume}: it verifies again."
            ),
            Self::Conversion { .. } => {
                "The backends are upgraded; there must be no further hop before it ends. `weka status` shows it. Call support if it does not move. When it is over: the same command line with --resume.".to_owned()
            }
            Self::Clients { .. } => format!(
                "The backends are upgraded. The batch of a failed client was let end, and no later one begun; clients that were not upgraded keep working with their release. Mend the failed ones (or leave them behind with --drop-clients ID), {resume}: it tries those that are left."
            ),
            Self::Silent(_) => format!("A command that was started goes on. See that the cluster answers (`weka status`), {resume}."),
            Self::NotSeen(_) => format!("A command that was started goes on there. See that the machine can be reached, {resume}."),
            Self::NotStarted { .. } => format!("This command was not started. Mend what is named, {resume}."),
            Self::Busy(_) => "Nothing more was begun. Let it end (its files are in the directory of jobs there, under this name), then the same command line with --resume.".to_owned(),
            Self::Declined(_) => format!("Nothing more was begun. Do by hand what you want instead, {resume}."),
        }
    }
}

/// An upgrade that stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// The hop's number.
    pub hop: usize,
    /// The release before it.
    pub from: Version,
    /// The release after it.
    pub to: Version,
    /// The end of the way.
    pub target: Version,
    /// In which step.
    pub step: StepKind,
    /// Why.
    pub failure: Failure,
    /// What to do next.
    pub next: String,
}

impl Stop {
    pub(super) fn new(
        hop: usize,
        from: Version,
        to: Version,
        target: Version,
        step: StepKind,
        failure: Failure,
    ) -> Self {
        let next = failure.next(&to);
        Self {
            hop,
            from,
            to,
            target,
            step,
            failure,
            next,
        }
    }

    /// For a person to read: what is wrong in the first line, what to do in
    /// the last.
    #[must_use]
    pub fn text(&self, options: &TextOptions) -> String {
        let mut page = Page::new(options.width, options.color);
        // One line however long it is: scripts read it.
        let first = format!(
            "STOPPED in hop {} ({} → {}), at “{}”: {}",
            self.hop, self.from, self.to, self.step, self.failure
        );
        page.unwrapped(Tint::Red, &printable(&first));
        for detail in self.failure.details() {
            page.marked(2, "", Tint::Plain, &printable(&detail));
        }
        let output = self.failure.output();
        if !output.is_empty() {
            page.blank();
            page.line(0, Tint::Heading, "The command's last lines:");
            for line in output {
                page.unwrapped(Tint::Plain, &format!("  {}", printable(line)));
            }
        }
        page.blank();
        page.marked(0, "Next: ", Tint::Heading, &printable(&self.next));
        page.finish()
    }
}

/// The operator left; what runs goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detached {
    /// The hop's number.
    pub hop: usize,
    /// In which step.
    pub step: StepKind,
}

/// What ends the work.
pub(super) enum Halt {
    Stop(Box<Stop>),
    Gate {
        hop: usize,
        answer: GateAnswer,
        clients: bool,
    },
    Detached(Detached),
    Journal(JournalError),
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl fmt::Debug for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Halt")
    }
}
