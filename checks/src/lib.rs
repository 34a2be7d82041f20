//! The built-in checks: one folder per area, one file per check.
//!
//! `health/rebuild` lies in `health/rebuild.rs`; nothing here has input or output.

mod access;
mod client;

mod config;
#[cfg(test)]
mod damaged;
mod data;
mod health;
mod nfs;
mod protocols;
mod readiness;
mod s3;
mod server;
mod size;
mod smb;
mod tasks;
mod version;

use std::path::Path;
use std::sync::Arc;

use checker_core::Registry;
use checker_core::macro_support::BuiltIn;
use checker_core::registry::RegistryError;
use checker_core::release_data::{OwnFiles, ReleaseData, ReleaseDataError};

/// The release data that is compiled in.
const RELEASE_DATA: OwnFiles<'static> = OwnFiles {
    releases: include_str!("../data/releases.toml"),
    os: include_str!("../data/os.toml"),
    issues: include_str!("../data/known-issues.toml"),
    rules: include_str!("../data/rules.toml"),
    alerts: include_str!("../data/alerts.toml"),
};

/// Release data of this age in days is still recent; `access/tool-data` warns
/// of older data.
pub const RECENT_DAYS: i32 = access::RECENT_DAYS;

/// Registers every built-in check.
///
/// # Errors
/// When two have the same id; a test sees to it that none have.
pub fn register(registry: &mut Registry) -> Result<(), RegistryError> {
    for check in all() {
        registry.register(Arc::new(check))?;
    }
    Ok(())
}

/// The release data that is compiled in.
///
/// # Errors
/// When it can't be read; a test sees to it that it can.
pub fn release_data() -> Result<ReleaseData, ReleaseDataError> {
    ReleaseData::from_own(RELEASE_DATA)
}

/// The files that are compiled in, by their names in a data directory: to
/// start a directory of one's own from.
#[must_use]
pub fn release_data_files() -> [(&'static str, &'static str); 5] {
    let OwnFiles {
        releases,
        os,
        issues,
        rules,
        alerts,
    } = RELEASE_DATA;
    [
        ("releases.toml", releases),
        ("os.toml", os),
        ("known-issues.toml", issues),
        ("rules.toml", rules),
        ("alerts.toml", alerts),
    ]
}

/// The release data that is compiled in, with the parts replaced that `dir` holds.
///
/// # Errors
/// As [`ReleaseData::with_dir`].
pub fn release_data_from(dir: &Path) -> Result<ReleaseData, ReleaseDataError> {
    release_data()?.with_dir(dir)
}

fn all() -> impl Iterator<Item = &'static BuiltIn> {
    [
        access::CHECKS,
        client::CHECKS,
        config::CHECKS,
        data::CHECKS,
        health::CHECKS,
        nfs::CHECKS,
        protocols::CHECKS,
        s3::CHECKS,
        server::CHECKS,
        smb::CHECKS,
        tasks::CHECKS,
        version::CHECKS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_registers() {
        let mut registry = Registry::new();
        register(&mut registry).expect("ids are unique and well formed");
    }

    // field history 91, 92
    #[test]
    fn the_release_data_is_good() {
        release_data().expect("good data");
    }

    // field history 23
    /// The four parts that `checker explain` shows, in this order.
    #[test]
    fn every_check_explains_itself() {
        for check in all() {
            let text = &check.info.explanation;
            let parts = [
                "## What it looks at",
                "## Why it matters",
                "## If ignored",
                "## How to fix",
            ];
            let at: Vec<_> = parts.iter().map(|part| text.find(part)).collect();
            assert!(at.iter().all(Option::is_some), "{}: {text}", check.id);
            assert!(at.is_sorted(), "{}", check.id);
            assert!(!check.info.title.is_empty(), "{}", check.id);
            assert!(!check.info.sources.is_empty(), "{}", check.id);
        }
    }

    /// `area/name` lies in `area/name.rs`.
    #[test]
    fn every_check_lies_in_the_file_of_its_id() {
        for check in all() {
            let file = format!("src/{}.rs", check.id.replace('-', "_"));
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
            assert!(path.is_file(), "{} is not in {file}", check.id);
        }
    }
}
