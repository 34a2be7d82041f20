//! What the main job is to do: the command line over the configuration file over the defaults.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use checker_core::engine::{Limits, Selection};
use checker_core::fleet::{HostKeyPolicy, LiveOptions};
use checker_core::gate::Acceptance;
use checker_core::release_data::ReleaseData;
use checker_core::{Registry, Version};

use crate::accept;
use crate::args::{CheckArgs, Format, OutputArgs};
use crate::config::Config;
use crate::exit::Failure;
use crate::plugins::PluginChoice;

/// All that the main job needs.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) target: Version,
    pub(crate) selection: Selection,
    pub(crate) limits: Limits,
    pub(crate) acceptances: Vec<Acceptance>,
    pub(crate) source: SourceChoice,
    pub(crate) shown: Shown,
    /// `None` for no bundle.
    pub(crate) bundle_dir: Option<PathBuf>,
    pub(crate) data: ReleaseData,
    pub(crate) plugins: PluginChoice,
}

/// Where the evidence is to come from.
#[derive(Debug)]
pub(crate) enum SourceChoice {
    /// A real cluster.
    Live(LiveOptions),
    /// A simulated one in this scenario.
    Simulated(String),
}

/// How and where the result is shown.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) format: Format,
    /// `None` for standard output.
    pub(crate) output: Option<PathBuf>,
    pub(crate) verbose: bool,
    pub(crate) quiet: bool,
    pub(crate) no_color: bool,
}

impl Shown {
    pub(crate) fn new(arguments: OutputArgs, config: &mut Config) -> Self {
        Self {
            format: arguments.format.or(config.format).unwrap_or_default(),
            output: arguments.output.or(config.output.take()),
            verbose: arguments.verbose,
            quiet: arguments.quiet,
            no_color: arguments.no_color || config.no_color,
        }
    }
}

impl Settings {
    pub(crate) fn new(arguments: CheckArgs) -> Result<Self, Failure> {
        let mut config = match &arguments.config {
            Some(path) => Config::read(path).map_err(Failure::usage)?,
            None => Config::default(),
        };
        let target = arguments
            .target_version
            .or(config.target_version.take())
            .ok_or_else(|| {
                Failure::usage(anyhow!(
                    "to which release is the cluster to be upgraded? Give --target-version V, such as --target-version 4.4.10.202"
                ))
            })?;
        let data_dir = arguments.output.data.clone().or(config.data.take());
        let bundle_dir = (!arguments.no_bundle && !config.no_bundle).then(|| {
            arguments
                .bundle_dir
                .or(config.bundle_dir.take())
                .unwrap_or_else(|| PathBuf::from("."))
        });
        // The command line chooses the servers, or the file does, not both.
        let servers_chosen = arguments.all
            || arguments.skip_clients
            || arguments.cluster_only
            || !arguments.backends.is_empty();
        let selection = Selection {
            cluster_only: arguments.cluster_only || (!servers_chosen && config.cluster_only),
            clients: arguments.all || (!servers_chosen && config.all),
            backends: if servers_chosen {
                arguments.backends
            } else {
                std::mem::take(&mut config.backends)
            },
            select: first_given(arguments.select, &mut config.select),
            skip: first_given(arguments.skip, &mut config.skip),
        };
        let acceptances =
            accept::acceptances(&arguments.accept, std::mem::take(&mut config.accept))?;
        let defaults = Limits::default();
        let seconds = |s: u32| Duration::from_secs(u64::from(s));
        let plugins = PluginChoice::new(arguments.plugins, arguments.scripts, &mut config);
        if plugins.scripts.is_some() && selection.cluster_only {
            return Err(Failure::usage(anyhow!(
                "--scripts needs the servers, which --cluster-only leaves out"
            )));
        }
        let limits = Limits {
            server: arguments
                .reach
                .timeout
                .or(config.timeout)
                .map_or(defaults.server, seconds),
            run: arguments
                .reach
                .deadline
                .or(config.deadline)
                .map_or(defaults.run, seconds),
            parallel: arguments
                .reach
                .parallel
                .or(config.parallel)
                .map_or(defaults.parallel, usize::from),
        };
        let source = match arguments.simulate {
            Some(scenario) => SourceChoice::Simulated(scenario),
            None => SourceChoice::Live(LiveOptions {
                via: arguments.reach.via.or(config.via.take()),
                identities: first_given(arguments.reach.identity, &mut config.identity),
                user: arguments.reach.ssh_user.or(config.ssh_user.take()),
                port: arguments.reach.ssh_port.or(config.ssh_port),
                ssh_config: arguments.reach.ssh_config.or(config.ssh_config.take()),
                host_keys: arguments
                    .reach
                    .host_keys
                    .or(config.host_keys)
                    .map_or(HostKeyPolicy::AcceptNew, HostKeyPolicy::from),
                ..LiveOptions::default()
            }),
        };
        Ok(Self {
            target,
            selection,
            limits,
            acceptances,
            source,
            shown: Shown::new(arguments.output, &mut config),
            bundle_dir,
            data: release_data(data_dir.as_deref())?,
            plugins,
        })
    }
}

fn first_given<T>(given: Vec<T>, configured: &mut Vec<T>) -> Vec<T> {
    if given.is_empty() {
        std::mem::take(configured)
    } else {
        given
    }
}

/// The release data of `--data DIR`, or what is built in.
pub(crate) fn release_data(dir: Option<&Path>) -> Result<ReleaseData, Failure> {
    let Some(dir) = dir else {
        return checker_checks::release_data()
            .context("the built-in release data")
            .map_err(Failure::internal);
    };
    checker_checks::release_data_from(dir)
        .context("the release data")
        .map_err(Failure::usage)
}

/// Every built-in check.
pub(crate) fn registry() -> Result<Registry, Failure> {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).map_err(Failure::internal)?;
    Ok(registry)
}
