//! Is this hop allowed?

mod direction;
mod uniform;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[&direction::DIRECTION, &uniform::UNIFORM];
