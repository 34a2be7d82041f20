use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::deadline::Deadline;
use crate::evidence::{NotRun, RawRecord, Redactor};
use crate::server::{Reach, ReachError, Server, Step};
use crate::source::{ServerAnswer, ServerProbe, Source, SourceKind};

/// What a bundle holds of one server.
#[derive(Debug, Clone)]
pub(super) struct BundledServer {
    pub(super) server: Server,
    pub(super) reach: Reach,
    pub(super) records: Vec<RawRecord>,
}

/// The evidence of a bundle as a source: it answers as the cluster did.
#[derive(Debug, Clone)]
pub struct BundleSource(Arc<Evidence>);

#[derive(Debug)]
struct Evidence {
    now: Timestamp,
    here: Option<Server>,
    cluster: Vec<RawRecord>,
    servers: Vec<BundledServer>,
    /// The probes that some server answered.
    probes: HashSet<String>,
}

impl BundleSource {
    pub(super) fn new(
        now: Timestamp,
        here: Option<Server>,
        cluster: Vec<RawRecord>,
        servers: Vec<BundledServer>,
    ) -> Self {
        let probes = servers
            .iter()
            .flat_map(|s| &s.records)
            .map(|record| record.key.clone())
            .collect();
        Self(Arc::new(Evidence {
            now,
            here,
            cluster,
            servers,
            probes,
        }))
    }
}

impl Source for BundleSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Bundle
    }

    fn now(&self) -> Timestamp {
        self.0.now
    }

    fn cluster(&self, key: &str, arguments: &str, _: &Deadline) -> RawRecord {
        let command = format!("weka {arguments}");
        // As it was stored.
        let stored = Redactor::new().text(&command);
        self.0
            .cluster
            .iter()
            .find(|record| record.key == key && record.command == stored)
            .cloned()
            .unwrap_or_else(|| RawRecord::not_run(key, &command, self.0.now, NotRun::NotInBundle))
    }

    fn server(
        &self,
        server: &Server,
        probes: &[&'static ServerProbe],
        _: &Deadline,
    ) -> ServerAnswer {
        let known = self
            .0
            .servers
            .iter()
            .find(|s| s.server.name == server.name && s.server.address == server.address);
        let Some(known) = known else {
            return ServerAnswer {
                reach: Reach {
                    transport: None,
                    error: Some(ReachError {
                        step: Step::NotInBundle,
                        detail: "the bundle holds nothing of this server".to_owned(),
                    }),
                    ms: 0,
                },
                records: Vec::new(),
            };
        };
        let mut records = Vec::new();
        for probe in probes {
            match known.records.iter().find(|record| record.key == probe.key) {
                Some(record) => records.push(record.clone()),
                // A probe that this server alone did not answer is left out,
                // as it was then; one that nobody was asked is newer than the bundle.
                None if known.reach.complete() && !self.0.probes.contains(probe.key) => {
                    records.push(RawRecord::not_run(
                        probe.key,
                        probe.script,
                        self.0.now,
                        NotRun::NotInBundle,
                    ));
                }
                None => {}
            }
        }
        ServerAnswer {
            reach: known.reach.clone(),
            records,
        }
    }

    fn here(&self) -> Option<Server> {
        self.0.here.clone()
    }
}
