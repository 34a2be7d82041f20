use checker_core::facts::space::{OPT_WEKA, Space};
use checker_core::{Context, Judgement, check};

use crate::size::Size;

check! {
    /// There is room for a new release in /opt/weka.
    ///
    /// ## What it looks at
    /// `df -P -k /opt/weka` on the server: what is free, without the part that
    /// is kept for root. At least 4 GB are needed, counted in decimal: the guide
    /// does not say which gigabyte it means.
    ///
    /// ## Why it matters
    /// The new release is unpacked beside the running one.
    ///
    /// ## If ignored
    /// The preparation of the upgrade fails on this server, and with it the
    /// upgrade.
    ///
    /// ## How to fix
    /// Remove releases that nothing runs any more with
    /// `weka version rm --clean-unused`, and what else fills it: `du -x -d 2 /opt/weka`
    /// shows it. Or enlarge the file system.
    pub OPT_WEKA_SPACE {
        id: "server/opt-weka-space",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: prerequisites, free space", "rules H1, Q5"],
        needs: [&Space],
        judge: judge,
    }
}

/// 4 GB.
const NEEDED: Size = Size(4_000_000_000);

fn judge(_: &Context<'_>, space: &Space) -> Judgement {
    let fs = match space.measured(OPT_WEKA) {
        Ok(fs) => fs,
        Err(why) => return Judgement::unknown(why),
    };
    let free = Size(fs.available);
    let place = format!("{} on {}", fs.device, fs.mounted_on);
    if free < NEEDED {
        return Judgement::fail(
            format!("{free} free in {OPT_WEKA}, {NEEDED} needed"),
            format!(
                "Remove releases that nothing runs any more: `weka version rm --clean-unused`; \
                 `du -x -d 2 {OPT_WEKA}` shows what else fills it. Or enlarge the file system."
            ),
        )
        .detail(format!("{place}: {free} of {} free", Size(fs.size)));
    }
    Judgement::pass(format!("{free} free in {OPT_WEKA} ({NEEDED} needed)"))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::server::Role;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn df(available_kib: u64) -> String {
        format!(
            "path /opt/weka\nFilesystem 1024-blocks Used Available Capacity Mounted on\n\
             /dev/sda3 100000000 1 {available_kib} 99% /opt/weka\n"
        )
    }

    fn judged(answer: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:space", answer)])
            .judge_one(&OPT_WEKA_SPACE, "4.4.33")
    }

    /// `df` counts in KiB: 4 GB are 3,906,250 of them.
    #[rstest]
    #[case::none(0, Outcome::Fail, "0.00 GB free in /opt/weka, 4.00 GB needed")]
    #[case::below(3_896_484, Outcome::Fail, "3.98 GB free in /opt/weka, 4.00 GB needed")]
    #[case::one_kib_short(3_906_249, Outcome::Fail, "3.99 GB free in /opt/weka, 4.00 GB needed")]
    #[case::exactly(3_906_250, Outcome::Pass, "4.00 GB free in /opt/weka (4.00 GB needed)")]
    #[case::plenty(
        60_000_000,
        Outcome::Pass,
        "61.44 GB free in /opt/weka (4.00 GB needed)"
    )]
    fn limit(#[case] available: u64, #[case] outcome: Outcome, #[case] summary: &str) {
        let result = judged(&df(available));
        assert_eq!(
            (result.outcome, result.summary.as_str()),
            (outcome, summary)
        );
    }

    #[test]
    fn red_says_where_and_how() {
        let result = judged(&df(1_000_000));
        assert_eq!(
            result.details,
            ["/dev/sda3 on /opt/weka: 1.02 GB of 102.40 GB free"]
        );
        let remedy = result.remedy.expect("a remedy");
        assert!(
            remedy.contains("`weka version rm --clean-unused`"),
            "{remedy}"
        );
    }

    /// Nothing is known of it, not that it is full; the root is as it was.
    #[test]
    fn a_file_system_without_a_size_is_unknown() {
        let text = "path /\npath /var\npath /opt/weka\nFilesystem 1024-blocks Used Available Capacity Mounted on\n\
            /dev/sda1 90000000 10 80000000 1% /\n/dev/sda1 90000000 10 80000000 1% /\nram 0 0 0 - /opt/weka\n";
        let result = judged(text);
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
        assert_eq!(
            result.summary,
            "/opt/weka lies on ram, of which `df` knows no size"
        );
        let root = Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:space", text)])
            .judge_one(&crate::server::system_space::SYSTEM_SPACE, "4.4.33");
        assert_eq!(root.outcome, Outcome::Pass, "{root:?}");
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_table("path /opt/weka\n")]
    #[case::no_number("path /opt/weka\nFilesystem x\n/dev/sda3 1 1 - - /opt/weka\n")]
    fn half_an_answer_is_unknown(#[case] answer: &str) {
        assert_eq!(judged(answer).outcome, Outcome::Unknown);
    }

    #[rstest]
    #[case::timed_out(End::TimedOut)]
    #[case::lost(End::Lost)]
    #[case::failed(End::Exited(1))]
    fn no_answer_is_unknown(#[case] end: End) {
        let evidence = Evidence::running("4.4.21.2");
        let record = evidence.record("host:space", end, &df(60_000_000), "");
        let result = evidence
            .server_answered("weka-01", Role::Backend, vec![record])
            .judge_one(&OPT_WEKA_SPACE, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }
}
