//! Releases: what is read is written as it is read again, and all are in one order.
#![no_main]

use std::cmp::Ordering;

use checker_core::Version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let versions: Vec<Version> = text
        .split('\n')
        .take(3)
        .filter_map(|line| line.parse().ok())
        .collect();
    for version in &versions {
        let again: Version = version.to_string().parse().expect("what it prints, it reads");
        assert_eq!(again, *version);
        assert_eq!(again.cmp(version), Ordering::Equal);
    }
    for a in &versions {
        for b in &versions {
            assert_eq!(a.cmp(b), b.cmp(a).reverse());
            assert_eq!(a == b, a.cmp(b) == Ordering::Equal);
            for c in &versions {
                assert!(!(a <= b && b <= c) || a <= c);
            }
        }
    }
});
