//! The built-in checks: one folder per area, one file per check.
//!
//! `health/rebuild` lies in `health/rebuild.rs`; nothing here has input or output.

mod health;

use std::sync::Arc;

use checker_core::Registry;
use checker_core::macro_support::BuiltIn;
use checker_core::registry::RegistryError;
use checker_core::release_data::{ReleaseData, ReleaseDataError};

/// The release data that is compiled in.
const RELEASES: &str = include_str!("../data/releases.toml");

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
    ReleaseData::from_toml(RELEASES)
}

fn all() -> impl Iterator<Item = &'static BuiltIn> {
    [health::CHECKS].into_iter().flatten().copied()
}
