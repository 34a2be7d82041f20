//! How much memory a server has: `/proc/meminfo`.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// The lines up to `MemAvailable`, which is the third. Never `free`: its units
/// and columns differ between releases, and it rounds.
pub static MEMORY: ServerProbe = ServerProbe {
    key: "host:memory",
    script: r#"[ -r /proc/meminfo ] || { echo 'no /proc/meminfo' >&2; exit 1; }
while read -r name size unit; do
    case $name in
        Mem*) printf '%s %s %s\n' "$name" "$size" "$unit" ;;
    esac
    if [ "$name" = MemAvailable: ]; then break; fi
done < /proc/meminfo
"#,
    timeout: Duration::from_secs(5),
    limit: 4 * 1024,
};

/// The memory of one server, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// All that the kernel manages; huge pages are part of it.
    pub total: u64,
    /// What can be had without swapping, as the kernel reckons; huge pages are
    /// not part of it.
    pub available: u64,
}

impl Fact for Memory {
    const NAME: &'static str = "memory";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&MEMORY];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(MEMORY.key)?).map_err(|what| view.unreadable(MEMORY.key, what))
    }
}

fn parse(text: &str) -> Result<Memory, String> {
    let bytes = |wanted: &str| {
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .find_map(|words| match words.as_slice() {
                [name, size, "kB"] if *name == wanted => size.parse::<u64>().ok(),
                _ => None,
            })
            .and_then(|kib| kib.checked_mul(1024))
            .ok_or_else(|| format!("no {wanted} in it"))
    };
    Ok(Memory {
        total: bytes("MemTotal:")?,
        available: bytes("MemAvailable:")?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    const ANSWER: &str = "MemTotal: 395266684 kB\nMemFree: 100000 kB\nMemAvailable: 123456789 kB\n";

    // field history 41, R16
    #[test]
    fn of_linux() {
        let memory = parse(&format!("Welcome\n{ANSWER}")).expect("readable");
        assert_eq!(memory.total, 395_266_684 * 1024);
        assert_eq!(memory.available, 123_456_789 * 1024);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::an_old_kernel("MemTotal: 100 kB\nMemFree: 50 kB\n")]
    #[case::cut(&ANSWER[..ANSWER.len() - 4])]
    #[case::another_unit("MemTotal: 100 kB\nMemAvailable: 50 MB\n")]
    #[case::no_number("MemTotal: 100 kB\nMemAvailable: much kB\n")]
    #[case::too_large("MemTotal: 100 kB\nMemAvailable: 99999999999999999999 kB\n")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    #[case("busybox sh")]
    fn the_script_runs(#[case] shell: &str) {
        let Some(text) = shells::printed(shell, MEMORY.script) else {
            return;
        };
        let memory = parse(&text).expect("readable");
        assert!(memory.available > 0 && memory.available <= memory.total);
    }

    #[rstest]
    #[case("sh")]
    #[case("bash")]
    #[case("busybox sh")]
    fn without_proc_it_fails(#[case] shell: &str) {
        let script = MEMORY.script.replace("/proc/meminfo", "/no/such/file");
        if let Some(output) = shells::run(shell, &script) {
            assert!(!output.status.success(), "{output:?}");
        }
    }
}
