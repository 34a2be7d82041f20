//! `weka fs snapshot -J`: the snapshots, and what an object store has of them.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// Every snapshot.
pub static SNAPSHOTS: ClusterCommand = ClusterCommand {
    key: "weka:snapshots",
    variants: &["fs snapshot -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// Which object store a snapshot is copied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// That of the filesystem itself.
    Local,
    /// That of another site.
    Remote,
    /// Releases before 4.0.5 do not say.
    Untold,
}

/// What one object store has of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectCopy {
    /// Which object store.
    pub place: Place,
    /// `NONE`, `UPLOADING`, `SYNCHRONIZED`, …, in capitals.
    pub status: String,
    /// How far the copying is, as printed: `41%`, `N/A`.
    pub progress: Option<String>,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Its name, or its id where it has none.
    pub name: String,
    /// The filesystem that it is of.
    pub filesystem: Option<String>,
    /// What the object stores have of it, as far as the cluster told.
    pub copies: Vec<ObjectCopy>,
    /// Whether the cluster told of every object store.
    pub is_told: bool,
}

/// Every snapshot of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshots(pub Vec<Snapshot>);

impl Fact for Snapshots {
    const NAME: &'static str = "snapshots";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&SNAPSHOTS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(SNAPSHOTS.key, read)
    }
}

fn read(value: &Value) -> Result<Snapshots, ShapeError> {
    Object::list(value)?
        .iter()
        .map(snapshot)
        .collect::<Result<_, _>>()
        .map(Snapshots)
}

fn snapshot(s: &Object<'_>) -> Result<Snapshot, ShapeError> {
    let mut copies = Vec::new();
    // From 4.0.5 on: one object per store, each with a status.
    let stores = [
        (Place::Local, "localStowInfo"),
        (Place::Remote, "remoteStowInfo"),
    ];
    let told = |(_, member): &&(Place, &str)| s.members().contains_key(*member);
    let nested = stores.iter().filter(told).count();
    for (place, member) in stores {
        if let Some(info) = s.opt_object(&[member])? {
            copies.push(copy(
                place,
                info.text(&["stowStatus"])?,
                info.get(&["stowProgress"]),
            ));
        }
    }
    // Before: flat members.
    for (place, status, progress) in [
        (Place::Untold, "stowStatus", "stowProgress"),
        (Place::Local, "local_object_status", "local_object_progress"),
        (
            Place::Remote,
            "remote_object_status",
            "remote_object_progress",
        ),
    ] {
        if let Some(status) = s.opt_text(&[status])? {
            copies.push(copy(place, status, s.get(&[progress])));
        }
    }
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Ok(Snapshot {
        name: s
            .get(&["name", "snap_id", "id", "uid"])
            .map_or_else(|| "(no name)".to_owned(), text),
        filesystem: s.opt_text(&["filesystem"])?.map(str::to_owned),
        // One of the two objects alone is half of what there is to tell.
        is_told: nested != 1 && !copies.is_empty() && copies.iter().all(|c| !c.status.is_empty()),
        copies,
    })
}

fn copy(place: Place, status: &str, progress: Option<&Value>) -> ObjectCopy {
    ObjectCopy {
        place,
        status: status.trim().to_ascii_uppercase(),
        progress: match progress {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(format!("{number}%")),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn copies(value: &Value) -> Vec<(Place, String)> {
        read(value).expect("readable").0[0]
            .copies
            .iter()
            .map(|c| (c.place, c.status.clone()))
            .collect()
    }

    // field history S17
    #[test]
    fn of_4_4() {
        let value = json!([{"snap_id":"SnapViewId<4>","filesystem":"fs01","name":"daily-1",
            "localStowInfo":{"stowStatus":"NONE","stowProgress":"N/A","locator":""},
            "remoteStowInfo":{"stowStatus":"UPLOADING","stowProgress":"41%","locator":"x"}}]);
        let list = read(&value).expect("readable").0;
        assert_eq!(list[0].name, "daily-1");
        assert_eq!(list[0].filesystem.as_deref(), Some("fs01"));
        assert_eq!(list[0].copies[1].progress.as_deref(), Some("41%"));
        assert_eq!(
            copies(&value),
            [
                (Place::Local, "NONE".to_owned()),
                (Place::Remote, "UPLOADING".to_owned())
            ]
        );
    }

    // field history 52, 53, S17
    #[test]
    fn before_4_0_5() {
        let value = json!([{"id":"SnapViewId<4>","filesystem":"fs01","name":"daily-1","stowStatus":"UPLOADING",
            "remote_object_status":"NONE","remote_object_progress":"N/A"}]);
        assert_eq!(
            copies(&value),
            [
                (Place::Untold, "UPLOADING".to_owned()),
                (Place::Remote, "NONE".to_owned())
            ]
        );
    }

    #[rstest]
    #[case::null(json!({"localStowInfo":{"stowStatus":"NONE"},"remoteStowInfo":null}), true)]
    #[case::absent(json!({"localStowInfo":{"stowStatus":"NONE"}}), false)]
    #[case::empty(json!({"localStowInfo":{"stowStatus":"NONE"},"remoteStowInfo":{"stowStatus":" "}}), false)]
    #[case::none(json!({"localStowInfo":null,"remoteStowInfo":null}), false)]
    #[case::flat(json!({"stowStatus":"NONE"}), true)]
    fn whether_all_is_told(#[case] snapshot: Value, #[case] expected: bool) {
        let list = read(&json!([snapshot])).expect("readable");
        assert_eq!(list.0[0].is_told, expected);
    }

    #[test]
    fn what_is_not_told_is_not_made_up() {
        let list = read(&json!([{"snap_id":"SnapViewId<4>"}])).expect("readable");
        assert_eq!(list.0[0].copies, []);
        assert_eq!(list.0[0].name, "SnapViewId<4>");
    }

    #[rstest]
    #[case::null(json!(null))]
    #[case::no_status(json!([{"name":"a","remoteStowInfo":{"stowProgress":"41%"}}]))]
    #[case::another_form(json!([{"name":"a","remoteStowInfo":"UPLOADING"}]))]
    fn refuses(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
