//! What is mounted on a server, and how much room there is.

use std::fmt::Write as _;

use crate::model::Server;

/// Below which each container has a directory.
pub(super) const DATA: &str = "/opt/weka/data";

/// The directories as a shell's `/opt/weka/data/*/` gives them: sorted, with
/// the slash behind.
fn data_paths(server: &Server) -> impl Iterator<Item = (String, u64)> {
    server
        .data_dirs
        .iter()
        .map(|(name, kib)| (format!("{DATA}/{name}/"), *kib))
}

/// The mounts that matter, as `/proc/self/mountinfo` has them.
pub(super) fn mounts(server: &Server) -> String {
    let mut text = String::new();
    if server.opt_weka_link.is_some() {
        text.push_str("link /opt/weka\n");
    }
    let _ = writeln!(text, "dir /opt/weka {}", server.real_path("/opt/weka"));
    text.push_str("dir /tmp /tmp\n");
    for (n, mount) in server.mounts.iter().enumerate() {
        let more: String = mount.options.iter().map(|o| format!(",{o}")).collect();
        let _ = writeln!(
            text,
            "{} 1 8:{n} / {} rw,relatime{more} shared:1 - {} {} rw,attr2",
            30 + n,
            mount.at,
            mount.kind,
            mount.device
        );
    }
    for (n, mount) in server.wekafs.iter().enumerate() {
        let _ = writeln!(
            text,
            "{} 1 0:{} / {} rw,relatime shared:1 - wekafs {} rw",
            60 + n,
            60 + n,
            mount.at,
            mount.device
        );
    }
    for kind in &server.machine.cgroups {
        text.push_str(match kind.as_str() {
            "cgroup2" => {
                "40 30 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
            }
            _ => "40 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n",
        });
    }
    text.push_str("end\n");
    text
}

/// The paths, then `df -P -k` of them: one line for each, in their order.
pub(super) fn space(server: &Server) -> String {
    let system = [
        "/",
        "/var",
        "/opt/weka",
        "/opt/weka/logs",
        "/opt/weka/traces",
    ];
    let mut paths = system.map(str::to_owned).to_vec();
    paths.extend(data_paths(server).map(|(path, _)| path));
    let mut text = String::new();
    for path in &paths {
        let _ = writeln!(text, "path {path}");
    }
    let _ = writeln!(
        text,
        "{:<14} {:>15} {:>9} {:>9} {:>8} Mounted on",
        "Filesystem", "1024-blocks", "Used", "Available", "Capacity"
    );
    for mount in paths
        .iter()
        .filter_map(|p| server.mount_of(p.trim_end_matches('/')))
    {
        let available = mount.total.saturating_sub(mount.used);
        // df rounds up.
        let percent = (mount.used * 100).div_ceil(mount.total.max(1));
        let _ = writeln!(
            text,
            "{:<14} {:>15} {:>9} {available:>9} {:>8} {}",
            mount.device,
            mount.total,
            mount.used,
            format!("{percent}%"),
            mount.at
        );
    }
    text
}

/// The mounts of WEKA's, as the kernel lists them.
pub(super) fn wekafs(server: &Server) -> String {
    let mut text = String::new();
    for mount in &server.wekafs {
        let _ = writeln!(text, "wekafs {} {}", mount.device, mount.at);
    }
    let _ = writeln!(text, "read {}", server.mounts.len() + server.wekafs.len());
    text
}

/// As `du -s -k --apparent-size` prints; where `du` knows no apparent size, the
/// script says so first.
pub(super) fn data_dirs(server: &Server) -> String {
    let first = if server.busybox { "used\n" } else { "" };
    data_paths(server).fold(first.to_owned(), |mut text, (path, kib)| {
        let _ = writeln!(text, "{kib}\t{path}");
        text
    })
}
