//! The arguments.

use std::path::PathBuf;

use checker_core::Version;
use checker_core::fleet::HostKeyPolicy;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Deserialize;

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

    /// Check a simulated cluster; faults can be added: healthy,nfs-statd-active
    #[arg(
        long,
        value_name = "SCENARIO",
        num_args = 0..=1,
        default_missing_value = "healthy",
        conflicts_with_all = ["via", "identity"]
    )]
    pub(crate) simulate: Option<String>,
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

    /// Use the release data in this directory (releases.toml) instead of the built-in
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
    /// For a program: the report's JSON and nothing else
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
