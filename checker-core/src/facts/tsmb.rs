//! Which build of the SMB-W server a server runs.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// The version that the server program in the container `smbw` prints of
/// itself, or the line `none` where nothing of SMB-W is on this server: `weka`
/// is not troubled for that.
pub static TSMB: ServerProbe = ServerProbe {
    key: "host:tsmb",
    script: r#"here=
for path in /opt/weka/data/smbw*; do
    [ -e "$path" ] && here=1
done
if [ -z "$here" ]; then
    for comm in /proc/[0-9]*/comm; do
        { read -r name < "$comm"; } 2>/dev/null && [ "$name" = tsmb-server ] && here=1 && break
    done
fi
[ -n "$here" ] || { echo none; exit 0; }
weka local exec -C smbw tsmb-server -v
"#,
    timeout: Duration::from_secs(15),
    limit: 16 * 1024,
};

/// The build of the SMB-W server, `3024.3.22.9`; `None` where nothing of SMB-W
/// is on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tsmb(pub Option<String>);

impl Fact for Tsmb {
    const NAME: &'static str = "tsmb";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&TSMB];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(TSMB.key)?)
            .ok_or_else(|| view.unreadable(TSMB.key, "there is no version in it"))
    }
}

/// The last word of the first line that ends in a version: a warning of the
/// container's own can come before it.
fn parse(text: &str) -> Option<Tsmb> {
    let version = text.lines().find_map(|line| {
        let word = line
            .split_whitespace()
            .next_back()?
            .trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let word = word.strip_prefix(['v', 'V']).unwrap_or(word);
        let parts: Vec<&str> = word.split('.').collect();
        let number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        (parts.len() >= 3 && parts.iter().all(number)).then(|| word.to_owned())
    });
    match version {
        None if text.lines().any(|line| line.trim() == "none") => Some(Tsmb(None)),
        None => None,
        version => Some(Tsmb(version)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // field history S28
    #[rstest]
    #[case::plain("tsmb-server version 3024.3.22.9\n", "3024.3.22.9")]
    #[case::alone("3024.3.22.10", "3024.3.22.10")]
    #[case::carriage_return("Version: v3024.3.22.7\r\nbuilt on Linux 5.14.0\n", "3024.3.22.7")]
    #[case::behind_a_warning("warning: no tty\nTuxera SMB 3024.3.22.9\n", "3024.3.22.9")]
    #[case::in_brackets("tsmb-server (3024.3.22.9)\n", "3024.3.22.9")]
    fn versions(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(parse(text), Some(Tsmb(Some(expected.to_owned()))));
    }

    #[rstest]
    #[case::none("none\n", Some(Tsmb(None)))]
    #[case::empty("", None)]
    #[case::no_version("tsmb-server\n", None)]
    #[case::cut("tsmb-server version 3024.\n", None)]
    #[case::letters("tsmb-server version 3024.3.x\n", None)]
    fn no_version(#[case] text: &str, #[case] expected: Option<Tsmb>) {
        assert_eq!(parse(text), expected);
    }

    /// On a machine without WEKA.
    #[test]
    fn the_script_runs_in_a_posix_shell() {
        let output = std::process::Command::new("sh")
            .args(["-c", TSMB.script])
            .output()
            .expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "none\n");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}
