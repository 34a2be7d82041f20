use checker_core::facts::cpu::Cpu;
use checker_core::{Context, Judgement, Version, check};

check! {
    /// The target supports as many NUMA domains as the server has.
    ///
    /// ## What it looks at
    /// The directories `/sys/devices/system/node/node*`, against what the target
    /// supports: 8 before 4.2.7, 16 from there on, and 32 from 4.2.11 (in the line
    /// 4.3 from 4.3.2) on. No release supports more.
    ///
    /// ## Why it matters
    /// Each container divides its memory among the domains, in tables of a fixed
    /// size (WEKAPP-361715).
    ///
    /// ## If ignored
    /// The containers of this server do not start in the new release.
    ///
    /// ## How to fix
    /// Set fewer domains in the firmware: on AMD EPYC NPS1 and "L3 as NUMA domain"
    /// off, on Intel Sub-NUMA Clustering off. `lscpu | grep NUMA` shows the result.
    /// Or choose a target that supports them.
    pub NUMA {
        id: "server/numa",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["WEKAPP-361715", "rules I12"],
        needs: [&Cpu],
        judge: judge,
    }
}

/// How many domains this release supports.
fn supported(target: &Version) -> usize {
    let early_4_3 = Version::new(4, 3, 0, 0)..Version::new(4, 3, 2, 0);
    if *target < Version::new(4, 2, 7, 0) {
        8
    } else if *target < Version::new(4, 2, 11, 0) || early_4_3.contains(target) {
        16
    } else {
        32
    }
}

fn judge(context: &Context<'_>, cpu: &Cpu) -> Judgement {
    // Of all releases on the way, the one that supports the fewest.
    let ahead = context.releases_ahead().into_iter();
    let target = ahead.min_by_key(|v| supported(v)).unwrap_or(context.to);
    let (count, most) = (cpu.numa_domains, supported(target));
    if count > most {
        Judgement::fail(
            format!("{count} NUMA domains, {target} supports {most}"),
            "Set fewer in the firmware: NPS1 and \"L3 as NUMA domain\" off on AMD, Sub-NUMA Clustering off on Intel; \
             `lscpu | grep NUMA` shows the result.",
        )
    } else {
        Judgement::pass(format!("{count} NUMA domains ({target} supports {most})"))
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Fail, Pass};

    #[rstest]
    #[case::two("2", "4.4.33", Pass)]
    #[case::a_kernel_that_knows_none("none", "4.4.33", Pass)]
    #[case::eight_before("8", "4.2.6.90", Pass)]
    #[case::nine_before("9", "4.2.6.90", Fail)]
    #[case::nine_from("9", "4.2.7", Pass)]
    #[case::sixteen("16", "4.2.10", Pass)]
    #[case::seventeen_before("17", "4.2.10", Fail)]
    #[case::seventeen_from("17", "4.2.11", Pass)]
    #[case::seventeen_in_4_3("17", "4.3.1", Fail)]
    #[case::seventeen_in_4_3_0("17", "4.3.0", Fail)]
    #[case::sixteen_in_4_3("16", "4.3.1", Pass)]
    #[case::seventeen_from_4_3_2("17", "4.3.2", Pass)]
    #[case::thirty_two("32", "5.1.25", Pass)]
    #[case::thirty_three("33", "5.1.25", Fail)]
    fn limits(#[case] nodes: &str, #[case] target: &str, #[case] outcome: Outcome) {
        let text = format!("nodes {nodes}\nflags avx2 aes\ncpus 64\n");
        let result = Evidence::running("4.2.1")
            .backend("weka-01", &[("host:cpu", &text)])
            .judge_one(&NUMA, target);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Fail);
        let count = nodes.replace("none", "1");
        assert!(
            result.summary.starts_with(&format!("{count} NUMA domains")),
            "{result:?}"
        );
    }

    #[test]
    fn half_an_answer_is_unknown() {
        let base = Evidence::running("4.4.21.2");
        let good = "nodes 2\nflags avx2 aes\nmodel AMD EPYC 7763 64-Core Processor\ncpus 64\n";
        probe_is_unknown(&NUMA, "4.4.33", "host:cpu", good, &base, &[]);
    }
}
