//! Is the cluster's configuration ready?

mod capacity_override;
mod obsolete_overrides;
mod overrides;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &capacity_override::CAPACITY_OVERRIDE,
    &obsolete_overrides::OBSOLETE_OVERRIDES,
    &overrides::OVERRIDES,
];
