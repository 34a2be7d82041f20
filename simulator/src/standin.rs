//! What the `weka-standin` program reads and does: a cluster in a file, and
//! how its answers go wrong.
//!
//! The program takes the place of `weka` on a test server. Called
//! `systemctl`, it shows the units of the modelled server.
//!
//! Commands that change the cluster change it in the file. Beside a state file
//! `S` lie then `S.lock`, held while one step is read, taken and written, and
//! `S.run`, held by a command that upgrades for as long as it lives. Both locks
//! are the kernel's: none remains of a program that was killed.

mod program;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::{Cluster, Server};
use crate::output::Output;
use crate::probe;
use crate::upgrade::{Environment, Started};

pub use program::main;

/// How long a command that changes the cluster rests between two steps:
/// six backends are upgraded in about six seconds.
const PACE_MS: u64 = 80;

/// How the answers to some commands go wrong. What is not set changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The words with which the command begins (`cluster container`); empty for all.
    pub prefix: String,
    /// Only on this server of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Waits so long before it answers.
    pub delay_ms: u64,
    /// Prints the first half of its answer.
    pub truncate: bool,
    /// Text around the answer, on standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<String>,
    /// Text on standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Prints so many bytes first, on standard output.
    pub flood: u64,
    /// Ends with this exit status; an answer of a failed command is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Answers nothing and never ends.
    pub hang: bool,
}

impl Behaviour {
    /// No change yet, for the commands that begin with these words.
    #[must_use]
    pub fn of(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            ..Self::default()
        }
    }

    fn concerns(&self, server: Option<&str>, args: &[&str]) -> bool {
        let mut args = args.iter();
        let words = self.prefix.split_whitespace();
        words.into_iter().all(|word| args.next() == Some(&word))
            && (self.server.is_none() || self.server.as_deref() == server)
    }
}

/// The stand-in's state file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandinState {
    /// The cluster.
    pub cluster: Cluster,
    /// What goes wrong; the first that concerns a command counts.
    #[serde(default)]
    pub behaviours: Vec<Behaviour>,
    /// Where every call is written down, one JSON object a line:
    /// `{"time", "program", "args", "server", "uid", "cwd"}`.
    #[serde(default)]
    pub log: Option<PathBuf>,
    /// The server that it runs on, where the host name does not tell.
    #[serde(default)]
    pub server: Option<String>,
    /// How long a command that changes the cluster rests between two steps.
    #[serde(default = "default_pace")]
    pub pace_ms: u64,
}

fn default_pace() -> u64 {
    PACE_MS
}

/// What the program is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What it prints at the end, and its exit status.
    pub output: Output,
    /// How long it waits first.
    pub delay: Duration,
    /// How many bytes it prints before the output.
    pub flood: u64,
    /// Whether it never ends.
    pub hang: bool,
}

/// Why a state file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StandinError {
    /// The file itself.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: std::io::Error,
    },
    /// What stands in it.
    #[error("{path}: {error}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

impl StandinState {
    /// A state of this cluster, in which nothing goes wrong and nothing is written down.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            behaviours: Vec::new(),
            log: None,
            server: None,
            pace_ms: PACE_MS,
        }
    }

    /// Writes a new state file of this cluster, in which nothing goes wrong.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn create(path: &Path, cluster: Cluster) -> Result<Self, StandinError> {
        let state = Self::new(cluster);
        write_state(path, &state)?;
        Ok(state)
    }

    /// Reads, changes and writes a state file, while nobody else does.
    ///
    /// # Errors
    /// When it can't be locked, read or written; then it is as it was.
    pub fn update<T>(path: &Path, change: impl FnOnce(&mut Self) -> T) -> Result<T, StandinError> {
        let _lock = program::Lock::take(path, "lock")?;
        let mut state = Self::read(path)?;
        let result = change(&mut state);
        write(path, &state, true)?;
        Ok(result)
    }

    /// Reads a state file.
    ///
    /// # Errors
    /// When it can't be read, or is no state.
    pub fn read(path: &Path) -> Result<Self, StandinError> {
        let text = std::fs::read(path).map_err(|error| StandinError::File {
            path: path.to_owned(),
            error,
        })?;
        serde_json::from_slice(&text).map_err(|error| StandinError::Content {
            path: path.to_owned(),
            error,
        })
    }

    /// The modelled server of this host name; the state's own `server` goes first.
    #[must_use]
    pub fn here(&self, hostname: &str) -> Option<&Server> {
        let named = self.server.as_deref().unwrap_or(hostname);
        let short = named.split('.').next().unwrap_or(named);
        self.cluster
            .server(named)
            .or_else(|| self.cluster.server(short))
            .or_else(|| self.cluster.here())
    }

    /// What goes wrong with this command here, if anything does.
    fn behaviour(&self, program: &str, args: &[&str], server: Option<&str>) -> Option<&Behaviour> {
        let mut all = self.behaviours.iter();
        all.find(|b| program != "systemctl" && b.concerns(server, args))
    }

    /// Begins a command: what is to be printed, or what goes on for a while,
    /// after the delay that is told. A command whose answer goes wrong in
    /// any other way changes nothing.
    fn begin(
        &self,
        program: &str,
        args: &[&str],
        hostname: &str,
        environment: &Environment,
    ) -> (Started, Duration) {
        let server = self.here(hostname).map(|s| s.name.as_str());
        let behaviour = self.behaviour(program, args, server);
        let delay = Duration::from_millis(behaviour.map_or(0, |b| b.delay_ms));
        let started = if program == "systemctl" {
            Started::Ended(Output::text(""))
        } else {
            self.cluster
                .start(server.unwrap_or_default(), args, environment)
        };
        let spoilt = |b: &Behaviour| b.hang || b.truncate || b.flood > 0 || b.exit.is_some();
        match started {
            Started::Running(_) if behaviour.is_some_and(spoilt) => {
                (Started::Ended(Output::text("")), delay)
            }
            started => (started, delay),
        }
    }

    /// What the program does when it is called `program` with these arguments
    /// on the server of this host name.
    #[must_use]
    pub fn reply(&self, program: &str, args: &[&str], hostname: &str) -> Reply {
        let server = self.here(hostname);
        let name = server.map(|s| s.name.as_str());
        let mut output = match (program, server) {
            ("systemctl", Some(server)) => systemctl(server, args),
            _ => match self
                .begin(program, args, hostname, &Environment::default())
                .0
            {
                Started::Ended(output) => output,
                Started::Running(_) => Output::text(""),
            },
        };
        let unchanged = Behaviour::default();
        let behaviour = self.behaviour(program, args, name).unwrap_or(&unchanged);
        if behaviour.truncate {
            output.stdout.truncate(output.stdout.len() / 2);
        }
        if let Some(noise) = &behaviour.noise {
            let mut all = format!("{noise}\n").into_bytes();
            all.append(&mut output.stdout);
            all.extend_from_slice(format!("{noise}\n").as_bytes());
            output.stdout = all;
        }
        if let Some(text) = &behaviour.stderr {
            output
                .stderr
                .extend_from_slice(format!("{text}\n").as_bytes());
        }
        if let Some(status) = behaviour.exit {
            output.status = status;
        }
        Reply {
            output,
            delay: Duration::from_millis(behaviour.delay_ms),
            flood: behaviour.flood,
            hang: behaviour.hang,
        }
    }

    /// Writes a call down, in one write, so that several programs can share the file.
    ///
    /// # Errors
    /// When the log can't be written.
    pub fn write_down(
        &self,
        program: &str,
        args: &[&str],
        hostname: &str,
        uid: u32,
    ) -> Result<(), StandinError> {
        let Some(path) = &self.log else {
            return Ok(());
        };
        let line = json!({
            "time": Timestamp::now(),
            "program": program,
            "args": args,
            "server": self.here(hostname).map(|s| &s.name),
            "uid": uid,
            "cwd": std::env::current_dir().ok(),
        });
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .map_err(|error| StandinError::File {
                path: path.clone(),
                error,
            })
    }
}

/// Writes a state file beside its name and renames it, so that a program that
/// reads it meanwhile sees the old one or the new one. Everyone may read it.
///
/// # Errors
/// When it can't be written.
pub fn write_state(path: &Path, state: &StandinState) -> Result<(), StandinError> {
    write(path, state, false)
}

fn write(path: &Path, state: &StandinState, sync: bool) -> Result<(), StandinError> {
    let file_error = |error| StandinError::File {
        path: path.to_owned(),
        error,
    };
    let text = serde_json::to_vec(state).map_err(|error| StandinError::Content {
        path: path.to_owned(),
        error,
    })?;
    let beside = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(beside).map_err(file_error)?;
    file.write_all(&text).map_err(file_error)?;
    let mode = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(mode).map_err(file_error)?;
    if sync {
        file.as_file().sync_all().map_err(file_error)?;
    }
    file.persist(path)
        .map(drop)
        .map_err(|error| file_error(error.error))
}

/// `systemctl show` and `systemctl is-active`, which is all that a check asks.
fn systemctl(server: &Server, args: &[&str]) -> Output {
    let mut words = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if matches!(*arg, "-p" | "--property") {
            rest.next();
        } else if !arg.starts_with('-') {
            words.push(*arg);
        }
    }
    let full = |name: &str| {
        if name.contains('.') {
            name.to_owned()
        } else {
            format!("{name}.service")
        }
    };
    match words.split_first() {
        Some((&"show", units)) => {
            let blocks: Vec<String> = units
                .iter()
                .map(|name| probe::unit(server, &full(name)))
                .collect();
            Output::text(blocks.join("\n"))
        }
        Some((&"is-active", [name])) => {
            let unit = server.unit(&full(name));
            let status = if unit.active == "active" { 0 } else { 3 };
            Output {
                status,
                ..Output::text(format!("{}\n", unit.active))
            }
        }
        _ => Output::failed(1, "the stand-in knows only show and is-active"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn state() -> StandinState {
        let release = "4.4.21.2".parse().expect("a release");
        StandinState::new(Cluster::healthy(&release, 6, 2))
    }

    fn text(reply: &Reply) -> String {
        String::from_utf8_lossy(&reply.output.stdout).into_owned()
    }

    #[test]
    fn a_state_file_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("standin.json");
        let mut state = state();
        state.behaviours.push(Behaviour {
            delay_ms: 30,
            noise: Some("WARNING".to_owned()),
            ..Behaviour::of("cluster container")
        });
        state.server = Some("weka-03".to_owned());
        write_state(&path, &state).expect("written");
        assert_eq!(StandinState::read(&path).expect("read"), state);
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn half_a_state_is_no_state() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("standin.json");
        std::fs::write(&path, r#"{"cluster":{"name":"lab-a""#).expect("written");
        assert!(matches!(
            StandinState::read(&path),
            Err(StandinError::Content { .. })
        ));
        let none = dir.path().join("none.json");
        assert!(matches!(
            StandinState::read(&none),
            Err(StandinError::File { .. })
        ));
    }

    #[rstest]
    #[case::by_name("weka-03", "weka-03")]
    #[case::with_domain("weka-03.lab.example", "weka-03")]
    #[case::by_address("10.0.0.14", "weka-04")]
    #[case::a_stranger_stands_on_the_first("laptop", "weka-01")]
    fn knows_where_it_runs(#[case] hostname: &str, #[case] expected: &str) {
        assert_eq!(state().here(hostname).expect("a server").name, expected);
    }

    #[test]
    fn the_state_tells_where_it_runs_when_host_names_do_not() {
        let mut state = state();
        state.server = Some("weka-05".to_owned());
        assert_eq!(state.here("weka-01").expect("a server").name, "weka-05");
    }

    #[test]
    fn local_answers_are_those_of_the_server() {
        let state = state();
        let nfs = state.reply("weka", &["local", "ps", "-J"], "weka-05");
        let plain = state.reply("weka", &["local", "ps", "-J"], "weka-01");
        assert!(text(&nfs).contains("ganesha"));
        assert!(!text(&plain).contains("ganesha"));
    }

    #[test]
    fn goes_wrong_only_where_told() {
        let mut state = state();
        let whole = state.reply("weka", &["status", "-J"], "weka-01");
        state.behaviours = vec![
            Behaviour {
                truncate: true,
                exit: Some(7),
                stderr: Some("oops".to_owned()),
                flood: 9,
                ..Behaviour::of("status rebuild")
            },
            Behaviour {
                noise: Some("WARNING: stale".to_owned()),
                server: Some("weka-02".to_owned()),
                ..Behaviour::of("status")
            },
        ];
        assert_eq!(state.reply("weka", &["status", "-J"], "weka-01"), whole);
        let noisy = text(&state.reply("weka", &["status", "-J"], "weka-02"));
        assert!(noisy.starts_with("WARNING: stale\n{") && noisy.ends_with("}\nWARNING: stale\n"));
        let broken = state.reply("weka", &["status", "rebuild", "-J"], "weka-01");
        assert_eq!((broken.output.status, broken.flood), (7, 9));
        assert_eq!(broken.output.stderr, b"oops\n");
        assert!(serde_json::from_slice::<serde_json::Value>(&broken.output.stdout).is_err());
    }

    #[test]
    fn systemctl_shows_the_units() {
        let mut state = state();
        let unit = crate::model::Unit::new("loaded", "active", "running", "enabled");
        state
            .cluster
            .backend_mut(1)
            .units
            .insert("rpc-statd.service".to_owned(), unit);
        let args = [
            "show",
            "-p",
            "Id,ActiveState",
            "weka-agent.service",
            "rpc-statd",
        ];
        let shown = text(&state.reply("systemctl", &args, "weka-02"));
        assert_eq!(
            shown,
            "Id=weka-agent.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n\n\
             Id=rpc-statd.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n"
        );
        let gone = state.reply("systemctl", &["is-active", "rpc-statd"], "weka-01");
        assert_eq!(
            (gone.output.status, text(&gone).as_str()),
            (3, "inactive\n")
        );
    }
}
