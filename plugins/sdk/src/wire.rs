//! What host and plugin tell each other: JSON both ways.
//!
//! Within one ABI number members may be added, never taken away or changed:
//! whoever reads ignores the members that it does not know, and has a default
//! for those that are optional here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CheckInfo, Judgement};

/// The number of the binary interface that this SDK speaks.
pub const ABI: u32 = 1;

/// The name of the one symbol that a plugin exports.
pub const ENTRY: &str = "checker_plugin_entry";

/// What a plugin says of itself: the answer to `describe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Description {
    /// Its name: small letters, digits and `-`. It is part of the names of its evidence.
    pub name: String,
    /// Its version, as it is to stand in the report.
    pub version: String,
    /// The commands of the cluster that its checks need, from the read-only list.
    #[serde(default)]
    pub commands: Vec<CommandDeclaration>,
    /// The pieces of shell that its checks need on every server.
    #[serde(default)]
    pub probes: Vec<ProbeDeclaration>,
    /// What it checks.
    pub checks: Vec<CheckDeclaration>,
}

/// A command of the cluster that a plugin wants to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandDeclaration {
    /// What the plugin calls its answer: small letters, digits and `-`.
    pub key: String,
    /// What stands behind `weka`, the newest spelling first; the next is
    /// tried when the CLI does not know one.
    pub variants: Vec<String>,
    /// How long one try may take, in seconds.
    #[serde(default = "command_timeout")]
    pub timeout_s: u32,
    /// Whether an exit status other than 0 is an answer too. If not, it
    /// counts as missing.
    #[serde(default)]
    pub any_exit: bool,
}

/// A piece of shell that a plugin wants to be run on every server of its
/// checks' scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeDeclaration {
    /// What the plugin calls its answer: small letters, digits and `-`.
    pub key: String,
    /// POSIX shell text. It runs as root, in a subshell, with no input, and
    /// only looks.
    pub script: String,
    /// How long it may take, in seconds.
    #[serde(default = "probe_timeout")]
    pub timeout_s: u32,
    /// How many bytes of each of its outputs are kept.
    #[serde(default = "probe_limit")]
    pub limit_bytes: u32,
    /// Whether an exit status other than 0 is an answer too. If not, it
    /// counts as missing.
    #[serde(default)]
    pub any_exit: bool,
    /// What it prints where all is well: the simulated servers answer this.
    #[serde(default)]
    pub sample: Option<String>,
}

fn command_timeout() -> u32 {
    30
}

fn probe_timeout() -> u32 {
    5
}

fn probe_limit() -> u32 {
    64 << 10
}

/// One check of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckDeclaration {
    /// What it says of itself.
    #[serde(flatten)]
    pub info: CheckInfo,
    /// The keys of its evidence: of this plugin's commands and probes, or
    /// those of the built-in ones (`weka:status`, `host:units`).
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Whether it wants to be asked although some of its evidence is missing.
    /// If not, the host answers `unknown` for it.
    #[serde(default)]
    pub takes_missing: bool,
    /// The upgrades that it applies to; without it, all.
    #[serde(default)]
    pub applies: Option<Applies>,
}

/// The upgrades that a check applies to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Applies {
    /// What the running release must be.
    #[serde(default)]
    pub from: Range,
    /// What the target must be.
    #[serde(default)]
    pub to: Range,
}

/// Releases between two limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Range {
    /// This one, or a later.
    #[serde(default)]
    pub min: Option<String>,
    /// An earlier one than this.
    #[serde(default)]
    pub below: Option<String>,
}

/// What a plugin is asked by `judge`: one check, about some of its targets.
///
/// It is compact JSON: no white space outside of strings, members in the
/// order of the schema. The host may ask about the targets of one check in
/// several calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// The check's id.
    pub check: String,
    /// What is known of the upgrade.
    pub run: RunContext,
    /// What the cluster's commands answered, in the order of the check's declaration.
    pub records: Vec<EvidenceRecord>,
    /// What is to be judged.
    pub targets: Vec<TargetEvidence>,
}

/// The upgrade that is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunContext {
    /// The running release; null when the cluster did not tell.
    pub from: Option<String>,
    /// The target.
    pub to: String,
    /// The releases from the running one to the target, hop by hop; empty
    /// where no path is known.
    pub path: Vec<String>,
    /// The time that the run is judged at, RFC 3339 in UTC. A plugin that
    /// asks a clock instead judges a bundle wrongly.
    pub now: String,
}

/// A server of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerFacts {
    /// Its name in the report, unique in a run.
    pub name: String,
    /// The host name that the cluster has for it.
    pub hostname: String,
    /// Where it is reached.
    pub address: String,
    /// Every management address.
    pub addresses: Vec<String>,
    /// `backend` or `client`.
    pub role: String,
}

/// One thing to be judged, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetEvidence {
    /// `cluster`, or the server's name: to be given back in the answer.
    pub target: String,
    /// The server; null for the cluster.
    pub server: Option<ServerFacts>,
    /// What this server answered, in the order of the check's declaration.
    pub records: Vec<EvidenceRecord>,
    /// For the cluster, when the check declares probes: every server.
    pub servers: Vec<ServerEvidence>,
}

/// What one server answered, for a check that looks at all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerEvidence {
    /// The server.
    pub server: ServerFacts,
    /// What it answered, in the order of the check's declaration.
    pub records: Vec<EvidenceRecord>,
}

/// A command or probe, and what came of it. Free of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRecord {
    /// As the check declared it.
    pub key: String,
    /// Standard output; bytes that are no UTF-8 are U+FFFD.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// The exit status; null when it is missing.
    pub exit_status: Option<i32>,
    /// Whether an output was cut at its size limit.
    pub truncated: bool,
    /// When it was started, RFC 3339 in UTC; empty when it was not.
    pub started_at: String,
    /// From the start to the last byte of the answer, in milliseconds.
    pub duration_ms: u64,
    /// Why it is missing; null when it is there. Only checks with
    /// `takes_missing` are given records that are missing.
    pub missing: Option<String>,
}

/// What a plugin answers to `judge`: exactly one judgement for each target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The check's id, as it was asked.
    pub check: String,
    /// In any order.
    pub judgements: Vec<TargetJudgement>,
}

/// What a plugin says of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetJudgement {
    /// As it was asked.
    pub target: String,
    /// What was found.
    #[serde(flatten)]
    pub judgement: Judgement,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;

    fn generated<T: JsonSchema>(written: bool) -> String {
        let settings = schemars::generate::SchemaSettings::default();
        // What the host writes has every member; what it reads may leave some out.
        let settings = if written {
            settings.for_serialize()
        } else {
            settings
        };
        let schema = settings.into_generator().into_root_schema_for::<T>();
        serde_json::to_string_pretty(&schema).expect("JSON") + "\n"
    }

    /// `UPDATE_SCHEMA=1 cargo test -p checker-plugin-sdk schema` writes them anew.
    #[rstest]
    #[case::description("description", generated::<Description>(false))]
    #[case::question("question", generated::<Question>(true))]
    #[case::answer("answer", generated::<Answer>(false))]
    fn the_committed_schema_is_that_of(#[case] name: &str, #[case] schema: String) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("schema")
            .join(format!("{name}.schema.json"));
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &schema).expect("written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == schema,
            "{} is not up to date: run the tests once with UPDATE_SCHEMA=1",
            path.display()
        );
    }

    #[test]
    fn a_newer_plugin_is_understood_and_an_older_one_too() {
        let text = r#"{"name":"x","version":"1","colour":"blue",
            "probes":[{"key":"p","script":"true","mood":1}],
            "checks":[{"id":"a/b","title":"t","scope":["backend"],"when":"all",
                       "levels":["fail"],"sources":["s"],"evidence":["p"],"new":{"a":1}}]}"#;
        let read: Description = serde_json::from_str(text).expect("a description");
        assert_eq!(read.probes[0].timeout_s, 5);
        assert_eq!(read.checks[0].info.explanation, "");
        assert!(!read.checks[0].takes_missing);
    }
}
