use checker_core::facts::overrides::{Override, Overrides};
use checker_core::{Context, Judgement, Version, check};

check! {
    /// No manual override is set that the target no longer knows.
    ///
    /// ## What it looks at
    /// `weka debug override list -J` against the keys that the release data
    /// lists as obsolete, with the release from which each does nothing.
    ///
    /// ## Why it matters
    /// Such an override is a leftover. The product from 6.0 on refuses to
    /// upgrade while an enabled override is unknown to the target.
    ///
    /// ## If ignored
    /// Before 6.0 nothing; from 6.0 on the upgrade does not start.
    ///
    /// ## How to fix
    /// Remove it: `weka debug override remove <id>`.
    pub OBSOLETE_OVERRIDES {
        id: "config/obsolete-overrides",
        scope: [Cluster],
        when: "all",
        levels: [Warn, Fail],
        sources: ["rules N32, B9"],
        needs: [&Overrides],
        judge: judge,
    }
}

fn judge(context: &Context<'_>, Overrides(all): &Overrides) -> Judgement {
    let rule = &context.data.rules.obsolete_overrides;
    let found: Vec<(&Override, &Version)> = all
        .iter()
        .filter_map(|o| Some((o, rule.keys.get(&o.key)?)))
        .filter(|(_, since)| context.to >= *since)
        .collect();
    if found.is_empty() {
        return Judgement::pass(format!(
            "none of {} overrides is known to be obsolete in {}",
            all.len(),
            context.to
        ));
    }
    let details = found.iter().map(|(o, since)| {
        let id =
            o.id.as_ref()
                .map(|id| format!("{id}: "))
                .unwrap_or_default();
        let off = if o.enabled { "" } else { ", switched off" };
        format!("{id}{}={}{off}: obsolete since {since}", o.key, o.value)
    });
    let keys: Vec<&str> = found.iter().map(|(o, _)| o.key.as_str()).collect();
    let keys = keys.join(", ");
    // Each release of the path asks, not only the last.
    let refuses = context
        .releases_ahead()
        .into_iter()
        .find(|release| **release >= rule.refused_from);
    let judgement = match refuses {
        Some(release) if found.iter().any(|(o, _)| o.enabled) => Judgement::fail(
            format!("{release} refuses to upgrade with obsolete overrides: {keys}"),
            "Remove them before the upgrade: `weka debug override remove <id>`.",
        ),
        _ => Judgement::warn(
            format!("overrides that are obsolete in {}: {keys}", context.to),
            "Remove them: `weka debug override remove <id>`. They do nothing any more.",
        ),
    };
    judgement.details(details)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn judged(from: &str, to: &str, overrides: &str) -> CheckResult {
        Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .weka("weka:overrides", overrides)
            .judge_one(&OBSOLETE_OVERRIDES, to)
    }

    /// Every key, just before and on the release from which it does nothing.
    #[rstest]
    #[case("allow_dirty_up_to_unjustified_down_count", "4.2.6.90", Outcome::Pass)]
    #[case("allow_dirty_up_to_unjustified_down_count", "4.2.7", Outcome::Warn)]
    #[case("allow_dirty_up_to_unjustified_down_count", "4.4.33", Outcome::Warn)]
    #[case("raid_journal_hound_bytes_per_sec", "4.1.2.36", Outcome::Pass)]
    #[case("raid_journal_hound_bytes_per_sec", "4.2.0", Outcome::Warn)]
    #[case("rdma_force_disable_write", "4.2.5", Outcome::Pass)]
    #[case("rdma_force_disable_write", "4.2.6", Outcome::Warn)]
    #[case("rdma_readbinding_expiration_timeout_secs", "3.14.1", Outcome::Pass)]
    #[case("rdma_readbinding_expiration_timeout_secs", "4.0", Outcome::Warn)]
    #[case("stripe_data_max_verification_blocks", "4.2.5", Outcome::Pass)]
    #[case("stripe_data_max_verification_blocks", "4.2.6", Outcome::Warn)]
    #[case("heartbeat_grace_msecs", "4.4.33", Outcome::Pass)]
    fn keys(#[case] key: &str, #[case] to: &str, #[case] outcome: Outcome) {
        let overrides = format!(r#"[{{"key":"{key}","value":"1","enabled":true}}]"#);
        let result = judged("3.14.0", to, &overrides);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::before("5.1.25", true, Outcome::Warn)]
    #[case::on("6.0", true, Outcome::Fail)]
    #[case::after("6.0.0.6363", true, Outcome::Fail)]
    #[case::switched_off("6.0.0.6363", false, Outcome::Warn)]
    fn from_6_0_on_the_product_refuses(
        #[case] to: &str,
        #[case] enabled: bool,
        #[case] outcome: Outcome,
    ) {
        let overrides =
            format!(r#"[{{"key":"rdma_force_disable_write","value":"1","enabled":{enabled}}}]"#);
        let result = judged("5.1.24", to, &overrides);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::none("[]", Outcome::Pass)]
    #[case::cut("[{", Outcome::Unknown)]
    #[case::nothing("", Outcome::Unknown)]
    fn shapes(#[case] overrides: &str, #[case] outcome: Outcome) {
        assert_eq!(judged("4.4.26", "4.4.33", overrides).outcome, outcome);
    }

    #[test]
    fn a_failed_command_is_unknown() {
        let result = Evidence::running("4.4.26")
            .weka_ended("weka:overrides", End::Exited(1), "", "error: no leader")
            .judge_one(&OBSOLETE_OVERRIDES, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
