use checker_core::facts::overrides::{Override, Overrides as Fact};
use checker_core::{Context, Judgement, Version, check};

check! {
    /// No setting was changed by hand.
    ///
    /// ## What it looks at
    /// `weka debug override list -J`. Overrides that are switched off are
    /// named, and do no harm; one that this very upgrade needs is expected.
    ///
    /// ## Why it matters
    /// An override was right for the release that it was made for. The target
    /// may know the key no more, or mean something else by it.
    ///
    /// ## If ignored
    /// The target runs with a setting that nobody chose for it, and from 6.0 on
    /// the product refuses to upgrade with one that it does not know.
    ///
    /// ## How to fix
    /// Ask support which of them the target still needs. Remove the others
    /// (`weka debug override remove <id>`); accept the warning for the rest.
    pub OVERRIDES {
        id: "config/overrides",
        scope: [Cluster],
        when: "all",
        levels: [Warn],
        sources: ["rules B9, F5 (ManualOverridesActive)"],
        needs: [&Fact],
        judge: judge,
    }
}

/// The release that needs `enable_udp_fallback` while it is upgraded away from (WEKAPP-538765).
const UDP_FALLBACK_SOURCE: Version = Version::new(4, 4, 8, 76);

fn judge(context: &Context<'_>, Fact(all): &Fact) -> Judgement {
    let (expected, rest): (Vec<&Override>, Vec<&Override>) =
        all.iter().partition(|o| is_expected(o, context));
    let (active, off): (Vec<&Override>, Vec<&Override>) = rest.iter().partition(|o| o.enabled);
    let details = active
        .iter()
        .map(|o| shown(o, ""))
        .chain(off.iter().map(|o| shown(o, ", switched off")))
        .chain(
            expected
                .iter()
                .map(|o| shown(o, ", needed for this upgrade")),
        );
    if active.is_empty() {
        let summary = match (off.len(), expected.len()) {
            (0, 0) => "no manual overrides".to_owned(),
            (off, 0) => format!("no manual override is in force, {off} switched off"),
            (off, expected) => {
                format!(
                    "no manual override but {expected} that this upgrade needs, {off} switched off"
                )
            }
        };
        return Judgement::pass(summary).details(details);
    }
    let keys: Vec<&str> = active.iter().map(|o| o.key.as_str()).collect();
    let overrides = if active.len() == 1 {
        "override"
    } else {
        "overrides"
    };
    Judgement::warn(
        format!("{} manual {overrides} in force: {}", active.len(), keys.join(", ")),
        format!(
            "Ask support which of them {} needs; remove the others with `weka debug override remove <id>`.",
            context.to
        ),
    )
    .details(details)
}

/// Whether another check asks for this override.
fn is_expected(o: &Override, context: &Context<'_>) -> bool {
    let rule = &context.data.rules.capacity_override;
    let next = context.hops().first().copied();
    let for_capacity = o.key == rule.key
        && o.value == rule.value
        && next.is_some_and(|hop| rule.is_needed(hop.from, hop.to));
    let for_udp = o.key == "enable_udp_fallback"
        && context
            .from
            .is_some_and(|from| from.without_suffix() == UDP_FALLBACK_SOURCE);
    o.enabled && (for_capacity || for_udp)
}

fn shown(o: &Override, more: &str) -> String {
    let id =
        o.id.as_ref()
            .map(|id| format!("{id}: "))
            .unwrap_or_default();
    let forced = if o.forced { ", forced" } else { "" };
    let comment = o
        .comment
        .as_ref()
        .map(|c| format!(" ({c})"))
        .unwrap_or_default();
    format!("{id}{}={}{forced}{more}{comment}", o.key, o.value)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn judged(from: &str, to: &str, overrides: &str) -> CheckResult {
        Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .weka("weka:overrides", overrides)
            .judge_one(&OVERRIDES, to)
    }

    #[rstest]
    #[case::none("[]", Outcome::Pass)]
    #[case::null("null", Outcome::Pass)]
    #[case::one(r#"[{"override_id":"ManualOverrideId<1>","key":"heartbeat_grace_msecs","value":"10000","enabled":true}]"#, Outcome::Warn)]
    #[case::switched_off(
        r#"[{"key":"heartbeat_grace_msecs","value":"10000","enabled":false}]"#,
        Outcome::Pass
    )]
    #[case::does_not_say(r#"[{"key":"heartbeat_grace_msecs","value":"10000"}]"#, Outcome::Warn)]
    #[case::no_key(r#"[{"value":"10000"}]"#, Outcome::Unknown)]
    #[case::cut(r#"[{"key":"hea"#, Outcome::Unknown)]
    #[case::nothing("", Outcome::Unknown)]
    fn judges(#[case] overrides: &str, #[case] outcome: Outcome) {
        let result = judged("4.4.26", "4.4.33", overrides);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn they_are_listed() {
        let result = judged(
            "4.4.26",
            "4.4.33",
            r#"[{"override_id":"ManualOverrideId<1>","key":"a","value":"1","enabled":true,"forced":true,"comment":"case 7"},
                {"override_id":"ManualOverrideId<2>","key":"b","value":{"x":1},"enabled":false}]"#,
        );
        assert_eq!(result.summary, "1 manual override in force: a");
        assert_eq!(
            result.details,
            [
                "ManualOverrideId<1>: a=1, forced (case 7)",
                "ManualOverrideId<2>: b={\"x\":1}, switched off"
            ]
        );
    }

    /// What config/capacity-override asks for is no reason to warn, while it is asked for.
    #[rstest]
    #[case::asked_for("4.3.5.105", "1", Outcome::Pass)]
    #[case::forgotten("4.4.26", "1", Outcome::Warn)]
    #[case::another_value("4.3.5.105", "2", Outcome::Warn)]
    fn the_capacity_override(#[case] from: &str, #[case] value: &str, #[case] outcome: Outcome) {
        let overrides = format!(r#"[{{"key":"rpc.exception.version","value":"{value}"}}]"#);
        assert_eq!(judged(from, "4.4.33", &overrides).outcome, outcome);
    }

    #[rstest]
    #[case::asked_for("4.4.8.76", Outcome::Pass)]
    #[case::before("4.4.8.75", Outcome::Warn)]
    #[case::after("4.4.8.77", Outcome::Warn)]
    fn the_udp_fallback(#[case] from: &str, #[case] outcome: Outcome) {
        let overrides = r#"[{"key":"enable_udp_fallback","value":"true"}]"#;
        assert_eq!(judged(from, "4.4.33", overrides).outcome, outcome);
    }

    #[test]
    fn a_failed_command_is_unknown() {
        let result = Evidence::running("4.4.26")
            .weka_ended("weka:overrides", End::Exited(1), "", "error: no leader")
            .judge_one(&OVERRIDES, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
