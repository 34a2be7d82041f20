use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::Value;

use super::*;
use crate::model::Reachability;

fn json(cluster: &Cluster, line: &str) -> Value {
    let words: Vec<&str> = line.split(' ').collect();
    let output = cluster.weka(&words);
    assert_eq!(output.status, 0, "{line}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn built(text: &str) -> Cluster {
    Scenario::parse(text).expect(text).cluster()
}

#[test]
fn names_are_unique_and_described() {
    let mut names = BTreeSet::new();
    for (name, description) in scenarios() {
        assert!(names.insert(name), "{name} stands there twice");
        assert!(
            !description.is_empty() && !description.contains('\n'),
            "{name}"
        );
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        assert!(name.chars().all(plain), "{name}");
    }
}

/// Each makes a cluster unlike the healthy one, twice the same, on every release.
#[test]
fn every_scenario_makes_a_difference() {
    for item in items().filter(|i| i.name != "healthy") {
        let once = built(item.name);
        assert_eq!(once, built(item.name), "{}", item.name);
        assert_ne!(once, clusters::healthy(), "{}", item.name);
        if matches!(item.makes, Makes::Fault(_)) {
            for base in ["release-3.11", "release-5.1", "release-6.0"] {
                built(&format!("{base},{}", item.name));
            }
        }
    }
}

#[test]
fn situations_name_faults_that_exist() {
    let busy = built("busy");
    let kinds: Vec<_> = busy.tasks.iter().map(|t| t.kind.as_str()).collect();
    let expected = [
        "STOW_UPLOAD",
        "STOW_DOWNLOAD_SNAPSHOT",
        "OBS_DETACH",
        "QUOTA_COLORING",
    ];
    assert_eq!(kinds, expected);
    let warnings = built("warnings");
    assert_eq!((warnings.tasks.len(), warnings.alerts.len()), (1, 1));
    assert!(warnings.servers.iter().any(|s| s.clock_offset_ms == 10_000));
    assert_eq!(
        warnings.servers[1].unit("rpc-statd.service").file_state,
        "enabled"
    );
    let demo = built("demo");
    assert_eq!((demo.tasks.len(), demo.alerts.len()), (3, 2));
    assert_eq!(demo.s3.as_ref().map(|s| s.containers.len()), Some(3));
    let degraded = built("degraded");
    let status = json(&degraded, "status -J");
    assert_eq!(status["status"], "REBUILDING");
    assert_eq!(
        status["drives"],
        serde_json::json!({"active": 35, "total": 36})
    );
    assert_eq!(status["rebuild"]["progressPercent"], 3);
    assert_eq!(
        json(&degraded, "alerts -J").as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn faults_are_applied_one_after_the_other() {
    let cluster = built("healthy, nfs-statd ,rebuild-started,release-5.1");
    assert_eq!(cluster.release.to_string(), "5.1.25");
    assert_eq!(cluster.status, "REBUILDING");
    assert_eq!(
        cluster.servers[1].unit("rpc-statd.service").active,
        "active"
    );
}

#[rstest]
#[case("nfs-statd-on", Some("nfs-statd"))]
#[case("helthy", Some("healthy"))]
#[case("rebuild-runing", Some("rebuild-running"))]
#[case("zzzzzz", None)]
fn the_nearest_name_is_shown(#[case] name: &str, #[case] nearest: Option<&'static str>) {
    let error = Scenario::parse(&format!("healthy,{name}")).expect_err("unknown");
    let expected = ScenarioError::Unknown {
        name: name.to_owned(),
        nearest,
    };
    assert_eq!(error, expected);
}

#[rstest]
#[case("")]
#[case(" , ")]
fn nothing_is_no_scenario(#[case] text: &str) {
    assert_eq!(
        Scenario::parse(text).expect_err("nothing"),
        ScenarioError::Empty
    );
}

#[test]
fn two_clusters_exclude_each_other() {
    let error = Scenario::parse("release-5.1,release-6.0").expect_err("two");
    assert_eq!(
        error.to_string(),
        "\"release-5.1\" and \"release-6.0\" are both clusters to begin with: name one of them"
    );
}

#[test]
fn a_rebuild_that_has_just_begun_shows_only_in_the_protection() {
    let rebuild = json(&built("rebuild-started"), "status rebuild -J");
    assert_eq!(rebuild["progressPercent"], 0);
    assert_eq!(rebuild["protectionState"][1]["MiB"], 90_000);
    let tiny = json(&built("rebuild-tiny"), "status rebuild -J");
    assert_eq!(tiny["protectionState"][1]["percent"], 0);
    assert_eq!(tiny["protectionState"][1]["MiB"], 1);
    assert_eq!(
        json(&built("unavailable-data"), "status -J")["rebuild"]["unavailableMiB"],
        512
    );
}

#[test]
fn a_backend_that_is_down_shows_everywhere() {
    let cluster = built("backend-down");
    let status = json(&cluster, "status -J");
    let count = |active, total| serde_json::json!({"active": active, "total": total});
    assert_eq!(status["containers"]["backends"], count(15, 18));
    assert_eq!(status["drives"], count(30, 36));
    assert_eq!(status["io_nodes"], count(80, 96));
    assert_eq!(status["servers"]["backends"]["active"], 5);
    assert_eq!(
        json(&cluster, "cluster servers list -J")[5]["status"],
        "DOWN"
    );
}

#[test]
fn protocols_meet_on_a_server_in_different_containers() {
    let cluster = built("mixed-protocols");
    let roles = |n: usize| json(&cluster, "cluster servers list -J")[n]["roles"].clone();
    assert_eq!(roles(4), serde_json::json!(["BACKEND", "NFS", "S3"]));
    assert_eq!(roles(5), serde_json::json!(["BACKEND", "NFS", "SMB"]));
    let nfs = json(&cluster, "nfs interface-group -J")[0]["ports"][0]["host_id"].clone();
    let s3 = json(&cluster, "s3 cluster -J")["s3_hosts"].clone();
    assert!(!s3.as_array().expect("a list").contains(&nfs));
    let ids: BTreeSet<u64> = cluster.containers().iter().map(|(_, c)| c.id).collect();
    assert_eq!(
        ids.len(),
        cluster.containers().len(),
        "an id stands there twice"
    );
}

#[test]
fn a_single_container_has_every_role() {
    let cluster = built("single-container");
    let roles: BTreeSet<&str> = cluster.servers[1].containers[0]
        .processes()
        .map(|p| p.role)
        .collect();
    assert_eq!(
        roles,
        BTreeSet::from(["MANAGEMENT", "DRIVES", "COMPUTE", "FRONTEND"])
    );
}

#[test]
fn space_runs_out_for_one_rule_alone() {
    // H1: 4 GB in /opt/weka. H2: 1.5 times the largest data directory.
    let room = |cluster: &Cluster, n: usize| {
        let server = &cluster.servers[n];
        let free = |path: &str| server.mount_of(path).map_or(0, |m| m.total - m.used);
        let largest = server.data_dirs.values().max().copied().unwrap_or(0);
        (
            free("/opt/weka") < 4_000_000,
            free("/opt/weka/data/x") * 2 < largest * 3,
        )
    };
    assert_eq!(room(&built("healthy"), 2), (false, false));
    assert_eq!(room(&built("opt-weka-full"), 2), (true, false));
    assert_eq!(room(&built("data-dir-too-large"), 2), (false, true));
}

#[test]
fn without_its_agent_a_server_answers_no_local_command() {
    let cluster = built("agent-stopped");
    let output = cluster.weka_on("weka-02", &["local", "ps", "-J"]);
    assert_eq!((output.status, output.stdout.len()), (1, 0));
    assert_eq!(cluster.weka_on("weka-01", &["local", "ps", "-J"]).status, 0);
}

#[test]
fn two_servers_of_one_name_keep_their_addresses() {
    let cluster = built("same-hostname");
    let rows = json(&cluster, "cluster servers list -J");
    assert_eq!(
        (&rows[1]["name"], &rows[2]["name"]),
        (&rows[1]["name"], &rows[1]["name"])
    );
    assert_ne!(rows[1]["primary_ip_address"], rows[2]["primary_ip_address"]);
}

#[test]
fn what_is_out_of_reach_says_how() {
    let cluster = built("unreachable-server");
    let steps: Vec<_> = cluster
        .servers
        .iter()
        .filter_map(|s| match &s.reach {
            Reachability::Fails { step, .. } => Some(step.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(steps, ["connection refused", "connect timeout"]);
}

#[rstest]
#[case("protocol-servers", &["BACKEND", "NFS"])]
#[case("protocol-server-mixed", &["BACKEND", "NFS", "S3"])]
fn a_protocol_server_is_a_backend_without_drives(#[case] name: &str, #[case] roles: &[&str]) {
    let cluster = built(name);
    let row = json(&cluster, "cluster servers list -J")[6].clone();
    assert_eq!(
        (&row["name"], &row["drives"]),
        (&serde_json::json!("weka-07"), &serde_json::json!(0))
    );
    assert_eq!(row["roles"], serde_json::json!(roles));
    let ids: BTreeSet<u64> = cluster.containers().iter().map(|(_, c)| c.id).collect();
    assert_eq!(
        ids.len(),
        cluster.containers().len(),
        "an id stands there twice"
    );
    assert!(cluster.servers.is_sorted_by_key(|s| !s.is_backend()));
}

#[test]
fn busybox_prints_less() {
    let cluster = built("busybox");
    let text = |key| {
        let output = cluster.probe("weka-02", key).expect("a probe");
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(text("host:clock"), "1784512800.N\n");
    assert!(text("host:data-dirs").starts_with("used\n48120\t/opt/weka/data/agent/\n"));
    assert_eq!(cluster.probe("weka-02", "host:unheard-of"), None);
    assert_eq!(cluster.probe("weka-99", "host:clock"), None);
}

#[test]
fn a_cluster_moves_in_time_with_its_history() {
    let mut cluster = built("upgrade-event-unfinished,alert-stop,snapshot-upload");
    let hours = jiff::SignedDuration::from_hours(1000);
    let (event, alert) = (cluster.events[0].time, cluster.alerts[0].start);
    let now = cluster.now + hours;
    cluster.move_to(now);
    assert_eq!(cluster.now, now);
    assert_eq!(cluster.events[0].time, event + hours);
    assert_eq!(cluster.alerts[0].start, alert + hours);
}

/// What a probe prints on a server.
fn probed(cluster: &Cluster, server: &str, key: &str) -> String {
    let output = cluster.probe(server, key).expect("a probe");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_join_secret_shows_only_in_its_digest() {
    let resources = |name| probed(&built(name), "weka-02", "host:local-resources");
    let keys = |text: &str| -> Vec<String> {
        let keys = text.lines().filter_map(|l| l.strip_prefix("key "));
        keys.map(str::to_owned).collect()
    };
    assert_eq!(keys(&resources("healthy")), ["1", "1", "1"]);
    assert_eq!(keys(&resources("join-secret-none")), ["1", "1", "0"]);
    let other = resources("join-secret-other");
    assert_eq!(keys(&other), ["1", "1", "2"]);
    let digests: Vec<&str> = other.lines().take(2).collect();
    assert_ne!(digests[0], digests[1]);
    assert!(!other.contains("secret"), "{other}");
    let printed = built("join-secret-none")
        .weka_on("weka-02", &["local", "resources", "-C", "frontend0", "-J"]);
    let printed: Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    assert_eq!(printed["join_secret"], serde_json::json!([]));
}

#[rstest]
#[case("healthy", "weka-02", "open 10.0.0.13 14200")]
#[case("container-stopped", "weka-02", "closed 10.0.0.13 14200")]
#[case("container-stopped", "weka-02", "open 10.0.0.13 14300")]
#[case("ports-closed", "weka-01", "closed 10.0.0.12 14000")]
fn a_port_answers_unless_its_container_stands_or_a_wall_is_there(
    #[case] scenario: &str,
    #[case] asker: &str,
    #[case] line: &str,
) {
    let text = probed(&built(scenario), asker, "host:ports");
    assert!(text.lines().any(|l| l == line), "{text}");
}

#[test]
fn what_lies_behind_a_link_is_found_there() {
    let cluster = built("opt-weka-link");
    let mounts = probed(&cluster, "weka-03", "host:mounts");
    assert!(
        mounts.starts_with("link /opt/weka\ndir /opt/weka /srv/weka\n"),
        "{mounts}"
    );
    let space = probed(&cluster, "weka-03", "host:space");
    let at = space.lines().filter(|line| line.ends_with(" /srv/weka"));
    assert!(at.count() > 3, "{space}");
}

#[test]
fn a_machine_tells_what_it_is() {
    let text = |name, key| probed(&built(name), "weka-02", key);
    assert!(text("healthy", "host:os").contains("== /etc/redhat-release\n"));
    let fedora = text("os-unlisted", "host:os");
    assert!(
        fedora.contains("ID=\"fedora\"\n") && !fedora.contains("redhat"),
        "{fedora}"
    );
    assert!(text("no-kernel-headers", "host:kernel-headers").ends_with("launder_folio untold\n"));
    assert!(text("slow-cores", "host:cpu").contains("mhz 3 1197\n"));
    assert!(text("boot-iommu-pt", "host:cmdline").ends_with(" iommu=pt\n"));
    let missing = built("no-openssl").probe("weka-02", "host:tls");
    assert_eq!(missing.map(|output| output.status), Some(3));
}

#[test]
fn a_left_over_drive_is_only_in_the_configuration() {
    let cluster = built("drive-left-over");
    let disks = json(&cluster, "debug config show disks -J");
    assert_eq!(
        disks["DiskId<900>"]["lastPhaseOutGeneration"],
        "ConfigGeneration<1>"
    );
    assert_eq!(disks["DiskId<900>"]["_targetState"]["state"], "INACTIVE");
    let listed = json(&cluster, "cluster drive -J");
    assert_eq!(listed.as_array().map(Vec::len), Some(36));
}
