//! Is the cluster whole?

mod alerts;
mod backends;
mod mcb;
mod rebuild;
mod status;
mod upgrade_running;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &alerts::ALERTS,
    &backends::BACKENDS,
    &mcb::MCB,
    &rebuild::REBUILD,
    &status::STATUS,
    &upgrade_running::UPGRADE_RUNNING,
];
