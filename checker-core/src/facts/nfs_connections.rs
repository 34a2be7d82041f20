//! How many NFS clients are connected to a server.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// The established connections to port 2049 of this server: one line, `ss 12`
/// or `proc 12`, by where they were counted.
///
/// `ss` asks the kernel for these alone; without it the two tables in `/proc`
/// are read once. There, 0801 is port 2049 and 01 is established.
pub static NFS_CONNECTIONS: ServerProbe = ServerProbe {
    key: "host:nfs-connections",
    script: r#"if command -v ss >/dev/null 2>&1 && shown=$(ss -Htn state established '( sport = :2049 )' 2>/dev/null); then
    set -f
    IFS='
'
    # shellcheck disable=SC2086
    set -- $shown
    echo "ss $#"
    exit 0
fi
tables=
for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$table" ] && tables="$tables $table"
done
[ -n "$tables" ] || { echo 'neither ss nor /proc/net/tcp' >&2; exit 1; }
# shellcheck disable=SC2086
count=$(cat $tables | grep -c -E '^ *[0-9]+: [0-9A-F]+:0801 [0-9A-F]+:[0-9A-F]{4} 01 ')
[ -n "$count" ] || exit 1
echo "proc $count"
"#,
    timeout: Duration::from_secs(10),
    limit: 4 * 1024,
};

/// The established NFS connections of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NfsConnections(pub u64);

impl Fact for NfsConnections {
    const NAME: &'static str = "nfs_connections";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&NFS_CONNECTIONS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(NFS_CONNECTIONS.key)?)
            .ok_or_else(|| view.unreadable(NFS_CONNECTIONS.key, "there is no count in it"))
    }
}

fn parse(text: &str) -> Option<NfsConnections> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim();
            let count = line.strip_prefix("ss ").or(line.strip_prefix("proc "))?;
            count.trim().parse().ok()
        })
        .next_back()
        .map(NfsConnections)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none("ss 0\n", Some(0))]
    #[case::some("proc 1025\n", Some(1025))]
    #[case::behind_a_banner("Welcome\nss 12\n", Some(12))] // field history 5.4, remote text
    #[case::empty("", None)]
    #[case::cut("ss", None)]
    #[case::words("ss many", None)]
    #[case::bare("12", None)]
    fn shapes(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(parse(text), expected.map(NfsConnections));
    }

    /// With and without `ss`, on whatever machine the test runs.
    #[rstest]
    #[case::as_it_is(NFS_CONNECTIONS.script.to_owned())]
    #[case::without_ss(NFS_CONNECTIONS.script.replace("command -v ss", "false"))]
    fn the_script_runs_in_a_posix_shell(#[case] script: String) {
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("a shell");
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(parse(&text).is_some(), "{text}");
    }

    /// The lines of a table as the kernel prints them: only an established
    /// connection whose own port is 2049 counts.
    #[test]
    fn the_table_is_counted_by_port_and_state() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let line = |local: &str, remote: &str, state: &str| {
            format!(
                "   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n"
            )
        };
        let v4 = "  sl  local_address rem_address   st tx_queue\n".to_owned()
            + &line("0B00000A:0801", "2100000A:03E7", "01")
            + &line("00000000:0801", "00000000:0000", "0A")
            + &line("0B00000A:03E7", "2100000A:0801", "01")
            + &line("0B00000A:0801", "2200000A:03E7", "06");
        let v6 = line(
            "0000000000000000FFFF00000B00000A:0801",
            "0000000000000000FFFF00002300000A:03E7",
            "01",
        );
        std::fs::write(folder.join("tcp"), v4).expect("written");
        std::fs::write(folder.join("tcp6"), v6).expect("written");
        let script = NFS_CONNECTIONS
            .script
            .replace("command -v ss", "false")
            .replace("/proc/net/", &format!("{}/", folder.display()));
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "proc 2\n");
    }
}
