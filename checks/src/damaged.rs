//! For tests: whatever is wrong with an answer, its check is unknown, never green.

use checker_core::Outcome;
use checker_core::evidence::{End, NotRun};
use checker_core::macro_support::BuiltIn;
use checker_core::testkit::Evidence;

/// Every way in which a command can fail to answer, tried with `key` on top
/// of `base`, which holds everything else that the check needs.
#[track_caller]
pub(crate) fn is_unknown(check: &'static BuiltIn, target: &str, key: &str, base: &Evidence) {
    let ended = |end: End, out: &str, err: &str| base.clone().weka_ended(key, end, out, err);
    let cases = [
        ("not asked", base.clone()),
        (
            "not logged in",
            ended(End::Exited(41), "", "error: not logged in"),
        ),
        ("failed", ended(End::Exited(1), "", "error: no leader")),
        (
            "not known",
            ended(End::Exited(2), "", "error: unknown command: frob"),
        ),
        ("not run", ended(End::NotRun(NotRun::Deadline), "", "")),
        ("too late", ended(End::TimedOut, "[", "")),
        ("empty", ended(End::Exited(0), "", "")),
        ("cut list", ended(End::Exited(0), "[{\"a\": 1}, {\"b\"", "")),
        (
            "cut object",
            ended(End::Exited(0), "{\"a\": {\"b\": 1}", ""),
        ),
        (
            "an error as answer",
            ended(End::Exited(0), "error: try again", ""),
        ),
        ("a number", ended(End::Exited(0), "-7.5", "")),
    ];
    for (what, evidence) in cases {
        for result in evidence.judge(check, target) {
            assert_eq!(result.outcome, Outcome::Unknown, "{what}: {result:#?}");
        }
    }
}
