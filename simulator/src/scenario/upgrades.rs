//! What goes wrong with an upgrade. Until one runs, the cluster is as it is
//! without it.

use checker_core::Version;

use super::{Item, cluster, fault};
use crate::model::{Cluster, Mode, Phase, Severity, Trouble, UpgradeFault};

pub(super) const ITEMS: &[Item] = &[
    cluster(
        "two-hops",
        "4.2.18.34 with 4 clients, two of them persistent: further on only by way of 4.4, with a conversion",
        two_hops,
    ),
    fault(
        "ndu-wrong-token",
        "NDU: the distribution site refuses the token",
        |c| always(c, Trouble::WrongToken),
    ),
    fault(
        "ndu-site-unreachable",
        "NDU: the distribution site is not reached",
        |c| always(c, Trouble::SiteUnreachable),
    ),
    fault(
        "ndu-dark-site",
        "NDU: no distribution server is configured",
        |c| c.upgrade.dark_site = true,
    ),
    fault(
        "ndu-no-room",
        "NDU: weka-03 has no room for the release",
        |c| {
            always(
                c,
                Trouble::NoRoom {
                    server: "weka-03".to_owned(),
                },
            );
        },
    ),
    fault(
        "ndu-no-room-here",
        "NDU: weka-01, on which the tool stands, has no room for the release",
        |c| {
            always(
                c,
                Trouble::NoRoom {
                    server: "weka-01".to_owned(),
                },
            );
        },
    ),
    fault(
        "ndu-preparation-fails",
        "NDU: the preparation fails on weka-03, every time",
        |c| {
            always(
                c,
                Trouble::PreparationFails {
                    server: "weka-03".to_owned(),
                },
            );
        },
    ),
    fault(
        "ndu-driver-build-fails",
        "NDU: the driver can't be built on weka-04",
        |c| {
            always(
                c,
                Trouble::DriverBuildFails {
                    server: "weka-04".to_owned(),
                },
            );
        },
    ),
    fault(
        "ndu-server-lost",
        "NDU: weka-03 goes down in the drives phase and stays down",
        |c| {
            once(
                c,
                Trouble::ServerLost {
                    server: "weka-03".to_owned(),
                    phase: Phase::Drives,
                },
            );
        },
    ),
    fault(
        "ndu-drives-stop",
        "NDU: the drives phase stops half-way, once",
        |c| stops(c, Phase::Drives),
    ),
    fault(
        "ndu-computes-stop",
        "NDU: the computes phase stops half-way, once",
        |c| stops(c, Phase::Computes),
    ),
    fault(
        "ndu-frontends-stop",
        "NDU: the frontends phase stops half-way, once",
        |c| stops(c, Phase::Frontends),
    ),
    fault(
        "ndu-drives-cleanup",
        "NDU: the cleanup of the drives phase fails, once",
        |c| {
            once(
                c,
                Trouble::CleanupFails {
                    phase: Phase::Drives,
                },
            );
        },
    ),
    fault(
        "ndu-computes-cleanup",
        "NDU: the cleanup of the computes phase fails, once",
        |c| {
            once(
                c,
                Trouble::CleanupFails {
                    phase: Phase::Computes,
                },
            );
        },
    ),
    fault(
        "ndu-frontends-cleanup",
        "NDU: the cleanup of the frontends phase fails, once",
        |c| {
            once(
                c,
                Trouble::CleanupFails {
                    phase: Phase::Frontends,
                },
            );
        },
    ),
    fault(
        "ndu-cleanup-always",
        "NDU: the cleanup of the computes phase fails every time",
        |c| {
            always(
                c,
                Trouble::CleanupFails {
                    phase: Phase::Computes,
                },
            );
        },
    ),
    fault(
        "ndu-child-killed",
        "NDU: the command is killed in the computes phase, while a container is down",
        |c| {
            once(
                c,
                Trouble::Killed {
                    phase: Phase::Computes,
                    after: 3,
                },
            );
        },
    ),
    fault(
        "ndu-conversion-lasts",
        "NDU: a metadata conversion follows, of 25 looks at the status",
        |c| always(c, Trouble::ConversionLasts { looks: Some(25) }),
    ),
    fault(
        "ndu-conversion-stuck",
        "NDU: a metadata conversion follows and never ends",
        |c| always(c, Trouble::ConversionLasts { looks: None }),
    ),
    fault(
        "ndu-client-fails",
        "NDU: client-02 can't be upgraded",
        |c| {
            always(
                c,
                Trouble::ClientFails {
                    server: "client-02".to_owned(),
                },
            );
        },
    ),
    fault(
        "ndu-new-alert",
        "NDU: an alert comes up in the computes phase",
        |c| {
            once(
                c,
                Trouble::AlertRises {
                    phase: Phase::Computes,
                    alert: "DriveDown".to_owned(),
                    severity: Severity::Minor,
                },
            );
        },
    ),
    fault(
        "ndu-version-stays",
        "NDU: the command succeeds, and nothing has another release",
        |c| always(c, Trouble::NoVersionChange),
    ),
    fault(
        "ndu-leader-slow",
        "NDU: the hand-over of the leader lasts long",
        |c| always(c, Trouble::HandoverLasts { steps: 40 }),
    ),
    fault(
        "ndu-mgmt-port",
        "NDU: the drive containers listen on port 14500",
        |c| {
            let backends = c.backends_mut().flat_map(|s| &mut s.containers);
            for container in backends.filter(|c| c.drive_cores > 0) {
                container.mgmt_port = 14_500;
            }
        },
    ),
    fault(
        "ndu-paused",
        "NDU: somebody pauses it in the computes phase for a while",
        |c| {
            once(
                c,
                Trouble::Paused {
                    phase: Phase::Computes,
                    steps: Some(12),
                },
            );
        },
    ),
    fault(
        "ndu-paused-for-good",
        "NDU: somebody pauses it in the computes phase and does not come back",
        |c| {
            once(
                c,
                Trouble::Paused {
                    phase: Phase::Computes,
                    steps: None,
                },
            );
        },
    ),
    fault(
        "ndu-no-scan",
        "NDU: nobody scans the metadata after an upgrade",
        |c| c.upgrade.no_scan = true,
    ),
    fault(
        "ndu-aws-driver-reload",
        "AWS; after the upgrade a network driver could not be loaded anew on weka-02",
        |c| {
            c.provider = Some("AWS".to_owned());
            once(
                c,
                Trouble::DriverReloadFails {
                    server: "weka-02".to_owned(),
                },
            );
        },
    ),
];

fn once(c: &mut Cluster, trouble: Trouble) {
    c.upgrade.faults.push(UpgradeFault::once(trouble));
}

fn always(c: &mut Cluster, trouble: Trouble) {
    c.upgrade.faults.push(UpgradeFault::always(trouble));
}

fn stops(c: &mut Cluster, phase: Phase) {
    once(c, Trouble::PhaseStops { phase, after: 3 });
}

fn two_hops() -> Cluster {
    let mut cluster = Cluster::healthy(&Version::new(4, 2, 18, 34), 6, 4);
    let clients = cluster.servers.iter_mut().flat_map(|s| &mut s.containers);
    for client in clients.filter(|c| c.mode == Mode::Client).skip(2) {
        client.auto_remove_timeout = None;
    }
    cluster
}
