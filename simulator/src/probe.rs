//! What a server's own commands print: `date`, `systemctl`, `df`, `du`.

mod disks;
mod machine;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use disks::DATA;
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
            "host:space" => Some(Output::text(disks::space(server))),
            "host:data-dirs" => Some(Output::text(disks::data_dirs(server))),
            "host:mounts" => Some(Output::text(disks::mounts(server))),
            "host:wekafs-mounts" => Some(Output::text(disks::wekafs(server))),
            "host:memory" => Some(Output::text(machine::memory(&server.machine))),
            "host:cpu" => Some(Output::text(machine::cpu(&server.machine))),
            "host:boot" => Some(Output::text(machine::boot(&server.machine))),
            "host:build" => Some(Output::text(machine::build(&server.machine))),
            "host:ofed" => Some(Output::text(machine::ofed(&server.machine))),
            "host:fallocate" => Some(machine::fallocate(&server.machine)),
            "host:kernel-headers" => Some(Output::text(machine::kernel_headers(&server.machine))),
            "host:os" => Some(Output::text(machine::os(&server.machine))),
            "host:cmdline" => Some(Output::text(machine::boot_arguments(&server.machine))),
            "host:iommu" => Some(Output::text(machine::iommu(server))),
            "host:ports" => Some(Output::text(self.ports(server))),
            "host:nfs-connections" => {
                Some(Output::text(format!("ss {}\n", server.nfs_connections)))
            }
            "host:tsmb" => Some(self.tsmb(server)),
            "host:download" => Some(self.download(server)),
            "host:spec-files" => Some(Output::text(spec_files(self, server))),
            "host:tls" => Some(certificates(self, server)),
            "host:local-resources" => Some(self.local_resources(server)),
            "host:write-combining" => Some(Output::text(write_combining(self, server))),
            "host:local-ps" => Some(self.weka_on(&server.name, &["local", "ps", "-J"])),
            _ => None,
        }
    }

    /// Every management port but its own answers, apart from those of
    /// containers that stand still and of servers behind a wall.
    fn ports(&self, asker: &Server) -> String {
        let others = self.servers.iter().filter(|other| other.name != asker.name);
        let mut text = String::new();
        for other in others {
            for container in other.containers.iter().filter(|c| c.is_backend()) {
                let answers = container.local.running && !other.walled_in;
                let state = if answers { "open" } else { "closed" };
                for address in &other.addresses {
                    let _ = writeln!(text, "{state} {address} {}", container.mgmt_port);
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
        let mut secrets: Vec<&str> = Vec::new();
        let mut lists: Vec<Vec<String>> = Vec::new();
        let mut report = String::new();
        for container in &server.containers {
            let key = container.join_secret.as_deref();
            let key = key.map_or(0, |secret| 1 + place(&mut secrets, secret));
            let list = 1 + place(&mut lists, self.endpoints_of(container));
            let _ = writeln!(
                report,
                "container {}\nkey {key}\nendpoints {list}",
                container.name
            );
        }
        let mut text: String = secrets
            .iter()
            .map(|secret| format!("{}  -\n", digest(secret)))
            .collect();
        let _ = writeln!(text, "digests {}", secrets.len());
        for list in &lists {
            let _ = writeln!(text, "list {}", list.join(" "));
        }
        Output::text(text + &report + "end\n")
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

/// Where it stands in the list, to which it is added if it is not there.
fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter()
        .position(|known| *known == item)
        .unwrap_or_else(|| {
            list.push(item);
            list.len() - 1
        })
}

/// Stands for the SHA-256 digest of a join secret: another for each.
fn digest(secret: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    (0..4).fold(String::new(), |mut text, _| {
        for byte in secret.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let _ = write!(text, "{hash:016x}");
        text
    })
}

/// The description of every release that runs here.
fn spec_files(cluster: &Cluster, server: &Server) -> String {
    let own = server.containers.iter().map(|c| c.release.to_string());
    let releases: BTreeSet<String> = own.chain([cluster.release.to_string()]).collect();
    let mut text: String = releases
        .iter()
        .map(|release| format!("spec {release}.spec\n"))
        .collect();
    if server.ca_override {
        let _ = writeln!(text, "ca {}.spec", cluster.release);
    }
    text + "end\n"
}

/// As `openssl x509 -text` shows each container's certificate, shortened.
fn certificates(cluster: &Cluster, server: &Server) -> Output {
    let Some(certificate) = &server.certificate else {
        return Output::text("");
    };
    if !server.machine.has_program("openssl") {
        return Output::failed(3, "openssl is not installed");
    }
    let expiry = cluster.now + SignedDuration::from_hours(24 * certificate.days);
    let expiry = expiry.strftime("%b %e %H:%M:%S %Y GMT");
    let of_each: String = server
        .containers
        .iter()
        .map(|container| {
            format!(
                "certificate {DATA}/{}/tls/certificate.pem\nNot After : {expiry}\nPublic Key Algorithm: rsaEncryption\nPublic-Key: ({} bit)\n",
                container.name, certificate.bits
            )
        })
        .collect();
    Output::text(of_each)
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
