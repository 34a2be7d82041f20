//! Is SMB ready for an upgrade?

mod health;
mod tsmb_patch;

use checker_core::Judgement;
use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[&health::HEALTH, &tsmb_patch::TSMB_PATCH];

/// Why a check of SMB has nothing to look at.
fn not_in_use() -> Judgement {
    Judgement::skipped("SMB is not in use: there is no SMB cluster")
}
