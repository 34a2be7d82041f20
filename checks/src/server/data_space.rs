use checker_core::facts::data_dirs::{DataDir, DataDirs, Owner, owner};
use checker_core::facts::space::Space;
use checker_core::{Context, Judgement, check};

use crate::size::Size;

check! {
    /// Each container's data directory could be copied with room to spare.
    ///
    /// ## What it looks at
    /// `du --apparent-size` of each container's directory in `/opt/weka/data`,
    /// and what `df` says is free on the file system that it lies on: half as
    /// much again as its size. Each container by itself, not all of them
    /// together. Directories of no container (`agent`, `ofed`, …) and those that
    /// an upgrade staged (`<id>_<release>`) are left out.
    ///
    /// ## Why it matters
    /// The product's own preparation makes this very test for each container.
    /// It goes by the apparent size: the images in there have holes, and a copy
    /// has none.
    ///
    /// ## If ignored
    /// The preparation of the upgrade refuses on this server.
    ///
    /// ## How to fix
    /// Make room on that file system: `weka version rm --clean-unused` removes
    /// releases that nothing runs any more, `du -x -d 2 /opt/weka` shows what
    /// else fills it. Or enlarge the file system.
    pub DATA_SPACE {
        id: "server/data-space",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["Public upgrade checker: data directories", "rules H2"],
        needs: [&DataDirs, &Space],
        judge: judge,
    }
}

/// One container's directory that is short of room, or not known to have it.
enum Found {
    Short(String),
    Unknown(String),
    Enough(String),
}

fn judge(_: &Context<'_>, dirs: &DataDirs, space: &Space) -> Judgement {
    let mut found: Vec<Found> = dirs
        .list
        .iter()
        .filter(|dir| matches!(dir.owner, Owner::Container(_)))
        .map(|dir| examine(dir, dirs.apparent, space))
        .collect();
    // `df` saw a directory that `du` says nothing about.
    found.extend(space.0.iter().filter_map(|fs| {
        let name = fs.path.strip_prefix("/opt/weka/data/")?;
        let silent = !dirs.list.iter().any(|dir| dir.name == name);
        (silent && matches!(owner(name), Owner::Container(_)))
            .then(|| Found::Unknown(format!("{name}: its size was not told")))
    }));
    let (mut short, mut unknown, mut enough) = (Vec::new(), Vec::new(), Vec::new());
    for one in found {
        match one {
            Found::Short(line) => short.push(line),
            Found::Unknown(line) => unknown.push(line),
            Found::Enough(line) => enough.push(line),
        }
    }
    let staged = dirs.list.iter().filter(|dir| dir.owner == Owner::Staged);
    let staged: Vec<String> = staged
        .map(|dir| format!("{}: staged by an upgrade, not judged", dir.name))
        .collect();

    if !short.is_empty() {
        let summary = match short.as_slice() {
            [only] => format!("too little room beside {only}"),
            all => format!(
                "too little room beside {} of {} containers' directories",
                all.len(),
                all.len() + unknown.len() + enough.len()
            ),
        };
        return Judgement::fail(
            summary,
            "Make room on that file system: `weka version rm --clean-unused` removes releases that nothing runs any \
             more, `du -x -d 2 /opt/weka` shows what else fills it. Or enlarge it.",
        )
        .details(short)
        .details(unknown)
        .details(enough)
        .details(staged);
    }
    if !unknown.is_empty() {
        return Judgement::unknown(unknown.join("; "))
            .details(enough)
            .details(staged);
    }
    if enough.is_empty() {
        return Judgement::unknown("there is no container's directory in /opt/weka/data");
    }
    if !dirs.apparent {
        // What is in use is less than what a copy takes: enough for the one is
        // no proof for the other.
        return Judgement::unknown(
            "only the room in use is known, and would do: `du` on this server cannot tell the apparent size, which \
             the product goes by",
        )
        .details(enough)
        .details(staged);
    }
    let summary = match enough.as_slice() {
        [only] => only.clone(),
        all => format!("room beside each of {} containers' directories", all.len()),
    };
    Judgement::pass(summary).details(enough).details(staged)
}

fn examine(dir: &DataDir, apparent: bool, space: &Space) -> Found {
    let name = &dir.name;
    let size = match &dir.size {
        Ok(size) => *size,
        Err(said) => return Found::Unknown(format!("{name}: its size could not be read ({said})")),
    };
    let fs = match space.measured(&dir.path()) {
        Ok(fs) => fs,
        Err(why) => return Found::Unknown(format!("{name}: {why}")),
    };
    // Half as much again, in whole numbers; wide enough for any size.
    let needed = (u128::from(size) * 3).div_ceil(2);
    let line = format!(
        "{name}: {} {}, {} free on {}, {} needed",
        Size(size),
        if apparent { "in size" } else { "in use" },
        Size(fs.available),
        fs.mounted_on,
        Size(u64::try_from(needed).unwrap_or(u64::MAX)),
    );
    if u128::from(fs.available) < needed {
        Found::Short(line)
    } else {
        Found::Enough(line)
    }
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

    /// `df` of `/opt/weka` and these directories; (name, free KiB).
    fn df(dirs: &[(&str, u64)]) -> String {
        let mut paths = "path /opt/weka\n".to_owned();
        let mut rows =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda3 9000 1 8000 1% /opt/weka\n"
                .to_owned();
        for (name, free) in dirs {
            paths += &format!("path /opt/weka/data/{name}/\n");
            rows += &format!("/dev/sda3 9000 1 {free} 1% /opt/weka\n");
        }
        paths + &rows
    }

    fn judged(du: &str, df: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:data-dirs", du), ("host:space", df)])
            .judge_one(&DATA_SPACE, "4.4.33")
    }

    #[rstest]
    #[case::plenty(1_000_000, 9_000_000, Outcome::Pass)]
    #[case::exactly(1_000_000, 1_500_000, Outcome::Pass)]
    #[case::one_kib_short(1_000_000, 1_499_999, Outcome::Fail)]
    #[case::empty(0, 0, Outcome::Pass)]
    fn limit(#[case] size: u64, #[case] free: u64, #[case] outcome: Outcome) {
        let result = judged(
            &format!("{size}\t/opt/weka/data/drives0/\n"),
            &df(&[("drives0", free)]),
        );
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 39
    #[test]
    fn each_container_by_itself() {
        let du = "1000000\t/opt/weka/data/drives0/\n1000000\t/opt/weka/data/compute0/\n";
        let result = judged(du, &df(&[("compute0", 1_600_000), ("drives0", 1_600_000)]));
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
        assert_eq!(
            result.summary,
            "room beside each of 2 containers' directories"
        );
        assert_eq!(
            result.details[1],
            "drives0: 1.02 GB in size, 1.63 GB free on /opt/weka, 1.53 GB needed"
        );
    }

    // field history 37
    #[rstest]
    #[case::with_release("drives0_4.2.5.12", Outcome::Fail)]
    #[case::staged("12_4.4.33", Outcome::Pass)]
    #[case::of_no_container("weka_driver", Outcome::Pass)]
    #[case::image("logs.loop", Outcome::Pass)]
    #[case::a_new_kind_of_container("dataserv0", Outcome::Fail)]
    fn whose_directory_it_is(#[case] name: &str, #[case] outcome: Outcome) {
        let du = format!("1000\t/opt/weka/data/compute0/\n1000000000\t/opt/weka/data/{name}/\n");
        let result = judged(&du, &df(&[("compute0", 2000), (name, 2000)]));
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::enough(1000, Outcome::Unknown)]
    #[case::too_little(2000, Outcome::Fail)]
    fn what_is_in_use_proves_only_the_lack(#[case] used: u64, #[case] outcome: Outcome) {
        let du = format!("used\n{used}\t/opt/weka/data/drives0/\n");
        let result = judged(&du, &df(&[("drives0", 2000)]));
        assert_eq!(result.outcome, outcome, "{result:?}");
        let said = format!("{} {}", result.summary, result.details.join(" "));
        assert!(said.contains("in use"), "{result:?}");
    }

    // field history 38
    #[rstest]
    #[case::no_number("??\t/opt/weka/data/drives0/\n1\t/opt/weka/data/compute0/\n")]
    #[case::silence("1\t/opt/weka/data/compute0/\n")]
    #[case::banner("Welcome\n1\t/opt/weka/data/compute0/\n")]
    #[case::cut("1\t/opt/weka/data/compute0/\n1000\t/opt/we")]
    #[case::nothing("")]
    fn a_directory_without_a_size_is_unknown_and_named(#[case] du: &str) {
        let result = judged(du, &df(&[("compute0", 2000), ("drives0", 2000)]));
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
        assert!(result.summary.contains("drives0"), "{result:?}");
    }

    #[test]
    fn a_directory_that_df_did_not_see_is_unknown() {
        let result = judged("1000\t/opt/weka/data/drives0/\n", &df(&[]));
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn no_container_at_all_is_unknown() {
        let result = judged("1000\t/opt/weka/data/agent/\n", &df(&[("agent", 9)]));
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    fn ended(end: End, stdout: &str, stderr: &str) -> CheckResult {
        let evidence = Evidence::running("4.4.21.2");
        let records = vec![
            evidence.record("host:data-dirs", end, stdout, stderr),
            evidence.record(
                "host:space",
                End::Exited(0),
                &df(&[("drives0", 2000), ("compute0", 2000)]),
                "",
            ),
        ];
        evidence
            .server_answered("weka-01", Role::Backend, records)
            .judge_one(&DATA_SPACE, "4.4.33")
    }

    const BOTH: &str = "1000\t/opt/weka/data/drives0/\n1000\t/opt/weka/data/compute0/\n";

    #[rstest]
    #[case::denied(
        End::Exited(1),
        "du: cannot read directory '/opt/weka/data/drives0/x': Permission denied\n",
        Outcome::Unknown
    )]
    #[case::vanished(
        End::Exited(1),
        "du: cannot access '/opt/weka/data/drives0/x': No such file or directory\n",
        Outcome::Pass
    )]
    #[case::silent(End::Exited(1), "", Outcome::Unknown)]
    #[case::no_du(End::Exited(127), "", Outcome::Unknown)]
    #[case::timed_out(End::TimedOut, "", Outcome::Unknown)]
    #[case::fine(End::Exited(0), "", Outcome::Pass)]
    fn ways_to_end(#[case] end: End, #[case] stderr: &str, #[case] outcome: Outcome) {
        let result = ended(end, BOTH, stderr);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn one_that_is_short_is_red_even_if_another_is_not_known() {
        let result = ended(
            End::Exited(1),
            "9000000\t/opt/weka/data/drives0/\n1\t/opt/weka/data/compute0/\n",
            "du: cannot read directory '/opt/weka/data/compute0/x': Permission denied\n",
        );
        assert_eq!(result.outcome, Outcome::Fail, "{result:?}");
        assert_eq!(result.details.len(), 2);
    }
}
