//! How the cluster is set up.

mod ca_override;
mod core_ids;
mod endpoint_ips;
mod join_secrets;
mod machine_ids;
mod memory_ratio;
mod network_mode;
mod remote_traces;
mod stats_retention;
mod tls_key;
mod traces;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &ca_override::CA_OVERRIDE,
    &core_ids::CORE_IDS,
    &endpoint_ips::ENDPOINT_IPS,
    &join_secrets::JOIN_SECRETS,
    &machine_ids::MACHINE_IDS,
    &memory_ratio::MEMORY_RATIO,
    &network_mode::NETWORK_MODE,
    &remote_traces::REMOTE_TRACES,
    &stats_retention::STATS_RETENTION,
    &tls_key::TLS_KEY,
    &traces::TRACES,
];
