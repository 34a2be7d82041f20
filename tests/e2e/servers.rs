//! Servers that are down, silent, broken, strange: each costs its own results
//! and no others, and the run ends in time.

use checker_simulator::Behaviour;

use crate::check::{check, check_with, text};
use crate::lab::Lab;
use crate::{Test, listed};

pub(crate) fn tests() -> Vec<Test> {
    listed!["servers":
        one_that_is_off_is_red_and_the_others_are_complete,
        one_that_refuses_is_red_and_the_others_are_complete,
        one_that_swallows_packets_is_red_and_the_others_are_complete,
        one_that_accepts_and_says_nothing_is_red_and_the_others_are_complete,
        one_that_dies_in_the_middle_of_the_script_is_red_and_the_others_are_complete,
        one_that_vanishes_in_the_middle_of_the_script_is_red_and_the_others_are_complete,
        one_with_a_changed_host_key_is_red_and_the_others_are_complete,
        one_that_accepts_no_key_is_red_and_the_others_are_complete,
        one_with_a_hanging_program_is_unknown_there_and_the_others_are_complete,
        all_lost_at_once_cost_the_time_of_one,
        a_noisy_profile_and_a_banner_change_nothing,
        one_with_busybox_for_its_programs_is_judged_alike_where_that_can_tell,
        a_probe_that_prints_200_mb_is_unknown_and_costs_nothing_else,
        a_cluster_command_that_prints_200_mb_is_unknown_and_costs_nothing_else,
        half_a_json_of_the_cluster_is_unknown,
        half_a_json_of_one_server_is_unknown_there,
        a_cluster_command_that_hangs_is_unknown_and_the_run_ends_in_time,
        text_around_the_json_changes_nothing,
        two_servers_with_one_name_are_told_apart,
        a_user_with_sudo_is_as_good_as_root,
        a_sudo_that_wants_a_password_is_red_and_the_others_are_complete,
        an_unknown_host_key_is_recorded_or_refused_as_the_policy_says,
        a_server_is_found_by_its_ipv6_address,
    ]
}

// field history G26
fn one_that_is_off_is_red_and_the_others_are_complete() {
    let lab = Lab::new("off", 3);
    let checked = check(&lab, |lab, _| lab.server(2).power_off());
    checked.expect_lost("weka-02", &["no route", "connect timeout"]);
}

fn one_that_refuses_is_red_and_the_others_are_complete() {
    let lab = Lab::new("refuses", 3);
    let checked = check(&lab, |lab, _| lab.server(2).stop_sshd());
    checked.expect_lost("weka-02", &["connection refused"]);
}

fn one_that_swallows_packets_is_red_and_the_others_are_complete() {
    let lab = Lab::new("swallows", 3);
    let checked = check(&lab, |lab, _| lab.server(2).black_hole(lab.servers()));
    checked.expect_lost("weka-02", &["connect timeout"]);
}

fn one_that_accepts_and_says_nothing_is_red_and_the_others_are_complete() {
    let lab = Lab::new("silent", 3);
    let checked = check(&lab, |lab, _| lab.server(2).silent_listener());
    checked.expect_lost("weka-02", &["connect timeout", "deadline"]);
}

fn one_that_dies_in_the_middle_of_the_script_is_red_and_the_others_are_complete() {
    let lab = Lab::new("dies", 3);
    let checked = check(&lab, |lab, _| lab.server(2).dies_in_script());
    // Other probes than the units may have answered before; the units have not.
    let arrived = [
        "host:clock",
        "host:data-dirs",
        "host:space",
        "host:local-ps",
    ];
    checked.expect_lost_after("weka-02", &["protocol"], &arrived);
    checked.expect("nfs/rpc-statd", "weka-02", "unknown");
    checked.expect("access/agent", "weka-02", "unknown");
}

// field history G9
fn one_that_vanishes_in_the_middle_of_the_script_is_red_and_the_others_are_complete() {
    let lab = Lab::new("vanishes", 3);
    let checked = check(&lab, |lab, _| lab.server(2).vanishes_in_script());
    let arrived = [
        "host:clock",
        "host:data-dirs",
        "host:space",
        "host:local-ps",
    ];
    checked.expect_lost_after("weka-02", &["deadline"], &arrived);
    checked.expect("nfs/rpc-statd", "weka-02", "unknown");
}

fn one_with_a_changed_host_key_is_red_and_the_others_are_complete() {
    let lab = Lab::new("host-key", 3);
    let checked = check(&lab, |lab, _| lab.server(2).change_host_key());
    checked.expect_lost("weka-02", &["host key"]);
    // It was turned away before anything was told to it.
    assert_eq!(lab.server(2).sessions(), 0);
}

fn one_that_accepts_no_key_is_red_and_the_others_are_complete() {
    let lab = Lab::new("no-key", 3);
    let checked = check(&lab, |lab, _| {
        lab.server(2).write("/root/.ssh/authorized_keys", "", 0o600)
    });
    checked.expect_lost("weka-02", &["authentication"]);
}

fn one_with_a_hanging_program_is_unknown_there_and_the_others_are_complete() {
    let lab = Lab::new("hangs", 3);
    let checked = check(&lab, |lab, _| lab.server(2).hangs_in("systemctl"));
    checked.expect("nfs/rpc-statd", "weka-02", "unknown");
    checked.expect("access/agent", "weka-02", "unknown");
    for name in ["weka-01", "weka-03"] {
        for check in crate::check::BACKEND_CHECKS {
            checked.expect(check, name, "pass");
        }
    }
    assert_ne!(checked.run.status, Some(0));
}

// field history 100
fn all_lost_at_once_cost_the_time_of_one() {
    let lab = Lab::new("all", 6);
    let checked = check(&lab, |lab, _| {
        lab.server(2).black_hole(lab.servers());
        lab.server(3).silent_listener();
        lab.server(4).vanishes_in_script();
        lab.server(5).hangs_in("df");
        lab.server(6).stop_sshd();
    });
    for n in [2, 3, 4, 6] {
        checked.expect("access/ssh", &format!("weka-{n:02}"), "fail");
    }
    for check in crate::check::BACKEND_CHECKS {
        checked.expect(check, "weka-01", "pass");
    }
    checked.expect("server/opt-weka-space", "weka-05", "unknown");
    checked.expect_verdict("red");
}

fn a_noisy_profile_and_a_banner_change_nothing() {
    let lab = Lab::new("noisy", 3);
    let checked = check(&lab, |lab, _| {
        lab.server(2).noisy_profile();
        lab.server(3).banner();
        lab.server(3).noisy_profile();
    });
    checked.expect_only(&[]);
    checked.expect_verdict("green");
}

fn one_with_busybox_for_its_programs_is_judged_alike_where_that_can_tell() {
    let lab = Lab::new("busybox", 3);
    let checked = check(&lab, |lab, _| {
        for program in [
            "awk", "cat", "cut", "date", "df", "du", "head", "od", "sed", "sort", "tail",
            "timeout", "tr",
        ] {
            lab.server(2)
                .program(program, &format!("exec busybox {program} \"$@\"\n"));
        }
        lab.server(3).set_opt_weka_size(3 * 1024);
        lab.server(3).program("df", "exec busybox df \"$@\"\n");
    });
    checked.expect_only(&[
        ("server/opt-weka-space", "weka-03", "fail"),
        ("server/traces-space", "weka-03", "warn"),
        // Its `du` has no apparent size.
        ("server/data-space", "weka-02", "unknown"),
    ]);
}

fn a_probe_that_prints_200_mb_is_unknown_and_costs_nothing_else() {
    let lab = Lab::new("flood", 3);
    let checked = check(&lab, |lab, _| {
        lab.server(2)
            .program("systemctl", "head -c 200000000 /dev/zero | tr '\\0' x\n");
    });
    checked.expect_only(&[
        ("access/agent", "weka-02", "unknown"),
        ("nfs/rpc-statd", "weka-02", "unknown"),
        ("server/endpoint-security", "weka-02", "unknown"),
    ]);
    checked.expect_verdict("unknown");
}

fn a_cluster_command_that_prints_200_mb_is_unknown_and_costs_nothing_else() {
    let lab = Lab::new("flood-weka", 3);
    let flood = Behaviour {
        flood: 200_000_000,
        ..Behaviour::of("alerts")
    };
    let checked = check_with(&lab, &[], &[flood], |_, _| {});
    checked.expect("health/alerts", "cluster", "unknown");
    checked.expect("health/status", "cluster", "pass");
    checked.expect_verdict("unknown");
}

fn half_a_json_of_the_cluster_is_unknown() {
    let lab = Lab::new("half", 3);
    let half = Behaviour {
        truncate: true,
        ..Behaviour::of("status rebuild")
    };
    let checked = check_with(&lab, &[], &[half], |_, _| {});
    checked.expect_only(&[("health/rebuild", "cluster", "unknown")]);
    checked.expect_verdict("unknown");
}

fn half_a_json_of_one_server_is_unknown_there() {
    let lab = Lab::new("half-local", 3);
    let half = Behaviour {
        truncate: true,
        server: Some("weka-02".to_owned()),
        ..Behaviour::of("local ps")
    };
    let checked = check_with(&lab, &[], &[half], |_, _| {});
    // A leftover container named `upgrade` could stand in the other half.
    checked.expect("health/upgrade-running", "cluster", "unknown");
    for check in crate::check::BACKEND_CHECKS {
        checked.expect(check, "weka-03", "pass");
    }
    checked.expect_verdict("unknown");
}

fn a_cluster_command_that_hangs_is_unknown_and_the_run_ends_in_time() {
    let lab = Lab::new("hang-weka", 3);
    let hang = Behaviour {
        hang: true,
        ..Behaviour::of("fs snapshot")
    };
    let checked = check_with(&lab, &["--deadline", "10"], &[hang], |_, _| {});
    checked.expect("tasks/snapshot-upload", "cluster", "unknown");
    checked.expect("health/status", "cluster", "pass");
    for server in ["weka-01", "weka-02", "weka-03"] {
        for check in crate::check::BACKEND_CHECKS {
            checked.expect(check, server, "pass");
        }
    }
    checked.expect_verdict("unknown");
}

fn text_around_the_json_changes_nothing() {
    let lab = Lab::new("around", 2);
    let noise = Behaviour {
        noise: Some("WARNING: the token expires [soon] {today}".to_owned()),
        stderr: Some("deprecated".to_owned()),
        ..Behaviour::of("")
    };
    let checked = check_with(&lab, &[], &[noise], |_, _| {});
    checked.expect_only(&[]);
    checked.expect_verdict("green");
}

fn two_servers_with_one_name_are_told_apart() {
    let lab = Lab::named("twins", &["weka-01", "weka-02", "weka-02"]);
    let checked = check(&lab, |_, c| {
        let running = checker_simulator::model::Unit::new("loaded", "active", "running", "enabled");
        // The model has names of its own; this is the third server.
        if let Some(server) = c.server_mut("weka-03") {
            server.units.insert("rpc-statd.service".to_owned(), running);
        }
    });
    checked.expect_only(&[("nfs/rpc-statd", "weka-02@10.77.0.13", "fail")]);
    checked.expect("nfs/rpc-statd", "weka-02@10.77.0.12", "pass");
    assert_eq!(checked.report["servers"].as_array().map(Vec::len), Some(3));
    for n in [2, 3] {
        assert_eq!(
            (lab.server(n).connections(), lab.server(n).sessions()),
            (1, 1)
        );
    }
}

// field history 4
fn a_user_with_sudo_is_as_good_as_root() {
    let lab = Lab::new("sudo", 3);
    let checked = check_with(&lab, &["--ssh-user", "operator"], &[], |lab, _| {
        for server in lab.servers() {
            server.add_user_with_sudo("operator", true);
            server.write("/root/.ssh/authorized_keys", "", 0o600);
        }
    });
    checked.expect_only(&[]);
    checked.expect_verdict("green");
}

// field history 4
fn a_sudo_that_wants_a_password_is_red_and_the_others_are_complete() {
    let lab = Lab::new("sudo-asks", 3);
    let checked = check_with(&lab, &["--ssh-user", "operator"], &[], |lab, _| {
        lab.server(2).add_user_with_sudo("operator", false);
        lab.server(3).add_user_with_sudo("operator", true);
    });
    checked.expect_lost("weka-02", &["sudo"]);
}

fn an_unknown_host_key_is_recorded_or_refused_as_the_policy_says() {
    let lab = Lab::new("new-key", 2);
    let known_hosts = "/root/.ssh/known_hosts";
    let checked = check(&lab, |lab, _| lab.server(1).write(known_hosts, "", 0o600));
    checked.expect_verdict("green");
    let recorded = lab.server(1).read(known_hosts);
    assert!(recorded.contains("10.77.0.12 ssh-ed25519 "), "{recorded:?}");
    // The real ssh understands what was recorded.
    lab.server(1)
        .run("ssh -o BatchMode=yes -o StrictHostKeyChecking=yes 10.77.0.12 true");
    // What was recorded is held against the server from then on.
    let checked = check(&lab, |lab, _| lab.server(2).change_host_key());
    checked.expect_lost("weka-02", &["host key"]);
    assert_eq!(lab.server(1).read(known_hosts), recorded);
}

fn a_server_is_found_by_its_ipv6_address() {
    let lab = Lab::new("ipv6", 3);
    // Another spelling than the cluster's.
    let checked = check_with(&lab, &["-b", "fd77:0:0::12"], &[], |lab, c| {
        if let Some(server) = c.server_mut("weka-02") {
            server.addresses = vec![lab.server(2).ipv6()];
        }
    });
    checked.expect_only(&[]);
    let servers = checked.report["servers"]
        .as_array()
        .expect("a list of servers");
    assert_eq!(servers.len(), 1, "{servers:#?}");
    assert_eq!(text(&servers[0]["address"]), "fd77::12");
    assert_eq!(
        (lab.server(2).connections(), lab.server(3).connections()),
        (1, 0)
    );
    assert!(
        lab.server(2)
            .read("/var/log/sshd.log")
            .contains("Connection from fd77::11 ")
    );
    checked.expect_verdict("green");
}
