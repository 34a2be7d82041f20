use checker_core::facts::stats::StatsRetention;
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// Statistics are kept for two days at most.
    ///
    /// ## What it looks at
    /// `retention_secs` in `weka stats retention status -J`.
    ///
    /// ## Why it matters
    /// A release before 4.2.7 carries its whole store of statistics through the
    /// upgrade. A large one makes the cluster's leader slow.
    ///
    /// ## If ignored
    /// The upgrade takes long, or a step of it runs into its time limit.
    ///
    /// ## How to fix
    /// `weka stats retention set --days 1` some hours before the upgrade, and
    /// back to the old value after it.
    pub STATS_RETENTION {
        id: "config/stats-retention",
        scope: [Cluster],
        when: "src < 4.2.7",
        applies: applies,
        levels: [Warn],
        sources: ["public checker, check 37", "rules N5"],
        needs: [&StatsRetention],
        judge: judge,
    }
}

const FIXED: Version = Version::new(4, 2, 7, 0);
const DAY: u64 = 86_400;

fn applies(path: &UpgradePath) -> Applies {
    if path.from < FIXED {
        Applies::Yes
    } else {
        Applies::No(format!(
            "only releases before 4.2.7 are affected; this is {}",
            path.from
        ))
    }
}

fn judge(_: &Context<'_>, retention: &StatsRetention) -> Judgement {
    let days = retention.seconds.div_ceil(DAY);
    let summary = format!("statistics are kept for {} seconds", retention.seconds);
    if retention.seconds <= 2 * DAY {
        return Judgement::pass(summary);
    }
    Judgement::warn(
        format!("{summary}, more than two days"),
        format!(
            "Set one day with `weka stats retention set --days 1` some hours before the upgrade, and go back with `weka stats retention set --days {days}` after it."
        ),
    )
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged;

    fn evidence(release: &str, seconds: u64) -> Evidence {
        Evidence::running(release).weka(
            "weka:stats-retention",
            &format!(r#"{{"retention_secs":{seconds}}}"#),
        )
    }

    #[rstest]
    #[case::one_day(86_400, Outcome::Pass)]
    #[case::two_days(172_800, Outcome::Pass)]
    #[case::a_second_more(172_801, Outcome::Warn)]
    fn judges(#[case] seconds: u64, #[case] outcome: Outcome) {
        let result = evidence("4.2.6.90", seconds).judge_one(&STATS_RETENTION, "4.2.18.34");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn the_way_back_is_named() {
        let result = evidence("4.2.6.90", 7 * DAY).judge_one(&STATS_RETENTION, "4.2.18.34");
        let remedy = result.remedy.expect("a remedy");
        assert!(
            remedy.contains("`weka stats retention set --days 7` after"),
            "{remedy}"
        );
    }

    // field history 104
    #[rstest]
    #[case("4.2.6.999", Outcome::Warn)]
    #[case("4.2.7", Outcome::Skipped)]
    #[case("4.4.21.2", Outcome::Skipped)]
    fn window(#[case] release: &str, #[case] outcome: Outcome) {
        let result = evidence(release, 1_000_000).judge_one(&STATS_RETENTION, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn damaged_answers_are_unknown() {
        damaged::is_unknown(
            &STATS_RETENTION,
            "4.2.18.34",
            "weka:stats-retention",
            &Evidence::running("4.2.6.90"),
        );
    }
}
