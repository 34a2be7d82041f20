use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use checker_core::facts::containers::Containers;
use checker_core::facts::local_resources::LocalResources;
use checker_core::{Context, Judgement, check};

check! {
    /// Every container knows only addresses of the cluster's backends.
    ///
    /// ## What it looks at
    /// The `backend_endpoints` of every container on each backend, as `weka local
    /// resources` has them, beside all management addresses of all backend
    /// containers in `weka cluster container -J`.
    ///
    /// ## Why it matters
    /// These are the addresses that a container asks when it joins the cluster
    /// again after its restart. `0.0.0.0` and the address of a server that is
    /// gone do not answer; one that another cluster has taken over answers wrongly.
    ///
    /// ## If ignored
    /// A container may take minutes to join again after its upgrade, or not join.
    ///
    /// ## How to fix
    /// `weka local resources join-ips --container NAME ADDRESS…` with the
    /// addresses of the present backends, then `weka local resources apply
    /// --container NAME`.
    pub ENDPOINT_IPS {
        id: "config/endpoint-ips",
        scope: [Backend],
        when: "all",
        levels: [Warn],
        sources: ["public checker, check 61", "rules I19"],
        needs: [&LocalResources, &Containers],
        judge: judge,
    }
}

/// An address in one spelling, without a port behind it.
fn normal(text: &str) -> String {
    let bare = text.trim_matches(['[', ']']);
    let address = bare.parse::<IpAddr>();
    let with_port = || text.parse::<SocketAddr>().map(|socket| socket.ip());
    address.or_else(|_| with_port()).map_or_else(
        |_| text.to_owned(),
        |address| address.to_canonical().to_string(),
    )
}

fn is_unspecified(text: &str) -> bool {
    text.parse::<IpAddr>()
        .is_ok_and(|address| address.is_unspecified())
}

fn judge(_: &Context<'_>, resources: &LocalResources, containers: &Containers) -> Judgement {
    // Every address of a server with several, not only the first.
    let owned: BTreeSet<String> = containers
        .backends()
        .flat_map(|c| &c.addresses)
        .map(|address| normal(address))
        .collect();
    if owned.is_empty() {
        return Judgement::unknown("the cluster tells no address of any backend container");
    }
    let (mut odd, mut open) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for (name, found) in &resources.containers {
        let endpoints = match found {
            Ok(resources) => &resources.endpoints,
            Err(why) => {
                open.push(format!("{name}: {why}"));
                continue;
            }
        };
        let Some(endpoints) = endpoints else {
            open.push(format!("{name}: its resources have no list of backends"));
            continue;
        };
        for address in endpoints.iter().map(|address| normal(address)) {
            if is_unspecified(&address) {
                odd.push(format!("{name}: {address} is no server's address"));
            } else if !owned.contains(&address) {
                odd.push(format!("{name}: {address} belongs to no backend container"));
            }
            seen.insert(address);
        }
    }
    if !odd.is_empty() {
        return Judgement::warn(
            format!("{} addresses to join that no backend owns", odd.len()),
            "Give each container the addresses of the present backends with `weka local resources join-ips --container NAME ADDRESS…`, and apply it with `weka local resources apply --container NAME`.",
        )
        .details(odd.into_iter().chain(open));
    }
    if let Some(first) = open.first() {
        return Judgement::unknown(first.clone()).details(open);
    }
    if resources.containers.is_empty() {
        return Judgement::unknown("this server has no container of type weka");
    }
    Judgement::pass(format!(
        "{} containers, {} addresses, each of a backend",
        resources.containers.len(),
        seen.len()
    ))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::server::Role;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::damaged;

    const KEY: &str = "host:local-resources";

    fn base() -> Evidence {
        let list = json!([
            {"host_id": 1, "hostname": "weka-01", "container_name": "drives0", "host_ip": "10.0.0.1", "ips": ["10.0.0.1", "10.0.1.1", "fd00::1"], "mode": "backend", "status": "UP"},
            {"host_id": 2, "hostname": "client-1", "container_name": "client", "host_ip": "10.0.0.51", "mode": "client", "status": "UP"}]);
        Evidence::running("4.4.21.2").weka("weka:containers", &list.to_string())
    }

    fn judged(answer: &str) -> checker_core::report::CheckResult {
        base()
            .backend("weka-01", &[(KEY, answer)])
            .judge_one(&ENDPOINT_IPS, "4.4.33")
    }

    #[rstest]
    #[case::first_address("endpoints 10.0.0.1", Outcome::Pass)]
    // field history 32
    #[case::second_address("endpoints 10.0.1.1", Outcome::Pass)]
    #[case::ipv6_in_another_spelling("endpoints FD00:0::1", Outcome::Pass)]
    #[case::with_a_port("endpoints 10.0.0.1:14000 [fd00::1]:14000", Outcome::Pass)]
    #[case::no_endpoints_yet("endpoints", Outcome::Pass)]
    #[case::zeros("endpoints 10.0.0.1 0.0.0.0", Outcome::Warn)]
    #[case::ipv6_zeros("endpoints ::", Outcome::Warn)]
    #[case::gone("endpoints 10.0.0.1 10.0.0.9", Outcome::Warn)]
    #[case::a_client("endpoints 10.0.0.51", Outcome::Warn)]
    #[case::a_name("endpoints weka-old", Outcome::Warn)]
    #[case::no_list("no endpoints", Outcome::Unknown)]
    #[case::cut("", Outcome::Unknown)]
    fn judges(#[case] endpoints: &str, #[case] outcome: Outcome) {
        let answer = match endpoints.strip_prefix("endpoints") {
            Some(list) => format!("list{list}\ncontainer drives0\nkey 0\nendpoints 1"),
            None => format!("container drives0\nkey 0\n{endpoints}"),
        };
        let result = judged(&format!("digests 0\n{answer}\nend\n"));
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history G19
    #[test]
    fn every_container_is_looked_at() {
        let lists =
            "digests 0\nlist 10.0.0.1\nlist 10.0.0.9\ncontainer drives0\nkey 0\nendpoints 1\n";
        let result = judged(&format!("{lists}container x y\nkey 0\nendpoints 2\nend\n"));
        assert_eq!(result.outcome, Outcome::Warn, "{result:?}");
        assert_eq!(
            result.details,
            ["x y: 10.0.0.9 belongs to no backend container"]
        );
        let result = judged(&format!("{lists}container b\nfailed 1\nend\n"));
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[rstest]
    #[case::no_containers("digests 0\nend\n", End::Exited(0))]
    #[case::nothing("", End::Exited(0))]
    #[case::noise("Welcome\n", End::Exited(0))]
    #[case::not_installed("", End::Exited(127))]
    #[case::too_late("", End::TimedOut)]
    fn damaged_answers_are_unknown(#[case] answer: &str, #[case] end: End) {
        let record = base().record(KEY, end, answer, "");
        let result = base()
            .server_answered("weka-01", Role::Backend, vec![record])
            .judge_one(&ENDPOINT_IPS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn without_the_list_of_containers_it_is_unknown() {
        let base = Evidence::running("4.4.21.2").backend(
            "weka-01",
            &[(
                KEY,
                "digests 0\nlist 10.0.0.1\ncontainer a\nkey 0\nendpoints 1\nend\n",
            )],
        );
        damaged::is_unknown(&ENDPOINT_IPS, "4.4.33", "weka:containers", &base);
        let none = base
            .weka("weka:containers", "[]")
            .judge_one(&ENDPOINT_IPS, "4.4.33");
        assert_eq!(none.outcome, Outcome::Unknown);
    }
}
