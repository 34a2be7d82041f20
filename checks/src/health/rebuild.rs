use checker_core::facts::rebuild::{Amount, Protection, Rebuild};
use checker_core::{Context, Judgement, check};

check! {
    /// All data is fully protected, and no rebuild runs.
    ///
    /// ## What it looks at
    /// `weka status rebuild -J`: how much data has lost copies
    /// (`protectionState`), how much is out of reach (`unavailableMiB`), and
    /// whether a rebuild or a redistribution is under way. The percentage alone
    /// proves nothing: it is 0 when no rebuild runs, and also when one has just
    /// begun or can't go on.
    ///
    /// ## Why it matters
    /// The upgrade takes containers down one after the other. Each time, the
    /// data on them must be held by others.
    ///
    /// ## If ignored
    /// A container that goes down for the upgrade takes away the last copy
    /// within reach: data is unavailable, or lost when a drive fails meanwhile.
    ///
    /// ## How to fix
    /// `weka status rebuild` shows how far it is; wait until it is done.
    /// `weka cluster drive` and `weka cluster container` show what failed. Data
    /// that is unavailable is a case for support, at once.
    pub REBUILD {
        id: "health/rebuild",
        scope: [Cluster],
        when: "all",
        levels: [Warn, Fail],
        sources: ["Upgrade guide: any rebuild must be complete", "rules G1-G5"],
        needs: [&Rebuild],
        judge: judge,
    }
}

const WAIT: &str = "Wait until `weka status rebuild` shows full protection; `weka cluster drive` and `weka cluster container` show what failed. Call support if it does not go on.";

fn judge(_: &Context<'_>, rebuild: &Rebuild) -> Judgement {
    let unprotected: Vec<&Protection> = rebuild.unprotected().collect();
    let unavailable = rebuild.unavailable.filter(Amount::any);
    let progress = rebuild.progress.unwrap_or(0.0);
    let lines = unprotected
        .iter()
        .map(|p| format!("{} have lost {}", amount(&p.amount), copies(p.failures)));
    if let Some(unavailable) = unavailable {
        return Judgement::fail(
            format!(
                "{} are unavailable: more copies are lost than the protection covers",
                amount(&unavailable)
            ),
            "Call support now, and do not restart anything. `weka status rebuild` and `weka alerts` show what is known.",
        )
        .details(lines);
    }
    if let Some(worst) = unprotected.first() {
        return Judgement::fail(
            format!(
                "data is not fully protected: {} have lost {}; the rebuild is at {progress} %",
                amount(&worst.amount),
                copies(worst.failures)
            ),
            WAIT,
        )
        .details(lines);
    }
    // Nothing bad was seen; whether the report is whole decides about green.
    if let Some(gap) = gap(rebuild) {
        return Judgement::unknown(gap);
    }
    let running = progress > 0.0 && progress < 100.0;
    if running && !rebuild.moving {
        return Judgement::fail(
            format!("a rebuild runs, at {progress} %, though all data is fully protected"),
            WAIT,
        );
    }
    // All copies are there while data moves, so this is not the rebuild that
    // the guide forbids; WEKA's own operator upgrades in this state (G5).
    if rebuild.moving {
        return Judgement::warn(
            format!(
                "data is being moved to other places, at {progress} %; all of it is fully protected"
            ),
            "Wait until `weka status` no longer says REDISTRIBUTING.",
        );
    }
    if rebuild.enough_failure_domains == Some(false) {
        return Judgement::warn(
            "all data is fully protected, but too few failure domains are active for a rebuild",
            "`weka cluster failure-domain` and `weka cluster container` show which are missing: bring them back.",
        );
    }
    Judgement::pass(format!(
        "{} fully protected, no rebuild runs",
        rebuild
            .protection
            .first()
            .map_or_else(|| "all data".to_owned(), |p| amount(&p.amount))
    ))
}

/// Why the report does not suffice for green.
fn gap(rebuild: &Rebuild) -> Option<String> {
    if rebuild.protection.is_empty() {
        return Some("the cluster does not report the protection of its data".to_owned());
    }
    // A share that rounds to 0 % is no proof that there is nothing.
    if rebuild.unavailable.is_none_or(|a| a.mib.is_none()) {
        return Some("the cluster does not report whether data is unavailable".to_owned());
    }
    if rebuild
        .protection
        .iter()
        .any(|p| p.failures > 0 && p.amount.mib.is_none())
    {
        return Some(
            "the cluster reports only a rounded share of the data that is not fully protected"
                .to_owned(),
        );
    }
    if rebuild.filled_in == Some(false) || !rebuild.counted() {
        return Some("the cluster's report of its data's protection is still empty".to_owned());
    }
    match (rebuild.buckets_reported, rebuild.buckets) {
        (Some(reported), Some(all)) if reported < all => Some(format!(
            "only {reported} of {all} buckets have reported the protection of their data"
        )),
        _ => None,
    }
}

fn copies(lost: u64) -> String {
    if lost == 1 {
        "1 copy".to_owned()
    } else {
        format!("{lost} copies")
    }
}

fn amount(amount: &Amount) -> String {
    match (amount.mib, amount.percent) {
        (Some(mib), Some(percent)) => format!("{} of data ({percent} %)", size(mib)),
        (Some(mib), None) => format!("{} of data", size(mib)),
        (None, percent) => format!("{} % of the data", percent.unwrap_or(0.0)),
    }
}

fn size(mib: f64) -> String {
    const KIB: f64 = 1024.0;
    if mib >= KIB * KIB {
        format!("{:.1} TiB", mib / KIB / KIB)
    } else if mib >= KIB {
        format!("{:.1} GiB", mib / KIB)
    } else {
        format!("{mib} MiB")
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn judged(rebuild: &Value) -> checker_core::report::CheckResult {
        Evidence::new()
            .weka("weka:rebuild", &rebuild.to_string())
            .judge_one(&REBUILD, "4.4.33")
    }

    fn healthy() -> Value {
        json!({"progressPercent":0,"movingData":false,"movingQuorums":false,"unavailableMiB":0,"enoughActiveFDs":true,
            "numBucketsInReport":150,"numBucketsTotal":150,
            "protectionState":[{"numFailures":0,"MiB":4_000_000,"percent":100},{"numFailures":1,"MiB":0,"percent":0},{"numFailures":2,"MiB":0,"percent":0}]})
    }

    fn with(member: &str, value: Value) -> Value {
        let mut rebuild = healthy();
        rebuild[member] = value;
        rebuild
    }

    fn without(member: &str) -> Value {
        let mut rebuild = healthy();
        rebuild.as_object_mut().expect("an object").remove(member);
        rebuild
    }

    #[rstest]
    #[case::healthy(healthy(), Outcome::Pass)]
    #[case::of_3_11(json!({"progressPercent":0,"unavailableMiB":0,"protectionState":[{"numFailures":0,"MiB":10,"percent":100}]}), Outcome::Pass)]
    #[case::done(with("progressPercent", json!(100)), Outcome::Pass)]
    // A worst value that is kept says nothing of now.
    #[case::was_bad_once(with("stickyUnavailableMiB", json!(7)), Outcome::Pass)]
    // field history G3
    #[case::just_begun(with("protectionState", json!([{"numFailures":0,"MiB":3_910_000,"percent":97.7},{"numFailures":1,"MiB":90000,"percent":2.3}])), Outcome::Fail)]
    #[case::a_share_that_rounds_to_zero(with("protectionState", json!([{"numFailures":0,"MiB":3_999_999,"percent":100},{"numFailures":1,"MiB":1,"percent":0}])), Outcome::Fail)]
    #[case::only_a_percentage(with("protectionState", json!([{"numFailures":0,"percent":99.96},{"numFailures":1,"percent":0.04}])), Outcome::Fail)]
    #[case::unsorted(with("protectionState", json!([{"numFailures":2,"MiB":5,"percent":0},{"numFailures":0,"MiB":3_000_000,"percent":100},{"numFailures":1,"MiB":0,"percent":0}])), Outcome::Fail)]
    // field history G24
    #[case::unavailable(with("unavailableMiB", json!(1)), Outcome::Fail)]
    #[case::unavailable_fraction(with("unavailableMiB", json!(0.5)), Outcome::Fail)]
    #[case::unavailable_by_share(with("unavailablePercent", json!(0.1)), Outcome::Fail)]
    #[case::at_3_percent(with("progressPercent", json!(3)), Outcome::Fail)]
    #[case::at_a_fraction(with("progressPercent", json!(0.2)), Outcome::Fail)]
    #[case::nearly_done(with("progressPercent", json!(99.9)), Outcome::Fail)]
    #[case::moving_data(with("movingData", json!(true)), Outcome::Warn)]
    #[case::moving_quorums(with("movingQuorums", json!(true)), Outcome::Warn)]
    #[case::too_few_failure_domains(with("enoughActiveFDs", json!(false)), Outcome::Warn)]
    #[case::no_protection_state(without("protectionState"), Outcome::Unknown)]
    #[case::empty_protection_state(with("protectionState", json!([])), Outcome::Unknown)]
    #[case::only_a_share_unavailable(json!({"progressPercent":0,"unavailablePercent":0,"protectionState":[{"numFailures":0,"MiB":10,"percent":100}]}), Outcome::Unknown)]
    #[case::a_share_of_none(with("protectionState", json!([{"numFailures":0,"MiB":10,"percent":100},{"numFailures":1,"percent":0}])), Outcome::Unknown)]
    #[case::less_than_nothing(with("protectionState", json!([{"numFailures":0,"MiB":10,"percent":100},{"numFailures":1,"MiB":-7,"percent":0}])), Outcome::Unknown)]
    #[case::no_word_of_unavailable(without("unavailableMiB"), Outcome::Unknown)]
    #[case::partial_report(with("numBucketsInReport", json!(149)), Outcome::Unknown)]
    #[case::not_filled_in(with("isInited", json!(false)), Outcome::Unknown)]
    #[case::all_zero(with("protectionState", json!([{"numFailures":0,"MiB":0,"percent":0}])), Outcome::Unknown)]
    #[case::empty_object(json!({}), Outcome::Unknown)]
    #[case::words(with("protectionState", json!("OK")), Outcome::Unknown)]
    fn judges(#[case] rebuild: Value, #[case] outcome: Outcome) {
        let result = judged(&rebuild);
        assert_eq!(result.outcome, outcome, "{result:?}");
        let needs_remedy = matches!(outcome, Outcome::Warn | Outcome::Fail);
        assert_eq!(result.remedy.is_some(), needs_remedy);
    }

    /// What is known to be bad is not hidden by what is missing.
    #[test]
    fn a_partial_report_with_unprotected_data_is_red() {
        let mut rebuild = with("numBucketsInReport", json!(3));
        rebuild["protectionState"][1]["MiB"] = json!(1);
        assert_eq!(judged(&rebuild).outcome, Outcome::Fail);
    }

    #[test]
    fn redistribution_hides_no_lost_copy() {
        let mut rebuild = with("movingData", json!(true));
        rebuild["protectionState"][2]["MiB"] = json!(2048);
        let result = judged(&rebuild);
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(result.details, ["2.0 GiB of data (0 %) have lost 2 copies"]);
    }

    #[test]
    fn shows_how_much_is_protected() {
        assert_eq!(
            judged(&healthy()).summary,
            "3.8 TiB of data (100 %) fully protected, no rebuild runs"
        );
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::failed(End::Exited(1), "")]
    #[case::half(
        End::Exited(0),
        r#"{"progressPercent":0,"unavailableMiB":0,"protectionState":[{"#
    )]
    #[case::empty(End::Exited(0), "")]
    #[case::null(End::Exited(0), "null")]
    fn no_answer_is_unknown(#[case] end: End, #[case] answer: &str) {
        let result = Evidence::running("4.4.21.2")
            .weka_ended("weka:rebuild", end, answer, "error")
            .judge_one(&REBUILD, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
