use checker_core::facts::download::{Download, Place};
use checker_core::{Context, Judgement, check};

check! {
    /// The client reaches a place to fetch the release from.
    ///
    /// ## What it looks at
    /// The client tries, from its own side, up to three of the backends that its
    /// containers know (`backend_endpoints` of `weka local resources`), on the port that they
    /// have there, usually 14000. Any answer will do. Only when no backend answers, it tries
    /// WEKA's distribution site, get.weka.io.
    ///
    /// The public checker tries the site alone, which tells nothing where clients
    /// are cut off from the outside: they fetch the release from a backend.
    ///
    /// ## Why it matters
    /// A client is upgraded after the backends, and fetches its release then: when it mounts,
    /// or with `weka version get <release> --client-only --from <backend>:14000`.
    ///
    /// ## If ignored
    /// The client stays on its release. Where that is a step behind already, it is
    /// cut off with the next upgrade of the backends.
    ///
    /// ## How to fix
    /// Open TCP port 14000 of the backends for the client in the firewall between them;
    /// `curl -k https://<backend>:14000/` on the client shows whether it is open. Or bring the
    /// release to the client as a file and run its `install.sh`.
    pub DOWNLOAD {
        id: "client/download",
        scope: [Client],
        when: "all",
        levels: [Warn],
        sources: ["Upgrade guide: clients", "rules M3, J8", "public checker: clients, web"],
        needs: [&Download],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, download: &Download) -> Judgement {
    let tried = || download.backends.iter().chain(&download.site);
    let details = tried().map(|place| format!("{}: {}", place.name, said(&place.state)));
    let first = |places: &[Place]| places.iter().find(|place| place.reached()).cloned();
    if let Some(backend) = first(&download.backends) {
        return Judgement::pass(format!("backend {} answers", backend.name)).details(details);
    }
    if let Some(site) = first(download.site.as_slice()) {
        let backends = if download.backends.is_empty() {
            "its containers name no backend"
        } else {
            "no backend answers"
        };
        return Judgement::pass(format!("{} answers, but {backends}", site.name)).details(details);
    }
    if download.backends.is_empty() {
        return Judgement::unknown("no container of this client names a backend to try")
            .details(details);
    }
    Judgement::warn(
        format!(
            "none of {} places answers that the release could be fetched from",
            tried().count()
        ),
        format!(
            "Open the port of the backends for this client in the firewall between them (`curl -k https://{}/` on the \
             client shows whether it is open), or bring the release to the client as a file and run its `install.sh`.",
            download.backends[0].name
        ),
    )
    .details(details)
}

/// The word of the probe, for people.
fn said(state: &str) -> &str {
    match state {
        "ok" => "answers",
        "refused" => "connection refused",
        "timeout" => "no answer in time",
        "dns" => "its name has no address",
        _ => "no connection",
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

    fn judged(answer: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .client("client-01", &[("host:download", answer)])
            .judge_one(&DOWNLOAD, "4.4.33")
    }

    #[rstest]
    // field history 95, R13
    #[case::first_backend("backend 10.0.0.11 14000 ok\nend\n", Outcome::Pass)]
    #[case::second_backend(
        "backend 10.0.0.11 14000 timeout\nbackend 10.0.0.12 14000 ok\nend\n",
        Outcome::Pass
    )]
    #[case::site(
        "backend 10.0.0.11 14000 refused\nsite get.weka.io ok\nend\n",
        Outcome::Pass
    )]
    #[case::site_alone("site get.weka.io ok\nend\n", Outcome::Pass)]
    #[case::nothing(
        "backend 10.0.0.11 14000 timeout\nsite get.weka.io dns\nend\n",
        Outcome::Warn
    )]
    #[case::site_not_tried("backend 10.0.0.11 14000 refused\nend\n", Outcome::Warn)]
    #[case::no_backend_known("site get.weka.io failed\nend\n", Outcome::Unknown)]
    #[case::nothing_tried("end\n", Outcome::Unknown)]
    #[case::cut("backend 10.0.0.11 14000 timeout\n", Outcome::Unknown)]
    #[case::empty("", Outcome::Unknown)]
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        let result = judged(answer);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::no_weka(End::Exited(127), "weka: not found")]
    #[case::no_agent(End::Exited(1), "error: is weka-agent running?")]
    #[case::no_curl(End::Exited(1), "neither curl nor bash to try it with")]
    #[case::timeout(End::TimedOut, "")]
    fn no_answer_is_unknown(#[case] end: End, #[case] stderr: &str) {
        let cluster = Evidence::running("4.4.21.2");
        let record = cluster.record("host:download", end, "", stderr);
        let result = cluster
            .server_answered("client-01", Role::Client, vec![record])
            .judge_one(&DOWNLOAD, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn a_client_out_of_reach_is_unknown() {
        let result = Evidence::running("4.4.21.2")
            .unreached("client-01", Role::Client, Step::Timeout, "10 s")
            .judge_one(&DOWNLOAD, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn names_what_was_tried() {
        let result = judged(
            "backend 10.0.0.11 14000 refused\nbackend fd00::12 14000 timeout\nsite get.weka.io dns\nend\n",
        );
        assert_eq!(
            result.summary,
            "none of 3 places answers that the release could be fetched from"
        );
        assert_eq!(
            result.details,
            [
                "10.0.0.11:14000: connection refused",
                "[fd00::12]:14000: no answer in time",
                "get.weka.io: its name has no address"
            ]
        );
        assert_eq!(
            judged("backend 10.0.0.11 14000 ok\nend\n").summary,
            "backend 10.0.0.11:14000 answers"
        );
    }
}
