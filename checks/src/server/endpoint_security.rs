use checker_core::facts::boot::Boot;
use checker_core::facts::units::Units;
use checker_core::{Context, Judgement, check};

check! {
    /// No CrowdStrike Falcon sensor works on a backend.
    ///
    /// ## What it looks at
    /// Whether the service `falcon-sensor` runs (`systemctl show`), and whether one
    /// of its kernel modules is loaded (`/sys/module/falcon*`).
    ///
    /// ## Why it matters
    /// The sensor holds on to kernel modules and looks into every program that
    /// starts. WEKA's drivers can then not be unloaded.
    ///
    /// ## If ignored
    /// The exchange of the drivers fails on this server, or starting a container
    /// takes longer than the upgrade waits.
    ///
    /// ## How to fix
    /// Together with those who look after security:
    /// `systemctl stop falcon-sensor` for the time of the upgrade, or an exclusion of
    /// `/opt/weka` in the console. Modules of a stopped sensor leave with the next
    /// boot: `systemctl disable falcon-sensor`, then `reboot`.
    pub ENDPOINT_SECURITY {
        id: "server/endpoint-security",
        scope: [Backend],
        when: "all",
        levels: [Warn],
        sources: ["Public upgrade checker: CrowdStrike", "rules I20"],
        needs: [&Units, &Boot],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, units: &Units, boot: &Boot) -> Judgement {
    let service = units.falcon.as_ref();
    let runs = match service {
        Some(unit) if !unit.installed() => Some(false),
        Some(unit) => unit.runs(),
        None => None,
    };
    let modules = boot.falcon_modules.join(", ");
    let mut found = Vec::new();
    if runs == Some(true) {
        found.push("falcon-sensor runs".to_owned());
    }
    if !modules.is_empty() {
        found.push(format!("its modules are loaded ({modules})"));
    }
    if !found.is_empty() {
        return Judgement::warn(
            format!("CrowdStrike Falcon: {}", found.join(", ")),
            "Together with those who look after security: `systemctl stop falcon-sensor` for the time of the upgrade; \
             modules that stay loaded leave with `systemctl disable falcon-sensor` and a reboot.",
        );
    }
    match (runs, service) {
        (Some(_), Some(unit)) if unit.installed() => Judgement::pass(format!(
            "falcon-sensor is {}, no module of it is loaded",
            unit.state()
        )),
        (Some(_), _) => Judgement::pass("no CrowdStrike Falcon"),
        (None, _) => Judgement::unknown("whether falcon-sensor runs was not told"),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Pass, Unknown, Warn};

    fn units(load: &str, active: &str) -> String {
        let others = [
            "weka-agent.service",
            "rpc-statd.service",
            "rpc-statd-notify.service",
        ];
        let block = |id: &str, load: &str, active: &str| {
            format!(
                "Id={id}\nLoadState={load}\nActiveState={active}\nSubState=\nUnitFileState=\n\n"
            )
        };
        let before: String = others
            .iter()
            .map(|id| block(id, "loaded", "active"))
            .collect();
        before + &block("falcon-sensor.service", load, active)
    }

    fn boot(modules: &str) -> String {
        format!("kernel 5.14.0\nfirmware bios\nipv6 addresses\n{modules}end\n")
    }

    fn judged(units: &str, boot: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:units", units), ("host:boot", boot)])
            .judge_one(&ENDPOINT_SECURITY, "4.4.33")
    }

    #[rstest]
    #[case::not_installed("not-found", "inactive", "", Pass)]
    #[case::stopped("loaded", "inactive", "", Pass)]
    #[case::runs("loaded", "active", "", Warn)]
    #[case::starts("loaded", "activating", "", Warn)]
    #[case::modules_stayed("loaded", "inactive", "module falcon_lsm_serviceable\n", Warn)]
    #[case::modules_without_service("not-found", "inactive", "module falcon_kal\n", Warn)]
    #[case::no_systemd("sysv", "inactive", "", Pass)]
    #[case::no_systemd_and_runs("sysv", "active", "", Warn)]
    // field history G17
    #[case::odd("loaded", "maintenance", "", Unknown)]
    #[case::odd_with_modules("loaded", "maintenance", "module falcon_kal\n", Warn)]
    fn judges(
        #[case] load: &str,
        #[case] active: &str,
        #[case] modules: &str,
        #[case] outcome: Outcome,
    ) {
        let result = judged(&units(load, active), &boot(modules));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Warn);
    }

    // field history 28
    // field history G17: no silence
    #[test]
    fn half_the_evidence_is_unknown() {
        let old = units("loaded", "active").replace("falcon-sensor", "other");
        assert_eq!(judged(&old, &boot("")).outcome, Unknown);
        let base = Evidence::running("4.4.21.2");
        let (units, boot) = (units("not-found", "inactive"), boot(""));
        probe_is_unknown(
            &ENDPOINT_SECURITY,
            "4.4.33",
            "host:units",
            &units,
            &base,
            &[("host:boot", &boot)],
        );
        probe_is_unknown(
            &ENDPOINT_SECURITY,
            "4.4.33",
            "host:boot",
            &boot,
            &base,
            &[("host:units", &units)],
        );
    }
}
