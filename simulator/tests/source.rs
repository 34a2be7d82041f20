//! The simulated cluster as a source of evidence.

use std::time::Duration;

use checker_core::Deadline;
use checker_core::evidence::{End, RawRecord};
use checker_core::server::{Role, Server, Step, Transport};
use checker_core::source::{ServerAnswer, ServerProbe, Source, SourceKind};
use checker_simulator::{Simulator, scenarios};
use rstest::rstest;

const fn probe(key: &'static str) -> ServerProbe {
    ServerProbe {
        key,
        script: "the script",
        timeout: Duration::from_secs(5),
        limit: 1 << 20,
    }
}

static CLOCK: ServerProbe = probe("host:clock");
static UNITS: ServerProbe = probe("host:units");
static SPACE: ServerProbe = probe("host:space");
static DATA_DIRS: ServerProbe = probe("host:data-dirs");
static LOCAL_PS: ServerProbe = probe("host:local-ps");
static UNHEARD_OF: ServerProbe = probe("host:unheard-of");
static PROBES: [&ServerProbe; 6] = [&CLOCK, &UNITS, &SPACE, &DATA_DIRS, &LOCAL_PS, &UNHEARD_OF];

fn deadline() -> Deadline {
    Deadline::within(Duration::from_secs(5))
}

fn server(address: &str) -> Server {
    Server {
        name: address.to_owned(),
        hostname: address.to_owned(),
        address: address.to_owned(),
        addresses: vec![address.to_owned()],
        role: Role::Backend,
    }
}

fn source(scenario: &str) -> Simulator {
    Simulator::scenario(scenario).expect(scenario)
}

fn asked(source: &Simulator, address: &str) -> ServerAnswer {
    source.server(&server(address), &PROBES, &deadline())
}

fn text(record: &RawRecord) -> &str {
    std::str::from_utf8(&record.stdout).expect("text")
}

#[test]
fn a_probe_has_the_shape_of_the_real_one() {
    let source = source("healthy");
    let answer = asked(&source, "10.0.0.12");
    assert!(answer.reach.complete());
    assert_eq!(answer.reach.transport, Some(Transport::Simulated));
    let [clock, units, space, dirs, local, unheard] = &answer.records[..] else {
        panic!("{} records", answer.records.len());
    };
    assert_eq!(clock.started_at, source.now());
    assert!(text(clock).starts_with("1784512800."), "{}", text(clock));
    assert_eq!(
        text(units),
        "Id=weka-agent.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n\n\
         Id=rpc-statd.service\nLoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=disabled\n\n\
         Id=rpc-statd-notify.service\nLoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=disabled\n\n\
         Id=falcon-sensor.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n"
    );
    let lines: Vec<&str> = text(space).lines().collect();
    let paths = lines.iter().filter(|l| l.starts_with("path ")).count();
    assert_eq!(lines[..3], ["path /", "path /var", "path /opt/weka"]);
    assert_eq!(lines[5], "path /opt/weka/data/agent/");
    let header: Vec<&str> = lines[paths].split_whitespace().collect();
    assert_eq!(
        header[..4],
        ["Filesystem", "1024-blocks", "Used", "Available"]
    );
    assert_eq!(lines.len(), 2 * paths + 1, "a line for each path");
    let first: Vec<&str> = lines[paths + 3].split_whitespace().collect();
    let number = |n: usize| first[n].parse::<u64>().expect("a number");
    assert_eq!(number(1), number(2) + number(3));
    assert_eq!((first[0], first[5]), ("/dev/sdb1", "/opt/weka"));
    assert!(text(dirs).contains("\t/opt/weka/data/drives0/\n"));
    assert!(text(dirs).contains("\t/opt/weka/data/weka_driver/\n"));
    assert_eq!(
        dirs.stdout.iter().filter(|b| **b == b'\n').count(),
        paths - 5
    );
    assert!(text(local).trim_start().starts_with('['));
    assert_eq!(unheard.end, End::Exited(127));
}

/// As the facts do: half of the round trip is taken off.
#[rstest]
#[case("healthy", "10.0.0.14", 4)]
#[case("clock-off-10s", "10.0.0.14", 10_000)]
#[case("clock-off-5min", "10.0.0.14", -300_000)]
fn a_clock_is_off_by_what_was_set(
    #[case] scenario: &str,
    #[case] address: &str,
    #[case] expected_ms: i128,
) {
    let answer = asked(&source(scenario), address);
    let clock = &answer.records[0];
    let (seconds, fraction) = text(clock).trim().split_once('.').expect("a fraction");
    let nanoseconds = |t: &str| t.parse::<i128>().expect("a number");
    let shown = nanoseconds(seconds) * 1_000_000_000 + nanoseconds(fraction);
    let middle = clock.started_at.as_nanosecond() + (clock.duration.as_nanos() / 2) as i128;
    assert_eq!((shown - middle) / 1_000_000, expected_ms);
}

#[rstest]
#[case("refusing-server", Step::Refused)]
#[case("server-timeout", Step::Timeout)]
#[case("no-route", Step::NoRoute)]
#[case("unknown-name", Step::Dns)]
#[case("silent-server", Step::Deadline)]
#[case("host-key-changed", Step::HostKey)]
#[case("no-authentication", Step::Authentication)]
#[case("sudo-password", Step::Sudo)]
#[case("no-shell", Step::Shell)]
#[case("no-ssh", Step::Protocol)]
fn a_server_is_not_reached(#[case] scenario: &str, #[case] step: Step) {
    let source = source(scenario);
    let lost = asked(&source, "10.0.0.12");
    assert_eq!(lost.reach.error.as_ref().map(|e| e.step), Some(step));
    assert_eq!(lost.reach.transport, None);
    assert!(lost.records.is_empty());
    // It costs no other server anything.
    assert!(asked(&source, "10.0.0.11").reach.complete());
}

#[test]
fn a_server_dies_in_the_middle() {
    let answer = asked(&source("dies-in-script"), "10.0.0.12");
    let ends: Vec<&End> = answer.records.iter().map(|r| &r.end).collect();
    assert_eq!(ends, [&End::Exited(0), &End::Exited(0), &End::Lost]);
    assert!(answer.reach.transport.is_some());
    assert_eq!(answer.reach.error.map(|e| e.step), Some(Step::Protocol));
}

#[test]
fn a_stranger_has_no_name() {
    let answer = asked(&source("healthy"), "192.0.2.1");
    assert_eq!(answer.reach.error.map(|e| e.step), Some(Step::Dns));
}

#[test]
fn servers_of_one_name_are_told_apart_by_their_address() {
    let source = source("same-hostname,agent-stopped");
    let states = ["10.0.0.12", "10.0.0.13"].map(|address| {
        let server = Server {
            hostname: "weka-02".to_owned(),
            ..server(address)
        };
        let answer = source.server(&server, &[&UNITS], &deadline());
        text(&answer.records[0])
            .contains("Id=weka-agent.service\nLoadState=loaded\nActiveState=active")
    });
    assert_eq!(states, [false, true]);
}

#[test]
fn an_output_is_cut_at_its_limit() {
    static SHORT: ServerProbe = ServerProbe {
        limit: 40,
        ..probe("host:space")
    };
    let answer = source("healthy").server(&server("10.0.0.11"), &[&SHORT], &deadline());
    let record = &answer.records[0];
    assert_eq!((record.stdout.len(), record.truncated), (40, true));
}

#[test]
fn here_is_the_first_backend() {
    let source = source("healthy");
    let here = source.here().expect("a server");
    assert_eq!(
        (here.name.as_str(), here.address.as_str()),
        ("weka-01", "10.0.0.11")
    );
    assert_eq!(source.kind(), SourceKind::Simulator);
    assert_eq!(source.now().to_string(), "2026-07-20T02:00:00Z");
}

#[rstest]
#[case("not-logged-in", 41)]
#[case("login-required", 41)]
#[case("login-locked", 41)]
#[case("no-weka", 127)]
#[case("local-container-down", 1)]
fn the_command_line_is_no_use(#[case] scenario: &str, #[case] status: i32) {
    let record = Source::cluster(&source(scenario), "weka:status", "status -J", &deadline());
    assert_eq!(record.end, End::Exited(status));
    assert!(record.stdout.is_empty() && !record.stderr.is_empty());
}

/// Two runs give the same records, to the last byte and nanosecond.
#[test]
fn nothing_is_left_to_chance() {
    for (name, _) in scenarios() {
        if name == "large" {
            continue;
        }
        let run = || {
            let source = source(name);
            let lines = [
                "status -J",
                "cluster container -J",
                "alerts -J",
                "events -J",
                "fs snapshot -J",
            ];
            let cluster = lines.map(|line| Source::cluster(&source, "weka:any", line, &deadline()));
            let servers = ["10.0.0.11", "10.0.0.12", "10.0.0.14"].map(|a| asked(&source, a));
            format!("{cluster:?} {servers:?}")
        };
        assert_eq!(run(), run(), "{name}");
    }
}
