//! How an upgrade came out: text, JSON, exit code.

use checker_core::gate;
use checker_core::ndu::journal::{Entry, Line};
use checker_core::ndu::plan::Until;
use checker_core::ndu::run::Outcome;
use serde::Serialize;

use super::keeper::Keeper;
use crate::args::Format;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Shown;

/// The shape that automation reads; it only grows.
#[derive(Debug, Serialize)]
struct Json<'a> {
    schema: u32,
    outcome: &'static str,
    exit_code: u8,
    release: Option<String>,
    warnings: &'a [String],
    hop: Option<usize>,
    step: Option<String>,
    why: Option<String>,
    details: Vec<String>,
    output: &'a [String],
    next: Option<String>,
    gate: Option<&'a gate::Decision>,
}

/// Shows the outcome, and gives the exit code for it.
pub(super) fn show(
    outcome: &Outcome,
    keeper: &Keeper<'_>,
    format: Format,
    shown: &Shown,
) -> Result<Exit, Failure> {
    let exit = exit(outcome);
    let text = match format {
        Format::Json => json(outcome, keeper, exit),
        _ => text(outcome, keeper, shown),
    };
    tracing::info!("{}", text.lines().next().unwrap_or_default());
    output::print(&text)?;
    Ok(exit)
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Done { warnings, .. } if warnings.is_empty() => Exit::Green,
        Outcome::Done { .. } => Exit::Warnings,
        // A hop before this one was gone already.
        Outcome::GateClosed { hop, .. } if *hop > 1 => Exit::Stopped,
        Outcome::GateClosed { answer, .. } if answer.unverified => Exit::Unverified,
        Outcome::GateClosed { .. } => Exit::Failures,
        Outcome::Stopped(_) | Outcome::Detached(_) => Exit::Stopped,
    }
}

const DETACHED: &str = "What was started goes on. `checker upgrade status` says where it stands, `checker upgrade --resume` comes back to it.";

fn text(outcome: &Outcome, keeper: &Keeper<'_>, shown: &Shown) -> String {
    match outcome {
        Outcome::Done {
            release,
            warnings,
            until,
        } => {
            let mut text = match until {
                Until::End => format!("UPGRADED: the cluster runs {release}, verified.\n"),
                Until::Prepared => {
                    "PREPARED: the release is there; nothing was upgraded.\n".to_owned()
                }
                Until::Distributed => {
                    "DISTRIBUTED: the release is on all backends; nothing was upgraded.\n"
                        .to_owned()
                }
            };
            if !warnings.is_empty() {
                text.push_str("To look at:\n");
                for warning in warnings {
                    text.push_str(&format!("  {warning}\n"));
                }
            }
            text
        }
        Outcome::GateClosed { hop, answer } => {
            let mut text = match &keeper.last {
                Some(decision) => gate::text(decision, &output::on_stdout(shown.no_color)),
                None => format!("{}\n", answer.verdict),
            };
            text.push_str(if *hop > 1 {
                "The hops before this one are done and verified. Mend what is named, then `checker upgrade --resume`.\n"
            } else {
                "Nothing was started. Mend what is named, then run the same command again.\n"
            });
            text
        }
        Outcome::Stopped(stop) => stop.text(),
        Outcome::Detached(detached) => format!(
            "LEFT in hop {}, at “{}”. {DETACHED}\n",
            detached.hop, detached.step
        ),
    }
}

fn json(outcome: &Outcome, keeper: &Keeper<'_>, exit: Exit) -> String {
    let mut json = Json {
        schema: 1,
        outcome: "",
        exit_code: exit.code(),
        release: None,
        warnings: &[],
        hop: None,
        step: None,
        why: None,
        details: Vec::new(),
        output: &[],
        next: None,
        gate: None,
    };
    match outcome {
        Outcome::Done {
            release,
            warnings,
            until,
        } => {
            json.outcome = match until {
                Until::End => "upgraded",
                Until::Prepared => "prepared",
                Until::Distributed => "distributed",
            };
            json.release = Some(release.to_string());
            json.warnings = warnings;
        }
        Outcome::GateClosed { hop, answer } => {
            json.outcome = "gate-closed";
            json.hop = Some(*hop);
            json.why = Some(answer.verdict.clone());
            json.gate = keeper.last.as_ref();
        }
        Outcome::Stopped(stop) => {
            json.outcome = "stopped";
            json.hop = Some(stop.hop);
            json.step = Some(stop.step.to_string());
            json.why = Some(stop.failure.to_string());
            json.details = stop.failure.details();
            json.output = stop.failure.output();
            json.next = Some(stop.next.clone());
        }
        Outcome::Detached(detached) => {
            json.outcome = "left";
            json.hop = Some(detached.hop);
            json.step = Some(detached.step.to_string());
            json.next = Some(DETACHED.to_owned());
        }
    }
    // Texts and numbers alone: it can't fail.
    let text = serde_json::to_string_pretty(&json).unwrap_or_default();
    format!("{text}\n")
}

/// What a line of a journal tells, in a few words.
pub(super) fn last_words(line: &Line) -> String {
    let what = match &line.entry {
        Entry::Begun { .. } => "it had begun".to_owned(),
        Entry::Resumed { .. } => "it had been gone on with".to_owned(),
        Entry::Gate { hop, verdict, .. } => format!("hop {hop}: {verdict}"),
        Entry::Before { hop, .. } => format!("hop {hop}: about to touch the containers"),
        Entry::StepBegun { hop, step } => format!("hop {hop}: in “{step}”"),
        Entry::Job { hop, command, .. } => format!("hop {hop}: `{command}` was started"),
        Entry::JobEnded { job, state } => format!("the command {job} had come to {state:?}"),
        Entry::Asked { question, yes } => {
            format!("asked: {question} {}", if *yes { "yes" } else { "no" })
        }
        Entry::Warning { hop, words, .. } => format!("hop {hop}: {words}"),
        Entry::StepDone { hop, step, how } => format!("hop {hop}: “{step}” done: {how}"),
        Entry::HopDone { hop } => format!("hop {hop}: done"),
        Entry::Stopped { hop, why, .. } => format!("hop {hop}: stopped: {why}"),
        Entry::Finished { release, .. } => format!("finished: {release}"),
    };
    format!("{} {what}", line.at.strftime("%Y-%m-%d %H:%M:%SZ"))
}
