use checker_core::facts::containers::Containers;
use checker_core::facts::nfs::Nfs;
use checker_core::facts::s3::S3;
use checker_core::facts::smb::Smb;
use checker_core::facts::{Missing, This};
use checker_core::server::Server;
use checker_core::{Context, Judgement, check};

check! {
    /// No server serves more than one of NFS, SMB and S3.
    ///
    /// ## What it looks at
    /// The containers that `weka nfs interface-group -J`, `weka smb cluster -J`
    /// and `weka s3 cluster -J` name, and on which server each of them runs
    /// (`weka cluster container -J`, by address). Two protocols in two different
    /// containers of one server count, and so does a server that serves
    /// nothing but protocols.
    ///
    /// ## Why it matters
    /// The upgrade does not start while a server has more than one of them.
    ///
    /// ## If ignored
    /// The product refuses to start the upgrade, and names the servers.
    ///
    /// ## How to fix
    /// Leave one protocol on the server and take the others off it, to a server
    /// that has none: `weka nfs interface-group port delete <group> <container-id> <port>`,
    /// `weka smb cluster containers remove --containers-id <container-id>`,
    /// `weka s3 cluster containers remove <container-id>`. Clients that use the
    /// protocol on that server are cut off.
    pub SEPARATION {
        id: "protocols/separation",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: prerequisites, protocols", "rules K1"],
        needs: [This<'_>, &Containers, Result<&Nfs, Missing>, Result<&Smb, Missing>, Result<&S3, Missing>],
        judge: judge,
    }
}

/// One protocol on the server that is judged.
struct Protocol {
    name: &'static str,
    remove: &'static str,
    /// What of it stands on this server.
    here: Vec<String>,
    /// Containers of it that the cluster does not know: they could stand anywhere.
    strays: Vec<u64>,
    /// Why its containers are not known.
    missing: Option<Missing>,
}

/// A container of a protocol, and what else is to be said of it.
type Place = (u64, String);

fn judge(
    _: &Context<'_>,
    This(server): This<'_>,
    containers: &Containers,
    nfs: Result<&Nfs, Missing>,
    smb: Result<&Smb, Missing>,
    s3: Result<&S3, Missing>,
) -> Judgement {
    let ids = |ids: &[u64]| ids.iter().map(|id| (*id, String::new())).collect();
    let find = |name, remove, places: Result<Vec<Place>, Missing>| {
        protocol(name, remove, places, containers, server)
    };
    let protocols = [
        find(
            "NFS",
            "`weka nfs interface-group port delete <group> <container-id> <port>`",
            nfs.map(ports),
        ),
        find(
            "SMB",
            "`weka smb cluster containers remove --containers-id <container-id>`",
            smb.map(|smb| ids(&smb.containers)),
        ),
        find(
            "S3",
            "`weka s3 cluster containers remove <container-id>`",
            s3.map(|s3| ids(&s3.containers)),
        ),
    ];

    let here: Vec<&Protocol> = protocols.iter().filter(|p| !p.here.is_empty()).collect();
    let names: Vec<&str> = here.iter().map(|p| p.name).collect();
    let details = here.iter().flat_map(|p| p.here.iter().cloned());
    // A protocol whose containers are all known stands here or not. Of the
    // others it is open.
    let open: Vec<&Protocol> = protocols
        .iter()
        .filter(|p| p.here.is_empty() && (p.missing.is_some() || !p.strays.is_empty()))
        .collect();
    let unseen: Vec<String> = protocols.iter().flat_map(unseen).collect();

    if names.len() > 1 {
        let ways: Vec<&str> = here.iter().map(|p| p.remove).collect();
        return Judgement::fail(
            format!("{} on one server", names.join(" and ")),
            format!(
                "Leave one of them on {}, and take the others off it: {}. Clients that use that protocol there are cut off.",
                server.name,
                ways.join(", ")
            ),
        )
        .details(details)
        .details(unseen);
    }
    // A list that could not be read is never green. A container that nobody
    // knows matters only where a protocol would come to stand beside another.
    if protocols.iter().any(|p| p.missing.is_some()) || names.len() + open.len() > 1 {
        return Judgement::unknown(unseen.join("; ")).details(details);
    }
    match names.first() {
        Some(name) => Judgement::pass(format!("{name} only")),
        None => Judgement::pass("no protocol on this server"),
    }
    .details(details)
    .details(unseen)
}

/// What could not be placed.
fn unseen(protocol: &Protocol) -> Vec<String> {
    let strays: Vec<String> = protocol.strays.iter().map(u64::to_string).collect();
    let strays = (!strays.is_empty()).then(|| {
        format!(
            "{} names container {}, which `weka cluster container` does not list",
            protocol.name,
            strays.join(", ")
        )
    });
    let missing = protocol.missing.as_ref().map(ToString::to_string);
    missing.into_iter().chain(strays).collect()
}

/// Every port of every interface group.
fn ports(nfs: &Nfs) -> Vec<Place> {
    let mut places = Vec::new();
    for group in &nfs.0 {
        for port in &group.ports {
            let place = format!(", interface group {}, port {}", group.name, port.device);
            places.push((port.container, place));
        }
    }
    places
}

fn protocol(
    name: &'static str,
    remove: &'static str,
    places: Result<Vec<Place>, Missing>,
    containers: &Containers,
    server: &Server,
) -> Protocol {
    let mut protocol = Protocol {
        name,
        remove,
        here: Vec::new(),
        strays: Vec::new(),
        missing: None,
    };
    let places = match places {
        Ok(places) => places,
        Err(missing) => {
            protocol.missing = Some(missing);
            return protocol;
        }
    };
    for (id, more) in places {
        match containers.0.iter().find(|container| container.id == id) {
            Some(container) if container.stands_on(server) => {
                let line = format!("{name}: container {id} ({}){more}", container.name);
                protocol.here.push(line);
            }
            Some(_) => {}
            None if protocol.strays.contains(&id) => {}
            None => protocol.strays.push(id),
        }
    }
    protocol
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    /// Containers 1 and 2 on weka-01, 3 and 4 on weka-02, 5 on weka-03.
    const CONTAINERS: &str = r#"[
        {"host_id":"HostId<1>","hostname":"weka-01","container_name":"drives0","host_ip":"10.0.0.1","ips":["10.0.0.1"],"mode":"backend","status":"UP"},
        {"host_id":"HostId<2>","hostname":"weka-01","container_name":"frontend0","host_ip":"10.0.0.1","ips":["10.0.0.1"],"mode":"backend","status":"UP"},
        {"host_id":"HostId<3>","hostname":"weka-02","container_name":"frontend0","host_ip":"10.0.0.2","ips":["10.0.0.2"],"mode":"backend","status":"UP"},
        {"host_id":"HostId<4>","hostname":"weka-02","container_name":"frontend1","host_ip":"10.0.0.2","ips":["10.0.0.2"],"mode":"backend","status":"UP"},
        {"host_id":"HostId<5>","hostname":"weka-03","container_name":"frontend0","host_ip":"10.0.0.3","ips":["10.0.0.3"],"mode":"backend","status":"UP"}]"#;

    fn nfs(ids: &[u64]) -> String {
        let ports: Vec<String> = ids
            .iter()
            .map(|id| format!(r#"{{"host_id":"HostId<{id}>","port":"eth1","status":"OK"}}"#))
            .collect();
        format!(
            r#"[{{"name":"ig0","ports":[]}},{{"name":"ig1","ports":[{}]}}]"#,
            ports.join(",")
        )
    }

    fn evidence(nfs_on: &[u64], smb: &str, s3: &str) -> Evidence {
        Evidence::running("4.4.21.2")
            .weka("weka:containers", CONTAINERS)
            .weka("weka:nfs-interface-groups", &nfs(nfs_on))
            .weka("weka:smb-cluster", smb)
            .weka("weka:s3-cluster", s3)
            .backend("weka-01", &[])
            .backend("weka-02", &[])
            .backend("weka-03", &[])
    }

    fn outcomes(evidence: &Evidence) -> Vec<Outcome> {
        judged(evidence).iter().map(|r| r.outcome).collect()
    }

    fn judged(evidence: &Evidence) -> Vec<CheckResult> {
        evidence.judge(&SEPARATION, "4.4.33")
    }

    use Outcome::{Fail, Pass, Unknown};

    #[rstest]
    #[case::none(&[], "[]", "[]", [Pass, Pass, Pass])]
    #[case::one_each(&[2], r#"{"sambaHosts":["HostId<3>"]}"#, r#"{"active":true,"s3_hosts":["HostId<5>"]}"#, [Pass, Pass, Pass])]
    #[case::one_container(&[2], "[]", r#"{"active":true,"s3_hosts":["HostId<2>"]}"#, [Fail, Pass, Pass])]
    // field history G20
    #[case::two_containers(&[3], r#"{"sambaHosts":["HostId<4>"]}"#, "[]", [Pass, Fail, Pass])]
    #[case::same_protocol_twice(&[3, 4], "[]", "[]", [Pass, Pass, Pass])]
    #[case::of_6_0(&[], r#"{"smb_containers":[3]}"#, r#"{"active":true,"s3_hosts":[4]}"#, [Pass, Fail, Pass])]
    #[case::s3_switched_off(&[3], "[]", r#"{"active":false,"s3_hosts":["HostId<4>"]}"#, [Pass, Fail, Pass])]
    #[case::no_s3(&[3], "[]", r#"{"active":false}"#, [Pass, Pass, Pass])]
    #[case::all_three(&[5], r#"{"sambaHosts":["HostId<5>"]}"#, r#"{"active":true,"s3_hosts":["HostId<5>"]}"#, [Pass, Pass, Fail])]
    fn judges(
        #[case] nfs_on: &[u64],
        #[case] smb: &str,
        #[case] s3: &str,
        #[case] expected: [Outcome; 3],
    ) {
        assert_eq!(outcomes(&evidence(nfs_on, smb, s3)), expected);
    }

    // field history G14
    #[rstest]
    #[case::alone(&[99], "[]", "[]", [Pass, Pass, Pass])]
    #[case::beside_another(&[99], r#"{"sambaHosts":["HostId<3>"]}"#, "[]", [Pass, Unknown, Pass])]
    #[case::two_strays(&[99], r#"{"sambaHosts":["HostId<98>"]}"#, "[]", [Unknown, Unknown, Unknown])]
    #[case::of_the_protocol_that_is_there(&[3, 99], "[]", "[]", [Pass, Pass, Pass])]
    #[case::beside_a_red_one(&[3, 99], r#"{"sambaHosts":["HostId<4>"]}"#, "[]", [Pass, Fail, Pass])]
    fn a_container_that_nobody_knows(
        #[case] nfs_on: &[u64],
        #[case] smb: &str,
        #[case] s3: &str,
        #[case] expected: [Outcome; 3],
    ) {
        let evidence = evidence(nfs_on, smb, s3);
        assert_eq!(outcomes(&evidence), expected);
        for result in judged(&evidence) {
            let said = format!("{} {}", result.summary, result.details.join(" "));
            assert!(said.contains("names container 99"), "{result:?}");
        }
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "", [Unknown, Unknown, Unknown])]
    // field history G12
    #[case::failed(End::Exited(1), "error: no leader", [Unknown, Unknown, Unknown])]
    #[case::never_set_up(End::Exited(1), "error: NFS is not configured", [Pass, Pass, Pass])] // field history 64
    fn a_list_that_could_not_be_read(
        #[case] end: End,
        #[case] stderr: &str,
        #[case] expected: [Outcome; 3],
    ) {
        let evidence = evidence(&[], "[]", r#"{"active":true,"s3_hosts":[3]}"#);
        let evidence = evidence.weka_ended("weka:nfs-interface-groups", end, "", stderr);
        assert_eq!(outcomes(&evidence), expected);
    }

    #[test]
    fn two_protocols_are_red_even_if_the_third_is_not_known() {
        let evidence = evidence(&[3], r#"{"sambaHosts":["HostId<4>"]}"#, "{broken");
        assert_eq!(outcomes(&evidence), [Unknown, Fail, Unknown]);
    }

    /// field history G4: the second server of a name is another server.
    #[test]
    fn servers_of_one_name_are_told_apart_by_address() {
        let containers = CONTAINERS.replace("weka-02", "weka-01");
        let evidence = evidence(&[2], r#"{"sambaHosts":["HostId<3>"]}"#, "[]")
            .weka("weka:containers", &containers);
        assert_eq!(outcomes(&evidence), [Pass, Pass, Pass]);
    }

    #[test]
    fn without_the_containers_nothing_is_known() {
        let evidence = evidence(&[], "[]", "[]").weka("weka:containers", "[{]");
        assert_eq!(outcomes(&evidence), [Unknown, Unknown, Unknown]);
    }

    #[test]
    fn names_what_stands_there_and_how_to_part_it() {
        let result = &judged(&evidence(&[3], r#"{"sambaHosts":["HostId<4>"]}"#, "[]"))[1];
        assert_eq!(result.summary, "NFS and SMB on one server");
        assert_eq!(
            result.details,
            [
                "NFS: container 3 (frontend0), interface group ig1, port eth1",
                "SMB: container 4 (frontend1)"
            ]
        );
        let remedy = result.remedy.as_deref().expect("a remedy");
        assert!(remedy.contains("on weka-02"), "{remedy}");
        assert!(
            remedy.contains("weka nfs interface-group port delete"),
            "{remedy}"
        );
        assert!(!remedy.contains("weka s3"), "{remedy}");
    }
}
