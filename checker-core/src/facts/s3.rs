//! `weka s3 cluster -J`: the S3 service.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View, nfs::says_not_configured};
use crate::source::ClusterCommand;

/// The S3 service and the containers that it runs on.
pub static S3_CLUSTER: ClusterCommand = ClusterCommand {
    key: "weka:s3-cluster",
    variants: &["s3 cluster -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// The S3 service of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct S3 {
    /// Whether it serves.
    pub active: bool,
    /// The numbers of the containers that it runs on.
    pub containers: Vec<u64>,
    /// How it mounts its file system, `rw,readcache`, where the cluster says so.
    pub mount_options: Option<String>,
    /// The hosts that keep its state in ETCD: none once it has moved to KWAS.
    /// `None` where the cluster does not say.
    pub etcd_hosts: Option<Vec<String>>,
}

impl S3 {
    /// Whether the cluster has one at all. One that is switched off still has
    /// its containers, and starts on them again.
    #[must_use]
    pub fn configured(&self) -> bool {
        self.active || !self.containers.is_empty()
    }
}

impl Fact for S3 {
    const NAME: &'static str = "s3";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&S3_CLUSTER];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        if says_not_configured(view.record(S3_CLUSTER.key)?) {
            return Ok(Self::default());
        }
        view.json(S3_CLUSTER.key, read)
    }
}

/// Without an S3 cluster: `[]`, `{}`, `null`, or `active: false`.
fn read(value: &Value) -> Result<S3, ShapeError> {
    match value {
        Value::Null => return Ok(S3::default()),
        Value::Array(list) if list.is_empty() => return Ok(S3::default()),
        Value::Object(map) if map.is_empty() => return Ok(S3::default()),
        _ => {}
    }
    let cluster = Object::new(value, "answer")?;
    const CONTAINERS: [&str; 2] = ["s3_hosts", "s3_containers"];
    let containers = cluster.opt_ids(&CONTAINERS)?.unwrap_or_default();
    let active = match active(&cluster)? {
        Some(active) => active,
        None if containers.is_empty() => return Err(cluster.error(&["active"], "is missing")),
        None => true,
    };
    if active && containers.is_empty() {
        // A service that runs nowhere: the list goes by a name that we do not know.
        return Err(cluster.error(&CONTAINERS, "is missing or empty though S3 is active"));
    }
    Ok(S3 {
        active,
        containers,
        mount_options: cluster.get(&["mount_options"]).and_then(text),
        etcd_hosts: cluster.get(&["etcd_cluster_hosts"]).and_then(hosts),
    })
}

/// Options as one text, or as a list of words. Another shape is as good as
/// none: it must not cost what else is read here.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Array(words) => words
            .iter()
            .map(Value::as_str)
            .collect::<Option<Vec<_>>>()
            .map(|words| words.join(",")),
        _ => None,
    }
}

/// Ids, names or whole rows: how many there are is what counts.
fn hosts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(hosts) => Some(
            hosts
                .iter()
                .map(|host| match host {
                    Value::String(name) => name.clone(),
                    other => other.to_string(),
                })
                .collect(),
        ),
        Value::Object(hosts) => Some(hosts.keys().cloned().collect()),
        _ => None,
    }
}

/// `active` from 3.13 on, `status` before, true or false or a word.
fn active(cluster: &Object<'_>) -> Result<Option<bool>, ShapeError> {
    const NAMES: [&str; 2] = ["active", "status"];
    match cluster.get(&NAMES) {
        None => Ok(None),
        Some(Value::Bool(active)) => Ok(Some(*active)),
        Some(Value::String(word)) => match word.trim().to_ascii_lowercase().as_str() {
            "true" | "active" | "online" | "up" | "ok" | "started" | "running" => Ok(Some(true)),
            "false" | "inactive" | "offline" | "down" | "stopped" | "none" | "" => Ok(Some(false)),
            _ => Err(cluster.error(&NAMES, format!("{word:?} says neither on nor off"))),
        },
        Some(other) => Err(cluster.error(&NAMES, format!("{other} says neither on nor off"))),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S10
    #[rstest]
    // field history 54
    #[case::typed(json!({"active":true,"s3_hosts":["HostId<6>","HostId<9>"],"port":"9000"}), true, &[6, 9])]
    #[case::integers(json!({"active":true,"s3_hosts":[0,9],"port":9000}), true, &[0, 9])]
    #[case::of_3_12(json!({"status":true,"s3_hosts":["HostId<6>"]}), true, &[6])] // field history 47
    #[case::of_3_12_as_text(json!({"status":"ONLINE","s3_hosts":["HostId<6>"]}), true, &[6])]
    #[case::neither_word(json!({"s3_hosts":["HostId<6>"]}), true, &[6])] // field history 47
    #[case::switched_off(json!({"active":false,"s3_hosts":["HostId<6>"]}), false, &[6])]
    #[case::none(json!({"active":false,"s3_hosts":[]}), false, &[])]
    #[case::none_without_list(json!({"active":false}), false, &[])]
    #[case::empty_list(json!([]), false, &[])]
    #[case::empty_object(json!({}), false, &[])]
    #[case::null(json!(null), false, &[])]
    fn shapes(#[case] value: Value, #[case] active: bool, #[case] containers: &[u64]) {
        let s3 = read(&value).expect("readable");
        assert_eq!((s3.active, s3.containers.as_slice()), (active, containers));
        assert_eq!(s3.configured(), !containers.is_empty());
    }

    // field history S10
    #[rstest]
    #[case::text(json!({"mount_options":"rw,readcache"}), Some("rw,readcache"), None)]
    #[case::words(json!({"mount_options":["rw","writecache"]}), Some("rw,writecache"), None)]
    #[case::empty(json!({"mount_options":""}), Some(""), None)]
    #[case::null(json!({"mount_options":null,"etcd_cluster_hosts":null}), None, None)]
    #[case::absent(json!({}), None, None)]
    #[case::odd(json!({"mount_options":7,"etcd_cluster_hosts":7}), None, None)]
    #[case::on_kwas(json!({"etcd_cluster_hosts":[]}), None, Some(vec![]))]
    #[case::typed(json!({"etcd_cluster_hosts":["HostId<6>"]}), None, Some(vec!["HostId<6>"]))]
    #[case::integers(json!({"etcd_cluster_hosts":[6]}), None, Some(vec!["6"]))]
    #[case::by_id(json!({"etcd_cluster_hosts":{"HostId<6>":true}}), None, Some(vec!["HostId<6>"]))]
    fn settings(
        #[case] mut value: Value,
        #[case] options: Option<&str>,
        #[case] etcd: Option<Vec<&str>>,
    ) {
        value["active"] = json!(true);
        value["s3_hosts"] = json!([6]);
        let s3 = read(&value).expect("readable");
        assert_eq!(s3.mount_options.as_deref(), options);
        let etcd = etcd.map(|hosts| hosts.iter().map(|h| (*h).to_owned()).collect());
        assert_eq!(s3.etcd_hosts, etcd);
    }

    #[rstest]
    #[case::neither_key(json!({"port":9000}))]
    #[case::active_nowhere(json!({"active":true}))]
    #[case::active_on_nothing(json!({"active":true,"s3_hosts":[]}))]
    #[case::odd_word(json!({"active":"perhaps","s3_hosts":[6]}))]
    #[case::names(json!({"active":true,"s3_hosts":["weka-06"]}))]
    #[case::list(json!([{"active":true}]))]
    fn refuses(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
