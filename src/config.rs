//! The configuration file: the options of the main job, in TOML.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use checker_core::Version;
use jiff::civil::Date;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::args::{Format, HostKeys};

/// The file's content. Every key is the long name of an option.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Config {
    pub(crate) target_version: Option<Version>,
    pub(crate) all: bool,
    pub(crate) backends: Vec<String>,
    pub(crate) cluster_only: bool,
    pub(crate) identity: Vec<PathBuf>,
    pub(crate) via: Option<String>,
    pub(crate) ssh_user: Option<String>,
    pub(crate) ssh_port: Option<u16>,
    pub(crate) ssh_config: Option<PathBuf>,
    pub(crate) host_keys: Option<HostKeys>,
    pub(crate) parallel: Option<u16>,
    pub(crate) timeout: Option<u32>,
    pub(crate) deadline: Option<u32>,
    pub(crate) select: Vec<String>,
    pub(crate) skip: Vec<String>,
    pub(crate) accept: Vec<AcceptEntry>,
    pub(crate) format: Option<Format>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) bundle_dir: Option<PathBuf>,
    pub(crate) no_bundle: bool,
    pub(crate) no_color: bool,
    pub(crate) data: Option<PathBuf>,
    pub(crate) plugins: Vec<PathBuf>,
    pub(crate) no_plugins: bool,
    pub(crate) scripts: Option<PathBuf>,
    pub(crate) script_timeout: Option<u32>,
}

/// A warning that is accepted: `[[accept]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AcceptEntry {
    /// The check's id.
    pub(crate) check: String,
    /// The one server; without it, all.
    pub(crate) server: Option<String>,
    /// Why.
    pub(crate) reason: String,
    /// Who; without it, whoever runs the tool.
    pub(crate) author: Option<String>,
    /// The last day (UTC) on which it counts.
    #[serde(default, deserialize_with = "day")]
    pub(crate) until: Option<Date>,
}

/// A day, as TOML writes dates (`2026-12-01`) or as a text.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Day {
        Toml(toml::value::Datetime),
        Text(String),
    }
    let text = match Day::deserialize(deserializer)? {
        Day::Toml(day) => day.to_string(),
        Day::Text(text) => text,
    };
    // Only a day: a time on it would be taken for exact, and is not.
    let day = Date::strptime("%Y-%m-%d", &text)
        .map_err(|_| D::Error::custom(format!("{text:?} is no day such as 2026-12-01")))?;
    Ok(Some(day))
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// When it can't be read, or holds a key that no option has.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading the configuration file {}", path.display()))?;
        toml::from_str(&text).with_context(|| {
            format!(
                "the configuration file {} is not understood (every key is the long name of an option)",
                path.display()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> Result<Config> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("checker.toml");
        std::fs::write(&path, text).expect("written");
        Config::read(&path)
    }

    #[test]
    fn options_by_their_long_names() {
        let config = read("target-version = \"4.4.33\"\nidentity = [\"/root/.ssh/upgrade\"]\nhost-keys = \"strict\"\n")
            .expect("readable");
        assert_eq!(config.target_version, "4.4.33".parse().ok());
        assert_eq!(config.host_keys, Some(HostKeys::Strict));
    }

    #[rstest]
    #[case::a_date("2026-12-01", Some("2026-12-01"))]
    #[case::a_text("\"2026-12-01\"", Some("2026-12-01"))]
    #[case::with_a_time("2026-12-01T10:00:00Z", None)]
    #[case::no_such_day("\"2026-02-30\"", None)]
    #[case::a_word("\"tomorrow\"", None)]
    #[case::a_number("20261201", None)]
    fn the_last_day_of_an_acceptance(#[case] until: &str, #[case] expected: Option<&str>) {
        let text = format!("[[accept]]\ncheck = \"a/b\"\nreason = \"r\"\nuntil = {until}\n");
        match expected {
            Some(day) => {
                let config = read(&text).expect("readable");
                assert_eq!(config.accept[0].until, day.parse().ok());
            }
            None => {
                let error = format!("{:#}", read(&text).expect_err("no day"));
                assert!(error.contains("line 4"), "{error}");
            }
        }
    }

    #[test]
    fn an_acceptance_needs_a_check_and_a_reason_and_knows_no_other_key() {
        for (text, word) in [
            ("[[accept]]\nreason = \"r\"\n", "check"),
            ("[[accept]]\ncheck = \"a/b\"\n", "reason"),
            (
                "[[accept]]\ncheck = \"a/b\"\nreason = \"r\"\nexpires = 1\n",
                "expires",
            ),
        ] {
            let error = format!("{:#}", read(text).expect_err("incomplete"));
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = format!(
            "{:#}",
            read("all = true\ntarget = \"4.4.33\"\n").expect_err("unknown key")
        );
        assert!(error.contains("line 2"), "{error}");
        assert!(error.contains("unknown field `target`"), "{error}");
        assert!(error.contains("checker.toml"), "{error}");
    }
}
