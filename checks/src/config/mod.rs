//! How the cluster is set up.

mod core_ids;
mod machine_ids;
mod memory_ratio;
mod network_mode;
mod remote_traces;
mod stats_retention;
mod traces;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &core_ids::CORE_IDS,
    &machine_ids::MACHINE_IDS,
    &memory_ratio::MEMORY_RATIO,
    &network_mode::NETWORK_MODE,
    &remote_traces::REMOTE_TRACES,
    &stats_retention::STATS_RETENTION,
    &traces::TRACES,
];
