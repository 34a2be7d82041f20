//! All evidence of one run.

use std::collections::BTreeMap;

use super::Record;
use crate::server::{Reach, Server};

/// What came from one server: how it was reached, and its records.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerEvidence {
    /// The server, as the cluster knows it.
    pub server: Server,
    /// How it was reached, or why not.
    pub reach: Reach,
    /// The answers of its probes by key.
    pub records: BTreeMap<String, Record>,
}

/// All evidence of one run: the cluster's commands, and each server's probes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Store {
    /// By key, every command line that was tried for it, in the order of trying.
    cluster: BTreeMap<String, Vec<Record>>,
    servers: Vec<ServerEvidence>,
}

impl Store {
    /// Adds what one of the cluster's commands answered.
    pub fn insert_cluster(&mut self, record: Record) {
        self.cluster
            .entry(record.key().to_owned())
            .or_default()
            .push(record);
    }

    /// Adds what one server answered.
    pub fn insert_server(&mut self, evidence: ServerEvidence) {
        let place = |e: &ServerEvidence| (e.server.role, natural_key(&e.server.name));
        let own = place(&evidence);
        let at = self.servers.partition_point(|known| place(known) <= own);
        self.servers.insert(at, evidence);
    }

    /// Adds what a server answered later; nothing, where there is no such server.
    pub(crate) fn add_to_server(&mut self, name: &str, records: Vec<Record>) {
        if let Some(known) = self.servers.iter_mut().find(|s| s.server.name == name) {
            let keyed = records.into_iter().map(|r| (r.key().to_owned(), r));
            known.records.extend(keyed);
        }
    }

    /// The answer that counts for `key`: that of the command line tried last.
    #[must_use]
    pub fn cluster(&self, key: &str) -> Option<&Record> {
        self.cluster.get(key).and_then(|tried| tried.last())
    }

    /// Every command of the cluster, with all its tries, sorted by key.
    pub fn cluster_records(&self) -> impl Iterator<Item = &Record> {
        self.cluster.values().flatten()
    }

    /// All servers: backends first, then clients, by name.
    #[must_use]
    pub fn servers(&self) -> &[ServerEvidence] {
        &self.servers
    }

    /// Whether nothing at all was collected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cluster.is_empty() && self.servers.is_empty()
    }
}

/// Sorts `weka-2` before `weka-10`: digits by value, the rest by text.
pub(crate) fn natural_key(name: &str) -> Vec<(String, u64, usize)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text_len = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (text, tail) = rest.split_at(text_len);
        let digits_len = tail
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (digits, tail) = tail.split_at(digits_len);
        // More digits than a u64 holds sort last among their like.
        key.push((
            text.to_owned(),
            digits
                .parse()
                .unwrap_or(if digits.is_empty() { 0 } else { u64::MAX }),
            digits_len,
        ));
        rest = tail;
    }
    key
}
