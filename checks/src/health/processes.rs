use checker_core::facts::processes::{Process, Processes};
use checker_core::{Context, Judgement, check};

check! {
    /// Every process is up.
    ///
    /// ## What it looks at
    /// The status of every process in `weka cluster process -J`; the container's
    /// own status can be UP while one of its processes is not.
    ///
    /// ## Why it matters
    /// The upgrade takes the drive, compute and frontend processes down in turn
    /// and counts on the others. One that is down already is one fewer to count on.
    ///
    /// ## If ignored
    /// The upgrade waits for a process that does not come, or data loses a copy
    /// more than planned.
    ///
    /// ## How to fix
    /// `weka cluster process` names the container; on its server look at
    /// `weka local ps` and `weka local events`, and restart the container with
    /// `weka local restart CONTAINER`.
    pub PROCESSES {
        id: "health/processes",
        scope: [Cluster],
        when: "all",
        levels: [Warn, Fail],
        sources: ["public checker, check 21", "rules G4"],
        needs: [&Processes],
        judge: judge,
    }
}

fn line(p: &Process) -> String {
    let id =
        p.id.map_or_else(|| "a process".to_owned(), |id| format!("NodeId<{id}>"));
    let container = p.container_name.as_deref().unwrap_or("unnamed container");
    format!(
        "{}: {id} ({}) of {container}: {}",
        p.hostname,
        p.roles.join(", "),
        p.status
    )
}

fn judge(_: &Context<'_>, processes: &Processes) -> Judgement {
    // A cluster that answers has at least the process that answered.
    if processes.backends().next().is_none() {
        return Judgement::unknown("the cluster lists no process of a backend");
    }
    let (backends, clients): (Vec<_>, Vec<_>) = processes
        .0
        .iter()
        .filter(|p| !p.is_up())
        .partition(|p| p.backend);
    let lines = backends.iter().chain(&clients).map(|p| line(p));
    let remedy = "Look at `weka cluster process` and, on the servers named, at `weka local ps`; restart the container with `weka local restart CONTAINER`, or call support.";
    if !backends.is_empty() {
        let besides = match clients.len() {
            0 => String::new(),
            n => format!(" (and {n} of clients)"),
        };
        return Judgement::fail(
            format!("{} backend processes are not UP{besides}", backends.len()),
            remedy,
        )
        .details(lines);
    }
    if !clients.is_empty() {
        return Judgement::warn(
            format!("{} client processes are not UP", clients.len()),
            remedy,
        )
        .details(lines);
    }
    Judgement::pass(format!("{} processes, all UP", processes.0.len()))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::damaged;

    fn process(id: u64, mode: &str, status: &str) -> Value {
        json!({"node_id": format!("NodeId<{id}>"), "host_id": "HostId<3>", "hostname": "weka-01", "status": status,
            "mode": mode, "roles": ["DRIVES"], "nodeInfo": {"container_name": "drives0"}})
    }

    fn evidence(list: &Value) -> Evidence {
        Evidence::running("4.4.21.2").weka("weka:processes", &list.to_string())
    }

    #[rstest]
    #[case::all_up("UP", "UP", Outcome::Pass)]
    // field history G3
    #[case::backend_down("DOWN", "UP", Outcome::Fail)]
    #[case::backend_joining("JOINING", "UP", Outcome::Fail)]
    #[case::backend_syncing("SYNCING", "UP", Outcome::Fail)]
    #[case::client_down("UP", "DOWN", Outcome::Warn)]
    #[case::both("FENCING", "DOWN", Outcome::Fail)]
    #[case::a_word_nobody_knows("FROBBED", "UP", Outcome::Fail)]
    fn judges(#[case] backend: &str, #[case] client: &str, #[case] outcome: Outcome) {
        let list = json!([
            process(1, "backend", "UP"),
            process(2, "backend", backend),
            process(3, "client", client)
        ]);
        let result = evidence(&list).judge_one(&PROCESSES, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn names_the_process() {
        let result =
            evidence(&json!([process(61, "backend", "DOWN")])).judge_one(&PROCESSES, "4.4.33");
        assert_eq!(
            result.details,
            ["weka-01: NodeId<61> (DRIVES) of drives0: DOWN"]
        );
    }

    #[test]
    fn no_process_at_all_is_unknown() {
        for list in [json!([]), json!([process(1, "client", "UP")])] {
            assert_eq!(
                evidence(&list).judge_one(&PROCESSES, "4.4.33").outcome,
                Outcome::Unknown
            );
        }
    }

    // field history 66
    #[test]
    fn damaged_answers_are_unknown() {
        damaged::is_unknown(
            &PROCESSES,
            "4.4.33",
            "weka:processes",
            &Evidence::running("4.4.21.2"),
        );
    }
}
