//! Each check made yellow or red over the wire, by one change to a healthy
//! cluster or to one of its servers, and nothing else with it.

use checker_simulator::model::{Cluster, Login, Severity, Unit};

use crate::Test;
use crate::check::{check, check_with, standard_arguments};
use crate::lab::Lab;

/// One change and what it must lead to.
struct Case {
    name: &'static str,
    /// Check, target, outcome.
    result: (&'static str, &'static str, &'static str),
    change: fn(&Lab, &mut Cluster),
}

const fn case(
    name: &'static str,
    result: (&'static str, &'static str, &'static str),
    change: fn(&Lab, &mut Cluster),
) -> Case {
    Case {
        name,
        result,
        change,
    }
}

const CASES: &[Case] = &[
    case(
        "an_active_rpc_statd_is_red",
        ("nfs/rpc-statd", "weka-02", "fail"),
        |_, c| {
            set_unit(
                c,
                "weka-02",
                "rpc-statd.service",
                Unit::new("loaded", "active", "running", "enabled"),
            );
        },
    ),
    case(
        "an_active_rpc_statd_notify_is_red",
        ("nfs/rpc-statd", "weka-01", "fail"),
        |_, c| {
            set_unit(
                c,
                "weka-01",
                "rpc-statd-notify.service",
                Unit::new("loaded", "active", "exited", "disabled"),
            );
        },
    ),
    case(
        "a_stopped_but_enabled_rpc_statd_is_yellow",
        ("nfs/rpc-statd", "weka-03", "warn"),
        |_, c| {
            set_unit(
                c,
                "weka-03",
                "rpc-statd.service",
                Unit::new("loaded", "inactive", "dead", "enabled"),
            );
        },
    ),
    case(
        "little_room_in_opt_weka_is_red",
        ("server/opt-weka-space", "weka-02", "fail"),
        |lab, _| {
            lab.server(2).set_opt_weka_size(3 * 1024);
        },
    ),
    case(
        "little_room_for_a_container_is_red",
        ("server/data-space", "weka-02", "fail"),
        |lab, _| {
            // 15 GiB in one sparse file want 22.5 GiB; 20 GiB are free.
            lab.server(2).set_opt_weka_size(20 * 1024);
            lab.server(2).set_data_size("drives0", 15 * 1024);
        },
    ),
    case(
        "a_clock_10_s_ahead_is_yellow",
        ("server/clock", "weka-03", "warn"),
        |lab, _| {
            lab.server(3).set_clock_offset(10);
        },
    ),
    case(
        "a_clock_5_min_behind_is_red",
        ("server/clock", "weka-03", "fail"),
        |lab, _| {
            lab.server(3).set_clock_offset(-300);
        },
    ),
    case(
        "nfs_and_s3_on_one_server_are_red",
        ("protocols/separation", "weka-02", "fail"),
        |_, c| {
            c.serve_nfs(&[1]);
            c.serve_s3(&[1]);
        },
    ),
    case(
        "nfs_that_may_be_legacy_is_yellow",
        ("nfs/legacy", "cluster", "warn"),
        |_, c| {
            c.serve_nfs(&[1]);
            for group in &mut c.nfs.groups {
                group.allow_manage_gids = false;
            }
        },
    ),
    case(
        "a_user_who_is_no_cluster_admin_is_red",
        ("access/cluster-admin", "cluster", "fail"),
        |_, c| {
            c.login = Login::As("reader".to_owned());
        },
    ),
    case(
        "an_older_container_is_red",
        ("version/uniform", "cluster", "fail"),
        |_, c| {
            let older: checker_core::Version = "4.4.20.7".parse().expect("a release");
            for container in &mut backend(c, "weka-03").containers {
                container.release = older.clone();
            }
        },
    ),
    case(
        "a_single_container_backend_is_red",
        ("health/mcb", "cluster", "fail"),
        |_, c| {
            let server = backend(c, "weka-02");
            server.containers.truncate(1);
            let single = &mut server.containers[0];
            (single.compute_cores, single.frontend_cores) = (10, 2);
        },
    ),
    case(
        "a_degraded_cluster_is_red",
        ("health/status", "cluster", "fail"),
        |_, c| {
            c.status = "DEGRADED".to_owned();
        },
    ),
    case(
        "stopped_io_is_red",
        ("health/status", "cluster", "fail"),
        |_, c| {
            c.io_status = "STOPPED".to_owned();
        },
    ),
    case(
        "a_running_upgrade_is_red",
        ("health/upgrade-running", "cluster", "fail"),
        |_, c| {
            c.upgrade.phase = "ComputeRollingPhase".to_owned();
        },
    ),
    case(
        "a_leftover_upgrade_container_is_red",
        ("health/upgrade-running", "cluster", "fail"),
        |_, c| {
            let release = c.release.clone();
            backend(c, "weka-02").add_local("upgrade", "weka", &release);
        },
    ),
    case(
        "data_with_a_copy_lost_is_red",
        ("health/rebuild", "cluster", "fail"),
        |_, c| {
            c.rebuild.lose_one_copy(1);
        },
    ),
    case(
        "an_alert_is_yellow",
        ("health/alerts", "cluster", "warn"),
        |_, c| {
            c.raise(
                "SystemDefinedTLS",
                Severity::Warning,
                "The TLS certificate is the system's own",
                "Not replaced",
            );
        },
    ),
    case(
        "an_alert_of_the_lowest_severity_is_yellow",
        ("health/alerts", "cluster", "warn"),
        |_, c| {
            c.raise(
                "ClientVersionsMismatch",
                Severity::Debug,
                "Clients mismatch",
                "2 clients",
            );
        },
    ),
    case(
        "an_alert_that_forbids_the_upgrade_is_red",
        ("health/alerts", "cluster", "fail"),
        |_, c| {
            c.raise(
                "DriveDown",
                Severity::Minor,
                "Drive is down",
                "DiskId<5> is down",
            );
        },
    ),
    case(
        "an_upload_is_red",
        ("tasks/snapshot-upload", "cluster", "fail"),
        |_, c| {
            c.start_task("STOW_UPLOAD", "RUNNING", 41, "Uploading daily-1");
        },
    ),
    case(
        "a_waiting_upload_is_red",
        ("tasks/snapshot-upload", "cluster", "fail"),
        |_, c| {
            c.start_task("STOW_UPLOAD", "WAITING", 0, "Uploading daily-1");
        },
    ),
    case(
        "a_download_is_red",
        ("tasks/snapshot-download", "cluster", "fail"),
        |_, c| {
            c.start_task(
                "STOW_DOWNLOAD_SNAPSHOT",
                "RUNNING",
                63,
                "Downloading weekly-3",
            );
        },
    ),
    case(
        "a_prefetch_is_red",
        ("tasks/snapshot-prefetch", "cluster", "fail"),
        |_, c| {
            c.start_task("SNAPSHOT_PREFETCH", "RUNNING", 25, "Prefetching weekly-3");
        },
    ),
    case(
        "a_catalog_task_is_red",
        ("tasks/catalog", "cluster", "fail"),
        |_, c| {
            c.start_task("CATALOG_INGEST", "RUNNING", 9, "Ingesting fs01");
        },
    ),
    case(
        "another_task_is_yellow",
        ("tasks/other", "cluster", "warn"),
        |_, c| {
            c.start_task(
                "QUOTA_COLORING",
                "RUNNING",
                77,
                "Applying the quota of /projects",
            );
        },
    ),
    case(
        "a_detaching_object_store_is_green",
        ("tasks/obs-detach", "cluster", "pass"),
        |_, c| {
            c.start_task("OBS_DETACH", "RUNNING", 55, "Detaching obs01 from fs01");
        },
    ),
];

pub(crate) fn tests() -> Vec<Test> {
    let table = CASES
        .iter()
        .map(|case| Test::new(format!("changes::{}", case.name), || prove(case)));
    table
        .chain(crate::listed!["changes":
            a_container_that_is_down_is_red_with_its_processes,
            a_stopped_agent_is_red_and_its_containers_are_unknown,
            legacy_nfs_is_red_on_the_release_that_has_it,
            an_older_target_is_red,
            a_target_that_is_not_in_the_release_data_is_yellow,
            a_user_who_is_not_logged_in_is_red_and_the_servers_are_still_not_green,
        ])
        .collect()
}

/// What a change leads to beside the result that it is made for.
const COMES_WITH: &[(&str, (&str, &str, &str))] = &[
    // What shall stay free for traces is more than the whole file system.
    (
        "little_room_in_opt_weka_is_red",
        ("server/traces-space", "weka-02", "warn"),
    ),
    (
        "nfs_and_s3_on_one_server_are_red",
        ("nfs/failover", "cluster", "warn"),
    ),
    (
        "nfs_that_may_be_legacy_is_yellow",
        ("nfs/failover", "cluster", "warn"),
    ),
    (
        "a_leftover_upgrade_container_is_red",
        ("server/containers", "weka-02", "fail"),
    ),
];

fn prove(case: &Case) {
    let lab = Lab::new("change", 3);
    let checked = check(&lab, case.change);
    let (check, target, outcome) = case.result;
    checked.expect(check, target, outcome);
    match outcome {
        "pass" => checked.expect_only(&[]),
        _ => {
            let more = COMES_WITH.iter().filter(|(name, _)| *name == case.name);
            let all: Vec<_> = [case.result]
                .into_iter()
                .chain(more.map(|(_, result)| *result))
                .collect();
            checked.expect_only(&all);
        }
    }
    checked.expect_verdict(match outcome {
        "pass" => "green",
        "warn" => "yellow",
        _ => "red",
    });
}

#[track_caller]
fn backend<'a>(cluster: &'a mut Cluster, name: &str) -> &'a mut checker_simulator::model::Server {
    cluster.server_mut(name).expect("a server of the lab")
}

fn set_unit(cluster: &mut Cluster, server: &str, name: &str, unit: Unit) {
    backend(cluster, server).units.insert(name.to_owned(), unit);
}

fn a_container_that_is_down_is_red_with_its_processes() {
    let lab = Lab::new("container", 3);
    let checked = check(&lab, |_, c| {
        if let Some(container) = backend(c, "weka-03").containers.last_mut() {
            container.status = "DOWN".to_owned();
        }
    });
    checked.expect_only(&[
        ("health/backends", "cluster", "fail"),
        ("health/processes", "cluster", "fail"),
    ]);
    checked.expect_verdict("red");
}

fn a_stopped_agent_is_red_and_its_containers_are_unknown() {
    let lab = Lab::new("agent", 3);
    let checked = check(&lab, |_, c| {
        let stopped = Unit::new("loaded", "inactive", "dead", "enabled");
        set_unit(c, "weka-02", "weka-agent.service", stopped);
    });
    checked.expect_only(&[
        ("access/agent", "weka-02", "fail"),
        // The agent is who would tell.
        ("config/endpoint-ips", "weka-02", "unknown"),
        ("config/join-secrets", "weka-02", "unknown"),
        // A leftover container named `upgrade` could be there.
        ("health/upgrade-running", "cluster", "unknown"),
        ("server/cgroups", "weka-02", "unknown"),
        ("server/containers", "weka-02", "unknown"),
        ("server/memory", "weka-02", "unknown"),
    ]);
    checked.expect_verdict("red");
}

fn legacy_nfs_is_red_on_the_release_that_has_it() {
    let lab = Lab::new("legacy", 3);
    let mut cluster = Lab::healthy_on("4.2.18.34", lab.servers());
    cluster.serve_nfs(&[1]);
    for group in &mut cluster.nfs.groups {
        group.allow_manage_gids = false;
    }
    lab.set_cluster(&cluster, &[]);
    let run = lab.checker(&standard_arguments());
    let report = run.json();
    let checked = crate::check::Checked { run, report };
    checked.expect("nfs/legacy", "cluster", "fail");
    checked.expect_verdict("red");
}

fn an_older_target_is_red() {
    let lab = Lab::new("older", 1);
    lab.set_cluster(&lab.healthy(), &[]);
    let arguments = standard_arguments().into_iter().map(|a| {
        if a == crate::check::TARGET {
            "4.4.20"
        } else {
            a
        }
    });
    let run = lab.checker(&arguments.collect::<Vec<_>>());
    let report = run.json();
    let checked = crate::check::Checked { run, report };
    checked.expect("version/direction", "cluster", "fail");
    checked.expect_verdict("red");
}

fn a_target_that_is_not_in_the_release_data_is_yellow() {
    let lab = Lab::new("new", 1);
    lab.set_cluster(&lab.healthy(), &[]);
    let run = lab.checker(&[
        "--target-version",
        "4.4.9999",
        "--format",
        "json",
        "--select",
        "access/*",
    ]);
    let report = run.json();
    let checked = crate::check::Checked { run, report };
    checked.expect("access/tool-data", "cluster", "warn");
    checked.expect_verdict("yellow");
}

fn a_user_who_is_not_logged_in_is_red_and_the_servers_are_still_not_green() {
    let lab = Lab::new("login", 3);
    let checked = check_with(&lab, &[], &[], |_, c| {
        c.login = Login::Refused("Authentication required, run `weka user login`".to_owned());
    });
    checked.expect("access/login", "cluster", "fail");
    for check in [
        "health/status",
        "health/alerts",
        "health/rebuild",
        "tasks/other",
    ] {
        checked.expect(check, "cluster", "unknown");
    }
    checked.expect_verdict("red");
    // Another dozen failed logins would lock the user out.
    let with_login = |line: &str| !line.starts_with("local ");
    let calls = lab
        .weka_calls()
        .iter()
        .filter(|c| with_login(&c.line()))
        .count();
    assert_eq!(calls, 1, "{:?}", lab.weka_calls());
}
