use checker_core::facts::Missing;
use checker_core::facts::boot_arguments::BootArguments;
use checker_core::release_data::Issue;
use checker_core::{Context, Judgement, check};

check! {
    /// The server was not booted with an argument that a release ahead can't stand.
    ///
    /// ## What it looks at
    /// `/proc/cmdline`, for the words that known issues of the releases of the
    /// path name; exact words only.
    ///
    /// ## Why it matters
    /// A boot argument such as `iommu=pt` changes how devices reach memory. Some
    /// releases can't drive their network cards with it.
    ///
    /// ## If ignored
    /// The server's containers don't come back on the new release.
    ///
    /// ## How to fix
    /// Take the argument out of the boot loader's configuration
    /// (`grubby --update-kernel=ALL --remove-args=ARGUMENT`, or
    /// `/etc/default/grub` and `update-grub`) and reboot, one server at a time;
    /// or choose a target behind the issue's window.
    pub KERNEL_ARGS {
        id: "server/kernel-args",
        scope: [Backend],
        when: "known issues that name arguments",
        levels: [Fail],
        sources: ["WEKAPP-513581", "public list of known issues"],
        needs: [Result<&BootArguments, Missing>],
        judge: judge,
    }
}

fn judge(context: &Context<'_>, booted: Result<&BootArguments, Missing>) -> Judgement {
    // The words, each with the issue and the release of the path that it is for.
    let mut named: Vec<(&str, &Issue, String)> = Vec::new();
    let ahead = context.releases_ahead();
    for issue in &context.data.known_issues {
        let from = context.hops();
        let met = ahead
            .iter()
            .enumerate()
            .find(|(n, to)| issue.is_met(from.get(*n).map(|hop| hop.from), to));
        if let Some((_, to)) = met {
            let words = issue.conditions.kernel_arguments.iter();
            named.extend(words.map(|word| (word.as_str(), issue, to.to_string())));
        }
    }
    if named.is_empty() {
        return Judgement::skipped(format!(
            "no known issue on the way to {} names a boot argument",
            context.to
        ));
    }
    let booted = match booted {
        Ok(booted) => booted,
        Err(missing) => return Judgement::unknown(missing.to_string()),
    };
    let found: Vec<_> = named.iter().filter(|(word, ..)| booted.has(word)).collect();
    let words = |list: &[&(&str, &Issue, String)]| {
        let mut words: Vec<&str> = list.iter().map(|(word, ..)| *word).collect();
        words.dedup();
        words.join(", ")
    };
    if found.is_empty() {
        let all: Vec<_> = named.iter().collect();
        return Judgement::pass(format!("not booted with {}", words(&all)));
    }
    Judgement::fail(
        format!("booted with {}", words(&found)),
        format!(
            "Take {} out of the boot loader's configuration and reboot this server before the upgrade, or choose another target.",
            words(&found)
        ),
    )
    .details(found.iter().map(|(word, issue, to)| {
        format!("{word}: {} in {to}: {}", issue.id, issue.summary)
    }))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::server::{Role, Step};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn running(from: &str) -> Evidence {
        Evidence::running(from).by(crate::release_data().expect("good data"))
    }

    #[rstest]
    #[case::without("BOOT_IMAGE=/vmlinuz ro quiet\n", Outcome::Pass)]
    #[case::with("BOOT_IMAGE=/vmlinuz ro iommu=pt quiet\n", Outcome::Fail)]
    #[case::last_word("ro iommu=pt\n", Outcome::Fail)]
    #[case::part_of_a_word("ro intel_iommu=pt\n", Outcome::Pass)]
    #[case::another_value("ro iommu=on\n", Outcome::Pass)]
    #[case::empty("\n", Outcome::Unknown)]
    fn judges(#[case] cmdline: &str, #[case] outcome: Outcome) {
        let result = running("4.4.0")
            .backend("weka-01", &[("host:cmdline", cmdline)])
            .judge_one(&KERNEL_ARGS, "4.4.8.76");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history G8
    #[rstest]
    #[case::before("4.4.6.122", Outcome::Skipped)]
    #[case::on("4.4.7", Outcome::Fail)]
    #[case::last("4.4.9.98", Outcome::Fail)]
    #[case::end("4.4.9.99", Outcome::Skipped)]
    #[case::after("4.4.33", Outcome::Skipped)]
    #[case::second_window("5.0.1.100", Outcome::Fail)]
    #[case::end_of_the_second("5.0.1.101", Outcome::Skipped)]
    fn the_window(#[case] to: &str, #[case] outcome: Outcome) {
        let result = running("4.4.6")
            .backend("weka-01", &[("host:cmdline", "iommu=pt")])
            .judge_one(&KERNEL_ARGS, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn each_server_by_itself() {
        let results = running("4.4.0")
            .backend("weka-01", &[("host:cmdline", "ro")])
            .backend("weka-02", &[("host:cmdline", "iommu=pt")])
            .unreached("weka-03", Role::Backend, Step::Timeout, "10 s")
            .judge(&KERNEL_ARGS, "4.4.8.76");
        let outcomes: Vec<Outcome> = results.iter().map(|r| r.outcome).collect();
        assert_eq!(outcomes, [Outcome::Pass, Outcome::Fail, Outcome::Unknown]);
        assert_eq!(
            results[1].details,
            [
                "iommu=pt: WEKAPP-513581 in 4.4.8.76: the boot argument iommu=pt breaks the data plane"
            ]
        );
    }

    #[test]
    fn what_was_not_read_is_unknown() {
        let evidence = running("4.4.0");
        let record = evidence.record("host:cmdline", End::Exited(1), "", "");
        let result = evidence
            .server_answered("weka-01", Role::Backend, vec![record])
            .judge_one(&KERNEL_ARGS, "4.4.8.76");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
