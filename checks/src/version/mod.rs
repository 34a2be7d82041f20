//! Is this hop allowed?

mod client_target;
mod clients;
mod conditions;
mod conversion;
mod direction;
mod hotfix;
mod known_issues;
mod mixed_accepted;
mod path;
mod source_issues;
mod uniform;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &client_target::CLIENT_TARGET,
    &clients::CLIENTS,
    &conversion::CONVERSION,
    &direction::DIRECTION,
    &hotfix::HOTFIX,
    &known_issues::KNOWN_ISSUES,
    &mixed_accepted::MIXED_ACCEPTED,
    &path::PATH,
    &source_issues::SOURCE_ISSUES,
    &uniform::UNIFORM,
];
