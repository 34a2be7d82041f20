use checker_core::facts::filesystems::Filesystems;
use checker_core::{Context, Judgement, check};

check! {
    /// No filesystem is smaller than 1 GiB.
    ///
    /// ## What it looks at
    /// The total capacity of every filesystem in `weka fs -J`.
    ///
    /// ## Why it matters
    /// Newer releases reserve space in every filesystem for their own metadata
    /// and expect at least 1 GiB.
    ///
    /// ## If ignored
    /// The small filesystem may be full, or refuse to be changed, after the upgrade.
    ///
    /// ## How to fix
    /// `weka fs update NAME --total-capacity 1GiB`, or remove it with
    /// `weka fs delete NAME` when nobody needs it.
    pub SMALL_FILESYSTEMS {
        id: "data/small-filesystems",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["public checker, check 26", "rules H10"],
        needs: [&Filesystems],
        judge: judge,
    }
}

const SMALLEST: u64 = 1 << 30;

fn judge(_: &Context<'_>, Filesystems(all): &Filesystems) -> Judgement {
    let small: Vec<_> = all.iter().filter(|fs| fs.total_bytes < SMALLEST).collect();
    if small.is_empty() {
        return Judgement::pass(format!(
            "{} filesystems, none smaller than 1 GiB",
            all.len()
        ));
    }
    Judgement::warn(
        format!("{} of {} filesystems are smaller than 1 GiB", small.len(), all.len()),
        "Enlarge each with `weka fs update NAME --total-capacity 1GiB`, or remove it with `weka fs delete NAME` when nobody needs it.",
    )
    .details(small.iter().map(|fs| format!("{}: {} bytes", fs.name, fs.total_bytes)))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::damaged;

    // field history R15
    #[rstest]
    #[case::at_the_limit(1_073_741_824, Outcome::Pass)]
    #[case::one_byte_less(1_073_741_823, Outcome::Warn)]
    #[case::a_decimal_gigabyte(1_000_000_000, Outcome::Warn)]
    #[case::nothing(0, Outcome::Warn)]
    fn judges(#[case] bytes: u64, #[case] outcome: Outcome) {
        let list = json!([{"name": "fs01", "available_total": 1u64 << 40}, {"name": "small", "available_total": bytes}]);
        let result = Evidence::running("4.4.21.2")
            .weka("weka:filesystems", &list.to_string())
            .judge_one(&SMALL_FILESYSTEMS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Outcome::Warn);
        if outcome == Outcome::Warn {
            assert_eq!(result.details, [format!("small: {bytes} bytes")]);
        }
    }

    #[test]
    fn a_cluster_without_filesystems_is_green() {
        let result = Evidence::running("4.4.21.2")
            .weka("weka:filesystems", "[]")
            .judge_one(&SMALL_FILESYSTEMS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass);
    }

    #[test]
    fn damaged_answers_are_unknown() {
        let base = Evidence::running("4.4.21.2");
        damaged::is_unknown(&SMALL_FILESYSTEMS, "4.4.33", "weka:filesystems", &base);
        let result = base
            .weka("weka:filesystems", r#"[{"name":"fs01"}]"#)
            .judge_one(&SMALL_FILESYSTEMS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
