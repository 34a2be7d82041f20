//! Every parser of a command's or a probe's answer.
//!
//! The first byte picks the fact, the second the exit status; the rest is the
//! answers, with a byte 0x1e between them, for the keys of the fact in turn.
#![no_main]

use std::sync::LazyLock;

use checker_core::Registry;
use checker_core::facts::FactSpec;
use checker_core::testkit::parsers;
use libfuzzer_sys::fuzz_target;

static FACTS: LazyLock<Vec<FactSpec>> = LazyLock::new(|| {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    parsers::facts(&registry)
});

fuzz_target!(|data: &[u8]| {
    let [fact, status, rest @ ..] = data else {
        return;
    };
    let spec = &FACTS[usize::from(*fact) % FACTS.len()];
    let answers: Vec<&[u8]> = rest.split(|byte| *byte == 0x1e).collect();
    parsers::fact(spec, i32::from(*status), &answers);
});
