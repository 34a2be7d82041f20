//! What is mounted where it matters: behind `/opt/weka` and `/tmp`, every
//! wekafs, and the control groups.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// Where the two directories really are (`cd -P` is part of the shell), whether
/// `/opt/weka` is a link, then those lines of `/proc/self/mountinfo` that
/// matter: the mounts above the two directories, wekafs, control groups.
///
/// `mountinfo` and not `mounts`, since it tells a file system of its own from
/// a directory of another one that is mounted there. One `awk` picks the
/// lines: a server with many pods has thousands, and a shell reads them a
/// byte at a time.
pub static MOUNTS: ServerProbe = ServerProbe {
    key: "host:mounts",
    script: r#"[ -r /proc/self/mountinfo ] || { echo 'no /proc/self/mountinfo' >&2; exit 1; }
[ -L /opt/weka ] && echo 'link /opt/weka'
cd -P /opt/weka 2>/dev/null && printf 'dir /opt/weka %s\n' "$PWD"
export WEKA="$PWD/"
cd -P /tmp 2>/dev/null && printf 'dir /tmp %s\n' "$PWD"
export TMP="$PWD/"
awk '{
    for (i = 7; i < NF && $i != "-"; i++);
    at = $5; if (at != "/") at = at "/"
    if (index(ENVIRON["WEKA"], at) == 1 || index(ENVIRON["TMP"], at) == 1 || $(i + 1) == "wekafs" || $(i + 1) ~ /^cgroup2?$/) print
}' /proc/self/mountinfo && echo end
"#,
    timeout: Duration::from_secs(5),
    limit: 256 * 1024,
};

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// The number of its device, `8:3`: the same for every mount of one file system.
    pub number: String,
    /// Which directory of the file system is mounted: `/` for the whole.
    pub root: String,
    /// Where.
    pub at: String,
    /// `xfs`, `ext4`, `nfs4`, `tmpfs`, `wekafs`, ….
    pub kind: String,
    /// The device or the remote directory.
    pub device: String,
    /// The options of the mount and of the file system.
    pub options: Vec<String>,
}

impl Mount {
    /// Whether it has this option.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|known| known == option)
    }
}

/// A directory and the file system that it lies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The directory without any link in its path.
    pub real: String,
    /// The file system.
    pub mount: Mount,
}

/// The mounts of one server that matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mounts {
    /// `/opt/weka`; `None` if there is no such directory.
    pub opt_weka: Option<Place>,
    /// Whether `/opt/weka` itself is a symbolic link.
    pub opt_weka_is_link: bool,
    /// `/tmp`; `None` if there is no such directory.
    pub tmp: Option<Place>,
    /// The file system of `/`.
    pub root: Mount,
    /// Every mounted wekafs.
    pub wekafs: Vec<Mount>,
    /// The control groups, of version 1 (`cgroup`) and 2 (`cgroup2`).
    pub cgroups: Vec<Mount>,
}

impl Fact for Mounts {
    const NAME: &'static str = "mounts";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&MOUNTS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(MOUNTS.key)?).map_err(|what| view.unreadable(MOUNTS.key, what))
    }
}

fn parse(text: &str) -> Result<Mounts, String> {
    if !text.lines().any(|line| line == "end") {
        return Err("it breaks off".to_owned());
    }
    let mut mounts: Vec<Mount> = Vec::new();
    let mut begun = false;
    for line in text.lines().take_while(|line| *line != "end") {
        let mount = mount(line);
        let known = line.starts_with("dir /") || line == "link /opt/weka";
        begun |= known || mount.is_some();
        // In front of the answer a shell may have greeted; a line of it that
        // can't be read may be the one that matters.
        if begun && !known && mount.is_none() && !line.trim().is_empty() {
            return Err(format!("{:?} is no mount", super::short(line)));
        }
        mounts.extend(mount);
    }
    // What was mounted last covers what was there before.
    let root = mounts
        .iter()
        .rfind(|mount| mount.at == "/")
        .ok_or("nothing is mounted on /")?;
    let place = |path: &str| -> Option<Place> {
        let line = |line: &str| {
            line.strip_prefix(&format!("dir {path} "))
                .map(str::to_owned)
        };
        let real = text.lines().find_map(line)?;
        let mount = deepest(&mounts, &real)?.clone();
        Some(Place { real, mount })
    };
    let of_kind = |kinds: &[&str]| {
        let found = mounts.iter().filter(|m| kinds.contains(&m.kind.as_str()));
        found.cloned().collect()
    };
    Ok(Mounts {
        opt_weka: place("/opt/weka"),
        opt_weka_is_link: text.lines().any(|line| line == "link /opt/weka"),
        tmp: place("/tmp"),
        root: root.clone(),
        wekafs: of_kind(&["wekafs"]),
        cgroups: of_kind(&["cgroup", "cgroup2"]),
    })
}

/// The mount that a directory lies on: the longest path above it, and of two
/// with the same path the later one.
fn deepest<'m>(mounts: &'m [Mount], real: &str) -> Option<&'m Mount> {
    let above = mounts.iter().filter(|mount| is_above(&mount.at, real));
    // `max_by_key` takes the last of equals.
    above.max_by_key(|mount| mount.at.len())
}

fn is_above(at: &str, real: &str) -> bool {
    at == "/"
        || real == at
        || real
            .strip_prefix(at)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// `36 35 98:0 /root /at rw,noatime shared:1 - ext4 /dev/sda3 rw,errors=continue`.
/// The number of words before the `-` varies. Any other line is `None`.
fn mount(line: &str) -> Option<Mount> {
    let words: Vec<&str> = line.split(' ').collect();
    let [id, parent, number, root, at, options, ..] = words.as_slice() else {
        return None;
    };
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    if !is_number(id) || !is_number(parent) || !number.contains(':') {
        return None;
    }
    let dash = 6 + words.get(6..)?.iter().position(|word| *word == "-")?;
    let kind = words.get(dash + 1)?;
    let device = words.get(dash + 2)?;
    let of_file_system = words.get(dash + 3).copied().unwrap_or_default();
    Some(Mount {
        number: (*number).to_owned(),
        root: unescaped(root),
        at: unescaped(at),
        kind: (*kind).to_owned(),
        device: unescaped(device),
        options: options
            .split(',')
            .chain(of_file_system.split(','))
            .filter(|option| !option.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

/// A blank stands as `\040`, and so on in octal.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|o| u8::from_str_radix(o, 8).ok());
        match (code, part.get(3..)) {
            (Some(code), Some(rest)) => {
                whole.push(char::from(code));
                whole.push_str(rest);
            }
            _ => {
                whole.push('\\');
                whole.push_str(part);
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    const ANSWER: &str = "dir /opt/weka /opt/weka\ndir /tmp /tmp\n\
        22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n\
        30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n\
        40 22 8:3 / /opt/weka rw,noatime shared:12 - xfs /dev/sda3 rw,attr2\n\
        41 22 0:40 / /tmp rw,nosuid,noexec master:1 shared:2 - tmpfs tmpfs rw,size=1g\n\
        42 22 0:50 / /mnt/my\\040data rw - wekafs backend/fs01 rw\nend\n";

    #[test]
    fn of_a_server() {
        let mounts = parse(&format!("Welcome to weka-01 - have fun\n{ANSWER}")).expect("readable");
        let opt_weka = mounts.opt_weka.expect("there");
        assert_eq!(opt_weka.mount.kind, "xfs");
        assert_eq!(opt_weka.mount.at, "/opt/weka");
        assert_eq!(opt_weka.mount.number, "8:3");
        assert!(!mounts.opt_weka_is_link);
        let tmp = mounts.tmp.expect("there");
        assert!(tmp.mount.has("noexec") && tmp.mount.has("size=1g"));
        assert_eq!(mounts.root.device, "/dev/sda1");
        assert_eq!(mounts.wekafs.len(), 1);
        assert_eq!(mounts.wekafs[0].at, "/mnt/my data");
        assert_eq!(mounts.cgroups[0].kind, "cgroup2");
    }

    // A mount that can't be read may be the one that matters.
    #[test]
    fn a_damaged_mount_is_not_passed_over() {
        let text = ANSWER.replace("42 22 0:50", "4x 22 0:50");
        let error = parse(&text).expect_err("damaged");
        assert!(error.contains("4x 22 0:50"), "{error}");
    }

    #[test]
    fn the_deepest_and_of_those_the_last_mount_counts() {
        let text = "dir /opt/weka /data/opt/weka\nlink /opt/weka\n\
            1 1 0:1 / / rw - rootfs rootfs rw\n22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            23 22 8:2 / /data rw - xfs /dev/sdb rw\n24 22 8:3 / /data/opt rw - xfs /dev/sdc rw\n\
            25 22 8:4 / /data/opt rw - nfs4 filer:/opt rw\n26 22 8:5 / /data/op rw - xfs /dev/sdd rw\nend\n";
        let mounts = parse(text).expect("readable");
        assert!(mounts.opt_weka_is_link);
        assert_eq!(mounts.root.kind, "ext4");
        assert_eq!(mounts.opt_weka.expect("there").mount.device, "filer:/opt");
        assert_eq!(mounts.tmp, None);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::cut(&ANSWER[..ANSWER.len() - 4])]
    #[case::no_root("dir /opt/weka /opt/weka\n40 22 8:3 / /opt/weka rw - xfs /dev/sda3 rw\nend\n")]
    #[case::banner("Welcome\nend\n")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[rstest]
    #[case("a\\040b\\011c", "a b\tc")]
    #[case("a\\134b", "a\\b")]
    #[case("a\\9", "a\\9")]
    #[case("a\\", "a\\")]
    fn unescapes(#[case] escaped: &str, #[case] expected: &str) {
        assert_eq!(unescaped(escaped), expected);
    }

    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    #[case("busybox sh")]
    fn the_script_runs(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        let real = dir.path().canonicalize().expect("there").join("real");
        std::fs::create_dir(&real).expect("a directory");
        let link = dir.path().join("weka");
        std::os::unix::fs::symlink(&real, &link).expect("a link");
        let link = link.to_str().expect("UTF-8");
        let script = MOUNTS.script.replace("/opt/weka", link);
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        let mounts = parse(&text.replace(link, "/opt/weka")).expect("readable");
        assert!(mounts.opt_weka_is_link, "{text}");
        let place = mounts.opt_weka.expect("there");
        assert_eq!(place.real, real.to_str().expect("UTF-8"));
        assert!(is_above(&place.mount.at, &place.real), "{place:?}");
        assert!(mounts.tmp.is_some(), "{text}");
    }

    /// Lines that are not asked for stay where they are.
    #[rstest]
    #[case("sh")]
    #[case("bash")]
    #[case("busybox sh")]
    fn only_what_matters_is_sent(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("mountinfo");
        let table = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
            23 22 8:2 / /home rw shared:1 - ext4 /dev/sda2 rw\n\
            24 22 8:2 / /tm rw shared:1 - ext4 /dev/sda2 rw\n\
            25 22 0:7 / /mnt/a rw shared:1 master:2 - wekafs b/fs rw\n\
            26 22 0:8 / /mnt/b rw - wekafs b/fs rw\n\
            27 22 0:9 / /x rw - overlay wekafs rw,lowerdir=/cgroup\n\
            28 22 0:10 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
            29 22 0:11 / /tmp rw - tmpfs tmpfs rw\n";
        std::fs::write(&file, table).expect("a file");
        let file = file.to_str().expect("UTF-8");
        let script = MOUNTS.script.replace("/proc/self/mountinfo", file);
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        let sent: Vec<&str> = text
            .lines()
            .filter(|l| mount(l).is_some())
            .map(|l| &l[..2])
            .collect();
        assert_eq!(sent, ["22", "25", "26", "28", "29"], "{text}");
    }
}
