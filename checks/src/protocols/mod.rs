//! Where are NFS, SMB and S3 served?

mod separation;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[&separation::SEPARATION];
