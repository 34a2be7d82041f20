//! The host keys that the operator knows: `known_hosts`, as sshd(8) describes it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// What is done about a host key that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostKeyPolicy {
    /// It is recorded; a changed one is refused.
    #[default]
    AcceptNew,
    /// It is refused, as a changed one is.
    Strict,
    /// Nothing is looked at or recorded.
    Off,
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) line: usize,
}

/// What is known about a key that a host has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Known,
    New,
    /// Another one is known.
    Changed(Place),
    Revoked(Place),
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Marker {
    None,
    Revoked,
    Authority,
}

#[derive(Debug)]
enum Names {
    Patterns(Vec<String>),
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

#[derive(Debug)]
struct Entry {
    marker: Marker,
    names: Names,
    kind: String,
    key: Vec<u8>,
    place: Place,
}

impl Entry {
    fn is_for(&self, name: &str) -> bool {
        match &self.names {
            Names::Patterns(patterns) => {
                let any = |negated: bool| {
                    patterns
                        .iter()
                        .filter_map(|p| match (p.strip_prefix('!'), negated) {
                            (Some(rest), true) => Some(rest),
                            (None, false) => Some(p.as_str()),
                            _ => None,
                        })
                        .any(|p| glob(p.as_bytes(), name.as_bytes()))
                };
                !any(true) && any(false)
            }
            Names::Hashed { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
                .is_ok_and(|mac| mac.chain_update(name).verify_slice(hash).is_ok()),
        }
    }
}

/// The known host keys, read once per run.
#[derive(Debug, Default)]
pub(super) struct KnownHosts {
    entries: Mutex<Vec<Entry>>,
    /// Where new keys are recorded.
    file: Option<PathBuf>,
}

impl KnownHosts {
    /// Reads the first of `files`, to which new keys are added, and the others.
    /// A file that is missing holds nothing.
    ///
    /// # Errors
    /// When a file is there and cannot be read.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self, (PathBuf, io::Error)> {
        let mut entries = Vec::new();
        for file in files {
            match std::fs::read(file) {
                Ok(text) => parse(&String::from_utf8_lossy(&text), file, &mut entries),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err((file.clone(), error)),
            }
        }
        Ok(Self {
            entries: Mutex::new(entries),
            file: files.first().cloned(),
        })
    }

    /// Only this text, which stands in no file.
    #[cfg(feature = "testkit")]
    pub(super) fn parsed(text: &str, file: &Path) -> Self {
        let mut entries = Vec::new();
        parse(text, file, &mut entries);
        Self {
            entries: Mutex::new(entries),
            file: None,
        }
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        // A list of lines is whole after any panic.
        self.entries.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The types of the keys that are known for any of these names, to be
    /// asked for first: a host has several keys, and shows the one it is asked for.
    pub(super) fn kinds(&self, names: &[String]) -> Vec<String> {
        let mut kinds: Vec<String> = Vec::new();
        for entry in self.entries().iter() {
            if entry.marker == Marker::None
                && !kinds.contains(&entry.kind)
                && names.iter().any(|name| entry.is_for(name))
            {
                kinds.push(entry.kind.clone());
            }
        }
        kinds
    }

    /// Whether a certificate authority vouches for any of these names.
    pub(super) fn has_authority(&self, names: &[String]) -> bool {
        self.entries()
            .iter()
            .any(|e| e.marker == Marker::Authority && names.iter().any(|n| e.is_for(n)))
    }

    /// What is known about `key`, shown by a host of these names: the one it
    /// was called by first.
    pub(super) fn check(&self, names: &[String], key: &[u8]) -> Verdict {
        let entries = self.entries();
        let of = |name: &String| {
            entries
                .iter()
                .filter(|e| e.marker != Marker::Authority && e.is_for(name))
                .collect::<Vec<_>>()
        };
        let found: Vec<&Entry> = names.iter().flat_map(of).collect();
        if let Some(entry) = found
            .iter()
            .find(|e| e.marker == Marker::Revoked && e.key == key)
        {
            return Verdict::Revoked(entry.place.clone());
        }
        let known: Vec<&&Entry> = found.iter().filter(|e| e.marker == Marker::None).collect();
        if known.iter().any(|e| e.key == key) {
            return Verdict::Known;
        }
        let kind = kind(key);
        known
            .iter()
            .find(|e| e.kind == kind)
            .or(known.first())
            .map_or(Verdict::New, |e| Verdict::Changed(e.place.clone()))
    }

    /// Records a new key. Only ever adds a line.
    ///
    /// # Errors
    /// When the file cannot be written; the key counts as known for this run all the same.
    pub(super) fn remember(&self, name: &str, key: &[u8]) -> io::Result<()> {
        let kind = kind(key);
        let mut entries = self.entries();
        // Another thread may have met the same host in the meantime.
        if entries.iter().any(|e| e.key == key && e.is_for(name)) {
            return Ok(());
        }
        let line = format!("{name} {kind} {}\n", BASE64_STANDARD.encode(key));
        entries.push(Entry {
            marker: Marker::None,
            names: Names::Patterns(vec![name.to_ascii_lowercase()]),
            kind,
            key: key.to_vec(),
            place: Place {
                file: self.file.clone().unwrap_or_default(),
                line: 0,
            },
        });
        match &self.file {
            Some(file) => append(file, &line),
            None => Ok(()),
        }
    }
}

/// How a host is called in `known_hosts`.
pub(super) fn name_for(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 {
        host
    } else {
        format!("[{host}]:{port}")
    }
}

/// The type that stands at the begin of a public key.
pub(super) fn kind(key: &[u8]) -> String {
    let length = match key {
        [a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]) as usize,
        _ => 0,
    };
    let name = key.get(4..4 + length.min(64)).unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

fn parse(text: &str, file: &Path, entries: &mut Vec<Entry>) {
    for (n, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace().peekable();
        let marker = match words.peek() {
            None => continue,
            Some(word) if word.starts_with('#') => continue,
            Some(&"@revoked") => Marker::Revoked,
            Some(&"@cert-authority") => Marker::Authority,
            Some(word) if word.starts_with('@') => continue,
            Some(_) => Marker::None,
        };
        if marker != Marker::None {
            words.next();
        }
        let (Some(names), Some(kind), Some(key)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let names = if let Some(hashed) = names.strip_prefix("|1|") {
            let Some((Ok(salt), Ok(hash))) = hashed
                .split_once('|')
                .map(|(salt, hash)| (BASE64_STANDARD.decode(salt), BASE64_STANDARD.decode(hash)))
            else {
                continue;
            };
            Names::Hashed { salt, hash }
        } else {
            Names::Patterns(names.split(',').map(str::to_ascii_lowercase).collect())
        };
        // A line that is not understood is passed over, as ssh does.
        let Ok(key) = BASE64_STANDARD.decode(key) else {
            continue;
        };
        entries.push(Entry {
            marker,
            names,
            kind: kind.to_owned(),
            key,
            place: Place {
                file: file.to_owned(),
                line: n + 1,
            },
        });
    }
}

/// `*` and `?`, as in ssh's patterns.
pub(super) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((sp, st)) => {
                    p = sp + 1;
                    t = st + 1;
                    star = Some((sp, st + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

fn append(file: &Path, line: &str) -> io::Result<()> {
    if let Some(dir) = file.parent()
        && !dir.as_os_str().is_empty()
        && !dir.exists()
    {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut opened = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    // One write, so that another program's line is never torn.
    let line = if ends_inside_a_line(&mut opened)? {
        format!("\n{line}")
    } else {
        line.to_owned()
    };
    opened.write_all(line.as_bytes())
}

fn ends_inside_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rstest::rstest;

    use super::*;

    /// A key of a type, with a body that tells it from others.
    fn key(kind: &str, body: &str) -> Vec<u8> {
        let mut key = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
        key.extend_from_slice(kind.as_bytes());
        key.extend_from_slice(body.as_bytes());
        key
    }

    fn line(names: &str, kind: &str, body: &str) -> String {
        format!(
            "{names} {kind} {} comment\n",
            BASE64_STANDARD.encode(key(kind, body))
        )
    }

    fn known(text: &str) -> KnownHosts {
        let mut entries = Vec::new();
        parse(text, Path::new("/k"), &mut entries);
        KnownHosts {
            entries: Mutex::new(entries),
            file: None,
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    const ED: &str = "ssh-ed25519";
    const EC: &str = "ecdsa-sha2-nistp256";

    #[rstest]
    #[case::plain("10.0.0.1", &["10.0.0.1"], true)]
    #[case::another("10.0.0.1", &["10.0.0.11"], false)]
    #[case::one_of_several("weka-01,10.0.0.1", &["10.0.0.1"], true)]
    #[case::port("[10.0.0.1]:2222", &["[10.0.0.1]:2222"], true)]
    #[case::another_port("10.0.0.1", &["[10.0.0.1]:2222"], false)]
    #[case::upper_case("Weka-01", &["weka-01"], true)]
    #[case::star("*.example", &["a.example"], true)]
    #[case::question_mark("weka-0?", &["weka-01"], true)]
    #[case::negated("*.example,!b.example", &["b.example"], false)]
    #[case::only_negated("!b.example", &["a.example"], false)]
    #[case::by_the_second_name("weka-01", &["10.0.0.1", "weka-01"], true)]
    #[case::ipv6("fd00::1", &["fd00::1"], true)]
    // As `ssh-keygen -H` hashes 192.168.1.61.
    #[case::hashed("|1|2Xv6ETczy9TPj0W2yeuLDDIHPho=|HDGEB4wzhlR9t8ECj5029vCJMh8=", &["192.168.1.61"], true)]
    #[case::hashed_another("|1|2Xv6ETczy9TPj0W2yeuLDDIHPho=|HDGEB4wzhlR9t8ECj5029vCJMh8=", &["192.168.1.62"], false)]
    fn finds_a_host(#[case] entry: &str, #[case] asked: &[&str], #[case] found: bool) {
        let hosts = known(&line(entry, ED, "a"));
        let expected = if found { Verdict::Known } else { Verdict::New };
        assert_eq!(hosts.check(&names(asked), &key(ED, "a")), expected);
        assert_eq!(hosts.kinds(&names(asked)).len(), usize::from(found));
    }

    #[test]
    fn a_changed_key_names_the_line() {
        let text = format!("# comment\n\n{}{}", line("a", EC, "1"), line("a", ED, "1"));
        let hosts = known(&text);
        let place = |line| Place {
            file: "/k".into(),
            line,
        };
        assert_eq!(hosts.check(&names(&["a"]), &key(ED, "1")), Verdict::Known);
        assert_eq!(
            hosts.check(&names(&["a"]), &key(ED, "2")),
            Verdict::Changed(place(4))
        );
        // A key of a type that is not known is no new host either.
        assert_eq!(
            hosts.check(&names(&["a"]), &key("ssh-rsa", "2")),
            Verdict::Changed(place(3))
        );
        assert_eq!(hosts.kinds(&names(&["a"])), [EC, ED]);
    }

    #[test]
    fn markers_and_rubbish() {
        let text = format!(
            "@revoked {}@cert-authority {}@odd {}one two\n|1|x {ED} AAAA\na {ED} ???\n",
            line("a", ED, "bad"),
            line("*.ca", ED, "ca"),
            line("c", ED, "c"),
        );
        let hosts = known(&text);
        assert!(matches!(
            hosts.check(&names(&["a"]), &key(ED, "bad")),
            Verdict::Revoked(Place { line: 1, .. })
        ));
        assert_eq!(hosts.check(&names(&["a"]), &key(ED, "good")), Verdict::New);
        assert_eq!(hosts.check(&names(&["x.ca"]), &key(ED, "x")), Verdict::New);
        assert!(hosts.has_authority(&names(&["x.ca"])));
        assert!(!hosts.has_authority(&names(&["a"])));
    }

    #[test]
    fn a_new_key_is_added_and_nothing_else_changes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".ssh/known_hosts");
        let hosts = KnownHosts::read(std::slice::from_ref(&file)).unwrap();
        hosts.remember("a", &key(ED, "1")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        // Someone's editor left no line break at the end.
        let before = std::fs::read_to_string(&file).unwrap() + "@cert-authority *.ca x";
        std::fs::write(&file, &before).unwrap();
        hosts.remember("[b]:2222", &key(ED, "2")).unwrap();
        let after = std::fs::read_to_string(&file).unwrap();
        assert!(after.starts_with(&format!("{before}\n[b]:2222 {ED} ")));
        assert!(after.ends_with('\n'));
        hosts.remember("[b]:2222", &key(ED, "2")).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), after);
        let again = KnownHosts::read(&[file]).unwrap();
        assert_eq!(again.check(&names(&["a"]), &key(ED, "1")), Verdict::Known);
        assert_eq!(
            hosts.check(&names(&["[b]:2222"]), &key(ED, "2")),
            Verdict::Known
        );
    }

    #[rstest]
    #[case("10.0.0.1", 22, "10.0.0.1")]
    #[case("Weka-01", 2222, "[weka-01]:2222")]
    #[case("fd00::1", 2222, "[fd00::1]:2222")]
    fn names_in_the_file(#[case] host: &str, #[case] port: u16, #[case] name: &str) {
        assert_eq!(name_for(host, port), name);
    }

    #[rstest]
    #[case("", "", true)]
    #[case("*", "", true)]
    #[case("a*c", "abbc", true)]
    #[case("a*c", "abbd", false)]
    #[case("*a*a*", "banana", true)]
    #[case("?", "", false)]
    fn patterns(#[case] pattern: &str, #[case] text: &str, #[case] matches: bool) {
        assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), matches);
    }
}
