//! What is wrong with single containers, processes and drives, and with what
//! the cluster has noted of them.

use super::{Item, fault};
use crate::model::{Cluster, OddProcess, Severity};

pub(super) const ITEMS: &[Item] = &[
    fault("client-down", "A client is DOWN", |c| {
        let client = c.servers.iter_mut().find(|s| !s.is_backend());
        if let Some(client) = client {
            for container in &mut client.containers {
                container.status = "DOWN".to_owned();
            }
            disconnected(c);
        }
    }),
    fault(
        "process-down",
        "A compute process is DOWN, which leaves its container DEGRADED",
        |c| {
            odd_compute(c, |odd| odd.status = Some("DOWN".to_owned()));
            disconnected(c);
        },
    ),
    fault(
        "process-blacklisted",
        "A compute process is DOWN and may not rejoin",
        |c| {
            odd_compute(c, |odd| {
                odd.status = Some("DOWN".to_owned());
                odd.blacklisted = true;
            });
            c.raise(
                "NodeBlacklisted",
                Severity::Debug,
                "Process is blacklisted",
                "A process of weka-02 may not rejoin the cluster",
            );
        },
    ),
    fault(
        "process-in-udp",
        "A backend process is in UDP mode beside the others in DPDK",
        |c| {
            if let Some(container) = c
                .backend_mut(1)
                .containers
                .iter_mut()
                .rfind(|c| c.cores() > 0)
            {
                container.odd.entry(1).or_default().network_mode = Some("UDP".to_owned());
            }
            c.raise(
                "UdpModePerformanceWarning",
                Severity::Debug,
                "Backend is in UDP mode",
                "A process of weka-02 is in UDP mode",
            );
        },
    ),
    fault(
        "drive-unwritable",
        "A drive is ACTIVE but takes no writes",
        |c| {
            if let Some(drive) = c
                .backend_mut(0)
                .containers
                .iter_mut()
                .flat_map(|c| &mut c.drives)
                .nth(2)
            {
                drive.writable = false;
            }
            c.raise(
                "UnwritableDisksConfigured",
                Severity::Debug,
                "Unwritable drives are configured",
                "DiskId<2> on weka-01 is set unwritable",
            );
        },
    ),
    fault(
        "drive-phasing-out",
        "A drive is on its way out of the cluster",
        |c| {
            if let Some(drive) = c
                .backend_mut(0)
                .containers
                .iter_mut()
                .flat_map(|c| &mut c.drives)
                .nth(2)
            {
                drive.status = "PHASING_OUT".to_owned();
                drive.should_be_active = false;
            }
        },
    ),
    fault(
        "drive-left-over",
        "The configuration holds a drive of its first generation (4.0 to before 4.2.1)",
        |c| c.config.left_over_drives.push(1_920_383_410_176),
    ),
    fault(
        "compute-busy",
        "The compute processes were at 74 % in the last hours",
        |c| c.config.compute_cpu_tenths = 742,
    ),
    fault(
        "fsck-never",
        "No metadata scan has ever ended: red on the way from 4.4 to 5.1",
        |c| c.config.last_fsck_usecs = -1,
    ),
    fault(
        "fsck-before-upgrade",
        "The last metadata scan was before the last upgrade: red on the way from 4.4 to 5.1",
        |c| c.config.last_fsck_usecs = c.config.last_upgrade_usecs - 86_400_000_000,
    ),
    fault(
        "fsck-faults",
        "The last metadata scan found faults: red on the way from 4.4 to 5.1",
        |c| c.config.last_fsck_issues = 3,
    ),
];

/// Changes the third process with a core of its own of the second backend's
/// compute container; a container without one of its processes is DEGRADED.
fn odd_compute(c: &mut Cluster, change: impl FnOnce(&mut OddProcess)) {
    let containers = &mut c.backend_mut(1).containers;
    if let Some(container) = containers.iter_mut().find(|c| c.compute_cores > 0) {
        change(container.odd.entry(3).or_default());
        container.status = "DEGRADED".to_owned();
    }
}

fn disconnected(c: &mut Cluster) {
    c.raise(
        "NodeDisconnected",
        Severity::Minor,
        "Process is disconnected",
        "A process is disconnected from the cluster",
    );
}
