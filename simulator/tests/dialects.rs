//! What each release's `weka` prints, held against what is known of it.

use checker_core::Deadline;
use checker_core::Version;
use checker_core::evidence::{Redactor, Store};
use checker_core::facts::containers::{CONTAINERS, Containers};
use checker_core::facts::servers::{SERVERS, Servers};
use checker_core::facts::status::{Count, STATUS, Status};
use checker_core::facts::{Fact, View, find_json};
use checker_core::source::{ClusterCommand, Source};
use checker_simulator::{Cluster, Simulator};
use rstest::rstest;
use serde_json::{Value, json};

const RELEASES: [&str; 11] = [
    "3.11.1",
    "3.14.1",
    "4.0.5.10",
    "4.0.5.40",
    "4.1.2",
    "4.2.18.34",
    "4.3.5.105",
    "4.4.6",
    "4.4.21.2",
    "5.1.25",
    "6.0.0.6363",
];

fn cluster(release: &str) -> Cluster {
    let release: Version = release.parse().expect("a release");
    Cluster::healthy(&release, 6, 2)
}

/// Runs a command line and wants it understood.
fn asked(cluster: &Cluster, line: &str) -> Value {
    let words: Vec<&str> = line.split(' ').collect();
    let output = cluster.weka(&words);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status, 0, "{line} on {}: {stderr}", cluster.release);
    find_json(&output.stdout).expect("JSON")
}

fn json_of(release: &str, line: &str) -> Value {
    asked(&cluster(release), line)
}

fn refused(release: &str, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let output = cluster(release).weka(&words);
    assert_eq!(output.status, 2, "{line} on {release}");
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).expect("text")
}

fn known(release: &str, line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    cluster(release).weka(&words).status == 0
}

/// Asks as the engine does: the next spelling when one is refused.
fn store(release: &str) -> Store {
    let source = Simulator::new(cluster(release));
    let mut store = Store::default();
    let commands: [&'static ClusterCommand; 3] = [&STATUS, &CONTAINERS, &SERVERS];
    for command in commands {
        for line in command.variants {
            let raw = Source::cluster(
                &source,
                command.key,
                line,
                &Deadline::within(command.timeout),
            );
            let record = Redactor::new().seal(raw);
            let refused = record.exit_status() == Some(2);
            store.insert_cluster(record);
            if !refused {
                break;
            }
        }
    }
    store
}

/// The facts that the engine itself needs are read from every release.
#[test]
fn every_release_is_read() {
    for release in RELEASES {
        let store = store(release);
        let view = View::cluster(&store);
        let status = Status::read(&view).unwrap_or_else(|m| panic!("{release}: {m}"));
        assert_eq!(status.release.to_string(), release);
        let containers = Containers::read(&view).unwrap_or_else(|m| panic!("{release}: {m}"));
        let backends = containers.backends().count() as u64;
        assert_eq!(
            status.backends,
            Some(Count {
                active: backends,
                total: backends
            }),
            "{release}"
        );
        assert_eq!(backends, if release.starts_with('3') { 6 } else { 18 });
        let servers = Servers::read(&view);
        let can = !release.starts_with('3') && release != "4.0.5.10";
        assert_eq!(servers.is_ok(), can, "{release}: {servers:?}");
        if let Ok(servers) = servers {
            assert_eq!(servers.0.len(), 8);
            assert_eq!(servers.0[0].roles, ["BACKEND"]);
        }
    }
}
