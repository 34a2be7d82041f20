//! Is the cluster whole?

mod blacklist;
mod clients;
mod cpu_load;
mod drive_config;
mod drives;
mod fsck;
mod processes;
mod status;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &blacklist::BLACKLIST,
    &clients::CLIENTS,
    &cpu_load::CPU_LOAD,
    &drive_config::DRIVE_CONFIG,
    &drives::DRIVES,
    &fsck::FSCK,
    &processes::PROCESSES,
    &status::STATUS,
];
