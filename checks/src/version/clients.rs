use checker_core::facts::containers::{Container, Containers};
use checker_core::upgrade_path::steps_behind;
use checker_core::{Context, Judgement, Version, check};

check! {
    /// No client is too far behind the target.
    ///
    /// ## What it looks at
    /// The release of every client container, against every release of the
    /// path. A step is one line to the next, an LTS to the next LTS, or a line
    /// that the target takes directly.
    ///
    /// ## Why it matters
    /// Clients keep their release when the cluster is upgraded. The cluster
    /// speaks with clients that are one major step behind it, not with older ones,
    /// and not with newer ones.
    ///
    /// ## If ignored
    /// Clients that are two steps behind lose their mounts when the backends
    /// come up on the target, and can't mount again.
    ///
    /// ## How to fix
    /// Bring these clients up to the cluster's running release first: unmount
    /// and mount a stateless client, or upgrade it in place with
    /// `weka version get V --client-only --from <backend>:14000`,
    /// `weka version set --agent-only V`, `weka local upgrade`. A client that is
    /// gone for good can be removed from the cluster.
    pub CLIENTS {
        id: "version/clients",
        scope: [Cluster],
        when: "all",
        levels: [Warn, Fail],
        sources: [
            "Upgrade guide: client compatibility",
            "rules A10 to A13",
        ],
        needs: [&Containers],
        judge: judge,
    }
}

/// How far a client may lie behind.
const STEPS: usize = 1;

/// What was found about one client.
enum Found {
    /// Not known what it runs.
    NoRelease,
    /// One step behind this hop.
    Behind(usize),
    /// More than one step behind this hop.
    TooFar(usize),
    /// Of a newer line than the target.
    Newer,
}

fn judge(context: &Context<'_>, containers: &Containers) -> Judgement {
    let clients: Vec<&Container> = containers.0.iter().filter(|c| !c.backend).collect();
    if clients.is_empty() {
        return Judgement::pass("the cluster has no clients");
    }
    let hops = context.releases_ahead();
    let found: Vec<(&Container, Found)> = clients
        .iter()
        .filter_map(|client| Some((*client, look(client, &hops, context)?)))
        .collect();
    let Some(first) = hops.first() else {
        return Judgement::unknown("there is no target to judge by");
    };
    let details = found
        .iter()
        .map(|(client, found)| line(client, found, &hops));
    let too_far = found
        .iter()
        .filter(|(_, f)| matches!(f, Found::TooFar(0)))
        .count();
    let behind = found
        .iter()
        .filter(|(_, f)| matches!(f, Found::Behind(_) | Found::TooFar(_)))
        .count();
    let newer = found
        .iter()
        .filter(|(_, f)| matches!(f, Found::Newer))
        .count();
    let silent = found.len() - behind - newer;
    if too_far > 0 {
        return Judgement::fail(
            format!(
                "{} of {} clients more than one major step behind {first}",
                too_far,
                clients.len()
            ),
            format!(
                "Upgrade these clients to the cluster's running release before the upgrade to {first}, or remove those that are gone (`weka cluster container remove <id>`)."
            ),
        )
        .details(details);
    }
    if behind > 0 {
        return Judgement::warn(
            format!("{behind} of {} clients must be upgraded before the next major step", clients.len()),
            format!(
                "They keep working while the cluster goes to {first}. Upgrade them to {first} afterwards, before any further hop."
            ),
        )
        .details(details);
    }
    if newer > 0 {
        return Judgement::warn(
            format!("{newer} of {} clients run a newer line than {}", clients.len(), context.to),
            "A client must not be newer than its cluster. Choose a target of their line, or bring these clients back to a release of the cluster's.",
        )
        .details(details);
    }
    if silent > 0 {
        return Judgement::warn(
            format!("{silent} of {} clients have no release: they were never started", clients.len()),
            "Start these clients, or remove them from the cluster (`weka cluster container remove <id>`).",
        )
        .details(details);
    }
    Judgement::pass(format!(
        "{} clients, all of the target's line",
        clients.len()
    ))
}

fn look(client: &Container, hops: &[&Version], context: &Context<'_>) -> Option<Found> {
    let release = client
        .release
        .as_deref()
        .and_then(|r| r.parse::<Version>().ok());
    let Some(release) = release else {
        return Some(Found::NoRelease);
    };
    // To an older target the cluster's own clients are newer: that is the
    // direction's fault, not theirs.
    let cluster = context.from.map_or(context.to, |from| from.max(context.to));
    if release.line() > cluster.line() {
        return Some(Found::Newer);
    }
    let steps = |hop: &Version| steps_behind(context.data, &release, hop, STEPS);
    // Behind a later hop only: the client has to follow before that one.
    hops.iter()
        .enumerate()
        .find_map(|(n, hop)| match steps(hop) {
            None => Some(Found::TooFar(n)),
            Some(_) => None,
        })
        .or_else(|| {
            hops.iter()
                .position(|hop| steps(hop) == Some(STEPS))
                .map(Found::Behind)
        })
}

fn line(client: &Container, found: &Found, hops: &[&Version]) -> String {
    let release = client.release.as_deref().unwrap_or("unknown");
    let hop = |n: &usize| hops.get(*n).map(ToString::to_string).unwrap_or_default();
    let what = match found {
        Found::NoRelease => "its release is not known".to_owned(),
        Found::Newer => format!("{release}, newer than the cluster will be"),
        Found::Behind(n) => format!("{release}, one major step behind {}", hop(n)),
        Found::TooFar(0) => format!("{release}, more than one major step behind {}", hop(&0)),
        Found::TooFar(n) => format!("{release}, must be upgraded before the hop to {}", hop(n)),
    };
    format!("{} (container {}): {what}", client.hostname, client.id)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn container(id: u64, mode: &str, release: Value) -> Value {
        json!({"host_id": format!("HostId<{id}>"), "hostname": format!("node-{id}"), "container_name": "client",
            "host_ip": format!("10.0.1.{id}"), "mode": mode, "status": "UP", "sw_version": release, "sw_release_string": null})
    }

    fn judged(from: &str, to: &str, clients: &[Value]) -> CheckResult {
        let mut list = vec![container(0, "backend", json!(from))];
        list.extend(
            clients
                .iter()
                .enumerate()
                .map(|(n, r)| container(n as u64 + 1, "client", r.clone())),
        );
        Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .weka("weka:containers", &json!(list).to_string())
            .judge_one(&CLIENTS, to)
    }

    #[rstest]
    // field history R5
    #[case::same("4.4.26", "4.4.33", "4.4.26", Outcome::Pass)]
    #[case::same_line_but_old("4.4.26", "4.4.33", "4.4.0", Outcome::Pass)]
    #[case::as_the_target("4.4.26", "4.4.33", "4.4.33", Outcome::Pass)]
    #[case::next_major("4.4.26", "4.4.33", "4.3.5.105", Outcome::Warn)]
    #[case::lts_to_lts("4.4.26", "4.4.33", "4.2.5", Outcome::Warn)]
    #[case::before_the_lts("4.4.26", "4.4.33", "4.1.2.36", Outcome::Fail)]
    #[case::straight_to_5_1("4.4.26", "5.1.25", "4.4.26", Outcome::Warn)]
    #[case::two_behind_5_1("4.4.26", "5.1.25", "4.2.18.34", Outcome::Fail)]
    #[case::one_and_a_half("4.4.26", "5.1.25", "4.3.5", Outcome::Fail)]
    #[case::newer_line("4.4.26", "4.4.33", "5.0.4.401", Outcome::Warn)]
    #[case::of_the_cluster_that_shall_go_back("5.1.25", "4.4.33", "5.1.25", Outcome::Pass)]
    #[case::newer_of_the_same_line("4.4.26", "4.4.32", "4.4.33", Outcome::Pass)]
    #[case::far("4.4.26", "4.4.33", "3.14.1", Outcome::Fail)]
    #[case::hotfix("4.4.26", "5.1.25", "4.4.26-6a24a384", Outcome::Warn)]
    #[case::two_hops("4.2.18.34", "5.1.25", "4.2.18.34", Outcome::Warn)]
    #[case::two_hops_too_far("4.2.18.34", "5.1.25", "4.1.2.36", Outcome::Fail)]
    fn one_client(
        #[case] from: &str,
        #[case] to: &str,
        #[case] client: &str,
        #[case] outcome: Outcome,
    ) {
        let result = judged(from, to, &[json!(client)]);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn every_client_concerned_is_named() {
        let result = judged(
            "4.4.26",
            "4.4.33",
            &[
                json!("4.1.2"),
                json!("4.4.26"),
                json!("4.2.5"),
                json!("4.0.5"),
            ],
        );
        assert_eq!(
            result.summary,
            "2 of 4 clients more than one major step behind 4.4.33"
        );
        assert_eq!(
            result.details,
            [
                "node-1 (container 1): 4.1.2, more than one major step behind 4.4.33",
                "node-3 (container 3): 4.2.5, one major step behind 4.4.33",
                "node-4 (container 4): 4.0.5, more than one major step behind 4.4.33",
            ]
        );
    }

    /// Clients of the running line can't be ahead of the cluster: on a path of
    /// several hops they follow between the hops.
    #[test]
    fn a_later_hop_is_a_planned_step() {
        let result = judged("4.2.18.34", "5.1.25", &[json!("4.2.18.34")]);
        assert_eq!(
            result.details,
            ["node-1 (container 1): 4.2.18.34, must be upgraded before the hop to 5.1.25"]
        );
    }

    // field history S4
    #[rstest]
    #[case::no_clients(&[], Outcome::Pass)]
    #[case::never_started(&[Value::Null], Outcome::Warn)]
    #[case::never_started_and_good(&[Value::Null, json!("4.4.26")], Outcome::Warn)]
    #[case::a_release_that_is_none(&[json!("unknown")], Outcome::Warn)]
    fn odd_fleets(#[case] clients: &[Value], #[case] outcome: Outcome) {
        assert_eq!(judged("4.4.26", "4.4.33", clients).outcome, outcome);
    }

    #[test]
    fn backends_are_no_clients() {
        let list = json!([container(0, "backend", json!("4.1.2"))]);
        let result = Evidence::running("4.4.26")
            .by(crate::release_data().expect("good data"))
            .weka("weka:containers", &list.to_string())
            .judge_one(&CLIENTS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass);
    }

    #[test]
    fn no_answer_is_unknown() {
        let result = Evidence::running("4.4.26").judge_one(&CLIENTS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
