//! `checker gate REPORT|BUNDLE`: the verdict alone, for scripts.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow};
use checker_core::bundle;
use checker_core::gate::{self, Policy, State};
use checker_core::report::{self, JsonReportError, Report, Seal};
use jiff::Timestamp;

use crate::args::{Format, GateArgs};
use crate::exit::{Exit, Failure};
use crate::output;

/// No report is larger: as in a bundle.
const LARGEST: u64 = 128 << 20;

const GZIP: [u8; 2] = [0x1f, 0x8b];

pub(crate) fn run(arguments: &GateArgs) -> Result<Exit, Failure> {
    let (report, seal) = read(&arguments.report)
        .with_context(|| {
            let path = arguments.report.display();
            format!("the gate stays closed, since {path} could not be read as a report")
        })
        .map_err(Failure::usage)?;
    let policy = Policy {
        cluster: arguments.cluster.clone(),
        source: arguments.source_version.clone(),
        target: arguments.target_version.clone(),
        max_age: arguments.max_age,
        rehearsal: arguments.rehearsal,
        ..Policy::file(seal, Timestamp::now())
    };
    let decision = gate::decide(&report, &policy);
    output::print(&match arguments.format {
        Format::Json => gate::json(&decision),
        Format::Text if arguments.quiet => format!("{}\n", gate::line(&decision)),
        Format::Text => gate::text(&decision, &output::on_stdout(arguments.no_color)),
    })?;
    Ok(match decision.gate {
        State::Open => Exit::Green,
        State::Closed if decision.closed_by_warnings() => Exit::Warnings,
        State::Closed => Exit::Failures,
        State::Unverified => Exit::Unverified,
    })
}

/// A report from a file, from a bundle, or from standard input.
fn read(path: &Path) -> anyhow::Result<(Report, Seal)> {
    let stdin = path == Path::new("-");
    let mut bytes = Vec::new();
    let mut file: Box<dyn Read> = if stdin {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path)?)
    };
    file.by_ref()
        .take(GZIP.len() as u64)
        .read_to_end(&mut bytes)?;
    if bytes == GZIP {
        if stdin {
            return Err(anyhow!("it is a bundle: give its file name instead of -"));
        }
        let bundle = bundle::open(path)?;
        return Ok((bundle.report, bundle.seal));
    }
    file.take(LARGEST).read_to_end(&mut bytes)?;
    if bytes.len() as u64 >= LARGEST {
        return Err(anyhow!(
            "it is larger than the {LARGEST} bytes that a report may have"
        ));
    }
    report::read_sealed(&bytes).map_err(|error| match error {
        JsonReportError::Form(error) => not_a_report(&bytes, &error),
        newer @ JsonReportError::Newer { .. } => anyhow!("{newer}; give it to that checker's gate"),
    })
}

/// Why a text is no report, and the way out.
fn not_a_report(bytes: &[u8], error: &serde_json::Error) -> anyhow::Error {
    const GIVE: &str = "give what `checker --format json` printed, or the bundle";
    match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
        Err(_) if bytes.trim_ascii().is_empty() => {
            anyhow!("it is empty: did the run fail that should have written it?")
        }
        Err(end) if end.is_eof() => anyhow!("it ends in the middle: copy it again, whole ({end})"),
        Err(place) => anyhow!("it is not JSON: {GIVE} ({place})"),
        Ok(_) => anyhow!("it is JSON, but no report: {GIVE} ({error})"),
    }
}
