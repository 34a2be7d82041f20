//! The buckets of the S3 cluster, and the lifecycle rules of each.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::evidence::Record;
use crate::source::{Call, ClusterCommand, DependentCommand};

/// Every bucket. Fails where there is no S3 cluster.
pub static S3_BUCKETS: ClusterCommand = ClusterCommand {
    key: "weka:s3-buckets",
    variants: &["s3 bucket list -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// The lifecycle rules, bucket by bucket: no release lists them all at once.
pub static S3_LIFECYCLE: DependentCommand = DependentCommand {
    key: "weka:s3-lifecycle",
    after: &[&S3_BUCKETS],
    calls: |view| {
        let names = view.json(S3_BUCKETS.key, names).unwrap_or_default();
        names.into_iter().map(call).collect()
    },
    timeout: Duration::from_secs(30),
};

fn call(name: String) -> Call {
    let words = ["s3", "bucket", "lifecycle-rule", "list", &name, "-J"];
    Call {
        variants: vec![words.map(str::to_owned).to_vec()],
        part: Some(name),
    }
}

/// One lifecycle rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifecycleRule {
    /// Its id, where the cluster has one for it.
    pub id: Option<String>,
    /// Which objects it is for, by the beginning of their names; empty for all.
    pub prefix: String,
    /// Which objects it is for, by their tags: `class=cold`.
    pub tags: Vec<String>,
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its lifecycle rules, or why they are not known: one bucket that does
    /// not answer must not hide what is wrong with another.
    pub rules: Result<Vec<LifecycleRule>, Missing>,
}

/// Every bucket of the S3 cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct S3Buckets(pub Vec<Bucket>);

impl Fact for S3Buckets {
    const NAME: &'static str = "s3_buckets";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&S3_BUCKETS];
    const DEPENDENTS: &'static [&'static DependentCommand] = &[&S3_LIFECYCLE];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let names = view.json(S3_BUCKETS.key, names)?;
        let buckets = names.into_iter().map(|name| Bucket {
            rules: rules_of(view, &S3_LIFECYCLE.key_of(Some(&name))),
            name,
        });
        Ok(Self(buckets.collect()))
    }
}

/// A list of rows, or the same below `buckets` as the REST interface has it.
fn names(value: &Value) -> Result<Vec<String>, ShapeError> {
    rows(value, "buckets")?
        .iter()
        .map(|row| {
            let name = row.text(&["name", "bucket"])?;
            // It becomes an argument: no bucket is called like an option.
            if name.is_empty() || name.starts_with('-') {
                return Err(row.error(&["name"], format!("{name:?} is no name of a bucket")));
            }
            Ok(name.to_owned())
        })
        .collect()
}

/// A list of objects, bare or below a name. An object without that name is
/// damaged, not empty.
fn rows<'v>(value: &'v Value, below: &str) -> Result<Vec<Object<'v>>, ShapeError> {
    match value {
        Value::Array(_) => Object::list(value),
        Value::Object(map) => match map.get(below) {
            Some(list @ Value::Array(_)) => Object::list(list),
            _ => Err(ShapeError::new("answer", format!("has no list {below:?}"))),
        },
        other => Err(ShapeError::new(
            "answer",
            format!("{other} in the place of a list"),
        )),
    }
}

fn rules_of(view: &View<'_>, key: &str) -> Result<Vec<LifecycleRule>, Missing> {
    if says_no_rules(view.record(key)?) {
        return Ok(Vec::new());
    }
    view.json(key, |value| {
        rows(value, "rules")?.iter().map(rule).collect()
    })
}

/// A bucket without rules is an error to the CLI, with these words.
fn says_no_rules(record: &Record) -> bool {
    let said = |text: &str| {
        text.to_ascii_lowercase()
            .contains("lifecycle configuration does not exist")
    };
    !matches!(record.exit_status(), None | Some(0 | 41 | 127))
        && (said(&record.stderr_text()) || said(&record.stdout_text()))
}

fn rule(rule: &Object<'_>) -> Result<LifecycleRule, ShapeError> {
    if rule.members().is_empty() {
        return Err(rule.error(&["id"], "is missing"));
    }
    Ok(LifecycleRule {
        id: rule.opt_text(&["id", "rule_id"])?.map(str::to_owned),
        prefix: rule.opt_text(&["prefix"])?.unwrap_or_default().to_owned(),
        tags: tags(rule)?,
    })
}

/// `k=v,k2=v2` in one text, a list of such, or an object. Neither keys nor
/// values of tags can hold a comma.
fn tags(rule: &Object<'_>) -> Result<Vec<String>, ShapeError> {
    const TAGS: [&str; 1] = ["tags"];
    if let Some(Value::Object(map)) = rule.get(&TAGS) {
        return Ok(map.keys().cloned().collect());
    }
    Ok(rule
        .texts(&TAGS)?
        .iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S12
    #[rstest]
    #[case::rows(json!([{"name":"a","used_bytes":1},{"name":"b c"}]), &["a", "b c"])]
    #[case::of_rest(json!({"buckets":[{"name":"a"}]}), &["a"])]
    #[case::none(json!([]), &[])]
    #[case::none_of_rest(json!({"buckets":[]}), &[])]
    fn buckets(#[case] value: Value, #[case] expected: &[&str]) {
        assert_eq!(names(&value).expect("readable"), expected);
    }

    #[rstest]
    #[case::null(json!(null))]
    #[case::empty_object(json!({}))]
    #[case::no_name(json!([{"path":"a"}]))]
    #[case::empty_name(json!([{"name":""}]))]
    #[case::an_option(json!([{"name":"--help"}]))]
    #[case::names_alone(json!(["a"]))]
    #[case::null_list(json!({"buckets":null}))]
    fn no_buckets(#[case] value: Value) {
        assert!(names(&value).is_err());
    }

    // field history S12
    #[rstest]
    #[case::text(json!("class=cold,team=a"), 2)]
    #[case::blanks(json!(" class=cold , team=a ,"), 2)]
    #[case::empty(json!(""), 0)]
    #[case::null(json!(null), 0)]
    #[case::list(json!(["class=cold","team=a"]), 2)]
    #[case::object(json!({"class":"cold","team":"a","x":"y"}), 3)]
    fn tags_are_counted(#[case] value: Value, #[case] expected: usize) {
        let value = json!({"id":"rule-1","tags":value});
        let rule = rule(&Object::new(&value, "answer").expect("an object")).expect("readable");
        assert_eq!(rule.tags.len(), expected);
        assert_eq!(rule.prefix, "");
    }

    #[rstest]
    #[case::odd_prefix(json!({"id":"r","prefix":1}))]
    #[case::odd_tags(json!({"id":"r","tags":1}))]
    #[case::nothing(json!({}))]
    fn refuses(#[case] value: Value) {
        assert!(rule(&Object::new(&value, "answer").expect("an object")).is_err());
    }

    #[test]
    fn a_name_stays_one_word() {
        let call = call("b c".to_owned());
        assert_eq!(call.part.as_deref(), Some("b c"));
        assert_eq!(call.variants[0][4], "b c");
    }
}
