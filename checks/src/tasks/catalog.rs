use checker_core::facts::Missing;
use checker_core::facts::catalog::Catalog;
use checker_core::facts::filesystems::Filesystems;
use checker_core::facts::tasks::{Task, Tasks};
use checker_core::{Context, Judgement, Version, check};

use super::{Class, alive, line, states};

check! {
    /// The data catalog is at rest.
    ///
    /// ## What it looks at
    /// `weka debug config show catalogInfo -J`, whether indexing is enabled, and
    /// `weka cluster task -J` for the catalog's tasks (CATALOG_INGEST,
    /// CATALOG_METADATA_DELETE, …; one release prints CATALAOG_INGEST). For targets
    /// from 6.0 on also `weka fs -J`: a filesystem `.indexfs` is a catalog that was
    /// not removed.
    ///
    /// ## Why it matters
    /// A catalog that indexes while containers are upgraded is a known fault of
    /// the product (WEKAPP-578864).
    ///
    /// ## If ignored
    /// The catalog, and with it the upgrade, can get stuck.
    ///
    /// ## How to fix
    /// `weka catalog config update --index-enabled false`, wait until
    /// `weka cluster task --show-catalog` lists none of its tasks, and enable it
    /// again after the upgrade. For 6.0 the catalog is removed:
    /// `weka catalog cluster remove --force`, then `weka fs remove .indexfs`; it
    /// is made anew after the upgrade.
    pub CATALOG {
        id: "tasks/catalog",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["WEKAPP-578864", "Public upgrade checker: catalog", "rules N1, P4"],
        needs: [Result<&Catalog, Missing>, Result<&Tasks, Missing>, Result<&Filesystems, Missing>],
        judge: judge,
    }
}

/// From here on the guide wants the catalog removed, not only at rest.
const REMOVED_FROM: Version = Version::new(6, 0, 0, 0);

/// Where the catalog keeps what it has indexed.
const INDEX: &str = ".indexfs";

fn judge(
    context: &Context<'_>,
    catalog: Result<&Catalog, Missing>,
    tasks: Result<&Tasks, Missing>,
    filesystems: Result<&Filesystems, Missing>,
) -> Judgement {
    let indexing = matches!(catalog, Ok(Catalog::Present { indexing: true }));
    let running: Vec<&Task> = tasks
        .as_ref()
        .map(|tasks| alive(tasks, Class::Catalog))
        .unwrap_or_default();
    if indexing || !running.is_empty() {
        let mut found = Vec::new();
        if indexing {
            found.push("indexing is enabled".to_owned());
        }
        if !running.is_empty() {
            found.push(format!("catalog tasks: {}", states(&running)));
        }
        return Judgement::fail(found.join("; "), remedy(context.to))
            .details(running.iter().map(|task| line(task)));
    }
    match (catalog, tasks) {
        // What a release does not have it runs no tasks for.
        (Ok(Catalog::Absent), _) => Judgement::skipped("the running release has no data catalog"),
        (Ok(Catalog::Present { .. }), Ok(tasks)) => {
            let mut summary = "indexing is off, no catalog task".to_owned();
            if *context.to >= REMOVED_FROM {
                match filesystems {
                    Err(missing) => return Judgement::unknown(missing.to_string()),
                    Ok(Filesystems(list)) if list.iter().any(|fs| fs.name == INDEX) => {
                        return Judgement::fail(
                            format!(
                                "indexing is off, but the catalog was not removed: the filesystem {INDEX} is there"
                            ),
                            "Remove the catalog: `weka catalog cluster remove --force`, then `weka fs remove .indexfs`; make it anew after the upgrade.",
                        );
                    }
                    Ok(_) => summary += &format!("; no filesystem {INDEX}"),
                }
            }
            if !tasks.asked_for_catalog {
                summary += " (this release has no option to list them apart)";
            }
            Judgement::pass(summary)
        }
        (Err(missing), Err(other)) => Judgement::unknown(format!("{missing}; {other}")),
        (Err(missing), _) | (_, Err(missing)) => Judgement::unknown(missing.to_string()),
    }
}

fn remedy(target: &Version) -> String {
    let off = "Switch it off: `weka catalog config update --index-enabled false`, and wait until \
               `weka cluster task --show-catalog` lists none of its tasks.";
    if *target >= REMOVED_FROM {
        format!(
            "{off} For 6.0 remove the catalog then: `weka catalog cluster remove --force` and `weka fs remove .indexfs`; \
             make it anew after the upgrade."
        )
    } else {
        format!(
            "{off} Switch it on again after the upgrade: `weka catalog config update --index-enabled true`."
        )
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const OFF: &str = r#"{"indexEnabled":false}"#;
    const ON: &str = r#"{"indexEnabled":true}"#;
    const NO_MEMBER: &str =
        "error: type ConfigSnapshot does not have a member named catalogInfo\n\0";

    fn evidence(catalog: &str, tasks: &str) -> Evidence {
        Evidence::running("5.1.0.605")
            .weka("weka:catalog", catalog)
            .weka("weka:tasks", tasks)
    }

    #[rstest]
    #[case::at_rest(OFF, "[]", Outcome::Pass)]
    #[case::indexing(ON, "[]", Outcome::Fail)]
    #[case::ingest(OFF, r#"[{"type":"CATALOG_INGEST","state":"RUNNING"}]"#, Outcome::Fail)]
    #[case::misspelt(OFF, r#"[{"type":"CATALAOG_INGEST","state":"PAUSED"}]"#, Outcome::Fail)] // field history 68
    #[case::delete(
        OFF,
        r#"[{"type":"CATALOG_METADATA_DELETE_ALL","state":"WAITING"}]"#,
        Outcome::Fail
    )]
    #[case::over(OFF, r#"[{"type":"CATALOG_INGEST","state":"DONE"}]"#, Outcome::Pass)]
    #[case::null("null", "[]", Outcome::Skipped)]
    #[case::null_and_a_task(
        "null",
        r#"[{"type":"CATALOG_INGEST","state":"RUNNING"}]"#,
        Outcome::Fail
    )]
    #[case::flag_not_told("{}", "[]", Outcome::Unknown)]
    #[case::cut(r#"{"indexEnabled":"#, "[]", Outcome::Unknown)]
    #[case::empty("", "[]", Outcome::Unknown)]
    fn judges(#[case] catalog: &str, #[case] tasks: &str, #[case] outcome: Outcome) {
        let result = evidence(catalog, tasks).judge_one(&CATALOG, "5.1.25");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 67
    #[rstest]
    #[case::absent(End::Exited(1), NO_MEMBER, Outcome::Skipped)]
    // field history G16
    #[case::another_failure(End::Exited(1), "error: no leader", Outcome::Unknown)]
    #[case::not_logged_in(End::Exited(41), NO_MEMBER, Outcome::Unknown)]
    #[case::timed_out(End::TimedOut, NO_MEMBER, Outcome::Unknown)]
    fn a_release_without_a_catalog(
        #[case] end: End,
        #[case] stderr: &str,
        #[case] outcome: Outcome,
    ) {
        let result = Evidence::running("4.2.18.34")
            .weka_ended("weka:catalog", end, "", stderr)
            .weka("weka:tasks", "[]")
            .judge_one(&CATALOG, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::off(OFF, Outcome::Unknown)]
    #[case::on(ON, Outcome::Fail)]
    fn without_the_tasks(#[case] catalog: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("5.1.0.605")
            .weka("weka:catalog", catalog)
            .weka_ended("weka:tasks", End::Exited(1), "", "error: no leader")
            .judge_one(&CATALOG, "5.1.25");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::before("5.1.25", "--index-enabled true`", false)]
    #[case::from_6_0("6.0.0", "weka catalog cluster remove --force", true)]
    fn the_way_out_depends_on_the_target(
        #[case] target: &str,
        #[case] words: &str,
        #[case] removed: bool,
    ) {
        let result = evidence(ON, "[]").judge_one(&CATALOG, target);
        let remedy = result.remedy.expect("a remedy");
        assert!(remedy.contains(words), "{remedy}");
        assert_eq!(remedy.contains("remove"), removed, "{remedy}");
    }

    const INDEXED: &str = r#"[{"name":"fs01","available_total":1099511627776},{"name":".indexfs","available_total":1099511627776}]"#;

    /// Being off is enough up to 5.1; 6.0 wants it gone.
    #[rstest]
    #[case::removed("6.0.0", Some("[]"), Outcome::Pass)]
    #[case::left("6.0.0", Some(INDEXED), Outcome::Fail)]
    #[case::not_told("6.0.0", None, Outcome::Unknown)]
    #[case::damaged("6.0.0", Some("null"), Outcome::Unknown)]
    #[case::before("5.1.30", Some(INDEXED), Outcome::Pass)]
    #[case::not_asked_before("5.1.30", None, Outcome::Pass)]
    fn a_catalog_that_was_not_removed(
        #[case] target: &str,
        #[case] filesystems: Option<&str>,
        #[case] outcome: Outcome,
    ) {
        let mut evidence = evidence(OFF, "[]");
        if let Some(filesystems) = filesystems {
            evidence = evidence.weka("weka:filesystems", filesystems);
        }
        let result = evidence.judge_one(&CATALOG, target);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(
            result
                .remedy
                .is_some_and(|r| r.contains("weka fs remove .indexfs")),
            outcome == Outcome::Fail
        );
    }
}
