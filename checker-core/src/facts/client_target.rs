//! `weka cluster client-target-version show`: the release that clients of
//! several clusters stay on.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ClusterCommand;
use crate::version::Version;

/// Plain text: a release, or nothing. There from 4.2 on.
pub static CLIENT_TARGET: ClusterCommand = ClusterCommand {
    key: "weka:client-target-version",
    variants: &["cluster client-target-version show"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// The release that clients stay on; `None` when they follow the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientTarget(pub Option<Version>);

impl Fact for ClientTarget {
    const NAME: &'static str = "client-target";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&CLIENT_TARGET];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let text = view.text(CLIENT_TARGET.key)?;
        read(&text).map_err(|what| view.unreadable(CLIENT_TARGET.key, what))
    }
}

/// Unset is an empty line, or `None` from 6.0 on. Warnings may stand around
/// the answer; a text without any answer in it is not "unset".
fn read(text: &str) -> Result<ClientTarget, String> {
    let mut found = None;
    let mut unset = text.trim_matches(['\0', ' ']).is_empty();
    for line in text.lines() {
        let word = line.trim_matches(|c: char| c.is_whitespace() || "\"'\0".contains(c));
        if matches!(word.to_ascii_lowercase().as_str(), "" | "none" | "null") {
            unset = true;
            continue;
        }
        let is_number = word
            .trim_start_matches(['v', 'V'])
            .starts_with(|c: char| c.is_ascii_digit());
        match (word.parse::<Version>(), &found) {
            (Ok(version), None) => found = Some(version),
            (Ok(_), Some(_)) => return Err("it names two releases".to_owned()),
            (Err(error), _) if is_number => return Err(error.to_string()),
            (Err(_), _) => {}
        }
    }
    if found.is_none() && !unset {
        let sample: String = text.trim().chars().take(80).collect();
        return Err(format!("{sample:?} is no release"));
    }
    Ok(ClientTarget(found))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // field history 70, S24
    #[rstest]
    #[case::set("4.4.21.2\n", Some("4.4.21.2"))]
    #[case::quoted("\"4.4.21.2\"\n", Some("4.4.21.2"))]
    #[case::warning_before("WARNING: clock skew\n4.4.21.2\n", Some("4.4.21.2"))]
    #[case::warnings_around("WARNING: clock skew\n4.4.21.2\n\ndone.\n\0", Some("4.4.21.2"))]
    #[case::unset_between_warnings("WARNING: clock skew\n\n\ndone.\n\0", None)]
    #[case::nothing("", None)]
    #[case::empty_line("\n", None)]
    #[case::none_of_6_0("None\n", None)]
    #[case::null("null\n", None)]
    #[case::empty_text("\"\"\n", None)]
    fn shapes(#[case] text: &str, #[case] expected: Option<&str>) {
        let expected = expected.map(|v| v.parse().expect("a release"));
        assert_eq!(read(text), Ok(ClientTarget(expected)));
    }

    #[rstest]
    #[case::a_word("banana\n")]
    #[case::a_sentence("no such thing here\n")]
    #[case::two("4.4.21.2\n4.4.22\n")]
    #[case::cut("4.4.\n")]
    fn refused(#[case] text: &str) {
        assert!(read(text).is_err());
    }
}
