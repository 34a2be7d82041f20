//! `weka nfs custom-options -J`: what was written by hand into the
//! configuration of the NFS servers.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// The options. From 6.0 on only a cluster admin may read them.
pub static NFS_CUSTOM_OPTIONS: ClusterCommand = ClusterCommand {
    key: "weka:nfs-custom-options",
    variants: &["nfs custom-options -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// How many connections an NFS server takes where nothing else is set.
pub const DEFAULT_CONNECTIONS: u64 = 1024;

/// The options, as they were written; none that are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NfsOptions {
    /// For the server as a whole.
    pub global: Option<String>,
    /// For every export.
    pub export: Option<String>,
    /// For every client.
    pub client: Option<String>,
}

impl NfsOptions {
    /// Those that are set, each with the name of its kind.
    pub fn set(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("global", &self.global),
            ("export", &self.export),
            ("client", &self.client),
        ]
        .into_iter()
        .filter_map(|(kind, text)| Some((kind, text.as_deref()?)))
    }

    /// How many connections each server takes: `RPC_Max_Connections` in
    /// `NFS_CORE_PARAM { … }`, whose last setting counts. `None` where it is
    /// set to something that is no number.
    #[must_use]
    pub fn max_connections(&self) -> Option<u64> {
        const NAME: &str = "rpc_max_connections";
        let text = self.global.as_deref().unwrap_or_default();
        let mut limit = Some(DEFAULT_CONNECTIONS);
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            for setting in line.split([';', '{', '}']) {
                if let Some((name, value)) = setting.split_once('=')
                    && name.trim().eq_ignore_ascii_case(NAME)
                {
                    limit = value.trim().trim_matches('"').parse().ok();
                }
            }
        }
        limit
    }
}

impl Fact for NfsOptions {
    const NAME: &'static str = "nfs_options";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&NFS_CUSTOM_OPTIONS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(NFS_CUSTOM_OPTIONS.key, read)
    }
}

/// Without options: `null`, `{}`, `[]`, or members that are null or empty.
fn read(value: &Value) -> Result<NfsOptions, ShapeError> {
    const KINDS: [[&str; 2]; 3] = [
        ["global_options", "customNfsOptions"],
        ["export_options", "customExportOptions"],
        ["client_options", "customClientOptions"],
    ];
    let value = match value {
        Value::Null => return Ok(NfsOptions::default()),
        Value::Array(rows) if rows.is_empty() => return Ok(NfsOptions::default()),
        Value::Array(rows) if rows.len() == 1 => &rows[0],
        Value::String(text) => {
            return Ok(NfsOptions {
                global: said(text),
                ..NfsOptions::default()
            });
        }
        value => value,
    };
    let options = Object::new(value, "answer")?;
    let members = options.members();
    let known = |name: &&str| members.contains_key(*name);
    if !members.is_empty() && !KINDS.iter().flatten().any(known) {
        return Err(options.error(&KINDS[0], "is missing, as are the others"));
    }
    let of = |names: &[&str]| Ok(options.opt_text(names)?.and_then(said));
    Ok(NfsOptions {
        global: of(&KINDS[0])?,
        export: of(&KINDS[1])?,
        client: of(&KINDS[2])?,
    })
}

fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const LIMIT: &str = "NFS_CORE_PARAM { RPC_Max_Connections = 2048; }";

    // field history S15
    #[rstest]
    #[case::of_4_4(json!({"customNfsOptions":LIMIT}), &["global"])]
    #[case::of_6_0(json!({"global_options":LIMIT,"export_options":"","client_options":"x"}), &["global", "client"])]
    #[case::others(json!({"customNfsOptions":null,"customExportOptions":"x","customClientOptions":""}), &["export"])]
    #[case::row(json!([{"global_options":LIMIT}]), &["global"])]
    #[case::text(json!(LIMIT), &["global"])] // field history 62
    #[case::null(json!(null), &[])] // field history 62
    #[case::nothing(json!({}), &[])]
    #[case::list(json!([]), &[])]
    #[case::null_member(json!({"customNfsOptions":null}), &[])]
    #[case::empty_member(json!({"customNfsOptions":"\n "}), &[])]
    fn shapes(#[case] value: Value, #[case] expected: &[&str]) {
        let options = read(&value).expect("readable");
        let kinds: Vec<&str> = options.set().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, expected);
    }

    #[rstest]
    #[case::unknown_names(json!({"options":"x"}))]
    #[case::number(json!({"customNfsOptions":3}))]
    #[case::object(json!({"customNfsOptions":{}}))]
    #[case::two_rows(json!([{"global_options":""},{"global_options":""}]))]
    #[case::flag(json!(true))]
    fn refuses(#[case] value: Value) {
        assert!(read(&value).is_err());
    }

    #[rstest]
    #[case::not_set("", Some(1024))]
    #[case::set(LIMIT, Some(2048))]
    #[case::tight("NFS_CORE_PARAM{RPC_Max_Connections=10;NFS_Port=2049;}", Some(10))]
    #[case::any_case("nfs_core_param { rpc_max_connections = 5; }", Some(5))]
    #[case::quoted("NFS_CORE_PARAM { RPC_Max_Connections = \"7\"; }", Some(7))]
    #[case::twice(
        "NFS_CORE_PARAM { RPC_Max_Connections = 1; }\nNFS_CORE_PARAM { RPC_Max_Connections = 2; }",
        Some(2)
    )]
    #[case::commented("NFS_CORE_PARAM {\n# RPC_Max_Connections = 1;\n}", Some(1024))]
    #[case::another("NFS_CORE_PARAM { RPC_Max_Connections_Old = 1; }", Some(1024))]
    #[case::no_number("NFS_CORE_PARAM { RPC_Max_Connections = many; }", None)]
    fn limits(#[case] text: &str, #[case] expected: Option<u64>) {
        let options = NfsOptions {
            global: said(text),
            ..NfsOptions::default()
        };
        assert_eq!(options.max_connections(), expected);
    }
}
