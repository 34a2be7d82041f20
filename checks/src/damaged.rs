//! For tests: whatever is wrong with an answer, its check is unknown, never green.

use checker_core::Outcome;
use checker_core::evidence::{End, NotRun};
use checker_core::macro_support::BuiltIn;
use checker_core::server::{Role, Step};
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

/// Every way in which one probe of a server can fail to answer; `others` are
/// the probes beside it, and `good` is a whole answer that says that all is well.
#[track_caller]
pub(crate) fn probe_is_unknown(
    check: &'static BuiltIn,
    target: &str,
    key: &str,
    good: &str,
    base: &Evidence,
    others: &[(&str, &str)],
) {
    let half = &good[..good.len() / 2];
    let exited = End::Exited;
    let answers = [
        ("not asked", None),
        ("failed", Some((exited(1), good, "sh: no such file"))),
        ("no program", Some((exited(127), "", "sh: not found"))),
        ("too late", Some((End::TimedOut, good, ""))),
        ("lost", Some((End::Lost, half, ""))),
        ("killed", Some((End::Signalled(9), good, ""))),
        ("empty", Some((exited(0), "", ""))),
        ("cut", Some((exited(0), half, ""))),
        ("a banner", Some((exited(0), "Welcome to weka-01\n", ""))),
    ];
    for (what, answer) in answers {
        let mut records: Vec<_> = others
            .iter()
            .map(|(key, text)| base.record(key, End::Exited(0), text, ""))
            .collect();
        records.extend(answer.map(|(end, out, err)| base.record(key, end, out, err)));
        let evidence = base
            .clone()
            .server_answered("weka-01", Role::Backend, records);
        let result = evidence.judge_one(check, target);
        assert_eq!(result.outcome, Outcome::Unknown, "{what}: {result:#?}");
        assert!(result.remedy.is_none(), "{what}: {result:#?}");
    }
    let evidence = base
        .clone()
        .unreached("weka-01", Role::Backend, Step::Timeout, "10 s");
    let result = evidence.judge_one(check, target);
    assert_eq!(result.outcome, Outcome::Unknown, "{result:#?}");
}
