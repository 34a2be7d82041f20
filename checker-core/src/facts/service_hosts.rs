//! What the status of a protocol's cluster says of each of its servers: one
//! shape for S3 and SMB, as far as both have been seen.

use serde::Serialize;
use serde_json::Value;

use super::{Object, ShapeError, id_number};

/// One server of a protocol's cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceHost {
    /// The number of the container that serves, where the status tells it.
    pub container: Option<u64>,
    /// Its host name, where the status tells it.
    pub hostname: Option<String>,
    /// Whether it serves.
    pub ready: bool,
    /// What the cluster says of it, in its own words.
    pub said: String,
}

/// An object from id (or name) to true, false or a word, up to 4.3.5.104; a
/// list of rows after. Which of them is told by the shape, never by a release:
/// the boundary was guessed wrong four times before.
pub(super) fn read(value: &Value) -> Result<Vec<ServiceHost>, ShapeError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let (container, hostname) = key_of(key)?;
                let (ready, said) = match value {
                    Value::Object(_) => word_of(&Object::new(value, format!(".{key}"))?)?,
                    value => word(value).ok_or_else(|| {
                        ShapeError::new(
                            format!(".{key}"),
                            format!("{value} says neither ready nor not"),
                        )
                    })?,
                };
                Ok(ServiceHost {
                    container,
                    hostname,
                    ready,
                    said,
                })
            })
            .collect(),
        Value::Array(_) => Object::list(value)?.iter().map(row).collect(),
        other => Err(ShapeError::new(
            "answer",
            format!("{other} in the place of a list"),
        )),
    }
}

/// A typed id, digits, or a host name.
fn key_of(key: &str) -> Result<(Option<u64>, Option<String>), ShapeError> {
    match id_number(&Value::String(key.to_owned())) {
        Some(Some(id)) => Ok((Some(id), None)),
        Some(None) => Err(ShapeError::new(format!(".{key}"), "stands for no server")),
        None if key.trim().is_empty() => Err(ShapeError::new(".", "a server without a name")),
        None => Ok((None, Some(key.to_owned()))),
    }
}

fn row(row: &Object<'_>) -> Result<ServiceHost, ShapeError> {
    const ID: [&str; 4] = ["host_id", "container", "container_id", "id"];
    let mut container = None;
    let mut hostname = row.opt_text(&["hostname"])?.map(str::to_owned);
    if let Some(value) = row.get(&ID) {
        match (id_number(value), value) {
            (Some(id), _) => container = id,
            // The column can hold the name of the server in the place of an id.
            (None, Value::String(name)) if !name.is_empty() => {
                hostname = hostname.or_else(|| Some(name.clone()));
            }
            (None, other) => return Err(row.error(&ID, format!("{other} is no id"))),
        }
    }
    if container.is_none() && hostname.is_none() {
        return Err(row.error(&ID, "is missing"));
    }
    let (ready, said) = word_of(row)?;
    Ok(ServiceHost {
        container,
        hostname,
        ready,
        said,
    })
}

fn word_of(row: &Object<'_>) -> Result<(bool, String), ShapeError> {
    const STATE: [&str; 6] = [
        "service_status",
        "serviceStatus",
        "ready",
        "active",
        "statusTitle",
        "status",
    ];
    let value = row
        .get(&STATE)
        .ok_or_else(|| row.error(&STATE, "is missing"))?;
    word(value).ok_or_else(|| row.error(&STATE, format!("{value} says neither ready nor not")))
}

/// Only words that are known to be good are; any other word is shown as it is.
fn word(value: &Value) -> Option<(bool, String)> {
    match value {
        Value::Bool(true) => Some((true, "ready".to_owned())),
        Value::Bool(false) => Some((false, "not ready".to_owned())),
        Value::String(word) if !word.trim().is_empty() => {
            let ready = matches!(
                word.trim().to_ascii_lowercase().as_str(),
                "ready" | "ok" | "up" | "active" | "online" | "true"
            );
            Some((ready, word.trim().to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn seen(value: &Value) -> Vec<(Option<u64>, Option<String>, bool)> {
        read(value)
            .expect("readable")
            .into_iter()
            .map(|h| (h.container, h.hostname, h.ready))
            .collect()
    }

    // field history S11
    // field history 48: both shapes, and what the two could be mixed to.
    #[rstest]
    #[case::by_typed_id(json!({"HostId<6>":true,"HostId<9>":false}), &[(Some(6), None, true), (Some(9), None, false)])]
    #[case::by_digits(json!({"0":true}), &[(Some(0), None, true)])]
    #[case::by_name(json!({"ip-172-31-0-6":false}), &[(None, Some("ip-172-31-0-6"), false)])] // field history 31
    #[case::by_id_to_a_word(json!({"HostId<6>":"Ready"}), &[(Some(6), None, true)])]
    #[case::by_id_to_a_row(json!({"HostId<6>":{"service_status":"Starting"}}), &[(Some(6), None, false)])]
    #[case::rows(json!([{"host_id":6,"hostname":"weka-02","service_status":"Ready"}]), &[(Some(6), Some("weka-02"), true)])]
    #[case::typed_rows(json!([{"host_id":"HostId<6>","service_status":"ready"}]), &[(Some(6), None, true)])]
    #[case::of_6_0(json!([{"container":0,"ready":false}]), &[(Some(0), None, false)])]
    #[case::columns_of_6_0(json!([{"id":6,"hostname":"weka-02","statusTitle":"Up","serviceStatus":"Not Ready"}]), &[(Some(6), Some("weka-02"), false)])]
    #[case::rows_by_name(json!([{"container":"weka-02","ready":true}]), &[(None, Some("weka-02"), true)])]
    #[case::name_beside_no_id(json!([{"host_id":"HostId<INVALID>","hostname":"weka-02","ready":true}]), &[(None, Some("weka-02"), true)])]
    #[case::empty_object(json!({}), &[])]
    #[case::empty_list(json!([]), &[])]
    #[case::null(json!(null), &[])]
    fn shapes(#[case] value: Value, #[case] expected: &[(Option<u64>, Option<&str>, bool)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(id, name, ready)| (*id, name.map(str::to_owned), *ready))
            .collect();
        assert_eq!(seen(&value), expected);
    }

    #[rstest]
    #[case::no_state(json!([{"host_id":6}]))]
    #[case::null_state(json!([{"host_id":6,"service_status":null}]))]
    #[case::empty_state(json!([{"host_id":6,"service_status":""}]))]
    #[case::number_as_state(json!({"HostId<6>":1}))]
    #[case::null_by_id(json!({"HostId<6>":null}))]
    #[case::no_server(json!([{"service_status":"Ready"}]))]
    #[case::invalid(json!([{"host_id":"HostId<INVALID>","service_status":"Ready"}]))]
    #[case::invalid_key(json!({"HostId<INVALID>":true}))]
    #[case::ids_alone(json!(["HostId<6>"]))]
    #[case::text(json!("Ready"))]
    fn refuses(#[case] value: Value) {
        assert!(read(&value).is_err());
    }

    #[test]
    fn an_unknown_word_is_not_ready_and_shown() {
        let hosts = read(&json!([{"host_id":6,"service_status":"Draining"}])).expect("readable");
        assert_eq!(
            (hosts[0].ready, hosts[0].said.as_str()),
            (false, "Draining")
        );
    }
}
