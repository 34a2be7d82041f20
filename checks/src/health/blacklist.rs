use checker_core::facts::blacklist::Blacklist;
use checker_core::{Context, Judgement, check};

check! {
    /// No process is kept from joining the cluster.
    ///
    /// ## What it looks at
    /// The count of blacklisted processes in `weka status -J`, and their names in
    /// `weka debug blacklist list -J`.
    ///
    /// ## Why it matters
    /// A blacklisted process may not join again. When its container is upgraded
    /// it starts, and stays outside.
    ///
    /// ## If ignored
    /// The upgrade waits for a container that never becomes ready.
    ///
    /// ## How to fix
    /// Find out why with `weka debug blacklist list` and `weka events`, mend that,
    /// and let support take the process off the list.
    pub BLACKLIST {
        id: "health/blacklist",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["public checker, check 36", "alert NodeBlacklisted"],
        needs: [&Blacklist],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, blacklist: &Blacklist) -> Judgement {
    if blacklist.count == 0 {
        return Judgement::pass("no process is blacklisted");
    }
    Judgement::warn(
        format!("{} processes are blacklisted", blacklist.count),
        "Look at `weka debug blacklist list` and at `weka events` for the reason, mend it, and let support take them off the list before the upgrade.",
    )
    .details(blacklist.processes.iter().map(|p| {
        let id = p.id.map_or_else(|| "a process".to_owned(), |id| format!("NodeId<{id}>"));
        format!("{}: {id} {}", p.hostname, p.status).trim_end().to_owned()
    }))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged;

    const LIST: &str = r#"[{"node_id":"NodeId<77>","hostname":"weka-04","ips":["10.0.0.14"],"status":"DOWN","network_mode":"DPDK"}]"#;

    fn evidence(members: &str) -> Evidence {
        let status = format!(
            r#"{{"name":"a","guid":"b","release":"4.4.21.2","upgrade_info":{{}},"status":"OK","io_status":"STARTED"{members}}}"#
        );
        Evidence::new().weka("weka:status", &status)
    }

    #[rstest]
    #[case::none(r#","nodes":{"blacklisted":0,"total":78}"#, "oops", Outcome::Pass)]
    #[case::one(r#","nodes":{"blacklisted":1,"total":78}"#, LIST, Outcome::Warn)]
    #[case::newer_name(r#","processes":{"blacklisted":1}"#, LIST, Outcome::Warn)]
    #[case::only_the_list_tells("", LIST, Outcome::Warn)]
    #[case::the_list_tells_none("", "[]", Outcome::Pass)]
    #[case::nothing_tells("", "oops", Outcome::Unknown)]
    fn judges(#[case] members: &str, #[case] list: &str, #[case] outcome: Outcome) {
        let result = evidence(members)
            .weka("weka:blacklist", list)
            .judge_one(&BLACKLIST, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn names_them() {
        let result = evidence("")
            .weka("weka:blacklist", LIST)
            .judge_one(&BLACKLIST, "4.4.33");
        assert_eq!(result.details, ["weka-04: NodeId<77> DOWN"]);
    }

    /// The count alone is enough for yellow.
    #[test]
    fn a_count_without_a_list_is_yellow() {
        let result = evidence(r#","nodes":{"blacklisted":2}"#)
            .weka_ended("weka:blacklist", End::Exited(1), "", "error: no leader")
            .judge_one(&BLACKLIST, "4.4.33");
        assert_eq!((result.outcome, result.details.len()), (Outcome::Warn, 0));
    }

    #[test]
    fn damaged_answers_are_unknown() {
        damaged::is_unknown(&BLACKLIST, "4.4.33", "weka:blacklist", &evidence(""));
        damaged::is_unknown(&BLACKLIST, "4.4.33", "weka:status", &Evidence::new());
    }
}
