//! Is the cluster whole?

mod alerts;
mod backends;
mod blacklist;
mod clients;
mod cpu_load;
mod drive_config;
mod drives;
mod fsck;
mod mcb;
mod processes;
mod rebuild;
mod status;
mod upgrade_running;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &alerts::ALERTS,
    &backends::BACKENDS,
    &blacklist::BLACKLIST,
    &clients::CLIENTS,
    &cpu_load::CPU_LOAD,
    &drive_config::DRIVE_CONFIG,
    &drives::DRIVES,
    &fsck::FSCK,
    &mcb::MCB,
    &processes::PROCESSES,
    &rebuild::REBUILD,
    &status::STATUS,
    &upgrade_running::UPGRADE_RUNNING,
];
