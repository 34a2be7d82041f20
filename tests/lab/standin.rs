//! The programs on a server that are not what they seem.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `systemctl`.
pub(super) const SYSTEMCTL: &str = include_str!("systemctl.sh");

/// What a server's `weka` does instead of answering.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Misbehaviour {
    /// Prints 200 MB.
    Flood,
    /// Prints the first half of the true answer, and exits with 0.
    HalfAnswer,
    /// Never answers.
    Hang,
    /// Exits with this status and this line on standard error.
    Fail(i32, &'static str),
}

/// The text of a server's `/usr/bin/weka`: notes the call, then answers as the
/// simulated cluster would, unless the arguments match one of the shell
/// patterns and their misbehaviour.
pub(super) fn weka(hostname: &str, cases: &[(&str, Misbehaviour)]) -> String {
    let mut text = format!(
        "#!/bin/sh\n\
         # Written by the test lab.\n\
         printf '%s\\t%s\\n' '{hostname}' \"$*\" >>/run/lab/shared/weka-calls\n\
         export WEKA_STANDIN_STATE=/run/lab/shared/state.json\n"
    );
    if !cases.is_empty() {
        text.push_str("case \"$*\" in\n");
        for (pattern, misbehaviour) in cases {
            // Spaces are quoted, stars are not.
            let pattern = pattern.replace(' ', "\\ ");
            let command = match misbehaviour {
                Misbehaviour::Flood => {
                    "head -c 200000000 /dev/zero | tr '\\0' x; exit 0".to_owned()
                }
                Misbehaviour::HalfAnswer => "answer=$(/run/lab/weka-standin \"$@\"); \
                     printf %.$((${#answer} / 2))s \"$answer\"; exit 0"
                    .to_owned(),
                Misbehaviour::Hang => "exec sleep 1000".to_owned(),
                Misbehaviour::Fail(status, line) => format!("echo '{line}' >&2; exit {status}"),
            };
            // Writing to a `String` can't fail.
            let _ = writeln!(text, "{pattern}) {command} ;;");
        }
        text.push_str("esac\n");
    }
    text.push_str("exec /run/lab/weka-standin \"$@\"\n");
    text
}

/// The stand-in for `weka`, built in the profile of the tool under test.
///
/// It belongs to another package, so Cargo does not tell its place; it is
/// brought up to date here, once per test process, with the packages and the
/// kind of target of the run that is under way, so that nothing is built twice.
pub(super) fn build() -> io::Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let checker = Path::new(env!("CARGO_BIN_EXE_checker"));
        let standin = checker.with_file_name("weka-standin");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--bin",
                "weka-standin",
                "--test",
                "e2e",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if checker.parent().is_some_and(|p| p.ends_with("release")) {
            cargo.arg("--release");
        }
        let output = cargo.output().map_err(|error| error.to_string())?;
        if output.status.success() && standin.is_file() {
            Ok(standin)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    });
    built.clone().map_err(io::Error::other)
}
