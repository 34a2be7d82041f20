//! A bundle, as it is and behind its gzip layer, whose checksum no fuzzer meets.
#![no_main]

use checker_core::testkit::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = parsers::bundle(data);
    let _ = parsers::unpacked_bundle(data);
});
