//! The engine of `checker`.
//!
//! One idea, and plain data at every arrow:
//!
//! ```text
//! evidence  ──►  facts  ──►  findings  ──►  report
//! (raw text)    (typed)     (pure)        (rendered)
//! ```
//!
//! The engine knows no single check and no single rule: checks register
//! through [`Registry`], built in or from outside.

pub mod bundle;
pub mod check;
pub mod deadline;
pub mod engine;
pub mod event;
pub mod evidence;
pub mod facts;
pub mod fleet;
pub mod gate;
pub mod ndu;
pub mod plugin;
pub mod read_only;
pub mod registry;
pub mod release_data;
pub mod report;
pub mod server;
pub mod source;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod upgrade_path;
mod version;

pub use check::{Applies, Check, Context, UpgradePath};
pub use checker_plugin_sdk as contract;
pub use contract::{CheckInfo, Judgement, Level, Outcome, Scope};
pub use deadline::Deadline;
pub use registry::Registry;
pub use version::{Version, VersionError};

#[doc(hidden)]
pub use check::macro_support;
