//! What is wrong with the machine below a server.

use super::{Item, fault};
use crate::model::{Cluster, Firmware, Ipv6, Machine, OperatingSystem, Unit, WekafsMount};

pub(super) const ITEMS: &[Item] = &[
    fault(
        "os-newer",
        "A backend runs a newer Rocky Linux than is listed",
        |c| {
            runs(
                c,
                OperatingSystem::new("rocky", "Rocky Linux", "9.9", "Blue Onyx"),
            )
        },
    ),
    fault(
        "os-old",
        "A backend runs a Rocky Linux that the target no longer lists",
        |c| {
            runs(
                c,
                OperatingSystem::new("rocky", "Rocky Linux", "8.5", "Green Obsidian"),
            )
        },
    ),
    fault(
        "os-unlisted",
        "A backend runs a distribution that WEKA has never listed",
        |c| {
            runs(
                c,
                OperatingSystem::new("fedora", "Fedora Linux", "42", "Server Edition"),
            )
        },
    ),
    fault(
        "client-os-old",
        "A client runs a Rocky Linux that the target no longer lists",
        |c| {
            if let Some(client) = c.servers.iter_mut().find(|s| !s.is_backend()) {
                client.machine.os =
                    OperatingSystem::new("rocky", "Rocky Linux", "8.5", "Green Obsidian");
            }
        },
    ),
    fault(
        "kernel-launder-folio",
        "A backend's kernel has launder_folio (4.2.6 to 4.2.10)",
        |c| machine(c, |m| m.launder_folio = true),
    ),
    fault(
        "boot-iommu-pt",
        "A backend was booted with iommu=pt: known issues name that",
        |c| machine(c, |m| m.boot_arguments.push("iommu=pt".to_owned())),
    ),
    fault("no-avx2", "A backend's processors have no AVX2", |c| {
        machine(c, |m| m.cpu_flags.retain(|flag| flag != "avx2"));
    }),
    fault("no-aes", "A backend's processors have no AES", |c| {
        machine(c, |m| m.cpu_flags.retain(|flag| flag != "aes"));
    }),
    fault(
        "no-kernel-headers",
        "A backend lacks the headers of its running kernel",
        |c| machine(c, |m| m.cannot_build_with.push("headers".to_owned())),
    ),
    fault("no-gcc", "A backend has no compiler", |c| {
        machine(c, |m| m.cannot_build_with.push("gcc".to_owned()));
    }),
    fault("secure-boot", "Secure Boot is on", |c| {
        machine(c, |m| m.firmware = Firmware::SecureBoot);
    }),
    fault(
        "cgroups-v2",
        "An NFS server has control groups of version 2 alone",
        |c| c.backend_mut(4).machine.cgroups = vec!["cgroup2".to_owned()],
    ),
    fault("numa-domains", "A backend has 64 NUMA domains", |c| {
        machine(c, |m| m.numa_domains = 64)
    }),
    fault(
        "slow-cores",
        "Two of a backend's WEKA cores run at 1197 MHz",
        |c| machine(c, |m| m.slow_cores.extend([(3, 1197), (4, 1197)])),
    ),
    fault(
        "slow-idle-core",
        "A core that WEKA does not use runs at 1197 MHz: stays green",
        |c| machine(c, |m| m.slow_cores.extend([(60, 1197)])),
    ),
    fault("low-memory", "A backend has 4 GiB of memory left", |c| {
        machine(c, |m| m.memory_available = 4 << 20);
    }),
    fault(
        "falcon-running",
        "CrowdStrike Falcon runs on a backend",
        |c| {
            let running = Unit::new("loaded", "active", "running", "enabled");
            c.backend_mut(1)
                .units
                .insert("falcon-sensor.service".to_owned(), running);
        },
    ),
    fault(
        "falcon-module",
        "A module of CrowdStrike Falcon is loaded on a backend",
        |c| {
            machine(c, |m| {
                m.falcon_modules.push("falcon_lsm_serviceable".to_owned())
            })
        },
    ),
    fault("ipv6-off", "IPv6 is switched off on a backend", |c| {
        machine(c, |m| m.ipv6 = Ipv6::SwitchedOff);
    }),
    fault(
        "ipv6-not-in-kernel",
        "A backend was booted without IPv6",
        |c| {
            machine(c, |m| {
                m.ipv6 = Ipv6::NotInKernel;
                m.boot_arguments.push("ipv6.disable=1".to_owned());
            });
        },
    ),
    fault(
        "ofed-unsupported",
        "All backends have OFED 4.9: red for targets before 4.4",
        |c| {
            for server in c.backends_mut() {
                server.machine.ofed = Some("MLNX_OFED_LINUX-4.9-7.1.0.0".to_owned());
            }
        },
    ),
    fault(
        "ofed-differs",
        "A backend has another OFED than the others: yellow for targets before 4.4",
        |c| {
            machine(c, |m| {
                m.ofed = Some("MLNX_OFED_LINUX-5.8-1.1.2.1".to_owned())
            })
        },
    ),
    fault(
        "ofed-none",
        "A backend has cards of Mellanox and no OFED: yellow for targets before 4.4",
        |c| machine(c, |m| m.ofed = None),
    ),
    fault(
        "connectx-4",
        "A backend has a ConnectX-4: red for targets from 5.0 on",
        |c| machine(c, |m| m.card = "MT27700 Family [ConnectX-4]".to_owned()),
    ),
    fault(
        "fallocate-unsupported",
        "The file system of a backend's /opt/weka cannot reserve room",
        |c| machine(c, |m| m.fallocate = false),
    ),
    fault(
        "no-fallocate",
        "A backend has no fallocate to try it with",
        |c| machine(c, |m| m.without.push("fallocate".to_owned())),
    ),
    fault(
        "ports-closed",
        "A firewall keeps the backends from the management ports of one",
        |c| c.backend_mut(1).walled_in = true,
    ),
    fault(
        "wekafs-on-backend",
        "A backend has a WEKA file system mounted",
        |c| {
            c.backend_mut(1).wekafs.push(WekafsMount {
                at: "/mnt/weka".to_owned(),
                device: "weka-01/fs01".to_owned(),
            });
        },
    ),
];

/// Changes the machine of the second backend.
fn machine(c: &mut Cluster, change: impl FnOnce(&mut Machine)) {
    change(&mut c.backend_mut(1).machine);
}

fn runs(c: &mut Cluster, os: OperatingSystem) {
    machine(c, |m| m.os = os);
}
