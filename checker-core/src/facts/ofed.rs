//! Which release of OFED a server has, if it has cards of Mellanox (NVIDIA).

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// Whether a card is bound to `mlx5_core`, then what `ofed_info` says.
pub static OFED: ServerProbe = ServerProbe {
    key: "host:ofed",
    script: r#"[ -d /sys/bus/pci ] || { echo 'no /sys/bus/pci' >&2; exit 1; }
set -- /sys/bus/pci/drivers/mlx5_core/*:*
if [ -e "$1" ]; then echo "cards $#"; else echo 'cards 0'; fi
if command -v ofed_info >/dev/null 2>&1; then echo "ofed $(ofed_info -s 2>&1)"; else echo 'ofed none'; fi
echo end
"#,
    timeout: Duration::from_secs(5),
    limit: 4 * 1024,
};

/// OFED on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ofed {
    /// How many ports of Mellanox cards the driver `mlx5_core` has.
    pub cards: u64,
    /// `23.10-0.5.5.0`; `None` where no OFED is installed.
    pub release: Option<String>,
}

impl Fact for Ofed {
    const NAME: &'static str = "ofed";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&OFED];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(OFED.key)?).map_err(|what| view.unreadable(OFED.key, what))
    }
}

fn parse(text: &str) -> Result<Ofed, String> {
    if !text.lines().any(|line| line == "end") {
        return Err("it breaks off".to_owned());
    }
    let after = |word: &str| text.lines().find_map(|line| line.strip_prefix(word));
    let cards = after("cards ")
        .and_then(|count| count.trim().parse().ok())
        .ok_or("it does not tell the cards")?;
    let said = after("ofed ").ok_or("it does not tell of OFED")?.trim();
    let release = match said {
        "none" => None,
        said => Some(release(said).ok_or_else(|| format!("ofed_info says {said:?}"))?),
    };
    Ok(Ofed { cards, release })
}

/// `MLNX_OFED_LINUX-23.10-0.5.5.0:`, `OFED-internal-24.04-0.7.0.0:`, `5.1-2.5.8.0`.
fn release(said: &str) -> Option<String> {
    let said = said.trim_end_matches(':');
    let starts = |at: usize| said[at..].starts_with(|c: char| c.is_ascii_digit());
    let at = std::iter::once(0)
        .chain(said.match_indices('-').map(|(at, _)| at + 1))
        .find(|at| starts(*at))?;
    let release = &said[at..];
    let whole = release.contains('.')
        && release
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    whole.then(|| release.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    // field history 76, G23
    #[rstest]
    #[case(
        "cards 2\nofed MLNX_OFED_LINUX-23.10-0.5.5.0:\nend\n",
        2,
        Some("23.10-0.5.5.0")
    )]
    #[case(
        "cards 2\nofed OFED-internal-24.04-0.7.0.0:\nend\n",
        2,
        Some("24.04-0.7.0.0")
    )]
    #[case("cards 1\nofed 5.1-2.5.8.0\nend\n", 1, Some("5.1-2.5.8.0"))]
    #[case("cards 0\nofed none\nend\n", 0, None)]
    fn reads(#[case] text: &str, #[case] cards: u64, #[case] release: Option<&str>) {
        let ofed = parse(text).expect("readable");
        assert_eq!((ofed.cards, ofed.release.as_deref()), (cards, release));
    }

    #[rstest]
    #[case("")]
    #[case("cards 2\nofed none\n")]
    #[case("cards some\nofed none\nend\n")]
    #[case("cards 2\nend\n")]
    #[case("cards 2\nofed \nend\n")]
    #[case("cards 2\nofed ofed_info: command failed\nend\n")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    #[case("busybox sh")]
    fn the_script_runs(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        let cards = dir.path().join("drivers/mlx5_core");
        std::fs::create_dir_all(cards.join("0000:41:00.0")).expect("directories");
        std::fs::create_dir_all(cards.join("0000:41:00.1")).expect("directories");
        std::fs::write(cards.join("bind"), "").expect("a file");
        let root = dir.path().to_str().expect("UTF-8");
        let script = OFED.script.replace("/sys/bus/pci", root);
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        assert_eq!(parse(&text).expect("readable").cards, 2, "{text}");
        std::fs::remove_dir_all(&cards).expect("removed");
        let text = shells::printed(shell, &script).expect("it ran before");
        assert_eq!(parse(&text).expect("readable").cards, 0, "{text}");
    }
}
