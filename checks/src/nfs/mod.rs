//! Is NFS ready for an upgrade?

mod config_fs;
mod custom_options;
mod failover;
mod health;
mod legacy;
mod rpc_statd;

use checker_core::Judgement;
use checker_core::facts::nfs::Nfs;
use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &config_fs::CONFIG_FS,
    &custom_options::CUSTOM_OPTIONS,
    &failover::FAILOVER,
    &health::HEALTH,
    &legacy::LEGACY,
    &rpc_statd::RPC_STATD,
];

/// Why a check of NFS has nothing to look at.
fn not_in_use() -> Judgement {
    Judgement::skipped("NFS is not in use: there is no interface group")
}

/// `1 interface group`, `2 interface groups`.
fn groups(nfs: &Nfs) -> String {
    match nfs.0.len() {
        1 => "1 interface group".to_owned(),
        n => format!("{n} interface groups"),
    }
}
