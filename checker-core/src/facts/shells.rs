//! For the tests of probes: their scripts, for real, under the shells that
//! servers have.

use std::process::{Command, Output, Stdio};

/// Runs `script` as a server would: in the C locale, with nothing to read.
///
/// `shell` is a program with its arguments (`busybox sh`). `None`, and a line
/// that names it, where this machine lacks it. A syntax error fails the test.
pub(super) fn run(shell: &str, script: &str) -> Option<Output> {
    let mut words = shell.split_whitespace();
    let program = words.next().expect("a shell");
    let arguments: Vec<&str> = words.collect();
    let command = |flag: &str| {
        let mut command = Command::new(program);
        command
            .args(&arguments)
            .args([flag, script])
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    };
    // `-n -c` reads the text and runs nothing.
    let parsed = match command("-nc").output() {
        Ok(parsed) => parsed,
        Err(error) => {
            println!("SKIPPED under {shell}: {error}");
            return None;
        }
    };
    assert!(parsed.status.success(), "{shell} -n: {parsed:?}");
    Some(command("-c").output().expect("the shell was there"))
}

/// As [`run`], for a script that must succeed: what it printed.
pub(super) fn printed(shell: &str, script: &str) -> Option<String> {
    let output = run(shell, script)?;
    assert!(output.status.success(), "{shell}: {output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
