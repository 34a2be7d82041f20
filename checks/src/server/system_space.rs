use checker_core::facts::space::{FileSystem, Space};
use checker_core::{Context, Judgement, check};

use crate::size::{GIB, Gib};

check! {
    /// There is room on / and on /var.
    ///
    /// ## What it looks at
    /// `df -P -k / /var` on the server: what is free, without the part that is
    /// kept for root. Less than 1 GiB is red, less than 10 % yellow. Where
    /// `/var` lies on `/` they are one file system and one finding.
    ///
    /// ## Why it matters
    /// Agent, package manager and driver build write there. A full `/var` on
    /// servers that serve SMB has stopped a real upgrade (WEKAPP-627335).
    ///
    /// ## If ignored
    /// The preparation, or a service that is restarted, fails for want of room.
    ///
    /// ## How to fix
    /// `du -x -h -d 2 /var | sort -h | tail` shows what fills it. Old journals go
    /// with `journalctl --vacuum-size=200M`, caches of packages with
    /// `dnf clean all` or `apt-get clean`, old kernels with the package manager,
    /// dumps in `/var/crash` by hand.
    pub SYSTEM_SPACE {
        id: "server/system-space",
        scope: [Backend],
        when: "all",
        levels: [Warn, Fail],
        sources: ["WEKAPP-627335", "rules H7"],
        needs: [&Space],
        judge: judge,
    }
}

/// Below it nothing works for long.
const LEAST: u64 = GIB;
/// Per cent of the room that users can have.
const NOTICED: u128 = 10;

fn judge(_: &Context<'_>, space: &Space) -> Judgement {
    let mut found: Vec<&FileSystem> = Vec::new();
    for path in ["/", "/var"] {
        let fs = match space.measured(path) {
            Ok(fs) => fs,
            Err(why) => return Judgement::unknown(why),
        };
        if !found.iter().any(|known| known.mounted_on == fs.mounted_on) {
            found.push(fs);
        }
    }
    let of = |wanted: fn(&FileSystem) -> bool| -> Vec<&FileSystem> {
        found.iter().copied().filter(|fs| wanted(fs)).collect()
    };
    let (full, tight) = (of(is_full), of(is_tight));
    let details: Vec<String> = found.iter().map(|fs| shown(fs)).collect();
    if !full.is_empty() {
        Judgement::fail(
            format!("{}; at least {} needed", joined(&full), Gib(LEAST)),
            remedy(&full),
        )
        .details(details)
    } else if !tight.is_empty() {
        Judgement::warn(
            format!("{}: less than {NOTICED} %", joined(&tight)),
            remedy(&tight),
        )
        .details(details)
    } else {
        Judgement::pass(joined(&found))
    }
}

fn is_full(fs: &FileSystem) -> bool {
    fs.available < LEAST
}

/// Of what is used and free: the part kept for root is neither.
fn is_tight(fs: &FileSystem) -> bool {
    let all = u128::from(fs.used) + u128::from(fs.available);
    u128::from(fs.available) * 100 < all * NOTICED
}

/// `0.99 GiB free on /var`.
fn shown(fs: &FileSystem) -> String {
    let all = u128::from(fs.used) + u128::from(fs.available);
    let percent = (u128::from(fs.available) * 100).checked_div(all);
    format!(
        "{} ({} %) free on {}",
        Gib(fs.available),
        percent.unwrap_or(0),
        fs.mounted_on
    )
}

fn joined(list: &[&FileSystem]) -> String {
    let all: Vec<String> = list.iter().map(|fs| shown(fs)).collect();
    all.join(", ")
}

fn remedy(list: &[&FileSystem]) -> String {
    let places: Vec<&str> = list.iter().map(|fs| fs.mounted_on.as_str()).collect();
    format!(
        "`du -x -h -d 2 {} | sort -h | tail` shows what fills it; `journalctl --vacuum-size=200M` and `dnf clean all` \
         or `apt-get clean` remove what is not needed. Or enlarge the file system.",
        places.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Fail, Pass, Unknown, Warn};

    const HEADER: &str = "Filesystem 1024-blocks Used Available Capacity Mounted on\n";

    /// `/` and `/var` apart, each (used KiB, free KiB).
    fn df(root: (u64, u64), var: (u64, u64)) -> String {
        format!(
            "path /\npath /var\npath /opt/weka\n{HEADER}\
             /dev/sda1 9 {} {} 1% /\n/dev/sda2 9 {} {} 1% /var\n/dev/sda3 9 1 8 1% /opt/weka\n",
            root.0, root.1, var.0, var.1
        )
    }

    fn judged(answer: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:space", answer)])
            .judge_one(&SYSTEM_SPACE, "4.4.33")
    }

    const ROOMY: (u64, u64) = (10_000_000, 90_000_000);

    /// One GiB are 1,048,576 KiB.
    #[rstest]
    #[case::plenty(ROOMY, ROOMY, Pass)]
    #[case::one_gib(ROOMY, (1_048_576, 1_048_576), Pass)]
    #[case::one_kib_short(ROOMY, (1_048_576, 1_048_575), Fail)]
    #[case::root_is_full((1, 0), ROOMY, Fail)]
    #[case::ten_per_cent(ROOMY, (90_000_000, 10_000_000), Pass)]
    #[case::less(ROOMY, (90_000_001, 9_999_999), Warn)]
    #[case::root_less((90_000_001, 9_999_999), ROOMY, Warn)]
    #[case::one_full_one_tight((90_000_001, 9_999_999), (5, 5), Fail)]
    fn limits(#[case] root: (u64, u64), #[case] var: (u64, u64), #[case] outcome: Outcome) {
        let result = judged(&df(root, var));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome != Pass);
    }

    #[test]
    fn one_file_system_is_one_finding() {
        let row = "/dev/sda1 9 9000000 1000000 90% /\n";
        let result = judged(&format!("path /\npath /var\n{HEADER}{row}{row}"));
        assert_eq!(result.outcome, Fail);
        assert_eq!(
            result.summary,
            "0.95 GiB (10 %) free on /; at least 1.00 GiB needed"
        );
        assert_eq!(result.details.len(), 1, "{result:?}");
    }

    #[test]
    fn green_shows_what_is_free() {
        let result = judged(&df(ROOMY, (1_000_000, 2_000_000)));
        assert_eq!(
            result.summary,
            "85.83 GiB (90 %) free on /, 1.90 GiB (66 %) free on /var"
        );
    }

    #[test]
    fn what_was_not_told_is_unknown() {
        let old = format!("path /opt/weka\n{HEADER}/dev/sda3 9 1 8 1% /opt/weka\n");
        assert_eq!(judged(&old).outcome, Unknown);
        let base = Evidence::running("4.4.21.2");
        probe_is_unknown(
            &SYSTEM_SPACE,
            "4.4.33",
            "host:space",
            &df(ROOMY, ROOMY),
            &base,
            &[],
        );
    }
}
