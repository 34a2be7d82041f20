use checker_core::facts::alerts::Alerts;
use checker_core::facts::local_containers::LocalContainers;
use checker_core::facts::status::Status;
use checker_core::facts::upgrade_events::{UpgradeEvent, UpgradeEvents};
use checker_core::facts::{Fleet, Missing, Why};
use checker_core::report::fold_names;
use checker_core::server::Role;
use checker_core::{Context, Judgement, check};

check! {
    /// No upgrade runs, and none was left half-way.
    ///
    /// ## What it looks at
    /// Five signs: the upgrade phase and the pause in `weka status -J`; the
    /// alerts ClusterIsUpgrading and LeaderPreparedForUpgrade, muted or not; a
    /// container named `upgrade` in `weka local ps` on any server; and, among the
    /// newest upgrade events, one that a part of an upgrade began without a later
    /// one that it finished.
    ///
    /// Servers that could not be asked make it unknown when nothing else is red,
    /// clients excepted. In a run without servers (`--cluster-only`) only the
    /// other signs count, and the result says so. Events are slow on large
    /// clusters and out of reach on some dark sites; without them it is yellow,
    /// to be looked up by hand.
    ///
    /// ## Why it matters
    /// A second upgrade on top of one that runs, or of one that was cut off,
    /// meets containers of two releases and a leader that waits for the first.
    ///
    /// ## If ignored
    /// The upgrade stops in its first steps, or mixes three releases.
    ///
    /// ## How to fix
    /// `weka status` shows the phase of one that runs: let it end. One that was
    /// cut off is finished with the same command and the option of its phase:
    /// `weka local run --container drives0 --in RELEASE upgrade --ndu-drives-phase`
    /// (`--ndu-computes-phase`, `--ndu-frontends-phase`). With support's consent a
    /// container that was left over is removed: `weka local rm upgrade`.
    pub UPGRADE_RUNNING {
        id: "health/upgrade-running",
        scope: [Cluster],
        when: "all",
        levels: [Warn, Fail],
        sources: ["rules B6, B7, B10, C5, O"],
        needs: [
            Result<&Status, Missing>,
            Result<&Alerts, Missing>,
            Result<&UpgradeEvents, Missing>,
            Fleet<'_, LocalContainers>,
        ],
        judge: judge,
    }
}

/// The alerts that are on during an upgrade, and off before and after it.
const ALERTS: [&str; 2] = ["ClusterIsUpgrading", "LeaderPreparedForUpgrade"];

/// Whether this check judges alerts of a type, so that `health/alerts` need not.
pub(super) fn judges(kind: &str) -> bool {
    ALERTS.contains(&kind)
}

/// Part of an upgrade, its first event, its last ones.
///
/// FailureDomainUpgradeStarted is missing here: no release is known to have an
/// event for its end.
const PARTS: [(&str, &str, &[&str]); 6] = [
    ("drives", "DrivesUpgradeStarted", &["DrivesUpgradeFinished"]),
    (
        "compute",
        "ComputeUpgradeStarted",
        &["ComputeUpgradeFinished"],
    ),
    (
        "frontend",
        "FrontendUpgradeStarted",
        &["FrontendUpgradeFinished"],
    ),
    (
        "data services",
        "DataservUpgradeStarted",
        &["DataservUpgradeFinished"],
    ),
    (
        "external",
        "ExternalUpgradeStarting",
        &["ExternalUpgradeFinished", "ExternalUpgradeCancelled"],
    ),
    (
        "external host",
        "StartingExternalHostUpgrade",
        &["FinishedExternalHostUpgrade", "ExternalUpgradeCancelled"],
    ),
];

fn judge(
    _: &Context<'_>,
    status: Result<&Status, Missing>,
    alerts: Result<&Alerts, Missing>,
    events: Result<&UpgradeEvents, Missing>,
    servers: Fleet<'_, LocalContainers>,
) -> Judgement {
    let mut signs: Vec<String> = Vec::new();
    let mut unread: Vec<String> = Vec::new();
    let mut looked_at: Vec<String> = Vec::new();

    match status {
        Ok(status) => {
            signs.extend(of_status(status));
            looked_at.push("the status".to_owned());
        }
        Err(missing) => unread.push(missing.to_string()),
    }
    match alerts {
        Ok(alerts) => {
            let found = alerts.list.iter().filter(|a| judges(&a.kind));
            signs.extend(found.map(|alert| format!("the alert {} is active", alert.kind)));
            if alerts.debug_hidden {
                unread.push(
                    "the alerts of severity DEBUG, which show an upgrade, were hidden".to_owned(),
                );
            }
            looked_at.push("the alerts".to_owned());
        }
        Err(missing) => unread.push(missing.to_string()),
    }
    let mut events_missing = None;
    match events {
        Ok(UpgradeEvents(events)) => {
            signs.extend(of_events(events));
            looked_at.push(format!("{} upgrade events", events.len()));
        }
        Err(missing) if cluster_has_none(&missing.why) => events_missing = Some(missing),
        Err(missing) => unread.push(missing.to_string()),
    }
    let of_servers = look_at_servers(&servers);
    signs.extend(of_servers.leftovers);
    unread.extend(of_servers.unread);
    looked_at.push(of_servers.looked_at);

    let not_looked_at = unread
        .iter()
        .map(|reason| format!("not looked at: {reason}"));
    if !signs.is_empty() {
        return Judgement::fail(
            format!("an upgrade runs or was left half-way: {}", first_of(&signs)),
            "`weka status` shows the phase of one that runs: let it end. Finish one that was cut off with `weka local run --container drives0 --in RELEASE upgrade` and the option of its phase (`--ndu-drives-phase`, `--ndu-computes-phase`, `--ndu-frontends-phase`). A container `upgrade` that was left over goes with `weka local rm upgrade` on its server, with support's consent.",
        )
        .details(signs)
        .details(not_looked_at)
        .details(events_missing.map(|missing| format!("not looked at: {missing}")))
        .details(of_servers.notes);
    }
    if let Some(reason) = unread.first() {
        return Judgement::unknown(format!(
            "no sign of an upgrade, but not all was seen: {reason}"
        ))
        .details(unread.iter().skip(1).cloned())
        .details(events_missing.map(|missing| missing.to_string()))
        .details(of_servers.notes);
    }
    if let Some(missing) = events_missing {
        return Judgement::warn(
            format!("no sign of an upgrade, but the upgrade events could not be read: {missing}"),
            "Look for a part of an upgrade that started and did not finish: `weka events --category-list Upgrade --severity debug` (6.0: `--category`), on a dark site `weka local events`. If there is none, accept this: `--accept health/upgrade-running=REASON`.",
        )
        .details(of_servers.notes);
    }
    Judgement::pass(format!("no sign of an upgrade in {}", list(&looked_at)))
        .details(of_servers.notes)
}

fn of_status(status: &Status) -> Vec<String> {
    let phase = status.upgrade.phase.trim();
    // No release is known to write a word for "none", but a wrong red would
    // lock the gate.
    let idle = ["", "none", "idle", "invalid"];
    let mut signs = Vec::new();
    if !idle.contains(&phase.to_ascii_lowercase().as_str()) {
        signs.push(format!("the status names the upgrade phase {phase}"));
    }
    if status.upgrade.paused {
        signs.push("the status says that an upgrade is paused".to_owned());
    }
    signs
}

/// Parts of an upgrade whose newest start has no end after it. What lies
/// before the returned events is not known, and does not matter: of a part
/// whose start is among them, a later end is too.
fn of_events(events: &[UpgradeEvent]) -> Vec<String> {
    let newest = |kinds: &[&str]| {
        let of_kind = events.iter().filter(|e| kinds.contains(&e.kind.as_str()));
        of_kind.map(|e| e.time).max()
    };
    PARTS
        .iter()
        .filter_map(|(part, start, ends)| {
            let started = newest(&[start])?;
            let finished = newest(ends).is_some_and(|end| end >= started);
            (!finished).then(|| {
                format!("the {part} upgrade that began at {started:.0} did not finish ({start})")
            })
        })
        .collect()
}

/// Whether this cluster could not give its events, as against a run that did
/// not ask for them, or asked for too long an answer.
fn cluster_has_none(why: &Why) -> bool {
    match why {
        Why::NotLoggedIn | Why::NotCollected | Why::Truncated | Why::ProgramMissing => false,
        Why::NotRun(_) | Why::Unreached(_) | Why::Lost(_) => false,
        Why::UnknownCommand(_)
        | Why::Failed { .. }
        | Why::Signalled(_)
        | Why::TimedOut
        | Why::Empty
        | Why::Unreadable(_) => true,
    }
}

struct OfServers {
    leftovers: Vec<String>,
    unread: Vec<String>,
    notes: Vec<String>,
    looked_at: String,
}

fn look_at_servers(servers: &Fleet<'_, LocalContainers>) -> OfServers {
    let mut found = OfServers {
        leftovers: Vec::new(),
        unread: Vec::new(),
        notes: Vec::new(),
        looked_at: format!("the containers of {} servers", servers.known().count()),
    };
    // No server belongs to this run: `--cluster-only`, or no list of servers,
    // which other checks report.
    if servers.servers.is_empty() {
        found.notes.push("the servers' own containers were not looked at in this run: whether one has a container named `upgrade` is open".to_owned());
        found.looked_at = "no server's containers (none was asked)".to_owned();
        return found;
    }
    for (server, LocalContainers(containers)) in servers.known() {
        let left: Vec<_> = containers
            .iter()
            .filter(|c| c.is_upgrade_leftover())
            .collect();
        found.leftovers.extend(left.iter().map(|c| {
            let state = if c.running { "runs" } else { "is stopped" };
            format!("{}: a container named `{}` {state}", server.name, c.name)
        }));
    }
    let missing = |role| {
        servers
            .servers
            .iter()
            .filter(move |(server, _)| server.role == role)
            .filter_map(|(server, fact)| Some((*server, fact.as_ref().err()?)))
    };
    let backends: Vec<_> = missing(Role::Backend).collect();
    if let Some((_, first)) = backends.first() {
        let names: Vec<&str> = backends.iter().map(|(s, _)| s.name.as_str()).collect();
        found.unread.push(format!(
            "the containers of {} could not be listed ({first})",
            fold_names(&names)
        ));
    }
    // What is unknown about a client does not close the gate.
    let clients: Vec<&str> = missing(Role::Client)
        .map(|(s, _)| s.name.as_str())
        .collect();
    if !clients.is_empty() {
        found.notes.push(format!(
            "the containers of the clients {} could not be listed",
            fold_names(&clients)
        ));
    }
    found
}

fn first_of(lines: &[String]) -> String {
    match lines {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first}, and {} more signs", rest.len()),
    }
}

fn list(parts: &[String]) -> String {
    match parts {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::{End, NotRun};
    use checker_core::report::CheckResult;
    use checker_core::server::Step;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const ALL: &str = "alerts --severity debug --muted -J";
    const PS: &str = r#"[{"name":"drives0","type":"weka","isRunning":true}]"#;
    const LEFTOVER: &str = r#"[{"name":"drives0","type":"weka","isRunning":true},{"name":"upgrade","type":"weka","isRunning":false}]"#;

    /// All signs clean, no server.
    fn cluster() -> Evidence {
        Evidence::running("4.4.21.2")
            .weka_spelt("weka:alerts", ALL, "[]")
            .weka("weka:events-upgrade", "[]")
    }

    fn healthy() -> Evidence {
        cluster()
            .backend("weka-01", &[("host:local-ps", PS)])
            .backend("weka-02", &[("host:local-ps", PS)])
    }

    fn judged(evidence: &Evidence) -> CheckResult {
        evidence.judge_one(&UPGRADE_RUNNING, "4.4.33")
    }

    fn status(upgrade: Value) -> String {
        let mut status =
            json!({"name":"a","guid":"b","release":"4.4.21.2","status":"OK","io_status":"STARTED"});
        for (key, value) in upgrade.as_object().into_iter().flatten() {
            status[key.as_str()] = value.clone();
        }
        status.to_string()
    }

    fn events(list: &[(&str, &str)]) -> String {
        let rows: Vec<Value> = list
            .iter()
            .map(|(kind, time)| json!({"type": kind, "timestamp": format!("2026-03-05T{time}Z"), "category": "Upgrade"}))
            .collect();
        json!(rows).to_string()
    }

    #[test]
    fn no_sign_anywhere() {
        let result = judged(&healthy());
        assert_eq!(
            (result.outcome, result.summary.as_str()),
            (
                Outcome::Pass,
                "no sign of an upgrade in the status, the alerts, 0 upgrade events and the containers of 2 servers"
            )
        );
    }

    #[rstest]
    #[case::phase(json!({"upgrade_info":{"upgrade_paused":false,"upgrade_phase":"ComputeRollingPhase"}}), Outcome::Fail)]
    #[case::paused(json!({"upgrade_info":{"upgrade_paused":true,"upgrade_phase":""}}), Outcome::Fail)]
    #[case::idle(json!({"upgrade_info":{"upgrade_paused":false,"upgrade_phase":""}}), Outcome::Pass)]
    #[case::null_phase(json!({"upgrade_info":{"upgrade_paused":false,"upgrade_phase":null}}), Outcome::Pass)]
    #[case::phase_of_3_x(json!({"upgrade":"DrivePhase"}), Outcome::Fail)]
    #[case::idle_3_x(json!({"upgrade":""}), Outcome::Pass)]
    #[case::no_word_of_it(json!({}), Outcome::Unknown)]
    fn by_the_status(#[case] upgrade: Value, #[case] outcome: Outcome) {
        let result = judged(&healthy().weka("weka:status", &status(upgrade)));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Outcome::Fail);
    }

    #[rstest]
    #[case::upgrading("ClusterIsUpgrading", false, Outcome::Fail)]
    #[case::prepared("LeaderPreparedForUpgrade", false, Outcome::Fail)]
    #[case::muted("LeaderPreparedForUpgrade", true, Outcome::Fail)]
    #[case::another("DataProtection", false, Outcome::Pass)]
    fn by_the_alerts(#[case] kind: &str, #[case] muted: bool, #[case] outcome: Outcome) {
        let alerts = json!([{"type":kind,"title":"","muted":muted,"severity":"DEBUG"}]).to_string();
        let result = judged(&healthy().weka_spelt("weka:alerts", ALL, &alerts));
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn alerts_that_may_hide_an_upgrade_are_unknown() {
        let alerts = r#"[{"type":"CloudHealth","title":"","severity":"MINOR"}]"#;
        let result = judged(&healthy().weka_spelt("weka:alerts", "alerts -J", alerts));
        assert_eq!(result.outcome, Outcome::Unknown);
    }

    #[rstest]
    #[case::none(&[], Outcome::Pass)]
    #[case::finished(&[("DrivesUpgradeStarted", "10:00:00"), ("DrivesUpgradeFinished", "10:30:00")], Outcome::Pass)]
    #[case::finished_newest_first(&[("DrivesUpgradeFinished", "10:30:00"), ("DrivesUpgradeStarted", "10:00:00")], Outcome::Pass)]
    #[case::finished_in_the_same_moment(&[("DrivesUpgradeStarted", "10:00:00"), ("DrivesUpgradeFinished", "10:00:00")], Outcome::Pass)]
    #[case::not_finished(&[("DrivesUpgradeStarted", "10:00:00")], Outcome::Fail)]
    #[case::another_part_finished(&[("ComputeUpgradeStarted", "10:00:00"), ("DrivesUpgradeFinished", "10:30:00")], Outcome::Fail)]
    #[case::begun_again(&[("DrivesUpgradeStarted", "10:00:00"), ("DrivesUpgradeFinished", "10:30:00"), ("DrivesUpgradeStarted", "11:00:00")], Outcome::Fail)]
    #[case::cut_off_then_done(&[("ComputeUpgradeStarted", "10:00:00"), ("ComputeUpgradeStarted", "11:00:00"), ("ComputeUpgradeFinished", "11:30:00")], Outcome::Pass)]
    #[case::start_lies_before_the_window(&[("FrontendUpgradeFinished", "10:30:00")], Outcome::Pass)]
    #[case::data_services(&[("DataservUpgradeStarted", "10:00:00")], Outcome::Fail)]
    #[case::external(&[("ExternalUpgradeStarting", "10:00:00")], Outcome::Fail)]
    #[case::external_finished(&[("ExternalUpgradeStarting", "10:00:00"), ("ExternalUpgradeFinished", "10:30:00")], Outcome::Pass)]
    #[case::external_cancelled(&[("ExternalUpgradeStarting", "10:00:00"), ("ExternalUpgradeCancelled", "10:30:00")], Outcome::Pass)]
    #[case::one_of_two_hosts(&[("StartingExternalHostUpgrade", "10:00:00"), ("FinishedExternalHostUpgrade", "10:10:00"), ("StartingExternalHostUpgrade", "10:20:00")], Outcome::Fail)]
    #[case::no_event_ends_this(&[("FailureDomainUpgradeStarted", "10:00:00")], Outcome::Pass)]
    #[case::others(&[("ComputeUpgradeInvoked", "10:00:00"), ("ClientUpgradeRequested", "10:00:00")], Outcome::Pass)]
    fn by_the_events(#[case] list: &[(&str, &str)], #[case] outcome: Outcome) {
        let result = judged(&healthy().weka("weka:events-upgrade", &events(list)));
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn says_which_part_and_since_when() {
        let list = events(&[("ComputeUpgradeStarted", "10:00:00.25")]);
        let result = judged(&healthy().weka("weka:events-upgrade", &list));
        assert_eq!(
            result.details,
            [
                "the compute upgrade that began at 2026-03-05T10:00:00Z did not finish (ComputeUpgradeStarted)"
            ]
        );
    }

    /// Dark sites and large clusters: looked up by hand, and no window is lost.
    #[rstest]
    #[case::too_slow(End::TimedOut, "", Outcome::Warn)]
    #[case::refused(End::Exited(1), "", Outcome::Warn)]
    #[case::unknown_command(End::Exited(2), "", Outcome::Warn)]
    #[case::half(End::Exited(0), "[{", Outcome::Warn)]
    #[case::nothing(End::Exited(0), "", Outcome::Warn)]
    #[case::not_logged_in(End::Exited(41), "", Outcome::Unknown)]
    #[case::interrupted(End::NotRun(NotRun::Interrupted), "", Outcome::Unknown)]
    #[case::run_out_of_time(End::NotRun(NotRun::Deadline), "", Outcome::Unknown)]
    fn without_events(#[case] end: End, #[case] answer: &str, #[case] outcome: Outcome) {
        let lost = healthy().weka_ended(
            "weka:events-upgrade",
            end.clone(),
            answer,
            "error: unknown option",
        );
        let result = judged(&lost);
        assert_eq!(result.outcome, outcome, "{result:?}");
        // It hides no other sign.
        let paused = json!({"upgrade_info":{"upgrade_paused":true,"upgrade_phase":""}});
        let result = judged(&lost.weka("weka:status", &status(paused)));
        assert_eq!(result.outcome, Outcome::Fail);
    }

    #[test]
    fn a_leftover_container_on_any_server_is_red() {
        let evidence = healthy().backend("weka-03", &[("host:local-ps", LEFTOVER)]);
        let result = judged(&evidence);
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(
            result.details,
            ["weka-03: a container named `upgrade` is stopped"]
        );
        // Servers that are missing do not hide it.
        let evidence = evidence.unreached("weka-04", Role::Backend, Step::Refused, "10.0.0.4:22");
        let result = judged(&evidence);
        assert_eq!(result.outcome, Outcome::Fail);
        assert!(result.details[1].contains("weka-04"), "{result:?}");
    }

    #[test]
    fn servers_that_could_not_be_asked_are_unknown_and_named() {
        let result = judged(
            &healthy()
                .unreached("weka-03", Role::Backend, Step::Refused, "10.0.0.3:22")
                .backend("weka-04", &[("host:local-ps", "[{")]),
        );
        assert_eq!(result.outcome, Outcome::Unknown);
        assert!(result.summary.contains("weka-[03,04]"), "{result:?}");
    }

    #[test]
    fn clients_that_could_not_be_asked_are_noted() {
        let evidence = healthy().unreached("client-9", Role::Client, Step::Timeout, "");
        let result = judged(&evidence);
        assert_eq!(result.outcome, Outcome::Pass);
        assert!(result.details[0].contains("client-9"), "{result:?}");
        let evidence = healthy().client("client-9", &[("host:local-ps", LEFTOVER)]);
        assert_eq!(judged(&evidence).outcome, Outcome::Fail);
    }

    #[test]
    fn a_run_without_servers_says_so() {
        let result = judged(&cluster());
        assert_eq!(result.outcome, Outcome::Pass);
        assert!(result.summary.ends_with("(none was asked)"), "{result:?}");
        assert_eq!(result.details.len(), 1);
    }

    #[rstest]
    #[case("weka:status", End::Exited(41), "")]
    #[case("weka:status", End::Exited(0), "{")]
    #[case("weka:alerts", End::Exited(1), "")]
    #[case("weka:alerts", End::Exited(0), "")]
    fn what_is_missing_is_unknown(#[case] key: &str, #[case] end: End, #[case] answer: &str) {
        let evidence = healthy().weka_ended(key, end, answer, "error");
        assert_eq!(judged(&evidence).outcome, Outcome::Unknown);
    }
}
