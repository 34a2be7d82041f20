use checker_core::facts::Missing;
use checker_core::facts::overrides::Overrides;
use checker_core::facts::status::Status;
use checker_core::upgrade_path::Hop;
use checker_core::{Context, Judgement, check};

check! {
    /// The override for the step to 1 EiB support is set where it is needed.
    ///
    /// ## What it looks at
    /// Whether a hop of the path goes from a release without support for 1 EiB
    /// to one with it, and whether `weka debug override list -J` has the
    /// override already.
    ///
    /// ## Why it matters
    /// The two kinds of release write exceptions of the RPC layer differently.
    /// During the upgrade both run side by side.
    ///
    /// ## If ignored
    /// Containers of the two releases misunderstand each other while the
    /// upgrade runs, and processes can fail.
    ///
    /// ## How to fix
    /// Before the hop: `weka debug override add --key rpc.exception.version
    /// --value 1 --force`. After all drive and compute containers run the new
    /// release: remove it with `weka debug override remove`.
    pub CAPACITY_OVERRIDE {
        id: "config/capacity-override",
        scope: [Cluster],
        when: "src lacks and tgt has the support for 1 EiB",
        levels: [Warn],
        sources: ["rule N3"],
        needs: [&Status, Result<&Overrides, Missing>],
        judge: judge,
    }
}

fn judge(context: &Context<'_>, _: &Status, overrides: Result<&Overrides, Missing>) -> Judgement {
    let rule = &context.data.rules.capacity_override;
    let hops = context.hops();
    let needing: Vec<(usize, &Hop<'_>)> = hops
        .iter()
        .enumerate()
        .filter(|(_, hop)| rule.is_needed(hop.from, hop.to))
        .collect();
    let Some((n, hop)) = needing.first() else {
        return Judgement::skipped(format!(
            "no hop on the way to {} brings the support for 1 EiB",
            context.to
        ));
    };
    let step = format!("{} → {}", hop.from, hop.to);
    let after = format!(
        "When all drive and compute containers run {}, remove it: `weka debug override list`, then `weka debug override remove <id>`.",
        hop.to
    );
    match overrides {
        Ok(overrides) if overrides.is_set(&rule.key, &rule.value) => Judgement::pass(format!(
            "{}={} is set, as the hop {step} needs it; remove it afterwards",
            rule.key, rule.value
        )),
        // A later hop: the override is no business of this one.
        _ if *n > 0 => Judgement::warn(
            format!(
                "the hop {step} will need the override {}={}",
                rule.key, rule.value
            ),
            format!(
                "Nothing to do now. Before that hop: `weka debug override add --key {} --value {} --force`. {after}",
                rule.key, rule.value
            ),
        ),
        Ok(_) => Judgement::warn(
            format!(
                "the hop {step} needs the override {}={}, which is not set",
                rule.key, rule.value
            ),
            format!(
                "Before the drive containers are upgraded: `weka debug override add --key {} --value {} --force`. {after}",
                rule.key, rule.value
            ),
        ),
        Err(missing) => Judgement::unknown(format!(
            "the hop {step} needs the override {}={}; whether it is set: {missing}",
            rule.key, rule.value
        )),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn running(from: &str) -> Evidence {
        Evidence::running(from).by(crate::release_data().expect("good data"))
    }

    // field history R6
    /// Both windows, on both sides of each bound.
    #[rstest]
    #[case("4.2.15", "4.2.18.34", Outcome::Warn)]
    #[case("4.2.15.99", "4.2.16", Outcome::Warn)]
    #[case("4.2.16", "4.2.18.34", Outcome::Skipped)]
    #[case("4.2.14", "4.2.15", Outcome::Skipped)]
    #[case("4.2.12.92", "4.3.5.105", Outcome::Skipped)]
    #[case("4.3.0", "4.3.1", Outcome::Skipped)]
    #[case("4.3.5.105", "4.4.4", Outcome::Skipped)]
    #[case("4.3.5.105", "4.4.33", Outcome::Warn)]
    #[case("4.4.5.99", "4.4.6", Outcome::Warn)]
    #[case("4.4.6", "4.4.33", Outcome::Skipped)]
    #[case("4.2.15", "4.4.33", Outcome::Warn)]
    #[case("4.2.18.34", "4.4.33", Outcome::Skipped)]
    #[case("4.4.26", "5.1.25", Outcome::Skipped)]
    fn windows(#[case] from: &str, #[case] to: &str, #[case] outcome: Outcome) {
        let result = running(from)
            .weka("weka:overrides", "[]")
            .judge_one(&CAPACITY_OVERRIDE, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::set(
        r#"[{"key":"rpc.exception.version","value":"1","enabled":true}]"#,
        Outcome::Pass
    )]
    #[case::as_a_number(r#"[{"key":"rpc.exception.version","value":1}]"#, Outcome::Pass)]
    #[case::switched_off(
        r#"[{"key":"rpc.exception.version","value":"1","enabled":false}]"#,
        Outcome::Warn
    )]
    #[case::another_value(
        r#"[{"key":"rpc.exception.version","value":"2","enabled":true}]"#,
        Outcome::Warn
    )]
    #[case::another_key(
        r#"[{"key":"rpc.exception","value":"1","enabled":true}]"#,
        Outcome::Warn
    )]
    #[case::none("[]", Outcome::Warn)]
    #[case::cut(r#"[{"key":"rpc"#, Outcome::Unknown)]
    fn what_is_set(#[case] overrides: &str, #[case] outcome: Outcome) {
        let result = running("4.3.5.105")
            .weka("weka:overrides", overrides)
            .judge_one(&CAPACITY_OVERRIDE, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn the_remedy_has_the_command() {
        let result = running("4.3.5.105")
            .weka("weka:overrides", "[]")
            .judge_one(&CAPACITY_OVERRIDE, "4.4.33");
        let remedy = result.remedy.expect("a remedy");
        assert!(
            remedy
                .contains("weka debug override add --key rpc.exception.version --value 1 --force"),
            "{remedy}"
        );
        assert!(remedy.contains("remove it"), "{remedy}");
    }

    /// 4.2.9.28 → 4.3.5.105 → 4.4.4 has no such hop, 4.1.2.36 → 4.2.18.34 → 4.4.33 has it first.
    #[rstest]
    #[case("4.2.9.28", "4.4.4", Outcome::Skipped)]
    #[case("4.1.2.36", "4.4.33", Outcome::Warn)]
    fn several_hops(#[case] from: &str, #[case] to: &str, #[case] outcome: Outcome) {
        let result = running(from)
            .weka("weka:overrides", "[]")
            .judge_one(&CAPACITY_OVERRIDE, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::needed("4.3.5.105", Outcome::Unknown)]
    #[case::not_needed("4.4.26", Outcome::Skipped)]
    fn a_missing_list_matters_only_where_it_is_needed(
        #[case] from: &str,
        #[case] outcome: Outcome,
    ) {
        let result = running(from)
            .weka_ended("weka:overrides", End::Exited(1), "", "error: no leader")
            .judge_one(&CAPACITY_OVERRIDE, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn no_status_is_unknown() {
        let result = Evidence::new()
            .weka("weka:overrides", "[]")
            .judge_one(&CAPACITY_OVERRIDE, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
