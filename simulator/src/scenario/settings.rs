//! Settings of the cluster and of its containers that get in the way.

use super::{Item, fault};
use crate::model::{Certificate, Cluster, Container, ManualOverride, Severity};

pub(super) const ITEMS: &[Item] = &[
    fault("override-set", "A manual override is in force", |c| {
        set(c, "raid_scrubber_bytes_per_sec", "1048576", false);
    }),
    fault(
        "override-obsolete",
        "A manual override does nothing any more: red for targets from 6.0 on",
        |c| set(c, "raid_journal_hound_bytes_per_sec", "1048576", false),
    ),
    fault(
        "udp-fallback",
        "The override is set that lets backends use UDP beside DPDK",
        |c| set(c, "enable_udp_fallback", "true", false),
    ),
    fault(
        "override-capacity",
        "The override is set that the step to the support for 1 EiB needs",
        |c| set(c, "rpc.exception.version", "1", true),
    ),
    fault("traces-off", "Traces are off", |c| {
        c.config.traces = false;
        c.raise(
            "TracesDisabled",
            Severity::Debug,
            "Traces are disabled",
            "Traces are not collected",
        );
    }),
    fault(
        "remote-traces",
        "Traces are sent to another machine (5.0.1 to before 5.1.2)",
        |c| c.config.remote_traces = true,
    ),
    fault(
        "stats-kept-long",
        "Statistics are kept for a week (before 4.2.7)",
        |c| c.config.stats_retention_secs = 7 * 86_400,
    ),
    fault(
        "ca-override",
        "The description of a backend's release names certificates of its own",
        |c| c.backend_mut(1).ca_override = true,
    ),
    fault(
        "tls-key-short",
        "The RSA key of a backend's certificate has 1024 bits",
        |c| {
            c.backend_mut(1).certificate = Some(Certificate {
                bits: 1024,
                ..Certificate::default()
            });
        },
    ),
    fault(
        "tls-expires-soon",
        "A backend's certificate expires in 12 days",
        |c| {
            c.backend_mut(1).certificate = Some(Certificate {
                days: 12,
                ..Certificate::default()
            });
        },
    ),
    fault("tls-none", "A backend has no certificate", |c| {
        c.backend_mut(1).certificate = None;
    }),
    fault(
        "no-openssl",
        "A backend has no openssl to read its certificate with",
        |c| c.backend_mut(1).machine.without.push("openssl".to_owned()),
    ),
    fault(
        "compute-memory-small",
        "The compute containers have little memory for the capacity",
        |c| {
            let containers = c.backends_mut().flat_map(|s| &mut s.containers);
            for container in containers.filter(|c| c.compute_cores > 0) {
                container.memory = 16 << 30;
            }
            c.raise(
                "HighSSDToRAMRatio",
                Severity::Warning,
                "High ratio of SSD capacity to RAM",
                "The SSD capacity is large against the memory of the compute processes",
            );
        },
    ),
    fault(
        "cores-shared",
        "Two containers of a backend have cores in common",
        |c| {
            if let Some(container) = c.backend_mut(1).containers.last_mut() {
                container.first_core = 2;
            }
            c.raise(
                "CoreOverlapping",
                Severity::Major,
                "Cores overlap between containers",
                "Containers of weka-02 share cores",
            );
        },
    ),
    fault(
        "machine-id-twice",
        "Two backends have the same machine identifier",
        |c| {
            let id = c.backend_mut(1).machine_id.clone();
            c.backend_mut(2).machine_id = id;
        },
    ),
    fault(
        "join-secret-none",
        "A container of a backend has no join secret",
        |c| container(c, |container| container.join_secret = None),
    ),
    fault(
        "join-secret-other",
        "A container of a backend has another join secret than all others",
        |c| {
            container(c, |container| {
                container.join_secret = Some("simulated-old-join-secret".to_owned());
            });
        },
    ),
    fault(
        "endpoint-gone",
        "A container of a backend is told to join an address that no backend has any more",
        |c| endpoint(c, "10.0.0.99"),
    ),
    fault(
        "endpoint-unspecified",
        "A container of a backend is told to join 0.0.0.0",
        |c| endpoint(c, "0.0.0.0"),
    ),
    fault(
        "small-filesystem",
        "A file system is smaller than 1 GiB",
        |c| {
            c.make_filesystem("scratch", 512 << 20);
        },
    ),
    fault(
        "snapshot-buckets",
        "An uploaded snapshot has another number of buckets than the cluster",
        |c| {
            if let Some(snapshot) = c.snapshots.first_mut() {
                snapshot.buckets = snapshot.buckets.saturating_sub(50);
            }
        },
    ),
];

/// Sets a manual override, of which the cluster tells in its alerts.
fn set(c: &mut Cluster, key: &str, value: &str, forced: bool) {
    let id = c.config.overrides.len() as u64;
    c.config.overrides.push(ManualOverride {
        id,
        key: key.to_owned(),
        value: value.to_owned(),
        forced,
    });
    c.raise(
        "ManualOverridesActive",
        Severity::Debug,
        "Manual overrides are active",
        "1 manual override is enabled",
    );
}

/// Changes a container of the second backend.
fn container(c: &mut Cluster, change: impl FnOnce(&mut Container)) {
    if let Some(container) = c.backend_mut(1).containers.last_mut() {
        change(container);
    }
}

fn endpoint(c: &mut Cluster, address: &str) {
    let found = c.backend_mut(1).containers.last().cloned();
    let mut addresses = found.map_or_else(Vec::new, |found| c.endpoints_of(&found));
    addresses.push(address.to_owned());
    container(c, |container| container.endpoints = Some(addresses));
}
