//! For tests: a probe's script in every shell of this machine.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

/// The shells that servers have; those that this machine lacks are left out.
pub(crate) const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

/// Runs `script` with these programs, given as shell text, before all others.
/// Busybox gets its own tools. Returns standard output and exit status.
pub(crate) fn run(shell: &[&str], script: &str, programs: &[(&str, &str)]) -> (String, i32) {
    let bin = tempfile::tempdir().expect("a directory");
    let program = |name: &str, text: &str| {
        let path = bin.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
    };
    if shell[0] == "busybox" {
        for tool in ["awk", "grep", "sha256sum", "sed"] {
            program(tool, &format!("exec busybox {tool} \"$@\""));
        }
    }
    for (name, text) in programs {
        program(name, text);
    }
    let path = format!(
        "{}:{}",
        bin.path().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let child = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-s"])
        .env("PATH", path)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        // Not on this machine: the same in the shell that every machine has.
        assert_ne!(shell, ["sh"], "no shell at all");
        return run(&["sh"], script, programs);
    };
    let mut stdin = child.stdin.take().expect("piped");
    // As the fleet does it: read whole, then evaluated, reading nothing.
    let text = format!("( eval '{}' ) </dev/null\n", script.replace('\'', r"'\''"));
    stdin.write_all(text.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ended");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code().unwrap_or(-1),
    )
}
