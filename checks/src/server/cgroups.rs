use checker_core::facts::local_containers::{LocalContainer, LocalContainers};
use checker_core::facts::mounts::{Mount, Mounts};
use checker_core::{Context, Judgement, check};

check! {
    /// Servers with protocols have control groups of version 1.
    ///
    /// ## What it looks at
    /// On servers with a container of NFS, SMB or S3 (`weka local ps -J`): whether
    /// controllers of control groups version 1 are mounted
    /// (`/proc/self/mountinfo`), alone or beside version 2 (hybrid). The hierarchy
    /// that systemd keeps for itself (`name=systemd`) does not count.
    ///
    /// ## Why it matters
    /// The containers of the protocols are confined by version 1.
    ///
    /// ## If ignored
    /// The containers of the protocols do not start again after the exchange, or
    /// take memory and cores from the others.
    ///
    /// ## How to fix
    /// Boot with `systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller`:
    /// `grubby --update-kernel=ALL --args="…"` on RHEL and its kin; in
    /// `GRUB_CMDLINE_LINUX` of `/etc/default/grub`, then `update-grub`, on Debian
    /// and Ubuntu. Then `reboot`, one server after the other.
    pub CGROUPS {
        id: "server/cgroups",
        scope: [Backend],
        when: "servers with protocol containers",
        levels: [Fail],
        sources: ["Prerequisites: cgroups", "WEKAPP-482528", "rules I7"],
        needs: [&LocalContainers, &Mounts],
        judge: judge,
    }
}

/// As `type` or, where the agent tells none, as name.
const PROTOCOLS: [&str; 7] = ["s3", "envoy", "ganesha", "nfs", "smbw", "samba", "smb"];

fn judge(_: &Context<'_>, containers: &LocalContainers, mounts: &Mounts) -> Judgement {
    let protocols: Vec<&str> = containers
        .0
        .iter()
        .filter(|container| is_protocol(container))
        .map(|container| container.name.as_str())
        .collect();
    if protocols.is_empty() {
        return Judgement::skipped("no container of a protocol on this server");
    }
    let names = protocols.join(", ");
    let first = mounts.cgroups.iter().any(is_version_1);
    let second = mounts.cgroups.iter().any(|mount| mount.kind == "cgroup2");
    match (first, second) {
        (true, true) => Judgement::pass(format!("control groups of both versions (for {names})")),
        (true, false) => Judgement::pass(format!("control groups of version 1 (for {names})")),
        (false, true) => Judgement::fail(
            format!("only control groups of version 2, with {names} on this server"),
            "Boot with `systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller` \
             (`grubby --update-kernel=ALL --args=\"…\"`, or /etc/default/grub and `update-grub`), one server after the \
             other.",
        ),
        (false, false) => Judgement::unknown(format!(
            "no control groups are mounted where they could be seen, with {names} on this server"
        )),
    }
}

fn is_protocol(container: &LocalContainer) -> bool {
    let kind = container.kind.as_deref().unwrap_or(&container.name);
    PROTOCOLS
        .iter()
        .any(|known| kind.eq_ignore_ascii_case(known))
}

/// A hierarchy without a controller has only a name.
fn is_version_1(mount: &Mount) -> bool {
    mount.kind == "cgroup"
        && !mount
            .options
            .iter()
            .any(|option| option.starts_with("name="))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Fail, Pass, Skipped, Unknown};

    const ROOT: &str = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
    const V1: &str = "30 22 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n";
    const V1_NAMED: &str =
        "31 22 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n";
    const V2: &str = "32 22 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    const S3: &str = r#"[{"name":"drives0","type":"weka","isRunning":true},{"name":"s3","type":"s3","isRunning":true}]"#;

    fn judged(ps: &str, mounts: &str) -> CheckResult {
        let text = format!("{ROOT}{mounts}end\n");
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:local-ps", ps), ("host:mounts", &text)])
            .judge_one(&CGROUPS, "4.4.33")
    }

    // field history 24
    #[rstest]
    #[case::version_1(V1, Pass)]
    #[case::hybrid(&[V1, V2].concat(), Pass)]
    #[case::version_2(V2, Fail)]
    #[case::systemd_s_own_alone(&[V1_NAMED, V2].concat(), Fail)]
    #[case::none("", Unknown)]
    fn with_a_protocol(#[case] mounts: &str, #[case] outcome: Outcome) {
        let result = judged(S3, mounts);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Fail);
        assert!(result.summary.contains("s3"), "{result:?}");
    }

    #[rstest]
    // field history 24
    #[case::none(r#"[{"name":"drives0","type":"weka","isRunning":true}]"#, Skipped)]
    #[case::data_services(
        r#"[{"name":"dataserv0","type":"dataserv","isRunning":true}]"#,
        Skipped
    )]
    #[case::nfs(r#"[{"name":"ganesha","type":"ganesha","isRunning":true}]"#, Fail)]
    #[case::smb(r#"[{"name":"smbw","type":"SMBW","isRunning":false}]"#, Fail)]
    #[case::no_type(r#"[{"name":"samba","isRunning":true}]"#, Fail)]
    #[case::only_called_so(r#"[{"name":"s3","type":"weka","isRunning":true}]"#, Skipped)]
    fn what_a_protocol_is(#[case] ps: &str, #[case] outcome: Outcome) {
        let result = judged(ps, V2);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn half_the_evidence_is_unknown() {
        let base = Evidence::running("4.4.21.2");
        let mounts = format!("{ROOT}{V1}end\n");
        probe_is_unknown(
            &CGROUPS,
            "4.4.33",
            "host:mounts",
            &mounts,
            &base,
            &[("host:local-ps", S3)],
        );
        probe_is_unknown(
            &CGROUPS,
            "4.4.33",
            "host:local-ps",
            S3,
            &base,
            &[("host:mounts", &mounts)],
        );
    }
}
