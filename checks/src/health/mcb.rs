use std::collections::{BTreeMap, BTreeSet};

use checker_core::facts::Missing;
use checker_core::facts::containers::Containers;
use checker_core::facts::processes::Processes;
use checker_core::{Context, Judgement, check};

check! {
    /// Every backend container has one role only.
    ///
    /// ## What it looks at
    /// The roles of the processes of each backend container in
    /// `weka cluster process -J`: drives, compute and frontend each belong in
    /// containers of their own (the multi-container form, MCB). Management and
    /// data services processes are not looked at. Names of containers are free
    /// text and prove nothing.
    ///
    /// ## Why it matters
    /// The upgrade replaces the drive containers first, then compute, then the
    /// frontends, so that IO goes on. A container with two of these roles can't
    /// be replaced in one of these steps without stopping the other.
    ///
    /// ## If ignored
    /// The upgrade without interruption can't be done.
    ///
    /// ## How to fix
    /// The cluster must be converted to the multi-container form, which WEKA's
    /// professional services do; call support first. `weka cluster process -b`
    /// shows the roles.
    pub MCB {
        id: "health/mcb",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: NDU needs the multi-container backend architecture", "rules B1"],
        needs: [&Processes, Result<&Containers, Missing>],
        judge: judge,
    }
}

/// The roles that must not share a container.
const APART: [&str; 3] = ["DRIVES", "COMPUTE", "FRONTEND"];

fn judge(
    _: &Context<'_>,
    processes: &Processes,
    containers: Result<&Containers, Missing>,
) -> Judgement {
    let of_list = |id: u64| containers.as_ref().ok()?.0.iter().find(|c| c.id == id);
    let mut roles: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    let mut names: BTreeMap<u64, String> = BTreeMap::new();
    // A process says of itself whether it is a backend's, so that the list of
    // containers only adds names.
    for process in processes.backends() {
        let id = process.container;
        let known = APART
            .iter()
            .filter(|role| process.roles.iter().any(|r| r == *role));
        roles.entry(id).or_default().extend(known);
        names.entry(id).or_insert_with(|| {
            let name = process
                .container_name
                .as_deref()
                .or_else(|| Some(of_list(id)?.name.as_str()))
                .unwrap_or_default();
            format!("{} {name} (id {id})", process.hostname)
        });
    }
    let judged = roles.values().filter(|roles| !roles.is_empty()).count();
    if judged == 0 {
        return Judgement::unknown(
            "the cluster lists no drive, compute or frontend process of a backend",
        );
    }
    let mixed: Vec<String> = roles
        .iter()
        .filter(|(_, roles)| roles.len() > 1)
        .map(|(id, roles)| {
            let roles: Vec<&str> = roles.iter().copied().collect();
            format!("{}: {}", names[id], roles.join(", "))
        })
        .collect();
    if mixed.is_empty() {
        return Judgement::pass(format!("each of {judged} backend containers has one role"));
    }
    Judgement::fail(
        format!(
            "{} of {judged} backend containers have more than one role",
            mixed.len()
        ),
        "The cluster must be converted to the multi-container form before it can be upgraded without interruption; WEKA's professional services do that. `weka cluster process -b` shows the roles. Call support.",
    )
    .details(mixed)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn process(container: u64, mode: &str, roles: &[&str]) -> Value {
        json!({"node_id": format!("NodeId<{container}1>"), "host_id": format!("HostId<{container}>"), "hostname": "weka-01",
            "status": "UP", "mode": mode, "roles": roles, "nodeInfo": {"container_name": format!("c{container}")}})
    }

    fn judged(processes: &[Value]) -> checker_core::report::CheckResult {
        Evidence::new()
            .weka("weka:processes", &json!(processes).to_string())
            .judge_one(&MCB, "4.4.33")
    }

    // field history 19
    #[test]
    fn one_role_each() {
        let result = judged(&[
            process(0, "backend", &["MANAGEMENT"]),
            process(0, "backend", &["DRIVES"]),
            process(0, "backend", &["DRIVES"]),
            process(1, "backend", &["COMPUTE"]),
            process(2, "backend", &["FRONTEND"]),
            process(3, "backend", &["DATASERV"]),
            process(3, "backend", &["MANAGEMENT"]),
        ]);
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
        assert_eq!(result.summary, "each of 3 backend containers has one role");
    }

    #[rstest]
    #[case::in_two_processes(vec![process(0, "backend", &["DRIVES"]), process(0, "backend", &["COMPUTE"])])]
    #[case::in_one_process(vec![process(0, "backend", &["FRONTEND", "COMPUTE"])])]
    #[case::with_management(vec![process(0, "backend", &["MANAGEMENT", "DRIVES"]), process(0, "backend", &["FRONTEND"])])]
    fn mixed(#[case] processes: Vec<Value>) {
        let result = judged(&processes);
        assert_eq!(result.outcome, Outcome::Fail, "{result:?}");
        assert!(result.details[0].starts_with("weka-01 c0 (id 0): "));
    }

    #[test]
    fn names_come_from_the_containers_where_the_processes_have_none() {
        let mut mixed = process(7, "backend", &["DRIVES", "COMPUTE"]);
        mixed.as_object_mut().expect("an object").remove("nodeInfo");
        let container = r#"[{"host_id":"HostId<7>","hostname":"weka-01","container_name":"default","ips":[],"mode":"backend","status":"UP"}]"#;
        let result = Evidence::new()
            .weka("weka:processes", &json!([mixed]).to_string())
            .weka("weka:containers", container)
            .judge_one(&MCB, "4.4.33");
        assert_eq!(result.details, ["weka-01 default (id 7): COMPUTE, DRIVES"]);
    }

    #[test]
    fn clients_are_not_looked_at() {
        let result = judged(&[
            process(0, "backend", &["DRIVES"]),
            process(9, "client", &["FRONTEND", "COMPUTE"]),
        ]);
        assert_eq!(result.outcome, Outcome::Pass);
    }

    #[rstest]
    #[case::none(vec![])]
    #[case::only_clients(vec![process(9, "client", &["FRONTEND"])])]
    #[case::only_management(vec![process(0, "backend", &["MANAGEMENT"])])]
    #[case::roles_nobody_knows(vec![process(0, "backend", &["FROBNICATE"])])]
    fn nothing_to_judge_is_unknown(#[case] processes: Vec<Value>) {
        assert_eq!(judged(&processes).outcome, Outcome::Unknown);
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::half(End::Exited(0), r#"[{"node_id":"NodeId<1>","#)]
    #[case::empty(End::Exited(0), "")]
    #[case::no_mode(
        End::Exited(0),
        r#"[{"node_id":1,"host_id":1,"hostname":"a","status":"UP","roles":["DRIVES"]}]"#
    )]
    fn no_answer_is_unknown(#[case] end: End, #[case] answer: &str) {
        let result = Evidence::new()
            .weka_ended("weka:processes", end, answer, "error")
            .judge_one(&MCB, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
