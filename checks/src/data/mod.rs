//! Filesystems and snapshots.

mod small_filesystems;
mod snapshot_buckets;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &small_filesystems::SMALL_FILESYSTEMS,
    &snapshot_buckets::SNAPSHOT_BUCKETS,
];
