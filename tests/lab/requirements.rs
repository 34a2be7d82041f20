//! What the lab needs of the machine.

use std::path::Path;
use std::process::{Command, Stdio};

use super::PATH;

/// Programs, and the Debian package of each.
const PROGRAMS: [(&str, &str); 12] = [
    ("sshd", "openssh-server"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("ip", "iproute2"),
    ("sudo", "sudo"),
    ("busybox", "busybox"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("pivot_root", "util-linux"),
    ("fallocate", "util-linux"),
    ("timeout", "coreutils"),
    ("openssl", "openssl"),
];

/// What is missing, in words; empty when a lab can be made.
pub(crate) fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root".to_owned());
    }
    for (program, package) in PROGRAMS {
        let there = PATH
            .split(':')
            .any(|directory| Path::new(directory).join(program).is_file());
        if !there {
            missing.push(format!("{program} (package {package})"));
        }
    }
    if missing.is_empty()
        && let Err(why) = try_namespaces()
    {
        missing.push(format!(
            "leave to make namespaces, bridges and overlays, which a container may forbid ({why})"
        ));
    }
    missing
}

/// Tries, in a namespace that is gone at once, what a lab does.
fn try_namespaces() -> Result<(), String> {
    let script = "ip link add br0 type bridge && ip link add probe0 type veth peer name probe1 \
        && mount -t tmpfs none /run && mkdir /run/u /run/w /run/lower /run/new \
        && mount -t overlay -o lowerdir=/run/lower,upperdir=/run/u,workdir=/run/w none /run/new \
        && mkdir /run/new/etc /run/new/old /run/u2 /run/w2 \
        && mount -t overlay -o lowerdir=/etc,upperdir=/run/u2,workdir=/run/w2 none /run/new/etc \
        && cd /run/new && pivot_root . old";
    let output = Command::new("unshare")
        .args([
            "--net",
            "--uts",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
        ])
        .args(["--propagation", "private", "/bin/sh", "-euc", script])
        .env("PATH", PATH)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
