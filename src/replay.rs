//! `checker replay BUNDLE`: the same judgement again, offline.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use checker_core::bundle;
use checker_core::engine::{self, Request};
use checker_core::event::Observers;
use checker_core::gate;
use checker_core::plugin::register_absent;

use crate::args::ReplayArgs;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::plugins::{self, PluginChoice};
use crate::settings::{self, Shown};
use crate::{main_job, output};

pub(crate) fn run(arguments: ReplayArgs) -> Result<Exit, Failure> {
    let choice = PluginChoice::new(arguments.plugins, arguments.scripts, &mut Config::default());
    let mut registry = plugins::registry(&choice)?.registry;
    let data = settings::release_data(arguments.output.data.as_deref())?;
    let shown = Shown::new(arguments.output, &mut Config::default());
    let bundle = bundle::open(&arguments.bundle)
        .with_context(|| format!("refused the bundle {}", arguments.bundle.display()))
        .map_err(Failure::usage)?;
    register_absent(
        &mut registry,
        &bundle.report.plugins,
        &bundle.report.results,
    );
    let mut run = engine::run(
        Arc::new(bundle.source),
        &registry,
        Request {
            target: arguments.target_version.unwrap_or(bundle.run.target),
            selection: bundle.run.selection,
            limits: engine::Limits::default(),
            data: &data,
            tool_version: env!("CARGO_PKG_VERSION"),
            argv: std::env::args().collect(),
            host: main_job::host_name(),
            interrupted: Arc::new(AtomicBool::new(false)),
        },
        &Observers::new(),
    )
    .map_err(Failure::usage)?;
    gate::accept(&mut run.report, &bundle.run.acceptances);
    output::show(&run.report, &registry, &shown)?;
    Ok(Exit::from(run.report.verdict))
}
