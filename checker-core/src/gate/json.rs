//! The decision as JSON, for automation.

use super::Decision;
use crate::report::terminal_safe;

/// The decision as indented JSON, with a line break at the end. As the
/// report's JSON, it can be shown on a terminal.
#[must_use]
pub fn json(decision: &Decision) -> String {
    terminal_safe(
        serde_json::to_string_pretty(decision)
            .expect("a decision is structs, lists and texts, which all have a JSON form"),
    )
}

/// The JSON Schema of the decision.
#[must_use]
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::default().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<Decision>()
        .to_value()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// `UPDATE_SCHEMA=1 cargo test -p checker-core schema` writes it anew.
    #[test]
    fn the_committed_schema_is_that_of_the_decision() {
        let core = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = core
            .parent()
            .expect("the workspace")
            .join("docs/gate.schema.json");
        let mut generated = serde_json::to_string_pretty(&schema()).expect("JSON");
        generated.push('\n');
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &generated).expect("written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated,
            "docs/gate.schema.json is not up to date: run the tests once with UPDATE_SCHEMA=1"
        );
    }
}
