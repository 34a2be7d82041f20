//! The reader of our own form: `releases.toml`, `os.toml`, `known-issues.toml`, `rules.toml`,
//! `alerts.toml`.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::{Problem, ReleaseDataError, Text};
use super::model::{
    AlertClass, AlertType, CapacityOverride, Conditions, Issue, LineInfo, Met, ObsoleteOverrides,
    OfedRule, OsMatrix, OsRow, Protocol, Release, Rules, Track, TsmbRule,
};
use super::window::{Line, Window};
use crate::version::Version;

/// What `releases.toml` holds.
#[derive(Debug, Clone)]
pub(super) struct ReleasesPart {
    pub(super) version: String,
    pub(super) date: Date,
    pub(super) lines: BTreeMap<Line, LineInfo>,
    pub(super) releases: Vec<Release>,
    pub(super) dropped: Vec<Release>,
}

/// What `known-issues.toml` holds.
#[derive(Debug, Clone)]
pub(super) struct IssuesPart {
    pub(super) date: Date,
    pub(super) issues: Vec<Issue>,
    pub(super) source_issues: Vec<Issue>,
}

fn form<T: DeserializeOwned>(text: Text<'_>) -> Result<T, ReleaseDataError> {
    toml::from_str(text.text).map_err(|error| {
        let byte = error.span().map(|span| span.start);
        text.at(byte, Problem::Form(error.message().to_owned()))
    })
}

impl Text<'_> {
    fn parse<T: std::str::FromStr>(&self, at: &str, value: &str) -> Result<T, ReleaseDataError>
    where
        T::Err: std::fmt::Display,
    {
        value.parse().map_err(|error| self.value(at, value, error))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReleases {
    version: String,
    date: Date,
    #[serde(default)]
    lines: BTreeMap<String, RawLine>,
    releases: BTreeMap<String, RawRelease>,
    #[serde(default)]
    dropped: BTreeMap<String, RawRelease>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine {
    track: Option<Track>,
    support_ends: Option<Date>,
    #[serde(default)]
    advised: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRelease {
    min: BTreeMap<String, String>,
    #[serde(default)]
    max: BTreeMap<String, String>,
    date: Option<Date>,
    seen: Option<Date>,
    source: Option<String>,
}

pub(super) fn releases(text: Text<'_>) -> Result<ReleasesPart, ReleaseDataError> {
    let raw: RawReleases = form(text)?;
    let mut lines = BTreeMap::new();
    for (name, line) in raw.lines {
        let id: Line = text.parse("lines", &name)?;
        let info = LineInfo {
            track: line.track,
            support_ends: line.support_ends,
            advised: limits(text, &format!("line {name}, advised"), line.advised)?,
        };
        lines.insert(id, info);
    }
    let releases = release_list(text, raw.releases)?;
    let dropped = release_list(text, raw.dropped)?;
    if releases.is_empty() {
        return Err(text.whole(Problem::Empty));
    }
    if let Some(twice) = dropped
        .iter()
        .find(|d| releases.iter().any(|r| r.version == d.version))
    {
        let name = twice.version.to_string();
        return Err(text.key(&name, Problem::Twice(name.clone())));
    }
    Ok(ReleasesPart {
        version: raw.version,
        date: raw.date,
        lines,
        releases,
        dropped,
    })
}

/// Oldest first; each once.
fn release_list(
    text: Text<'_>,
    raw: BTreeMap<String, RawRelease>,
) -> Result<Vec<Release>, ReleaseDataError> {
    let mut list = Vec::new();
    for (name, release) in raw {
        let version: Version = text.parse("releases", &name)?;
        let at = |limit: &str| format!("release {name}, {limit}");
        list.push(Release {
            min: limits(text, &at("min"), release.min)?,
            max: limits(text, &at("max"), release.max)?,
            date: release.date,
            seen: release.seen,
            source: release.source,
            version,
        });
    }
    sorted(text, list)
}

/// Sorts releases, and refuses one that stands twice or can't be reached at all.
pub(super) fn sorted(
    text: Text<'_>,
    mut list: Vec<Release>,
) -> Result<Vec<Release>, ReleaseDataError> {
    list.sort_by(|a, b| a.version.cmp(&b.version));
    for release in &list {
        let name = release.version.to_string();
        let wrong = |what| {
            let at = format!("release {name}");
            text.key(&name, Problem::Value { at, what })
        };
        if release.min.is_empty() {
            return Err(wrong("it has no smallest source".to_owned()));
        }
        for (line, limit) in release.min.iter().chain(&release.max) {
            if *limit >= release.version {
                let what = format!("its limit {limit} is not older than itself");
                return Err(wrong(what));
            }
            if let (Some(min), Some(max)) = (release.min.get(line), release.max.get(line))
                && min > max
            {
                let what = format!("no {line} release lies between its limits {min} and {max}");
                return Err(wrong(what));
            }
        }
    }
    match list
        .windows(2)
        .find(|pair| pair[0].version == pair[1].version)
    {
        Some(pair) => {
            let name = pair[1].version.to_string();
            Err(text.key(&name, Problem::Twice(name.clone())))
        }
        None => Ok(list),
    }
}

fn limits(
    text: Text<'_>,
    at: &str,
    raw: BTreeMap<String, String>,
) -> Result<BTreeMap<Line, Version>, ReleaseDataError> {
    let mut limits = BTreeMap::new();
    for (line, version) in raw {
        let line: Line = text.parse(at, &line)?;
        let version: Version = text.parse(at, &version)?;
        if Line::of(&version) != line {
            let what = format!("{version} stands under {line}, which is not its line");
            return Err(text.value(at, &version.to_string(), what));
        }
        limits.insert(line, version);
    }
    Ok(limits)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOs {
    date: Date,
    #[serde(default)]
    no_data: Vec<String>,
    releases: Vec<String>,
    os: BTreeMap<String, BTreeMap<String, RawRow>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawRow {
    Both(String),
    Each(RawRoles),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoles {
    #[serde(default)]
    backend: String,
    #[serde(default)]
    client: String,
}

pub(super) fn os(text: Text<'_>) -> Result<(Date, OsMatrix), ReleaseDataError> {
    let raw: RawOs = form(text)?;
    let versions = |at: &str, list: &[String]| -> Result<Vec<Version>, ReleaseDataError> {
        list.iter().map(|v| text.parse(at, v)).collect()
    };
    let releases = versions("releases", &raw.releases)?;
    if releases.is_empty() || raw.os.is_empty() {
        return Err(text.whole(Problem::Empty));
    }
    if let Some(pair) = releases.windows(2).find(|pair| pair[0] >= pair[1]) {
        let what = format!(
            "{} stands behind {}: oldest first, each once",
            pair[1], pair[0]
        );
        return Err(text.value("releases", &pair[1].to_string(), what));
    }
    let mut rows = Vec::new();
    for (distribution, entries) in raw.os {
        for (release, row) in entries {
            let at = format!("os.{distribution} {release}");
            let (backend, client) = match row {
                RawRow::Both(list) => (list.clone(), list),
                RawRow::Each(roles) => (roles.backend, roles.client),
            };
            rows.push(OsRow {
                distribution: distribution.clone(),
                release: text.parse(&at, &release)?,
                backend: ranges(text, &at, &releases, &backend)?,
                client: ranges(text, &at, &releases, &client)?,
            });
        }
    }
    let matrix = OsMatrix {
        no_data: versions("no_data", &raw.no_data)?,
        releases,
        rows,
    };
    Ok((raw.date, sorted_rows(text, matrix)?))
}

/// Sorts the rows, and refuses one that stands twice.
pub(super) fn sorted_rows(
    text: Text<'_>,
    mut matrix: OsMatrix,
) -> Result<OsMatrix, ReleaseDataError> {
    matrix.rows.sort();
    let same = |pair: &[OsRow]| {
        pair[0].distribution == pair[1].distribution && pair[0].release == pair[1].release
    };
    if let Some(pair) = matrix.rows.windows(2).find(|pair| same(pair)) {
        let name = format!("{} {}", pair[1].distribution, pair[1].release);
        return Err(text.about(&pair[1].release.to_string(), Problem::Twice(name)));
    }
    Ok(matrix)
}

/// `a..=b, c` over the list of releases.
fn ranges(
    text: Text<'_>,
    at: &str,
    releases: &[Version],
    list: &str,
) -> Result<Vec<Version>, ReleaseDataError> {
    let place = |name: &str| -> Result<usize, ReleaseDataError> {
        let version: Version = text.parse(at, name)?;
        releases
            .iter()
            .position(|known| *known == version)
            .ok_or_else(|| text.value(at, name, format!("{name} is not in `releases` above")))
    };
    let mut found: Vec<Version> = Vec::new();
    for part in list.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (first, last) = match part.split_once("..=") {
            Some((first, last)) => (place(first)?, place(last)?),
            None => (place(part)?, place(part)?),
        };
        let range = releases
            .get(first..=last)
            .filter(|range| !range.is_empty())
            .ok_or_else(|| text.value(at, part, format!("{part} holds no release")))?;
        if found.last().is_some_and(|before| range[0] <= *before) {
            let what = format!("{part} stands behind a newer release");
            return Err(text.value(at, part, what));
        }
        found.extend_from_slice(range);
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssues {
    date: Date,
    #[serde(default)]
    issue: Vec<RawIssue>,
    #[serde(default)]
    source: Vec<RawIssue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssue {
    id: String,
    #[serde(rename = "ref")]
    reference: Option<String>,
    summary: String,
    windows: Option<Vec<String>>,
    version_from: Option<String>,
    #[serde(default)]
    protocols: Vec<Protocol>,
    #[serde(default)]
    link_types: Vec<String>,
    #[serde(default)]
    object_store: bool,
    #[serde(default)]
    several_orgs: bool,
    #[serde(default)]
    kernel_arguments: Vec<String>,
    clients: Option<String>,
    only_if: Option<String>,
    remedy: Option<String>,
}

pub(super) fn issues(text: Text<'_>) -> Result<IssuesPart, ReleaseDataError> {
    let raw: RawIssues = form(text)?;
    if raw.issue.is_empty() && raw.source.is_empty() {
        return Err(text.whole(Problem::Empty));
    }
    Ok(IssuesPart {
        date: raw.date,
        issues: issue_list(text, raw.issue)?,
        source_issues: issue_list(text, raw.source)?,
    })
}

fn issue_list(text: Text<'_>, raw: Vec<RawIssue>) -> Result<Vec<Issue>, ReleaseDataError> {
    let mut list: Vec<Issue> = Vec::new();
    for issue in raw {
        let id = issue.id;
        if list.iter().any(|known| known.id == id) {
            return Err(text.about(&id, Problem::Twice(id.clone())));
        }
        let met = match (issue.windows, issue.version_from) {
            (Some(windows), None) if !windows.is_empty() => {
                let windows = windows.iter().map(|w| text.parse(&id, w));
                Met::In(windows.collect::<Result<Vec<Window>, _>>()?)
            }
            (None, Some(release)) => Met::Over(text.parse(&id, &release)?),
            _ => {
                let what = "it needs either windows or version_from";
                return Err(text.value(&id, &id, what));
            }
        };
        if let Met::In(windows) = &met
            && let Some(empty) = windows.iter().find(|w| w.is_empty())
        {
            let what = format!("no release lies in {empty}");
            return Err(text.value(&id, &empty.to_string(), what));
        }
        list.push(Issue {
            reference: issue.reference,
            summary: issue.summary,
            met,
            conditions: Conditions {
                protocols: issue.protocols,
                link_types: issue.link_types,
                object_store: issue.object_store,
                several_orgs: issue.several_orgs,
                kernel_arguments: issue.kernel_arguments,
                clients: issue.clients.map(|c| text.parse(&id, &c)).transpose()?,
                only_if: issue.only_if,
            },
            remedy: issue.remedy,
            id,
        });
    }
    Ok(list)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRules {
    date: Date,
    ofed: RawOfed,
    capacity_override: RawCapacity,
    obsolete_overrides: RawObsolete,
    tsmb: Vec<RawTsmb>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOfed {
    targets: String,
    supported: Vec<String>,
    documented: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCapacity {
    key: String,
    value: String,
    supported_in: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawObsolete {
    refused_from: String,
    keys: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTsmb {
    version: String,
    targets: String,
}

pub(super) fn rules(text: Text<'_>) -> Result<(Date, Rules), ReleaseDataError> {
    let raw: RawRules = form(text)?;
    let window = |at: &str, value: &str| -> Result<Window, ReleaseDataError> {
        let window: Window = text.parse(at, value)?;
        if window.is_empty() {
            return Err(text.value(at, value, format!("no release lies in {window}")));
        }
        Ok(window)
    };
    let mut keys = BTreeMap::new();
    for (key, version) in raw.obsolete_overrides.keys {
        let version = text.parse("obsolete_overrides", &version)?;
        keys.insert(key, version);
    }
    let mut tsmb: Vec<TsmbRule> = Vec::new();
    for rule in raw.tsmb {
        if tsmb.iter().any(|known| known.version == rule.version) {
            return Err(text.about(&rule.version, Problem::Twice(rule.version.clone())));
        }
        tsmb.push(TsmbRule {
            targets: window("tsmb", &rule.targets)?,
            version: rule.version,
        });
    }
    let supported_in = &raw.capacity_override.supported_in;
    let rules = Rules {
        ofed: OfedRule {
            targets: window("ofed", &raw.ofed.targets)?,
            supported: raw.ofed.supported,
            documented: raw.ofed.documented,
        },
        capacity_override: CapacityOverride {
            key: raw.capacity_override.key,
            value: raw.capacity_override.value,
            supported_in: supported_in
                .iter()
                .map(|w| window("capacity_override", w))
                .collect::<Result<_, _>>()?,
        },
        obsolete_overrides: ObsoleteOverrides {
            refused_from: text.parse("obsolete_overrides", &raw.obsolete_overrides.refused_from)?,
            keys,
        },
        tsmb,
    };
    Ok((raw.date, rules))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlerts {
    date: Date,
    #[serde(default)]
    alert: Vec<RawAlert>,
    other: Option<RawOther>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlert {
    #[serde(rename = "type")]
    kind: String,
    class: AlertClass,
    means: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOther {
    class: AlertClass,
    types: Vec<String>,
}

pub(super) fn alerts(
    text: Text<'_>,
) -> Result<(Date, BTreeMap<String, AlertType>), ReleaseDataError> {
    let raw: RawAlerts = form(text)?;
    let mut alerts = BTreeMap::new();
    let listed = raw
        .alert
        .into_iter()
        .map(|alert| (alert.kind, alert.class, alert.means));
    let other = raw.other.into_iter().flat_map(|other| {
        let class = other.class;
        let types = other.types.into_iter();
        types.map(move |kind| (kind, class, String::new()))
    });
    for (kind, class, means) in listed.chain(other) {
        if kind.is_empty() || !kind.chars().all(|c| c.is_ascii_alphanumeric()) {
            let what = "no type of alert is called so (expected DriveDown)";
            return Err(text.value(&format!("alert {kind:?}"), &kind, what));
        }
        if alerts.contains_key(&kind) {
            return Err(text.about(&kind, Problem::Twice(kind.clone())));
        }
        alerts.insert(kind, AlertType { class, means });
    }
    if alerts.is_empty() {
        return Err(text.whole(Problem::Empty));
    }
    Ok((raw.date, alerts))
}
