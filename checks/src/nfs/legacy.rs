use checker_core::facts::nfs::{InterfaceGroup, Nfs};
use checker_core::{Context, Judgement, check};

check! {
    /// NFS is served by NFS-W, not by the legacy stack.
    ///
    /// ## What it looks at
    /// `allow_manage_gids` of every interface group in `weka nfs interface-group -J`.
    /// Up to 4.2 it decides which of the two NFS stacks serves the group: `false`
    /// is the legacy one.
    ///
    /// ## Why it matters
    /// Releases from 4.3 on have only NFS-W. A cluster with a legacy group is
    /// not upgraded.
    ///
    /// From 4.3 on the flag can be a leftover, or stand for what it says and no
    /// more. No document settles it, so that it is yellow there, not red: ask,
    /// then accept it. Where 4.3 and later print no such flag there is nothing
    /// to ask.
    ///
    /// ## If ignored
    /// The product refuses to start the upgrade.
    ///
    /// ## How to fix
    /// Contact WEKA support: the move to NFS-W is done with them. They will want
    /// to see `weka nfs interface-group -J`.
    pub LEGACY {
        id: "nfs/legacy",
        scope: [Cluster],
        when: "all",
        levels: [Warn, Fail],
        sources: ["Upgrade guide: prerequisites, legacy NFS", "Documentation 4.2: NFS interface groups", "rules K2"],
        needs: [&Nfs],
        judge: judge,
    }
}

/// The first line of releases that may have no legacy stack any more.
const ONLY_NFS_W: (u32, u32) = (4, 3);

fn judge(context: &Context<'_>, Nfs(groups): &Nfs) -> Judgement {
    if groups.is_empty() {
        return super::not_in_use();
    }
    let having = |flag: Option<bool>| -> Vec<&InterfaceGroup> {
        let same = |group: &&InterfaceGroup| group.allow_manage_gids == flag;
        groups.iter().filter(same).collect()
    };
    let (off, untold) = (having(Some(false)), having(None));
    let count = match groups.len() {
        1 => "1 interface group".to_owned(),
        n => format!("{n} interface groups"),
    };
    let listed = |groups: &[&InterfaceGroup]| {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        names.join(", ")
    };
    let lines = |groups: &[&InterfaceGroup], flag: &str| -> Vec<String> {
        groups
            .iter()
            .map(|group| {
                format!(
                    "interface group {}: allow_manage_gids {flag}, {} ports",
                    group.name,
                    group.ports.len()
                )
            })
            .collect()
    };
    let modern = context.from.map(|from| from.line() >= ONLY_NFS_W);
    if !off.is_empty() {
        let judgement = match (modern, context.from) {
            (Some(false), _) => Judgement::fail(
                format!(
                    "{} of {count} on the legacy NFS stack: {}",
                    off.len(),
                    listed(&off)
                ),
                "Contact WEKA support before the upgrade: the move to NFS-W is done with them. \
                 `weka nfs interface-group -J` shows the groups (allow_manage_gids false).",
            ),
            (Some(true), Some(from)) => Judgement::warn(
                format!(
                    "{} of {count} with allow_manage_gids off: {}; in 4.2 this meant the legacy NFS stack, in {from} \
                     it may be a leftover",
                    off.len(),
                    listed(&off)
                ),
                "Ask WEKA support whether these groups are still on the legacy NFS stack \
                 (`weka nfs interface-group -J`); if they are not, accept this warning.",
            ),
            _ => Judgement::unknown(format!(
                "{} of {count} with allow_manage_gids off ({}): what that means depends on the running release, which \
                 the cluster did not tell",
                off.len(),
                listed(&off)
            )),
        };
        return judgement.details(lines(&off, "off"));
    }
    if !untold.is_empty() && modern != Some(true) {
        return Judgement::unknown(format!(
            "`weka nfs interface-group -J` does not say which NFS stack serves {}",
            listed(&untold)
        ))
        .details(lines(&untold, "not told"));
    }
    Judgement::pass(format!("{count}, none on the legacy NFS stack"))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const ON: &str = r#"[{"name":"ig1","allow_manage_gids":true,"ports":[]}]"#;
    const SECOND_OFF: &str = r#"[{"name":"ig1","allow_manage_gids":true,"ports":[]},{"name":"ig2","allow_manage_gids":false,"ports":[]}]"#;
    const UNTOLD: &str = r#"[{"name":"ig1","ports":[]}]"#;

    #[rstest]
    #[case::nfs_w("4.2.18.34", ON, Outcome::Pass)]
    #[case::legacy("4.2.18.34", SECOND_OFF, Outcome::Fail)]
    #[case::older("4.1.2", SECOND_OFF, Outcome::Fail)]
    #[case::first_of_4_3("4.3.0", SECOND_OFF, Outcome::Warn)]
    #[case::leftover("4.4.21.2", SECOND_OFF, Outcome::Warn)]
    #[case::not_told("4.2.18.34", UNTOLD, Outcome::Unknown)]
    #[case::null(
        "4.2.18.34",
        r#"[{"name":"ig1","allow_manage_gids":null,"ports":[]}]"#,
        Outcome::Unknown
    )]
    #[case::no_longer_there("6.0.0.6363", UNTOLD, Outcome::Pass)]
    #[case::no_nfs("4.2.18.34", "[]", Outcome::Skipped)]
    #[case::no_nfs_null("4.4.21.2", "null", Outcome::Skipped)]
    fn judges(#[case] running: &str, #[case] groups: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(running)
            .weka("weka:nfs-interface-groups", groups)
            .judge_one(&LEGACY, "6.0.1");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 63, 64, S14
    #[rstest]
    #[case::never_set_up(
        End::Exited(1),
        "",
        "error: NFS is not configured\n\0",
        Outcome::Skipped
    )]
    #[case::not_logged_in(End::Exited(41), "", "error: not configured", Outcome::Unknown)]
    #[case::no_program(End::Exited(127), "", "not configured", Outcome::Unknown)]
    #[case::failed(End::Exited(1), "", "error: no leader", Outcome::Unknown)]
    #[case::cut(End::Exited(0), r#"[{"name":"ig1","#, "", Outcome::Unknown)]
    #[case::empty(End::Exited(0), "", "", Outcome::Unknown)]
    fn no_list(
        #[case] end: End,
        #[case] stdout: &str,
        #[case] stderr: &str,
        #[case] outcome: Outcome,
    ) {
        let result = Evidence::running("4.2.18.34")
            .weka_ended("weka:nfs-interface-groups", end, stdout, stderr)
            .judge_one(&LEGACY, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn without_the_running_release_it_cannot_be_told() {
        let result = Evidence::new()
            .weka("weka:nfs-interface-groups", SECOND_OFF)
            .judge_one(&LEGACY, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn names_the_groups() {
        let result = Evidence::running("4.2.18.34")
            .weka("weka:nfs-interface-groups", SECOND_OFF)
            .judge_one(&LEGACY, "4.4.33");
        assert_eq!(
            result.summary,
            "1 of 2 interface groups on the legacy NFS stack: ig2"
        );
        assert_eq!(
            result.details,
            ["interface group ig2: allow_manage_gids off, 0 ports"]
        );
    }
}
