//! `weka cluster drive -J`: every drive of the cluster.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// Every drive that was not removed.
pub static DRIVES: ClusterCommand = ClusterCommand {
    key: "weka:drives",
    variants: &["cluster drive -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drive {
    /// The number of its id (`DiskId<5>` is 5).
    pub id: u64,
    /// The host name of its server; empty for a drive whose server is gone.
    pub hostname: String,
    /// Its place there: `0000:81:00.0`, `/dev/nvme0n1`; empty when not known.
    pub path: String,
    /// `ACTIVE`, `INACTIVE`, `PHASING_IN`, `PHASING_OUT`, `FAILED`, ….
    pub status: String,
    /// Whether the cluster means it to be active; `None` where it does not tell.
    pub should_be_active: Option<bool>,
    /// Whether data is written to it; `None` where the release does not tell.
    pub writable: Option<bool>,
}

/// Every drive of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drives(pub Vec<Drive>);

impl Fact for Drives {
    const NAME: &'static str = "drives";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&DRIVES];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(DRIVES.key, read)
    }
}

fn read(value: &Value) -> Result<Drives, ShapeError> {
    Object::list(value)?
        .iter()
        .map(drive)
        .collect::<Result<_, _>>()
        .map(Drives)
}

fn drive(d: &Object<'_>) -> Result<Drive, ShapeError> {
    let id_names = ["disk_id", "drive_id", "id"];
    let text = |names: &[&str]| -> Result<String, ShapeError> {
        Ok(d.opt_text(names)?.unwrap_or_default().trim().to_owned())
    };
    Ok(Drive {
        id: d
            .opt_id(&id_names)?
            .ok_or_else(|| d.error(&id_names, "is missing"))?,
        hostname: text(&["hostname", "host"])?,
        path: text(&["device_path", "path"])?,
        status: d.text(&["status"])?.trim().to_ascii_uppercase(),
        should_be_active: d.opt_boolean(&["should_be_active"])?,
        writable: writable(d)?,
    })
}

/// `"Writable"` or `"Unwritable"`; true and false are taken too.
fn writable(d: &Object<'_>) -> Result<Option<bool>, ShapeError> {
    let names = ["writable"];
    match d.get(&names) {
        Some(Value::String(word)) if word.eq_ignore_ascii_case("writable") => Ok(Some(true)),
        Some(Value::String(word)) if word.eq_ignore_ascii_case("unwritable") => Ok(Some(false)),
        Some(Value::String(word)) if word.is_empty() => Ok(None),
        Some(Value::Bool(writable)) => Ok(Some(*writable)),
        Some(other) => Err(d.error(
            &names,
            format!("{other} is neither Writable nor Unwritable"),
        )),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({"disk_id":"DiskId<5>","uuid":"3e","host_id":"HostId<3>","node_id":"NodeId<61>","hostname":"weka-01",
            "device_path":"0000:81:00.0","size_bytes":15360950534144u64,"status":"ACTIVE","should_be_active":true,
            "writable":"Writable","firmware":"FW001","serial_number":"S0000000001   "})
    }

    #[test]
    fn of_4_4() {
        let Drives(list) = read(&json!([sample()])).expect("readable");
        assert_eq!((list[0].id, list[0].hostname.as_str()), (5, "weka-01"));
        assert_eq!(
            (list[0].status.as_str(), list[0].writable),
            ("ACTIVE", Some(true))
        );
    }

    // field history S18
    #[rstest]
    #[case::integer_id(json!({"disk_id":5,"status":"ACTIVE"}))]
    #[case::short_id(json!({"id":"5","status":"active","hostname":null}))]
    fn other_shapes(#[case] value: Value) {
        let Drives(list) = read(&json!({"DiskId<5>": value})).expect("readable");
        assert_eq!((list[0].id, list[0].status.as_str()), (5, "ACTIVE"));
    }

    // field history 60, S18
    #[rstest]
    #[case::unwritable(json!("Unwritable"), Some(false))]
    #[case::null(json!(null), None)]
    #[case::boolean(json!(false), Some(false))]
    fn writable_or_not(#[case] word: Value, #[case] expected: Option<bool>) {
        let mut value = sample();
        value["writable"] = word;
        assert_eq!(
            read(&json!([value])).expect("readable").0[0].writable,
            expected
        );
    }

    #[rstest]
    #[case("status", json!(null))]
    #[case("disk_id", json!(null))]
    #[case("disk_id", json!("DiskId<INVALID>"))]
    #[case("writable", json!("perhaps"))]
    fn nothing_needed_is_made_up(#[case] member: &str, #[case] instead: Value) {
        let mut value = sample();
        value[member] = instead;
        assert!(read(&json!([value])).is_err());
    }
}
