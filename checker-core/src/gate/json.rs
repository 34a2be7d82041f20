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
