//! The processors of a server: what they can do, how fast they run, and how
//! many NUMA domains they form.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// One pass of `awk` over `/proc/cpuinfo`: of the flags, which fill most of
/// it, only those asked for, and of one core.
///
/// A core that is found below 1500 MHz is looked at once more half a second
/// later: a core that just woke up shows the clock that it slept with.
pub static CPU: ServerProbe = ServerProbe {
    key: "host:cpu",
    script: r#"set -- /sys/devices/system/node/node[0-9]*
if [ -d "$1" ]; then echo "nodes $#"; else echo 'nodes none'; fi
look() {
    awk -F ':' '
        /^processor[ \t]*:/ { cpu = $2 + 0; cpus++ }
        /^model name/ && model == "" { model = $2 }
        /^(flags|Features)[ \t]*:/ && !seen {
            seen = 1; line = " " $2 " "; had = "flags"
            if (index(line, " avx2 ")) had = had " avx2"
            if (index(line, " aes ")) had = had " aes"
        }
        /^cpu MHz/ { printf "mhz %d %d\n", cpu, $2; if ($2 + 0 < 1500) low = 1 }
        END {
            if (seen) print had
            if (model != "") print "model" model
            print "cpus " (cpus + 0)
            exit low ? 9 : 0
        }
    ' /proc/cpuinfo
}
look
case $? in
    0) ;;
    9) { read -r way < /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor; } 2>/dev/null && echo "governor $way"
       sleep 0.5 2>/dev/null || sleep 1
       echo again
       look
       [ $? -eq 9 ] || [ $? -eq 0 ] ;;
    *) exit 1 ;;
esac
"#,
    timeout: Duration::from_secs(5),
    limit: 256 * 1024,
};

/// The processors of one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cpu {
    /// What the maker calls them.
    pub model: Option<String>,
    /// Whether they have AVX2; `None` where the kernel does not tell.
    pub avx2: Option<bool>,
    /// Whether they have AES; `None` where the kernel does not tell.
    pub aes: Option<bool>,
    /// How many there are, each thread for itself.
    pub count: usize,
    /// What each runs at, in MHz: the higher of two looks. Empty where the
    /// kernel does not tell (other than x86).
    pub mhz: BTreeMap<u64, u64>,
    /// `performance`, `powersave`, …: told where some core was found slow.
    pub governor: Option<String>,
    /// How many NUMA domains there are; a kernel that knows none has one.
    pub numa_domains: usize,
}

impl Fact for Cpu {
    const NAME: &'static str = "cpu";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&CPU];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(CPU.key)?).map_err(|what| view.unreadable(CPU.key, what))
    }
}

fn parse(text: &str) -> Result<Cpu, String> {
    let (mut model, mut flags, mut governor, mut numa) = (None, None, None, None);
    let mut count = 0;
    let mut mhz: BTreeMap<u64, u64> = BTreeMap::new();
    for line in text.lines().map(str::trim_end) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "nodes" if rest == "none" => numa = Some(1),
            "nodes" => numa = rest.parse().ok().filter(|n| *n > 0),
            "model" => model = Some(rest.trim().to_owned()),
            "flags" => flags = Some(rest.split(' ').collect::<Vec<_>>()),
            "governor" => governor = Some(rest.to_owned()),
            "cpus" => count = rest.parse().unwrap_or(0),
            "mhz" => {
                if let Some((cpu, clock)) = clock(rest) {
                    let highest = mhz.entry(cpu).or_default();
                    *highest = clock.max(*highest);
                }
            }
            _ => {}
        }
    }
    if count == 0 {
        return Err("it tells of no processor".to_owned());
    }
    let has = |flag: &str| flags.as_ref().map(|flags| flags.contains(&flag));
    Ok(Cpu {
        avx2: has("avx2"),
        aes: has("aes"),
        model,
        count,
        mhz,
        governor,
        numa_domains: numa.ok_or("it does not tell the NUMA domains")?,
    })
}

/// `12 2445.428`, cut to whole MHz.
fn clock(text: &str) -> Option<(u64, u64)> {
    let (cpu, mhz) = text.split_once(' ')?;
    let mhz: f64 = mhz.parse().ok()?;
    (mhz.is_finite() && mhz >= 0.0)
        .then(|| cpu.parse().ok())
        .flatten()
        .map(|cpu| (cpu, mhz as u64))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    const ANSWER: &str = "nodes 2\nmhz 0 2445.43\nmhz 1 800\nflags avx2 aes\n\
        model AMD EPYC 7763\ncpus 2\ngovernor powersave\nagain\nmhz 0 900\nmhz 1 1499.99\ncpus 2\n";

    #[test]
    fn the_higher_of_two_looks_counts() {
        let cpu = parse(ANSWER).expect("readable");
        assert_eq!(cpu.mhz, BTreeMap::from([(0, 2445), (1, 1499)]));
        assert_eq!(
            (cpu.avx2, cpu.aes, cpu.numa_domains),
            (Some(true), Some(true), 2)
        );
        assert_eq!(cpu.model.as_deref(), Some("AMD EPYC 7763"));
        assert_eq!(cpu.governor.as_deref(), Some("powersave"));
    }

    #[rstest]
    #[case::neither("nodes 1\nflags\ncpus 1\n", Some(false), Some(false))]
    #[case::only_aes("nodes 1\nflags aes\ncpus 1\n", Some(false), Some(true))]
    #[case::not_told("nodes none\ncpus 1\n", None, None)]
    fn flags(#[case] text: &str, #[case] avx2: Option<bool>, #[case] aes: Option<bool>) {
        let cpu = parse(text).expect("readable");
        assert_eq!((cpu.avx2, cpu.aes, cpu.numa_domains), (avx2, aes, 1));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_processor("nodes 2\ncpus 0\n")]
    #[case::no_domains("flags avx2\ncpus 2\n")]
    #[case::odd_domains("nodes many\nflags avx2\ncpus 2\n")]
    #[case::cut("nodes 2\nmhz 0 2445\nflags avx2 ae")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    #[case("busybox sh")]
    fn the_script_runs(#[case] shell: &str) {
        let Some(text) = shells::printed(shell, CPU.script) else {
            return;
        };
        let cpu = parse(&text).expect("readable");
        assert!(cpu.count > 0 && cpu.numa_domains > 0, "{text}");
    }

    fn with_cpuinfo(shell: &str, cpuinfo: &str) -> Option<String> {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("cpuinfo");
        std::fs::write(&file, cpuinfo).expect("a file");
        let script = CPU
            .script
            .replace("/proc/cpuinfo", file.to_str().expect("UTF-8"));
        shells::printed(shell, &script)
    }

    #[rstest]
    #[case("sh")]
    #[case("bash")]
    #[case("busybox sh")]
    fn a_slow_core_is_looked_at_again(#[case] shell: &str) {
        let cpuinfo = "processor\t: 0\nmodel name\t: Xeon: the old\nflags\t\t: fpu avx aes_not avx2x\ncpu MHz\t\t: 2400.0\n\n\
            processor\t: 7\nflags\t\t: fpu avx avx2 aes\ncpu MHz\t\t: 1499.999\n";
        let Some(text) = with_cpuinfo(shell, cpuinfo) else {
            return;
        };
        assert!(text.contains("again\n"), "{text}");
        let cpu = parse(&text).expect("readable");
        // Of the first core alone; and whole words.
        assert_eq!((cpu.avx2, cpu.aes), (Some(false), Some(false)), "{text}");
        assert_eq!(cpu.count, 2);
        assert_eq!(cpu.mhz, BTreeMap::from([(0, 2400), (7, 1499)]));
    }

    #[rstest]
    #[case("sh")]
    #[case("bash")]
    #[case("busybox sh")]
    fn a_fast_one_is_not(#[case] shell: &str) {
        let cpuinfo = "processor\t: 0\nflags\t\t: avx2 aes\ncpu MHz\t\t: 1500.000\n";
        if let Some(text) = with_cpuinfo(shell, cpuinfo) {
            assert!(!text.contains("again"), "{text}");
        }
    }

    #[rstest]
    #[case("sh")]
    #[case("busybox sh")]
    fn without_proc_it_fails(#[case] shell: &str) {
        let script = CPU.script.replace("/proc/cpuinfo", "/no/such/file");
        if let Some(output) = shells::run(shell, &script) {
            assert!(!output.status.success(), "{output:?}");
        }
    }
}
