use checker_core::facts::Missing;
use checker_core::facts::fsck::{InitialVersion, LastFsck, LastUpgrade};
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// A clean metadata scan has ended since the last upgrade.
    ///
    /// ## What it looks at
    /// When the last metadata scan (FSCK) that came to its end began and how many
    /// faults it found, when the cluster was upgraded last, and which release it
    /// was made with.
    ///
    /// ## Why it matters
    /// From 4.4 to a 5.1 release before 5.1.30 the product itself demands a scan
    /// without faults that began after the last upgrade. A cluster that still
    /// runs the release that it was made with needs none.
    ///
    /// ## If ignored
    /// The product refuses the upgrade, or carries damaged metadata into the new format.
    ///
    /// ## How to fix
    /// Ask support to start a scan on the 4.4 release; `weka cluster task` shows
    /// how far it is. Where 4.4 is only a stop on the way, the scan belongs
    /// between the two hops: upgrade to 4.4, wait for the conversion of the
    /// metadata, let the scan run to its end, and check again before going on.
    pub FSCK {
        id: "health/fsck",
        scope: [Cluster],
        when: "the path has a 4.4.x and a 5.1.x (x < 30) release",
        applies: applies,
        levels: [Warn, Fail],
        sources: ["public checker, check 86", "rules N15"],
        needs: [
            Result<&LastFsck, Missing>,
            Result<&LastUpgrade, Missing>,
            Result<&InitialVersion, Missing>,
        ],
        judge: judge,
    }
}

/// Where on the path the scan is demanded, by the places of the releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Boundary {
    /// The release on which it has to run: 0 is the running one.
    on: usize,
    /// The release that demands it.
    before: usize,
}

/// Where the scan is demanded on a path of these releases, the running one
/// first: on the last 4.4 before a 5.1 release older than 5.1.30.
fn boundary(releases: &[&Version]) -> Option<Boundary> {
    let is_demanding = |v: &&Version| v.line() == (5, 1) && v.numbers()[2] < 30;
    let before = releases.iter().position(is_demanding)?;
    let on = releases[..before]
        .iter()
        .rposition(|v| v.line() == (4, 4))?;
    Some(Boundary { on, before })
}

/// Every path over the boundary lies between these lines. Which paths within
/// them have it is seen from the route.
fn applies(path: &UpgradePath) -> Applies {
    if path.from.line() <= (4, 4) && path.to.line() >= (5, 1) {
        Applies::Yes
    } else {
        Applies::No(no_boundary(&path.from, &path.to))
    }
}

fn no_boundary(from: &Version, to: &Version) -> String {
    format!(
        "no scan is demanded from {from} to {to}: only on a way from 4.4 to a 5.1 before 5.1.30"
    )
}

const SCAN: &str = "Let support start a metadata scan (FSCK), follow it with `weka cluster task`, and check again when it has ended without faults.";

fn judge(
    context: &Context<'_>,
    fsck: Result<&LastFsck, Missing>,
    upgrade: Result<&LastUpgrade, Missing>,
    initial: Result<&InitialVersion, Missing>,
) -> Judgement {
    let Some(running) = context.from else {
        return Judgement::unknown("the running release is not known");
    };
    let hops = context.hops();
    let releases: Vec<&Version> = std::iter::once(running)
        .chain(hops.iter().map(|hop| hop.to))
        .collect();
    let Some(Boundary { on, before }) = boundary(&releases) else {
        return Judgement::skipped(no_boundary(running, context.to));
    };
    let (scanned, next) = (releases[on], releases[before]);
    if on > 0 {
        return Judgement::warn(
            format!(
                "on {scanned} the cluster will need a metadata scan without faults before it goes on to {next}"
            ),
            format!(
                "After the hop to {scanned}, in this order: wait for the metadata conversion (`weka status`), let support start a scan (FSCK), follow it with `weka cluster task`, run this check again, then go on."
            ),
        );
    }
    // Either of these says by itself that no scan is needed.
    // Compared to the last number: the product may stop at the third, but
    // 4.4.10.171 to 4.4.10.200 is an upgrade all the same.
    if let Ok(InitialVersion(Some(initial))) = initial
        && initial.without_suffix() == running.without_suffix()
    {
        return Judgement::pass(format!(
            "no scan needed: the cluster was made with {initial}"
        ));
    }
    if let Ok(upgrade) = upgrade
        && upgrade.usecs.is_none()
    {
        return Judgement::pass("no scan needed: the cluster was never upgraded");
    }
    let facts = initial.and_then(|initial| Ok((initial, upgrade?, fsck?)));
    let (upgrade, LastFsck(scan)) = match facts {
        Ok((_, upgrade, fsck)) => (upgrade, fsck),
        Err(missing) => return Judgement::unknown(missing.to_string()),
    };
    let Some(upgraded) = upgrade.usecs else {
        return Judgement::pass("no scan needed: the cluster was never upgraded");
    };
    let Some(scan) = scan else {
        return Judgement::fail("no metadata scan has ever come to its end", SCAN);
    };
    let at = |usecs: i64| {
        jiff::Timestamp::from_microsecond(usecs)
            .and_then(|t| t.round(jiff::Unit::Second))
            .map_or_else(|_| format!("{usecs} us"), |t| t.to_string())
    };
    let times = format!(
        "it began at {}, the last upgrade was at {}",
        at(scan.started_usecs),
        at(upgraded)
    );
    if scan.started_usecs <= upgraded {
        return Judgement::fail(
            format!("no metadata scan since the last upgrade: {times}"),
            SCAN,
        );
    }
    if scan.issues > 0 {
        return Judgement::fail(
            format!(
                "the last metadata scan found {} faults; {times}",
                scan.issues
            ),
            "Call support: the faults must be mended, and another scan must end without any (`weka cluster task`), before the upgrade.",
        );
    }
    Judgement::pass(format!("the last metadata scan found no fault; {times}"))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::damaged;

    const UPGRADED: i64 = 1_772_700_000_000_000;

    fn v(text: &str) -> Version {
        text.parse().expect("a release")
    }

    // field history 90
    #[rstest]
    #[case::here(&["4.4.21", "5.1.25"], Some((0, 1)))]
    #[case::with_a_stop(&["4.4.21", "5.0.4", "5.1.25"], Some((0, 2)))]
    // field history R14
    #[case::later(&["4.2.18", "4.4.21", "5.1.25"], Some((1, 2)))]
    #[case::a_second_4_4(&["4.4.10", "4.4.33", "5.1.25"], Some((1, 2)))]
    #[case::on_the_way_to_more(&["4.4.21", "5.1.29", "6.0"], Some((0, 1)))]
    #[case::last_that_demands(&["4.4.21", "5.1.29.9"], Some((0, 1)))]
    #[case::first_that_does_not(&["4.4.21", "5.1.30"], None)]
    #[case::the_second_5_1(&["4.4.21", "5.1.30", "5.1.31"], None)]
    #[case::not_to_5_1(&["4.4.21", "5.0.4"], None)]
    #[case::within_4_4(&["4.4.10", "4.4.33"], None)]
    #[case::within_5(&["5.0.4", "5.1.25"], None)]
    #[case::not_from_4_3(&["4.3.5", "5.1.25"], None)]
    #[case::alone(&["5.1.25"], None)]
    fn where_the_scan_is_demanded(#[case] path: &[&str], #[case] expected: Option<(usize, usize)>) {
        let path: Vec<Version> = path.iter().map(|text| v(text)).collect();
        let found = boundary(&path.iter().collect::<Vec<_>>());
        assert_eq!(found.map(|b| (b.on, b.before)), expected);
    }

    // field history R14
    /// Which way the cluster goes decides, not only where it begins and ends.
    #[rstest]
    #[case::direct("4.4.21.2", "5.1.25", Outcome::Unknown, "")]
    #[case::unlisted("4.4.21.2", "5.1.29", Outcome::Unknown, "")]
    #[case::does_not_demand("4.4.21.2", "5.1.30", Outcome::Skipped, "")]
    #[case::to_5_0("4.4.21.2", "5.0.4", Outcome::Skipped, "")]
    #[case::within_4_4("4.4.21.2", "4.4.33", Outcome::Skipped, "")]
    #[case::from_5_0("5.0.4", "5.1.25", Outcome::Skipped, "")]
    #[case::over_4_4("4.2.18.34", "5.1.25", Outcome::Warn, "on 4.4.26 ")]
    #[case::from_4_3("4.3.5", "5.1.25", Outcome::Warn, "on 4.4.26 ")]
    // 5.1.25 takes 4.4.21.2 and later: a newer 4.4 comes first, and the scan on that.
    #[case::over_another_4_4("4.4.10.202", "5.1.25", Outcome::Warn, "on 4.4.26 ")]
    // Too new for 5.1.25: there is no way, but what lies between is the same.
    #[case::no_way("4.4.33", "5.1.25", Outcome::Unknown, "")]
    #[case::only_to_4_4("4.2.18.34", "4.4.33", Outcome::Skipped, "")]
    fn window(
        #[case] from: &str,
        #[case] to: &str,
        #[case] outcome: Outcome,
        #[case] summary: &str,
    ) {
        let data = crate::release_data().expect("good data");
        let result = Evidence::running(from).by(data).judge_one(&FSCK, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert!(result.summary.starts_with(summary), "{result:?}");
    }

    /// What says by itself that no scan is needed does not wait for the rest.
    #[rstest]
    #[case::made_with_it(Some("4.4.21.2"), None, Outcome::Pass)]
    #[case::never_upgraded(None, Some(-1), Outcome::Pass)]
    #[case::made_with_another(Some("4.4.10"), None, Outcome::Unknown)]
    #[case::upgraded(None, Some(UPGRADED), Outcome::Unknown)]
    fn one_fact_can_be_enough(
        #[case] initial: Option<&str>,
        #[case] upgraded: Option<i64>,
        #[case] outcome: Outcome,
    ) {
        let mut evidence = Evidence::running("4.4.21.2");
        if let Some(initial) = initial {
            evidence = evidence.weka("weka:initial-version", &json!(initial).to_string());
        }
        if let Some(usecs) = upgraded {
            evidence = evidence.weka("weka:last-upgrade", &json!({"usecs": usecs}).to_string());
        }
        let result = evidence.judge_one(&FSCK, "5.1.25");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    fn base(initial: &str, upgraded: i64) -> Evidence {
        Evidence::running("4.4.21.2")
            .weka("weka:initial-version", &json!(initial).to_string())
            .weka("weka:last-upgrade", &json!({"usecs": upgraded}).to_string())
    }

    fn scan(issues: u64, started: i64) -> String {
        json!({"issuesCount": {"__unaligned_value": issues}, "startTime": {"__unaligned_value": {"usecs": started}}}).to_string()
    }

    #[rstest]
    #[case::clean("4.4.10", UPGRADED, &scan(0, UPGRADED + 1), Outcome::Pass)]
    #[case::at_the_same_moment("4.4.10", UPGRADED, &scan(0, UPGRADED), Outcome::Fail)]
    #[case::before("4.4.10", UPGRADED, &scan(0, UPGRADED - 1), Outcome::Fail)]
    #[case::faults("4.4.10", UPGRADED, &scan(1, UPGRADED + 1), Outcome::Fail)]
    #[case::no_scan("4.4.10", UPGRADED, "null", Outcome::Fail)]
    #[case::never_began("4.4.10", UPGRADED, &scan(0, -1), Outcome::Fail)]
    #[case::never_upgraded("4.4.10", -1, "null", Outcome::Pass)]
    #[case::made_with_this_release("4.4.21.2", UPGRADED, "null", Outcome::Pass)]
    // field history G25
    #[case::made_with_another_build("4.4.21.1", UPGRADED, "null", Outcome::Fail)]
    #[case::an_empty_object("4.4.10", UPGRADED, "{}", Outcome::Unknown)]
    fn judges(
        #[case] initial: &str,
        #[case] upgraded: i64,
        #[case] scan: &str,
        #[case] outcome: Outcome,
    ) {
        let result = base(initial, upgraded)
            .weka("weka:fsck", scan)
            .judge_one(&FSCK, "5.1.25");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    /// A cluster too old to have noted its first release has been upgraded since.
    #[test]
    fn without_a_first_release_the_scan_decides() {
        let stderr = "error: clusterInfo does not have a member named initialSwVersion";
        let evidence = Evidence::running("4.4.21.2")
            .weka_ended("weka:initial-version", End::Exited(1), "", stderr)
            .weka("weka:last-upgrade", &json!({"usecs": UPGRADED}).to_string());
        let clean = evidence.clone().weka("weka:fsck", &scan(0, UPGRADED + 1));
        assert_eq!(clean.judge_one(&FSCK, "5.1.25").outcome, Outcome::Pass);
        let none = evidence.weka("weka:fsck", "null");
        assert_eq!(none.judge_one(&FSCK, "5.1.25").outcome, Outcome::Fail);
    }

    #[test]
    fn damaged_answers_are_unknown() {
        damaged::is_unknown(&FSCK, "5.1.25", "weka:fsck", &base("4.4.10", UPGRADED));
        let base = Evidence::running("4.4.21.2").weka("weka:fsck", &scan(0, UPGRADED + 1));
        let with = |key: &str, answer: &str| base.clone().weka(key, answer);
        damaged::is_unknown(
            &FSCK,
            "5.1.25",
            "weka:last-upgrade",
            &with("weka:initial-version", "\"4.4.10\""),
        );
        damaged::is_unknown(
            &FSCK,
            "5.1.25",
            "weka:initial-version",
            &with("weka:last-upgrade", "{\"usecs\":5}"),
        );
    }
}
