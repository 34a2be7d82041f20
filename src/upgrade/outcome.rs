//! How an upgrade came out: text or JSON, and the exit code.

use checker_core::ndu::outcome::{self, Summary};
use checker_core::ndu::run::Outcome;

use super::keeper::Keeper;
use crate::args::Format;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Shown;

/// Shows the outcome, and gives the exit code for it.
pub(super) fn show(
    outcome: &Outcome,
    keeper: &Keeper<'_>,
    format: Format,
    shown: &Shown,
) -> Result<Exit, Failure> {
    let exit = exit(outcome);
    let gate = keeper.last.as_ref();
    let text = match format {
        Format::Json => Summary::of(outcome, gate, exit.code()).json(),
        Format::Text => outcome::text(outcome, gate, &output::on_stdout(shown.no_color)),
    };
    for line in outcome::text(outcome, None, &output::on_stdout(true)).lines() {
        tracing::info!("{line}");
    }
    output::print(&text)?;
    Ok(exit)
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Done { warnings, .. } if warnings.is_empty() => Exit::Green,
        Outcome::Done { .. } => Exit::Warnings,
        // A hop before this one was gone already, or its backends are upgraded.
        Outcome::GateClosed { begun: true, .. } => Exit::Stopped,
        Outcome::GateClosed { answer, .. } if answer.unverified => Exit::Unverified,
        Outcome::GateClosed { .. } => Exit::Failures,
        Outcome::Stopped(_) | Outcome::Detached(_) => Exit::Stopped,
    }
}
