//! Is NFS ready for an upgrade?

mod legacy;
mod rpc_statd;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[&legacy::LEGACY, &rpc_statd::RPC_STATD];
