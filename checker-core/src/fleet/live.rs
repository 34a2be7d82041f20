//! A live cluster as a source of evidence.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::auth::{IdentityError, Keys, Use, needs_system};
use super::known_hosts::{HostKeyPolicy, KnownHosts, name_for};
use super::session::{Link, Proof, Route, knows_host_key};
use super::ssh_config::{HostSettings, SshConfig, identity_path};
use super::system_ssh::{Call, Shared};
use super::talk::{Section, Talk};
use super::via::{Line, Via};
use super::{AS_ROOT, AS_WE_ARE, connect, failed, local, script};
use crate::deadline::Deadline;
use crate::evidence::{End, NotRun, RawRecord};
use crate::ndu::detached::Shell;
use crate::server::{Reach, ReachError, Role, Server, Step, Transport};
use crate::source::{ServerAnswer, ServerProbe, Source, SourceKind};

/// Identity files that are tried when none is configured, as ssh does.
const DEFAULT_IDENTITIES: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// How a live cluster is reached.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// The backend that the cluster's commands are run on (`[USER@]HOST`);
    /// this machine when there is none.
    pub via: Option<String>,
    /// Identity files that go before all others.
    pub identities: Vec<PathBuf>,
    /// The user to log in as; before what the configuration says.
    pub user: Option<String>,
    /// The port; before what the configuration says.
    pub port: Option<u16>,
    /// The SSH configuration to read instead of `~/.ssh/config`; must exist.
    pub ssh_config: Option<PathBuf>,
    /// The file of known host keys to use instead of `~/.ssh/known_hosts` and
    /// `/etc/ssh/ssh_known_hosts`.
    pub known_hosts: Option<PathBuf>,
    /// What is done about a host key that is not known.
    pub host_keys: HostKeyPolicy,
    /// How long it may take until the keys are exchanged, where the
    /// configuration has no `ConnectTimeout`.
    pub connect_timeout: Duration,
    /// Whether the connection to `via` is opened anew once it broke: for what
    /// lasts for hours. A check run opens it once.
    pub reconnects: bool,
    /// Whether the server that we stand on is reached over SSH like the others.
    pub never_local: bool,
    /// The home directory, where `.ssh` is; `HOME` by default.
    pub home: Option<PathBuf>,
    /// The agent's socket; `SSH_AUTH_SOCK` by default.
    pub agent: Option<PathBuf>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        let path = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            via: None,
            identities: Vec::new(),
            user: None,
            port: None,
            ssh_config: None,
            known_hosts: None,
            host_keys: HostKeyPolicy::default(),
            connect_timeout: Duration::from_secs(10),
            reconnects: false,
            never_local: false,
            home: path("HOME"),
            agent: path("SSH_AUTH_SOCK"),
        }
    }
}

/// Why a live cluster cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// An identity file that was named cannot be used.
    #[error("identity file {0}")]
    Identity(#[from] IdentityError),
    /// The SSH configuration is wrong.
    #[error("SSH configuration {}: {words}", file.display())]
    SshConfig {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        words: String,
    },
    /// The known host keys cannot be read.
    #[error("known host keys {}: {source}", file.display())]
    KnownHosts {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no `weka` here, and no other machine was named.
    #[error(
        "there is no `weka` on this machine: run checker on a backend, let it use one with \
         `--via HOST`, or look at an example with `--simulate`"
    )]
    NoWeka,
}

/// A live cluster.
///
/// Files are read once, when it is made; servers are connected to when they
/// are asked, each once.
pub struct LiveSource {
    options: LiveOptions,
    home: PathBuf,
    config: SshConfig,
    known_hosts: KnownHosts,
    keys: Keys,
    /// Where the `weka` of this machine is.
    weka: PathBuf,
    via: Option<(Target, Mutex<Option<Opened>>)>,
}

/// The shared connection, or why there is none: asked for once, and again
/// only where [`LiveOptions::reconnects`] says so.
type Opened = Result<Arc<Via>, ReachError>;

/// Who is to be reached, by which names.
#[derive(Debug, Clone)]
struct Target {
    user: Option<String>,
    address: String,
    /// Unless another server has the same.
    hostname: Option<String>,
}

/// How a server is reached, as far as it is clear before a packet is sent.
enum Way {
    Ours(Route),
    System(Call),
}

impl LiveSource {
    /// Reads what there is to read: configuration, known hosts, named identities.
    ///
    /// # Errors
    /// When the operator has to mend something first; says what.
    pub fn new(options: LiveOptions) -> Result<Self, LiveError> {
        let home = options.home.clone().unwrap_or_else(|| "/".into());
        let ssh = home.join(".ssh");
        let keys = Keys::new(options.agent.clone());
        for identity in &options.identities {
            keys.identity(identity)?;
        }
        let file = options.ssh_config.clone().unwrap_or(ssh.join("config"));
        let unreadable = |words: String| LiveError::SshConfig {
            file: file.clone(),
            words,
        };
        if options.ssh_config.is_some() && !file.exists() {
            return Err(unreadable("there is no such file".to_owned()));
        }
        let config = SshConfig::read(&file, &home).map_err(unreadable)?;
        let files = match &options.known_hosts {
            Some(file) => vec![file.clone()],
            None => vec![
                ssh.join("known_hosts"),
                ssh.join("known_hosts2"),
                "/etc/ssh/ssh_known_hosts".into(),
                "/etc/ssh/ssh_known_hosts2".into(),
            ],
        };
        let known_hosts = match options.host_keys {
            HostKeyPolicy::Off => KnownHosts::default(),
            _ => KnownHosts::read(&files)
                .map_err(|(file, source)| LiveError::KnownHosts { file, source })?,
        };
        let via = options.via.as_deref().map(|via| {
            let (user, host) = match via.rsplit_once('@') {
                Some((user, host)) => (Some(user.to_owned()), host),
                None => (None, via),
            };
            Target {
                user,
                address: host.trim_matches(['[', ']']).to_owned(),
                hostname: None,
            }
        });
        let found = local::find_weka(std::env::var_os("PATH"));
        // The backend that was named may be the one that we stand on.
        let here = |via: &Target| !options.never_local && local::is_called_here(&via.address);
        let via = via.filter(|via| found.is_none() || !here(via));
        let weka = match (&via, found) {
            (_, Some(weka)) => weka,
            (Some(_), None) => PathBuf::new(),
            (None, None) => return Err(LiveError::NoWeka),
        };
        Ok(Self {
            home,
            config,
            known_hosts,
            keys,
            weka,
            via: via.map(|target| (target, Mutex::new(None))),
            options,
        })
    }

    /// How to get to a server.
    fn way(&self, target: &Target) -> Way {
        let names: Vec<&str> = target
            .hostname
            .iter()
            .chain([&target.address])
            .map(String::as_str)
            .collect();
        let settings = self.config.lookup(&names);
        let port = self.options.port.or(settings.port).unwrap_or(22);
        let user = target
            .user
            .clone()
            .or_else(|| self.options.user.clone())
            .or_else(|| settings.user.clone())
            .unwrap_or_else(our_name);
        let host = settings.host_name.clone().unwrap_or(target.address.clone());
        let key_names = match &settings.host_key_alias {
            Some(alias) => vec![alias.to_ascii_lowercase()],
            None => {
                let mut names = vec![name_for(&host, port)];
                names.extend(target.hostname.iter().map(|name| name_for(name, port)));
                names.dedup();
                names
            }
        };
        let connect_timeout = settings
            .connect_timeout
            .unwrap_or(self.options.connect_timeout);
        let (proofs, skipped, device) = self.proofs(&settings, &host, &user, port);
        let by_system = settings
            .by_system
            .clone()
            .or(device)
            .or_else(|| self.host_key_for_system(&key_names));
        if let Some(why) = by_system {
            tracing::debug!(server = target.address, why, "by the system's ssh");
            // The configuration may have an address in what we did not read.
            let known = self.config.is_understood()
                && settings.host_name.is_none()
                && settings.called != target.address;
            return Way::System(Call {
                called: settings.called.clone(),
                address: known.then(|| target.address.clone()),
                user: target.user.clone().or_else(|| self.options.user.clone()),
                port: self.options.port,
                identities: self.options.identities.clone(),
                config: self.options.ssh_config.clone(),
                known_hosts: self.options.known_hosts.clone(),
                policy: self.options.host_keys,
                connect_timeout,
                agent: self.options.agent.clone(),
            });
        }
        Way::Ours(Route {
            host,
            port,
            user,
            key_names,
            proofs,
            skipped,
            connect_timeout,
        })
    }

    /// Why only the system's `ssh` can check this host's key.
    fn host_key_for_system(&self, names: &[String]) -> Option<String> {
        let kinds = self.known_hosts.kinds(names);
        if kinds.is_empty() {
            self.known_hosts
                .has_authority(names)
                .then(|| "a certificate authority for its host key".to_owned())
        } else {
            (!kinds.iter().any(|kind| knows_host_key(kind)))
                .then(|| format!("its host key of type {}", kinds.join(", ")))
        }
    }

    /// What may be shown to a server, the likeliest first, since sshd hangs up
    /// after six wrong ones; what may not, and why; and the key, if any, that
    /// only the system's `ssh` can show.
    fn proofs(
        &self,
        settings: &HostSettings,
        host: &str,
        user: &str,
        port: u16,
    ) -> (Vec<Proof>, Vec<String>, Option<String>) {
        let ssh = self.home.join(".ssh");
        let named = &self.options.identities;
        let configured: Vec<PathBuf> = if !settings.identity_files.is_empty() {
            let files = settings.identity_files.iter();
            files
                .filter_map(|file| identity_path(file, &self.home, host, user, port))
                .collect()
        } else if named.is_empty() {
            DEFAULT_IDENTITIES.map(|name| ssh.join(name)).to_vec()
        } else {
            Vec::new()
        };
        let in_agent = self.keys.agent_keys();
        let (mut proofs, mut skipped, mut device) = (Vec::new(), Vec::new(), None);
        let mut files = Vec::new();
        for (n, file) in named.iter().chain(&configured).enumerate() {
            let identity = match self.keys.identity(file) {
                Ok(identity) => identity,
                // Named ones were there at the start; others need not be.
                Err(IdentityError::Missing(_)) if n >= named.len() => continue,
                Err(error) => {
                    skipped.push(error.to_string());
                    continue;
                }
            };
            let held = identity
                .public
                .as_ref()
                .filter(|key| in_agent.contains(key));
            let first = match (&identity.usable, held) {
                (Use::System(what), _) => {
                    device.get_or_insert(format!("{what}: {}", file.display()));
                    continue;
                }
                (_, Some(key)) => Some(Proof::Agent(key.clone())),
                (Use::Private(_), None) => None,
                (Use::AgentOnly(why), None) => {
                    skipped.push(format!("{} {why}, and no agent holds it", file.display()));
                    continue;
                }
            };
            match first {
                Some(proof) => proofs.push(proof),
                None if n < named.len() => proofs.push(Proof::File(identity)),
                None => files.push(Proof::File(identity)),
            }
        }
        if !settings.identities_only {
            for key in in_agent {
                if !needs_system(key) {
                    proofs.push(Proof::Agent(key.clone()));
                } else if named.is_empty() {
                    device.get_or_insert("a key in the agent that is on a device".to_owned());
                }
            }
        }
        proofs.extend(files);
        let mut unique: Vec<Proof> = Vec::new();
        for proof in proofs {
            if !unique.contains(&proof) {
                unique.push(proof);
            }
        }
        (unique, skipped, device)
    }

    fn open(&self, route: &Route, deadline: &Deadline) -> Result<Link, ReachError> {
        let policy = self.options.host_keys;
        Link::open(route, &self.keys, &self.known_hosts, policy, deadline)
    }

    /// The connection to the backend that runs the cluster's commands.
    fn via(&self, deadline: &Deadline) -> Option<Opened> {
        let (target, opened) = self.via.as_ref()?;
        // Who comes while it is opened waits for it.
        let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
        let found = opened.get_or_insert_with(|| self.open_via(target, deadline));
        let found = found.clone();
        if found.is_err() && self.options.reconnects {
            *opened = None;
        }
        Some(found)
    }

    fn open_via(&self, target: &Target, deadline: &Deadline) -> Opened {
        let via = match self.way(target) {
            Way::Ours(route) => {
                let line = Line::new(self.open(&route, deadline)?)
                    .map_err(|error| failed(Step::Local, format!("a thread: {error}")))?;
                Via::Ours(line)
            }
            Way::System(call) => {
                let connecting = deadline.sooner(call.connect_timeout * 2);
                Via::System(Box::new(Shared::open(call, &connecting)?))
            }
        };
        Ok(Arc::new(via))
    }

    /// Takes note of what came of a conversation over the shared connection:
    /// one that failed is not used again where we may reconnect.
    fn used(&self, via: &Arc<Via>, result: &Result<(), ReachError>) {
        let Some((_, opened)) = self.via.as_ref().filter(|_| self.options.reconnects) else {
            return;
        };
        if result.is_ok() {
            return;
        }
        let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have opened a new one since.
        if matches!(&*opened, Some(Ok(now)) if Arc::ptr_eq(now, via)) {
            *opened = None;
        }
    }

    /// The connection to the named backend, if that is `server`.
    fn via_to(&self, server: &Server, deadline: &Deadline) -> Option<Opened> {
        let (target, opened) = self.via.as_ref()?;
        let address = |text: &str| text.parse::<IpAddr>().ok().map(|a| a.to_canonical());
        // By its address, which we know from the name once it is connected to:
        // several servers may share a name, none an address.
        let named = address(&target.address).or_else(|| {
            match &*opened.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(Ok(via)) => via.peer(),
                _ => None,
            }
        });
        let addresses: Vec<IpAddr> = std::iter::once(&server.address)
            .chain(&server.addresses)
            .filter_map(|text| address(text))
            .collect();
        let same = match named {
            Some(named) if !addresses.is_empty() => addresses.contains(&named),
            _ => [&server.name, &server.hostname, &server.address]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&target.address)),
        };
        if same { self.via(deadline) } else { None }
    }

    fn converse(
        &self,
        server: &Server,
        mut talk: Talk,
        deadline: &Deadline,
    ) -> (Talk, Transport, Result<(), ReachError>) {
        if !self.options.never_local && local::is_here(server) {
            let result = local::converse(&mut talk, deadline);
            return (talk, Transport::Local, result);
        }
        match self.via_to(server, deadline) {
            Some(Ok(via)) => {
                let (talk, result) = via.converse(AS_ROOT, talk, deadline);
                self.used(&via, &result);
                return (talk, via.transport(), result);
            }
            Some(Err(error)) => return (talk, Transport::Ssh, Err(error)),
            None => {}
        }
        let target = Target {
            user: None,
            address: server.address.clone(),
            hostname: (server.name == server.hostname).then(|| server.hostname.clone()),
        };
        match self.way(&target) {
            Way::Ours(route) => {
                let remote = if route.user == "root" {
                    AS_WE_ARE
                } else {
                    AS_ROOT
                };
                let result = self
                    .open(&route, deadline)
                    .and_then(|link| link.converse(remote, &mut talk, deadline));
                (talk, Transport::Ssh, result)
            }
            Way::System(call) => {
                let result = call.converse(AS_ROOT, &mut talk, deadline);
                (talk, Transport::SystemSsh, result)
            }
        }
    }
}

/// Who we are, as the name to log in with.
fn our_name() -> String {
    if rustix::process::geteuid().is_root() {
        return "root".to_owned();
    }
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "root".to_owned())
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Source for LiveSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Live
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// The record's command is `weka` and the arguments, wherever it runs.
    ///
    /// On another backend it runs as the user who logs in, without `sudo`: it
    /// is that user's `~/.weka` which holds the CLI's credentials.
    fn cluster(&self, key: &str, arguments: &str, deadline: &Deadline) -> RawRecord {
        let shown = format!("weka {arguments}");
        let not_run = |why| RawRecord::not_run(key, &shown, Timestamp::now(), why);
        let words = match shell_words::split(arguments) {
            Ok(words) => words,
            Err(error) => return not_run(NotRun::Failed(error.to_string())),
        };
        if deadline.interrupted() {
            return not_run(NotRun::Interrupted);
        }
        if deadline.passed() {
            return not_run(NotRun::Deadline);
        }
        let (started_at, begun) = (Timestamp::now(), Instant::now());
        let via = match self.via(deadline) {
            None => return local::weka(&self.weka, key, &shown, &words, deadline),
            Some(Ok(via)) => via,
            Some(Err(error)) => return not_run(NotRun::Unreachable(error.to_string())),
        };
        let words: Vec<String> = words.iter().map(|word| script::quote(word)).collect();
        let talk = Talk::new(vec![Section {
            key: key.to_owned(),
            shown: shown.clone(),
            text: format!("PATH=$PATH:/opt/weka/bin; exec weka {}", words.join(" ")),
            timeout: deadline.remaining(),
            limit: local::COMMAND_LIMIT,
        }]);
        let (talk, result) = via.converse(AS_WE_ARE, talk, deadline);
        self.used(&via, &result);
        let record = talk.into_records().pop();
        match (record, result) {
            (_, Err(error)) if error.step == Step::Interrupted => not_run(NotRun::Interrupted),
            (Some(record), Err(error)) if error.step == Step::Deadline => RawRecord {
                end: End::TimedOut,
                ..record
            },
            (Some(record), _) => record,
            (None, Err(error)) if error.step == Step::Deadline => RawRecord {
                end: End::TimedOut,
                started_at,
                duration: begun.elapsed(),
                ..not_run(NotRun::Deadline)
            },
            (None, Err(error)) => not_run(NotRun::Unreachable(error.to_string())),
            (None, Ok(())) => not_run(NotRun::Failed("no answer".to_owned())),
        }
    }

    fn server(
        &self,
        server: &Server,
        probes: &[&'static ServerProbe],
        deadline: &Deadline,
    ) -> ServerAnswer {
        let begun = Instant::now();
        let mut sections: Vec<Section> = probes.iter().map(|probe| Section::from(*probe)).collect();
        sections.sort_by_key(|section| section.key != "host:clock");
        let unreached = |error| ServerAnswer {
            reach: Reach {
                transport: None,
                error: Some(error),
                ms: millis(begun),
            },
            records: Vec::new(),
        };
        if deadline.interrupted() {
            return unreached(connect::interrupted());
        }
        if deadline.passed() {
            let words = "the deadline had passed before its turn came".to_owned();
            return unreached(failed(Step::Deadline, words));
        }
        let (talk, transport, result) = self.converse(server, Talk::new(sections), deadline);
        if !talk.begun()
            && let Err(error) = result
        {
            return unreached(error);
        }
        ServerAnswer {
            reach: Reach {
                transport: Some(transport),
                error: result.err(),
                ms: millis(begun),
            },
            records: talk.into_records(),
        }
    }

    fn here(&self) -> Option<Server> {
        match &self.via {
            None => local::here(),
            // The cluster's commands run there, so the servers are sought there.
            Some((target, _)) => Some(Server {
                name: target.address.clone(),
                hostname: target.address.clone(),
                address: target.address.clone(),
                addresses: Vec::new(),
                role: Role::Backend,
            }),
        }
    }
}

/// What came of one shell text that was handed to a machine as a script of
/// one section.
pub(super) fn shell_record(
    key: &str,
    text: &str,
    deadline: &Deadline,
    converse: impl FnOnce(Talk) -> (Talk, Result<(), ReachError>),
) -> RawRecord {
    // The text may hold a secret: its name stands in the record instead.
    let not_run = |why| RawRecord::not_run(key, key, Timestamp::now(), why);
    if deadline.passed() {
        return not_run(NotRun::Deadline);
    }
    let (talk, result) = converse(Talk::new(vec![Section {
        key: key.to_owned(),
        shown: key.to_owned(),
        text: text.to_owned(),
        timeout: deadline.remaining(),
        limit: local::COMMAND_LIMIT,
    }]));
    match (talk.into_records().pop(), result) {
        (Some(record), Ok(())) => record,
        (Some(record), Err(_)) => RawRecord {
            end: End::Lost,
            ..record
        },
        (None, Err(error)) => not_run(NotRun::Unreachable(error.to_string())),
        (None, Ok(())) => not_run(NotRun::Failed("no answer".to_owned())),
    }
}

/// The machine that the cluster's commands run on, as root.
impl Shell for LiveSource {
    fn shell(&self, key: &str, text: &str, deadline: &Deadline) -> RawRecord {
        shell_record(key, text, deadline, |mut talk| match self.via(deadline) {
            None if rustix::process::geteuid().is_root() => {
                let result = local::converse_as_we_are(&mut talk, deadline);
                (talk, result)
            }
            None => {
                let result = local::converse(&mut talk, deadline);
                (talk, result)
            }
            Some(Ok(via)) => {
                let (talk, result) = via.converse(AS_ROOT, talk, deadline);
                self.used(&via, &result);
                (talk, result)
            }
            Some(Err(error)) => (talk, Err(error)),
        })
    }
}

impl std::fmt::Debug for LiveSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveSource")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
