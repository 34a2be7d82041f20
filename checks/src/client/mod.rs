//! Is each client ready for an upgrade?

mod download;
mod iommu;
mod mount;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[&download::DOWNLOAD, &iommu::IOMMU, &mount::MOUNT];
