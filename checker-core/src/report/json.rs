//! The report as JSON, for automation and for the bundle.

use serde::Deserialize;

use super::printable::is_unsafe;
use super::{Report, SCHEMA};

/// Why a text is no report.
#[derive(Debug, thiserror::Error)]
pub enum JsonReportError {
    /// A newer release of this tool made it.
    #[error(
        "its shape is version {found}, this release reads up to {SCHEMA}: a newer checker made it"
    )]
    Newer {
        /// The version of its shape.
        found: u32,
    },
    /// It is not JSON of the report's shape.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
}

/// The report as indented JSON, with a line break at the end.
///
/// It holds every text as it came, but can be shown on a terminal: what would
/// not be seen there, or change what is seen, is written as `\u` escapes.
#[must_use]
pub fn json(report: &Report) -> String {
    let text = serde_json::to_string_pretty(report)
        .expect("a report is structs, lists and texts, which all have a JSON form");
    terminal_safe(text)
}

/// Indented JSON with what a terminal would not show, or take for an order,
/// as `\u` escapes, and a line break at the end.
pub(crate) fn terminal_safe(mut text: String) -> String {
    // Nearly always so, and at hundreds of servers the copy would be megabytes.
    if !text.chars().any(|c| c != '\n' && is_unsafe(c)) {
        text.push('\n');
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // Line breaks inside of strings are escaped already.
        if c != '\n' && is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped.push('\n');
    escaped
}

/// Reads a report of this or an older version of the shape.
///
/// # Errors
/// When it is of a newer version, or no report.
pub fn from_json(text: &[u8]) -> Result<Report, JsonReportError> {
    /// Looked at first, since a newer shape may lack what this release needs.
    #[derive(Deserialize)]
    struct Shape {
        schema: u32,
    }
    let Shape { schema } = serde_json::from_slice(text)?;
    if schema > SCHEMA {
        return Err(JsonReportError::Newer { found: schema });
    }
    Ok(serde_json::from_slice(text)?)
}

/// The JSON Schema of the report.
#[must_use]
pub fn schema() -> serde_json::Value {
    // What is written, not what is read: every member is always there.
    let settings = schemars::generate::SchemaSettings::default().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<Report>()
        .to_value()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use rstest::rstest;
    use serde_json::Value;

    use super::*;
    use crate::report::sample;

    fn repository() -> PathBuf {
        let core = Path::new(env!("CARGO_MANIFEST_DIR"));
        core.parent().expect("the workspace").to_owned()
    }

    /// `UPDATE_SCHEMA=1 cargo test -p checker-core schema` writes it anew.
    #[test]
    fn the_committed_schema_is_that_of_the_report() {
        let path = repository().join("docs/report.schema.json");
        let mut generated = serde_json::to_string_pretty(&schema()).expect("JSON");
        generated.push('\n');
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::create_dir_all(path.parent().expect("docs")).expect("a directory");
            std::fs::write(&path, &generated).expect("written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated,
            "docs/report.schema.json is not up to date: run the tests once with UPDATE_SCHEMA=1"
        );
    }

    #[rstest]
    #[case::green(sample::green())]
    #[case::mixed(sample::mixed())]
    #[case::unreached(sample::unreached())]
    #[case::nothing_known(sample::not_logged_in())]
    #[case::nasty(sample::nasty())]
    #[case::empty(sample::report(Vec::new(), Vec::new()))]
    fn follows_the_schema_and_reads_back(#[case] report: Report) {
        let text = json(&report);
        assert!(text.ends_with("}\n"));
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let validator = jsonschema::validator_for(&schema()).expect("a schema");
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        assert_eq!(from_json(text.as_bytes()).expect("readable"), report);
    }

    #[test]
    fn can_be_shown_on_a_terminal() {
        let mut report = sample::nasty();
        report.run.host = "\u{e0041}\u{7f}\u{9b}\u{202e}".to_owned();
        let text = json(&report);
        assert!(text.chars().all(|c| c == '\n' || !is_unsafe(c)), "{text:?}");
        assert!(text.contains(r"\udb40\udc41\u007f\u009b\u202e"), "{text}");
        assert_eq!(from_json(text.as_bytes()).expect("readable"), report);
    }

    #[rstest]
    #[case::no_verdict("/verdict", None)]
    #[case::verdict_of_another_colour("/verdict", Some("blue"))]
    #[case::outcome("/results/0/outcome", Some("ok"))]
    #[case::no_outcome("/results/0/outcome", None)]
    #[case::no_remedy("/results/0/remedy", None)]
    #[case::version_as_text("/schema", Some("1"))]
    fn the_schema_refuses(#[case] member: &str, #[case] with: Option<&str>) {
        let mut value = serde_json::to_value(sample::mixed()).expect("JSON");
        let (parent, name) = member.rsplit_once('/').expect("a path");
        let parent = value
            .pointer_mut(parent)
            .expect("there")
            .as_object_mut()
            .expect("an object");
        match with {
            Some(with) => parent.insert(name.to_owned(), Value::from(with)),
            None => parent.remove(name),
        };
        let validator = jsonschema::validator_for(&schema()).expect("a schema");
        assert!(!validator.is_valid(&value));
    }

    /// Automation and old bundles hold reports of version 1: they stay readable.
    #[test]
    fn the_first_version_stays_readable() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/report-v1.json");
        let text = std::fs::read(path).expect("the frozen report");
        let report = from_json(&text).expect("readable");
        assert_eq!(report.schema, 1);
        assert_eq!(report.verdict, crate::report::Verdict::Red);
        assert_eq!(report.counts, crate::report::Counts::of(&report.results));
        assert_eq!(report.servers.len(), 6);
        let accepted = report.results.iter().find_map(|r| r.accepted.as_ref());
        assert_eq!(
            accepted.expect("one").reason,
            "agreed with support, case 4711"
        );
        // Nothing of it was lost on the way in.
        let value: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(serde_json::to_value(&report).expect("JSON"), value);
    }

    #[test]
    fn a_newer_version_is_told_apart() {
        let error = from_json(br#"{"schema": 2, "everything": "different"}"#).expect_err("newer");
        assert!(
            matches!(error, JsonReportError::Newer { found: 2 }),
            "{error}"
        );
        assert!(from_json(b"{}").is_err());
        assert!(from_json(b"").is_err());
    }
}
