use checker_core::release_data::ReleaseData;
use checker_core::{Context, Judgement, Version, check};

check! {
    /// The tool's release data is recent and knows the target.
    ///
    /// ## What it looks at
    /// The day up to which the release data is complete, against today, and
    /// whether the target stands in it.
    ///
    /// ## Why it matters
    /// WEKA releases every few weeks, and known issues are found after a
    /// release. Data that is older than the target can't warn of them.
    ///
    /// ## If ignored
    /// The general rules still decide, but issues and limits that became known
    /// since are not looked for.
    ///
    /// ## How to fix
    /// Get the newest `checker`, or only its data, and name the directory:
    /// `checker --data DIR --target-version V`. Check the target's number for a
    /// slip of the pen. When both are right, accept this warning by name:
    /// `--accept access/tool-data=REASON`.
    pub TOOL_DATA {
        id: "access/tool-data",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["Upgrade guide: run the latest version of the checker"],
        needs: [],
        judge: judge,
    }
}

/// Data of this age in days is still recent.
pub(crate) const RECENT_DAYS: i32 = 60;

fn judge(context: &Context<'_>) -> Judgement {
    let data = context.data;
    let today = context.now.to_zoned(jiff::tz::TimeZone::UTC).date();
    // A bundle can be older than the data that judges it again: that is recent.
    let age = (today - data.date).get_days().max(0);
    let old = age > RECENT_DAYS;
    let known = data.knows(context.to);
    let of = format!("release data {} of {}", data.version, data.date);
    let summary = match (old, known) {
        (false, true) => {
            return Judgement::pass(format!("{of}, {age} days old, knows {}", context.to));
        }
        (true, true) => format!("{of} is {age} days old; more than {RECENT_DAYS} is too old"),
        (false, false) => format!("{of} does not know the target {}", context.to),
        (true, false) => format!(
            "{of} is {age} days old (more than {RECENT_DAYS}) and does not know the target {}",
            context.to
        ),
    };
    let mut remedy =
        "Use the newest checker, or newer data: `checker --data DIR --target-version V`."
            .to_owned();
    if !known {
        remedy.push_str(&format!(" {}", nearest(data, context.to)));
    }
    Judgement::warn(summary, remedy)
}

/// The releases of the target's line that are known: perhaps one was meant.
fn nearest(data: &ReleaseData, target: &Version) -> String {
    let mut known: Vec<&Version> = data
        .releases
        .iter()
        .map(|release| &release.version)
        .filter(|version| version.line() == target.line())
        .collect();
    known.sort();
    let (major, minor) = target.line();
    match (known.first(), known.last()) {
        (Some(first), Some(last)) => format!(
            "Check the number: of {major}.{minor} it knows {} releases, {first} to {last}.",
            known.len()
        ),
        _ => format!("Check the number: it knows no release of {major}.{minor}."),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    /// The test data is of 2026-07-15 and knows 4.4.33.
    #[rstest]
    #[case::same_day("2026-07-15T23:00:00Z", "4.4.33", Outcome::Pass)]
    #[case::sixty_days("2026-09-13T23:59:59Z", "4.4.33", Outcome::Pass)]
    #[case::sixty_one_days("2026-09-14T00:00:00Z", "4.4.33", Outcome::Warn)]
    #[case::years("2031-01-01T00:00:00Z", "4.4.33", Outcome::Warn)]
    #[case::an_old_bundle_judged_again("2025-01-01T00:00:00Z", "4.4.33", Outcome::Pass)]
    #[case::written_otherwise("2026-07-20T00:00:00Z", "4.4.33.0", Outcome::Pass)]
    #[case::unknown_target("2026-07-20T00:00:00Z", "4.4.34", Outcome::Warn)]
    #[case::unknown_hotfix("2026-07-20T00:00:00Z", "4.4.33-hotfix1", Outcome::Warn)]
    #[case::both("2026-09-14T00:00:00Z", "6.0.0", Outcome::Warn)]
    fn judges(#[case] now: &str, #[case] target: &str, #[case] outcome: Outcome) {
        let result = Evidence::new().at(now).judge_one(&TOOL_DATA, target);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Outcome::Warn);
    }

    // field history 93
    #[test]
    fn shows_age_and_what_is_known() {
        let result = Evidence::new().judge_one(&TOOL_DATA, "4.4.33");
        assert_eq!(
            result.summary,
            "release data test of 2026-07-15, 5 days old, knows 4.4.33"
        );
        let result = Evidence::new().judge_one(&TOOL_DATA, "4.4.34");
        let remedy = result.remedy.unwrap_or_default();
        assert!(
            remedy.ends_with("of 4.4 it knows 1 releases, 4.4.33 to 4.4.33."),
            "{remedy}"
        );
    }
}
