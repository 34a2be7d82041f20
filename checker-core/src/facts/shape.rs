//! Reading JSON by its shape, never by a guessed release.

use std::fmt;

use serde_json::{Map, Value};

/// A JSON value that is not what the parser needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {what}")]
pub struct ShapeError {
    /// Where: `[3].host_id`.
    pub at: String,
    /// What was found, what was needed.
    pub what: String,
}

impl ShapeError {
    /// An error at a place.
    pub fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            what: what.into(),
        }
    }
}

/// What a JSON value is called in an error.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A JSON object, with the place where it stands for the error text.
///
/// Every getter takes the names that one member has had, newest first, and
/// treats an absent member and `null` alike.
#[derive(Debug, Clone)]
pub struct Object<'v> {
    map: &'v Map<String, Value>,
    at: String,
}

impl<'v> Object<'v> {
    /// `value` as an object.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn new(value: &'v Value, at: impl Into<String>) -> Result<Self, ShapeError> {
        let at = at.into();
        match value {
            Value::Object(map) => Ok(Self { map, at }),
            other => Err(ShapeError::new(
                at,
                format!("{} in the place of an object", kind(other)),
            )),
        }
    }

    /// `value` as a list of objects. An object keyed by id (the form of the
    /// JRPC interface) counts as the list of its members; an empty one does
    /// not, since a list without rows is written `[]`.
    ///
    /// # Errors
    /// When it is neither, or a member is no object.
    pub fn list(value: &'v Value) -> Result<Vec<Self>, ShapeError> {
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(n, item)| Self::new(item, format!("[{n}]")))
                .collect(),
            Value::Object(map) if !map.is_empty() => map
                .iter()
                .map(|(key, item)| Self::new(item, format!(".{key}")))
                .collect(),
            other => Err(ShapeError::new(
                "answer",
                format!("{} in the place of a list", kind(other)),
            )),
        }
    }

    /// The members, by name.
    #[must_use]
    pub fn members(&self) -> &'v Map<String, Value> {
        self.map
    }

    /// The member's value, `None` when absent or null.
    #[must_use]
    pub fn get(&self, names: &[&str]) -> Option<&'v Value> {
        names
            .iter()
            .filter_map(|name| self.map.get(*name))
            .find(|value| !value.is_null())
    }

    /// An error about one of this object's members.
    pub fn error(&self, names: &[&str], what: impl fmt::Display) -> ShapeError {
        ShapeError::new(
            format!("{}.{}", self.at, names.first().unwrap_or(&"?")),
            what.to_string(),
        )
    }

    fn needed<T>(&self, names: &[&str], value: Option<T>) -> Result<T, ShapeError> {
        value.ok_or_else(|| self.error(names, "is missing"))
    }

    fn wrong(&self, names: &[&str], needed: &str, found: &Value) -> ShapeError {
        self.error(names, format!("{} in the place of {needed}", kind(found)))
    }

    /// A text.
    ///
    /// # Errors
    /// When the member is absent or no text.
    pub fn text(&self, names: &[&str]) -> Result<&'v str, ShapeError> {
        self.needed(names, self.opt_text(names)?)
    }

    /// A text, `None` when absent or null.
    ///
    /// # Errors
    /// When the member is there and no text.
    pub fn opt_text(&self, names: &[&str]) -> Result<Option<&'v str>, ShapeError> {
        match self.get(names) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(names, "a text", other)),
        }
    }

    /// A whole number that is not negative; also as text (`"14000"`).
    ///
    /// # Errors
    /// When the member is absent or no such number.
    pub fn number(&self, names: &[&str]) -> Result<u64, ShapeError> {
        self.needed(names, self.opt_number(names)?)
    }

    /// A whole number that is not negative, `None` when absent or null.
    ///
    /// # Errors
    /// When the member is there and no such number.
    pub fn opt_number(&self, names: &[&str]) -> Result<Option<u64>, ShapeError> {
        match self.get(names) {
            None => Ok(None),
            Some(value) => whole_number(value)
                .map(Some)
                .ok_or_else(|| self.wrong(names, "a whole number", value)),
        }
    }

    /// A number, `None` when absent or null; also as text (`"41%"`, `"94"`).
    ///
    /// # Errors
    /// When the member is there and no number.
    pub fn opt_float(&self, names: &[&str]) -> Result<Option<f64>, ShapeError> {
        match self.get(names) {
            None => Ok(None),
            Some(Value::Number(n)) => Ok(n.as_f64()),
            Some(Value::String(s)) => s
                .trim()
                .trim_end_matches('%')
                .parse()
                .map(Some)
                .map_err(|_| self.error(names, format!("{s:?} in the place of a number"))),
            Some(other) => Err(self.wrong(names, "a number", other)),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// When the member is absent or neither.
    pub fn boolean(&self, names: &[&str]) -> Result<bool, ShapeError> {
        self.needed(names, self.opt_boolean(names)?)
    }

    /// True or false, `None` when absent or null.
    ///
    /// # Errors
    /// When the member is there and neither.
    pub fn opt_boolean(&self, names: &[&str]) -> Result<Option<bool>, ShapeError> {
        match self.get(names) {
            None => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(*b)),
            Some(Value::String(s)) if s.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(s)) if s.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => Err(self.wrong(names, "true or false", other)),
        }
    }

    /// The number of a typed id: `"HostId<3>"`, `"3"` or `3`; `None` when
    /// absent, null or `HostId<INVALID>`.
    ///
    /// # Errors
    /// When the member is there and no id.
    pub fn opt_id(&self, names: &[&str]) -> Result<Option<u64>, ShapeError> {
        match self.get(names) {
            None => Ok(None),
            Some(value) => {
                id_number(value).ok_or_else(|| self.wrong(names, "an id such as HostId<3>", value))
            }
        }
    }

    /// The numbers of a list of ids; `None` when absent or null. An id that
    /// stands for none (`HostId<INVALID>`) is left out.
    ///
    /// # Errors
    /// When the member is there and no list of ids.
    pub fn opt_ids(&self, names: &[&str]) -> Result<Option<Vec<u64>>, ShapeError> {
        match self.get(names) {
            None => Ok(None),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| {
                    id_number(item)
                        .ok_or_else(|| self.wrong(names, "a list of ids such as HostId<3>", item))
                })
                .collect::<Result<Vec<_>, _>>()
                .map(|ids| Some(ids.into_iter().flatten().collect())),
            Some(other) => Err(self.wrong(names, "a list of ids", other)),
        }
    }

    /// An object inside this one, `None` when absent or null.
    ///
    /// # Errors
    /// When the member is there and no object.
    pub fn opt_object(&self, names: &[&str]) -> Result<Option<Self>, ShapeError> {
        self.get(names)
            .map(|value| Self::new(value, format!("{}.{}", self.at, names[0])))
            .transpose()
    }

    /// A list of texts, empty when absent or null; a single text counts as a list of one.
    ///
    /// # Errors
    /// When the member is there and neither.
    pub fn texts(&self, names: &[&str]) -> Result<Vec<&'v str>, ShapeError> {
        match self.get(names) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(items)) => items
                .iter()
                .filter(|item| !item.is_null())
                .map(|item| {
                    item.as_str()
                        .ok_or_else(|| self.wrong(names, "a list of texts", item))
                })
                .collect(),
            Some(other) => Err(self.wrong(names, "a list of texts", other)),
        }
    }

    /// A list of objects inside this one, empty when absent or null.
    ///
    /// # Errors
    /// When the member is there and neither a list nor a map of objects.
    pub fn objects(&self, names: &[&str]) -> Result<Vec<Self>, ShapeError> {
        self.get(names).map_or(Ok(Vec::new()), Self::list)
    }
}

/// A whole number, as number, as number with a zero fraction, or as text.
fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(n) => n.as_u64().or_else(|| {
            let f = n.as_f64()?;
            // Above 2^53 a float no longer says which whole number was meant.
            (f.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&f)).then_some(f as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The number in an id: `Some(Some(3))` for `"HostId<3>"`, `"3"` and `3`,
/// `Some(None)` for `"HostId<INVALID>"`, `None` for anything that is no id.
#[must_use]
pub fn id_number(value: &Value) -> Option<Option<u64>> {
    if let Some(n) = whole_number(value) {
        return Some(Some(n));
    }
    let inner = value.as_str()?.trim().strip_suffix('>')?.split_once('<')?.1;
    if inner == "INVALID" {
        Some(None)
    } else {
        inner.parse().ok().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::typed(json!("HostId<3>"), Some(Some(3)))]
    #[case::integer(json!(3), Some(Some(3)))]
    #[case::digits(json!("3"), Some(Some(3)))]
    #[case::zero(json!(0), Some(Some(0)))]
    #[case::invalid(json!("HostId<INVALID>"), Some(None))]
    #[case::word(json!("weka-01"), None)]
    #[case::negative(json!(-1), None)]
    #[case::list(json!([3]), None)]
    fn ids(#[case] value: Value, #[case] expected: Option<Option<u64>>) {
        assert_eq!(id_number(&value), expected);
    }

    #[test]
    fn a_renamed_member_is_found_under_either_name() {
        for value in [json!({"container": 5}), json!({"host_id": "HostId<5>"})] {
            let object = Object::new(&value, "answer").expect("an object");
            assert_eq!(object.opt_id(&["container", "host_id"]), Ok(Some(5)));
        }
    }

    #[test]
    fn null_counts_as_absent_and_the_other_name_is_looked_at() {
        let value = json!({"container": null, "host_id": 7});
        let object = Object::new(&value, "answer").expect("an object");
        assert_eq!(object.opt_id(&["container", "host_id"]), Ok(Some(7)));
    }

    #[rstest]
    #[case::typed(json!(["HostId<6>", "HostId<9>"]), Some(vec![6, 9]))]
    #[case::integers(json!([0, 9]), Some(vec![0, 9]))]
    #[case::none_of_them(json!(["HostId<INVALID>"]), Some(vec![]))]
    #[case::empty(json!([]), Some(vec![]))]
    #[case::null(json!(null), None)]
    fn lists_of_ids(#[case] list: Value, #[case] expected: Option<Vec<u64>>) {
        let value = json!({ "hosts": list });
        let object = Object::new(&value, "answer").expect("an object");
        assert_eq!(object.opt_ids(&["hosts"]), Ok(expected));
    }

    #[rstest]
    #[case::name(json!(["weka-01"]))]
    #[case::text(json!("HostId<6>"))]
    #[case::object(json!({"HostId<6>": true}))]
    fn no_lists_of_ids(#[case] list: Value) {
        let value = json!({ "hosts": list });
        let object = Object::new(&value, "answer").expect("an object");
        assert!(object.opt_ids(&["hosts"]).is_err());
    }

    #[test]
    fn an_absent_member_is_an_error_that_names_it() {
        let value = json!([{"a": 1}]);
        let list = Object::list(&value).expect("a list");
        let error = list[0].text(&["status"]).expect_err("absent");
        assert_eq!(error.to_string(), "[0].status: is missing");
    }

    #[test]
    fn a_map_by_id_is_a_list() {
        let value = json!({"HostId<1>": {"a": 1}, "HostId<2>": {"a": 2}});
        assert_eq!(Object::list(&value).expect("a list").len(), 2);
    }

    #[test]
    fn an_empty_object_is_no_list() {
        let error = Object::list(&json!({})).expect_err("no list");
        assert_eq!(
            error.to_string(),
            "answer: an object in the place of a list"
        );
        assert_eq!(Object::list(&json!([])).expect("a list").len(), 0);
    }

    #[test]
    fn the_largest_64_bit_number_is_kept() {
        let value = json!({"n": u64::MAX, "t": "18446744073709551615", "f": 4.0});
        let object = Object::new(&value, "answer").expect("an object");
        assert_eq!(object.number(&["n"]), Ok(u64::MAX));
        assert_eq!(object.number(&["t"]), Ok(u64::MAX));
        assert_eq!(object.number(&["f"]), Ok(4));
    }
}
