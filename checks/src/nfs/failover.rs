use checker_core::facts::containers::Containers;
use checker_core::facts::nfs::{InterfaceGroup, Nfs};
use checker_core::facts::nfs_connections::NfsConnections;
use checker_core::facts::nfs_options::NfsOptions;
use checker_core::facts::{Fleet, Missing};
use checker_core::server::Role;
use checker_core::{Context, Judgement, check};

check! {
    /// The NFS servers can take over each other's clients.
    ///
    /// ## What it looks at
    /// Which servers serve each interface group (`weka nfs interface-group -J`), how
    /// many NFS connections each has now (`ss -Htn state established '( sport = :2049 )'`
    /// there), and how many one server takes: `RPC_Max_Connections` in
    /// `weka nfs custom-options -J`, 1024 where nothing is set. For every server
    /// of a group: could the others take its connections, in equal shares, beside
    /// their own?
    ///
    /// The addresses of a group move only within it, so every group is looked at
    /// alone, and one with a single server is yellow even beside other groups.
    /// The connections of a server that serves several groups are counted in full
    /// for each, since `ss` does not tell the groups apart.
    ///
    /// ## Why it matters
    /// The upgrade restarts one NFS server after the other. The clients of the one
    /// that stops connect to the others.
    ///
    /// ## If ignored
    /// With one server NFS is interrupted. With others that are full, clients are
    /// turned away until the server is back.
    ///
    /// ## How to fix
    /// Add a server: `weka nfs interface-group port add <group> <container-id> <port>`.
    /// Or upgrade when fewer clients are connected. Or have support raise the limit
    /// (`NFS_CORE_PARAM { RPC_Max_Connections = 2048; }` in the custom NFS options);
    /// for a target before 4.4.3 any such option closes the gate
    /// (`nfs/custom-options`).
    pub FAILOVER {
        id: "nfs/failover",
        scope: [Cluster],
        when: "NFS in use",
        levels: [Warn],
        sources: ["rules K6", "public checker: NFS connections (without the share of the server that is lost)"],
        needs: [&Nfs, Result<&Containers, Missing>, Result<&NfsOptions, Missing>, Fleet<'_, NfsConnections>],
        judge: judge,
    }
}

/// One server of an interface group.
struct Member {
    name: String,
    /// How many clients are connected, or why that is not known.
    connections: Result<u64, String>,
}

fn judge(
    _: &Context<'_>,
    nfs: &Nfs,
    containers: Result<&Containers, Missing>,
    options: Result<&NfsOptions, Missing>,
    fleet: Fleet<'_, NfsConnections>,
) -> Judgement {
    if !nfs.in_use() {
        return super::not_in_use();
    }
    let containers = match containers {
        Ok(containers) => containers,
        Err(missing) => return Judgement::unknown(missing.to_string()),
    };
    let (mut alone, mut crowded, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let limit = match options.map(NfsOptions::max_connections) {
        Ok(Some(limit)) => Ok(limit),
        Ok(None) => Err("RPC_Max_Connections is set to something that is no number".to_owned()),
        Err(missing) => Err(missing.to_string()),
    };
    let mut worst = 0;
    let mut counts: Vec<String> = Vec::new();
    for group in nfs.0.iter().filter(|group| !group.ports.is_empty()) {
        let members = members(group, containers, &fleet);
        for member in &members {
            let line = match &member.connections {
                Ok(count) => format!("{}: {count} NFS connections", member.name),
                Err(why) => format!("{}: {why}", member.name),
            };
            if !counts.contains(&line) {
                counts.push(line);
            }
        }
        if let [only] = &members[..] {
            alone.push(format!(
                "interface group {}: {} is its only server",
                group.name, only.name
            ));
            continue;
        }
        match highest_load(&members) {
            Err(why) => open.push(format!("interface group {}: {why}", group.name)),
            Ok(load) => {
                worst = worst.max(load.total);
                if let Ok(limit) = &limit
                    && load.total > *limit
                {
                    crowded.push(format!(
                        "interface group {}: without {}, {} would have {} connections of {limit}",
                        group.name, load.lost, load.survivor, load.total
                    ));
                }
            }
        }
    }
    if counts.is_empty() {
        return Judgement::unknown(
            "no interface group has a server, so there is none to take over",
        );
    }
    if let Err(why) = &limit
        && alone.is_empty()
    {
        return Judgement::unknown(format!("how many connections a server takes: {why}"))
            .details(counts);
    }
    if !alone.is_empty() || !crowded.is_empty() {
        let summary = match (alone.len(), crowded.len()) {
            (0, n) => {
                format!("the servers of {n} interface groups can't take over each other's clients")
            }
            (n, 0) => format!("{n} interface groups have one server only"),
            (n, m) => format!(
                "{n} interface groups have one server only, the servers of {m} are too full"
            ),
        };
        return Judgement::warn(
            summary.replace("of 1 interface groups", "of 1 interface group").replace("1 interface groups have", "1 interface group has"),
            "Add a server, `weka nfs interface-group port add <group> <container-id> <port>`, or upgrade when fewer NFS \
             clients are connected. Support can raise the limit, RPC_Max_Connections; for a target before 4.4.3 no such \
             option may be set.",
        )
        .details(alone)
        .details(crowded)
        .details(open)
        .details(counts);
    }
    if !open.is_empty() {
        return Judgement::unknown(format!(
            "the NFS connections are not known everywhere: {}",
            open.join("; ")
        ))
        .details(counts);
    }
    let limit = limit.unwrap_or_default();
    Judgement::pass(format!(
        "{}, at most {worst} connections on a server when another stops, {limit} allowed",
        super::groups(nfs)
    ))
    .details(counts)
}

/// The servers of a group, each once, however many ports it has there.
fn members(
    group: &InterfaceGroup,
    containers: &Containers,
    fleet: &Fleet<'_, NfsConnections>,
) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for port in &group.ports {
        let member = match containers.by_id(port.container) {
            // It could stand on any server, one of the others among them.
            None => Member {
                name: format!("container {}", port.container),
                connections: Err("`weka cluster container` does not list it".to_owned()),
            },
            Some(container) => {
                let on = fleet
                    .servers
                    .iter()
                    .filter(|(server, _)| server.role == Role::Backend)
                    .find(|(server, _)| container.stands_on(server));
                match on {
                    Some((server, connections)) => Member {
                        name: server.name.clone(),
                        connections: match connections {
                            Ok(NfsConnections(count)) => Ok(*count),
                            Err(missing) => Err(missing.to_string()),
                        },
                    },
                    // Outside of what was looked at (`-b`, `-d`).
                    None => Member {
                        name: container.hostname.clone(),
                        connections: Err("it was not asked in this run".to_owned()),
                    },
                }
            }
        };
        if !members.iter().any(|known| known.name == member.name) {
            members.push(member);
        }
    }
    members
}

/// The most that any server would have after any other has stopped.
struct Load<'m> {
    lost: &'m str,
    survivor: &'m str,
    total: u64,
}

fn highest_load(members: &[Member]) -> Result<Load<'_>, String> {
    let mut known = Vec::new();
    for member in members {
        match &member.connections {
            Ok(count) => known.push((member.name.as_str(), *count)),
            Err(why) => return Err(format!("{}: {why}", member.name)),
        }
    }
    let others = known.len().saturating_sub(1).max(1) as u64;
    let mut highest: Option<Load<'_>> = None;
    for (lost, moved) in &known {
        for (survivor, own) in known.iter().filter(|(name, _)| name != lost) {
            // What can't be shared out evenly lands on someone.
            let total = own + moved.div_ceil(others);
            if highest.as_ref().is_none_or(|load| total > load.total) {
                highest = Some(Load {
                    lost,
                    survivor,
                    total,
                });
            }
        }
    }
    highest.ok_or_else(|| "it has no server".to_owned())
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::server::{Role, Step};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    /// Container 1 on weka-01, and so on; 11 too is on weka-01.
    fn containers() -> String {
        let row = |id: u64, server: u64| {
            format!(
                r#"{{"host_id":"HostId<{id}>","hostname":"weka-0{server}","container_name":"frontend0","host_ip":"10.0.0.{server}","mode":"backend","status":"UP"}}"#
            )
        };
        format!("[{},{},{},{}]", row(1, 1), row(2, 2), row(3, 3), row(11, 1))
    }

    /// The containers of each group: `1,2|3`, `-` for none.
    fn groups(groups: &str) -> String {
        let groups: Vec<String> = groups
            .split_terminator('|')
            .zip(1..)
            .map(|(ids, n)| {
                let ports: Vec<String> = ids
                    .split(',')
                    .filter(|id| *id != "-")
                    .map(|id| {
                        format!(r#"{{"host_id":"HostId<{id}>","port":"eth1","status":"OK"}}"#)
                    })
                    .collect();
                format!(
                    r#"{{"name":"ig{n}","status":"OK","ports":[{}]}}"#,
                    ports.join(",")
                )
            })
            .collect();
        format!("[{}]", groups.join(","))
    }

    fn evidence(of: &str, connections: &[u64]) -> Evidence {
        let mut evidence = Evidence::running("4.4.21.2")
            .weka("weka:containers", &containers())
            .weka("weka:nfs-interface-groups", &groups(of))
            .weka("weka:nfs-custom-options", "null");
        for (count, n) in connections.iter().zip(1..) {
            let answer = format!("ss {count}\n");
            evidence =
                evidence.backend(&format!("weka-0{n}"), &[("host:nfs-connections", &answer)]);
        }
        evidence
    }

    fn judged(of: &str, connections: &[u64]) -> CheckResult {
        evidence(of, connections).judge_one(&FAILOVER, "4.4.33")
    }

    #[rstest]
    #[case::idle("1,2", &[0, 0, 0], Outcome::Pass)]
    #[case::just_fits("1,2", &[500, 524, 0], Outcome::Pass)]
    #[case::one_too_many("1,2", &[501, 524, 0], Outcome::Warn)]
    #[case::shared_by_two("1,2,3", &[683, 682, 682], Outcome::Pass)]
    #[case::odd_one_lands_somewhere("1,2,3", &[683, 683, 682], Outcome::Warn)]
    // The public checker shares what all have, so it would see 1000 of 1024 here.
    // field history G12
    #[case::uneven("1,2,3", &[1000, 1000, 0], Outcome::Warn)]
    #[case::only_one("1", &[0, 0, 0], Outcome::Warn)]
    #[case::two_ports_of_one_server("1,11", &[0, 0, 0], Outcome::Warn)]
    #[case::a_group_of_one("1,2|3", &[0, 0, 0], Outcome::Warn)]
    #[case::second_group_full("1,2|2,3", &[0, 700, 700], Outcome::Warn)]
    #[case::two_groups("1,2|2,3", &[500, 500, 500], Outcome::Pass)]
    #[case::an_empty_group_beside("-|1,2", &[0, 0, 0], Outcome::Pass)]
    #[case::only_an_empty_group("-", &[0, 0, 0], Outcome::Unknown)]
    #[case::not_in_use("", &[0, 0, 0], Outcome::Skipped)]
    #[case::others_do_not_matter("1,2", &[10, 10, 9999], Outcome::Pass)]
    #[case::a_stranger("1,99", &[0, 0, 0], Outcome::Unknown)]
    #[case::not_asked("1,3", &[0, 0], Outcome::Unknown)]
    #[case::no_server_asked("1,3", &[], Outcome::Unknown)]
    fn judges(#[case] of: &str, #[case] connections: &[u64], #[case] outcome: Outcome) {
        let result = judged(of, connections);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::default("null", 1024, Outcome::Pass)]
    #[case::default_exceeded("null", 1025, Outcome::Warn)]
    #[case::raised(
        r#"{"customNfsOptions":"NFS_CORE_PARAM { RPC_Max_Connections = 2048; }"}"#,
        2048,
        Outcome::Pass
    )]
    #[case::raised_exceeded(
        r#"{"global_options":"NFS_CORE_PARAM { RPC_Max_Connections = 2048; }"}"#,
        2049,
        Outcome::Warn
    )]
    #[case::lowered(
        r#"{"customNfsOptions":"NFS_CORE_PARAM { RPC_Max_Connections = 100; }"}"#,
        101,
        Outcome::Warn
    )]
    #[case::no_number(
        r#"{"customNfsOptions":"NFS_CORE_PARAM { RPC_Max_Connections = x; }"}"#,
        1,
        Outcome::Unknown
    )]
    #[case::cut(r#"{"customNfs"#, 1, Outcome::Unknown)]
    fn limits(#[case] options: &str, #[case] connections: u64, #[case] outcome: Outcome) {
        let result = evidence("1,2", &[connections, 0, 0])
            .weka("weka:nfs-custom-options", options)
            .judge_one(&FAILOVER, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn a_server_that_did_not_answer_is_unknown() {
        let missing = Evidence::running("4.4.21.2")
            .weka("weka:containers", &containers())
            .weka("weka:nfs-interface-groups", &groups("1,2"))
            .weka("weka:nfs-custom-options", "null")
            .backend("weka-01", &[("host:nfs-connections", "ss 7\n")]);
        let unreached = missing
            .clone()
            .unreached("weka-02", Role::Backend, Step::Timeout, "10 s");
        let half = missing
            .clone()
            .backend("weka-02", &[("host:nfs-connections", "ss")]);
        let record = missing.record("host:nfs-connections", End::Exited(1), "", "neither");
        let failed = missing.server_answered("weka-02", Role::Backend, vec![record]);
        for evidence in [unreached, half, failed] {
            let result = evidence.judge_one(&FAILOVER, "4.4.33");
            assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
            assert!(result.summary.contains("weka-02"), "{result:?}");
        }
    }

    #[rstest]
    #[case::groups("weka:nfs-interface-groups")]
    #[case::options("weka:nfs-custom-options")]
    #[case::containers("weka:containers")]
    fn not_logged_in_is_unknown(#[case] key: &str) {
        let result = evidence("1,2", &[0, 0, 0])
            .weka_ended(key, End::Exited(41), "", "error: not logged in")
            .judge_one(&FAILOVER, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn says_who_would_be_too_full() {
        let result = judged("1,2", &[501, 524, 0]);
        assert_eq!(
            result.summary,
            "the servers of 1 interface group can't take over each other's clients"
        );
        assert_eq!(
            result.details,
            [
                "interface group ig1: without weka-01, weka-02 would have 1025 connections of 1024",
                "weka-01: 501 NFS connections",
                "weka-02: 524 NFS connections"
            ]
        );
        let result = judged("1,11", &[0, 0, 0]);
        assert_eq!(result.summary, "1 interface group has one server only");
    }

    #[test]
    fn green_shows_what_was_measured() {
        let result = judged("1,2", &[300, 200, 0]);
        assert_eq!(
            result.summary,
            "1 interface group, at most 500 connections on a server when another stops, 1024 allowed"
        );
    }
}
