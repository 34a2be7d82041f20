//! Is each server ready?

mod os;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[&os::OS];
