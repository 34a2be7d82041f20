//! The certificates of the cluster on each server.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// What `openssl` says of each container's certificate: key and expiry only.
/// It never opens a private key. Directories that carry a release in their
/// name are left over or not yet in use.
pub static TLS: ServerProbe = ServerProbe {
    key: "host:tls",
    script: r#"asked=
for file in /opt/weka/data/*/tls/certificate.pem; do
    [ -e "$file" ] || continue
    dir=${file%/tls/certificate.pem}
    case ${dir##*/} in *_[0-9]*.[0-9]*) continue ;; esac
    if [ -z "$asked" ]; then
        asked=1
        command -v openssl >/dev/null 2>&1 || { echo 'openssl is not installed' >&2; exit 3; }
    fi
    printf 'certificate %s\n' "$file"
    text=$(openssl x509 -in "$file" -noout -text 2>&1) || echo failed
    printf '%s\n' "$text" | while read -r line; do
        case $line in
            'Public Key Algorithm:'*|*'Public-Key:'*|'Not After'*) printf '%s\n' "$line" ;;
        esac
    done
done
exit 0
"#,
    timeout: Duration::from_secs(10),
    limit: 32 * 1024,
};

/// What is known of one certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// As OpenSSL names it: `rsaEncryption`, `id-ecPublicKey`, `ED25519`, ….
    pub algorithm: String,
    /// The length of its key, for algorithms whose keys differ in length.
    pub bits: Option<u64>,
    /// When it expires.
    pub not_after: Timestamp,
}

impl Certificate {
    /// Whether its key is an RSA key, whatever it signs with.
    #[must_use]
    pub fn is_rsa(&self) -> bool {
        self.algorithm.to_ascii_lowercase().contains("rsa")
    }
}

/// The certificates on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificates {
    /// The file of each, and what is in it or why that can't be read.
    pub files: Vec<(String, Result<Certificate, String>)>,
}

impl Fact for Certificates {
    const NAME: &'static str = "certificates";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&TLS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(TLS.key)?).map_err(|what| view.unreadable(TLS.key, what))
    }
}

fn parse(text: &str) -> Result<Certificates, String> {
    let mut files: Vec<(String, Vec<&str>)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(path) = line.strip_prefix("certificate ") {
            files.push((path.to_owned(), Vec::new()));
        } else {
            let (_, lines) = files
                .last_mut()
                .ok_or_else(|| format!("{:?} before any certificate", super::short(line)))?;
            lines.push(line);
        }
    }
    let files = files
        .into_iter()
        .map(|(path, lines)| {
            let certificate = certificate(&lines);
            (path, certificate)
        })
        .collect();
    Ok(Certificates { files })
}

fn certificate(lines: &[&str]) -> Result<Certificate, String> {
    if lines.contains(&"failed") {
        return Err("openssl cannot read it".to_owned());
    }
    let after = |label: &str| {
        lines
            .iter()
            .find_map(|line| line.split_once(label))
            .map(|(_, rest)| rest.trim())
    };
    let algorithm = after("Public Key Algorithm:").ok_or("openssl names no algorithm")?;
    // `(2048 bit)`, `(2048 bit, 2 primes)`; Ed25519 has nothing behind the label.
    let bits = after("Public-Key:")
        .and_then(|rest| rest.strip_prefix('(')?.split_once(" bit"))
        .and_then(|(bits, _)| bits.parse().ok());
    let date = after("Not After").ok_or("openssl names no date")?;
    let date = date.trim_start_matches(':').trim();
    Ok(Certificate {
        algorithm: algorithm.to_owned(),
        bits,
        not_after: time(date).ok_or_else(|| format!("{date:?} is no date"))?,
    })
}

/// `Mar  5 12:39:51 2027 GMT`.
fn time(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.strip_suffix("GMT")?.split_whitespace().collect();
    let time = DateTime::strptime("%b %d %H:%M:%S %Y", words.join(" ")).ok()?;
    time.to_zoned(TimeZone::UTC).ok().map(|t| t.timestamp())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::facts::shells::{SHELLS, answer};

    fn one(lines: &str) -> Result<Certificate, String> {
        let text = format!("certificate /opt/weka/data/drives0/tls/certificate.pem\n{lines}");
        parse(&text).expect("readable").files.remove(0).1
    }

    const DATE: &str = "Not After : Mar  5 12:39:51 2027 GMT\n";

    #[rstest]
    #[case::openssl_1_0("rsaEncryption", "Public-Key: (2048 bit)", Some(2048))]
    #[case::openssl_1_1("rsaEncryption", "RSA Public-Key: (2047 bit, 2 primes)", Some(2047))]
    #[case::ecdsa("id-ecPublicKey", "Public-Key: (256 bit)", Some(256))]
    #[case::ed25519("ED25519", "ED25519 Public-Key:", None)]
    fn keys(#[case] algorithm: &str, #[case] key: &str, #[case] bits: Option<u64>) {
        let found =
            one(&format!("{DATE}Public Key Algorithm: {algorithm}\n{key}\n")).expect("readable");
        assert_eq!((found.algorithm.as_str(), found.bits), (algorithm, bits));
        assert_eq!(found.is_rsa(), algorithm.starts_with("rsa"));
        assert_eq!(found.not_after.to_string(), "2027-03-05T12:39:51Z");
    }

    #[rstest]
    #[case::failed("failed\n")]
    #[case::nothing("")]
    #[case::no_date("Public Key Algorithm: rsaEncryption\nPublic-Key: (2048 bit)\n")]
    #[case::odd_date("Not After : tomorrow\nPublic Key Algorithm: rsaEncryption\n")]
    #[case::no_algorithm(DATE)]
    fn half_a_certificate_is_none(#[case] lines: &str) {
        assert!(one(lines).is_err());
    }

    #[test]
    fn noise_is_an_error_and_nothing_is_no_certificate() {
        assert!(parse("Welcome to weka-01\n").is_err());
        assert_eq!(parse("").expect("readable").files, []);
    }

    /// Made with the openssl of this machine, if there is one.
    #[rstest]
    #[case::rsa(&["-newkey", "rsa:2048"], "rsaEncryption", Some(2048))]
    #[case::short_rsa(&["-newkey", "rsa:1024"], "rsaEncryption", Some(1024))]
    #[case::ecdsa(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "id-ecPublicKey", Some(256))]
    #[case::ed25519(&["-newkey", "ed25519"], "ED25519", None)]
    fn real_certificates(#[case] key: &[&str], #[case] algorithm: &str, #[case] bits: Option<u64>) {
        let root = tempfile::tempdir().expect("a directory");
        for (dir, wanted) in [("drives0", true), ("drives0_4.2.6.90", false)] {
            let tls = root.path().join("data").join(dir).join("tls");
            std::fs::create_dir_all(&tls).expect("made");
            let made = std::process::Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-nodes",
                    "-days",
                    "90",
                    "-subj",
                    "/CN=lab-a",
                    "-keyout",
                    "/dev/null",
                    "-out",
                ])
                .arg(tls.join("certificate.pem"))
                .args(key)
                .output();
            match made {
                Ok(output) if output.status.success() => {}
                _ if wanted => return,
                other => panic!("{other:?}"),
            }
        }
        let script = TLS
            .script
            .replace("/opt/weka", &root.path().to_string_lossy());
        for shell in SHELLS {
            let (text, status) = answer(shell, &script, &[]);
            assert_eq!(status, 0, "{shell:?}");
            let found = parse(&text).expect("readable");
            assert_eq!(found.files.len(), 1, "{shell:?}: {text}");
            let certificate = found.files[0].1.as_ref().expect("readable");
            assert_eq!(
                (certificate.algorithm.as_str(), certificate.bits),
                (algorithm, bits)
            );
        }
    }

    #[test]
    fn without_openssl_or_with_a_broken_file() {
        for shell in SHELLS {
            let root = tempfile::tempdir().expect("a directory");
            let tls = root.path().join("data/drives0/tls");
            std::fs::create_dir_all(&tls).expect("made");
            let script = TLS
                .script
                .replace("/opt/weka", &root.path().to_string_lossy());
            let none = script.replace("command -v openssl", "command -v no-such-openssl");
            assert_eq!(
                answer(shell, &none, &[]),
                (String::new(), 0),
                "{shell:?}: no certificate"
            );
            std::fs::write(tls.join("certificate.pem"), "no certificate").expect("written");
            assert_eq!(answer(shell, &none, &[]).1, 3, "{shell:?}: no openssl");
            let fake = [("openssl", "echo unable to load certificate; exit 1")];
            let found = parse(&answer(shell, &script, &fake).0).expect("readable");
            assert_eq!(
                found.files[0].1,
                Err("openssl cannot read it".to_owned()),
                "{shell:?}"
            );
        }
    }
}
