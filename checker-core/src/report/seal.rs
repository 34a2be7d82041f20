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

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{JsonReportError, Report, from_json};
use crate::bundle::hexadecimal;

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
        // The results are many, and as a tree of values many times their own
        // size: they are taken one by one.
        let results = std::mem::take(&mut self.results);
        self.digest = None;
        let mut rest = value(self);
        rest.sort_all_objects();
        let mut text = Text(Sha256::new());
        for (n, (name, member)) in rest.as_object().into_iter().flatten().enumerate() {
            text.put(if n == 0 { "{" } else { "," });
            text.put(&Value::from(name.as_str()).to_string());
            text.put(":");
            if name == "results" {
                text.list(&results);
            } else {
                text.put(&member.to_string());
            }
        }
        text.put("}");
        self.results = results;
        self.digest = Some(text.digest());
    }

    /// Whether the report still has the digest that it was given.
    #[must_use]
    pub fn sealed(&self) -> Seal {
        compare(self.digest.as_deref(), value(self))
    }
}

fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part)
        .expect("a report is structs, lists and texts, which all have a JSON form")
}

/// The canonical form, of which nothing is kept but the digest.
struct Text(Sha256);

impl Text {
    fn put(&mut self, text: &str) {
        self.0.update(text.as_bytes());
    }

    fn list(&mut self, items: &[impl Serialize]) {
        self.put("[");
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                self.put(",");
            }
            let mut item = value(item);
            item.sort_all_objects();
            self.put(&item.to_string());
        }
        self.put("]");
    }

    fn digest(self) -> String {
        format!("{ALGORITHM}{}", hexadecimal(&self.0.finalize()))
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
    let mut text = Text(Sha256::new());
    text.put(&report.to_string());
    text.digest()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;
    use serde_json::Value;

    use super::*;
    use crate::report::{json, sample};

    fn sealed(mut report: Report) -> Report {
        report.seal();
        report
    }

    fn seal_of(value: &Value) -> Seal {
        let text = serde_json::to_vec(value).expect("JSON");
        read_sealed(&text).expect("a report").1
    }

    #[rstest]
    #[case::green(sample::green())]
    #[case::mixed(sample::mixed())]
    #[case::nasty(sample::nasty())]
    #[case::nothing_known(sample::not_logged_in())]
    #[case::empty(sample::report(Vec::new(), Vec::new()))]
    fn as_it_was_written_it_is_intact(#[case] report: Report) {
        assert_eq!(report.sealed(), Seal::Missing);
        let report = sealed(report);
        assert_eq!(report.sealed(), Seal::Intact);
        let (read, seal) = read_sealed(json(&report).as_bytes()).expect("a report");
        assert_eq!(read, report);
        assert_eq!(seal, Seal::Intact);
        // Sealing again changes nothing.
        assert_eq!(sealed(read), report);
    }

    /// Every object with its members in the opposite order.
    fn turned(value: Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .rev()
                    .map(|(k, v)| (k, turned(v)))
                    .collect(),
            ),
            Value::Array(items) => Value::Array(items.into_iter().map(turned).collect()),
            other => other,
        }
    }

    #[test]
    fn white_space_and_the_order_of_members_mean_nothing() {
        let text = json(&sealed(sample::nasty()));
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(seal_of(&value), Seal::Intact);
        let turned = turned(value);
        assert_ne!(turned.to_string(), text);
        assert_eq!(seal_of(&turned), Seal::Intact);
        let spread = text.replace('\n', "\n\n\t");
        assert_eq!(
            read_sealed(spread.as_bytes()).expect("a report").1,
            Seal::Intact
        );
    }

    /// Changes every text, number, truth and null of a report in turn.
    fn each_leaf(value: &Value, path: &mut Vec<String>, leaves: &mut Vec<Vec<String>>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    path.push(name.replace('~', "~0").replace('/', "~1"));
                    each_leaf(member, path, leaves);
                    path.pop();
                }
            }
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    path.push(n.to_string());
                    each_leaf(item, path, leaves);
                    path.pop();
                }
            }
            _ => leaves.push(path.clone()),
        }
    }

    #[test]
    fn whatever_is_changed_shows() {
        let value = serde_json::to_value(sealed(sample::mixed())).expect("JSON");
        let mut leaves = Vec::new();
        each_leaf(&value, &mut Vec::new(), &mut leaves);
        assert!(leaves.len() > 300, "{}", leaves.len());
        for leaf in leaves {
            let path = format!("/{}", leaf.join("/"));
            let mut changed = value.clone();
            let place = changed.pointer_mut(&path).expect("there");
            *place = match place.clone() {
                Value::String(text) => {
                    let mut text: Vec<char> = text.chars().collect();
                    match text.last_mut() {
                        Some(last) => *last = if *last == '3' { '4' } else { '3' },
                        None => text.push('3'),
                    }
                    Value::from(text.into_iter().collect::<String>())
                }
                Value::Number(number) => Value::from(number.as_u64().expect("whole") + 1),
                Value::Bool(truth) => Value::Bool(!truth),
                _ => Value::from("something"),
            };
            let text = changed.to_string();
            // What is no report any more is refused before.
            if let Ok((_, seal)) = read_sealed(text.as_bytes()) {
                assert_eq!(seal, Seal::Altered, "{path}");
            }
        }
    }

    #[test]
    fn what_is_added_or_taken_out_shows() {
        let mut added = serde_json::to_value(sealed(sample::green())).expect("JSON");
        added["results"][0]["added"] = Value::from(1);
        assert_eq!(seal_of(&added), Seal::Altered);

        let mut value = serde_json::to_value(sealed(sample::green())).expect("JSON");
        value["results"].as_array_mut().expect("results").pop();
        assert_eq!(seal_of(&value), Seal::Altered);

        let mut value = serde_json::to_value(sealed(sample::green())).expect("JSON");
        value.as_object_mut().expect("an object").remove("digest");
        assert_eq!(seal_of(&value), Seal::Missing);
        for odd in ["", "md5:0", "sha256:", "SHA256:00"] {
            value["digest"] = Value::from(odd);
            assert_eq!(seal_of(&value), Seal::Altered, "{odd}");
        }
    }

    /// Reports that are out there must keep their digest: how it is made is
    /// part of version 1. The file's digest was made by another program too.
    #[test]
    fn the_digest_is_made_as_ever() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/report-v1-sealed.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() && !path.exists() {
            let mut report = sample::nasty();
            report.results.extend(sample::mixed().results);
            std::fs::write(&path, json(&sealed(report))).expect("written");
        }
        let text = std::fs::read(&path).expect("the frozen report");
        let (report, seal) = read_sealed(&text).expect("a report");
        assert_eq!(seal, Seal::Intact);
        assert_eq!(report.sealed(), Seal::Intact);
    }
}
