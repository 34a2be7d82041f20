//! `weka debug config show catalogInfo -J`: the data catalog.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::evidence::Record;
use crate::source::ClusterCommand;

/// The configuration of the data catalog.
pub static CATALOG: ClusterCommand = ClusterCommand {
    key: "weka:catalog",
    variants: &["debug config show catalogInfo -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// The data catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Catalog {
    /// The release has none, or none was ever set up.
    Absent,
    /// The release has one.
    Present {
        /// Whether it indexes the filesystems.
        indexing: bool,
    },
}

impl Fact for Catalog {
    const NAME: &'static str = "catalog";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&CATALOG];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        if says_no_such_member(view.record(CATALOG.key)?) {
            return Ok(Self::Absent);
        }
        view.json(CATALOG.key, read)
    }
}

/// Whether `debug config show` failed because this release's configuration
/// has no such member: an answer, not a failure.
pub(super) fn says_no_such_member(record: &Record) -> bool {
    let said = |text: &str| {
        text.to_ascii_lowercase()
            .contains("does not have a member named")
    };
    !matches!(record.exit_status(), None | Some(0 | 41 | 127))
        && (said(&record.stderr_text()) || said(&record.stdout_text()))
}

fn read(value: &Value) -> Result<Catalog, ShapeError> {
    if value.is_null() {
        return Ok(Catalog::Absent);
    }
    Ok(Catalog::Present {
        indexing: Object::new(value, "catalogInfo")?.boolean(&["indexEnabled"])?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S19
    #[rstest]
    #[case::off(json!({"indexEnabled":false,"indexFs":".indexfs"}), Catalog::Present { indexing: false })]
    #[case::on(json!({"indexEnabled":true}), Catalog::Present { indexing: true })]
    #[case::null(json!(null), Catalog::Absent)]
    fn shapes(#[case] value: Value, #[case] expected: Catalog) {
        assert_eq!(read(&value), Ok(expected));
    }

    #[rstest]
    #[case::empty(json!({}))]
    #[case::null_inside(json!({"indexEnabled":null}))]
    #[case::number(json!({"indexEnabled":1}))]
    #[case::list(json!([]))]
    fn refuses(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
