//! Whether the CLI user is logged in: how `weka status -J` ended, whatever it printed.

use serde::Serialize;

use super::status::STATUS;
use super::{Fact, FactScope, Missing, View};
use crate::evidence::Record;
use crate::source::ClusterCommand;

/// How the cluster took the CLI's login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// The command succeeded.
    LoggedIn,
    /// Exit status 41.
    NotLoggedIn,
    /// Too many bad logins; it clears after about two minutes.
    LockedOut,
    /// The CLI says that nothing answers on this machine's management port.
    ContainerDown,
    /// Some other failure.
    Failed(Missing),
}

impl Fact for Login {
    const NAME: &'static str = "login";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&STATUS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let record = view.record(STATUS.key)?;
        let said = said(record);
        Ok(match record.exit_status() {
            // A broken answer is the business of whoever reads it.
            Some(0) => Self::LoggedIn,
            _ if said.contains("locked out") => Self::LockedOut,
            Some(41) => Self::NotLoggedIn,
            Some(127) => return Err(missing(view)),
            _ if says_container_down(&said) => Self::ContainerDown,
            _ => Self::Failed(missing(view)),
        })
    }
}

fn missing(view: &View<'_>) -> Missing {
    match view.success(STATUS.key) {
        Err(missing) => missing,
        Ok(_) => view.unreadable(STATUS.key, "it succeeded after all"),
    }
}

fn said(record: &Record) -> String {
    format!("{}\n{}", record.stderr_text(), record.stdout_text()).to_ascii_lowercase()
}

/// The CLI asks the container of its own machine. A refusal by another
/// address (`WEKA_HOST` is set) says nothing about the local container.
fn says_container_down(said: &str) -> bool {
    let refused = [
        "connection refused",
        "failed connecting",
        "failed to connect",
    ];
    let here = ["127.0.0.1", "localhost", "[::1]"];
    said.contains("make sure weka is running on this host")
        || (refused.iter().any(|words| said.contains(words))
            && here.iter().any(|address| said.contains(address)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::hint(
        "error: failed connecting to http://10.0.0.11:14000/api/v1. make sure weka is running on this host",
        true
    )]
    #[case::refused("error: failed connecting to http://127.0.0.1:14000/api/v1", true)]
    #[case::ipv6("error: [::1]:14000: connection refused", true)]
    #[case::another_host("error: 10.0.0.12:14000: connection refused", false)]
    #[case::no_leader("error: no leader", false)]
    fn container_down(#[case] said: &str, #[case] expected: bool) {
        assert_eq!(says_container_down(said), expected);
    }
}
