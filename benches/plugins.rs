//! What plugins cost: 20 of them, each with a check of 100 servers.
//!
//! On the simulated cluster, where collecting takes next to nothing, so that
//! what is measured is the plugins: reading their evidence, asking each in its own
//! process, and reading the answers. `make bench` runs it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use checker_core::engine::{self, Limits, Request, Selection};
use checker_core::event::Observers;
use checker_core::plugin::{self, Launcher, Sources};
use checker_core::{Outcome, Registry};
use checker_simulator::{Cluster, Simulator};

const PLUGINS: usize = 20;
const SERVERS: usize = 100;
const ROUNDS: usize = 9;
const ALLOWED: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let dir = tempfile::tempdir().expect("a directory");
    for n in 0..PLUGINS {
        build(dir.path(), n);
    }
    let sources = Sources {
        dirs: vec![dir.path().to_owned()],
        launcher: Launcher {
            program: env!("CARGO_BIN_EXE_checker").into(),
            arguments: vec!["plugin-host".to_owned()],
        },
        limits: plugin::Limits::default(),
    };
    let (mut loads, mut runs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let mut registry = Registry::new();
        checker_checks::register(&mut registry).expect("registered");
        let loaded = plugin::load(&mut registry, &sources);
        loads.push(begun.elapsed());
        runs.push(judge(&registry, loaded));
    }
    let (load, run) = (median(loads), median(runs));
    let mut out = std::io::stdout();
    let _ = writeln!(
        out,
        "{PLUGINS} plugins, each with a check of {SERVERS} servers, medians of {ROUNDS}:\n\
         loaded in {:.0} ms, asked and judged in {:.0} ms (allowed: {:.0} ms)",
        load.as_secs_f64() * 1e3,
        run.as_secs_f64() * 1e3,
        ALLOWED.as_secs_f64() * 1e3,
    );
    if run > ALLOWED {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn build(dir: &Path, n: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-std=gnu11", "-w", "-I"])
        .arg(root.join("plugins/sdk/include"))
        .arg(format!("-DMODE=\"well-{n}\""))
        .arg("-o")
        .arg(dir.join(format!("well-{n}.so")))
        .arg(root.join("tests/plugins/misbehaving.c"))
        .status()
        .expect("cc runs");
    assert!(built.success());
}

/// The time of a run of the plugins' checks alone.
fn judge(registry: &Registry, loaded: plugin::Loaded) -> Duration {
    let release = "4.4.21.2".parse().expect("a release");
    let cluster = Simulator::new(Cluster::healthy(&release, SERVERS, 0));
    let source = Arc::new(cluster.with_answers(loaded.samples));
    let data = checker_checks::release_data().expect("release data");
    let request = Request {
        target: "4.4.33".parse().expect("a release"),
        selection: Selection {
            select: vec!["bad/*".to_owned()],
            ..Selection::default()
        },
        limits: Limits::default(),
        data: &data,
        tool_version: "0.0.0",
        argv: Vec::new(),
        host: "here".to_owned(),
        interrupted: Arc::default(),
    };
    let begun = Instant::now();
    let run = engine::run(source, registry, request, &Observers::new()).expect("a run");
    let elapsed = begun.elapsed();
    // Nothing is measured by a run that was none.
    let results = &run.report.results;
    assert_eq!(results.len(), PLUGINS * SERVERS);
    let open = results.iter().find(|r| r.outcome != Outcome::Pass);
    assert!(open.is_none(), "{open:#?}");
    elapsed
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
