//! The digest that a report carries over its own content.
//!
//! What is digested: the report as JSON without its member `digest`, the
//! members of every object sorted by name, without white space, as UTF-8. For
//! what a report holds (texts, whole numbers, true, false, null) this is the
//! canonical form of RFC 8785. So a report that was indented anew, or whose
//! members were put into another order, is still the same.
//!
//! It shows an accident or an edit by hand. It is no signature: whoever edits
//! a report on purpose can make a new digest.

use serde_json::Value;

use super::{JsonReportError, Report, from_json};
use crate::bundle::sha256;

/// What the digest in front of it tells how it was made.
const ALGORITHM: &str = "sha256:";

/// Whether a report is what the run wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// It has the digest that it says.
    Intact,
    /// It has another digest than it says.
    Altered,
    /// It says none: an older release made it, or it was taken out.
    Missing,
}

impl Report {
    /// Gives the report the digest of what it holds now. Whoever changes a
    /// report on purpose does this last.
    pub fn seal(&mut self) {
        self.digest = Some(digest(self.value()));
    }

    /// Whether the report still has the digest that it was given.
    #[must_use]
    pub fn sealed(&self) -> Seal {
        compare(self.digest.as_deref(), self.value())
    }

    fn value(&self) -> Value {
        serde_json::to_value(self)
            .expect("a report is structs, lists and texts, which all have a JSON form")
    }
}

/// Reads a report as [`from_json`] does, and says whether it is what the run
/// wrote. Members that this release does not know count too.
///
/// # Errors
/// When it is of a newer version, or no report.
pub fn read_sealed(text: &[u8]) -> Result<(Report, Seal), JsonReportError> {
    let report = from_json(text)?;
    let value: Value = serde_json::from_slice(text)?;
    let seal = compare(report.digest.as_deref(), value);
    Ok((report, seal))
}

fn compare(said: Option<&str>, value: Value) -> Seal {
    match said {
        None => Seal::Missing,
        Some(said) if said == digest(value) => Seal::Intact,
        Some(_) => Seal::Altered,
    }
}

fn digest(mut report: Value) -> String {
    if let Some(members) = report.as_object_mut() {
        members.remove("digest");
    }
    report.sort_all_objects();
    format!("{ALGORITHM}{}", sha256(report.to_string().as_bytes()))
}
