//! What is green over damaged evidence, and why that is right.

use std::collections::BTreeSet;

/// Which of the rules an exception is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An answer that is none leaves the check green.
    NoAnswer,
    /// Lines around the answer change what is said.
    Noise,
    /// A missing member changes why a check is green.
    OtherGreen,
    /// Damage turns a bad result good.
    BadBecomesGood,
}

/// One exception. `*` at the end of a text stands for anything.
#[derive(Debug)]
struct Known {
    kind: Kind,
    check: &'static str,
    key: &'static str,
    what: &'static str,
    /// Why it is right.
    because: &'static str,
}

const KNOWN: &[Known] = &[];

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

/// The exceptions that allow this, by their place in the table.
pub(super) fn find(kind: Kind, check: &str, key: &str, what: &str) -> Vec<usize> {
    let fits = |known: &Known| {
        known.kind == kind
            && fits(known.check, check)
            && fits(known.key, key)
            && fits(known.what, what)
    };
    (0..KNOWN.len()).filter(|n| fits(&KNOWN[*n])).collect()
}

/// The exceptions of this kind that were not met.
pub(super) fn idle(kind: Kind, used: &BTreeSet<usize>) -> Vec<String> {
    (0..KNOWN.len())
        .filter(|n| KNOWN[*n].kind == kind && !used.contains(n))
        .map(|n| format!("{:?}", KNOWN[n]))
        .collect()
}

#[test]
fn every_exception_says_why() {
    for known in KNOWN {
        assert!(known.because.len() > 20, "{known:?}");
    }
}
