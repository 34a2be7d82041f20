//! What a plugin says of itself, held against the rules.

use std::time::Duration;

use super::{AREA_OF_FAILURES, AREA_OF_SCRIPTS, COMMAND_KEY, PROBE_KEY, id_word};
use crate::check::{Applies, UpgradePath};
use crate::contract::wire::{CheckDeclaration, Description, Range};
use crate::facts::{containers::CONTAINERS, servers::SERVERS, status::STATUS};
use crate::read_only::{self, Refusal};
use crate::registry::{Registry, is_id};
use crate::report::{PluginInfo, PluginKind, printable};
use crate::source::{ClusterCommand, ServerProbe};
use crate::version::Version;

/// Why a plugin's description is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// The name of the plugin, or of some evidence, is no plain word.
    #[error("calls itself, or some evidence, {0:?}: small letters, digits and `-`, at most 40")]
    Name(String),
    /// Another plugin has its name: their evidence would be mixed up.
    #[error("calls itself {name}, as {other} does")]
    NameTaken {
        /// The name.
        name: String,
        /// The other's file.
        other: String,
    },
    /// There is nothing that it checks.
    #[error("offers no check")]
    NoChecks,
    /// More than a plugin can need.
    #[error("offers {count} {what}, more than {most}")]
    TooMany {
        /// How many.
        count: usize,
        /// Of what.
        what: &'static str,
        /// How many may be.
        most: usize,
    },
    /// An id that is none.
    #[error("offers {0:?}, which is no check id: `area/name` in small letters, digits and `-`")]
    Id(String),
    /// An id that another check has.
    #[error("offers {id}, which is {whose}")]
    Taken {
        /// The id.
        id: String,
        /// Who has it.
        whose: String,
    },
    /// A check without a scope, title or source.
    #[error("says nothing of the {what} of {id}")]
    Silent {
        /// Which check.
        id: String,
        /// What is missing.
        what: &'static str,
    },
    /// Two pieces of evidence of the same name.
    #[error("declares the evidence {0:?} twice")]
    Twice(String),
    /// A check wants evidence that nobody declares.
    #[error("wants the evidence {key:?} for {id}, and there is none of that name")]
    NoEvidence {
        /// Which check.
        id: String,
        /// What it wants.
        key: String,
    },
    /// A command or probe that may not be sent.
    #[error("wants {key:?} to be asked, which is refused: {refusal}")]
    Refused {
        /// Which evidence.
        key: String,
        /// Why.
        refusal: Refusal,
    },
    /// A time or size limit that is none.
    #[error("gives {key:?} a limit of {value}; allowed are 1 to {most}")]
    Limit {
        /// Which evidence.
        key: String,
        /// What it says.
        value: u64,
        /// What may be.
        most: u64,
    },
    /// A release that is none.
    #[error("limits {id} to the release {release:?}, which is none")]
    Release {
        /// Which check.
        id: String,
        /// What it says.
        release: String,
    },
    /// A text that a terminal would not show as it is.
    #[error("shows {0} with control characters, or with ones that can't be seen")]
    Unprintable(&'static str),
    /// A text that is absurdly long.
    #[error("has a text of {0} bytes")]
    TooLong(usize),
}

/// No plugin needs more.
const MOST_CHECKS: usize = 200;
const MOST_EVIDENCE: usize = 50;
const LONGEST_TEXT: usize = 64 << 10;
const LONGEST_PROBE_S: u64 = 20;
const LONGEST_COMMAND_S: u64 = 120;
const MOST_BYTES: u64 = 1 << 20;

/// Where a piece of evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Command(&'static ClusterCommand),
    Probe(&'static ServerProbe),
}

/// A piece of evidence that a check wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// What the plugin calls it.
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) any_exit: bool,
}

impl Item {
    /// What the engine calls it.
    pub(super) fn full_key(&self) -> &'static str {
        match self.origin {
            Origin::Command(command) => command.key,
            Origin::Probe(probe) => probe.key,
        }
    }
}

/// The releases that a check applies to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Releases {
    from: (Option<Version>, Option<Version>),
    to: (Option<Version>, Option<Version>),
}

impl Releases {
    fn read(check: &CheckDeclaration) -> Result<Self, DeclarationError> {
        let Some(applies) = &check.applies else {
            return Ok(Self::default());
        };
        let release = |text: &Option<String>| {
            let parse = |text: &String| {
                text.parse().map_err(|_| DeclarationError::Release {
                    id: check.info.id.clone(),
                    release: text.clone(),
                })
            };
            text.as_ref().map(parse).transpose()
        };
        let range = |range: &Range| Ok((release(&range.min)?, release(&range.below)?));
        Ok(Self {
            from: range(&applies.from)?,
            to: range(&applies.to)?,
        })
    }

    pub(super) fn always(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn applies(&self, path: &UpgradePath) -> Applies {
        for (range, release, what) in [
            (&self.from, &path.from, "the running release"),
            (&self.to, &path.to, "the target"),
        ] {
            if let Some(min) = range.0.as_ref().filter(|min| release < *min) {
                return Applies::No(format!("{what} {release} is before {min}"));
            }
            if let Some(below) = range.1.as_ref().filter(|below| release >= *below) {
                return Applies::No(format!("{what} {release} is not before {below}"));
            }
        }
        Applies::Yes
    }
}

/// One check of a plugin, found good.
#[derive(Debug, Clone)]
pub(super) struct DeclaredCheck {
    pub(super) declaration: CheckDeclaration,
    pub(super) items: Vec<Item>,
    pub(super) releases: Releases,
}

/// What a plugin offers and needs, found good.
#[derive(Debug, Clone)]
pub struct Declared {
    /// As the plugin said it.
    pub description: Description,
    pub(super) checks: Vec<DeclaredCheck>,
    probes: Vec<&'static ServerProbe>,
}

impl Declared {
    /// The ids of its checks.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let checks = self.description.checks.iter();
        checks.map(|check| check.info.id.as_str())
    }

    /// What the simulated servers answer to its probes.
    pub fn samples(&self) -> impl Iterator<Item = (String, String)> {
        let probes = self.probes.iter().zip(&self.description.probes);
        probes.filter_map(|(probe, said)| Some((probe.key.to_owned(), said.sample.clone()?)))
    }

    /// How long its probes together may take on a server.
    #[must_use]
    pub fn probe_time(&self) -> Duration {
        self.probes
            .iter()
            .fold(Duration::ZERO, |sum, p| sum.saturating_add(p.timeout))
    }

    /// Holds a description against the rules, and against the checks that
    /// there are already.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(super) fn new(
        description: Description,
        registry: &Registry,
    ) -> Result<Self, DeclarationError> {
        word(&description.name)?;
        let same = |p: &PluginInfo| p.kind == PluginKind::Library && p.name == description.name;
        if let Some(other) = registry.plugins().into_iter().find(same) {
            return Err(DeclarationError::NameTaken {
                name: description.name,
                other: other.path,
            });
        }
        sizes(&description)?;
        visible(&description)?;
        let known = Known::of(registry);
        let mut evidence: Vec<Item> = Vec::new();
        for command in &description.commands {
            word(&command.key)?;
            limit(&command.key, command.timeout_s.into(), LONGEST_COMMAND_S)?;
            for variant in &command.variants {
                read_only::command(variant).map_err(|refusal| DeclarationError::Refused {
                    key: command.key.clone(),
                    refusal,
                })?;
            }
            let Some(newest) = command.variants.first() else {
                return Err(DeclarationError::NoEvidence {
                    id: description.name.clone(),
                    key: command.key.clone(),
                });
            };
            // What is asked anyway is not asked twice.
            let origin = known
                .command_line(newest)
                .unwrap_or_else(|| leaked_command(&description.name, command));
            push(
                &mut evidence,
                &command.key,
                Origin::Command(origin),
                command.any_exit,
            )?;
        }
        let mut probes = Vec::new();
        for probe in &description.probes {
            word(&probe.key)?;
            limit(&probe.key, probe.timeout_s.into(), LONGEST_PROBE_S)?;
            limit(&probe.key, probe.limit_bytes.into(), MOST_BYTES)?;
            read_only::script(&probe.script).map_err(|refusal| DeclarationError::Refused {
                key: probe.key.clone(),
                refusal,
            })?;
            let leaked: &'static ServerProbe = Box::leak(Box::new(ServerProbe {
                key: format!("{PROBE_KEY}{}/{}", description.name, probe.key).leak(),
                script: probe.script.clone().leak(),
                timeout: Duration::from_secs(probe.timeout_s.into()),
                limit: usize::try_from(probe.limit_bytes).unwrap_or(usize::MAX),
            }));
            probes.push(leaked);
            push(
                &mut evidence,
                &probe.key,
                Origin::Probe(leaked),
                probe.any_exit,
            )?;
        }
        if description.checks.is_empty() {
            return Err(DeclarationError::NoChecks);
        }
        let checks = description
            .checks
            .iter()
            .enumerate()
            .map(|(n, check)| {
                let earlier = &description.checks[..n];
                free_id(check, earlier, registry)?;
                Ok(DeclaredCheck {
                    items: items(check, &evidence, &known)?,
                    releases: Releases::read(check)?,
                    declaration: check.clone(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            description,
            checks,
            probes,
        })
    }
}

fn leaked_command(
    plugin: &str,
    command: &crate::contract::wire::CommandDeclaration,
) -> &'static ClusterCommand {
    let variants: Vec<&'static str> = command
        .variants
        .iter()
        .map(|variant| &*variant.clone().leak())
        .collect();
    Box::leak(Box::new(ClusterCommand {
        key: format!("{COMMAND_KEY}{plugin}/{}", command.key).leak(),
        variants: variants.leak(),
        timeout: Duration::from_secs(command.timeout_s.into()),
        needs_login: true,
    }))
}

fn word(text: &str) -> Result<(), DeclarationError> {
    let good = (1..=40).contains(&text.len()) && id_word(text) == text && !text.starts_with('.');
    if good {
        Ok(())
    } else {
        Err(DeclarationError::Name(text.chars().take(80).collect()))
    }
}

fn limit(key: &str, value: u64, most: u64) -> Result<(), DeclarationError> {
    if (1..=most).contains(&value) {
        Ok(())
    } else {
        Err(DeclarationError::Limit {
            key: key.to_owned(),
            value,
            most,
        })
    }
}

fn sizes(description: &Description) -> Result<(), DeclarationError> {
    let counts = [
        ("checks", description.checks.len(), MOST_CHECKS),
        (
            "pieces of evidence",
            description.commands.len() + description.probes.len(),
            MOST_EVIDENCE,
        ),
    ];
    for (what, count, most) in counts {
        if count > most {
            return Err(DeclarationError::TooMany { count, what, most });
        }
    }
    let texts = description
        .checks
        .iter()
        .flat_map(|c| {
            let info = &c.info;
            [&info.title, &info.when, &info.explanation]
                .into_iter()
                .chain(&info.sources)
        })
        .chain(description.probes.iter().map(|p| &p.script))
        .chain([&description.version]);
    match texts.map(String::len).find(|len| *len > LONGEST_TEXT) {
        Some(len) => Err(DeclarationError::TooLong(len)),
        None => Ok(()),
    }
}

/// What an operator is shown must show itself: an escape sequence can rewrite
/// the line above, a mark of direction can turn a text into another.
fn visible(description: &Description) -> Result<(), DeclarationError> {
    let line = |what, text: &String| (what, printable(text) != text.as_str());
    let page = |what, text: &String| {
        // A tab within a page is no trick.
        let shown = |line: &str| printable(line) == line;
        (what, !text.lines().all(|l| shown(&l.replace('\t', " "))))
    };
    let version = [line("a version", &description.version)];
    let of_checks = description.checks.iter().flat_map(|check| {
        let info = &check.info;
        let sources = info.sources.iter().map(|source| line("a source", source));
        [
            line("a title", &info.title),
            line("a `when`", &info.when),
            page("an explanation", &info.explanation),
        ]
        .into_iter()
        .chain(sources)
    });
    // Whoever reviews a snippet must see all of it.
    let scripts = description.probes.iter();
    let scripts = scripts.map(|probe| page("a probe", &probe.script));
    let mut found = version.into_iter().chain(of_checks).chain(scripts);
    match found.find(|(_, bad)| *bad) {
        Some((what, _)) => Err(DeclarationError::Unprintable(what)),
        None => Ok(()),
    }
}

fn push(
    evidence: &mut Vec<Item>,
    key: &str,
    origin: Origin,
    any_exit: bool,
) -> Result<(), DeclarationError> {
    if evidence.iter().any(|item| item.key == key) {
        return Err(DeclarationError::Twice(key.to_owned()));
    }
    evidence.push(Item {
        key: key.to_owned(),
        origin,
        any_exit,
    });
    Ok(())
}

fn free_id(
    check: &CheckDeclaration,
    earlier: &[CheckDeclaration],
    registry: &Registry,
) -> Result<(), DeclarationError> {
    let info = &check.info;
    let area = info.id.split('/').next().unwrap_or_default();
    if !is_id(&info.id) || info.id.len() > 80 {
        return Err(DeclarationError::Id(info.id.chars().take(80).collect()));
    }
    let taken = |whose: String| DeclarationError::Taken {
        id: info.id.clone(),
        whose,
    };
    if [AREA_OF_FAILURES, AREA_OF_SCRIPTS].contains(&area) {
        return Err(taken(format!("in the area {area}/, which is ours")));
    }
    if let Ok(other) = registry.get(&info.id) {
        return Err(taken(match &other.info().plugin {
            Some(plugin) => format!("that of the plugin {plugin}"),
            None => "built in".to_owned(),
        }));
    }
    if earlier.iter().any(|e| e.info.id == info.id) {
        return Err(taken("its own a second time".to_owned()));
    }
    let silent = [
        ("scope", info.scope.is_empty()),
        ("title", info.title.trim().is_empty()),
        ("sources", info.sources.is_empty()),
    ];
    match silent.into_iter().find(|(_, empty)| *empty) {
        Some((what, _)) => Err(DeclarationError::Silent {
            id: info.id.clone(),
            what,
        }),
        None => Ok(()),
    }
}

fn items(
    check: &CheckDeclaration,
    evidence: &[Item],
    known: &Known,
) -> Result<Vec<Item>, DeclarationError> {
    let mut items: Vec<Item> = Vec::new();
    for key in &check.evidence {
        let own = evidence.iter().find(|item| item.key == *key).cloned();
        let item =
            own.or_else(|| known.by_key(key))
                .ok_or_else(|| DeclarationError::NoEvidence {
                    id: check.info.id.clone(),
                    key: key.clone(),
                })?;
        push(&mut items, &item.key, item.origin, item.any_exit)?;
    }
    Ok(items)
}

/// The commands and probes of the built-in checks.
struct Known {
    commands: Vec<&'static ClusterCommand>,
    probes: Vec<&'static ServerProbe>,
}

impl Known {
    fn of(registry: &Registry) -> Self {
        let mut known = Self {
            commands: vec![&STATUS, &CONTAINERS, &SERVERS],
            probes: Vec::new(),
        };
        for spec in registry.iter().flat_map(|check| check.needs()) {
            known.commands.extend(spec.commands);
            // Those of other plugins are theirs to change.
            let ours = spec
                .probes
                .iter()
                .filter(|p| !p.key.starts_with(PROBE_KEY) && !p.key.starts_with(super::SCRIPT_KEY));
            known.probes.extend(ours);
        }
        known
    }

    fn command_line(&self, line: &str) -> Option<&'static ClusterCommand> {
        let mut all = self.commands.iter().copied();
        all.find(|command| command.variants.first() == Some(&line))
    }

    fn by_key(&self, key: &str) -> Option<Item> {
        let command = self
            .commands
            .iter()
            .find(|c| c.key == key && !key.starts_with(COMMAND_KEY))
            .map(|c| Origin::Command(c));
        let probe = || {
            let found = self.probes.iter().find(|p| p.key == key);
            found.map(|p| Origin::Probe(p))
        };
        Some(Item {
            key: key.to_owned(),
            origin: command.or_else(probe)?,
            any_exit: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn good() -> Value {
        json!({
            "name": "site", "version": "1.0",
            "commands": [{"key": "status", "variants": ["status -J"]},
                         {"key": "orgs", "variants": ["org --show-all -J", "org -J"]}],
            "probes": [{"key": "swaps", "script": "cat /proc/swaps", "sample": "x\n"}],
            "checks": [{"id": "site/swap", "title": "t", "scope": ["backend"], "when": "all",
                        "levels": ["warn"], "sources": ["s"],
                        "evidence": ["swaps", "status", "orgs", "weka:containers"],
                        "applies": {"from": {"min": "4.2"}, "to": {"below": "5.1"}}}]
        })
    }

    fn declare(value: &Value) -> Result<Declared, DeclarationError> {
        let description = serde_json::from_value(value.clone()).expect("a description");
        Declared::new(description, &Registry::new())
    }

    #[test]
    fn evidence_has_keys_of_its_own_unless_it_is_asked_anyway() {
        let declared = declare(&good()).expect("good");
        let keys: Vec<&str> = declared.checks[0]
            .items
            .iter()
            .map(Item::full_key)
            .collect();
        assert_eq!(
            keys,
            [
                "host:plugin/site/swaps",
                "weka:status",
                "weka:plugin/site/orgs",
                "weka:containers"
            ]
        );
        let samples: Vec<_> = declared.samples().collect();
        assert_eq!(
            samples,
            [("host:plugin/site/swaps".to_owned(), "x\n".to_owned())]
        );
    }

    #[rstest]
    #[case::name("/name", json!("Site One"), "calls itself")]
    #[case::empty_name("/name", json!(""), "calls itself")]
    #[case::key_with_a_slash("/probes/0/key", json!("a/b"), "calls itself")]
    #[case::no_checks("/checks", json!([]), "offers no check")]
    #[case::id("/checks/0/id", json!("swap"), "no check id")]
    #[case::our_area("/checks/0/id", json!("plugin/x"), "which is ours")]
    #[case::no_scope("/checks/0/scope", json!([]), "nothing of the scope")]
    #[case::no_source("/checks/0/sources", json!([]), "nothing of the sources")]
    #[case::unknown_evidence("/checks/0/evidence", json!(["host:units"]), "there is none of that name")]
    #[case::evidence_twice("/checks/0/evidence", json!(["swaps", "swaps"]), "twice")]
    #[case::key_twice("/probes/0/key", json!("status"), "twice")]
    #[case::no_variant("/commands/0/variants", json!([]), "there is none of that name")]
    #[case::a_variant_that_changes("/commands/1/variants/1", json!("org delete x"), "which is refused")]
    #[case::a_probe_that_changes("/probes/0/script", json!("reboot"), "which is refused")]
    #[case::no_time("/probes/0/timeout_s", json!(0), "limit of 0")]
    #[case::too_much_time("/probes/0/timeout_s", json!(21), "limit of 21")]
    #[case::too_many_bytes("/probes/0/limit_bytes", json!(2_000_000), "limit of 2000000")]
    #[case::no_release("/checks/0/applies/to/below", json!("five"), "which is none")]
    #[case::title_with_an_escape("/checks/0/title", json!("a\u{1b}[2Jb"), "shows a title with")]
    #[case::title_of_two_lines("/checks/0/title", json!("a\nb"), "shows a title with")]
    #[case::title_that_turns("/checks/0/title", json!("a\u{202e}b"), "shows a title with")]
    #[case::when("/checks/0/when", json!("a\u{7}"), "shows a `when` with")]
    #[case::source("/checks/0/sources/0", json!("a\rb"), "shows a source with")]
    #[case::explanation("/checks/0/explanation", json!("## A\n\u{9b}31mb"), "shows an explanation with")]
    #[case::version("/version", json!("1\u{200b}"), "shows a version with")]
    #[case::probe("/probes/0/script", json!("cat /proc/swaps #\u{1b}[1A"), "shows a probe with")]
    #[case::long_text("/checks/0/explanation", json!("x".repeat(70_000)), "70000 bytes")]
    fn is_refused(#[case] place: &str, #[case] value: Value, #[case] words: &str) {
        let mut description = good();
        let (parent, member) = place.rsplit_once('/').expect("a place");
        let parent = description.pointer_mut(parent).expect("there");
        match member.parse::<usize>() {
            Ok(n) => parent[n] = value,
            Err(_) => parent[member] = value,
        }
        let error = declare(&description).expect_err("refused").to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn an_explanation_may_have_lines_and_tabs() {
        let mut description = good();
        description["checks"][0]["explanation"] = json!("## A\n\tb\r\n\nc");
        description["probes"][0]["script"] = json!("cat \\\n\t/proc/swaps\n");
        assert!(declare(&description).is_ok());
    }

    #[test]
    fn the_time_of_all_probes() {
        let mut description = good();
        description["probes"] = json!([
            {"key": "swaps", "script": "cat /proc/swaps", "timeout_s": 20},
            {"key": "more", "script": "cat /proc/swaps", "timeout_s": 7},
        ]);
        let declared = declare(&description).expect("good");
        assert_eq!(declared.probe_time(), Duration::from_secs(27));
    }

    #[rstest]
    #[case::within("4.2", "5.0.9", true)]
    #[case::before("4.1.9", "5.0.9", false)]
    #[case::at_the_upper_end("4.2", "5.1", false)]
    #[case::short_before("4.2", "5.0.999.9", true)]
    fn applies(#[case] from: &str, #[case] to: &str, #[case] expected: bool) {
        let declared = declare(&good()).expect("good");
        let path = UpgradePath {
            from: from.parse().expect("a release"),
            to: to.parse().expect("a release"),
        };
        let applies = declared.checks[0].releases.applies(&path);
        assert_eq!(applies == Applies::Yes, expected, "{applies:?}");
        assert!(!declared.checks[0].releases.always());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever a plugin says of itself: no panic.
        #[test]
        fn any_change_of_a_good_description(at in 0usize..900, byte in any::<u8>()) {
            let mut bytes = good().to_string().into_bytes();
            let length = bytes.len();
            bytes[at % length] = byte;
            if let Ok(description) = serde_json::from_slice::<Description>(&bytes) {
                let _ = Declared::new(description, &Registry::new());
            }
        }
    }
}
