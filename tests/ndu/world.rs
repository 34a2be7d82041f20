//! A cluster in memory, a time that passes when someone waits, and an upgrade.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use checker_core::engine::{self, Limits as EngineLimits, Request, Selection};
use checker_core::event::Observers;
use checker_core::gate::{self, Acceptance, Policy, State};
use checker_core::ndu::commands::{self, Dialect, Entrance, Spelling};
use checker_core::ndu::executor::{ExecuteError, Executor, Job, JobId, JobState, JobView, Work};
use checker_core::ndu::journal::{Entry, Journal, Story, look};
use checker_core::ndu::observe::ClusterState;
use checker_core::ndu::plan::Options;
use checker_core::ndu::run::{
    Clock, Event, GateAnswer, Gatekeeper, Limits, Operator, Outcome, Upgrade, Watcher,
};
use checker_core::release_data::ReleaseData;
use checker_core::source::{Source, SourceKind};
use checker_core::{Deadline, Registry, Version};
use checker_simulator::{Cluster, UpgradeSimulator};
use jiff::{SignedDuration, Timestamp};

/// A page without colours, wide enough for any line.
pub(crate) const PAPER: checker_core::report::TextOptions = checker_core::report::TextOptions {
    color: false,
    width: 1000,
    verbose: false,
};

pub(crate) fn release(text: &str) -> Version {
    text.parse().expect("a release")
}

pub(crate) fn soon() -> Deadline {
    Deadline::within(Duration::from_secs(60))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type OnSleep = Box<dyn FnMut(Duration) + Send>;

/// Time passes when someone waits, and at no other time.
pub(crate) struct VirtualClock {
    now: Mutex<Timestamp>,
    leaving: Mutex<bool>,
    on_sleep: Mutex<Option<OnSleep>>,
}

impl VirtualClock {
    fn new() -> Self {
        Self {
            now: Mutex::new(Timestamp::from_second(1_790_000_000).expect("a time")),
            leaving: Mutex::new(false),
            on_sleep: Mutex::new(None),
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        let mut now = lock(&self.now);
        let time = SignedDuration::try_from(time).expect("a time");
        *now = now.checked_add(time).expect("a time");
    }

    pub(crate) fn leave(&self, leaving: bool) {
        *lock(&self.leaving) = leaving;
    }

    /// What happens in the world whenever someone waits.
    pub(crate) fn on_sleep(&self, act: impl FnMut(Duration) + Send + 'static) {
        *lock(&self.on_sleep) = Some(Box::new(act));
    }

    pub(crate) fn quiet(&self) {
        *lock(&self.on_sleep) = None;
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *lock(&self.now)
    }

    fn sleep(&self, time: Duration) {
        self.pass(time);
        if let Some(act) = lock(&self.on_sleep).as_mut() {
            act(time);
        }
    }

    fn leaving(&self) -> bool {
        *lock(&self.leaving)
    }
}

/// Writes down what it sees.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl Notes {
    pub(crate) fn all(&self) -> Vec<String> {
        lock(&self.0).clone()
    }

    pub(crate) fn with(&self, start: &str) -> Vec<String> {
        let mut all = self.all();
        all.retain(|line| line.starts_with(start));
        all
    }
}

impl Watcher for Notes {
    fn on_event(&self, event: &Event<'_>) {
        let text = match event {
            Event::HopBegun { from, to, .. } => format!("hop {from} {to}"),
            Event::StepBegun { step } => format!("step {step:?}"),
            Event::Started { command } => format!("$ {command}"),
            Event::Found { job } => format!("found {job}"),
            Event::Output { line } => format!("| {line}"),
            Event::Warning { words } => format!("! {words}"),
            Event::StepDone { step, how } => format!("done {step:?}: {how}"),
            Event::Silent { .. } => "silent".to_owned(),
            _ => return,
        };
        lock(&self.0).push(text);
    }
}

/// Says yes or no, and keeps the questions.
pub(crate) struct Says {
    pub(crate) yes: bool,
    pub(crate) questions: Vec<String>,
    /// What happens while the operator thinks.
    pub(crate) thinks: Box<dyn FnMut() + Send>,
}

impl Says {
    pub(crate) fn new(yes: bool) -> Self {
        Self {
            yes,
            questions: Vec::new(),
            thinks: Box::new(|| {}),
        }
    }
}

impl Operator for Says {
    fn agrees(&mut self, question: &str) -> bool {
        self.questions.push(question.to_owned());
        (self.thinks)();
        self.yes
    }
}

/// A gate that opens, and writes down when it was asked.
#[derive(Default)]
pub(crate) struct OpenGate {
    pub(crate) releases: Vec<Version>,
    /// The release that ran, and the target.
    pub(crate) asked: Vec<(Version, Version)>,
    /// From this question on (counted from 0) it is closed.
    pub(crate) closed_from: Option<usize>,
}

impl Gatekeeper for OpenGate {
    fn ask(&mut self, cluster: &ClusterState, target: &Version) -> Result<GateAnswer, String> {
        assert_eq!((cluster.upgrading(), cluster.converting()), (false, None));
        self.asked.push((cluster.release.clone(), target.clone()));
        let open = self.closed_from.is_none_or(|n| self.asked.len() <= n);
        let from = self.releases.iter().position(|r| *r == cluster.release);
        Ok(GateAnswer {
            open,
            unverified: false,
            verdict: if open { "GO" } else { "NO-GO" }.to_owned(),
            report: format!("report-{}", self.asked.len()),
            accepted: Vec::new(),
            path: self.releases[from.unwrap_or_default()..].to_vec(),
        })
    }
}

/// All checks and the gate over them, as the command line asks it.
pub(crate) struct RealGate {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) registry: Registry,
    pub(crate) data: ReleaseData,
    /// Checks whose warnings are accepted.
    pub(crate) accepted: Vec<&'static str>,
    pub(crate) asked: Vec<(Version, bool)>,
    pub(crate) reasons: Vec<String>,
}

impl RealGate {
    pub(crate) fn new(source: Arc<dyn Source>, accepted: &[&'static str]) -> Self {
        let mut registry = Registry::new();
        checker_checks::register(&mut registry).expect("checks");
        Self {
            source,
            registry,
            data: data(),
            accepted: accepted.to_vec(),
            asked: Vec::new(),
            reasons: Vec::new(),
        }
    }
}

impl Gatekeeper for RealGate {
    fn ask(&mut self, cluster: &ClusterState, target: &Version) -> Result<GateAnswer, String> {
        let mut run = engine::run(
            Arc::clone(&self.source),
            &self.registry,
            Request {
                target: target.clone(),
                selection: Selection::default(),
                limits: EngineLimits {
                    parallel: 2,
                    ..EngineLimits::default()
                },
                data: &self.data,
                tool_version: "0.0.0",
                argv: Vec::new(),
                host: "here".to_owned(),
                interrupted: Arc::default(),
            },
            &Observers::new(),
        )
        .map_err(|error| error.to_string())?;
        let acceptances: Vec<_> = self
            .accepted
            .iter()
            .map(|check| Acceptance::new(check, None, "known", "alice", None).expect("complete"))
            .collect();
        gate::accept(&mut run.report, &acceptances);
        let decision = gate::decide(
            &run.report,
            &Policy {
                cluster: Some(cluster.guid.clone()),
                source: Some(cluster.release.clone()),
                target: Some(target.clone()),
                rehearsal: self.source.kind() == SourceKind::Simulator,
                clients_follow: cluster.release == *target,
                ..Policy::live(self.source.now())
            },
        );
        self.asked
            .push((cluster.release.clone(), decision.is_open()));
        self.reasons = decision.reasons.iter().map(|r| r.text.clone()).collect();
        Ok(GateAnswer {
            open: decision.is_open(),
            unverified: decision.gate == State::Unverified,
            verdict: gate::line(&decision),
            report: run.report.run.id.clone(),
            accepted: Vec::new(),
            path: run.report.path.clone(),
        })
    }
}

pub(crate) fn data() -> ReleaseData {
    checker_checks::release_data().expect("release data")
}

/// The words behind `weka`; none of a package.
fn words(job: &Job) -> Vec<&str> {
    match &job.work {
        Work::Weka(line) => line.iter().map(String::as_str).collect(),
        Work::Package(_) => Vec::new(),
    }
}

/// Goes several steps at a look: looking is what takes time.
pub(crate) struct Striding<'a> {
    pub(crate) sim: &'a UpgradeSimulator,
    /// So many steps more than one.
    pub(crate) more: usize,
    /// The option that brings the release to the backends has its other name.
    pub(crate) renamed: bool,
}

impl Executor for Striding<'_> {
    fn start(&self, job: &Job, deadline: &Deadline) -> Result<(), ExecuteError> {
        let mut job = job.clone();
        let line = words(&job);
        if self.renamed
            && let [.., "--in", to, "upgrade", option] = line[..]
        {
            let other = match option {
                "--prepare-only" => Some(Spelling::Distribute),
                "--distribute-version" => Some(Spelling::PrepareOnly),
                _ => None,
            };
            let distribute = |spelling| {
                let entrance = Entrance {
                    container: "drives0".to_owned(),
                    port: None,
                };
                commands::distribute(Dialect::LocalRun, &release(to), &entrance, spelling)
            };
            if let Some(other) = other {
                job.work = Work::Weka(distribute(other));
            }
        }
        self.sim.start(&job, deadline)
    }

    fn look(&self, id: &JobId, from: u64, deadline: &Deadline) -> Result<JobView, ExecuteError> {
        self.sim.advance(id, self.more);
        self.sim.look(id, from, deadline)
    }

    fn running(&self, deadline: &Deadline) -> Result<Option<JobId>, ExecuteError> {
        self.sim.running(deadline)
    }
}

/// A cluster, a directory for journals, and what was asked for.
pub(crate) struct World {
    pub(crate) sim: Arc<UpgradeSimulator>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) options: Options,
    pub(crate) limits: Limits,
    pub(crate) data: ReleaseData,
    pub(crate) releases: Vec<Version>,
    pub(crate) notes: Notes,
    pub(crate) gate: OpenGate,
    pub(crate) says: Says,
    /// So many steps between two looks at a command.
    pub(crate) stride: usize,
    pub(crate) renamed: bool,
    runs: usize,
}

impl World {
    /// This cluster, on the way over these releases.
    pub(crate) fn new(cluster: Cluster, later: &[&str]) -> Self {
        let mut releases = vec![cluster.release.clone()];
        releases.extend(later.iter().map(|text| release(text)));
        Self {
            sim: Arc::new(UpgradeSimulator::new(cluster)),
            clock: Arc::new(VirtualClock::new()),
            dir: tempfile::tempdir().expect("a directory"),
            options: Options::default(),
            // Looking is what takes time.
            limits: Limits {
                interval: Duration::from_secs(60),
                ..Limits::default()
            },
            data: data(),
            gate: OpenGate {
                releases: releases.clone(),
                ..OpenGate::default()
            },
            releases,
            notes: Notes::default(),
            says: Says::new(true),
            stride: 3,
            renamed: false,
            runs: 0,
        }
    }

    /// What a scenario of an upgrade breaks, in a cluster of four backends and
    /// two clients, which is quicker than one of six.
    pub(crate) fn of(scenario: &str, later: &[&str]) -> Self {
        let scenario = checker_simulator::Scenario::parse(scenario).expect(scenario);
        let broken = scenario.cluster();
        let mut cluster = Cluster::healthy(&broken.release, 4, 2);
        for server in &mut cluster.servers {
            let same = broken.server(&server.name).expect("a server");
            for (one, other) in server.containers.iter_mut().zip(&same.containers) {
                one.mgmt_port = other.mgmt_port;
            }
        }
        cluster.upgrade = broken.upgrade;
        cluster.provider = broken.provider;
        Self::new(cluster, later)
    }

    /// Three backends without protocols: quick.
    pub(crate) fn small(from: &str, clients: usize, later: &[&str]) -> Self {
        Self::new(Cluster::healthy(&release(from), 3, clients), later)
    }

    pub(crate) fn target(&self) -> &Version {
        self.releases.last().expect("a target")
    }

    /// The journal, as the command line begins it or takes it up again.
    pub(crate) fn journal(&mut self, resume: bool) -> (Journal, String) {
        let guid = self.sim.current().guid.clone();
        let now = self.clock.now();
        let taken = if resume {
            let taken = Journal::take_up(self.dir.path(), &guid, now).expect("readable");
            taken.filter(|j| j.story().begun().is_some() && !j.story().finished())
        } else {
            None
        };
        if let Some(mut journal) = taken {
            let (run, releases) = journal.story().begun().expect("it begins");
            let run = run.to_owned();
            self.releases = releases.to_vec();
            let resumed = Entry::Resumed {
                after: String::new(),
                argv: Vec::new(),
                host: "here".to_owned(),
            };
            journal.write(now, resumed).expect("written");
            return (journal, run);
        }
        self.runs += 1;
        // Its name is made of seconds.
        self.clock.pass(Duration::from_secs(1));
        let now = self.clock.now();
        let run = format!("run{}", self.runs);
        let mut journal = Journal::begin(self.dir.path(), &guid, &run, now).expect("a journal");
        let begun = Entry::Begun {
            run: run.clone(),
            guid,
            cluster: "lab".to_owned(),
            releases: self.releases.clone(),
            tool: "0.0.0".to_owned(),
            argv: Vec::new(),
            host: "here".to_owned(),
        };
        journal.write(now, begun).expect("written");
        (journal, run)
    }

    pub(crate) fn run(&mut self, resume: bool) -> Outcome {
        let mut gate = std::mem::take(&mut self.gate);
        let outcome = self.run_with(resume, &mut gate);
        self.gate = gate;
        outcome
    }

    /// As the command line does, with this gate.
    pub(crate) fn run_with(&mut self, resume: bool, gate: &mut dyn Gatekeeper) -> Outcome {
        let (journal, run) = self.journal(resume);
        let sim = Arc::clone(&self.sim);
        let clock = Arc::clone(&self.clock);
        let mut upgrade = Upgrade {
            source: Arc::<UpgradeSimulator>::clone(&sim),
            executor: &Striding {
                sim: &sim,
                more: self.stride,
                renamed: self.renamed,
            },
            clock: &*clock,
            gate,
            operator: &mut self.says,
            watcher: &self.notes,
            options: &self.options,
            limits: self.limits,
            data: &self.data,
            journal,
            here: Some("weka-01".to_owned()),
            run,
            releases: self.releases.clone(),
            resume,
        };
        upgrade.run().expect("the journal can be written")
    }

    /// The lines of the newest journal.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let guid = self.sim.current().guid.clone();
        let (_, lines) = look(self.dir.path(), &guid)
            .expect("readable")
            .expect("a journal");
        let _ = Story::of(&lines);
        lines.into_iter().map(|line| line.entry).collect()
    }

    /// Takes the journal away.
    pub(crate) fn lose_journal(&self) {
        let guid = self.sim.current().guid.clone();
        let files = std::fs::read_dir(self.dir.path().join(guid)).expect("a directory");
        for file in files.flatten() {
            if file.path().extension().is_some_and(|e| e == "jsonl") {
                std::fs::remove_file(file.path()).expect("removed");
            }
        }
    }

    /// The command lines that were started, in their order.
    pub(crate) fn commands(&self) -> Vec<String> {
        let started = self.sim.started();
        started.iter().map(|job| job.work.to_string()).collect()
    }

    /// Job by job, what was printed.
    pub(crate) fn outputs(&self) -> Vec<(Job, String)> {
        let started = self.sim.started();
        let output = |job: &Job| {
            let view = self.sim.look(&job.id, 0, &soon()).expect("a look");
            assert_ne!(view.state, JobState::Running, "{} runs still", job.id);
            String::from_utf8(view.output).expect("text")
        };
        started
            .into_iter()
            .map(|job| {
                let text = output(&job);
                (job, text)
            })
            .collect()
    }

    /// How often each container was brought to each release.
    pub(crate) fn upgraded(&self) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        for (job, text) in self.outputs() {
            let line = words(&job);
            let Some(at) = line.iter().position(|word| *word == "--in") else {
                continue;
            };
            for told in text.lines() {
                if let Some(name) = told.strip_prefix("Finished upgrade of ")
                    && name.contains(':')
                {
                    let key = (line[at + 1].to_owned(), name.to_owned());
                    *counts.entry(key).or_insert(0) += 1;
                }
            }
        }
        counts
    }

    /// The cluster runs the target and is at rest, and no container was
    /// upgraded twice on the way.
    #[track_caller]
    pub(crate) fn assert_upgraded(&self) {
        let state = ClusterState::observe(&*self.sim, &soon()).expect("it answers");
        assert_eq!(state.unsettled(self.target()), Vec::<String>::new());
        assert_eq!(state.converting(), None);
        let twice: Vec<_> = self
            .upgraded()
            .into_iter()
            .filter(|(_, n)| *n > 1)
            .collect();
        assert!(twice.is_empty(), "{twice:?}");
        assert_eq!(self.sim.running(&soon()), Ok(None));
    }
}

/// An outcome in a few lines, for tables.
pub(crate) fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done {
            release, warnings, ..
        } => {
            let mut text = format!("DONE {release}\n");
            for warning in warnings {
                text.push_str(&format!("  ! {warning}\n"));
            }
            text
        }
        Outcome::GateClosed { hop, answer, .. } => format!("GATE hop {hop}: {}\n", answer.verdict),
        Outcome::Stopped(stop) => stop.text(&PAPER),
        Outcome::Detached(left) => format!("LEFT hop {} {:?}\n", left.hop, left.step),
    }
}

#[track_caller]
pub(crate) fn done(outcome: &Outcome) {
    assert!(
        matches!(outcome, Outcome::Done { .. }),
        "{}",
        shown(outcome)
    );
}

pub(crate) fn job_id(text: &str) -> JobId {
    JobId::new(text).expect("a name")
}
