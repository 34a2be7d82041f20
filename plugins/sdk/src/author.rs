//! For who writes a plugin in Rust: metadata, a function that judges, and the
//! macro [`plugin!`](crate::plugin!).

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::wire::{
    Answer, Applies, CheckDeclaration, CommandDeclaration, Description, EvidenceRecord,
    ProbeDeclaration, Question, RunContext, ServerFacts, TargetEvidence, TargetJudgement,
};
use crate::{CheckInfo, Judgement, Level, Scope};

/// A command of the cluster. What is not said has the default of [`Command::new`].
#[derive(Debug, Clone, Copy)]
pub struct Command {
    key: &'static str,
    variants: &'static [&'static str],
    timeout_s: u32,
    any_exit: bool,
}

impl Command {
    /// A command that is to succeed within 30 seconds: what stands behind
    /// `weka`, the newest spelling first.
    #[must_use]
    pub const fn new(key: &'static str, variants: &'static [&'static str]) -> Self {
        Self {
            key,
            variants,
            timeout_s: 30,
            any_exit: false,
        }
    }

    /// Every exit status is an answer.
    #[must_use]
    pub const fn any_exit(self) -> Self {
        Self {
            any_exit: true,
            ..self
        }
    }

    /// It may take so many seconds.
    #[must_use]
    pub const fn within(self, seconds: u32) -> Self {
        Self {
            timeout_s: seconds,
            ..self
        }
    }
}

/// A piece of shell for every server. What is not said has the default of [`Probe::new`].
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    key: &'static str,
    script: &'static str,
    sample: Option<&'static str>,
    timeout_s: u32,
    limit_bytes: u32,
    any_exit: bool,
}

impl Probe {
    /// A piece of POSIX shell that is to succeed within 5 seconds and to
    /// print at most 64 KiB. It only looks.
    #[must_use]
    pub const fn new(key: &'static str, script: &'static str) -> Self {
        Self {
            key,
            script,
            sample: None,
            timeout_s: 5,
            limit_bytes: 64 << 10,
            any_exit: false,
        }
    }

    /// What it prints where all is well: for the simulated servers.
    #[must_use]
    pub const fn sample(self, stdout: &'static str) -> Self {
        Self {
            sample: Some(stdout),
            ..self
        }
    }

    /// Every exit status is an answer.
    #[must_use]
    pub const fn any_exit(self) -> Self {
        Self {
            any_exit: true,
            ..self
        }
    }

    /// It may take so many seconds.
    #[must_use]
    pub const fn within(self, seconds: u32) -> Self {
        Self {
            timeout_s: seconds,
            ..self
        }
    }

    /// It may print so many bytes.
    #[must_use]
    pub const fn at_most(self, bytes: u32) -> Self {
        Self {
            limit_bytes: bytes,
            ..self
        }
    }
}

/// A range of releases in the form of constants: from the first on, below the second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Releases {
    /// This one, or a later.
    pub min: Option<&'static str>,
    /// An earlier one than this.
    pub below: Option<&'static str>,
}

impl Releases {
    /// All of them.
    pub const ALL: Self = Self {
        min: None,
        below: None,
    };

    fn declare(self) -> crate::wire::Range {
        crate::wire::Range {
            min: self.min.map(str::to_owned),
            below: self.below.map(str::to_owned),
        }
    }
}

/// One check, as [`plugin!`](crate::plugin!) writes it down.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// `area/name`.
    pub id: &'static str,
    /// The doc comment: its first line is the title, the rest the explanation.
    pub doc: &'static [&'static str],
    /// What it is asked about.
    pub scope: &'static [Scope],
    /// When it applies, in words.
    pub when: &'static str,
    /// The running releases that it applies to.
    pub from: Releases,
    /// The targets that it applies to.
    pub to: Releases,
    /// The colours that it can give beside green.
    pub levels: &'static [Level],
    /// Where the rule comes from.
    pub sources: &'static [&'static str],
    /// The keys of its evidence.
    pub evidence: &'static [&'static str],
    /// Whether it wants to see what is missing.
    pub takes_missing: bool,
    /// The rule.
    pub judge: fn(&Evidence<'_>) -> Judgement,
}

/// A whole plugin, as [`plugin!`](crate::plugin!) writes it down.
#[derive(Debug, Clone, Copy)]
pub struct Plugin {
    /// Small letters, digits and `-`.
    pub name: &'static str,
    /// As it is to stand in the report.
    pub version: &'static str,
    /// The cluster's commands that it needs.
    pub commands: &'static [Command],
    /// The pieces of shell that it needs.
    pub probes: &'static [Probe],
    /// What it checks.
    pub checks: &'static [Check],
}

/// What one target is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'q> {
    run: &'q RunContext,
    cluster: &'q [EvidenceRecord],
    target: &'q TargetEvidence,
}

impl<'q> Evidence<'q> {
    /// What is known of the upgrade.
    #[must_use]
    pub fn run(&self) -> &'q RunContext {
        self.run
    }

    /// The server that is judged; `None` for the cluster.
    #[must_use]
    pub fn server(&self) -> Option<&'q ServerFacts> {
        self.target.server.as_ref()
    }

    /// What was answered under a key that this check declared.
    ///
    /// # Panics
    /// When the check declares no such key: a fault of the plugin. The SDK
    /// catches it, and the target becomes unknown.
    #[must_use]
    #[track_caller]
    pub fn record(&self, key: &str) -> &'q EvidenceRecord {
        find(self.cluster, key)
            .or_else(|| find(&self.target.records, key))
            .unwrap_or_else(|| panic!("the check does not declare {key:?} as its evidence"))
    }

    /// The standard output under a key that this check declared.
    ///
    /// # Panics
    /// As [`Evidence::record`].
    #[must_use]
    #[track_caller]
    pub fn stdout(&self, key: &str) -> &'q str {
        &self.record(key).stdout
    }

    /// The JSON that a command printed under a key that this check declared.
    ///
    /// # Errors
    /// `unknown`, to be returned, when it is no JSON.
    ///
    /// # Panics
    /// As [`Evidence::record`].
    #[track_caller]
    pub fn json(&self, key: &str) -> Result<serde_json::Value, Judgement> {
        serde_json::from_str(self.stdout(key))
            .map_err(|error| Judgement::unknown(format!("the answer to {key} is no JSON: {error}")))
    }

    /// For a check of the cluster: every server with what it answered under a key.
    ///
    /// # Panics
    /// As [`Evidence::record`].
    #[track_caller]
    pub fn servers(&self, key: &str) -> Vec<(&'q ServerFacts, &'q EvidenceRecord)> {
        let of = |s: &'q crate::wire::ServerEvidence| {
            let record = find(&s.records, key)
                .unwrap_or_else(|| panic!("the check does not declare {key:?} as its evidence"));
            (&s.server, record)
        };
        self.target.servers.iter().map(of).collect()
    }
}

fn find<'r>(records: &'r [EvidenceRecord], key: &str) -> Option<&'r EvidenceRecord> {
    records.iter().find(|record| record.key == key)
}

impl Plugin {
    /// What `describe` answers.
    #[must_use]
    pub fn description(&self) -> Description {
        let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        Description {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            commands: self
                .commands
                .iter()
                .map(|c| CommandDeclaration {
                    key: c.key.to_owned(),
                    variants: owned(c.variants),
                    timeout_s: c.timeout_s,
                    any_exit: c.any_exit,
                })
                .collect(),
            probes: self
                .probes
                .iter()
                .map(|p| ProbeDeclaration {
                    key: p.key.to_owned(),
                    script: p.script.to_owned(),
                    timeout_s: p.timeout_s,
                    limit_bytes: p.limit_bytes,
                    any_exit: p.any_exit,
                    sample: p.sample.map(str::to_owned),
                })
                .collect(),
            checks: self
                .checks
                .iter()
                .map(|c| CheckDeclaration {
                    info: c.info(),
                    evidence: owned(c.evidence),
                    takes_missing: c.takes_missing,
                    applies: Some(Applies {
                        from: c.from.declare(),
                        to: c.to.declare(),
                    })
                    .filter(|applies| *applies != Applies::default()),
                })
                .collect(),
        }
    }

    /// Asks one check about one server (or about `cluster`) that answered these
    /// texts: for an author's tests. What is not given is missing.
    ///
    /// # Panics
    /// When the plugin has no such check.
    #[must_use]
    #[track_caller]
    pub fn try_on(&self, check: &str, target: &str, records: &[(&str, &str)]) -> Judgement {
        let record = |key: &str| {
            let given = records.iter().find(|(k, _)| *k == key);
            EvidenceRecord {
                key: key.to_owned(),
                stdout: given.map_or_else(String::new, |(_, text)| (*text).to_owned()),
                stderr: String::new(),
                exit_status: given.map(|_| 0),
                truncated: false,
                started_at: String::new(),
                duration_ms: 0,
                missing: given.is_none().then(|| format!("`{key}`: not given")),
            }
        };
        let declared = self.checks.iter().find(|c| c.id == check);
        let is_command =
            |key: &&str| key.starts_with("weka:") || self.commands.iter().any(|c| c.key == *key);
        let (commands, probes): (Vec<&str>, Vec<&str>) = declared
            .map_or(&[][..], |c| c.evidence)
            .iter()
            .copied()
            .partition(is_command);
        let server = ServerFacts {
            name: target.to_owned(),
            hostname: target.to_owned(),
            address: "10.0.0.1".to_owned(),
            addresses: vec!["10.0.0.1".to_owned()],
            role: "backend".to_owned(),
        };
        let records: Vec<EvidenceRecord> = probes.into_iter().map(record).collect();
        let of_cluster = target == "cluster";
        let question = Question {
            check: check.to_owned(),
            run: RunContext {
                from: Some("4.4.21.2".to_owned()),
                to: "4.4.33".to_owned(),
                path: vec!["4.4.21.2".to_owned(), "4.4.33".to_owned()],
                now: "2026-07-20T02:00:00Z".to_owned(),
            },
            records: commands.into_iter().map(record).collect(),
            targets: vec![TargetEvidence {
                target: target.to_owned(),
                server: (!of_cluster).then(|| server.clone()),
                records: if of_cluster {
                    Vec::new()
                } else {
                    records.clone()
                },
                servers: if of_cluster {
                    vec![crate::wire::ServerEvidence { server, records }]
                } else {
                    Vec::new()
                },
            }],
        };
        let mut answer = self
            .answer(&question)
            .unwrap_or_else(|error| panic!("{error}"));
        answer.judgements.remove(0).judgement
    }

    /// What `judge` answers. A panic costs the target that it was about.
    ///
    /// # Errors
    /// When the plugin has no such check.
    pub fn answer(&self, question: &Question) -> Result<Answer, String> {
        let check = self
            .checks
            .iter()
            .find(|check| check.id == question.check)
            .ok_or_else(|| format!("this plugin has no check {}", question.check))?;
        let judge = |target: &TargetEvidence| {
            let evidence = Evidence {
                run: &question.run,
                cluster: &question.records,
                target,
            };
            let judgement = catch_unwind(AssertUnwindSafe(|| (check.judge)(&evidence)));
            TargetJudgement {
                target: target.target.clone(),
                judgement: judgement.unwrap_or_else(|panic| {
                    Judgement::unknown(format!(
                        "the check failed inside: {}",
                        panic_text(panic.as_ref())
                    ))
                }),
            }
        };
        Ok(Answer {
            check: question.check.clone(),
            judgements: question.targets.iter().map(judge).collect(),
        })
    }
}

impl Check {
    fn info(&self) -> CheckInfo {
        let lines: Vec<&str> = self
            .doc
            .iter()
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        let title = lines.first().copied().unwrap_or_default();
        let rest = lines.get(1..).unwrap_or_default().join("\n");
        CheckInfo {
            id: self.id.to_owned(),
            title: title.trim_end_matches('.').to_owned(),
            scope: self.scope.to_vec(),
            when: self.when.to_owned(),
            levels: self.levels.to_vec(),
            sources: self.sources.iter().map(|s| (*s).to_owned()).collect(),
            plugin: None,
            explanation: rest.trim().to_owned(),
        }
    }
}

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
}

/// Writes a plugin down and exports it: the only thing beside its functions
/// that a plugin in Rust needs.
///
/// ```
/// use checker_plugin_sdk::{Evidence, Judgement, Probe};
///
/// checker_plugin_sdk::plugin! {
///     name: "swap",
///     commands: [],
///     probes: [Probe::new("swaps", "cat /proc/swaps").sample("Filename Type Size Used Priority\n")],
///     checks: [
///         /// No server swaps.
///         ///
///         /// ## Why it matters
///         /// …
///         {
///             id: "server/swap",
///             scope: [Backend],
///             when: "all",
///             levels: [Warn],
///             sources: ["Site rule 7"],
///             evidence: ["swaps"],
///             judge: swap,
///         },
///     ],
/// }
///
/// fn swap(evidence: &Evidence<'_>) -> Judgement {
///     let mut lines = evidence.stdout("swaps").lines();
///     if !lines.next().unwrap_or_default().starts_with("Filename") {
///         return Judgement::unknown("/proc/swaps has no heading");
///     }
///     match lines.count() {
///         0 => Judgement::pass("no swap"),
///         n => Judgement::warn(format!("{n} swap areas"), "Turn swap off: `swapoff -a`."),
///     }
/// }
/// ```
///
/// A check that applies only to some upgrades has, behind `when`, lines such
/// as `from: { min: "4.2", below: "5.1" },` and `to: { min: "5.0" },`; one that
/// wants to see missing evidence has, behind `evidence`, the line
/// `takes_missing: true,`.
#[macro_export]
macro_rules! plugin {
    (
        name: $name:literal,
        $(version: $version:expr,)?
        commands: [$($command:expr),* $(,)?],
        probes: [$($probe:expr),* $(,)?],
        checks: [$(
            $(#[doc = $doc:literal])+
            {
                id: $id:literal,
                scope: [$($scope:ident),+ $(,)?],
                when: $when:literal,
                $(from: { $($from:ident: $from_release:literal),* $(,)? },)?
                $(to: { $($to:ident: $to_release:literal),* $(,)? },)?
                levels: [$($level:ident),* $(,)?],
                sources: [$($source:literal),+ $(,)?],
                evidence: [$($evidence:literal),* $(,)?],
                $(takes_missing: $takes_missing:literal,)?
                judge: $judge:expr $(,)?
            }
        ),+ $(,)?] $(,)?
    ) => {
        static PLUGIN: $crate::Plugin = $crate::Plugin {
            name: $name,
            version: $crate::plugin!(@version $($version)?),
            commands: &[$($command),*],
            probes: &[$($probe),*],
            checks: &[$($crate::Check {
                id: $id,
                doc: &[$($doc),+],
                scope: &[$($crate::Scope::$scope),+],
                when: $when,
                from: $crate::Releases { $($($from: Some($from_release),)*)? ..$crate::Releases::ALL },
                to: $crate::Releases { $($($to: Some($to_release),)*)? ..$crate::Releases::ALL },
                levels: &[$($crate::Level::$level),*],
                sources: &[$($source),+],
                evidence: &[$($evidence),*],
                takes_missing: $crate::plugin!(@or_false $($takes_missing)?),
                judge: $judge,
            }),+],
        };
        $crate::export!(PLUGIN);
    };
    (@version) => { env!("CARGO_PKG_VERSION") };
    (@version $version:expr) => { $version };
    (@or_false) => { false };
    (@or_false $value:literal) => { $value };
}
