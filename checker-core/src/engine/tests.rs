//! The engine against a source that behaves as each test says.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::check;
use crate::check::{Applies, Check, Context, Place};
use crate::contract::{CheckInfo, Judgement, Outcome};
use crate::evidence::{End, RawRecord};
use crate::facts::containers::Containers;
use crate::facts::reach::Reached;
use crate::facts::servers::Servers;
use crate::facts::{Fact, FactScope, FactSpec, FactTable, Missing};
use crate::server::{Reach, ReachError, Role, Server, Step, Transport};
use crate::source::{
    Call, ClusterCommand, DependentCommand, DependentProbe, ServerAnswer, ServerProbe, SourceKind,
};

static GREETING: ServerProbe = ServerProbe {
    key: "host:greeting",
    script: "echo hello",
    timeout: Duration::from_secs(1),
    limit: 100,
};

#[derive(serde::Serialize)]
struct Greeting(String);

impl Fact for Greeting {
    const NAME: &'static str = "greeting";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&GREETING];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        match view.text(GREETING.key)?.as_str() {
            "panic in the parser" => panic!("a parser that fails inside"),
            text => Ok(Self(text.to_owned())),
        }
    }
}

check! {
    /// The server greets.
    GREETS {
        id: "test/greets",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["a test"],
        needs: [&Greeting],
        judge: |_: &Context<'_>, greeting: &Greeting| match greeting.0.as_str() {
            "hello" => Judgement::pass("hello"),
            "panic in the check" => panic!("a check that fails inside"),
            other => Judgement::fail(other, "greet"),
        },
    }
}

/// For targets from 5.0 on, and with the names of the other servers.
static SHOUT: ServerProbe = ServerProbe {
    key: "host:shout",
    script: "echo HELLO",
    ..GREETING
};

static CALL: DependentProbe = DependentProbe {
    probe: ServerProbe {
        key: "host:call",
        script: "echo \"$@\"",
        ..GREETING
    },
    words: |view, server, all| {
        assert_ne!(server.name, "weka-3", "a fault inside");
        let count = Containers::read(view).map_or(0, |list| list.0.len());
        let others = all.iter().filter(|other| *other != server);
        let names = others.map(|other| format!("{} of {count}", other.name));
        names.collect()
    },
};

#[derive(serde::Serialize)]
struct Loud(String);

impl Fact for Loud {
    const NAME: &'static str = "loud";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&SHOUT];
    const DEPENDENT_PROBES: &'static [&'static DependentProbe] = &[&CALL];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.text(SHOUT.key).map(Self)
    }
}

check! {
    /// The server shouts.
    SHOUTS {
        id: "other/shouts",
        scope: [Backend],
        when: "tgt >= 5.0",
        applies: |path: &UpgradePath| if path.to >= Version::new(5, 0, 0, 0) {
            Applies::Yes
        } else {
            Applies::No(format!("{} is older than 5.0", path.to))
        },
        levels: [],
        sources: ["a test"],
        needs: [&Loud],
        judge: |_: &Context<'_>, loud: &Loud| Judgement::pass(loud.0.clone()),
    }
}

static BUCKETS: ClusterCommand = ClusterCommand {
    key: "weka:test-buckets",
    variants: &["test bucket list"],
    timeout: Duration::from_millis(200),
    needs_login: true,
};

/// One call per bucket, in two spellings.
static RULES: DependentCommand = DependentCommand {
    key: "weka:test-rules",
    after: &[&BUCKETS],
    calls: |view| {
        let Ok(text) = view.text(BUCKETS.key) else {
            return Vec::new();
        };
        assert!(!text.contains("panic"), "a dependent that fails inside");
        let words = |verb: &str, name: &str| ["test", verb, name].map(str::to_owned).to_vec();
        text.lines()
            .map(|name| Call {
                part: Some(name.to_owned()),
                variants: vec![words("rules", name), words("old-rules", name)],
            })
            .collect()
    },
    timeout: Duration::from_millis(200),
};

#[derive(serde::Serialize)]
struct Rules(Vec<String>);

impl Fact for Rules {
    const NAME: &'static str = "test rules";
    const SCOPE: FactScope = FactScope::Cluster;
    const DEPENDENTS: &'static [&'static DependentCommand] = &[&RULES];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let buckets = view.text(BUCKETS.key)?;
        buckets
            .lines()
            .map(|name| view.text(&RULES.key_of(Some(name))))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

check! {
    /// Every bucket has rules.
    RULED {
        id: "other/ruled",
        scope: [Cluster],
        when: "all",
        levels: [],
        sources: ["a test"],
        needs: [&Rules],
        judge: |_: &Context<'_>, rules: &Rules| Judgement::pass(rules.0.join(" ")),
    }
}

check! {
    /// The servers are listed.
    LISTED {
        id: "test/listed",
        scope: [Cluster],
        when: "all",
        levels: [],
        sources: ["a test"],
        needs: [&Servers],
        judge: |_: &Context<'_>, servers: &Servers| Judgement::pass(format!("{} servers", servers.0.len())),
    }
}

check! {
    /// Only from 5.0 on.
    FROM_5 {
        id: "test/from-5",
        scope: [Cluster],
        when: "src >= 5.0",
        applies: |path: &UpgradePath| if path.from >= Version::new(5, 0, 0, 0) {
            Applies::Yes
        } else {
            Applies::No(format!("{} is older than 5.0", path.from))
        },
        levels: [],
        sources: ["a test"],
        needs: [],
        judge: |_: &Context<'_>| Judgement::pass("applies"),
    }
}

check! {
    /// The server was reached.
    REACHED {
        id: "test/reached",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["a test"],
        needs: [&Reached],
        judge: |_: &Context<'_>, reached: &Reached| match &reached.reach.error {
            None => Judgement::pass("reached"),
            Some(error) => Judgement::fail(error.to_string(), "mend it"),
        },
    }
}

/// What the source does when asked.
enum Does {
    Answer(i32, String, &'static str),
    Hang(Duration),
    Panic,
}

struct Scripted {
    commands: BTreeMap<String, Does>,
    servers: BTreeMap<String, Does>,
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    /// Three backends that greet, on 4.4.
    fn healthy() -> Self {
        let container = |n: u64| {
            json!({"host_id": format!("HostId<{n}>"), "hostname": format!("weka-{n}"), "container_name": "drives0",
                "host_ip": format!("10.0.0.{n}"), "mode": "backend", "status": "UP", "sw_version": "4.4.21.2"})
        };
        let server = |n: u64| json!({"name": format!("weka-{n}"), "primary_ip_address": format!("10.0.0.{n}"), "status": "UP", "roles": ["BACKEND"]});
        let status = json!({"name": "lab-a", "guid": "0b5c", "release": "4.4.21.2", "status": "OK", "io_status": "STARTED", "upgrade_info": {}});
        let answer = |value: serde_json::Value| Does::Answer(0, value.to_string(), "");
        Self {
            commands: BTreeMap::from([
                ("status -J".to_owned(), answer(status)),
                (
                    "cluster container -J".to_owned(),
                    answer(json!([container(1), container(2), container(3)])),
                ),
                (
                    "cluster servers list -J".to_owned(),
                    answer(json!([server(1), server(2), server(3)])),
                ),
            ]),
            servers: BTreeMap::new(),
            asked: Mutex::default(),
        }
    }

    fn command(mut self, arguments: &str, does: Does) -> Self {
        self.commands.insert(arguments.to_owned(), does);
        self
    }

    fn server(mut self, name: &str, does: Does) -> Self {
        self.servers.insert(name.to_owned(), does);
        self
    }
}

fn record(key: &str, command: &str, end: End, stdout: &str, stderr: &str) -> RawRecord {
    RawRecord {
        key: key.to_owned(),
        command: command.to_owned(),
        started_at: Timestamp::UNIX_EPOCH,
        duration: Duration::ZERO,
        end,
        stdout: stdout.as_bytes().to_vec(),
        stderr: stderr.as_bytes().to_vec(),
        truncated: false,
    }
}

impl Source for Scripted {
    fn kind(&self) -> SourceKind {
        SourceKind::Simulator
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn cluster(&self, key: &str, arguments: &str, deadline: &Deadline) -> RawRecord {
        self.asked.lock().unwrap().push(arguments.to_owned());
        let command = format!("weka {arguments}");
        let refused = format!("error: unknown command: {arguments}");
        match self.commands.get(arguments) {
            None => record(key, &command, End::Exited(2), "", &refused),
            Some(Does::Answer(status, out, err)) => {
                record(key, &command, End::Exited(*status), out, err)
            }
            // It honours no deadline: that is what the engine must survive.
            Some(Does::Hang(time)) => {
                let _ = deadline;
                std::thread::sleep(*time);
                record(key, &command, End::Exited(0), "{}", "")
            }
            Some(Does::Panic) => panic!("a source that fails inside"),
        }
    }

    fn server(&self, server: &Server, _: &[&'static ServerProbe], _: &Deadline) -> ServerAnswer {
        self.asked.lock().unwrap().push(server.name.clone());
        let (status, text) = match self.servers.get(&server.name) {
            None => (0, "hello"),
            Some(Does::Answer(status, text, _)) => (*status, text.as_str()),
            Some(Does::Hang(time)) => {
                std::thread::sleep(*time);
                (0, "hello")
            }
            Some(Does::Panic) => panic!("a source that fails inside"),
        };
        if status == 255 {
            return ServerAnswer {
                reach: Reach {
                    transport: None,
                    error: Some(ReachError {
                        step: Step::Refused,
                        detail: "token=s3cr3t".to_owned(),
                    }),
                    ms: 1,
                },
                records: Vec::new(),
            };
        }
        ServerAnswer {
            reach: Reach {
                transport: Some(Transport::Simulated),
                error: None,
                ms: 1,
            },
            records: vec![record(
                GREETING.key,
                GREETING.script,
                End::Exited(status),
                text,
                "",
            )],
        }
    }

    fn here(&self) -> Option<Server> {
        Some(Server {
            name: "here".to_owned(),
            hostname: "here".to_owned(),
            address: "127.0.0.1".to_owned(),
            addresses: vec!["127.0.0.1".to_owned()],
            role: Role::Backend,
        })
    }
}

struct Outcomes(Run, Vec<String>, Duration);

impl Outcomes {
    fn coverage(&self) -> &crate::report::Coverage {
        self.0.report.run.coverage.as_ref().expect("it is told")
    }

    fn of(&self, check: &str, target: &str) -> (Outcome, String) {
        let result = self
            .0
            .report
            .results
            .iter()
            .find(|r| r.check == check && r.target == target)
            .unwrap_or_else(|| panic!("no result of {check} for {target}: {:#?}", self.0.report));
        (result.outcome, result.summary.clone())
    }
}

fn try_run(
    source: Scripted,
    selection: Selection,
    interrupted: Arc<AtomicBool>,
) -> Result<Outcomes, EngineError> {
    let mut registry = Registry::new();
    for check in [&GREETS, &LISTED, &FROM_5, &REACHED] {
        registry.register(Arc::new(check)).expect("registered");
    }
    if selection.select.iter().any(|id| id == RULED.id) {
        registry.register(Arc::new(&RULED)).expect("registered");
    }
    run_registered(source, &registry, selection, interrupted)
}

fn run_registered(
    source: Scripted,
    registry: &Registry,
    selection: Selection,
    interrupted: Arc<AtomicBool>,
) -> Result<Outcomes, EngineError> {
    let source = Arc::new(source);
    let begun = Instant::now();
    let run = run(
        Arc::clone(&source) as Arc<dyn Source>,
        registry,
        Request {
            target: Version::new(4, 4, 33, 0),
            selection,
            limits: Limits {
                server: Duration::from_millis(200),
                run: Duration::from_secs(3),
                parallel: 8,
            },
            data: &ReleaseData::minimal(
                "test",
                jiff::civil::date(2026, 7, 15),
                [Version::new(4, 4, 33, 0)],
            ),
            tool_version: "0.0.0",
            argv: vec!["checker".to_owned(), "--token=s3cr3t".to_owned()],
            host: "here".to_owned(),
            interrupted,
        },
        &Observers::new(),
    )?;
    let asked = source.asked.lock().unwrap().clone();
    Ok(Outcomes(run, asked, begun.elapsed()))
}

fn run_ruled(source: Scripted) -> Outcomes {
    let selection = Selection {
        select: vec!["other/ruled".to_owned()],
        cluster_only: true,
        ..Selection::default()
    };
    try_run(source, selection, Arc::default()).expect("a run")
}

fn run_with(source: Scripted) -> Outcomes {
    try_run(source, Selection::default(), Arc::default()).expect("a run")
}

// field history G26
#[test]
fn one_result_per_check_and_target() {
    let outcomes = run_with(Scripted::healthy());
    let slots: Vec<_> = outcomes
        .0
        .report
        .results
        .iter()
        .map(|r| (r.check.as_str(), r.target.as_str(), r.outcome.as_str()))
        .collect();
    assert_eq!(
        slots,
        [
            ("test/from-5", "cluster", "skipped"),
            ("test/greets", "weka-1", "pass"),
            ("test/greets", "weka-2", "pass"),
            ("test/greets", "weka-3", "pass"),
            ("test/listed", "cluster", "pass"),
            ("test/reached", "weka-1", "pass"),
            ("test/reached", "weka-2", "pass"),
            ("test/reached", "weka-3", "pass"),
        ]
    );
    assert_eq!(outcomes.0.report.verdict, Verdict::Green);
    assert_eq!(
        outcomes.0.report.run.argv,
        ["checker", "--token=[redacted]"]
    );
}

#[test]
fn nothing_is_asked_twice() {
    let mut asked = run_with(Scripted::healthy()).1;
    asked.sort();
    let all = asked.len();
    asked.dedup();
    assert_eq!(asked.len(), all);
    assert_eq!(all, 6);
}

// field history 50, 51, S3
#[test]
fn an_older_name_is_tried_when_the_newer_is_unknown() {
    let mut source = Scripted::healthy();
    let rows = source
        .commands
        .remove("cluster servers list -J")
        .expect("rows");
    let outcomes = run_with(source.command("cluster machines list -J", rows));
    assert_eq!(outcomes.of("test/listed", "cluster").1, "3 servers");
    assert_eq!(outcomes.0.store.cluster_records().count(), 5);
}

fn answer(text: &str) -> Does {
    Does::Answer(0, text.to_owned(), "")
}

#[test]
fn what_stands_in_an_answer_is_asked_next() {
    let source = Scripted::healthy()
        .command("test bucket list", answer("a\nb c\n"))
        .command("test rules a", answer("one"))
        // The words of a server are quoted, and an older spelling is tried.
        .command("test old-rules 'b c'", answer("two"));
    let outcomes = run_ruled(source);
    assert_eq!(outcomes.of("other/ruled", "cluster").1, "one two");
    let asked = |line: &str| outcomes.1.iter().position(|asked| asked == line);
    assert!(asked("test bucket list") < asked("test rules a"));
    assert_eq!(
        outcomes
            .0
            .store
            .cluster("weka:test-rules/a")
            .map(|r| r.command()),
        Some("weka test rules a")
    );
    assert_eq!(outcomes.0.report.results[0].evidence, ["weka:test-rules"]);
}

#[test]
fn without_the_first_answer_nothing_depends_on_it() {
    let failed = Does::Answer(1, String::new(), "error: no S3 here");
    for (first, why) in [
        (failed, "no S3 here"),
        (Does::Hang(Duration::from_secs(60)), "no answer within"),
    ] {
        let outcomes = run_ruled(Scripted::healthy().command("test bucket list", first));
        let (outcome, summary) = outcomes.of("other/ruled", "cluster");
        assert_eq!(outcome, Outcome::Unknown);
        assert!(summary.contains(why), "{summary}");
        assert!(!outcomes.1.iter().any(|asked| asked.contains("rules")));
    }
}

#[test]
fn an_empty_first_answer_asks_nothing_more() {
    let outcomes = run_ruled(Scripted::healthy().command("test bucket list", answer("")));
    assert_eq!(outcomes.of("other/ruled", "cluster").0, Outcome::Pass);
}

#[test]
fn one_of_the_later_answers_can_fail_alone() {
    let source = Scripted::healthy()
        .command("test bucket list", answer("a\nb\n"))
        .command("test rules a", answer("one"))
        .command("test rules b", Does::Hang(Duration::from_secs(60)));
    let outcomes = run_ruled(source);
    assert!(outcomes.2 < Duration::from_secs(20), "{:?}", outcomes.2);
    let (outcome, summary) = outcomes.of("other/ruled", "cluster");
    assert_eq!(outcome, Outcome::Unknown);
    assert!(summary.contains("`weka test rules b`"), "{summary}");
}

#[test]
fn a_panic_over_the_first_answer_costs_what_depends_on_it() {
    let outcomes = run_ruled(Scripted::healthy().command("test bucket list", answer("panic")));
    assert_eq!(outcomes.of("other/ruled", "cluster").0, Outcome::Unknown);
}

static CLIENT_WORD: ServerProbe = ServerProbe {
    key: "host:client-word",
    script: "echo word",
    timeout: Duration::from_secs(1),
    limit: 100,
};

#[derive(serde::Serialize)]
struct ClientWord;

impl Fact for ClientWord {
    const NAME: &'static str = "client word";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&CLIENT_WORD];

    fn read(_: &View<'_>) -> Result<Self, Missing> {
        Ok(Self)
    }
}

check! {
    /// Only clients are judged by it.
    OF_CLIENTS {
        id: "test/of-clients",
        scope: [Client],
        when: "all",
        levels: [],
        sources: ["a test"],
        needs: [&ClientWord],
        judge: |_: &Context<'_>, _: &ClientWord| Judgement::pass("a word"),
    }
}

#[test]
fn a_server_is_asked_only_what_it_is_judged_by() {
    let mut registry = Registry::new();
    for check in [&GREETS, &OF_CLIENTS] {
        registry.register(Arc::new(check)).expect("registered");
    }
    let selection = Selection {
        clients: true,
        ..Selection::default()
    };
    let plan = super::plan::Plan::new(&registry, &selection).expect("a plan");
    let keys = |role| -> Vec<&str> {
        let server = Server {
            role,
            ..Scripted::healthy().here().expect("a server")
        };
        let probes = plan.probes_for(&server, &[], None, None, &Store::default());
        probes.iter().map(|p| p.key).collect()
    };
    assert_eq!(keys(Role::Backend), ["host:greeting"]);
    assert_eq!(keys(Role::Client), ["host:client-word"]);
}

// field history 27
#[test]
fn a_command_that_no_release_knows_is_unknown() {
    let mut source = Scripted::healthy();
    source.commands.remove("cluster servers list -J");
    let outcomes = run_with(source);
    let (outcome, summary) = outcomes.of("test/listed", "cluster");
    assert_eq!(outcome, Outcome::Unknown);
    assert!(summary.contains("does not know the command"), "{summary}");
    assert_eq!(outcomes.0.report.verdict, Verdict::Unknown);
}

#[test]
fn without_a_login_nothing_else_is_tried() {
    let refused = Does::Answer(41, String::new(), "error: not logged in");
    let outcomes = run_with(Scripted::healthy().command("status -J", refused));
    assert_eq!(outcomes.1, ["status -J", "here"]);
    let (outcome, summary) = outcomes.of("test/listed", "cluster");
    assert_eq!(outcome, Outcome::Unknown);
    assert!(summary.contains("not logged in"), "{summary}");
    // What needs no login is still looked at, on the server that we stand on.
    assert_eq!(outcomes.of("test/greets", "here").0, Outcome::Pass);
    // Whether a window holds the running release can't be known.
    assert_eq!(outcomes.of("test/from-5", "cluster").0, Outcome::Unknown);
    assert_eq!(outcomes.0.report.cluster.version, None);
}

// field history 100
#[test]
fn a_server_that_hangs_costs_only_itself() {
    let source = Scripted::healthy().server("weka-2", Does::Hang(Duration::from_secs(60)));
    let outcomes = run_with(source);
    assert!(outcomes.2 < Duration::from_secs(20), "{:?}", outcomes.2);
    assert_eq!(outcomes.of("test/greets", "weka-1").0, Outcome::Pass);
    assert_eq!(outcomes.of("test/greets", "weka-3").0, Outcome::Pass);
    let (outcome, summary) = outcomes.of("test/greets", "weka-2");
    assert_eq!(outcome, Outcome::Unknown);
    assert!(summary.starts_with("not reached: deadline"), "{summary}");
    assert_eq!(outcomes.of("test/reached", "weka-2").0, Outcome::Fail);
}

#[test]
fn a_status_that_hangs_ends_with_the_run_s_deadline() {
    let source = Scripted::healthy().command("status -J", Does::Hang(Duration::from_secs(60)));
    let outcomes = run_with(source);
    assert!(outcomes.2 < Duration::from_secs(30), "{:?}", outcomes.2);
    assert_eq!(outcomes.0.report.verdict, Verdict::Unknown);
}

#[test]
fn a_panic_costs_one_check_and_nothing_else() {
    let answer = |text: &str| Does::Answer(0, text.to_owned(), "");
    let source = Scripted::healthy()
        .server("weka-1", Does::Panic)
        .server("weka-2", answer("panic in the parser"))
        .server("weka-3", answer("panic in the check"));
    let outcomes = run_with(source);
    for server in ["weka-1", "weka-2", "weka-3"] {
        let (outcome, summary) = outcomes.of("test/greets", server);
        assert_eq!(outcome, Outcome::Unknown, "{server}");
        assert!(summary.contains("a fault of the tool"), "{summary}");
    }
    assert_eq!(outcomes.of("test/listed", "cluster").0, Outcome::Pass);
}

#[test]
fn a_panic_in_the_source_costs_one_command() {
    let outcomes = run_with(Scripted::healthy().command("cluster servers list -J", Does::Panic));
    assert_eq!(outcomes.of("test/listed", "cluster").0, Outcome::Unknown);
    assert_eq!(outcomes.of("test/greets", "weka-1").0, Outcome::Pass);
}

#[test]
fn an_interrupt_ends_the_collecting_and_judges_what_is_there() {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        flag.store(true, Ordering::Relaxed);
    });
    let source = Scripted::healthy().command(
        "cluster servers list -J",
        Does::Hang(Duration::from_secs(60)),
    );
    let outcomes = try_run(source, Selection::default(), interrupted).expect("a run");
    assert!(outcomes.2 < Duration::from_secs(2), "{:?}", outcomes.2);
    assert!(outcomes.0.interrupted);
    assert!(outcomes.coverage().interrupted);
    let (outcome, summary) = outcomes.of("test/listed", "cluster");
    assert_eq!(outcome, Outcome::Unknown);
    assert!(summary.contains("interrupted"), "{summary}");
}

#[test]
fn what_a_server_says_of_itself_holds_no_secret() {
    let source = Scripted::healthy().server("weka-1", Does::Answer(255, String::new(), ""));
    let outcomes = run_with(source);
    let text = serde_json::to_string(&outcomes.0.report).expect("JSON");
    assert!(!text.contains("s3cr3t"), "{text}");
}

#[test]
fn only_the_named_backends_are_contacted() {
    let selection = Selection {
        backends: vec!["weka-2".to_owned(), "10.0.0.2".to_owned()],
        ..Selection::default()
    };
    let outcomes = try_run(Scripted::healthy(), selection, Arc::default()).expect("a run");
    let servers: Vec<_> = outcomes.0.report.servers.iter().map(|s| &s.name).collect();
    assert_eq!(servers, ["weka-2"]);
    let coverage = outcomes.coverage();
    assert_eq!(coverage.backends, Some(3));
    assert_eq!(coverage.selection.backends, ["weka-2", "10.0.0.2"]);
}

#[test]
fn a_report_tells_what_was_looked_at_and_is_sealed() {
    let outcomes = run_with(Scripted::healthy());
    let coverage = outcomes.coverage();
    assert!(!coverage.interrupted);
    assert_eq!(coverage.selection, Selection::default());
    assert_eq!(coverage.backends, Some(3));
    assert_eq!(outcomes.0.report.sealed(), crate::report::Seal::Intact);
}

#[test]
fn a_server_that_does_not_exist_is_refused_with_the_nearest() {
    let selection = Selection {
        backends: vec!["wekka-2".to_owned()],
        ..Selection::default()
    };
    let Err(error) = try_run(Scripted::healthy(), selection, Arc::default()) else {
        panic!("accepted");
    };
    let text = error.to_string();
    assert!(text.contains("did you mean weka-2?"), "{text}");
    assert!(text.contains("weka-[1-3]"), "{text}");
}

#[test]
fn no_server_is_contacted_when_only_the_cluster_is_asked() {
    let selection = Selection {
        cluster_only: true,
        ..Selection::default()
    };
    let outcomes = try_run(Scripted::healthy(), selection, Arc::default()).expect("a run");
    assert!(outcomes.0.report.servers.is_empty());
    assert!(!outcomes.1.iter().any(|asked| asked.starts_with("weka-")));
}

#[test]
fn a_pattern_that_names_no_check_is_refused_with_the_nearest() {
    for (select, nearest) in [("test/great", "test/greets"), ("test/list*", "test/listed")] {
        let selection = Selection {
            select: vec![select.to_owned()],
            ..Selection::default()
        };
        let Err(error) = try_run(Scripted::healthy(), selection, Arc::default()) else {
            panic!("accepted");
        };
        assert!(error.to_string().contains(nearest), "{error}");
    }
    let selection = Selection {
        skip: vec!["*".to_owned()],
        ..Selection::default()
    };
    assert!(matches!(
        try_run(Scripted::healthy(), selection, Arc::default()),
        Err(EngineError::NothingSelected)
    ));
}

/// The keys, and what is sent under `host:call`, for one server of a plan.
fn sent(selection: &Selection, target: &str, source: &Scripted, server: usize) -> Vec<String> {
    let mut registry = Registry::new();
    for check in [&GREETS, &SHOUTS] {
        registry.register(Arc::new(check)).expect("registered");
    }
    let plan = Plan::new(&registry, selection).expect("a plan");
    let redactor = Redactor::new();
    let mut store = Store::default();
    let far = Deadline::within(Duration::from_secs(1));
    for (key, arguments) in [
        ("weka:status", "status -J"),
        ("weka:containers", "cluster container -J"),
        ("weka:servers", "cluster servers list -J"),
    ] {
        store.insert_cluster(redactor.seal(source.cluster(key, arguments, &far)));
    }
    let path = Status::read(&View::cluster(&store))
        .ok()
        .map(|status| UpgradePath {
            from: status.release,
            to: target.parse().expect("a release"),
        });
    let all = crate::facts::servers::roster(&store).expect("servers");
    let probes = plan.probes_for(&all[server], &all, None, path.as_ref(), &store);
    let shown = |probe: &&ServerProbe| match probe.key {
        "host:call" => probe.script.to_owned(),
        key => key.to_owned(),
    };
    probes.iter().map(shown).collect()
}

#[test]
fn a_server_is_asked_only_what_applies() {
    let all = Selection::default();
    let source = Scripted::healthy();
    assert_eq!(sent(&all, "4.4.33", &source, 0), ["host:greeting"]);
    let words = "set -- 'weka-2 of 3' 'weka-3 of 3'\necho \"$@\"";
    assert_eq!(
        sent(&all, "5.0.4.401", &source, 0),
        ["host:greeting", "host:shout", words]
    );
    // A fault inside costs its own piece.
    assert_eq!(
        sent(&all, "5.0.4.401", &source, 2),
        ["host:greeting", "host:shout"]
    );
    // What the running release decides is not asked while that is not known.
    let silent = Scripted::healthy().command("status -J", answer("no JSON"));
    assert_eq!(sent(&all, "5.0.4.401", &silent, 0), ["host:greeting"]);
}

#[test]
fn a_client_is_asked_nothing_that_is_for_backends() {
    let clients = Selection {
        clients: true,
        ..Selection::default()
    };
    let container = |id: u64, mode: &str| json!({"host_id": id, "hostname": format!("weka-{id}"), "host_ip": format!("10.0.0.{id}"), "mode": mode, "status": "UP"});
    let list = json!([container(1, "backend"), container(2, "client")]).to_string();
    let source = Scripted::healthy().command("cluster container -J", answer(&list));
    assert_eq!(sent(&clients, "4.4.33", &source, 0), ["host:greeting"]);
    assert_eq!(sent(&clients, "4.4.33", &source, 1), Vec::<String>::new());
}

/// The check that greets under another id: asked through a lane, and with its
/// probe in some place.
struct Foreign {
    info: CheckInfo,
    place: Place,
    /// How many of its targets it answers about; none: it panics.
    answers: Option<usize>,
}

impl Foreign {
    fn new(id: &str, place: Place, answers: Option<usize>) -> Arc<Self> {
        let info = CheckInfo {
            id: id.to_owned(),
            ..Check::info(&&GREETS).clone()
        };
        Arc::new(Self {
            info,
            place,
            answers,
        })
    }
}

impl Check for Foreign {
    fn info(&self) -> &CheckInfo {
        &self.info
    }

    fn needs(&self) -> Vec<FactSpec> {
        Check::needs(&&GREETS)
    }

    fn applies(&self, _: &UpgradePath) -> Applies {
        Applies::Yes
    }

    fn applies_always(&self) -> bool {
        true
    }

    fn judge(
        &self,
        facts: &FactTable<'_>,
        server: Option<&Server>,
        context: &Context<'_>,
    ) -> Result<Judgement, Missing> {
        (&&GREETS).judge(facts, server, context)
    }

    fn judge_all(
        &self,
        facts: &FactTable<'_>,
        targets: &[Option<&Server>],
        context: &Context<'_>,
    ) -> Vec<Result<Judgement, Missing>> {
        let answers = self.answers.expect("a lane that breaks down");
        let targets = targets.iter().take(answers);
        targets.map(|s| self.judge(facts, *s, context)).collect()
    }

    fn lane(&self) -> Option<&str> {
        Some("foreign")
    }

    fn place(&self) -> Place {
        self.place
    }
}

#[test]
fn a_lane_that_breaks_down_costs_its_own_checks() {
    let mut registry = Registry::new();
    registry.register(Arc::new(&GREETS)).expect("registered");
    for (id, answers) in [
        ("foreign/a", None),
        ("foreign/b", Some(1)),
        ("foreign/c", Some(3)),
    ] {
        let check = Foreign::new(id, Place::Everywhere, answers);
        registry.register(check).expect("registered");
    }
    let run = run_registered(
        Scripted::healthy(),
        &registry,
        Selection::default(),
        Arc::default(),
    );
    let report = run.expect("a run").0.report;
    let outcomes: Vec<String> = report
        .results
        .chunks(3)
        .map(|of_check| {
            let words: Vec<&str> = of_check.iter().map(|r| r.outcome.as_str()).collect();
            format!("{} {}", of_check[0].check, words.join(" "))
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            "foreign/a unknown unknown unknown",
            "foreign/b pass unknown unknown",
            "foreign/c pass pass pass",
            "test/greets pass pass pass",
        ]
    );
}

#[rstest::rstest]
#[case::everywhere(Place::Everywhere, &["weka-1", "weka-2", "weka-3"], 3)]
#[case::backends(Place::Backends, &["weka-1", "weka-2", "weka-3"], 3)]
// It stands on none of them, so the first it is.
#[case::vantage(Place::Vantage, &["weka-1"], 3)]
// In a second session.
#[case::one_by_one(Place::OneByOne, &["weka-1", "weka-2", "weka-3"], 6)]
fn a_probe_runs_in_its_place(
    #[case] place: Place,
    #[case] servers: &[&str],
    #[case] sessions: usize,
) {
    let mut registry = Registry::new();
    let check = Foreign::new("foreign/a", place, Some(3));
    registry.register(check).expect("registered");
    let source = Scripted::healthy();
    let run = run_registered(source, &registry, Selection::default(), Arc::default());
    let Outcomes(_, asked, _) = run.expect("a run");
    let asked: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|name| name.starts_with("weka-"))
        .collect();
    assert_eq!(asked.len(), sessions);
    if sessions > 3 {
        assert_eq!(&asked[3..], servers);
        return;
    }
    let plan = Plan::new(&registry, &Selection::default()).expect("a plan");
    let sent = |n: u8| {
        let server = Server {
            name: format!("weka-{n}"),
            hostname: format!("weka-{n}"),
            address: format!("10.0.0.{n}"),
            addresses: Vec::new(),
            role: Role::Backend,
        };
        let probes = plan.probes_for(&server, &[], Some("weka-1"), None, &Store::default());
        (!probes.is_empty()).then_some(server.name)
    };
    assert_eq!((1..=3).filter_map(sent).collect::<Vec<_>>(), servers);
}
