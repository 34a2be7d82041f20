//! Reports for the tests of renderers.

use crate::contract::{Outcome, Scope};
use crate::report::{
    Accepted, CheckResult, ClusterInfo, Counts, Coverage, Report, RunInfo, SCHEMA, ServerInfo,
    ToolInfo, Verdict,
};
use crate::server::{Role, Transport};
use crate::source::SourceKind;

pub(crate) fn title(check: &str) -> Option<String> {
    let title = match check {
        "health/status" => "The cluster is OK and serves IO",
        "nfs/rpc-statd" => "No lock service of the system is active",
        "server/opt-weka-space" => "/opt/weka has room for the new release",
        "server/clock" => "The servers' clocks agree",
        _ => return None,
    };
    Some(title.to_owned())
}

/// A report of these results, with verdict and counts.
pub(crate) fn report(servers: Vec<ServerInfo>, results: Vec<CheckResult>) -> Report {
    let version = |text: &str| text.parse().expect("a release");
    Report {
        schema: SCHEMA,
        tool: ToolInfo {
            name: "checker".to_owned(),
            version: "0.1.0".to_owned(),
            data_date: jiff::civil::date(2026, 7, 15),
        },
        run: RunInfo {
            id: "5f0c0b1e-6c1f-4a55-9a43-0d3ad4f0b6a1".to_owned(),
            started_at: "2026-07-20T02:00:00Z".parse().expect("a time"),
            finished_at: "2026-07-20T02:00:04.25Z".parse().expect("a time"),
            source: SourceKind::Live,
            argv: ["checker", "--target-version", "4.4.33"]
                .map(str::to_owned)
                .to_vec(),
            host: "weka-01".to_owned(),
            coverage: Some(Coverage {
                selection: crate::engine::Selection::default(),
                interrupted: false,
                backends: Some(servers.iter().filter(|s| s.role == Role::Backend).count()),
            }),
        },
        cluster: ClusterInfo {
            name: Some("lab-a".to_owned()),
            guid: Some("0b5c3a52-6a4c-4c0e-9d53-2f1e7c1f9a10".to_owned()),
            version: Some(version("4.4.21.2")),
        },
        target_version: version("4.4.33"),
        path: vec![version("4.4.21.2"), version("4.4.33")],
        verdict: Verdict::of(&results),
        counts: Counts::of(&results),
        servers,
        acceptances: Vec::new(),
        plugins: Vec::new(),
        results,
        digest: None,
    }
}

pub(crate) fn server(number: usize) -> ServerInfo {
    ServerInfo {
        name: format!("weka-{number:02}"),
        address: format!("10.0.{}.{}", number / 250, number % 250),
        role: Role::Backend,
        reached: true,
        transport: Some(Transport::Ssh),
        ms: 180 + number as u64,
        error: None,
    }
}

fn unreached_server(number: usize, error: &str) -> ServerInfo {
    ServerInfo {
        reached: false,
        transport: None,
        error: Some(error.to_owned()),
        ..server(number)
    }
}

/// `target` is `cluster`, a server, or a client.
pub(crate) fn result(check: &str, target: &str, outcome: Outcome, summary: &str) -> CheckResult {
    CheckResult {
        check: check.to_owned(),
        scope: match target {
            "cluster" => Scope::Cluster,
            client if client.starts_with("client") => Scope::Client,
            _ => Scope::Backend,
        },
        target: target.to_owned(),
        outcome,
        summary: summary.to_owned(),
        details: Vec::new(),
        remedy: None,
        sources: vec!["Upgrade guide: prerequisites".to_owned()],
        evidence: vec!["weka:status".to_owned()],
        accepted: None,
    }
}

fn remedy(result: CheckResult, remedy: &str) -> CheckResult {
    CheckResult {
        remedy: Some(remedy.to_owned()),
        ..result
    }
}

fn details<S: Into<String>>(
    result: CheckResult,
    lines: impl IntoIterator<Item = S>,
) -> CheckResult {
    CheckResult {
        details: lines.into_iter().map(Into::into).collect(),
        ..result
    }
}

fn sorted(servers: Vec<ServerInfo>, mut results: Vec<CheckResult>) -> Report {
    results.sort_by(|a, b| a.check.cmp(&b.check));
    report(servers, results)
}

pub(crate) fn green() -> Report {
    let mut results = vec![
        result(
            "health/status",
            "cluster",
            Outcome::Pass,
            "status OK, IO STARTED",
        ),
        result(
            "health/alerts",
            "cluster",
            Outcome::Pass,
            "no active alerts",
        ),
        result(
            "version/direction",
            "cluster",
            Outcome::Pass,
            "4.4.33 is newer than 4.4.21.2",
        ),
        result(
            "nfs/legacy",
            "cluster",
            Outcome::Skipped,
            "NFS is not in use",
        ),
    ];
    for n in 1..=3 {
        let name = format!("weka-{n:02}");
        results.push(result("server/clock", &name, Outcome::Pass, "3 ms ahead"));
        results.push(result(
            "server/opt-weka-space",
            &name,
            Outcome::Pass,
            "80.0 GiB free",
        ));
    }
    sorted((1..=3).map(server).collect(), results)
}

const SPACE: &str = "Remove releases that are no longer used: `weka version` lists them, `weka version rm <release>` removes one.";

pub(crate) fn mixed() -> Report {
    let mut servers: Vec<ServerInfo> = (1..=6).map(server).collect();
    servers[5].transport = Some(Transport::SystemSsh);
    let mut results = vec![
        remedy(
            result(
                "health/status",
                "cluster",
                Outcome::Fail,
                "the cluster's status is DEGRADED, not OK",
            ),
            "Look at `weka status` and `weka alerts`; wait until the status is OK and IO is STARTED.",
        ),
        remedy(
            details(
                result(
                    "health/alerts",
                    "cluster",
                    Outcome::Warn,
                    "14 active alerts",
                ),
                (1..=14)
                    .map(|n| format!("NodeDisconnected: process {n} of weka-02 is disconnected")),
            ),
            "Resolve them, or mute those that may stay:\n$ weka alerts mute NodeDisconnected 2h",
        ),
        result(
            "tasks/other",
            "cluster",
            Outcome::Unknown,
            "`weka cluster task -J`: no answer within its time limit",
        ),
        result(
            "version/direction",
            "cluster",
            Outcome::Pass,
            "4.4.33 is newer than 4.4.21.2",
        ),
        result(
            "nfs/legacy",
            "cluster",
            Outcome::Skipped,
            "NFS is not in use",
        ),
        result(
            "protocols/separation",
            "cluster",
            Outcome::Skipped,
            "no protocol is in use",
        ),
        result(
            "access/ssh",
            "client-1",
            Outcome::Unknown,
            "`host:units` on client-1: exit status 1: no bus",
        ),
    ];
    results.push(CheckResult {
        accepted: Some(Accepted {
            reason: "agreed with support, case 4711".to_owned(),
            author: Some("alice@weka-01".to_owned()),
            until: Some(jiff::civil::date(2026, 12, 1)),
        }),
        ..remedy(
            result(
                "access/tool-data",
                "cluster",
                Outcome::Warn,
                "the release data is 61 days old",
            ),
            "Get the newest release of this tool.",
        )
    });
    for n in 1..=6 {
        let name = format!("weka-{n:02}");
        results.push(result("server/clock", &name, Outcome::Pass, "3 ms ahead"));
        results.push(match n {
            2 | 5 => remedy(
                result(
                    "server/opt-weka-space",
                    &name,
                    Outcome::Fail,
                    &format!("{}.1 GiB free, 26 GiB needed", n),
                ),
                SPACE,
            ),
            _ => result(
                "server/opt-weka-space",
                &name,
                Outcome::Pass,
                "80.0 GiB free",
            ),
        });
        results.push(match n {
            3..=5 => remedy(
                result(
                    "nfs/rpc-statd",
                    &name,
                    Outcome::Fail,
                    "rpc-statd.service is active",
                ),
                &format!("On {name}: `ssh {name} systemctl disable --now rpc-statd.service`"),
            ),
            _ => result("nfs/rpc-statd", &name, Outcome::Pass, "not active"),
        });
        results.push(match n {
            4 => result(
                "server/data-space",
                &name,
                Outcome::Unknown,
                &format!("`host:space` on {name}: exit status 1: df: Stale file handle"),
            ),
            6 => result(
                "server/data-space",
                &name,
                Outcome::Unknown,
                &format!("`host:space` on {name}: exit status 2: df: Stale file handle"),
            ),
            _ => result("server/data-space", &name, Outcome::Pass, "enough room"),
        });
    }
    sorted(servers, results)
}

const SERVER_CHECKS: [&str; 6] = [
    "access/agent",
    "nfs/rpc-statd",
    "protocols/separation",
    "server/clock",
    "server/data-space",
    "server/opt-weka-space",
];

/// Four servers that were not reached, one that was lost on the way.
pub(crate) fn unreached() -> Report {
    let mut servers: Vec<ServerInfo> = (1..=6).map(server).collect();
    servers[1] = unreached_server(
        2,
        "connect timeout: nothing answered at 10.0.0.2:22 within 10 s",
    );
    servers[2] = unreached_server(
        3,
        "connect timeout: nothing answered at 10.0.0.3:22 within 10 s",
    );
    servers[3] = unreached_server(4, "host key: the key of 10.0.0.4 has changed");
    servers[4] = ServerInfo {
        transport: Some(Transport::Ssh),
        ..unreached_server(5, "protocol: the connection was cut")
    };
    let mut results = vec![result(
        "health/status",
        "cluster",
        Outcome::Pass,
        "status OK, IO STARTED",
    )];
    for server in &servers {
        for check in SERVER_CHECKS {
            results.push(match (&server.error, server.transport) {
                (None, _) => result(check, &server.name, Outcome::Pass, "good"),
                (Some(error), None) => result(
                    check,
                    &server.name,
                    Outcome::Unknown,
                    &format!("not reached: {error}"),
                ),
                // What came before it was lost counts.
                (Some(_), Some(_)) if check < "protocols" => {
                    result(check, &server.name, Outcome::Pass, "good")
                }
                (Some(error), Some(_)) => result(
                    check,
                    &server.name,
                    Outcome::Unknown,
                    &format!("lost before it was answered: {error}"),
                ),
            });
        }
    }
    // Not for want of the server: this one stands on its own.
    results.push(result(
        "server/odd",
        "weka-04",
        Outcome::Unknown,
        "the evidence does not decide it",
    ));
    sorted(servers, results)
}

pub(crate) fn not_logged_in() -> Report {
    let mut results = vec![remedy(
        result(
            "access/login",
            "cluster",
            Outcome::Fail,
            "the CLI user is not logged in",
        ),
        "Log in on this machine: `weka user login`",
    )];
    for (check, command) in [
        ("health/status", "weka status -J"),
        ("health/alerts", "weka alerts -J"),
        ("tasks/other", "weka cluster task -J"),
        ("version/uniform", "weka cluster container -J"),
    ] {
        let why = if check == "health/status" {
            "the CLI user is not logged in (exit status 41)"
        } else {
            "not run: the CLI user is not logged in"
        };
        results.push(result(
            check,
            "cluster",
            Outcome::Unknown,
            &format!("`{command}`: {why}"),
        ));
    }
    let mut report = sorted(Vec::new(), results);
    report.cluster = ClusterInfo::default();
    report.path = Vec::new();
    report
}

/// 300 servers, with one finding on many, one value on each, and 60 servers down.
pub(crate) fn many() -> Report {
    let servers: Vec<ServerInfo> = (1..=300)
        .map(|n| {
            let name = format!("weka-{n:03}");
            let mut server = match n {
                201..=260 => unreached_server(
                    n,
                    &format!("no route: no way to 10.0.{}.{}", n / 250, n % 250),
                ),
                _ => server(n),
            };
            server.name = name;
            server
        })
        .collect();
    let mut results = vec![result(
        "health/status",
        "cluster",
        Outcome::Pass,
        "status OK, IO STARTED",
    )];
    for (n, server) in (1..).zip(&servers) {
        for check in SERVER_CHECKS {
            let result = |outcome, summary: &str| result(check, &server.name, outcome, summary);
            results.push(match (check, &server.error) {
                (_, Some(error)) => result(Outcome::Unknown, &format!("not reached: {error}")),
                ("server/opt-weka-space", _) if n % 2 == 0 => remedy(
                    result(
                        Outcome::Fail,
                        &format!("{}.{} GiB free, 26 GiB needed", n % 13, n % 7),
                    ),
                    SPACE,
                ),
                ("nfs/rpc-statd", _) if n != 17 => remedy(
                    result(Outcome::Warn, "rpc-statd.service is enabled"),
                    "Run `systemctl disable rpc-statd.service`",
                ),
                ("protocols/separation", _) if n < 20 => details(
                    remedy(
                        result(Outcome::Fail, "more than one protocol"),
                        "Move one of them to another server.",
                    ),
                    [format!("container smb{n}"), "container nfs0".to_owned()],
                ),
                _ => result(Outcome::Pass, "good"),
            });
        }
    }
    sorted(servers, results)
}

/// What a hostile or broken server can put into a report.
pub(crate) fn nasty() -> Report {
    const NASTY: &str = "a\x1b[2J\x1b[31mred\x1b]0;title\x07 b\rc\u{202e}d\0e\u{9b}1mf\x08g";
    let mut server = server(1);
    server.name = format!("weka{NASTY}");
    server.address = NASTY.to_owned();
    server.reached = false;
    server.error = Some(NASTY.to_owned());
    let mut results = vec![
        details(
            remedy(
                result("server/x", &server.name, Outcome::Fail, NASTY),
                &format!("{NASTY}\n$ rm {NASTY}\nor `run {NASTY}`"),
            ),
            [NASTY, "one\ntwo"],
        ),
        result(
            "server/y",
            &server.name,
            Outcome::Unknown,
            &format!("not reached: {NASTY}"),
        ),
        result(&format!("area{NASTY}/z"), "cluster", Outcome::Pass, NASTY),
        result("server/z", "cluster", Outcome::Skipped, NASTY),
        CheckResult {
            sources: vec![NASTY.to_owned()],
            evidence: vec![NASTY.to_owned()],
            accepted: Some(Accepted {
                reason: NASTY.to_owned(),
                author: Some(NASTY.to_owned()),
                until: None,
            }),
            ..remedy(result("server/w", "cluster", Outcome::Warn, NASTY), NASTY)
        },
    ];
    results.sort_by(|a, b| a.check.cmp(&b.check));
    let mut report = report(vec![server], results);
    report.cluster.name = Some(NASTY.to_owned());
    report.cluster.guid = Some(NASTY.to_owned());
    report.run.host = NASTY.to_owned();
    report
}
