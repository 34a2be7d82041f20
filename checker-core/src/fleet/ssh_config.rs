//! The operator's `~/.ssh/config`.
//!
//! Read once per run, by the `ssh2-config` crate. What that crate or our own
//! SSH session can't do is left to the system's `ssh`, which reads the file
//! itself: `Match` blocks (the crate would add their lines to the block
//! before), proxies, certificates, and the like.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ssh2_config::{HostParams, ParseRule};

use super::child::{Capture, Ended, run};
use crate::deadline::Deadline;

/// The configuration, or that there is none.
#[derive(Debug, Default)]
pub(super) struct SshConfig {
    parsed: Option<ssh2_config::SshConfig>,
    /// Why every server takes the way of the system's `ssh`.
    all_by_system: Option<String>,
}

/// What it says about one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HostSettings {
    /// The name under which it was found: that to give to the system's `ssh`.
    pub(super) called: String,
    pub(super) host_name: Option<String>,
    pub(super) host_key_alias: Option<String>,
    pub(super) user: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) identity_files: Vec<String>,
    pub(super) identities_only: bool,
    pub(super) connect_timeout: Option<Duration>,
    /// What it asks for that only the system's `ssh` can do.
    pub(super) by_system: Option<String>,
}

impl SshConfig {
    /// Reads `file`; `home` is where `~` and relative includes are.
    ///
    /// # Errors
    /// The text of what is wrong, when the system's `ssh` finds it wrong too.
    pub(super) fn read(file: &Path, home: &Path) -> Result<Self, String> {
        let text = match std::fs::read(file) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.to_string()),
        };
        let rules = ParseRule::ALLOW_UNKNOWN_FIELDS | ParseRule::ALLOW_UNSUPPORTED_FIELDS;
        let parsed = ssh2_config::SshConfig::default()
            .home_dir(home)
            .parse(&mut without_values_it_refuses(&text).as_bytes(), rules);
        match parsed {
            Ok(parsed) => {
                let with_match = parsed.get_hosts().iter().any(|host| {
                    let ignored = host.params.ignored_fields.keys();
                    ignored
                        .map(|f| f.to_ascii_lowercase())
                        .any(|f| f == "match")
                });
                Ok(Self {
                    parsed: Some(parsed),
                    all_by_system: with_match
                        .then(|| format!("{} has Match blocks", file.display())),
                })
            }
            // The crate refuses some values that ssh knows.
            Err(error) => match system_refuses(file) {
                Some(words) => Err(words),
                None => Ok(Self {
                    parsed: None,
                    all_by_system: Some(format!("{}: {error}", file.display())),
                }),
            },
        }
    }

    /// Whether nothing is in the file that only the system's `ssh` understands.
    pub(super) fn is_understood(&self) -> bool {
        self.all_by_system.is_none()
    }

    /// What is configured for a server that goes by several names: for the
    /// first that the operator wrote a block for, else for the last.
    pub(super) fn lookup(&self, names: &[&str]) -> HostSettings {
        let called = names
            .iter()
            .find(|name| self.has_block_for(name))
            .or(names.last())
            .copied()
            .unwrap_or_default();
        let mut settings = match &self.parsed {
            Some(parsed) => settings(&parsed.query(called), called),
            None => HostSettings::default(),
        };
        settings.called = called.to_owned();
        if let Some(why) = &self.all_by_system {
            settings.by_system = Some(why.clone());
        }
        settings
    }

    fn has_block_for(&self, name: &str) -> bool {
        self.parsed.as_ref().is_some_and(|parsed| {
            parsed.intersecting_hosts(name).any(|host| {
                host.pattern.iter().any(|clause| {
                    !clause.negated && clause.pattern != "*" && clause.intersects(name)
                })
            })
        })
    }
}

/// The crate fails on values that ssh takes, in directives that we have no
/// use for or read in one form only.
fn without_values_it_refuses(text: &str) -> String {
    const UNUSED: [&str; 7] = [
        "addkeystoagent",
        "forwardagent",
        "remoteforward",
        "serveraliveinterval",
        "connectionattempts",
        "tcpkeepalive",
        "compression",
    ];
    text.lines()
        .filter(|line| {
            let mut words = line
                .trim()
                .splitn(2, |c: char| c.is_whitespace() || c == '=');
            let name = words.next().unwrap_or_default().to_ascii_lowercase();
            let value = words.next().unwrap_or_default();
            let seconds = value.trim_matches(|c: char| c.is_whitespace() || "=\"".contains(c));
            let refused = name == "connecttimeout" && seconds.parse::<u32>().is_err();
            !refused && !UNUSED.contains(&name.as_str())
        })
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// What the system's `ssh` says against the file.
fn system_refuses(file: &Path) -> Option<String> {
    let mut kept = Capture::new(4096);
    let mut command = Command::new("ssh");
    command.arg("-G").arg("-F").arg(file).arg("checker.invalid");
    let deadline = Deadline::within(Duration::from_secs(5));
    match run(&mut command, &mut kept, &deadline) {
        Ok(Ended::Itself(status)) if status.success() => None,
        Ok(_) => {
            let words = String::from_utf8_lossy(&kept.stderr);
            Some(words.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        Err(error) => Some(format!("`ssh`, which could tell, is missing: {error}")),
    }
}

fn settings(params: &HostParams, called: &str) -> HostSettings {
    let unsupported = |name: &str| {
        let found = params.unsupported_fields.iter();
        found
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, values)| values.join(" "))
            .next()
    };
    let yes = |name: &str| unsupported(name).is_some_and(|v| v.eq_ignore_ascii_case("yes"));
    HostSettings {
        called: called.to_owned(),
        host_name: params
            .host_name
            .as_ref()
            .map(|name| name.replace("%h", called).replace("%%", "%")),
        host_key_alias: unsupported("hostkeyalias"),
        user: params.user.clone(),
        port: params.port,
        identity_files: params
            .identity_file
            .iter()
            .flatten()
            .map(|file| file.display().to_string())
            .collect(),
        identities_only: yes("identitiesonly"),
        connect_timeout: params.connect_timeout.filter(|t| !t.is_zero()),
        by_system: by_system(params, &unsupported),
    }
}

/// The first thing that only the system's `ssh` can do.
fn by_system(params: &HostParams, unsupported: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let none = |value: &str| value.eq_ignore_ascii_case("none");
    if params
        .proxy_jump
        .as_ref()
        .is_some_and(|jumps| jumps.iter().any(|jump| !none(jump)))
    {
        return Some("ProxyJump".to_owned());
    }
    let set = [
        (params.certificate_file.is_some(), "CertificateFile"),
        (params.bind_address.is_some(), "BindAddress"),
        (params.bind_interface.is_some(), "BindInterface"),
        (
            params.pubkey_authentication == Some(false),
            "PubkeyAuthentication",
        ),
        (!params.ciphers.is_default(), "Ciphers"),
        (!params.kex_algorithms.is_default(), "KexAlgorithms"),
        (!params.mac.is_default(), "MACs"),
        (
            !params.host_key_algorithms.is_default(),
            "HostKeyAlgorithms",
        ),
        (
            !params.pubkey_accepted_algorithms.is_default(),
            "PubkeyAcceptedAlgorithms",
        ),
    ];
    if let Some((_, name)) = set.iter().find(|(is_set, _)| *is_set) {
        return Some((*name).to_owned());
    }
    // With the value that asks for nothing.
    let unless = [
        ("ProxyCommand", "none"),
        ("GSSAPIAuthentication", "no"),
        ("HostbasedAuthentication", "no"),
        ("AddressFamily", "any"),
        ("CanonicalizeHostname", "no"),
        ("VerifyHostKeyDNS", "no"),
        ("IdentityAgent", "SSH_AUTH_SOCK"),
        ("PKCS11Provider", "none"),
        ("SecurityKeyProvider", "internal"),
        ("SecruityKeyProvider", "internal"),
        ("KnownHostsCommand", "none"),
        ("RevokedHostKeys", "none"),
        ("UserKnownHostsFile", ""),
        ("GlobalKnownHostsFile", ""),
        ("PubkeyAcceptedKeyTypes", ""),
    ];
    unless
        .iter()
        .find(|(name, nothing)| unsupported(name).is_some_and(|v| !v.eq_ignore_ascii_case(nothing)))
        .map(|(name, _)| (*name).to_owned())
}

/// Fills in `~` and the tokens of `IdentityFile`. `None` for `none` and for
/// tokens that are not known here.
pub(super) fn identity_path(
    text: &str,
    home: &Path,
    host: &str,
    user: &str,
    port: u16,
) -> Option<PathBuf> {
    if text.eq_ignore_ascii_case("none") {
        return None;
    }
    let mut path = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, path.is_empty()) {
            ('~', true) => path.push_str(&home.display().to_string()),
            ('%', _) => match letters.next()? {
                '%' => path.push('%'),
                'd' => path.push_str(&home.display().to_string()),
                'h' | 'n' | 'k' => path.push_str(host),
                'r' => path.push_str(user),
                'p' => path.push_str(&port.to_string()),
                _ => return None,
            },
            (other, _) => path.push(other),
        }
    }
    Some(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn config(text: &str) -> Result<SshConfig, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(&file, text).unwrap();
        SshConfig::read(&file, dir.path())
    }

    fn look(text: &str, names: &[&str]) -> HostSettings {
        config(text).unwrap().lookup(names)
    }

    #[test]
    fn no_file_is_no_settings() {
        let none = SshConfig::read(Path::new("/no/such/file"), Path::new("/")).unwrap();
        let found = none.lookup(&["weka-02", "10.0.0.12"]);
        assert_eq!(found.called, "10.0.0.12");
        assert_eq!(
            found,
            HostSettings {
                called: "10.0.0.12".to_owned(),
                ..HostSettings::default()
            }
        );
    }

    #[test]
    fn the_block_for_the_host_name_goes_before_that_for_the_address() {
        let text = "Host weka-*\n User ops\n Port 2222\n HostName %h.example\n\
                    Host 10.*\n User root\n\
                    Host *\n ConnectTimeout 7\n IdentityFile ~/.ssh/a\n IdentityFile /b\n";
        let found = look(text, &["weka-02", "10.0.0.12"]);
        assert_eq!(found.user.as_deref(), Some("ops"));
        assert_eq!(found.port, Some(2222));
        assert_eq!(found.host_name.as_deref(), Some("weka-02.example"));
        assert_eq!(found.connect_timeout, Some(Duration::from_secs(7)));
        assert_eq!(found.identity_files.len(), 2);
        assert!(found.identity_files[0].ends_with("/.ssh/a"));
        let found = look(text, &["other-02", "10.0.0.12"]);
        assert_eq!(found.called, "10.0.0.12");
        assert_eq!(found.user.as_deref(), Some("root"));
        assert_eq!(found.host_name, None);
    }

    #[rstest]
    #[case::nothing("Host a\n User x\n", None)]
    #[case::jump("Host a\n ProxyJump gate\n", Some("ProxyJump"))]
    #[case::jump_of_another("Host b\n ProxyJump gate\n", None)]
    #[case::no_jump("Host a\n ProxyJump none\n", None)]
    #[case::command("ProxyCommand nc %h %p\n", Some("ProxyCommand"))]
    #[case::no_command("ProxyCommand none\n", None)]
    #[case::certificate("CertificateFile ~/.ssh/c\n", Some("CertificateFile"))]
    #[case::gssapi("GSSAPIAuthentication yes\n", Some("GSSAPIAuthentication"))]
    #[case::no_gssapi("GSSAPIAuthentication no\n", None)]
    #[case::ciphers("Ciphers aes128-ctr\n", Some("Ciphers"))]
    #[case::known_hosts("UserKnownHostsFile /dev/null\n", Some("UserKnownHostsFile"))]
    fn what_only_the_system_can(#[case] text: &str, #[case] why: Option<&str>) {
        assert_eq!(look(text, &["a"]).by_system.as_deref(), why);
    }

    #[test]
    fn a_match_block_sends_everyone_through_the_system() {
        let with_match = config("Host a\nMatch exec true\n ProxyJump x\n").unwrap();
        assert!(!with_match.is_understood());
        let found = with_match.lookup(&["b"]);
        assert!(found.by_system.is_some_and(|why| why.contains("Match")));
    }

    #[rstest]
    #[case::unknown("FancyNewOption yes\nHost a\n User x\n")]
    #[case::time("ConnectTimeout 1m\nHost a\n User x\n")]
    #[case::no_time("ConnectTimeout none\nHost a\n User x\n")]
    #[case::ask("AddKeysToAgent ask\nForwardAgent $SSH_AUTH_SOCK\nHost a\n User x\n")]
    #[case::equals("Host=a\nUser=x\n")]
    #[case::missing_include("Include nowhere/*\nHost a\n User x\n")]
    fn what_ssh_takes_is_taken(#[case] text: &str) {
        let found = look(text, &["a"]);
        assert_eq!(found.user.as_deref(), Some("x"));
        assert_eq!(found.by_system, None);
    }

    #[test]
    fn what_ssh_refuses_is_refused_in_its_words() {
        let words = config("Port many\n").unwrap_err();
        assert!(words.contains("line 1"), "{words}");
    }

    #[rstest]
    #[case("~/.ssh/id", Some("/h/.ssh/id"))]
    #[case("/k/%h-%r-%p-%%", Some("/k/w-u-22-%"))]
    #[case("%d/x", Some("/h/x"))]
    #[case("/a/%Q", None)]
    #[case("none", None)]
    fn identity_paths(#[case] text: &str, #[case] path: Option<&str>) {
        let found = identity_path(text, Path::new("/h"), "w", "u", 22);
        assert_eq!(found, path.map(PathBuf::from));
    }
}
