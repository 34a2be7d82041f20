//! What a server's own commands print: `date`, `systemctl`, `df`, `du`.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Cluster, Server};
use crate::output::Output;

/// The units that are asked for, in the order of the question.
const UNITS: [&str; 4] = [
    "weka-agent.service",
    "rpc-statd.service",
    "rpc-statd-notify.service",
    "falcon-sensor.service",
];
/// Below which each container has a directory.
const DATA: &str = "/opt/weka/data";

impl Cluster {
    /// What the probe of this key prints on this server; `None` for a probe
    /// or a server that the model does not know.
    ///
    /// The clock shows the cluster's time with the server's offset; a source
    /// that gives the answer a duration adds half of it, see
    /// [`Cluster::clock_after`].
    #[must_use]
    pub fn probe(&self, server: &str, key: &str) -> Option<Output> {
        let server = self.server(server)?;
        match key {
            "host:clock" => Some(self.clock_after(server, SignedDuration::ZERO)),
            "host:units" => Some(Output::text(units(server))),
            "host:space" => Some(Output::text(space(server))),
            "host:data-dirs" => Some(Output::text(data_dirs(server))),
            "host:memory" => Some(Output::text(MEMORY)),
            "host:mounts" => Some(Output::text(mounts(server))),
            "host:cpu" => Some(Output::text(cpu(server))),
            "host:boot" => Some(Output::text(BOOT)),
            "host:build" => Some(Output::text(BUILD)),
            "host:ports" => Some(Output::text(self.ports(server))),
            "host:ofed" => Some(Output::text(
                "cards 2\nofed MLNX_OFED_LINUX-23.10-0.5.5.0:\nend\n",
            )),
            "host:fallocate" => Some(Output::text("yes\n")),
            "host:kernel-headers" => Some(Output::text(KERNEL_HEADERS)),
            "host:local-ps" => Some(self.weka_on(&server.name, &["local", "ps", "-J"])),
            _ => None,
        }
    }

    /// Every management port but its own answers.
    fn ports(&self, asker: &Server) -> String {
        let others = self.servers.iter().filter(|other| other.name != asker.name);
        let mut text = String::new();
        for other in others {
            for container in other.containers.iter().filter(|c| c.is_backend()) {
                for address in &other.addresses {
                    let _ = writeln!(text, "open {address} {}", container.mgmt_port);
                }
            }
        }
        text + "end\n"
    }

    /// What a server's clock shows so long after the cluster's time.
    pub(crate) fn clock_after(&self, server: &Server, after: SignedDuration) -> Output {
        let offset = SignedDuration::from_millis(server.clock_offset_ms);
        let shown = self
            .now
            .checked_add(after + offset)
            .unwrap_or(Timestamp::MAX);
        if server.busybox {
            // It knows no %N and prints the letter.
            return Output::text(format!("{}.N\n", shown.as_second()));
        }
        Output::text(format!(
            "{}.{:09}\n",
            shown.as_second(),
            shown.subsec_nanosecond()
        ))
    }
}

/// As `systemctl show -p Id,LoadState,ActiveState,SubState,UnitFileState` prints.
pub(crate) fn units(server: &Server) -> String {
    let blocks: Vec<String> = UNITS.iter().map(|name| unit(server, name)).collect();
    blocks.join("\n")
}

/// One block of `systemctl show`.
pub(crate) fn unit(server: &Server, name: &str) -> String {
    let unit = server.unit(name);
    format!(
        "Id={name}\nLoadState={}\nActiveState={}\nSubState={}\nUnitFileState={}\n",
        unit.load, unit.active, unit.sub, unit.file_state
    )
}

/// The directories as a shell's `/opt/weka/data/*/` gives them: sorted, with
/// the slash behind.
fn data_paths(server: &Server) -> impl Iterator<Item = (String, u64)> {
    server
        .data_dirs
        .iter()
        .map(|(name, kib)| (format!("{DATA}/{name}/"), *kib))
}

/// `/proc/meminfo` of a server with 384 GiB, most of it in huge pages.
const MEMORY: &str = "MemTotal: 395266684 kB\nMemFree: 61236112 kB\nMemAvailable: 88412340 kB\n";

/// A server of Rocky Linux 9, with UEFI and without Secure Boot.
const BOOT: &str = "kernel 5.14.0-503.el9.x86_64\nfirmware efi\nsecure-boot 6 0 0 0 0\n\
    ipv6 addresses\ndisable-ipv6 0\nend\n";

const BUILD: &str = "kernel 5.14.0-503.el9.x86_64\nhas headers\nhas gcc\nhas make\nhas perl\n\
    has libelf\nmanager dnf\nend\n";

const KERNEL_HEADERS: &str = "kernel 5.14.0-503.el9.x86_64\nID=\"rocky\"\nlaunder_folio no\n";

/// The mounts that matter, as `/proc/self/mountinfo` has them.
fn mounts(server: &Server) -> String {
    let mut text = "dir /opt/weka /opt/weka\ndir /tmp /tmp\n".to_owned();
    for (n, mount) in server.mounts.iter().enumerate() {
        let _ = writeln!(
            text,
            "{} 1 8:{n} / {} rw,relatime shared:1 - xfs {} rw,attr2",
            30 + n,
            mount.at,
            mount.device
        );
    }
    text.push_str(
        "40 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\nend\n",
    );
    text
}

/// Two sockets of 32 cores at full speed.
fn cpu(_: &Server) -> String {
    let cores: String = (0..64).map(|n| format!("mhz {n} 2795\n")).collect();
    format!(
        "nodes 2\n{cores}flags avx2 aes\nmodel Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz\ncpus 64\n"
    )
}

/// The paths, then `df -P -k` of them: one line for each, in their order.
fn space(server: &Server) -> String {
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

/// As `du -s -k --apparent-size` prints; where `du` knows no apparent size, the
/// script says so first.
fn data_dirs(server: &Server) -> String {
    let first = if server.busybox { "used\n" } else { "" };
    data_paths(server).fold(first.to_owned(), |mut text, (path, kib)| {
        let _ = writeln!(text, "{kib}\t{path}");
        text
    })
}
