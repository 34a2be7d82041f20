//! Accepting single warnings by name.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::contract::{Outcome, Scope};
use crate::evidence::Redactor;
use crate::registry::{Registry, RegistryError};
use crate::report::{AcceptanceEffect, AcceptanceGiven, Accepted, CheckResult, Report};

/// Somebody accepts the warnings of one check, on one server or on all. Part
/// of the bundle, so that a replay accepts the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The check's id; no pattern.
    pub check: String,
    /// The one target: a server's name or address, or `cluster`. `None` for all.
    pub server: Option<String>,
    /// Why, free of secrets; never empty.
    pub reason: String,
    /// Who.
    pub author: String,
    /// The last day (UTC) on which it counts; `None` for no end.
    pub until: Option<Date>,
}

/// Why a text accepts nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptanceError {
    /// No `=REASON`.
    #[error(
        "{0:?} gives no reason: a warning is accepted as ID=REASON or ID@SERVER=REASON, such as 'health/alerts=agreed with support'"
    )]
    NoReason(String),
    /// Nothing in front of `=` or behind `@`.
    #[error("{0:?} names no {1}: a warning is accepted as ID=REASON or ID@SERVER=REASON")]
    NoName(String, &'static str),
}

impl Acceptance {
    /// From its parts. Secrets are taken out of the reason.
    ///
    /// # Errors
    /// When check, server or reason are empty.
    pub fn new(
        check: &str,
        server: Option<&str>,
        reason: &str,
        author: &str,
        until: Option<Date>,
    ) -> Result<Self, AcceptanceError> {
        let shown = || match server {
            Some(server) => format!("{check}@{server}"),
            None => check.to_owned(),
        };
        let given = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        let check_id = given(check).ok_or_else(|| AcceptanceError::NoName(shown(), "check"))?;
        let server = match server.map(given) {
            None => None,
            Some(Some(server)) => Some(server),
            Some(None) => return Err(AcceptanceError::NoName(shown(), "server")),
        };
        let reason = given(reason).ok_or_else(|| AcceptanceError::NoReason(shown()))?;
        Ok(Self {
            check: check_id,
            server,
            reason: Redactor::new().text(&reason),
            author: author.trim().to_owned(),
            until,
        })
    }

    /// From `ID=REASON` or `ID@SERVER=REASON`: for this run, without an end.
    ///
    /// # Errors
    /// When a part is missing.
    pub fn parse(text: &str, author: &str) -> Result<Self, AcceptanceError> {
        let (what, reason) = text
            .split_once('=')
            .ok_or_else(|| AcceptanceError::NoReason(text.to_owned()))?;
        // A server's name can hold an `@` itself, where two have one name.
        let (check, server) = match what.split_once('@') {
            Some((check, server)) => (check, Some(server)),
            None => (what, None),
        };
        Self::new(check, server, reason, author, None)
    }

    /// `health/alerts`, `server/numa@weka-02`.
    fn name(&self) -> String {
        match &self.server {
            Some(server) => format!("{}@{server}", self.check),
            None => self.check.clone(),
        }
    }

    fn accepted(&self) -> Accepted {
        Accepted {
            reason: self.reason.clone(),
            author: Some(self.author.clone()),
            until: self.until,
        }
    }
}

impl Accepted {
    /// `by alice@weka-01 until 2026-12-01: agreed with support`.
    pub(crate) fn words(&self) -> String {
        let mut words = String::new();
        if let Some(author) = &self.author {
            words.push_str(&format!("by {author}"));
        }
        if let Some(until) = self.until {
            words.push_str(&format!(
                "{}until {until}",
                if words.is_empty() { "" } else { " " }
            ));
        }
        let colon = if words.is_empty() { "because: " } else { ": " };
        format!("{words}{colon}{}", self.reason)
    }
}

/// Whether every acceptance names a check that there is.
///
/// # Errors
/// When one does not; the error names the nearest.
pub fn verify(acceptances: &[Acceptance], registry: &Registry) -> Result<(), RegistryError> {
    for acceptance in acceptances {
        registry.get(&acceptance.check)?;
    }
    Ok(())
}

/// Marks the warnings of a report that these acceptances accept, writes into
/// it what came of each of them, and gives it a new digest.
///
/// Outcomes, verdict and counts stay: an accepted warning is still a warning.
/// Whether an acceptance has expired is told by the day on which the run
/// began. Of several for one result the first counts.
pub fn accept(report: &mut Report, acceptances: &[Acceptance]) {
    if acceptances.is_empty() {
        return;
    }
    let today = report.run.started_at.to_zoned(TimeZone::UTC).date();
    for acceptance in acceptances {
        let given = one(report, acceptance, today);
        report.acceptances.push(given);
    }
    report.seal();
}

fn one(report: &mut Report, acceptance: &Acceptance, today: Date) -> AcceptanceGiven {
    use AcceptanceEffect as Effect;
    let name = acceptance.name();
    let targets: Option<Vec<String>> = acceptance.server.as_deref().map(|wanted| {
        let mut names: Vec<String> = report
            .servers
            .iter()
            .filter(|s| s.name.eq_ignore_ascii_case(wanted) || s.address == wanted)
            .map(|s| s.name.clone())
            .collect();
        if wanted == "cluster" {
            names.push(wanted.to_owned());
        }
        names
    });
    let mut given = AcceptanceGiven {
        check: acceptance.check.clone(),
        server: acceptance.server.clone(),
        reason: acceptance.reason.clone(),
        author: acceptance.author.clone(),
        until: acceptance.until,
        effect: Effect::Accepts,
        results: 0,
        note: String::new(),
    };
    if let (Some(server), Some([])) = (&acceptance.server, targets.as_deref()) {
        let servers: Vec<&str> = report.servers.iter().map(|s| s.name.as_str()).collect();
        let known = match servers.is_empty() {
            true => "it asked no server".to_owned(),
            false => format!("it asked {}", crate::report::fold_names(&servers)),
        };
        given.effect = Effect::NoSuchServer;
        given.note = format!("{name} accepts nothing: the run knows no server {server:?}; {known}");
        return given;
    }
    let meant = |result: &CheckResult| {
        result.check == acceptance.check
            && targets
                .as_ref()
                .is_none_or(|targets| targets.contains(&result.target))
    };
    let found: Vec<&mut CheckResult> = report.results.iter_mut().filter(|r| meant(r)).collect();
    if found.is_empty() {
        given.effect = Effect::NotAsked;
        given.note = format!("{name} accepts nothing: this run has no such result");
        return given;
    }
    let (yellow, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|r| acceptable(r));
    let red = other
        .iter()
        .find(|r| matches!(r.outcome, Outcome::Fail | Outcome::Unknown))
        .map(|r| format!("{} is {} on {}", r.check, r.outcome, r.target));
    if yellow.is_empty() {
        (given.effect, given.note) = match red {
            Some(red) => (
                Effect::NotAcceptable,
                format!("{name} accepts nothing: {red}, and only a warning can be accepted"),
            ),
            None => (
                Effect::NotNeeded,
                format!(
                    "{name} accepts nothing: there is no such warning (any more), so it can be left out"
                ),
            ),
        };
        return given;
    }
    if let Some(until) = acceptance.until.filter(|until| *until < today) {
        given.effect = Effect::Expired;
        given.note = format!(
            "{name} accepts nothing: it expired after {until} ({}, by {})",
            given.reason, given.author
        );
        return given;
    }
    for result in yellow {
        if result.accepted.is_none() {
            result.accepted = Some(acceptance.accepted());
            given.results += 1;
        }
    }
    if given.results == 0 {
        given.effect = Effect::NotNeeded;
        given.note = format!("{name} accepts nothing: what it names is accepted already");
        return given;
    }
    given.note = format!(
        "{name}: {} accepted {}",
        match given.results {
            1 => "1 warning".to_owned(),
            n => format!("{n} warnings"),
        },
        acceptance.accepted().words()
    );
    if let Some(red) = red {
        given
            .note
            .push_str(&format!("; but {red}, which can't be accepted"));
    }
    given
}

/// A warning, or what counts as one.
fn acceptable(result: &CheckResult) -> bool {
    match result.outcome {
        Outcome::Warn => true,
        Outcome::Unknown => result.scope == Scope::Client,
        Outcome::Pass | Outcome::Fail | Outcome::Skipped => false,
    }
}

/// What came of the acceptances, for the log and the operator: a line each,
/// and whether it accepts something.
#[must_use]
pub fn told(report: &Report) -> Vec<(bool, String)> {
    report
        .acceptances
        .iter()
        .map(|given| {
            let counts = given.effect == AcceptanceEffect::Accepts;
            (counts, given.note.clone())
        })
        .collect()
}
