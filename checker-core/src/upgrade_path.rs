//! The way from the running release to the target: direct, in several hops,
//! or none, with the reason.
//!
//! Each limit of a release bounds the sources of its own line only. A release
//! without a limit for a line has that of the next newer release of its own
//! line, which was made later and knew more. No release knows a source that
//! was released after it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::release_data::{Line, Release, ReleaseData, Track};
use crate::version::Version;

/// One step of an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop<'a> {
    /// The release before it.
    pub from: &'a Version,
    /// The release after it.
    pub to: &'a Version,
}

/// What a route was judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The release data lists the target.
    Listed,
    /// The release data listed it once; what was known then was used.
    Dropped,
    /// The release data does not know the target: the general rules, in
    /// these words.
    General(String),
}

/// The way to the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The running release, the releases between, the target: at least two.
    pub releases: Vec<Version>,
    /// What it was judged by.
    pub basis: Basis,
    /// What to know about single hops.
    pub notes: Vec<String>,
}

impl Route {
    /// Its hops, in order; at least one.
    pub fn hops(&self) -> impl Iterator<Item = Hop<'_>> {
        self.releases.windows(2).map(|pair| Hop {
            from: &pair[0],
            to: &pair[1],
        })
    }

    /// The release of the first hop.
    #[must_use]
    pub fn first(&self) -> Option<&Version> {
        self.releases.get(1)
    }

    /// `4.2.9 → 4.4.33 → 5.1.25`.
    #[must_use]
    pub fn shown(&self) -> String {
        let names: Vec<String> = self.releases.iter().map(ToString::to_string).collect();
        names.join(" → ")
    }
}

/// Why there is no way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NoRoute {
    /// In words.
    pub reason: String,
    /// What it was judged by.
    pub basis: Basis,
}

/// Why a release does not take a source.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    NotNewer,
    TooOld(Version),
    TooNew(Line, Version),
    OtherLine,
    ReleasedLater(Date, Date),
}

/// Finds the way with the fewest hops; of several, the one over the newest releases.
///
/// # Errors
/// [`NoRoute`], when no sequence of listed releases leads to the target.
pub fn find(data: &ReleaseData, from: &Version, to: &Version) -> Result<Route, NoRoute> {
    let (target, basis) = target(data, to);
    let Some(target) = target else {
        return find_unknown_line(data, from, to, basis);
    };
    let gate = Gate::new(data, &target);
    let refusal = match gate.takes(&Source::new(data, from)) {
        Ok(()) => return Ok(route(data, vec![from.clone(), to.clone()], basis)),
        Err(refusal) => refusal,
    };
    if refusal != Refusal::NotNewer {
        let listed = gates(data, &data.releases);
        let between = search(data, &listed, from, |source| gate.takes(source).is_ok());
        if let Some(mut releases) = between {
            releases.push(to.clone());
            return Ok(route(data, releases, basis));
        }
    }
    Err(NoRoute {
        reason: words(&refusal, from, &target),
        basis,
    })
}

/// The way that there would be over releases that are no longer listed: where
/// [`find`] has none, support may know how to go it.
#[must_use]
pub fn find_over_dropped(data: &ReleaseData, from: &Version, to: &Version) -> Option<Vec<Version>> {
    let (target, _) = target(data, to);
    let target = target?;
    let gate = Gate::new(data, &target);
    if from >= to {
        return None;
    }
    let ever: Vec<Release> = data.ever_listed().cloned().collect();
    let gates = gates(data, &ever);
    let mut releases = search(data, &gates, from, |source| gate.takes(source).is_ok())?;
    releases.push(to.clone());
    Some(releases)
}

/// The targets that can be reached from a release, the newest first.
#[must_use]
pub fn reachable(data: &ReleaseData, from: &Version) -> Vec<Version> {
    let gates = gates(data, &data.releases);
    let mut seen: BTreeSet<&Version> = BTreeSet::new();
    let mut open = vec![from];
    while let Some(source) = open.pop() {
        let source = Source::new(data, source);
        for gate in &gates {
            let version = &gate.release.version;
            if !seen.contains(version) && gate.takes(&source).is_ok() {
                seen.insert(version);
                open.push(version);
            }
        }
    }
    seen.into_iter().rev().cloned().collect()
}

/// How many supported major steps one line lies behind another, at most `limit`:
/// a step leads to the next line, from an LTS to the next LTS, or from a line
/// whose releases `to` takes directly. `None` when it is more than `limit`.
#[must_use]
pub fn steps_behind(
    data: &ReleaseData,
    from: &Version,
    to: &Version,
    limit: usize,
) -> Option<usize> {
    let (start, end) = (Line::of(from), Line::of(to));
    if start >= end {
        return Some(0);
    }
    let direct: BTreeSet<Line> = match target(data, to) {
        (Some(release), _) => release
            .min
            .keys()
            .chain(release.max.keys())
            .copied()
            .collect(),
        (None, _) => BTreeSet::new(),
    };
    let mut reached = BTreeSet::from([start]);
    for step in 1..=limit {
        let next: BTreeSet<Line> = lines_with(data, &[start, end])
            .into_iter()
            .filter(|line| {
                reached
                    .iter()
                    .any(|r| is_major_step(data, *r, *line) || (*line == end && direct.contains(r)))
            })
            .collect();
        if next.contains(&end) {
            return Some(step);
        }
        reached = next;
    }
    None
}

fn lines_with(data: &ReleaseData, more: &[Line]) -> BTreeSet<Line> {
    data.lines.keys().chain(more).copied().collect()
}

/// Consecutive lines, or an LTS to the next LTS.
fn is_major_step(data: &ReleaseData, from: Line, to: Line) -> bool {
    let lines = lines_with(data, &[]);
    let mut newer = lines.range((std::ops::Bound::Excluded(from), std::ops::Bound::Unbounded));
    let next = newer.next().copied();
    let next_lts = lines
        .iter()
        .copied()
        .find(|line| *line > from && data.track(*line) == Some(Track::Lts));
    // A line that the data does not know can only be judged by its number.
    let consecutive = if lines.contains(&from) && lines.contains(&to) {
        next == Some(to)
    } else {
        to.follows(from)
    };
    consecutive || (data.track(from) == Some(Track::Lts) && next_lts == Some(to))
}

fn route(data: &ReleaseData, releases: Vec<Version>, basis: Basis) -> Route {
    let mut notes = Vec::new();
    for pair in releases.windows(2) {
        let advised = data
            .lines
            .get(&Line::of(&pair[1]))
            .and_then(|line| line.advised.get(&Line::of(&pair[0])));
        if let Some(advised) = advised.filter(|advised| pair[0] < **advised) {
            notes.push(format!(
                "{} → {}: the release data allows it, but the upgrade guide names {advised} and later for this step",
                pair[0], pair[1]
            ));
        }
    }
    Route {
        releases,
        basis,
        notes,
    }
}

/// The release that the target is judged as; `None` when its line is not known.
fn target(data: &ReleaseData, to: &Version) -> (Option<Release>, Basis) {
    if let Some(release) = data.releases.iter().find(|r| r.version == *to) {
        return (Some(release.clone()), Basis::Listed);
    }
    if let Some(release) = data.dropped.iter().find(|r| r.version == *to) {
        return (Some(release.clone()), Basis::Dropped);
    }
    let line = Line::of(to);
    let mut known: Vec<&Release> = data
        .ever_listed()
        .filter(|r| Line::of(&r.version) == line)
        .collect();
    known.sort_by(|a, b| a.version.cmp(&b.version));
    let older = known.iter().rev().find(|r| r.version < *to);
    let newer = known.iter().find(|r| r.version > *to);
    let Some(nearest) = older.or(newer) else {
        let basis = format!(
            "the release data knows no {line} release: consecutive majors and LTS to next LTS"
        );
        return (None, Basis::General(basis));
    };
    // A newer release of the line may know newer sources than its neighbour
    // did; nothing says so, except for the sources of its own line.
    let mut max = match newer {
        Some(_) => nearest.max.clone(),
        None => Gate::new(data, nearest)
            .max
            .into_iter()
            .map(|(l, v)| (l, v.clone()))
            .collect(),
    };
    max.remove(&line);
    if newer.is_some() {
        max.retain(|line, _| nearest.min.contains_key(line) || nearest.max.contains_key(line));
    }
    let release = Release {
        min: nearest.min.clone(),
        max,
        ..Release::new(to.clone())
    };
    let basis = format!(
        "the release data does not know {to}: the limits of its neighbour {}, and release dates",
        nearest.version
    );
    (Some(release), Basis::General(basis))
}

/// A line of which nothing is known: only the step to it can be judged.
fn find_unknown_line(
    data: &ReleaseData,
    from: &Version,
    to: &Version,
    basis: Basis,
) -> Result<Route, NoRoute> {
    let line = Line::of(to);
    let takes = |source: &Source<'_>| {
        let own = source.line;
        source.version < to && (own == line || is_major_step(data, own, line))
    };
    if takes(&Source::new(data, from)) {
        return Ok(route(data, vec![from.clone(), to.clone()], basis));
    }
    if from < to
        && let Some(mut releases) = search(data, &gates(data, &data.releases), from, takes)
    {
        releases.push(to.clone());
        return Ok(route(data, releases, basis));
    }
    let reason = if from >= to {
        format!("{to} is not newer than {from}")
    } else {
        format!(
            "{line} follows none of the lines that {from} can be brought to: an upgrade goes to the next line, or from an LTS to the next LTS"
        )
    };
    Err(NoRoute { reason, basis })
}

/// The shortest way over these releases to one that `arrives`; without the target.
fn search(
    data: &ReleaseData,
    gates: &[Gate<'_>],
    from: &Version,
    arrives: impl Fn(&Source<'_>) -> bool,
) -> Option<Vec<Version>> {
    // Level by level. Each release remembers the best way to it; of two ways
    // of the same length the one whose first release is newer is better.
    let mut visited: BTreeSet<&Version> = BTreeSet::new();
    let mut level: Vec<Vec<&Gate<'_>>> = vec![Vec::new()];
    while !level.is_empty() {
        let mut next: BTreeMap<&Version, Vec<&Gate<'_>>> = BTreeMap::new();
        for way in &level {
            let last = way.last().map_or(from, |gate| &gate.release.version);
            let source = Source::new(data, last);
            for gate in gates {
                let version = &gate.release.version;
                if visited.contains(version) || gate.takes(&source).is_err() {
                    continue;
                }
                let mut longer = way.clone();
                longer.push(gate);
                let better = next
                    .get(version)
                    .is_none_or(|known| newness(known) < newness(&longer));
                if better {
                    next.insert(version, longer);
                }
            }
        }
        let best = next
            .iter()
            .filter(|(last, _)| arrives(&Source::new(data, last)))
            .map(|(_, way)| way)
            .max_by_key(|way| newness(way));
        if let Some(best) = best {
            let between = best.iter().map(|gate| gate.release.version.clone());
            return Some([from.clone()].into_iter().chain(between).collect());
        }
        visited.extend(next.keys());
        level = next.into_values().collect();
    }
    None
}

/// How new the releases of a way are: by the day on which each was known to
/// be out, since a late release of an old line is newer than an early one of
/// a new line; then by number.
fn newness<'a>(way: &[&'a Gate<'a>]) -> Vec<(Option<Date>, &'a Version)> {
    way.iter()
        .map(|gate| {
            (
                gate.release.date.or(gate.release.seen),
                &gate.release.version,
            )
        })
        .collect()
}

/// A release that is upgraded from.
struct Source<'a> {
    version: &'a Version,
    line: Line,
    /// Within a line releases follow each other: none is older than the one before it.
    released_no_earlier: Option<Date>,
}

impl<'a> Source<'a> {
    fn new(data: &ReleaseData, version: &'a Version) -> Self {
        let line = Line::of(version);
        Self {
            version,
            line,
            released_no_earlier: data
                .ever_listed()
                .filter(|r| Line::of(&r.version) == line && r.version <= *version)
                .filter_map(|r| r.date)
                .max(),
        }
    }
}

/// A release that is upgraded to, with what it lets in.
struct Gate<'a> {
    release: &'a Release,
    /// The newest sources, with those of the next newer releases of its line
    /// for the lines that it says nothing about.
    max: BTreeMap<Line, &'a Version>,
    /// None is newer than the one behind it in its line.
    released_no_later: Option<Date>,
}

fn gates<'a>(data: &'a ReleaseData, releases: &'a [Release]) -> Vec<Gate<'a>> {
    releases
        .iter()
        .map(|release| Gate::new(data, release))
        .collect()
}

impl<'a> Gate<'a> {
    fn new(data: &'a ReleaseData, release: &'a Release) -> Self {
        let own = Line::of(&release.version);
        let mut behind: Vec<&Release> = data
            .ever_listed()
            .filter(|r| Line::of(&r.version) == own && r.version > release.version)
            .collect();
        behind.sort_by(|a, b| a.version.cmp(&b.version));
        let mut max: BTreeMap<Line, &Version> = release
            .max
            .iter()
            .map(|(line, limit)| (*line, limit))
            .collect();
        for (line, limit) in behind.iter().flat_map(|r| &r.max) {
            if *line != own {
                max.entry(*line).or_insert(limit);
            }
        }
        Self {
            max,
            released_no_later: [release]
                .into_iter()
                .chain(behind)
                .filter_map(|r| r.date.or(r.seen))
                .min(),
            release,
        }
    }

    /// Whether it takes a source directly.
    fn takes(&self, source: &Source<'_>) -> Result<(), Refusal> {
        let release = self.release;
        if *source.version >= release.version {
            return Err(Refusal::NotNewer);
        }
        // A hotfix stands where its release stands.
        let version = &source.version.without_suffix();
        let line = source.line;
        let mut of_major = release.min.iter().filter(|(l, _)| l.major == line.major);
        let smallest = of_major.clone().next();
        let min = of_major.rfind(|(l, _)| **l <= line).or(smallest);
        match min {
            Some((_, min)) if version < min => return Err(Refusal::TooOld(min.clone())),
            Some(_) => {}
            None if release.max.contains_key(&line) => {}
            // Data without any limit at all limits nothing.
            None if release.min.is_empty() => {}
            None => return Err(Refusal::OtherLine),
        }
        if let Some(max) = self.max.get(&line)
            && version > *max
        {
            return Err(Refusal::TooNew(line, (*max).clone()));
        }
        match (source.released_no_earlier, self.released_no_later) {
            (Some(source), Some(target)) if source > target => {
                Err(Refusal::ReleasedLater(source, target))
            }
            _ => Ok(()),
        }
    }
}

fn words(refusal: &Refusal, from: &Version, target: &Release) -> String {
    let to = &target.version;
    match refusal {
        Refusal::NotNewer => format!("{to} is not newer than {from}"),
        Refusal::TooOld(min) => format!(
            "{to} takes {min} and later, {from} is older, and no listed release lies between them that would help"
        ),
        Refusal::TooNew(line, max) => {
            format!("{from} is newer than {max}, the newest {line} release that {to} takes")
        }
        Refusal::OtherLine => {
            let lines: Vec<String> = target
                .min
                .values()
                .map(|min| format!("{min} and later"))
                .collect();
            format!(
                "{to} takes no {} release directly (it takes {}), and no listed release leads there",
                Line::of(from),
                lines.join("; ")
            )
        }
        Refusal::ReleasedLater(source, target) => format!(
            "{from} was released later ({source}) than {to} ({target}), which does not know it"
        ),
    }
}
