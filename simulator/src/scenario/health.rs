//! What is wrong with the cluster as a whole.

use super::{Item, fault};
use crate::model::{BlockTask, Cluster, Severity};

pub(super) const ITEMS: &[Item] = &[
    fault("status-degraded", "The cluster's status is DEGRADED", |c| {
        c.status = "DEGRADED".to_owned();
    }),
    fault(
        "redistributing",
        "Data is moved between drives, fully protected",
        |c| {
            c.status = "REDISTRIBUTING".to_owned();
            c.rebuild.moving_data = true;
        },
    ),
    fault(
        "bucket-down",
        "One bucket is not at work, though the status is OK",
        |c| {
            c.active_buckets -= 1;
        },
    ),
    fault("io-stopped", "IO is stopped", |c| {
        c.io_status = "STOPPED".to_owned();
    }),
    fault(
        "rebuild-started",
        "A rebuild at 0 %: data has lost a copy",
        |c| {
            rebuild(c, 0.0, 90_000);
        },
    ),
    fault("rebuild-running", "A rebuild at 42 %", |c| {
        rebuild(c, 42.0, 52_200)
    }),
    fault(
        "rebuild-tiny",
        "So little data has lost a copy that it rounds to 0 %",
        |c| {
            c.rebuild.lose_one_copy(1);
        },
    ),
    fault("unavailable-data", "Data is beyond protection", |c| {
        c.status = "DEGRADED".to_owned();
        c.rebuild.make_unavailable(512);
    }),
    fault(
        "alert-warning",
        "An alert to resolve: the TLS certificate is the system's own",
        |c| {
            c.raise(
                "SystemDefinedTLS",
                Severity::Warning,
                "The cluster uses the TLS certificate that it made itself",
                "The certificate was not replaced",
            );
        },
    ),
    fault(
        "alert-debug",
        "An alert of severity DEBUG, which is hidden unless asked for",
        |c| {
            c.raise(
                "ClientVersionsMismatch",
                Severity::Debug,
                "Clients mismatch cluster version",
                "2 client containers run another release",
            );
        },
    ),
    fault(
        "alert-stop",
        "An alert that forbids the upgrade: DriveDown",
        |c| {
            c.raise(
                "DriveDown",
                Severity::Minor,
                "Drive is down",
                "DiskId<5> on weka-01 is down",
            );
        },
    ),
    fault(
        "alert-data-integrity",
        "The alert DataIntegrity: red for targets from 5.0 on",
        |c| {
            c.raise(
                "DataIntegrity",
                Severity::Critical,
                "Data integrity problems were found",
                "The scan of fs01 found problems",
            );
        },
    ),
    fault("alert-muted", "A muted alert: stays green", |c| {
        c.raise(
            "SystemDefinedTLS",
            Severity::Warning,
            "The cluster uses the TLS certificate that it made itself",
            "The certificate was not replaced",
        );
        if let Some(alert) = c.alerts.last_mut() {
            alert.muted = true;
        }
    }),
    fault(
        "alert-upgrading",
        "The alert ClusterIsUpgrading, without an upgrade to be seen",
        |c| {
            c.raise(
                "ClusterIsUpgrading",
                Severity::Debug,
                "The cluster is upgrading",
                "An upgrade is in progress",
            );
        },
    ),
    fault(
        "alert-leader-prepared",
        "The alert LeaderPreparedForUpgrade: an upgrade was left half way",
        |c| {
            c.raise(
                "LeaderPreparedForUpgrade",
                Severity::Debug,
                "The cluster leader was prepared for an upgrade",
                "The leader is still in upgrade preparation",
            );
        },
    ),
    fault(
        "backend-down",
        "The last backend is down: its containers, drives and alerts show it",
        down,
    ),
    fault(
        "container-down",
        "One front end container of a backend is DOWN",
        |c| {
            if let Some(container) = c.backend_mut(2).containers.last_mut() {
                container.status = "DOWN".to_owned();
            }
        },
    ),
    fault(
        "container-degraded",
        "One compute container of a backend is DEGRADED",
        |c| {
            set_container(c, 2, "compute0", "DEGRADED", "ACTIVE");
        },
    ),
    fault(
        "container-draining",
        "One front end container of a backend is DRAINING",
        |c| {
            set_container(c, 2, "frontend0", "DRAINING", "DRAINING");
        },
    ),
    fault(
        "single-container",
        "The second backend is one container with all roles: no MCB",
        |c| {
            let release = c.release.clone();
            let server = c.backend_mut(1);
            let drives = server.containers.remove(0);
            server.containers.clear();
            let mut single = drives;
            single.name = "default".to_owned();
            single.release = release;
            single.compute_cores = 10;
            single.frontend_cores = 2;
            server.containers.push(single);
        },
    ),
    fault(
        "upgrade-running",
        "An upgrade runs, in its compute phase",
        |c| {
            c.upgrade.phase = "ComputeRollingPhase".to_owned();
            upgrade_begun(c);
        },
    ),
    fault("upgrade-paused", "An upgrade was paused", |c| {
        c.upgrade.phase = "DrivePhase".to_owned();
        c.upgrade.paused = true;
        upgrade_begun(c);
    }),
    fault(
        "upgrade-container-left",
        "A local container named upgrade was left behind",
        |c| {
            let release = c.release.clone();
            c.backend_mut(1).add_local("upgrade", "weka", &release);
        },
    ),
    fault(
        "upgrade-event-unfinished",
        "The events tell of a phase that began and never ended",
        |c| {
            c.tell_upgrade("ComputeUpgradeStarted", Severity::Info, 300);
        },
    ),
    fault(
        "conversion-running",
        "The metadata conversion of the last upgrade still runs",
        |c| {
            c.upgrade.block_task = BlockTask {
                kind: "UPGRADE".to_owned(),
                state: "RUNNING".to_owned(),
                progress: 37,
                id: 12,
            };
        },
    ),
    fault("drive-down", "One drive has failed", |c| {
        fail_drive(c, 0);
        c.raise(
            "DriveDown",
            Severity::Minor,
            "Drive is down",
            "DiskId<1> on weka-01 is down",
        );
    }),
    fault("clients-none", "There are no clients", |c| {
        c.servers.retain(|s| s.is_backend())
    }),
];

/// A rebuild of so much data, so far through; the cluster says so.
pub(super) fn rebuild(c: &mut Cluster, percent: f64, mib: u64) {
    c.status = "REBUILDING".to_owned();
    c.rebuild.progress_percent = percent;
    c.rebuild.moving_data = true;
    c.rebuild.lose_one_copy(mib);
}

/// Fails the second drive of a backend.
pub(super) fn fail_drive(c: &mut Cluster, backend: usize) {
    let containers = c.backend_mut(backend).containers.iter_mut();
    if let Some(drive) = containers.flat_map(|c| &mut c.drives).nth(1) {
        drive.status = "FAILED".to_owned();
        drive.writable = false;
    }
}

fn set_container(c: &mut Cluster, backend: usize, name: &str, status: &str, state: &str) {
    if let Some(container) = c.backend_mut(backend).container_mut(name) {
        container.status = status.to_owned();
        container.state = state.to_owned();
    }
}

fn down(c: &mut Cluster) {
    let server = c.backend_mut(usize::MAX);
    let name = server.hostname.clone();
    for container in &mut server.containers {
        container.status = "DOWN".to_owned();
        for drive in &mut container.drives {
            drive.status = "INACTIVE".to_owned();
        }
    }
    rebuild(c, 3.0, 90_000);
    let text = format!("The processes of {name} are disconnected");
    c.raise(
        "NodeDisconnected",
        Severity::Minor,
        "Process is disconnected",
        &text,
    );
}

fn upgrade_begun(c: &mut Cluster) {
    c.tell_upgrade("DrivesUpgradeStarted", Severity::Info, 22);
    c.raise(
        "ClusterIsUpgrading",
        Severity::Debug,
        "The cluster is upgrading",
        "An upgrade is in progress",
    );
}
