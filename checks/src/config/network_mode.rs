use std::collections::BTreeMap;

use checker_core::facts::Missing;
use checker_core::facts::overrides::Overrides;
use checker_core::facts::processes::Processes;
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// The backend processes use one network mode.
    ///
    /// ## What it looks at
    /// The network mode of every backend process in `weka cluster process -J`,
    /// leaving out those that only manage: they use UDP always.
    ///
    /// ## Why it matters
    /// In 4.4.8.76 a backend that fell back to UDP while others use DPDK cannot
    /// be upgraded under load (WEKAPP-538765).
    ///
    /// ## If ignored
    /// Processes lose each other during the upgrade.
    ///
    /// ## How to fix
    /// Mend the network of the processes in UDP mode and restart their containers.
    /// Where that can't be, support has the override `enable_udp_fallback` for
    /// the time of the upgrade (`weka debug override add --key
    /// enable_udp_fallback --value true`); with it this check is yellow.
    pub NETWORK_MODE {
        id: "config/network-mode",
        scope: [Cluster],
        when: "src = 4.4.8.76",
        applies: applies,
        levels: [Warn, Fail],
        sources: ["WEKAPP-538765", "public checker, check 73", "rules N10"],
        needs: [&Processes, Result<&Overrides, Missing>],
        judge: judge,
    }
}

const AFFECTED: Version = Version::new(4, 4, 8, 76);

fn applies(path: &UpgradePath) -> Applies {
    if path.from.without_suffix() == AFFECTED {
        Applies::Yes
    } else {
        Applies::No(format!(
            "only {AFFECTED} is affected; this is {}",
            path.from
        ))
    }
}

/// The override that the product goes by for the time of the upgrade.
const FALLBACK: (&str, &str) = ("enable_udp_fallback", "true");

fn judge(
    _: &Context<'_>,
    processes: &Processes,
    overrides: Result<&Overrides, Missing>,
) -> Judgement {
    let mut modes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut silent = Vec::new();
    for process in processes.backends() {
        if process.roles.iter().all(|role| role == "MANAGEMENT") && !process.roles.is_empty() {
            continue;
        }
        let id = process
            .id
            .map_or_else(|| "a process".to_owned(), |id| format!("NodeId<{id}>"));
        let name = format!("{}: {id}", process.hostname);
        match process.network_mode.as_deref().map(str::trim) {
            None | Some("") => silent.push(name),
            Some(mode) => modes
                .entry(mode.to_ascii_uppercase())
                .or_default()
                .push(name),
        }
    }
    let counts: Vec<String> = modes
        .iter()
        .map(|(mode, list)| format!("{} in {mode}", list.len()))
        .collect();
    let counts = counts.join(", ");
    // With any other mode beside it, not only plain DPDK.
    if let (Some(udp), true) = (modes.get("UDP"), modes.len() > 1) {
        let names = udp.iter().map(|name| format!("{name}: UDP"));
        if overrides
            .as_ref()
            .is_ok_and(|o| o.is_set(FALLBACK.0, FALLBACK.1))
        {
            return Judgement::warn(
                format!("backend processes use UDP beside another network mode: {counts}; the override enable_udp_fallback is set for it (WEKAPP-538765)"),
                "Ask support to confirm the override for this upgrade, and remove it afterwards: `weka debug override list` shows its id, `weka debug override remove ID` removes it.",
            )
            .details(names);
        }
        return Judgement::fail(
            format!("backend processes use UDP beside another network mode: {counts} (WEKAPP-538765)"),
            "Mend the network of the processes in UDP mode and restart their containers (`weka local restart CONTAINER`), or ask support for the override: `weka debug override add --key enable_udp_fallback --value true` before the upgrade, removed after it.",
        )
        .details(names)
        .details(overrides.err().map(|missing| format!("overrides not looked at: {missing}")));
    }
    if !silent.is_empty() || modes.is_empty() {
        return Judgement::unknown(format!(
            "the cluster does not tell the network mode of {} backend processes",
            silent.len()
        ))
        .details(silent);
    }
    Judgement::pass(format!("one network mode: {counts}"))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::damaged;

    fn process(role: &str, mode: &str, network: &Value) -> Value {
        json!({"node_id": 61, "host_id": 1, "hostname": "weka-01", "status": "UP", "mode": mode, "roles": [role], "network_mode": network})
    }

    fn evidence(release: &str, other: &Value) -> Evidence {
        let list = json!([
            process("DRIVES", "backend", &json!("DPDK")),
            process("MANAGEMENT", "backend", &json!("UDP")),
            process("FRONTEND", "client", &json!("UDP")),
            other
        ]);
        Evidence::running(release).weka("weka:processes", &list.to_string())
    }

    #[rstest]
    #[case::set(
        r#"[{"key":"enable_udp_fallback","value":"true","enabled":true}]"#,
        Outcome::Warn
    )]
    #[case::switched_off(
        r#"[{"key":"enable_udp_fallback","value":"true","enabled":false}]"#,
        Outcome::Fail
    )]
    #[case::another(
        r#"[{"key":"heartbeat_grace_msecs","value":"1","enabled":true}]"#,
        Outcome::Fail
    )]
    #[case::unreadable("?", Outcome::Fail)]
    fn the_override_makes_it_yellow(#[case] overrides: &str, #[case] outcome: Outcome) {
        let other = process("COMPUTE", "backend", &json!("UDP"));
        let result = evidence("4.4.8.76", &other)
            .weka("weka:overrides", overrides)
            .judge_one(&NETWORK_MODE, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history S6
    #[rstest]
    #[case::same(json!("DPDK"), Outcome::Pass)]
    #[case::same_in_small_letters(json!("dpdk"), Outcome::Pass)]
    #[case::mixed(json!("UDP"), Outcome::Fail)]
    #[case::two_without_udp(json!("RDMA"), Outcome::Pass)]
    #[case::not_told(json!(null), Outcome::Unknown)]
    fn judges(#[case] network: Value, #[case] outcome: Outcome) {
        let result = evidence("4.4.8.76", &process("COMPUTE", "backend", &network))
            .judge_one(&NETWORK_MODE, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn udp_alone_is_one_mode() {
        let list = json!([process("DRIVES", "backend", &json!("UDP"))]);
        let result = Evidence::running("4.4.8.76")
            .weka("weka:processes", &list.to_string())
            .judge_one(&NETWORK_MODE, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
    }

    #[rstest]
    #[case("4.4.8.75", Outcome::Skipped)]
    #[case("4.4.8.76", Outcome::Fail)]
    #[case("4.4.8.76-hotfix1", Outcome::Fail)]
    #[case("4.4.8.77", Outcome::Skipped)]
    #[case("4.4.8", Outcome::Skipped)]
    fn window(#[case] release: &str, #[case] outcome: Outcome) {
        let result = evidence(release, &process("COMPUTE", "backend", &json!("UDP")))
            .judge_one(&NETWORK_MODE, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn damaged_answers_are_unknown() {
        let base = Evidence::running("4.4.8.76");
        damaged::is_unknown(&NETWORK_MODE, "4.4.33", "weka:processes", &base);
        let empty = base
            .weka("weka:processes", "[]")
            .judge_one(&NETWORK_MODE, "4.4.33");
        assert_eq!(empty.outcome, Outcome::Unknown);
    }
}
