//! The configuration file: the options of the main job, in TOML.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use checker_core::Version;
use serde::Deserialize;

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
