//! The keys that a server may be shown.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::known_hosts::kind;

/// How long an agent may take to list its keys.
const AGENT_PATIENCE: Duration = Duration::from_secs(3);

/// An agent's answer may be this long.
const AGENT_LIMIT: u32 = 256 * 1024;

/// Why an identity file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// There is no such file.
    #[error("{file} does not exist", file = .0.display())]
    Missing(PathBuf),
    /// Others could have read the key; `ssh` refuses such a file too.
    #[error("{file} can be read by others (mode {mode:04o}); mend it with `chmod 600 {file}`", file = .0.display(), mode = .1)]
    TooOpen(PathBuf, u32),
    /// It cannot be read.
    #[error("{file}: {why}", file = .0.display(), why = .1)]
    Unreadable(PathBuf, String),
    /// It holds no key.
    #[error("{file} is no private key", file = .0.display())]
    NoKey(PathBuf),
}

/// How an identity can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use {
    /// With this text.
    Private(String),
    /// It has a passphrase, or is only the public half: the agent must know it.
    AgentOnly(&'static str),
    /// A key on a device, or with a certificate: the system's `ssh` knows how.
    System(&'static str),
}

/// One identity file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) path: PathBuf,
    /// The public key, where it is written down unencrypted.
    pub(super) public: Option<Vec<u8>>,
    pub(super) usable: Use,
}

/// Identity files and the agent's keys, each asked for once per run.
#[derive(Debug, Default)]
pub(super) struct Keys {
    files: Mutex<HashMap<PathBuf, Result<Arc<Identity>, IdentityError>>>,
    agent: Option<PathBuf>,
    agent_keys: OnceLock<Result<Vec<Vec<u8>>, String>>,
}

impl Keys {
    pub(super) fn new(agent: Option<PathBuf>) -> Self {
        Self {
            agent,
            ..Self::default()
        }
    }

    pub(super) fn agent(&self) -> Option<&Path> {
        self.agent.as_deref()
    }

    pub(super) fn identity(&self, path: &Path) -> Result<Arc<Identity>, IdentityError> {
        let mut files = self.files.lock().unwrap_or_else(|e| e.into_inner());
        files
            .entry(path.to_owned())
            .or_insert_with(|| read(path).map(Arc::new))
            .clone()
    }

    /// The public keys that the agent holds; none without an agent.
    pub(super) fn agent_keys(&self) -> &[Vec<u8>] {
        let asked = self.agent_keys.get_or_init(|| match &self.agent {
            Some(socket) => ask_agent(socket).map_err(|error| error.to_string()),
            None => Ok(Vec::new()),
        });
        asked.as_deref().unwrap_or_default()
    }

    /// Why the agent did not answer.
    pub(super) fn agent_error(&self) -> Option<&str> {
        self.agent_keys.get()?.as_ref().err().map(String::as_str)
    }
}

/// Whether our own SSH session cannot use a key of this type.
pub(super) fn needs_system(public: &[u8]) -> bool {
    let kind = kind(public);
    kind.starts_with("sk-") || kind.contains("-cert-")
}

fn read(path: &Path) -> Result<Identity, IdentityError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => IdentityError::Missing(path.to_owned()),
        _ => IdentityError::Unreadable(path.to_owned(), error.to_string()),
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    let text = std::fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8_lossy(&text);
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    if let Some(public) = public_line(&text) {
        return Ok(Identity {
            path: path.to_owned(),
            usable: if needs_system(&public) {
                Use::System("a key on a device")
            } else {
                Use::AgentOnly("holds only the public half")
            },
            public: Some(public),
        });
    }
    if !text.contains("PRIVATE KEY-----") {
        return Err(IdentityError::NoKey(path.to_owned()));
    }
    // As ssh does: only for our own files, since root may use anyone's.
    let mode = metadata.mode() & 0o777;
    if metadata.uid() == rustix::process::geteuid().as_raw() && mode & 0o077 != 0 {
        return Err(IdentityError::TooOpen(path.to_owned(), mode));
    }
    let written = || {
        let text = std::fs::read_to_string(beside(".pub")).ok()?;
        public_line(&text)
    };
    let (public, encrypted) = if text.contains("BEGIN OPENSSH PRIVATE KEY") {
        let (public, encrypted) =
            openssh(&text).ok_or_else(|| IdentityError::NoKey(path.to_owned()))?;
        (Some(public), encrypted)
    } else {
        let encrypted = text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains(",ENCRYPTED");
        (written(), encrypted)
    };
    let usable = if beside("-cert.pub").exists() {
        Use::System("a certificate")
    } else if public.as_deref().is_some_and(needs_system) {
        Use::System("a key on a device")
    } else if encrypted {
        Use::AgentOnly("has a passphrase")
    } else {
        Use::Private(text.into_owned())
    };
    Ok(Identity {
        path: path.to_owned(),
        public,
        usable,
    })
}

/// `ssh-ed25519 AAAA… comment`.
fn public_line(text: &str) -> Option<Vec<u8>> {
    let mut words = text.split_whitespace();
    let (name, key) = (words.next()?, words.next()?);
    let key = BASE64_STANDARD.decode(key).ok()?;
    (kind(&key) == name).then_some(key)
}

/// The public half of a key in OpenSSH's own format, which is never
/// encrypted, and whether the private half is.
fn openssh(text: &str) -> Option<(Vec<u8>, bool)> {
    let body: String = text
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    let bytes = BASE64_STANDARD.decode(body).ok()?;
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let cipher = string(&mut rest)?;
    string(&mut rest)?;
    string(&mut rest)?;
    rest = rest.get(4..)?;
    let public = string(&mut rest)?;
    Some((public.to_vec(), cipher != b"none"))
}

/// A length and as many bytes, as SSH writes them.
fn string<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (value, tail) = (tail.get(..length)?, tail.get(length..)?);
    *rest = tail;
    Some(value)
}

/// Asks for the public keys, by the agent protocol (RFC draft-ietf-sshm-ssh-agent).
fn ask_agent(socket: &Path) -> io::Result<Vec<Vec<u8>>> {
    const REQUEST_IDENTITIES: u8 = 11;
    const IDENTITIES_ANSWER: u8 = 12;
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "an answer of no known shape");
    let mut agent = UnixStream::connect(socket)?;
    agent.set_read_timeout(Some(AGENT_PATIENCE))?;
    agent.set_write_timeout(Some(AGENT_PATIENCE))?;
    agent.write_all(&[0, 0, 0, 1, REQUEST_IDENTITIES])?;
    let mut length = [0; 4];
    agent.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > AGENT_LIMIT {
        return Err(odd());
    }
    let mut answer = vec![0; length as usize];
    agent.read_exact(&mut answer)?;
    let (head, mut rest) = answer.split_at_checked(5).ok_or_else(odd)?;
    if head[0] != IDENTITIES_ANSWER {
        return Err(odd());
    }
    let mut keys = Vec::new();
    while !rest.is_empty() {
        let key = string(&mut rest).ok_or_else(odd)?;
        string(&mut rest).ok_or_else(odd)?;
        keys.push(key.to_vec());
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use rstest::rstest;

    use super::*;

    fn keygen(dir: &Path, arguments: &[&str]) -> PathBuf {
        let path = dir.join("id");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-f"])
            .arg(&path)
            .args(arguments)
            .status()
            .expect("this test needs ssh-keygen: install openssh-client");
        assert!(made.success());
        path
    }

    #[rstest]
    #[case::ed25519(&["-t", "ed25519", "-N", ""], true)]
    #[case::ecdsa(&["-t", "ecdsa", "-N", ""], true)]
    #[case::rsa_pem(&["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""], true)]
    #[case::passphrase(&["-t", "ed25519", "-N", "hunter2"], false)]
    #[case::passphrase_pem(&["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "hunter2"], false)]
    #[case::passphrase_pkcs8(&["-t", "ecdsa", "-m", "PKCS8", "-N", "hunter2"], false)]
    fn kinds_of_files(#[case] arguments: &[&str], #[case] plain: bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = keygen(dir.path(), arguments);
        let identity = Keys::default().identity(&path).unwrap();
        match &identity.usable {
            Use::Private(text) => assert!(plain && text.contains("PRIVATE KEY")),
            other => assert!(!plain && *other == Use::AgentOnly("has a passphrase")),
        }
        let public = std::fs::read_to_string(dir.path().join("id.pub")).unwrap();
        assert_eq!(identity.public, public_line(&public));
    }

    #[rstest]
    #[case::mine(0o600, true)]
    #[case::readable_by_me(0o400, true)]
    #[case::group(0o640, false)]
    #[case::world(0o604, false)]
    fn a_file_that_others_can_read_is_refused(#[case] mode: u32, #[case] fine: bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = keygen(dir.path(), &["-t", "ed25519", "-N", ""]);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let expected = (!fine).then(|| IdentityError::TooOpen(path.clone(), mode));
        assert_eq!(Keys::default().identity(&path).err(), expected);
    }

    #[test]
    fn what_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let keys = Keys::default();
        assert_eq!(
            keys.identity(&path).err(),
            Some(IdentityError::Missing(path.clone()))
        );
        std::fs::write(&path, "hello").unwrap();
        let keys = Keys::default();
        assert_eq!(
            keys.identity(&path).err(),
            Some(IdentityError::NoKey(path.clone()))
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").unwrap();
        let keys = Keys::default();
        assert_eq!(keys.identity(&path).err(), Some(IdentityError::NoKey(path)));
    }

    #[test]
    fn a_certificate_beside_it_asks_for_the_system() {
        let dir = tempfile::tempdir().unwrap();
        let path = keygen(dir.path(), &["-t", "ed25519", "-N", ""]);
        std::fs::write(dir.path().join("id-cert.pub"), "x").unwrap();
        let identity = Keys::default().identity(&path).unwrap();
        assert_eq!(identity.usable, Use::System("a certificate"));
    }

    #[test]
    fn a_public_file_stands_for_the_key_in_the_agent() {
        let dir = tempfile::tempdir().unwrap();
        keygen(dir.path(), &["-t", "ed25519", "-N", ""]);
        let identity = Keys::default()
            .identity(&dir.path().join("id.pub"))
            .unwrap();
        assert!(matches!(identity.usable, Use::AgentOnly(_)));
    }

    #[test]
    fn an_agent_that_is_gone_is_no_agent() {
        let keys = Keys::new(Some("/no/such/socket".into()));
        assert!(keys.agent_keys().is_empty());
        assert!(keys.agent_error().is_some());
    }
}
