use checker_core::facts::disks_config::DisksConfig;
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// No drive was left behind by the first configuration.
    ///
    /// ## What it looks at
    /// Every disk of `weka debug config show disks -J`: one that is meant to be
    /// INACTIVE since `ConfigGeneration<1>` and whose size at that time differs
    /// from its size.
    ///
    /// ## Why it matters
    /// Releases from 4.0 to before 4.2.1 can hold drives in their configuration
    /// that never took part. The upgrade brings their sizes into its reckoning.
    ///
    /// ## If ignored
    /// The upgrade stops while the drive containers are restarted.
    ///
    /// ## How to fix
    /// `weka cluster drive --show-removed` shows the drive; support takes it out
    /// of the configuration.
    pub DRIVE_CONFIG {
        id: "health/drive-config",
        scope: [Cluster],
        when: "4.0 <= src < 4.2.1",
        applies: applies,
        levels: [Fail],
        sources: ["public checker, check 30", "rules N4"],
        needs: [&DisksConfig],
        judge: judge,
    }
}

const FIRST: Version = Version::new(4, 0, 0, 0);
const FIXED: Version = Version::new(4, 2, 1, 0);

fn applies(path: &UpgradePath) -> Applies {
    if (FIRST..FIXED).contains(&path.from) {
        Applies::Yes
    } else {
        Applies::No(format!(
            "only releases from 4.0 to before 4.2.1 can have such drives; this is {}",
            path.from
        ))
    }
}

fn judge(_: &Context<'_>, DisksConfig(disks): &DisksConfig) -> Judgement {
    let left: Vec<_> = disks
        .iter()
        .filter(|disk| {
            disk.target_state == "INACTIVE"
                && disk.last_phase_out_generation == Some(1)
                && disk.last_phase_out_bytes != disk.bytes
        })
        .collect();
    if left.is_empty() {
        return Judgement::pass(format!(
            "none among {} disks of the configuration",
            disks.len()
        ));
    }
    Judgement::fail(
        format!("{} drives are left over from the first configuration", left.len()),
        "Look at them with `weka cluster drive --show-removed` and let support take them out of the configuration.",
    )
    .details(left.iter().map(|disk| {
        format!("{}: INACTIVE, {} bytes when phased out, {} bytes now", disk.id, disk.last_phase_out_bytes, disk.bytes)
    }))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::damaged;

    fn evidence(release: &str, state: &str, generation: &str, phased_out: u64) -> Evidence {
        let disks = json!({"DiskId<5>": {"_targetState": {"state": state}, "_committedState": {"state": state},
            "lastPhaseOutGeneration": generation, "lastPhaseOutSizeB": phased_out, "sizeB": 1000}});
        Evidence::running(release).weka("weka:disks-config", &disks.to_string())
    }

    // field history 59
    #[rstest]
    #[case::left_over("INACTIVE", "ConfigGeneration<1>", 0, Outcome::Fail)]
    #[case::same_size("INACTIVE", "ConfigGeneration<1>", 1000, Outcome::Pass)]
    #[case::later("INACTIVE", "ConfigGeneration<2>", 0, Outcome::Pass)]
    #[case::never("INACTIVE", "ConfigGeneration<INVALID>", 0, Outcome::Pass)]
    #[case::active("ACTIVE", "ConfigGeneration<1>", 0, Outcome::Pass)]
    fn judges(
        #[case] state: &str,
        #[case] generation: &str,
        #[case] size: u64,
        #[case] outcome: Outcome,
    ) {
        let result =
            evidence("4.2.0.142", state, generation, size).judge_one(&DRIVE_CONFIG, "4.2.18.34");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case("3.14.1", Outcome::Skipped)]
    #[case("4.0", Outcome::Fail)]
    #[case("4.2.0.142-abc", Outcome::Fail)]
    #[case("4.2.1", Outcome::Skipped)]
    #[case("4.4.21.2", Outcome::Skipped)]
    fn window(#[case] release: &str, #[case] outcome: Outcome) {
        let result = evidence(release, "INACTIVE", "ConfigGeneration<1>", 0)
            .judge_one(&DRIVE_CONFIG, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn damaged_answers_are_unknown() {
        damaged::is_unknown(
            &DRIVE_CONFIG,
            "4.2.18.34",
            "weka:disks-config",
            &Evidence::running("4.2.0.142"),
        );
    }
}
