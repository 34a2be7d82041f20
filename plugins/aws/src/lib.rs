//! The AWS pack: what only clusters on AWS need.

use checker_plugin_sdk::{Command, Evidence, Judgement, Probe};
use serde_json::Value;

checker_plugin_sdk::plugin! {
    name: "aws",
    commands: [
        Command::new(
            "events",
            &[
                "events --type-list NetDevDriverReloadFailed --start-time -7d --num-results 200 -J",
                "events --type NetDevDriverReloadFailed --start-time -7d --num-results 200 -J",
            ],
        )
        .within(60),
        Command::new("processes", &["cluster process -J", "cluster nodes -J"]).within(60),
    ],
    probes: [Probe::new("wc", WC).sample("vendor Amazon EC2\nmodule\nwc 1\nend\n")],
    checks: [
        /// The network driver combines writes, as AWS's cards need it.
        ///
        /// ## What it looks at
        /// On servers whose hardware is Amazon's: whether the module `igb_uio` runs with
        /// write combining (`/sys/module/igb_uio/parameters/wc_activate` is 1), and whether
        /// the event NetDevDriverReloadFailed was reported for the server within a week.
        ///
        /// ## Why it matters
        /// The low-latency queues (LLQ) of the ENA cards are on by default after an
        /// upgrade, and work only with write combining. The upgrade loads the module
        /// anew; where that failed, the old one is still there.
        ///
        /// ## If ignored
        /// The server's network is slow, or its containers do not come up.
        ///
        /// ## How to fix
        /// On each server concerned, one after the other: `weka local stop`, then
        /// `weka local start`. Then check again.
        {
            id: "server/aws-wc",
            scope: [Backend],
            when: "on AWS; above all after an upgrade",
            levels: [Warn],
            sources: ["Upgrade guide: AWS, LLQ and write combining", "rules L1 to L4"],
            evidence: ["wc", "events", "processes"],
            takes_missing: true,
            judge: aws_wc,
        },
    ],
}

/// One line for each thing that is there, and `end`, since each can be missing.
const WC: &str = "
read -r v </sys/class/dmi/id/sys_vendor && echo \"vendor $v\"
[ -d /sys/module/igb_uio ] && echo module
f=/sys/module/igb_uio/parameters/wc_activate
[ -r $f ] && read -r w <$f && echo \"wc $w\"
echo end";

const REMEDY: &str = "On this server: `weka local stop`, then `weka local start`; one server after the other, each when the cluster is well again. Then check again.";

fn aws_wc(evidence: &Evidence<'_>) -> Judgement {
    let probe = evidence.record("wc");
    if let Some(why) = &probe.missing {
        return Judgement::unknown(why.clone());
    }
    let lines: Vec<&str> = probe.stdout.lines().map(str::trim).collect();
    let line = |name: &str| {
        let of = |l: &&str| l.strip_prefix(name).map(str::trim).map(str::to_owned);
        lines.iter().find_map(of)
    };
    if lines.last() != Some(&"end") {
        return Judgement::unknown("the answer of the probe breaks off");
    }
    let Some(vendor) = line("vendor ") else {
        return Judgement::unknown("the server does not tell whose hardware it is");
    };
    if !vendor.starts_with("Amazon") {
        return Judgement::skipped(format!("not on AWS: the hardware is of {vendor}"));
    }
    if !lines.contains(&"module") {
        return Judgement::skipped("igb_uio is not loaded: WEKA does not drive the cards by it");
    }
    match line("wc ").as_deref() {
        None => return Judgement::unknown("igb_uio is loaded, but has no wc_activate to read"),
        Some("1") => {}
        Some(other) => {
            return Judgement::warn(
                format!("write combining is off: wc_activate is {other:?}, not 1"),
                REMEDY,
            );
        }
    }
    match failed_reloads(evidence) {
        Err(unknown) => unknown,
        Ok(times) if times.is_empty() => {
            Judgement::pass("write combining is on, and the driver was loaded without a failure")
        }
        Ok(times) => Judgement::warn(
            format!(
                "{} times within a week the driver was not loaded anew",
                times.len()
            ),
            REMEDY,
        )
        .details(
            times
                .into_iter()
                .map(|time| format!("NetDevDriverReloadFailed at {time}")),
        ),
    }
}

/// When the driver of this server was not loaded anew. An event of a process
/// that is no longer listed may be anybody's, so it is everybody's.
fn failed_reloads(evidence: &Evidence<'_>) -> Result<Vec<String>, Judgement> {
    let events = list(evidence, "events")?;
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let processes = list(evidence, "processes")?;
    let server = evidence.server();
    let here = |event: &Value| {
        let host = processes
            .iter()
            .find(|process| id(&process["node_id"]) == id(&event["nid"]))
            .and_then(|process| process["hostname"].as_str());
        match (host, server) {
            (Some(host), Some(server)) => host == server.hostname,
            _ => true,
        }
    };
    let failed = events
        .iter()
        .filter(|event| event["type"] == "NetDevDriverReloadFailed");
    Ok(failed
        .filter(|event| here(event))
        .map(|event| {
            event["timestamp"]
                .as_str()
                .unwrap_or("an unknown time")
                .to_owned()
        })
        .collect())
}

/// The objects that a command listed.
fn list(evidence: &Evidence<'_>, key: &str) -> Result<Vec<Value>, Judgement> {
    if let Some(why) = &evidence.record(key).missing {
        return Err(Judgement::unknown(why.clone()));
    }
    match evidence.json(key)? {
        Value::Array(items) if items.iter().all(Value::is_object) => Ok(items),
        _ => Err(Judgement::unknown(format!(
            "the answer to {key} is no list of objects"
        ))),
    }
}

/// `NodeId<121>` and 121 are the same.
fn id(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use checker_plugin_sdk::Outcome;
    use rstest::rstest;

    use super::*;

    const GOOD: &str = "vendor Amazon EC2\nmodule\nwc 1\nend\n";
    const PROCESSES: &str = r#"[{"node_id":"NodeId<121>","hostname":"weka-01"},{"node_id":"NodeId<141>","hostname":"weka-02"}]"#;

    fn event(nid: &str) -> String {
        format!(
            r#"[{{"timestamp":"2026-03-05T12:41:07.1Z","type":"NetDevDriverReloadFailed","nid":{nid}}}]"#
        )
    }

    fn judge(wc: &str, events: &str) -> Judgement {
        let records = [("wc", wc), ("events", events), ("processes", PROCESSES)];
        PLUGIN.try_on("server/aws-wc", "weka-01", &records)
    }

    #[rstest]
    #[case::on(GOOD, Outcome::Pass)]
    #[case::off("vendor Amazon EC2\nmodule\nwc 0\nend\n", Outcome::Warn)]
    #[case::as_the_guide_misprints_it("vendor Amazon EC2\nmodule\nwc #1\nend\n", Outcome::Warn)]
    #[case::no_parameter("vendor Amazon EC2\nmodule\nend\n", Outcome::Unknown)]
    #[case::no_module("vendor Amazon EC2\nend\n", Outcome::Skipped)]
    #[case::elsewhere("vendor QEMU\nmodule\nwc 0\nend\n", Outcome::Skipped)]
    #[case::no_vendor("module\nwc 1\nend\n", Outcome::Unknown)]
    #[case::cut("vendor Amazon EC2\nmodule\nwc 1\n", Outcome::Unknown)]
    #[case::nothing("", Outcome::Unknown)]
    fn combining(#[case] probe: &str, #[case] expected: Outcome) {
        assert_eq!(judge(probe, "[]").outcome, expected);
    }

    #[rstest]
    #[case::none("[]", Outcome::Pass)]
    #[case::here(&event("\"NodeId<121>\""), Outcome::Warn)]
    #[case::here_by_number(&event("121"), Outcome::Warn)]
    #[case::on_another_server(&event("\"NodeId<141>\""), Outcome::Pass)]
    #[case::of_a_process_that_is_gone(&event("\"NodeId<999>\""), Outcome::Warn)]
    #[case::of_nobody(&event("null"), Outcome::Warn)]
    #[case::another_event(r#"[{"type":"Other","nid":121}]"#, Outcome::Pass)]
    #[case::no_list("{}", Outcome::Unknown)]
    #[case::cut("[{", Outcome::Unknown)]
    fn reported(#[case] events: &str, #[case] expected: Outcome) {
        assert_eq!(judge(GOOD, events).outcome, expected);
    }

    /// Elsewhere nobody cares about the events.
    #[test]
    fn without_events_only_aws_is_unknown() {
        let judge = |wc: &str| {
            PLUGIN
                .try_on("server/aws-wc", "weka-01", &[("wc", wc)])
                .outcome
        };
        assert_eq!(judge(GOOD), Outcome::Unknown);
        assert_eq!(judge("vendor QEMU\nend\n"), Outcome::Skipped);
    }
}
