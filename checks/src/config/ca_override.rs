use checker_core::facts::spec_file::SpecFiles;
use checker_core::{Context, Judgement, check};

check! {
    /// The running release uses no certificate authority of its own.
    ///
    /// ## What it looks at
    /// Whether the description of the running release on each backend,
    /// `/opt/weka/dist/release/RELEASE.spec`, sets `SSL_CERT_FILE`. The file is
    /// looked for under the full name of the release, with its suffix.
    ///
    /// ## Why it matters
    /// The line was added by hand so that the containers trust a private
    /// certificate authority. The target comes with a description of its own,
    /// without that line.
    ///
    /// ## If ignored
    /// After the restart the containers no longer trust their object store, key
    /// server or WEKA Home.
    ///
    /// ## How to fix
    /// Look at it with `grep SSL_CERT_FILE /opt/weka/dist/release/*.spec`, and let
    /// support carry the authority over: `weka security ca-cert set --cert-file
    /// FILE` keeps it in the cluster.
    pub CA_OVERRIDE {
        id: "config/ca-override",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["public checker, check 10", "rules I23"],
        needs: [&SpecFiles],
        judge: judge,
    }
}

fn judge(context: &Context<'_>, files: &SpecFiles) -> Judgement {
    let Some(release) = context.from else {
        return Judgement::unknown("the running release is not known");
    };
    match files.of(release) {
        Some(file) if file.ca_override => Judgement::fail(
            format!("the description of {release} sets SSL_CERT_FILE"),
            format!(
                "Look at it with `grep SSL_CERT_FILE /opt/weka/dist/release/{release}.spec` and let support carry the certificate authority over, for example with `weka security ca-cert set --cert-file FILE`."
            ),
        ),
        Some(_) => Judgement::pass(format!(
            "the description of {release} sets no SSL_CERT_FILE"
        )),
        None => {
            let names: Vec<&str> = files.0.iter().map(|file| file.release.as_str()).collect();
            let there = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            Judgement::unknown(format!(
                "/opt/weka/dist/release has no description of {release} (there: {there})"
            ))
        }
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

    const KEY: &str = "host:spec-files";

    #[rstest]
    #[case::clean("4.4.21.2", "spec 4.4.21.2.spec\nend\n", Outcome::Pass)]
    #[case::set(
        "4.4.21.2",
        "spec 4.4.21.2.spec\nca 4.4.21.2.spec\nend\n",
        Outcome::Fail
    )]
    #[case::set_in_another(
        "4.4.21.2",
        "spec 4.4.10.spec\nspec 4.4.21.2.spec\nca 4.4.10.spec\nend\n",
        Outcome::Pass
    )]
    // field history 46
    #[case::hotfix(
        "4.4.21.2-hotfix1",
        "spec 4.4.21.2-hotfix1.spec\nca 4.4.21.2-hotfix1.spec\nend\n",
        Outcome::Fail
    )]
    #[case::only_without_the_suffix(
        "4.4.21.2-hotfix1",
        "spec 4.4.21.2.spec\nend\n",
        Outcome::Unknown
    )]
    // field history R1
    #[case::none_there("4.4.21.2", "end\n", Outcome::Unknown)]
    #[case::no_end("4.4.21.2", "spec 4.4.21.2.spec\n", Outcome::Unknown)]
    #[case::nothing("4.4.21.2", "", Outcome::Unknown)]
    #[case::noise("4.4.21.2", "Welcome\nend\n", Outcome::Unknown)]
    fn judges(#[case] release: &str, #[case] answer: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(release)
            .backend("weka-01", &[(KEY, answer)])
            .judge_one(&CA_OVERRIDE, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn each_server_has_its_own_answer() {
        let results = Evidence::running("4.4.21.2")
            .backend("weka-01", &[(KEY, "spec 4.4.21.2.spec\nend\n")])
            .backend(
                "weka-02",
                &[(KEY, "spec 4.4.21.2.spec\nca 4.4.21.2.spec\nend\n")],
            )
            .backend("weka-03", &[])
            .unreached("weka-04", Role::Backend, Step::Refused, "no sshd")
            .judge(&CA_OVERRIDE, "4.4.33");
        let outcomes: Vec<Outcome> = results.iter().map(|r| r.outcome).collect();
        assert_eq!(
            outcomes,
            [
                Outcome::Pass,
                Outcome::Fail,
                Outcome::Unknown,
                Outcome::Unknown
            ]
        );
    }

    #[rstest]
    #[case::failed(End::Exited(2), "")]
    #[case::too_late(End::TimedOut, "spec 4.4.21.2.spec\nend\n")]
    #[case::lost(End::Lost, "spec 4.4.21.2.spec\nend\n")]
    fn damaged_answers_are_unknown(#[case] end: End, #[case] answer: &str) {
        let base = Evidence::running("4.4.21.2");
        let record = base.record(KEY, end, answer, "");
        let result = base
            .server_answered("weka-01", Role::Backend, vec![record])
            .judge_one(&CA_OVERRIDE, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn without_the_running_release_it_is_unknown() {
        let result = Evidence::new()
            .backend("weka-01", &[(KEY, "spec 4.4.21.2.spec\nend\n")])
            .judge_one(&CA_OVERRIDE, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }
}
