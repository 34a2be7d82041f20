use checker_core::facts::stats::ComputeCpu;
use checker_core::{Context, Judgement, check};

check! {
    /// The compute processes have reserves.
    ///
    /// ## What it looks at
    /// The mean CPU load of all compute processes over the last six hours, as
    /// `weka stats` has it.
    ///
    /// ## Why it matters
    /// The compute containers are restarted one after the other, and the rest
    /// carries the load of those that are down, beside the work of moving
    /// their buckets.
    ///
    /// ## If ignored
    /// Clients see slow IO while the compute containers are upgraded, and the
    /// phase takes long.
    ///
    /// ## How to fix
    /// Choose hours with less load. `weka stats --stat CPU_UTILIZATION
    /// --interval 86400 --resolution-secs 3600` shows the day hour by hour.
    pub CPU_LOAD {
        id: "health/cpu-load",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["public checker, check 16", "rules N20"],
        needs: [&ComputeCpu],
        judge: judge,
    }
}

/// In percent.
const BUSY: f64 = 60.0;

fn judge(_: &Context<'_>, cpu: &ComputeCpu) -> Judgement {
    let Some(percent) = cpu.percent else {
        return Judgement::unknown("the cluster has no CPU statistics of the last six hours");
    };
    let summary = format!(
        "the mean CPU load of {} compute processes over the last six hours is {percent} %",
        cpu.processes
    );
    if percent < BUSY {
        return Judgement::pass(summary);
    }
    Judgement::warn(
        summary,
        "Upgrade in hours with less load; `weka stats --stat CPU_UTILIZATION --interval 86400 --resolution-secs 3600` shows the last day hour by hour.",
    )
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::damaged;

    fn process(id: &Value, role: &str) -> Value {
        json!({"node_id": id, "host_id": 1, "hostname": "weka-01", "status": "UP", "mode": "backend", "roles": [role]})
    }

    fn base() -> Evidence {
        let list = json!([
            process(&json!(61), "COMPUTE"),
            process(&json!(62), "DRIVES")
        ]);
        Evidence::running("4.4.21.2").weka("weka:processes", &list.to_string())
    }

    #[rstest]
    #[case::idle("0%", Outcome::Pass)]
    #[case::below("59.9%", Outcome::Pass)]
    #[case::at_the_limit("60%", Outcome::Warn)]
    #[case::above("60.1%\n", Outcome::Warn)]
    #[case::text("error: no leader", Outcome::Unknown)]
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        let result = base()
            .weka("weka:compute-cpu", answer)
            .judge_one(&CPU_LOAD, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history S25
    #[test]
    fn no_sample_is_unknown() {
        let result = base()
            .weka("weka:compute-cpu", "\n")
            .judge_one(&CPU_LOAD, "4.4.33");
        assert_eq!(
            result.summary,
            "the cluster has no CPU statistics of the last six hours"
        );
    }

    #[rstest]
    #[case::no_compute(json!([process(&json!(1), "DRIVES")]), "no backend has a compute process")]
    #[case::no_number(json!([process(&json!(null), "COMPUTE")]), "a compute process has no number")]
    fn without_processes_it_is_unknown(#[case] processes: Value, #[case] why: &str) {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:processes", &processes.to_string())
            .judge_one(&CPU_LOAD, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
        assert!(result.summary.contains(why), "{result:?}");
    }

    #[test]
    fn damaged_answers_are_unknown() {
        let evidence = base().weka_ended(
            "weka:compute-cpu",
            End::Exited(41),
            "",
            "error: not logged in",
        );
        assert_eq!(
            evidence.judge_one(&CPU_LOAD, "4.4.33").outcome,
            Outcome::Unknown
        );
        damaged::is_unknown(&CPU_LOAD, "4.4.33", "weka:compute-cpu", &base());
        damaged::is_unknown(
            &CPU_LOAD,
            "4.4.33",
            "weka:processes",
            &Evidence::running("4.4.21.2"),
        );
    }
}
