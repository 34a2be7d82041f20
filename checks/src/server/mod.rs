//! Is each server ready?

mod clock;
mod data_space;
mod kernel_args;
mod opt_weka_space;
mod os;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &clock::CLOCK,
    &data_space::DATA_SPACE,
    &kernel_args::KERNEL_ARGS,
    &opt_weka_space::OPT_WEKA_SPACE,
    &os::OS,
];
