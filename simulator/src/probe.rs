//! What a server's own commands print: `date`, `systemctl`, `df`, `du`.

use std::collections::BTreeSet;
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
/// Stands for the digest of the join secret that all containers have.
const JOIN_SECRET: &str = "5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed";
/// Every server runs what WEKA lists for each recent target.
const OS: &str = "== /etc/os-release\nNAME=\"Rocky Linux\"\nVERSION=\"9.6 (Blue Onyx)\"\nID=\"rocky\"\n\
    VERSION_ID=\"9.6\"\nPRETTY_NAME=\"Rocky Linux 9.6 (Blue Onyx)\"\n\
    == /etc/redhat-release\nRocky Linux release 9.6 (Blue Onyx)\n\
    == kernel\n5.14.0-570.17.1.el9_6.x86_64\n";
const CMDLINE: &str = "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-5.14.0-570.17.1.el9_6.x86_64 root=/dev/mapper/rl-root ro quiet\n";
/// Below which each container has a directory.
const DATA: &str = "/opt/weka/data";

impl Cluster {
    /// What the probe of this key prints on this server; `None` for a probe
    /// or a server that the model does not know.
    ///
    /// The clock shows the cluster's time with the server's offset; a source
    /// that gives the answer a duration adds half of it, see
    /// `Cluster::clock_after`.
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
            "host:nfs-connections" => {
                Some(Output::text(format!("ss {}\n", server.nfs_connections)))
            }
            "host:tsmb" => Some(self.tsmb(server)),
            "host:wekafs-mounts" => Some(Output::text(wekafs(server))),
            "host:iommu" => Some(Output::text(iommu(server))),
            "host:download" => Some(self.download(server)),
            "host:spec-files" => Some(Output::text(spec_files(self, server))),
            "host:tls" => Some(Output::text(certificates(self, server))),
            "host:local-resources" => Some(self.local_resources(server)),
            "host:os" => Some(Output::text(OS)),
            "host:write-combining" => Some(Output::text(write_combining(self, server))),
            "host:cmdline" => Some(Output::text(CMDLINE)),
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

    /// The version of the SMB-W server, if the server has its container at all.
    fn tsmb(&self, server: &Server) -> Output {
        if server.tsmb.is_none() && !server.local.iter().any(|l| l.kind == "smbw") {
            return Output::text("none\n".to_owned());
        }
        let words = ["local", "exec", "-C", "smbw", "tsmb-server", "-v"];
        self.weka_on(&server.name, &words)
    }

    /// Tries the first backends that the containers of the server know.
    fn download(&self, server: &Server) -> Output {
        let containers = self.weka_on(&server.name, &["local", "ps", "-J"]);
        if containers.status != 0 {
            return Output::failed(1, String::from_utf8_lossy(&containers.stderr).trim());
        }
        let backends = self.servers.iter().filter(|s| s.is_backend());
        let mut text = String::new();
        for backend in backends.take(3) {
            let state = if server.cut_off { "timeout" } else { "ok" };
            let _ = writeln!(text, "backend {} 14000 {state}", backend.address());
            if !server.cut_off {
                break;
            }
        }
        if server.cut_off {
            text.push_str("site get.weka.io dns\n");
        }
        text.push_str("end\n");
        Output::text(text)
    }

    /// What the probe makes of `weka local resources` of every container: no
    /// secret, but its digest.
    fn local_resources(&self, server: &Server) -> Output {
        let listed = self.weka_on(&server.name, &["local", "ps", "-J"]);
        if listed.status != 0 {
            return Output::failed(listed.status, String::from_utf8_lossy(&listed.stderr));
        }
        if server.containers.is_empty() {
            return Output::text("digests 0\nend\n");
        }
        let backends = self.servers.iter().filter(|s| s.is_backend());
        let addresses: Vec<&str> = backends.map(Server::address).collect();
        let head = format!(
            "{JOIN_SECRET}  -\ndigests 1\nlist {}\n",
            addresses.join(" ")
        );
        let mut text = server.containers.iter().fold(head, |mut text, container| {
            let _ = writeln!(text, "container {}\nkey 1\nendpoints 1", container.name);
            text
        });
        text.push_str("end\n");
        Output::text(text)
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

/// Who made the machine, and on AWS whether write combining is on.
fn write_combining(cluster: &Cluster, server: &Server) -> String {
    match cluster.provider.as_deref() {
        Some("AWS") => {
            let on = u8::from(!server.write_combining_off);
            format!("vendor Amazon EC2\nwc {on}\n")
        }
        Some(other) => format!("vendor {other}\n"),
        None => "vendor Dell Inc.\n".to_owned(),
    }
}

/// The description of every release that runs here, none with certificates of its own.
fn spec_files(cluster: &Cluster, server: &Server) -> String {
    let own = server.containers.iter().map(|c| c.release.to_string());
    let releases: BTreeSet<String> = own.chain([cluster.release.to_string()]).collect();
    releases
        .iter()
        .map(|release| format!("spec {release}.spec\n"))
        .collect()
}

/// As `openssl x509 -text` shows each container's certificate, shortened.
fn certificates(cluster: &Cluster, server: &Server) -> String {
    let expiry = cluster.now + SignedDuration::from_hours(24 * 300);
    let expiry = expiry.strftime("%b %e %H:%M:%S %Y GMT");
    server
        .containers
        .iter()
        .map(|container| {
            format!(
                "certificate {DATA}/{}/tls/certificate.pem\nNot After : {expiry}\nPublic Key Algorithm: rsaEncryption\nPublic-Key: (2048 bit)\n",
                container.name
            )
        })
        .collect()
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

/// The mounts of WEKA's, as the kernel lists them.
fn wekafs(server: &Server) -> String {
    let mut text = String::new();
    for mount in &server.wekafs {
        let _ = writeln!(text, "wekafs {} {}", mount.device, mount.at);
    }
    let _ = writeln!(text, "read {}", server.mounts.len() + server.wekafs.len());
    text
}

/// What `/sys` shows of the IOMMU.
fn iommu(server: &Server) -> String {
    let (argument, units) = match server.iommu_groups {
        0 => ("", 0),
        _ => ("argument intel_iommu=on\n", 2),
    };
    format!("{argument}units {units}\ngroups {}\n", server.iommu_groups)
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
