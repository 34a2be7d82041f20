//! Where WEKA's file systems are mounted on a server.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// Every mount of type `wekafs` as `/proc` has it, `wekafs <device> <place>`,
/// then how many mounts of any type were read: none of WEKA's is not the same
/// as none that could be read.
pub static WEKAFS_MOUNTS: ServerProbe = ServerProbe {
    key: "host:wekafs-mounts",
    script: r#"count=0
while read -r device place kind rest; do
    count=$((count + 1))
    [ "$kind" = wekafs ] && printf 'wekafs %s %s\n' "$device" "$place"
done < /proc/self/mounts
echo "read $count"
"#,
    timeout: Duration::from_secs(5),
    limit: 256 * 1024,
};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WekafsMount {
    /// The file system, with a backend before it where the mount names one.
    pub device: String,
    /// Where it is mounted, in full.
    pub place: String,
}

/// Every mount of one of WEKA's file systems on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WekafsMounts(pub Vec<WekafsMount>);

impl Fact for WekafsMounts {
    const NAME: &'static str = "wekafs_mounts";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&WEKAFS_MOUNTS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(WEKAFS_MOUNTS.key)?)
            .map_err(|what| view.unreadable(WEKAFS_MOUNTS.key, what))
    }
}

fn parse(text: &str) -> Result<WekafsMounts, String> {
    let mut mounts = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["wekafs", device, place] => mounts.push(WekafsMount {
                device: unescaped(device),
                place: unescaped(place),
            }),
            ["read", count] => {
                let count: usize = count.parse().map_err(|_| format!("{line:?} is no count"))?;
                // Every server has a root directory at least.
                if count < mounts.len().max(1) {
                    return Err(format!("{count} mounts were read"));
                }
                return Ok(WekafsMounts(mounts));
            }
            _ => {}
        }
    }
    Err("it breaks off".to_owned())
}

/// The kernel writes a blank as `\040`, and so on.
fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let octal = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        };
        if *first == b'\\'
            && let Some(byte) = tail.get(..3).and_then(octal)
        {
            out.push(byte);
            rest = &tail[3..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none("read 31\n", &[])]
    #[case::exactly_one("wekafs weka-01/fs01 /mnt/weka\nread 31\n", &[("weka-01/fs01", "/mnt/weka")])] // field history 20
    // field history R9
    #[case::only_ones("wekafs fs01 /weka\nread 1\n", &[("fs01", "/weka")])]
    #[case::escaped("wekafs fs01 /mnt/my\\040data\nread 31\n", &[("fs01", "/mnt/my data")])]
    #[case::backslash("wekafs fs01 /a\\134b\\9\nread 31\n", &[("fs01", "/a\\b\\9")])]
    #[case::behind_a_banner("Welcome\nwekafs fs01 /weka\nread 31\n", &[("fs01", "/weka")])]
    fn shapes(#[case] text: &str, #[case] expected: &[(&str, &str)]) {
        let WekafsMounts(mounts) = parse(text).expect("readable");
        let seen: Vec<_> = mounts
            .iter()
            .map(|m| (m.device.as_str(), m.place.as_str()))
            .collect();
        assert_eq!(seen, expected);
    }

    #[rstest]
    #[case::empty("")]
    #[case::cut("wekafs fs01 /mnt/weka\n")]
    #[case::nothing_read("read 0\n")]
    #[case::no_count("read \n")]
    #[case::words("read many\n")]
    fn refuses(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[test]
    fn the_script_runs_in_a_posix_shell() {
        let output = std::process::Command::new("sh")
            .args(["-c", WEKAFS_MOUNTS.script])
            .output()
            .expect("a shell");
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(parse(&String::from_utf8_lossy(&output.stdout)).is_ok());
    }
}
