use checker_core::evidence::NotRun;
use checker_core::facts::local_containers::{LocalContainer, LocalContainers};
use checker_core::facts::login::Login;
use checker_core::facts::reach::Reached;
use checker_core::facts::whoami::Whoami;
use checker_core::facts::{Fleet, Missing, Why};
use checker_core::server::Transport;
use checker_core::{Context, Judgement, check};

check! {
    /// The cluster answers, and the CLI user is logged in.
    ///
    /// ## What it looks at
    /// How `weka status -J` ends: exit status 41 means that the user is not
    /// logged in. When it fails otherwise, `weka local ps -J` on this machine
    /// shows whether a WEKA container runs here that could answer.
    ///
    /// ## Why it matters
    /// Nearly all that this tool wants to know comes from the cluster, and the
    /// upgrade is started through the same login and the same container.
    ///
    /// ## If ignored
    /// Only what needs no login is looked at; everything else is unknown.
    ///
    /// ## How to fix
    /// `weka user login` for the login, `weka local start` for the container.
    /// After several bad logins the user is locked out for about two minutes.
    /// A machine without a running container can use another one's:
    /// `checker --via BACKEND …`.
    pub LOGIN {
        id: "access/login",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["public checker: weka login check", "weka CLI: exit status 41"],
        needs: [
            Result<&Login, Missing>,
            Result<&Whoami, Missing>,
            Fleet<'_, Reached>,
            Fleet<'_, LocalContainers>,
        ],
        judge: judge,
    }
}

fn judge(
    _: &Context<'_>,
    login: Result<&Login, Missing>,
    whoami: Result<&Whoami, Missing>,
    reached: Fleet<'_, Reached>,
    local: Fleet<'_, LocalContainers>,
) -> Judgement {
    let failed = match login {
        Ok(Login::LoggedIn) => {
            let user = whoami.ok().and_then(|whoami| whoami.user.as_deref());
            return Judgement::pass(match user {
                Some(user) => format!("logged in as {user}"),
                None => "logged in".to_owned(),
            });
        }
        Ok(Login::NotLoggedIn) => {
            return Judgement::fail(
                "the CLI user is not logged in (exit status 41)",
                "`weka user login` as the user that runs this tool, with the role ClusterAdmin; then check again.",
            );
        }
        Ok(Login::LockedOut) => {
            return Judgement::fail(
                "the CLI user is locked out after several bad logins",
                "Wait two minutes, then `weka user login`; then check again. A wrong WEKA_USERNAME or WEKA_PASSWORD in the environment locks it again.",
            );
        }
        Ok(Login::ContainerDown) => return container_down(&here(&reached, &local)),
        Ok(Login::Failed(missing)) => missing.clone(),
        Err(missing) => return not_told(&missing),
    };
    match here(&reached, &local) {
        Here::Nothing(details) => container_down(&Here::Nothing(details)),
        Here::Running(details) => Judgement::unknown(failed.to_string()).details(details),
        Here::NotKnown => Judgement::unknown(failed.to_string()),
    }
}

/// The containers of the machine that the cluster's commands run on.
enum Here {
    /// Nobody knows: they run elsewhere (`--via`), or the agent did not answer.
    NotKnown,
    /// No WEKA container runs.
    Nothing(Vec<String>),
    /// At least one runs; what is odd about it.
    Running(Vec<String>),
}

fn here(reached: &Fleet<'_, Reached>, local: &Fleet<'_, LocalContainers>) -> Here {
    let this_machine = reached
        .known()
        .find(|(_, reached)| reached.reach.transport == Some(Transport::Local))
        .map(|(server, _)| server);
    let Some((_, LocalContainers(containers))) = local
        .known()
        .find(|(server, _)| this_machine == Some(*server))
    else {
        return Here::NotKnown;
    };
    let of_weka: Vec<&LocalContainer> = containers
        .iter()
        .filter(|c| c.is_weka() && !c.is_upgrade_leftover())
        .collect();
    if of_weka.iter().any(|c| c.running) {
        let odd = of_weka.iter().filter(|c| c.running).filter_map(|c| {
            let status = c.display_status.as_deref().filter(|s| *s != "READY")?;
            Some(format!(
                "container {} runs but is {status}: it is not part of the cluster now (`weka local status {}`)",
                c.name, c.name
            ))
        });
        Here::Running(odd.collect())
    } else {
        let stopped = of_weka
            .iter()
            .map(|c| format!("container {} does not run", c.name));
        Here::Nothing(stopped.collect())
    }
}

fn container_down(here: &Here) -> Judgement {
    let details = match here {
        Here::Nothing(details) | Here::Running(details) => details.clone(),
        Here::NotKnown => Vec::new(),
    };
    Judgement::fail(
        "the WEKA container on this machine does not answer",
        "`weka local ps` shows the containers; `weka local start` starts them. Where another machine's container shall answer: `--via BACKEND`. Where the management port is not 14000: set WEKA_PORT.",
    )
    .details(details)
}

fn not_told(missing: &Missing) -> Judgement {
    let judgement = Judgement::unknown(missing.to_string());
    match missing.why {
        Why::ProgramMissing | Why::NotRun(NotRun::ProgramMissing(_)) => judgement.detail(
            "run this tool on a backend, or name one with `--via BACKEND`; without a cluster, `--simulate` shows what it does",
        ),
        _ => judgement,
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::server::{Reach, Role};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const UP: &str = r#"[{"name":"drives0","type":"weka","isRunning":true,"internalStatus":{"state":"READY","display_status":"READY"}}]"#;
    const DOWN: &str = r#"[{"name":"drives0","type":"weka","isRunning":false},{"name":"ganesha","type":"ganesha","isRunning":true}]"#;
    const LOST: &str = r#"[{"name":"drives0","type":"weka","isRunning":true,"internalStatus":{"state":"READY","display_status":"STEM"}}]"#;

    fn status(end: End, stderr: &str) -> Evidence {
        Evidence::new().weka_ended("weka:status", end, "", stderr)
    }

    fn on_this_machine(evidence: Evidence, ps: &str) -> Evidence {
        let records = vec![evidence.record("host:local-ps", End::Exited(0), ps, "")];
        let reach = Reach {
            transport: Some(Transport::Local),
            error: None,
            ms: 5,
        };
        evidence.server_reached("weka-01", Role::Backend, reach, records)
    }

    #[test]
    fn logged_in() {
        let evidence = Evidence::running("4.4.21.2");
        let result = evidence.judge_one(&LOGIN, "4.4.33");
        assert_eq!(
            (result.outcome, result.summary.as_str()),
            (Outcome::Pass, "logged in")
        );
        let evidence = evidence.weka(
            "weka:whoami",
            r#"{"username":"admin","role":"ClusterAdmin"}"#,
        );
        let result = evidence.judge_one(&LOGIN, "4.4.33");
        assert_eq!(result.summary, "logged in as admin");
    }

    // field history S1
    #[rstest]
    #[case::not_logged_in(41, "error: please log in", Outcome::Fail, "weka user login")]
    #[case::locked_out(41, "error: user is Locked Out", Outcome::Fail, "two minutes")]
    #[case::locked_out_otherwise(1, "error: the user is locked out", Outcome::Fail, "two minutes")]
    #[case::container_down(
        1,
        "error: Failed connecting to http://127.0.0.1:14000/api/v1. Make sure weka is running on this host",
        Outcome::Fail,
        "weka local start"
    )]
    #[case::no_leader(1, "error: no leader", Outcome::Unknown, "")]
    #[case::another_host_refuses(
        1,
        "error: Failed connecting to http://10.0.0.9:14000/api/v1",
        Outcome::Unknown,
        ""
    )]
    fn by_what_the_cli_says(
        #[case] exit: i32,
        #[case] stderr: &str,
        #[case] outcome: Outcome,
        #[case] remedy: &str,
    ) {
        let result = status(End::Exited(exit), stderr).judge_one(&LOGIN, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert!(result.remedy.unwrap_or_default().contains(remedy));
    }

    #[rstest]
    #[case::stopped(DOWN, Outcome::Fail)]
    #[case::none_at_all("[]", Outcome::Fail)]
    #[case::only_a_leftover(
        r#"[{"name":"upgrade","type":"weka","isRunning":true}]"#,
        Outcome::Fail
    )]
    #[case::runs(UP, Outcome::Unknown)]
    #[case::has_lost_the_cluster(LOST, Outcome::Unknown)]
    // field history 1
    #[case::called_anything(
        r#"[{"name":"frob","type":"weka","isRunning":true}]"#,
        Outcome::Unknown
    )]
    #[case::called_anything_and_stopped(
        r#"[{"name":"default","type":"weka","isRunning":false}]"#,
        Outcome::Fail
    )]
    #[case::agent_unreadable("[{", Outcome::Unknown)]
    // field history 17
    #[case::agent_mute("", Outcome::Unknown)]
    fn by_the_containers_of_this_machine(#[case] ps: &str, #[case] outcome: Outcome) {
        let evidence = on_this_machine(status(End::Exited(1), "error: timed out"), ps);
        let result = evidence.judge_one(&LOGIN, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
        if ps == LOST {
            assert!(result.details[0].contains("STEM"), "{result:?}");
        }
    }

    /// Through `--via` another machine's container answers.
    #[test]
    fn the_containers_of_other_machines_prove_nothing() {
        let evidence = status(End::Exited(1), "error: no leader")
            .backend("weka-02", &[("host:local-ps", DOWN)]);
        let result = evidence.judge_one(&LOGIN, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }

    #[rstest]
    #[case::timed_out(End::TimedOut)]
    #[case::interrupted(End::NotRun(NotRun::Interrupted))]
    #[case::no_program(End::Exited(127))]
    #[case::no_program_either(End::NotRun(NotRun::ProgramMissing("weka".to_owned())))]
    fn no_answer_is_unknown(#[case] end: End) {
        let result = status(end, "").judge_one(&LOGIN, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn nothing_collected_is_unknown() {
        let result = Evidence::new().judge_one(&LOGIN, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
