//! The programs on a server that are not what they seem.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `systemctl`.
pub(super) const SYSTEMCTL: &str = include_str!("systemctl.sh");

/// A program that nobody runs.
pub(super) const IS_THERE: &str = "#!/bin/sh\nexit 64\n";

/// `weka`: the stand-in, told where the state of this server lies.
pub(super) fn weka(number: usize) -> String {
    format!(
        "#!/bin/sh\n\
         WEKA_STANDIN_STATE=/run/lab/shared/state-{number}.json exec /run/lab/weka-standin \"$@\"\n"
    )
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
            .args(["build", "--quiet", "--workspace", "--bin", "weka-standin"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if checker.parent().is_some_and(|p| p.ends_with("release")) {
            cargo.arg("--release");
        } else {
            cargo.args(["--test", "e2e"]);
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
