use checker_core::facts::Missing;
use checker_core::facts::local_containers::LocalContainers;
use checker_core::facts::memory::Memory;
use checker_core::{Context, Judgement, check};

use crate::size::{GIB, Gib};

check! {
    /// There is memory left beside WEKA.
    ///
    /// ## What it looks at
    /// `MemAvailable` of `/proc/meminfo`, which does not count the huge pages
    /// that WEKA holds, against 1 GiB for each container of `weka local ps`, and
    /// never less than 5 GiB.
    ///
    /// ## Why it matters
    /// While a container is exchanged, the new release runs beside the old one
    /// for a time: unpacking, compiling the driver, preparing the container.
    ///
    /// ## If ignored
    /// The kernel kills a process of the preparation, or of a container.
    ///
    /// ## How to fix
    /// `ps -eo rss,comm --sort=-rss | head` shows who uses it. End what is not
    /// needed on a storage server, give back huge pages that nobody uses
    /// (`grep Huge /proc/meminfo`), or add memory.
    pub MEMORY {
        id: "server/memory",
        scope: [Backend],
        when: "all",
        levels: [Warn],
        sources: ["Public upgrade checker: memory", "rules I9"],
        needs: [&Memory, Result<&LocalContainers, Missing>],
        judge: judge,
    }
}

/// Whatever runs on the server.
const LEAST: u64 = 5 * GIB;

fn judge(
    _: &Context<'_>,
    memory: &Memory,
    containers: Result<&LocalContainers, Missing>,
) -> Judgement {
    let free = Gib(memory.available);
    let remedy = "`ps -eo rss,comm --sort=-rss | head` shows who uses the memory, `grep Huge /proc/meminfo` the huge \
         pages. End what is not needed on this server, or add memory.";
    let total = format!("of {} in all", Gib(memory.total));
    // The least is needed however many containers there are.
    if memory.available < LEAST && containers.is_err() {
        return Judgement::warn(
            format!("{free} of memory available, at least {} needed", Gib(LEAST)),
            remedy,
        )
        .detail(total);
    }
    let count = match containers {
        Ok(containers) => containers.0.len(),
        Err(missing) => {
            return Judgement::unknown(format!(
                "{free} of memory available; how much is needed depends on the containers: {missing}"
            ));
        }
    };
    let each = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(GIB);
    let needed = Gib(LEAST.max(each));
    if free < needed {
        Judgement::warn(
            format!("{free} of memory available, {needed} needed for {count} containers"),
            remedy,
        )
        .detail(total)
    } else {
        Judgement::pass(format!(
            "{free} of memory available ({needed} needed for {count} containers)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Pass, Unknown, Warn};

    fn meminfo(available_kib: u64) -> String {
        format!("MemTotal: 395266684 kB\nMemFree: 1 kB\nMemAvailable: {available_kib} kB\n")
    }

    fn ps(count: usize) -> String {
        let one = r#"{"name":"c","type":"weka","isRunning":true}"#;
        format!("[{}]", vec![one; count].join(","))
    }

    fn judged(meminfo: &str, ps: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend(
                "weka-01",
                &[("host:memory", meminfo), ("host:local-ps", ps)],
            )
            .judge_one(&MEMORY, "4.4.33")
    }

    /// 5 GiB are 5,242,880 KiB.
    #[rstest]
    #[case::plenty(100_000_000, 3, Pass)]
    #[case::exactly_five(5_242_880, 5, Pass)]
    #[case::one_kib_short(5_242_879, 3, Warn)]
    #[case::no_container(5_242_880, 0, Pass)]
    #[case::six_containers(5_242_880, 6, Warn)]
    #[case::six_for_six(6_291_456, 6, Pass)]
    #[case::twelve_and_eight_gib(8_388_608, 12, Warn)] // field history 42
    #[case::twelve_and_twelve(12_582_912, 12, Pass)]
    fn limits(#[case] available: u64, #[case] containers: usize, #[case] outcome: Outcome) {
        let result = judged(&meminfo(available), &ps(containers));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Warn);
    }

    #[rstest]
    #[case::too_little_for_any(5_242_879, Warn)]
    #[case::enough_for_some(100_000_000, Unknown)]
    fn without_the_containers(#[case] available: u64, #[case] outcome: Outcome) {
        let result = judged(&meminfo(available), "no JSON");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn shows_what_was_measured() {
        assert_eq!(
            judged(&meminfo(20_971_520), &ps(3)).summary,
            "20.00 GiB of memory available (5.00 GiB needed for 3 containers)"
        );
    }

    #[test]
    fn half_the_evidence_is_unknown() {
        let base = Evidence::running("4.4.21.2");
        let (good, ps) = (meminfo(100_000_000), ps(3));
        probe_is_unknown(
            &MEMORY,
            "4.4.33",
            "host:memory",
            &good,
            &base,
            &[("host:local-ps", &ps)],
        );
        probe_is_unknown(
            &MEMORY,
            "4.4.33",
            "host:local-ps",
            &ps,
            &base,
            &[("host:memory", &good)],
        );
    }
}
