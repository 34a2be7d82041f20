//! Finds the command that is meant, and refuses what a release does not know.

use serde_json::Value;

use super::dialect::Dialect;
use crate::model::{Cluster, Server};
use crate::upgrade::{Environment, Run};

/// One command of the CLI.
pub(super) struct Command {
    /// Its words: `cluster container`.
    pub(super) path: &'static str,
    /// Which releases know it.
    pub(super) known: fn(Dialect) -> bool,
    /// Whether it needs a logged-in user.
    pub(super) login: bool,
    /// Its own options.
    pub(super) options: &'static [Opt],
    /// How many further words it takes at most.
    pub(super) words: usize,
    /// Answers it.
    pub(super) answer: fn(&Call<'_>) -> Answer,
}

impl Command {
    /// A command that every release knows, that needs a login, and takes
    /// neither options of its own nor further words.
    pub(super) const fn new(path: &'static str, answer: fn(&Call<'_>) -> Answer) -> Self {
        Self {
            path,
            known: Dialect::always,
            login: true,
            options: &[],
            words: 0,
            answer,
        }
    }

    /// Known only to some releases.
    pub(super) const fn known(self, known: fn(Dialect) -> bool) -> Self {
        Self { known, ..self }
    }

    /// With options of its own.
    pub(super) const fn options(self, options: &'static [Opt]) -> Self {
        Self { options, ..self }
    }

    /// Takes up to so many further words.
    pub(super) const fn words(self, words: usize) -> Self {
        Self { words, ..self }
    }

    /// Answered by the agent, without a login.
    pub(super) const fn without_login(self) -> Self {
        Self {
            login: false,
            ..self
        }
    }
}

/// One option.
pub(super) struct Opt {
    /// Its spellings; the first is the one that [`Call::has`] and [`Call::value`] ask for.
    names: &'static [&'static str],
    /// Whether a value follows.
    value: bool,
    /// Which releases know it.
    known: fn(Dialect) -> bool,
}

impl Opt {
    /// An option without a value.
    pub(super) const fn flag(names: &'static [&'static str]) -> Self {
        Self {
            names,
            value: false,
            known: Dialect::always,
        }
    }

    /// An option with a value.
    pub(super) const fn value(names: &'static [&'static str]) -> Self {
        Self {
            names,
            value: true,
            known: Dialect::always,
        }
    }

    /// Known only to some releases.
    pub(super) const fn known(self, known: fn(Dialect) -> bool) -> Self {
        Self { known, ..self }
    }
}

/// What every command takes.
const COMMON: &[Opt] = &[
    Opt::flag(&["--json", "-J"]),
    Opt::flag(&["--raw-units", "-R"]),
    Opt::flag(&["--no-header"]),
    Opt::value(&["--HOST", "-H"]),
    Opt::value(&["--PORT", "-P"]),
    Opt::value(&["--CONNECT-TIMEOUT", "-C"]),
    Opt::value(&["--TIMEOUT", "-T"]),
    Opt::value(&["--profile"]),
    Opt::value(&["--format", "-f"]).known(Dialect::legacy),
    Opt::value(&["--color"]).known(Dialect::legacy),
    Opt::flag(&["--UTC", "-U"]).known(Dialect::legacy),
    Opt::flag(&["--verbose", "-v"]).known(Dialect::legacy),
];

/// The arguments, taken apart.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    options: Vec<(&'static str, Option<&'a str>)>,
    /// Words behind the command.
    pub(super) words: Vec<&'a str>,
    /// Whether JSON is asked for.
    pub(super) json: bool,
}

/// A command to answer.
pub(super) struct Call<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) here: &'a Server,
    pub(super) dialect: Dialect,
    pub(super) environment: &'a Environment,
    pub(super) arguments: Arguments<'a>,
}

impl<'a> Call<'a> {
    /// Whether the option was given, by its first spelling.
    pub(super) fn has(&self, name: &str) -> bool {
        self.arguments.options.iter().any(|(n, _)| *n == name)
    }

    /// The value of the option, by its first spelling.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        let found = self.arguments.options.iter().find(|(n, _)| *n == name);
        found.and_then(|(_, value)| *value)
    }
}

/// What came of a command.
pub(super) enum Answer {
    /// A value, printed as JSON.
    Json(Value),
    /// Text, whatever form was asked for.
    Text(String),
    /// Exit status and error text.
    Failed(i32, String),
    /// Something that changes the cluster, ready to begin.
    Start(Box<Run>),
}

/// Why the command line was refused; the words are the real CLI's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("unknown command: {0}")]
    Command(String),
    #[error("unknown option: {0}")]
    Option(String),
    #[error("missing value of option: {0}")]
    Value(String),
    #[error("missing command")]
    Nothing,
}

/// Finds the command: the known one with the most words.
pub(super) fn find<'a>(
    commands: impl Iterator<Item = &'static Command>,
    dialect: Dialect,
    args: &[&'a str],
) -> Result<(&'static Command, Arguments<'a>), Refusal> {
    // What stands before the first word can only be a common option.
    let mut arguments = Arguments {
        options: Vec::new(),
        words: Vec::new(),
        json: false,
    };
    let mut rest = args.iter().copied().peekable();
    while rest.peek().is_some_and(|a| a.starts_with('-')) {
        if let Some(arg) = rest.next() {
            arguments.option(&[], dialect, arg, &mut rest)?;
        }
    }
    let args: Vec<&str> = rest.collect();
    let leading: Vec<&str> = args
        .iter()
        .copied()
        .take_while(|a| !a.starts_with('-'))
        .collect();
    if leading.is_empty() {
        return Err(Refusal::Nothing);
    }
    let command = commands
        .filter(|c| (c.known)(dialect) && begins_with(&leading, c.path))
        .max_by_key(|c| c.path.len())
        .ok_or_else(|| Refusal::Command(leading.join(" ")))?;
    let behind = command.path.split(' ').count();
    let mut rest = args[behind..].iter().copied().peekable();
    while let Some(arg) = rest.next() {
        if arg.starts_with('-') && arg.len() > 1 {
            arguments.option(command.options, dialect, arg, &mut rest)?;
        } else {
            arguments.words.push(arg);
        }
    }
    if arguments.words.len() > command.words {
        return Err(Refusal::Command(leading.join(" ")));
    }
    Ok((command, arguments))
}

fn begins_with(words: &[&str], path: &str) -> bool {
    let mut words = words.iter();
    path.split(' ').all(|word| words.next() == Some(&word))
}

impl<'a> Arguments<'a> {
    fn option(
        &mut self,
        own: &'static [Opt],
        dialect: Dialect,
        arg: &'a str,
        rest: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), Refusal> {
        let (name, joined) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (arg, None),
        };
        let option = own
            .iter()
            .chain(COMMON)
            .find(|o| o.names.contains(&name) && (o.known)(dialect))
            .ok_or_else(|| Refusal::Option(name.to_owned()))?;
        let value = match (option.value, joined) {
            (true, Some(value)) => Some(value),
            (true, None) => Some(rest.next().ok_or_else(|| Refusal::Value(name.to_owned()))?),
            (false, Some(_)) => return Err(Refusal::Option(arg.to_owned())),
            (false, None) => None,
        };
        match (option.names[0], value) {
            ("--json", _) | ("--format", Some("json")) => self.json = true,
            (name, value) => self.options.push((name, value)),
        }
        Ok(())
    }
}
