//! A cluster in a state file as a source of evidence.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use checker_core::Deadline;
use checker_core::evidence::{End, RawRecord};
use checker_core::server::{Reach, ReachError, Server as KnownServer, Step};
use checker_core::source::{ServerAnswer, ServerProbe, Source, SourceKind};
use jiff::Timestamp;

use crate::model::Cluster;
use crate::simulator::Simulator;
use crate::standin::{StandinError, StandinState};

/// A source of evidence that looks into the stand-in's state file anew at
/// every question, and so sees what commands do to the cluster meanwhile.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    answers: BTreeMap<String, String>,
    read: Mutex<Read>,
}

/// What was read last, and from which file: a new state is a new file.
#[derive(Debug)]
struct Read {
    file: (u64, u64, i64, i64),
    cluster: Arc<Cluster>,
}

impl FileSource {
    /// A source over this state file.
    ///
    /// # Errors
    /// When it can't be read, or is no state.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StandinError> {
        let path = path.into();
        let read = Mutex::new(Read {
            file: identity(&path)?,
            cluster: Arc::new(StandinState::read(&path)?.cluster),
        });
        Ok(Self {
            path,
            answers: BTreeMap::new(),
            read,
        })
    }

    /// The same, whose servers print these texts for the probes of plugins:
    /// see [`Simulator::with_answers`].
    #[must_use]
    pub fn with_answers(self, answers: BTreeMap<String, String>) -> Self {
        Self { answers, ..self }
    }

    /// The state file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The cluster as it is now.
    ///
    /// # Errors
    /// When the file can't be read any more.
    pub fn current(&self) -> Result<Arc<Cluster>, StandinError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let file = identity(&self.path)?;
        if file != read.file {
            *read = Read {
                file,
                cluster: Arc::new(StandinState::read(&self.path)?.cluster),
            };
        }
        Ok(Arc::clone(&read.cluster))
    }

    fn simulator(&self) -> Result<Simulator, StandinError> {
        let cluster = self.current()?;
        Ok(Simulator::shared(cluster).with_answers(self.answers.clone()))
    }

    /// As it is now, or as it was when it could be read.
    fn latest(&self) -> Simulator {
        self.simulator().unwrap_or_else(|_| {
            let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            Simulator::shared(Arc::clone(&read.cluster)).with_answers(self.answers.clone())
        })
    }
}

fn identity(path: &Path) -> Result<(u64, u64, i64, i64), StandinError> {
    let data = std::fs::metadata(path).map_err(|error| StandinError::File {
        path: path.to_owned(),
        error,
    })?;
    Ok((data.dev(), data.ino(), data.mtime(), data.mtime_nsec()))
}

impl Source for FileSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Simulator
    }

    fn now(&self) -> Timestamp {
        self.latest().now()
    }

    fn cluster(&self, key: &str, arguments: &str, deadline: &Deadline) -> RawRecord {
        let simulator = match self.simulator() {
            Ok(simulator) => simulator,
            Err(error) => {
                return RawRecord {
                    key: key.to_owned(),
                    command: format!("weka {arguments}"),
                    started_at: self.now(),
                    duration: Duration::ZERO,
                    end: End::Exited(1),
                    stdout: Vec::new(),
                    stderr: format!("error: {error}\n").into_bytes(),
                    truncated: false,
                };
            }
        };
        let words = shell_words::split(arguments).unwrap_or_default();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if simulator.cluster().is_moved_by(&words) {
            // Who may only read still gets the answer.
            let _ = StandinState::update(&self.path, |s| s.cluster.asked(&words));
        }
        Source::cluster(&simulator, key, arguments, deadline)
    }

    fn server(
        &self,
        server: &KnownServer,
        probes: &[&'static ServerProbe],
        deadline: &Deadline,
    ) -> ServerAnswer {
        match self.simulator() {
            Ok(simulator) => simulator.server(server, probes, deadline),
            Err(error) => ServerAnswer {
                reach: Reach {
                    transport: None,
                    error: Some(ReachError {
                        step: Step::Local,
                        detail: error.to_string(),
                    }),
                    ms: 0,
                },
                records: Vec::new(),
            },
        }
    }

    fn here(&self) -> Option<KnownServer> {
        self.latest().here()
    }
}
