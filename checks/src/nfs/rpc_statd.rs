use checker_core::facts::units::{Unit, Units};
use checker_core::{Context, Judgement, check};

check! {
    /// The lock services of the operating system's own NFS are off.
    ///
    /// ## What it looks at
    /// `systemctl show` of `rpc-statd.service` and `rpc-statd-notify.service`:
    /// whether they run now, and whether the next boot starts them. A unit that
    /// is not installed or masked is off. So is one that is `static` and at
    /// rest, as `rpc-statd.service` is on RHEL and Debian: it cannot be enabled,
    /// only started by others. On a server without systemd only what runs is
    /// looked at. (The upgrade guide misspells the names.)
    ///
    /// ## Why it matters
    /// WEKA's NFS locks files with services of its own. Those of the operating
    /// system take the same place when containers are restarted.
    ///
    /// ## If ignored
    /// NFS clients lose their locks, or cannot take new ones, after the upgrade.
    ///
    /// ## How to fix
    /// `systemctl stop rpc-statd.service rpc-statd-notify.service`, then
    /// `systemctl disable rpc-statd.service rpc-statd-notify.service`. To keep
    /// others from starting them, `systemctl mask` with the same names. NFS
    /// clients need these services: this is for WEKA servers only.
    pub RPC_STATD {
        id: "nfs/rpc-statd",
        scope: [Backend],
        when: "all",
        levels: [Warn, Fail],
        sources: ["Upgrade guide: prerequisites, NFS file locking", "rules K3"],
        needs: [&Units],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, units: &Units) -> Judgement {
    let both = [&units.statd, &units.statd_notify];
    let details = both.map(describe);
    let having = |wanted: fn(&Unit) -> bool| -> Vec<&str> {
        let of = |unit: &&Unit| wanted(unit);
        both.into_iter()
            .filter(of)
            .map(|unit| unit.id.as_str())
            .collect()
    };
    let running = having(|unit| unit.installed() && unit.runs() == Some(true));
    let enabled = having(|unit| unit.installed() && unit.enabled() == Some(true));
    let untold = having(|unit| unit.installed() && unit.runs().is_none());
    // Only where systemd runs can a unit be enabled in its sense.
    let start_untold = having(|unit| unit.load != "sysv" && unit.enabled().is_none());

    let judgement = if !running.is_empty() {
        Judgement::fail(
            format!(
                "{} {}",
                running.join(" and "),
                if running.len() == 1 { "runs" } else { "run" }
            ),
            "`systemctl stop rpc-statd.service rpc-statd-notify.service && \
             systemctl disable rpc-statd.service rpc-statd-notify.service`; if something starts them again, \
             `systemctl mask rpc-statd.service rpc-statd-notify.service`.",
        )
    } else if !untold.is_empty() {
        Judgement::unknown(format!("whether {} runs is not told", untold.join(" and ")))
    } else if !enabled.is_empty() {
        Judgement::warn(
            format!(
                "{} stopped, but the next boot starts {}",
                enabled.join(" and "),
                if enabled.len() == 1 { "it" } else { "them" }
            ),
            format!("`systemctl disable {}`", enabled.join(" ")),
        )
    } else if !start_untold.is_empty() {
        Judgement::unknown(format!(
            "{} stopped, but whether the next boot starts it is not told",
            start_untold.join(" and ")
        ))
    } else {
        let states: Vec<String> = both.iter().map(|unit| describe(unit)).collect();
        return Judgement::pass(states.join("; "));
    };
    judgement.details(details)
}

/// `rpc-statd.service inactive (dead), static`.
fn describe(unit: &Unit) -> String {
    let id = &unit.id;
    match unit.load.as_str() {
        "not-found" => format!("{id} not installed"),
        "sysv" => format!("{id} {} (no systemd here)", unit.state()),
        load => {
            // `static` and the like; of a masked unit it is the same word as `load`.
            let file = if unit.file.is_empty() {
                load
            } else {
                unit.file.as_str()
            };
            format!("{id} {}, {file}", unit.state())
        }
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::server::{Role, Step};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const OFF: (&str, &str, &str) = ("not-found", "inactive", "");

    fn units(statd: (&str, &str, &str), notify: (&str, &str, &str)) -> String {
        let block = |id: &str, (load, active, file): (&str, &str, &str)| {
            format!(
                "Id={id}\nLoadState={load}\nActiveState={active}\nSubState=\nUnitFileState={file}\n\n"
            )
        };
        block("weka-agent.service", ("loaded", "active", "generated"))
            + &block("rpc-statd.service", statd)
            + &block("rpc-statd-notify.service", notify)
    }

    fn judged(answer: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:units", answer)])
            .judge_one(&RPC_STATD, "4.4.33")
    }

    #[rstest]
    #[case::not_installed(OFF, OFF, Outcome::Pass)]
    #[case::as_shipped(("loaded", "inactive", "static"), ("loaded", "inactive", "static"), Outcome::Pass)]
    #[case::disabled(("loaded", "inactive", "disabled"), ("loaded", "inactive", "disabled"), Outcome::Pass)]
    #[case::masked(("masked", "inactive", "masked"), ("masked", "inactive", "masked"), Outcome::Pass)]
    #[case::runs(("loaded", "active", "static"), OFF, Outcome::Fail)]
    #[case::notify_runs(OFF, ("loaded", "active", "static"), Outcome::Fail)]
    #[case::starts(("loaded", "activating", "static"), OFF, Outcome::Fail)]
    #[case::reloads(("loaded", "reloading", "enabled"), OFF, Outcome::Fail)]
    #[case::on_its_way_down(("loaded", "deactivating", "disabled"), OFF, Outcome::Fail)]
    #[case::runs_though_masked(("masked", "active", "masked"), OFF, Outcome::Fail)]
    #[case::enabled(("loaded", "inactive", "enabled"), OFF, Outcome::Warn)]
    #[case::notify_enabled(OFF, ("loaded", "inactive", "enabled"), Outcome::Warn)]
    #[case::until_the_next_boot(("loaded", "inactive", "enabled-runtime"), OFF, Outcome::Warn)]
    #[case::failed_and_enabled(("loaded", "failed", "enabled"), OFF, Outcome::Warn)]
    #[case::failed(("loaded", "failed", "static"), OFF, Outcome::Pass)]
    #[case::one_runs_one_is_enabled(("loaded", "active", "static"), ("loaded", "inactive", "enabled"), Outcome::Fail)]
    #[case::no_systemd(("sysv", "inactive", ""), ("sysv", "inactive", ""), Outcome::Pass)]
    #[case::no_systemd_and_runs(("sysv", "active", ""), ("sysv", "inactive", ""), Outcome::Fail)]
    #[case::no_systemd_and_not_told(("sysv", "unknown", ""), ("sysv", "inactive", ""), Outcome::Unknown)]
    #[case::start_not_told(("loaded", "inactive", ""), OFF, Outcome::Unknown)]
    #[case::one_not_told_one_runs(("loaded", "maintenance", "static"), ("loaded", "active", "static"), Outcome::Fail)]
    fn judges(
        #[case] statd: (&str, &str, &str),
        #[case] notify: (&str, &str, &str),
        #[case] outcome: Outcome,
    ) {
        let result = judged(&units(statd, notify));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(
            result.remedy.is_some(),
            matches!(outcome, Outcome::Warn | Outcome::Fail),
            "{result:?}"
        );
    }

    #[test]
    fn names_the_real_units() {
        let result = judged(&units(
            ("loaded", "active", "static"),
            ("loaded", "active", "enabled"),
        ));
        assert_eq!(
            result.summary,
            "rpc-statd.service and rpc-statd-notify.service run"
        );
        let remedy = result.remedy.expect("a remedy");
        assert!(
            remedy.starts_with("`systemctl stop rpc-statd.service rpc-statd-notify.service"),
            "{remedy}"
        );
        let result = judged(&units(OFF, ("loaded", "inactive", "enabled")));
        assert_eq!(
            result.remedy.as_deref(),
            Some("`systemctl disable rpc-statd-notify.service`")
        );
    }

    #[test]
    fn green_says_what_was_seen() {
        let result = judged(&units(("loaded", "inactive", "static"), OFF));
        assert_eq!(
            result.summary,
            "rpc-statd.service inactive, static; rpc-statd-notify.service not installed"
        );
    }

    #[rstest]
    #[case::one_unit_short("Id=rpc-statd.service\nLoadState=loaded\nActiveState=inactive\n")]
    #[case::empty("")]
    #[case::banner("Welcome to weka-01\n")]
    fn half_an_answer_is_unknown(#[case] answer: &str) {
        assert_eq!(judged(answer).outcome, Outcome::Unknown);
    }

    #[test]
    fn a_server_that_did_not_answer_is_unknown() {
        let evidence = Evidence::running("4.4.21.2").unreached(
            "weka-01",
            Role::Backend,
            Step::Timeout,
            "10 s",
        );
        let result = evidence.judge_one(&RPC_STATD, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
        let evidence = Evidence::running("4.4.21.2");
        let record = evidence.record("host:units", End::TimedOut, "", "");
        let result = evidence
            .server_answered("weka-01", Role::Backend, vec![record])
            .judge_one(&RPC_STATD, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
