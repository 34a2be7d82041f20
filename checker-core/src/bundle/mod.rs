//! The bundle: one file with all that a run saw, which support can judge
//! again without touching the cluster.
//!
//! A gzipped tar with one folder of the bundle's own name:
//!
//! ```text
//! report.json                      what was found
//! weka_upgrade_checker.log         the run's log
//! run.json                         what was asked: all that a replay needs
//! machine.json                     the machine that the tool ran on
//! evidence/cluster/<key>.json      one of the cluster's commands: how it ended …
//! evidence/cluster/<key>.stdout    … and what it said, byte for byte, if anything
//! evidence/cluster/<key>.stderr
//! evidence/servers/<server>/server.json   the server, and how it was reached
//! evidence/servers/<server>/<key>.…       its answers, as above
//! manifest.json                    versions, and size and SHA-256 of every other file
//! ```
//!
//! The same contents make the same bytes. The digests show damage and careless
//! edits; they are no signature.

mod error;
mod layout;
mod machine;
mod name;
mod open;
mod source;
#[cfg(test)]
mod tests;
mod write;

pub use error::BundleError;
pub use layout::{FORMAT, Manifest, ManifestFile, RunSettings};
pub use machine::Machine;
pub use open::{Bundle, open};
#[cfg(feature = "testkit")]
pub(crate) use open::{open_bytes, open_unpacked};
pub use source::BundleSource;
pub(crate) use write::hexadecimal;
pub use write::{BundleContents, file_name, write};

/// The name of the log in the bundle, and beside the bundle.
pub const LOG_NAME: &str = "weka_upgrade_checker.log";
