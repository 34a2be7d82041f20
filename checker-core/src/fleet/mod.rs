//! Reaching servers: SSH sessions of our own, the system's `ssh`, this machine.
//!
//! [`LiveSource`] is the one thing that others use. Everything here blocks the
//! calling thread, and none of it longer than its deadline.
//!
//! ```text
//! live ─┬─ local ───────┐
//!       ├─ system_ssh ──┼─ child ──┐
//!       ├─ via ─┐       │          ├─ talk ─┬─ script   what is sent
//!       └───────┴─ session ────────┘        └─ frames   what comes back
//! ```

mod auth;
mod child;
mod connect;
mod frames;
#[cfg(feature = "testkit")]
pub(crate) mod fuzzed;
mod known_hosts;
mod live;
mod local;
mod script;
mod session;
mod ssh_config;
mod system_ssh;
mod talk;
mod via;

pub use auth::IdentityError;
pub use known_hosts::HostKeyPolicy;
pub use live::{LiveError, LiveOptions, LiveSource};

pub(crate) use self::script::APART;
use self::talk::{Section, Talk};
use crate::server::{ReachError, Step};
use crate::source::ServerProbe;

/// The very text that a server gets for these probes, but for the random
/// marker of its frames: for whoever wants to read it, or to measure it with
/// `ssh HOST sh -s <script`.
#[must_use]
pub fn probe_script(probes: &[&'static ServerProbe]) -> String {
    let sections = probes.iter().map(|probe| Section::from(*probe)).collect();
    String::from_utf8_lossy(Talk::new(sections).unsent()).into_owned()
}

/// Runs a shell text on this machine, as the user who runs us.
pub(crate) fn shell_here(
    key: &str,
    text: &str,
    deadline: &crate::deadline::Deadline,
) -> crate::evidence::RawRecord {
    live::shell_record(key, text, deadline, |mut talk| {
        let result = local::converse_as_we_are(&mut talk, deadline);
        (talk, result)
    })
}

fn failed(step: Step, detail: String) -> ReachError {
    ReachError { step, detail }
}

/// Starts the script as root, without a tty and without a question. The login
/// shell, whichever it is, only gets to read this one line.
const AS_ROOT: &str =
    r#"exec sh -c 'if [ "$(id -u)" = 0 ]; then exec sh -s; else exec sudo -n sh -s; fi'"#;

/// Starts the script as whoever logs in. All that is left to do for root, too.
const AS_WE_ARE: &str = "exec sh -s";

/// At most 300 characters, for a line that someone shall read.
fn shortened(words: &str) -> String {
    match words.char_indices().nth(300) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words.to_owned(),
    }
}

/// The script's input or output ended before its last word: why.
fn broke_off(talk: &Talk, label: &str) -> ReachError {
    let noise = talk.noise();
    if talk.begun() {
        return failed(
            Step::Protocol,
            format!("{label}: the connection was cut in the middle of the script"),
        );
    }
    let said = if noise.is_empty() {
        "it said nothing".to_owned()
    } else {
        format!("it said: {}", shortened(&noise))
    };
    if ["sudo:", "sudoers", ": sudo"]
        .iter()
        .any(|word| noise.contains(word))
    {
        failed(
            Step::Sudo,
            format!("{label}: `sudo -n` was refused; {said}"),
        )
    } else {
        failed(
            Step::Shell,
            format!("{label}: no POSIX shell answered; {said}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::password("sudo: a password is required", Step::Sudo)]
    #[case::sudoers("ops is not in the sudoers file.", Step::Sudo)]
    #[case::not_allowed(
        "Sorry, user ops is not allowed to execute '/bin/sh' as root on weka-02.\nsudo: x",
        Step::Sudo
    )]
    #[case::missing("sh: 1: exec: sudo: not found", Step::Sudo)]
    #[case::nologin("This account is currently not available.", Step::Shell)]
    #[case::nothing("", Step::Shell)]
    fn why_no_shell_answered(#[case] words: &str, #[case] step: Step) {
        let mut talk = Talk::new(Vec::new());
        talk.stderr(words.as_bytes(), Instant::now());
        talk.stdout("x".repeat(999).as_bytes(), Instant::now());
        let error = broke_off(&talk, "ops@weka-02:22");
        assert_eq!(error.step, step);
        assert!(error.detail.starts_with("ops@weka-02:22: "));
        assert!(error.detail.chars().count() < 400);
    }
}
