use checker_core::facts::status::Status;
use checker_core::{Context, Judgement, check};

check! {
    /// The running release is no hotfix build.
    ///
    /// ## What it looks at
    /// What stands behind the number of the running release. `-hcfs` and
    /// `-k8s.N` are editions, and `-2` behind a release that was published
    /// twice is no hotfix either.
    ///
    /// ## Why it matters
    /// A hotfix was made for this cluster. The target replaces it.
    ///
    /// ## If ignored
    /// A target without the fix brings the fault back that the hotfix cured.
    ///
    /// ## How to fix
    /// Ask support whether the fixes of this build are in the target, and
    /// accept the warning with their answer as the reason.
    pub HOTFIX {
        id: "version/hotfix",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["rule N22"],
        needs: [&Status],
        judge: judge,
    }
}

fn judge(context: &Context<'_>, status: &Status) -> Judgement {
    let release = &status.release;
    let Some(suffix) = release.suffix() else {
        return Judgement::pass(format!("{release} is no hotfix build"));
    };
    let edition = suffix == "hcfs" || suffix.starts_with("k8s.");
    if edition {
        return Judgement::pass(format!("{release}: -{suffix} names an edition, no hotfix"));
    }
    if context.data.release(release).is_some() {
        return Judgement::pass(format!("{release} is a published release"));
    }
    Judgement::warn(
        format!("the running release {release} is a hotfix build"),
        format!(
            "Ask support whether the fixes of {release} are in {}. If they are, accept this warning by name with their answer.",
            context.to
        ),
    )
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("4.4.10.202", Outcome::Pass)]
    #[case::three_numbers("4.4.26", Outcome::Pass)]
    #[case::hcfs("5.1.0-hcfs", Outcome::Pass)]
    #[case::container_image("4.4.2.157-k8s.2", Outcome::Pass)]
    #[case::published_twice("4.2.9-1", Outcome::Pass)]
    #[case::published_thrice("4.2.11-3", Outcome::Pass)]
    #[case::not_published("4.2.11-4", Outcome::Warn)]
    #[case::hash("4.2.8.312-6a24a3841f0c4c0e9d532f1e7c1f9a10", Outcome::Warn)]
    #[case::hash_of_digits("4.2.8.312-62438410", Outcome::Warn)]
    #[case::hotfix("4.4.9-hotfix1", Outcome::Warn)]
    #[case::hotfix_of_hcfs("5.1.0-hcfs-hotfix1", Outcome::Warn)]
    #[case::alpha("5.1.0-qa-alpha", Outcome::Warn)]
    fn judges(#[case] release: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(release)
            .by(crate::release_data().expect("good data"))
            .judge_one(&HOTFIX, "5.1.25");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn no_status_is_unknown() {
        let result = Evidence::new().judge_one(&HOTFIX, "5.1.25");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
