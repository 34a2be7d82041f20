//! The main job: `checker --target-version V`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use checker_core::bundle::{self, Machine, RunSettings};
use checker_core::engine::{self, EngineError, Request, Run};
use checker_core::event::Observers;
use checker_core::fleet::LiveSource;
use checker_core::report::{self, LogObserver};
use checker_core::source::Source;
use checker_core::{Registry, Version};
use checker_simulator::Simulator;

use crate::args::CheckArgs;
use crate::exit::{Exit, Failure};
use crate::log::LogGuard;
use crate::progress::Progress;
use crate::settings::{Settings, SourceChoice};
use crate::{accept, interrupt, log, output, plugins};

pub(crate) fn run(arguments: CheckArgs) -> Result<Exit, Failure> {
    let mut settings = Settings::new(arguments)?;
    let prepared = plugins::registry(&settings.plugins)?;
    let registry = prepared.registry;
    // What is somebody else's may take its time on top of ours.
    settings.limits.server += prepared.foreign_time;
    accept::verify(&settings.acceptances, &registry)?;
    let source = source(&settings.source, prepared.samples)?;
    let interrupted = interrupt::flag()
        .context("setting up the handling of Ctrl-C")
        .map_err(Failure::internal)?;

    let log = start_log();
    plugins::log(&registry);
    let run = check(&settings, &registry, &source, &settings.target, interrupted)?;
    let shown = output::show(&run.report, &registry, &settings.shown);
    keep(&settings, &run, &source, log.as_ref());
    finish_log(log.as_ref());
    shown?;
    Ok(if run.interrupted {
        output::note("interrupted: what was not asked by then counts as not verified");
        Exit::Interrupted
    } else {
        Exit::from(run.report.verdict)
    })
}

/// Runs the checks, and marks the warnings that were accepted.
pub(crate) fn check(
    settings: &Settings,
    registry: &Registry,
    source: &Arc<dyn Source>,
    target: &Version,
    interrupted: Arc<AtomicBool>,
) -> Result<Run, Failure> {
    let mut observers = Observers::new();
    observers.add(Arc::new(LogObserver));
    let progress = Progress::on_stderr().filter(|_| !settings.shown.quiet);
    if let Some(progress) = &progress {
        observers.add(Arc::<Progress>::clone(progress));
    }
    let mut run = engine::run(
        Arc::clone(source),
        registry,
        Request {
            target: target.clone(),
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
    drop(progress);
    accept::apply(&mut run.report, &settings.acceptances);
    tracing::info!("{}", report::verdict_line(&run.report));
    Ok(run)
}

/// Writes the bundle, if one is wanted.
pub(crate) fn keep(
    settings: &Settings,
    run: &Run,
    source: &Arc<dyn Source>,
    log: Option<&LogGuard>,
) {
    let Some(dir) = &settings.bundle_dir else {
        return;
    };
    let asked = RunSettings {
        target: run.report.target_version.clone(),
        selection: settings.selection.clone(),
        limits: settings.limits,
        started_at: run.report.run.started_at,
        source: run.report.run.source,
        here: source.here(),
        acceptances: settings.acceptances.clone(),
    };
    write_bundle(dir, settings, run, &asked, &log_contents(log));
}

/// Sees that all of the log is written.
pub(crate) fn finish_log(log: Option<&LogGuard>) {
    if let Some(log) = log
        && let Err(error) = log.flush()
    {
        let path = log.path().display();
        output::complain(&format!("the log {path} is not complete: {error}"));
    }
}

fn source(
    choice: &SourceChoice,
    samples: BTreeMap<String, String>,
) -> Result<Arc<dyn Source>, Failure> {
    Ok(match choice {
        SourceChoice::Live(options) => {
            Arc::new(LiveSource::new(options.clone()).map_err(Failure::usage)?)
        }
        SourceChoice::Simulated(scenario) => {
            let cluster = Simulator::scenario(scenario).map_err(Failure::usage)?;
            Arc::new(cluster.with_answers(samples))
        }
    })
}

/// A log that can't be written costs the log, not the verdict.
pub(crate) fn start_log() -> Option<LogGuard> {
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

/// What the log holds so far; a log that can't be read again is told and left out.
fn log_contents(log: Option<&LogGuard>) -> Vec<u8> {
    match log.map(LogGuard::contents) {
        None => Vec::new(),
        Some(Ok(contents)) => contents,
        Some(Err(error)) => {
            output::complain(&format!("the log is not in the bundle: {error}"));
            Vec::new()
        }
    }
}

/// A bundle that can't be written costs the bundle, not the verdict.
fn write_bundle(dir: &Path, settings: &Settings, run: &Run, asked: &RunSettings, log: &[u8]) {
    if run.store.is_empty() {
        return;
    }
    let contents = bundle::BundleContents {
        report: &run.report,
        store: &run.store,
        run: asked,
        log,
        machine: &Machine::here(),
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
