use checker_core::facts::status::Status;
use checker_core::{Context, Judgement, check};

check! {
    /// The cluster is OK and serves IO.
    ///
    /// ## What it looks at
    /// `status`, `io_status` and `buckets` of `weka status -J`: a cluster can be OK
    /// while one of its buckets is not at work.
    ///
    /// ## Why it matters
    /// An upgrade takes containers down one after the other. A cluster that is
    /// degraded, redistributing or not serving IO has no reserve left for that.
    ///
    /// ## If ignored
    /// The product refuses to start, or a container that goes down takes data
    /// out of reach.
    ///
    /// ## How to fix
    /// `weka status` and `weka alerts` say what is wrong. Wait until the status
    /// is OK; if it does not become so, call support.
    pub STATUS {
        id: "health/status",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: prerequisites, cluster health", "rules G4, G5"],
        needs: [&Status],
        judge: judge,
    }
}

/// The rule is strict on purpose: WEKA's own operator would start an upgrade
/// while the status is REDISTRIBUTING (G5), but the guide asks for a cluster
/// that is OK, and this state ends by itself.
fn judge(_: &Context<'_>, status: &Status) -> Judgement {
    let word = status.status.trim();
    let io = status.io_status.trim();
    if !io.eq_ignore_ascii_case("STARTED") {
        return Judgement::fail(
            format!("IO is {io}, not STARTED (status {word})"),
            "`weka status` and `weka alerts` say why IO does not run; `weka cluster start-io` starts it where it was stopped on purpose. Call support otherwise.",
        );
    }
    if word.eq_ignore_ascii_case("OK") {
        return match status.buckets {
            Some(buckets) if buckets.active < buckets.total => Judgement::fail(
                format!(
                    "only {} of {} buckets are at work, though the status is OK",
                    buckets.active, buckets.total
                ),
                "`weka cluster bucket` shows which, `weka cluster process` and `weka alerts` why. Call support if they do not come back.",
            ),
            Some(_) => Judgement::pass("status OK, IO STARTED"),
            None => Judgement::unknown(
                "the status is OK, but `weka status -J` does not say how many buckets are at work",
            ),
        };
    }
    let remedy = match word.to_ascii_uppercase().as_str() {
        "REDISTRIBUTING" => {
            "Data is being moved while all of it is protected: wait until `weka status` says OK; `weka status rebuild` shows how far it is."
        }
        "REBUILDING" => {
            "Wait until the rebuild is done: `weka status rebuild` shows how far it is; `weka cluster drive` and `weka cluster container` show what failed."
        }
        _ => {
            "`weka status` and `weka alerts` say what is wrong; wait until the status is OK. Call support if it does not become so."
        }
    };
    Judgement::fail(format!("the cluster's status is {word}, not OK"), remedy)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn evidence(status: &str, io: &str) -> Evidence {
        let answer = format!(
            r#"{{"name":"a","guid":"b","release":"4.4.21.2","upgrade_info":{{}},"status":"{status}","io_status":"{io}","buckets":{{"active":150,"total":150}}}}"#
        );
        Evidence::new().weka("weka:status", &answer)
    }

    #[rstest]
    #[case::healthy("OK", "STARTED", Outcome::Pass)]
    #[case::io_stopped("OK", "STOPPED", Outcome::Fail)]
    #[case::io_starting("OK", "STARTING", Outcome::Fail)]
    #[case::redistributing("REDISTRIBUTING", "STARTED", Outcome::Fail)]
    #[case::rebuilding("REBUILDING", "STARTED", Outcome::Fail)]
    // field history G2
    #[case::degraded("DEGRADED", "STARTED", Outcome::Fail)]
    #[case::empty("", "STARTED", Outcome::Fail)]
    #[case::lower_case("ok", "started", Outcome::Pass)]
    #[case::a_word_nobody_knows("FROBNICATING", "STARTED", Outcome::Fail)]
    fn judges(#[case] status: &str, #[case] io: &str, #[case] outcome: Outcome) {
        let result = evidence(status, io).judge_one(&STATUS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Outcome::Fail);
    }

    #[rstest]
    #[case::all(r#"{"active":150,"total":150}"#, Outcome::Pass)]
    #[case::one_missing(r#"{"active":149,"total":150}"#, Outcome::Fail)]
    #[case::none(r#"{"active":0,"total":150}"#, Outcome::Fail)]
    #[case::not_told("null", Outcome::Unknown)]
    #[case::odd(r#"{"active":"?","total":150}"#, Outcome::Unknown)]
    fn buckets_at_work(#[case] buckets: &str, #[case] outcome: Outcome) {
        let answer = format!(
            r#"{{"name":"a","guid":"b","release":"4.4.21.2","upgrade_info":{{}},"status":"OK","io_status":"STARTED","buckets":{buckets}}}"#
        );
        let result = Evidence::new()
            .weka("weka:status", &answer)
            .judge_one(&STATUS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    /// A cluster that moves data is told to wait, not to look for damage.
    #[test]
    fn the_remedy_fits_the_state() {
        let remedy = |status| {
            evidence(status, "STARTED")
                .judge_one(&STATUS, "4.4.33")
                .remedy
        };
        let redistributing = remedy("REDISTRIBUTING").unwrap_or_default();
        assert!(
            redistributing.contains("all of it is protected"),
            "{redistributing}"
        );
        assert_ne!(remedy("DEGRADED"), remedy("REBUILDING"));
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::half(End::Exited(0), r#"{"name":"a","status":"OK","io_status":"STAR"#)]
    #[case::empty(End::Exited(0), "")]
    #[case::no_io_status(
        End::Exited(0),
        r#"{"name":"a","guid":"b","release":"4.4.21.2","upgrade_info":{},"status":"OK"}"#
    )]
    fn what_can_not_be_read_is_unknown(#[case] end: End, #[case] answer: &str) {
        let evidence = Evidence::new().weka_ended("weka:status", end, answer, "error");
        let result = evidence.judge_one(&STATUS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }

    #[test]
    fn no_answer_is_unknown() {
        let evidence =
            Evidence::new().weka_ended("weka:status", End::Exited(1), "", "error: no leader");
        let result = evidence.judge_one(&STATUS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
        assert_eq!(result.summary, "`weka status -J`: exit status 1: no leader");
    }
}
