use std::collections::BTreeMap;

use checker_core::facts::This;
use checker_core::facts::containers::{AUTO_CORE, Containers};
use checker_core::{Context, Judgement, check};

check! {
    /// No core belongs to two containers of a server.
    ///
    /// ## What it looks at
    /// The core ids of every container of the server in `weka cluster container
    /// -J`. A container can choose its cores by itself (AUTO).
    ///
    /// ## Why it matters
    /// The upgrade restarts containers one after the other. One that chooses its
    /// cores by itself may take a core that another is bound to, and two on one
    /// core starve each other.
    ///
    /// ## If ignored
    /// A container does not come up after its restart, or is very slow.
    ///
    /// ## How to fix
    /// Bind each container to cores of its own: `weka local resources cores
    /// --container NAME COUNT --core-ids IDS`, then `weka local resources apply
    /// --container NAME`, one server after the other.
    pub CORE_IDS {
        id: "config/core-ids",
        scope: [Backend],
        when: "all",
        levels: [Warn],
        sources: ["public checker, check 31", "rules I17"],
        needs: [This<'_>, &Containers],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, This(server): This<'_>, containers: &Containers) -> Judgement {
    let mut owners: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    let (mut automatic, mut manual) = (Vec::new(), Vec::new());
    let mut silent = Vec::new();
    let mut seen = 0;
    for container in containers.on(server) {
        seen += 1;
        let name = container.name.as_str();
        let Some(ids) = &container.core_ids else {
            if container.cores != Some(0) {
                silent.push(name);
            }
            continue;
        };
        if ids.contains(&AUTO_CORE) {
            automatic.push(name);
        }
        let mut own: Vec<u64> = ids.iter().copied().filter(|id| *id != AUTO_CORE).collect();
        if !own.is_empty() {
            manual.push(name);
        }
        own.sort_unstable();
        own.dedup();
        for id in own {
            owners.entry(id).or_default().push(name);
        }
    }
    let mut lines: Vec<String> = owners
        .iter()
        .filter(|(_, names)| names.len() > 1)
        .map(|(id, names)| format!("core {id}: {}", names.join(", ")))
        .collect();
    let mut what = Vec::new();
    if !lines.is_empty() {
        what.push(format!(
            "{} cores belong to more than one container",
            lines.len()
        ));
    }
    if !automatic.is_empty() && !manual.is_empty() {
        what.push(
            "some containers choose their cores by themselves beside others that are bound"
                .to_owned(),
        );
        lines.push(format!("AUTO: {}", automatic.join(", ")));
        lines.push(format!("bound: {}", manual.join(", ")));
    }
    if !what.is_empty() {
        return Judgement::warn(
            what.join("; "),
            "Bind each container to cores of its own with `weka local resources cores --container NAME COUNT --core-ids IDS` and `weka local resources apply --container NAME`.",
        )
        .details(lines);
    }
    if seen == 0 {
        return Judgement::unknown("the cluster lists no container of this server");
    }
    if !silent.is_empty() {
        return Judgement::unknown(format!(
            "the cluster does not tell the cores of {}",
            silent.join(", ")
        ));
    }
    if manual.is_empty() {
        return Judgement::pass(format!("{seen} containers, none bound to cores"));
    }
    Judgement::pass(format!(
        "{seen} containers on {} cores, none shared",
        owners.len()
    ))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::damaged;

    const AUTO: u64 = AUTO_CORE;

    fn container(n: u64, name: &str, ids: &Value) -> Value {
        // The probe's weka-01 has the address 10.0.0.1.
        json!({"host_id": n, "hostname": "weka-01", "container_name": name, "host_ip": "10.0.0.1", "mode": "backend",
            "status": "UP", "cores_ids": ids})
    }

    fn judged(list: &Value) -> checker_core::report::CheckResult {
        Evidence::running("4.4.21.2")
            .weka("weka:containers", &list.to_string())
            .backend("weka-01", &[])
            .judge_one(&CORE_IDS, "4.4.33")
    }

    #[rstest]
    #[case::apart(json!([1, 2]), json!([3, 4]), Outcome::Pass)]
    #[case::shared(json!([1, 2]), json!([2, 3]), Outcome::Warn)]
    // field history R7
    #[case::all_automatic(json!([AUTO]), json!([AUTO, AUTO]), Outcome::Pass)]
    // field history G11
    #[case::automatic_beside_bound(json!([AUTO]), json!([3]), Outcome::Warn)]
    #[case::mixed_inside_one(json!([AUTO, 1]), json!([AUTO]), Outcome::Warn)]
    #[case::one_without_cores(json!([1]), json!([]), Outcome::Pass)]
    #[case::not_told(json!([1]), json!(null), Outcome::Unknown)]
    #[case::not_told_but_shared(json!([1, 2]), json!([2]), Outcome::Warn)]
    #[case::named_twice_in_one(json!([1, 1]), json!([2]), Outcome::Pass)]
    fn judges(#[case] a: Value, #[case] b: Value, #[case] outcome: Outcome) {
        let result = judged(&json!([
            container(1, "drives0", &a),
            container(2, "compute0", &b)
        ]));
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn a_container_of_no_cores_need_not_tell_them() {
        let mut none = container(2, "s3", &json!(null));
        none["cores"] = json!(0);
        let result = judged(&json!([container(1, "drives0", &json!([1])), none]));
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
    }

    #[test]
    fn other_servers_may_use_the_same_cores() {
        let mut other = container(2, "drives0", &json!([1]));
        other["host_ip"] = json!("10.0.0.2");
        let result = judged(&json!([container(1, "drives0", &json!([1])), other]));
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
    }

    // field history R7
    #[test]
    fn the_cores_are_named() {
        let result = judged(&json!([
            container(1, "drives0", &json!([1, 2])),
            container(2, "compute0", &json!([2]))
        ]));
        assert_eq!(result.details, ["core 2: drives0, compute0"]);
    }

    #[test]
    fn damaged_answers_are_unknown() {
        let base = Evidence::running("4.4.21.2").backend("weka-01", &[]);
        damaged::is_unknown(&CORE_IDS, "4.4.33", "weka:containers", &base);
        assert_eq!(judged(&json!([])).outcome, Outcome::Unknown);
    }
}
