//! Every parser of outside text behind one plain function, for property tests
//! and fuzz targets. Each takes whatever comes, and panics only where a promise
//! of the parser is broken.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::evidence::{End, RawRecord, Redactor, ServerEvidence, Store};
use crate::facts::{FactScope, FactSpec, View, servers};
use crate::registry::Registry;
use crate::release_data::{PartKind, ReleaseData};
use crate::server::{Reach, Role, Server, Transport};
use crate::{bundle, fleet, report};

pub use crate::facts::find_json;

/// The marker of the sessions that [`frames`] takes apart.
pub const MARKER: &str = fleet::fuzzed::MARKER;

/// Every fact that a registered check needs, by name.
#[must_use]
pub fn facts(registry: &Registry) -> Vec<FactSpec> {
    let all = registry.iter().flat_map(|check| check.needs());
    let by_name: BTreeMap<_, _> = all.map(|spec| (spec.name, spec)).collect();
    by_name.into_values().collect()
}

/// Reads a fact from evidence in which every command and probe of it answered
/// `answers` in turn, with this exit status. Says whether it could be read.
pub fn fact(spec: &FactSpec, status: i32, answers: &[&[u8]]) -> bool {
    let mut store = Store::default();
    let mut server = ServerEvidence {
        server: Server {
            name: "weka-01".to_owned(),
            hostname: "weka-01".to_owned(),
            address: "10.0.0.1".to_owned(),
            addresses: vec!["10.0.0.1".to_owned()],
            role: Role::Backend,
        },
        reach: Reach {
            transport: Some(Transport::Ssh),
            error: None,
            ms: 42,
        },
        records: BTreeMap::new(),
    };
    let waited_for = spec.dependents.iter().flat_map(|d| d.after).map(|c| c.key);
    let keys = spec.evidence().chain(waited_for);
    for (n, key) in keys.enumerate() {
        let answer = answers.get(n % answers.len().max(1)).copied();
        let record = Redactor::new().seal(RawRecord {
            key: key.to_owned(),
            command: key.to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            duration: Duration::from_millis(40),
            end: End::Exited(status),
            stdout: answer.unwrap_or_default().to_vec(),
            stderr: Vec::new(),
            truncated: false,
        });
        if key.starts_with("host:") {
            server.records.insert(key.to_owned(), record);
        } else {
            store.insert_cluster(record);
        }
    }
    // What would be asked next, and where, is made of the same answers.
    let cluster = View::cluster(&store);
    for dependent in spec.dependents {
        let _ = (dependent.calls)(&cluster);
    }
    let servers = servers::roster(&store).unwrap_or_default();
    for dependent in spec.dependent_probes {
        for one in &servers {
            let _ = (dependent.words)(&cluster, one, &servers);
        }
    }
    let view = match spec.scope {
        FactScope::Cluster => cluster,
        FactScope::Server => View::server(&store, &server),
    };
    // A fact that was read must also be fit for a plugin.
    (spec.read)(&view).is_ok_and(|fact| !fact.to_json().is_null())
}

/// Takes a session's output apart, and fails when it matters in which pieces
/// it arrives.
pub fn frames(output: &[u8], chunk: usize) {
    fleet::fuzzed::frames(output, chunk);
}

/// Reads the text of a `known_hosts` and asks it about a name and a key.
pub fn known_hosts(text: &str, name: &str, key: &[u8]) {
    fleet::fuzzed::known_hosts(text, name, key);
}

/// Opens a bundle. Says whether it could be.
#[must_use]
pub fn bundle(bytes: &[u8]) -> bool {
    bundle::open_bytes(bytes).is_ok()
}

/// Opens a bundle whose gzip layer is off. Says whether it could be.
#[must_use]
pub fn unpacked_bundle(bytes: &[u8]) -> bool {
    bundle::open_unpacked(bytes).is_ok()
}

/// Reads a report. One that could be read comes out the same when written and
/// read again.
#[must_use]
pub fn report(text: &[u8]) -> bool {
    let Ok(read) = report::from_json(text) else {
        return false;
    };
    let written = report::json(&read);
    let again = report::from_json(written.as_bytes()).expect("what was written can be read");
    assert_eq!(report::json(&again), written);
    true
}

/// Replaces a part of the release data by a text. Says whether it was one.
#[must_use]
pub fn release_data(base: &ReleaseData, part: PartKind, text: &str, is_own: bool) -> bool {
    let read = base.clone().with_text(part, text, is_own);
    // What could be read can be looked through.
    read.is_ok_and(|data| data.gaps().len() < usize::MAX)
}

/// Redacts twice: what was redacted stays as it is.
pub fn redact(text: &[u8]) {
    let redactor = Redactor::new();
    let once = redactor.bytes(text).into_owned();
    let _ = redactor.bytes(&once);
}
