//! The upgrade itself: each step observes, acts, verifies.
//!
//! Every step begins by asking the cluster whether it is done already, so all
//! of them can be repeated, and an upgrade can be gone on with after any
//! interruption. What is safe to run twice, and what is not:
//!
//! | Command | Twice? |
//! |---|---|
//! | `version get`, `version prepare` | yes: the second finds everything there |
//! | distribution to the backends | yes, the same |
//! | `debug override add` | not needed: the list is asked first |
//! | the upgrade of the backends | one at a time, never again once all containers run the release; begun anew with the option of the unfinished phase |
//! | the upgrade of clients | one at a time, only with the clients that are left |
//!
//! "One at a time" holds because a job's name is written to the journal before
//! it is started, starting a name twice starts nothing, and no job is started
//! while another runs there. One that runs, or ended while nobody looked, is
//! found by its name and looked at to its end; where its journal was lost, it is
//! let end before anything else is begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::aws;
use super::commands::{self, Dialect, Entrance, Spelling};
use super::executor::{ExecuteError, Executor, Job, JobId, JobState, Work};
use super::journal::{Entry, Journal, JournalError};
use super::observe::{ClusterState, ContainerState, Patience, Phase, ask, is};
use super::plan::{Distribution, Options, StepKind, Until};
use super::stop::{Detached, Failure, Halt, Stop};
use crate::deadline::Deadline;
use crate::evidence::{Redactor, Store};
use crate::facts::overrides::{OVERRIDES, Overrides};
use crate::facts::versions::{VERSIONS, Versions};
use crate::facts::{Fact, Missing, View};
use crate::release_data::ReleaseData;
use crate::source::Source;
use crate::version::Version;

/// Time, so that tests need not wait for it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits so long, or until someone interrupts.
    fn sleep(&self, time: Duration);
    /// Whether the operator wants to leave. What runs goes on.
    fn leaving(&self) -> bool;
}

/// What the gate said before a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateAnswer {
    /// Whether the upgrade may begin.
    pub open: bool,
    /// Whether it is closed only since something could not be verified.
    pub unverified: bool,
    /// In one line.
    pub verdict: String,
    /// The id of the run of checks.
    pub report: String,
    /// Warnings that were accepted, in one line each.
    pub accepted: Vec<String>,
    /// The path that the report found.
    pub path: Vec<Version>,
}

/// Who runs the checks and asks the gate over them.
pub trait Gatekeeper {
    /// Asks, live, whether this cluster may go from the release that it runs to
    /// this target. Where that is the release that it runs, only its clients
    /// are to follow.
    ///
    /// # Errors
    /// Why the checks could not be run.
    fn ask(&mut self, cluster: &ClusterState, target: &Version) -> Result<GateAnswer, String>;
}

/// Who is asked before something that is never done silently.
pub trait Operator {
    /// A question whose answer is yes or no.
    fn agrees(&mut self, question: &str) -> bool;
}

/// Someone who watches.
pub trait Watcher: Send + Sync {
    /// Takes note.
    fn on_event(&self, event: &Event<'_>);
}

/// Something that happened during an upgrade.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A hop begins.
    HopBegun {
        /// Its number, from 1.
        hop: usize,
        /// How many there are.
        of: usize,
        /// The release before it.
        from: &'a Version,
        /// The release after it.
        to: &'a Version,
    },
    /// A step begins.
    StepBegun {
        /// Which.
        step: StepKind,
    },
    /// A command was started.
    Started {
        /// Its command line.
        command: &'a str,
    },
    /// A running command was found and is watched.
    Found {
        /// Its name.
        job: &'a JobId,
    },
    /// The cluster is in the middle of an upgrade that no command of ours
    /// runs: it is watched whether that goes on.
    LooksOn {
        /// For how long at most, while nothing changes.
        limit: Duration,
    },
    /// A command printed a line.
    Output {
        /// Without control characters and secrets.
        line: &'a str,
    },
    /// How far the backends are.
    Progress(&'a Progress),
    /// The cluster does not answer, which is normal for some seconds.
    Silent {
        /// For how long by now.
        since: Duration,
        /// Why.
        missing: &'a Missing,
    },
    /// The machine that runs the command does not answer. The command goes on.
    Unseen {
        /// For how long by now.
        since: Duration,
        /// Why.
        words: &'a str,
    },
    /// It answers again.
    SeenAgain {
        /// After so long.
        after: Duration,
    },
    /// Something to look at afterwards.
    Warning {
        /// What.
        words: &'a str,
    },
    /// A step is done.
    StepDone {
        /// Which.
        step: StepKind,
        /// How that is known.
        how: &'a str,
    },
}

/// How far the backends of a hop are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The phase that is under way.
    pub phase: Option<Phase>,
    /// Containers of the phase on the new release.
    pub phase_done: usize,
    /// Containers of the phase.
    pub phase_all: usize,
    /// Backend containers on the new release.
    pub done: usize,
    /// Backend containers.
    pub all: usize,
    /// Servers with a container that is not up just now.
    pub working_on: Vec<String>,
    /// Whether the upgrade was paused.
    pub paused: bool,
    /// The progress of the metadata conversion, in percent, while one runs.
    pub converting: Option<Option<u64>>,
}

impl Progress {
    fn of(state: &ClusterState, to: &Version) -> Self {
        let phase = state.named_phase().or_else(|| state.first_unfinished(to));
        let (phase_done, phase_all) = phase.map_or((0, 0), |phase| state.upgraded_in(phase, to));
        let (done, all) = state.upgraded(to);
        let mut working_on: Vec<String> = state
            .backends
            .iter()
            .filter(|c| !c.up)
            .map(|c| c.hostname.clone())
            .collect();
        working_on.sort();
        working_on.dedup();
        Self {
            phase,
            phase_done,
            phase_all,
            done,
            all,
            working_on,
            paused: state.paused,
            converting: state.converting(),
        }
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Between two looks.
    pub interval: Duration,
    /// How long the cluster may be silent.
    pub patience: Patience,
    /// How long a command may show no sign of going on: no line, no container
    /// that changes. A driver build on a slow server takes minutes.
    pub stalled: Duration,
    /// How long the cluster may take to settle after the last container.
    pub settle: Duration,
    /// How long the conversion of metadata may stand still.
    pub conversion: Duration,
    /// How long an upgrade that was found running, and is not ours, may show
    /// no change before it counts as left half-way.
    pub foreign: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            interval: Duration::from_secs(5),
            patience: Patience::default(),
            stalled: minutes(30),
            settle: minutes(30),
            conversion: minutes(60),
            foreign: minutes(3),
        }
    }
}

/// How an upgrade came out.
#[derive(Debug)]
pub enum Outcome {
    /// Everything that was asked for is done and verified.
    Done {
        /// What the cluster runs.
        release: Version,
        /// What to look at, in the order in which it came up.
        warnings: Vec<String>,
        /// What was asked for ends before the upgrade itself.
        until: Until,
    },
    /// The gate did not open. Nothing was begun in this hop.
    GateClosed {
        /// The hop's number.
        hop: usize,
        /// What it said.
        answer: GateAnswer,
        /// It was asked for the clients alone: the backends run the release.
        clients: bool,
        /// Something was begun before: an earlier hop, or this one's backends.
        begun: bool,
    },
    /// It stopped in the middle.
    Stopped(Box<Stop>),
    /// The operator left; what runs goes on.
    Detached(Detached),
}

/// Everything that an upgrade needs.
pub struct Upgrade<'a> {
    /// Where the cluster is asked.
    pub source: Arc<dyn Source>,
    /// Where commands are run.
    pub executor: &'a dyn Executor,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Who asks the gate.
    pub gate: &'a mut dyn Gatekeeper,
    /// Who is asked.
    pub operator: &'a mut dyn Operator,
    /// Who watches.
    pub watcher: &'a dyn Watcher,
    /// What was asked for.
    pub options: &'a Options,
    /// How long things may take.
    pub limits: Limits,
    /// The release data in use.
    pub data: &'a ReleaseData,
    /// Where it is written down.
    pub journal: Journal,
    /// The host that the commands run on, if it is known by name.
    pub here: Option<String>,
    /// The id of this upgrade: the first part of its jobs' names.
    pub run: String,
    /// The running release, the releases between, the target.
    pub releases: Vec<Version>,
    /// Whether an upgrade that is half-way may be gone on with.
    pub resume: bool,
}

/// How a job came out.
struct JobEnd {
    state: JobState,
    /// The last lines that it printed.
    output: Vec<String>,
}

/// A new id for an upgrade: the first part of its jobs' names.
#[must_use]
pub fn new_run_id() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    id[..8].to_owned()
}

/// How many of a command's last lines are shown when it failed.
const TAIL: usize = 20;

/// How long the gate's word holds before the containers are touched.
const GATE_HOLDS: Duration = Duration::from_secs(15 * 60);

/// Between the first two looks at a command; twice as long each time, up to
/// the interval.
const FIRST_REST: Duration = Duration::from_millis(500);

/// How long the cluster is asked for its dialect, while it does not answer.
const DIALECT: Duration = Duration::from_secs(30);

/// How often one step's command is tried anew within one run of the tool.
const RETRIES: usize = 1;

impl Upgrade<'_> {
    /// Goes the whole way, or as far as it comes.
    ///
    /// # Errors
    /// When the journal can't be written: then nothing more is begun.
    pub fn run(&mut self) -> Result<Outcome, JournalError> {
        match self.hops() {
            Ok(outcome) => Ok(outcome),
            Err(Halt::Journal(error)) => Err(error),
            Err(Halt::Detached(detached)) => Ok(Outcome::Detached(detached)),
            Err(Halt::Gate {
                hop,
                answer,
                clients,
            }) => Ok(Outcome::GateClosed {
                hop,
                answer,
                clients,
                begun: hop > 1 || (clients && self.journal.story().touched(hop)),
            }),
            Err(Halt::Stop(stop)) => {
                self.write(Entry::Stopped {
                    hop: stop.hop,
                    step: stop.step,
                    why: stop.failure.to_string(),
                    next: stop.next.clone(),
                })?;
                Ok(Outcome::Stopped(stop))
            }
        }
    }

    fn hops(&mut self) -> Result<Outcome, Halt> {
        let releases = self.releases.clone();
        let count = releases.len().saturating_sub(1);
        let mut gone = 0;
        for (n, pair) in releases.windows(2).enumerate() {
            let hop = Hop {
                number: n + 1,
                of: count,
                from: pair[0].clone(),
                to: pair[1].clone(),
                target: releases[count].clone(),
            };
            let state = self.observe(&hop, StepKind::Gate)?;
            // What was done, by the journal or by a later release somewhere, is
            // history when no container runs an earlier one: the next hop may
            // be under way. The last hop is always looked at once more.
            let was_done = self.journal.story().hop_done(hop.number);
            let later = state.backends.iter().any(|c| c.is_beyond(&hop.to));
            let earlier = state.backends.iter().any(|c| c.is_before(&hop.to));
            if (was_done || later) && !earlier && n + 1 < count {
                continue;
            }
            if gone > 0 && self.options.hops == super::plan::Hops::Next {
                break;
            }
            self.watcher.on_event(&Event::HopBegun {
                hop: hop.number,
                of: hop.of,
                from: &hop.from,
                to: &hop.to,
            });
            self.hop(&hop)?;
            if self.options.until != Until::End {
                break;
            }
            if !was_done {
                self.write(Entry::HopDone { hop: hop.number })?;
                gone += 1;
            }
        }
        let last = Hop {
            number: count,
            of: count,
            from: releases[count.saturating_sub(1)].clone(),
            to: releases[count].clone(),
            target: releases[count].clone(),
        };
        let state = self.observe(&last, StepKind::Verify)?;
        let warnings: Vec<String> = self
            .journal
            .story()
            .warnings()
            .map(|(_, words)| words.to_owned())
            .collect();
        if self.options.until == Until::End && is(&state.release, &last.to) {
            self.write(Entry::Finished {
                release: state.release.clone(),
                warnings: warnings.len(),
            })?;
        }
        Ok(Outcome::Done {
            release: state.release,
            warnings,
            until: self.options.until,
        })
    }

    fn hop(&mut self, hop: &Hop) -> Result<(), Halt> {
        // A command of ours may run although no container shows it yet.
        let running = self.running_job(hop, StepKind::Backends)?;
        if running.is_none() && self.resume {
            self.let_end(hop)?;
        }
        // Something may have gone on meanwhile.
        let state = &self.observe(hop, StepKind::Gate)?;
        let later = state.backends.iter().filter(|c| c.is_beyond(&hop.to));
        let later: Vec<String> = later.map(ContainerState::shown).collect();
        if !later.is_empty() {
            let to = hop.to.clone();
            return Err(self.stop(hop, StepKind::Gate, Failure::Beyond { to, later }));
        }
        let upgraded = state.left(&hop.to).is_empty();
        let half_way = (!upgraded && state.upgraded(&hop.to).0 > 0) || state.upgrading();
        // The operator wants no container touched, or has not said that one
        // that was begun may be gone on with.
        let untouched = self.options.until != Until::End;
        if (half_way && !self.resume) || (untouched && (half_way || running.is_some())) {
            return Err(self.stop(
                hop,
                StepKind::Gate,
                Failure::HalfWay {
                    to: hop.to.clone(),
                    left: state.left(&hop.to),
                    phase: state.upgrade_phase.clone(),
                },
            ));
        }
        if upgraded && untouched {
            return Ok(());
        }
        if !upgraded && !half_way && running.is_none() {
            self.gate(hop)?;
            let mut asked = self.clock.now();
            self.get(hop)?;
            self.prepare(hop)?;
            if self.options.until == Until::Prepared {
                return Ok(());
            }
            self.distribute(hop)?;
            if self.options.until == Until::Distributed {
                return Ok(());
            }
            // Getting and preparing can take an hour, and the gate's word is
            // about the cluster as it was.
            if self.elapsed(asked) > GATE_HOLDS {
                self.gate(hop)?;
                asked = self.clock.now();
            }
            self.set_override(hop)?;
            // The operator may have thought about the override for long.
            if self.elapsed(asked) > GATE_HOLDS {
                self.gate(hop)?;
            }
        }
        self.backends(hop)?;
        self.verify(hop)?;
        self.remove_override(hop)?;
        self.aws(hop)?;
        self.conversion(hop)?;
        self.clients(hop)
    }

    // ---- steps ----

    fn gate(&mut self, hop: &Hop) -> Result<(), Halt> {
        self.begin(hop, StepKind::Gate)?;
        let state = self.observe(hop, StepKind::Gate)?;
        let answer = self.ask_gate(hop, &state, &hop.target, false)?;
        // What was planned must be what was judged.
        if answer.path.get(1) != Some(&hop.to) {
            return Err(self.stop(
                hop,
                StepKind::Gate,
                Failure::AnotherPath {
                    planned: hop.to.clone(),
                    found: answer.path.clone(),
                },
            ));
        }
        let how = answer.verdict;
        self.done(hop, StepKind::Gate, &how)
    }

    /// The gate for clients alone, where the backends run the release and this
    /// upgrade has not asked it before: there is no way left to be judged.
    fn gate_of_clients(&mut self, hop: &Hop) -> Result<(), Halt> {
        let story = self.journal.story();
        if story.gate_opened(hop.number) && story.touched(hop.number) {
            return Ok(());
        }
        self.begin(hop, StepKind::Gate)?;
        let state = self.observe(hop, StepKind::Gate)?;
        let release = state.release.clone();
        let answer = self.ask_gate(hop, &state, &release, true)?;
        let how = answer.verdict;
        self.done(hop, StepKind::Gate, &how)
    }

    /// Asks the gate, and goes no further when it is closed.
    fn ask_gate(
        &mut self,
        hop: &Hop,
        state: &ClusterState,
        target: &Version,
        clients: bool,
    ) -> Result<GateAnswer, Halt> {
        let answer = self
            .gate
            .ask(state, target)
            .map_err(|words| self.stop(hop, StepKind::Gate, Failure::NoChecks(words)))?;
        // Checks that were broken off say nothing about the cluster.
        self.stay(hop, StepKind::Gate)?;
        self.write(Entry::Gate {
            hop: hop.number,
            report: answer.report.clone(),
            open: answer.open,
            verdict: answer.verdict.clone(),
            accepted: answer.accepted.clone(),
        })?;
        if !answer.open {
            return Err(Halt::Gate {
                hop: hop.number,
                answer,
                clients,
            });
        }
        Ok(answer)
    }

    fn get(&mut self, hop: &Hop) -> Result<(), Halt> {
        let step = StepKind::Get;
        self.begin(hop, step)?;
        if self.has_release(hop, step)? {
            return self.done(hop, step, "it is there already");
        }
        let from = match &self.options.distribution {
            Distribution::From(from) => Some(from.as_str()),
            _ => None,
        };
        let mut job = Job::weka(self.next_job(hop, step)?, commands::get(&hop.to, from));
        match &self.options.distribution {
            Distribution::WithToken { url, .. } => {
                job.environment = vec![("WEKA_DIST_SERVERS", url.clone())];
            }
            Distribution::Package(path) => {
                job.work = Work::Package(path.clone());
            }
            Distribution::Configured | Distribution::From(_) => {}
        }
        let end = self.act(hop, step, job)?;
        self.succeeded(hop, step, end, |output| Failure::Get { output })?;
        if !self.has_release(hop, step)? {
            return Err(self.stop(hop, step, Failure::NotThere(hop.to.clone())));
        }
        self.done(hop, step, "`weka version` lists it")
    }

    fn prepare(&mut self, hop: &Hop) -> Result<(), Halt> {
        let step = StepKind::Prepare;
        if self.journal.story().done(hop.number, step) {
            return Ok(());
        }
        self.begin(hop, step)?;
        let job = Job::weka(self.next_job(hop, step)?, commands::prepare(&hop.to));
        let end = self.act(hop, step, job)?;
        self.succeeded(hop, step, end, |output| Failure::Prepare { output })?;
        self.done(hop, step, "the command succeeded")
    }

    fn distribute(&mut self, hop: &Hop) -> Result<(), Halt> {
        let step = StepKind::Distribute;
        if self.journal.story().done(hop.number, step) {
            return Ok(());
        }
        self.begin(hop, step)?;
        let (dialect, entrance) = self.way_in(hop, step)?;
        let mut spelling = Spelling::of(&hop.to);
        for last in [false, true] {
            let job = Job::weka(
                self.next_job(hop, step)?,
                commands::distribute(dialect, &hop.to, &entrance, spelling),
            );
            let end = self.act(hop, step, job)?;
            if !last
                && matches!(end.state, JobState::Ended(n) if n != 0)
                && says_unknown(&end.output)
            {
                spelling = spelling.other();
                continue;
            }
            let servers = self.servers_named(hop, step, &end.output)?;
            self.succeeded(hop, step, end, |output| Failure::Distribute {
                servers,
                output,
            })?;
            break;
        }
        self.done(hop, step, "the command succeeded")
    }

    fn set_override(&mut self, hop: &Hop) -> Result<(), Halt> {
        let rule = &self.data.rules.capacity_override;
        if !rule.is_needed(&hop.from, &hop.to) {
            return Ok(());
        }
        let step = StepKind::Override;
        let (key, value) = (rule.key.clone(), rule.value.clone());
        self.begin(hop, step)?;
        if self.overrides(hop, step)?.is_set(&key, &value) {
            return self.done(hop, step, "it is set already");
        }
        let line = commands::add_override(&key, &value);
        self.agree(
            hop,
            step,
            &format!(
                "The hop {} → {} needs an override while both releases run. Run `{}`?",
                hop.from,
                hop.to,
                commands::shown(&line)
            ),
        )?;
        let job = Job::weka(self.next_job(hop, step)?, line);
        let end = self.act(hop, step, job)?;
        self.succeeded(hop, step, end, |output| Failure::Override { output })?;
        if !self.overrides(hop, step)?.is_set(&key, &value) {
            let output = vec!["the list does not have it".to_owned()];
            return Err(self.stop(hop, step, Failure::Override { output }));
        }
        self.done(hop, step, "the list has it")
    }

    fn remove_override(&mut self, hop: &Hop) -> Result<(), Halt> {
        let rule = &self.data.rules.capacity_override;
        if !rule.is_needed(&hop.from, &hop.to) {
            return Ok(());
        }
        let step = StepKind::OverrideRemoval;
        let (key, value) = (rule.key.clone(), rule.value.clone());
        self.begin(hop, step)?;
        let overrides = self.overrides(hop, step)?;
        let Some(found) = overrides
            .0
            .iter()
            .find(|o| o.key == key && o.value == value)
        else {
            return self.done(hop, step, "it is not set");
        };
        let words = format!(
            "the override {key}={value} of the hop {} → {} is still set: `weka debug override list`, `weka debug override remove ID`",
            hop.from, hop.to
        );
        let Some(id) = found.id.clone() else {
            return self.warn(hop, step, &words);
        };
        let line = commands::remove_override(&id);
        let question = format!(
            "The hop is done and its override no longer needed. Run `{}`?",
            commands::shown(&line)
        );
        if !self.ask_operator(hop, step, &question)? {
            return self.warn(hop, step, &words);
        }
        let job = Job::weka(self.next_job(hop, step)?, line);
        let end = self.act(hop, step, job)?;
        if end.state != JobState::Ended(0) || self.overrides(hop, step)?.is_set(&key, &value) {
            return self.warn(hop, step, &words);
        }
        self.done(hop, step, "the list no longer has it")
    }

    fn backends(&mut self, hop: &Hop) -> Result<(), Halt> {
        let step = StepKind::Backends;
        self.begin(hop, step)?;
        let before = self.observe(hop, step)?;
        let running = self.running_job(hop, step)?;
        if running.is_none() && before.left(&hop.to).is_empty() && !before.upgrading() {
            return self.done(hop, step, "every backend container runs it already");
        }
        self.nobody_else_began(hop, &before)?;
        if self.journal.story().alerts_before(hop.number).is_none() {
            self.write(Entry::Before {
                hop: hop.number,
                alerts: before.alerts.keys().cloned().collect(),
                processes_down: before.processes_down.clone(),
                cluster_time: self.source.now(),
            })?;
        }
        let mut retried: BTreeSet<Phase> = BTreeSet::new();
        loop {
            let before = self.observe(hop, step)?;
            let running = self.running_job(hop, step)?;
            let found = running.is_some();
            let end = match running {
                Some(job) => {
                    self.watcher.on_event(&Event::Found { job: &job });
                    self.watch(hop, step, &job)?
                }
                // No command of ours runs, but an upgrade does, or did.
                None if before.upgrading() && self.moves(hop, step)? => continue,
                None => {
                    let state = self.observe(hop, step)?;
                    if state.left(&hop.to).is_empty() && !state.upgrading() {
                        break;
                    }
                    self.nobody_else_began(hop, &state)?;
                    let half_way = state.upgraded(&hop.to).0 > 0 || state.upgrading();
                    let phase = half_way
                        // The cluster's own word first: a phase is named until
                        // its cleanup is done.
                        .then(|| state.named_phase().or(state.first_unfinished(&hop.to)))
                        .flatten();
                    let (dialect, entrance) = self.way_in(hop, step)?;
                    let job = Job::weka(
                        self.next_job(hop, step)?,
                        commands::backends(dialect, &hop.to, &entrance, phase),
                    );
                    self.act(hop, step, job)?
                }
            };
            let after = self.observe(hop, step)?;
            let (done, all) = after.upgraded(&hop.to);
            let finished = done == all && !after.upgrading();
            match end.state {
                JobState::Ended(0) if finished => break,
                // It failed while nobody looked, and somebody has brought the
                // upgrade to its end since: the cluster is the truth.
                state if found && finished => {
                    let words = format!(
                        "the upgrade command {} while nobody looked; every backend container runs {} all the same{}",
                        match state {
                            JobState::Ended(status) => format!("failed with exit status {status}"),
                            _ => "was ended from outside".to_owned(),
                        },
                        hop.to,
                        match end.output.last() {
                            Some(line) => format!(". Its last line: {line}"),
                            None => String::new(),
                        }
                    );
                    self.note_warning(hop, step, &words)?;
                    break;
                }
                // What it did before it was found is not known.
                JobState::Ended(0) if found => {}
                JobState::Ended(0) if done == before.upgraded(&hop.to).0 => {
                    let left = after.left(&hop.to);
                    return Err(self.stop(
                        hop,
                        step,
                        Failure::VersionUnchanged {
                            to: hop.to.clone(),
                            left,
                            output: end.output,
                        },
                    ));
                }
                // It went on a phase and has more to do.
                JobState::Ended(0) => {}
                state if was_ended(state) => {
                    return Err(self.stop(hop, step, self.lost(&after, hop)));
                }
                JobState::Lost | JobState::Absent | JobState::Running => {}
                JobState::Ended(_) if done == 0 && !after.upgrading() => {
                    let servers = self.servers_named(hop, step, &end.output)?;
                    let output = end.output;
                    return Err(self.stop(hop, step, Failure::Distribute { servers, output }));
                }
                JobState::Ended(_) => {
                    // All of a phase runs the release, and the command failed
                    // after that: its cleanup did. Once more from there.
                    let cleanup = cleanup_failed(&after, &hop.to, &end.output);
                    match cleanup {
                        Some(phase) if retried.len() < RETRIES * 3 && retried.insert(phase) => {
                            let words = format!(
                                "the cleanup of the phase {phase} failed; once more with {}",
                                phase.option()
                            );
                            self.watcher.on_event(&Event::Warning { words: &words });
                            self.retry_cleanup(hop, phase, end.output)?;
                            let after = self.observe(hop, step)?;
                            if after.left(&hop.to).is_empty() && !after.upgrading() {
                                break;
                            }
                        }
                        Some(phase) => {
                            let output = end.output;
                            return Err(self.stop(hop, step, Failure::Cleanup { phase, output }));
                        }
                        None => {
                            let failure = phase_failed(&after, &hop.to, end.output);
                            return Err(self.stop(hop, step, failure));
                        }
                    }
                }
            }
        }
        self.done(
            hop,
            step,
            "every backend container runs it, by the cluster's list",
        )
    }

    /// Between the gate's word and the first command somebody else may have
    /// begun an upgrade: it is not gone on with unasked.
    fn nobody_else_began(&mut self, hop: &Hop, state: &ClusterState) -> Result<(), Halt> {
        let step = StepKind::Backends;
        let ours = !self.journal.story().jobs(hop.number, step).is_empty();
        let begun = state.upgrading() || state.upgraded(&hop.to).0 > 0;
        if self.resume || ours || !begun {
            return Ok(());
        }
        Err(self.stop(
            hop,
            step,
            Failure::HalfWay {
                to: hop.to.clone(),
                left: state.left(&hop.to),
                phase: state.upgrade_phase.clone(),
            },
        ))
    }

    /// The one retry of a phase whose cleanup failed; `first` is what the
    /// command printed that failed in it.
    fn retry_cleanup(&mut self, hop: &Hop, phase: Phase, first: Vec<String>) -> Result<(), Halt> {
        let step = StepKind::Backends;
        let (dialect, entrance) = self.way_in(hop, step)?;
        let job = Job::weka(
            self.next_job(hop, step)?,
            commands::backends(dialect, &hop.to, &entrance, Some(phase)),
        );
        let end = self.act(hop, step, job)?;
        let after = self.observe(hop, step)?;
        match end.state {
            JobState::Ended(0) => Ok(()),
            state if was_ended(state) => Err(self.stop(hop, step, self.lost(&after, hop))),
            // The cleanup of a later phase is another matter, and has its own try.
            _ => match cleanup_failed(&after, &hop.to, &end.output) {
                Some(later) if later > phase => Ok(()),
                // The cleanup is done, and a later phase was begun.
                None if went_beyond(phase, &after, &hop.to, &end.output) => {
                    let failure = phase_failed(&after, &hop.to, end.output);
                    Err(self.stop(hop, step, failure))
                }
                _ => {
                    let mut output = first;
                    output.push(format!("-- and once more, with {}:", phase.option()));
                    output.extend(end.output);
                    Err(self.stop(hop, step, Failure::Cleanup { phase, output }))
                }
            },
        }
    }

    fn verify(&mut self, hop: &Hop) -> Result<(), Halt> {
        let step = StepKind::Verify;
        self.begin(hop, step)?;
        let end = self.now_plus(self.limits.settle);
        let state = loop {
            let state = self.observe(hop, step)?;
            let unsettled = state.unsettled(&hop.to);
            if unsettled.is_empty() {
                break state;
            }
            if self.clock.now() >= end {
                return Err(self.stop(hop, step, Failure::NotSettled(unsettled)));
            }
            self.progress(&state, hop);
            self.pause(hop, step)?;
        };
        let before = self.journal.story().alerts_before(hop.number).cloned();
        let since = match before {
            Some(_) => "a new alert since the upgrade began",
            None => "an alert, and what was active before the upgrade is not known",
        };
        let fresh = state.new_alerts(&before.unwrap_or_default());
        for kind in &fresh {
            let title = state
                .alerts
                .get(kind)
                .map(String::as_str)
                .unwrap_or_default();
            let words = format!("{since}: {kind} ({title})");
            self.note_warning(hop, step, &words)?;
        }
        self.done(
            hop,
            step,
            "status, processes, protection and alerts were looked at",
        )
    }

    fn aws(&mut self, hop: &Hop) -> Result<(), Halt> {
        let step = StepKind::Aws;
        if self.journal.story().done(hop.number, step) {
            return Ok(());
        }
        let since = self.began(hop);
        let deadline = Deadline::within(Duration::from_secs(120));
        match aws::look(&*self.source, since, &deadline) {
            aws::Found::NotAws => return Ok(()),
            aws::Found::Aws(findings) => {
                self.begin(hop, step)?;
                for words in findings {
                    self.note_warning(hop, step, &words)?;
                }
            }
        }
        self.done(hop, step, "events and kernel module were looked at")
    }

    fn conversion(&mut self, hop: &Hop) -> Result<(), Halt> {
        let step = StepKind::Conversion;
        let state = self.observe(hop, step)?;
        let Some(mut last) = state.converting() else {
            return Ok(());
        };
        self.begin(hop, step)?;
        let mut end = self.now_plus(self.limits.conversion);
        loop {
            self.pause(hop, step)?;
            let state = self.observe(hop, step)?;
            let Some(now) = state.converting() else {
                break;
            };
            if now != last {
                last = now;
                end = self.now_plus(self.limits.conversion);
            }
            self.progress(&state, hop);
            if self.clock.now() >= end {
                return Err(self.stop(hop, step, Failure::Conversion { progress: now }));
            }
        }
        self.done(hop, step, "`weka status` shows none any more")
    }

    fn clients(&mut self, hop: &Hop) -> Result<(), Halt> {
        let step = StepKind::Clients;
        let Some(choice) = self.options.clients.clone() else {
            return Ok(());
        };
        let running = self.running_job(hop, step)?;
        let state = self.observe(hop, step)?;
        let (ids, left) = self.options.clients_for(&state, &hop.to);
        if running.is_none() && !ids.is_empty() {
            self.gate_of_clients(hop)?;
        }
        self.begin(hop, step)?;
        for client in &left {
            self.watcher.on_event(&Event::Output { line: client });
        }
        let end = match running {
            Some(job) => self.watch(hop, step, &job)?,
            None if ids.is_empty() => {
                return self.done(hop, step, "no client is left to be upgraded");
            }
            None => {
                let (_, entrance) = self.way_in(hop, step)?;
                let job = Job::weka(
                    self.next_job(hop, step)?,
                    commands::clients(&hop.to, &entrance, &ids, choice.batch, &choice.drop),
                );
                self.act(hop, step, job)?
            }
        };
        let after = self.observe(hop, step)?;
        let (left, _) = self.options.clients_for(&after, &hop.to);
        if left.is_empty() {
            return self.done(hop, step, "all of them run it, by the cluster's list");
        }
        let named = |ids: &[u64]| -> Vec<String> {
            let of = |id: &u64| after.clients.iter().find(|c| c.id == *id);
            ids.iter()
                .map(|id| {
                    of(id).map_or_else(|| id.to_string(), |c| format!("{} ({id})", c.shown()))
                })
                .collect()
        };
        let done: Vec<u64> = ids
            .iter()
            .copied()
            .filter(|id| !left.contains(id))
            .collect();
        // The output tells which of those that are left were tried.
        let (failed, rest): (Vec<u64>, Vec<u64>) = left.iter().copied().partition(|id| {
            after
                .clients
                .iter()
                .any(|c| c.id == *id && end.output.iter().any(|line| line.contains(&c.shown())))
        });
        Err(self.stop(
            hop,
            step,
            Failure::Clients {
                done: named(&done),
                failed: named(&failed),
                left: named(&rest),
                output: end.output,
            },
        ))
    }

    // ---- acting and watching ----

    /// Starts a job, after it was written down, and watches it to its end.
    fn act(&mut self, hop: &Hop, step: StepKind, job: Job) -> Result<JobEnd, Halt> {
        // Who wants to leave wants nothing begun.
        self.stay(hop, step)?;
        let command = job.work.to_string();
        let known = self
            .journal
            .story()
            .jobs(hop.number, step)
            .iter()
            .any(|(id, _)| **id == job.id);
        if !known {
            self.write(Entry::Job {
                hop: hop.number,
                step,
                job: job.id.clone(),
                command: command.clone(),
            })?;
        }
        let deadline = Deadline::within(Duration::from_secs(60));
        match self.executor.start(&job, &deadline) {
            Ok(()) => self.watcher.on_event(&Event::Started { command: &command }),
            Err(ExecuteError::Busy(other)) => {
                return Err(self.stop(hop, step, Failure::Busy(other)));
            }
            // It may have been started all the same; a look tells.
            Err(ExecuteError::Failed(words)) => {
                if self.look_patiently(hop, step, &job.id)? == JobState::Absent {
                    return Err(self.stop(hop, step, Failure::NotStarted { command, words }));
                }
            }
        }
        self.watch(hop, step, &job.id)
    }

    /// Watches a job and the cluster until the job has ended.
    fn watch(&mut self, hop: &Hop, step: StepKind, job: &JobId) -> Result<JobEnd, Halt> {
        let redactor = Redactor::new();
        let watches_cluster = matches!(step, StepKind::Backends | StepKind::Clients);
        let mut offset = 0_u64;
        let mut partial: Vec<u8> = Vec::new();
        let mut tail: Vec<String> = Vec::new();
        let mut moved = self.clock.now();
        let mut unseen: Option<Timestamp> = None;
        let mut last = None;
        // Some commands have nothing to do: they are not waited for long.
        let mut rest = FIRST_REST;
        loop {
            let deadline = Deadline::within(Duration::from_secs(60));
            match self.executor.look(job, offset, &deadline) {
                Ok(view) => {
                    if let Some(since) = unseen.take() {
                        let after = self.elapsed(since);
                        self.watcher.on_event(&Event::SeenAgain { after });
                    }
                    if !view.output.is_empty() {
                        moved = self.clock.now();
                        offset += view.output.len() as u64;
                        partial.extend_from_slice(&view.output);
                    }
                    let over = !matches!(view.state, JobState::Running);
                    for line in lines(&mut partial, over) {
                        let line = crate::report::printable(&redactor.text(&line)).into_owned();
                        self.watcher.on_event(&Event::Output { line: &line });
                        tail.push(line);
                    }
                    let surplus = tail.len().saturating_sub(TAIL);
                    tail.drain(..surplus);
                    // More may be there than one look returns.
                    if over && view.output.len() < super::executor::LOOK_LIMIT {
                        self.write(Entry::JobEnded {
                            job: job.clone(),
                            state: view.state,
                        })?;
                        return Ok(JobEnd {
                            state: view.state,
                            output: tail,
                        });
                    }
                }
                Err(error) => {
                    let since = *unseen.get_or_insert(self.clock.now());
                    let (waited, words) = (self.elapsed(since), error.to_string());
                    if waited > self.limits.patience.limit {
                        return Err(self.stop(hop, step, Failure::NotSeen(words)));
                    }
                    self.watcher.on_event(&Event::Unseen {
                        since: waited,
                        words: &words,
                    });
                }
            }
            if watches_cluster {
                let deadline = Deadline::within(Duration::from_secs(60));
                // While the leader is handed over it does not answer, and the
                // command goes on all the same.
                if let Ok(state) = ClusterState::observe(&*self.source, &deadline) {
                    let progress = Progress::of(&state, &hop.to);
                    let clients: Vec<_> = state.clients.iter().map(|c| c.release.clone()).collect();
                    let now = (progress, clients);
                    if last.as_ref() != Some(&now) {
                        moved = self.clock.now();
                        self.watcher.on_event(&Event::Progress(&now.0));
                        last = Some(now);
                    }
                }
            }
            let still = self.elapsed(moved) > self.limits.stalled;
            if still && last.as_ref().is_some_and(|(progress, _)| progress.paused) {
                return Err(self.stop(hop, step, Failure::Paused));
            }
            if still {
                return Err(self.stop(
                    hop,
                    step,
                    Failure::Stalled {
                        for_: self.elapsed(moved),
                        output: tail,
                    },
                ));
            }
            self.rest(hop, step, rest.min(self.limits.interval))?;
            rest = rest.saturating_mul(2);
        }
    }

    /// Whether an upgrade that is not ours goes on: some container changes
    /// within the time that is given for that. Then it is watched until it rests.
    fn moves(&mut self, hop: &Hop, step: StepKind) -> Result<bool, Halt> {
        let mut moved = false;
        self.watcher.on_event(&Event::LooksOn {
            limit: self.limits.foreign,
        });
        let mut last = Progress::of(&self.observe(hop, step)?, &hop.to);
        let mut end = self.now_plus(self.limits.foreign);
        while self.clock.now() < end {
            self.pause(hop, step)?;
            let state = self.observe(hop, step)?;
            let now = Progress::of(&state, &hop.to);
            if now != last {
                self.watcher.on_event(&Event::Progress(&now));
                end = self.now_plus(self.limits.foreign);
                moved = true;
                last = now;
            }
            if !state.upgrading() {
                return Ok(true);
            }
            if state.paused {
                return Err(self.stop(hop, step, Failure::Paused));
            }
        }
        Ok(moved)
    }

    /// The job of a step that this hop's journal does not know to have ended:
    /// it may run, or may have been started just before the tool was ended.
    fn running_job(&mut self, hop: &Hop, step: StepKind) -> Result<Option<JobId>, Halt> {
        let jobs = self.journal.story().jobs(hop.number, step).into_iter();
        let open: Vec<JobId> = jobs
            .filter(|(_, ended)| ended.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        for id in open {
            match self.look_patiently(hop, step, &id)? {
                JobState::Running | JobState::Ended(_) => return Ok(Some(id)),
                // Written down, never started: as good as not written down.
                JobState::Absent => {}
                JobState::Lost => self.write(Entry::JobEnded {
                    job: id,
                    state: JobState::Lost,
                })?,
            }
        }
        Ok(None)
    }

    /// Lets a command end that runs there and that this journal does not know:
    /// its own journal was lost. A second one is never started beside it.
    fn let_end(&mut self, hop: &Hop) -> Result<(), Halt> {
        let since = self.clock.now();
        loop {
            let deadline = Deadline::within(Duration::from_secs(60));
            match self.executor.running(&deadline) {
                Ok(None) => return Ok(()),
                Ok(Some(job)) => {
                    let mut lines = self.journal.story().lines().iter();
                    let ours =
                        |entry: &Entry| matches!(entry, Entry::Job { job: j, .. } if *j == job);
                    if lines.any(|line| ours(&line.entry)) {
                        // Its step finds it.
                        return Ok(());
                    }
                    self.watcher.on_event(&Event::Found { job: &job });
                    // How it ended does not matter: the cluster is asked.
                    self.watch(hop, StepKind::Backends, &job)?;
                }
                Err(error) if self.elapsed(since) > self.limits.patience.limit => {
                    let words = error.to_string();
                    return Err(self.stop(hop, StepKind::Gate, Failure::NotSeen(words)));
                }
                Err(_) => self.pause(hop, StepKind::Gate)?,
            }
        }
    }

    fn look_patiently(&mut self, hop: &Hop, step: StepKind, job: &JobId) -> Result<JobState, Halt> {
        let since = self.clock.now();
        loop {
            let deadline = Deadline::within(Duration::from_secs(60));
            match self.executor.look(job, 0, &deadline) {
                Ok(view) => return Ok(view.state),
                Err(error) if self.elapsed(since) > self.limits.patience.limit => {
                    let words = error.to_string();
                    return Err(self.stop(hop, step, Failure::NotSeen(words)));
                }
                Err(_) => self.pause(hop, step)?,
            }
        }
    }

    fn lost(&self, state: &ClusterState, hop: &Hop) -> Failure {
        let (done, all) = state.upgraded(&hop.to);
        Failure::Lost {
            phase: state.named_phase().or(state.first_unfinished(&hop.to)),
            done,
            all,
            left: state.left(&hop.to),
        }
    }

    // ---- observing ----

    /// The cluster's state; waits while the cluster is silent, up to a limit.
    fn observe(&mut self, hop: &Hop, step: StepKind) -> Result<ClusterState, Halt> {
        let since = self.clock.now();
        loop {
            let deadline = Deadline::within(Duration::from_secs(120));
            match ClusterState::observe(&*self.source, &deadline) {
                Ok(state) => return Ok(state),
                Err(missing) => {
                    let waited = self.elapsed(since);
                    if waited > self.limits.patience.limit {
                        return Err(self.stop(hop, step, Failure::Silent(missing)));
                    }
                    self.watcher.on_event(&Event::Silent {
                        since: waited,
                        missing: &missing,
                    });
                }
            }
            self.rest(hop, step, self.limits.patience.pause)?;
        }
    }

    /// A fact of the cluster; waits as [`Upgrade::observe`] does.
    fn fact<F: Fact>(
        &mut self,
        hop: &Hop,
        step: StepKind,
        command: &'static crate::source::ClusterCommand,
    ) -> Result<F, Halt> {
        let since = self.clock.now();
        loop {
            let mut store = Store::default();
            let deadline = Deadline::within(Duration::from_secs(60));
            ask(
                &*self.source,
                command,
                &deadline,
                &Redactor::new(),
                &mut store,
            );
            match F::read(&View::cluster(&store)) {
                Ok(fact) => return Ok(fact),
                Err(missing) if self.elapsed(since) > self.limits.patience.limit => {
                    return Err(self.stop(hop, step, Failure::Silent(missing)));
                }
                Err(_) => self.rest(hop, step, self.limits.patience.pause)?,
            }
        }
    }

    fn has_release(&mut self, hop: &Hop, step: StepKind) -> Result<bool, Halt> {
        let versions: Versions = self.fact(hop, step, &VERSIONS)?;
        Ok(versions.0.iter().any(|there| is(there, &hop.to)))
    }

    fn overrides(&mut self, hop: &Hop, step: StepKind) -> Result<Overrides, Halt> {
        self.fact(hop, step, &OVERRIDES)
    }

    fn way_in(&mut self, hop: &Hop, step: StepKind) -> Result<(Dialect, Entrance), Halt> {
        let since = self.clock.now();
        let dialect = loop {
            let deadline = Deadline::within(Duration::from_secs(60));
            match Dialect::answered(&*self.source, &deadline) {
                Some(dialect) => break dialect,
                // It answers something else: older ones do.
                None if self.elapsed(since) > DIALECT => break Dialect::LocalRun,
                None => self.rest(hop, step, self.limits.patience.pause)?,
            }
        };
        let state = self.observe(hop, step)?;
        Ok((dialect, self.options.entrance(&state, self.here.as_deref())))
    }

    /// The servers of the cluster that a command's last lines name in a line
    /// that tells of a failure.
    fn servers_named(
        &mut self,
        hop: &Hop,
        step: StepKind,
        output: &[String],
    ) -> Result<Vec<String>, Halt> {
        let state = self.observe(hop, step)?;
        let mut names: BTreeMap<&str, bool> = BTreeMap::new();
        for container in &state.backends {
            let named = output
                .iter()
                .any(|line| tells_of_failure(line) && names_word(line, &container.hostname));
            *names.entry(&container.hostname).or_default() |= named;
        }
        let named = names.into_iter().filter(|(_, named)| *named);
        Ok(named.map(|(name, _)| name.to_owned()).collect())
    }

    fn progress(&self, state: &ClusterState, hop: &Hop) {
        let progress = Progress::of(state, &hop.to);
        self.watcher.on_event(&Event::Progress(&progress));
    }

    // ---- words, time, journal ----

    fn succeeded(
        &mut self,
        hop: &Hop,
        step: StepKind,
        end: JobEnd,
        failure: impl FnOnce(Vec<String>) -> Failure,
    ) -> Result<(), Halt> {
        match end.state {
            JobState::Ended(0) => Ok(()),
            state if was_ended(state) => {
                let failure = Failure::CommandLost { output: end.output };
                Err(self.stop(hop, step, failure))
            }
            _ => Err(self.stop(hop, step, failure(end.output))),
        }
    }

    /// The name of the next job of a step; that of the last one where it was
    /// written down and never started, or still runs, or ended unseen: then
    /// starting it starts nothing, and it is watched.
    fn next_job(&mut self, hop: &Hop, step: StepKind) -> Result<JobId, Halt> {
        let jobs = self.journal.story().jobs(hop.number, step);
        let count = jobs.len();
        if let Some((last, None)) = jobs.last() {
            let last = (*last).clone();
            match self.look_patiently(hop, step, &last)? {
                JobState::Lost => self.write(Entry::JobEnded {
                    job: last,
                    state: JobState::Lost,
                })?,
                JobState::Absent | JobState::Running | JobState::Ended(_) => return Ok(last),
            }
        }
        let word = match step {
            StepKind::Get => "get",
            StepKind::Prepare => "prepare",
            StepKind::Distribute => "distribute",
            StepKind::Override => "override",
            StepKind::OverrideRemoval => "override-removal",
            StepKind::Clients => "clients",
            _ => "backends",
        };
        let name = format!("{}-{}-{word}-{}", self.run, hop.number, count + 1);
        JobId::new(name).map_err(|error| self.stop(hop, step, Failure::NotSeen(error.to_string())))
    }

    fn agree(&mut self, hop: &Hop, step: StepKind, question: &str) -> Result<(), Halt> {
        if self.ask_operator(hop, step, question)? {
            return Ok(());
        }
        Err(self.stop(hop, step, Failure::Declined(question.to_owned())))
    }

    fn ask_operator(&mut self, hop: &Hop, step: StepKind, question: &str) -> Result<bool, Halt> {
        let yes = self.operator.agrees(question);
        // To leave is no answer.
        self.stay(hop, step)?;
        self.write(Entry::Asked {
            question: question.to_owned(),
            yes,
        })?;
        Ok(yes)
    }

    fn begin(&mut self, hop: &Hop, step: StepKind) -> Result<(), Halt> {
        self.watcher.on_event(&Event::StepBegun { step });
        self.write(Entry::StepBegun {
            hop: hop.number,
            step,
        })?;
        Ok(())
    }

    fn done(&mut self, hop: &Hop, step: StepKind, how: &str) -> Result<(), Halt> {
        self.write(Entry::StepDone {
            hop: hop.number,
            step,
            how: how.to_owned(),
        })?;
        self.watcher.on_event(&Event::StepDone { step, how });
        Ok(())
    }

    fn warn(&mut self, hop: &Hop, step: StepKind, words: &str) -> Result<(), Halt> {
        self.note_warning(hop, step, words)?;
        self.done(hop, step, "with a warning")
    }

    fn note_warning(&mut self, hop: &Hop, step: StepKind, words: &str) -> Result<(), Halt> {
        // Once, however often the step is gone through.
        if self
            .journal
            .story()
            .warnings()
            .any(|(h, w)| h == hop.number && w == words)
        {
            return Ok(());
        }
        self.write(Entry::Warning {
            hop: hop.number,
            step,
            words: words.to_owned(),
        })?;
        self.watcher.on_event(&Event::Warning { words });
        Ok(())
    }

    fn write(&mut self, entry: Entry) -> Result<(), JournalError> {
        self.journal.write(self.clock.now(), entry)
    }

    fn stop(&self, hop: &Hop, step: StepKind, failure: Failure) -> Halt {
        Halt::Stop(Box::new(Stop::new(
            hop.number,
            hop.from.clone(),
            hop.to.clone(),
            hop.target.clone(),
            step,
            failure,
        )))
    }

    fn pause(&self, hop: &Hop, step: StepKind) -> Result<(), Halt> {
        self.rest(hop, step, self.limits.interval)
    }

    fn rest(&self, hop: &Hop, step: StepKind, time: Duration) -> Result<(), Halt> {
        if !self.clock.leaving() {
            self.clock.sleep(time);
        }
        self.stay(hop, step)
    }

    /// Ends the work when the operator leaves.
    fn stay(&self, hop: &Hop, step: StepKind) -> Result<(), Halt> {
        if self.clock.leaving() {
            return Err(Halt::Detached(Detached {
                hop: hop.number,
                step,
            }));
        }
        Ok(())
    }

    fn now_plus(&self, time: Duration) -> Timestamp {
        self.clock.now().checked_add(time).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self, since: Timestamp) -> Duration {
        Duration::try_from(self.clock.now().duration_since(since)).unwrap_or_default()
    }

    /// When the containers of this hop were first touched, in the cluster's time.
    fn began(&self, hop: &Hop) -> Option<Timestamp> {
        let lines = self.journal.story().lines();
        lines.iter().find_map(|line| match &line.entry {
            Entry::Before {
                hop: h,
                cluster_time,
                ..
            } if *h == hop.number => Some(*cluster_time),
            _ => None,
        })
    }
}

/// Whether a command did not end by itself. A shell gives 128 and the signal's
/// number for one that a signal ended.
fn was_ended(state: JobState) -> bool {
    match state {
        JobState::Lost | JobState::Absent => true,
        JobState::Ended(status) => (129..=128 + 31).contains(&status),
        JobState::Running => false,
    }
}

/// One hop of the way.
struct Hop {
    number: usize,
    of: usize,
    from: Version,
    to: Version,
    target: Version,
}

/// The phase whose cleanup failed, if that is what the command failed in: the
/// last phase that is wholly on the release, where the cluster names it still,
/// or the command says so. Where a phase behind it was begun, it is that one
/// which failed.
fn cleanup_failed(after: &ClusterState, to: &Version, output: &[String]) -> Option<Phase> {
    let says_cleanup = output.iter().any(|line| {
        let line = line.to_ascii_lowercase();
        line.contains("cleanup") || line.contains("clean-up") || line.contains("clean up")
    });
    let whole = |phase: &Phase| {
        let (done, all) = after.upgraded_in(*phase, to);
        done == all
    };
    let last = Phase::ALL
        .into_iter()
        .filter(|phase| after.upgraded_in(*phase, to).1 > 0)
        .take_while(whole)
        .last()?;
    let its_own = after.named_phase() == Some(last) && after.processes_down.is_empty();
    ((says_cleanup || its_own) && !went_beyond(last, after, to, output)).then_some(last)
}

/// Whether a phase behind this one was begun, by the cluster or by what the
/// command printed.
fn went_beyond(phase: Phase, after: &ClusterState, to: &Version, output: &[String]) -> bool {
    let later = Phase::ALL.into_iter().filter(|later| *later > phase);
    later.into_iter().any(|later| {
        after.named_phase() == Some(later)
            || after.upgraded_in(later, to).0 > 0
            || output.iter().any(|line| names_phase(line, later))
    })
}

/// Whether a line tells of a phase: `Starting upgrade of compute containers`,
/// `ComputeRollingPhase`, `the compute phase`. A container's name does not.
fn names_phase(line: &str, phase: Phase) -> bool {
    let word = match phase {
        Phase::Drives => "drive",
        Phase::Computes => "compute",
        Phase::Frontends => "frontend",
    };
    let line = line.to_ascii_lowercase();
    line.match_indices(word).any(|(at, _)| {
        let rest = &line[at + word.len()..];
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        [" container", " phase", "phase", "-phase", "rollingphase"]
            .iter()
            .any(|end| rest.starts_with(end))
    })
}

/// A phase stopped before its end.
fn phase_failed(after: &ClusterState, to: &Version, output: Vec<String>) -> Failure {
    let (done, all) = after.upgraded(to);
    Failure::Phase {
        phase: after
            .named_phase()
            .or_else(|| after.first_unfinished(to))
            .unwrap_or(Phase::Frontends),
        done,
        all,
        left: after.left(to),
        output,
    }
}

/// Whole lines out of what has come so far; the rest too once it is over.
fn lines(partial: &mut Vec<u8>, over: bool) -> Vec<String> {
    let mut found = Vec::new();
    let end = match partial.iter().rposition(|b| *b == b'\n' || *b == b'\r') {
        _ if over => partial.len(),
        Some(end) => end + 1,
        // A flood without an end of line must not be kept for ever.
        None if partial.len() > 64 * 1024 => partial.len(),
        None => return found,
    };
    let whole: Vec<u8> = partial.drain(..end).collect();
    for line in whole.split(|b| *b == b'\n' || *b == b'\r') {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        if !line.trim().is_empty() {
            found.push(line.to_owned());
        }
    }
    found
}

fn says_unknown(output: &[String]) -> bool {
    output.iter().any(|line| {
        let line = line.to_ascii_lowercase();
        [
            "unknown option",
            "unknown flag",
            "unrecognized",
            "no such option",
            "unexpected argument",
        ]
        .iter()
        .any(|words| line.contains(words))
    })
}

fn tells_of_failure(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    [
        "error",
        "fail",
        "could not",
        "can't",
        "cannot",
        "disconnected",
        "unreachable",
        "timed out",
        "not ready",
        "refused",
    ]
    .iter()
    .any(|word| line.contains(word))
}

/// Whether a name stands in a line as a word of its own: not `weka-1` in `weka-10`.
fn names_word(line: &str, name: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::word("error: driver build failed on weka-1", "weka-1", true)]
    #[case::part("error: driver build failed on weka-10", "weka-1", false)]
    #[case::with_its_container("weka-1:drives0 failed", "weka-1", true)]
    #[case::behind("my-weka-1 failed", "weka-1", false)]
    fn names_in_lines(#[case] line: &str, #[case] name: &str, #[case] named: bool) {
        assert_eq!(names_word(line, name), named);
    }

    #[rstest]
    #[case::begun("==== Starting upgrade of compute containers ====", true)]
    #[case::failed("error: the compute phase failed: timed out", true)]
    #[case::by_the_clusters_word("ComputeRollingPhase begun", true)]
    #[case::plural("the computes phase", true)]
    #[case::a_container("Starting upgrade of weka-02:compute0 to 4.4.33", false)]
    #[case::another_phase("==== Starting upgrade of drive containers ====", false)]
    fn phases_in_lines(#[case] line: &str, #[case] named: bool) {
        assert_eq!(names_phase(line, Phase::Computes), named);
    }

    #[test]
    fn lines_come_whole() {
        let mut partial = b"one\ntw".to_vec();
        assert_eq!(lines(&mut partial, false), ["one"]);
        partial.extend_from_slice(b"o\r\n\nthree");
        assert_eq!(lines(&mut partial, false), ["two"]);
        assert_eq!(lines(&mut partial, true), ["three"]);
        assert!(partial.is_empty());
    }
}
