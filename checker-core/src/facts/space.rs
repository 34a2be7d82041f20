//! What room a server has: `df` of `/`, of `/var`, of `/opt/weka` with its logs
//! and traces, and of each directory in `/opt/weka/data`.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// Where WEKA lives on a server.
pub const OPT_WEKA: &str = "/opt/weka";
/// Where WEKA writes its logs.
pub const LOGS: &str = "/opt/weka/logs";
/// Where WEKA keeps its traces.
pub const TRACES: &str = "/opt/weka/traces";

/// One `df` for all of them: it costs a fork, however many directories there are.
///
/// The paths are printed before, since `df` names only the file system behind
/// each, and two directories can share one.
pub static SPACE: ServerProbe = ServerProbe {
    key: "host:space",
    script: r#"set --
for path in / /var /opt/weka /opt/weka/logs /opt/weka/traces /opt/weka/data/*/; do
    [ -d "$path" ] || continue
    printf 'path %s\n' "$path"
    set -- "$@" "$path"
done
LC_ALL=C df -P -k "$@"
"#,
    timeout: Duration::from_secs(10),
    limit: 64 * 1024,
};

/// The file system behind one path. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSystem {
    /// What was asked for, without a `/` at its end.
    pub path: String,
    /// The device or the remote directory.
    pub device: String,
    /// Where it is mounted.
    pub mounted_on: String,
    /// Its size.
    pub size: u64,
    /// What is in use.
    pub used: u64,
    /// What a user without special rights may still write.
    pub available: u64,
}

/// The file systems that WEKA and the system live on, on one server. A
/// directory that the server does not have is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Space(pub Vec<FileSystem>);

impl Space {
    /// The file system behind this path, if it was asked for.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<&FileSystem> {
        let path = bare(path);
        self.0.iter().find(|fs| fs.path == path)
    }

    /// The file system behind this path, where something can be said of its size.
    ///
    /// # Errors
    /// Why not: the directory is not there, or `df` knows no size of what it
    /// lies on, as with ramfs and some file systems in user space.
    pub fn measured(&self, path: &str) -> Result<&FileSystem, String> {
        match self.of(path) {
            None => Err(format!("there is no directory {path} on this server")),
            Some(fs) if fs.size == 0 => Err(format!(
                "{path} lies on {}, of which `df` knows no size",
                fs.device
            )),
            Some(fs) => Ok(fs),
        }
    }
}

impl Fact for Space {
    const NAME: &'static str = "space";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&SPACE];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(SPACE.key)?).map_err(|what| view.unreadable(SPACE.key, what))
    }
}

/// Without a `/` at its end, unless it is nothing else.
fn bare(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        bare => bare,
    }
}

fn parse(text: &str) -> Result<Space, String> {
    let mut lines = text.lines().map(str::trim_end);
    let mut paths = Vec::new();
    let header = lines
        .by_ref()
        .inspect(|line| paths.extend(line.strip_prefix("path ")))
        .any(|line| line.starts_with("Filesystem"));
    if paths.is_empty() {
        return Err("it names no directory".to_owned());
    }
    if !header {
        return Err("df printed no table".to_owned());
    }
    let rows: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    // Which row is missing could only be guessed.
    if rows.len() != paths.len() {
        return Err(format!(
            "df printed {} lines for {} directories",
            rows.len(),
            paths.len()
        ));
    }
    paths
        .iter()
        .zip(rows)
        .map(|(path, row)| file_system(path, row).ok_or_else(|| format!("df printed {row:?}")))
        .collect::<Result<_, _>>()
        .map(Space)
}

/// `device 1024-blocks used available capacity mounted-on`. The first and the
/// last can hold blanks, so the three numbers before the percentage are looked
/// for. Of a file system without a size all are 0, and the percentage is `-`.
fn file_system(path: &str, row: &str) -> Option<FileSystem> {
    let words: Vec<&str> = row.split_whitespace().collect();
    let kib = |at: usize| words.get(at)?.parse::<u64>().ok()?.checked_mul(1024);
    let percent = (4..words.len().saturating_sub(1)).find(|at| {
        let numbers = *at - 3..*at;
        match words[*at] {
            "-" => numbers.map(kib).all(|number| number == Some(0)),
            word => word.ends_with('%') && numbers.map(kib).all(|number| number.is_some()),
        }
    })?;
    Some(FileSystem {
        path: bare(path).to_owned(),
        device: words[..percent - 3].join(" "),
        size: kib(percent - 3)?,
        used: kib(percent - 2)?,
        available: kib(percent - 1)?,
        mounted_on: words[percent + 1..].join(" "),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    const ANSWER: &str = "path /opt/weka\npath /opt/weka/data/drives0/\n\
        Filesystem     1024-blocks      Used Available Capacity Mounted on\n\
        /dev/nvme0n1p3   100000000  40000000  60000000      40% /opt/weka\n\
        /dev/mapper/a b  200000000  40000000 160000000      20% /opt/weka/my data\n";

    #[test]
    fn each_path_has_its_own_line() {
        let space = parse(ANSWER).expect("readable");
        let root = space.of("/opt/weka").expect("asked for");
        assert_eq!(root.available, 60_000_000 * 1024);
        assert_eq!(root.device, "/dev/nvme0n1p3");
        let data = space.of("/opt/weka/data/drives0/").expect("asked for");
        assert_eq!(data.available, 160_000_000 * 1024);
        assert_eq!(data.device, "/dev/mapper/a b");
        assert_eq!(data.mounted_on, "/opt/weka/my data");
        assert_eq!(space.of("/opt/weka/data/compute0"), None);
    }

    /// Seen of ramfs: the others are as readable as without it.
    #[test]
    fn a_file_system_without_a_size_is_one() {
        let text = "path /\npath /opt/weka\nFilesystem 1024-blocks Used Available Capacity Mounted on\n\
            /dev/sda1 100 40 60 40% /\nram disk 0 0 0 - /opt/weka\n";
        let space = parse(text).expect("readable");
        assert_eq!(space.measured("/").map(|fs| fs.available), Ok(60 * 1024));
        assert_eq!(space.of(OPT_WEKA).map(|fs| fs.size), Some(0));
        assert_eq!(
            space.measured(OPT_WEKA).expect_err("no size"),
            "/opt/weka lies on ram disk, of which `df` knows no size"
        );
        assert_eq!(
            space.measured("/var").expect_err("not asked for"),
            "there is no directory /var on this server"
        );
    }

    #[test]
    fn a_banner_before_it_does_not_matter() {
        let space = parse(&format!("Welcome!\n\n{ANSWER}")).expect("readable");
        assert_eq!(space.0.len(), 2);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_directory("Filesystem 1024-blocks Used Available Capacity Mounted on\n")]
    #[case::no_table("path /opt/weka\n")]
    #[case::a_line_short(ANSWER.trim_end().rsplit_once('\n').unwrap_or_default().0)]
    #[case::cut_in_a_line(&ANSWER[..ANSWER.len() - 40])]
    #[case::no_numbers("path /opt/weka\nFilesystem x\n/dev/sda1 - - - - /opt/weka\n")]
    #[case::a_dash_beside_numbers(
        "path /opt/weka\nFilesystem x\n/dev/sda1 100 40 60 - /opt/weka\n"
    )]
    #[case::negative("path /opt/weka\nFilesystem x\n/dev/sda1 100 200 -100 200% /opt/weka\n")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[test]
    fn the_root_is_a_path_too() {
        let text = "path /\npath /var\nFilesystem 1024-blocks Used Available Capacity Mounted on\n\
            /dev/sda1 100 40 60 40% /\n/dev/sda1 100 40 60 40% /\n";
        let space = parse(text).expect("readable");
        assert_eq!(space.of("/").expect("asked for").size, 100 * 1024);
        assert_eq!(space.of("/var").expect("asked for").mounted_on, "/");
        assert_eq!(space.of(OPT_WEKA), None);
    }

    /// The script for real, with another directory in the place of `/opt/weka`.
    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    #[case("busybox sh")]
    fn the_script_runs(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["drives0", "odd name; $(reboot) *", "compute0"] {
            std::fs::create_dir_all(dir.path().join("weka/data").join(name)).expect("a directory");
        }
        std::fs::create_dir_all(dir.path().join("weka/logs")).expect("a directory");
        std::fs::write(dir.path().join("weka/data/a file"), "").expect("a file");
        let root = dir.path().join("weka");
        let root = root.to_str().expect("UTF-8");
        let script = SPACE.script.replace(OPT_WEKA, root);
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        let space = parse(&text).expect("readable");
        // `/`, `/var`, the root, its logs, three directories; it has no traces.
        assert_eq!(space.0.len(), 7, "{space:?}");
        for path in ["/", "/var", root] {
            assert!(space.of(path).is_some_and(|fs| fs.size > 0), "{path}");
        }
        assert!(space.of(&format!("{root}/logs")).is_some());
        assert_eq!(space.of(&format!("{root}/traces")), None);
        assert!(
            space
                .of(&format!("{root}/data/odd name; $(reboot) *"))
                .is_some()
        );
    }

    #[rstest]
    #[case("sh")]
    #[case("bash")]
    #[case("busybox sh")]
    fn a_server_without_weka_says_so(#[case] shell: &str) {
        let script = SPACE.script.replace(OPT_WEKA, "/no/such/directory");
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        let space = parse(&text).expect("readable");
        assert!(space.of("/").is_some(), "{space:?}");
        assert_eq!(space.of("/no/such/directory"), None);
    }
}
