//! Is this hop allowed?

mod path;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[&path::PATH];
