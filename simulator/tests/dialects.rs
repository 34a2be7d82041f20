//! What each release's `weka` prints, held against what is known of it.

use checker_core::Deadline;
use checker_core::Version;
use checker_core::evidence::{Redactor, Store};
use checker_core::facts::containers::{CONTAINERS, Containers};
use checker_core::facts::servers::{SERVERS, Servers};
use checker_core::facts::status::{Count, STATUS, Status};
use checker_core::facts::{Fact, View, find_json};
use checker_core::source::{ClusterCommand, Source};
use checker_simulator::{Cluster, Simulator};
use rstest::rstest;
use serde_json::{Value, json};

const RELEASES: [&str; 11] = [
    "3.11.1",
    "3.14.1",
    "4.0.5.10",
    "4.0.5.40",
    "4.1.2",
    "4.2.18.34",
    "4.3.5.105",
    "4.4.6",
    "4.4.21.2",
    "5.1.25",
    "6.0.0.6363",
];

fn cluster(release: &str) -> Cluster {
    let release: Version = release.parse().expect("a release");
    Cluster::healthy(&release, 6, 2)
}

/// Runs a command line and wants it understood.
fn asked(cluster: &Cluster, line: &str) -> Value {
    let words: Vec<&str> = line.split(' ').collect();
    let output = cluster.weka(&words);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status, 0, "{line} on {}: {stderr}", cluster.release);
    find_json(&output.stdout).expect("JSON")
}

fn json_of(release: &str, line: &str) -> Value {
    asked(&cluster(release), line)
}

fn refused(release: &str, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let output = cluster(release).weka(&words);
    assert_eq!(output.status, 2, "{line} on {release}");
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).expect("text")
}

fn known(release: &str, line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    cluster(release).weka(&words).status == 0
}

/// Asks as the engine does: the next spelling when one is refused.
fn store(release: &str) -> Store {
    let source = Simulator::new(cluster(release));
    let mut store = Store::default();
    let commands: [&'static ClusterCommand; 3] = [&STATUS, &CONTAINERS, &SERVERS];
    for command in commands {
        for line in command.variants {
            let raw = Source::cluster(
                &source,
                command.key,
                line,
                &Deadline::within(command.timeout),
            );
            let record = Redactor::new().seal(raw);
            let refused = record.exit_status() == Some(2);
            store.insert_cluster(record);
            if !refused {
                break;
            }
        }
    }
    store
}

// field history 51, S3
/// The facts that the engine itself needs are read from every release.
#[test]
fn every_release_is_read() {
    for release in RELEASES {
        let store = store(release);
        let view = View::cluster(&store);
        let status = Status::read(&view).unwrap_or_else(|m| panic!("{release}: {m}"));
        assert_eq!(status.release.to_string(), release);
        let containers = Containers::read(&view).unwrap_or_else(|m| panic!("{release}: {m}"));
        let backends = containers.backends().count() as u64;
        assert_eq!(
            status.backends,
            Some(Count {
                active: backends,
                total: backends
            }),
            "{release}"
        );
        assert_eq!(backends, if release.starts_with('3') { 6 } else { 18 });
        let servers = Servers::read(&view);
        let can = !release.starts_with('3') && release != "4.0.5.10";
        assert_eq!(servers.is_ok(), can, "{release}: {servers:?}");
        if let Ok(servers) = servers {
            assert_eq!(servers.0.len(), 8);
            assert_eq!(servers.0[0].roles, ["BACKEND"]);
        }
    }
}

#[rstest]
#[case::typed("4.4.21.2", json!("HostId<6>"), json!("NodeId<120>"), json!("DiskId<0>"))]
#[case::plain("6.0.0.6363", json!(6), json!(120), json!(0))]
fn ids(#[case] release: &str, #[case] host: Value, #[case] node: Value, #[case] disk: Value) {
    assert_eq!(json_of(release, "cluster container -J")[6]["host_id"], host);
    let node_id = |row: &Value| row["node_id"] == node;
    let processes = json_of(release, "cluster process -J");
    assert!(processes.as_array().expect("a list").iter().any(node_id));
    assert_eq!(json_of(release, "cluster drive -J")[0]["disk_id"], disk);
}

/// 3.x has one word for an upgrade and says hosts for containers.
#[test]
fn status_of_3_x() {
    let status = json_of("3.11.1", "status -J");
    for absent in [
        "containers",
        "servers",
        "processes",
        "upgrade_info",
        "compute_upgrade",
    ] {
        assert!(status.get(absent).is_none(), "{absent}");
    }
    assert_eq!(status["upgrade"], "");
    assert_eq!(
        status["hosts"]["backends"],
        json!({"active": 6, "total": 6})
    );
    assert!(status["hosts"].get("computes").is_none());
    assert!(status["capacity"].get("unavailable_bytes").is_none());
    assert!(status["buckets"].get("included_in_report").is_none());
    assert_eq!(status["grim_reaper"]["node_with_least_links"], "");
    assert_eq!(
        status["rebuild"]["protectionState"]
            .as_array()
            .expect("a list")
            .len(),
        1
    );
}

#[test]
fn status_of_4_x() {
    let status = json_of("4.4.21.2", "status -J");
    assert_eq!(
        status["upgrade_info"],
        json!({"upgrade_paused": false, "upgrade_phase": "", "upgrade_type": "agent-driven"})
    );
    assert_eq!(
        status["block_upgrade_task"],
        json!({"type": "INVALID", "state": "IDLE", "progress": 0, "taskId": "BlockTaskId<0>"})
    );
    assert_eq!(
        status["containers"]["computes"],
        json!({"active": 6, "total": 6})
    );
    assert_eq!(
        status["servers"]["clients"],
        json!({"active": 2, "degraded": 0, "total": 2})
    );
    assert_eq!(status["io_nodes"], json!({"active": 96, "total": 96}));
    assert_eq!(status["drives"], json!({"active": 36, "total": 36}));
    assert_eq!(status["buckets"]["active"], status["buckets"]["total"]);
    assert_eq!(
        status["licensing"]["limits"]["usable_capacity_gb"],
        json!(u64::MAX)
    );
    assert_eq!(status["grim_reaper"]["node_with_least_links"], Value::Null);
    let levels = status["rebuild"]["protectionState"].clone();
    assert_eq!(levels[0]["percent"], 100);
    assert_eq!(levels[2], json!({"numFailures": 2, "MiB": 0, "percent": 0}));
    assert_eq!(json_of("4.4.21.2", "status rebuild -J"), status["rebuild"]);
}

/// Which release knows which spelling.
#[rstest]
#[case("cluster container -J", "4.0.5.40", "4.1.2")]
#[case("cluster process -J", "4.0.5.40", "4.1.2")]
#[case("cluster task -J", "3.11.1", "4.0.5.10")]
#[case("cluster machines list -J", "4.0.5.10", "4.0.5.40")]
#[case("cluster servers list -J", "4.0.5.40", "4.1.2")]
#[case("cluster server list -J", "5.1.25", "6.0.0.6363")]
#[case("cluster client-target-version show", "4.1.2", "4.2.18.34")]
#[case("alerts --severity debug --muted -J", "4.4.6", "4.4.10.80")]
#[case("alerts --severity debug --muted -J", "4.4.10.79", "4.4.10.80")]
#[case("cluster task --show-waiting -J", "4.4.10.79", "4.4.10.80")]
#[case("cluster task --show-waiting --show-catalog -J", "5.0.4.401", "5.1.25")]
#[case("events --category Upgrade -J", "5.1.25", "6.0.0.6363")]
#[case("debug config show catalogInfo -J", "4.3.5.105", "4.4.6")]
#[case(
    "debug config show clusterInfo.initialSwVersion -J",
    "4.1.2",
    "4.2.18.34"
)]
#[case("tenant -J", "5.1.25", "6.0.0.6363")]
#[case("cluster status -J", "5.1.25", "6.0.0.6363")]
fn known_from(#[case] line: &str, #[case] before: &str, #[case] from: &str) {
    assert!(!known(before, line), "{line} on {before}");
    assert!(known(from, line), "{line} on {from}");
}

#[rstest]
#[case("cluster machines list -J", "4.1.2", "4.2.18.34")]
#[case("cluster servers list -J", "5.1.25", "6.0.0.6363")]
#[case("events --category-list Upgrade -J", "5.1.25", "6.0.0.6363")]
#[case("status -f json", "5.1.25", "6.0.0.6363")]
fn known_until(#[case] line: &str, #[case] last: &str, #[case] after: &str) {
    assert!(known(last, line), "{line} on {last}");
    assert!(!known(after, line), "{line} on {after}");
}

#[rstest]
#[case("3.11.1", "cluster host -J")]
#[case("3.11.1", "cluster nodes -J")]
#[case("3.11.1", "cluster tasks -J")]
#[case("6.0.0.6363", "cluster host -J")]
#[case("6.0.0.6363", "org -J")]
#[case("4.4.21.2", "-J status")]
#[case("4.4.21.2", "status --format=json")]
#[case("4.4.21.2", "-H 10.0.0.12 -P 14000 status rebuild --json")]
fn older_spellings_and_common_options_are_taken(#[case] release: &str, #[case] line: &str) {
    assert!(known(release, line));
}

#[rstest]
#[case("frobnicate -J", "error: unknown command: frobnicate\n")]
#[case(
    "cluster frobnicate now -J",
    "error: unknown command: cluster frobnicate now\n"
)]
#[case("status frobnicate -J", "error: unknown command: status frobnicate\n")]
#[case("cluster -J", "error: unknown command: cluster\n")]
#[case("alerts --frobnicate -J", "error: unknown option: --frobnicate\n")]
#[case("alerts --severity", "error: missing value of option: --severity\n")]
#[case("alerts --muted=yes -J", "error: unknown option: --muted=yes\n")]
#[case("-J", "error: missing command\n")]
fn refuses_as_the_real_one(#[case] line: &str, #[case] expected: &str) {
    assert_eq!(refused("4.4.21.2", line), expected);
}

#[test]
fn refuses_what_an_older_release_does_not_know() {
    assert_eq!(
        refused("4.2.18.34", "alerts --severity debug --muted -J"),
        "error: unknown option: --severity\n"
    );
    assert_eq!(
        refused("4.0.5.10", "cluster servers list -J"),
        "error: unknown command: cluster servers list\n"
    );
}

#[test]
fn a_member_that_the_release_does_not_have_is_an_error_of_its_own() {
    let output = cluster("4.2.18.34").weka(&["debug", "config", "show", "catalogInfo", "-J"]);
    assert_ne!(output.status, 0);
    assert_eq!(output.stdout, b"");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(
        stderr.contains("does not have a member named catalogInfo"),
        "{stderr}"
    );
    let answer = json_of("5.1.25", "debug config show catalogInfo -J");
    assert_eq!(answer, json!({"indexEnabled": false}));
}

#[rstest]
#[case("3.11.1", "status")]
#[case("4.2.18.34", "active")]
fn whether_s3_runs(#[case] release: &str, #[case] key: &str) {
    let with = json_of(release, "s3 cluster -J");
    assert_eq!(with[key], true);
    assert_eq!(with["s3_hosts"].as_array().expect("a list").len(), 2);
    let mut none = cluster(release);
    none.s3 = None;
    assert_eq!(
        asked(&none, "s3 cluster -J"),
        json!({key: false, "s3_hosts": []})
    );
}

/// A map up to 4.3.5.104, then rows whose id is a plain number.
#[test]
fn s3_status() {
    let map = json_of("4.3.5.104", "s3 cluster status -J");
    assert_eq!(map, json!({"HostId<14>": true, "HostId<15>": true}));
    let rows = json_of("4.3.5.105", "s3 cluster status -J");
    assert_eq!(rows[0]["host_id"], 14);
    assert_eq!(rows[0]["service_status"], "Ready");
    assert_eq!(rows[0]["hostname"], "weka-03");
}

#[test]
fn s3_ports_are_text_before_6_0_and_numbers_after() {
    assert_eq!(json_of("5.1.25", "s3 cluster -J")["port"], "9000");
    let newer = json_of("6.0.0.6363", "s3 cluster -J");
    assert_eq!(newer["port"], 9000);
    assert_eq!(newer["s3_hosts"], json!([14, 15]));
}

#[test]
fn nfs_keys_that_6_0_renamed() {
    let older = &json_of("5.1.25", "nfs interface-group -J")[0];
    assert_eq!(older["subnet_mask"], "255.255.255.0");
    assert_eq!(older["org_ids"], json!([0]));
    assert_eq!(older["allow_manage_gids"], true);
    assert_eq!(older["ports"][0]["host_id"], "HostId<16>");
    let newer = &json_of("6.0.0.6363", "nfs interface-group -J")[0];
    for absent in ["subnet_mask", "org_ids"] {
        assert!(newer.get(absent).is_none(), "{absent}");
    }
    assert_eq!(newer["netmask"], 24);
    assert_eq!(newer["tenant_ids"], json!([0]));
    assert_eq!(newer["ports"][0]["container"], 16);
    assert!(newer["ports"][0].get("host_id").is_none());
}

#[test]
fn nfs_custom_options() {
    assert_eq!(json_of("5.1.25", "nfs custom-options -J"), Value::Null);
    for (release, key) in [
        ("5.1.25", "customNfsOptions"),
        ("6.0.0.6363", "global_options"),
    ] {
        let mut cluster = cluster(release);
        cluster.nfs.custom_options = Some("NFS_CORE_PARAM {}".to_owned());
        let answer = asked(&cluster, "nfs custom-options -J");
        assert_eq!(answer, json!({key: "NFS_CORE_PARAM {}"}));
    }
}

#[test]
fn nfs_groups_need_a_cluster_admin_from_6_0() {
    for (release, status) in [("5.1.25", 0), ("6.0.0.6363", 1)] {
        let mut cluster = cluster(release);
        cluster.users[0].role = "OrgAdmin".to_owned();
        let output = cluster.weka(&["nfs", "interface-group", "-J"]);
        assert_eq!(output.status, status, "{release}");
    }
}

#[test]
fn snapshots_are_flat_before_4_0_5() {
    let flat = &json_of("3.11.1", "fs snapshot -J")[0];
    assert_eq!(flat["stowStatus"], "SYNCHRONIZED");
    assert_eq!(flat["remote_object_status"], "NONE");
    assert!(flat.get("localStowInfo").is_none() && flat.get("snap_id").is_none());
    let nested = &json_of("4.4.21.2", "fs snapshot -J")[0];
    assert_eq!(nested["snap_id"], "SnapViewId<3>");
    assert_eq!(nested["localStowInfo"]["stowStatus"], "SYNCHRONIZED");
    assert_eq!(nested["remoteStowInfo"]["stowProgress"], "N/A");
    assert!(nested.get("stowStatus").is_none());
}

#[test]
fn alerts_have_a_severity_from_4_4_10_80_on_and_the_lowest_hides() {
    use checker_simulator::model::Severity;
    for (release, severity) in [("4.4.6", false), ("4.4.10.80", true), ("5.1.25", true)] {
        let mut cluster = cluster(release);
        assert_eq!(asked(&cluster, "alerts -J"), json!([]));
        cluster.raise("ClusterIsUpgrading", Severity::Debug, "t", "d");
        cluster.raise("DriveDown", Severity::Minor, "t", "d");
        cluster.alerts[1].muted = true;
        let count = |line: &str| asked(&cluster, line).as_array().expect("a list").len();
        assert_eq!(count("alerts -J"), usize::from(!severity), "{release}");
        assert_eq!(count("alerts --muted -J"), if severity { 1 } else { 2 });
        if severity {
            assert_eq!(count("alerts --severity debug --muted -J"), 2);
            assert_eq!(count("alerts --severity debug -J"), 1);
        }
        let row = asked(&cluster, "alerts --muted -J")
            .as_array()
            .expect("a list")
            .last()
            .cloned();
        let row = row.expect("an alert");
        assert_eq!(row["type"], "DriveDown");
        assert_eq!(row.get("severity").is_some(), severity);
        // What the status counts is more than what is listed.
        assert_eq!(asked(&cluster, "status -J")["active_alerts_count"], 2);
    }
}

#[test]
fn tasks_that_wait_and_those_of_the_catalog_must_be_asked_for() {
    let mut cluster = cluster("5.1.25");
    cluster.start_task("STOW_UPLOAD", "WAITING", 0, "d");
    cluster.start_task("CATALOG_INGEST", "RUNNING", 4, "d");
    cluster.start_task("FSCK", "PAUSED", 4, "d");
    let kinds = |line: &str| -> Vec<Value> {
        let rows = asked(&cluster, line);
        rows.as_array()
            .expect("a list")
            .iter()
            .map(|r| r["type"].clone())
            .collect()
    };
    assert_eq!(kinds("cluster task -J"), ["FSCK"]);
    assert_eq!(
        kinds("cluster task --show-waiting -J"),
        ["STOW_UPLOAD", "FSCK"]
    );
    assert_eq!(
        kinds("cluster task --show-waiting --show-catalog -J"),
        ["STOW_UPLOAD", "CATALOG_INGEST", "FSCK"]
    );
    let paused = asked(&cluster, "cluster task -J")[0].clone();
    assert_eq!(
        (&paused["paused"], &paused["state"]),
        (&json!(true), &json!("PAUSED"))
    );
}

#[test]
fn tasks_of_3_x_have_four_columns() {
    let mut cluster = cluster("3.11.1");
    cluster.start_task("STOW_UPLOAD", "RUNNING", 41, "d");
    assert_eq!(
        asked(&cluster, "cluster tasks -J"),
        json!([{"type": "STOW_UPLOAD", "state": "RUNNING", "progress": 41, "description": "d"}])
    );
}

/// Newest first, 50 at most, from INFO up, unless asked otherwise.
#[test]
fn events() {
    let upgrade = "events --category-list Upgrade --severity debug --num-results 200 -J";
    let all = json_of("4.4.21.2", upgrade);
    let all = all.as_array().expect("a list");
    assert_eq!(all[0]["type"], "UpgradeStatusChange");
    assert_eq!(all[1]["type"], "FrontendUpgradeFinished");
    assert_eq!(all[0]["nid"], "NodeId<0>");
    let shown = json_of("4.4.21.2", "events -J");
    assert_eq!(shown.as_array().expect("a list").len(), all.len() - 1);
    assert_eq!(
        json_of("4.4.21.2", "events --num-results 2 -J")
            .as_array()
            .expect("a list")
            .len(),
        2
    );
    assert_eq!(
        json_of("4.4.21.2", "events --category-list Drive,NFS -J"),
        json!([])
    );
    assert_eq!(
        json_of("6.0.0.6363", "events --category upgrade -J")[0]["nid"],
        0
    );
}

// field history 49
#[rstest]
#[case("4.0.5.40", "cluster machines list -J", false)]
#[case("4.4.5", "cluster servers list -J", true)]
#[case("4.4.6", "cluster servers list -J", false)]
fn the_map_of_hosts_in_servers(#[case] release: &str, #[case] line: &str, #[case] there: bool) {
    let rows = json_of(release, line);
    assert_eq!(rows[0].get("hosts").is_some(), there);
    assert_eq!(rows[0]["versions"], json!([release]));
}

#[test]
fn servers_by_role() {
    let names = |role: &str| -> Vec<Value> {
        let rows = json_of(
            "4.4.21.2",
            &format!("cluster servers list --role {role} -J"),
        );
        rows.as_array()
            .expect("a list")
            .iter()
            .map(|r| r["name"].clone())
            .collect()
    };
    assert_eq!(names("client"), ["client-01", "client-02"]);
    assert_eq!(names("nfs"), ["weka-05", "weka-06"]);
    assert_eq!(names("s3"), ["weka-03", "weka-04"]);
    assert_eq!(names("smb"), Vec::<Value>::new());
}

// field history 19
#[test]
fn mcb_backends_have_one_role_a_container() {
    let rows = json_of("4.4.21.2", "cluster container -J");
    let first: Vec<_> = rows
        .as_array()
        .expect("a list")
        .iter()
        .filter(|r| r["hostname"] == "weka-01")
        .map(|r| (r["container_name"].clone(), r["mgmt_port"].clone()))
        .collect();
    assert_eq!(
        first,
        [
            (json!("drives0"), json!(14_000)),
            (json!("compute0"), json!(14_300)),
            (json!("frontend0"), json!(14_200)),
        ]
    );
    let single = json_of("3.11.1", "cluster host -J");
    assert_eq!(single[0]["container_name"], "default");
}

#[rstest]
#[case("5.1.25", json!(["5.1.25"]))]
#[case("6.0.0.6363", json!([{"version": "6.0.0.6363", "current": true}]))]
fn versions(#[case] release: &str, #[case] expected: Value) {
    assert_eq!(json_of(release, "version -J"), expected);
    let current = cluster(release).weka(&["version", "current"]);
    assert_eq!(current.stdout, format!("{release}\n").into_bytes());
    let text = cluster(release).weka(&["version"]);
    assert_eq!(text.stdout, format!("* {release}\n").into_bytes());
}

#[test]
fn what_needs_no_login_answers_without_one() {
    use checker_simulator::model::Login;
    let mut cluster = cluster("4.4.21.2");
    cluster.login = Login::Refused("Authentication required".to_owned());
    for line in [
        "local ps -J",
        "local status -J",
        "version -J",
        "version current",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(cluster.weka(&words).status, 0, "{line}");
    }
    for line in ["status", "status -J", "alerts -J", "user whoami -J"] {
        let words: Vec<&str> = line.split(' ').collect();
        let output = cluster.weka(&words);
        assert_eq!((output.status, output.stdout.len()), (41, 0), "{line}");
        assert_eq!(output.stderr, b"error: Authentication required\n");
    }
    // What it does not understand it refuses before it asks who is there.
    assert_eq!(cluster.weka(&["frobnicate"]).status, 2);
}

#[test]
fn a_user_of_an_organization() {
    let cluster = checker_simulator::Scenario::parse("org-admin")
        .expect("a name")
        .cluster();
    let who = asked(&cluster, "user whoami -J");
    assert_eq!(
        (&who["role"], &who["org_name"]),
        (&json!("OrgAdmin"), &json!("team-a"))
    );
    let newer = checker_simulator::Scenario::parse("release-6.0,org-admin").expect("names");
    assert_eq!(
        asked(&newer.cluster(), "user whoami -J")["role"],
        "TenantAdmin"
    );
}

#[test]
fn one_container_by_its_id() {
    let rows = json_of("4.4.21.2", "cluster container 13 -J");
    assert_eq!(rows.as_array().expect("a list").len(), 1);
    assert_eq!(rows[0]["host_id"], "HostId<13>");
    let output = cluster("4.4.21.2").weka(&["cluster", "container", "99", "-J"]);
    assert_eq!(output.stderr, b"error: Host HostId<99> not found\n");
}

/// Every command of the reference that later checks ask for has an answer.
#[rstest]
#[case("user -J")]
#[case("org -J")]
#[case("fs -J")]
#[case("fs tier s3 -J")]
#[case("cluster bucket -J")]
#[case("cluster failure-domain -J")]
#[case("cluster container net -J")]
#[case("cluster container info-hw -J")]
#[case("local resources -C drives0 --stable -J")]
#[case("local status -J")]
#[case("debug traces status -J")]
#[case("debug override list -J")]
#[case("debug blacklist list -J")]
#[case("debug manhole --slot 0 get_completed_fsck_info")]
#[case("debug jrpc client_query_backend -J")]
#[case("nfs global-config show -J")]
#[case("nfs permission -J")]
#[case("s3 bucket list -J")]
#[case("s3 bucket lifecycle-rule list bucket-a -J")]
#[case("smb cluster -J")]
#[case("smb cluster status -J")]
#[case("stats retention status -J")]
#[case("alerts types -J")]
#[case("cloud status -J")]
fn answers(#[case] line: &str) {
    for release in ["4.2.18.34", "4.4.21.2", "5.1.25", "6.0.0.6363"] {
        json_of(release, line);
    }
}

#[test]
fn no_lifecycle_rules_is_an_error() {
    let mut cluster = cluster("4.4.21.2");
    if let Some(s3) = &mut cluster.s3 {
        s3.buckets[0].rules.clear();
    }
    let output = cluster.weka(&["s3", "bucket", "lifecycle-rule", "list", "bucket-a", "-J"]);
    assert_eq!(output.status, 1);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(stderr.contains("The lifecycle configuration does not exist"));
}

#[test]
fn a_server_that_is_down_has_no_hardware() {
    let cluster = checker_simulator::Scenario::parse("backend-down")
        .expect("a name")
        .cluster();
    let answer = asked(&cluster, "cluster container info-hw 10.0.0.11 10.0.0.16 -J");
    assert!(answer["10.0.0.11"]["eths"].is_array());
    assert_eq!(answer["10.0.0.16"], Value::Null);
}

#[test]
fn the_state_of_a_cluster_survives_its_file() {
    for release in RELEASES {
        let before = cluster(release);
        let text = serde_json::to_string(&before).expect("JSON");
        let after: Cluster = serde_json::from_str(&text).expect("a cluster");
        assert_eq!(before, after);
    }
}
