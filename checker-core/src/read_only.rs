//! What a check run may send: it only looks.
//!
//! The built-in commands and probes are held against this by a test; those
//! of a plugin when it is loaded.

use std::sync::LazyLock;

use regex::Regex;

/// What may stand behind `weka`, up to the words that only choose and shape
/// the output.
pub const COMMANDS: &[&str] = &[
    "alerts",
    "cluster client-target-version show",
    "cluster container",
    "cluster container net",
    "cluster drive",
    "cluster host",
    "cluster host net",
    "cluster machines list",
    "cluster nodes",
    "cluster process",
    "cluster server list",
    "cluster servers list",
    "cluster task",
    "cluster tasks",
    "debug blacklist list",
    "debug config show",
    "debug manhole --slot 0 get_completed_fsck_info",
    "debug override list",
    "debug traces remote-endpoint status",
    "debug traces status",
    "events",
    "fs",
    "fs snapshot",
    "fs tier s3",
    "nfs custom-options",
    "nfs global-config show",
    "nfs interface-group",
    "org",
    "s3 bucket lifecycle-rule list",
    "s3 bucket list",
    "s3 cluster",
    "s3 cluster status",
    "smb cluster",
    "smb cluster status",
    "stats",
    "stats retention status",
    "status",
    "status rebuild",
    "tenant",
    "user whoami",
];

/// The commands that are told in one word what to show.
const TAKE_A_WORD: &[&str] = &["debug config show", "s3 bucket lifecycle-rule list"];

/// The options whose value is a word of its own.
const TAKE_A_VALUE: &[&str] = &[
    "--category",
    "--category-list",
    "--direction",
    "--end-time",
    "--filter",
    "--interval",
    "--node-ids",
    "--num-results",
    "--output",
    "--param",
    "--process-ids",
    "--resolution-secs",
    "--severity",
    "--show",
    "--sort",
    "--start-time",
    "--stat",
    "--type",
    "--type-list",
    "-F",
    "-o",
    "-s",
];

/// The options that would talk to another cluster, or as somebody else.
const ELSEWHERE: &[&str] = &["-H", "--HOST", "-P", "--PROFILE", "-T", "--TIMEOUT-SECS"];

/// Why something may not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a command line at all.
    #[error("`{0}` is no line of words: a quote is open, or it holds a control character")]
    NoWords(String),
    /// The command is not on the list.
    #[error("`weka {0}` is not on the list of commands that only look")]
    NotListed(String),
    /// A word behind an allowed command that is neither an option nor its value.
    #[error("`{word}` in `weka {arguments}` could be a subcommand that changes something")]
    Word {
        /// The word.
        word: String,
        /// All of the arguments.
        arguments: String,
    },
    /// An option that leads to another cluster or user.
    #[error("the option `{0}` would ask another cluster, or as somebody else")]
    Elsewhere(String),
    /// A piece of shell calls `weka` for something else than to look.
    #[error(
        "it calls `weka {0}`; on servers only `weka local ps` and `weka local resources` are allowed"
    )]
    Weka(String),
    /// A piece of shell seems to change something.
    #[error("it seems to change something: `{0}`")]
    Change(String),
}

/// Whether `weka` may be run with these arguments.
///
/// # Errors
/// Why not.
pub fn command(arguments: &str) -> Result<(), Refusal> {
    let no_words = || Refusal::NoWords(arguments.escape_debug().to_string());
    if arguments.chars().any(char::is_control) {
        return Err(no_words());
    }
    let words = shell_words::split(arguments).map_err(|_| no_words())?;
    let listed = COMMANDS
        .iter()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|listed| {
            words.len() >= listed.len() && listed.iter().zip(&words).all(|(a, b)| a == b)
        })
        .max_by_key(Vec::len)
        .ok_or_else(|| Refusal::NotListed(arguments.to_owned()))?;
    let mut rest = words[listed.len()..].iter().peekable();
    if TAKE_A_WORD.contains(&listed.join(" ").as_str()) {
        rest.next_if(|word| !word.starts_with('-'));
    }
    while let Some(word) = rest.next() {
        let name = word.split('=').next().unwrap_or(word);
        if ELSEWHERE.contains(&name) {
            return Err(Refusal::Elsewhere(name.to_owned()));
        }
        if !word.starts_with('-') {
            return Err(Refusal::Word {
                word: word.clone(),
                arguments: arguments.to_owned(),
            });
        }
        if TAKE_A_VALUE.contains(&word.as_str()) {
            rest.next();
        }
    }
    Ok(())
}

/// A call of `weka` in a piece of shell, and what stands behind it.
static WEKA: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?m)(?:^|[\s;&|({`"'])(?:[^\s;&|]*/bin/)?weka[ \t]+([a-z-][^;|&>)\n]*)"#)
});
static LOCAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^local (ps|resources|exec -C \S+ tsmb-server -v)(?:\s|$)"));
/// Words in the place of a command that change something.
static CHANGES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)(?:^|[;&|({]|\$\(|\b(?:then|do|else|xargs|sudo|exec|-exec))\s*\b(rm|mv|cp|dd|ln|mkdir|rmdir|touch|tee|chmod|chown|truncate|reboot|shutdown|mount|umount|mkfs\S*|insmod|rmmod|modprobe|sysctl -w|kill|pkill|killall|service \S+ (?:start|stop|restart)|systemctl (?:start|stop|restart|enable|disable|mask|unmask|daemon-reload))(?:[\s;]|$)",
    )
});
static INTO_A_FILE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#">{1,2}\s*["']?((?:/|~|\./)[^\s"';&|)]*)"#));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a test compiles every pattern")
}

/// Whether a piece of shell seems to only look.
///
/// It is a screen against mistakes, not a proof: shell text can hide anything
/// from it.
///
/// # Errors
/// What does not look so.
pub fn script(text: &str) -> Result<(), Refusal> {
    for call in WEKA.captures_iter(text) {
        let words = call[1].trim_end();
        if !LOCAL.is_match(words) {
            return Err(Refusal::Weka(words.to_owned()));
        }
    }
    if let Some(found) = CHANGES.captures(text) {
        return Err(Refusal::Change(found[1].to_owned()));
    }
    let harmless = ["/dev/null", "/dev/stderr", "/dev/stdout"];
    let written = INTO_A_FILE
        .captures_iter(text)
        // A connection is no file, whatever bash calls it.
        .find(|found| !harmless.contains(&&found[1]) && !found[1].starts_with("/dev/tcp/"));
    match written {
        Some(found) => Err(Refusal::Change(found[0].to_owned())),
        None => Ok(()),
    }
}

/// How often a piece of shell calls `weka`.
#[must_use]
pub fn calls(text: &str) -> usize {
    WEKA.find_iter(text).count()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("status -J")]
    #[case::the_longest_counts("fs snapshot -J")]
    #[case::an_option_with_a_value("events --category Upgrade --num-results 200 -J")]
    #[case::a_value_behind_a_sign("events --category=Upgrade")]
    #[case::a_word_to_show("debug config show clusterInfo.initialSwVersion -J")]
    #[case::a_quoted_word("s3 bucket lifecycle-rule list 'a b' -J")]
    fn looks(#[case] arguments: &str) {
        assert_eq!(command(arguments), Ok(()));
    }

    #[rstest]
    #[case::stop("local stop")]
    #[case::abort("cluster task abort 4")]
    #[case::abort_behind_an_option("cluster task -J abort 4")]
    #[case::add("debug override add --key a")]
    #[case::deactivate("cluster container deactivate 3")]
    #[case::delete("fs delete fs01")]
    #[case::delete_behind_an_option("fs -J delete fs01")]
    #[case::two_words("debug config show a b")]
    #[case::mute("alerts mute DriveDown")]
    #[case::half_a_word("debug configure")]
    #[case::elsewhere("status -H other")]
    #[case::elsewhere_in_one("status --HOST=other")]
    #[case::open_quote("status 'a")]
    #[case::another_line("status\nlocal stop")]
    #[case::nothing("")]
    #[case::manhole("debug manhole --slot 0 crash")]
    fn does_not_look(#[case] arguments: &str) {
        assert!(command(arguments).is_err(), "{arguments}");
    }

    #[rstest]
    #[case::cat("cat /proc/swaps")]
    #[case::errors_away("cat /sys/x 2>/dev/null || echo none >&2")]
    #[case::local("weka local ps -J")]
    #[case::a_path_with_the_word("find /opt/weka -xdev -name x")]
    #[case::a_word_within("format rm-like cprm; echo dd=1")]
    #[case::awk("awk '$3 > 90' /proc/x")]
    fn seems_to_look(#[case] text: &str) {
        assert_eq!(script(text), Ok(()));
    }

    #[rstest]
    #[case::stop("true\nweka local stop")]
    #[case::by_path("/usr/bin/weka local stop")]
    #[case::in_quotes("sh -c 'weka local stop'")]
    #[case::remove("cd /tmp && rm -rf x")]
    #[case::then("if true; then reboot; fi")]
    #[case::xargs("ls | xargs rm")]
    #[case::find("find / -exec rm {} +")]
    #[case::restart("systemctl restart weka-agent")]
    #[case::redirect("echo 1 > /proc/sys/vm/drop_caches")]
    #[case::append("echo 1 >>/etc/fstab")]
    #[case::substituted("x=$(touch /x)")]
    fn seems_to_change(#[case] text: &str) {
        assert!(script(text).is_err(), "{text}");
    }
}
