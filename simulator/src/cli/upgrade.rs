//! The commands that change the cluster: `version get`, `version prepare`,
//! `local run … upgrade`, `upgrade …`, `debug override add`,
//! `catalog config update`.
//!
//! Here they are understood and refused; what they do stands in
//! [`crate::upgrade`].

use checker_core::Version;

use super::call::{Answer, Call, Command, Opt};
use super::dialect::Dialect;
use super::users::current;
use crate::model::{Mode, Phase, Server, Severity};
use crate::upgrade::{Backends, Clients, Get, Prepare, Run, Setting};

/// What the inner `upgrade` takes; which of them a release knows is decided
/// by the release that it is run in.
const UPGRADE: &[Opt] = &[
    Opt::value(&["--container", "-C"]),
    Opt::value(&["--in"]),
    Opt::value(&["--environment", "-e"]),
    Opt::value(&["--mode"]),
    Opt::value(&["--mgmt-port"]),
    Opt::value(&["--client-rolling-batch-size"]),
    Opt::value(&["--clients-to-upgrade"]),
    Opt::value(&["--drop-host"]),
    Opt::value(&["--from"]),
    Opt::value(&["--allow-alerts"]),
    Opt::flag(&["--skip-alerts-check"]),
    Opt::flag(&["--skip-deleted-overrides-check"]),
    Opt::flag(&["--can-run"]),
    Opt::flag(&["--prepare-driver"]),
    Opt::flag(&["--distribute-version"]),
    Opt::flag(&["--prepare-only"]),
    Opt::flag(&["--ndu-drives-phase"]),
    Opt::flag(&["--ndu-computes-phase"]),
    Opt::flag(&["--ndu-frontends-phase"]),
];

pub(super) const COMMANDS: &[Command] = &[
    Command::new("version get", get)
        .without_login()
        .options(&[
            Opt::value(&["--from"]),
            Opt::flag(&["--client-only"]),
            Opt::flag(&["--driver-only"]),
            Opt::flag(&["--no-progress-bar"]),
        ])
        .words(1),
    Command::new("version prepare", prepare)
        .without_login()
        .words(16),
    Command::new("local run", local_run)
        .without_login()
        .options(UPGRADE)
        .words(8),
    Command::new("upgrade backends", upgrade_backends)
        .known(Dialect::wekactl)
        .options(UPGRADE)
        .words(1),
    Command::new("upgrade supported-features", |_| {
        Answer::Text(
            "ndu_supported: true, rolling_compute_supported: true, leader_set_writable: true\n"
                .to_owned(),
        )
    })
    .known(Dialect::wekactl),
    Command::new("upgrade pause", |call| pause(call, true)).known(Dialect::wekactl),
    Command::new("upgrade resume", |call| pause(call, false)).known(Dialect::wekactl),
    Command::new("debug override add", add_override).options(&[
        Opt::value(&["--key"]),
        Opt::value(&["--value"]),
        Opt::flag(&["--force"]),
    ]),
    Command::new("debug override remove", remove_override)
        .options(&[Opt::value(&["--key"])])
        .words(1),
    Command::new("catalog config update", index)
        .known(Dialect::catalog)
        .options(&[Opt::value(&["--index-enabled"])]),
];

/// Exit status and text of what a running CLI refuses.
fn refused(text: impl std::fmt::Display) -> Answer {
    Answer::Failed(1, format!("error: {text}"))
}

/// Exit status and text of a command line that is wrong in itself.
fn misused(text: impl std::fmt::Display) -> Answer {
    Answer::Failed(2, format!("error: {text}"))
}

fn start(run: impl Into<Run>) -> Answer {
    Answer::Start(Box::new(run.into()))
}

fn release(text: &str) -> Result<Version, Answer> {
    text.parse()
        .map_err(|_| misused(format_args!("{text:?} is not a version")))
}

/// Turns an early answer into the answer.
fn either(result: Result<Answer, Answer>) -> Answer {
    result.unwrap_or_else(|answer| answer)
}

fn first_word<'a>(call: &Call<'a>) -> Result<&'a str, Answer> {
    let word = call.arguments.words.first().copied();
    word.ok_or_else(|| misused("missing argument: version"))
}

fn get(call: &Call<'_>) -> Answer {
    either(try_get(call))
}

fn try_get(call: &Call<'_>) -> Result<Answer, Answer> {
    let (cluster, here) = (call.cluster, call.here);
    let to = release(first_word(call)?)?;
    let environment = call.environment.distribution_servers.as_deref();
    let from = match call.value("--from").or(environment) {
        Some(from) => from,
        None if !cluster.upgrade.dark_site => "https://get.weka.io",
        None if cluster.has_release(here, &to) => "",
        None => {
            return Err(refused(
                "no distribution server is configured: set WEKA_DIST_SERVERS or use --from",
            ));
        }
    };
    // The token stands before the `@`, and is shown nowhere.
    let site = from.rsplit('@').next().unwrap_or(from);
    let site = site.trim_start_matches("https://");
    let site = site.trim_start_matches("http://");
    let host = site.split([':', '/']).next().unwrap_or(site);
    Ok(start(Get {
        server: here.name.clone(),
        backend: cluster.server(host).map(|s| s.name.clone()),
        host: host.to_owned(),
        to,
        progress: !call.has("--no-progress-bar"),
        done: 0,
    }))
}

fn prepare(call: &Call<'_>) -> Answer {
    either(try_prepare(call))
}

fn try_prepare(call: &Call<'_>) -> Result<Answer, Answer> {
    let to = release(first_word(call)?)?;
    for name in &call.arguments.words[1..] {
        container(call, name)?;
    }
    has(call, &to)?;
    Ok(start(Prepare {
        server: call.here.name.clone(),
        to,
        begun: false,
    }))
}

/// The port of a container on this server.
fn container(call: &Call<'_>, name: &str) -> Result<u16, Answer> {
    let found = call.here.containers.iter().find(|c| c.name == name);
    found
        .map(|c| c.mgmt_port)
        .ok_or_else(|| refused(format_args!("Container {name} does not exist")))
}

fn has(call: &Call<'_>, release: &Version) -> Result<(), Answer> {
    if call.cluster.has_release(call.here, release) {
        return Ok(());
    }
    Err(refused(format_args!(
        "version {release} was not found on this server: get it with `weka version get {release}`"
    )))
}

fn local_run(call: &Call<'_>) -> Answer {
    either(try_local_run(call))
}

fn try_local_run(call: &Call<'_>) -> Result<Answer, Answer> {
    if call.arguments.words[..] != ["upgrade"] {
        let words = call.arguments.words.join(" ");
        return Err(misused(format_args!("unknown command: local run {words}")));
    }
    let agent = call.here.unit("weka-agent.service");
    if agent.active != "active" {
        return Err(refused(
            "Failed connecting to the agent, is weka-agent running?",
        ));
    }
    let name = call.value("--container").unwrap_or("default");
    container(call, name)?;
    let to = match call.value("--in") {
        Some(text) => release(text)?,
        None => call.cluster.release.clone(),
    };
    has(call, &to)?;
    upgrade(call, name, to)
}

fn upgrade_backends(call: &Call<'_>) -> Answer {
    either(try_upgrade_backends(call))
}

fn try_upgrade_backends(call: &Call<'_>) -> Result<Answer, Answer> {
    let to = release(first_word(call)?)?;
    let of_drives = |s: &Server| {
        let found = s.containers.iter().find(|c| c.drive_cores > 0);
        found.map(|c| c.name.clone())
    };
    let name = match call.value("--container") {
        Some(name) => name.to_owned(),
        None => of_drives(call.here).unwrap_or_else(|| "default".to_owned()),
    };
    container(call, &name)?;
    has(call, &to)?;
    upgrade(call, &name, to)
}

/// The conditions that every upgrade has, then the one that is meant.
fn upgrade(call: &Call<'_>, name: &str, to: Version) -> Result<Answer, Answer> {
    options_of(call, Dialect::of(&to))?;
    let cluster = call.cluster;
    // The answer is a refusal, or there is a user.
    if let Some(output) = cluster.refuses_login() {
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Answer::Failed(output.status, text));
    }
    cluster_admin(call)?;
    let port = container(call, name)?;
    let asked = match call.value("--mgmt-port").map(str::parse::<u16>) {
        Some(Ok(port)) => port,
        Some(Err(_)) => return Err(misused("invalid value of --mgmt-port")),
        None => 14_000,
    };
    if asked != port {
        return Err(refused(format_args!(
            "failed to connect to 127.0.0.1:{asked}: Connection refused"
        )));
    }
    if call.environment.another_runs {
        return Err(refused("another upgrade is already running"));
    }
    match call.value("--mode") {
        None | Some("ndu") => backends(call, name, to),
        Some("clients-upgrade") => clients(call, to),
        Some(mode) => Err(misused(format_args!("invalid value of --mode: {mode}"))),
    }
}

/// Refuses an option that the target does not know.
fn options_of(call: &Call<'_>, dialect: Dialect) -> Result<(), Answer> {
    let some: [(&str, bool); 8] = [
        ("--distribute-version", dialect.distribute_version()),
        ("--prepare-only", dialect.prepare_only()),
        ("--prepare-driver", dialect.prepare_driver()),
        ("--can-run", dialect.upgrade_conditions()),
        ("--allow-alerts", dialect.upgrade_conditions()),
        ("--skip-alerts-check", dialect.upgrade_conditions()),
        (
            "--skip-deleted-overrides-check",
            dialect.upgrade_conditions(),
        ),
        ("--from", dialect.legacy()),
    ];
    match some.iter().find(|(name, known)| !known && call.has(name)) {
        Some((name, _)) => Err(misused(format_args!("unknown option: {name}"))),
        None => Ok(()),
    }
}

fn cluster_admin(call: &Call<'_>) -> Result<(), Answer> {
    match current(call) {
        Some(user) if user.role == "ClusterAdmin" => Ok(()),
        _ => Err(refused(
            "Permission denied: this needs the role Cluster Admin",
        )),
    }
}

/// The upgrade's own conditions: nothing unfinished, and no alerts.
fn unfinished(call: &Call<'_>) -> Result<(), Answer> {
    let upgrade = &call.cluster.upgrade;
    if !upgrade.phase.is_empty() {
        let option = Phase::named(&upgrade.phase).map_or("", Phase::option);
        return Err(refused(format_args!(
            "an upgrade is already running: {} is not finished (after a failure go on with {option})",
            upgrade.phase
        )));
    }
    if upgrade.block_task.state != "IDLE" {
        return Err(refused("a data upgrade task is running"));
    }
    Ok(())
}

fn alerts(call: &Call<'_>) -> Result<(), Answer> {
    let allowed: Vec<&str> = call
        .value("--allow-alerts")
        .map(|list| list.split(',').map(str::trim).collect())
        .unwrap_or_default();
    let active = call.cluster.alerts.iter().filter(|a| {
        a.severity >= Severity::Warning && !a.muted && !allowed.contains(&a.kind.as_str())
    });
    let mut kinds: Vec<&str> = active.map(|a| a.kind.as_str()).collect();
    kinds.dedup();
    if kinds.is_empty() || call.has("--skip-alerts-check") {
        return Ok(());
    }
    Err(refused(format_args!(
        "there are active alerts: {}",
        kinds.join(", ")
    )))
}

fn backends(call: &Call<'_>, name: &str, to: Version) -> Result<Answer, Answer> {
    let cluster = call.cluster;
    for option in [
        "--client-rolling-batch-size",
        "--clients-to-upgrade",
        "--drop-host",
    ] {
        if call.has(option) {
            return Err(misused(format_args!(
                "{option} needs --mode=clients-upgrade"
            )));
        }
    }
    let mut asked = Phase::ALL.into_iter().filter(|p| call.has(p.option()));
    let phase = asked.next();
    if asked.next().is_some() {
        return Err(misused("only one phase can be asked for"));
    }
    if to <= cluster.release {
        return Err(refused(format_args!(
            "the cluster runs {}: {to} is not newer",
            cluster.release
        )));
    }
    let mixed = |s: &Server| {
        let of_backend = s.containers.iter().filter(|c| c.is_backend());
        of_backend
            .into_iter()
            .any(|c| c.drive_cores > 0 && c.compute_cores > 0)
    };
    if cluster.servers.iter().any(mixed) {
        return Err(refused("NDU needs multi-container backends"));
    }
    match phase {
        None => {
            unfinished(call)?;
            alerts(call)?;
        }
        Some(phase) => resumed(call, phase, &to)?,
    }
    if call.has("--can-run") {
        return Ok(Answer::Text(format!("The upgrade to {to} can run\n")));
    }
    let only_prepare = call.has("--distribute-version") || call.has("--prepare-only");
    Ok(start(Backends::new(
        call.here.name.clone(),
        name.to_owned(),
        to,
        phase,
        only_prepare,
    )))
}

/// Whether the upgrade can go on in this phase.
fn resumed(call: &Call<'_>, phase: Phase, to: &Version) -> Result<(), Answer> {
    let cluster = call.cluster;
    let upgrade = &cluster.upgrade;
    if let Some(running) = Phase::named(&upgrade.phase) {
        if running != phase {
            return Err(refused(format_args!(
                "{} is not finished: go on with {}",
                upgrade.phase,
                running.option()
            )));
        }
        if let Some(target) = &upgrade.target
            && target != to
        {
            return Err(refused(format_args!(
                "an upgrade to {target} is not finished"
            )));
        }
        return Ok(());
    }
    let before = cluster
        .containers()
        .into_iter()
        .find(|(_, c)| c.is_backend() && c.release != *to && Phase::of(c) < phase);
    match before {
        Some((server, c)) => Err(refused(format_args!(
            "{}:{} runs {}: the phases before are not done",
            server.hostname, c.name, c.release
        ))),
        None => Ok(()),
    }
}

fn clients(call: &Call<'_>, to: Version) -> Result<Answer, Answer> {
    let cluster = call.cluster;
    if let Some(phase) = Phase::ALL.into_iter().find(|p| call.has(p.option())) {
        return Err(misused(format_args!(
            "{} is not for clients",
            phase.option()
        )));
    }
    if to > cluster.release {
        return Err(refused(format_args!(
            "the cluster runs {}: clients can't be newer",
            cluster.release
        )));
    }
    if !cluster.upgrade.phase.is_empty() {
        return Err(refused("an upgrade is already running"));
    }
    let batch = match call.value("--client-rolling-batch-size").map(str::parse) {
        None => 1,
        Some(Ok(size)) if size > 0 => size,
        Some(_) => return Err(misused("invalid value of --client-rolling-batch-size")),
    };
    let wanted = call.value("--clients-to-upgrade");
    let wanted = wanted.map(|list| ids(call, list)).transpose()?;
    let dropped = call.value("--drop-host");
    let dropped = dropped.map(|list| ids(call, list)).transpose()?;
    let dropped = dropped.unwrap_or_default();
    let queue = cluster
        .containers()
        .into_iter()
        .map(|(_, c)| c)
        .filter(|c| c.mode == Mode::Client && c.release != to)
        .map(|c| c.id)
        .filter(|id| wanted.as_ref().is_none_or(|w| w.contains(id)))
        .filter(|id| !dropped.contains(id))
        .collect();
    Ok(start(Clients::new(to, batch, queue)))
}

/// Ids of client containers: `18,19`.
fn ids(call: &Call<'_>, list: &str) -> Result<Vec<u64>, Answer> {
    let parse = |word: &str| {
        let digits = word.trim().trim_start_matches("HostId<");
        let id = digits.trim_end_matches('>').parse::<u64>();
        let id = id.map_err(|_| misused(format_args!("{word:?} is no host id")))?;
        match call.cluster.container(id) {
            Some((_, c)) if c.mode == Mode::Client => Ok(id),
            Some(_) => Err(refused(format_args!("Host HostId<{id}> is no client"))),
            None => Err(refused(format_args!("Host HostId<{id}> not found"))),
        }
    };
    list.split(',').map(parse).collect()
}

fn pause(call: &Call<'_>, pause: bool) -> Answer {
    let upgrade = &call.cluster.upgrade;
    if let Err(answer) = cluster_admin(call) {
        return answer;
    }
    if upgrade.phase.is_empty() {
        return refused("no upgrade is running");
    }
    start(Setting::Pause(pause))
}

fn add_override(call: &Call<'_>) -> Answer {
    if let Err(answer) = cluster_admin(call) {
        return answer;
    }
    let (Some(key), Some(value)) = (call.value("--key"), call.value("--value")) else {
        return misused("missing option: --key and --value are needed");
    };
    start(Setting::Override {
        key: key.to_owned(),
        value: value.to_owned(),
        forced: call.has("--force"),
    })
}

fn remove_override(call: &Call<'_>) -> Answer {
    if let Err(answer) = cluster_admin(call) {
        return answer;
    }
    let word = call.arguments.words.first();
    let digits = word.map(|w| {
        w.trim_start_matches("ManualOverrideId<")
            .trim_end_matches('>')
    });
    let overrides = &call.cluster.config.overrides;
    let found = match (digits, call.value("--key")) {
        (Some(digits), None) => overrides.iter().find(|o| digits == o.id.to_string()),
        (None, Some(key)) => overrides.iter().find(|o| o.key == key),
        _ => return misused("name one override, by its id or with --key"),
    };
    match found {
        Some(found) => start(Setting::NoOverride(found.id)),
        None => refused("no such override"),
    }
}

fn index(call: &Call<'_>) -> Answer {
    if let Err(answer) = cluster_admin(call) {
        return answer;
    }
    match call.value("--index-enabled").map(str::parse) {
        Some(Ok(on)) => start(Setting::Index(on)),
        _ => misused("invalid value of --index-enabled"),
    }
}
