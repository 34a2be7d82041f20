use checker_core::facts::status::Status;
use checker_core::upgrade_path::{self, Basis, Route};
use checker_core::{Context, Judgement, check};

check! {
    /// A supported path leads from the running release to the target.
    ///
    /// ## What it looks at
    /// The running release, the target, and the release data: the smallest and
    /// the newest source of every release, and the days of their release. A
    /// target that the data does not know is judged by the general rules: one
    /// major after the other, an LTS to the next LTS, the limits of the
    /// target's neighbours, and release dates.
    ///
    /// ## Why it matters
    /// A release can only take over from releases that were tested with it.
    /// One that is too old lacks what the target builds on; one that is newer
    /// than the target's code may have written what the target can't read.
    ///
    /// ## If ignored
    /// The upgrade is refused, or the cluster ends in a state that no release
    /// supports. There is no way back: a downgrade is not supported.
    ///
    /// ## How to fix
    /// With several hops: upgrade to the first release of the path, let the
    /// metadata conversion end, run the checks again, and so on. Without a
    /// path: choose one of the targets that the result names.
    pub PATH {
        id: "version/path",
        scope: [Cluster],
        when: "all",
        levels: [Warn, Fail],
        sources: [
            "Upgrade guide: supported upgrade paths",
            "rules A3 to A8",
            "public upgrade data, each limit read for its own line",
        ],
        needs: [&Status],
        judge: judge,
    }
}

/// How many reachable targets a remedy names.
const NAMED: usize = 3;

fn judge(context: &Context<'_>, status: &Status) -> Judgement {
    let from = &status.release;
    match upgrade_path::find(context.data, from, context.to) {
        Ok(route) => supported(&route, context),
        Err(none) => {
            let newest: Vec<String> = upgrade_path::reachable(context.data, from)
                .iter()
                .take(NAMED)
                .map(ToString::to_string)
                .collect();
            let over_dropped = upgrade_path::find_over_dropped(context.data, from, context.to);
            let over_dropped = over_dropped.map(|way| {
                let way: Vec<String> = way.iter().map(ToString::to_string).collect();
                format!(
                    "over releases that are no longer listed the way would be {}; ask support",
                    way.join(" → ")
                )
            });
            let remedy = if newest.is_empty() {
                "No listed release can be reached from here. Wait for a release that takes it, or ask support."
                    .to_owned()
            } else {
                format!(
                    "Choose a target that can be reached from {from}; the newest are {}. Ask support if it must be {}.",
                    newest.join(", "),
                    context.to
                )
            };
            Judgement::fail(
                format!("no supported path to {}: {}", context.to, none.reason),
                remedy,
            )
            .details(over_dropped)
            .details(basis_in_words(&none.basis))
        }
    }
}

fn supported(route: &Route, context: &Context<'_>) -> Judgement {
    let details = basis_in_words(&route.basis)
        .into_iter()
        .chain(route.notes.clone());
    let hops: Vec<String> = route
        .hops()
        .enumerate()
        .map(|(n, hop)| format!("hop {}: {} → {}", n + 1, hop.from, hop.to))
        .collect();
    let judgement = match (hops.len(), route.first()) {
        (2.., Some(first)) => Judgement::warn(
            format!("{} hops: {}", hops.len(), route.shown()),
            format!(
                "Upgrade to {first} first. When its metadata conversion has ended, upgrade the clients and run the checks again for the next hop."
            ),
        )
        .details(hops),
        _ if !route.notes.is_empty() => Judgement::warn(
            format!("{} is allowed, but not advised", route.shown()),
            "Upgrade within the running line first, to a release that the upgrade guide names for this step.",
        ),
        _ => match &route.basis {
            Basis::Listed => Judgement::pass(format!("direct: {}", route.shown())),
            Basis::Dropped => Judgement::pass(format!(
                "direct: {}, by the limits known when {} was still listed",
                route.shown(),
                context.to
            )),
            Basis::General(_) => {
                Judgement::pass(format!("direct: {}, by the general rules", route.shown()))
            }
        },
    };
    judgement.details(details)
}

fn basis_in_words(basis: &Basis) -> Option<String> {
    match basis {
        Basis::Listed => None,
        Basis::Dropped => Some(
            "the release data no longer lists the target; judged by what was known when it did"
                .to_owned(),
        ),
        Basis::General(words) => Some(format!("judged by general rules: {words}")),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn judged(from: &str, to: &str) -> CheckResult {
        Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .judge_one(&PATH, to)
    }

    #[rstest]
    #[case::direct("4.4.21.2", "4.4.33", Outcome::Pass, "direct: 4.4.21.2 → 4.4.33")]
    #[case::from_the_smallest("4.2.6", "4.4.33", Outcome::Pass, "direct: 4.2.6 → 4.4.33")]
    #[case::data_and_guide_differ(
        "4.2.5",
        "4.4.33",
        Outcome::Warn,
        "4.2.5 → 4.4.33 is allowed, but not advised"
    )]
    #[case::two_hops(
        "4.2.18.34",
        "5.1.25",
        Outcome::Warn,
        "2 hops: 4.2.18.34 → 4.4.26 → 5.1.25"
    )]
    // field history R20
    #[case::too_new(
        "4.4.33",
        "5.1.25",
        Outcome::Fail,
        "no supported path to 5.1.25: 4.4.33 is newer than 4.4.26, the newest 4.4 release that 5.1.25 takes"
    )]
    #[case::not_newer(
        "4.4.33",
        "4.4.33",
        Outcome::Fail,
        "no supported path to 4.4.33: 4.4.33 is not newer than 4.4.33"
    )]
    #[case::dropped(
        "4.3.5.105",
        "4.4.4",
        Outcome::Pass,
        "direct: 4.3.5.105 → 4.4.4, by the limits known when 4.4.4 was still listed"
    )]
    #[case::not_known(
        "4.4.33",
        "4.4.34",
        Outcome::Pass,
        "direct: 4.4.33 → 4.4.34, by the general rules"
    )]
    #[case::a_hotfix(
        "4.4.26-6a24a384",
        "5.1.25",
        Outcome::Pass,
        "direct: 4.4.26-6a24a384 → 5.1.25"
    )]
    fn judges(
        #[case] from: &str,
        #[case] to: &str,
        #[case] outcome: Outcome,
        #[case] summary: &str,
    ) {
        let result = judged(from, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.summary, summary);
        assert_eq!(result.remedy.is_some(), outcome != Outcome::Pass);
    }

    #[test]
    fn several_hops_are_listed_one_by_one() {
        let result = judged("4.2.0", "5.1.25");
        assert_eq!(
            result.details,
            [
                "hop 1: 4.2.0 → 4.2.18.34",
                "hop 2: 4.2.18.34 → 4.4.26",
                "hop 3: 4.4.26 → 5.1.25"
            ]
        );
        assert!(
            result
                .remedy
                .is_some_and(|r| r.contains("Upgrade to 4.2.18.34 first"))
        );
    }

    #[test]
    fn without_a_path_it_names_what_can_be_reached() {
        let result = judged("4.4.26", "5.0.4.401");
        assert_eq!(result.outcome, Outcome::Fail);
        let remedy = result.remedy.expect("a remedy");
        assert!(
            remedy.contains("the newest are 5.1.25, 5.1.24, 5.1.23.1"),
            "{remedy}"
        );
    }

    /// 4.1 can no longer be selected, and nothing else leads from 4.0 to 4.2.
    #[test]
    fn a_way_over_dropped_releases_is_named() {
        let result = judged("4.0.5.39", "4.4.33");
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(
            result.details,
            [
                "over releases that are no longer listed the way would be 4.0.5.39 → 4.1.2.36 → 4.2.18.34 → 4.4.33; ask support"
            ]
        );
    }

    #[test]
    fn general_rules_are_named_as_such() {
        let result = judged("4.4.33", "4.4.34");
        assert_eq!(
            result.details,
            [
                "judged by general rules: the release data does not know 4.4.34: the limits of its neighbour 4.4.33, and release dates"
            ]
        );
    }

    #[test]
    fn no_answer_is_unknown() {
        let evidence =
            Evidence::new().weka_ended("weka:status", End::Exited(1), "", "error: no leader");
        assert_eq!(
            evidence.judge_one(&PATH, "4.4.33").outcome,
            Outcome::Unknown
        );
    }
}
