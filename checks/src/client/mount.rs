use checker_core::facts::wekafs_mounts::WekafsMounts;
use checker_core::{Context, Judgement, check};

check! {
    /// No WEKA file system is mounted on /weka itself.
    ///
    /// ## What it looks at
    /// `/proc/self/mounts` on the client: mounts of type `wekafs`, and whether one of
    /// them is on the directory `/weka`. Any other place is as it should be, since
    /// a client is upgraded with its mounts in place; so is any other file system on
    /// `/weka`.
    ///
    /// ## Why it matters
    /// The container of a client has a directory `/weka` of its own, with the program
    /// of its release. A file system on that very directory gets into its way.
    ///
    /// ## If ignored
    /// The upgrade of this client fails, or leaves it without its mount.
    ///
    /// ## How to fix
    /// Mount it elsewhere: `umount /weka`, `mkdir -p /mnt/weka`, then
    /// `mount -t wekafs <backend>/<filesystem> /mnt/weka`; change `/etc/fstab` as well.
    pub MOUNT {
        id: "client/mount",
        scope: [Client],
        when: "all",
        levels: [Fail],
        sources: ["public checker: clients, mount on /weka (whatever is mounted there)"],
        needs: [&WekafsMounts],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, WekafsMounts(mounts): &WekafsMounts) -> Judgement {
    let details = mounts
        .iter()
        .map(|mount| format!("{} on {}", mount.device, mount.place));
    let on_weka = mounts
        .iter()
        .find(|mount| mount.place.trim_end_matches('/') == "/weka");
    if let Some(mount) = on_weka {
        return Judgement::fail(
            format!("{} is mounted on /weka itself", mount.device),
            format!(
                "Mount it elsewhere: `umount /weka && mkdir -p /mnt/weka && mount -t wekafs {} /mnt/weka`, and change \
                 /etc/fstab as well.",
                mount.device
            ),
        )
        .details(details);
    }
    Judgement::pass(match mounts.len() {
        0 => "no WEKA file system is mounted".to_owned(),
        1 => format!("1 WEKA file system mounted, on {}", mounts[0].place),
        n => format!("{n} WEKA file systems mounted, none on /weka"),
    })
    .details(details)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::server::{Role, Step};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    #[rstest]
    // field history R9
    #[case::none("read 31\n", Outcome::Pass)]
    // field history G22
    #[case::elsewhere("wekafs weka-01/fs01 /mnt/weka\nread 31\n", Outcome::Pass)]
    #[case::below("wekafs fs01 /weka/fs01\nread 31\n", Outcome::Pass)]
    #[case::like_it("wekafs fs01 /weka2\nread 31\n", Outcome::Pass)]
    #[case::on_it("wekafs fs01 /weka\nread 31\n", Outcome::Fail)]
    #[case::among_others(
        "wekafs fs01 /a\nwekafs fs02 /weka\nwekafs fs03 /b\nread 31\n",
        Outcome::Fail
    )]
    #[case::cut("wekafs fs01 /mnt", Outcome::Unknown)]
    #[case::cut_behind_a_line("wekafs fs01 /mnt/weka\n", Outcome::Unknown)]
    #[case::empty("", Outcome::Unknown)]
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.4.21.2")
            .client("client-01", &[("host:wekafs-mounts", answer)])
            .judge_one(&MOUNT, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history R9, R11: no answer is not a finding.
    #[test]
    fn no_answer_is_unknown() {
        let cluster = Evidence::running("4.4.21.2");
        let record = cluster.record("host:wekafs-mounts", End::Exited(2), "", "sh: no such file");
        let failed = cluster
            .clone()
            .server_answered("client-01", Role::Client, vec![record]);
        let unreached = cluster.unreached("client-01", Role::Client, Step::Refused, "port 22");
        for evidence in [failed, unreached] {
            let result = evidence.judge_one(&MOUNT, "4.4.33");
            assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
        }
    }

    #[test]
    fn a_backend_is_not_asked() {
        let results = Evidence::running("4.4.21.2")
            .backend(
                "weka-01",
                &[("host:wekafs-mounts", "wekafs fs01 /weka\nread 31\n")],
            )
            .judge(&MOUNT, "4.4.33");
        assert!(results.is_empty(), "{results:?}");
    }

    // field history G22
    #[test]
    fn names_what_is_mounted_where() {
        let result = Evidence::running("4.4.21.2")
            .client(
                "client-01",
                &[(
                    "host:wekafs-mounts",
                    "wekafs weka-01/fs01 /weka\nwekafs fs02 /data\nread 9\n",
                )],
            )
            .judge_one(&MOUNT, "4.4.33");
        assert_eq!(result.summary, "weka-01/fs01 is mounted on /weka itself");
        assert_eq!(result.details, ["weka-01/fs01 on /weka", "fs02 on /data"]);
    }
}
