//! Every command line that changes the cluster, in one place.
//!
//! Sources: the upgrade guide's workflow (download, prepare, distribute,
//! upgrade, clients) and, for the wrapper of 6.0, the reference of its command
//! line. Which of the two forms a cluster has is what it answers, not what its
//! release number says: see [`Dialect::of`].

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::observe::{Phase, ask};
use crate::deadline::Deadline;
use crate::evidence::{Redactor, Store};
use crate::facts::{View, says_unknown};
use crate::source::{ClusterCommand, Source};
use crate::version::Version;

/// Whether the cluster has the wrapper of 6.0.
static FEATURES: ClusterCommand = ClusterCommand {
    key: "weka:upgrade-features",
    variants: &["upgrade supported-features"],
    timeout: std::time::Duration::from_secs(30),
    needs_login: true,
};

/// How an upgrade of the backends is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `weka local run --container C --in V upgrade`, up to 5.x.
    LocalRun,
    /// `weka upgrade backends V`, where 6.0's command line answers.
    Wrapper,
}

impl Dialect {
    /// What this cluster has: the wrapper, where its command line knows it.
    #[must_use]
    pub fn of(source: &dyn Source, deadline: &Deadline) -> Self {
        Self::answered(source, deadline).unwrap_or(Self::LocalRun)
    }

    /// The same; `None` when the cluster does not answer just now, as in a
    /// hand-over of its leader.
    pub(super) fn answered(source: &dyn Source, deadline: &Deadline) -> Option<Self> {
        let mut store = Store::default();
        ask(source, &FEATURES, deadline, &Redactor::new(), &mut store);
        let view = View::cluster(&store);
        match view.success(FEATURES.key) {
            Ok(record) if record.stdout_text().contains("ndu_supported") => Some(Self::Wrapper),
            Ok(_) => Some(Self::LocalRun),
            Err(_) => view
                .record(FEATURES.key)
                .is_ok_and(says_unknown)
                .then_some(Self::LocalRun),
        }
    }
}

/// Where the upgrade command finds the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrance {
    /// The container that it runs beside, `drives0`.
    pub container: String,
    /// Its management port, where that is not 14000.
    pub port: Option<u16>,
}

/// The management port that needs no option.
pub const DEFAULT_PORT: u16 = 14000;

/// How the release is brought to all backends before the upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// `--distribute-version`, from 5.0 on.
    Distribute,
    /// `--prepare-only`, in 4.x; in 6.0 it checks as well.
    PrepareOnly,
}

impl Spelling {
    /// The one to try first for a target: the option is the target's own.
    #[must_use]
    pub fn of(to: &Version) -> Self {
        if to.numbers()[0] >= 5 {
            Self::Distribute
        } else {
            Self::PrepareOnly
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Distribute => Self::PrepareOnly,
            Self::PrepareOnly => Self::Distribute,
        }
    }

    fn option(self) -> &'static str {
        match self {
            Self::Distribute => "--distribute-version",
            Self::PrepareOnly => "--prepare-only",
        }
    }
}

/// The words behind `weka` of a command that changes the cluster. Only the
/// functions of this module make one, so that no other can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(Vec<String>);

impl Deref for Line {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl Line {
    fn of(words: &[&str]) -> Self {
        Self(owned(words))
    }

    fn and(mut self, words: &[&str]) -> Self {
        self.0.extend(owned(words));
        self
    }

    /// Any words, for tests of what runs them.
    #[cfg(test)]
    pub(super) fn of_test(words: &[&str]) -> Self {
        Self::of(words)
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Brings the release to this machine. `from` is a backend (`host:14000`) or a
/// distribution site; one with a token comes in the environment instead.
#[must_use]
pub fn get(to: &Version, from: Option<&str>) -> Line {
    let to = to.to_string();
    let line = Line::of(&["version", "get", &to, "--no-progress-bar"]);
    match from {
        Some(from) => line.and(&["--from", from]),
        None => line,
    }
}

/// Builds the drivers of the release on this machine.
#[must_use]
pub fn prepare(to: &Version) -> Line {
    Line::of(&["version", "prepare", &to.to_string()])
}

/// Brings the release to all backends and prepares it there.
#[must_use]
pub fn distribute(dialect: Dialect, to: &Version, entrance: &Entrance, spelling: Spelling) -> Line {
    upgrade(dialect, to, entrance).and(&[spelling.option()])
}

/// Upgrades the backends; from a phase on, where one was left unfinished.
#[must_use]
pub fn backends(dialect: Dialect, to: &Version, entrance: &Entrance, phase: Option<Phase>) -> Line {
    // The options of the phases belong to the upgrade itself, which the
    // wrapper starts without them.
    let dialect = if phase.is_some() {
        Dialect::LocalRun
    } else {
        dialect
    };
    let line = upgrade(dialect, to, entrance);
    match phase {
        Some(phase) => line.and(&[phase.option()]),
        None => line,
    }
}

fn upgrade(dialect: Dialect, to: &Version, entrance: &Entrance) -> Line {
    let to = to.to_string();
    match dialect {
        Dialect::LocalRun => {
            let line = Line::of(&[
                "local",
                "run",
                "--container",
                &entrance.container,
                "--in",
                &to,
                "upgrade",
            ]);
            match entrance.port {
                Some(port) => line.and(&["--mgmt-port", &port.to_string()]),
                None => line,
            }
        }
        Dialect::Wrapper => Line::of(&["upgrade", "backends", &to, "-C", &entrance.container]),
    }
}

/// Upgrades clients, so many at a time.
#[must_use]
pub fn clients(to: &Version, entrance: &Entrance, ids: &[u64], batch: u16, drop: &[u64]) -> Line {
    let list = |ids: &[u64]| {
        let texts: Vec<String> = ids.iter().map(u64::to_string).collect();
        texts.join(",")
    };
    let line = upgrade(Dialect::LocalRun, to, entrance).and(&[
        "--mode=clients-upgrade",
        "--client-rolling-batch-size",
        &batch.to_string(),
        "--clients-to-upgrade",
        &list(ids),
    ]);
    if drop.is_empty() {
        line
    } else {
        line.and(&["--drop-host", &list(drop)])
    }
}

/// Sets an override that a hop needs while two releases run side by side.
#[must_use]
pub fn add_override(key: &str, value: &str) -> Line {
    Line::of(&[
        "debug", "override", "add", "--key", key, "--value", value, "--force",
    ])
}

/// Takes an override away again.
#[must_use]
pub fn remove_override(id: &str) -> Line {
    Line::of(&["debug", "override", "remove", id])
}

/// The command line as the operator would type it.
#[must_use]
pub fn shown(line: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let mut text = "weka".to_owned();
    for word in line {
        text.push(' ');
        if !word.is_empty() && word.chars().all(plain) {
            text.push_str(word);
        } else {
            text.push_str(&shell_words::quote(word));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::evidence::{End, NotRun, RawRecord};
    use crate::server::Server;
    use crate::source::{ServerAnswer, ServerProbe, SourceKind};

    fn at(port: Option<u16>) -> Entrance {
        Entrance {
            container: "drives0".into(),
            port,
        }
    }

    fn to(text: &str) -> Version {
        text.parse().expect("a release")
    }

    /// A cluster that says the same to everything.
    struct Says(i32, &'static str);

    impl Source for Says {
        fn kind(&self) -> SourceKind {
            SourceKind::Simulator
        }

        fn now(&self) -> jiff::Timestamp {
            jiff::Timestamp::UNIX_EPOCH
        }

        fn cluster(&self, key: &str, arguments: &str, _: &Deadline) -> RawRecord {
            let mut record = RawRecord::not_run(key, arguments, self.now(), NotRun::Interrupted);
            record.end = End::Exited(self.0);
            record.stdout = self.1.as_bytes().to_vec();
            record.stderr = self.1.as_bytes().to_vec();
            record
        }

        fn server(&self, _: &Server, _: &[&'static ServerProbe], _: &Deadline) -> ServerAnswer {
            panic!("no server is asked")
        }

        fn here(&self) -> Option<Server> {
            None
        }
    }

    #[rstest]
    #[case::wrapper(0, "ndu_supported: true", Some(Dialect::Wrapper))]
    #[case::without_it(
        1,
        "error: unknown command: upgrade supported-features",
        Some(Dialect::LocalRun)
    )]
    #[case::hand_over(
        1,
        "error: failed to connect to the cluster: there is no leader right now",
        None
    )]
    fn dialects(#[case] status: i32, #[case] text: &'static str, #[case] found: Option<Dialect>) {
        let deadline = Deadline::within(std::time::Duration::from_secs(5));
        let says = Says(status, text);
        assert_eq!(Dialect::answered(&says, &deadline), found);
        assert_eq!(
            Dialect::of(&says, &deadline),
            found.unwrap_or(Dialect::LocalRun)
        );
    }

    #[rstest]
    #[case::plain(
        backends(Dialect::LocalRun, &to("4.4.33"), &at(None), None),
        "weka local run --container drives0 --in 4.4.33 upgrade"
    )]
    #[case::another_port(
        backends(Dialect::LocalRun, &to("4.4.33"), &at(Some(14500)), None),
        "weka local run --container drives0 --in 4.4.33 upgrade --mgmt-port 14500"
    )]
    #[case::phase(
        backends(Dialect::LocalRun, &to("4.4.33"), &at(None), Some(Phase::Computes)),
        "weka local run --container drives0 --in 4.4.33 upgrade --ndu-computes-phase"
    )]
    #[case::wrapper(
        backends(Dialect::Wrapper, &to("6.1.0"), &at(None), None),
        "weka upgrade backends 6.1.0 -C drives0"
    )]
    #[case::the_wrapper_has_no_phases(
        backends(Dialect::Wrapper, &to("6.1.0"), &at(None), Some(Phase::Drives)),
        "weka local run --container drives0 --in 6.1.0 upgrade --ndu-drives-phase"
    )]
    #[case::distribute_5(
        distribute(Dialect::LocalRun, &to("5.1.25"), &at(None), Spelling::of(&to("5.1.25"))),
        "weka local run --container drives0 --in 5.1.25 upgrade --distribute-version"
    )]
    #[case::distribute_4(
        distribute(Dialect::LocalRun, &to("4.4.33"), &at(None), Spelling::of(&to("4.4.33"))),
        "weka local run --container drives0 --in 4.4.33 upgrade --prepare-only"
    )]
    #[case::get(get(&to("4.4.33"), None), "weka version get 4.4.33 --no-progress-bar")]
    #[case::get_from(
        get(&to("4.4.33"), Some("weka-02:14000")),
        "weka version get 4.4.33 --no-progress-bar --from weka-02:14000"
    )]
    #[case::prepare(prepare(&to("4.4.33")), "weka version prepare 4.4.33")]
    #[case::clients(
        clients(&to("4.4.33"), &at(None), &[21, 22], 2, &[]),
        "weka local run --container drives0 --in 4.4.33 upgrade --mode=clients-upgrade --client-rolling-batch-size 2 --clients-to-upgrade 21,22"
    )]
    #[case::clients_left_out(
        clients(&to("4.4.33"), &at(None), &[21], 1, &[23]),
        "weka local run --container drives0 --in 4.4.33 upgrade --mode=clients-upgrade --client-rolling-batch-size 1 --clients-to-upgrade 21 --drop-host 23"
    )]
    #[case::set(
        add_override("rpc.exception.version", "1"),
        "weka debug override add --key rpc.exception.version --value 1 --force"
    )]
    #[case::quoted(
        remove_override("ManualOverrideId<1>"),
        "weka debug override remove 'ManualOverrideId<1>'"
    )]
    fn lines(#[case] line: Line, #[case] expected: &str) {
        assert_eq!(shown(&line), expected);
    }
}
