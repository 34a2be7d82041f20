//! `weka user whoami -J`: as whom the cluster's commands are run.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// The logged-in user.
pub static WHOAMI: ClusterCommand = ClusterCommand {
    key: "weka:whoami",
    variants: &["user whoami -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// The logged-in user of the CLI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Whoami {
    /// The user's name, where the cluster tells.
    pub user: Option<String>,
    /// As the cluster words it: `ClusterAdmin`, `OrgAdmin` (6.0: `TenantAdmin`), `Regular`, ….
    pub role: String,
    /// The organization (6.0: tenant) that the user belongs to; `Root` where there is one only.
    pub organization: Option<String>,
    /// `Internal`, `LDAP`, ….
    pub source: Option<String>,
}

impl Whoami {
    /// Whether the role is that of a cluster administrator, in any spelling:
    /// `ClusterAdmin`, `Cluster Admin`, `cluster_admin`.
    #[must_use]
    pub fn is_cluster_admin(&self) -> bool {
        let letters = self.role.chars().filter(char::is_ascii_alphanumeric);
        letters
            .collect::<String>()
            .eq_ignore_ascii_case("clusteradmin")
    }
}

impl Fact for Whoami {
    const NAME: &'static str = "whoami";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&WHOAMI];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(WHOAMI.key, read)
    }
}

fn read(value: &Value) -> Result<Whoami, ShapeError> {
    // A command that prints one row may print it as a list of one.
    let value = match value {
        Value::Array(rows) if rows.len() == 1 => &rows[0],
        other => other,
    };
    let user = Object::new(value, "whoami")?;
    let text = |names: &[&str]| -> Result<Option<String>, ShapeError> {
        let text = user.opt_text(names)?.map(str::trim);
        Ok(text.filter(|t| !t.is_empty()).map(str::to_owned))
    };
    Ok(Whoami {
        user: text(&["username", "name"])?,
        role: text(&["role"])?.ok_or_else(|| user.error(&["role"], "is missing"))?,
        organization: text(&["tenant_name", "tenant", "org_name", "org"])?,
        source: text(&["source"])?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::of_4_4(json!({"org_id":0,"org_name":"Root","username":"admin","source":"Internal","role":"ClusterAdmin","uid":"aa"}))]
    #[case::of_6_0(json!({"tenant_id":0,"tenant_name":"Root","username":"admin","source":"Internal","role":"Cluster Admin"}))]
    #[case::a_list_of_one(json!([{"org_name":"Root","username":"admin","source":"Internal","role":"cluster_admin"}]))]
    fn shapes(#[case] value: Value) {
        let user = read(&value).expect("readable");
        assert!(user.is_cluster_admin(), "{user:?}");
        assert_eq!(user.user.as_deref(), Some("admin"));
        assert_eq!(user.organization.as_deref(), Some("Root"));
    }

    #[rstest]
    #[case("OrgAdmin")]
    #[case("TenantAdmin")]
    #[case("Regular")]
    #[case("ReadOnly")]
    #[case("NotClusterAdmin")]
    fn other_roles(#[case] role: &str) {
        assert!(
            !read(&json!({"role": role}))
                .expect("readable")
                .is_cluster_admin()
        );
    }

    #[rstest]
    #[case::no_role(json!({"username":"admin"}))]
    #[case::null(json!({"username":"admin","role":null}))]
    #[case::empty(json!({"username":"admin","role":" "}))]
    #[case::nobody(json!([]))]
    #[case::nothing(json!(null))]
    fn a_role_is_not_made_up(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
