use checker_core::contract::Scope;
use checker_core::facts::This;
use checker_core::facts::local_containers::{LocalContainer, LocalContainers};
use checker_core::{Context, Judgement, check};

check! {
    /// Every container of the server runs.
    ///
    /// ## What it looks at
    /// `weka local ps -J` on the server: each container runs, none is disabled,
    /// none is called `upgrade`, which an upgrade that was cut off leaves
    /// behind. A container that runs but is not in the cluster (its status says
    /// CLUSTERIZING or STEM, whatever its state says) is red too, and so is a
    /// backend whose agent knows no container at all.
    ///
    /// ## Why it matters
    /// The upgrade takes containers down one after the other and counts on all
    /// others. It upgrades only those that run.
    ///
    /// ## If ignored
    /// A stopped container stays on the old release and cannot join the cluster
    /// later; one that is down already leaves no reserve for the next.
    ///
    /// ## How to fix
    /// `weka local enable <container>`, then `weka local start <container>`, and
    /// wait until `weka local ps` shows it READY. One that is not needed any more
    /// (a protocol that was taken off this server): `weka local rm <container>`.
    /// A container `upgrade`: find out whether an upgrade still runs
    /// (`weka status`), and call support before you remove it.
    pub CONTAINERS {
        id: "server/containers",
        scope: [Backend, Client],
        when: "all",
        levels: [Fail],
        // The state was not read there: field history G10, public checks 58.
        sources: ["Public upgrade checker: local containers", "rules B10, I26"],
        needs: [This<'_>, &LocalContainers],
        judge: judge,
    }
}

/// What there is to say of one container.
enum Found {
    Red(String),
    Unknown(String),
    Green(String),
}

fn judge(_: &Context<'_>, This(server): This<'_>, containers: &LocalContainers) -> Judgement {
    if containers.0.is_empty() {
        return if server.role.scope() == Scope::Backend {
            Judgement::fail(
                "the agent knows no container, though the cluster counts this server as a backend",
                "`weka local ps` on this server and `weka cluster container` show both sides; call support before you go on.",
            )
        } else {
            Judgement::pass("no container: nothing is mounted")
        };
    }
    let (mut red, mut unknown, mut green) = (Vec::new(), Vec::new(), Vec::new());
    for container in &containers.0 {
        match examine(container) {
            Found::Red(line) => red.push(line),
            Found::Unknown(line) => unknown.push(line),
            Found::Green(line) => green.push(line),
        }
    }
    if !red.is_empty() {
        let leftover = containers.0.iter().any(LocalContainer::is_upgrade_leftover);
        return Judgement::fail(red.join("; "), remedy(leftover))
            .details(red)
            .details(unknown)
            .details(green);
    }
    if !unknown.is_empty() {
        return Judgement::unknown(unknown.join("; ")).details(green);
    }
    let names: Vec<&str> = containers.0.iter().map(|c| c.name.as_str()).collect();
    Judgement::pass(format!("{} run: {}", names.len(), names.join(", "))).details(green)
}

fn examine(container: &LocalContainer) -> Found {
    let name = &container.name;
    if container.is_upgrade_leftover() {
        return Found::Red(format!("{name}: left over from an upgrade"));
    }
    let disabled = container.disabled == Some(true);
    if !container.running {
        let failure = container
            .last_failure
            .as_ref()
            .map(|why| format!(" (last failure: {why})"))
            .unwrap_or_default();
        let state = if disabled {
            "stopped and disabled"
        } else {
            "stopped"
        };
        return Found::Red(format!("{name}: {state}{failure}"));
    }
    if disabled {
        return Found::Red(format!("{name}: disabled"));
    }
    let status = container.display_status.as_deref();
    if let Some(word @ ("CLUSTERIZING" | "STEM")) = status {
        return Found::Red(format!("{name}: runs, but is not in the cluster ({word})"));
    }
    if container.disabled.is_none() {
        return Found::Unknown(format!(
            "{name}: runs, but whether it is disabled is not told"
        ));
    }
    let status = status.map(|s| format!(", {s}")).unwrap_or_default();
    Found::Green(format!("{name}: runs{status}"))
}

fn remedy(leftover: bool) -> String {
    let start = "`weka local enable <container>` and `weka local start <container>`, then wait until `weka local ps` \
         shows it READY; remove one that is not needed any more with `weka local rm <container>`.";
    if leftover {
        format!(
            "Look with `weka status` whether an upgrade still runs, and call support about the container `upgrade`. \
             For others: {start}"
        )
    } else {
        start.to_owned()
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
    use Outcome::{Fail, Pass, Unknown};

    const DRIVES: &str = r#"{"name":"drives0","type":"weka","isRunning":true,"isDisabled":false,"internalStatus":{"state":"READY","display_status":"READY"}}"#;

    fn judged(answer: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:local-ps", answer)])
            .judge_one(&CONTAINERS, "4.4.33")
    }

    #[rstest]
    #[case::all_well("", Pass)]
    // field history G10
    #[case::stopped(
        r#",{"name":"compute0","type":"weka","isRunning":false,"isDisabled":false}"#,
        Fail
    )]
    #[case::disabled(
        r#",{"name":"compute0","type":"weka","isRunning":true,"isDisabled":true}"#,
        Fail
    )]
    // field history S8
    #[case::stopped_by_word(r#",{"name":"compute0","type":"weka","runStatus":"Stopped"}"#, Fail)]
    #[case::unknown_by_word(
        r#",{"name":"compute0","type":"weka","runStatus":"Unknown","isDisabled":false}"#,
        Fail
    )]
    #[case::leftover(
        r#",{"name":"upgrade","type":"weka","isRunning":true,"isDisabled":false}"#,
        Fail
    )]
    #[case::leftover_at_rest(
        r#",{"name":"upgrade","type":"weka","isRunning":false,"isDisabled":true}"#,
        Fail
    )]
    #[case::not_joined(r#",{"name":"c","isRunning":true,"isDisabled":false,"internalStatus":{"state":"READY","display_status":"CLUSTERIZING"}}"#, Fail)]
    #[case::lost_the_cluster(r#",{"name":"c","isRunning":true,"isDisabled":false,"internalStatus":{"state":"READY","display_status":"STEM"}}"#, Fail)]
    // field history R10
    #[case::protocol(r#",{"name":"ganesha","type":"ganesha","isRunning":true,"isDisabled":false,"internalStatus":null}"#, Pass)]
    #[case::protocol_stopped(
        r#",{"name":"s3","type":"s3","isRunning":false,"isDisabled":false}"#,
        Fail
    )]
    #[case::not_told(r#",{"name":"c","isRunning":true}"#, Unknown)]
    #[case::not_told_beside_red(
        r#",{"name":"c","isRunning":true},{"name":"d","isRunning":false}"#,
        Fail
    )]
    fn judges(#[case] more: &str, #[case] outcome: Outcome) {
        let result = judged(&format!("[{DRIVES}{more}]"));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Fail);
    }

    // field history R10
    #[test]
    fn names_every_container() {
        let result = judged(&format!(
            r#"[{DRIVES},{{"name":"compute0","isRunning":false,"isDisabled":true,"lastFailureText":"no huge pages"}},{{"name":"upgrade","isRunning":true}}]"#
        ));
        assert_eq!(
            result.summary,
            "compute0: stopped and disabled (last failure: no huge pages); upgrade: left over from an upgrade"
        );
        assert_eq!(result.details.len(), 3);
        let remedy = result.remedy.expect("a remedy");
        assert!(
            remedy.contains("weka status") && remedy.contains("weka local start"),
            "{remedy}"
        );
        assert_eq!(judged(&format!("[{DRIVES}]")).summary, "1 run: drives0");
    }

    #[test]
    fn a_server_without_containers() {
        assert_eq!(judged("[]").outcome, Fail);
        let client = Evidence::running("4.4.21.2")
            .client("client-1", &[("host:local-ps", "[]")])
            .judge_one(&CONTAINERS, "4.4.33");
        assert_eq!(client.outcome, Pass, "{client:?}");
    }

    // field history 75
    #[test]
    fn a_client_s_container_counts_too() {
        let answer = r#"[{"name":"client","type":"weka","isRunning":false,"isDisabled":false}]"#;
        let client = Evidence::running("4.4.21.2")
            .client("client-1", &[("host:local-ps", answer)])
            .judge_one(&CONTAINERS, "4.4.33");
        assert_eq!((client.outcome, client.scope), (Fail, Scope::Client));
    }

    // field history 17
    #[test]
    fn half_an_answer_is_unknown() {
        let base = Evidence::running("4.4.21.2");
        let good = format!("[{DRIVES}]");
        probe_is_unknown(&CONTAINERS, "4.4.33", "host:local-ps", &good, &base, &[]);
    }
}
