//! A `known_hosts`, asked about the name in its first line.
#![no_main]

use checker_core::testkit::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (name, rest) = text.split_once('\n').unwrap_or(("weka-01", text));
    parsers::known_hosts(rest, name, rest.as_bytes());
});
