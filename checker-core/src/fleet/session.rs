//! An SSH session of our own: one TCP connection, and channels on it.
//!
//! libssh2 is only ever called without blocking; between calls we wait for the
//! socket no longer than the deadline. So a server that falls silent in the
//! middle of anything costs its own time and nothing else. (The one exception
//! is libssh2's talk with the agent, which blocks: an agent that hangs while
//! it signs is given up by the engine, from outside.)

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use ssh2::{BlockDirections, Channel, ErrorCode, MethodType, Session};

use super::auth::{Identity, Keys, Use};
use super::child::poll_until;
use super::connect::{connect, interrupted, resolve};
use super::failed;
use super::known_hosts::{HostKeyPolicy, KnownHosts, Place, Verdict, kind};
use super::talk::Talk;
use crate::deadline::Deadline;
use crate::server::{ReachError, Step};

const EAGAIN: i32 = -37;
const CHANNEL_FAILURE: i32 = -21;
const REQUEST_DENIED: i32 = -22;
const AUTHENTICATION_FAILED: i32 = -18;
const PUBLICKEY_UNVERIFIED: i32 = -19;

/// Quick to compute first; the rest for servers that know nothing else.
const KEX: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,\
ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,\
diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256";

/// How a key type is asked for.
const HOST_KEYS: [(&str, &[&str]); 5] = [
    ("ssh-ed25519", &["ssh-ed25519"]),
    ("ecdsa-sha2-nistp256", &["ecdsa-sha2-nistp256"]),
    ("ecdsa-sha2-nistp384", &["ecdsa-sha2-nistp384"]),
    ("ecdsa-sha2-nistp521", &["ecdsa-sha2-nistp521"]),
    ("ssh-rsa", &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]),
];

/// Whether our session can be shown a host key of this type.
pub(super) fn knows_host_key(kind: &str) -> bool {
    HOST_KEYS.iter().any(|(known, _)| *known == kind)
}

/// Which host keys are asked for: those of known types first, as OpenSSH does,
/// so that a host of which another key is known does not look changed.
fn host_key_order(known: &[String]) -> String {
    let is_known = |kind: &str| known.iter().any(|k| k == kind);
    let (first, rest): (Vec<_>, Vec<_>) = HOST_KEYS.iter().partition(|(kind, _)| is_known(kind));
    let names: Vec<&str> = first
        .into_iter()
        .chain(rest)
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    names.join(",")
}

/// One way to prove who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// A key that the agent holds, by its public half.
    Agent(Vec<u8>),
    File(Arc<Identity>),
}

/// The way to one server.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// How it may be called in known_hosts; a new key is recorded under the first.
    pub(super) key_names: Vec<String>,
    pub(super) proofs: Vec<Proof>,
    /// Keys that cannot be shown, and why.
    pub(super) skipped: Vec<String>,
    pub(super) connect_timeout: Duration,
}

impl Route {
    /// `root@10.0.0.12:22`
    pub(super) fn label(&self) -> String {
        if self.host.contains(':') {
            format!("{}@[{}]:{}", self.user, self.host, self.port)
        } else {
            format!("{}@{}:{}", self.user, self.host, self.port)
        }
    }
}

/// An open session.
pub(super) struct Link {
    session: Session,
    socket: Arc<TcpStream>,
    pub(super) peer: SocketAddr,
    label: String,
}

impl Drop for Link {
    fn drop(&mut self) {
        // libssh2 says good-bye to every channel when it is dropped: on a dead
        // socket that fails at once, on a full one it would not get through.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Why a step of libssh2 did not come to pass.
enum Fail {
    TimeIsUp,
    Ssh(ssh2::Error),
}

impl Link {
    /// Connects, checks the host's key and proves who we are.
    ///
    /// # Errors
    /// The step that failed.
    pub(super) fn open(
        route: &Route,
        keys: &Keys,
        known: &KnownHosts,
        policy: HostKeyPolicy,
        deadline: &Deadline,
    ) -> Result<Self, ReachError> {
        let label = route.label();
        // As ConnectTimeout of ssh: until the keys are exchanged.
        let connecting = deadline.sooner(route.connect_timeout);
        let addresses = resolve(&route.host, route.port, &connecting)?;
        let (stream, peer) = connect(&addresses, &label, &connecting)?;
        let local = |error: ssh2::Error| failed(Step::Local, format!("libssh2: {error}"));
        let mut session = Session::new().map_err(local)?;
        let socket = Arc::new(stream);
        session.set_tcp_stream(Arc::clone(&socket));
        session.set_blocking(false);
        let order = host_key_order(&known.kinds(&route.key_names));
        session
            .method_pref(MethodType::HostKey, &order)
            .map_err(local)?;
        session.method_pref(MethodType::Kex, KEX).map_err(local)?;
        let mut link = Self {
            session,
            socket,
            peer,
            label,
        };
        link.handshake(&connecting)?;
        if policy != HostKeyPolicy::Off {
            link.check_host_key(route, known, policy)?;
        }
        link.authenticate(route, keys, deadline)?;
        Ok(link)
    }

    fn handshake(&mut self, deadline: &Deadline) -> Result<(), ReachError> {
        let mut session = self.session.clone();
        match self.drive(deadline, || session.handshake()) {
            Ok(()) => Ok(()),
            Err(Fail::TimeIsUp) if deadline.interrupted() => Err(interrupted()),
            Err(Fail::TimeIsUp) => Err(failed(
                Step::Timeout,
                match self.session.banner() {
                    None => format!(
                        "{}: connected, but no SSH server answered in time",
                        self.label
                    ),
                    Some(_) => format!("{}: it fell silent during the key exchange", self.label),
                },
            )),
            Err(Fail::Ssh(error)) => Err(failed(
                Step::Protocol,
                format!("{}: {}", self.label, error.message()),
            )),
        }
    }

    fn check_host_key(
        &self,
        route: &Route,
        known: &KnownHosts,
        policy: HostKeyPolicy,
    ) -> Result<(), ReachError> {
        let refused =
            |words: String| Err(failed(Step::HostKey, format!("{}: {words}", self.label)));
        let Some((key, _)) = self.session.host_key() else {
            return refused("it has shown no host key".to_owned());
        };
        let shown = kind(key);
        let at = |place: &Place| format!("{}:{}", place.file.display(), place.line);
        let name = route.key_names.first().map_or("", String::as_str);
        match known.check(&route.key_names, key) {
            Verdict::Known => Ok(()),
            Verdict::Revoked(place) => refused(format!(
                "its {shown} key is revoked at {}; do not trust this host",
                at(&place)
            )),
            Verdict::Changed(place) => refused(format!(
                "its {shown} key is not the one at {}; find out why, then forget the old one with \
                 `ssh-keygen -f {} -R {}`",
                at(&place),
                super::script::quote(&place.file.display().to_string()),
                super::script::quote(name),
            )),
            Verdict::New if policy == HostKeyPolicy::Strict => refused(format!(
                "its {shown} key is not known; compare it, then add it with `ssh-keyscan -p {} {}`",
                route.port, route.host
            )),
            Verdict::New => {
                if let Err(error) = known.remember(name, key) {
                    tracing::warn!(host = name, %error, "the new host key could not be recorded");
                }
                Ok(())
            }
        }
    }

    fn authenticate(
        &self,
        route: &Route,
        keys: &Keys,
        deadline: &Deadline,
    ) -> Result<(), ReachError> {
        let refused =
            |words: &str| failed(Step::Authentication, format!("{}: {words}", self.label));
        let mut agent = None;
        let mut skipped = route.skipped.clone();
        let mut shown = 0;
        for proof in &route.proofs {
            let result = match proof {
                Proof::File(identity) => {
                    let Use::Private(text) = &identity.usable else {
                        continue;
                    };
                    self.drive(deadline, || {
                        self.session
                            .userauth_pubkey_memory(&route.user, None, text, None)
                    })
                }
                Proof::Agent(key) => {
                    if agent.is_none() {
                        agent = Some(self.agent(keys));
                    }
                    let Some(Ok((agent, identities))) = &agent else {
                        continue;
                    };
                    let Some(identity) = identities.iter().find(|i| i.blob() == key) else {
                        continue;
                    };
                    self.drive(deadline, || agent.userauth(&route.user, identity))
                }
            };
            match result {
                Ok(()) => return Ok(()),
                Err(Fail::TimeIsUp) if deadline.interrupted() => return Err(interrupted()),
                Err(Fail::TimeIsUp) => {
                    return Err(failed(
                        Step::Deadline,
                        format!("{}: it fell silent while it looked at our keys", self.label),
                    ));
                }
                Err(Fail::Ssh(error)) => {
                    let unwanted = matches!(
                        error.code(),
                        ErrorCode::Session(AUTHENTICATION_FAILED | PUBLICKEY_UNVERIFIED)
                    );
                    shown += usize::from(unwanted);
                    // libssh2 says the latter also when the server took its
                    // leave; then the end of the connection is on its way.
                    let left = error.code() == ErrorCode::Session(PUBLICKEY_UNVERIFIED);
                    if self.is_cut(left) {
                        return Err(refused(&format!(
                            "it hung up after {} of our {} keys; name the right one with --identity",
                            shown.max(1),
                            route.proofs.len()
                        )));
                    }
                    if let (false, Proof::File(identity)) = (unwanted, proof) {
                        let (path, words) = (identity.path.display(), error.message());
                        skipped.push(format!("{path}: {words}"));
                    }
                }
            }
        }
        if let Some(Err(error)) = &agent {
            skipped.push(format!("the agent: {error}"));
        } else if let Some(error) = keys.agent_error() {
            skipped.push(format!("the agent: {error}"));
        }
        let mut words = match shown {
            0 => "we have no key to show; load one into the agent, or name one with --identity"
                .to_owned(),
            1 => "it does not take our one key".to_owned(),
            n => format!("it takes none of our {n} keys"),
        };
        if !skipped.is_empty() {
            words = format!("{words} (not used: {})", skipped.join("; "));
        }
        Err(refused(&words))
    }

    fn agent(&self, keys: &Keys) -> Result<(ssh2::Agent, Vec<ssh2::PublicKey>), ssh2::Error> {
        let mut agent = self.session.agent()?;
        if let Some(socket) = keys.agent() {
            agent.set_identity_path(socket)?;
        }
        agent.connect()?;
        agent.list_identities()?;
        let identities = agent.identities()?;
        Ok((agent, identities))
    }

    /// Whether the other side has closed the connection, or is about to.
    fn is_cut(&self, about_to: bool) -> bool {
        if about_to {
            let soon = Deadline::within(Duration::from_millis(100));
            let mut fds = [PollFd::new(&*self.socket, PollFlags::IN)];
            let _ = poll_until(&mut fds, None, &soon);
        }
        match self.socket.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Repeats a step until it is through, failed, or the time is up.
    fn drive<T>(
        &self,
        deadline: &Deadline,
        mut step: impl FnMut() -> Result<T, ssh2::Error>,
    ) -> Result<T, Fail> {
        loop {
            match step() {
                Ok(value) => return Ok(value),
                Err(error) if error.code() == ErrorCode::Session(EAGAIN) => {}
                Err(error) => return Err(Fail::Ssh(error)),
            }
            if deadline.passed() {
                return Err(Fail::TimeIsUp);
            }
            let mut fds = [PollFd::new(&*self.socket, self.wanted())];
            if poll_until(&mut fds, None, deadline).is_err() {
                return Err(Fail::TimeIsUp);
            }
        }
    }

    /// What libssh2 waits for.
    fn wanted(&self) -> PollFlags {
        match self.session.block_directions() {
            BlockDirections::Outbound | BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::None | BlockDirections::Inbound => PollFlags::IN,
        }
    }

    /// Runs one script on a channel of its own.
    pub(super) fn converse(
        &self,
        command: &str,
        talk: &mut Talk,
        deadline: &Deadline,
    ) -> Result<(), ReachError> {
        let mut lane = Lane::new(command.to_owned());
        loop {
            if let Some(result) = self.advance(&mut lane, talk, deadline) {
                return result;
            }
            let mut fds = [PollFd::new(&*self.socket, lane.wanted)];
            let wake_at = talk.wake_at();
            if !lane.progress && poll_until(&mut fds, wake_at, deadline).is_err() {
                return Err(self.cut("the socket failed"));
            }
        }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    fn cut(&self, words: &str) -> ReachError {
        failed(Step::Protocol, format!("{}: {words}", self.label))
    }

    /// Brings one conversation as far as it goes without waiting. `Some` once
    /// it is over.
    pub(super) fn advance(
        &self,
        lane: &mut Lane,
        talk: &mut Talk,
        deadline: &Deadline,
    ) -> Option<Result<(), ReachError>> {
        lane.progress = false;
        lane.wanted = PollFlags::IN;
        let result = self.try_advance(lane, talk);
        lane.wanted |= self.wanted();
        match result {
            Ok(false) if deadline.interrupted() => Some(Err(interrupted())),
            Ok(false) if deadline.passed() => {
                let words = if talk.begun() {
                    "its time was up before the script was through"
                } else {
                    "its time was up before a shell had answered"
                };
                Some(Err(failed(
                    Step::Deadline,
                    format!("{}: {words}", self.label),
                )))
            }
            Ok(false) => None,
            Ok(true) => {
                lane.close();
                Some(Ok(()))
            }
            Err(error) => {
                lane.close();
                Some(Err(error))
            }
        }
    }

    /// Whether the script is through.
    fn try_advance(&self, lane: &mut Lane, talk: &mut Talk) -> Result<bool, ReachError> {
        loop {
            match &mut lane.stage {
                Stage::Opening => match self.session.channel_session() {
                    Ok(channel) => lane.stage = Stage::Starting(channel),
                    Err(error) if error.code() == ErrorCode::Session(EAGAIN) => return Ok(false),
                    Err(error) => return Err(self.no_shell(&error)),
                },
                Stage::Starting(channel) => match channel.exec(&lane.command) {
                    Ok(()) => lane.stage = Stage::Running(channel.clone()),
                    Err(error) if error.code() == ErrorCode::Session(EAGAIN) => return Ok(false),
                    Err(error) => return Err(self.no_shell(&error)),
                },
                Stage::Running(channel) => {
                    lane.progress = pump(channel, talk, &mut lane.buffer)
                        .map_err(|error| self.cut(&format!("the connection was cut: {error}")))?;
                    if let Err(stuck) = talk.watch(Instant::now()) {
                        return Err(self.cut(&format!(
                            "its probe {} could not be ended, so the connection was",
                            stuck.key
                        )));
                    }
                    if talk.finished() {
                        return Ok(true);
                    }
                    if !lane.progress && channel.eof() {
                        return Err(super::broke_off(talk, &self.label));
                    }
                    return Ok(false);
                }
            }
        }
    }

    fn no_shell(&self, error: &ssh2::Error) -> ReachError {
        let step = match error.code() {
            ErrorCode::Session(CHANNEL_FAILURE | REQUEST_DENIED) => Step::Shell,
            _ => Step::Protocol,
        };
        let words = match step {
            Step::Shell => "it lets us in but starts no command",
            _ => "the connection was cut when a command should start",
        };
        failed(
            step,
            format!("{}: {words} ({})", self.label, error.message()),
        )
    }
}

enum Stage {
    Opening,
    Starting(Channel),
    Running(Channel),
}

/// One conversation's channel.
pub(super) struct Lane {
    command: String,
    stage: Stage,
    buffer: Vec<u8>,
    /// Whether the last [`Link::advance`] moved any byte: then try again before waiting.
    pub(super) progress: bool,
    /// What to wait for otherwise.
    pub(super) wanted: PollFlags,
}

impl Lane {
    pub(super) fn new(command: String) -> Self {
        Self {
            command,
            stage: Stage::Opening,
            buffer: vec![0; 32 * 1024],
            progress: false,
            wanted: PollFlags::IN,
        }
    }

    /// Whether its channel is not open yet: only one may be opened at a time.
    pub(super) fn is_opening(&self) -> bool {
        !matches!(self.stage, Stage::Running(_))
    }

    /// Tells the server that we are through, as far as that goes without waiting.
    pub(super) fn close(&mut self) {
        if let Stage::Starting(channel) | Stage::Running(channel) = &mut self.stage {
            let _ = channel.close();
        }
    }
}

/// Moves what can be moved without waiting. Whether anything was.
fn pump(channel: &mut Channel, talk: &mut Talk, buffer: &mut [u8]) -> io::Result<bool> {
    let mut progress = false;
    while !talk.unsent().is_empty() {
        match channel.write(talk.unsent()) {
            Ok(0) => break,
            Ok(count) => {
                talk.sent(count, Instant::now());
                progress = true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            // A command that has ended takes no input; what it printed comes yet.
            Err(_) if channel.eof() => break,
            Err(error) => return Err(error),
        }
    }
    for stream in [0, 1] {
        match channel.stream(stream).read(buffer) {
            Ok(0) => {}
            Ok(count) => {
                let now = Instant::now();
                if stream == 0 {
                    talk.stdout(&buffer[..count], now);
                } else {
                    talk.stderr(&buffer[..count], now);
                }
                progress = true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(progress)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing_known(&[], "ssh-ed25519,ecdsa-sha2-nistp256,")]
    #[case::ecdsa_known(&["ecdsa-sha2-nistp256"], "ecdsa-sha2-nistp256,ssh-ed25519,")]
    #[case::rsa_known(&["ssh-rsa"], "rsa-sha2-512,rsa-sha2-256,ssh-rsa,ssh-ed25519,")]
    #[case::unheard_of(&["ssh-new"], "ssh-ed25519,")]
    fn known_types_are_asked_for_first(#[case] known: &[&str], #[case] begin: &str) {
        let known: Vec<String> = known.iter().map(|k| (*k).to_owned()).collect();
        let order = host_key_order(&known);
        assert!(order.starts_with(begin), "{order}");
        assert_eq!(order.split(',').count(), 7);
    }

    #[rstest]
    #[case("10.0.0.1", "root@10.0.0.1:22")]
    #[case("fd00::1", "root@[fd00::1]:22")]
    fn labels(#[case] host: &str, #[case] label: &str) {
        let route = Route {
            host: host.to_owned(),
            port: 22,
            user: "root".to_owned(),
            key_names: Vec::new(),
            proofs: Vec::new(),
            skipped: Vec::new(),
            connect_timeout: Duration::ZERO,
        };
        assert_eq!(route.label(), label);
    }
}
