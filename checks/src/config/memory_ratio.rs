use checker_core::facts::containers::Containers;
use checker_core::facts::processes::Processes;
use checker_core::facts::status::Status;
use checker_core::{Context, Judgement, check};

check! {
    /// The compute processes have enough memory for the capacity.
    ///
    /// ## What it looks at
    /// The usable capacity in `weka status -J` over the memory of all backend
    /// containers that run a compute process.
    ///
    /// ## Why it matters
    /// When a compute container is restarted, it reads the metadata of its buckets
    /// back into memory. The more capacity each byte of memory stands for, the
    /// longer that takes.
    ///
    /// ## If ignored
    /// Buckets start slowly, and the upgrade of the compute containers takes
    /// long or runs into its time limit.
    ///
    /// ## How to fix
    /// Give the compute containers more memory, one server after the other:
    /// `weka local resources memory --container compute0 SIZE`, then
    /// `weka local resources apply --container compute0`.
    pub MEMORY_RATIO {
        id: "config/memory-ratio",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["public checker, check 19", "rules I10"],
        needs: [&Status, &Containers, &Processes],
        judge: judge,
    }
}

/// Bytes of capacity per byte of memory.
const LIMIT: u128 = 2000;

fn judge(
    _: &Context<'_>,
    status: &Status,
    containers: &Containers,
    processes: &Processes,
) -> Judgement {
    let Some(capacity) = status.capacity_bytes else {
        return Judgement::unknown("`weka status -J` does not tell the cluster's capacity");
    };
    // By role: the name of a container is free text.
    let computes = |id: u64| {
        let is_compute = |role: &String| role == "COMPUTE";
        processes
            .backends()
            .any(|p| p.container == id && p.roles.iter().any(is_compute))
    };
    let mut memory: u128 = 0;
    let mut count = 0;
    for container in containers.backends().filter(|c| computes(c.id)) {
        let Some(bytes) = container.memory_bytes else {
            return Judgement::unknown(format!(
                "the cluster does not tell the memory of {} on {}",
                container.name, container.hostname
            ));
        };
        memory += u128::from(bytes);
        count += 1;
    }
    if memory == 0 {
        return Judgement::unknown(format!(
            "{count} containers with compute processes have no memory at all"
        ));
    }
    let capacity = u128::from(capacity);
    let summary = format!(
        "{} bytes of capacity per byte of memory ({capacity} over {memory} bytes in {count} compute containers)",
        capacity / memory
    );
    if capacity <= LIMIT * memory {
        return Judgement::pass(summary);
    }
    Judgement::warn(
        format!("{summary}, more than {LIMIT}"),
        "Give the compute containers more memory, one server after the other, with `weka local resources memory --container compute0 SIZE` and `weka local resources apply --container compute0`; or plan for a long upgrade of the compute containers.",
    )
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::damaged;

    fn status(capacity: &Value) -> String {
        json!({"name": "a", "guid": "b", "release": "4.4.21.2", "upgrade_info": {}, "status": "OK", "io_status": "STARTED",
            "capacity": {"total_bytes": capacity}})
        .to_string()
    }

    fn container(id: u64, name: &str, memory: &Value) -> Value {
        json!({"host_id": id, "hostname": "weka-01", "container_name": name, "host_ip": "10.0.0.1", "mode": "backend",
            "status": "UP", "memory": memory})
    }

    fn process(container: u64, role: &str) -> Value {
        json!({"node_id": 20 * container, "host_id": container, "hostname": "weka-01", "status": "UP", "mode": "backend", "roles": [role]})
    }

    fn evidence(capacity: &Value, memory: &Value) -> Evidence {
        // The drive container's memory must not count, whatever it is called.
        let containers = json!([
            container(1, "compute-not", &json!(1u64 << 40)),
            container(2, "default", memory),
            container(3, "x", &json!(500))
        ]);
        let processes = json!([
            process(1, "DRIVES"),
            process(2, "COMPUTE"),
            process(2, "MANAGEMENT"),
            process(3, "COMPUTE")
        ]);
        Evidence::new()
            .weka("weka:status", &status(capacity))
            .weka("weka:containers", &containers.to_string())
            .weka("weka:processes", &processes.to_string())
    }

    // field history 43
    #[rstest]
    #[case::far_below(1000, Outcome::Pass)]
    // field history 44
    #[case::at_the_limit(2_000_000, Outcome::Pass)]
    #[case::a_byte_above(2_000_001, Outcome::Warn)]
    #[case::the_largest_number(u64::MAX, Outcome::Warn)]
    fn judges(#[case] capacity: u64, #[case] outcome: Outcome) {
        let result = evidence(&json!(capacity), &json!(500)).judge_one(&MEMORY_RATIO, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::no_capacity(json!(null), json!(500))]
    #[case::no_memory(json!(1000), json!(null))]
    fn what_is_not_told_is_unknown(#[case] capacity: Value, #[case] memory: Value) {
        let result = evidence(&capacity, &memory).judge_one(&MEMORY_RATIO, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    // field history 43, 66
    #[test]
    fn without_compute_processes_it_is_unknown() {
        let base = Evidence::new()
            .weka("weka:status", &status(&json!(1000)))
            .weka(
                "weka:containers",
                &json!([container(1, "drives0", &json!(500))]).to_string(),
            );
        let drives = base
            .clone()
            .weka("weka:processes", &json!([process(1, "DRIVES")]).to_string());
        assert_eq!(
            drives.judge_one(&MEMORY_RATIO, "4.4.33").outcome,
            Outcome::Unknown
        );
        damaged::is_unknown(&MEMORY_RATIO, "4.4.33", "weka:processes", &base);
    }
}
