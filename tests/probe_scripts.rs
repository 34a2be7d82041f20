//! The scripts that servers are sent, under the shells that servers have.

use std::io::Write;
use std::process::{Command, Stdio};

use checker_core::{Registry, engine};

/// The first must be here; what this machine lacks of the others is told.
const SHELLS: [&[&str]; 5] = [
    &["sh"],
    &["dash"],
    &["bash"],
    &["bash", "--posix"],
    &["busybox", "sh"],
];

/// What the shell says of a text that it reads and does not run; `None` where
/// there is no such shell.
fn complaints(shell: &[&str], script: &str) -> Option<String> {
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .arg("-n")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    // A shell that gives up early closes its input; what it says counts.
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(script.as_bytes());
    let output = child.wait_with_output().expect("ended");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() {
        text
    } else {
        format!("{}: {text}", output.status)
    })
}

// field history 25
#[test]
fn every_probe_is_free_of_syntax_errors_in_every_shell() {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    let probes = engine::probes(&registry).expect("a plan");
    assert!(probes.len() >= 20, "{}", probes.len());
    for shell in SHELLS {
        for probe in &probes {
            match complaints(shell, probe.script) {
                Some(text) => assert_eq!(text, "", "{} in {shell:?}", probe.key),
                None => {
                    assert_ne!(shell, ["sh"]);
                    println!("not on this machine: {shell:?}");
                }
            }
        }
    }
}

/// The test can fail: a stray quote is what it is for.
#[test]
fn a_stray_quote_is_found() {
    for shell in SHELLS {
        if let Some(text) = complaints(shell, "echo \"it's over\necho 'x\n") {
            assert_ne!(text, "", "{shell:?}");
        }
    }
}
