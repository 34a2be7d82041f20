use checker_core::facts::cpu::Cpu;
use checker_core::{Context, Judgement, check};

check! {
    /// The processors can do what WEKA demands.
    ///
    /// ## What it looks at
    /// The flags in `/proc/cpuinfo`: `avx2`, without which no release from 4.3 on
    /// starts, and `aes`, which the prerequisites of all releases name.
    ///
    /// ## Why it matters
    /// The programs of the new release are compiled for processors that have both.
    ///
    /// ## If ignored
    /// The containers of this server end with an illegal instruction as soon as
    /// they start in the new release.
    ///
    /// ## How to fix
    /// Both can be switched off in the firmware, or be hidden from a virtual
    /// machine: `lscpu | grep -wo -e avx2 -e aes` shows what is left. Switch them on
    /// there (for a virtual machine the CPU model `host-passthrough`). A processor
    /// that lacks them (before Intel Haswell, before AMD Zen) must be replaced.
    pub CPU {
        id: "server/cpu",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["Prerequisites: CPU", "Public upgrade checker: AVX2", "rules I1, I2"],
        needs: [&Cpu],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, cpu: &Cpu) -> Judgement {
    let model = cpu.model.as_deref().unwrap_or("model not told");
    let lacks: Vec<&str> = [("AVX2", cpu.avx2), ("AES", cpu.aes)]
        .into_iter()
        .filter(|(_, has)| *has == Some(false))
        .map(|(name, _)| name)
        .collect();
    if !lacks.is_empty() {
        return Judgement::fail(
            format!("no {} ({model})", lacks.join(" and no ")),
            "`lscpu | grep -wo -e avx2 -e aes` shows what there is. Switch it on in the firmware, or give the virtual \
             machine the CPU model `host-passthrough`; a processor that lacks it must be replaced.",
        );
    }
    if cpu.avx2.is_none() || cpu.aes.is_none() {
        return Judgement::unknown(format!(
            "the kernel does not tell what the processors can do ({model})"
        ));
    }
    Judgement::pass(format!("AVX2 and AES ({} × {model})", cpu.count))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Fail, Pass, Unknown};

    fn judged(flags: &str) -> CheckResult {
        let text = format!("nodes 1\n{flags}model AMD EPYC 7763\ncpus 64\n");
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:cpu", &text)])
            .judge_one(&CPU, "4.4.33")
    }

    #[rstest]
    #[case::both("flags avx2 aes\n", Pass, "AVX2 and AES (64 × AMD EPYC 7763)")]
    // field history G5
    #[case::no_avx2("flags aes\n", Fail, "no AVX2 (AMD EPYC 7763)")] // field history 29
    #[case::no_aes("flags avx2\n", Fail, "no AES (AMD EPYC 7763)")]
    #[case::neither("flags\n", Fail, "no AVX2 and no AES (AMD EPYC 7763)")]
    #[case::not_told(
        "",
        Unknown,
        "the kernel does not tell what the processors can do (AMD EPYC 7763)"
    )]
    fn judges(#[case] flags: &str, #[case] outcome: Outcome, #[case] summary: &str) {
        let result = judged(flags);
        assert_eq!(
            (result.outcome, result.summary.as_str()),
            (outcome, summary)
        );
        assert_eq!(result.remedy.is_some(), outcome == Fail);
    }

    #[test]
    fn half_an_answer_is_unknown() {
        let base = Evidence::running("4.4.21.2");
        let good = "nodes 1\nflags avx2 aes\nmodel AMD EPYC 7763 64-Core Processor\ncpus 64\n";
        probe_is_unknown(&CPU, "4.4.33", "host:cpu", good, &base, &[]);
    }
}
