//! Whole situations, as an operator finds them.

use super::{Item, Makes, fault, find};
use crate::model::Cluster;

pub(super) const ITEMS: &[Item] = &[
    fault(
        "busy",
        "Tasks: an upload runs, a download waits, an object store is detached, a quota is applied",
        |c| {
            all(
                c,
                &[
                    "snapshot-upload",
                    "snapshot-download-waiting",
                    "obs-detach",
                    "other-task",
                ],
            );
        },
    ),
    fault(
        "degraded",
        "A failed drive and a rebuild at 3 %, with the alerts of it",
        |c| {
            all(c, &["drive-down"]);
            super::health::rebuild(c, 3.0, 90_000);
            c.raise(
                "DataProtection",
                crate::model::Severity::Minor,
                "Some data is only partly protected",
                "90000 MiB have lost one copy",
            );
        },
    ),
    fault(
        "warnings",
        "Only what has to be looked at: an alert, an enabled unit, a task, a clock",
        |c| {
            all(
                c,
                &[
                    "alert-warning",
                    "nfs-statd-enabled",
                    "other-task",
                    "clock-off-10s",
                ],
            );
        },
    ),
    fault(
        "demo",
        "A night before an upgrade, with several things to put right",
        |c| {
            all(
                c,
                &[
                    "snapshot-upload",
                    "obs-detach",
                    "other-task",
                    "nfs-s3-on-one-server",
                    "nfs-statd-enabled",
                    "opt-weka-full",
                    "clock-off-10s",
                    "alert-warning",
                    "alert-muted",
                ],
            );
            let state = crate::model::Unit::new("loaded", "active", "running", "enabled");
            for n in [2, 3] {
                let units = &mut c.backend_mut(n).units;
                units.insert("rpc-statd.service".to_owned(), state.clone());
            }
            if let Some(server) = c.server_mut("weka-05") {
                server.reach = crate::model::Reachability::Fails {
                    step: checker_core::server::Step::HostKey,
                    detail: "the host key is not the one in known_hosts".to_owned(),
                    ms: 31,
                };
            }
        },
    ),
];

/// Applies what these names stand for.
fn all(cluster: &mut Cluster, names: &[&str]) {
    for name in names {
        // A test builds every situation, so a misspelt name does not get far.
        if let Ok(item) = find(name)
            && let Makes::Fault(apply) = item.makes
        {
            apply(cluster);
        }
    }
}
