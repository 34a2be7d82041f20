//! How many buckets each snapshot layer is spread over.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, ShapeError, View, id_number};
use crate::source::ClusterCommand;

/// The member of every layer; the wildcard makes a list of it.
pub static SNAP_LAYERS: ClusterCommand = ClusterCommand {
    key: "weka:snap-layers",
    variants: &["debug config show snapLayers[*].stowInfo.LOCAL.bucketsNum -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// The bucket count of every snapshot layer; 0 for a layer that has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnapLayers(pub Vec<u64>);

impl Fact for SnapLayers {
    const NAME: &'static str = "snap_layers";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&SNAP_LAYERS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(SNAP_LAYERS.key, read)
    }
}

fn read(value: &Value) -> Result<SnapLayers, ShapeError> {
    let Value::Array(items) = value else {
        return Err(ShapeError::new("answer", "no list of bucket counts"));
    };
    items
        .iter()
        .enumerate()
        .map(|(n, item)| {
            id_number(item).flatten().ok_or_else(|| {
                ShapeError::new(format!("[{n}]"), format!("{item} is no bucket count"))
            })
        })
        .collect::<Result<_, _>>()
        .map(SnapLayers)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S19
    #[rstest]
    #[case::zeros_and_duplicates(json!([150,150,0]), Some(vec![150, 150, 0]))]
    #[case::texts(json!(["150","0"]), Some(vec![150, 0]))]
    #[case::none(json!([]), Some(vec![]))]
    #[case::null_inside(json!([150,null]), None)]
    #[case::null(json!(null), None)]
    #[case::object(json!({"0":150}), None)]
    #[case::word(json!(["many"]), None)]
    fn shapes(#[case] value: Value, #[case] expected: Option<Vec<u64>>) {
        assert_eq!(read(&value).ok().map(|layers| layers.0), expected);
    }
}
