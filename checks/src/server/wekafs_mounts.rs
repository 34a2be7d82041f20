use checker_core::facts::mounts::Mounts;
use checker_core::{Context, Judgement, check};

check! {
    /// No WEKA filesystem is mounted on a backend.
    ///
    /// ## What it looks at
    /// The mounts of type `wekafs` on the server (`/proc/self/mountinfo`). Those
    /// inside the containers of NFS, SMB and S3 are not seen from outside, and
    /// are not meant.
    ///
    /// ## Why it matters
    /// The upgrade exchanges the kernel driver of wekafs. It cannot be unloaded
    /// while a filesystem is mounted.
    ///
    /// ## If ignored
    /// The upgrade of this server's frontend waits for the mount, or the program
    /// that uses it hangs until the frontend is back.
    ///
    /// ## How to fix
    /// `fuser -vm <mount point>` shows who uses it; `umount <mount point>`, and take
    /// it out of `/etc/fstab` or switch the automounter off until the upgrade is
    /// done.
    pub WEKAFS_MOUNTS {
        id: "server/wekafs-mounts",
        scope: [Backend],
        when: "all",
        levels: [Warn],
        sources: ["Public upgrade checker: mounts", "rules I21"],
        needs: [&Mounts],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, mounts: &Mounts) -> Judgement {
    let points: Vec<&str> = mounts
        .wekafs
        .iter()
        .map(|mount| mount.at.as_str())
        .collect();
    let Some(first) = points.first() else {
        return Judgement::pass("no wekafs is mounted");
    };
    let summary = match points.as_slice() {
        [only] => format!("wekafs is mounted on {only}"),
        all => format!("wekafs is mounted {} times, first on {first}", all.len()),
    };
    let lines = mounts
        .wekafs
        .iter()
        .map(|mount| format!("{} on {}", mount.device, mount.at));
    Judgement::warn(
        summary,
        "`fuser -vm <mount point>` shows who uses it; `umount <mount point>` before the upgrade, and see to it that \
         /etc/fstab or the automounter does not mount it again.",
    )
    .details(lines)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;

    use super::*;
    use crate::damaged::probe_is_unknown;

    const ROOT: &str = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";

    fn judged(mounts: &str) -> CheckResult {
        let text = format!("{ROOT}{mounts}end\n");
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:mounts", &text)])
            .judge_one(&WEKAFS_MOUNTS, "4.4.33")
    }

    #[test]
    fn none_is_green() {
        let result = judged("23 22 8:2 / /tmp/wekafs rw - xfs wekafs rw\n");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
        assert_eq!(result.summary, "no wekafs is mounted");
    }

    // field history 20
    #[test]
    fn exactly_one() {
        let result = judged("42 22 0:50 / /mnt/weka rw,relatime - wekafs backend/fs01 rw\n");
        assert_eq!(result.outcome, Outcome::Warn);
        assert_eq!(result.summary, "wekafs is mounted on /mnt/weka");
        assert_eq!(result.details, ["backend/fs01 on /mnt/weka"]);
        assert!(result.remedy.expect("a remedy").contains("`umount"));
    }

    #[test]
    fn several_are_one_finding() {
        let result = judged(
            "42 22 0:50 / /mnt/a rw - wekafs b/a rw\n43 22 0:51 / /mnt/b rw - wekafs b/b rw\n",
        );
        assert_eq!(result.outcome, Outcome::Warn);
        assert_eq!(result.summary, "wekafs is mounted 2 times, first on /mnt/a");
        assert_eq!(result.details.len(), 2);
    }

    #[test]
    fn half_an_answer_is_unknown() {
        let base = Evidence::running("4.4.21.2");
        let good = format!("dir /tmp /tmp\n{ROOT}end\n");
        probe_is_unknown(&WEKAFS_MOUNTS, "4.4.33", "host:mounts", &good, &base, &[]);
    }
}
