//! `weka local ps -J`: the containers of one server, as its agent sees them.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ServerProbe;

/// The agent answers this itself; it needs no login and no cluster.
pub static LOCAL_PS: ServerProbe = ServerProbe {
    key: "host:local-ps",
    script: "weka local ps -J",
    timeout: Duration::from_secs(15),
    limit: 256 * 1024,
};

/// One container of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocalContainer {
    /// Free text: `drives0`, `compute0`, `client`, `s3`, …; `upgrade` is what
    /// an upgrade that was cut off leaves behind.
    pub name: String,
    /// `weka`, `s3`, `ganesha`, `smbw`, …, where the agent tells.
    pub kind: Option<String>,
    /// Whether it runs.
    pub running: bool,
    /// Whether it was disabled; `None` where the agent does not tell.
    pub disabled: Option<bool>,
    /// The release that it runs.
    pub release: Option<String>,
    /// Its management port.
    pub port: Option<u64>,
    /// `READY`, `CLUSTERIZING` (has not joined), `STEM` (no cluster), ….
    /// Containers of protocols have none. The plain `state` says READY too early.
    pub display_status: Option<String>,
    /// What it says of its state.
    pub message: Option<String>,
    /// Why it failed the last time, if it did.
    pub last_failure: Option<String>,
}

impl LocalContainer {
    /// Whether it belongs to the cluster proper, not to a protocol. Where the
    /// agent tells no type, it counts.
    #[must_use]
    pub fn is_weka(&self) -> bool {
        self.kind
            .as_deref()
            .is_none_or(|kind| kind.eq_ignore_ascii_case("weka"))
    }

    /// Whether an upgrade that was cut off left it behind.
    #[must_use]
    pub fn is_upgrade_leftover(&self) -> bool {
        self.name.trim().eq_ignore_ascii_case("upgrade")
    }
}

/// The containers of one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocalContainers(pub Vec<LocalContainer>);

impl Fact for LocalContainers {
    const NAME: &'static str = "local_containers";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&LOCAL_PS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(LOCAL_PS.key, read)
    }
}

fn read(value: &Value) -> Result<LocalContainers, ShapeError> {
    Object::list(value)?
        .iter()
        .map(container)
        .collect::<Result<_, _>>()
        .map(LocalContainers)
}

fn container(c: &Object<'_>) -> Result<LocalContainer, ShapeError> {
    let internal = c.opt_object(&["internalStatus"])?;
    let of_internal = |names: &[&str]| -> Result<Option<String>, ShapeError> {
        match &internal {
            Some(internal) => text(internal, names),
            None => Ok(None),
        }
    };
    let running = match c.opt_boolean(&["isRunning"])? {
        Some(running) => running,
        None => c
            .text(&["runStatus", "state"])?
            .eq_ignore_ascii_case("running"),
    };
    let name = c.text(&["name"])?.trim();
    if name.is_empty() {
        return Err(c.error(&["name"], "is empty"));
    }
    Ok(LocalContainer {
        name: name.to_owned(),
        kind: text(c, &["type"])?,
        running,
        disabled: c.opt_boolean(&["isDisabled"])?,
        release: text(c, &["versionName", "version"])?,
        port: c.opt_number(&["APIPort", "port"])?,
        display_status: of_internal(&["display_status"])?,
        message: of_internal(&["message"])?,
        last_failure: text(c, &["lastFailureText", "lastFailure"])?,
    })
}

fn text(object: &Object<'_>, names: &[&str]) -> Result<Option<String>, ShapeError> {
    let text = object.opt_text(names)?.map(str::trim);
    Ok(text.filter(|t| !t.is_empty()).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({"name":"drives0","type":"weka","runStatus":"Running","isRunning":true,"isDisabled":false,"isMonitoring":true,
            "isPersistent":true,"versionName":"4.4.21.2","APIPort":14000,"uptime":2_764_800.1,"lastFailure":"",
            "internalStatus":{"state":"READY","display_status":"CLUSTERIZING","message":"Ready","action":"NONE"}})
    }

    // field history S8
    #[test]
    fn of_4_4() {
        let LocalContainers(list) = read(&json!([sample()])).expect("readable");
        assert!(list[0].running && list[0].is_weka() && !list[0].is_upgrade_leftover());
        // `state` says READY although the container has not joined.
        assert_eq!(list[0].display_status.as_deref(), Some("CLUSTERIZING"));
        assert_eq!(list[0].release.as_deref(), Some("4.4.21.2"));
        assert_eq!(list[0].last_failure, None);
    }

    // field history S8
    #[rstest]
    #[case::no_internal_status(json!({"name":"ganesha","type":"ganesha","isRunning":true,"internalStatus":null}))]
    #[case::no_flag(json!({"name":"ganesha","type":"ganesha","runStatus":"Running"}))]
    #[case::text_flag(json!({"name":"ganesha","type":"ganesha","isRunning":"True"}))]
    fn of_a_protocol(#[case] value: Value) {
        let LocalContainers(list) = read(&json!([value])).expect("readable");
        assert!(list[0].running && !list[0].is_weka());
        assert_eq!(list[0].display_status, None);
        assert_eq!(list[0].disabled, None);
    }

    #[test]
    fn a_server_without_containers() {
        assert_eq!(read(&json!([])), Ok(LocalContainers(Vec::new())));
    }

    #[rstest]
    #[case::running(json!({"name":"drives0","type":"weka"}))]
    #[case::name(json!({"type":"weka","isRunning":true}))]
    #[case::empty_name(json!({"name":" ","type":"weka","isRunning":true}))]
    fn nothing_needed_is_made_up(#[case] value: Value) {
        assert!(read(&json!([value])).is_err());
    }
}
