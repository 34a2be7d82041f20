use checker_core::contract::Scope;
use checker_core::facts::mgmt_ports::{MgmtPorts, PortAnswers};
use checker_core::facts::{Fleet, This};
use checker_core::{Context, Judgement, check};

check! {
    /// The containers' management ports answer from other backends.
    ///
    /// ## What it looks at
    /// Two other backends open a connection to each management address and port of
    /// this server's containers (`weka cluster container -J`: `ips`, `mgmt_port`).
    /// Three seconds are enough time.
    ///
    /// ## Why it matters
    /// The upgrade is led by one container, which steers those of all other servers
    /// through these ports.
    ///
    /// ## If ignored
    /// The upgrade stops at this server, with its containers half exchanged.
    ///
    /// ## How to fix
    /// From another backend: `curl -k https://<address>:<port>/api/v2/healthcheck`. On this
    /// server `ss -ltnp | grep <port>` shows whether the container listens;
    /// `nft list ruleset`, `iptables -nL` and `firewall-cmd --list-all` what is in the way.
    /// Let the backends reach 14000-14100, 14200-14300 and 14300-14400 of each other.
    pub MGMT_PORTS {
        id: "server/mgmt-ports",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        // There every server asked the one that the tool stood on (field
        // history 5.5 item 21).
        sources: ["Public upgrade checker: ports", "rules J8"],
        needs: [This<'_>, &MgmtPorts, Fleet<'_, PortAnswers>],
        judge: judge,
    }
}

fn judge(
    _: &Context<'_>,
    This(server): This<'_>,
    ports: &MgmtPorts,
    fleet: Fleet<'_, PortAnswers>,
) -> Judgement {
    let others = fleet
        .servers
        .iter()
        .filter(|(other, _)| other.role.scope() == Scope::Backend && other.name != server.name);
    if others.clone().next().is_none() {
        return Judgement::skipped("no other backend is looked at, from which to ask");
    }
    let (mut closed, mut open, mut untold) = (Vec::new(), Vec::new(), Vec::new());
    for port in ports.of(server) {
        if port.port.is_none() {
            untold.push(format!("{} (the cluster tells no port)", port.name));
        }
        for endpoint in port.endpoints() {
            let place = format!("{} at {endpoint}", port.name);
            let answers: Vec<(&str, bool)> = others
                .clone()
                .filter_map(|(other, fact)| {
                    Some((other.name.as_str(), fact.as_ref().ok()?.of(&endpoint)?))
                })
                .collect();
            let refused: Vec<&str> = answers.iter().filter(|a| !a.1).map(|a| a.0).collect();
            if !refused.is_empty() {
                closed.push(format!("{place}, asked from {}", refused.join(", ")));
            } else if answers.is_empty() {
                untold.push(place);
            } else {
                open.push(place);
            }
        }
    }
    if !closed.is_empty() {
        return Judgement::fail(
            format!("no answer: {}", closed.join("; ")),
            "`ss -ltnp` on this server shows whether the container listens; `nft list ruleset`, `iptables -nL` and \
             `firewall-cmd --list-all` what is in the way. Let the backends reach each other's ports 14000-14400.",
        )
        .details(closed)
        .details(untold);
    }
    if !untold.is_empty() {
        // Why, where the ones that could have told did not answer.
        let why = others.clone().find_map(|(_, fact)| fact.as_ref().err());
        let why = why
            .map(|missing| format!(" ({missing})"))
            .unwrap_or_default();
        return Judgement::unknown(format!(
            "nobody could tell whether these answer: {}{why}",
            untold.join("; ")
        ))
        .details(open);
    }
    if open.is_empty() {
        return Judgement::unknown("the cluster tells no management port of this server");
    }
    Judgement::pass(format!("{} answer from other backends", open.join(", ")))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::server::{Role, Step};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged;
    use Outcome::{Fail, Pass, Skipped, Unknown};

    const CONTAINERS: &str = r#"[
        {"host_id":1,"hostname":"weka-01","container_name":"drives0","host_ip":"10.0.0.1","mode":"backend","status":"UP","mgmt_port":14000},
        {"host_id":2,"hostname":"weka-01","container_name":"compute0","host_ip":"10.0.0.1","mode":"backend","status":"UP","mgmt_port":14300},
        {"host_id":3,"hostname":"weka-02","container_name":"drives0","host_ip":"10.0.0.2","mode":"backend","status":"UP","mgmt_port":14000},
        {"host_id":4,"hostname":"weka-03","container_name":"drives0","host_ip":"10.0.0.3","mode":"backend","status":"UP","mgmt_port":14000}]"#;
    const OPEN: &str = "open 10.0.0.1 14000\nopen 10.0.0.1 14300\nend\n";

    fn evidence() -> Evidence {
        Evidence::running("4.4.21.2").weka("weka:containers", CONTAINERS)
    }

    fn of_first(evidence: &Evidence) -> (Outcome, String) {
        let result = evidence.judge(&MGMT_PORTS, "4.4.33").remove(0);
        assert_eq!(result.target, "weka-01");
        assert_eq!(
            result.remedy.is_some(),
            result.outcome == Fail,
            "{result:?}"
        );
        (result.outcome, result.summary)
    }

    #[rstest]
    #[case::both(OPEN, OPEN, Pass)]
    // field history G21
    #[case::one_asker_is_cut_off(OPEN, "Welcome", Pass)]
    #[case::closed_for_both(
        "closed 10.0.0.1 14000\nopen 10.0.0.1 14300\nend\n",
        "closed 10.0.0.1 14000\nend\n",
        Fail
    )]
    #[case::closed_for_one(OPEN, "open 10.0.0.1 14000\nclosed 10.0.0.1 14300\nend\n", Fail)]
    #[case::swallowed("asked 10.0.0.1 14000\nopen 10.0.0.1 14300\nend\n", "end\n", Fail)]
    #[case::one_port_untold("open 10.0.0.1 14000\nend\n", "end\n", Unknown)]
    #[case::only_others_asked("open 10.0.0.3 14000\nend\n", "open 10.0.0.2 14000\nend\n", Unknown)]
    #[case::nobody_answered("", "", Unknown)]
    fn judges(#[case] second: &str, #[case] third: &str, #[case] outcome: Outcome) {
        let evidence = evidence()
            .backend("weka-01", &[("host:ports", "end\n")])
            .backend("weka-02", &[("host:ports", second)])
            .backend("weka-03", &[("host:ports", third)]);
        assert_eq!(of_first(&evidence).0, outcome, "{:?}", of_first(&evidence));
    }

    // field history G21
    #[test]
    fn what_a_server_says_of_itself_does_not_count() {
        let evidence = evidence()
            .backend("weka-01", &[("host:ports", OPEN)])
            .backend("weka-02", &[("host:ports", "end\n")]);
        assert_eq!(of_first(&evidence).0, Unknown);
    }

    #[test]
    fn names_container_port_and_asker() {
        let evidence = evidence().backend("weka-01", &[]).backend(
            "weka-02",
            &[(
                "host:ports",
                "open 10.0.0.1 14000\nclosed 10.0.0.1 14300\nend\n",
            )],
        );
        let (outcome, summary) = of_first(&evidence);
        assert_eq!(
            (outcome, summary.as_str()),
            (
                Fail,
                "no answer: compute0 at 10.0.0.1:14300, asked from weka-02"
            )
        );
    }

    #[test]
    fn a_server_alone_is_skipped() {
        let evidence = evidence().backend("weka-01", &[]);
        assert_eq!(of_first(&evidence).0, Skipped);
    }

    #[test]
    fn askers_that_were_not_reached_tell_nothing() {
        let evidence = evidence()
            .backend("weka-01", &[("host:ports", "end\n")])
            .unreached("weka-02", Role::Backend, Step::Timeout, "10 s");
        let (outcome, summary) = of_first(&evidence);
        assert_eq!(outcome, Unknown);
        assert!(summary.contains("connect timeout"), "{summary}");
    }

    /// The other containers' answers are no answer for this one.
    #[test]
    fn one_container_without_a_port_is_unknown() {
        let silent = CONTAINERS.replace("\"mgmt_port\":14300", "\"mgmt_port\":null");
        let evidence = evidence()
            .weka("weka:containers", &silent)
            .backend("weka-01", &[])
            .backend("weka-02", &[("host:ports", OPEN)]);
        let (outcome, summary) = of_first(&evidence);
        assert_eq!(outcome, Unknown);
        assert!(
            summary.contains("compute0 (the cluster tells no port)"),
            "{summary}"
        );
    }

    #[test]
    fn no_port_told_is_unknown() {
        let silent = CONTAINERS.replace("\"mgmt_port\":", "\"other\":");
        let evidence = evidence()
            .weka("weka:containers", &silent)
            .backend("weka-01", &[])
            .backend("weka-02", &[("host:ports", OPEN)]);
        assert_eq!(of_first(&evidence).0, Unknown);
        let base = Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:ports", OPEN)])
            .backend("weka-02", &[("host:ports", OPEN)]);
        damaged::is_unknown(&MGMT_PORTS, "4.4.33", "weka:containers", &base);
    }
}
