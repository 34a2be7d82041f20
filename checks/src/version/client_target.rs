use checker_core::facts::client_target::ClientTarget;
use checker_core::upgrade_path::steps_behind;
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// Clients are not held at a release that the target does not take.
    ///
    /// ## What it looks at
    /// `weka cluster client-target-version show`, against the next release of
    /// the path.
    ///
    /// ## Why it matters
    /// Clients that mount several clusters stay at the client target version,
    /// whatever release a cluster runs. It must be the cluster's release, or at
    /// most one major step older, and the setting survives the upgrade.
    ///
    /// ## If ignored
    /// Clients keep, or fetch, a release that the upgraded cluster refuses.
    ///
    /// ## How to fix
    /// Set it to a release that every one of the clusters takes
    /// (`weka cluster client-target-version set V`, the same on all of them),
    /// or let the clients follow the cluster
    /// (`weka cluster client-target-version reset`).
    pub CLIENT_TARGET {
        id: "version/client-target",
        scope: [Cluster],
        when: "src >= 4.2",
        applies: applies,
        levels: [Warn, Fail],
        sources: ["Documentation: clients of several clusters", "rule A13"],
        needs: [&ClientTarget],
        judge: judge,
    }
}

/// The setting came with this release.
const SINCE: Version = Version::new(4, 2, 0, 0);

fn applies(path: &UpgradePath) -> Applies {
    if path.from >= SINCE {
        Applies::Yes
    } else {
        Applies::No(format!(
            "{} has no client target version, 4.2 has",
            path.from
        ))
    }
}

fn judge(context: &Context<'_>, ClientTarget(target): &ClientTarget) -> Judgement {
    let Some(held) = target else {
        return Judgement::pass("no client target version is set: clients follow the cluster");
    };
    let next = context
        .releases_ahead()
        .first()
        .map_or(context.to, |next| *next);
    if held.without_suffix() > next.without_suffix() {
        return Judgement::fail(
            format!("clients are held at {held}, which is newer than {next}"),
            format!(
                "Set a release that {next} takes: `weka cluster client-target-version set {next}` after the upgrade, or `weka cluster client-target-version reset` now."
            ),
        );
    }
    match steps_behind(context.data, held, next, 1) {
        None => Judgement::fail(
            format!("clients are held at {held}, more than one major step behind {next}"),
            "Raise it before the upgrade with `weka cluster client-target-version set V`, on every cluster that the clients mount, and upgrade the clients; or reset it with `weka cluster client-target-version reset`.",
        ),
        Some(_) => Judgement::warn(
            format!("clients are held at {held} and will stay there after the upgrade to {next}"),
            "This is right for clients that mount several clusters. After the upgrade raise it on all of them with `weka cluster client-target-version set V`, or reset it with `weka cluster client-target-version reset`.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn running(from: &str) -> Evidence {
        Evidence::running(from).by(crate::release_data().expect("good data"))
    }

    #[rstest]
    // field history S24
    #[case::not_set("\n", Outcome::Pass)]
    #[case::no_output("", Outcome::Pass)]
    #[case::none_of_6_0("None\n", Outcome::Pass)]
    #[case::the_running_one("4.4.26\n", Outcome::Warn)]
    #[case::the_target("4.4.33\n", Outcome::Warn)]
    #[case::one_step("4.3.5.105\n", Outcome::Warn)]
    #[case::lts_to_lts("4.2.18.34\n", Outcome::Warn)]
    #[case::two_steps("4.1.2.36\n", Outcome::Fail)]
    #[case::newer("4.4.33.1\n", Outcome::Fail)]
    #[case::next_line("5.0.4.401\n", Outcome::Fail)]
    #[case::no_release("banana\n", Outcome::Unknown)]
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        let result = running("4.4.26")
            .weka("weka:client-target-version", answer)
            .judge_one(&CLIENT_TARGET, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::before("4.1.2.36", Outcome::Skipped)]
    #[case::on("4.2", Outcome::Warn)]
    #[case::after("4.2.1", Outcome::Warn)]
    fn the_window(#[case] from: &str, #[case] outcome: Outcome) {
        let result = running(from)
            .weka("weka:client-target-version", "4.2.0\n")
            .judge_one(&CLIENT_TARGET, "4.2.18.34");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    // field history 70
    #[case::old_cli("error: unknown command: client-target-version")]
    #[case::failed("error: no leader")]
    fn a_failed_command_is_unknown(#[case] stderr: &str) {
        let result = running("4.4.26")
            .weka_ended("weka:client-target-version", End::Exited(2), "", stderr)
            .judge_one(&CLIENT_TARGET, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }

    /// The first hop decides; before the second there is time to change it.
    #[test]
    fn of_several_hops_the_next_counts() {
        let result = running("4.2.18.34")
            .weka("weka:client-target-version", "4.2.18.34\n")
            .judge_one(&CLIENT_TARGET, "5.1.25");
        assert_eq!(result.outcome, Outcome::Warn);
        assert!(
            result.summary.ends_with("after the upgrade to 4.4.26"),
            "{}",
            result.summary
        );
    }
}
