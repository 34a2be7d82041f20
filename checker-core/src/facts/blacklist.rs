//! Processes that the cluster keeps from joining.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::status::STATUS;
use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::{Call, ClusterCommand, DependentCommand};

/// Their list; asked only when the cluster's status does not say that there are none.
pub static BLACKLIST: DependentCommand = DependentCommand {
    key: "weka:blacklist",
    after: &[&STATUS],
    calls: |view| {
        if matches!(count(view), Ok(Some(0)) | Err(_)) {
            return Vec::new();
        }
        let words = ["debug", "blacklist", "list", "-J"];
        vec![Call {
            part: None,
            variants: vec![words.map(str::to_owned).to_vec()],
        }]
    },
    timeout: Duration::from_secs(30),
};

/// One process that is kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blacklisted {
    /// The number of its id (`NodeId<77>` is 77), where the cluster tells.
    pub id: Option<u64>,
    /// The host name of its server; empty where the cluster does not tell.
    pub hostname: String,
    /// Its status; empty where the cluster does not tell.
    pub status: String,
}

/// The processes that the cluster keeps out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blacklist {
    /// How many, by the cluster's status or, where that does not tell, by the list.
    pub count: u64,
    /// Which; empty when the list could not be read.
    pub processes: Vec<Blacklisted>,
}

impl Fact for Blacklist {
    const NAME: &'static str = "blacklist";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&STATUS];
    const DEPENDENTS: &'static [&'static DependentCommand] = &[&BLACKLIST];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let list = || view.json(BLACKLIST.key, read);
        match count(view)? {
            Some(0) => Ok(Self {
                count: 0,
                processes: Vec::new(),
            }),
            // That there are some is known; the list only names them.
            Some(count) => Ok(Self {
                count,
                processes: list().unwrap_or_default(),
            }),
            None => list().map(|processes| Self {
                count: processes.len() as u64,
                processes,
            }),
        }
    }
}

/// `nodes.blacklisted`, or `processes.blacklisted`, of `weka status -J`.
fn count(view: &View<'_>) -> Result<Option<u64>, Missing> {
    view.json(STATUS.key, |value| {
        let status = Object::new(value, "status")?;
        for names in [["nodes"], ["processes"]] {
            if let Some(nodes) = status.opt_object(&names)?
                && let Some(count) = nodes.opt_number(&["blacklisted"])?
            {
                return Ok(Some(count));
            }
        }
        Ok(None)
    })
}

fn read(value: &Value) -> Result<Vec<Blacklisted>, ShapeError> {
    Object::list(value)?
        .iter()
        .map(|node| {
            Ok(Blacklisted {
                id: node.opt_id(&["node_id", "process_id", "id"])?,
                hostname: node.opt_text(&["hostname"])?.unwrap_or_default().to_owned(),
                status: node.opt_text(&["status"])?.unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::evidence::{End, NotRun, RawRecord, Redactor, Store};

    fn store(status: &Value) -> Store {
        let mut store = Store::default();
        let now = jiff::Timestamp::UNIX_EPOCH;
        store.insert_cluster(Redactor::new().seal(RawRecord {
            end: End::Exited(0),
            stdout: status.to_string().into_bytes(),
            ..RawRecord::not_run(STATUS.key, "weka status -J", now, NotRun::Deadline)
        }));
        store
    }

    #[rstest]
    #[case::none(json!({"nodes":{"blacklisted":0,"total":78}}), 0)]
    #[case::some(json!({"nodes":{"blacklisted":2,"total":78}}), 1)]
    #[case::newer_name(json!({"processes":{"blacklisted":0}}), 0)]
    #[case::not_told(json!({"nodes":{"total":78}}), 1)]
    #[case::unreadable(json!([]), 0)]
    fn the_list_is_asked_only_when_needed(#[case] status: Value, #[case] calls: usize) {
        let store = store(&status);
        assert_eq!((BLACKLIST.calls)(&View::cluster(&store)).len(), calls);
    }

    #[test]
    fn rows() {
        let value = json!([{"node_id":"NodeId<77>","hostname":"weka-04","ips":["10.0.0.14"],"status":"DOWN","network_mode":"DPDK"}]);
        let list = read(&value).expect("readable");
        assert_eq!(
            (list[0].id, list[0].hostname.as_str()),
            (Some(77), "weka-04")
        );
        assert!(read(&json!(null)).is_err());
    }
}
