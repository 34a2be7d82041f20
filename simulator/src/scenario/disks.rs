//! What is wrong with a server's disks: room, and where things are mounted.

use super::{Item, fault};
use crate::model::{Cluster, Mount};

/// KiB in a GiB.
const GIB: u64 = 1 << 20;

pub(super) const ITEMS: &[Item] = &[
    fault(
        "opt-weka-full",
        "A backend has less than 4 GB free in /opt/weka; its data lies elsewhere",
        |c| {
            let server = c.backend_mut(2);
            // The data directories keep their room, so that only one rule is broken.
            let data = Mount::local("/opt/weka/data", "/dev/sdc1", 200 * GIB, 40 * GIB);
            server.mounts.push(data);
            mount(c, "/opt/weka", |mount| mount.used = mount.total - 3 * GIB);
        },
    ),
    fault(
        "data-dir-too-large",
        "A container's directory is too large for the free space",
        |c| {
            // 117 GiB of data want 175.5 GiB free; 118 used of 240 GiB leave 122.
            if let Some(size) = c.backend_mut(2).data_dirs.values_mut().max() {
                *size = 117 * GIB;
            }
            mount(c, "/opt/weka", |mount| mount.used = 118 * GIB);
        },
    ),
    fault("root-full", "A backend has half a GiB free on /", |c| {
        mount(c, "/", |mount| mount.used = mount.total - GIB / 2);
    }),
    fault("root-tight", "A backend has 6 % free on /", |c| {
        mount(c, "/", |mount| mount.used = mount.total / 100 * 94);
    }),
    fault(
        "var-full",
        "A backend's /var is a file system of its own, with half a GiB free",
        |c| {
            let var = Mount::local("/var", "/dev/sda3", 20 * GIB, 20 * GIB - GIB / 2);
            c.backend_mut(2).mounts.push(var);
        },
    ),
    fault(
        "logs-full",
        "A backend's /opt/weka/logs is a file system of its own, with 10 % free",
        |c| {
            let logs = Mount::local("/opt/weka/logs", "/dev/sdd1", 20 * GIB, 18 * GIB);
            c.backend_mut(2).mounts.push(logs);
        },
    ),
    fault(
        "traces-small",
        "A backend's /opt/weka/traces is smaller than what traces leave free",
        |c| {
            let traces = Mount::local("/opt/weka/traces", "/dev/sde1", 8 * GIB, GIB);
            c.backend_mut(2).mounts.push(traces);
        },
    ),
    fault(
        "opt-weka-link",
        "/opt/weka of a backend is a symbolic link",
        |c| {
            c.backend_mut(2).opt_weka_link = Some("/srv/weka".to_owned());
            mount(c, "/opt/weka", |mount| mount.at = "/srv/weka".to_owned());
        },
    ),
    fault("opt-weka-nfs", "/opt/weka of a backend lies on NFS", |c| {
        mount(c, "/opt/weka", |mount| {
            mount.kind = "nfs4".to_owned();
            mount.device = "filer:/weka-03".to_owned();
        });
    }),
    fault(
        "opt-weka-ram-disk",
        "/opt/weka of a backend lies on a RAM disk",
        |c| {
            mount(c, "/opt/weka", |mount| {
                mount.kind = "tmpfs".to_owned();
                mount.device = "tmpfs".to_owned();
            });
        },
    ),
    fault(
        "opt-weka-on-root",
        "/opt/weka of a backend is no file system of its own",
        |c| c.backend_mut(2).mounts.retain(|m| m.at != "/opt/weka"),
    ),
    fault("tmp-noexec", "/tmp of a backend is mounted noexec", |c| {
        let mut tmp = Mount::local("/tmp", "tmpfs", 8 * GIB, GIB);
        tmp.kind = "tmpfs".to_owned();
        tmp.options.push("noexec".to_owned());
        c.backend_mut(2).mounts.push(tmp);
    }),
];

/// Changes a mount of the third backend.
fn mount(c: &mut Cluster, at: &str, change: impl FnOnce(&mut Mount)) {
    let mut mounts = c.backend_mut(2).mounts.iter_mut();
    if let Some(mount) = mounts.find(|m| m.at == at) {
        change(mount);
    }
}
