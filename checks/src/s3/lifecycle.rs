use checker_core::check::{Applies, UpgradePath};
use checker_core::facts::Missing;
use checker_core::facts::s3::S3;
use checker_core::facts::s3_buckets::{Bucket, S3Buckets};
use checker_core::{Context, Judgement, Version, check};

check! {
    /// The lifecycle rules of every bucket are within the target's limits.
    ///
    /// ## What it looks at
    /// `weka s3 bucket list -J`, then `weka s3 bucket lifecycle-rule list <bucket> -J`
    /// of each: at most 10 rules in a bucket, at most 256 characters in a prefix,
    /// at most 6 tags in all the rules of a bucket together. For a target from 6.0 on also
    /// at most 5,000 rules in the cluster, which its documentation adds.
    ///
    /// ## Why it matters
    /// From 4.4.9 on the rules are carried out by another part of the product, with
    /// limits that the older one did not have.
    ///
    /// ## If ignored
    /// Rules over the limits are refused or not carried out: objects stay that
    /// should expire.
    ///
    /// ## How to fix
    /// `weka s3 bucket lifecycle-rule list <bucket>` shows the rules,
    /// `weka s3 bucket lifecycle-rule remove <bucket> <rule>` takes one out. Rules
    /// with the same number of days can often be made one with a shorter prefix.
    pub LIFECYCLE {
        id: "s3/lifecycle",
        scope: [Cluster],
        when: "S3 in use, tgt >= 4.4.9",
        applies: applies,
        levels: [Fail],
        sources: ["rules K10, N18", "Documentation 6.0: S3 lifecycle limits", "public checker: S3 lifecycle"],
        needs: [&S3, Result<&S3Buckets, Missing>],
        judge: judge,
    }
}

/// The first target with limits.
const LIMITED: Version = Version::new(4, 4, 9, 0);
/// The first one whose documentation limits the cluster as a whole.
const LIMITED_TOGETHER: Version = Version::new(6, 0, 0, 0);

const RULES: usize = 10;
const PREFIX: usize = 256;
const TAGS: usize = 6;
const RULES_TOGETHER: usize = 5000;

fn applies(path: &UpgradePath) -> Applies {
    if path.to < LIMITED {
        Applies::No(format!("{} is older than 4.4.9", path.to))
    } else {
        Applies::Yes
    }
}

fn judge(context: &Context<'_>, s3: &S3, buckets: Result<&S3Buckets, Missing>) -> Judgement {
    if !s3.configured() {
        return super::not_in_use();
    }
    let buckets = match buckets {
        Ok(S3Buckets(buckets)) => buckets,
        Err(missing) => return Judgement::unknown(missing.to_string()),
    };
    let mut over: Vec<String> = buckets.iter().flat_map(over_limits).collect();
    let concerned = buckets
        .iter()
        .filter(|b| !over_limits(b).is_empty())
        .count();
    let unknown: Vec<String> = buckets
        .iter()
        .filter_map(|bucket| Some(format!("{}: {}", bucket.name, bucket.rules.as_ref().err()?)))
        .collect();
    let rules = |bucket: &Bucket| bucket.rules.as_ref().map_or(0, Vec::len);
    let total: usize = buckets.iter().map(rules).sum();
    let looked_at = format!(
        "{total} lifecycle rules in {} {}",
        buckets.len(),
        if buckets.len() == 1 {
            "bucket"
        } else {
            "buckets"
        }
    );
    let too_many = *context.to >= LIMITED_TOGETHER && total > RULES_TOGETHER;
    if too_many {
        over.push(format!(
            "all buckets: {total} rules, {RULES_TOGETHER} allowed"
        ));
    }
    if !over.is_empty() {
        let mut summary = match concerned {
            0 => String::new(),
            1 => "1 bucket has lifecycle rules over the limits".to_owned(),
            n => format!("{n} buckets have lifecycle rules over the limits"),
        };
        if too_many {
            let more = if summary.is_empty() { "" } else { ", " };
            summary = format!("{summary}{more}{total} rules are too many for the cluster");
        }
        return Judgement::fail(
            format!("{summary} ({looked_at})"),
            "`weka s3 bucket lifecycle-rule list <bucket>` shows the rules, `weka s3 bucket lifecycle-rule remove <bucket> \
             <rule>` takes one out; add it again within the limits with `weka s3 bucket lifecycle-rule add <bucket> \
             <days> --prefix <prefix> --tags <tags>`.",
        )
        .details(over)
        .details(unknown);
    }
    if !unknown.is_empty() {
        return Judgement::unknown(format!(
            "the lifecycle rules of {} of {} buckets are not known",
            unknown.len(),
            buckets.len()
        ))
        .details(unknown);
    }
    Judgement::pass(format!("{looked_at}, all within the limits"))
}

/// What of a bucket is over a limit.
fn over_limits(bucket: &Bucket) -> Vec<String> {
    let Ok(rules) = &bucket.rules else {
        return Vec::new();
    };
    let name = &bucket.name;
    let mut over = Vec::new();
    if rules.len() > RULES {
        over.push(format!("{name}: {} rules, {RULES} allowed", rules.len()));
    }
    for (rule, n) in rules.iter().zip(1..) {
        let length = rule.prefix.chars().count();
        if length > PREFIX {
            let id = rule.id.clone().unwrap_or_else(|| format!("no. {n}"));
            over.push(format!(
                "{name}, rule {id}: a prefix of {length} characters, {PREFIX} allowed"
            ));
        }
    }
    let tags: usize = rules.iter().map(|rule| rule.tags.len()).sum();
    if tags > TAGS {
        over.push(format!("{name}: {tags} tags, {TAGS} allowed"));
    }
    over
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const S3: &str = r#"{"active":true,"s3_hosts":["HostId<6>"]}"#;
    const NO_RULES: &str = "error: The lifecycle configuration does not exist";

    fn evidence(buckets: &[(&str, Value)]) -> Evidence {
        let names: Vec<Value> = buckets
            .iter()
            .map(|(name, _)| json!({"name": name}))
            .collect();
        let mut evidence = Evidence::running("4.4.6.122")
            .weka("weka:s3-cluster", S3)
            .weka("weka:s3-buckets", &json!(names).to_string());
        for (name, rules) in buckets {
            let key = format!("weka:s3-lifecycle/{name}");
            evidence = match rules {
                Value::Null => evidence.weka_ended(&key, End::Exited(1), "", NO_RULES),
                rules => evidence.weka(&key, &rules.to_string()),
            };
        }
        evidence
    }

    fn judged(rules: Value) -> CheckResult {
        evidence(&[("a", rules)]).judge_one(&LIFECYCLE, "4.4.33")
    }

    fn many(count: usize) -> Value {
        (0..count)
            .map(|n| json!({"id": format!("rule-{n}"), "prefix": "logs/", "tags": "", "expiry_days": "60"}))
            .collect()
    }

    fn with_prefix(prefix: &str) -> Value {
        json!([{"id": "rule-1", "prefix": prefix, "tags": null, "expiry_days": 60}])
    }

    fn with_tags(first: usize, second: usize) -> Value {
        let tags = |count: usize| {
            let tags: Vec<String> = (0..count).map(|n| format!("k{n}=v")).collect();
            tags.join(",")
        };
        json!([{"id": "rule-1", "tags": tags(first)}, {"id": "rule-2", "prefix": null, "tags": tags(second)}])
    }

    // field history S12
    #[rstest]
    #[case::none(Value::Null, Outcome::Pass)]
    #[case::empty(json!([]), Outcome::Pass)]
    #[case::ten_rules(many(10), Outcome::Pass)]
    #[case::eleven_rules(many(11), Outcome::Fail)]
    #[case::prefix_of_256(with_prefix(&"x".repeat(256)), Outcome::Pass)]
    #[case::prefix_of_257(with_prefix(&"x".repeat(257)), Outcome::Fail)]
    #[case::characters_not_bytes(with_prefix(&"ü".repeat(256)), Outcome::Pass)]
    #[case::too_many_characters(with_prefix(&"ü".repeat(257)), Outcome::Fail)]
    #[case::six_tags(with_tags(6, 0), Outcome::Pass)]
    #[case::six_tags_in_two_rules(with_tags(3, 3), Outcome::Pass)]
    #[case::seven_tags(with_tags(7, 0), Outcome::Fail)]
    #[case::seven_tags_in_two_rules(with_tags(3, 4), Outcome::Fail)]
    #[case::below_a_name(json!({"bucket": "a", "rules": many(11)}), Outcome::Fail)]
    #[case::null_prefix(json!([{"id": "r", "prefix": null}]), Outcome::Pass)]
    #[case::no_rule_in_it(json!([{}]), Outcome::Unknown)]
    #[case::nothing_in_it(json!({}), Outcome::Unknown)]
    #[case::odd_tags(json!([{"id": "r", "tags": 7}]), Outcome::Unknown)]
    fn limits(#[case] rules: Value, #[case] outcome: Outcome) {
        let result = judged(rules);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::before("4.4.8.99", Outcome::Skipped)]
    #[case::on("4.4.9", Outcome::Fail)]
    #[case::on_in_full("4.4.9.0", Outcome::Fail)]
    #[case::behind("4.4.9.130", Outcome::Fail)]
    fn window(#[case] target: &str, #[case] outcome: Outcome) {
        let result = evidence(&[("a", many(11))]).judge_one(&LIFECYCLE, target);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history G14
    #[rstest]
    #[case::just_enough("6.0.0.6363", 500, 0, Outcome::Pass)]
    #[case::one_more("6.0.0.6363", 500, 1, Outcome::Fail)]
    #[case::before_the_limit("5.1.25", 500, 1, Outcome::Pass)]
    fn all_buckets_together(
        #[case] target: &str,
        #[case] full: usize,
        #[case] more: usize,
        #[case] outcome: Outcome,
    ) {
        let names: Vec<String> = (0..=full).map(|n| format!("b{n}")).collect();
        let buckets: Vec<(&str, Value)> = names
            .iter()
            .enumerate()
            .map(|(n, name)| (name.as_str(), many(if n < full { 10 } else { more })))
            .collect();
        let result = evidence(&buckets).judge_one(&LIFECYCLE, target);
        assert_eq!(result.outcome, outcome, "{}", result.summary);
    }

    // field history 65: one failing command costs one bucket.
    #[rstest]
    #[case::beside_a_good_one(json!([]), Outcome::Unknown)]
    #[case::beside_a_bad_one(many(11), Outcome::Fail)]
    fn one_bucket_does_not_answer(#[case] other: Value, #[case] outcome: Outcome) {
        for (end, stderr) in [
            (End::Exited(1), "error: S3 is not ready"),
            (End::Exited(41), NO_RULES),
            (End::TimedOut, ""),
        ] {
            let result = evidence(&[("a", other.clone()), ("b", json!([]))])
                .weka_ended("weka:s3-lifecycle/b", end, "", stderr)
                .judge_one(&LIFECYCLE, "4.4.33");
            assert_eq!(result.outcome, outcome, "{result:?}");
            let details = result.details.join("\n");
            assert!(details.contains("b: `weka"), "{details}");
        }
    }

    // field history 65
    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::failed(End::Exited(1), "")]
    #[case::cut(End::Exited(0), r#"[{"name":"a"},"#)]
    #[case::empty(End::Exited(0), "")]
    #[case::null(End::Exited(0), "null")]
    #[case::an_option_for_a_name(End::Exited(0), r#"[{"name":"--all"}]"#)]
    fn no_list_of_buckets_is_unknown(#[case] end: End, #[case] stdout: &str) {
        let result = evidence(&[("a", json!([]))])
            .weka_ended("weka:s3-buckets", end, stdout, "")
            .judge_one(&LIFECYCLE, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn without_s3_there_is_nothing_to_look_at() {
        let result = Evidence::running("4.4.6.122")
            .weka("weka:s3-cluster", r#"{"active":false,"s3_hosts":[]}"#)
            .weka_ended(
                "weka:s3-buckets",
                End::Exited(1),
                "",
                "error: no S3 cluster",
            )
            .judge_one(&LIFECYCLE, "4.4.33");
        assert_eq!(result.outcome, Outcome::Skipped, "{result:?}");
    }

    #[test]
    fn names_bucket_rule_and_limit() {
        let mut rules = many(11);
        rules[3]["prefix"] = json!("x".repeat(300));
        rules[4]["tags"] = json!("a=1,b=2,c=3,d=4,e=5,f=6,g=7");
        let result = evidence(&[("a", rules), ("b", Value::Null)]).judge_one(&LIFECYCLE, "4.4.33");
        assert_eq!(
            result.summary,
            "1 bucket has lifecycle rules over the limits (11 lifecycle rules in 2 buckets)"
        );
        assert_eq!(
            result.details,
            [
                "a: 11 rules, 10 allowed",
                "a, rule rule-3: a prefix of 300 characters, 256 allowed",
                "a: 7 tags, 6 allowed"
            ]
        );
        assert_eq!(
            judged(many(2)).summary,
            "2 lifecycle rules in 1 bucket, all within the limits"
        );
    }
}
