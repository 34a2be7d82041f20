//! The files of `--data`: ours, and the public checker's. The first byte picks
//! which.
#![no_main]

use std::sync::LazyLock;

use checker_core::release_data::{PartKind, ReleaseData};
use checker_core::testkit::parsers;
use libfuzzer_sys::fuzz_target;

static BASE: LazyLock<ReleaseData> =
    LazyLock::new(|| checker_checks::release_data().expect("release data"));

fuzz_target!(|data: &[u8]| {
    let [which, text @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let part = match which % 4 {
        0 => PartKind::Releases,
        1 => PartKind::OperatingSystems,
        2 => PartKind::KnownIssues,
        _ => PartKind::Rules,
    };
    // There is no public form of the rules.
    let own = part == PartKind::Rules || which & 4 == 0;
    let _ = parsers::release_data(&BASE, part, text, own);
});
