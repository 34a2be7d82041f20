//! Evidence by hand, for the tests of checks: raw text in, result out, through
//! the same parsers and the same engine as in a run.

pub mod parsers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::check::{Check, UpgradePath, macro_support::BuiltIn};
use crate::engine::{Rejudge, Run, Selection, judge_only};
use crate::evidence::{End, RawRecord, Record, Redactor, ServerEvidence, Store};
use crate::facts::{Fact, FactSpec, View, status::Status};
use crate::registry::Registry;
use crate::release_data::ReleaseData;
use crate::report::CheckResult;
use crate::server::{Reach, ReachError, Role, Server, Step, Transport};
use crate::version::Version;

/// Evidence that a test puts together.
#[derive(Debug, Clone)]
pub struct Evidence {
    store: Store,
    now: Timestamp,
    data: ReleaseData,
}

impl Default for Evidence {
    fn default() -> Self {
        Self::new()
    }
}

impl Evidence {
    /// No evidence at all, judged on 2026-07-20 by data of 2026-07-15.
    #[must_use]
    pub fn new() -> Self {
        Self {
            store: Store::default(),
            now: "2026-07-20T02:00:00Z".parse().expect("a time"),
            data: ReleaseData::minimal(
                "test",
                jiff::civil::date(2026, 7, 15),
                ["4.4.33".parse().expect("a release")],
            ),
        }
    }

    /// A healthy `weka status -J` of this release, and nothing else.
    #[must_use]
    pub fn running(release: &str) -> Self {
        Self::new().weka(
            "weka:status",
            &serde_json::json!({
                "name": "lab-a", "guid": "0b5c3a52-6a4c-4c0e-9d53-2f1e7c1f9a10", "release": release,
                "status": "OK", "io_status": "STARTED", "active_alerts_count": 0,
                "block_upgrade_task": {"type": "INVALID", "state": "IDLE", "progress": 0, "taskId": "BlockTaskId<0>"},
                "upgrade_info": {"upgrade_paused": false, "upgrade_phase": "", "upgrade_type": "agent-driven"},
                "containers": {"active": 9, "total": 9, "backends": {"active": 9, "total": 9}, "clients": {"active": 0, "total": 0}},
                "drives": {"active": 36, "total": 36}, "io_nodes": {"active": 60, "total": 60},
                "buckets": {"active": 150, "total": 150}, "net": {"link_layer": "ETH"},
                "time": {"allowed_clock_skew_secs": 60},
                "rebuild": {"progressPercent": 0, "unavailableMiB": 0, "protectionState": [{"numFailures": 0, "MiB": 4_000_000, "percent": 100}]},
            })
            .to_string(),
        )
    }

    /// Judged at another time.
    #[must_use]
    pub fn at(mut self, now: &str) -> Self {
        self.now = now.parse().expect("a time");
        self
    }

    /// Judged by other release data.
    #[must_use]
    pub fn by(mut self, data: ReleaseData) -> Self {
        self.data = data;
        self
    }

    /// A cluster command that succeeded.
    #[must_use]
    pub fn weka(self, key: &str, stdout: &str) -> Self {
        self.weka_ended(key, End::Exited(0), stdout, "")
    }

    /// A cluster command that ended in any way.
    #[must_use]
    pub fn weka_ended(mut self, key: &str, end: End, stdout: &str, stderr: &str) -> Self {
        let command = format!("weka {} -J", key.trim_start_matches("weka:"));
        let raw = raw(key, &command, end, stdout, stderr, self.now);
        self.store.insert_cluster(Redactor::new().seal(raw));
        self
    }

    /// A cluster command that succeeded in this one of its spellings
    /// (`cluster task -J`), for facts that depend on which one it was.
    #[must_use]
    pub fn weka_spelt(mut self, key: &str, arguments: &str, stdout: &str) -> Self {
        let command = format!("weka {arguments}");
        let raw = raw(key, &command, End::Exited(0), stdout, "", self.now);
        self.store.insert_cluster(Redactor::new().seal(raw));
        self
    }

    /// A backend that answered these probes, each with exit status 0.
    #[must_use]
    pub fn backend(self, name: &str, probes: &[(&str, &str)]) -> Self {
        self.server(name, Role::Backend, probes)
    }

    /// A client that answered these probes, each with exit status 0.
    #[must_use]
    pub fn client(self, name: &str, probes: &[(&str, &str)]) -> Self {
        self.server(name, Role::Client, probes)
    }

    fn server(self, name: &str, role: Role, probes: &[(&str, &str)]) -> Self {
        let records: Vec<_> = probes
            .iter()
            .map(|(key, stdout)| raw(key, key, End::Exited(0), stdout, "", self.now))
            .collect();
        self.server_answered(name, role, records)
    }

    /// A server whose probes ended in any way; see [`Evidence::record`].
    #[must_use]
    pub fn server_answered(self, name: &str, role: Role, records: Vec<RawRecord>) -> Self {
        let reach = Reach {
            transport: Some(Transport::Ssh),
            error: None,
            ms: 42,
        };
        self.server_reached(name, role, reach, records)
    }

    /// A server that was reached in any way, and then answered or not.
    #[must_use]
    pub fn server_reached(
        mut self,
        name: &str,
        role: Role,
        reach: Reach,
        records: Vec<RawRecord>,
    ) -> Self {
        let redactor = Redactor::new();
        self.store.insert_server(ServerEvidence {
            server: self.server_named(name, role),
            reach,
            records: records
                .into_iter()
                .map(|raw| (raw.key.clone(), redactor.seal(raw)))
                .collect(),
        });
        self
    }

    /// A record for [`Evidence::server_answered`].
    #[must_use]
    pub fn record(&self, key: &str, end: End, stdout: &str, stderr: &str) -> RawRecord {
        raw(key, key, end, stdout, stderr, self.now)
    }

    /// A server that was not reached.
    #[must_use]
    pub fn unreached(mut self, name: &str, role: Role, step: Step, detail: &str) -> Self {
        self.store.insert_server(ServerEvidence {
            server: self.server_named(name, role),
            reach: Reach {
                transport: None,
                error: Some(ReachError {
                    step,
                    detail: detail.to_owned(),
                }),
                ms: 10_000,
            },
            records: BTreeMap::new(),
        });
        self
    }

    /// `weka-01` gets the address `10.0.0.1`, and so on by its number.
    fn server_named(&self, name: &str, role: Role) -> Server {
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        let number: u8 = digits.parse().unwrap_or(200);
        let address = format!("10.0.0.{number}");
        Server {
            name: name.to_owned(),
            hostname: name.to_owned(),
            addresses: vec![address.clone()],
            address,
            role,
        }
    }

    /// Every result of one check.
    #[must_use]
    pub fn judge(&self, check: &'static BuiltIn, target: &str) -> Vec<CheckResult> {
        let mut registry = Registry::new();
        registry.register(Arc::new(check)).expect("a good id");
        let target: Version = target.parse().expect("a release");
        let path = Status::read(&View::cluster(&self.store))
            .ok()
            .map(|status| UpgradePath {
                from: status.release,
                to: target.clone(),
            });
        let selection = Selection {
            clients: true,
            ..Selection::default()
        };
        judge_only(
            &registry,
            &selection,
            &self.store,
            path.as_ref(),
            &target,
            self.now,
            &self.data,
        )
        .expect("a plan")
    }

    /// The only result of one check.
    #[must_use]
    #[track_caller]
    pub fn judge_one(&self, check: &'static BuiltIn, target: &str) -> CheckResult {
        let mut results = self.judge(check, target);
        assert_eq!(results.len(), 1, "{results:#?}");
        results.remove(0)
    }
}

/// What a run collected, to be damaged in one place and judged again without
/// asking anybody.
#[derive(Debug, Clone)]
pub struct Collected {
    store: Store,
    now: Timestamp,
    target: Version,
}

/// Where one answer stands in [`Collected`] evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The server that answered; `None` for the cluster's commands.
    pub server: Option<String>,
    /// The key of the evidence.
    pub key: String,
}

impl Collected {
    /// What this run collected.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            store: run.store.clone(),
            now: run.report.run.started_at,
            target: run.report.target_version.clone(),
        }
    }

    /// Only what these checks say they are judged by, and the status, which
    /// tells where the upgrade starts.
    #[must_use]
    pub fn only_for(&self, checks: &[Arc<dyn Check>]) -> Self {
        let needs: Vec<FactSpec> = checks.iter().flat_map(|check| check.needs()).collect();
        let needed = |key: &str| {
            let (stem, _) = key.split_once('/').unwrap_or((key, ""));
            stem == "weka:status" || needs.iter().any(|spec| spec.evidence().any(|k| k == stem))
        };
        let mut store = Store::default();
        for record in self.store.cluster_records() {
            if needed(record.key()) {
                store.insert_cluster(record.clone());
            }
        }
        for server in self.store.servers() {
            let mut server = server.clone();
            server.records.retain(|key, _| needed(key));
            store.insert_server(server);
        }
        Self {
            store,
            now: self.now,
            target: self.target.clone(),
        }
    }

    /// Every place where there is an answer.
    #[must_use]
    pub fn slots(&self) -> Vec<Slot> {
        let cluster = self.store.cluster_records().map(|record| Slot {
            server: None,
            key: record.key().to_owned(),
        });
        let servers = self.store.servers().iter().flat_map(|server| {
            server.records.keys().map(|key| Slot {
                server: Some(server.server.name.clone()),
                key: key.clone(),
            })
        });
        let mut slots: Vec<Slot> = cluster.chain(servers).collect();
        slots.dedup();
        slots
    }

    /// The answer that counts in this place.
    #[must_use]
    pub fn record(&self, slot: &Slot) -> Option<&Record> {
        match &slot.server {
            None => self.store.cluster(&slot.key),
            Some(name) => {
                let mut servers = self.store.servers().iter();
                servers
                    .find(|s| s.server.name == *name)
                    .and_then(|s| s.records.get(&slot.key))
            }
        }
    }

    /// The same evidence, but for this place, where something else was answered.
    #[must_use]
    pub fn with(&self, slot: &Slot, end: End, stdout: &[u8], stderr: &str) -> Self {
        let Some(record) = self.record(slot) else {
            return self.clone();
        };
        let record = record.answering(end, stdout.to_vec(), stderr.as_bytes().to_vec());
        let mut store = self.store.clone();
        match &slot.server {
            // The answer given last is the one that counts.
            None => store.insert_cluster(record),
            Some(name) => store.add_to_server(name, vec![record]),
        }
        Self {
            store,
            now: self.now,
            target: self.target.clone(),
        }
    }

    /// Every result of these checks.
    #[must_use]
    pub fn judge(&self, checks: &[Arc<dyn Check>], data: &ReleaseData) -> Vec<CheckResult> {
        let slot = Slot {
            server: None,
            key: String::new(),
        };
        self.again(checks, data).judge(self, &slot)
    }

    /// These checks, to be judged over this evidence with one place damaged.
    #[must_use]
    pub fn again<'d>(&self, checks: &[Arc<dyn Check>], data: &'d ReleaseData) -> Again<'d> {
        let mut registry = Registry::new();
        for check in checks {
            registry.register(Arc::clone(check)).expect("a good id");
        }
        Again(Rejudge::new(&registry, &self.store, &self.target, self.now, data).expect("a plan"))
    }
}

/// Checks that are judged again and again; see [`Collected::again`].
pub struct Again<'d>(Rejudge<'d>);

impl Again<'_> {
    /// Every result over evidence that differs in this place from that of the beginning.
    #[must_use]
    pub fn judge(&self, damaged: &Collected, slot: &Slot) -> Vec<CheckResult> {
        self.0
            .judge(&damaged.store, &slot.key, slot.server.as_deref())
    }
}

fn raw(key: &str, command: &str, end: End, out: &str, err: &str, at: Timestamp) -> RawRecord {
    RawRecord {
        key: key.to_owned(),
        command: command.to_owned(),
        started_at: at,
        duration: Duration::from_millis(40),
        end,
        stdout: out.as_bytes().to_vec(),
        stderr: err.as_bytes().to_vec(),
        truncated: false,
    }
}
