//! May we look, and may we upgrade?

mod agent;
mod cluster_admin;
mod login;
mod ssh;
mod tool_data;

use checker_core::macro_support::BuiltIn;

pub(crate) use tool_data::RECENT_DAYS;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &agent::AGENT,
    &cluster_admin::CLUSTER_ADMIN,
    &login::LOGIN,
    &ssh::SSH,
    &tool_data::TOOL_DATA,
];
