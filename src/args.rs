//! The arguments.

use std::path::PathBuf;

use checker_core::Version;
use checker_core::fleet::HostKeyPolicy;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Deserialize;

const GATE_EXIT_CODES: &str = "\
Exit codes:
    0  open: the upgrade may start
    1  closed, only by warnings that nobody accepted
    2  closed: something is red, or the report is not fit (altered, too old,
       of another cluster or upgrade, ...)
    3  closed, only because something could not be verified
   64  wrong usage, or no report could be read: closed too
   70  a fault of the tool: closed too";

const UPGRADE_EXIT_CODES: &str = "\
Exit codes:
    0  upgraded and verified (or prepared, or distributed, as asked)
    1  upgraded, with warnings to look at
    2  the gate is closed, or another upgrade is under way; nothing was started
    3  the gate is closed, because something could not be verified
   10  started and stopped, or left: it says where, and how to go on
   64  wrong usage
   70  a fault of the tool or of this machine";

const EXIT_CODES: &str = "\
Exit codes:
    0  all green: nothing speaks against the upgrade
    1  warnings
    2  failures: do not upgrade
    3  nothing is red, but something could not be verified
   64  wrong usage
   70  a fault of the tool
  130  interrupted; the report so far and the bundle are still written";

/// Decides whether a WEKA cluster may be upgraded.
///
/// Run it on a backend, a day before the upgrade and again right before it.
/// It only looks: nothing on the cluster is changed.
#[derive(Debug, Parser)]
#[command(
    name = "checker",
    version,
    disable_version_flag = true,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    after_help = EXIT_CODES,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) check: CheckArgs,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Print the version
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List every check
    List(ListArgs),
    /// Explain a check: what it looks at, why it matters, how to mend it
    Explain(ExplainArgs),
    /// Judge a bundle again, offline
    Replay(ReplayArgs),
    /// Say whether a report opens the gate for the upgrade
    ///
    /// For scripts: one line, or JSON, and the exit code. It asks no cluster:
    /// what must fit to the report is given. The gate opens only for a whole
    /// run that is all green, or whose warnings were accepted by name.
    #[command(after_help = GATE_EXIT_CODES)]
    Gate(GateArgs),
    /// Upgrade the cluster, hop by hop, when the gate opens
    ///
    /// Runs all checks, asks the gate, gets the release, prepares it on all
    /// backends and upgrades them; verifies every step by asking the cluster.
    /// It can be interrupted at any moment and gone on with (--resume).
    #[command(after_help = UPGRADE_EXIT_CODES, args_conflicts_with_subcommands = true)]
    Upgrade(Box<UpgradeArgs>),
    /// Show which release data is in use and how old it is, or validate a directory
    Data(DataArgs),
    /// Look at a plugin before it is used
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// The process that a plugin runs in
    #[command(hide = true)]
    PluginHost {
        /// The library
        library: PathBuf,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Print the script that runs on every server
    #[command(hide = true)]
    ProbeScript,
    /// Stand in for `weka` over a simulated cluster
    #[command(hide = true)]
    SimulatedWeka {
        /// The file of the cluster
        #[arg(long)]
        state: PathBuf,
        /// The words behind `weka`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

/// The main job's arguments.
#[derive(Debug, Default, Args)]
pub(crate) struct CheckArgs {
    /// The release to upgrade to, such as 4.4.10.202
    #[arg(short = 't', long, value_name = "V")]
    pub(crate) target_version: Option<Version>,

    /// Look at the clients too
    #[arg(short = 'a', long, conflicts_with = "skip_clients")]
    pub(crate) all: bool,

    /// Look only at these backends (names or addresses)
    #[arg(short = 'b', long, value_name = "HOST", num_args = 1.., value_delimiter = ',')]
    pub(crate) backends: Vec<String>,

    /// Look only at the cluster, contact no server
    #[arg(short = 'd', long, conflicts_with_all = ["all", "backends"])]
    pub(crate) cluster_only: bool,

    /// Leave the clients out (the default)
    #[arg(short = 'c', long)]
    pub(crate) skip_clients: bool,

    #[command(flatten)]
    pub(crate) reach: ReachArgs,

    /// Run only these checks (ids or area/*)
    #[arg(
        long,
        value_name = "ID",
        value_delimiter = ',',
        help_heading = "Choosing checks"
    )]
    pub(crate) select: Vec<String>,

    /// Leave these checks out (ids or area/*)
    #[arg(
        long,
        value_name = "ID",
        value_delimiter = ',',
        help_heading = "Choosing checks"
    )]
    pub(crate) skip: Vec<String>,

    #[command(flatten)]
    pub(crate) accept: AcceptArgs,

    #[command(flatten)]
    pub(crate) plugins: PluginArgs,

    #[command(flatten)]
    pub(crate) scripts: ScriptArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Where to write the bundle for support [default: the working directory]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) bundle_dir: Option<PathBuf>,

    /// Write no bundle
    #[arg(long, conflicts_with = "bundle_dir", help_heading = "Output")]
    pub(crate) no_bundle: bool,

    /// Read options from this file (TOML); the command line goes before it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Check a simulated cluster; faults can be added: healthy,nfs-statd,rebuild-started
    #[arg(
        long,
        value_name = "SCENARIO",
        num_args = 0..=1,
        default_missing_value = "healthy",
        conflicts_with_all = ["via", "identity"]
    )]
    pub(crate) simulate: Option<String>,
}

/// How the servers are reached.
#[derive(Debug, Default, Args)]
pub(crate) struct ReachArgs {
    /// Private key for SSH; several may be given
    #[arg(
        short = 'i',
        long,
        value_name = "FILE",
        help_heading = "Reaching the servers"
    )]
    pub(crate) identity: Vec<PathBuf>,

    /// Run the cluster's commands on this backend instead of on this machine
    #[arg(long, value_name = "HOST", help_heading = "Reaching the servers")]
    pub(crate) via: Option<String>,

    /// User for SSH; one other than root goes through `sudo -n`
    #[arg(long, value_name = "USER", help_heading = "Reaching the servers")]
    pub(crate) ssh_user: Option<String>,

    /// Port for SSH
    #[arg(long, value_name = "PORT", help_heading = "Reaching the servers")]
    pub(crate) ssh_port: Option<u16>,

    /// SSH configuration file [default: ~/.ssh/config]
    #[arg(long, value_name = "FILE", help_heading = "Reaching the servers")]
    pub(crate) ssh_config: Option<PathBuf>,

    /// What to do about host keys that are not known [default: accept-new]
    #[arg(
        long,
        value_name = "POLICY",
        value_enum,
        help_heading = "Reaching the servers"
    )]
    pub(crate) host_keys: Option<HostKeys>,

    /// How many servers at once [default: the number of servers, at most 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Reaching the servers")]
    pub(crate) parallel: Option<u16>,

    /// Time limit per server, in seconds [default: 30]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=3600), help_heading = "Reaching the servers")]
    pub(crate) timeout: Option<u32>,

    /// Time limit for the whole run, in seconds [default: 600]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=86400), help_heading = "Reaching the servers")]
    pub(crate) deadline: Option<u32>,
}

/// Which warnings are accepted.
#[derive(Debug, Default, Args)]
pub(crate) struct AcceptArgs {
    /// Accept a warning by name, with the reason; several may be given
    ///
    /// It stays yellow, marked with who and why, but does not close the gate.
    /// Failures and what is unknown can't be accepted. The configuration file
    /// can do the same until a day (`[[accept]]`).
    #[arg(
        long,
        value_name = "ID[@SERVER]=REASON",
        help_heading = "Choosing checks"
    )]
    pub(crate) accept: Vec<String>,
}

/// Which plugins take part.
#[derive(Debug, Default, Args)]
pub(crate) struct PluginArgs {
    /// Load the plugins in this directory too; may be repeated
    #[arg(long, value_name = "DIR", help_heading = "Plugins")]
    pub(crate) plugins: Vec<PathBuf>,

    /// Load no plugins
    #[arg(long, conflicts_with = "plugins", help_heading = "Plugins")]
    pub(crate) no_plugins: bool,
}

/// Which scripts take part.
#[derive(Debug, Default, Args)]
pub(crate) struct ScriptArgs {
    /// Take the scripts in this folder as checks: a run runs them on the
    /// backends, as root. They are not checker's, and nothing holds them to only look
    #[arg(long, value_name = "DIR", help_heading = "Plugins")]
    pub(crate) scripts: Option<PathBuf>,

    /// Time limit per script, in seconds [default: 20]
    #[arg(long, value_name = "S", requires = "scripts", value_parser = clap::value_parser!(u32).range(1..=600), help_heading = "Plugins")]
    pub(crate) script_timeout: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Load a plugin in isolation, show what it offers and needs, and try it
    Check {
        /// The library
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// How and where the result is shown.
#[derive(Debug, Default, Args)]
pub(crate) struct OutputArgs {
    /// The form of the result [default: text]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<Format>,

    /// Write the result to this file instead of standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Show every result and every detail
    #[arg(long, conflicts_with = "quiet", help_heading = "Output")]
    pub(crate) verbose: bool,

    /// Show nothing but the verdict, in one line
    #[arg(short = 'q', long, help_heading = "Output")]
    pub(crate) quiet: bool,

    /// No colours
    #[arg(long, help_heading = "Output")]
    pub(crate) no_color: bool,

    /// Use the release data in this directory; `checker data` tells about it
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// The form of the result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// For a person
    #[default]
    Text,
    /// For a program: JSON and nothing else
    Json,
}

/// What to do about host keys that are not in known_hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HostKeys {
    /// Record a new key; a changed one is red
    AcceptNew,
    /// Refuse what is not known
    Strict,
    /// Ask no questions; only for a network that you trust
    Off,
}

impl From<HostKeys> for HostKeyPolicy {
    fn from(policy: HostKeys) -> Self {
        match policy {
            HostKeys::AcceptNew => Self::AcceptNew,
            HostKeys::Strict => Self::Strict,
            HostKeys::Off => Self::Off,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The form of the list
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) plugins: PluginArgs,

    #[command(flatten)]
    pub(crate) scripts: ScriptArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The check's id, such as health/rebuild
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) plugins: PluginArgs,

    #[command(flatten)]
    pub(crate) scripts: ScriptArgs,
}

const DATA_EXIT_CODES: &str = "\
Files of a directory (each replaces its part, the rest stays built in):
  releases.toml      or upgrade_path.json of the public checker
  os.toml            or supported_os.json
  known-issues.toml  or known_issues.json
  rules.toml, alerts.toml

Exit codes:
    0  the data is whole and recent
    1  something is missing in it, or it is too old; access/tool-data warns too
   64  it can't be used: the file, the line and the way out are named";

#[derive(Debug, Args)]
#[command(after_help = DATA_EXIT_CODES)]
pub(crate) struct DataArgs {
    /// Look at the release data of this directory instead of the built-in
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Write the built-in files to this directory, to start from
    #[arg(long, value_name = "DIR", conflicts_with_all = ["data", "format"])]
    pub(crate) export: Option<PathBuf>,

    /// The form of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The bundle
    #[arg(value_name = "BUNDLE")]
    pub(crate) bundle: PathBuf,

    /// Judge for another target than the run did
    #[arg(short = 't', long, value_name = "V")]
    pub(crate) target_version: Option<Version>,

    #[command(flatten)]
    pub(crate) plugins: PluginArgs,

    #[command(flatten)]
    pub(crate) scripts: ScriptArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// A report (`--format json`), a bundle, or - for a report on standard input
    #[arg(value_name = "REPORT|BUNDLE")]
    pub(crate) report: PathBuf,

    /// Only for the cluster with this GUID
    #[arg(long, value_name = "GUID")]
    pub(crate) cluster: Option<String>,

    /// Only if the cluster ran this release, which it runs now
    #[arg(long, value_name = "V")]
    pub(crate) source_version: Option<Version>,

    /// Only for an upgrade to this release
    #[arg(short = 't', long, value_name = "V")]
    pub(crate) target_version: Option<Version>,

    /// How old the report may be: 24h, 30m, 2d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = age)]
    pub(crate) max_age: SignedDuration,

    /// Take a report of a simulated cluster, and no other
    #[arg(long)]
    pub(crate) rehearsal: bool,

    /// The form of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    /// Show nothing but the verdict, in one line
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,

    /// No colours
    #[arg(long)]
    pub(crate) no_color: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    #[command(subcommand)]
    pub(crate) command: Option<UpgradeCommand>,

    /// The release to upgrade to, such as 4.4.10.202
    #[arg(short = 't', long, value_name = "V")]
    pub(crate) target_version: Option<Version>,

    /// Print every command line that would be run, and run none
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Go on with an upgrade that was interrupted; give the other options again
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) resume: bool,

    /// Agree to the plan, and to the steps in it that ask first
    #[arg(long)]
    pub(crate) yes: bool,

    /// Go on in the background, independent of the terminal (needs --yes)
    #[arg(long, requires = "yes", conflicts_with = "dry_run")]
    pub(crate) detach: bool,

    /// Where the release comes from: a backend (HOST:14000) or a distribution site (https://...)
    #[arg(long, value_name = "FROM", help_heading = "The release")]
    pub(crate) from: Option<String>,

    /// File with the token of the distribution site [default: the variable CHECKER_DIST_TOKEN]
    #[arg(
        long,
        value_name = "FILE",
        requires = "from",
        help_heading = "The release"
    )]
    pub(crate) token_file: Option<PathBuf>,

    /// A package (tar) on the machine that the commands run on, for sites without a network
    #[arg(
        long,
        value_name = "FILE.tar",
        conflicts_with = "from",
        help_heading = "The release"
    )]
    pub(crate) package: Option<PathBuf>,

    /// Stop after the release is there and prepared on one machine
    #[arg(long, help_heading = "How far")]
    pub(crate) prepare_only: bool,

    /// Stop after the release is on all backends
    #[arg(long, conflicts_with = "prepare_only", help_heading = "How far")]
    pub(crate) distribute_only: bool,

    /// All hops up to the target, or only the next one
    #[arg(
        long,
        value_enum,
        value_name = "HOPS",
        default_value = "all",
        help_heading = "How far"
    )]
    pub(crate) hops: HopsArg,

    /// The container that the upgrade command runs beside [default: found out]
    #[arg(long, value_name = "NAME", help_heading = "The command")]
    pub(crate) container: Option<String>,

    /// Its management port [default: found out]
    #[arg(
        long,
        value_name = "PORT",
        value_parser = clap::value_parser!(u16).range(1..),
        help_heading = "The command"
    )]
    pub(crate) mgmt_port: Option<u16>,

    /// Upgrade clients after the backends: all, or container ids
    #[arg(
        long,
        value_name = "all|ID,…",
        value_delimiter = ',',
        help_heading = "Clients"
    )]
    pub(crate) clients: Vec<String>,

    /// How many clients at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), requires = "clients", help_heading = "Clients")]
    pub(crate) client_batch_size: u16,

    /// Container ids of clients that are left behind
    #[arg(
        long,
        value_name = "ID,…",
        value_delimiter = ',',
        requires = "clients",
        help_heading = "Clients"
    )]
    pub(crate) drop_clients: Vec<u64>,

    /// Look at the clients too when the gate is asked
    #[arg(short = 'a', long, help_heading = "The gate")]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) accept: AcceptArgs,

    #[command(flatten)]
    pub(crate) plugins: PluginArgs,

    #[command(flatten)]
    pub(crate) scripts: ScriptArgs,

    #[command(flatten)]
    pub(crate) reach: ReachArgs,

    #[command(flatten)]
    pub(crate) place: StateArgs,

    /// The form of the result
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(crate) format: Format,

    /// Show what the commands print, too
    #[arg(long, help_heading = "Output")]
    pub(crate) verbose: bool,

    /// No colours
    #[arg(long, help_heading = "Output")]
    pub(crate) no_color: bool,

    /// Where to write the bundles of the checks [default: the working directory]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) bundle_dir: Option<PathBuf>,

    /// Write no bundles
    #[arg(long, conflicts_with = "bundle_dir", help_heading = "Output")]
    pub(crate) no_bundle: bool,

    /// Use the release data in this directory instead of the built-in
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Read options from this file (TOML); the command line goes before it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// This process is the one in the background
    #[arg(long, hide = true)]
    pub(crate) in_background: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UpgradeCommand {
    /// Say where an upgrade stands, from its journal and from the cluster
    Status(UpgradeStatusArgs),
}

#[derive(Debug, Args)]
pub(crate) struct UpgradeStatusArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,

    #[command(flatten)]
    pub(crate) place: StateArgs,

    /// The form of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// Where an upgrade is written down, and on which cluster it works.
#[derive(Debug, Default, Args)]
pub(crate) struct StateArgs {
    /// Where upgrades are written down [default: /var/lib/checker as root, else ~/.local/state/checker]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Rehearse on a simulated cluster; faults can be added: healthy,ndu-drives-stop
    #[arg(
        long,
        value_name = "SCENARIO",
        num_args = 0..=1,
        default_missing_value = "healthy",
        conflicts_with_all = ["via", "identity"]
    )]
    pub(crate) simulate: Option<String>,

    /// Milliseconds between two steps of the simulated upgrade
    #[arg(long, value_name = "MS", hide = true, requires = "simulate")]
    pub(crate) pace: Option<u64>,
}

/// How many hops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum HopsArg {
    /// All of them
    #[default]
    All,
    /// Only the next one
    Next,
}

/// A length of time such as `24h`; a day has 24 hours.
fn age(text: &str) -> Result<SignedDuration, String> {
    let hint = |why: &str| format!("{why}; give a length of time such as 24h, 30m or 2d");
    let span: Span = text
        .parse()
        .map_err(|e: jiff::Error| hint(&e.to_string()))?;
    let age = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|e| hint(&e.to_string()))?;
    if age.is_positive() {
        Ok(age)
    } else {
        Err(hint("it must be longer than nothing"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("24h", Some(86_400))]
    #[case("30m", Some(1_800))]
    #[case("2d", Some(172_800))]
    #[case("1w", Some(604_800))]
    #[case("1h 30m", Some(5_400))]
    #[case("90 minutes", Some(5_400))]
    #[case("PT1H", Some(3_600))]
    #[case("1s", Some(1))]
    #[case::nothing("0h", None)]
    #[case::negative("-1h", None)]
    #[case::no_unit("24", None)]
    #[case::a_month_has_no_length("1mo", None)]
    #[case::empty("", None)]
    #[case::too_long("9999999999999h", None)]
    fn ages(#[case] text: &str, #[case] seconds: Option<i64>) {
        match (age(text), seconds) {
            (Ok(age), Some(seconds)) => assert_eq!(age.as_secs(), seconds),
            (Err(error), None) => assert!(error.contains("24h"), "{error}"),
            (age, _) => panic!("{text}: {age:?}"),
        }
    }
}
