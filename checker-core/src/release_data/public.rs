//! The reader of the public upgrade checker's files: `upgrade_path.json`,
//! `supported_os.json`, `known_issues.json`, in the shapes that they have had.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{Problem, ReleaseDataError, Text};
use super::model::{Conditions, Issue, Met, OsMatrix, OsRow, Protocol, Release};
use super::own;
use super::window::{Line, Window};
use crate::version::Version;

type Map = serde_json::Map<String, Value>;

/// The object that each of the files is.
fn object(text: Text<'_>) -> Result<Map, ReleaseDataError> {
    let value: Value = serde_json::from_str(text.text).map_err(|error| {
        let line = error.line();
        ReleaseDataError {
            line: (line > 0).then_some(line),
            ..text.whole(Problem::Form(error.to_string()))
        }
    })?;
    match value {
        Value::Object(map) if map.is_empty() => Err(text.whole(Problem::Empty)),
        Value::Object(map) => Ok(map),
        _ => Err(text.whole(Problem::Form("it is no JSON object".to_owned()))),
    }
}

/// A list of texts. A bare text counts as a list of one, as it did for a day
/// in 2026; empty texts, as in `[""]`, count as nothing.
fn texts(text: Text<'_>, at: &str, value: Option<&Value>) -> Result<Vec<String>, ReleaseDataError> {
    let items = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
    };
    let mut found = Vec::new();
    for item in items {
        match item {
            Value::String(s) if s.trim().is_empty() => {}
            Value::String(s) => found.push(s.trim().to_owned()),
            other => return Err(text.value(at, at, format!("{other} in the place of a text"))),
        }
    }
    Ok(found)
}

fn version(text: Text<'_>, at: &str, value: &str) -> Result<Version, ReleaseDataError> {
    value.parse().map_err(|error| text.value(at, value, error))
}

fn limits(
    text: Text<'_>,
    at: &str,
    value: Option<&Value>,
) -> Result<BTreeMap<Line, Version>, ReleaseDataError> {
    let mut limits = BTreeMap::new();
    for limit in texts(text, at, value)? {
        let limit = version(text, at, &limit)?;
        let line = Line::of(&limit);
        if limits.insert(line, limit).is_some() {
            return Err(text.value(at, at, format!("it has two limits for {line}")));
        }
    }
    Ok(limits)
}

/// `upgrade_path.json`: target → {min, max}; until late 2025 target → list of
/// smallest sources.
pub(super) fn upgrade_path(text: Text<'_>) -> Result<Vec<Release>, ReleaseDataError> {
    let mut list = Vec::new();
    for (target, entry) in &object(text)? {
        let (min, max) = match entry {
            Value::Object(entry) => (entry.get("min"), entry.get("max")),
            other => (Some(other), None),
        };
        list.push(Release {
            min: limits(text, target, min)?,
            max: limits(text, target, max)?,
            ..Release::new(version(text, target, target)?)
        });
    }
    own::sorted(text, list)
}

/// `supported_os.json`: distribution and major release → entries per release.
pub(super) fn supported_os(text: Text<'_>) -> Result<OsMatrix, ReleaseDataError> {
    let mut matrix = OsMatrix::default();
    for (key, entries) in &object(text)? {
        let Value::Array(entries) = entries else {
            return Err(text.value(key, key, "it is no list"));
        };
        for entry in entries {
            let name = entry
                .get("distroVersion")
                .and_then(Value::as_str)
                .ok_or_else(|| text.value(key, key, "an entry has no distroVersion"))?;
            let (distribution, release) = identity(key, name)
                .ok_or_else(|| text.value(key, name, format!("{name:?} names no release")))?;
            let targets = |role: &str| -> Result<Vec<Version>, ReleaseDataError> {
                let mut list = texts(text, name, entry.get(role))?
                    .iter()
                    .map(|v| version(text, name, v))
                    .collect::<Result<Vec<_>, _>>()?;
                list.sort();
                list.dedup();
                Ok(list)
            };
            matrix.rows.push(OsRow {
                distribution,
                release: release
                    .parse()
                    .map_err(|error| text.value(key, name, error))?,
                backend: targets("backend")?,
                client: targets("client")?,
            });
        }
    }
    for row in &matrix.rows {
        matrix
            .releases
            .extend(row.backend.iter().chain(&row.client).cloned());
    }
    matrix.releases.sort();
    matrix.releases.dedup();
    own::sorted_rows(text, matrix)
}

/// The distribution and release of an entry, as a host would name them.
///
/// `suse15sp6` calls itself 15.6, and CentOS 9 is CentOS Stream 9: there is no other.
fn identity(key: &str, name: &str) -> Option<(String, String)> {
    let distribution = key.trim_end_matches(|c: char| c.is_ascii_digit());
    if let Some((major, pack)) = name.strip_prefix("suse").and_then(|n| n.split_once("sp")) {
        return Some((distribution.to_owned(), format!("{major}.{pack}")));
    }
    let digits = name.rfind(|c: char| !c.is_ascii_digit() && c != '.')?;
    let release = name.get(digits + 1..).filter(|r| !r.is_empty())?;
    let distribution = match (distribution, release) {
        ("centos", "9") => "centos-stream",
        (other, _) => other,
    };
    Some((distribution.to_owned(), release.to_owned()))
}

/// `known_issues.json`: reference → issue, or a list of issues.
///
/// What our own data knows of an issue beyond these files (conditions in
/// words, affected clients, remedies) is kept from `base`.
pub(super) fn known_issues(text: Text<'_>, base: &[Issue]) -> Result<Vec<Issue>, ReleaseDataError> {
    let entries: Vec<(String, Value)> = match serde_json::from_str(text.text) {
        Ok(Value::Array(items)) => items
            .into_iter()
            .map(|item| {
                let id = item.get("internal_reference").and_then(Value::as_str);
                (id.unwrap_or_default().to_owned(), item)
            })
            .collect(),
        _ => object(text)?.into_iter().collect(),
    };
    let mut list: Vec<Issue> = Vec::new();
    for (key, entry) in entries {
        let reference = entry
            .get("internal_reference")
            .and_then(Value::as_str)
            .unwrap_or(&key);
        // The reference can have an address behind it: `WEKAPP-1 | https://…`.
        let id = reference.split('|').next().unwrap_or(reference).trim();
        let id = if id.is_empty() { key.trim() } else { id }.to_owned();
        if id.is_empty() {
            return Err(text.whole(Problem::Form("an issue has no reference".to_owned())));
        }
        if list.iter().any(|known| known.id == id) {
            return Err(text.about(&id, Problem::Twice(id.clone())));
        }
        list.push(issue(text, id, &entry, base)?);
    }
    if list.is_empty() {
        return Err(text.whole(Problem::Empty));
    }
    Ok(list)
}

fn issue(
    text: Text<'_>,
    id: String,
    entry: &Value,
    base: &[Issue],
) -> Result<Issue, ReleaseDataError> {
    let flag = |name: &str| entry.get(name).and_then(Value::as_bool).unwrap_or(false);
    let known = base.iter().find(|known| known.id == id);
    let mut protocols = Vec::new();
    let mut others = Vec::new();
    let names = texts(text, &id, entry.get("related_protocols"))?;
    for name in &names {
        match name.to_ascii_lowercase().as_str() {
            "nfs" => protocols.push(Protocol::Nfs),
            "smb" | "smbw" => protocols.push(Protocol::Smb),
            "s3" => protocols.push(Protocol::S3),
            // Newer than this tool: the operator is asked, and nothing is ruled out.
            _ => others.push(name),
        }
    }
    let mut only_if = known.and_then(|k| k.conditions.only_if.clone());
    if !others.is_empty() {
        protocols.clear();
        let uses = format!("the cluster uses {}", names.join(" or "));
        only_if =
            Some(only_if.map_or_else(|| uses.clone(), |known| format!("{known}, and {uses}")));
    }
    let met = match entry.get("version_from").and_then(Value::as_str) {
        Some(release) if !release.is_empty() => Met::Over(version(text, &id, release)?),
        _ => Met::In(windows(text, &id, entry.get("affected_versions"))?),
    };
    Ok(Issue {
        reference: known.and_then(|k| k.reference.clone()),
        summary: entry
            .get("description")
            .and_then(Value::as_str)
            .ok_or_else(|| text.value(&id, &id, "it has no description"))?
            .to_owned(),
        met,
        conditions: Conditions {
            protocols,
            link_types: texts(text, &id, entry.get("link_types"))?,
            object_store: flag("obj_store"),
            several_orgs: flag("multi_org"),
            kernel_arguments: texts(text, &id, entry.get("problematic_kernel_arguments"))?,
            clients: known.and_then(|k| k.conditions.clients.clone()),
            only_if,
        },
        remedy: known.and_then(|k| k.remedy.clone()),
        id,
    })
}

/// `[{min, max}, …]`, each half open; an empty or absent end is no end.
fn windows(
    text: Text<'_>,
    id: &str,
    value: Option<&Value>,
) -> Result<Vec<Window>, ReleaseDataError> {
    let Some(Value::Array(items)) = value else {
        return Err(text.value(id, id, "it has neither affected_versions nor version_from"));
    };
    let mut windows = Vec::new();
    for item in items {
        let end = |name: &str| -> Result<Option<Version>, ReleaseDataError> {
            texts(text, id, item.get(name))?
                .first()
                .map(|v| version(text, id, v))
                .transpose()
        };
        let window = Window::half_open(end("min")?, end("max")?);
        if window.is_empty() {
            return Err(text.value(id, id, format!("no release lies in {window}")));
        }
        windows.push(window);
    }
    if windows.is_empty() {
        return Err(text.value(id, id, "its affected_versions are empty"));
    }
    Ok(windows)
}
