//! The simulated cluster as a source of evidence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use checker_core::Deadline;
use checker_core::evidence::{End, NotRun, RawRecord};
use checker_core::plugin::SCRIPT_KEY;
use checker_core::server::{Reach, ReachError, Role, Server as KnownServer, Step, Transport};
use checker_core::source::{ServerAnswer, ServerProbe, Source, SourceKind};
use jiff::{SignedDuration, Timestamp};

use crate::model::{Cluster, Oddity, Reachability, Server};
use crate::output::Output;
use crate::scenario::{Scenario, ScenarioError};

/// A source of evidence that asks a [`Cluster`] in memory.
///
/// Nothing waits and no clock is read: two runs over the same cluster give the
/// same records, and durations are made up from what was asked.
#[derive(Debug, Clone)]
pub struct Simulator {
    cluster: Arc<Cluster>,
    answers: BTreeMap<String, String>,
}

impl Simulator {
    /// A source that asks this cluster.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self::shared(Arc::new(cluster))
    }

    pub(crate) fn shared(cluster: Arc<Cluster>) -> Self {
        Self {
            cluster,
            answers: BTreeMap::new(),
        }
    }

    /// The same cluster, whose servers print these texts for probes that the
    /// model does not know, by their keys: those of plugins.
    #[must_use]
    pub fn with_answers(self, answers: BTreeMap<String, String>) -> Self {
        Self { answers, ..self }
    }

    /// A source that asks the cluster of these scenarios (`healthy,backend-down`).
    ///
    /// # Errors
    /// When a scenario is unknown, or two of them exclude each other.
    pub fn scenario(text: &str) -> Result<Self, ScenarioError> {
        Scenario::parse(text).map(|scenario| Self::new(scenario.cluster()))
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The server in the model, which the address tells apart where two have one name.
    fn find(&self, server: &KnownServer) -> Option<&Server> {
        let by_address = |s: &&Server| {
            s.addresses
                .iter()
                .any(|a| *a == server.address || server.addresses.contains(a))
        };
        let mut servers = self.cluster.servers.iter();
        servers
            .find(by_address)
            .or_else(|| self.cluster.server(&server.address))
            .or_else(|| self.cluster.server(&server.hostname))
    }
}

/// A duration between the limits that depends only on the words.
fn plausible(words: &[&str], from_ms: u64, to_ms: u64) -> Duration {
    let mut hash = 5381_u64;
    for byte in words.iter().flat_map(|w| w.bytes()) {
        hash = hash.wrapping_mul(33) ^ u64::from(byte);
    }
    Duration::from_millis(from_ms + hash % (to_ms - from_ms).max(1))
}

impl Source for Simulator {
    fn kind(&self) -> SourceKind {
        SourceKind::Simulator
    }

    fn now(&self) -> Timestamp {
        self.cluster.now
    }

    fn cluster(&self, key: &str, arguments: &str, _: &Deadline) -> RawRecord {
        // As a shell takes the line apart: a bucket's name can be quoted in it.
        let words = shell_words::split(arguments).unwrap_or_default();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut output = self.cluster.weka(&words);
        let mut end = End::Exited(output.status);
        for odd in &self.cluster.odd_answers {
            if arguments.starts_with(&odd.command) {
                damage(odd.oddity, &mut output, &mut end);
            }
        }
        RawRecord {
            key: key.to_owned(),
            command: format!("weka {arguments}"),
            started_at: self.now(),
            duration: plausible(&[arguments], 310, 1_640),
            end,
            stdout: output.stdout,
            stderr: output.stderr,
            truncated: false,
        }
    }

    fn server(
        &self,
        server: &KnownServer,
        probes: &[&'static ServerProbe],
        _: &Deadline,
    ) -> ServerAnswer {
        let Some(found) = self.find(server) else {
            return unreached(Step::Dns, "no such server in the simulated cluster", 3);
        };
        let dies_after = match &found.reach {
            Reachability::Up => None,
            Reachability::Fails { step, detail, ms } => return unreached(*step, detail, *ms),
            Reachability::DiesAfter { probes } => Some(*probes),
        };
        let connect = plausible(&["connect", &found.name], 20, 90);
        let mut elapsed = Duration::ZERO;
        let mut records = Vec::new();
        for (n, probe) in probes.iter().enumerate() {
            let took = plausible(&[probe.key, &found.name], 2, 24);
            let lost = dies_after.is_some_and(|limit| n >= limit);
            records.push(self.probed(found, probe, elapsed, took, lost));
            elapsed += took;
            if lost {
                break;
            }
        }
        let error = dies_after.map(|_| ReachError {
            step: Step::Protocol,
            detail: "the connection was cut in the middle of the script".to_owned(),
        });
        ServerAnswer {
            reach: Reach {
                transport: Some(Transport::Simulated),
                error,
                ms: (connect + elapsed).as_millis() as u64,
            },
            records,
        }
    }

    fn here(&self) -> Option<KnownServer> {
        let here = self.cluster.here()?;
        Some(KnownServer {
            name: here.hostname.clone(),
            hostname: here.hostname.clone(),
            address: here.address().to_owned(),
            addresses: here.addresses.clone(),
            role: Role::Backend,
        })
    }
}

impl Simulator {
    /// One probe's record; half an answer when the server is lost on it.
    fn probed(
        &self,
        server: &Server,
        probe: &ServerProbe,
        before: Duration,
        took: Duration,
        lost: bool,
    ) -> RawRecord {
        let output = if probe.key == "host:clock" {
            // It is read in the middle of the round trip.
            let after = SignedDuration::try_from(before + took / 2).unwrap_or_default();
            self.cluster.clock_after(server, after)
        } else {
            self.cluster
                .probe(&server.name, probe.key)
                .or_else(|| self.answers.get(probe.key).map(|a| Output::text(a.clone())))
                .unwrap_or_else(|| Output::failed(127, format!("sh: {}: not found", probe.key)))
        };
        let mut record = RawRecord {
            key: probe.key.to_owned(),
            command: probe.script.to_owned(),
            started_at: self.now() + SignedDuration::try_from(before).unwrap_or_default(),
            duration: took,
            end: End::Exited(output.status),
            stdout: output.stdout,
            stderr: output.stderr,
            truncated: false,
        };
        if probe.key.starts_with(SCRIPT_KEY) {
            let why = "a simulated server runs no scripts".to_owned();
            record.end = End::NotRun(NotRun::Failed(why));
            record.stderr.clear();
        }
        if lost {
            record.end = End::Lost;
            record.stdout.truncate(record.stdout.len() / 2);
        }
        for output in [&mut record.stdout, &mut record.stderr] {
            if output.len() > probe.limit {
                output.truncate(probe.limit);
                record.truncated = true;
            }
        }
        record
    }
}

/// What a command's answer becomes on its way.
fn damage(oddity: Oddity, output: &mut Output, end: &mut End) {
    match oddity {
        Oddity::Half => output.stdout.truncate(output.stdout.len() / 2),
        Oddity::BetweenNoise => {
            output.stdout.splice(0..0, *b"[WARN] the cache is stale\n");
            output.stdout.extend_from_slice(b"\ndone.\n\0");
        }
        Oddity::TimesOut => {
            *end = End::TimedOut;
            output.stdout.clear();
        }
        Oddity::NoLeader => {
            *end = End::Exited(1);
            output.stdout.clear();
            output.stderr = b"error: there is no cluster leader right now\n\0".to_vec();
        }
    }
}

fn unreached(step: Step, detail: &str, ms: u64) -> ServerAnswer {
    ServerAnswer {
        reach: Reach {
            transport: None,
            error: Some(ReachError {
                step,
                detail: detail.to_owned(),
            }),
            ms,
        },
        records: Vec::new(),
    }
}
