use checker_core::facts::space::{LOGS, Space};
use checker_core::{Context, Judgement, check};

use crate::size::Size;

check! {
    /// There is room for WEKA's logs.
    ///
    /// ## What it looks at
    /// `df -P -k /opt/weka/logs` on the server: at least 20 % of what is used and
    /// free is free. What is kept for root counts as neither.
    ///
    /// ## Why it matters
    /// An upgrade writes much more log than a quiet day, and that log is what
    /// support needs when it goes wrong.
    ///
    /// ## If ignored
    /// The file system fills up while the upgrade runs, and containers that
    /// cannot write their log do not start.
    ///
    /// ## How to fix
    /// `du -x -h -d 1 /opt/weka/logs | sort -h` shows what fills it. Remove what
    /// was rotated away (`*.gz`, `*.1`) and is no longer needed, or enlarge the
    /// file system.
    pub LOGS_SPACE {
        id: "server/logs-space",
        scope: [Backend],
        when: "all",
        levels: [Warn],
        sources: ["Public upgrade checker: logs", "rules H3"],
        needs: [&Space],
        judge: judge,
    }
}

/// Per cent.
const NEEDED: u128 = 20;

fn judge(_: &Context<'_>, space: &Space) -> Judgement {
    let fs = match space.measured(LOGS) {
        Ok(fs) => fs,
        Err(why) => return Judgement::unknown(why),
    };
    let all = u128::from(fs.used) + u128::from(fs.available);
    let free = u128::from(fs.available) * 100;
    let Some(percent) = free.checked_div(all) else {
        return Judgement::unknown(format!("the file system of {LOGS} has no size"));
    };
    let measured = format!("{percent} % ({}) free for {LOGS}", Size(fs.available));
    if free < all * NEEDED {
        Judgement::warn(
            format!("{measured}, {NEEDED} % needed"),
            format!(
                "`du -x -h -d 1 {LOGS} | sort -h` shows what fills it; remove rotated logs that nobody needs, or enlarge \
                 the file system on {}.",
                fs.mounted_on
            ),
        )
        .detail(format!(
            "{} on {}: {} of {} free",
            fs.device,
            fs.mounted_on,
            Size(fs.available),
            Size(fs.size)
        ))
    } else {
        Judgement::pass(format!("{measured} ({NEEDED} % needed)"))
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

    fn df(used: u64, available: u64) -> String {
        format!(
            "path /\npath /opt/weka/logs\nFilesystem 1024-blocks Used Available Capacity Mounted on\n\
             /dev/sda1 9 1 1 1% /\n/dev/sda4 200000 {used} {available} 99% /opt/weka/logs\n"
        )
    }

    fn judged(answer: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:space", answer)])
            .judge_one(&LOGS_SPACE, "4.4.33")
    }

    #[rstest]
    #[case::empty(0, 100_000, Pass)]
    #[case::exactly(80_000, 20_000, Pass)]
    #[case::less(80_001, 19_999, Warn)]
    #[case::full(100_000, 0, Warn)]
    #[case::no_size(0, 0, Unknown)]
    fn limit(#[case] used: u64, #[case] available: u64, #[case] outcome: Outcome) {
        let result = judged(&df(used, available));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Warn);
    }

    #[test]
    fn shows_what_was_measured() {
        assert_eq!(
            judged(&df(50_000_000, 50_000_000)).summary,
            "50 % (51.20 GB) free for /opt/weka/logs (20 % needed)"
        );
        assert_eq!(
            judged(&df(90_000_000, 10_000_000)).summary,
            "10 % (10.24 GB) free for /opt/weka/logs, 20 % needed"
        );
    }

    // field history 5.4: a host without the directory ended the run for all
    #[test]
    fn without_the_directory_it_is_unknown() {
        let text = "path /\nFilesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 9 1 1 1% /\n";
        assert_eq!(judged(text).outcome, Unknown);
        let base = Evidence::running("4.4.21.2");
        probe_is_unknown(&LOGS_SPACE, "4.4.33", "host:space", &df(1, 9), &base, &[]);
    }
}
