//! What a server's own commands print: `date`, `systemctl`, `df`, `du`.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Cluster, Server};
use crate::output::Output;

/// The units that are asked for, in the order of the question.
const UNITS: [&str; 3] = [
    "weka-agent.service",
    "rpc-statd.service",
    "rpc-statd-notify.service",
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
            "host:local-ps" => Some(self.weka_on(&server.name, &["local", "ps", "-J"])),
            _ => None,
        }
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

/// The paths, then `df -P -k` of them: one line for each, in their order.
fn space(server: &Server) -> String {
    let mut paths = vec!["/opt/weka".to_owned()];
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
