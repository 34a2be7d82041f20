use checker_core::facts::Missing;
use checker_core::facts::alerts::{Alert, Alerts};
use checker_core::facts::processes::Processes;
use checker_core::release_data::AlertClass as Class;
use checker_core::{Context, Judgement, check};

check! {
    /// No alert is active.
    ///
    /// ## What it looks at
    /// `weka alerts --severity debug --muted -J`, or without the options where
    /// the release does not know them. Alerts that have ended do not count.
    /// What an alert means for an upgrade is decided by its type; the types are
    /// listed in the release data, and one that is not listed is yellow.
    /// Muted alerts are listed, and colour only when their type stops an
    /// upgrade: muting silences an alert and solves nothing. Alerts that show
    /// an upgrade are judged by `health/upgrade-running`.
    ///
    /// ## Why it matters
    /// An upgrade takes servers down on purpose. What is wrong before it shows
    /// up again in the middle, where it is harder to solve.
    ///
    /// ## If ignored
    /// The product itself refuses to start an upgrade while alerts are active.
    /// Where it is forced to, the fault meets servers that are down on purpose.
    ///
    /// ## How to fix
    /// `weka alerts` says what to do about each. When the cause is gone, an
    /// alert ends by itself within two minutes. A yellow one that can stay is
    /// accepted by name: `--accept health/alerts=REASON`.
    pub ALERTS {
        id: "health/alerts",
        scope: [Cluster],
        when: "all",
        levels: [Warn, Fail],
        sources: ["Upgrade guide: no outstanding alerts", "rules B9, F1-F8, N19", "public checker: alerts"],
        needs: [&Alerts, Result<&Processes, Missing>],
        judge: judge,
    }
}

fn judge(
    context: &Context<'_>,
    alerts: &Alerts,
    processes: Result<&Processes, Missing>,
) -> Judgement {
    let mut stop = Vec::new();
    let mut warn = Vec::new();
    let mut muted = Vec::new();
    let mut details = Vec::new();
    for alert in &alerts.list {
        let (class, means) = match context.data.alerts.get(&alert.kind) {
            Some(known) => (known.class, known.means.as_str()),
            None => (Class::Look, "a type that this tool does not know"),
        };
        let class = match class {
            Class::Clients if only_clients(processes.as_ref().ok().copied()) => Class::Look,
            Class::Clients => Class::Stop,
            other => other,
        };
        let line = line(alert, means);
        match (class, alert.muted) {
            (Class::Upgrade, _) if super::upgrade_running::judges(&alert.kind) => continue,
            (Class::Stop, false) => {
                details.push(format!("stops an upgrade: {line}"));
                stop.push(alert.kind.as_str());
            }
            // Muting hides it from view and leaves it as it is.
            (Class::Stop, true) => {
                details.push(format!("stops an upgrade, though it is muted: {line}"));
                stop.push(alert.kind.as_str());
            }
            (_, true) => muted.push(format!("muted: {line}")),
            (_, false) => {
                details.push(line);
                warn.push(alert.kind.as_str());
            }
        }
    }
    let muted_count = muted.len();
    details.append(&mut muted);
    if alerts.debug_hidden {
        details.push("the alerts of severity DEBUG are not in this list: the command line did not take `--severity`".to_owned());
    }
    if alerts.muted_hidden {
        details.push("muted alerts are not in this list: the release can't show them".to_owned());
    }

    let remedy = "`weka alerts` says what to do about each; solve them, or have support confirm that one can stay. The product itself refuses to start an upgrade while alerts are active.";
    let judgement = if !stop.is_empty() {
        Judgement::fail(
            format!(
                "{} of {} active alerts stop an upgrade: {}",
                stop.len(),
                stop.len() + warn.len(),
                kinds(&stop)
            ),
            remedy,
        )
    } else if !warn.is_empty() {
        Judgement::warn(
            format!("{} active: {}", alerts_word(warn.len()), kinds(&warn)),
            remedy,
        )
    } else if alerts.debug_hidden {
        Judgement::unknown("no alert is active, but those of severity DEBUG were hidden")
    } else if muted_count > 0 {
        Judgement::pass(format!(
            "no active alert but {} that are muted",
            alerts_word(muted_count)
        ))
    } else {
        Judgement::pass("no active alert")
    };
    judgement.details(details)
}

/// Whether a disconnected process must be a client's, since no backend
/// process is down. The alert's own text is not made for programs (F8).
fn only_clients(processes: Option<&Processes>) -> bool {
    processes.is_some_and(|processes| {
        processes.backends().next().is_some() && processes.backends().all(|p| p.is_up())
    })
}

fn line(alert: &Alert, means: &str) -> String {
    let mut line = alert.kind.clone();
    if let Some(severity) = &alert.severity {
        line.push_str(&format!(" ({severity})"));
    }
    if let Some(count) = alert.count.filter(|count| *count > 1) {
        line.push_str(&format!(", {count} times"));
    }
    // The description names the objects; the title says it when there is none.
    for text in [alert.title.as_str(), alert.description.as_str(), means] {
        if !text.is_empty() {
            line.push_str(": ");
            line.push_str(text);
        }
    }
    line
}

fn alerts_word(count: usize) -> String {
    if count == 1 {
        "1 alert".to_owned()
    } else {
        format!("{count} alerts")
    }
}

/// Each type once, in the cluster's order.
fn kinds(kinds: &[&str]) -> String {
    let mut once: Vec<&str> = Vec::new();
    for kind in kinds {
        if !once.contains(kind) {
            once.push(kind);
        }
    }
    once.join(", ")
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::release_data::AlertType;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const ALL: &str = "alerts --severity debug --muted -J";

    fn running(release: &str) -> Evidence {
        Evidence::running(release).by(crate::release_data().expect("good data"))
    }

    fn evidence(alerts: &Value) -> Evidence {
        running("4.4.21.2").weka_spelt("weka:alerts", ALL, &alerts.to_string())
    }

    fn judged(alerts: &Value) -> CheckResult {
        evidence(alerts).judge_one(&ALERTS, "4.4.33")
    }

    fn alert(kind: &str) -> Value {
        json!({"type":kind,"severity":"MINOR","muted":false,"count":1,"title":"A title","description":"weka-01","action":"Act","start_time":"2026-07-19T12:39:51.8Z","end_time":""})
    }

    fn with(kind: &str, member: &str, value: Value) -> Value {
        let mut alert = alert(kind);
        alert[member] = value;
        alert
    }

    #[rstest]
    #[case::none(json!([]), Outcome::Pass)]
    #[case::one_to_look_at(json!([alert("CloudHealth")]), Outcome::Warn)]
    #[case::one_to_fix(json!([alert("ClockSkew")]), Outcome::Warn)]
    #[case::unknown_type(json!([alert("FrobnicationImminent")]), Outcome::Warn)]
    #[case::one_that_stops(json!([alert("DataProtection")]), Outcome::Fail)]
    #[case::among_others(json!([alert("CloudHealth"), alert("BackendVersionsMismatch")]), Outcome::Fail)]
    #[case::debug_severity(json!([with("NodeBlacklisted", "severity", json!("DEBUG"))]), Outcome::Fail)]
    #[case::ended(json!([with("DataProtection", "end_time", json!("2026-07-19T13:00:00Z"))]), Outcome::Pass)]
    #[case::muted(json!([with("CloudHealth", "muted", json!(true))]), Outcome::Pass)]
    #[case::muted_but_it_stops(json!([with("DataIntegrity", "muted", json!(true))]), Outcome::Fail)]
    #[case::of_an_upgrade(json!([alert("ClusterIsUpgrading"), alert("LeaderPreparedForUpgrade")]), Outcome::Pass)]
    #[case::title_of_other_bytes(json!([with("CloudHealth", "title", json!("\u{fffd}"))]), Outcome::Warn)]
    fn judges(#[case] alerts: Value, #[case] outcome: Outcome) {
        let result = judged(&alerts);
        assert_eq!(result.outcome, outcome, "{result:?}");
        let remedy = result.remedy.unwrap_or_default();
        assert_eq!(
            remedy.contains("The product itself refuses"),
            matches!(outcome, Outcome::Warn | Outcome::Fail)
        );
    }

    /// The public checker has it red for targets from 5.0 on only; the
    /// reference stops every upgrade with it.
    #[rstest]
    #[case("4.4.33")]
    #[case("5.0.0")]
    #[case("5.1.25")]
    fn data_integrity_stops_every_upgrade(#[case] target: &str) {
        let result = evidence(&json!([alert("DataIntegrity")])).judge_one(&ALERTS, target);
        assert_eq!(result.outcome, Outcome::Fail);
    }

    #[test]
    fn every_alert_is_a_detail() {
        let result = judged(&json!([
            with("ClientVersionsMismatch", "count", json!(2)),
            alert("DriveDown"),
            with("CloudHealth", "muted", json!(true)),
        ]));
        assert_eq!(
            result.summary,
            "1 of 2 active alerts stop an upgrade: DriveDown"
        );
        assert_eq!(
            result.details,
            [
                "ClientVersionsMismatch (MINOR), 2 times: A title: weka-01: clients on another release (blocks when two lines behind)",
                "stops an upgrade: DriveDown (MINOR): A title: weka-01: a drive failed",
                "muted: CloudHealth (MINOR): A title: weka-01: not connected to WEKA Home",
            ]
        );
    }

    /// field history 55: releases up to 4.2 have no severity
    #[test]
    fn of_a_release_without_severities() {
        let answer = r#"[{"type":"DriveDown","title":"Drive down"}]"#;
        let result = running("4.2.18.34")
            .weka_spelt("weka:alerts", "alerts -J", answer)
            .judge_one(&ALERTS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Fail);
        assert!(result.details[0].contains("DriveDown: Drive down"));
    }

    /// An answer whose rows have severities to a line that did not ask for all.
    #[rstest]
    #[case::only_muted_ones(json!([with("CloudHealth", "muted", json!(true))]), Outcome::Unknown)]
    #[case::a_warning_anyway(json!([alert("CloudHealth")]), Outcome::Warn)]
    fn hidden_alerts_are_never_green(#[case] alerts: Value, #[case] outcome: Outcome) {
        let result = running("4.4.21.2")
            .weka_spelt("weka:alerts", "alerts -J", &alerts.to_string())
            .judge_one(&ALERTS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert!(
            result
                .details
                .iter()
                .any(|line| line.contains("severity DEBUG"))
        );
    }

    #[rstest]
    #[case::a_client(json!([["backend", "UP"], ["client", "DOWN"]]), Outcome::Warn)]
    #[case::a_backend(json!([["backend", "DOWN"], ["client", "DOWN"]]), Outcome::Fail)]
    #[case::no_backend_in_the_list(json!([["client", "DOWN"]]), Outcome::Fail)]
    #[case::processes_unknown(json!(null), Outcome::Fail)]
    fn a_disconnected_process(#[case] processes: Value, #[case] outcome: Outcome) {
        let mut evidence = evidence(&json!([alert("NodeDisconnected")]));
        if let Some(list) = processes.as_array() {
            let rows: Vec<Value> = list
                .iter()
                .map(|p| json!({"host_id":1,"hostname":"a","mode":p[0],"status":p[1],"roles":[]}))
                .collect();
            evidence = evidence.weka("weka:processes", &json!(rows).to_string());
        }
        let result = evidence.judge_one(&ALERTS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    // field history 57: a user without the right to list alerts
    #[case::refused(End::Exited(1), "")]
    #[case::timed_out(End::TimedOut, "")]
    // field history 56
    #[case::empty(End::Exited(0), "\n")]
    #[case::null(End::Exited(0), "null")]
    #[case::half(End::Exited(0), r#"[{"type":"DriveDown","title":"#)]
    #[case::no_type(End::Exited(0), r#"[{"title":"Drive down"}]"#)]
    fn no_answer_is_unknown(#[case] end: End, #[case] answer: &str) {
        let result = running("4.4.21.2")
            .weka_ended("weka:alerts", end, answer, "error")
            .judge_one(&ALERTS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn the_data_is_good() {
        let data = crate::release_data().expect("good data");
        let explained = |alert: &&AlertType| !alert.means.is_empty();
        let count = |class| {
            let of_it = data.alerts.values().filter(explained);
            of_it.filter(|alert| alert.class == class).count()
        };
        assert_eq!(
            [
                Class::Upgrade,
                Class::Stop,
                Class::Clients,
                Class::Fix,
                Class::Look
            ]
            .map(count),
            [2, 24, 1, 42, 13]
        );
        let bare = data.alerts.values().filter(|alert| !explained(alert));
        assert!(bare.clone().all(|alert| alert.class == Class::Look));
        assert_eq!(bare.count(), 80);
    }

    /// A site's own file decides, also of a type that is not in ours.
    #[rstest]
    #[case::not_in_ours("FrobnicationImminent", "stop", Outcome::Fail)]
    #[case::milder("DriveDown", "look", Outcome::Warn)]
    #[case::stays_seen("DriveDown", "upgrade", Outcome::Warn)]
    fn by_other_data(#[case] kind: &str, #[case] class: &str, #[case] outcome: Outcome) {
        let dir = tempfile::tempdir().expect("a directory");
        let text = format!(
            "date = \"2026-07-15\"\n[[alert]]\ntype = \"{kind}\"\nclass = \"{class}\"\nmeans = \"it\"\n"
        );
        std::fs::write(dir.path().join("alerts.toml"), text).expect("a file");
        let data = crate::release_data_from(dir.path()).expect("good data");
        let result = evidence(&json!([alert(kind)]))
            .by(data)
            .judge_one(&ALERTS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    /// What the reference calls STOP, all of it.
    #[test]
    fn every_type_that_stops_is_red() {
        let stop = "AgentNotRunning BackendVersionsMismatch BucketHasNoQuorum BucketUnresponsive ClusterInitializationError \
            DataIntegrity DataProtection DrainingStuck DriveDown FaultsEnabled FsMetadataInconsistency NfsServiceDownAlert \
            NodeBlacklisted NodeDisconnected NotEnoughActiveDrives NotEnoughMemoryForFilesystemOperation NotEnoughSSDCapacity \
            PartialHugepageAllocation RAIDCapacityExhaustion RequestedActionFailure RequestedActionTimeout ResourcesNotApplied \
            S3EtcdMigrationAlert S3UpgradeInProgress UnstableHosts";
        for kind in stop.split_whitespace() {
            assert_eq!(
                judged(&json!([alert(kind)])).outcome,
                Outcome::Fail,
                "{kind}"
            );
        }
    }
}
