//! `weka fs tier s3 -J`: the object store buckets that file systems tier to.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, Object, View};
use crate::source::ClusterCommand;

/// Every object store bucket.
pub static OBJECT_STORES: ClusterCommand = ClusterCommand {
    key: "weka:object-stores",
    variants: &["fs tier s3 -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// How many object store buckets are attached to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ObjectStores(pub usize);

impl Fact for ObjectStores {
    const NAME: &'static str = "object-stores";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&OBJECT_STORES];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(OBJECT_STORES.key, |value| {
            if value.is_null() {
                return Ok(Self(0));
            }
            Object::list(value).map(|list| Self(list.len()))
        })
    }
}
