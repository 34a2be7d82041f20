//! Is S3 ready for an upgrade?

mod etcd;
mod health;
mod lifecycle;
mod mount_options;

use checker_core::Judgement;
use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &etcd::ETCD,
    &health::HEALTH,
    &lifecycle::LIFECYCLE,
    &mount_options::MOUNT_OPTIONS,
];

/// Why a check of S3 has nothing to look at.
fn not_in_use() -> Judgement {
    Judgement::skipped("S3 is not in use: there is no S3 cluster")
}
