//! Parsers take whatever comes: real answers with bytes changed, lost and
//! repeated, through every fact; reports, release data and bundles likewise.

use std::sync::{Arc, LazyLock};

use checker_core::engine::{self, Limits, Request, Selection};
use checker_core::event::Observers;
use checker_core::facts::{FactScope, FactSpec};
use checker_core::release_data::{PartKind, ReleaseData};
use checker_core::report;
use checker_core::testkit::parsers;
use checker_core::testkit::{Collected, Slot};
use checker_core::{Registry, Version};
use checker_simulator::Simulator;
use proptest::prelude::*;

static DATA: LazyLock<ReleaseData> =
    LazyLock::new(|| checker_checks::release_data().expect("release data"));

/// A fact with the answers of its keys.
type Sample = (FactSpec, Vec<Vec<u8>>);

/// Every fact, from a busy cluster; and the report.
static SAMPLES: LazyLock<(Vec<Sample>, String)> = LazyLock::new(|| {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    let request = Request {
        target: "4.4.33".parse().expect("a release"),
        selection: Selection {
            clients: true,
            ..Selection::default()
        },
        limits: Limits::default(),
        data: &DATA,
        tool_version: "0.0.0",
        argv: Vec::new(),
        host: "weka-01".to_owned(),
        interrupted: Arc::default(),
    };
    let source = Arc::new(Simulator::scenario("demo").expect("a scenario"));
    let run = engine::run(source, &registry, request, &Observers::new()).expect("a run");
    let evidence = Collected::of(&run);
    let answers = |spec: &FactSpec| {
        let server = (spec.scope == FactScope::Server).then(|| "weka-01".to_owned());
        let waited_for = spec.dependents.iter().flat_map(|d| d.after).map(|c| c.key);
        let slots = spec.evidence().chain(waited_for).map(|key| Slot {
            server: server.clone().filter(|_| key.starts_with("host:")),
            key: key.to_owned(),
        });
        let records = slots.map(|slot| evidence.record(&slot).map(|r| r.stdout().to_vec()));
        records.map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    let facts = parsers::facts(&registry);
    let samples = facts.into_iter().map(|spec| (spec, answers(&spec)));
    (samples.collect(), report::json(&run.report))
});

/// One change to some bytes, at a place between 0 and 1.
#[derive(Debug, Clone)]
enum Change {
    Put(f64, Vec<u8>),
    Take(f64, usize),
    Again(f64, usize),
    Cut(f64),
}

fn change() -> impl Strategy<Value = Change> {
    let words = prop::sample::select(vec![
        "null",
        "-1",
        "0",
        "1e400",
        "\"\"",
        "{}",
        "[]",
        "[",
        "}",
        ",",
        ":",
        "\n",
        "\0",
        "%",
        "=",
        "\u{fffd}",
        "99999999999999999999",
        "HostId<",
        "true",
        " ",
    ]);
    let bytes = prop_oneof![
        words.prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 1..5),
    ];
    let place = || 0.0..1.0f64;
    prop_oneof![
        4 => (place(), bytes).prop_map(|(at, bytes)| Change::Put(at, bytes)),
        4 => (place(), 1..40usize).prop_map(|(at, n)| Change::Take(at, n)),
        1 => (place(), 1..40usize).prop_map(|(at, n)| Change::Again(at, n)),
        1 => place().prop_map(Change::Cut),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: f64| (at * bytes.len() as f64) as usize;
        match change {
            Change::Put(at, new) => {
                let at = place(*at);
                bytes.splice(at..at, new.iter().copied());
            }
            Change::Take(at, n) => {
                let at = place(*at);
                bytes.drain(at..(at + n).min(bytes.len()));
            }
            Change::Again(at, n) => {
                let at = place(*at);
                let again = bytes[at..(at + n).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
            Change::Cut(at) => bytes.truncate(place(*at)),
        }
    }
    bytes
}

/// So that the tests below change answers that can be read in the first place.
#[test]
fn the_samples_are_read() {
    let read = |(spec, answers): &(FactSpec, Vec<Vec<u8>>)| {
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        parsers::fact(spec, 0, &answers)
    };
    let read = SAMPLES.0.iter().filter(|sample| read(sample)).count();
    assert!(
        read * 3 > SAMPLES.0.len() * 2,
        "{read} of {}",
        SAMPLES.0.len()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn facts_take_any_answer(
        which in any::<prop::sample::Index>(),
        part in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..4),
        status in prop_oneof![8 => Just(0), 1 => any::<i32>()],
    ) {
        let (spec, answers) = which.get(&SAMPLES.0);
        let mut answers = answers.clone();
        if !answers.is_empty() {
            let part = part.index(answers.len());
            answers[part] = changed(std::mem::take(&mut answers[part]), &changes);
        }
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        parsers::fact(spec, status, &answers);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_report_is_read_or_refused(changes in prop::collection::vec(change(), 1..4)) {
        let _ = parsers::report(&changed(SAMPLES.1.clone().into_bytes(), &changes));
    }

    #[test]
    fn changed_release_data_is_read_or_refused(
        which in 0..6usize,
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let (part, text, own) = [
            (PartKind::Releases, include_str!("../data/releases.toml"), true),
            (PartKind::OperatingSystems, include_str!("../data/os.toml"), true),
            (PartKind::KnownIssues, include_str!("../data/known-issues.toml"), true),
            (PartKind::Rules, include_str!("../data/rules.toml"), true),
            (PartKind::Releases, include_str!("data/upgrade_path.json"), false),
            (PartKind::OperatingSystems, include_str!("data/supported_os.json"), false),
        ][which];
        let text = changed(text.as_bytes().to_vec(), &changes);
        let _ = parsers::release_data(&DATA, part, &String::from_utf8_lossy(&text), own);
    }
}

proptest! {
    #[test]
    fn a_known_hosts_of_any_text(text in "([a-z0-9@|,*?!\\[\\]:. \n=+/]|ssh-rsa AAAA){0,120}", name in "[a-z0-9.*?\\[\\]:]{0,20}") {
        parsers::known_hosts(&text, &name, text.as_bytes());
    }

    #[test]
    fn any_bytes_are_no_bundle(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!parsers::bundle(&bytes));
        prop_assert!(!parsers::unpacked_bundle(&bytes));
    }

    #[test]
    fn redaction_takes_any_text(text in prop::collection::vec(any::<u8>(), 0..200)) {
        parsers::redact(&text);
    }

    #[test]
    fn a_release_is_written_as_it_is_read(text in "v?[0-9]{1,3}(\\.[0-9]{1,5}){1,4}(-[a-z0-9]{1,9})?") {
        if let Ok(version) = text.parse::<Version>() {
            let again: Version = version.to_string().parse().expect("what it prints, it reads");
            prop_assert_eq!(again, version);
        }
    }
}
