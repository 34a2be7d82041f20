//! Everything that an upgrade tells people and programs, as it reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;

use super::commands::Dialect;
use super::executor::{JobId, JobState, Secret};
use super::journal::{Entry, Line, Story};
use super::observe::{ClusterState, ContainerState, Phase};
use super::outcome::{self, Summary};
use super::plan::{
    ClientChoice, ClientOptions, Distribution, Hops, Options, Plan, StepKind, Until,
};
use super::run::{GateAnswer, Outcome};
use super::status::{Found, Known, State, Status};
use super::stop::{Detached, Failure, Stop};
use crate::facts::status::BlockTask;
use crate::facts::{Missing, Why};
use crate::gate::{self, Policy};
use crate::release_data::{CapacityOverride, ReleaseData, Window};
use crate::report::{TextOptions, sample};
use crate::version::Version;

const OPTIONS: TextOptions = TextOptions {
    color: false,
    width: 100,
    verbose: false,
};

fn version(text: &str) -> Version {
    text.parse().expect("a release")
}

fn versions(texts: &[&str]) -> Vec<Version> {
    texts.iter().map(|text| version(text)).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Three backends of three containers each, two clients.
fn cluster(release: &str) -> ClusterState {
    let container = |id, hostname: &str, name: &str, phase| ContainerState {
        id,
        hostname: hostname.to_owned(),
        name: name.to_owned(),
        phase,
        release: Some(version(release)),
        up: true,
        port: Some(14000),
        stateless: false,
    };
    let mut backends = Vec::new();
    for server in 1..=3_u64 {
        let host = format!("weka-0{server}");
        for (n, (name, phase)) in [
            ("drives0", Phase::Drives),
            ("compute0", Phase::Computes),
            ("frontend0", Phase::Frontends),
        ]
        .into_iter()
        .enumerate()
        {
            backends.push(container(server * 3 + n as u64, &host, name, phase));
        }
    }
    let clients = vec![
        container(21, "client-01", "client", Phase::Frontends),
        ContainerState {
            stateless: true,
            ..container(22, "client-02", "client", Phase::Frontends)
        },
    ];
    ClusterState {
        name: "lab-a".into(),
        guid: "5516e58b-4754-4bed-bcc0-e76e7c6bd685".into(),
        release: version(release),
        status: "OK".into(),
        io_status: "STARTED".into(),
        upgrade_phase: String::new(),
        paused: false,
        conversion: None,
        backends,
        clients,
        processes_down: Vec::new(),
        unprotected: None,
        alerts: BTreeMap::new(),
    }
}

/// The same with its first drive containers on the release.
fn in_the_drives(to: &str) -> ClusterState {
    let mut state = cluster("4.4.21.2");
    for container in &mut state.backends {
        if container.phase == Phase::Drives && container.hostname != "weka-03" {
            container.release = Some(version(to));
        }
    }
    state.upgrade_phase = "DrivePhase".into();
    state
}

// ---- plans ----

fn plan(releases: &[&str], options: &Options, dialect: Dialect) -> Plan {
    Plan::new(
        &cluster(releases[0]),
        &versions(releases),
        options,
        dialect,
        Some("weka-01"),
        &data(),
        Story::of(&[]),
    )
}

/// What is left to be done where an upgrade was begun, or is over.
#[rstest]
#[case::half_way("plan_of_what_is_left_half_way", in_the_drives("4.4.33"))]
#[case::clients_alone("plan_of_the_clients_alone", clients_behind())]
fn plans_of_what_is_left(#[case] name: &str, #[case] state: ClusterState) {
    let plan = |story| {
        Plan::new(
            &state,
            &versions(&["4.4.21.2", "4.4.33"]),
            &ClientOptions {
                which: ClientChoice::Ids(vec![21]),
                batch: 1,
                drop: Vec::new(),
            }
            .alone(),
            Dialect::LocalRun,
            Some("weka-01"),
            &data(),
            story,
        )
    };
    let text = plan(Story::of(&[])).text(&OPTIONS);
    insta::assert_snapshot!(name, text);
    // The gate has answered in this upgrade, whose backends these are.
    let asked = [
        line(
            1,
            Entry::Gate {
                hop: 1,
                report: "r".into(),
                open: true,
                verdict: "GATE OPEN".into(),
                accepted: Vec::new(),
            },
        ),
        journal().swap_remove(2),
    ];
    let text = plan(Story::of(&asked)).text(&OPTIONS);
    assert!(!text.contains("ask the gate\n"), "{text}");
}

/// The backends are upgraded, and a client is not.
fn clients_behind() -> ClusterState {
    let mut state = cluster("4.4.33");
    state.clients[0].release = Some(version("4.4.21.2"));
    state
}

/// `weka upgrade backends` has no option for a port.
#[test]
fn a_port_that_is_not_used_is_told() {
    let options = Options {
        mgmt_port: Some(14500),
        ..Options::default()
    };
    let told = |dialect| {
        let text = plan(&["4.4.21.2", "4.4.33"], &options, dialect).text(&OPTIONS);
        text.contains("--mgmt-port 14500 is not used")
    };
    assert!(told(Dialect::Wrapper));
    assert!(!told(Dialect::LocalRun));
}

#[rstest]
#[case::there("drives0", Some("weka-01"), None)]
#[case::with_its_domain("drives0", Some("weka-01.lab.example"), None)]
#[case::on_another_server("drives9", Some("weka-01"), Some(&["compute0", "drives0", "frontend0"][..]))]
#[case::there_itself("drives9", Some("weka-03"), None)]
#[case::where_is_not_known("drives9", None, None)]
#[case::nowhere("drives8", None, Some(&["compute0", "drives0", "drives9", "frontend0"][..]))]
fn containers_that_are_not_there(
    #[case] name: &str,
    #[case] here: Option<&str>,
    #[case] there: Option<&[&str]>,
) {
    let mut state = cluster("4.4.21.2");
    let mut other = state.backends[6].clone();
    other.name = "drives9".to_owned();
    state.backends.push(other);
    let options = Options {
        container: Some(name.to_owned()),
        ..Options::default()
    };
    let expected = there.map(names);
    assert_eq!(options.lacks_container(&state, here), expected);
}

impl ClientOptions {
    fn alone(self) -> Options {
        Options {
            clients: Some(self),
            ..Options::default()
        }
    }
}

/// With the one rule that a plan asks for.
fn data() -> ReleaseData {
    let date = jiff::civil::date(2026, 7, 15);
    let mut data = ReleaseData::minimal("test", date, Vec::new());
    data.rules.capacity_override = CapacityOverride {
        key: "rpc.exception.version".into(),
        value: "1".into(),
        supported_in: vec![
            Window::half_open(Some(version("4.2.16")), Some(version("4.3"))),
            Window::half_open(Some(version("4.4.6")), None),
        ],
    };
    data
}

fn with_clients() -> Options {
    Options {
        clients: Some(ClientOptions {
            which: ClientChoice::All,
            batch: 2,
            drop: Vec::new(),
        }),
        ..Options::default()
    }
}

#[test]
fn plan_of_one_hop() {
    let plan = plan(
        &["4.4.21.2", "4.4.33"],
        &Options::default(),
        Dialect::LocalRun,
    );
    insta::assert_snapshot!(plan.text(&OPTIONS));
}

#[test]
fn plan_of_one_hop_json() {
    let plan = plan(
        &["4.4.21.2", "4.4.33"],
        &Options::default(),
        Dialect::LocalRun,
    );
    insta::assert_snapshot!(plan.json());
}

#[test]
fn plan_of_two_hops_with_an_override_and_clients() {
    let releases = ["4.2.14.10", "4.4.26", "5.1.25"];
    let plan = plan(&releases, &with_clients(), Dialect::LocalRun);
    insta::assert_snapshot!(plan.text(&OPTIONS));
}

#[test]
fn plan_in_the_wrapper_dialect_from_a_site_with_a_token() {
    let options = Options {
        distribution: Distribution::WithToken {
            site: "https://get.weka.io".into(),
            url: Secret::new("https://t0k3n@get.weka.io"),
        },
        ..Options::default()
    };
    let text = plan(&["6.0.5", "6.1.0"], &options, Dialect::Wrapper).text(&OPTIONS);
    assert!(!text.contains("t0k3n"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn plan_as_far_as_all_backends_of_the_next_hop_from_a_package() {
    let options = Options {
        distribution: Distribution::Package(PathBuf::from("/mnt/it's here/weka-4.4.26.tar")),
        until: Until::Distributed,
        hops: Hops::Next,
        ..Options::default()
    };
    let plan = plan(
        &["4.2.18.34", "4.4.26", "5.1.25"],
        &options,
        Dialect::LocalRun,
    );
    insta::assert_snapshot!(plan.text(&OPTIONS));
}

#[test]
fn plan_on_a_narrow_terminal() {
    let plan = plan(
        &["4.4.21.2", "4.4.33"],
        &Options::default(),
        Dialect::LocalRun,
    );
    let narrow = TextOptions {
        width: 60,
        ..OPTIONS
    };
    insta::assert_snapshot!(plan.text(&narrow));
}

// ---- stops ----

fn silent() -> Missing {
    Missing {
        evidence: "weka:status".into(),
        command: "weka status -J".into(),
        server: None,
        why: Why::TimedOut,
    }
}

fn stopped(step: StepKind, failure: Failure) -> Stop {
    let (from, to) = (version("4.4.21.2"), version("4.4.33"));
    Stop::new(1, from, to.clone(), to, step, failure)
}

/// Every kind of stop, by a name.
fn stops() -> Vec<(&'static str, Stop)> {
    use StepKind as S;
    let to = || version("4.4.33");
    let left = || names(&["weka-02:drives0", "weka-03:drives0"]);
    let output = |lines: &[&str]| names(lines);
    let failed = output(&["Starting upgrade of weka-02:drives0", "error: timed out"]);
    vec![
        (
            "no_checks",
            stopped(S::Gate, Failure::NoChecks("no server is known".into())),
        ),
        (
            "another_path",
            stopped(
                S::Gate,
                Failure::AnotherPath {
                    planned: to(),
                    found: versions(&["4.4.21.2", "4.4.26", "4.4.33"]),
                },
            ),
        ),
        (
            "half_way",
            stopped(
                S::Gate,
                Failure::HalfWay {
                    to: to(),
                    left: left(),
                    phase: "DrivePhase".into(),
                },
            ),
        ),
        (
            "get",
            stopped(
                S::Get,
                Failure::Get {
                    output: output(&[
                        "error: failed to download version 4.4.33 from get.weka.io: 401 Unauthorized",
                    ]),
                },
            ),
        ),
        ("not_there", stopped(S::Get, Failure::NotThere(to()))),
        (
            "prepare",
            stopped(
                S::Prepare,
                Failure::Prepare {
                    output: output(&[
                        "error: failed to build the driver: make exited with status 2",
                    ]),
                },
            ),
        ),
        (
            "distribute",
            stopped(
                S::Distribute,
                Failure::Distribute {
                    servers: names(&["weka-02", "weka-03"]),
                    output: output(&[
                        "error: preparation failed on weka-02: the host is not connected",
                    ]),
                },
            ),
        ),
        (
            "distribute_nobody_named",
            stopped(
                S::Distribute,
                Failure::Distribute {
                    servers: Vec::new(),
                    output: output(&["error: alerts are active"]),
                },
            ),
        ),
        (
            "override",
            stopped(
                S::Override,
                Failure::Override {
                    output: output(&["error: permission denied"]),
                },
            ),
        ),
        (
            "phase",
            stopped(
                S::Backends,
                Failure::Phase {
                    phase: Phase::Drives,
                    done: 1,
                    all: 9,
                    left: left(),
                    output: failed.clone(),
                },
            ),
        ),
        (
            "cleanup",
            stopped(
                S::Backends,
                Failure::Cleanup {
                    phase: Phase::Frontends,
                    output: output(&["error: cleanup of frontend containers failed"]),
                },
            ),
        ),
        (
            "lost",
            stopped(
                S::Backends,
                Failure::Lost {
                    phase: Some(Phase::Drives),
                    done: 1,
                    all: 9,
                    left: left(),
                },
            ),
        ),
        (
            "command_lost",
            stopped(
                S::Prepare,
                Failure::CommandLost {
                    output: output(&["Preparing version 4.4.33"]),
                },
            ),
        ),
        (
            "version_unchanged",
            stopped(
                S::Backends,
                Failure::VersionUnchanged {
                    to: to(),
                    left: left(),
                    output: output(&["Upgrade finished"]),
                },
            ),
        ),
        ("paused", stopped(S::Backends, Failure::Paused)),
        (
            "stalled",
            stopped(
                S::Backends,
                Failure::Stalled {
                    for_: Duration::from_secs(1860),
                    output: failed,
                },
            ),
        ),
        (
            "not_settled",
            stopped(
                S::Verify,
                Failure::NotSettled(names(&[
                    "containers not up: weka-02:compute0",
                    "data is not fully protected: some has lost 1 of its copies",
                ])),
            ),
        ),
        (
            "conversion",
            stopped(S::Conversion, Failure::Conversion { progress: Some(37) }),
        ),
        (
            "clients",
            stopped(
                S::Clients,
                Failure::Clients {
                    done: names(&["client-01:client (21)"]),
                    failed: names(&["client-03:client (23)"]),
                    left: names(&["client-04:client (24)"]),
                    output: output(&["error: client-03:client did not come up"]),
                },
            ),
        ),
        ("silent", stopped(S::Verify, Failure::Silent(silent()))),
        (
            "not_seen",
            stopped(
                S::Backends,
                Failure::NotSeen("connect timeout: port 22".into()),
            ),
        ),
        (
            "not_started",
            stopped(
                S::Distribute,
                Failure::NotStarted {
                    command: "weka version prepare 4.4.33".into(),
                    words: "mkdir: No space left on device".into(),
                },
            ),
        ),
        (
            "busy",
            stopped(
                S::Backends,
                Failure::Busy(JobId::new("1f2e3d4c-1-backends-1").expect("a name")),
            ),
        ),
        (
            "declined",
            stopped(
                S::Override,
                Failure::Declined("Run `weka debug override add`?".into()),
            ),
        ),
        (
            "beyond",
            stopped(
                S::Gate,
                Failure::Beyond {
                    to: to(),
                    later: left(),
                },
            ),
        ),
    ]
}

/// Each says what is the matter in its first line and what to do in its last.
#[test]
fn stops_as_they_read() {
    let mut all = String::new();
    for (name, stop) in stops() {
        let text = stop.text(&OPTIONS);
        assert!(
            text.starts_with("STOPPED in hop 1 (4.4.21.2 → 4.4.33), at “"),
            "{name}: {text}"
        );
        assert!(text.contains("\nNext: "), "{name}: {text}");
        all.push_str(&format!("== {name}\n{text}\n"));
    }
    insta::assert_snapshot!(all);
}

/// Whoever reads at two in the morning must know how the cluster is: either
/// nothing was begun, or what is upgraded, or that a command goes on.
#[test]
fn every_stop_tells_the_state_of_the_cluster() {
    for (name, stop) in stops() {
        let text = stop
            .text(&OPTIONS)
            .replace('\n', " ")
            .replace("      ", " ");
        let tells = [
            "othing was begun",
            "othing more was begun",
            "o container was upgraded",
            "o container was touched",
            "are upgraded",
            "are left",
            "goes on",
            "go on",
            "two releases",
            "run 4.4.33",
            "not on 4.4.33",
            "does no harm",
            "not started",
            "paused",
        ];
        assert!(
            tells.iter().any(|words| text.contains(words)),
            "{name}: {text}"
        );
    }
}

/// The table in the guide has a row for each kind of stop, and no other rows.
#[test]
fn every_stop_stands_in_the_guide() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = core
        .parent()
        .expect("the workspace")
        .join("docs/upgrade.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let rows: Vec<&str> = guide
        .lines()
        .filter_map(|line| line.strip_prefix("| “")?.split_once("” |"))
        .map(|(words, _)| words)
        .collect();
    let fits = |words: &str, text: &str| {
        let mut rest = Some(text);
        for part in words.split('…') {
            rest = rest
                .and_then(|rest| rest.split_once(part.trim()))
                .map(|(_, rest)| rest);
        }
        rest.is_some()
    };
    let stops: Vec<(&str, String)> = stops()
        .into_iter()
        .map(|(name, stop)| (name, stop.failure.to_string()))
        .collect();
    for (name, text) in &stops {
        assert!(rows.iter().any(|row| fits(row, text)), "{name}: {text}");
    }
    for row in rows {
        assert!(stops.iter().any(|(_, text)| fits(row, text)), "{row}");
    }
}

#[test]
fn a_stop_says_what_its_command_printed_without_control_characters() {
    let failure = Failure::Get {
        output: names(&["\u{1b}[31merror\u{1b}[0m: no"]),
    };
    let text = stopped(StepKind::Get, failure).text(&OPTIONS);
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

// ---- outcomes ----

fn answer(unverified: bool) -> GateAnswer {
    GateAnswer {
        open: false,
        unverified,
        verdict: "GATE CLOSED: cluster lab-a, 4.4.21.2 → 4.4.33; 1 failure".into(),
        report: "r".into(),
        accepted: Vec::new(),
        path: Vec::new(),
    }
}

fn done(until: Until, warnings: &[&str]) -> Outcome {
    Outcome::Done {
        release: version(match until {
            Until::End => "4.4.33",
            Until::Prepared | Until::Distributed => "4.4.21.2",
        }),
        warnings: names(warnings),
        until,
    }
}

fn outcomes() -> Vec<(&'static str, u8, Outcome)> {
    let warning = "a new alert since the upgrade began: DriveDown (A drive is down)";
    let (_, stop) = stops().swap_remove(6);
    vec![
        ("upgraded", 0, done(Until::End, &[])),
        (
            "with_warnings",
            1,
            done(Until::End, &[warning, "weka-02: write combining is off"]),
        ),
        ("prepared", 0, done(Until::Prepared, &[])),
        ("distributed", 0, done(Until::Distributed, &[])),
        (
            "gate_closed",
            2,
            Outcome::GateClosed {
                hop: 1,
                answer: answer(false),
                clients: false,
                begun: false,
            },
        ),
        (
            "gate_closed_in_the_second_hop",
            10,
            Outcome::GateClosed {
                hop: 2,
                answer: answer(true),
                clients: false,
                begun: true,
            },
        ),
        ("stopped", 10, Outcome::Stopped(Box::new(stop))),
        (
            "gate_closed_for_the_clients",
            2,
            Outcome::GateClosed {
                hop: 1,
                answer: answer(false),
                clients: true,
                begun: false,
            },
        ),
        (
            "left",
            10,
            Outcome::Detached(Detached {
                hop: 1,
                step: StepKind::Backends,
            }),
        ),
    ]
}

#[test]
fn outcomes_as_they_read() {
    let mut all = String::new();
    for (name, _, outcome) in outcomes() {
        let text = outcome::text(&outcome, None, &OPTIONS);
        all.push_str(&format!("== {name}\n{text}\n"));
    }
    insta::assert_snapshot!(all);
}

/// With all that the gate has to say, and our last word in place of its own.
#[rstest]
#[case::plain(false)]
#[case::with_colour(true)]
fn a_closed_gate_as_it_reads(#[case] color: bool) {
    let report = sample::mixed();
    let decision = gate::decide(&report, &Policy::live(report.run.finished_at));
    let closed = Outcome::GateClosed {
        hop: 1,
        answer: answer(false),
        clients: false,
        begun: false,
    };
    let text = outcome::text(&closed, Some(&decision), &TextOptions { color, ..OPTIONS });
    assert_eq!(text.matches("Next: ").count(), 1, "{text}");
    if !color {
        insta::assert_snapshot!(text);
    }
}

#[test]
fn outcomes_as_json() {
    let mut all = String::new();
    for (name, exit, outcome) in outcomes() {
        let json = Summary::of(&outcome, None, exit).json();
        all.push_str(&format!("== {name}\n{json}\n"));
    }
    insta::assert_snapshot!(all);
}

// ---- status ----

fn line(second: i64, entry: Entry) -> Line {
    let at = Timestamp::from_second(1_780_000_000 + second).expect("a time");
    Line { v: 1, at, entry }
}

fn journal() -> Vec<Line> {
    let job = || JobId::new("1f2e3d4c-1-backends-1").expect("a name");
    vec![
        line(
            0,
            Entry::Begun {
                run: "1f2e3d4c".into(),
                guid: "5516e58b-4754-4bed-bcc0-e76e7c6bd685".into(),
                cluster: "lab-a".into(),
                releases: versions(&["4.4.21.2", "4.4.33"]),
                tool: "0.1.0".into(),
                argv: Vec::new(),
                host: "operator".into(),
            },
        ),
        line(
            9,
            Entry::StepBegun {
                hop: 1,
                step: StepKind::Backends,
            },
        ),
        line(
            10,
            Entry::Job {
                hop: 1,
                step: StepKind::Backends,
                job: job(),
                command: "weka local run --container drives0 --in 4.4.33 upgrade".into(),
            },
        ),
    ]
}

fn ended() -> Vec<Line> {
    let (_, stop) = stops().swap_remove(9);
    let mut lines = journal();
    lines.push(line(
        60,
        Entry::JobEnded {
            job: JobId::new("1f2e3d4c-1-backends-1").expect("a name"),
            state: JobState::Ended(1),
        },
    ));
    lines.push(line(
        61,
        Entry::Stopped {
            hop: 1,
            step: StepKind::Backends,
            why: stop.failure.to_string(),
            next: stop.next,
        },
    ));
    lines
}

fn finished() -> Vec<Line> {
    let mut lines = journal();
    lines.push(line(
        90,
        Entry::Finished {
            release: version("4.4.33"),
            warnings: 0,
        },
    ));
    lines
}

fn statuses() -> Vec<(&'static str, Status)> {
    let silent = || Err("connect timeout: port 22: nothing answered within 10 s".to_owned());
    let guid = || Some("5516e58b-4754-4bed-bcc0-e76e7c6bd685".to_owned());
    let holder = || Some("process 4711 on operator, since 2026-05-28T20:26:40Z".to_owned());
    let (before, half, after) = (
        cluster("4.4.21.2"),
        in_the_drives("4.4.33"),
        cluster("4.4.33"),
    );
    let mut paused = half.clone();
    paused.paused = true;
    let mut converting = after.clone();
    converting.conversion = Some(BlockTask {
        kind: "UPGRADE".into(),
        state: "RUNNING".into(),
        progress: Some(37),
    });
    let (begun, ended, finished) = (journal(), ended(), finished());
    fn found(lines: &[Line]) -> Option<Found<'_>> {
        Some((
            "/var/lib/checker/5516e58b/20260528T202640Z-1f2e3d4c.jsonl".to_owned(),
            lines,
        ))
    }
    let ways = ["--prepare-only", "--hops=next"].map(|option| {
        let mut lines = journal();
        lines.truncate(1);
        if let Entry::Begun { argv, .. } = &mut lines[0].entry {
            *argv = names(&["checker", "upgrade", option]);
        }
        lines
    });
    let mut prepared = ways[0].clone();
    prepared.push(line(
        30,
        Entry::StepDone {
            hop: 1,
            step: StepKind::Prepare,
            how: "the command succeeded".into(),
        },
    ));
    let mut one_hop = ways[1].clone();
    one_hop.push(line(30, Entry::HopDone { hop: 1 }));
    let known = |found, seen| Known {
        guid: guid(),
        found,
        unreadable: None,
        holder: None,
        job: None,
        seen,
    };
    let held = |found, seen| Known {
        holder: holder(),
        ..known(found, seen)
    };
    let job = |seen| {
        let name = JobId::new("1f2e3d4c-1-backends-1").expect("a name");
        Known {
            job: Some((name, seen)),
            ..known(found(&begun), Ok(&half))
        }
    };
    let damaged = |seen| Known {
        unreadable: Some("unreadable at line 3: expected value".to_owned()),
        ..known(None, seen)
    };
    let runs = JobState::Running;
    vec![
        ("none", known(None, Ok(&before))),
        ("running", held(found(&begun), Ok(&half))),
        ("running_and_paused", held(found(&begun), Ok(&paused))),
        (
            "running_and_converting",
            held(found(&begun), Ok(&converting)),
        ),
        ("interrupted", known(found(&begun), Ok(&half))),
        ("interrupted_without_a_journal", known(None, Ok(&half))),
        ("the_cluster_is_silent", known(found(&begun), silent())),
        ("stopped", known(found(&ended), Ok(&half))),
        ("finished", known(found(&finished), Ok(&after))),
        (
            "finished_and_in_another",
            known(found(&finished), Ok(&half)),
        ),
        ("silent_without_a_journal", known(None, silent())),
        ("the_command_runs", job(Ok(runs))),
        ("the_command_succeeded", job(Ok(JobState::Ended(0)))),
        ("the_command_failed", job(Ok(JobState::Ended(1)))),
        ("the_command_died", job(Ok(JobState::Lost))),
        ("the_command_was_never_started", job(Ok(JobState::Absent))),
        (
            "the_command_is_not_seen",
            job(Err("connect timeout: port 22".into())),
        ),
        ("prepared_as_asked", known(found(&prepared), Ok(&before))),
        ("to_be_prepared", known(found(&ways[0]), Ok(&before))),
        ("one_hop_as_asked", known(found(&one_hop), Ok(&after))),
        ("damaged_journal", damaged(Ok(&before))),
        ("damaged_journal_half_way", damaged(Ok(&half))),
        ("damaged_journal_and_silence", damaged(silent())),
    ]
    .into_iter()
    .map(|(name, known)| (name, Status::of(known)))
    .collect()
}

/// What is not known must not be told as if it were.
#[rstest]
#[case::another("finished_and_in_another", State::Interrupted)]
#[case::silent("silent_without_a_journal", State::Unknown)]
#[case::damaged("damaged_journal", State::Unknown)]
#[case::damaged_half_way("damaged_journal_half_way", State::Interrupted)]
fn states_in_a_word(#[case] name: &str, #[case] state: State) {
    let all = statuses();
    let (_, status) = all.iter().find(|(n, _)| *n == name).expect("a state");
    assert_eq!(status.state, state);
    assert!(!status.text(&OPTIONS).contains("is in none"));
}

/// Only a command that runs goes on by itself.
#[test]
fn nothing_is_said_to_go_on_that_does_not() {
    for (name, status) in statuses() {
        let says = status.next.contains("runs, and goes on by itself");
        assert_eq!(says, name == "the_command_runs", "{name}: {}", status.next);
    }
}

#[test]
fn states_as_they_read() {
    let mut all = String::new();
    for (name, status) in statuses() {
        all.push_str(&format!("== {name}\n{}\n", status.text(&OPTIONS)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_state_as_json() {
    let (_, status) = statuses().swap_remove(7);
    insta::assert_snapshot!(status.json());
}

// ---- schemas ----

fn schema<T: schemars::JsonSchema>() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::default().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// `UPDATE_SCHEMA=1 cargo test -p checker-core schema` writes them anew.
#[rstest]
#[case::plan("plan", schema::<Plan>())]
#[case::outcome("outcome", schema::<Summary>())]
#[case::status("status", schema::<Status>())]
fn the_committed_schemas_of_upgrades(#[case] name: &str, #[case] schema: serde_json::Value) {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = format!("docs/upgrade-{name}.schema.json");
    let path = core.parent().expect("the workspace").join(&file);
    let mut generated = serde_json::to_string_pretty(&schema).expect("JSON");
    generated.push('\n');
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &generated).expect("written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "{file} is not up to date: run the tests once with UPDATE_SCHEMA=1"
    );
}

/// What is printed is what the schemas say.
#[test]
fn json_keeps_to_its_schema() {
    #[track_caller]
    fn hold(name: &str, schema: &serde_json::Value, text: &str) {
        let value = serde_json::from_str(text).expect("JSON");
        let validator = jsonschema::validator_for(schema).expect("a schema");
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
    let two_hops = plan(
        &["4.2.14.10", "4.4.26", "5.1.25"],
        &with_clients(),
        Dialect::LocalRun,
    );
    hold("plan", &schema::<Plan>(), &two_hops.json());
    for (name, exit, outcome) in outcomes() {
        let json = Summary::of(&outcome, None, exit).json();
        hold(name, &schema::<Summary>(), &json);
    }
    for (name, status) in statuses() {
        hold(name, &schema::<Status>(), &status.json());
    }
}
