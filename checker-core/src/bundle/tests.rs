//! A run over a small cluster, into a bundle and out again.

#![expect(
    unreachable_pub,
    reason = "the macro declares checks for others to see"
)]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Bundle, BundleContents, Machine, RunSettings, open, write};
use crate::check::Context;
use crate::contract::{Judgement, Outcome};
use crate::deadline::Deadline;
use crate::engine::{self, Limits, Request, Run, Selection};
use crate::event::Observers;
use crate::evidence::{End, NotRun, RawRecord, Store};
use crate::facts::status::Status;
use crate::facts::{Fact, FactScope, Missing, View, reach::Reached};
use crate::registry::Registry;
use crate::release_data::ReleaseData;
use crate::report::Report;
use crate::server::{Reach, ReachError, Role, Server, Step, Transport};
use crate::source::{ClusterCommand, ServerAnswer, ServerProbe, Source, SourceKind};

static ALERTS: ClusterCommand = ClusterCommand {
    key: "weka:alerts",
    variants: &["alerts --severity debug -J", "alerts -J"],
    timeout: Duration::from_secs(5),
    needs_login: true,
};

static SLOW: ClusterCommand = ClusterCommand {
    key: "weka:slow",
    variants: &["slow -J"],
    timeout: Duration::from_secs(5),
    needs_login: true,
};

static UNITS: ServerProbe = ServerProbe {
    key: "host:units",
    script: "systemctl show",
    timeout: Duration::from_secs(5),
    limit: 1 << 20,
};

/// Asked by a newer tool than the one that made the bundle.
static NEWER: ServerProbe = ServerProbe {
    key: "host:newer",
    script: "true",
    timeout: Duration::from_secs(5),
    limit: 1 << 20,
};

/// A fact that is the text of one piece of evidence.
macro_rules! text_fact {
    ($type:ident, $name:literal, $scope:ident, $list:ident, $from:ident) => {
        #[derive(Debug, Serialize)]
        struct $type(String, String);

        impl Fact for $type {
            const NAME: &'static str = $name;
            const SCOPE: FactScope = FactScope::$scope;
            text_fact!(@ $list $from);

            fn read(view: &View<'_>) -> Result<Self, Missing> {
                let record = view.success($from.key)?;
                // To the nanosecond: a server's clock is measured by these.
                let time = format!("{} {:?}", record.started_at(), record.duration());
                Ok(Self(record.stdout_text().into_owned(), time))
            }
        }
    };
    (@ COMMANDS $from:ident) => {
        const COMMANDS: &'static [&'static ClusterCommand] = &[&$from];
    };
    (@ PROBES $from:ident) => {
        const PROBES: &'static [&'static ServerProbe] = &[&$from];
    };
}

text_fact!(Alerts, "test-alerts", Cluster, COMMANDS, ALERTS);
text_fact!(Slow, "test-slow", Cluster, COMMANDS, SLOW);
text_fact!(Units, "test-units", Server, PROBES, UNITS);
text_fact!(Newer, "test-newer", Server, PROBES, NEWER);

macro_rules! text_check {
    ($static:ident, $id:literal, $scope:ident, $fact:ident, $judge:expr) => {
        crate::check! {
            /// A check of this test.
            pub $static {
                id: $id,
                scope: [$scope],
                when: "all",
                levels: [Fail],
                sources: ["none"],
                needs: [&$fact],
                judge: $judge,
            }
        }
    };
}

text_check!(
    STATUS,
    "test/status",
    Cluster,
    Status,
    |_: &Context<'_>, s: &Status| { Judgement::fail(s.status.clone(), "Wait.") }
);
text_check!(
    ALERTED,
    "test/alerts",
    Cluster,
    Alerts,
    |_: &Context<'_>, a: &Alerts| { Judgement::pass(a.0.clone()).detail(a.1.clone()) }
);
text_check!(
    SLOWLY,
    "test/slow",
    Cluster,
    Slow,
    |_: &Context<'_>, s: &Slow| { Judgement::pass(s.0.clone()) }
);
text_check!(
    REACHED,
    "test/reached",
    Backend,
    Reached,
    |_: &Context<'_>, r: &Reached| {
        match &r.reach.error {
            None => Judgement::pass(format!("{} {} ms", r.address, r.reach.ms)),
            Some(error) => Judgement::fail(error.to_string(), "Mend it."),
        }
    }
);
text_check!(
    UNIT,
    "test/units",
    Backend,
    Units,
    |_: &Context<'_>, u: &Units| { Judgement::pass(u.0.clone()).detail(u.1.clone()) }
);
text_check!(
    NEW,
    "test/newer",
    Backend,
    Newer,
    |_: &Context<'_>, n: &Newer| { Judgement::pass(n.0.clone()) }
);

/// Names that the cluster can have for a server.
const NAMES: [&str; 6] = ["weka-01", "weka-02", "weka-03", "../x", "a/b", "\u{1b}[31m"];

fn long_name() -> String {
    format!("{}/{}", "n".repeat(200), "server")
}

/// A cluster in which one of everything goes wrong.
struct Fake;

impl Fake {
    fn started() -> Timestamp {
        "2026-07-20T02:00:00.123456789Z".parse().expect("a time")
    }

    fn record(key: &str, command: &str, end: End, out: &[u8], err: &[u8]) -> RawRecord {
        RawRecord {
            key: key.to_owned(),
            command: command.to_owned(),
            started_at: Self::started(),
            duration: Duration::from_nanos(1_234_567_891),
            end,
            stdout: out.to_vec(),
            stderr: err.to_vec(),
            truncated: false,
        }
    }

    fn names() -> Vec<String> {
        NAMES
            .iter()
            .map(|n| (*n).to_owned())
            .chain([long_name()])
            .collect()
    }
}

impl Source for Fake {
    fn kind(&self) -> SourceKind {
        SourceKind::Simulator
    }

    fn now(&self) -> Timestamp {
        Self::started()
    }

    fn cluster(&self, key: &str, arguments: &str, _: &Deadline) -> RawRecord {
        let containers: Vec<_> = (0..)
            .zip(Self::names())
            .map(|(n, name)| {
                serde_json::json!({"host_id": format!("HostId<{n}>"), "hostname": name, "container_name": "drives0",
                    "host_ip": format!("10.0.0.{n}"), "ips": [format!("10.0.0.{n}")], "mode": "backend", "status": "UP",
                    "join_secret": ["s3cr3t"]})
            })
            .collect();
        let (end, out, err): (End, String, &str) = match arguments {
            "status -J" => (
                End::Exited(0),
                r#"{"name":"lab-a","guid":"0b5c","release":"4.4.21.2","status":"DEGRADED","io_status":"STARTED","upgrade_info":{}}"#.to_owned(),
                "warning: token=s3cr3t\n",
            ),
            "cluster container -J" => (End::Exited(0), serde_json::to_string(&containers).expect("JSON"), ""),
            "alerts --severity debug -J" => (End::Exited(2), String::new(), "error: unknown option: --severity\n"),
            "alerts -J" => (End::Exited(0), "[]".to_owned(), ""),
            "slow -J" => (End::TimedOut, "[{".to_owned(), ""),
            _ => (End::NotRun(NotRun::Failed("no such thing".to_owned())), String::new(), ""),
        };
        Self::record(
            key,
            &format!("weka {arguments}"),
            end,
            out.as_bytes(),
            err.as_bytes(),
        )
    }

    fn server(
        &self,
        server: &Server,
        probes: &[&'static ServerProbe],
        _: &Deadline,
    ) -> ServerAnswer {
        let lost = |step, detail: &str| {
            Some(ReachError {
                step,
                detail: detail.to_owned(),
            })
        };
        let (transport, error) = match server.name.as_str() {
            "weka-02" => (None, lost(Step::Timeout, "nothing answered within 10 s")),
            "weka-03" => (Some(Transport::Ssh), lost(Step::Protocol, "cut")),
            _ => (Some(Transport::SystemSsh), None),
        };
        let records = probes
            .iter()
            .filter(|probe| transport.is_some() && probe.key == UNITS.key)
            .map(|probe| {
                let mut out = format!("Id=weka-agent of {}\n", server.address).into_bytes();
                // Bytes that are no text must come through as they are.
                out.extend_from_slice(b"\xff\x00\x1b[2J");
                let end = if error.is_some() {
                    End::Lost
                } else {
                    End::Exited(0)
                };
                Self::record(probe.key, probe.script, end, &out, b"")
            })
            .collect();
        ServerAnswer {
            reach: Reach {
                transport,
                error,
                ms: 321,
            },
            records,
        }
    }

    fn here(&self) -> Option<Server> {
        Some(Server {
            name: "weka-01".to_owned(),
            hostname: "weka-01".to_owned(),
            address: "10.0.0.0".to_owned(),
            addresses: vec!["10.0.0.0".to_owned()],
            role: Role::Backend,
        })
    }
}

fn judged(source: Arc<dyn Source>, selection: &Selection, newer: bool) -> Run {
    let mut registry = Registry::new();
    for check in [&STATUS, &ALERTED, &SLOWLY, &REACHED, &UNIT] {
        registry.register(Arc::new(check)).expect("a good id");
    }
    if newer {
        registry.register(Arc::new(&NEW)).expect("a good id");
    }
    let target = "4.4.33".parse().expect("a release");
    let data = ReleaseData::minimal(
        "test",
        jiff::civil::date(2026, 7, 15),
        ["4.4.33".parse().expect("a release")],
    );
    let request = Request {
        target,
        selection: selection.clone(),
        limits: Limits::default(),
        data: &data,
        tool_version: "0.1.0",
        argv: vec!["checker".to_owned()],
        host: "weka-01".to_owned(),
        interrupted: Arc::default(),
    };
    engine::run(source, &registry, request, &Observers::new()).expect("a run")
}

/// A run, with all that its bundle is made of.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) report: Report,
    pub(super) store: Store,
    pub(super) run: RunSettings,
    pub(super) log: Vec<u8>,
    pub(super) machine: Machine,
}

impl Sample {
    /// The same at each call.
    pub(super) fn new() -> Self {
        static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
            let Run { report, store, .. } = judged(Arc::new(Fake), &Selection::default(), false);
            Sample {
                run: RunSettings {
                    target: report.target_version.clone(),
                    selection: Selection::default(),
                    limits: Limits::default(),
                    started_at: report.run.started_at,
                    source: report.run.source,
                    here: Fake.here(),
                    acceptances: Vec::new(),
                },
                report,
                store,
                log: b"2026-07-20T02:00:00Z INFO begun\n".to_vec(),
                machine: Machine::here(),
            }
        });
        SAMPLE.clone()
    }

    pub(super) fn contents(&self) -> BundleContents<'_> {
        BundleContents {
            report: &self.report,
            store: &self.store,
            run: &self.run,
            log: &self.log,
            machine: &self.machine,
            data_version: "test",
        }
    }
}

/// The bytes of the sample's bundle.
pub(super) fn packed() -> Vec<u8> {
    static PACKED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let path = write(dir.path(), &Sample::new().contents()).expect("written");
        std::fs::read(path).expect("readable")
    });
    PACKED.clone()
}

fn reopened() -> Bundle {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("some-other-name.tar.gz");
    std::fs::write(&path, packed()).expect("written");
    open(&path).expect("a good bundle")
}

fn results(report: &Report) -> String {
    serde_json::to_string_pretty(&report.results).expect("JSON")
}

#[test]
fn the_sample_has_one_of_everything() {
    let Report {
        results, servers, ..
    } = Sample::new().report;
    for outcome in [Outcome::Pass, Outcome::Fail, Outcome::Unknown] {
        assert!(results.iter().any(|r| r.outcome == outcome), "{outcome}");
    }
    let mut names: Vec<_> = servers.iter().map(|s| s.name.clone()).collect();
    let mut expected = Fake::names();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn all_that_went_in_comes_out() {
    let sample = Sample::new();
    let bundle = reopened();
    assert_eq!(bundle.report, sample.report);
    assert_eq!(bundle.run, sample.run);
    assert_eq!(bundle.machine, sample.machine);
    assert_eq!(bundle.log, sample.log);
    assert_eq!(bundle.manifest.tool_version, "0.1.0");
    assert_eq!(bundle.manifest.data_version, "test");
    assert_eq!(
        bundle.manifest.name,
        "weka_upgrade_checker_lab-a_20260720T020000Z"
    );
    assert_eq!(bundle.source.here(), Fake.here());
    assert_eq!(bundle.source.now(), sample.run.started_at);
    assert_eq!(bundle.source.kind(), SourceKind::Bundle);
}

#[test]
fn judged_again_it_is_the_same() {
    let sample = Sample::new();
    let bundle = reopened();
    let again = judged(
        Arc::new(bundle.source.clone()),
        &bundle.run.selection,
        false,
    );
    assert_eq!(results(&again.report), results(&sample.report));
    assert_eq!(again.store, sample.store);
    assert_eq!(again.report.verdict, sample.report.verdict);
    assert_eq!(again.report.counts, sample.report.counts);
    assert_eq!(again.report.cluster, sample.report.cluster);
    assert_eq!(again.report.servers, sample.report.servers);
    assert_eq!(again.report.run.started_at, sample.report.run.started_at);
}

#[test]
fn a_bundle_of_a_replay_is_the_same_again() {
    let sample = Sample::new();
    let bundle = reopened();
    let again = judged(
        Arc::new(bundle.source.clone()),
        &bundle.run.selection,
        false,
    );
    let second = Sample {
        store: again.store,
        ..sample
    };
    let dir = tempfile::tempdir().expect("a directory");
    let path = write(dir.path(), &second.contents()).expect("written");
    assert!(std::fs::read(path).expect("readable") == packed());
}

#[test]
fn what_a_bundle_does_not_hold_is_unknown() {
    let bundle = reopened();
    let run = judged(Arc::new(bundle.source.clone()), &bundle.run.selection, true);
    let newer = |target: &str| {
        run.report
            .results
            .iter()
            .find(|r| r.check == "test/newer" && r.target == target)
            .expect("a result")
    };
    assert_eq!(newer("weka-01").outcome, Outcome::Unknown);
    assert_eq!(
        newer("weka-01").summary,
        "`host:newer` on weka-01: not run: the bundle does not hold it"
    );
    assert_eq!(
        newer("weka-02").summary,
        "not reached: connect timeout: nothing answered within 10 s"
    );

    let nowhere = Deadline::within(Duration::ZERO);
    let record = bundle.source.cluster("weka:other", "other -J", &nowhere);
    assert_eq!(record.end, End::NotRun(NotRun::NotInBundle));
    let other = Server {
        address: "10.9.9.9".to_owned(),
        ..Fake.here().expect("a server")
    };
    let answer = bundle.source.server(&other, &[&UNITS], &nowhere);
    assert_eq!(answer.reach.error.map(|e| e.step), Some(Step::NotInBundle));
    assert!(answer.records.is_empty());
}

#[test]
fn no_secret_is_in_it() {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed().as_slice())
        .read_to_end(&mut bytes)
        .expect("unpacked");
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("[redacted]"));
    assert!(!text.contains("s3cr3t"));
}

#[test]
fn the_paths_are_safe_and_support_finds_its_way() {
    let paths: Vec<String> = reopened()
        .manifest
        .files
        .into_iter()
        .map(|f| f.path)
        .collect();
    insta::assert_snapshot!(paths.join("\n"));
}

/// The manifest guards the report's bytes, the digest what the run wrote.
#[test]
fn the_seal_of_the_report_is_told() {
    use crate::report::Seal;
    let seal = |change: fn(&mut Report)| {
        let mut sample = Sample::new();
        change(&mut sample.report);
        let dir = tempfile::tempdir().expect("a directory");
        let path = write(dir.path(), &sample.contents()).expect("written");
        open(&path).expect("a good bundle").seal
    };
    assert_eq!(seal(|_| {}), Seal::Intact);
    assert_eq!(seal(|report| report.run.host.push('x')), Seal::Altered);
    // Of a release that made none: then the manifest must do.
    assert_eq!(seal(|report| report.digest = None), Seal::Intact);
}
