//! What a session prints, taken apart into the answers of its sections. The
//! first byte is the size of the pieces in which it arrives.
#![no_main]

use checker_core::testkit::parsers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let [chunk, output @ ..] = data {
        parsers::frames(output, usize::from(*chunk));
    }
});
