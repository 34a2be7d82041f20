//! The decision for a terminal: the verdict in one line, then why.

use super::decide::shown;
use super::{Decision, Effect, Reason, ReasonKind, State};
use crate::report::page::{Page, Tint};
use crate::report::{TextOptions, fold_names, printable};
use jiff::SignedDuration;

/// The verdict in one line. No character of it can do harm to a terminal.
#[must_use]
pub fn line(decision: &Decision) -> String {
    let mut text = String::new();
    if decision.rehearsal {
        text.push_str("REHEARSAL on a SIMULATED cluster: ");
    }
    text.push_str(match decision.gate {
        State::Open => "GATE OPEN",
        State::Closed if decision.closed_by_warnings() => "GATE CLOSED BY WARNINGS",
        State::Closed => "GATE CLOSED",
        State::Unverified => "GATE CLOSED, NOT VERIFIED",
    });
    let name = decision.cluster.name.as_deref().unwrap_or("unknown");
    text.push_str(&format!(": cluster {name}, {}", upgrade(decision)));
    if let Some(age) = decision.report.age_s.filter(|age| *age >= 0) {
        let age = shown(SignedDuration::from_secs(age));
        text.push_str(&format!(", checked {age} ago"));
    }
    let count = |effect| decision.reasons_that(effect).count();
    let parts: Vec<String> = [
        (count(Effect::Blocks), "blocking", "blocking"),
        (count(Effect::Unverified), "not verified", "not verified"),
        (count(Effect::Warns), "warning", "warnings"),
        (count(Effect::Accepted), "accepted", "accepted"),
    ]
    .iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| match count {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    })
    .collect();
    text.push_str("; ");
    text.push_str(&if parts.is_empty() {
        "all green".to_owned()
    } else {
        parts.join(", ")
    });
    printable(&text).into_owned()
}

fn upgrade(decision: &Decision) -> String {
    let from = decision
        .cluster
        .version
        .as_ref()
        .map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let hops: Vec<String> = match decision.path.as_slice() {
        [] => vec![from, decision.target_version.to_string()],
        path => path.iter().map(ToString::to_string).collect(),
    };
    hops.join(" → ")
}

/// The decision as text: the line, then the reasons, what blocks first.
#[must_use]
pub fn text(decision: &Decision, options: &TextOptions) -> String {
    let mut page = reasons(decision, options);
    page.blank();
    let next = next_step(decision);
    page.marked(0, "Next: ", Tint::Heading, &printable(&next));
    page.finish()
}

/// The same without its last word, which is for whoever holds a report in a file.
pub(crate) fn reasons(decision: &Decision, options: &TextOptions) -> Page {
    let mut page = Page::new(options.width, options.color);
    let tint = match decision.gate {
        State::Open => Tint::Green,
        State::Closed if decision.closed_by_warnings() => Tint::Yellow,
        State::Closed => Tint::Red,
        State::Unverified => Tint::Magenta,
    };
    // One line however long it is: scripts read it.
    page.unwrapped(tint, &line(decision));
    let sections = [
        (Effect::Blocks, "BLOCKS THE UPGRADE", "✗ ", Tint::Red),
        (
            Effect::Unverified,
            "COULD NOT BE VERIFIED",
            "? ",
            Tint::Magenta,
        ),
        (Effect::Warns, "WARNS", "! ", Tint::Yellow),
        (Effect::Accepted, "ACCEPTED", "! ", Tint::Yellow),
        (Effect::Note, "GOOD TO KNOW", "- ", Tint::Faint),
    ];
    for (effect, heading, mark, tint) in sections {
        let reasons: Vec<&Reason> = decision.reasons_that(effect).collect();
        if reasons.is_empty() {
            continue;
        }
        page.blank();
        page.line(0, Tint::Heading, &format!("{heading} ({})", reasons.len()));
        for reason in reasons {
            one(&mut page, reason, mark, tint);
        }
    }
    page
}

fn one(page: &mut Page, reason: &Reason, mark: &str, tint: Tint) {
    let targets: Vec<&str> = reason.targets.iter().map(String::as_str).collect();
    let servers = !targets.is_empty() && targets != ["cluster"];
    let place = if servers {
        format!(" on {}", fold_names(&targets))
    } else {
        String::new()
    };
    let head = match (&reason.checks[..], reason.kind) {
        (_, ReasonKind::AcceptanceIdle | ReasonKind::ResultsMissing) => None,
        (_, ReasonKind::ServerNotReached) => Some(format!("{}: not reached", fold_names(&targets))),
        ([], _) => None,
        ([check], _) => Some(format!("{check}{place}")),
        (checks, _) => Some(format!(
            "{} checks{place}: {}",
            checks.len(),
            checks.join(", ")
        )),
    };
    match head {
        Some(head) => {
            page.marked(0, mark, tint, &printable(&head));
            page.line(4, Tint::Plain, &printable(&reason.text));
        }
        None => page.marked(0, mark, tint, &printable(&reason.text)),
    }
    let mut arrow = "→ ";
    for line in reason.next.iter().flat_map(|next| next.lines()) {
        match line.trim().strip_prefix("$ ") {
            Some(command) => page.command(6, &printable(command)),
            None => {
                page.marked(4, arrow, Tint::Plain, &printable(line));
                arrow = "  ";
            }
        }
    }
}

/// What to do now. The operator is never left without.
fn next_step(decision: &Decision) -> String {
    let target = &decision.target_version;
    match decision.gate {
        State::Open if decision.rehearsal => format!(
            "This was a rehearsal: nothing is known about a real cluster. Run the checks there, then ask the gate for {target}."
        ),
        State::Open => format!("The upgrade to {target} can start."),
        State::Closed if decision.closed_by_warnings() => format!(
            "Resolve each !, or run the checks again with `--accept` for what may stay. The upgrade to {target} must not start before."
        ),
        State::Closed => format!(
            "Do what stands under each ✗, run the checks again, and ask the gate with the new report. The upgrade to {target} must not start before."
        ),
        State::Unverified => format!(
            "Remove what kept each ? from being verified, run the checks again, and ask the gate with the new report. The upgrade to {target} must not start before."
        ),
    }
}
