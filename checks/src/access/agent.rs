use checker_core::facts::This;
use checker_core::facts::units::{Unit, Units};
use checker_core::{Context, Judgement, check};

check! {
    /// The WEKA agent runs on the server.
    ///
    /// ## What it looks at
    /// The service `weka-agent`, by `systemctl show` or by the exit status of
    /// its SysV script, and whether the process in `/var/run/weka-agent.pid`
    /// is alive.
    ///
    /// ## Why it matters
    /// The agent starts and stops the containers. An upgrade asks it on every
    /// server to prepare the new release and to switch over to it.
    ///
    /// ## If ignored
    /// The preparation stops at this server, or its containers stay on the old
    /// release while all others move on.
    ///
    /// ## How to fix
    /// `systemctl start weka-agent` (without systemd: `service weka-agent start`),
    /// then `systemctl status weka-agent`. If it ends again, its reason is in
    /// `journalctl -u weka-agent`. Where it is not installed:
    /// `curl http://BACKEND:14000/dist/v1/install | sh` with one of the backends.
    pub AGENT {
        id: "access/agent",
        scope: [Backend, Client],
        when: "all",
        levels: [Fail],
        sources: ["public checker: weka agent check", "rules I15", "field history 2, 5"],
        needs: [This<'_>, &Units],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, This(server): This<'_>, units: &Units) -> Judgement {
    let agent = &units.agent;
    let name = &server.name;
    if !agent.installed() {
        return Judgement::fail(
            "weka-agent is not installed as a service",
            format!(
                "On {name}: `curl http://BACKEND:14000/dist/v1/install | sh` installs it from one of the backends."
            ),
        );
    }
    if agent.load == "masked" && agent.runs() != Some(true) {
        return Judgement::fail(
            format!("weka-agent is masked and {}", agent.state()),
            format!("On {name}: `systemctl unmask weka-agent && systemctl start weka-agent`."),
        );
    }
    match (agent.active.as_str(), units.agent_process) {
        ("active" | "reloading" | "refreshing", Some(false)) => Judgement::fail(
            format!(
                "weka-agent is called {}, but the process in its pid file is gone",
                agent.state()
            ),
            format!("On {name}: `{}`.", command(agent, "restart")),
        ),
        // systemd keeps a unit that it made of a SysV script in this state
        // when its process is gone: only the pid file can tell.
        ("active", None) if agent.sub == "exited" => Judgement::unknown(format!(
            "weka-agent is {}, and no pid file tells whether its process lives",
            agent.state()
        )),
        ("active" | "reloading" | "refreshing", _) => {
            Judgement::pass(format!("weka-agent is {}", agent.state()))
        }
        ("inactive" | "failed" | "activating" | "deactivating" | "maintenance", _) => {
            Judgement::fail(
                format!("weka-agent is {}, not running", agent.state()),
                format!(
                    "On {name}: `{}`; if it ends again, `{}` says why.",
                    command(agent, "start"),
                    if agent.load == "sysv" {
                        "service weka-agent status"
                    } else {
                        "journalctl -u weka-agent"
                    },
                ),
            )
        }
        _ => Judgement::unknown(format!(
            "whether weka-agent runs could not be told (its state is {})",
            agent.state()
        )),
    }
}

fn command(agent: &Unit, verb: &str) -> String {
    if agent.load == "sysv" {
        format!("service weka-agent {verb}")
    } else {
        format!("systemctl {verb} weka-agent")
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::server::{Role, Step};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn units(load: &str, active: &str, sub: &str, pid: &str) -> String {
        format!(
            "Id=weka-agent.service\nLoadState={load}\nActiveState={active}\nSubState={sub}\nUnitFileState=\n\n\
             Id=rpc-statd.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n\n\
             Id=rpc-statd-notify.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n\n\
             Id=weka-agent.pid\nLoadState=pidfile\nActiveState={pid}\n"
        )
    }

    // field history R12
    #[rstest]
    #[case::running("loaded", "active", "running", "active", Outcome::Pass)]
    // field history 15: a unit of its own on RHEL 9 has no pid file and is fine
    // field history R3
    #[case::native_unit("loaded", "active", "running", "unknown", Outcome::Pass)]
    // field history 2
    #[case::sysv_running("sysv", "active", "", "active", Outcome::Pass)]
    #[case::reloading("loaded", "reloading", "reload", "active", Outcome::Pass)]
    #[case::generated_unit("loaded", "active", "exited", "active", Outcome::Pass)]
    // field history 5: an agent that is down was green for 16 months
    #[case::stopped("loaded", "inactive", "dead", "unknown", Outcome::Fail)]
    #[case::failed("loaded", "failed", "failed", "inactive", Outcome::Fail)]
    #[case::restarting_for_ever("loaded", "activating", "auto-restart", "unknown", Outcome::Fail)]
    #[case::stopping("loaded", "deactivating", "stop-sigterm", "active", Outcome::Fail)]
    #[case::process_gone("loaded", "active", "exited", "inactive", Outcome::Fail)]
    #[case::only_containers_left("loaded", "active", "running", "inactive", Outcome::Fail)]
    #[case::masked("masked", "inactive", "dead", "unknown", Outcome::Fail)]
    #[case::not_installed("not-found", "inactive", "dead", "unknown", Outcome::Fail)]
    #[case::sysv_stopped("sysv", "inactive", "", "unknown", Outcome::Fail)]
    #[case::nobody_can_tell("loaded", "active", "exited", "unknown", Outcome::Unknown)]
    #[case::sysv_did_not_tell("sysv", "unknown", "", "unknown", Outcome::Unknown)]
    fn judges(
        #[case] load: &str,
        #[case] active: &str,
        #[case] sub: &str,
        #[case] pid: &str,
        #[case] outcome: Outcome,
    ) {
        let units = units(load, active, sub, pid);
        for evidence in [
            Evidence::new().backend("weka-01", &[("host:units", &units)]),
            Evidence::new().client("weka-01", &[("host:units", &units)]),
        ] {
            let result = evidence.judge_one(&AGENT, "4.4.33");
            assert_eq!(result.outcome, outcome, "{result:?}");
            assert_eq!(result.remedy.is_some(), outcome == Outcome::Fail);
        }
    }

    #[test]
    fn the_remedy_speaks_of_the_right_service_manager() {
        let remedy = |load| {
            let units = units(load, "inactive", "", "unknown");
            let evidence = Evidence::new().backend("weka-01", &[("host:units", &units)]);
            evidence.judge_one(&AGENT, "4.4.33").remedy
        };
        assert_eq!(
            remedy("loaded").as_deref(),
            Some(
                "On weka-01: `systemctl start weka-agent`; if it ends again, `journalctl -u weka-agent` says why."
            )
        );
        assert_eq!(
            remedy("sysv").as_deref(),
            Some(
                "On weka-01: `service weka-agent start`; if it ends again, `service weka-agent status` says why."
            )
        );
    }

    #[test]
    fn no_answer_is_unknown() {
        let evidence = Evidence::new();
        let cut = units("loaded", "active", "running", "active");
        let failed = evidence.record("host:units", End::Exited(1), "", "no such file");
        let timed_out = evidence.record("host:units", End::TimedOut, "", "");
        let evidence = evidence
            .backend("weka-01", &[])
            .backend("weka-02", &[("host:units", "")])
            .backend("weka-03", &[("host:units", &cut[..60])])
            .server_answered("weka-04", Role::Backend, vec![failed])
            .server_answered("weka-05", Role::Backend, vec![timed_out])
            .unreached("weka-06", Role::Backend, Step::Timeout, "10 s");
        let results = evidence.judge(&AGENT, "4.4.33");
        assert_eq!(results.len(), 6);
        for result in results {
            assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
        }
    }
}
