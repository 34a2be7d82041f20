//! The release data that checks judge by: the model and its readers. The data
//! itself lies with the checks, compiled in.
//!
//! A site can put newer files into a directory, in our own form or as the
//! public upgrade checker's JSON; each file replaces its part, the rest stays.

mod error;
mod model;
mod own;
mod public;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use jiff::civil::Date;
use serde::Serialize;

pub use error::{Problem, ReleaseDataError};
pub use model::{
    AlertClass, AlertType, CapacityOverride, Conditions, Issue, LineInfo, Met, ObsoleteOverrides,
    OfedRule, OsMatrix, OsRelease, OsRow, Protocol, Release, Rules, Track, TsmbRule,
};
pub use window::{Line, Window};

use crate::version::Version;
use error::Text;

/// What is known of WEKA's releases, as of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseData {
    /// The version of the data set, shown in the report.
    pub version: String,
    /// The day up to which it is complete: that of the oldest part that ages
    /// (releases, operating systems, known issues).
    pub date: Date,
    /// The release lines, oldest first.
    pub lines: BTreeMap<Line, LineInfo>,
    /// The releases that can be upgraded to, oldest first.
    pub releases: Vec<Release>,
    /// Releases that could be upgraded to once, oldest first.
    pub dropped: Vec<Release>,
    /// The operating systems.
    pub os: OsMatrix,
    /// Known issues of the releases on the way.
    pub known_issues: Vec<Issue>,
    /// Issues of the running release that touch the upgrade away from it.
    pub source_issues: Vec<Issue>,
    /// Lists and limits of single checks.
    pub rules: Rules,
    /// What each type of alert means for an upgrade, by its name.
    pub alerts: BTreeMap<String, AlertType>,
    /// Where each part comes from.
    pub parts: Vec<Part>,
    /// Files of the directory that look like data and were not read: most
    /// likely a slip of the pen in the name.
    pub not_read: Vec<String>,
}

/// One of the parts that are replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// Lines, releases and their sources.
    Releases,
    /// Operating systems.
    OperatingSystems,
    /// Known issues.
    KnownIssues,
    /// Lists and limits of single checks.
    Rules,
    /// Types of alerts.
    Alerts,
}

impl PartKind {
    /// Whether it has to follow WEKA's releases: its age is the data's age.
    /// Rules and types of alerts change rarely.
    #[must_use]
    pub fn ages(self) -> bool {
        match self {
            Self::Releases | Self::OperatingSystems | Self::KnownIssues => true,
            Self::Rules | Self::Alerts => false,
        }
    }
}

/// The form that a part was read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Compiled in.
    BuiltIn,
    /// A file in our own form (TOML).
    Own,
    /// A file of the public upgrade checker (JSON).
    Public,
}

/// Where a part comes from, and how old it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Which part.
    pub kind: PartKind,
    /// The day up to which it is complete. For a public JSON file, which
    /// holds no date, the day on which the file was last changed; where it
    /// knows nothing that was not known before, no later than that.
    pub date: Date,
    /// The form that it was read in.
    pub form: Form,
    /// The file; `None` when built in.
    pub file: Option<String>,
}

/// The texts of the files of our own form.
#[derive(Debug, Clone, Copy)]
pub struct OwnFiles<'a> {
    /// `releases.toml`.
    pub releases: &'a str,
    /// `os.toml`.
    pub os: &'a str,
    /// `known-issues.toml`.
    pub issues: &'a str,
    /// `rules.toml`.
    pub rules: &'a str,
    /// `alerts.toml`.
    pub alerts: &'a str,
}

/// Part, own file, public file.
const FILES: [(PartKind, &str, Option<&str>); 5] = [
    (
        PartKind::Releases,
        "releases.toml",
        Some("upgrade_path.json"),
    ),
    (
        PartKind::OperatingSystems,
        "os.toml",
        Some("supported_os.json"),
    ),
    (
        PartKind::KnownIssues,
        "known-issues.toml",
        Some("known_issues.json"),
    ),
    (PartKind::Rules, "rules.toml", None),
    (PartKind::Alerts, "alerts.toml", None),
];

/// No file of ours comes near this; more is a mistake.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

impl ReleaseData {
    /// Only a list of releases without any limit; for tests.
    #[must_use]
    pub fn minimal(version: &str, date: Date, releases: impl IntoIterator<Item = Version>) -> Self {
        let mut releases: Vec<Release> = releases.into_iter().map(Release::new).collect();
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        Self {
            version: version.to_owned(),
            date,
            lines: BTreeMap::new(),
            releases,
            dropped: Vec::new(),
            os: OsMatrix::default(),
            known_issues: Vec::new(),
            source_issues: Vec::new(),
            rules: Rules {
                ofed: OfedRule {
                    targets: Window::half_open(None, None),
                    supported: Vec::new(),
                    documented: Vec::new(),
                },
                capacity_override: CapacityOverride {
                    key: String::new(),
                    value: String::new(),
                    supported_in: Vec::new(),
                },
                obsolete_overrides: ObsoleteOverrides {
                    refused_from: Version::new(6, 0, 0, 0),
                    keys: BTreeMap::new(),
                },
                tsmb: Vec::new(),
            },
            alerts: BTreeMap::new(),
            parts: Vec::new(),
            not_read: Vec::new(),
        }
    }

    /// Reads the files of our own form.
    ///
    /// # Errors
    /// The first mistake, with its file and line.
    pub fn from_own(files: OwnFiles<'_>) -> Result<Self, ReleaseDataError> {
        let text = |file, text| Text { file, text };
        let releases = own::releases(text("releases.toml", files.releases))?;
        let (os_date, os) = own::os(text("os.toml", files.os))?;
        let issues = own::issues(text("known-issues.toml", files.issues))?;
        let (rules_date, rules) = own::rules(text("rules.toml", files.rules))?;
        let (alerts_date, alerts) = own::alerts(text("alerts.toml", files.alerts))?;
        let part = |kind, date| Part {
            kind,
            date,
            form: Form::BuiltIn,
            file: None,
        };
        let parts = vec![
            part(PartKind::Releases, releases.date),
            part(PartKind::OperatingSystems, os_date),
            part(PartKind::KnownIssues, issues.date),
            part(PartKind::Rules, rules_date),
            part(PartKind::Alerts, alerts_date),
        ];
        Ok(Self {
            version: releases.version,
            date: oldest(&parts),
            lines: releases.lines,
            releases: releases.releases,
            dropped: releases.dropped,
            os,
            known_issues: issues.issues,
            source_issues: issues.source_issues,
            rules,
            alerts,
            parts,
            not_read: Vec::new(),
        })
    }

    /// One part replaced by this text, in our own form or the public one; for
    /// property tests and fuzz targets.
    ///
    /// # Errors
    /// When the text has a mistake.
    #[cfg(feature = "testkit")]
    pub(crate) fn with_text(
        mut self,
        kind: PartKind,
        text: &str,
        is_own: bool,
    ) -> Result<Self, ReleaseDataError> {
        let file = "text";
        self.replace(
            kind,
            Text { file, text },
            is_own,
            Date::constant(2026, 7, 15),
        )?;
        Ok(self)
    }

    /// This data with the parts replaced that a directory holds: `releases.toml`
    /// or `upgrade_path.json`, `os.toml` or `supported_os.json`,
    /// `known-issues.toml` or `known_issues.json`, `rules.toml`, `alerts.toml`.
    ///
    /// # Errors
    /// When the directory can't be read, holds none of these files, holds two
    /// of the same part, or a file has a mistake: with the file and the line.
    pub fn with_dir(mut self, dir: &Path) -> Result<Self, ReleaseDataError> {
        let fault = |file: &Path, problem| ReleaseDataError {
            file: file.display().to_string(),
            line: None,
            problem,
        };
        let io = |error: std::io::Error| fault(dir, Problem::Io(error.to_string()));
        for entry in std::fs::read_dir(dir).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let name = name.to_string_lossy();
            let ours = FILES
                .iter()
                .any(|(_, own, public)| name == *own || Some(name.as_ref()) == *public);
            if !ours && (name.ends_with(".toml") || name.ends_with(".json")) {
                self.not_read.push(name.into_owned());
            }
        }
        self.not_read.sort();
        let mut found = false;
        for (kind, own, public) in FILES {
            let own_path = dir.join(own);
            let public_path = public
                .map(|name| dir.join(name))
                .filter(|path| path.exists());
            let (path, is_own) = match (own_path.exists(), public_path) {
                (true, Some(public)) => return Err(fault(&public, Problem::Both { other: own })),
                (true, None) => (own_path, true),
                (false, Some(public)) => (public, false),
                (false, None) => continue,
            };
            found = true;
            let (content, changed) =
                read(&path).map_err(|error| fault(&path, Problem::Io(error)))?;
            let name = path.display().to_string();
            let text = Text {
                file: &name,
                text: &content,
            };
            let date = self.replace(kind, text, is_own, changed)?;
            self.parts.retain(|part| part.kind != kind);
            self.parts.push(Part {
                kind,
                date,
                form: if is_own { Form::Own } else { Form::Public },
                file: Some(name.clone()),
            });
        }
        if !found {
            return Err(fault(dir, Problem::NothingThere));
        }
        self.parts.sort_by_key(|part| part.kind as u8);
        self.date = oldest(&self.parts);
        Ok(self)
    }

    fn replace(
        &mut self,
        kind: PartKind,
        text: Text<'_>,
        is_own: bool,
        changed: Date,
    ) -> Result<Date, ReleaseDataError> {
        match (kind, is_own) {
            (PartKind::Releases, true) => {
                let part = own::releases(text)?;
                self.version = part.version;
                self.lines = part.lines;
                self.releases = part.releases;
                self.dropped = part.dropped;
                Ok(part.date)
            }
            (PartKind::Releases, false) => {
                let targets = public::upgrade_path(text)?;
                let adds = targets.iter().any(|t| !self.has_known(&t.version));
                let date = self.day_of(kind, changed, adds);
                self.replace_targets(targets);
                self.version = format!("{} + upgrade_path.json of {date}", self.version);
                Ok(date)
            }
            (PartKind::OperatingSystems, true) => {
                let (date, os) = own::os(text)?;
                self.os = os;
                Ok(date)
            }
            (PartKind::OperatingSystems, false) => {
                let os = public::supported_os(text)?;
                let adds = os.releases.iter().any(|r| !self.os.releases.contains(r));
                self.os = os;
                Ok(self.day_of(kind, changed, adds))
            }
            (PartKind::KnownIssues, true) => {
                let part = own::issues(text)?;
                self.known_issues = part.issues;
                self.source_issues = part.source_issues;
                Ok(part.date)
            }
            (PartKind::KnownIssues, false) => {
                let issues = public::known_issues(text, &self.known_issues)?;
                let known = |id: &str| self.known_issues.iter().any(|issue| issue.id == id);
                let adds = issues.iter().any(|issue| !known(&issue.id));
                self.known_issues = issues;
                Ok(self.day_of(kind, changed, adds))
            }
            (PartKind::Rules, _) => {
                let (date, rules) = own::rules(text)?;
                self.rules = rules;
                Ok(date)
            }
            (PartKind::Alerts, _) => {
                let (date, alerts) = own::alerts(text)?;
                self.alerts = alerts;
                Ok(date)
            }
        }
    }

    /// New targets in the place of the old ones. What was known of their
    /// dates stays; a target that is gone counts as dropped.
    /// The day up to which a public file is complete. It holds none, and when
    /// it was last written says little: a copy of an old file is new. So it
    /// counts as newer than what was known only if it knows more.
    fn day_of(&self, kind: PartKind, changed: Date, adds: bool) -> Date {
        let before = self.parts.iter().find(|part| part.kind == kind);
        match before {
            Some(before) if !adds => changed.min(before.date),
            _ => changed,
        }
    }

    /// Whether this is or was a release that can be upgraded to.
    fn has_known(&self, version: &Version) -> bool {
        let all = self.releases.iter().chain(&self.dropped);
        all.into_iter().any(|release| release.version == *version)
    }

    fn replace_targets(&mut self, mut targets: Vec<Release>) {
        let old: Vec<Release> = self
            .releases
            .drain(..)
            .chain(self.dropped.drain(..))
            .collect();
        for target in &mut targets {
            if let Some(known) = old.iter().find(|known| known.version == target.version) {
                target.date = known.date;
                target.seen = known.seen;
            }
        }
        self.dropped = old
            .into_iter()
            .filter(|known| targets.iter().all(|target| target.version != known.version))
            .collect();
        self.dropped.sort_by(|a, b| a.version.cmp(&b.version));
        self.releases = targets;
    }

    /// Whether the release can be upgraded to, as far as this data knows.
    #[must_use]
    pub fn knows(&self, version: &Version) -> bool {
        self.releases.iter().any(|r| &r.version == version)
    }

    /// The release, whether it can still be upgraded to or was dropped.
    #[must_use]
    pub fn release(&self, version: &Version) -> Option<&Release> {
        self.ever_listed().find(|r| &r.version == version)
    }

    /// Every release that is or was listed, in no order.
    pub fn ever_listed(&self) -> impl Iterator<Item = &Release> {
        self.releases.iter().chain(&self.dropped)
    }

    /// The track of a line, where WEKA has published it.
    #[must_use]
    pub fn track(&self, line: Line) -> Option<Track> {
        self.lines.get(&line).and_then(|info| info.track)
    }

    /// What does not fit together between the parts: a target without
    /// operating systems, an issue whose windows hold no known release, a file
    /// that nothing reads. The data can be used all the same; the checks
    /// concerned say what they lack.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps: Vec<String> = self
            .not_read
            .iter()
            .map(|file| format!("{file} is no name of release data and was not read"))
            .collect();
        for release in &self.releases {
            let version = &release.version;
            let listed = self.os.releases.contains(version);
            let said = self.os.no_data.contains(version);
            if !listed && !said {
                gaps.push(format!("target {version} has no operating systems"));
            }
        }
        for version in &self.os.no_data {
            if self.os.releases.contains(version) || !self.knows(version) {
                gaps.push(format!(
                    "{version} is said to have no operating systems, but {}",
                    if self.knows(version) {
                        "has some"
                    } else {
                        "is no target"
                    }
                ));
            }
        }
        for version in &self.os.releases {
            if !self.knows(version) {
                gaps.push(format!("{version} has operating systems, but is no target"));
            }
        }
        for release in self.ever_listed() {
            let lines = release.min.keys().chain(release.max.keys());
            let own = Line::of(&release.version);
            for line in lines.chain([&own]) {
                if !self.lines.contains_key(line) {
                    gaps.push(format!(
                        "release {} names the unknown line {line}",
                        release.version
                    ));
                }
            }
        }
        for issue in &self.known_issues {
            let Met::In(windows) = &issue.met else {
                continue;
            };
            let known = |window: &Window| self.ever_listed().any(|r| window.contains(&r.version));
            if !windows.iter().any(known) {
                gaps.push(format!(
                    "{}: no known release lies in its windows",
                    issue.id
                ));
            }
            for window in windows.iter().filter(|window| !known(window)) {
                let ends_at_one = window.end().is_some_and(|end| self.release(end).is_some());
                if !ends_at_one {
                    gaps.push(format!("{}: no known release lies in {window}", issue.id));
                }
            }
        }
        gaps
    }

    /// Which data this is, how old each part is on `today`, and what is
    /// missing in it.
    #[must_use]
    pub fn describe(&self, today: Date) -> Description {
        let entries = |kind: PartKind| match kind {
            PartKind::Releases => vec![
                ("targets", self.releases.len()),
                ("dropped_targets", self.dropped.len()),
                ("lines", self.lines.len()),
            ],
            PartKind::OperatingSystems => vec![
                ("operating_systems", self.os.rows.len()),
                ("targets_with_them", self.os.releases.len()),
            ],
            PartKind::KnownIssues => vec![
                ("known_issues", self.known_issues.len()),
                ("issues_of_running_releases", self.source_issues.len()),
            ],
            PartKind::Rules => vec![
                ("ofed_releases", self.rules.ofed.supported.len()),
                (
                    "obsolete_overrides",
                    self.rules.obsolete_overrides.keys.len(),
                ),
                ("smbw_builds", self.rules.tsmb.len()),
            ],
            PartKind::Alerts => {
                let stop = |alert: &&AlertType| {
                    matches!(alert.class, AlertClass::Stop | AlertClass::Clients)
                };
                vec![
                    ("alert_types", self.alerts.len()),
                    ("that_stop", self.alerts.values().filter(stop).count()),
                ]
            }
        };
        Description {
            version: self.version.clone(),
            date: self.date,
            age_days: age(self.date, today),
            newest_target: self.releases.last().map(|r| r.version.clone()),
            parts: self
                .parts
                .iter()
                .map(|part| PartDescription {
                    kind: part.kind,
                    form: part.form,
                    file: part.file.clone(),
                    date: part.date,
                    age_days: age(part.date, today),
                    entries: entries(part.kind),
                })
                .collect(),
            gaps: self.gaps(),
        }
    }
}

/// What `checker data` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The version of the data set.
    pub version: String,
    /// The day up to which it is complete.
    pub date: Date,
    /// How many days ago that was; negative when it lies ahead.
    pub age_days: i32,
    /// The newest target.
    pub newest_target: Option<Version>,
    /// Its parts.
    pub parts: Vec<PartDescription>,
    /// What does not fit together, and what is missing.
    pub gaps: Vec<String>,
}

/// One part of the release data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartDescription {
    /// Which.
    pub kind: PartKind,
    /// The form that it was read in.
    pub form: Form,
    /// Its file; null when built in.
    pub file: Option<String>,
    /// The day up to which it is complete.
    pub date: Date,
    /// How many days ago that was.
    pub age_days: i32,
    /// How much it holds: what, and how many.
    #[serde(serialize_with = "as_object")]
    pub entries: Vec<(&'static str, usize)>,
}

fn as_object<S: serde::Serializer>(
    entries: &[(&'static str, usize)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().copied())
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = |days: i32| match days {
            0 => "today".to_owned(),
            1 => "1 day old".to_owned(),
            days if days < 0 => format!("{} days ahead", days.unsigned_abs()),
            days => format!("{days} days old"),
        };
        writeln!(
            f,
            "release data {}, complete up to {} ({})",
            self.version,
            self.date,
            age(self.age_days)
        )?;
        if let Some(newest) = &self.newest_target {
            writeln!(f, "newest target: {newest}")?;
        }
        for part in &self.parts {
            let name = match part.kind {
                PartKind::Releases => "releases",
                PartKind::OperatingSystems => "operating systems",
                PartKind::KnownIssues => "known issues",
                PartKind::Rules => "rules",
                PartKind::Alerts => "alerts",
            };
            let origin = match (part.form, &part.file) {
                (Form::Public, Some(file)) => format!("{file} (of the public checker)"),
                (_, Some(file)) => file.clone(),
                (_, None) => "built in".to_owned(),
            };
            let entries: Vec<String> = part
                .entries
                .iter()
                .map(|(what, number)| format!("{number} {}", what.replace('_', " ")))
                .collect();
            writeln!(
                f,
                "  {name:<17}  {}  {:<12}  {origin}: {}",
                part.date,
                age(part.age_days),
                entries.join(", ")
            )?;
        }
        for gap in &self.gaps {
            writeln!(f, "  note: {gap}")?;
        }
        Ok(())
    }
}

fn age(date: Date, today: Date) -> i32 {
    (today - date).get_days()
}

fn oldest(parts: &[Part]) -> Date {
    parts
        .iter()
        .filter(|part| part.kind.ages())
        .map(|part| part.date)
        .min()
        .unwrap_or_default()
}

/// The text of a file, and the day on which it was last changed.
fn read(path: &Path) -> Result<(String, Date), String> {
    let about = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if about.len() > LARGEST_FILE {
        return Err(format!(
            "it has {} bytes, too many to be release data",
            about.len()
        ));
    }
    let changed = about.modified().map_err(|e| e.to_string())?;
    let changed = jiff::Timestamp::try_from(changed).map_err(|e| e.to_string())?;
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let day = changed.to_zoned(jiff::tz::TimeZone::UTC).date();
    // Files edited on Windows begin with a byte order mark.
    Ok((text.trim_start_matches('\u{feff}').to_owned(), day))
}
