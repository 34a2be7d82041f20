//! `weka version -J`: the releases that were downloaded to the machine on
//! which the cluster's commands run.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;
use crate::version::Version;

/// The agent answers this itself; it needs no login.
pub static VERSIONS: ClusterCommand = ClusterCommand {
    key: "weka:versions",
    variants: &["version -J"],
    timeout: Duration::from_secs(30),
    needs_login: false,
};

/// The releases that are there, in the agent's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Versions(pub Vec<Version>);

impl Versions {
    /// Whether this release is there.
    #[must_use]
    pub fn has(&self, release: &Version) -> bool {
        self.0.contains(release)
    }
}

impl Fact for Versions {
    const NAME: &'static str = "versions";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&VERSIONS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(VERSIONS.key, read)
    }
}

/// A list of texts; of objects from 6.0 on.
fn read(value: &Value) -> Result<Versions, ShapeError> {
    let rows = value
        .as_array()
        .ok_or_else(|| ShapeError::new("versions", "is no list"))?;
    let release = |row: &Value| -> Result<Version, ShapeError> {
        let text = match row {
            Value::String(text) => text.clone(),
            row => Object::new(row, "version")?.text(&["version"])?.to_owned(),
        };
        // The text form marks the current one, and so might a list of lines.
        let text = text.trim().trim_start_matches("* ");
        text.parse()
            .map_err(|error| ShapeError::new("version", format!("{error}")))
    };
    rows.iter()
        .map(release)
        .collect::<Result<_, _>>()
        .map(Versions)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::legacy(json!(["4.2.18.34", "4.4.21.2"]))]
    #[case::wekactl(json!([{"version":"4.2.18.34","current":false},{"version":"4.4.21.2","current":true}]))]
    #[case::marked(json!(["4.2.18.34", "* 4.4.21.2"]))]
    fn both_shapes(#[case] value: Value) {
        let versions = read(&value).expect("readable");
        assert!(versions.has(&"4.4.21.2".parse().expect("a release")));
        assert_eq!(versions.0.len(), 2);
    }

    #[rstest]
    #[case::no_list(json!({"version":"4.4.21.2"}))]
    #[case::no_release(json!(["latest"]))]
    #[case::number(json!([4]))]
    fn other_shapes_are_refused(#[case] value: Value) {
        assert!(read(&value).is_err());
    }

    #[test]
    fn none_is_an_answer() {
        assert_eq!(read(&json!([])), Ok(Versions(Vec::new())));
    }
}
