//! Whether the file system of `/opt/weka` can reserve room for a file.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// The only probe that writes: one file of 4 KiB, for as long as it takes.
///
/// The file is removed before anything is reserved, and `fallocate` works on
/// the open file that has no name any more: whatever cuts the script off,
/// SIGKILL too, nothing stays behind. The trap is for the moment between.
///
/// `set -C` creates the file only if nothing of that name is there, and follows
/// no link. Only the `fallocate` of util-linux serves: that of busybox writes
/// zeros where the file system cannot reserve.
pub static FALLOCATE: ServerProbe = ServerProbe {
    key: "host:fallocate",
    script: r#"[ -d /opt/weka ] || { echo 'there is no directory /opt/weka' >&2; exit 1; }
command -v fallocate >/dev/null 2>&1 || exit 127
case $(fallocate --version 2>&1) in
    *util-linux*) ;;
    *) echo 'this fallocate is not that of util-linux' >&2; exit 127 ;;
esac
file=/opt/weka/.checker-fallocate.$$
trap 'rm -f "$file"' EXIT
trap 'rm -f "$file"; exit 143' TERM HUP INT
# In a shell of its own: where `exec` cannot open a file it ends the script.
( set -C; : > "$file" ) 2>/dev/null || { echo 'create failed'; exit 0; }
exec 9>> "$file"
rm -f "$file"
trap - EXIT TERM HUP INT
if said=$(fallocate -l 4096 /proc/self/fd/9 2>&1 9>&9); then echo yes; else echo "no $said"; fi
"#,
    timeout: Duration::from_secs(10),
    limit: 4 * 1024,
};

/// Whether room can be reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallocate {
    /// It can.
    Yes,
    /// The file system knows no such thing.
    Unsupported,
    /// It did not come to the question: full, read-only, ….
    Open(String),
}

impl Fact for Fallocate {
    const NAME: &'static str = "fallocate";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&FALLOCATE];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(FALLOCATE.key)?).map_err(|what| view.unreadable(FALLOCATE.key, what))
    }
}

fn parse(text: &str) -> Result<Fallocate, String> {
    let last = text
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .ok_or("it printed nothing")?;
    match last.split_once(' ') {
        None if last == "yes" => Ok(Fallocate::Yes),
        Some(("no", said)) if said.contains("not supported") => Ok(Fallocate::Unsupported),
        Some(("no", said)) => Ok(Fallocate::Open(said.chars().take(200).collect())),
        Some(("create", "failed")) => Ok(Fallocate::Open(
            "no file can be created in /opt/weka".to_owned(),
        )),
        _ => Err(format!("it printed {last:?}")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    #[rstest]
    #[case("yes\n", Fallocate::Yes)]
    #[case("Welcome\nyes\n", Fallocate::Yes)]
    #[case(
        "no fallocate: fallocate failed: Operation not supported\n",
        Fallocate::Unsupported
    )]
    #[case(
        "no fallocate: /proc/self/fd/9: fallocate failed: Operation not supported\n",
        Fallocate::Unsupported
    )]
    #[case("no fallocate: fallocate failed: No space left on device\n", Fallocate::Open("fallocate: fallocate failed: No space left on device".to_owned()))]
    #[case("create failed\n", Fallocate::Open("no file can be created in /opt/weka".to_owned()))]
    fn reads(#[case] text: &str, #[case] expected: Fallocate) {
        assert_eq!(parse(text), Ok(expected));
    }

    #[rstest]
    #[case("")]
    #[case("ye")]
    #[case("no")]
    #[case("Welcome to weka-01\n")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    fn in_place_of_opt_weka(dir: &std::path::Path) -> String {
        FALLOCATE
            .script
            .replace("/opt/weka", dir.to_str().expect("UTF-8"))
    }

    fn entries(dir: &std::path::Path) -> usize {
        std::fs::read_dir(dir).expect("a directory").count()
    }

    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    #[case("busybox sh")]
    fn the_script_runs_and_leaves_nothing(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        let Some(output) = shells::run(shell, &in_place_of_opt_weka(dir.path())) else {
            return;
        };
        assert_eq!(entries(dir.path()), 0, "{output:?}");
        // busybox's shell runs its own `fallocate`, which does not serve.
        if output.status.code() == Some(127) {
            println!("SKIPPED under {shell}: no fallocate of util-linux");
            return;
        }
        assert!(output.status.success(), "{output:?}");
        parse(&String::from_utf8_lossy(&output.stdout)).expect("readable");
    }

    /// Cut off while `fallocate` hangs, by whatever signal.
    #[rstest]
    #[case("sh", "TERM")]
    #[case("bash", "TERM")]
    #[case("sh", "KILL")]
    #[case("bash", "KILL")]
    #[case("bash", "HUP")]
    fn what_is_cut_off_leaves_nothing(#[case] shell: &str, #[case] signal: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let bin = tempfile::tempdir().expect("a directory");
        let began = bin.path().join("began");
        let program = bin.path().join("fallocate");
        let text = format!(
            "#!/bin/sh\ncase $1 in --version) echo 'fallocate from util-linux 2.38' ;; *) : > {}; exec sleep 5 ;; esac\n",
            began.display()
        );
        std::fs::write(&program, text).expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("made");
        let path = format!(
            "{}:{}",
            bin.path().display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let mut child = std::process::Command::new(shell)
            .args(["-c", &in_place_of_opt_weka(dir.path())])
            .env("PATH", path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("a shell");
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while !began.exists() && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(began.exists(), "it never came to fallocate");
        // The file has no name any more while room is reserved.
        assert_eq!(entries(dir.path()), 0);
        let sent = std::process::Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status();
        assert!(sent.expect("kill").success());
        let _ = child.wait();
        assert_eq!(entries(dir.path()), 0);
    }

    #[rstest]
    #[case("sh")]
    #[case("bash")]
    fn where_no_file_can_be_made_it_says_so(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        let script = in_place_of_opt_weka(dir.path());
        let file = format!("file={}", dir.path().display());
        let script = script.replace(&file, "file=/proc/self");
        let text = shells::printed(shell, &script).expect("a shell");
        assert_eq!(text, "create failed\n");
    }

    #[rstest]
    #[case("sh")]
    #[case("bash")]
    fn without_the_directory_it_fails(#[case] shell: &str) {
        let script = in_place_of_opt_weka(std::path::Path::new("/no/such/directory"));
        let output = shells::run(shell, &script).expect("a shell");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}
