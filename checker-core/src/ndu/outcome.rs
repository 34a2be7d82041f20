//! How an upgrade came out, for a person and for a program.

use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{SCHEMA, StepKind, Until, shown_json};
use super::run::Outcome;
use crate::gate::{self, Decision};
use crate::report::page::{Page, Tint};
use crate::report::{TextOptions, printable};
use crate::version::Version;

/// In a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// The cluster runs the release that was asked for, verified.
    Upgraded,
    /// The release is there and prepared on one machine, as was asked for.
    Prepared,
    /// The release is on all backends, as was asked for.
    Distributed,
    /// The gate did not open. Nothing was begun in this hop.
    GateClosed,
    /// It stopped in the middle.
    Stopped,
    /// The operator left. What was started goes on.
    Left,
}

/// How an upgrade came out, as automation reads it. It only grows.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// The version of this shape; it only grows.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: u32,
    /// In a word.
    pub outcome: Word,
    /// The exit code of the command.
    pub exit_code: u8,
    /// What the cluster says that it runs; only when all that was asked for is done.
    pub release: Option<Version>,
    /// What to look at afterwards.
    pub warnings: Vec<String>,
    /// The hop that it ended in, counted from 1.
    pub hop: Option<usize>,
    /// The step that it ended in.
    pub step: Option<StepKind>,
    /// Why it did not go to the end.
    pub why: Option<String>,
    /// What is as it was, and what is not, in a line each.
    pub details: Vec<String>,
    /// The last lines of the command that failed.
    pub output: Vec<String>,
    /// What to do next.
    pub next: Option<String>,
    /// What the gate said, where it did not open.
    pub gate: Option<Decision>,
}

const LOOK: &str = "Look at what is named; the cluster is upgraded.";
const PREPARED: &str = "No container was upgraded. The same command line without --prepare-only goes on; all checks are run again before.";
const DISTRIBUTED: &str = "No container was upgraded. The same command line without --distribute-only goes on; all checks are run again before.";
const CLOSED: &str = "Nothing was started. Do what stands under each mark; a warning (!) that may stay is accepted by name (--accept ID=REASON). Then run the same command line again.";
const CLOSED_LATER: &str = "The hops before this one are done and verified; nothing of this one was started. Do what stands under each mark; a warning (!) that may stay is accepted by name (--accept ID=REASON). Then the same command line with --resume.";
const CLOSED_CLIENTS: &str = "The backends run the release, and no client was touched. Do what stands under each mark; a warning (!) that may stay is accepted by name (--accept ID=REASON). Then the same command line with --resume.";
const LEFT: &str = "What was started goes on by itself. `checker upgrade status` says where it stands; the same command line with --resume comes back to it.";

/// What to do next.
fn next(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Done {
            until, warnings, ..
        } => match until {
            Until::End if warnings.is_empty() => None,
            Until::End => Some(LOOK),
            Until::Prepared => Some(PREPARED),
            Until::Distributed => Some(DISTRIBUTED),
        },
        Outcome::GateClosed { clients: true, .. } => Some(CLOSED_CLIENTS),
        Outcome::GateClosed { begun: true, .. } => Some(CLOSED_LATER),
        Outcome::GateClosed { .. } => Some(CLOSED),
        Outcome::Stopped(stop) => Some(&stop.next),
        Outcome::Detached(_) => Some(LEFT),
    }
}

impl Summary {
    /// Of this outcome; `gate` is what it said last, and `exit_code` the one
    /// that the command ends with.
    #[must_use]
    pub fn of(outcome: &Outcome, gate: Option<&Decision>, exit_code: u8) -> Self {
        let mut summary = Self {
            schema: SCHEMA,
            outcome: Word::Left,
            exit_code,
            release: None,
            warnings: Vec::new(),
            hop: None,
            step: None,
            why: None,
            details: Vec::new(),
            output: Vec::new(),
            next: next(outcome).map(str::to_owned),
            gate: None,
        };
        match outcome {
            Outcome::Done {
                release,
                warnings,
                until,
            } => {
                summary.outcome = match until {
                    Until::End => Word::Upgraded,
                    Until::Prepared => Word::Prepared,
                    Until::Distributed => Word::Distributed,
                };
                summary.release = Some(release.clone());
                summary.warnings.clone_from(warnings);
            }
            Outcome::GateClosed { hop, answer, .. } => {
                summary.outcome = Word::GateClosed;
                summary.hop = Some(*hop);
                summary.step = Some(StepKind::Gate);
                summary.why = Some(answer.verdict.clone());
                summary.gate = gate.cloned();
            }
            Outcome::Stopped(stop) => {
                summary.outcome = Word::Stopped;
                summary.hop = Some(stop.hop);
                summary.step = Some(stop.step);
                summary.why = Some(stop.failure.to_string());
                summary.details = stop.failure.details();
                summary.output = stop.failure.output().to_vec();
            }
            Outcome::Detached(detached) => {
                summary.hop = Some(detached.hop);
                summary.step = Some(detached.step);
            }
        }
        summary
    }

    /// For a program to read, with a line break at the end.
    #[must_use]
    pub fn json(&self) -> String {
        shown_json(self)
    }
}

/// For a person to read: how it came out in the first line, what to do in the
/// last.
#[must_use]
pub fn text(outcome: &Outcome, gate: Option<&Decision>, options: &TextOptions) -> String {
    let mut page = Page::new(options.width, options.color);
    let (tint, first) = match outcome {
        Outcome::Stopped(stop) => return stop.text(options),
        Outcome::Done {
            release,
            warnings,
            until,
        } => match until {
            Until::End if warnings.is_empty() => (
                Tint::Green,
                format!("UPGRADED: the cluster runs {release}, verified."),
            ),
            Until::End => (
                Tint::Yellow,
                format!(
                    "UPGRADED: the cluster runs {release}, verified; {} to look at.",
                    counted(warnings.len())
                ),
            ),
            Until::Prepared => (
                Tint::Green,
                format!("PREPARED: the next release is there; the cluster runs {release}."),
            ),
            Until::Distributed => (
                Tint::Green,
                format!(
                    "DISTRIBUTED: the next release is on all backends; the cluster runs {release}."
                ),
            ),
        },
        Outcome::GateClosed { answer, .. } => (Tint::Red, answer.verdict.clone()),
        Outcome::Detached(detached) => (
            Tint::Yellow,
            format!("LEFT in hop {}, at “{}”.", detached.hop, detached.step),
        ),
    };
    match (outcome, gate) {
        // It has more to say than its line.
        (Outcome::GateClosed { .. }, Some(decision)) => {
            page = gate::reasons(decision, options);
            page.blank();
        }
        _ => page.unwrapped(tint, &printable(&first)),
    }
    if let Outcome::Done { warnings, .. } = outcome {
        for warning in warnings {
            page.marked(2, "! ", Tint::Plain, &printable(warning));
        }
    }
    if let Some(next) = next(outcome) {
        page.marked(0, "Next: ", Tint::Heading, &printable(next));
    }
    page.finish()
}

fn counted(count: usize) -> String {
    if count == 1 {
        "1 thing".to_owned()
    } else {
        format!("{count} things")
    }
}
