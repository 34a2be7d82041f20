use checker_core::facts::space::{Space, TRACES};
use checker_core::facts::traces::Traces;
use checker_core::{Context, Judgement, check};

use crate::size::Size;

check! {
    /// There is room for WEKA's traces.
    ///
    /// ## What it looks at
    /// How much the cluster leaves free beside its traces
    /// (`weka debug traces status -J`, `servers_ensure_free`), against the file
    /// system of `/opt/weka/traces` (`df -P -k`). Yellow when the whole file
    /// system is smaller than that, or when less than half of it is free: a file
    /// system of traces fills up until just that much is left, so that being a
    /// little below is its daily life; far below means that something else takes
    /// the room.
    ///
    /// ## Why it matters
    /// Traces are what support reads when an upgrade goes wrong. The server drops
    /// the oldest until enough is free, in the end all of them.
    ///
    /// ## If ignored
    /// There are no traces of the upgrade.
    ///
    /// ## How to fix
    /// `du -x -h -d 1 /opt/weka | sort -h` shows what else takes the room. Enlarge
    /// the file system of `/opt/weka/traces`, or ask for less to be left free:
    /// `weka debug traces status` shows the value, support changes it.
    pub TRACES_SPACE {
        id: "server/traces-space",
        scope: [Backend],
        when: "all",
        levels: [Warn],
        // The public checker set the value against the size alone: a file
        // system filled by others came out green (field history 5.5 item 13).
        sources: ["Public upgrade checker: traces", "rules H4"],
        needs: [&Traces, &Space],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, traces: &Traces, space: &Space) -> Judgement {
    let fs = match space.measured(TRACES) {
        Ok(fs) => fs,
        Err(why) => return Judgement::unknown(why),
    };
    let Some(wanted) = traces.ensure_free_bytes.map(Size) else {
        return Judgement::unknown("the cluster does not tell how much its traces leave free");
    };
    let (size, free) = (Size(fs.size), Size(fs.available));
    let remedy = format!(
        "`du -x -h -d 1 /opt/weka | sort -h` shows what takes the room. Enlarge the file system on {}, or have support \
         lower what `weka debug traces status` shows as to be left free.",
        fs.mounted_on
    );
    let place = format!("{} on {}: {free} of {size} free", fs.device, fs.mounted_on);
    if size < wanted {
        Judgement::warn(
            format!(
                "{TRACES} has {size} in all, of which {wanted} shall stay free: no trace is kept"
            ),
            remedy,
        )
        .detail(place)
    } else if u128::from(free.0) * 2 < u128::from(wanted.0) {
        Judgement::warn(
            format!("{free} free in {TRACES}, where {wanted} shall stay free: traces are dropped"),
            remedy,
        )
        .detail(place)
    } else {
        Judgement::pass(format!(
            "{free} of {size} free in {TRACES} ({wanted} shall stay free)"
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
    use crate::damaged;
    use Outcome::{Pass, Unknown, Warn};

    /// 10 GiB.
    const STATUS: &str = r#"{"enabled":true,"servers_ensure_free":{"value":10737418240}}"#;

    fn df(size: u64, available: u64) -> String {
        format!(
            "path /opt/weka/traces\nFilesystem 1024-blocks Used Available Capacity Mounted on\n\
             /dev/sda5 {size} 1 {available} 99% /opt/weka/traces\n"
        )
    }

    fn judged(status: &str, df: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .weka("weka:traces", status)
            .backend("weka-01", &[("host:space", df)])
            .judge_one(&TRACES_SPACE, "4.4.33")
    }

    /// 10 GiB are 10,485,760 KiB.
    #[rstest]
    #[case::plenty(100_000_000, 50_000_000, Pass)]
    #[case::as_large(10_485_760, 10_485_760, Pass)]
    #[case::one_kib_smaller(10_485_759, 10_485_759, Warn)]
    #[case::just_below(100_000_000, 10_000_000, Pass)]
    #[case::half(100_000_000, 5_242_880, Pass)]
    #[case::below_half(100_000_000, 5_242_879, Warn)] // field history 5.5 item 13
    #[case::full(100_000_000, 0, Warn)]
    fn limits(#[case] size: u64, #[case] available: u64, #[case] outcome: Outcome) {
        let result = judged(STATUS, &df(size, available));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Warn);
    }

    #[rstest]
    #[case::null(r#"{"enabled":true,"servers_ensure_free":null}"#, Unknown)]
    #[case::absent(r#"{"enabled":false}"#, Unknown)]
    #[case::number(r#"{"enabled":true,"servers_ensure_free":1024}"#, Pass)]
    fn shapes(#[case] status: &str, #[case] outcome: Outcome) {
        let result = judged(status, &df(100_000_000, 50_000_000));
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn shows_what_was_measured() {
        let result = judged(STATUS, &df(100_000_000, 50_000_000));
        assert_eq!(
            result.summary,
            "51.20 GB of 102.40 GB free in /opt/weka/traces (10.73 GB shall stay free)"
        );
    }

    #[test]
    fn half_the_evidence_is_unknown() {
        let elsewhere = "path /\nFilesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 9 1 1 1% /\n";
        assert_eq!(judged(STATUS, elsewhere).outcome, Unknown);
        let good = df(100_000_000, 50_000_000);
        let base = Evidence::running("4.4.21.2").backend("weka-01", &[("host:space", &good)]);
        damaged::is_unknown(&TRACES_SPACE, "4.4.33", "weka:traces", &base);
        let base = Evidence::running("4.4.21.2").weka("weka:traces", STATUS);
        damaged::probe_is_unknown(&TRACES_SPACE, "4.4.33", "host:space", &good, &base, &[]);
    }
}
