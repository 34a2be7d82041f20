//! What happens during a run, for whoever shows or records it.
//!
//! An event says what happened and holds no wording, colour or symbol.

use std::time::Duration;

use crate::evidence::Record;
use crate::report::CheckResult;
use crate::server::{Reach, Server};
use crate::source::SourceKind;
use crate::version::Version;

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins.
    RunStarted {
        /// Its id.
        id: &'a str,
        /// Where evidence comes from.
        source: SourceKind,
        /// The release to upgrade to.
        target: &'a Version,
        /// How many checks were selected.
        checks: usize,
        /// How many of the cluster's commands they need.
        commands: usize,
    },
    /// One of the cluster's commands is being run.
    CommandStarted {
        /// The key of its evidence.
        key: &'a str,
        /// Its command line.
        command: &'a str,
    },
    /// One of the cluster's commands has answered.
    CommandFinished {
        /// What it answered, without secrets.
        record: &'a Record,
    },
    /// The servers to be probed are known.
    ServersFound {
        /// All of them.
        servers: &'a [Server],
    },
    /// One server is being probed.
    ServerStarted {
        /// Which.
        server: &'a Server,
    },
    /// One server has answered, or was given up.
    ServerFinished {
        /// Which.
        server: &'a Server,
        /// How it was reached.
        reach: &'a Reach,
        /// Its answers.
        records: &'a [Record],
    },
    /// One check was judged for one target.
    CheckJudged {
        /// What came out.
        result: &'a CheckResult,
    },
    /// Everything is judged.
    RunFinished {
        /// How long it took.
        elapsed: Duration,
    },
}

/// Someone who watches a run. Called from several threads; must not block for long.
pub trait Observer: Send + Sync {
    /// Takes note of an event.
    fn on_event(&self, event: &Event<'_>);
}

/// Several observers as one.
#[derive(Default, Clone)]
pub struct Observers(Vec<std::sync::Arc<dyn Observer>>);

impl Observers {
    /// Nobody watches yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn add(&mut self, observer: std::sync::Arc<dyn Observer>) {
        self.0.push(observer);
    }

    pub(crate) fn emit(&self, event: &Event<'_>) {
        for observer in &self.0 {
            observer.on_event(event);
        }
    }
}
