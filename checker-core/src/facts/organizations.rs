//! `weka org -J`: the organizations (6.0: tenants).

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, Object, View};
use crate::source::ClusterCommand;

/// Every organization.
pub static ORGANIZATIONS: ClusterCommand = ClusterCommand {
    key: "weka:orgs",
    variants: &["org -J", "tenant -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// How many organizations there are; 1 is the root organization alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Organizations(pub usize);

impl Fact for Organizations {
    const NAME: &'static str = "organizations";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&ORGANIZATIONS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let count = view.json(ORGANIZATIONS.key, |value| Ok(Object::list(value)?.len()))?;
        // There is always the root organization.
        if count == 0 {
            return Err(view.unreadable(ORGANIZATIONS.key, "it lists no organization at all"));
        }
        Ok(Self(count))
    }
}
