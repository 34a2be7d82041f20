//! A simulated cluster that is upgraded in memory, for quick tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use checker_core::Deadline;
use checker_core::evidence::{End, RawRecord};
use checker_core::ndu::executor::{
    ExecuteError, Executor, Job, JobId, JobState, JobView, LOOK_LIMIT, Work,
};
use checker_core::server::Server as KnownServer;
use checker_core::source::{ServerAnswer, ServerProbe, Source, SourceKind};
use jiff::Timestamp;

use crate::model::Cluster;
use crate::scenario::{Scenario, ScenarioError};
use crate::simulator::Simulator;
use crate::upgrade::{Environment, Run, RunEnd, Started};

/// A cluster in memory that is both asked and upgraded.
///
/// Every [`Executor::look`] at a job that runs takes it one step further; no
/// clock is read and nothing sleeps, so that two tests see the same.
#[derive(Debug)]
pub struct UpgradeSimulator(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    cluster: Arc<Cluster>,
    jobs: HashMap<JobId, Begun>,
    started: Vec<Job>,
    failing_questions: u32,
    failing_looks: u32,
    failing_starts: Option<FailingStart>,
}

/// How the next start fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailingStart {
    Before,
    After,
}

/// A job that was started.
#[derive(Debug)]
struct Begun {
    run: Option<Box<Run>>,
    state: JobState,
    output: Vec<u8>,
}

impl UpgradeSimulator {
    /// Over this cluster.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self(Mutex::new(Inner {
            cluster: Arc::new(cluster),
            jobs: HashMap::new(),
            started: Vec::new(),
            failing_questions: 0,
            failing_looks: 0,
            failing_starts: None,
        }))
    }

    /// Over the cluster of these scenarios (`healthy,ndu-drives-stop`).
    ///
    /// # Errors
    /// When a scenario is unknown, or two of them exclude each other.
    pub fn scenario(text: &str) -> Result<Self, ScenarioError> {
        Scenario::parse(text).map(|scenario| Self::new(scenario.cluster()))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cluster as it is now.
    #[must_use]
    pub fn current(&self) -> Arc<Cluster> {
        Arc::clone(&self.inner().cluster)
    }

    /// Changes the cluster, as somebody else would.
    pub fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        change(Arc::make_mut(&mut self.inner().cluster))
    }

    /// The jobs that were started, in their order; one that was started a
    /// second time stands there once.
    #[must_use]
    pub fn started(&self) -> Vec<Job> {
        self.inner().started.clone()
    }

    /// Kills a job: the cluster stays as it is, and the job is lost.
    pub fn lose(&self, id: &JobId) {
        if let Some(job) = self.inner().jobs.get_mut(id)
            && job.state == JobState::Running
        {
            job.state = JobState::Lost;
            job.run = None;
        }
    }

    /// Forgets all jobs, as a machine whose files were cleared would; those
    /// that ran are killed.
    pub fn forget(&self) {
        self.inner().jobs.clear();
    }

    /// Takes a job so many steps further without anyone looking.
    pub fn advance(&self, id: &JobId, steps: usize) {
        let mut inner = self.inner();
        for _ in 0..steps {
            inner.advance(id);
        }
    }

    /// The next so many questions to the cluster fail with exit status 1.
    pub fn fail_questions(&self, times: u32) {
        self.inner().failing_questions = times;
    }

    /// The next so many looks at jobs fail, and take none further.
    pub fn fail_looks(&self, times: u32) {
        self.inner().failing_looks = times;
    }

    /// The next start of a job fails before anything was done.
    pub fn fail_start(&self) {
        self.inner().failing_starts = Some(FailingStart::Before);
    }

    /// The next start of a job succeeds, and says that it failed.
    pub fn fail_after_start(&self) {
        self.inner().failing_starts = Some(FailingStart::After);
    }
}

impl Inner {
    /// The job that runs, if one does.
    fn running(&self) -> Option<JobId> {
        let mut jobs = self.jobs.iter();
        let found = jobs.find(|(_, job)| job.state == JobState::Running);
        found.map(|(id, _)| id.clone())
    }

    fn advance(&mut self, id: &JobId) {
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        let Some(run) = &mut job.run else {
            return;
        };
        let step = run.step(Arc::make_mut(&mut self.cluster));
        job.output.extend_from_slice(step.stdout.as_bytes());
        job.output.extend_from_slice(step.stderr.as_bytes());
        job.state = match step.end {
            None => return,
            Some(RunEnd::Exited(status)) => JobState::Ended(status),
            Some(RunEnd::Killed) => JobState::Lost,
        };
        job.run = None;
    }

    fn start(&mut self, job: &Job) {
        self.started.push(job.clone());
        let line = match &job.work {
            Work::Weka(line) => line,
            // Its install.sh runs on a real machine, or on none.
            Work::Package(package) => {
                let text = format!("{} is not there\n", package.display());
                let ended = Begun {
                    run: None,
                    state: JobState::Ended(1),
                    output: text.into_bytes(),
                };
                self.jobs.insert(job.id.clone(), ended);
                return;
            }
        };
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        let servers = job
            .environment
            .iter()
            .find(|(name, _)| *name == "WEKA_DIST_SERVERS");
        let environment = Environment {
            distribution_servers: servers.map(|(_, secret)| secret.expose().to_owned()),
            another_runs: self
                .jobs
                .values()
                .any(|j| j.run.as_ref().is_some_and(|r| r.exclusive())),
        };
        let here = self.cluster.here().map_or("", |s| s.name.as_str());
        let started = match self.cluster.start(here, &words, &environment) {
            Started::Running(run) => Begun {
                run: Some(run),
                state: JobState::Running,
                output: Vec::new(),
            },
            Started::Ended(output) => Begun {
                run: None,
                state: JobState::Ended(output.status),
                output: [output.stdout, output.stderr].concat(),
            },
        };
        if self.cluster.is_moved_by(&words) {
            Arc::make_mut(&mut self.cluster).asked(&words);
        }
        self.jobs.insert(job.id.clone(), started);
    }
}

fn failed(text: &str) -> ExecuteError {
    ExecuteError::Failed(text.to_owned())
}

impl Executor for UpgradeSimulator {
    fn start(&self, job: &Job, _: &Deadline) -> Result<(), ExecuteError> {
        let mut inner = self.inner();
        let failing = inner.failing_starts.take();
        if failing == Some(FailingStart::Before) {
            return Err(failed("the server was not reached"));
        }
        if !inner.jobs.contains_key(&job.id) {
            if let Some(other) = inner.running() {
                return Err(ExecuteError::Busy(other));
            }
            inner.start(job);
        }
        match failing {
            Some(_) => Err(failed("the connection was cut")),
            None => Ok(()),
        }
    }

    fn running(&self, _: &Deadline) -> Result<Option<JobId>, ExecuteError> {
        Ok(self.inner().running())
    }

    fn look(&self, id: &JobId, from: u64, _: &Deadline) -> Result<JobView, ExecuteError> {
        let mut inner = self.inner();
        if inner.failing_looks > 0 {
            inner.failing_looks -= 1;
            return Err(failed("the server was not reached"));
        }
        inner.advance(id);
        let Some(job) = inner.jobs.get(id) else {
            return Ok(JobView {
                state: JobState::Absent,
                output: Vec::new(),
            });
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let rest = job.output.get(from..).unwrap_or_default();
        Ok(JobView {
            state: job.state,
            output: rest[..rest.len().min(LOOK_LIMIT)].to_vec(),
        })
    }
}

impl Source for UpgradeSimulator {
    fn kind(&self) -> SourceKind {
        SourceKind::Simulator
    }

    fn now(&self) -> Timestamp {
        self.current().now
    }

    fn cluster(&self, key: &str, arguments: &str, deadline: &Deadline) -> RawRecord {
        let mut inner = self.inner();
        if inner.failing_questions > 0 {
            inner.failing_questions -= 1;
            return RawRecord {
                key: key.to_owned(),
                command: format!("weka {arguments}"),
                started_at: inner.cluster.now,
                duration: Duration::from_secs(1),
                end: End::Exited(1),
                stdout: Vec::new(),
                stderr: b"error: failed to connect to the cluster\n".to_vec(),
                truncated: false,
            };
        }
        let simulator = Simulator::shared(Arc::clone(&inner.cluster));
        let words = shell_words::split(arguments).unwrap_or_default();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if inner.cluster.is_moved_by(&words) {
            Arc::make_mut(&mut inner.cluster).asked(&words);
        }
        drop(inner);
        Source::cluster(&simulator, key, arguments, deadline)
    }

    fn server(
        &self,
        server: &KnownServer,
        probes: &[&'static ServerProbe],
        deadline: &Deadline,
    ) -> ServerAnswer {
        Simulator::shared(self.current()).server(server, probes, deadline)
    }

    fn here(&self) -> Option<KnownServer> {
        Simulator::shared(self.current()).here()
    }
}
