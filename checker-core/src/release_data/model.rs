//! What is known of WEKA's releases.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use super::window::{Line, Window};
use crate::version::Version;

/// How long a line is looked after, and what it may be upgraded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
pub enum Track {
    /// Long-term support: two years, and a direct way to the next of its kind.
    #[serde(rename = "LTS")]
    Lts,
    /// New features, followed by the next line after months.
    Innovation,
}

/// What is known of a line of releases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LineInfo {
    /// Its track, where WEKA has published it.
    pub track: Option<Track>,
    /// The last day of support, where published.
    pub support_ends: Option<Date>,
    /// From which release of another line the upgrade guide advises the step
    /// here, where that is stricter than the limits of the releases.
    pub advised: BTreeMap<Line, Version>,
}

/// One release that can be, or could be, upgraded to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// Its number.
    pub version: Version,
    /// The smallest sources, each under its own line.
    pub min: BTreeMap<Line, Version>,
    /// The newest sources that it still knows, each under its own line. A
    /// line that is not here has no such limit.
    pub max: BTreeMap<Line, Version>,
    /// The day of its release, where published.
    pub date: Option<Date>,
    /// The first day on which the public data listed it: it was released no later.
    pub seen: Option<Date>,
    /// Where it stands, if not in the public data.
    pub source: Option<String>,
}

impl Release {
    /// A release without any limit.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self {
            version,
            min: BTreeMap::new(),
            max: BTreeMap::new(),
            date: None,
            seen: None,
            source: None,
        }
    }
}

/// The operating systems that are listed for each target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OsMatrix {
    /// The targets that the matrix knows, oldest first.
    pub releases: Vec<Version>,
    /// Targets that can be selected and for which nothing was ever listed.
    pub no_data: Vec<Version>,
    /// One per release of a distribution.
    pub rows: Vec<OsRow>,
}

/// One release of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OsRow {
    /// `rhel`, `centos-stream`, `amzn`, ….
    pub distribution: String,
    /// Its release; without a minor number it stands for all of them.
    pub release: OsRelease,
    /// The targets that list it for backends, oldest first.
    pub backend: Vec<Version>,
    /// The targets that list it for clients, oldest first.
    pub client: Vec<Version>,
}

/// The release of a distribution: `8.10`, `24.04.5`, `2023`. Compared by its
/// numbers, shown as written.
#[derive(Debug, Clone)]
pub struct OsRelease {
    numbers: Vec<u32>,
    written: String,
}

impl OsRelease {
    /// Its numbers, at least one.
    #[must_use]
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// Whether it is `other`, or a release inside it (`22.04.5` of `22.04`).
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.numbers.starts_with(&other.numbers)
    }
}

impl PartialEq for OsRelease {
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers
    }
}

impl Eq for OsRelease {}

impl PartialOrd for OsRelease {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OsRelease {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.numbers.cmp(&other.numbers)
    }
}

impl std::str::FromStr for OsRelease {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        };
        text.split('.')
            .map(number)
            .collect::<Option<Vec<u32>>>()
            .map(|numbers| Self {
                numbers,
                written: text.to_owned(),
            })
            .ok_or_else(|| format!("{text:?} is no release of a distribution (expected 8.10)"))
    }
}

impl std::fmt::Display for OsRelease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.written)
    }
}

impl Serialize for OsRelease {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What must hold of the cluster for an issue to concern it. Every condition
/// that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Conditions {
    /// One of these protocols is configured.
    pub protocols: Vec<Protocol>,
    /// The link layer is one of these.
    pub link_types: Vec<String>,
    /// An object store is attached.
    pub object_store: bool,
    /// There is more than one organization.
    pub several_orgs: bool,
    /// A backend was booted with one of these words.
    pub kernel_arguments: Vec<String>,
    /// A client runs a release of this window.
    pub clients: Option<Window>,
    /// A condition, in words, that nothing in the evidence decides.
    pub only_if: Option<String>,
}

/// A protocol that WEKA serves beside its own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// NFS.
    Nfs,
    /// SMB.
    Smb,
    /// S3.
    S3,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Nfs => "NFS",
            Self::Smb => "SMB",
            Self::S3 => "S3",
        })
    }
}

/// When an issue is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// By running a release of one of these windows.
    In(Vec<Window>),
    /// By the step over this release: from any build of it, or an older
    /// release, to a newer one.
    Over(Version),
}

/// Something to hear of before an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// WEKA's reference.
    pub id: String,
    /// The number of the rule, where it has one.
    pub reference: Option<String>,
    /// What happens.
    pub summary: String,
    /// When it is met.
    pub met: Met,
    /// What else must hold.
    pub conditions: Conditions,
    /// What to do, where something can be done.
    pub remedy: Option<String>,
}

impl Issue {
    /// Whether the step from one release to another meets it.
    #[must_use]
    pub fn is_met(&self, from: Option<&Version>, to: &Version) -> bool {
        match &self.met {
            Met::In(windows) => windows.iter().any(|window| window.contains(to)),
            Met::Over(release) => {
                // Builds are left out: every build of 4.4.6 is on this side of it.
                let revision = |version: &Version| {
                    let [a, b, c, _] = version.numbers();
                    (a, b, c)
                };
                from.is_some_and(|from| revision(from) <= revision(release))
                    && revision(to) > revision(release)
            }
        }
    }
}

/// Lists and limits that single checks judge by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// Supported OFED releases.
    pub ofed: OfedRule,
    /// The override for the step to 1 EiB support.
    pub capacity_override: CapacityOverride,
    /// Overrides that do nothing any more.
    pub obsolete_overrides: ObsoleteOverrides,
    /// Builds of the SMB-W server that an upgrade would replace.
    pub tsmb: Vec<TsmbRule>,
}

/// Supported OFED releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfedRule {
    /// Judged for these targets.
    pub targets: Window,
    /// By their first numbers (`5.8`).
    pub supported: Vec<String>,
    /// Exactly, as the documentation names them (`5.8-3.0.7.0`).
    pub documented: Vec<String>,
}

/// The override for the step to a release with 1 EiB support.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapacityOverride {
    /// The override's key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The releases that have the support.
    pub supported_in: Vec<Window>,
}

impl CapacityOverride {
    /// Whether the step goes from a release without the support to one with it.
    #[must_use]
    pub fn is_needed(&self, from: &Version, to: &Version) -> bool {
        let has = |version| self.supported_in.iter().any(|w| w.contains(version));
        !has(from) && has(to)
    }
}

/// Overrides that do nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObsoleteOverrides {
    /// From this target on the product refuses overrides that it does not know.
    pub refused_from: Version,
    /// The release from which each key does nothing.
    pub keys: BTreeMap<String, Version>,
}

/// A build of the SMB-W server that an upgrade to these targets would replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TsmbRule {
    /// What `tsmb-server -v` says.
    pub version: String,
    /// The targets.
    pub targets: Window,
}

/// What an alert means for an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertClass {
    /// The upgrade must not start.
    Stop,
    /// The same, but only to be looked at when it is about clients alone.
    Clients,
    /// To be solved first.
    Fix,
    /// To be judged by a human.
    Look,
    /// A sign of an upgrade, judged elsewhere.
    Upgrade,
}

/// A type of alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertType {
    /// What it means for an upgrade.
    pub class: AlertClass,
    /// What it means, where that says more than its title; may be empty.
    pub means: String,
}
