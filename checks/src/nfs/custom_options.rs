use checker_core::check::{Applies, UpgradePath};
use checker_core::facts::Missing;
use checker_core::facts::nfs::Nfs;
use checker_core::facts::nfs_options::NfsOptions;
use checker_core::{Context, Judgement, Version, check};

check! {
    /// The NFS servers run without options of their own making.
    ///
    /// ## What it looks at
    /// `weka nfs custom-options -J`: what was written by hand into the
    /// configuration of the NFS servers, for all of it, for exports and for
    /// clients, where NFS has interface groups.
    ///
    /// ## Why it matters
    /// The options are handed to the NFS server as they stand. For a target before
    /// 4.4.3 WEKA has them reviewed first; which options are harmless is not
    /// documented, so any of them is red.
    ///
    /// ## If ignored
    /// An NFS server that does not understand its configuration does not start,
    /// and its addresses move from server to server during the upgrade.
    ///
    /// ## How to fix
    /// Go through the options with WEKA support. What the target does not need is
    /// taken out; note down the old text (`weka nfs custom-options -J`) first.
    /// `weka nfs custom-options --help` shows how the release changes them.
    pub CUSTOM_OPTIONS {
        id: "nfs/custom-options",
        scope: [Cluster],
        when: "NFS in use, tgt < 4.4.3",
        applies: applies,
        levels: [Fail],
        sources: ["rules K5, N17", "public checker: NFS custom options"],
        needs: [Result<&Nfs, Missing>, Result<&NfsOptions, Missing>],
        judge: judge,
    }
}

/// The first target that takes them.
const TAKES_THEM: Version = Version::new(4, 4, 3, 0);

fn applies(path: &UpgradePath) -> Applies {
    // A release on the way can be one that does not.
    if path.from < TAKES_THEM {
        Applies::Yes
    } else {
        Applies::No(taken(&path.to))
    }
}

fn taken(target: &Version) -> String {
    format!("{target} takes custom NFS options, as every release from 4.4.3 on")
}

fn judge(
    context: &Context<'_>,
    nfs: Result<&Nfs, Missing>,
    options: Result<&NfsOptions, Missing>,
) -> Judgement {
    let Some(hop) = context.first_ahead(|release| *release < TAKES_THEM) else {
        return Judgement::skipped(taken(context.to));
    };
    let options = match nfs {
        Ok(nfs) if !nfs.in_use() => return super::not_in_use(),
        Ok(_) => options,
        Err(missing) => Err(missing),
    };
    let options = match options {
        Ok(options) => options,
        Err(missing) => return Judgement::unknown(missing.to_string()),
    };
    let kinds: Vec<&str> = options.set().map(|(kind, _)| kind).collect();
    if kinds.is_empty() {
        return Judgement::pass("no custom NFS options");
    }
    Judgement::fail(
        format!(
            "custom NFS options are set: {}{}",
            kinds.join(", "),
            context.on_the_way(hop)
        ),
        format!(
            "Go through them with WEKA support for {}. What it does not need is taken out, after the text has been noted \
             down (`weka nfs custom-options -J`); `weka nfs custom-options --help` shows how.",
            hop,
        ),
    )
    .details(options.set().flat_map(|(kind, text)| {
        text.lines()
            .map(move |line| format!("{kind}: {}", line.trim()))
    }))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const SET: &str = r#"{"customNfsOptions":"NFS_CORE_PARAM { RPC_Max_Connections = 2048; }"}"#;

    const GROUPS: &str = r#"[{"name":"ig1","status":"OK","ports":[{"host_id":"HostId<5>"}]}]"#;

    fn evidence() -> Evidence {
        Evidence::running("4.2.18.34").weka("weka:nfs-interface-groups", GROUPS)
    }

    #[rstest]
    #[case::before_the_bound("4.4.2.157", SET, Outcome::Fail)]
    #[case::just_before("4.4.2.99999", SET, Outcome::Fail)]
    #[case::on_it("4.4.3", SET, Outcome::Skipped)]
    #[case::on_it_in_full("4.4.3.0", SET, Outcome::Skipped)]
    #[case::a_fix_of_it("4.4.3-hotfix1", SET, Outcome::Skipped)]
    #[case::behind_it("4.4.4", SET, Outcome::Skipped)]
    #[case::of_6_0(
        "4.4.2",
        r#"{"global_options":"","export_options":"x","client_options":""}"#,
        Outcome::Fail
    )]
    #[case::null("4.4.2", "null", Outcome::Pass)] // field history 62
    #[case::empty("4.4.2", "{}", Outcome::Pass)]
    #[case::null_member("4.4.2", r#"{"customNfsOptions":null}"#, Outcome::Pass)]
    #[case::empty_text("4.4.2", r#"{"customNfsOptions":""}"#, Outcome::Pass)]
    #[case::text("4.4.2", r#""LOG { }""#, Outcome::Fail)]
    #[case::unknown_member("4.4.2", r#"{"options":"x"}"#, Outcome::Unknown)]
    #[case::cut("4.4.2", r#"{"customNfsOptions":"NFS"#, Outcome::Unknown)]
    #[case::nothing("4.4.2", "", Outcome::Unknown)]
    fn judges(#[case] target: &str, #[case] options: &str, #[case] outcome: Outcome) {
        let result = evidence()
            .weka("weka:nfs-custom-options", options)
            .judge_one(&CUSTOM_OPTIONS, target);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::forbidden(End::Exited(1), "error: 403 Forbidden: Cluster Admin is required")]
    #[case::unknown_command(End::Exited(2), "error: unknown command: nfs custom-options")]
    fn no_answer_is_unknown(#[case] end: End, #[case] stderr: &str) {
        let result = evidence()
            .weka_ended("weka:nfs-custom-options", end, "", stderr)
            .judge_one(&CUSTOM_OPTIONS, "4.4.2");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn without_nfs_there_is_nothing_to_look_at() {
        let result = Evidence::running("4.2.18.34")
            .weka("weka:nfs-interface-groups", "[]")
            .weka("weka:nfs-custom-options", SET)
            .judge_one(&CUSTOM_OPTIONS, "4.4.2");
        assert_eq!(result.outcome, Outcome::Skipped, "{result:?}");
    }

    #[test]
    fn shows_the_options_and_how_to_take_them_out() {
        let result = evidence()
            .weka("weka:nfs-custom-options", SET)
            .judge_one(&CUSTOM_OPTIONS, "4.4.2");
        assert_eq!(result.summary, "custom NFS options are set: global");
        assert_eq!(
            result.details,
            ["global: NFS_CORE_PARAM { RPC_Max_Connections = 2048; }"]
        );
        let remedy = result.remedy.expect("a remedy");
        assert!(
            remedy.contains("`weka nfs custom-options --help`"),
            "{remedy}"
        );
    }

    /// 4.4.33 takes them, and is reached over a 4.2.18, which does not.
    #[rstest]
    #[case::the_first_hop("4.2.0", Outcome::Fail)]
    #[case::no_hop("4.2.18.34", Outcome::Skipped)]
    fn each_hop_counts(#[case] from: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .weka("weka:nfs-interface-groups", GROUPS)
            .weka("weka:nfs-custom-options", SET)
            .judge_one(&CUSTOM_OPTIONS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
        let named = result.summary.contains("(for the hop to 4.2.18");
        assert_eq!(named, outcome == Outcome::Fail, "{result:?}");
    }
}
