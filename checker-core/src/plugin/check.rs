//! One check of a plugin, as the engine sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::declared::{DeclaredCheck, Item, Origin, Releases};
use super::fault::Fault;
use super::process::Process;
use crate::check::{Applies, Check, Context, UpgradePath};
use crate::contract::wire::{
    Answer, EvidenceRecord, Question, RunContext, ServerEvidence, ServerFacts, TargetEvidence,
};
use crate::contract::{CheckInfo, Judgement, Outcome};
use crate::evidence::Redactor;
use crate::facts::{AnyFact, Fact, FactScope, FactSpec, FactTable, Missing, View, Why};
use crate::registry::PluginEntry;
use crate::server::Server;

/// The questions of one call are no larger than this together, unless one alone is.
const LARGEST_QUESTION: usize = 4 << 20;

/// More lines than this nobody reads.
const MOST_DETAILS: usize = 10_000;

/// A loaded plugin, shared by its checks.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    /// Set apart by the file, since two files may claim one name.
    pub(super) lane: String,
    pub(super) entry: Arc<PluginEntry>,
    /// Asked from one thread at a time: the lane.
    pub(super) process: Mutex<State>,
}

#[derive(Debug)]
pub(super) enum State {
    Running(Box<Process>),
    /// It did something that a process does not outlive.
    Gone(Fault),
}

impl Host {
    /// Asks, and ends the process where it can't be trusted to go on.
    fn judge(&self, question: &Question) -> Result<Answer, Fault> {
        let asked =
            serde_json::to_vec(question).map_err(|error| Fault::Failed(error.to_string()))?;
        let mut state = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match &mut *state {
            State::Running(process) => process.judge(&asked),
            State::Gone(before) => return Err(Fault::Gone(before.to_string())),
        };
        match answer {
            Ok(bytes) => read_answer(question, &bytes),
            Err(fault @ (Fault::Failed(_) | Fault::LongQuestion(_))) => Err(fault),
            Err(fault) => {
                *state = State::Gone(fault.clone());
                Err(fault)
            }
        }
    }
}

/// Reads an answer, strictly: it is about this question and nothing else.
fn read_answer(question: &Question, bytes: &[u8]) -> Result<Answer, Fault> {
    let answer: Answer =
        serde_json::from_slice(bytes).map_err(|error| Fault::Unreadable(error.to_string()))?;
    if answer.check != question.check {
        return Err(Fault::OtherCheck {
            asked: question.check.clone(),
            answered: short(&answer.check),
        });
    }
    let mut open: HashMap<&str, bool> = question
        .targets
        .iter()
        .map(|target| (target.target.as_str(), true))
        .collect();
    for judgement in &answer.judgements {
        match open.get_mut(judgement.target.as_str()) {
            None => return Err(Fault::OtherTarget(short(&judgement.target))),
            Some(open) if !*open => return Err(Fault::Twice(short(&judgement.target))),
            Some(open) => *open = false,
        }
    }
    Ok(answer)
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Where a plugin's evidence is not read into anything: the records are its facts.
#[derive(Debug, Clone, Copy, serde::Serialize)]
struct Raw;

/// One check of a plugin.
pub(super) struct PluginCheck {
    info: CheckInfo,
    items: Vec<Item>,
    takes_missing: bool,
    releases: Releases,
    spec: FactSpec,
    host: Arc<Host>,
}

impl PluginCheck {
    pub(super) fn new(declared: &DeclaredCheck, host: &Arc<Host>) -> Self {
        let mut commands = Vec::new();
        let mut probes = Vec::new();
        for item in &declared.items {
            match item.origin {
                Origin::Command(command) => commands.push(command),
                Origin::Probe(probe) => probes.push(probe),
            }
        }
        let id = &declared.declaration.info.id;
        Self {
            info: CheckInfo {
                plugin: Some(host.name.clone()),
                ..declared.declaration.info.clone()
            },
            items: declared.items.clone(),
            takes_missing: declared.declaration.takes_missing,
            releases: declared.releases.clone(),
            // Once per check and process: a plugin is loaded once.
            spec: FactSpec {
                name: format!("plugin:{id}").leak(),
                scope: FactScope::Cluster,
                commands: commands.leak(),
                dependents: &[],
                probes: probes.leak(),
                dependent_probes: &[],
                read: |_| Ok(Arc::new(Raw) as Arc<dyn AnyFact>),
            },
            host: Arc::clone(host),
        }
    }

    fn commands(&self) -> impl Iterator<Item = &Item> {
        let is = |item: &&Item| matches!(item.origin, Origin::Command(_));
        self.items.iter().filter(is)
    }

    fn probes(&self) -> impl Iterator<Item = &Item> {
        let is = |item: &&Item| matches!(item.origin, Origin::Probe(_));
        self.items.iter().filter(is)
    }

    /// The records of these items, or the first that is missing, when the
    /// check does not want to see that.
    fn records<'i>(
        &self,
        items: impl Iterator<Item = &'i Item>,
        view: &View<'_>,
    ) -> Result<Vec<EvidenceRecord>, Missing> {
        items
            .map(|item| match record(item, view) {
                Err(missing) if self.takes_missing => Ok(absent(item, &missing)),
                other => other,
            })
            .collect()
    }

    /// What one target is judged by; without the cluster's records.
    fn target(
        &self,
        server: Option<&Server>,
        views: &HashMap<&str, View<'_>>,
        facts: &FactTable<'_>,
    ) -> Result<TargetEvidence, Missing> {
        let Some(server) = server else {
            let mut servers = Vec::new();
            if let Some(probe) = self.probes().next() {
                for (server, view) in facts.server_views() {
                    servers.push(ServerEvidence {
                        server: server_facts(server),
                        records: self.records(self.probes(), &view)?,
                    });
                }
                // Of no servers everything is true.
                if servers.is_empty() {
                    return Err(Missing {
                        evidence: probe.full_key().to_owned(),
                        command: probe.full_key().to_owned(),
                        server: None,
                        why: Why::NotCollected,
                    });
                }
            }
            return Ok(TargetEvidence {
                target: "cluster".to_owned(),
                server: None,
                records: Vec::new(),
                servers,
            });
        };
        let cluster = facts.cluster_view();
        let view = views.get(server.name.as_str()).unwrap_or(&cluster);
        Ok(TargetEvidence {
            target: server.name.clone(),
            server: Some(server_facts(server)),
            records: self.records(self.probes(), view)?,
            servers: Vec::new(),
        })
    }

    /// Asks about some targets, and says for each what came of it.
    fn ask(&self, question: &Question) -> Vec<Judgement> {
        let redactor = Redactor::new();
        let fault = |fault: &Fault| {
            // It can hold what the plugin has printed.
            let fault = redactor.text(&fault.to_string());
            self.host.entry.blame(&fault);
            Judgement::unknown(format!("the plugin {} {fault}", self.host.name))
        };
        let answer = match self.host.judge(question) {
            Ok(answer) => answer,
            Err(why) => return vec![fault(&why); question.targets.len()],
        };
        let mut judged: HashMap<String, Judgement> = answer
            .judgements
            .into_iter()
            .map(|j| (j.target, j.judgement))
            .collect();
        question
            .targets
            .iter()
            .map(|target| match judged.remove(&target.target) {
                Some(judgement) => self.presentable(judgement, &redactor),
                None => fault(&Fault::LeftOut),
            })
            .collect()
    }

    /// What a report can bear: no secrets, no pages of text, and a next step.
    fn presentable(&self, judgement: Judgement, redactor: &Redactor) -> Judgement {
        let line = |text: &str| -> String {
            let text = redactor.text(text).replace('\n', " ");
            text.chars().take(1_000).collect()
        };
        let summary = line(&judgement.summary);
        let needs_remedy = matches!(judgement.outcome, Outcome::Warn | Outcome::Fail);
        Judgement {
            summary: if summary.trim().is_empty() {
                format!("the plugin {} gives no reason", self.host.name)
            } else {
                summary
            },
            details: judgement
                .details
                .iter()
                .take(MOST_DETAILS)
                .map(|detail| line(detail))
                .collect(),
            remedy: judgement
                .remedy
                .filter(|remedy| !remedy.trim().is_empty())
                .map(|remedy| redactor.text(&remedy).chars().take(10_000).collect())
                .or_else(|| {
                    needs_remedy.then(|| {
                        format!(
                            "The plugin {} names no remedy: `checker explain {}` tells what it looks at; ask who wrote it.",
                            self.host.name, self.info.id
                        )
                    })
                }),
            outcome: judgement.outcome,
        }
    }
}

fn record(item: &Item, view: &View<'_>) -> Result<EvidenceRecord, Missing> {
    let record = if item.any_exit {
        // Any exit status is an answer; half of one is none.
        view.whole(item.full_key())?
    } else {
        view.success(item.full_key())?
    };
    Ok(EvidenceRecord {
        key: item.key.clone(),
        stdout: record.stdout_text().into_owned(),
        stderr: record.stderr_text().into_owned(),
        exit_status: record.exit_status(),
        truncated: record.truncated(),
        started_at: record.started_at().to_string(),
        duration_ms: u64::try_from(record.duration().as_millis()).unwrap_or(u64::MAX),
        missing: None,
    })
}

fn absent(item: &Item, missing: &Missing) -> EvidenceRecord {
    EvidenceRecord {
        key: item.key.clone(),
        stdout: String::new(),
        stderr: String::new(),
        exit_status: None,
        truncated: missing.why == Why::Truncated,
        started_at: String::new(),
        duration_ms: 0,
        missing: Some(missing.to_string()),
    }
}

fn server_facts(server: &Server) -> ServerFacts {
    ServerFacts {
        name: server.name.clone(),
        hostname: server.hostname.clone(),
        address: server.address.clone(),
        addresses: server.addresses.clone(),
        role: server.role.to_string(),
    }
}

/// A rough size, to cut long questions in time.
fn size(records: &[EvidenceRecord]) -> usize {
    records
        .iter()
        .map(|r| r.stdout.len() + r.stderr.len() + 200)
        .sum()
}

impl Check for PluginCheck {
    fn info(&self) -> &CheckInfo {
        &self.info
    }

    fn needs(&self) -> Vec<FactSpec> {
        vec![self.spec]
    }

    fn applies(&self, path: &UpgradePath) -> Applies {
        self.releases.applies(path)
    }

    fn applies_always(&self) -> bool {
        self.releases.always()
    }

    fn judge(
        &self,
        facts: &FactTable<'_>,
        server: Option<&Server>,
        context: &Context<'_>,
    ) -> Result<Judgement, Missing> {
        let mut judged = self.judge_all(facts, &[server], context);
        judged.pop().unwrap_or_else(|| {
            Ok(Judgement::unknown(
                "the plugin was not asked: a fault of the tool",
            ))
        })
    }

    fn judge_all(
        &self,
        facts: &FactTable<'_>,
        targets: &[Option<&Server>],
        context: &Context<'_>,
    ) -> Vec<Result<Judgement, Missing>> {
        let records = match self.records(self.commands(), &facts.cluster_view()) {
            Ok(records) => records,
            Err(missing) => return vec![Err(missing); targets.len()],
        };
        let views: HashMap<&str, View<'_>> = facts
            .server_views()
            .map(|(server, view)| (server.name.as_str(), view))
            .collect();
        let empty = Question {
            check: self.info.id.clone(),
            run: RunContext {
                from: context.from.map(ToString::to_string),
                to: context.to.to_string(),
                path: context.route.map_or_else(Vec::new, |route| {
                    route.releases.iter().map(ToString::to_string).collect()
                }),
                now: context.now.to_string(),
            },
            records,
            targets: Vec::new(),
        };
        let fixed = size(&empty.records);
        let mut results: Vec<Option<Result<Judgement, Missing>>> = vec![None; targets.len()];
        let mut asked: Vec<usize> = Vec::new();
        let mut question = empty.clone();
        let mut bytes = fixed;
        let mut flush = |question: &mut Question, asked: &mut Vec<usize>| {
            if !asked.is_empty() {
                for (n, judgement) in asked.drain(..).zip(self.ask(question)) {
                    results[n] = Some(Ok(judgement));
                }
                question.targets.clear();
            }
        };
        let mut without: Vec<(usize, Missing)> = Vec::new();
        for (n, server) in targets.iter().enumerate() {
            match self.target(*server, &views, facts) {
                Err(missing) => without.push((n, missing)),
                Ok(target) => {
                    let own = size(&target.records)
                        + target
                            .servers
                            .iter()
                            .map(|s| size(&s.records))
                            .sum::<usize>();
                    if bytes + own > LARGEST_QUESTION {
                        flush(&mut question, &mut asked);
                        bytes = fixed;
                    }
                    bytes += own;
                    asked.push(n);
                    question.targets.push(target);
                }
            }
        }
        flush(&mut question, &mut asked);
        for (n, missing) in without {
            results[n] = Some(Err(missing));
        }
        results
            .into_iter()
            .map(|result| {
                result.unwrap_or_else(|| {
                    Ok(Judgement::unknown(
                        "the plugin was not asked: a fault of the tool",
                    ))
                })
            })
            .collect()
    }

    fn lane(&self) -> Option<&str> {
        Some(&self.host.lane)
    }
}

impl Fact for Raw {
    const NAME: &'static str = "raw";
    const SCOPE: FactScope = FactScope::Cluster;

    fn read(_: &View<'_>) -> Result<Self, Missing> {
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn question() -> Question {
        let target = |name: &str| TargetEvidence {
            target: name.to_owned(),
            server: None,
            records: Vec::new(),
            servers: Vec::new(),
        };
        Question {
            check: "a/b".to_owned(),
            run: RunContext {
                from: None,
                to: "5.0".to_owned(),
                path: Vec::new(),
                now: String::new(),
            },
            records: Vec::new(),
            targets: vec![target("w1"), target("w2")],
        }
    }

    fn pass(target: &str) -> String {
        format!(r#"{{"target":"{target}","outcome":"pass","summary":"s"}}"#)
    }

    fn answer(check: &str, judgements: &[String]) -> String {
        format!(
            r#"{{"check":"{check}","judgements":[{}]}}"#,
            judgements.join(",")
        )
    }

    #[rstest]
    #[case::both(answer("a/b", &[pass("w2"), pass("w1")]), "")]
    #[case::one_left_out_is_not_an_error_here(answer("a/b", &[pass("w2")]), "")]
    #[case::other_check(answer("health/status", &[pass("w1")]), "answered for health/status")]
    #[case::other_server(answer("a/b", &[pass("w1"), pass("w3")]), "about \"w3\"")]
    #[case::twice(answer("a/b", &[pass("w1"), pass("w1")]), "twice about \"w1\"")]
    #[case::no_json("green".to_owned(), "not understood")]
    #[case::nothing(String::new(), "not understood")]
    #[case::another_colour(pass("w1").replace("pass", "great"), "not understood")]
    #[case::two_answers(answer("a/b", &[]).repeat(2), "not understood")]
    fn answers(#[case] text: String, #[case] expected: &str) {
        match read_answer(&question(), text.as_bytes()) {
            Ok(_) => assert_eq!(expected, "", "{text}"),
            Err(fault) => {
                let fault = fault.to_string();
                assert!(!expected.is_empty() && fault.contains(expected), "{fault}");
            }
        }
    }

    /// One that takes any exit status takes no half answers, and where a check
    /// wants to see what is missing it sees why.
    #[rstest]
    #[case::whole(false, true)]
    #[case::cut(true, false)]
    fn half_an_answer_is_none(
        #[values(true, false)] any_exit: bool,
        #[case] truncated: bool,
        #[case] good: bool,
    ) {
        use crate::evidence::{End, NotRun, RawRecord, Store};
        let item = Item {
            key: "c".to_owned(),
            origin: Origin::Command(&crate::facts::status::STATUS),
            any_exit,
        };
        let time = jiff::Timestamp::UNIX_EPOCH;
        let raw = RawRecord::not_run(item.full_key(), "weka status -J", time, NotRun::Deadline);
        let mut store = Store::default();
        store.insert_cluster(Redactor::new().seal(RawRecord {
            end: End::Exited(0),
            truncated,
            ..raw
        }));
        match record(&item, &View::cluster(&store)) {
            Ok(record) => assert!(good && !record.truncated),
            Err(missing) => {
                assert!(!good, "{missing}");
                let shown = absent(&item, &missing);
                assert!(shown.truncated);
                let why = shown.missing.unwrap_or_default();
                assert!(why.contains("cut at the size limit"), "{why}");
            }
        }
    }

    /// What goes over the wire is what the committed schemas promise.
    #[test]
    fn questions_and_answers_follow_their_schemas() {
        let mut question = question();
        question.targets[0].server = Some(ServerFacts {
            name: "w1".to_owned(),
            hostname: "w1".to_owned(),
            address: "10.0.0.1".to_owned(),
            addresses: vec!["10.0.0.1".to_owned()],
            role: "backend".to_owned(),
        });
        question.records.push(EvidenceRecord {
            key: "c".to_owned(),
            stdout: String::new(),
            stderr: String::new(),
            exit_status: None,
            truncated: false,
            started_at: String::new(),
            duration_ms: 0,
            missing: Some("gone".to_owned()),
        });
        let question = serde_json::to_value(&question).expect("JSON");
        let answer = answer("a/b", &[pass("w1"), pass("w2")]);
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let sdk = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sdk/schema");
        for (name, value) in [("question", question), ("answer", answer)] {
            let path = sdk.join(format!("{name}.schema.json"));
            let schema = std::fs::read_to_string(path).expect("the schema");
            let schema = serde_json::from_str(&schema).expect("JSON");
            let validator = jsonschema::validator_for(&schema).expect("a schema");
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|e| e.to_string())
                .collect();
            assert_eq!(errors, Vec::<String>::new(), "{name}");
        }
    }

    proptest! {
        /// Whatever a plugin returns: no panic, and nothing about anybody else.
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_answer(&question(), &bytes);
        }

        #[test]
        fn any_change_of_a_good_answer(at in 0usize..120, byte in any::<u8>(), cut in 0usize..120) {
            let mut bytes = answer("a/b", &[pass("w1"), pass("w2")]).into_bytes();
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut % length);
            if let Ok(answer) = read_answer(&question(), &bytes) {
                prop_assert_eq!(answer.check, "a/b");
                for judgement in answer.judgements {
                    prop_assert!(["w1", "w2"].contains(&judgement.target.as_str()));
                }
            }
        }
    }
}
