//! The check run only looks: every command that it may send is on this list.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use checker_core::engine::{self, Limits, Request, Selection};
use checker_core::event::Observers;
use checker_core::evidence::RawRecord;
use checker_core::server::Server;
use checker_core::source::{ServerAnswer, ServerProbe, Source, SourceKind};
use checker_core::{Deadline, Registry};
use checker_simulator::Simulator;
use regex::Regex;

/// What may stand behind `weka`, up to the words that only choose and shape
/// the output.
const ALLOWED: &[&str] = &[
    "alerts",
    "cluster client-target-version show",
    "cluster container",
    "cluster container net",
    "cluster drive",
    "cluster host",
    "cluster host net",
    "cluster machines list",
    "cluster nodes",
    "cluster process",
    "cluster server list",
    "cluster servers list",
    "cluster task",
    "cluster tasks",
    "debug blacklist list",
    "debug config show",
    "debug manhole --slot 0 get_completed_fsck_info",
    "debug override list",
    "debug traces remote-endpoint status",
    "debug traces status",
    "events",
    "fs",
    "fs snapshot",
    "fs tier s3",
    "nfs custom-options",
    "nfs global-config show",
    "nfs interface-group",
    "org",
    "s3 bucket lifecycle-rule list",
    "s3 bucket list",
    "s3 cluster",
    "s3 cluster status",
    "smb cluster",
    "smb cluster status",
    "stats",
    "stats retention status",
    "status",
    "status rebuild",
    "tenant",
    "user whoami",
];

/// Whether these arguments are an allowed command followed by options, or by
/// the one thing that it is to show.
fn allowed(arguments: &str) -> bool {
    ALLOWED.iter().any(|command| {
        arguments.strip_prefix(command).is_some_and(|rest| {
            let takes_a_word = matches!(
                *command,
                "debug config show" | "s3 bucket lifecycle-rule list"
            );
            rest.is_empty() || rest.starts_with(" -") || (takes_a_word && rest.starts_with(' '))
        })
    })
}

/// The simulated cluster, and all that it is asked.
struct Listener {
    cluster: Simulator,
    commands: Mutex<BTreeSet<String>>,
    scripts: Mutex<BTreeSet<(String, String)>>,
}

impl Source for Listener {
    fn kind(&self) -> SourceKind {
        self.cluster.kind()
    }

    fn now(&self) -> jiff::Timestamp {
        self.cluster.now()
    }

    fn cluster(&self, key: &str, arguments: &str, deadline: &Deadline) -> RawRecord {
        self.commands
            .lock()
            .expect("a set")
            .insert(arguments.to_owned());
        Source::cluster(&self.cluster, key, arguments, deadline)
    }

    fn server(
        &self,
        server: &Server,
        probes: &[&'static ServerProbe],
        deadline: &Deadline,
    ) -> ServerAnswer {
        let scripts = probes
            .iter()
            .map(|p| (p.key.to_owned(), p.script.to_owned()));
        self.scripts.lock().expect("a set").extend(scripts);
        self.cluster.server(server, probes, deadline)
    }

    fn here(&self) -> Option<Server> {
        self.cluster.here()
    }
}

/// All that clusters of every release, with protocols and clients, are asked
/// on the way to several targets.
fn asked() -> (BTreeSet<String>, BTreeSet<(String, String)>) {
    let (mut commands, mut scripts) = (BTreeSet::new(), BTreeSet::new());
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    let data = checker_checks::release_data().expect("release data");
    let releases = [
        "3.11",
        "4.0",
        "4.2",
        "4.3",
        "4.4-early",
        "4.4",
        "5.0",
        "5.1",
        "6.0",
    ];
    let scenarios = releases.iter().map(|r| format!("release-{r}"));
    for scenario in scenarios.chain([
        "healthy,smb-separate".to_owned(),
        "healthy,s3-lifecycle-rules".to_owned(),
    ]) {
        for target in ["4.2.18.34", "4.3.2.161", "4.4.33", "5.1.25"] {
            let source = Arc::new(Listener {
                cluster: Simulator::scenario(&scenario).expect("a scenario"),
                commands: Mutex::default(),
                scripts: Mutex::default(),
            });
            let request = Request {
                target: target.parse().expect("a release"),
                selection: Selection {
                    clients: true,
                    ..Selection::default()
                },
                limits: Limits::default(),
                data: &data,
                tool_version: "0.0.0",
                argv: Vec::new(),
                host: "here".to_owned(),
                interrupted: Arc::default(),
            };
            engine::run(
                Arc::clone(&source) as Arc<dyn Source>,
                &registry,
                request,
                &Observers::new(),
            )
            .expect("a run");
            commands.append(&mut source.commands.lock().expect("a set"));
            scripts.append(&mut source.scripts.lock().expect("a set"));
        }
    }
    (commands, scripts)
}

// field history 95
#[test]
fn every_command_is_on_the_list() {
    let (commands, scripts) = asked();
    assert!(commands.len() > 30, "{commands:#?}");
    let forbidden: Vec<_> = commands.iter().filter(|c| !allowed(c)).collect();
    assert!(forbidden.is_empty(), "{forbidden:#?}");

    // What the probes call of `weka`, and what they may not call at all.
    let weka = Regex::new(r"(?m)(?:^|[;&|({]\s*|\$\(\s*|then |do )weka ([a-z][^;|&>)]*)")
        .expect("a pattern");
    let local =
        Regex::new(r"^local (ps|resources|exec -C \S+ tsmb-server -v)\b").expect("a pattern");
    let changes = Regex::new(
        r"(?m)(?:^|[;&|({]\s*|then |do )(rm|mv|cp|dd|ln|mkdir|rmdir|touch|tee|chmod|chown|truncate|reboot|mount|umount|insmod|modprobe|sysctl|service \S+ (?:start|stop|restart)|systemctl (?:start|stop|restart|enable|disable|mask|daemon-reload))\b",
    )
    .expect("a pattern");
    let mut calls = 0;
    for (key, script) in &scripts {
        for call in weka.captures_iter(script) {
            assert!(local.is_match(&call[1]), "{key} calls weka {}", &call[1]);
            calls += 1;
        }
        // The one probe that has to write, and that takes away what it wrote.
        if key != "host:fallocate" {
            let found: Vec<_> = changes.find_iter(script).map(|m| m.as_str()).collect();
            assert!(found.is_empty(), "{key}: {found:?}");
        }
    }
    assert!(calls > 0, "the pattern finds no call of weka at all");
    assert!(scripts.iter().any(|(key, _)| key == "host:fallocate"));
}

#[test]
fn the_list_forbids() {
    for command in [
        "local stop",
        "cluster task abort 4",
        "debug override add --key a",
        "cluster container deactivate 3",
        "fs delete fs01",
        "alerts mute DriveDown",
        "debug configure",
    ] {
        assert!(!allowed(command), "{command}");
    }
}
