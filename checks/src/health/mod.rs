//! Is the cluster whole?

mod status;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[&status::STATUS];
