//! The check run only looks: every command that it may send is on the list of
//! `checker_core::read_only`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use checker_core::engine::{self, Limits, Request, Selection};
use checker_core::event::Observers;
use checker_core::evidence::RawRecord;
use checker_core::server::Server;
use checker_core::source::{ServerAnswer, ServerProbe, Source, SourceKind};
use checker_core::{Deadline, Registry, read_only};
use checker_simulator::Simulator;

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
    let refused = commands.iter().filter_map(|c| read_only::command(c).err());
    assert_eq!(refused.collect::<Vec<_>>(), []);

    let calls: usize = scripts.iter().map(|(_, text)| read_only::calls(text)).sum();
    let refused = scripts
        .iter()
        // The one probe that has to write, and that takes away what it wrote.
        .filter(|(key, _)| key != "host:fallocate")
        .filter_map(|(key, text)| Some((key, read_only::script(text).err()?)));
    assert_eq!(refused.collect::<Vec<_>>(), []);
    assert!(calls > 0, "the pattern finds no call of weka at all");
    assert!(scripts.iter().any(|(key, _)| key == "host:fallocate"));
}
