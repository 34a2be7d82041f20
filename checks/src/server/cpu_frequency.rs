use std::collections::BTreeMap;

use checker_core::facts::This;
use checker_core::facts::containers::{AUTO_CORE, Containers};
use checker_core::facts::cpu::Cpu;
use checker_core::{Context, Judgement, check};

check! {
    /// WEKA's cores run at 1500 MHz or more.
    ///
    /// ## What it looks at
    /// `cpu MHz` of `/proc/cpuinfo`, of those cores that the cluster has for the
    /// containers of this server (`weka cluster container -J`, `cores_ids`). A server
    /// with a core below 1500 MHz is looked at once more half a second later, and the
    /// higher value counts. Where a container chose its cores by itself (AUTO), the
    /// check is green if no core at all is below, and else cannot tell.
    ///
    /// ## Why it matters
    /// A slow core is slow for the whole cluster: others wait for it.
    ///
    /// ## If ignored
    /// Buckets start so slowly on this server that the upgrade takes them for hung.
    ///
    /// ## How to fix
    /// `cpupower frequency-set -g performance` (package `kernel-tools` or
    /// `linux-tools-$(uname -r)`), or `tuned-adm profile throughput-performance`. In the
    /// firmware, choose the profile for performance and switch power capping off.
    pub CPU_FREQUENCY {
        id: "server/cpu-frequency",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        // One moment's value was red with the public checker, one line per
        // core (public checks 71, field history R18).
        sources: ["Public upgrade checker: CPU frequency", "rules I14"],
        needs: [This<'_>, &Cpu, &Containers],
        judge: judge,
    }
}

/// MHz.
const NEEDED: u64 = 1500;

fn judge(_: &Context<'_>, This(server): This<'_>, cpu: &Cpu, containers: &Containers) -> Judgement {
    if cpu.mhz.is_empty() {
        return Judgement::unknown("the kernel does not tell how fast the cores run");
    }
    let mut cores: Vec<u64> = Vec::new();
    let mut open = Vec::new();
    for container in containers.on(server).filter(|container| container.backend) {
        match &container.core_ids {
            Some(ids) if !ids.contains(&AUTO_CORE) => cores.extend(ids),
            Some(ids) => {
                cores.extend(ids.iter().filter(|id| **id != AUTO_CORE));
                open.push(format!("{} chose its cores by itself", container.name));
            }
            None => open.push(format!("the cores of {} are not told", container.name)),
        }
    }
    cores.sort_unstable();
    cores.dedup();
    let slow: BTreeMap<u64, u64> = cores
        .iter()
        .filter_map(|core| Some((*core, *cpu.mhz.get(core)?)))
        .filter(|(_, mhz)| *mhz < NEEDED)
        .collect();
    if !slow.is_empty() {
        return red(&slow, cores.len(), cpu.governor.as_deref());
    }
    // Some core, whoever uses it.
    let slowest = cpu.mhz.values().min().copied().unwrap_or_default();
    if !open.is_empty() || cores.is_empty() {
        return if slowest >= NEEDED {
            Judgement::pass(format!(
                "every core at {slowest} MHz or more ({NEEDED} needed)"
            ))
        } else {
            let why = if open.is_empty() {
                "the cluster tells no core of this server".to_owned()
            } else {
                open.join("; ")
            };
            Judgement::unknown(format!(
                "some core runs at {slowest} MHz, and whether WEKA uses it is open: {why}"
            ))
        };
    }
    let absent: Vec<String> = cores
        .iter()
        .filter(|core| !cpu.mhz.contains_key(core))
        .map(u64::to_string)
        .collect();
    if !absent.is_empty() {
        return Judgement::unknown(format!(
            "the kernel does not tell of core {}",
            absent.join(", ")
        ));
    }
    let slowest = cores
        .iter()
        .filter_map(|core| cpu.mhz.get(core))
        .min()
        .copied()
        .unwrap_or_default();
    Judgement::pass(format!(
        "{} cores at {slowest} MHz or more ({NEEDED} needed)",
        cores.len()
    ))
}

fn red(slow: &BTreeMap<u64, u64>, all: usize, governor: Option<&str>) -> Judgement {
    let slowest = slow.values().min().copied().unwrap_or_default();
    let governor = governor
        .map(|g| format!(", governor {g}"))
        .unwrap_or_default();
    let lines = slow
        .iter()
        .map(|(core, mhz)| format!("core {core}: {mhz} MHz"));
    Judgement::fail(
        format!(
            "{} of {all} cores below {NEEDED} MHz, the slowest at {slowest} MHz{governor}",
            slow.len()
        ),
        "`cpupower frequency-set -g performance`, or `tuned-adm profile throughput-performance`; in the firmware the \
         profile for performance, and no power capping.",
    )
    .details(lines)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged;
    use Outcome::{Fail, Pass, Unknown};

    /// A container on weka-01 with these cores, and one on another server.
    fn containers(cores: &str) -> String {
        format!(
            r#"[{{"host_id":1,"hostname":"weka-01","container_name":"drives0","host_ip":"10.0.0.1","mode":"backend","status":"UP","cores_ids":{cores}}},
               {{"host_id":2,"hostname":"weka-02","container_name":"drives0","host_ip":"10.0.0.2","mode":"backend","status":"UP","cores_ids":[3]}}]"#
        )
    }

    /// Cores 0, 1, … at these MHz.
    fn cpuinfo(mhz: &[&str]) -> String {
        let lines: String = mhz
            .iter()
            .enumerate()
            .map(|(core, mhz)| format!("mhz {core} {mhz}\n"))
            .collect();
        format!("nodes 1\n{lines}flags avx2 aes\ncpus {}\n", mhz.len())
    }

    fn judged(cores: &str, cpuinfo: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .weka("weka:containers", &containers(cores))
            .backend("weka-01", &[("host:cpu", cpuinfo)])
            .judge_one(&CPU_FREQUENCY, "4.4.33")
    }

    #[rstest]
    #[case::fast("[1,2]", &["800", "2400", "2400", "800"], Pass)]
    #[case::exactly("[1]", &["800", "1500"], Pass)]
    #[case::below("[1]", &["2400", "1499.99"], Fail)]
    #[case::another_server_s_core("[1]", &["2400", "2400", "2400", "800"], Pass)]
    #[case::auto_and_all_fast("[4294967295]", &["1500", "2400"], Pass)]
    #[case::auto_and_some_slow("[4294967295]", &["800", "2400"], Unknown)]
    #[case::auto_beside_a_slow_one("[0,4294967295]", &["800", "2400"], Fail)]
    #[case::not_told("null", &["800", "2400"], Unknown)]
    #[case::not_told_and_all_fast("null", &["2400", "2400"], Pass)]
    #[case::none("[]", &["800", "2400"], Unknown)]
    #[case::a_core_that_is_not_there("[1,7]", &["2400", "2400"], Unknown)]
    #[case::no_frequencies("[1]", &[], Unknown)]
    fn judges(#[case] cores: &str, #[case] mhz: &[&str], #[case] outcome: Outcome) {
        let text = if mhz.is_empty() {
            "nodes 1\nflags avx2 aes\ncpus 2\n".to_owned()
        } else {
            cpuinfo(mhz)
        };
        let result = judged(cores, &text);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Fail);
    }

    // field history R18
    /// public checks 71: a core that just woke up.
    #[test]
    fn the_second_look_counts_too() {
        let first = cpuinfo(&["2400", "800"]);
        let woken = format!("{first}governor powersave\nagain\nmhz 0 2400\nmhz 1 2300\ncpus 2\n");
        assert_eq!(judged("[0,1]", &woken).outcome, Pass);
        let asleep = format!("{first}governor powersave\nagain\nmhz 0 800\nmhz 1 900\ncpus 2\n");
        let result = judged("[0,1]", &asleep);
        assert_eq!(
            result.summary,
            "1 of 2 cores below 1500 MHz, the slowest at 900 MHz, governor powersave"
        );
        assert_eq!(result.details, ["core 1: 900 MHz"]);
    }

    #[test]
    fn shows_what_was_measured() {
        assert_eq!(
            judged("[0,1]", &cpuinfo(&["2400", "2300"])).summary,
            "2 cores at 2300 MHz or more (1500 needed)"
        );
    }

    #[test]
    fn half_the_evidence_is_unknown() {
        let good = cpuinfo(&["2400", "2400", "2400", "2400"]);
        let base = Evidence::running("4.4.21.2").backend("weka-01", &[("host:cpu", &good)]);
        damaged::is_unknown(&CPU_FREQUENCY, "4.4.33", "weka:containers", &base);
        let base = Evidence::running("4.4.21.2").weka("weka:containers", &containers("[1]"));
        damaged::probe_is_unknown(&CPU_FREQUENCY, "4.4.33", "host:cpu", &good, &base, &[]);
    }
}
