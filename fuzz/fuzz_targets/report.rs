//! A report of this release or an earlier one; and the redaction of any text.
#![no_main]

use checker_core::testkit::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = parsers::report(data);
    parsers::redact(data);
});
