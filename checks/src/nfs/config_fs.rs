use checker_core::facts::Missing;
use checker_core::facts::nfs::Nfs;
use checker_core::facts::nfs_config::NfsConfig;
use checker_core::{Context, Judgement, check};

check! {
    /// NFS has a configuration file system.
    ///
    /// ## What it looks at
    /// `config_fs` of `weka nfs global-config show -J`, where NFS has interface
    /// groups. A name that is empty counts as none.
    ///
    /// ## Why it matters
    /// NFS keeps the state of NFSv4 clients and the locks in it, so that another
    /// server can go on where one stops; and every server stops once during an
    /// upgrade.
    ///
    /// ## If ignored
    /// NFSv4 clients can't take up their state again, and file locking is off.
    ///
    /// ## How to fix
    /// `weka fs create .config_fs <group> 22GB`, if there is no such file system
    /// yet, then `weka nfs global-config set --config-fs .config_fs`.
    pub CONFIG_FS {
        id: "nfs/config-fs",
        scope: [Cluster],
        when: "NFS in use",
        levels: [Warn],
        sources: ["Documentation: NFS, configuration file system", "rules K4", "public checker: NFS config filesystem"],
        needs: [&Nfs, Result<&NfsConfig, Missing>],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, nfs: &Nfs, config: Result<&NfsConfig, Missing>) -> Judgement {
    if !nfs.in_use() {
        return super::not_in_use();
    }
    match config {
        Err(missing) => Judgement::unknown(missing.to_string()),
        Ok(NfsConfig {
            config_fs: Some(name),
        }) => Judgement::pass(format!("NFS keeps its configuration in {name:?}")),
        Ok(NfsConfig { config_fs: None }) => Judgement::warn(
            format!(
                "NFS has {} and no configuration file system",
                super::groups(nfs)
            ),
            "`weka nfs global-config set --config-fs .config_fs`; if there is no such file system yet, create it first: \
             `weka fs create .config_fs <group> 22GB`.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const GROUPS: &str = r#"[{"name":"ig1","status":"OK","ports":[{"host_id":"HostId<5>"}]}]"#;

    fn evidence() -> Evidence {
        Evidence::running("4.4.21.2").weka("weka:nfs-interface-groups", GROUPS)
    }

    // field history 61
    #[rstest]
    #[case::set(r#"{"config_fs":".config_fs","mountd_port":0}"#, Outcome::Pass)]
    #[case::null(r#"{"config_fs":null,"mountd_port":0}"#, Outcome::Warn)]
    #[case::absent(r#"{"mountd_port":0}"#, Outcome::Warn)]
    #[case::empty_name(r#"{"config_fs":"","mountd_port":0}"#, Outcome::Warn)]
    #[case::cut(r#"{"config_fs":".config_fs","#, Outcome::Unknown)]
    #[case::nothing("", Outcome::Unknown)]
    #[case::null_answer("null", Outcome::Unknown)]
    #[case::empty_list("[]", Outcome::Unknown)]
    #[case::empty_object("{}", Outcome::Unknown)]
    fn judges(#[case] config: &str, #[case] outcome: Outcome) {
        let result = evidence()
            .weka("weka:nfs-global-config", config)
            .judge_one(&CONFIG_FS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::failed(End::Exited(1), "error: 403 Forbidden")]
    #[case::timeout(End::TimedOut, "")]
    fn no_answer_is_unknown(#[case] end: End, #[case] stderr: &str) {
        let result = evidence()
            .weka_ended("weka:nfs-global-config", end, "", stderr)
            .judge_one(&CONFIG_FS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    /// field history 63, 64: the settings of a service that is not there do not matter.
    #[test]
    fn without_nfs_there_is_nothing_to_look_at() {
        let none = Evidence::running("4.4.21.2")
            .weka("weka:nfs-interface-groups", "[]")
            .weka_ended("weka:nfs-global-config", End::Exited(1), "", "error: no");
        assert_eq!(
            none.judge_one(&CONFIG_FS, "4.4.33").outcome,
            Outcome::Skipped
        );
        let not_known = Evidence::running("4.4.21.2")
            .weka("weka:nfs-interface-groups", "[{")
            .weka("weka:nfs-global-config", r#"{"config_fs":"x"}"#);
        let result = not_known.judge_one(&CONFIG_FS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn says_what_is_set() {
        let result = evidence()
            .weka("weka:nfs-global-config", r#"{"config_fs":".config_fs"}"#)
            .judge_one(&CONFIG_FS, "4.4.33");
        assert_eq!(
            result.summary,
            r#"NFS keeps its configuration in ".config_fs""#
        );
    }
}
