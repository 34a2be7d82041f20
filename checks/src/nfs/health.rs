use checker_core::facts::Missing;
use checker_core::facts::containers::Containers;
use checker_core::facts::nfs::{Nfs, Port};
use checker_core::{Context, Judgement, check};

check! {
    /// Every NFS interface group and each of its ports is well.
    ///
    /// ## What it looks at
    /// `status` of every interface group in `weka nfs interface-group -J`, and of
    /// every port of each: `OK` or anything else.
    ///
    /// ## Why it matters
    /// Servers are upgraded one after the other, and the addresses of the one that
    /// stops move to the others of its group. A port that does not work can't
    /// take them.
    ///
    /// ## If ignored
    /// NFS clients are cut off while the servers that are left restart.
    ///
    /// ## How to fix
    /// `weka nfs interface-group` and `weka nfs interface-group assignment` show the
    /// groups and where their addresses are; `weka alerts` and
    /// `weka local status` on the server named say what is wrong there. A port whose
    /// server is gone is taken out with
    /// `weka nfs interface-group port delete <group> <container-id> <port>`.
    pub HEALTH {
        id: "nfs/health",
        scope: [Cluster],
        when: "NFS in use",
        levels: [Warn],
        sources: ["rules K6", "public checker: NFS interface group and ports (its first group only)"],
        needs: [&Nfs, Result<&Containers, Missing>],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, nfs: &Nfs, containers: Result<&Containers, Missing>) -> Judgement {
    if !nfs.in_use() {
        return super::not_in_use();
    }
    let containers = containers.ok();
    let ok = |status: &str| status.trim().eq_ignore_ascii_case("OK");
    let (mut bad, mut untold) = (Vec::new(), Vec::new());
    let mut sort = |status: Option<&str>, what: String| match status {
        Some(status) if ok(status) => {}
        Some(status) => bad.push(format!("{what}: {status}")),
        None => untold.push(format!("{what}: its status is not told")),
    };
    let mut ports = 0;
    for group in &nfs.0 {
        let name = format!("interface group {}", group.name);
        sort(group.status.as_deref(), name.clone());
        for port in &group.ports {
            ports += 1;
            let place = format!("{name}, port {}", place(port, containers));
            sort(port.status.as_deref(), place);
        }
    }
    let looked_at = format!(
        "{} with {ports} {}",
        super::groups(nfs),
        if ports == 1 { "port" } else { "ports" }
    );
    if !bad.is_empty() {
        return Judgement::warn(
            format!("{} not OK among {looked_at}", bad.len()),
            "`weka nfs interface-group assignment` shows where the addresses are, `weka alerts` what is wrong. Mend the \
             port, or take it out if its server is gone: `weka nfs interface-group port delete <group> <container-id> <port>`.",
        )
        .details(bad)
        .details(untold);
    }
    if !untold.is_empty() {
        return Judgement::unknown(format!(
            "`weka nfs interface-group -J` does not tell the status of {} of {looked_at}",
            untold.len()
        ))
        .details(untold);
    }
    Judgement::pass(format!("{looked_at}, all OK"))
}

/// `eth1 of container 5 (weka-02)`.
fn place(port: &Port, containers: Option<&Containers>) -> String {
    let id = port.container;
    let whose = match containers.map(|all| all.by_id(id)) {
        Some(Some(container)) => format!(" ({})", container.hostname),
        Some(None) => ", which `weka cluster container` does not list".to_owned(),
        None => String::new(),
    };
    let device = if port.device.is_empty() {
        String::new()
    } else {
        format!("{} of ", port.device)
    };
    format!("{device}container {id}{whose}")
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const CONTAINERS: &str = r#"[
        {"host_id":"HostId<5>","hostname":"weka-02","container_name":"frontend0","host_ip":"10.0.0.2","mode":"backend","status":"UP"},
        {"host_id":"HostId<8>","hostname":"weka-03","container_name":"frontend0","host_ip":"10.0.0.3","mode":"backend","status":"UP"}]"#;

    fn judged(groups: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .weka("weka:containers", CONTAINERS)
            .weka("weka:nfs-interface-groups", groups)
            .judge_one(&HEALTH, "4.4.33")
    }

    fn group(name: &str, status: &str, ports: &[(&str, &str)]) -> String {
        let ports: Vec<String> = ports
            .iter()
            .map(|(id, status)| format!(r#"{{"host_id":{id},"port":"eth1","status":{status}}}"#))
            .collect();
        format!(
            r#"{{"name":"{name}","status":{status},"ports":[{}]}}"#,
            ports.join(",")
        )
    }

    const OK: &str = r#""OK""#;
    const FIVE: &str = r#""HostId<5>""#;

    // field history S14
    #[rstest]
    #[case::well(&[group("ig1", OK, &[(FIVE, OK), ("8", OK)])], Outcome::Pass)]
    #[case::lower_case(&[group("ig1", r#""ok""#, &[(FIVE, OK)])], Outcome::Pass)]
    #[case::no_ports(&[group("ig1", OK, &[])], Outcome::Pass)]
    #[case::group(&[group("ig1", r#""Inactive""#, &[(FIVE, OK)])], Outcome::Warn)]
    // field history G12
    #[case::second_group(&[group("ig1", OK, &[(FIVE, OK)]), group("ig2", r#""Inactive""#, &[])], Outcome::Warn)]
    #[case::port(&[group("ig1", OK, &[(FIVE, OK), ("8", r#""UNREACHABLE""#)])], Outcome::Warn)]
    #[case::port_of_the_second(&[group("ig1", OK, &[(FIVE, OK)]), group("ig2", OK, &[("8", r#""UNREACHABLE""#)])], Outcome::Warn)]
    #[case::group_not_told(&[group("ig1", "null", &[(FIVE, OK)])], Outcome::Unknown)]
    #[case::port_not_told(&[group("ig1", OK, &[(FIVE, "null")])], Outcome::Unknown)]
    #[case::not_told_and_bad(&[group("ig1", "null", &[(FIVE, r#""UNREACHABLE""#)])], Outcome::Warn)]
    #[case::none(&[], Outcome::Skipped)]
    fn judges(#[case] groups: &[String], #[case] outcome: Outcome) {
        let result = judged(&format!("[{}]", groups.join(",")));
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "", "", Outcome::Unknown)]
    #[case::cut(End::Exited(0), r#"[{"name":"ig1","#, "", Outcome::Unknown)]
    #[case::never_set_up(End::Exited(1), "", "error: NFS is not configured", Outcome::Skipped)]
    fn no_list(
        #[case] end: End,
        #[case] stdout: &str,
        #[case] stderr: &str,
        #[case] outcome: Outcome,
    ) {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:containers", CONTAINERS)
            .weka_ended("weka:nfs-interface-groups", end, stdout, stderr)
            .judge_one(&HEALTH, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn names_group_port_and_server() {
        let result = judged(&format!(
            "[{},{}]",
            group("ig1", OK, &[(FIVE, r#""UNREACHABLE""#)]),
            group("ig2", OK, &[("99", r#""DOWN""#), ("8", OK)]),
        ));
        assert_eq!(
            result.summary,
            "2 not OK among 2 interface groups with 3 ports"
        );
        // field history G14: what can't be placed is named all the same.
        assert_eq!(
            result.details,
            [
                "interface group ig1, port eth1 of container 5 (weka-02): UNREACHABLE",
                "interface group ig2, port eth1 of container 99, which `weka cluster container` does not list: DOWN"
            ]
        );
    }

    /// The form of 6.0, and without the containers: the ports' own words are enough.
    #[test]
    fn the_ports_alone_are_enough() {
        let result = Evidence::running("6.0.0.6363")
            .weka(
                "weka:nfs-interface-groups",
                r#"[{"name":"ig1","status":"OK","netmask":24,"ports":[{"container":0,"port":"eth1","status":"OK"}]}]"#,
            )
            .judge_one(&HEALTH, "6.0.1");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
        assert_eq!(result.summary, "1 interface group with 1 port, all OK");
    }
}
