use checker_core::contract::Scope;
use checker_core::facts::clock::Clock;
use checker_core::facts::{Fleet, This};
use checker_core::{Context, Judgement, check};
use jiff::SignedDuration;

check! {
    /// The server's clock agrees with the cluster's.
    ///
    /// ## What it looks at
    /// `date` on every server, against the middle (median) of the backends'
    /// clocks. The time that question and answer took is taken off, and half of
    /// it stays as the measuring error. With an even number of backends there
    /// are two middle clocks, and the one farther off counts: when half the
    /// backends disagree with the other half, nobody can tell which half is
    /// right. A backend that is alone is set against the machine that the check
    /// runs on, which can show that it is right, but not that it is wrong.
    ///
    /// ## Why it matters
    /// The cluster allows its members 60 seconds. Their logs can only be laid
    /// side by side when their clocks agree far better than that.
    ///
    /// ## If ignored
    /// A container that restarts on this server in the upgrade may not be let
    /// back into the cluster.
    ///
    /// ## How to fix
    /// `chronyc tracking` (or `timedatectl timesync-status`) shows what the
    /// server follows, `chronyc sources -v` whether it is reached. Give all
    /// servers the same sources, `systemctl enable --now chronyd`, and let the
    /// clock be set with `chronyc makestep`.
    pub CLOCK {
        id: "server/clock",
        scope: [Backend, Client],
        when: "all",
        levels: [Warn, Fail],
        sources: ["Status field allowed_clock_skew_secs (60)", "Public upgrade checker: time", "rules I8"],
        needs: [This<'_>, &Clock, Fleet<'_, Clock>],
        judge: judge,
    }
}

/// What the cluster allows.
const ALLOWED: SignedDuration = SignedDuration::from_secs(60);
/// From here on it is worth a look.
const NOTICED: SignedDuration = SignedDuration::from_secs(5);
/// A measuring error up to here is a good measurement: what lies that close to
/// a limit is yellow at 60 seconds, and goes by the best guess at 5. With a
/// larger error it is not known.
const SHARP: SignedDuration = SignedDuration::from_secs(1);

fn judge(
    _: &Context<'_>,
    This(server): This<'_>,
    own: &Clock,
    fleet: Fleet<'_, Clock>,
) -> Judgement {
    let backends: Vec<&Clock> = fleet
        .known()
        .filter(|(other, _)| other.role.scope() == Scope::Backend)
        .map(|(_, clock)| clock)
        .collect();
    let alone = match backends.as_slice() {
        [] => true,
        [only] => server.role.scope() == Scope::Backend && std::ptr::eq(*only, own),
        _ => false,
    };
    if alone {
        return against_this_machine(own);
    }
    let (off, error) = farthest(own, &middle(backends.clone()));
    let measured = format!(
        "{} the middle of {} clocks{}",
        off_by(off),
        backends.len(),
        plus_minus(error)
    );
    let distance = off.abs();
    let (least, most) = (distance - error, distance + error);
    // Red only what is past the limit however wrong the measurement is.
    if least > ALLOWED {
        Judgement::fail(
            format!("{measured}; {} s are allowed", ALLOWED.as_secs()),
            "`chronyc tracking` and `chronyc sources -v` on this server show what its clock follows; give all servers \
             the same sources, `systemctl enable --now chronyd`, then `chronyc makestep`.",
        )
    } else if most > ALLOWED && error > SHARP {
        too_slow(&measured)
    } else if distance > NOTICED {
        Judgement::warn(
            measured,
            "`chronyc tracking` and `chronyc sources -v` on this server show what its clock follows; \
             `chronyc makestep` sets it.",
        )
    } else if most > NOTICED && error > SHARP {
        too_slow(&measured)
    } else {
        Judgement::pass(measured)
    }
}

/// The answer took so long that a limit lies inside the measuring error.
fn too_slow(measured: &str) -> Judgement {
    Judgement::unknown(format!(
        "{measured}: the answer took too long to say more, check this server again"
    ))
}

/// There is no other clock of the cluster. That of the machine that asked is
/// none, so that a difference could be the fault of either.
fn against_this_machine(own: &Clock) -> Judgement {
    let measured = format!(
        "{} the clock of the machine that checks{}; no other backend to compare with",
        off_by(own.offset),
        plus_minus(own.uncertainty)
    );
    if own.offset.abs() + own.uncertainty <= NOTICED {
        Judgement::pass(measured)
    } else {
        Judgement::unknown(format!("{measured}, so which one is wrong is open"))
    }
}

/// The clock in the middle: one, or two when their number is even.
fn middle(mut clocks: Vec<&Clock>) -> Vec<&Clock> {
    clocks.sort_by_key(|clock| clock.offset);
    let half = clocks.len() / 2;
    if clocks.len().is_multiple_of(2) {
        clocks[half - 1..=half].to_vec()
    } else {
        vec![clocks[half]]
    }
}

/// How far `own` is ahead of the one that it is farthest from, and how wrong
/// that can be.
fn farthest(own: &Clock, others: &[&Clock]) -> (SignedDuration, SignedDuration) {
    others
        .iter()
        .map(|other| {
            // A clock measured once against itself has no error.
            let error = if std::ptr::eq(*other, own) {
                SignedDuration::ZERO
            } else {
                own.uncertainty + other.uncertainty
            };
            (own.offset - other.offset, error)
        })
        .max_by_key(|(off, _)| off.abs())
        .unwrap_or((own.offset, own.uncertainty))
}

/// `61.00 s ahead of`.
fn off_by(off: SignedDuration) -> String {
    let seconds = off.abs().as_secs_f64();
    let way = if off.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    format!("{seconds:.2} s {way}")
}

fn plus_minus(error: SignedDuration) -> String {
    format!(" (± {:.2} s)", error.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use checker_core::Outcome;
    use checker_core::evidence::{End, RawRecord};
    use checker_core::report::CheckResult;
    use checker_core::server::{Role, Step};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use Outcome::{Fail, Pass, Unknown, Warn};

    /// A server that is this many milliseconds ahead, and answered after this many.
    fn answer(evidence: &Evidence, ahead_ms: i64, way_ms: u64) -> RawRecord {
        let mut record = evidence.record("host:clock", End::Exited(0), "", "");
        record.duration = Duration::from_millis(way_ms);
        let time = record.started_at
            + SignedDuration::from_millis(ahead_ms)
            + SignedDuration::try_from(record.duration / 2).expect("short");
        let text = format!("{}.{:09}\n", time.as_second(), time.subsec_nanosecond());
        record.stdout = text.into_bytes();
        record
    }

    fn with(evidence: Evidence, name: &str, role: Role, ahead_ms: i64, way_ms: u64) -> Evidence {
        let record = answer(&evidence, ahead_ms, way_ms);
        evidence.server_answered(name, role, vec![record])
    }

    /// Backends `weka-01`, `weka-02`, …, each this many milliseconds ahead.
    fn backends(ahead_ms: &[i64], way_ms: u64) -> Evidence {
        let mut evidence = Evidence::running("4.4.21.2");
        for (n, ahead) in ahead_ms.iter().enumerate() {
            let name = format!("weka-{:02}", n + 1);
            evidence = with(evidence, &name, Role::Backend, *ahead, way_ms);
        }
        evidence
    }

    fn judged(evidence: &Evidence) -> Vec<CheckResult> {
        evidence.judge(&CLOCK, "4.4.33")
    }

    fn outcomes(evidence: &Evidence) -> Vec<Outcome> {
        judged(evidence).iter().map(|r| r.outcome).collect()
    }

    #[rstest]
    #[case::all_agree(&[0, 0, 0], &[Pass, Pass, Pass])]
    #[case::five_seconds(&[0, 0, 5_000], &[Pass, Pass, Pass])]
    #[case::six_seconds(&[0, 0, 6_000], &[Pass, Pass, Warn])]
    #[case::five_and_a_bit(&[0, 0, 5_001], &[Pass, Pass, Warn])]
    #[case::sixty(&[0, 0, 60_000], &[Pass, Pass, Warn])]
    #[case::sixty_one(&[0, 0, 61_000], &[Pass, Pass, Fail])]
    #[case::past_sixty_by_less_than_the_error(&[0, 0, 60_030], &[Pass, Pass, Warn])]
    #[case::past_sixty_by_more(&[0, 0, 60_050], &[Pass, Pass, Fail])]
    #[case::behind(&[0, 0, -61_000], &[Pass, Pass, Fail])]
    #[case::all_far_from_the_machine_that_asked(&[500_000, 500_000, 500_000], &[Pass, Pass, Pass])]
    #[case::four_and_one_is_off(&[0, 0, 0, 61_000], &[Pass, Pass, Pass, Fail])]
    #[case::two_agree(&[0, 4_000], &[Pass, Pass])]
    #[case::two_at_sixty(&[0, 60_000], &[Warn, Warn])]
    #[case::two_at_sixty_one(&[0, 61_000], &[Fail, Fail])]
    #[case::half_against_half(&[0, 0, 70_000, 70_000], &[Fail, Fail, Fail, Fail])]
    fn limits(#[case] ahead: &[i64], #[case] expected: &[Outcome]) {
        let evidence = backends(ahead, 40);
        assert_eq!(outcomes(&evidence), expected, "{:?}", judged(&evidence));
    }

    /// field history R8: a slow way is no wrong clock.
    #[rstest]
    #[case::good_clock(0, 20_000, Unknown)]
    #[case::good_clock_a_little_slow(0, 4_000, Pass)]
    #[case::maybe_past_five(2_000, 8_000, Unknown)]
    #[case::surely_past_five(20_000, 8_000, Warn)]
    #[case::maybe_past_sixty(61_000, 8_000, Unknown)]
    #[case::just_below_sixty(58_000, 8_000, Unknown)]
    #[case::surely_past_sixty(70_000, 8_000, Fail)]
    fn the_way_is_taken_off(#[case] ahead: i64, #[case] way: u64, #[case] expected: Outcome) {
        let evidence = with(backends(&[0, 0], 40), "weka-03", Role::Backend, ahead, way);
        let results = judged(&evidence);
        assert_eq!(results[2].outcome, expected, "{results:?}");
        assert_eq!(results[0].outcome, Pass, "{results:?}");
    }

    #[rstest]
    #[case::good(0, Pass)]
    #[case::within_five(4_900, Pass)]
    #[case::six_seconds(6_000, Unknown)]
    #[case::far_off(61_000, Unknown)]
    fn alone(#[case] ahead: i64, #[case] expected: Outcome) {
        assert_eq!(outcomes(&backends(&[ahead], 40)), [expected]);
        let evidence =
            backends(&[ahead], 40).unreached("weka-02", Role::Backend, Step::Timeout, "10 s");
        assert_eq!(outcomes(&evidence), [expected, Unknown]);
    }

    #[rstest]
    #[case::agrees(0, Pass)]
    #[case::at_the_limit(60_000, Warn)]
    #[case::off(61_000, Fail)]
    fn a_client_is_set_against_the_backends(#[case] ahead: i64, #[case] expected: Outcome) {
        for others in [&[0][..], &[0, 0], &[0, 0, 0]] {
            let evidence = with(backends(others, 40), "client-9", Role::Client, ahead, 40);
            // Two more clients that are off do not make their time the right one.
            let evidence = with(evidence, "client-10", Role::Client, 90_000, 40);
            let evidence = with(evidence, "client-11", Role::Client, 90_000, 40);
            let results = judged(&evidence);
            let client = results.iter().find(|r| r.target == "client-9");
            assert_eq!(client.expect("judged").outcome, expected, "{results:?}");
        }
    }

    #[test]
    fn the_value_is_shown_and_the_way_to_mend_it() {
        let results = judged(&backends(&[0, 250, -61_000], 40));
        assert_eq!(
            results[1].summary,
            "0.25 s ahead of the middle of 3 clocks (± 0.04 s)"
        );
        assert_eq!(
            results[2].summary,
            "61.00 s behind the middle of 3 clocks (± 0.04 s); 60 s are allowed"
        );
        assert!(
            results[2]
                .remedy
                .as_deref()
                .expect("a remedy")
                .contains("`chronyc makestep`")
        );
    }

    #[rstest]
    #[case::busybox("1784512800.\n", Pass)]
    #[case::literal_n("1784512800.N\n", Pass)]
    #[case::no_time("date: bad format\n", Unknown)]
    #[case::nothing("", Unknown)]
    fn forms_of_date(#[case] stdout: &str, #[case] expected: Outcome) {
        let evidence = backends(&[0, 0], 40).at("2026-07-20T02:00:00Z");
        let mut record = evidence.record("host:clock", End::Exited(0), stdout, "");
        record.started_at = "2026-07-20T02:00:00Z".parse().expect("a time");
        let evidence = evidence.server_answered("weka-03", Role::Backend, vec![record]);
        let results = judged(&evidence);
        assert_eq!(results[2].outcome, expected, "{results:?}");
    }

    #[test]
    fn a_server_without_a_clock_costs_only_itself() {
        let evidence = backends(&[0, 0, 0], 40);
        let record = evidence.record("host:clock", End::TimedOut, "", "");
        let evidence = evidence.server_answered("weka-04", Role::Backend, vec![record]);
        assert_eq!(outcomes(&evidence), [Pass, Pass, Pass, Unknown]);
    }
}
