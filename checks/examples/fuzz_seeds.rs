//! Writes what the fuzz targets begin with: the answers of simulated clusters,
//! a report, the files of the release data. `make fuzz` calls it.

#![expect(
    clippy::disallowed_methods,
    reason = "no check, but a program that writes files"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, io};

use checker_core::Registry;
use checker_core::bundle::{self, BundleContents, Machine, RunSettings};
use checker_core::engine::{self, Limits, Request, Run, Selection};
use checker_core::event::Observers;
use checker_core::facts::FactScope;
use checker_core::report;
use checker_core::source::SourceKind;
use checker_core::testkit::parsers::{self, MARKER};
use checker_core::testkit::{Collected, Slot};
use checker_simulator::Simulator;

const SCENARIOS: [&str; 6] = [
    "release-3.11",
    "release-4.2",
    "release-6.0",
    "demo",
    "busy",
    "degraded",
];

fn main() -> io::Result<()> {
    let corpus = PathBuf::from(env::args().nth(1).unwrap_or("fuzz/corpus".to_owned()));
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    for scenario in SCENARIOS {
        let run = run(&registry, scenario);
        facts(&corpus, &registry, scenario, &Collected::of(&run))?;
        seed(&corpus, "report", scenario, report::json(&run.report))?;
        bundles(&corpus, scenario, &run)?;
    }
    frames(&corpus)?;
    release_data(&corpus)?;
    let versions = "4.4.10.202\n4.2.8.312-6a24a384\nv5.0.4\n4.4.9-hotfix1\n5.1.0-hcfs\n4.4.6.0";
    seed(&corpus, "version", "known", versions)?;
    let known_hosts = "weka-01\n# a comment\nweka-01,10.0.0.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n\
        |1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-rsa AAAAB3NzaC1yc2EA\n\
        @revoked * ssh-rsa AAAAB3NzaC1yc2EA\n@cert-authority *.lab,!weka-02 ssh-rsa AAAAB3\n[weka-0?]:2222 ssh-rsa AAAAB3\n";
    seed(&corpus, "known_hosts", "known", known_hosts)
}

fn run(registry: &Registry, scenario: &str) -> Run {
    let data = checker_checks::release_data().expect("release data");
    let request = Request {
        target: "4.4.33".parse().expect("a release"),
        selection: Selection {
            clients: true,
            ..Selection::default()
        },
        limits: Limits::default(),
        data: &data,
        tool_version: "0.0.0",
        argv: Vec::new(),
        host: "weka-01".to_owned(),
        interrupted: Arc::default(),
    };
    let source = Arc::new(Simulator::scenario(scenario).expect("a scenario"));
    engine::run(source, registry, request, &Observers::new()).expect("a run")
}

fn seed(corpus: &Path, target: &str, name: &str, content: impl AsRef<[u8]>) -> io::Result<()> {
    let dir = corpus.join(target);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join(name), content)
}

/// The number of the fact, exit status 0, its answers.
fn facts(
    corpus: &Path,
    registry: &Registry,
    scenario: &str,
    evidence: &Collected,
) -> io::Result<()> {
    for (n, spec) in parsers::facts(registry).iter().enumerate() {
        let server = (spec.scope == FactScope::Server).then(|| "weka-01".to_owned());
        let waited_for = spec.dependents.iter().flat_map(|d| d.after).map(|c| c.key);
        let mut answers = Vec::new();
        for key in spec.evidence().chain(waited_for) {
            let slot = Slot {
                server: server.clone().filter(|_| key.starts_with("host:")),
                key: key.to_owned(),
            };
            let record = evidence.record(&slot);
            answers.push(record.map_or(&b""[..], |r| r.stdout()));
        }
        let mut input = vec![u8::try_from(n).expect("fewer facts than a byte counts"), 0];
        input.extend(answers.join(&0x1e));
        seed(corpus, "facts", &format!("{}-{scenario}", spec.name), input)?;
    }
    Ok(())
}

/// As it is, and without the gzip layer.
fn bundles(corpus: &Path, scenario: &str, run: &Run) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let settings = RunSettings {
        target: run.report.target_version.clone(),
        selection: Selection::default(),
        limits: Limits::default(),
        started_at: run.report.run.started_at,
        source: SourceKind::Simulator,
        here: None,
        acceptances: Vec::new(),
    };
    let contents = BundleContents {
        report: &run.report,
        store: &run.store,
        run: &settings,
        log: b"a line\n",
        machine: &Machine::here(),
        data_version: "2026.07.15",
    };
    let path = bundle::write(dir.path(), &contents).expect("written");
    let packed = fs::read(path)?;
    let mut unpacked = Vec::new();
    io::Read::read_to_end(
        &mut flate2::read::GzDecoder::new(&packed[..]),
        &mut unpacked,
    )?;
    seed(corpus, "bundle", &format!("{scenario}.tar.gz"), packed)?;
    seed(corpus, "bundle", &format!("{scenario}.tar"), unpacked)
}

fn frames(corpus: &Path) -> io::Result<()> {
    let output = format!(
        "\x07Welcome!\n\n{MARKER} B 0\nan answer\n{MARKER} E 0 0\n(noise)\n{MARKER} B 1\n\n{MARKER} E 1 127\n\
         \n{MARKER} B 2\nhalf of {MARKER} E 2\n{MARKER} E 2 0\n\n{MARKER} Z\nbye"
    );
    seed(corpus, "frames", "session", output)
}

/// The number of the part (and 4 for the public form), then the text.
fn release_data(corpus: &Path) -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (which, file) in [
        (0, "data/releases.toml"),
        (1, "data/os.toml"),
        (2, "data/known-issues.toml"),
        (3, "data/rules.toml"),
        (4, "tests/data/upgrade_path.json"),
        (5, "tests/data/supported_os.json"),
    ] {
        let mut input = vec![which];
        input.extend(fs::read(here.join(file))?);
        seed(corpus, "release_data", &file.replace('/', "-"), input)?;
    }
    Ok(())
}
