use std::collections::{BTreeMap, BTreeSet};

use checker_core::facts::Missing;
use checker_core::facts::containers::Containers;
use checker_core::facts::servers::{Roster, Servers};
use checker_core::server::{Role, Server};
use checker_core::{Context, Judgement, check};

check! {
    /// Every server has a machine identifier of its own.
    ///
    /// ## What it looks at
    /// The machine identifier of every container in `weka cluster container -J`,
    /// and which of them stand on one server: those that share an address. Two
    /// servers that were cloned with their host name are still two.
    ///
    /// ## Why it matters
    /// The cluster tells machines apart by this identifier. Two servers that
    /// were installed from one image can have the same.
    ///
    /// ## If ignored
    /// During the upgrade the two are taken for one: both may be down at once,
    /// or one is never upgraded.
    ///
    /// ## How to fix
    /// Servers made from one image often share the identifier of their system:
    /// compare `cat /etc/machine-id` and `cat /var/lib/dbus/machine-id` on both.
    /// Give one of them a new one with support, while its containers are stopped:
    /// the cluster knows the server by the old one. Where they differ already, ask
    /// support where the cluster has its own from.
    pub MACHINE_IDS {
        id: "config/machine-ids",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["public checker, check 38", "rules I16"],
        needs: [&Roster, &Containers, Result<&Servers, Missing>],
        judge: judge,
    }
}

fn judge(
    _: &Context<'_>,
    Roster(servers): &Roster,
    containers: &Containers,
    listed: Result<&Servers, Missing>,
) -> Judgement {
    // Without the server list a server with two addresses could count twice.
    let twice = |a: &Server| servers.iter().any(|b| a != b && a.hostname == b.hostname);
    if let Err(missing) = listed
        && servers.iter().any(twice)
    {
        return Judgement::unknown(missing.to_string());
    }
    let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut silent = Vec::new();
    for server in servers {
        let mut known = false;
        for id in containers
            .on(server)
            .filter_map(|c| c.machine_identifier.as_deref())
        {
            owners.entry(id).or_default().insert(&server.name);
            known = true;
        }
        // A client that never started has none yet.
        if !known && server.role == Role::Backend {
            silent.push(server.name.as_str());
        }
    }
    let shared: Vec<String> = owners
        .iter()
        .filter(|(_, servers)| servers.len() > 1)
        .map(|(id, servers)| {
            let names: Vec<&str> = servers.iter().copied().collect();
            format!("{id}: {}", names.join(", "))
        })
        .collect();
    if !shared.is_empty() {
        return Judgement::fail(
            format!("{} machine identifiers stand for more than one server", shared.len()),
            "Compare `cat /etc/machine-id` on these servers. Where it is the same, give all but one of them a new one with support, one server after the other, while its containers are stopped; where it is not, ask support.",
        )
        .details(shared);
    }
    if !silent.is_empty() || owners.is_empty() {
        return Judgement::unknown(format!(
            "the cluster does not tell the machine identifier of {} backends",
            silent.len()
        ))
        .details(silent);
    }
    Judgement::pass(format!(
        "{} servers, each with its own machine identifier",
        servers.len()
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

    fn container(n: u64, hostname: &str, mode: &str, id: &Value) -> Value {
        json!({"host_id": n, "hostname": hostname, "container_name": "drives0", "host_ip": format!("10.0.0.{n}"), "mode": mode,
            "status": "UP", "machine_identifier": id})
    }

    fn evidence(containers: &Value) -> Evidence {
        let rows: Vec<Value> = containers
            .as_array()
            .expect("a list")
            .iter()
            .map(|c| json!({"name": c["hostname"], "primary_ip_address": c["host_ip"], "status": "UP", "roles": ["BACKEND"]}))
            .collect();
        Evidence::running("4.4.21.2")
            .weka("weka:containers", &containers.to_string())
            .weka("weka:servers", &json!(rows).to_string())
    }

    #[rstest]
    #[case::different("weka-02", "backend", json!("b"), Outcome::Pass)]
    #[case::same("weka-02", "backend", json!("a"), Outcome::Fail)]
    // field history G4
    #[case::a_clone_with_its_name("weka-01", "backend", json!("a"), Outcome::Fail)]
    #[case::a_client_with_it("client-1", "client", json!("a"), Outcome::Fail)]
    #[case::not_told("weka-02", "backend", json!(null), Outcome::Unknown)]
    #[case::a_client_that_never_started("client-1", "client", json!(""), Outcome::Pass)]
    fn judges(#[case] name: &str, #[case] mode: &str, #[case] id: Value, #[case] outcome: Outcome) {
        let list = json!([
            container(1, "weka-01", "backend", &json!("a")),
            container(2, name, mode, &id)
        ]);
        let result = evidence(&list).judge_one(&MACHINE_IDS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn several_containers_of_one_server_share_it() {
        let mut second = container(1, "weka-01", "backend", &json!("a"));
        second["host_id"] = json!(2);
        let list = json!([container(1, "weka-01", "backend", &json!("a")), second]);
        let result = evidence(&list).judge_one(&MACHINE_IDS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
    }

    #[test]
    fn both_servers_are_named() {
        let list = json!([
            container(1, "weka-01", "backend", &json!("a")),
            container(2, "weka-01", "backend", &json!("a"))
        ]);
        let result = evidence(&list).judge_one(&MACHINE_IDS, "4.4.33");
        assert_eq!(result.details, ["a: weka-01@10.0.0.1, weka-01@10.0.0.2"]);
    }

    #[test]
    fn without_a_server_list_names_tell_servers_apart() {
        let list = |second: &str| {
            json!([
                container(1, "weka-01", "backend", &json!("a")),
                container(2, second, "backend", &json!("a"))
            ])
        };
        let judged = |second: &str| {
            Evidence::running("4.0.2")
                .weka("weka:containers", &list(second).to_string())
                .judge_one(&MACHINE_IDS, "4.4.33")
        };
        assert_eq!(judged("weka-02").outcome, Outcome::Fail);
        assert_eq!(judged("weka-01").outcome, Outcome::Unknown);
    }

    #[test]
    fn damaged_answers_are_unknown() {
        let list = json!([
            container(1, "weka-01", "backend", &json!("a")),
            container(2, "weka-01", "backend", &json!("a"))
        ]);
        let base = Evidence::running("4.4.21.2").weka("weka:containers", &list.to_string());
        damaged::is_unknown(&MACHINE_IDS, "4.4.33", "weka:servers", &base);
        let base = Evidence::running("4.4.21.2").weka("weka:servers", "[]");
        damaged::is_unknown(&MACHINE_IDS, "4.4.33", "weka:containers", &base);
    }
}
