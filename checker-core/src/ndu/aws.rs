//! After an upgrade on AWS: low-latency queues (LLQ) are on by default and
//! work only with write combining in the kernel module igb_uio.
//!
//! Source: the upgrade guide's AWS section: look for the event
//! NetDevDriverReloadFailed, and at
//! `/sys/module/igb_uio/parameters/wc_activate`, which must read 1.

use std::time::Duration;

use jiff::Timestamp;

use super::observe::ask;
use crate::deadline::Deadline;
use crate::evidence::{End, RawRecord, Redactor, Store};
use crate::facts::containers::CONTAINERS;
use crate::facts::servers::{SERVERS, roster};
use crate::facts::{View, find_json};
use crate::server::{Role, Server};
use crate::source::{ClusterCommand, ServerProbe, Source};

/// The events that tell of a driver that could not be loaded anew.
static EVENTS: ClusterCommand = ClusterCommand {
    key: "weka:events-driver",
    variants: &["events --type-list NetDevDriverReloadFailed --num-results 200 -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// Who made the machine, and whether write combining is on; a line each, and
/// no second line where the module is not loaded.
static WRITE_COMBINING: ServerProbe = ServerProbe {
    key: "host:write-combining",
    script: r#"read -r v </sys/class/dmi/id/sys_vendor && echo "vendor $v"
read -r w </sys/module/igb_uio/parameters/wc_activate && echo "wc $w"
:"#,
    timeout: Duration::from_secs(10),
    limit: 4096,
};

/// How many servers are asked at once.
const AT_ONCE: usize = 32;

/// What was found.
pub(super) enum Found {
    /// The servers are no machines of AWS.
    NotAws,
    /// They are; what is to be looked at, in a line each.
    Aws(Vec<String>),
}

/// Looks at the backends, and at the events since a moment.
pub(super) fn look(source: &dyn Source, since: Option<Timestamp>, deadline: &Deadline) -> Found {
    let redactor = Redactor::new();
    let mut store = Store::default();
    for command in [&CONTAINERS, &SERVERS] {
        ask(source, command, deadline, &redactor, &mut store);
    }
    let unseen = |what: &str| {
        Found::Aws(vec![format!(
            "{what}; if the servers are machines of AWS, see that /sys/module/igb_uio/parameters/wc_activate reads 1 on each"
        )])
    };
    let mut servers = match roster(&store) {
        Ok(servers) => servers,
        Err(missing) => return unseen(&format!("the servers could not be listed ({missing})")),
    };
    servers.retain(|server| server.role == Role::Backend);
    // The first that answers tells whether the others need be asked.
    let mut warnings = Vec::new();
    let mut asked = 0;
    for server in &servers {
        asked += 1;
        match probe(source, server, deadline) {
            Some(Answer { aws: false, .. }) => return Found::NotAws,
            Some(Answer { warning, .. }) => {
                warnings.extend(warning);
                break;
            }
            None if asked == servers.len() || asked == 3 => {
                return unseen("no server told who made it");
            }
            None => warnings.push(unlooked(server)),
        }
    }
    let others = &servers[asked..];
    for group in others.chunks(AT_ONCE) {
        let found = std::thread::scope(|scope| {
            let threads: Vec<_> = group
                .iter()
                .map(|server| {
                    scope.spawn(|| match probe(source, server, deadline) {
                        Some(answer) => answer.warning,
                        None => Some(unlooked(server)),
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|t| t.join().ok().flatten());
            joined.collect::<Vec<_>>()
        });
        warnings.extend(found.into_iter().flatten());
    }
    warnings.extend(events(source, since, deadline));
    Found::Aws(warnings)
}

struct Answer {
    aws: bool,
    warning: Option<String>,
}

fn unlooked(server: &Server) -> String {
    format!(
        "{}: write combining could not be looked at; see that /sys/module/igb_uio/parameters/wc_activate reads 1 there",
        server.name
    )
}

fn probe(source: &dyn Source, server: &Server, deadline: &Deadline) -> Option<Answer> {
    let within = deadline.sooner(Duration::from_secs(30));
    let answer = source.server(server, &[&WRITE_COMBINING], &within);
    let record = answer.records.first()?;
    (record.end == End::Exited(0)).then(|| read(&server.name, record))
}

fn read(name: &str, record: &RawRecord) -> Answer {
    let text = String::from_utf8_lossy(&record.stdout);
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key).map(|v| v.trim().to_owned()))
    };
    let aws = value("vendor ").is_some_and(|vendor| vendor.to_lowercase().contains("amazon"));
    let warning = match value("wc ").as_deref() {
        // Not loaded: DPDK goes another way there.
        None | Some("1") => None,
        Some(other) => Some(format!(
            "{name}: write combining is off (wc_activate reads {other}): `weka local stop`, then `weka local start` there, one backend after the other"
        )),
    };
    Answer { aws, warning }
}

fn events(source: &dyn Source, since: Option<Timestamp>, deadline: &Deadline) -> Vec<String> {
    let mut store = Store::default();
    ask(source, &EVENTS, deadline, &Redactor::new(), &mut store);
    let rows = View::cluster(&store)
        .success(EVENTS.key)
        .ok()
        .and_then(|record| find_json(record.stdout()).ok());
    let Some(rows) = rows.as_ref().and_then(serde_json::Value::as_array) else {
        return vec![
            "whether drivers were loaded anew could not be found out: `weka events --type-list NetDevDriverReloadFailed`".to_owned(),
        ];
    };
    let fresh = rows.iter().filter(|row| {
        let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str);
        let when = text("timestamp").or_else(|| text("time"));
        let time = when.and_then(|when| when.parse::<Timestamp>().ok());
        text("type") == Some("NetDevDriverReloadFailed")
            && match (time, since) {
                (Some(time), Some(since)) => time >= since,
                _ => true,
            }
    });
    match fresh.count() {
        0 => Vec::new(),
        n => vec![format!(
            "{n} events NetDevDriverReloadFailed since the upgrade began: `weka local stop`, then `weka local start` on each server that `weka events --type-list NetDevDriverReloadFailed` names"
        )],
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::on("vendor Amazon EC2\nwc 1\n", true, false)]
    #[case::off("vendor Amazon EC2\nwc 0\n", true, true)]
    #[case::not_loaded("vendor Amazon EC2\n", true, false)]
    #[case::elsewhere("vendor Dell Inc.\n", false, false)]
    #[case::no_word("", false, false)]
    fn what_a_server_says(#[case] text: &str, #[case] aws: bool, #[case] warns: bool) {
        let now = Timestamp::UNIX_EPOCH;
        let mut record = RawRecord::not_run("k", "k", now, crate::evidence::NotRun::Interrupted);
        record.stdout = text.as_bytes().to_vec();
        let answer = read("weka-01", &record);
        assert_eq!((answer.aws, answer.warning.is_some()), (aws, warns));
    }
}
