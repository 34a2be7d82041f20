//! `weka nfs global-config show -J`: the settings of NFS as a whole.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// The settings that all NFS servers share.
pub static NFS_GLOBAL_CONFIG: ClusterCommand = ClusterCommand {
    key: "weka:nfs-global-config",
    variants: &["nfs global-config show -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// The settings that all NFS servers share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NfsConfig {
    /// The file system that NFS keeps its configuration and locks in, if one is set.
    pub config_fs: Option<String>,
}

impl Fact for NfsConfig {
    const NAME: &'static str = "nfs_config";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&NFS_GLOBAL_CONFIG];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(NFS_GLOBAL_CONFIG.key, read)
    }
}

/// One object; a list of one is what a table would be. `config_fs` is absent,
/// null or empty where none is set.
fn read(value: &Value) -> Result<NfsConfig, ShapeError> {
    let value = match value {
        Value::Array(rows) if rows.len() == 1 => &rows[0],
        value => value,
    };
    let config = Object::new(value, "answer")?;
    // Every release prints more than this one member: nothing at all is no answer.
    if config.members().is_empty() {
        return Err(config.error(&["config_fs"], "is missing, as is everything else"));
    }
    Ok(NfsConfig {
        config_fs: config
            .opt_text(&["config_fs", "config_fs_name"])?
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history 61, S16
    #[rstest]
    #[case::set(json!({"config_fs":".config_fs","mountd_port":0}), Some(".config_fs"))]
    #[case::row(json!([{"config_fs":".config_fs"}]), Some(".config_fs"))]
    #[case::null(json!({"config_fs":null}), None)]
    #[case::empty(json!({"config_fs":"","mountd_port":0}), None)]
    #[case::blank(json!({"config_fs":" "}), None)]
    #[case::absent(json!({"mountd_port":0}), None)]
    fn shapes(#[case] value: Value, #[case] expected: Option<&str>) {
        let config = read(&value).expect("readable");
        assert_eq!(config.config_fs.as_deref(), expected);
    }

    #[rstest]
    #[case::null(json!(null))]
    #[case::nothing(json!({}))]
    #[case::list(json!([]))]
    #[case::number(json!({"config_fs":3}))]
    #[case::text(json!(".config_fs"))]
    fn refuses(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
