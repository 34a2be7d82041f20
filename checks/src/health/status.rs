use checker_core::facts::status::Status;
use checker_core::{Context, Judgement, check};

check! {
    /// The cluster is OK and serves IO.
    ///
    /// ## What it looks at
    /// `status` and `io_status` of `weka status -J`.
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
        sources: ["Upgrade guide: prerequisites, cluster health", "rules G5"],
        needs: [&Status],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, status: &Status) -> Judgement {
    let remedy =
        "Look at `weka status` and `weka alerts`; wait until the status is OK and IO is STARTED.";
    if status.io_status != "STARTED" {
        return Judgement::fail(
            format!(
                "IO is {}, not STARTED (status {})",
                status.io_status, status.status
            ),
            remedy,
        );
    }
    if status.status != "OK" {
        return Judgement::fail(
            format!("the cluster's status is {}, not OK", status.status),
            remedy,
        );
    }
    Judgement::pass("status OK, IO STARTED")
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
            r#"{{"name":"a","guid":"b","release":"4.4.21.2","upgrade_info":{{}},"status":"{status}","io_status":"{io}"}}"#
        );
        Evidence::new().weka("weka:status", &answer)
    }

    #[rstest]
    #[case::healthy("OK", "STARTED", Outcome::Pass)]
    #[case::io_stopped("OK", "STOPPED", Outcome::Fail)]
    #[case::io_starting("OK", "STARTING", Outcome::Fail)]
    #[case::redistributing("REDISTRIBUTING", "STARTED", Outcome::Fail)]
    #[case::degraded("DEGRADED", "STARTED", Outcome::Fail)]
    #[case::a_word_nobody_knows("FROBNICATING", "STARTED", Outcome::Fail)]
    fn judges(#[case] status: &str, #[case] io: &str, #[case] outcome: Outcome) {
        let result = evidence(status, io).judge_one(&STATUS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
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
