//! Scripts of the field's convention, run unmodified as checks.
//!
//! A script says of itself `DESCRIPTION="…"` and `SCRIPT_TYPE="…"`, and ends
//! with 0 (good), 254 (warning), 255 (it failed inside) or anything else
//! (bad). It gets the addresses of all backends as its arguments. It is not ours
//! and nothing holds it to only look, so it runs only when it was asked for.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use regex::Regex;

use super::load::digest;
use super::standin::register_failure;
use super::trust::{Distrust, is_trusted, is_trusted_in};
use super::{AREA_OF_SCRIPTS, SCRIPT_KEY, id_word};
use crate::check::{Applies, Check, Context, Place, UpgradePath};
use crate::contract::{CheckInfo, Judgement, Level, Outcome, Scope};
use crate::evidence::Record;
use crate::facts::{AnyFact, Fact, FactScope, FactSpec, FactTable, Missing, View, Why};
use crate::fleet::APART;
use crate::registry::{PluginEntry, Registry};
use crate::report::{PluginInfo, PluginKind, fold_names, printable, printable_lines};
use crate::server::{Role, Server};
use crate::source::{DependentProbe, ServerProbe};

/// On which backends a script runs, and how it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptType {
    /// Once, on the backend that the tool stands on.
    Single,
    /// On every backend at once.
    Parallel,
    /// On one backend after the other.
    Sequential,
    /// On every backend at once; what they print must be the same everywhere.
    CompareBackends,
}

impl ScriptType {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "single" => Self::Single,
            "parallel" => Self::Parallel,
            "sequential" => Self::Sequential,
            "parallel-compare-backends" => Self::CompareBackends,
            _ => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Single => "one backend",
            Self::Parallel => "every backend",
            Self::Sequential => "every backend, one after the other",
            Self::CompareBackends => "every backend; they must agree",
        }
    }
}

/// Why a folder of scripts can't be used, or one of them can't.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// Others could have put anything there.
    #[error("is not run: {0}")]
    Distrust(#[from] Distrust),
    /// The file system says no.
    #[error("is not run: it can't be read: {0}")]
    Io(#[from] io::Error),
    /// Nothing in the folder follows the convention.
    #[error("there is no script in {0}: names begin with a digit, as in 160_checkaes")]
    None(PathBuf),
    /// It is no text that a shell can be given as it is.
    #[error("is not run: {0}")]
    Text(&'static str),
    /// It names no type, or none that there is.
    #[error(
        "is not run: its SCRIPT_TYPE is {0:?}, not single, parallel, sequential or parallel-compare-backends"
    )]
    Type(String),
    /// It wants an interpreter that is not known here.
    #[error("is not run: it wants to be run by {0:?}")]
    Interpreter(String),
    /// Another script has the same id.
    #[error("is not run: another script is called the same")]
    Taken,
}

/// A word on a command line is at most 128 KiB.
const LONGEST: usize = 120 << 10;

/// How much of each output is kept.
const KEPT: usize = 64 << 10;

/// What scripts rely on when no `preamble` lies beside them.
const PREAMBLE: &str = r#"PARAMS="$*" VERBOSE=False JSON=False FIX=False
[ -r /etc/os-release ] && . /etc/os-release
"#;

/// What came of a folder of scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadedScripts {
    /// How many are checks now, those that can't be run with them.
    pub count: usize,
}

/// What editors and packagers leave beside a file: not what somebody wrote to be run.
const LEFT_BEHIND: [&str; 12] = [
    "~", ".bak", ".orig", ".old", ".rej", ".save", ".swo", ".swp", ".tmp", ".rpmnew", ".rpmorig",
    ".rpmsave",
];

fn is_left_behind(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    LEFT_BEHIND.iter().any(|end| name.ends_with(end))
        || name.ends_with('#')
        || name.contains(".dpkg-")
        || name.contains(".ucf-")
}

/// Registers every script of a folder as a check. A script that can't be run is
/// registered as a check that is unknown; a backup that an editor left is
/// told, and not run.
///
/// # Errors
/// When the folder is not to be trusted, can't be read, or holds no script.
pub fn load_scripts(
    registry: &mut Registry,
    dir: &Path,
    limit: Duration,
) -> Result<LoadedScripts, ScriptError> {
    let real = is_trusted(dir)?;
    let mut paths: Vec<PathBuf> = fs::read_dir(&real)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(|c: char| c.is_ascii_digit()) && !path.is_dir()
    });
    paths.sort();
    let (left_behind, paths): (Vec<PathBuf>, Vec<PathBuf>) = paths
        .into_iter()
        .partition(|path| is_left_behind(&path.file_name().unwrap_or_default().to_string_lossy()));
    if paths.is_empty() {
        return Err(ScriptError::None(real));
    }
    for path in left_behind {
        registry.add_plugin(Arc::new(PluginEntry::new(PluginInfo {
            note: Some("not run: its name is that of a backup".to_owned()),
            ..unread(&path)
        })));
    }
    let preamble = preamble(registry, &real)?;
    for path in &paths {
        let mut info = unread(path);
        let registered = Text::read(&real, path).and_then(|text| {
            info.sha256 = Some(text.sha256);
            let script = Script::new(path, &text.text, &preamble, limit)?;
            let id = script.info.id.clone();
            registry
                .register(Arc::new(script))
                .map_err(|_| ScriptError::Taken)?;
            Ok(id)
        });
        match registered {
            Ok(id) => registry.add_plugin(Arc::new(PluginEntry::new(PluginInfo {
                checks: vec![id],
                ..info
            }))),
            Err(error) => register_failure(registry, info, &error.to_string()),
        }
    }
    Ok(LoadedScripts { count: paths.len() })
}

/// What the report says of a file before it was read.
fn unread(path: &Path) -> PluginInfo {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    PluginInfo {
        name: name.into_owned(),
        kind: PluginKind::Script,
        version: None,
        path: path.display().to_string(),
        sha256: None,
        checks: Vec::new(),
        error: None,
        note: None,
    }
}

/// A file that is trusted, read once: what is hashed is what is run.
struct Text {
    text: String,
    sha256: String,
}

impl Text {
    /// Reads a file of a folder. What it is, and whose, is looked at before it
    /// is opened: a pipe would never end, nor would a device.
    fn read(dir: &Path, path: &Path) -> Result<Self, ScriptError> {
        let file = fs::File::open(is_trusted_in(dir, path)?)?;
        let mut bytes = Vec::new();
        file.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > LONGEST {
            return Err(ScriptError::Text("it is longer than 120 KiB"));
        }
        if bytes.contains(&0) {
            return Err(ScriptError::Text("it is no text: it holds a zero byte"));
        }
        let sha256 = digest(&*bytes)?;
        let text =
            String::from_utf8(bytes).map_err(|_| ScriptError::Text("it is no UTF-8 text"))?;
        Ok(Self { text, sha256 })
    }
}

/// The file `preamble` of the folder, or of the one above it; or our own.
/// It is part of what runs, so it is held to the same rules and named as well.
fn preamble(registry: &mut Registry, dir: &Path) -> Result<String, ScriptError> {
    let beside = [Some(dir), dir.parent()]
        .into_iter()
        .flatten()
        .map(|dir| (dir, dir.join("preamble")))
        // A link that leads nowhere is one that somebody wanted.
        .find(|(_, path)| path.symlink_metadata().is_ok() && !path.is_dir());
    let Some((dir, path)) = beside else {
        return Ok(PREAMBLE.to_owned());
    };
    let text = Text::read(&is_trusted(dir)?, &path)?;
    registry.add_plugin(Arc::new(PluginEntry::new(PluginInfo {
        sha256: Some(text.sha256),
        note: Some("put before each script".to_owned()),
        ..unread(&path)
    })));
    Ok(text.text + "\n")
}

/// What a script says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Metadata {
    description: Option<String>,
    kind: ScriptType,
    comments: String,
    references: Vec<String>,
}

fn value(text: &str, name: &str) -> Option<String> {
    static LINES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?m)^ *([A-Z_]+)=(?:"([^"\n]*)"|'([^'\n]*)'|([^\s;]+))"#)
            .expect("a test compiles every pattern")
    });
    let found = LINES.captures_iter(text).find(|c| &c[1] == name)?;
    let value = found.get(2).or(found.get(3)).or(found.get(4))?;
    Some(value.as_str().trim().to_owned())
}

impl Metadata {
    fn read(text: &str) -> Result<Self, ScriptError> {
        let word = value(text, "SCRIPT_TYPE").unwrap_or_default();
        let kind = ScriptType::read(&word).ok_or(ScriptError::Type(word))?;
        let mut comments = Vec::new();
        // Up to the first line that does something.
        for line in text.lines().map(str::trim) {
            match line.strip_prefix('#') {
                Some(shebang) if shebang.starts_with('!') => {}
                Some(comment) => comments.push(comment.trim_start_matches('#').trim()),
                None if line.is_empty() || is_assignment(line) => {}
                None => break,
            }
        }
        let references = ["JIRA_REFERENCE", "WTA_REFERENCE", "KB_REFERENCE"];
        Ok(Self {
            description: value(text, "DESCRIPTION").filter(|d| !d.is_empty()),
            kind,
            comments: comments.join("\n").trim().to_owned(),
            references: references
                .iter()
                .filter_map(|name| value(text, name))
                .filter(|reference| !reference.is_empty())
                .collect(),
        })
    }
}

fn is_assignment(line: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    })
}

/// The program and option that run a text, by its first line.
fn interpreter(text: &str) -> Result<(&'static str, &'static str), ScriptError> {
    let first = text.lines().next().unwrap_or_default();
    let Some(line) = first.strip_prefix("#!") else {
        return Ok(("bash", "-c"));
    };
    let mut words = line
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .filter(|word| *word != "env" && !word.starts_with('-'));
    match words.next().unwrap_or_default() {
        "bash" => Ok(("bash", "-c")),
        "sh" | "dash" | "ash" => Ok(("sh", "-c")),
        "ksh" => Ok(("ksh", "-c")),
        "python3" => Ok(("python3", "-c")),
        "perl" => Ok(("perl", "-e")),
        other => Err(ScriptError::Interpreter(other.to_owned())),
    }
}

/// A script as a check.
struct Script {
    info: CheckInfo,
    kind: ScriptType,
    key: &'static str,
    path: String,
    spec: FactSpec,
}

/// The addresses of all backends: a script's arguments.
fn backends(_: &View<'_>, _: &Server, all: &[Server]) -> Vec<String> {
    let is_backend = |s: &&Server| s.role == Role::Backend;
    all.iter()
        .filter(is_backend)
        .map(|s| s.address.clone())
        .collect()
}

impl Script {
    fn new(path: &Path, text: &str, preamble: &str, limit: Duration) -> Result<Self, ScriptError> {
        if text.len() + preamble.len() > LONGEST {
            return Err(ScriptError::Text(
                "it and the preamble are longer than 120 KiB",
            ));
        }
        let metadata = Metadata::read(text)?;
        let (program, option) = interpreter(text)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let word = id_word(&name);
        let preamble = match program {
            "python3" | "perl" => "",
            _ => preamble,
        };
        let key: &'static str = format!("{SCRIPT_KEY}{word}").leak();
        let quoted = shell_words::quote(&name);
        // A missing program is not what the script has to say.
        let script = format!(
            "command -v {program} >/dev/null 2>&1 || {{ echo 'there is no {program} on this server' >&2; exit 255; }}\n\
             set -- {program} {option} {} {quoted} \"$@\"\n{APART}",
            shell_words::quote(&format!("{preamble}{text}"))
        );
        // Once per script and process.
        let probe: &'static DependentProbe = Box::leak(Box::new(DependentProbe {
            probe: ServerProbe {
                key,
                script: script.leak(),
                timeout: limit,
                limit: KEPT,
            },
            words: backends,
        }));
        let scope = match metadata.kind {
            ScriptType::Single | ScriptType::CompareBackends => Scope::Cluster,
            ScriptType::Parallel | ScriptType::Sequential => Scope::Backend,
        };
        // They run as they are; what is shown of them is what can be seen.
        let shown = |text: &str| printable(text).into_owned();
        let path = shown(&path.display().to_string());
        let mut sources = vec![format!("the script {path}")];
        sources.extend(metadata.references.iter().map(|r| shown(r)));
        Ok(Self {
            info: CheckInfo {
                id: format!("{AREA_OF_SCRIPTS}/{word}"),
                title: shown(metadata.description.as_deref().unwrap_or(&name)),
                scope: vec![scope],
                when: "all".to_owned(),
                levels: vec![Level::Warn, Level::Fail],
                sources,
                plugin: Some(shown(&name)),
                explanation: explanation(&printable_lines(&metadata.comments), metadata.kind),
            },
            kind: metadata.kind,
            key,
            path,
            spec: FactSpec {
                name: key,
                scope: FactScope::Cluster,
                commands: &[],
                dependents: &[],
                probes: &[],
                dependent_probes: Box::leak(Box::new([probe])),
                read: |_| Ok(Arc::new(Unread) as Arc<dyn AnyFact>),
            },
        })
    }

    /// What it printed there. A run whose output was cut counts only where it is
    /// bad: what a flood ended can have any exit status, and two outputs that
    /// begin alike are not the same.
    fn ran<'v>(&self, view: &View<'v>) -> Result<&'v Record, Missing> {
        let record = view.record(self.key)?;
        match record.exit_status() {
            None | Some(0 | 254 | 255) => view.whole(self.key),
            Some(_) => Ok(record),
        }
    }

    /// What one run of the script means.
    fn judge_run(&self, record: &Record) -> Judgement {
        let said = last_line(record);
        let status = record.exit_status().unwrap_or(-1);
        let summary = |words: &str| match said.as_str() {
            "" => words.to_owned(),
            said => said.to_owned(),
        };
        let remedy = || {
            format!(
                "Mend what the script reports, then check again. It is {}, and not checker's: who gave it to you knows more.",
                self.path
            )
        };
        let judgement = match status {
            0 => return Judgement::pass(summary("exit status 0")),
            254 => Judgement::warn(summary("a warning (exit status 254)"), remedy()),
            255 => Judgement::unknown(format!(
                "the script failed inside (exit status 255){}",
                if said.is_empty() {
                    said.clone()
                } else {
                    format!(": {said}")
                }
            )),
            status => Judgement::fail(summary(&format!("exit status {status}")), remedy()),
        };
        judgement.details(lines(record))
    }

    /// What it did on the one backend that it ran on.
    fn judge_single(&self, facts: &FactTable<'_>) -> Result<Judgement, Missing> {
        let mut why = None;
        for (server, view) in facts
            .server_views()
            .filter(|(s, _)| s.role == Role::Backend)
        {
            match self.ran(&view) {
                Ok(record) => {
                    let judgement = self.judge_run(record);
                    return Ok(Judgement {
                        summary: format!("{} ({})", judgement.summary, server.name),
                        ..judgement
                    });
                }
                Err(missing) if missing.why == Why::NotCollected => {}
                Err(missing) => why = why.or(Some(missing)),
            }
        }
        Err(why.unwrap_or_else(|| self.not_run()))
    }

    fn judge_compared(&self, facts: &FactTable<'_>) -> Result<Judgement, Missing> {
        let mut by_output: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut worst: Option<Judgement> = None;
        let mut details = Vec::new();
        let mut missing = None;
        for (server, view) in facts
            .server_views()
            .filter(|(s, _)| s.role == Role::Backend)
        {
            match self.ran(&view) {
                Err(why) => missing = missing.or(Some(why)),
                Ok(record) => {
                    let judgement = self.judge_run(record);
                    if judgement.outcome != Outcome::Pass {
                        details.push(format!("{}: {}", server.name, judgement.summary));
                    }
                    if worst.as_ref().is_none_or(|w| w.outcome < judgement.outcome) {
                        worst = Some(judgement);
                    }
                    let output = record.stdout_text().trim_end().to_owned();
                    by_output
                        .entry(output)
                        .or_default()
                        .push(server.name.clone());
                }
            }
        }
        let Some(worst) = worst else {
            return Err(missing.unwrap_or_else(|| self.not_run()));
        };
        if by_output.len() > 1 {
            for (output, servers) in &by_output {
                let names: Vec<&str> = servers.iter().map(String::as_str).collect();
                let first = output.lines().next().unwrap_or("(nothing)");
                details.push(format!("{}: {first}", fold_names(&names)));
            }
            let summary = format!("{} different outputs on the backends", by_output.len());
            let remedy = format!(
                "Make the backends alike in what the script prints, then check again. It is {}, and not checker's.",
                self.path
            );
            return Ok(Judgement::fail(summary, remedy).details(details));
        }
        // One bad backend is known; what the others would say changes nothing.
        match (worst.outcome, missing) {
            (Outcome::Fail, _) | (_, None) => Ok(Judgement { details, ..worst }),
            (_, Some(missing)) => Err(missing),
        }
    }

    fn not_run(&self) -> Missing {
        Missing {
            evidence: self.key.to_owned(),
            command: self.key.to_owned(),
            server: None,
            why: Why::NotCollected,
        }
    }
}

fn explanation(comments: &str, kind: ScriptType) -> String {
    let comments = if comments.is_empty() {
        "The script says nothing more."
    } else {
        comments
    };
    format!(
        "## What it looks at\n{comments}\n\n## Where it runs\nOn {}. It is somebody else's script: nothing holds it to only look.",
        kind.words()
    )
}

/// The last line that it printed, on standard output if there is one.
fn last_line(record: &Record) -> String {
    let last = |text: &str| {
        let mut lines = text.lines().map(str::trim).rev();
        lines.find(|line| !line.is_empty()).map(str::to_owned)
    };
    let line = last(&record.stdout_text()).or_else(|| last(&record.stderr_text()));
    line.unwrap_or_default().chars().take(200).collect()
}

/// All that it printed.
fn lines(record: &Record) -> Vec<String> {
    let (out, err) = (record.stdout_text(), record.stderr_text());
    out.lines()
        .chain(err.lines())
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .map(|line| line.chars().take(1_000).collect())
        .collect()
}

/// The records are the facts.
#[derive(Debug, Clone, Copy, serde::Serialize)]
struct Unread;

impl Fact for Unread {
    const NAME: &'static str = "script";
    const SCOPE: FactScope = FactScope::Cluster;

    fn read(_: &View<'_>) -> Result<Self, Missing> {
        Ok(Self)
    }
}

impl Check for Script {
    fn info(&self) -> &CheckInfo {
        &self.info
    }

    fn needs(&self) -> Vec<FactSpec> {
        vec![self.spec]
    }

    fn applies(&self, _: &UpgradePath) -> Applies {
        Applies::Yes
    }

    fn applies_always(&self) -> bool {
        true
    }

    fn judge(
        &self,
        facts: &FactTable<'_>,
        server: Option<&Server>,
        _: &Context<'_>,
    ) -> Result<Judgement, Missing> {
        match (self.kind, server) {
            (ScriptType::Single, _) => self.judge_single(facts),
            (ScriptType::CompareBackends, _) => self.judge_compared(facts),
            (ScriptType::Parallel | ScriptType::Sequential, None) => Err(self.not_run()),
            (ScriptType::Parallel | ScriptType::Sequential, Some(server)) => {
                let mut views = facts.server_views();
                let (_, view) = views
                    .find(|(s, _)| s.name == server.name)
                    .ok_or_else(|| self.not_run())?;
                Ok(self.judge_run(self.ran(&view)?))
            }
        }
    }

    fn place(&self) -> Place {
        match self.kind {
            ScriptType::Single => Place::Vantage,
            ScriptType::Sequential => Place::OneByOne,
            ScriptType::Parallel | ScriptType::CompareBackends => Place::Backends,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const AES: &str = "#!/bin/bash\n\nDESCRIPTION=\"Check CPU for AES\"\n# type\nSCRIPT_TYPE=\"parallel\"\nKB_REFERENCE=\"KB 42\"\n\n# the flag is in /proc/cpuinfo\ngrep -q aes /proc/cpuinfo\n# not this\n";

    #[test]
    fn metadata_as_the_convention_has_it() {
        let metadata = Metadata::read(AES).expect("a script");
        assert_eq!(metadata.description.as_deref(), Some("Check CPU for AES"));
        assert_eq!(metadata.kind, ScriptType::Parallel);
        assert_eq!(metadata.comments, "type\nthe flag is in /proc/cpuinfo");
        assert_eq!(metadata.references, ["KB 42"]);
    }

    #[rstest]
    #[case::none("echo", "")]
    #[case::unknown("SCRIPT_TYPE=\"sometimes\"\n", "sometimes")]
    #[case::in_a_comment("# SCRIPT_TYPE=\"single\"\n", "")]
    fn no_type(#[case] text: &str, #[case] expected: &str) {
        match Metadata::read(text) {
            Err(ScriptError::Type(word)) => assert_eq!(word, expected),
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case("single", Some(ScriptType::Single))]
    #[case("parallel", Some(ScriptType::Parallel))]
    #[case("sequential", Some(ScriptType::Sequential))]
    #[case("parallel-compare-backends", Some(ScriptType::CompareBackends))]
    #[case("Parallel", None)]
    fn types(#[case] word: &str, #[case] expected: Option<ScriptType>) {
        assert_eq!(ScriptType::read(word), expected);
        let indented = format!("   SCRIPT_TYPE='{word}'");
        assert_eq!(Metadata::read(&indented).ok().map(|m| m.kind), expected);
    }

    /// What a script of this type is judged to be where `weka-01` printed the
    /// same text as `weka-02`, and ended with this status, cut or whole.
    fn judged(kind: &str, status: i32, truncated: bool) -> Result<Outcome, Missing> {
        use crate::evidence::{End, NotRun, RawRecord, Redactor, ServerEvidence, Store};
        use crate::server::{Reach, Transport};
        let text = format!("SCRIPT_TYPE={kind}\nuname\n");
        let second = Duration::from_secs(1);
        let script = Script::new(Path::new("/x/010_a"), &text, "", second).expect("a script");
        let mut store = Store::default();
        for (name, truncated) in [("weka-01", truncated), ("weka-02", false)] {
            if script.kind == ScriptType::Single && name != "weka-01" {
                continue;
            }
            let time = jiff::Timestamp::UNIX_EPOCH;
            let record = Redactor::new().seal(RawRecord {
                end: End::Exited(status),
                stdout: b"the same".to_vec(),
                truncated,
                ..RawRecord::not_run(script.key, "x", time, NotRun::Deadline)
            });
            store.insert_server(ServerEvidence {
                server: Server {
                    name: name.to_owned(),
                    hostname: name.to_owned(),
                    address: name.to_owned(),
                    addresses: Vec::new(),
                    role: Role::Backend,
                },
                reach: Reach {
                    transport: Some(Transport::Ssh),
                    error: None,
                    ms: 1,
                },
                records: BTreeMap::from([(script.key.to_owned(), record)]),
            });
        }
        let table = FactTable::new(&store, crate::facts::Readings::default());
        let judgement = match script.kind {
            ScriptType::Single => script.judge_single(&table),
            ScriptType::CompareBackends => script.judge_compared(&table),
            ScriptType::Parallel | ScriptType::Sequential => {
                let (_, view) = table.server_views().next().expect("a server");
                script.ran(&view).map(|record| script.judge_run(record))
            }
        };
        judgement.map(|judgement| judgement.outcome)
    }

    #[rstest]
    #[case::whole(0, false, Some(Outcome::Pass))]
    #[case::cut(0, true, None)]
    #[case::whole_and_yellow(254, false, Some(Outcome::Warn))]
    #[case::cut_and_yellow(254, true, None)]
    #[case::cut_and_failed_inside(255, true, None)]
    #[case::cut_and_red_is_red(1, true, Some(Outcome::Fail))]
    fn half_an_output_is_not_green(
        #[values("single", "parallel", "sequential", "parallel-compare-backends")] kind: &str,
        #[case] status: i32,
        #[case] truncated: bool,
        #[case] expected: Option<Outcome>,
    ) {
        match judged(kind, status, truncated) {
            Ok(outcome) => assert_eq!(Some(outcome), expected),
            Err(missing) => {
                assert_eq!(missing.why, Why::Truncated);
                assert_eq!(expected, None);
            }
        }
    }

    #[rstest]
    #[case("010_a", false)]
    #[case("010_a.sh", false)]
    #[case("010_backup", false)]
    #[case("010_a~", true)]
    #[case("010_a.BAK", true)]
    #[case("010_a.orig", true)]
    #[case("010_a.rpmsave", true)]
    #[case("010_a.rpmnew", true)]
    #[case("010_a.swp", true)]
    #[case("010_a.dpkg-dist", true)]
    fn backups(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_left_behind(name), expected);
    }

    #[rstest]
    #[case("#!/bin/bash\n", Some("bash"))]
    #[case("#!/usr/bin/env bash\n", Some("bash"))]
    #[case("#!/usr/bin/env -S python3 -u\n", Some("python3"))]
    #[case("#!/bin/sh -e\n", Some("sh"))]
    #[case("echo\n", Some("bash"))]
    #[case("#!/usr/bin/awk -f\n", None)]
    fn interpreters(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(interpreter(text).ok().map(|(program, _)| program), expected);
    }
}
