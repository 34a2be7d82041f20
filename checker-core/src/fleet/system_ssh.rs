//! The system's `ssh`, for what our own session can't do.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::child::{end_group, nonblocking};
use super::known_hosts::HostKeyPolicy;
use super::local::converse_with;
use super::talk::Talk;
use super::{broke_off, failed, shortened};
use crate::deadline::Deadline;
use crate::server::{ReachError, Step};

/// How many scripts may run at once over one connection: sshd's MaxSessions
/// is 10 by default, and one keeps the connection open.
const AT_ONCE: usize = 8;

/// How `ssh` is called for one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// The name that the operator's configuration knows it by.
    pub(super) called: String,
    /// Where it is, unless the configuration says.
    pub(super) address: Option<String>,
    pub(super) user: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) identities: Vec<PathBuf>,
    /// Only when the operator named one: without it `ssh` also reads the system's.
    pub(super) config: Option<PathBuf>,
    pub(super) known_hosts: Option<PathBuf>,
    pub(super) policy: HostKeyPolicy,
    pub(super) connect_timeout: Duration,
    pub(super) agent: Option<PathBuf>,
}

impl Call {
    fn options(&self) -> Vec<OsString> {
        let mut options: Vec<OsString> = Vec::new();
        let mut set = |option: String| options.extend(["-o".into(), OsString::from(option)]);
        for fixed in [
            "BatchMode=yes",
            "RequestTTY=no",
            "RemoteCommand=none",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
            "UpdateHostKeys=no",
            "LogLevel=ERROR",
        ] {
            set(fixed.to_owned());
        }
        let seconds = self.connect_timeout.as_secs().max(1);
        set(format!("ConnectTimeout={seconds}"));
        set(format!(
            "StrictHostKeyChecking={}",
            match self.policy {
                HostKeyPolicy::AcceptNew => "accept-new",
                HostKeyPolicy::Strict => "yes",
                HostKeyPolicy::Off => "no",
            }
        ));
        let file = |path: &Path| path.display().to_string().replace('%', "%%");
        if self.policy == HostKeyPolicy::Off {
            set("UserKnownHostsFile=/dev/null".to_owned());
            set("GlobalKnownHostsFile=/dev/null".to_owned());
        } else if let Some(known_hosts) = &self.known_hosts {
            set(format!("UserKnownHostsFile=\"{}\"", file(known_hosts)));
            set("GlobalKnownHostsFile=/dev/null".to_owned());
        }
        if let Some(address) = &self.address {
            set(format!("HostName={}", address.replace('%', "%%")));
        }
        for identity in &self.identities {
            set(format!("IdentityFile=\"{}\"", file(identity)));
        }
        if let Some(user) = &self.user {
            set(format!("User={user}"));
        }
        if let Some(port) = self.port {
            set(format!("Port={port}"));
        }
        if let Some(config) = &self.config {
            options.extend(["-F".into(), config.clone().into_os_string()]);
        }
        options
    }

    /// `control` says how the connection is shared.
    fn command(&self, control: &[String], remote: &str) -> Command {
        let mut command = Command::new("ssh");
        for option in control {
            command.args(["-o", option]);
        }
        command.args(self.options());
        command.args(["-T", "--", &self.called, remote]);
        // A ProxyCommand may need anything else of the operator's environment.
        command
            .env_remove("LD_LIBRARY_PATH")
            .env_remove("LD_PRELOAD");
        command.env("LC_ALL", "C");
        if let Some(agent) = &self.agent {
            command.env("SSH_AUTH_SOCK", agent);
        }
        command
    }

    fn label(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{} (by the system's ssh)", self.called),
            None => format!("{} (by the system's ssh)", self.called),
        }
    }

    /// Runs the script over a connection of its own.
    pub(super) fn converse(
        &self,
        remote: &str,
        talk: &mut Talk,
        deadline: &Deadline,
    ) -> Result<(), ReachError> {
        self.converse_over(None, remote, talk, deadline)
    }

    fn converse_over(
        &self,
        master: Option<&Path>,
        remote: &str,
        talk: &mut Talk,
        deadline: &Deadline,
    ) -> Result<(), ReachError> {
        let label = self.label();
        let control = match master {
            Some(socket) => control_path(socket),
            // A connection of our own, not one that the operator keeps open.
            None => "ControlPath=none".to_owned(),
        };
        let mut command = self.command(&[control], remote);
        converse_with(&mut command, talk, deadline, &label, |talk, status| {
            // 255 is ssh's own, or the remote shell's: only a script that
            // never began leaves it to ssh's words.
            if status == Some(255) && !talk.begun() {
                refusal(&talk.noise(), &label)
            } else {
                broke_off(talk, &label)
            }
        })
    }
}

/// What `ssh` complains about.
fn refusal(words: &str, label: &str) -> ReachError {
    const SIGNS: [(&str, Step); 17] = [
        ("Could not resolve hostname", Step::Dns),
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", Step::HostKey),
        ("Host key verification failed", Step::HostKey),
        ("host key is known for", Step::HostKey),
        ("Permission denied", Step::Authentication),
        ("Too many authentication failures", Step::Authentication),
        ("Connection refused", Step::Refused),
        ("No route to host", Step::NoRoute),
        ("Network is unreachable", Step::NoRoute),
        ("timed out", Step::Timeout),
        ("exec request failed", Step::Shell),
        ("Bad configuration option", Step::Local),
        ("terminating,", Step::Local),
        ("bad owner or permissions", Step::Local),
        ("kex_exchange_identification", Step::Protocol),
        ("Connection reset", Step::Protocol),
        ("Connection closed", Step::Protocol),
    ];
    let step = SIGNS
        .iter()
        .find(|(sign, _)| words.contains(sign))
        .map_or(Step::Protocol, |(_, step)| *step);
    // A changed key comes with a page of warnings: what counts is which line.
    let offending = words.split_once("Offending ").map(|(_, rest)| {
        let place: Vec<&str> = rest.split(' ').take(4).collect();
        place.join(" ")
    });
    let words = match offending {
        Some(place) if step == Step::HostKey => format!(
            "Host key verification failed; offending {place}. Find out why it changed, then \
             forget the old one with `ssh-keygen -R`"
        ),
        _ => shortened(words),
    };
    failed(step, format!("{label}: {words}"))
}

/// One connection by the system's `ssh` that several scripts share.
pub(super) struct Shared {
    call: Call,
    /// Holds the connection; ends when its input does, so even when we are killed.
    master: Mutex<Child>,
    socket: PathBuf,
    /// Mode 0700: who reaches the socket reaches the server.
    _dir: tempfile::TempDir,
    running: Mutex<usize>,
    freed: Condvar,
}

impl Drop for Shared {
    fn drop(&mut self) {
        end_group(self.master.get_mut().unwrap_or_else(|e| e.into_inner()));
    }
}

impl Shared {
    /// Connects.
    ///
    /// # Errors
    /// The step that failed.
    pub(super) fn open(call: Call, deadline: &Deadline) -> Result<Self, ReachError> {
        let local = |error: std::io::Error| failed(Step::Local, format!("`ssh`: {error}"));
        let dir = tempfile::Builder::new()
            .prefix("checker-")
            .tempdir()
            .map_err(local)?;
        let socket = dir.path().join("ssh");
        let control = [
            control_path(&socket),
            "ControlMaster=yes".to_owned(),
            "ControlPersist=no".to_owned(),
        ];
        // It reads what never comes, until the end of its input.
        let mut master = call
            .command(&control, "exec cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(local)?;
        let label = call.label();
        let ready = loop {
            if socket.exists() {
                break Ok(());
            }
            match master.try_wait() {
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => break Err(refusal(&said(&mut master), &label)),
            }
            if deadline.interrupted() {
                break Err(super::connect::interrupted());
            }
            if deadline.passed() {
                break Err(failed(
                    Step::Timeout,
                    format!("{label}: no connection in time"),
                ));
            }
            std::thread::sleep(Duration::from_millis(5).min(deadline.remaining()));
        };
        if let Err(error) = ready {
            end_group(&mut master);
            return Err(error);
        }
        Ok(Self {
            call,
            master: Mutex::new(master),
            socket,
            _dir: dir,
            running: Mutex::new(0),
            freed: Condvar::new(),
        })
    }

    pub(super) fn converse(
        &self,
        remote: &str,
        talk: &mut Talk,
        deadline: &Deadline,
    ) -> Result<(), ReachError> {
        let mut running = self.running.lock().unwrap_or_else(|e| e.into_inner());
        while *running >= AT_ONCE {
            if deadline.passed() {
                let words = "its turn did not come in time".to_owned();
                return Err(failed(Step::Deadline, words));
            }
            let pause = deadline.remaining().min(Duration::from_millis(100));
            running = match self.freed.wait_timeout(running, pause) {
                Ok((running, _)) => running,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        *running += 1;
        drop(running);
        let result = self
            .call
            .converse_over(Some(&self.socket), remote, talk, deadline);
        *self.running.lock().unwrap_or_else(|e| e.into_inner()) -= 1;
        self.freed.notify_one();
        result
    }
}

fn control_path(socket: &Path) -> String {
    format!(
        "ControlPath={}",
        socket.display().to_string().replace('%', "%%")
    )
}

/// What a child that has ended had to say.
fn said(child: &mut Child) -> String {
    let mut words = Vec::new();
    if let Some(stderr) = &mut child.stderr {
        use std::os::fd::AsFd as _;
        let _ = nonblocking(stderr.as_fd());
        let _ = stderr.take(4096).read_to_end(&mut words);
    }
    let words = String::from_utf8_lossy(&words);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // field history S29
    #[rstest]
    #[case(
        "ssh: Could not resolve hostname x: Name or service not known",
        Step::Dns
    )]
    #[case(
        "ssh: connect to host 10.0.0.9 port 22: Connection refused",
        Step::Refused
    )]
    #[case(
        "ssh: connect to host 10.0.0.9 port 22: No route to host",
        Step::NoRoute
    )]
    #[case(
        "ssh: connect to host 10.0.0.9 port 22: Connection timed out",
        Step::Timeout
    )]
    #[case("Connection timed out during banner exchange", Step::Timeout)]
    #[case("root@x: Permission denied (publickey).", Step::Authentication)]
    #[case(
        "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @ Host key verification failed.",
        Step::HostKey
    )]
    #[case(
        "No ED25519 host key is known for x and you have requested strict checking. Host key verification failed.",
        Step::HostKey
    )]
    #[case(
        "kex_exchange_identification: Connection closed by remote host",
        Step::Protocol
    )]
    #[case("", Step::Protocol)]
    fn what_ssh_complains_about(#[case] words: &str, #[case] step: Step) {
        assert_eq!(refusal(words, "x").step, step);
    }

    #[test]
    fn options_come_before_the_destination() {
        let call = Call {
            called: "weka-02".to_owned(),
            address: Some("10.0.0.12".to_owned()),
            user: Some("ops".to_owned()),
            port: Some(2222),
            identities: vec!["/k e y".into()],
            config: Some("/c".into()),
            known_hosts: Some("/k".into()),
            policy: HostKeyPolicy::Strict,
            connect_timeout: Duration::from_secs(7),
            agent: None,
        };
        let words: Vec<_> = call
            .command(&["ControlMaster=yes".to_owned()], "exec sh -s")
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let line = words.join(" ");
        for part in [
            "-o ConnectTimeout=7 -o StrictHostKeyChecking=yes",
            "-o IdentityFile=\"/k e y\" -o User=ops -o Port=2222 -F /c",
            "-o HostName=10.0.0.12",
        ] {
            assert!(line.contains(part), "{line}");
        }
        assert!(line.starts_with("-o ControlMaster=yes "), "{line}");
        assert!(line.ends_with(" -T -- weka-02 exec sh -s"), "{line}");
    }
}
