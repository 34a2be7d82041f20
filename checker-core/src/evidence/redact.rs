//! Secrets are taken out on the way in, so that nothing behind it can leak one.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use super::{End, NotRun, RawRecord, Record};
use crate::server::{Reach, ReachError};

/// What stands in the place of a secret.
const MARK: &str = "[redacted]";

/// How many bytes stay of an output that was cut at its size limit. No fact is
/// read from it; this is enough to see what came, and the rest would only cost
/// time here and room in the bundle.
const KEPT_OF_A_CUT_OUTPUT: usize = 64 * 1024;

/// Takes secrets out of evidence.
///
/// It knows join secrets, tokens, passwords and keys in JSON and in text,
/// credentials in URLs and command lines, PEM private keys and bearer tokens.
/// A secret that a size limit cut in half is still taken out, and the shape of
/// JSON is kept: `["abc"]` becomes `["[redacted]"]`, and `[]` stays `[]`.
#[derive(Debug, Default)]
pub struct Redactor(());

/// A member whose name speaks of a secret, and its value: a text (maybe inside
/// another text, with escaped quotes), a list, or an object. A text in a list
/// or an object may hold brackets of its own.
static JSON_MEMBER: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#""(?:[^"\\]|\\.)*(?:"|\z)"#;
    regex(&format!(
        r#"(?is-u)(?P<key>\\*"[a-z0-9_.\-]*(?:password|passwd|secret|token|private_?key|api_?key|access_?key|credential)[a-z0-9_.\-]*\\*"\s*:\s*)(?P<value>\\+"[^"\\]*(?:\\+"|\z)|{text}|\[(?:[^\]\[{{}}"]|{text})*(?:\]|\z)|\{{(?:[^\]\[{{}}"]|{text})*(?:\}}|\z))"#,
    ))
});
/// A number in the place of a secret, where the name ends in the word: a
/// `token_count` is none.
static JSON_NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i-u)(?P<key>"(?:[a-z0-9_.\-]*[_.\-])?(?:password|passwd|secret|token)"\s*:\s*)(?P<value>-?[0-9][0-9.eE+\-]*)"#,
    )
});
/// A member of an object: only its value is the secret.
static JSON_VALUE: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?s-u)(?P<key>:\s*)"(?:[^"\\]|\\.)*(?P<end>"|\z)"#));
static JSON_STRING: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?s-u)"(?:[^"\\]|\\.)*(?P<end>"|\z)"#));
static TEXT_MEMBER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i-u)(?P<key>\b[a-z0-9_\-]*(?:password|passwd|secret|token|private[_-]?key|api[_-]?key|access[_-]?key)[ \t]*[=:][ \t]*)(?P<value>[^\s"',;\[\]{}]+)"#,
    )
});
static OPTION: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i-u)(?P<key>--?(?:password|token|secret|join-secret|api-key)[ \t]+)(?P<value>[^\s"'\-][^\s"']*)"#,
    )
});
static URL: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i-u)(?P<key>[a-z][a-z0-9+.\-]*://)(?P<value>[^/\s"'@<>]+)@"#));
static PEM: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?s-u)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)",
    )
});
static BEARER: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i-u)(?P<key>\b(?:bearer|basic) )(?P<value>[a-z0-9._~+/\-]{8,}=*)"));
static WEB_TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?-u)\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?")
});
static CLOUD_KEY: LazyLock<Regex> = LazyLock::new(|| regex(r"(?-u)\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"));

fn regex(pattern: &str) -> Regex {
    #[expect(
        clippy::unwrap_used,
        reason = "constant patterns, each compiled by a test"
    )]
    Regex::new(pattern).unwrap()
}

impl Redactor {
    /// A redactor.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }

    /// The bytes without secrets.
    #[must_use]
    pub fn bytes<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let mut text = Cow::Borrowed(text);
        let keyed = |captures: &Captures<'_>| {
            let mut kept = captures["key"].to_vec();
            kept.extend_from_slice(MARK.as_bytes());
            kept
        };
        replace(&mut text, &PEM, |_| MARK.as_bytes().to_vec());
        replace(&mut text, &JSON_MEMBER, json_member);
        replace(&mut text, &JSON_NUMBER, |c| {
            let mut kept = c["key"].to_vec();
            kept.extend_from_slice(format!("\"{MARK}\"").as_bytes());
            kept
        });
        replace(&mut text, &URL, |c| {
            let mut kept = keyed(c);
            kept.push(b'@');
            kept
        });
        replace(&mut text, &BEARER, keyed);
        replace(&mut text, &TEXT_MEMBER, keyed);
        replace(&mut text, &OPTION, keyed);
        replace(&mut text, &WEB_TOKEN, |_| MARK.as_bytes().to_vec());
        replace(&mut text, &CLOUD_KEY, |_| MARK.as_bytes().to_vec());
        text
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// Makes evidence of what came in: the only way to a [`Record`].
    #[must_use]
    pub fn seal(&self, mut raw: RawRecord) -> Record {
        if raw.truncated {
            for output in [&mut raw.stdout, &mut raw.stderr] {
                output.truncate(KEPT_OF_A_CUT_OUTPUT);
            }
        }
        Record {
            key: raw.key,
            command: self.text(&raw.command),
            started_at: raw.started_at,
            duration: raw.duration,
            end: match raw.end {
                End::NotRun(NotRun::Unreachable(text)) => {
                    End::NotRun(NotRun::Unreachable(self.text(&text)))
                }
                End::NotRun(NotRun::Failed(text)) => End::NotRun(NotRun::Failed(self.text(&text))),
                other => other,
            },
            stdout: self.bytes(&raw.stdout).into(),
            stderr: self.bytes(&raw.stderr).into(),
            truncated: raw.truncated,
        }
    }

    /// How a server was reached, without the secrets that its words may hold.
    #[must_use]
    pub fn reach(&self, reach: Reach) -> Reach {
        Reach {
            error: reach.error.map(|error| ReachError {
                detail: self.text(&error.detail),
                ..error
            }),
            ..reach
        }
    }
}

fn replace(text: &mut Cow<'_, [u8]>, pattern: &Regex, with: impl FnMut(&Captures<'_>) -> Vec<u8>) {
    if let Cow::Owned(changed) = pattern.replace_all(text, with) {
        *text = Cow::Owned(changed);
    }
}

/// Keeps the key and the shape of the value.
fn json_member(captures: &Captures<'_>) -> Vec<u8> {
    let value = &captures["value"];
    let mut kept = captures["key"].to_vec();
    if value.starts_with(b"[") {
        kept.extend_from_slice(&JSON_STRING.replace_all(value, |c: &Captures<'_>| {
            let mut string = format!("\"{MARK}").into_bytes();
            string.extend_from_slice(&c["end"]);
            string
        }));
        return kept;
    }
    if value.starts_with(b"{") {
        kept.extend_from_slice(&JSON_VALUE.replace_all(value, |c: &Captures<'_>| {
            let mut member = c["key"].to_vec();
            member.extend_from_slice(format!("\"{MARK}").as_bytes());
            member.extend_from_slice(&c["end"]);
            member
        }));
        return kept;
    }
    // A string, maybe inside another string: its quotes keep their backslashes.
    let opening = value.iter().take_while(|b| **b == b'\\').count() + 1;
    let quote = &value[..opening.min(value.len())];
    let empty =
        value.len() <= 2 * quote.len() && value.ends_with(b"\"") && value.len() > quote.len();
    kept.extend_from_slice(quote);
    if !empty {
        kept.extend_from_slice(MARK.as_bytes());
    }
    if value.len() > quote.len() && value.ends_with(b"\"") {
        kept.extend_from_slice(quote);
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole(false, KEPT_OF_A_CUT_OUTPUT + 1)]
    #[case::cut(true, KEPT_OF_A_CUT_OUTPUT)]
    fn only_the_beginning_of_a_cut_output_is_kept(#[case] cut: bool, #[case] kept: usize) {
        let why = NotRun::Deadline;
        let record = Redactor::new().seal(RawRecord {
            stdout: vec![b'x'; KEPT_OF_A_CUT_OUTPUT + 1],
            truncated: cut,
            ..RawRecord::not_run("weka:alerts", "weka alerts -J", jiff::Timestamp::now(), why)
        });
        assert_eq!((record.stdout().len(), record.truncated()), (kept, cut));
    }

    #[rstest]
    #[case::join_secrets(
        r#"{"join_secret":["s3cr3t-a","s3cr3t-b"],"ips":["10.0.0.1"]}"#,
        r#"{"join_secret":["[redacted]","[redacted]"],"ips":["10.0.0.1"]}"#
    )]
    #[case::join_secret_as_text(
        r#"{"join_secret": "s3cr3t", "x": 1}"#,
        r#"{"join_secret": "[redacted]", "x": 1}"#
    )]
    #[case::brackets_in_the_secret(
        r#"{"join_secret":["s3[c{r3t","s3]cr}3t"],"a":1}"#,
        r#"{"join_secret":["[redacted]","[redacted]"],"a":1}"#
    )]
    #[case::an_object(
        r#"{"password":{"value":"s3cr3t","salt":"s3{lt"},"a":"b"}"#,
        r#"{"password":{"value":"[redacted]","salt":"[redacted]"},"a":"b"}"#
    )]
    #[case::cut_in_an_object(
        r#"{"password":{"value":"s3cr"#,
        r#"{"password":{"value":"[redacted]"#
    )]
    #[case::a_number(
        r#"{"auth_token": 12345678, "a": 1}"#,
        r#"{"auth_token": "[redacted]", "a": 1}"#
    )]
    #[case::no_join_secret(r#"{"join_secret":[]}"#, r#"{"join_secret":[]}"#)]
    #[case::null(r#"{"join_secret":null}"#, r#"{"join_secret":null}"#)]
    #[case::empty_text(r#"{"token":""}"#, r#"{"token":""}"#)]
    #[case::cut_in_the_list(
        r#"{"join_secret":["s3cr3t-a","s3cr"#,
        r#"{"join_secret":["[redacted]","[redacted]"#
    )]
    #[case::cut_in_the_text(r#"{"password": "s3cr"#, r#"{"password": "[redacted]"#)]
    #[case::escaped_quote(
        r#"{"password":"s3\"cr3t","a":1}"#,
        r#"{"password":"[redacted]","a":1}"#
    )]
    #[case::json_in_json(
        r#"{"value":"{\"password\":\"s3cr3t\"}"}"#,
        r#"{"value":"{\"password\":\"[redacted]\"}"}"#
    )]
    #[case::url_password(
        "from https://user:s3cr3t@get.example/x",
        "from https://[redacted]@get.example/x"
    )]
    #[case::url_token(
        "from https://s3cr3t@get.example/x",
        "from https://[redacted]@get.example/x"
    )]
    #[case::assignment(
        "WEKA_PASSWORD=s3cr3t weka status",
        "WEKA_PASSWORD=[redacted] weka status"
    )]
    #[case::label("token: s3cr3t", "token: [redacted]")]
    #[case::option(
        "weka user login --password s3cr3t -J",
        "weka user login --password [redacted] -J"
    )]
    #[case::bearer(
        "Authorization: Bearer abcdefghs3cr3t==",
        "Authorization: Bearer [redacted]"
    )]
    #[case::web_token("got eyJhbGciOiJI.eyJzdWIiOiIx.s3cr3t_", "got [redacted]")]
    #[case::pem(
        "a\n-----BEGIN RSA PRIVATE KEY-----\ns3cr3t\n-----END RSA PRIVATE KEY-----\nb",
        "a\n[redacted]\nb"
    )]
    #[case::cut_pem("a\n-----BEGIN PRIVATE KEY-----\ns3cr", "a\n[redacted]")]
    fn takes_out(#[case] before: &str, #[case] after: &str) {
        assert_eq!(Redactor::new().text(before), after);
    }

    #[rstest]
    #[case::status(r#"{"name":"lab-a","guid":"0b5c","release":"4.4.21.2","capacity":{"total_bytes":18446744073709551615}}"#)]
    #[case::alert(r#"[{"type":"JoinTokenExpired","title":"The join token expired","description":"Make a new one"}]"#)]
    #[case::flag(r#"{"token_expires": true, "secret_count": 2}"#)]
    #[case::a_count(r#"{"token_count": 5}"#)]
    #[case::df("/dev/sda1 1000 500 500 50% /opt/weka")]
    #[case::link("see https://docs.example/upgrade@5")]
    fn leaves_alone(#[case] text: &str) {
        assert_eq!(Redactor::new().text(text), text);
    }

    proptest! {
        #[test]
        fn no_cut_leaks_a_join_secret(cut in 0usize..70) {
            let text = r#"{"base_port":14000,"join_secret":["HUNTER2HUNTER2"],"ips":[]}"#;
            let cut = cut.min(text.len());
            let kept = Redactor::new().text(&text[..cut]);
            prop_assert!(!kept.contains("HUNTER"), "{}", kept);
        }

        /// A replay seals evidence again that is sealed already.
        #[test]
        fn a_second_time_changes_nothing(
            text in "(\"?[a-z_]{0,3}(password|secret|token|api_key)\"?[ :=]{1,3}|--password |https?://|@|bearer |AKIA[0-9A-Z]{16}|\\\\?\"|[\\[\\]{},;]|eyJ[a-z]{9}\\.[a-z]{9}|-----(BEGIN|END) PRIVATE KEY-----|[a-z0-9]{1,9}|[ \n]){0,14}",
        ) {
            let redactor = Redactor::new();
            let once = redactor.text(&text);
            prop_assert_eq!(redactor.text(&once), once);
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Redactor::new().bytes(&bytes);
        }
    }
}
