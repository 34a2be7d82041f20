//! Every rule of the gate, and both sides of every edge.

use jiff::{SignedDuration, ToSpan};
use rstest::rstest;

use super::*;
use crate::contract::{Outcome, Scope};
use crate::engine::Selection;
use crate::report::{Accepted, CheckResult, Counts, TextOptions, sample};
use crate::server::Role;

const GUID: &str = "0b5c3a52-6a4c-4c0e-9d53-2f1e7c1f9a10";

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn version(text: &str) -> Version {
    text.parse().expect("a release")
}

/// Ten minutes after the sample report was begun, everything compared.
fn policy() -> Policy {
    Policy {
        cluster: Some(GUID.to_owned()),
        source: Some(version("4.4.21.2")),
        target: Some(version("4.4.33")),
        ..Policy::file(Seal::Intact, time("2026-07-20T02:10:00Z"))
    }
}

/// After its results were changed.
fn counted(mut report: Report) -> Report {
    report.verdict = Verdict::of(&report.results);
    report.counts = Counts::of(&report.results);
    report
}

fn with(mut report: Report, results: impl IntoIterator<Item = CheckResult>) -> Report {
    report.results.extend(results);
    counted(report)
}

fn accepted(result: CheckResult, until: Option<&str>) -> CheckResult {
    CheckResult {
        accepted: Some(Accepted {
            reason: "agreed with support, case 4711".to_owned(),
            author: Some("alice@weka-01".to_owned()),
            until: until.map(|day| day.parse().expect("a day")),
        }),
        ..result
    }
}

fn warning() -> CheckResult {
    CheckResult {
        remedy: Some(
            "Resolve them, or mute those that may stay:\n$ weka alerts mute NodeDisconnected 2h"
                .to_owned(),
        ),
        ..sample::result("health/x", "cluster", Outcome::Warn, "2 active alerts")
    }
}

fn kinds(decision: &Decision) -> Vec<ReasonKind> {
    decision.reasons.iter().map(|r| r.kind).collect()
}

/// What must hold of any decision.
#[track_caller]
fn sound(decision: &Decision) {
    for reason in &decision.reasons {
        assert!(!reason.text.is_empty(), "{reason:?}");
        let closes = reason.effect <= Effect::Warns;
        assert!(!closes || reason.next.is_some(), "no way out: {reason:?}");
    }
    assert!(decision.reasons.is_sorted_by_key(|r| r.effect));
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let value: serde_json::Value = serde_json::from_str(&json(decision)).expect("JSON");
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let read: Decision = serde_json::from_value(value).expect("it reads back");
    assert_eq!(read, *decision);
    assert_eq!(line(decision).lines().count(), 1);
    assert_eq!(
        text(decision, &TextOptions::default()).lines().next(),
        Some(line(decision).as_str())
    );
}

#[test]
fn all_green_opens_it() {
    let decision = decide(&sample::green(), &policy());
    sound(&decision);
    assert_eq!(decision.gate, State::Open);
    assert_eq!(decision.exit_code, 0);
    assert!(decision.is_open());
    assert_eq!(decision.reasons, []);
    assert!(!decision.rehearsal);
    assert_eq!(decision.report.age_s, Some(600));
}

#[test]
fn a_report_that_was_just_made_needs_no_digest() {
    let policy = Policy {
        origin: Origin::Live,
        ..policy()
    };
    assert!(decide(&sample::green(), &policy).is_open());
}

/// The way to a release that runs already can't be green. It counts no more
/// where only clients are to follow, and everything else does.
#[test]
fn clients_follow_to_the_release_that_runs() {
    let judged = |check| sample::result(check, "cluster", Outcome::Fail, "it runs already");
    let mut report = sample::green();
    report.target_version = version("4.4.21.2");
    report.path = Vec::new();
    let way = |r: &CheckResult| r.check.starts_with("version/");
    report.results.retain(|r| !way(r));
    let report = with(
        report,
        [judged("version/direction"), judged("version/path")],
    );
    let runs = Policy {
        origin: Origin::Live,
        target: Some(version("4.4.21.2")),
        ..policy()
    };
    let follow = Policy {
        clients_follow: true,
        ..runs.clone()
    };
    let decision = decide(&report, &runs);
    sound(&decision);
    assert_eq!(decision.gate, State::Closed);
    let decision = decide(&report, &follow);
    sound(&decision);
    assert_eq!(decision.gate, State::Open);
    assert_eq!(kinds(&decision), [ReasonKind::ClientsFollow]);

    let red = with(report, [judged("health/x")]);
    let decision = decide(&red, &follow);
    assert_eq!(decision.gate, State::Closed);
    assert_eq!(
        kinds(&decision),
        [ReasonKind::Fail, ReasonKind::ClientsFollow]
    );

    // Where the backends don't run it, the way counts as ever.
    let mut ahead = sample::green();
    ahead.results.retain(|r| !way(r));
    let ahead = with(ahead, [judged("version/path")]);
    let policy = Policy {
        target: Some(version("4.4.33")),
        ..follow
    };
    assert_eq!(decide(&ahead, &policy).gate, State::Closed);
}

type Change = fn(&mut Report, &mut Policy);

/// Each rule alone closes the gate, with the exit status of its kind.
#[rstest]
#[case::altered(ReasonKind::Altered, 2, |_: &mut Report, p: &mut Policy| p.origin = Origin::File(Seal::Altered))]
#[case::no_digest(ReasonKind::NoDigest, 3, |_: &mut Report, p: &mut Policy| p.origin = Origin::File(Seal::Missing))]
#[case::simulated(ReasonKind::Simulated, 2, |r: &mut Report, _: &mut Policy| r.run.source = SourceKind::Simulator)]
#[case::not_simulated(ReasonKind::NotSimulated, 2, |_: &mut Report, p: &mut Policy| p.rehearsal = true)]
#[case::replayed(ReasonKind::Replayed, 2, |r: &mut Report, _: &mut Policy| r.run.source = SourceKind::Bundle)]
#[case::replayed_for_a_rehearsal(ReasonKind::Replayed, 2, |r: &mut Report, p: &mut Policy| {
    r.run.source = SourceKind::Bundle;
    p.rehearsal = true;
})]
#[case::greener_verdict_than_results(ReasonKind::Contradiction, 2, |r: &mut Report, _: &mut Policy| r.verdict = Verdict::Yellow)]
#[case::wrong_counts(ReasonKind::Contradiction, 2, |r: &mut Report, _: &mut Policy| r.counts.pass += 1)]
#[case::two_results_for_one_target(ReasonKind::Contradiction, 2, |r: &mut Report, _: &mut Policy| {
    let again = r.results[0].clone();
    *r = with(r.clone(), [again]);
})]
#[case::a_result_of_no_server(ReasonKind::Contradiction, 2, |r: &mut Report, _: &mut Policy| {
    *r = with(r.clone(), [sample::result("server/clock", "weka-09", Outcome::Pass, "good")]);
})]
#[case::another_cluster(ReasonKind::AnotherCluster, 2, |_: &mut Report, p: &mut Policy| p.cluster = Some("1b5c3a52-6a4c-4c0e-9d53-2f1e7c1f9a10".to_owned()))]
#[case::the_clusters_name(ReasonKind::AnotherCluster, 2, |_: &mut Report, p: &mut Policy| p.cluster = Some("lab-a".to_owned()))]
#[case::no_guid(ReasonKind::ClusterUnknown, 3, |r: &mut Report, _: &mut Policy| r.cluster.guid = None)]
#[case::no_guid_and_none_asked_for(ReasonKind::ClusterUnknown, 3, |r: &mut Report, p: &mut Policy| {
    r.cluster.guid = None;
    p.cluster = None;
})]
#[case::upgraded_since(ReasonKind::SourceChanged, 2, |_: &mut Report, p: &mut Policy| p.source = Some(version("4.4.33")))]
#[case::another_target(ReasonKind::AnotherTarget, 2, |_: &mut Report, p: &mut Policy| p.target = Some(version("4.4.34")))]
#[case::no_path(ReasonKind::NoPath, 2, |r: &mut Report, _: &mut Policy| r.path.clear())]
#[case::path_from_elsewhere(ReasonKind::NoPath, 2, |r: &mut Report, _: &mut Policy| r.path[0] = version("4.3.1"))]
#[case::path_to_elsewhere(ReasonKind::NoPath, 2, |r: &mut Report, _: &mut Policy| r.path[1] = version("4.4.34"))]
#[case::no_coverage(ReasonKind::CoverageUnknown, 3, |r: &mut Report, _: &mut Policy| r.run.coverage = None)]
#[case::interrupted(ReasonKind::Interrupted, 3, |r: &mut Report, _: &mut Policy| coverage(r).interrupted = true)]
#[case::cluster_only(ReasonKind::Partial, 3, |r: &mut Report, _: &mut Policy| coverage(r).selection.cluster_only = true)]
#[case::some_backends(ReasonKind::Partial, 3, |r: &mut Report, _: &mut Policy| coverage(r).selection.backends = vec!["weka-01".to_owned()])]
#[case::some_checks(ReasonKind::Partial, 3, |r: &mut Report, _: &mut Policy| coverage(r).selection.select = vec!["health/*".to_owned()])]
#[case::all_checks_but_one(ReasonKind::Partial, 3, |r: &mut Report, _: &mut Policy| coverage(r).selection.skip = vec!["tasks/other".to_owned()])]
#[case::backends_not_told(ReasonKind::BackendsUnknown, 3, |r: &mut Report, _: &mut Policy| coverage(r).backends = None)]
#[case::no_backends(ReasonKind::BackendsUnknown, 3, |r: &mut Report, _: &mut Policy| coverage(r).backends = Some(0))]
#[case::one_backend_more(ReasonKind::BackendsMissing, 3, |r: &mut Report, _: &mut Policy| coverage(r).backends = Some(4))]
#[case::a_client_is_no_backend(ReasonKind::BackendsMissing, 3, |r: &mut Report, _: &mut Policy| {
    r.servers[2].role = Role::Client;
    for result in r.results.iter_mut().filter(|r| r.target == "weka-03") {
        result.scope = Scope::Client;
    }
})]
#[case::a_backend_not_reached(ReasonKind::ServerNotReached, 3, |r: &mut Report, _: &mut Policy| r.servers[1].reached = false)]
#[case::a_backend_without_one_result(ReasonKind::ResultsMissing, 3, |r: &mut Report, _: &mut Policy| {
    r.results.retain(|r| (r.check.as_str(), r.target.as_str()) != ("server/clock", "weka-02"));
    *r = counted(r.clone());
})]
#[case::no_check_on_the_cluster(ReasonKind::NothingChecked, 3, |r: &mut Report, _: &mut Policy| {
    r.results.retain(|r| r.scope != Scope::Cluster);
    *r = counted(r.clone());
})]
#[case::no_check_on_the_backends(ReasonKind::NothingChecked, 3, |r: &mut Report, _: &mut Policy| {
    r.results.retain(|r| r.scope == Scope::Cluster);
    *r = counted(r.clone());
})]
#[case::nothing_at_all(ReasonKind::NothingChecked, 3, |r: &mut Report, _: &mut Policy| {
    r.results.clear();
    *r = counted(r.clone());
})]
#[case::nothing_applied(ReasonKind::NothingChecked, 3, |r: &mut Report, _: &mut Policy| {
    for result in &mut r.results {
        result.outcome = Outcome::Skipped;
    }
    *r = counted(r.clone());
})]
#[case::red(ReasonKind::Fail, 2, |r: &mut Report, _: &mut Policy| add(r, "cluster", Outcome::Fail))]
#[case::red_about_a_client(ReasonKind::Fail, 2, |r: &mut Report, _: &mut Policy| add(r, "client-1", Outcome::Fail))]
#[case::unknown(ReasonKind::Unknown, 3, |r: &mut Report, _: &mut Policy| add(r, "cluster", Outcome::Unknown))]
#[case::yellow(ReasonKind::Warn, 1, |r: &mut Report, _: &mut Policy| add(r, "cluster", Outcome::Warn))]
#[case::yellow_about_a_client(ReasonKind::Warn, 1, |r: &mut Report, _: &mut Policy| add(r, "client-1", Outcome::Warn))]
#[case::unknown_about_a_client(ReasonKind::ClientUnknown, 1, |r: &mut Report, _: &mut Policy| add(r, "client-1", Outcome::Unknown))]
fn each_rule_alone_closes_it(
    #[case] kind: ReasonKind,
    #[case] exit_code: u8,
    #[case] change: Change,
) {
    let (mut report, mut policy) = (sample::green(), policy());
    change(&mut report, &mut policy);
    let decision = decide(&report, &policy);
    sound(&decision);
    let closing: Vec<_> = decision
        .reasons
        .iter()
        .filter(|r| r.effect <= Effect::Warns)
        .map(|r| r.kind)
        .collect();
    assert_eq!(closing, [kind], "{:#?}", decision.reasons);
    assert_eq!(decision.exit_code, exit_code);
    let state = match exit_code {
        3 => State::Unverified,
        _ => State::Closed,
    };
    assert_eq!(decision.gate, state);
    assert_eq!(decision.closed_by_warnings(), exit_code == 1);
}

fn coverage(report: &mut Report) -> &mut crate::report::Coverage {
    report.run.coverage.as_mut().expect("the sample tells")
}

fn add(report: &mut Report, target: &str, outcome: Outcome) {
    if target.starts_with("client") {
        let mut client = sample::server(9);
        client.name = target.to_owned();
        client.role = Role::Client;
        report.servers.push(client);
    }
    let result = sample::result("health/x", target, outcome, "so it is");
    *report = with(report.clone(), [result]);
}

/// What does not close it.
#[rstest]
#[case::nothing(|_: &mut Report, _: &mut Policy| {})]
#[case::guid_in_capitals(|_: &mut Report, p: &mut Policy| p.cluster = Some(format!(" {} ", GUID.to_uppercase())))]
#[case::release_written_longer(|_: &mut Report, p: &mut Policy| p.target = Some(version("4.4.33.0")))]
#[case::nothing_to_compare(|_: &mut Report, p: &mut Policy| {
    p.cluster = None;
    p.source = None;
    p.target = None;
})]
#[case::clients_too(|r: &mut Report, _: &mut Policy| coverage(r).selection = Selection { clients: true, ..Selection::default() })]
#[case::two_hops(|r: &mut Report, _: &mut Policy| r.path.insert(1, version("4.4.30")))]
#[case::a_client_not_reached(|r: &mut Report, _: &mut Policy| {
    add(r, "client-1", Outcome::Pass);
    r.servers[3].reached = false;
})]
#[case::a_rehearsal(|r: &mut Report, p: &mut Policy| {
    r.run.source = SourceKind::Simulator;
    p.rehearsal = true;
})]
#[case::a_rehearsal_a_year_later(|r: &mut Report, p: &mut Policy| {
    r.run.source = SourceKind::Simulator;
    p.rehearsal = true;
    p.now = time("2027-07-20T02:00:00Z");
})]
#[case::a_rehearsal_before_its_time(|r: &mut Report, p: &mut Policy| {
    r.run.source = SourceKind::Simulator;
    p.rehearsal = true;
    p.now = time("2025-07-20T02:00:00Z");
})]
fn what_does_not_close_it(#[case] change: Change) {
    let (mut report, mut policy) = (sample::green(), policy());
    change(&mut report, &mut policy);
    let decision = decide(&report, &policy);
    sound(&decision);
    assert!(decision.is_open(), "{:#?}", decision.reasons);
    assert_eq!(
        decision.rehearsal,
        report.run.source == SourceKind::Simulator
    );
}

#[test]
fn what_was_not_compared_is_told() {
    let policy = Policy::file(Seal::Intact, policy().now);
    let decision = decide(&sample::green(), &policy);
    assert_eq!(kinds(&decision), [ReasonKind::NotCompared; 3]);
    let options: Vec<_> = decision
        .reasons
        .iter()
        .filter_map(|r| r.next.as_deref())
        .collect();
    assert_eq!(
        options,
        [
            "Give `--cluster GUID`.",
            "Give `--source-version V`.",
            "Give `--target-version V`."
        ]
    );
}

/// Seconds from the sample's begin to now; the run took 4.25 s.
#[rstest]
#[case::at_its_end(4, None)]
#[case::a_minute_before_its_end(-55, None)]
#[case::more_than_a_minute_before_its_end(-56, Some(ReasonKind::FromTheFuture))]
#[case::a_day_before(-86_400, Some(ReasonKind::FromTheFuture))]
#[case::exactly_a_day_old(86_400, None)]
#[case::a_second_older(86_401, Some(ReasonKind::TooOld))]
#[case::a_year_old(31_536_000, Some(ReasonKind::TooOld))]
fn its_age(#[case] seconds: i64, #[case] expected: Option<ReasonKind>) {
    let report = sample::green();
    let policy = Policy {
        now: report.run.started_at + SignedDuration::from_secs(seconds),
        ..policy()
    };
    let decision = decide(&report, &policy);
    sound(&decision);
    assert_eq!(kinds(&decision), expected.into_iter().collect::<Vec<_>>());
    assert_eq!(decision.report.age_s, Some(seconds));
    assert_eq!(decision.exit_code, if expected.is_some() { 2 } else { 0 });
}

#[test]
fn the_edges_of_its_age_to_the_nanosecond() {
    let report = sample::green();
    let decided = |now: Timestamp, max_age| {
        let policy = Policy {
            now,
            max_age,
            ..policy()
        };
        kinds(&decide(&report, &policy))
    };
    let nano = 1.nanosecond();
    let hour = SignedDuration::from_hours(1);
    let oldest = report.run.started_at + hour;
    assert_eq!(decided(oldest, hour), []);
    assert_eq!(decided(oldest + nano, hour), [ReasonKind::TooOld]);
    let earliest = report.run.finished_at - SKEW;
    assert_eq!(decided(earliest, hour), []);
    assert_eq!(decided(earliest - nano, hour), [ReasonKind::FromTheFuture]);
}

#[rstest]
#[case::a_run_that_took_no_time("2026-07-20T02:00:00Z", None)]
#[case::it_ended_before_it_began(
    "2026-07-20T01:59:59.999999999Z",
    Some(ReasonKind::ClockBackwards)
)]
fn a_clock_that_went_backwards(#[case] finished: &str, #[case] expected: Option<ReasonKind>) {
    for rehearsal in [false, true] {
        let mut report = sample::green();
        report.run.finished_at = time(finished);
        let mut policy = policy();
        if rehearsal {
            report.run.source = SourceKind::Simulator;
            policy.rehearsal = true;
        }
        let decision = decide(&report, &policy);
        sound(&decision);
        let blocking: Vec<_> = decision
            .reasons_that(Effect::Blocks)
            .map(|r| r.kind)
            .collect();
        assert_eq!(blocking, expected.into_iter().collect::<Vec<_>>());
    }
}

/// `until` is the last day on which an acceptance counts, in UTC.
#[rstest]
#[case::no_end(None, "2031-01-01T00:00:00Z", true)]
#[case::its_last_moment(Some("2026-07-20"), "2026-07-20T23:59:59.999Z", true)]
#[case::the_next_day(Some("2026-07-20"), "2026-07-21T00:00:00Z", false)]
#[case::long_over(Some("2025-01-01"), "2026-07-20T02:10:00Z", false)]
fn an_acceptance_counts_until(
    #[case] until: Option<&str>,
    #[case] now: &str,
    #[case] counts: bool,
) {
    let report = with(sample::green(), [accepted(warning(), until)]);
    let policy = Policy {
        now: time(now),
        max_age: SignedDuration::from_hours(24 * 365 * 10),
        ..policy()
    };
    let decision = decide(&report, &policy);
    sound(&decision);
    let (kind, exit_code) = match counts {
        true => (ReasonKind::Accepted, 0),
        false => (ReasonKind::AcceptanceExpired, 1),
    };
    assert_eq!(kinds(&decision), [kind]);
    assert_eq!(decision.exit_code, exit_code);
    assert!(
        decision.reasons[0].text.contains("agreed with support"),
        "{:?}",
        decision.reasons
    );
}

/// Every set of outcomes, against the rule in one line each.
#[test]
fn all_combinations_of_outcomes() {
    let of = |bit: usize, target: &str, outcome| {
        let mut result = sample::result(&format!("x/c{bit}"), target, outcome, "so it is");
        if bit >= 4 {
            result = accepted(result, None);
        }
        result
    };
    let all = [
        of(0, "cluster", Outcome::Fail),
        of(1, "cluster", Outcome::Unknown),
        of(2, "cluster", Outcome::Warn),
        of(3, "client-1", Outcome::Unknown),
        // Accepted, by hand where that can't be.
        of(4, "cluster", Outcome::Fail),
        of(5, "cluster", Outcome::Unknown),
        of(6, "cluster", Outcome::Warn),
        of(7, "client-1", Outcome::Unknown),
        of(8, "cluster", Outcome::Skipped),
    ];
    for set in 0..1_usize << all.len() {
        let has = |bit: usize| set & (1 << bit) != 0;
        let mut report = sample::green();
        add(&mut report, "client-1", Outcome::Pass);
        let chosen = all
            .iter()
            .enumerate()
            .filter(|(bit, _)| has(*bit))
            .map(|(_, r)| r.clone());
        let decision = decide(&with(report, chosen), &policy());
        let expected = if has(0) || has(4) {
            (State::Closed, 2)
        } else if has(1) || has(5) {
            (State::Unverified, 3)
        } else if has(2) || has(3) {
            (State::Closed, 1)
        } else {
            (State::Open, 0)
        };
        assert_eq!((decision.gate, decision.exit_code), expected, "{set:b}");
    }
}

#[test]
fn what_a_server_costs_is_one_reason() {
    let decision = decide(&sample::unreached(), &policy());
    sound(&decision);
    let lost: Vec<_> = decision
        .reasons
        .iter()
        .filter(|r| r.kind == ReasonKind::ServerNotReached)
        .flat_map(|r| r.targets.iter().map(String::as_str))
        .collect();
    assert_eq!(lost, ["weka-02", "weka-03", "weka-04", "weka-05"]);
    assert!(decision.reasons.len() < 8, "{:#?}", decision.reasons);
    assert_eq!(decision.gate, State::Unverified);
}

fn shown(report: &Report, policy: &Policy) -> String {
    text(&decide(report, policy), &TextOptions::default())
}

#[test]
fn text_open() {
    insta::assert_snapshot!(shown(&sample::green(), &policy()));
}

#[test]
fn text_open_with_an_accepted_warning_and_nothing_compared() {
    let mut report = with(sample::green(), [warning()]);
    let given = |text| Acceptance::parse(text, "alice@weka-01").expect("an acceptance");
    accept(
        &mut report,
        &[
            given("health/x=agreed with support"),
            given("server/clock@weka-02=why not"),
        ],
    );
    insta::assert_snapshot!(shown(&report, &Policy::file(Seal::Intact, policy().now)));
}

#[test]
fn text_closed() {
    let mut report = sample::mixed();
    add(&mut report, "client-1", Outcome::Pass);
    insta::assert_snapshot!(shown(&report, &policy()));
}

#[test]
fn text_closed_by_warnings() {
    let mut expired = accepted(warning(), Some("2026-07-19"));
    expired.check = "health/y".to_owned();
    let mut report = sample::green();
    add(&mut report, "client-1", Outcome::Unknown);
    report.results.pop();
    let client = sample::result(
        "client/mount",
        "client-1",
        Outcome::Unknown,
        "`host:mounts` on client-1: exit status 1: no df",
    );
    insta::assert_snapshot!(shown(
        &with(report, [warning(), expired, client]),
        &policy()
    ));
}

#[test]
fn text_not_verified() {
    insta::assert_snapshot!(shown(&sample::unreached(), &policy()));
}

#[test]
fn text_refused() {
    let mut report = sample::green();
    report.run.coverage = None;
    report.path.clear();
    let policy = Policy {
        cluster: Some("lab-a".to_owned()),
        source: Some(version("4.4.30")),
        target: Some(version("5.1.25")),
        ..Policy::file(Seal::Altered, time("2026-07-22T05:03:00Z"))
    };
    insta::assert_snapshot!(shown(&report, &policy));
}

#[test]
fn text_from_the_future_and_partial() {
    let mut report = sample::green();
    let chosen = coverage(&mut report);
    chosen.interrupted = true;
    chosen.selection.backends = vec!["weka-01".to_owned(), "weka-02".to_owned()];
    chosen.selection.skip = vec!["tasks/*".to_owned()];
    let policy = Policy {
        now: time("2026-07-20T01:00:00Z"),
        ..policy()
    };
    insta::assert_snapshot!(shown(&report, &policy));
}

#[test]
fn text_rehearsal() {
    let mut report = sample::green();
    report.run.source = SourceKind::Simulator;
    let refused = shown(&report, &policy());
    let rehearsal = Policy {
        rehearsal: true,
        ..policy()
    };
    insta::assert_snapshot!(format!("{}\n=====\n{refused}", shown(&report, &rehearsal)));
}

#[test]
fn text_of_hundreds_of_servers_stays_short() {
    let text = shown(&sample::many(), &policy());
    assert!(text.lines().count() < 60, "{text}");
}

#[test]
fn nothing_in_a_report_does_harm_to_a_terminal() {
    let mut report = sample::nasty();
    report.acceptances.clear();
    accept(
        &mut report,
        &[Acceptance::parse("a\x1b[2Jb@\x1b[31m=\u{202e}", "\x07me").expect("an acceptance")],
    );
    let decision = decide(&report, &Policy::file(Seal::Intact, policy().now));
    for text in [
        text(&decision, &TextOptions::default()),
        line(&decision),
        json(&decision),
    ] {
        for c in text.chars() {
            let safe = c == '\n' || crate::report::printable(&c.to_string()) == c.to_string();
            assert!(safe, "{c:?} in {text}");
        }
    }
}

#[test]
fn the_json() {
    let report = with(sample::green(), [warning()]);
    insta::assert_snapshot!(json(&decide(&report, &policy())));
}

// Acceptances.

fn acceptance(text: &str) -> Acceptance {
    Acceptance::parse(text, "alice@weka-01").expect("an acceptance")
}

#[rstest]
#[case("health/alerts=agreed", "health/alerts", None, "agreed")]
#[case(
    " health/alerts = agreed with support ",
    "health/alerts",
    None,
    "agreed with support"
)]
#[case("server/numa@weka-02=a=b", "server/numa", Some("weka-02"), "a=b")]
#[case(
    "server/numa@weka-02@10.0.0.12=two of one name",
    "server/numa",
    Some("weka-02@10.0.0.12"),
    "two of one name"
)]
#[case("a/b=see mail of x@y", "a/b", None, "see mail of x@y")]
fn reads(
    #[case] text: &str,
    #[case] check: &str,
    #[case] server: Option<&str>,
    #[case] reason: &str,
) {
    let read = acceptance(text);
    assert_eq!(read.check, check);
    assert_eq!(read.server.as_deref(), server);
    assert_eq!(read.reason, reason);
    assert_eq!(read.author, "alice@weka-01");
    assert_eq!(read.until, None);
}

#[rstest]
#[case::no_reason("health/alerts")]
#[case::empty_reason("health/alerts=")]
#[case::blank_reason("health/alerts@weka-01=  ")]
#[case::no_check("=because")]
#[case::no_check_but_a_server("@weka-01=because")]
#[case::no_server("health/alerts@=because")]
#[case::nothing("")]
fn refuses(#[case] text: &str) {
    let error = Acceptance::parse(text, "me")
        .expect_err("refused")
        .to_string();
    assert!(error.contains("ID@SERVER=REASON"), "{error}");
}

#[test]
fn no_secret_gets_into_a_reason() {
    let read = acceptance("a/b=see https://bob:hunter2@wiki/4711");
    assert!(!read.reason.contains("hunter2"), "{}", read.reason);
}

/// Three servers; yellow on two, red on one, green in the rest.
fn mixed() -> Report {
    let mut report = sample::green();
    for (n, outcome) in [(1, Outcome::Warn), (2, Outcome::Warn), (3, Outcome::Fail)] {
        let name = format!("weka-{n:02}");
        report
            .results
            .push(sample::result("server/x", &name, outcome, "so it is"));
    }
    report.results.push(sample::result(
        "health/u",
        "cluster",
        Outcome::Unknown,
        "so it is",
    ));
    with(report, [warning()])
}

use crate::report::AcceptanceEffect as Came;

#[rstest]
#[case::the_cluster("health/x=r", Came::Accepts, 1)]
#[case::the_cluster_by_name("health/x@cluster=r", Came::Accepts, 1)]
#[case::every_yellow_one("server/x=r", Came::Accepts, 2)]
#[case::one_server("server/x@weka-02=r", Came::Accepts, 1)]
#[case::by_address("server/x@10.0.0.2=r", Came::Accepts, 1)]
#[case::in_capitals("server/x@WEKA-02=r", Came::Accepts, 1)]
#[case::red("server/x@weka-03=r", Came::NotAcceptable, 0)]
#[case::unknown("health/u=r", Came::NotAcceptable, 0)]
#[case::green("server/clock=r", Came::NotNeeded, 0)]
#[case::skipped("nfs/legacy=r", Came::NotNeeded, 0)]
#[case::no_such_server("server/x@weka-09=r", Came::NoSuchServer, 0)]
#[case::not_run("tasks/other=r", Came::NotAsked, 0)]
#[case::not_of_servers("health/x@weka-01=r", Came::NotAsked, 0)]
#[case::a_pattern_is_no_name("server/*=r", Came::NotAsked, 0)]
fn accepts(#[case] text: &str, #[case] effect: Came, #[case] results: usize) {
    let before = mixed();
    let mut report = before.clone();
    accept(&mut report, &[acceptance(text)]);
    let [given] = &report.acceptances[..] else {
        panic!("{:?}", report.acceptances);
    };
    assert_eq!(
        (given.effect, given.results),
        (effect, results),
        "{}",
        given.note
    );
    assert_eq!(
        report
            .results
            .iter()
            .filter(|r| r.accepted.is_some())
            .count(),
        results
    );
    assert_eq!(report.sealed(), Seal::Intact);
    // Yellow stays yellow.
    assert_eq!(
        (report.verdict, report.counts),
        (before.verdict, before.counts)
    );
    let outcomes =
        |report: &Report| -> Vec<_> { report.results.iter().map(|r| r.outcome).collect() };
    assert_eq!(outcomes(&report), outcomes(&before));
    for accepted in report.results.iter().filter_map(|r| r.accepted.as_ref()) {
        assert_eq!(accepted.reason, "r");
        assert_eq!(accepted.author.as_deref(), Some("alice@weka-01"));
    }
}

#[rstest]
#[case::last_day("2026-07-20", Came::Accepts)]
#[case::the_day_after("2026-07-19", Came::Expired)]
fn expires(#[case] until: &str, #[case] effect: Came) {
    let mut report = mixed();
    let given = Acceptance {
        until: Some(until.parse().expect("a day")),
        ..acceptance("health/x=r")
    };
    accept(&mut report, &[given]);
    assert_eq!(report.acceptances[0].effect, effect);
    assert!(
        report.acceptances[0].note.contains(until),
        "{:?}",
        report.acceptances
    );
}

#[test]
fn a_client_that_is_unknown_can_be_accepted() {
    let mut report = sample::green();
    add(&mut report, "client-1", Outcome::Unknown);
    accept(&mut report, &[acceptance("health/x@client-1=r")]);
    assert_eq!(report.acceptances[0].effect, Came::Accepts);
    assert!(decide(&report, &policy()).is_open());
}

#[test]
fn the_first_of_several_counts() {
    let mut report = mixed();
    let expired = Acceptance {
        until: Some("2026-01-01".parse().expect("a day")),
        ..acceptance("server/x=expired")
    };
    accept(
        &mut report,
        &[
            expired,
            acceptance("server/x@weka-02=special"),
            acceptance("server/x=all"),
            acceptance("server/x=again"),
        ],
    );
    let came: Vec<_> = report
        .acceptances
        .iter()
        .map(|a| (a.effect, a.results))
        .collect();
    assert_eq!(
        came,
        [
            (Came::Expired, 0),
            (Came::Accepts, 1),
            (Came::Accepts, 1),
            (Came::NotNeeded, 0)
        ]
    );
    insta::assert_snapshot!(
        told(&report)
            .iter()
            .map(|(counts, note)| format!("{counts}: {note}"))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn what_is_told_of_acceptances() {
    let mut report = mixed();
    let all: Vec<_> = [
        "health/x=agreed",
        "server/x@weka-03=r",
        "health/u=r",
        "server/clock=r",
        "server/x@weka-09=r",
        "tasks/other=r",
    ]
    .map(acceptance)
    .into();
    accept(&mut report, &all);
    insta::assert_snapshot!(
        told(&report)
            .iter()
            .map(|(counts, note)| format!("{counts}: {note}"))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn the_report_shows_who_accepted_what_and_what_does_not_count() {
    let mut report = counted({
        let mut report = mixed();
        report
            .results
            .retain(|r| !matches!(r.outcome, Outcome::Fail | Outcome::Unknown));
        report
    });
    let until = Acceptance {
        until: Some("2026-12-01".parse().expect("a day")),
        ..acceptance("server/x@weka-02=agreed with support, case 4711")
    };
    accept(
        &mut report,
        &[
            until,
            acceptance("health/x=known noise"),
            acceptance("server/clock=r"),
        ],
    );
    insta::assert_snapshot!(crate::report::text(
        &report,
        &sample::title,
        &TextOptions::default()
    ));
}
