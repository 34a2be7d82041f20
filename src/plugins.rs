//! Plugins and scripts: where they are sought, and `checker plugin check`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use checker_core::engine::{self, Limits, Request, Selection};
use checker_core::event::Observers;
use checker_core::plugin::{self, Declared, Launcher, Sources};
use checker_core::release_data::ReleaseData;
use checker_core::report::{CheckResult, PluginKind, printable};
use checker_core::source::Source;
use checker_core::{Level, Outcome, Registry, Version};
use checker_simulator::Simulator;

use crate::args::{PluginArgs, ScriptArgs};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::{output, settings};

/// Where packages put plugins.
const INSTALLED: &str = "/usr/lib/checker/plugins";

/// Directories of plugins, separated by `:`.
const PATH_VARIABLE: &str = "CHECKER_PLUGIN_PATH";

/// Unless `--script-timeout` says otherwise.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(20);

/// Which plugins and scripts take part.
#[derive(Debug, Default)]
pub(crate) struct PluginChoice {
    /// Those that were named.
    dirs: Vec<PathBuf>,
    none: bool,
    pub(crate) scripts: Option<PathBuf>,
    script_timeout: Duration,
}

impl PluginChoice {
    /// The command line over the configuration file.
    pub(crate) fn new(plugins: PluginArgs, scripts: ScriptArgs, config: &mut Config) -> Self {
        let dirs = if plugins.plugins.is_empty() {
            std::mem::take(&mut config.plugins)
        } else {
            plugins.plugins
        };
        let seconds = scripts.script_timeout.or(config.script_timeout);
        Self {
            none: plugins.no_plugins || (config.no_plugins && dirs.is_empty()),
            dirs,
            scripts: scripts.scripts.or(config.scripts.take()),
            script_timeout: seconds.map_or(SCRIPT_TIMEOUT, |s| Duration::from_secs(u64::from(s))),
        }
    }

    /// The directories to look into, in their order; none twice.
    fn search_path(&self) -> Result<Vec<PathBuf>, Failure> {
        if self.none {
            return Ok(Vec::new());
        }
        let named = std::env::var_os(PATH_VARIABLE).unwrap_or_default();
        let named: Vec<PathBuf> = std::env::split_paths(&named)
            .filter(|dir| !dir.as_os_str().is_empty())
            .collect();
        if let Some(missing) = self.dirs.iter().chain(&named).find(|dir| !dir.is_dir()) {
            return Err(Failure::usage(anyhow!(
                "there is no directory of plugins {}",
                missing.display()
            )));
        }
        let mut dirs: Vec<PathBuf> = Vec::new();
        let implied = beside_the_binary().into_iter().chain([INSTALLED.into()]);
        let asked = self.dirs.iter().cloned().chain(named);
        for dir in asked.chain(implied.filter(|dir| dir.is_dir())) {
            let real = dir.canonicalize().unwrap_or(dir);
            if !dirs.contains(&real) {
                dirs.push(real);
            }
        }
        Ok(dirs)
    }
}

/// `plugins` beside the binary, and `../lib/checker/plugins`: where an
/// unpacked archive, or a prefix of one's own, has them.
fn beside_the_binary() -> Vec<PathBuf> {
    let binary = std::env::current_exe().and_then(|path| path.canonicalize());
    let Some(dir) = binary.ok().and_then(|b| b.parent().map(Path::to_owned)) else {
        return Vec::new();
    };
    vec![dir.join("plugins"), dir.join("../lib/checker/plugins")]
}

/// This binary, whatever its file is called by now.
fn launcher() -> Launcher {
    Launcher {
        program: "/proc/self/exe".into(),
        arguments: vec!["plugin-host".to_owned()],
    }
}

fn sources(dirs: Vec<PathBuf>) -> Sources {
    Sources {
        dirs,
        launcher: launcher(),
        limits: plugin::Limits::default(),
    }
}

/// All checks of a run, and what comes with them.
pub(crate) struct Prepared {
    pub(crate) registry: Registry,
    /// What simulated servers answer to the plugins' probes.
    pub(crate) samples: BTreeMap<String, String>,
    /// How long all that is not ours may take on a server together: what
    /// `limits.server` is extended by, so that it takes nothing from our probes.
    pub(crate) foreign_time: Duration,
}

/// Every check that there is: built in, of plugins, and scripts.
///
/// The plugins run until the registry is dropped.
pub(crate) fn registry(choice: &PluginChoice) -> Result<Prepared, Failure> {
    let mut registry = settings::registry()?;
    let loaded = plugin::load(&mut registry, &sources(choice.search_path()?));
    let mut foreign_time = loaded.probe_time;
    if let Some(dir) = &choice.scripts {
        let loaded = plugin::load_scripts(&mut registry, dir, choice.script_timeout)
            .with_context(|| format!("the folder of scripts {}", dir.display()))
            .map_err(Failure::usage)?;
        let scripts = choice
            .script_timeout
            .saturating_mul(u32::try_from(loaded.count).unwrap_or(u32::MAX));
        foreign_time = foreign_time.saturating_add(scripts);
    }
    Ok(Prepared {
        registry,
        samples: loaded.samples,
        foreign_time,
    })
}

/// Writes the plugins and scripts into the log.
pub(crate) fn log(registry: &Registry) {
    for plugin in registry.plugins() {
        let what = match plugin.kind {
            PluginKind::Library => "plugin",
            PluginKind::Script => "script",
        };
        let name = printable(&plugin.name);
        let version = plugin.version.as_deref().unwrap_or_default();
        let digest = plugin.sha256.as_deref().unwrap_or("not read");
        let path = printable(&plugin.path);
        match (&plugin.error, &plugin.note) {
            (None, None) => tracing::info!(
                "{what} {name} {} ({path}, sha256 {digest}): {}",
                printable(version),
                plugin.checks.join(", ")
            ),
            (None, Some(note)) => {
                tracing::info!(
                    "{what} {name} ({path}, sha256 {digest}): {}",
                    printable(note)
                );
            }
            (Some(error), _) => tracing::warn!("{what} {path}: {}", printable(error)),
        }
    }
}

/// Says on standard error which files are no checks, though they lie among them.
pub(crate) fn tell_notes(registry: &Registry) {
    for plugin in registry.plugins() {
        if let Some(note) = &plugin.note {
            output::note(&format!("{}: {note}", printable(&plugin.path)));
        }
    }
}

/// `checker plugin-host LIBRARY`: the process that a plugin runs in.
pub(crate) fn host(library: &Path) -> Result<Exit, Failure> {
    plugin::child::serve(library)
        .map(|()| Exit::Green)
        .map_err(Failure::internal)
}

/// What `checker plugin check` found out beside what it shows.
#[derive(Debug, Default)]
struct Findings {
    /// The plugin must not be used.
    unfit: BTreeSet<String>,
    /// It could be better.
    remarks: BTreeSet<String>,
}

/// `checker plugin check FILE`.
pub(crate) fn check(file: &Path) -> Result<Exit, Failure> {
    if !file.is_file() {
        return Err(Failure::usage(anyhow!("{} is no file", file.display())));
    }
    let mut registry = settings::registry()?;
    let shown = printable(&file.display().to_string()).into_owned();
    let (declared, loaded) = match plugin::try_one(&mut registry, file, &sources(Vec::new())) {
        Ok(loaded) => loaded,
        Err(reason) => {
            output::print(&format!("{shown} {}\n\nNOT FIT\n", printable(&reason)))?;
            return Ok(Exit::Failures);
        }
    };
    let mut text = describe(&registry, &declared);
    let mut findings = Findings::default();
    look_at_declaration(&declared, &mut findings);
    let tried = try_out(&registry, &declared, &loaded.samples, &mut findings)?;
    text.push_str(&tried);
    for plugin in registry.plugins() {
        findings.unfit.extend(plugin.error);
    }
    let exit = verdict(&mut text, &findings);
    output::print(&text)?;
    Ok(exit)
}

fn verdict(text: &mut String, findings: &Findings) -> Exit {
    text.push('\n');
    for (mark, lines) in [("✗", &findings.unfit), ("!", &findings.remarks)] {
        for line in lines {
            text.push_str(&format!("{mark} {}\n", printable(line)));
        }
    }
    let (word, exit) = match (findings.unfit.is_empty(), findings.remarks.is_empty()) {
        (true, true) => ("FIT\n", Exit::Green),
        (true, false) => ("FIT, but see above\n", Exit::Warnings),
        (false, _) => ("NOT FIT\n", Exit::Failures),
    };
    text.push_str(word);
    exit
}

/// What it offers and needs; its snippets in full, since they run as root.
fn describe(registry: &Registry, declared: &Declared) -> String {
    let said = &declared.description;
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        text.push_str(&format!("{name:<9}{}\n", printable(value)));
    };
    row("Plugin", &format!("{} {}", said.name, said.version));
    for plugin in registry.plugins() {
        row("File", &plugin.path);
        row("SHA-256", plugin.sha256.as_deref().unwrap_or_default());
    }
    text.push_str("\nOFFERS\n");
    for check in &said.checks {
        let scope: Vec<&str> = check.info.scope.iter().map(|s| s.as_str()).collect();
        text.push_str(&format!(
            "  {}: {} ({}; {})\n      judged by {}\n",
            printable(&check.info.id),
            printable(&check.info.title),
            scope.join(", "),
            printable(&check.info.when),
            printable(&check.evidence.join(", ")),
        ));
    }
    text.push_str("\nNEEDS\n");
    if said.commands.is_empty() && said.probes.is_empty() {
        text.push_str("  nothing of its own\n");
    }
    for command in &said.commands {
        let variants: Vec<String> = command
            .variants
            .iter()
            .map(|v| format!("weka {v}"))
            .collect();
        text.push_str(&format!(
            "  {}: {} (within {} s)\n",
            printable(&command.key),
            printable(&variants.join(", or ")),
            command.timeout_s
        ));
    }
    for probe in &said.probes {
        text.push_str(&format!(
            "  {}: on every server, as root, within {} s, at most {} bytes\n",
            printable(&probe.key),
            probe.timeout_s,
            probe.limit_bytes
        ));
        for line in probe.script.lines() {
            text.push_str(&format!("      | {}\n", printable(line)));
        }
    }
    text
}

/// What can be said without asking it anything.
fn look_at_declaration(declared: &Declared, findings: &mut Findings) {
    let parts = [
        "## What it looks at",
        "## Why it matters",
        "## If ignored",
        "## How to fix",
    ];
    for check in &declared.description.checks {
        let id = &check.info.id;
        for part in parts {
            if !check.info.explanation.contains(part) {
                let part = part.trim_start_matches("## ");
                findings
                    .remarks
                    .insert(format!("{id} does not explain: {part}"));
            }
        }
        if check.evidence.is_empty() {
            findings.remarks.insert(format!("{id} looks at nothing"));
        }
    }
    for probe in &declared.description.probes {
        if probe.sample.is_none() {
            findings.remarks.insert(format!(
                "the probe {} has no sample, so simulated servers can't answer it",
                probe.key
            ));
        }
    }
}

/// Runs its checks over every scenario, and over nonsense.
fn try_out(
    registry: &Registry,
    declared: &Declared,
    samples: &BTreeMap<String, String>,
    findings: &mut Findings,
) -> Result<String, Failure> {
    let data = settings::release_data(None)?;
    let newest = data.ever_listed().map(|release| &release.version).max();
    let trial = Trial {
        registry,
        data: &data,
        target: newest
            .cloned()
            .ok_or_else(|| Failure::internal(anyhow!("the release data has no release")))?,
        ids: declared.ids().map(str::to_owned).collect(),
    };
    let mut counts: BTreeMap<(String, Outcome), usize> = BTreeMap::new();
    let mut seen: BTreeMap<String, BTreeSet<Outcome>> = BTreeMap::new();
    let mut tried = 0;
    for (scenario, _) in checker_simulator::scenarios() {
        let results = trial.run(scenario, samples.clone())?;
        tried += 1;
        for result in &results {
            *counts
                .entry((result.check.clone(), result.outcome))
                .or_default() += 1;
            // Elsewhere it may be unknown or skipped without having been asked.
            let ours = matches!(result.outcome, Outcome::Unknown | Outcome::Skipped);
            if scenario == "healthy" || !ours {
                let outcomes = seen.entry(result.check.clone()).or_default();
                outcomes.insert(result.outcome);
            }
            look_at_result(declared, result, scenario, findings);
        }
        if scenario == "healthy" && trial.run(scenario, samples.clone())? != results {
            findings
                .unfit
                .insert("it answers differently when asked the same again".to_owned());
        }
    }
    if !samples.is_empty() {
        for nonsense in ["", "\u{1}\u{fffd} [[[ 17 -1 true"] {
            let answers = samples.keys().map(|key| (key.clone(), nonsense.to_owned()));
            let results = trial.run("healthy", answers.collect())?;
            // A sample is what all is well with: this is where most change their mind.
            for result in &results {
                let outcomes = seen.entry(result.check.clone()).or_default();
                outcomes.insert(result.outcome);
            }
            for result in results.iter().filter(|r| r.outcome == Outcome::Pass) {
                let probed = result.evidence.iter().any(|key| samples.contains_key(key));
                if probed {
                    let shown = if nonsense.is_empty() {
                        "nothing"
                    } else {
                        "nonsense"
                    };
                    findings.remarks.insert(format!(
                        "{} is green when its probes print {shown}",
                        result.check
                    ));
                }
            }
        }
    }
    for id in &trial.ids {
        let outcomes: Vec<Outcome> = seen.get(id).into_iter().flatten().copied().collect();
        match outcomes[..] {
            [] => findings.remarks.insert(format!("{id} was never asked")),
            [one] => findings.remarks.insert(format!(
                "{id} gave never anything but {one} where its evidence was there"
            )),
            _ => continue,
        };
    }
    let mut text = format!("\nTRIED over {tried} simulated clusters\n");
    for id in &trial.ids {
        let of = |outcome: Outcome| {
            let count = counts.get(&(id.clone(), outcome)).copied().unwrap_or(0);
            format!("{count} {outcome}")
        };
        let all = [
            Outcome::Pass,
            Outcome::Warn,
            Outcome::Fail,
            Outcome::Unknown,
            Outcome::Skipped,
        ];
        text.push_str(&format!("  {id}: {}\n", all.map(of).join(", ")));
    }
    Ok(text)
}

fn look_at_result(
    declared: &Declared,
    result: &CheckResult,
    scenario: &str,
    findings: &mut Findings,
) {
    let id = &result.check;
    let checks = &declared.description.checks;
    let levels = checks
        .iter()
        .find(|check| check.info.id == *id)
        .map(|c| &c.info.levels);
    let level = match result.outcome {
        Outcome::Warn => Some(Level::Warn),
        Outcome::Fail => Some(Level::Fail),
        Outcome::Pass | Outcome::Unknown | Outcome::Skipped => None,
    };
    if let (Some(level), Some(levels)) = (level, levels)
        && !levels.contains(&level)
    {
        findings.unfit.insert(format!(
            "{id} gave {} ({scenario}), which it does not declare",
            result.outcome
        ));
    }
    let without = format!("The plugin {} names no remedy", declared.description.name);
    if result
        .remedy
        .as_ref()
        .is_some_and(|r| r.starts_with(&without))
    {
        findings
            .unfit
            .insert(format!("{id} does not say what to do ({scenario})"));
    }
}

/// Runs of the plugin's checks alone.
struct Trial<'a> {
    registry: &'a Registry,
    data: &'a ReleaseData,
    /// The newest release that is known.
    target: Version,
    ids: Vec<String>,
}

impl Trial<'_> {
    fn run(
        &self,
        scenario: &str,
        answers: BTreeMap<String, String>,
    ) -> Result<Vec<CheckResult>, Failure> {
        let cluster = Simulator::scenario(scenario).map_err(Failure::internal)?;
        let source: Arc<dyn Source> = Arc::new(cluster.with_answers(answers));
        let request = Request {
            target: self.target.clone(),
            selection: Selection {
                clients: true,
                select: self.ids.clone(),
                ..Selection::default()
            },
            limits: Limits::default(),
            data: self.data,
            tool_version: env!("CARGO_PKG_VERSION"),
            argv: Vec::new(),
            host: String::new(),
            interrupted: Arc::default(),
        };
        let run = engine::run(source, self.registry, request, &Observers::new());
        Ok(run.map_err(Failure::internal)?.report.results)
    }
}
