use checker_core::facts::Missing;
use checker_core::facts::snap_layers::SnapLayers;
use checker_core::facts::status::Status;
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// Every snapshot layer is spread over all buckets.
    ///
    /// ## What it looks at
    /// The bucket count of every snapshot layer (`weka debug config show
    /// snapLayers[*].stowInfo.LOCAL.bucketsNum`) beside the cluster's own in
    /// `weka status -J`. 0 stands for a layer that was never uploaded.
    ///
    /// ## Why it matters
    /// Targets from 4.2.12 to 4.4.0 take a layer with another count for damaged
    /// (WEKAPP-427366).
    ///
    /// ## If ignored
    /// The compute processes of the new release fail when they reach such a layer.
    ///
    /// ## How to fix
    /// Upgrade to 4.4.1 or newer instead, or let support find the snapshot
    /// (`weka fs snapshot`) and remove it.
    pub SNAPSHOT_BUCKETS {
        id: "data/snapshot-buckets",
        scope: [Cluster],
        when: "4.2.12 <= tgt <= 4.4",
        applies: applies,
        levels: [Fail],
        sources: ["WEKAPP-427366", "public checker, check 24", "rules N2"],
        needs: [Result<&SnapLayers, Missing>, Result<&Status, Missing>],
        judge: judge,
    }
}

const FIRST: Version = Version::new(4, 2, 12, 0);
const LAST: Version = Version::new(4, 4, 0, 0);

fn applies(path: &UpgradePath) -> Applies {
    // A release on the way can be one of them.
    if path.from.without_suffix() <= LAST && path.to.without_suffix() >= FIRST {
        Applies::Yes
    } else {
        Applies::No(format!(
            "only targets from 4.2.12 to 4.4.0 are affected, not {}",
            path.to
        ))
    }
}

fn judge(
    context: &Context<'_>,
    layers: Result<&SnapLayers, Missing>,
    status: Result<&Status, Missing>,
) -> Judgement {
    let is_concerned = |v: &Version| (FIRST..=LAST).contains(&v.without_suffix());
    let Some(hop) = context.first_ahead(is_concerned) else {
        return Judgement::skipped(format!(
            "only releases from 4.2.12 to 4.4.0 are affected, none of them on the way to {}",
            context.to
        ));
    };
    let (SnapLayers(layers), status) = match layers.and_then(|layers| Ok((layers, status?))) {
        Ok(facts) => facts,
        Err(missing) => return Judgement::unknown(missing.to_string()),
    };
    let Some(buckets) = status.buckets else {
        return Judgement::unknown(
            "`weka status -J` does not say how many buckets the cluster has",
        );
    };
    let odd = |count: &&u64| **count != 0 && **count != buckets.total;
    let mut counts: Vec<u64> = layers.iter().filter(odd).copied().collect();
    let found = counts.len();
    if found == 0 {
        return Judgement::pass(format!(
            "{} snapshot layers, all of 0 or {} buckets",
            layers.len(),
            buckets.total
        ));
    }
    counts.sort_unstable();
    counts.dedup();
    Judgement::fail(
        format!(
            "{found} of {} snapshot layers do not have the cluster's {} buckets{}",
            layers.len(),
            buckets.total,
            context.on_the_way(hop)
        ),
        "Upgrade to 4.4.1 or newer instead, or let support find the snapshots (`weka fs snapshot`) and remove them (WEKAPP-427366).",
    )
    .details(counts.iter().map(|count| {
        let layers = layers.iter().filter(|c| *c == count).count();
        format!("{count} buckets: {layers} of the layers")
    }))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged;

    // The healthy status has 150 buckets.
    #[rstest]
    #[case::same_and_zero("[150,150,0]", Outcome::Pass)]
    #[case::no_snapshots("[]", Outcome::Pass)]
    #[case::one_fewer("[150,149,0]", Outcome::Fail)]
    // field history 86
    #[case::one_more("[151]", Outcome::Fail)]
    #[case::not_a_list("150", Outcome::Unknown)]
    #[case::null_inside("[150,null]", Outcome::Unknown)]
    fn judges(#[case] layers: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.2.9.28")
            .weka("weka:snap-layers", layers)
            .judge_one(&SNAPSHOT_BUCKETS, "4.2.18.34");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    /// 4.4.33 is reached over a 4.2.18, which is in the window.
    #[rstest]
    #[case::the_first_hop("4.2.0", "4.4.33", Outcome::Fail)]
    #[case::no_hop("4.2.18.34", "4.4.33", Outcome::Skipped)]
    fn each_hop_counts(#[case] from: &str, #[case] to: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .weka("weka:snap-layers", "[150,149,0]")
            .judge_one(&SNAPSHOT_BUCKETS, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
        let named = result.summary.contains("(for the hop to 4.2.18");
        assert_eq!(named, outcome == Outcome::Fail, "{result:?}");
    }

    #[test]
    fn counts_the_layers() {
        let result = Evidence::running("4.2.9.28")
            .weka("weka:snap-layers", "[149,150,149,60]")
            .judge_one(&SNAPSHOT_BUCKETS, "4.2.18.34");
        assert_eq!(
            result.details,
            [
                "60 buckets: 1 of the layers",
                "149 buckets: 2 of the layers"
            ]
        );
    }

    // field history 86
    #[rstest]
    #[case("4.2.11", Outcome::Skipped)]
    #[case("4.2.12", Outcome::Fail)]
    #[case("4.3.5", Outcome::Fail)]
    #[case("4.4", Outcome::Fail)]
    #[case("4.4.0-hcfs", Outcome::Fail)]
    #[case("4.4.0.1", Outcome::Skipped)]
    #[case("4.4.1", Outcome::Skipped)]
    fn window(#[case] target: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.2.9.28")
            .weka("weka:snap-layers", "[60]")
            .judge_one(&SNAPSHOT_BUCKETS, target);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn damaged_answers_are_unknown() {
        damaged::is_unknown(
            &SNAPSHOT_BUCKETS,
            "4.2.18.34",
            "weka:snap-layers",
            &Evidence::running("4.2.9.28"),
        );
        let status = r#"{"name":"a","guid":"b","release":"4.2.9.28","upgrade_info":{},"status":"OK","io_status":"STARTED"}"#;
        let result = Evidence::new()
            .weka("weka:status", status)
            .weka("weka:snap-layers", "[0]")
            .judge_one(&SNAPSHOT_BUCKETS, "4.2.18.34");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }
}
