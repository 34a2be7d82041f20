use checker_core::facts::containers::Containers;
use checker_core::facts::servers::Servers;
use checker_core::facts::{Missing, Why};
use checker_core::{Context, Judgement, check};

check! {
    /// Every client is up.
    ///
    /// ## What it looks at
    /// The status of every client container in `weka cluster container -J`, and
    /// of every client in `weka cluster servers list -J`.
    ///
    /// ## Why it matters
    /// A client that is down cannot be told what is wrong with it afterwards: did
    /// the upgrade break it, or was it broken before? It may also come back with
    /// a release that the upgraded cluster no longer accepts.
    ///
    /// ## If ignored
    /// The cluster is upgraded all the same. The client stays as it is.
    ///
    /// ## How to fix
    /// On the client, `weka local ps` and `weka local start`; a client that is
    /// gone for good is taken out with `weka cluster container remove ID`.
    pub CLIENTS {
        id: "health/clients",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["public checker, check 14"],
        needs: [&Containers, Result<&Servers, Missing>],
        judge: judge,
    }
}

fn is_up(status: &str) -> bool {
    status.trim().eq_ignore_ascii_case("UP")
}

fn judge(
    _: &Context<'_>,
    containers: &Containers,
    servers: Result<&Servers, Missing>,
) -> Judgement {
    let clients: Vec<_> = containers.0.iter().filter(|c| !c.backend).collect();
    let mut lines: Vec<String> = clients
        .iter()
        .filter(|c| !is_up(&c.status))
        .map(|c| {
            format!(
                "{} ({}, HostId<{}>): {}",
                c.hostname, c.name, c.id, c.status
            )
        })
        .collect();
    match servers {
        Ok(servers) => {
            let named = |name: &str| {
                clients
                    .iter()
                    .any(|c| c.hostname == name && !is_up(&c.status))
            };
            let only_client = |roles: &[String]| roles.iter().any(|role| role == "CLIENT");
            lines.extend(
                servers
                    .0
                    .iter()
                    .filter(|s| only_client(&s.roles) && !is_up(&s.status) && !named(&s.name))
                    .map(|s| format!("{}: server is {}", s.name, s.status)),
            );
        }
        // A release without such a list has only its containers to show.
        Err(missing) if matches!(missing.why, Why::UnknownCommand(_)) => {}
        Err(missing) if lines.is_empty() => return Judgement::unknown(missing.to_string()),
        Err(_) => {}
    }
    if lines.is_empty() {
        return Judgement::pass(format!("{} client containers, all UP", clients.len()));
    }
    Judgement::warn(
        format!("{} of the clients not UP", lines.len()),
        "On each of them look at `weka local ps` and start it with `weka local start`; take one that is gone for good out with `weka cluster container remove ID`.",
    )
    .details(lines)
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

    fn container(id: u64, mode: &str, status: &str) -> Value {
        json!({"host_id": format!("HostId<{id}>"), "hostname": format!("h-{id}"), "container_name": "client",
            "host_ip": format!("10.0.0.{id}"), "mode": mode, "status": status})
    }

    fn server(name: &str, role: &str, status: &str) -> Value {
        json!({"name": name, "roles": [role], "status": status})
    }

    fn evidence(client: &str, server_row: &Value) -> Evidence {
        let containers = json!([
            container(1, "backend", "UP"),
            container(2, "client", client)
        ]);
        Evidence::running("4.4.21.2")
            .weka("weka:containers", &containers.to_string())
            .weka(
                "weka:servers",
                &json!([server("h-1", "BACKEND", "UP"), server_row]).to_string(),
            )
    }

    #[rstest]
    #[case::all_up("UP", "UP", Outcome::Pass)]
    #[case::lower_case("up", "UP", Outcome::Pass)]
    // field history 75, G1
    #[case::container_down("DOWN", "DOWN", Outcome::Warn)]
    #[case::container_degraded("DEGRADED", "UP", Outcome::Warn)]
    #[case::drained("DRAINED (UP)", "UP", Outcome::Warn)]
    #[case::only_the_server_is_down("UP", "DOWN", Outcome::Warn)]
    #[case::a_word_nobody_knows("FROBBED", "UP", Outcome::Warn)]
    fn judges(#[case] client: &str, #[case] row: &str, #[case] outcome: Outcome) {
        let result = evidence(client, &server("h-2", "CLIENT", row)).judge_one(&CLIENTS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert!(result.details.len() <= 1, "{result:?}");
    }

    /// Backends have a check of their own.
    #[test]
    fn a_backend_that_is_down_does_not_count() {
        let containers = json!([
            container(1, "backend", "DOWN"),
            container(2, "client", "UP")
        ]);
        let servers = json!([
            server("h-1", "BACKEND", "DOWN"),
            server("h-2", "CLIENT", "UP")
        ]);
        let result = Evidence::running("4.4.21.2")
            .weka("weka:containers", &containers.to_string())
            .weka("weka:servers", &servers.to_string())
            .judge_one(&CLIENTS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
    }

    #[test]
    fn a_cluster_without_clients_is_green() {
        let result = Evidence::running("4.4.21.2")
            .weka(
                "weka:containers",
                &json!([container(1, "backend", "UP")]).to_string(),
            )
            .weka(
                "weka:servers",
                &json!([server("h-1", "BACKEND", "UP")]).to_string(),
            )
            .judge_one(&CLIENTS, "4.4.33");
        assert_eq!(result.summary, "0 client containers, all UP");
    }

    #[test]
    fn a_release_without_a_server_list_is_judged_by_its_containers() {
        let containers = json!([container(2, "client", "UP")]);
        let result = Evidence::running("4.0.2")
            .weka("weka:containers", &containers.to_string())
            .weka_ended(
                "weka:servers",
                End::Exited(2),
                "",
                "error: unknown command: cluster machines",
            )
            .judge_one(&CLIENTS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
    }

    /// What the containers show is enough for yellow.
    #[test]
    fn without_servers_a_container_that_is_down_is_still_found() {
        let containers = json!([container(2, "client", "DOWN")]);
        let base = Evidence::running("4.4.21.2").weka("weka:containers", &containers.to_string());
        assert_eq!(base.judge_one(&CLIENTS, "4.4.33").outcome, Outcome::Warn);
        let up = json!([container(2, "client", "UP")]);
        let base = Evidence::running("4.4.21.2").weka("weka:containers", &up.to_string());
        assert_eq!(base.judge_one(&CLIENTS, "4.4.33").outcome, Outcome::Unknown);
    }

    #[test]
    fn damaged_answers_are_unknown() {
        let servers = json!([server("h-1", "BACKEND", "UP")]);
        let base = Evidence::running("4.4.21.2").weka("weka:servers", &servers.to_string());
        damaged::is_unknown(&CLIENTS, "4.4.33", "weka:containers", &base);
    }
}
