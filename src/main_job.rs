//! The main job: `checker --target-version V`.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use checker_core::bundle;
use checker_core::engine::{self, EngineError, Request, Run};
use checker_core::event::Observers;
use checker_core::fleet::LiveSource;
use checker_core::report::{LogObserver, Report};
use checker_core::source::Source;
use checker_simulator::Simulator;

use crate::args::CheckArgs;
use crate::exit::{Exit, Failure};
use crate::log::LogGuard;
use crate::progress::Progress;
use crate::settings::{self, Settings, SourceChoice};
use crate::{interrupt, log, output};

pub(crate) fn run(arguments: CheckArgs) -> Result<Exit, Failure> {
    let settings = Settings::new(arguments)?;
    let registry = settings::registry()?;
    let source = source(&settings.source)?;
    let interrupted = interrupt::flag()
        .context("setting up the handling of Ctrl-C")
        .map_err(Failure::internal)?;

    let log = start_log();
    let mut observers = Observers::new();
    observers.add(Arc::new(LogObserver));
    if std::io::stderr().is_terminal() && !settings.shown.quiet {
        observers.add(Arc::new(Progress::new()));
    }
    let run = engine::run(
        source,
        &registry,
        Request {
            target: settings.target.clone(),
            selection: settings.selection.clone(),
            limits: settings.limits,
            data: &settings.data,
            tool_version: env!("CARGO_PKG_VERSION"),
            argv: std::env::args().collect(),
            host: host_name(),
            interrupted,
        },
        &observers,
    )
    .map_err(|error| match error {
        EngineError::Threads(_) => Failure::internal(error),
        wrong_request => Failure::usage(wrong_request),
    })?;

    // The log must be whole before it goes into the bundle.
    let log_text = log.map(LogGuard::finish);
    let shown = output::show(&run.report, &registry, &settings.shown);
    if let Some(dir) = &settings.bundle_dir {
        write_bundle(
            dir,
            &settings,
            &run,
            log_text.as_deref().unwrap_or_default(),
        );
    }
    shown?;
    Ok(if run.interrupted {
        output::note("interrupted: what was not asked by then counts as not verified");
        Exit::Interrupted
    } else {
        Exit::from(run.report.verdict)
    })
}

fn source(choice: &SourceChoice) -> Result<Arc<dyn Source>, Failure> {
    Ok(match choice {
        SourceChoice::Live(options) => {
            Arc::new(LiveSource::new(options.clone()).map_err(Failure::usage)?)
        }
        SourceChoice::Simulated(scenario) => {
            Arc::new(Simulator::scenario(scenario).map_err(Failure::usage)?)
        }
    })
}

/// A log that can't be written costs the log, not the verdict.
fn start_log() -> Option<LogGuard> {
    match log::start(Path::new(".")) {
        Ok(guard) => Some(guard),
        Err(error) => {
            output::complain(&format!(
                "going on without a log: {:#}",
                anyhow::Error::from(error)
            ));
            None
        }
    }
}

/// A bundle that can't be written costs the bundle, not the verdict.
fn write_bundle(dir: &Path, settings: &Settings, run: &Run, log: &[u8]) {
    if run.store.is_empty() {
        return;
    }
    let contents = bundle::BundleContents {
        report: &run.report,
        store: &run.store,
        selection: &settings.selection,
        limits: settings.limits,
        log,
        data_version: &settings.data.version,
    };
    match bundle::write(dir, &contents) {
        Ok(path) => {
            if !settings.shown.quiet {
                output::note(&format!("bundle for support: {}", path.display()));
            }
        }
        Err(error) => output::complain(&format!(
            "no bundle was written, so there is nothing to send to support: {:#}",
            anyhow::Error::from(error)
        )),
    }
}

/// The name of this machine, for the report.
pub(crate) fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// The one line that says whether the cluster may be upgraded.
pub(crate) fn verdict_line(report: &Report) -> String {
    format!("{}\n", checker_core::report::verdict_line(report))
}
