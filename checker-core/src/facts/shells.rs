//! For the tests of probes: their scripts, for real, under the shells that
//! servers have.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

/// The shells that servers have.
pub(super) const SHELLS: [&str; 3] = ["dash", "bash --posix", "busybox sh"];

/// What of its own busybox is given: a server of busybox has nothing else.
const BUSYBOX_TOOLS: [&str; 4] = ["awk", "grep", "sed", "sha256sum"];

/// Runs `script` as a server would: in the C locale, with nothing to read.
///
/// `shell` is a program with its arguments (`busybox sh`). `None`, and a line
/// that names it, where this machine lacks it. A syntax error fails the test.
pub(super) fn run(shell: &str, script: &str) -> Option<Output> {
    run_with(shell, script, &[])
}

/// As [`run`], with these programs, given as shell text, before all others.
fn run_with(shell: &str, script: &str, programs: &[(&str, &str)]) -> Option<Output> {
    let bin = tempfile::tempdir().expect("a directory");
    let install = |name: &str, text: &str| {
        let path = bin.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
    };
    let mut words = shell.split_whitespace();
    let program = words.next().expect("a shell");
    if program == "busybox" {
        for tool in BUSYBOX_TOOLS {
            install(tool, &format!("exec busybox {tool} \"$@\""));
        }
    }
    for (name, text) in programs {
        install(name, text);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", bin.path().display());
    let arguments: Vec<&str> = words.collect();
    let command = |flag: &str| {
        let mut command = Command::new(program);
        command
            .args(&arguments)
            .args([flag, script])
            .env("PATH", &path)
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

/// What `script` printed and its exit status, with these programs before all
/// others; in the shell that every machine has, where this one is lacking.
pub(super) fn answer(shell: &str, script: &str, programs: &[(&str, &str)]) -> (String, i32) {
    let output = run_with(shell, script, programs)
        .or_else(|| run_with("sh", script, programs))
        .expect("every machine has sh");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code().unwrap_or(-1),
    )
}
