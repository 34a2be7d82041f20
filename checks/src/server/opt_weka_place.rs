use checker_core::facts::mounts::{Mount, Mounts, Place};
use checker_core::{Context, Judgement, check};

check! {
    /// /opt/weka lies where it should.
    ///
    /// ## What it looks at
    /// `/opt/weka` and the mounts of the server (`/proc/self/mountinfo`). Red when
    /// it is a symbolic link, lies on NFS or another file system over the
    /// network, or on a RAM disk. Yellow when it is no file system of its own
    /// but part of another one: a plain directory of `/`, or a directory or
    /// subvolume of `/` that is mounted there. Yellow, too, when `/tmp` is
    /// mounted `noexec`.
    ///
    /// ## Why it matters
    /// The product unpacks its releases there, mounts images from it and starts
    /// programs out of it. On a file system that it shares, anything else on the
    /// server can take the room that the upgrade needs. The installer unpacks
    /// itself to `/tmp` and runs from there.
    ///
    /// ## If ignored
    /// Containers do not find their files after the exchange, are gone after the
    /// next boot, or the new release does not install.
    ///
    /// ## How to fix
    /// Give `/opt/weka` a local disk or partition of its own (`mkfs.xfs`, an entry
    /// in `/etc/fstab`); to move it: `weka local stop`, copy with
    /// `rsync -aHAXS /opt/weka/ <new place>/`, mount the new place on `/opt/weka`,
    /// `weka local start`, one server after the other. For `/tmp`:
    /// `mount -o remount,exec /tmp`, and the same in `/etc/fstab`.
    pub OPT_WEKA_PLACE {
        id: "server/opt-weka-place",
        scope: [Backend],
        when: "all",
        levels: [Warn, Fail],
        sources: ["Prerequisites: server, /opt/weka", "rules H8, I22"],
        needs: [&Mounts],
        judge: judge,
    }
}

const MOVE: &str = "Give /opt/weka a local file system of its own: `weka local stop`, copy with \
    `rsync -aHAXS /opt/weka/ <new place>/`, mount that on /opt/weka (and in /etc/fstab), `weka local start`; one server \
    after the other.";
const EXEC: &str = "`mount -o remount,exec /tmp`, and take `noexec` out of its line in /etc/fstab.";

fn judge(_: &Context<'_>, mounts: &Mounts) -> Judgement {
    let Some(place) = &mounts.opt_weka else {
        return Judgement::unknown("there is no directory /opt/weka on this server");
    };
    let Some(tmp) = &mounts.tmp else {
        return Judgement::unknown("there is no directory /tmp on this server");
    };
    let lies = format!(
        "/opt/weka lies on {} ({}, mounted on {})",
        place.mount.device, place.mount.kind, place.mount.at
    );
    let noexec = tmp.mount.has("noexec");
    let mut red = Vec::new();
    if mounts.opt_weka_is_link {
        red.push(format!("/opt/weka is a symbolic link to {}", place.real));
    }
    if is_remote(&place.mount) {
        red.push(format!("{lies}: a file system over the network"));
    }
    if is_ram(&place.mount) {
        red.push(format!("{lies}: a RAM disk"));
    }
    let mut yellow = Vec::new();
    if let Some(shared) = shared(place, &mounts.root) {
        yellow.push(shared);
    }
    if noexec {
        yellow.push(format!("/tmp is mounted noexec (on {})", tmp.mount.at));
    }
    if !red.is_empty() {
        // What moves it mends the rest as well, apart from /tmp.
        let remedy = if noexec {
            format!("{MOVE} And {EXEC}")
        } else {
            MOVE.to_owned()
        };
        return Judgement::fail(red.join("; "), remedy)
            .details(yellow)
            .detail(lies);
    }
    if !yellow.is_empty() {
        let remedy = match (yellow.len(), noexec) {
            (1, true) => EXEC.to_owned(),
            (1, false) => MOVE.to_owned(),
            _ => format!("{MOVE} And {EXEC}"),
        };
        return Judgement::warn(yellow.join("; "), remedy).detail(lies);
    }
    Judgement::pass(format!("{lies}; /tmp allows programs"))
}

fn is_remote(mount: &Mount) -> bool {
    let kind = mount.kind.as_str();
    kind.starts_with("nfs")
        || matches!(
            kind,
            "cifs"
                | "smb3"
                | "wekafs"
                | "lustre"
                | "ceph"
                | "beegfs"
                | "gpfs"
                | "glusterfs"
                | "9p"
                | "afs"
        )
        || kind.starts_with("fuse.")
}

fn is_ram(mount: &Mount) -> bool {
    let device = mount.device.strip_prefix("/dev/").unwrap_or_default();
    matches!(mount.kind.as_str(), "tmpfs" | "ramfs" | "rootfs")
        || device.starts_with("ram")
        || device.starts_with("zram")
}

/// What it shares its file system with.
fn shared(place: &Place, root: &Mount) -> Option<String> {
    let at = &place.mount.at;
    if *at != place.real {
        Some(format!(
            "/opt/weka is not a file system of its own but part of {at}"
        ))
    } else if place.mount.number == root.number {
        Some(format!(
            "/opt/weka is not a file system of its own: {} of the file system of / is mounted there",
            place.mount.root
        ))
    } else {
        None
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
    use Outcome::{Fail, Pass, Unknown, Warn};

    const ROOT: &str = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";
    const DIRS: &str = "dir /opt/weka /opt/weka\ndir /tmp /tmp\n";
    const OWN: &str = "40 22 8:3 / /opt/weka rw,noatime shared:12 - xfs /dev/sda3 rw\n";
    const TMP: &str = "41 22 0:40 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw\n";
    const NOEXEC: &str = "41 22 0:40 / /tmp rw,nosuid,noexec - tmpfs tmpfs rw\n";

    fn judged(answer: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:mounts", answer)])
            .judge_one(&OPT_WEKA_PLACE, "4.4.33")
    }

    #[rstest]
    #[case::own("dir /opt/weka /opt/weka\n", OWN, Pass)]
    #[case::own_with_tmp("dir /opt/weka /opt/weka\n", &[OWN, TMP].concat(), Pass)]
    #[case::link(
        "link /opt/weka\ndir /opt/weka /data/weka\n",
        "40 22 8:3 / /data/weka rw - xfs /dev/sda3 rw\n",
        Fail
    )]
    #[case::nfs(
        "dir /opt/weka /opt/weka\n",
        "40 22 0:99 / /opt/weka rw - nfs4 filer:/weka rw\n",
        Fail
    )]
    #[case::old_nfs(
        "dir /opt/weka /opt/weka\n",
        "40 22 0:99 / /opt/weka rw - nfs filer:/weka rw\n",
        Fail
    )]
    #[case::nfs_above(
        "dir /opt/weka /opt/weka\n",
        "40 22 0:99 / /opt rw - nfs4 filer:/opt rw\n",
        Fail
    )]
    #[case::tmpfs(
        "dir /opt/weka /opt/weka\n",
        "40 22 0:98 / /opt/weka rw - tmpfs tmpfs rw\n",
        Fail
    )]
    #[case::ram_device(
        "dir /opt/weka /opt/weka\n",
        "40 22 1:0 / /opt/weka rw - ext4 /dev/ram0 rw\n",
        Fail
    )]
    #[case::zram(
        "dir /opt/weka /opt/weka\n",
        "40 22 252:0 / /opt/weka rw - ext4 /dev/zram0 rw\n",
        Fail
    )]
    #[case::shares_root("dir /opt/weka /opt/weka\n", "", Warn)]
    #[case::shares_opt(
        "dir /opt/weka /opt/weka\n",
        "40 22 8:3 / /opt rw - xfs /dev/sda3 rw\n",
        Warn
    )]
    #[case::bind_mount(
        "dir /opt/weka /opt/weka\n",
        "40 22 8:1 /data/weka /opt/weka rw - ext4 /dev/sda1 rw\n",
        Warn
    )]
    #[case::subvolume_of_its_own_disk(
        "dir /opt/weka /opt/weka\n",
        "40 22 0:33 /@weka /opt/weka rw - btrfs /dev/sdb rw\n",
        Pass
    )]
    #[case::noexec("dir /opt/weka /opt/weka\n", &[OWN, NOEXEC].concat(), Warn)]
    #[case::both("dir /opt/weka /opt/weka\n", NOEXEC, Warn)]
    #[case::a_device_that_only_sounds_so(
        "dir /opt/weka /opt/weka\n",
        "40 22 8:3 / /opt/weka rw - xfs /dev/mapper/ram rw\n",
        Pass
    )]
    fn judges(#[case] dir: &str, #[case] mounts: &str, #[case] outcome: Outcome) {
        let result = judged(&format!("{dir}dir /tmp /tmp\n{ROOT}{mounts}end\n"));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(
            result.remedy.is_some(),
            matches!(outcome, Warn | Fail),
            "{result:?}"
        );
    }

    #[test]
    fn the_remedy_fits() {
        let remedy = |mounts: &str| {
            judged(&format!("{DIRS}{ROOT}{mounts}end\n"))
                .remedy
                .expect("a remedy")
        };
        let both = remedy(NOEXEC);
        assert!(
            both.contains("rsync") && both.contains("remount,exec"),
            "{both}"
        );
        let tmp = remedy(&format!("{OWN}{NOEXEC}"));
        assert!(
            !tmp.contains("rsync") && tmp.contains("remount,exec"),
            "{tmp}"
        );
        let place = remedy("");
        assert!(
            place.contains("rsync") && !place.contains("remount,exec"),
            "{place}"
        );
    }

    #[test]
    fn shows_where_it_lies() {
        let result = judged(&format!("{DIRS}{ROOT}{OWN}end\n"));
        assert_eq!(
            result.summary,
            "/opt/weka lies on /dev/sda3 (xfs, mounted on /opt/weka); /tmp allows programs"
        );
    }

    #[test]
    fn half_an_answer_is_unknown() {
        assert_eq!(
            judged(&format!("dir /tmp /tmp\n{ROOT}end\n")).outcome,
            Unknown
        );
        assert_eq!(
            judged(&format!("dir /opt/weka /opt/weka\n{ROOT}end\n")).outcome,
            Unknown
        );
        let base = Evidence::running("4.4.21.2");
        let good = format!("{DIRS}{ROOT}{OWN}end\n");
        probe_is_unknown(&OPT_WEKA_PLACE, "4.4.33", "host:mounts", &good, &base, &[]);
    }
}
