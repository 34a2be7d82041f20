//! `weka fs -J`: the filesystems.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// Every filesystem.
pub static FILESYSTEMS: ClusterCommand = ClusterCommand {
    key: "weka:filesystems",
    variants: &["fs -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filesystem {
    /// Its name; unique within an organization.
    pub name: String,
    /// Its total capacity, in bytes.
    pub total_bytes: u64,
}

/// Every filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filesystems(pub Vec<Filesystem>);

impl Fact for Filesystems {
    const NAME: &'static str = "filesystems";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&FILESYSTEMS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(FILESYSTEMS.key, read)
    }
}

fn read(value: &Value) -> Result<Filesystems, ShapeError> {
    Object::list(value)?
        .iter()
        .map(|fs| {
            Ok(Filesystem {
                name: fs.text(&["name"])?.to_owned(),
                total_bytes: fs.number(&["available_total"])?,
            })
        })
        .collect::<Result<_, _>>()
        .map(Filesystems)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn of_4_4() {
        let value = json!([{"fs_id":"FSId<0>","name":"fs01","status":"READY","total_budget":1099511627776u64,
            "available_total":1099511627776u64,"obs_buckets":[]}]);
        let Filesystems(list) = read(&value).expect("readable");
        assert_eq!(
            (list[0].name.as_str(), list[0].total_bytes),
            ("fs01", 1 << 40)
        );
    }

    #[rstest]
    #[case::none(json!([]), 0)]
    #[case::keyed_by_id(json!({"FSId<0>": {"name":"fs01","available_total":"1073741824"}}), 1)]
    fn other_shapes(#[case] value: Value, #[case] count: usize) {
        assert_eq!(read(&value).expect("readable").0.len(), count);
    }

    #[rstest]
    #[case::no_size(json!([{"name":"fs01","total_budget":1}]))]
    #[case::no_name(json!([{"available_total":1}]))]
    #[case::negative(json!([{"name":"fs01","available_total":-1}]))]
    #[case::null(json!(null))]
    fn nothing_needed_is_made_up(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
