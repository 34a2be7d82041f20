//! The rules.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, SignedDurationRound, Unit};

use super::{Decision, Effect, Origin, Policy, Reason, ReasonKind, SKEW};
use crate::contract::{Outcome, Scope};
use crate::report::group::{Folded, Group, by_cause, by_finding, cause, take_lost};
use crate::report::{
    AcceptanceEffect, Accepted, CheckResult, Counts, Report, Seal, Verdict, fold_names,
};
use crate::server::Role;
use crate::source::SourceKind;

/// Decides whether this report opens the gate.
///
/// A report that was just made ([`Origin::Live`]) is not held against its
/// digest, everything else is the same for both.
#[must_use]
pub fn decide(report: &Report, policy: &Policy) -> Decision {
    let mut reasons = provenance(report, policy);
    reasons.extend(times(report, policy));
    reasons.extend(identity(report, policy));
    reasons.extend(coverage(report));
    let gone = follows(report, policy);
    reasons.extend(findings(report, today(report, policy), gone));
    reasons.extend(idle_acceptances(report));
    Decision::new(report, policy, reasons)
}

impl Reason {
    fn new(kind: ReasonKind, effect: Effect, text: impl Into<String>) -> Self {
        Self {
            kind,
            effect,
            checks: Vec::new(),
            targets: Vec::new(),
            text: text.into(),
            next: None,
        }
    }

    fn next(self, next: impl Into<String>) -> Self {
        Self {
            next: Some(next.into()),
            ..self
        }
    }

    fn targets<S: Into<String>>(self, targets: impl IntoIterator<Item = S>) -> Self {
        Self {
            targets: targets.into_iter().map(Into::into).collect(),
            ..self
        }
    }
}

/// What judges the way from the running release to the target.
const OF_THE_WAY: [&str; 2] = ["version/direction", "version/path"];

/// Whether the way is gone, and only clients are to follow.
fn follows(report: &Report, policy: &Policy) -> bool {
    policy.clients_follow && report.cluster.version.as_ref() == Some(&report.target_version)
}

const AGAIN: &str = "Run the checks again, and give the gate the new report.";

/// The command that makes a whole report for this upgrade.
fn again(report: &Report) -> String {
    format!(
        "Run the checks again, all of them and on all backends:\n$ checker --target-version {}",
        report.target_version
    )
}

/// The day on which acceptances must count. A simulated cluster has a clock of its own.
fn today(report: &Report, policy: &Policy) -> Date {
    let now = match report.run.source {
        SourceKind::Simulator => report.run.started_at,
        SourceKind::Live | SourceKind::Bundle => policy.now,
    };
    now.to_zoned(TimeZone::UTC).date()
}

/// Is it the report of a run over a cluster of the right kind, as the run wrote it?
fn provenance(report: &Report, policy: &Policy) -> Vec<Reason> {
    let mut reasons = Vec::new();
    match policy.origin {
        Origin::Live | Origin::File(Seal::Intact) => {}
        Origin::File(Seal::Altered) => reasons.push(
            Reason::new(
                ReasonKind::Altered,
                Effect::Blocks,
                "the report was altered after the run: it does not have the digest that it says",
            )
            .next(AGAIN),
        ),
        Origin::File(Seal::Missing) => reasons.push(
            Reason::new(
                ReasonKind::NoDigest,
                Effect::Unverified,
                format!(
                    "the report has no digest, so it can't be told whether it was altered: checker {} made none, or it was taken out",
                    report.tool.version
                ),
            )
            .next(format!("{AGAIN} Use this release of checker for it.")),
        ),
    }
    match (report.run.source, policy.rehearsal) {
        (SourceKind::Live, false) | (SourceKind::Simulator, true) => {}
        (SourceKind::Simulator, false) => reasons.push(
            Reason::new(
                ReasonKind::Simulated,
                Effect::Blocks,
                "the report is of a SIMULATED cluster: it opens no gate of a real one",
            )
            .next("Run the checks on the real cluster. For a rehearsal give `--rehearsal`."),
        ),
        (SourceKind::Live, true) => reasons.push(
            Reason::new(
                ReasonKind::NotSimulated,
                Effect::Blocks,
                "the report is of a real cluster, and a rehearsal takes only one of a simulated cluster",
            )
            .next("Leave `--rehearsal` out, or give a report of `checker --simulate`."),
        ),
        (SourceKind::Bundle, _) => reasons.push(
            Reason::new(
                ReasonKind::Replayed,
                Effect::Blocks,
                "the report was judged again from a bundle: it tells how that cluster was, not how it is",
            )
            .next("Give the gate the bundle itself, or a report of a run on the cluster."),
        ),
    }
    reasons.extend(contradiction(report));
    reasons
}

/// Verdict and counts must be those of the results, and each result stands once.
fn contradiction(report: &Report) -> Option<Reason> {
    let servers: HashSet<&str> = report.servers.iter().map(|s| s.name.as_str()).collect();
    let mut slots = HashSet::new();
    let found = if report.verdict != Verdict::of(&report.results) {
        format!(
            "the verdict is {}, but that of the results is {}",
            report.verdict,
            Verdict::of(&report.results)
        )
    } else if report.counts != Counts::of(&report.results) {
        "the counts are not those of the results".to_owned()
    } else if let Some(twice) = report
        .results
        .iter()
        .find(|r| !slots.insert((r.check.as_str(), r.target.as_str())))
    {
        format!("{} has two results for {}", twice.check, twice.target)
    } else if let Some(stray) = report
        .results
        .iter()
        .find(|r| r.scope != Scope::Cluster && !servers.contains(r.target.as_str()))
    {
        format!(
            "{} has a result for {}, which is not among the servers",
            stray.check, stray.target
        )
    } else {
        return None;
    };
    Some(
        Reason::new(
            ReasonKind::Contradiction,
            Effect::Blocks,
            format!("the report contradicts itself: {found}"),
        )
        .next(AGAIN),
    )
}

/// Is it of today?
fn times(report: &Report, policy: &Policy) -> Vec<Reason> {
    let (started, finished) = (report.run.started_at, report.run.finished_at);
    let mut reasons = Vec::new();
    if finished < started {
        reasons.push(
            Reason::new(
                ReasonKind::ClockBackwards,
                Effect::Blocks,
                format!(
                    "the clock went backwards: the run began at {started} and ended at {finished}"
                ),
            )
            .next(format!(
                "Set the clock of {} right, then run the checks again.",
                report.run.host
            )),
        );
    }
    if report.run.source == SourceKind::Simulator {
        reasons.push(Reason::new(
            ReasonKind::SimulatedClock,
            Effect::Note,
            "the clock of a simulated cluster is simulated too: the report's age was not looked at",
        ));
        return reasons;
    }
    let last = started.max(finished);
    let ahead = last.duration_since(policy.now);
    let age = policy.now.duration_since(started.min(finished));
    if ahead > SKEW {
        reasons.push(
            Reason::new(
                ReasonKind::FromTheFuture,
                Effect::Blocks,
                format!(
                    "the report is from the future: it is of {last}, and now is {} (a clock may be {} ahead, no more)",
                    policy.now,
                    shown(SKEW)
                ),
            )
            .next(format!(
                "Compare the clocks of this machine and of {}, set them right, then run the checks again.",
                report.run.host
            )),
        );
    } else if age > policy.max_age {
        reasons.push(
            Reason::new(
                ReasonKind::TooOld,
                Effect::Blocks,
                format!(
                    "the report is {} old, and may be {} at most: the run began at {started}",
                    shown(age),
                    shown(policy.max_age)
                ),
            )
            .next(again(report)),
        );
    }
    reasons
}

/// `2h 5m`; seconds only below one minute, days as hours.
pub(super) fn shown(duration: SignedDuration) -> String {
    let unit = if duration.abs() < SignedDuration::from_mins(1) {
        Unit::Second
    } else {
        Unit::Minute
    };
    // Never rounded down to a limit that was passed.
    let round = SignedDurationRound::new()
        .smallest(unit)
        .mode(jiff::RoundMode::Expand);
    format!("{:#}", duration.round(round).unwrap_or(duration))
}

/// Is it of this cluster, and of this upgrade?
fn identity(report: &Report, policy: &Policy) -> Vec<Reason> {
    use ReasonKind as Kind;
    let mut reasons = Vec::new();
    let name = report.cluster.name.as_deref().unwrap_or("without a name");
    let not_compared = |what: &str, option: &str| {
        Reason::new(
            Kind::NotCompared,
            Effect::Note,
            format!("{what} was not compared"),
        )
        .next(format!("Give `{option}`."))
    };
    match (&policy.cluster, &report.cluster.guid) {
        (_, None) => reasons.push(
            Reason::new(
                Kind::ClusterUnknown,
                Effect::Unverified,
                "the cluster did not tell its GUID, so the report could be of any",
            )
            .next(again(report)),
        ),
        (Some(wanted), Some(guid)) if !wanted.trim().eq_ignore_ascii_case(guid.trim()) => {
            let hint = if wanted.trim() == name {
                format!("`--cluster` takes the GUID, not the name: `--cluster {guid}`.")
            } else {
                "Give the report of the cluster that is to be upgraded; `weka status` tells its GUID.".to_owned()
            };
            reasons.push(
                Reason::new(
                    Kind::AnotherCluster,
                    Effect::Blocks,
                    format!("the report is of another cluster: {name} ({guid}), not {wanted}"),
                )
                .next(hint),
            );
        }
        (None, Some(_)) => reasons.push(not_compared(
            &format!("whether {name} is the cluster to be upgraded"),
            "--cluster GUID",
        )),
        (Some(_), Some(_)) => {}
    }
    match (&policy.source, &report.cluster.version) {
        (_, None) => reasons.push(
            Reason::new(
                Kind::SourceUnknown,
                Effect::Unverified,
                "the cluster did not tell which release it runs",
            )
            .next(again(report)),
        ),
        (Some(now), Some(then)) if now != then => reasons.push(
            Reason::new(
                Kind::SourceChanged,
                Effect::Blocks,
                format!("the cluster runs {now} by now, and ran {then} when it was checked"),
            )
            .next(again(report)),
        ),
        (None, Some(then)) => reasons.push(not_compared(
            &format!("whether the cluster still runs {then}"),
            "--source-version V",
        )),
        (Some(_), Some(_)) => {}
    }
    match &policy.target {
        Some(target) if *target != report.target_version => reasons.push(
            Reason::new(
                Kind::AnotherTarget,
                Effect::Blocks,
                format!(
                    "the report is for an upgrade to {}, not to {target}",
                    report.target_version
                ),
            )
            .next(format!(
                "Run the checks for that target:\n$ checker --target-version {target}"
            )),
        ),
        Some(_) => {}
        None => reasons.push(not_compared(
            &format!("whether the upgrade is to {}", report.target_version),
            "--target-version V",
        )),
    }
    if follows(report, policy) {
        reasons.push(Reason::new(
            Kind::ClientsFollow,
            Effect::Note,
            format!(
                "the backends run {} already: only clients are to follow, and the way there does not count",
                report.target_version
            ),
        ));
    } else if let Some(from) = &report.cluster.version {
        let whole = report.path.len() > 1
            && report.path.first() == Some(from)
            && report.path.last() == Some(&report.target_version);
        if !whole {
            reasons.push(
                Reason::new(
                    Kind::NoPath,
                    Effect::Blocks,
                    format!(
                        "the report knows no way from {from} to {}",
                        report.target_version
                    ),
                )
                .next("Choose a target that can be reached: `checker explain version/path`."),
            );
        }
    }
    reasons
}

/// Was everything asked, everywhere?
fn coverage(report: &Report) -> Vec<Reason> {
    use ReasonKind as Kind;
    let mut reasons = Vec::new();
    let mut unverified = |kind, text: String| {
        reasons.push(Reason::new(kind, Effect::Unverified, text).next(again(report)));
    };
    let backends: BTreeSet<&str> = report
        .servers
        .iter()
        .filter(|s| s.role == Role::Backend)
        .map(|s| s.name.as_str())
        .collect();
    let mut partial_servers = false;
    match &report.run.coverage {
        None => unverified(
            Kind::CoverageUnknown,
            format!(
                "the report does not tell whether everything was checked: checker {} did not write that",
                report.tool.version
            ),
        ),
        Some(coverage) => {
            if coverage.interrupted {
                unverified(
                    Kind::Interrupted,
                    "the run was interrupted before everything was asked".to_owned(),
                );
            }
            let chosen = &coverage.selection;
            let mut parts = Vec::new();
            if chosen.cluster_only {
                parts.push("no server was asked (`--cluster-only`)".to_owned());
            }
            let lists = [
                (
                    &chosen.backends,
                    "only some backends were asked (`--backends",
                ),
                (&chosen.select, "only some checks were run (`--select"),
                (&chosen.skip, "some checks were left out (`--skip"),
            ];
            for (names, words) in lists {
                if !names.is_empty() {
                    parts.push(format!("{words} {}`)", names.join(" ")));
                }
            }
            partial_servers = chosen.cluster_only || !chosen.backends.is_empty();
            if !parts.is_empty() {
                unverified(
                    Kind::Partial,
                    format!("not everything was checked: {}", parts.join("; ")),
                );
            }
            match coverage.backends {
                None | Some(0) => unverified(
                    Kind::BackendsUnknown,
                    "the cluster did not tell which backends it has".to_owned(),
                ),
                Some(all) if backends.len() < all && !partial_servers => unverified(
                    Kind::BackendsMissing,
                    format!(
                        "the cluster has {all} backends, and only {} are in the report",
                        backends.len()
                    ),
                ),
                Some(_) => {}
            }
        }
    }
    let mut asked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for result in &report.results {
        if result.scope == Scope::Backend {
            asked
                .entry(&result.check)
                .or_default()
                .insert(&result.target);
        }
    }
    let gaps: Vec<&str> = asked
        .iter()
        .filter(|(_, targets)| backends.iter().any(|name| !targets.contains(name)))
        .map(|(check, _)| *check)
        .collect();
    if !gaps.is_empty() {
        reasons.push(Reason {
            checks: gaps.iter().map(|check| (*check).to_owned()).collect(),
            ..Reason::new(
                Kind::ResultsMissing,
                Effect::Unverified,
                format!("not every backend has a result of {}", gaps.join(", ")),
            )
            .next(again(report))
        });
    }
    let nothing = if !report.results.iter().any(|r| r.outcome == Outcome::Pass) {
        Some("nothing was found good: that is no run to go by")
    } else if !report.results.iter().any(|r| r.scope == Scope::Cluster) {
        Some("no check was run on the cluster")
    } else if asked.is_empty() && !partial_servers {
        Some("no check was run on the backends")
    } else {
        None
    };
    if let Some(nothing) = nothing {
        reasons.push(
            Reason::new(Kind::NothingChecked, Effect::Unverified, nothing).next(again(report)),
        );
    }
    reasons
}

/// What the checks found; where the way is `gone`, without those that judge it.
fn findings(report: &Report, today: Date, gone: bool) -> Vec<Reason> {
    use ReasonKind as Kind;
    let (mut fails, mut unknown, mut clients) = (Vec::new(), Vec::new(), Vec::new());
    let (mut warns, mut expired, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
    let of_the_way = |r: &&CheckResult| gone && OF_THE_WAY.contains(&r.check.as_str());
    for result in report.results.iter().filter(|r| !of_the_way(r)) {
        let about_client = result.scope == Scope::Client;
        match result.outcome {
            Outcome::Pass | Outcome::Skipped => {}
            Outcome::Fail => fails.push(result),
            Outcome::Unknown if !about_client => unknown.push(result),
            Outcome::Warn | Outcome::Unknown => match &result.accepted {
                Some(acceptance) if counts_on(acceptance, today) => accepted.push(result),
                Some(_) => expired.push(result),
                None if about_client && result.outcome == Outcome::Unknown => clients.push(result),
                None => warns.push(result),
            },
        }
    }
    let mut reasons = of_results(fails, Kind::Fail, Effect::Blocks);
    reasons.extend(of_servers(report, &mut unknown, Effect::Unverified));
    reasons.extend(unmentioned(report, &reasons));
    reasons.extend(of_results(unknown, Kind::Unknown, Effect::Unverified));
    reasons.extend(of_results(warns, Kind::Warn, Effect::Warns));
    reasons.extend(of_results(expired, Kind::AcceptanceExpired, Effect::Warns));
    reasons.extend(of_results(clients, Kind::ClientUnknown, Effect::Warns));
    reasons.extend(of_results(accepted, Kind::Accepted, Effect::Accepted));
    reasons
}

/// `until` is the last day on which it counts.
pub(super) fn counts_on(accepted: &Accepted, today: Date) -> bool {
    accepted.until.is_none_or(|until| today <= until)
}

/// One reason per finding, however many servers have it.
fn of_results(results: Vec<&CheckResult>, kind: ReasonKind, effect: Effect) -> Vec<Reason> {
    let mut groups = by_finding(results);
    if matches!(kind, ReasonKind::Unknown | ReasonKind::ClientUnknown) {
        groups = by_cause(groups);
    }
    groups
        .iter()
        .map(|group| of_group(group, kind, effect))
        .collect()
}

fn of_group(group: &Group<'_>, kind: ReasonKind, effect: Effect) -> Reason {
    let first = group.first();
    let checks: Vec<String> = group.checks().into_iter().map(str::to_owned).collect();
    let mut text = match group.summaries() {
        _ if checks.len() > 1 => cause(&first.summary).to_owned(),
        Folded::Same(lines) => lines.join(" "),
        Folded::Differ(lines) => shortened(&lines),
    };
    if let Some(accepted) = &first.accepted {
        let words = accepted.words();
        text.push_str(&match kind {
            ReasonKind::AcceptanceExpired => format!("; no longer accepted ({words})"),
            _ => format!("; accepted {words}"),
        });
    }
    let explain = format!(
        "See why it matters and how to mend it:\n$ checker explain {}",
        first.check
    );
    let remedy = group.remedy().unwrap_or(explain);
    let next = match (effect, kind) {
        (Effect::Accepted | Effect::Note, _) => None,
        (_, ReasonKind::Unknown) => {
            Some("Remove what kept it from being verified, then run the checks again.".to_owned())
        }
        (Effect::Warns, _) => {
            let accept = accepting(group);
            Some(if kind == ReasonKind::ClientUnknown {
                format!(
                    "Remove what kept it from being verified. Or accept it: run the checks again with {accept}."
                )
            } else {
                format!("{remedy}\nOr accept it: run the checks again with {accept}.")
            })
        }
        _ => Some(remedy),
    };
    Reason {
        kind,
        effect,
        checks,
        targets: group.targets().into_iter().map(str::to_owned).collect(),
        text,
        next,
    }
}

/// The option that accepts this finding.
fn accepting(group: &Group<'_>) -> String {
    let first = group.first();
    let server = match group.targets()[..] {
        [one] if one != "cluster" => format!("@{one}"),
        _ => String::new(),
    };
    format!("`--accept '{}{server}=REASON'`", first.check)
}

/// What differs between servers, not all of it: the report has the rest.
fn shortened(lines: &[(String, String)]) -> String {
    const SHOWN: usize = 3;
    let mut parts: Vec<String> = lines
        .iter()
        .take(SHOWN)
        .map(|(servers, text)| format!("{servers}: {text}"))
        .collect();
    if lines.len() > SHOWN {
        parts.push(format!("and {} more", lines.len() - SHOWN));
    }
    parts.join("; ")
}

/// What is unknown only because its server did not answer is one thing.
fn of_servers<'r>(
    report: &'r Report,
    unknown: &mut Vec<&'r CheckResult>,
    effect: Effect,
) -> Vec<Reason> {
    take_lost(&report.servers, unknown)
        .iter()
        .map(|lost| {
            let why = match lost.reasons() {
                Folded::Same(lines) => lines.join(" "),
                Folded::Differ(lines) => shortened(&lines),
            };
            let count = lost.results.len();
            let text = format!(
                "{why}; {count} {} could not be judged",
                if count == 1 { "result" } else { "results" }
            );
            Reason {
                checks: lost.checks().into_iter().map(str::to_owned).collect(),
                ..not_reached(text, lost.names(), effect)
            }
        })
        .collect()
}

fn not_reached<'n>(
    text: String,
    names: impl IntoIterator<Item = &'n str>,
    effect: Effect,
) -> Reason {
    Reason::new(ReasonKind::ServerNotReached, effect, text)
        .targets(names)
        .next("See to it that every backend can be reached, then run the checks again.")
}

/// Backends that were not reached to the end, and that no result tells of.
fn unmentioned(report: &Report, reasons: &[Reason]) -> Option<Reason> {
    let told: HashSet<&str> = reasons
        .iter()
        .filter(|r| r.kind == ReasonKind::ServerNotReached)
        .flat_map(|r| r.targets.iter().map(String::as_str))
        .collect();
    let names: Vec<&str> = report
        .servers
        .iter()
        .filter(|s| s.role == Role::Backend && !s.reached && !told.contains(s.name.as_str()))
        .map(|s| s.name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        let text = format!("not reached to the end: {}", fold_names(&names));
        not_reached(text, names, Effect::Unverified)
    })
}

/// Acceptances that were given and accept nothing: an operator who relies on
/// one must hear that.
fn idle_acceptances(report: &Report) -> Vec<Reason> {
    report
        .acceptances
        .iter()
        .filter(|given| given.effect != AcceptanceEffect::Accepts)
        .map(|given| Reason {
            checks: vec![given.check.clone()],
            targets: given.server.iter().cloned().collect(),
            ..Reason::new(ReasonKind::AcceptanceIdle, Effect::Note, given.note.clone())
        })
        .collect()
}
