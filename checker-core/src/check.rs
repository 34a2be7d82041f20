//! What a check is, and how a built-in one is written down.

use crate::contract::{CheckInfo, Judgement};
use crate::facts::{FactSpec, FactTable, Missing};
use crate::release_data::ReleaseData;
use crate::server::Server;
use crate::upgrade_path::{Hop, Route};
use crate::version::Version;

/// From the running release to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradePath {
    /// The running release.
    pub from: Version,
    /// The target.
    pub to: Version,
}

/// Whether a check applies to an upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applies {
    /// It does.
    Yes,
    /// It does not, because ….
    No(String),
}

/// What every check is told beside its facts.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The running release; `None` when the cluster did not tell.
    pub from: Option<&'a Version>,
    /// The target.
    pub to: &'a Version,
    /// The time that the run is judged at.
    pub now: jiff::Timestamp,
    /// The release data in use.
    pub data: &'a ReleaseData,
    /// The way from the running release to the target; `None` when there is
    /// none, or the running release is not known.
    pub route: Option<&'a Route>,
}

impl<'a> Context<'a> {
    /// The hops to judge: those of the route; without one, the step from the
    /// running release to the target. Empty when the running release is not known.
    #[must_use]
    pub fn hops(&self) -> Vec<Hop<'a>> {
        match (self.route, self.from) {
            (Some(route), _) => route.hops().collect(),
            (None, Some(from)) => vec![Hop { from, to: self.to }],
            (None, None) => Vec::new(),
        }
    }

    /// The releases that the cluster will run, in order, the target last.
    /// Known even when the running release is not.
    #[must_use]
    pub fn releases_ahead(&self) -> Vec<&'a Version> {
        match self.route {
            Some(route) => route.hops().map(|hop| hop.to).collect(),
            None => vec![self.to],
        }
    }

    /// The first release ahead of which this is true. A rule for some targets
    /// is one for every release on the way.
    #[must_use]
    pub fn first_ahead(&self, is_concerned: impl Fn(&Version) -> bool) -> Option<&'a Version> {
        let mut ahead = self.releases_ahead().into_iter();
        ahead.find(|release| is_concerned(release))
    }

    /// What to say of a rule for this release ahead: nothing for the target,
    /// ` (for the hop to 4.2.18.34)` for one on the way there.
    #[must_use]
    pub fn on_the_way(&self, release: &Version) -> String {
        if release == self.to {
            String::new()
        } else {
            format!(" (for the hop to {release})")
        }
    }
}

/// On which servers the probes of a check run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// On those of its scope; for a check of the cluster, on all.
    #[default]
    Everywhere,
    /// On every backend.
    Backends,
    /// On one backend: the one that the tool stands on or runs the cluster's
    /// commands on; the first, when it stands elsewhere.
    Vantage,
    /// On one backend after the other, when all else was asked: in a session
    /// of its own.
    OneByOne,
}

/// One check, built in or from a plugin: the same to the engine.
pub trait Check: Send + Sync {
    /// What it says of itself.
    fn info(&self) -> &CheckInfo;

    /// The facts that it is judged by.
    fn needs(&self) -> Vec<FactSpec>;

    /// Whether it applies to this upgrade.
    fn applies(&self, path: &UpgradePath) -> Applies;

    /// Whether it applies whatever the running release is, so that it can be
    /// judged when that is not known.
    fn applies_always(&self) -> bool;

    /// Judges one target: the cluster, or this server.
    ///
    /// # Errors
    /// The fact that is missing; the engine makes `unknown` of it.
    fn judge(
        &self,
        facts: &FactTable<'_>,
        server: Option<&Server>,
        context: &Context<'_>,
    ) -> Result<Judgement, Missing>;

    /// Judges several targets, in this order: for who is asked at a cost.
    fn judge_all(
        &self,
        facts: &FactTable<'_>,
        targets: &[Option<&Server>],
        context: &Context<'_>,
    ) -> Vec<Result<Judgement, Missing>> {
        let judge = |server: &Option<&Server>| self.judge(facts, *server, context);
        targets.iter().map(judge).collect()
    }

    /// What it shares with other checks that are asked one after the other: a
    /// plugin's process. Those without a lane are asked all at once.
    fn lane(&self) -> Option<&str> {
        None
    }

    /// On which servers its probes run.
    fn place(&self) -> Place {
        Place::Everywhere
    }
}

/// What the [`check!`](crate::check!) macro expands to; not for use by hand.
#[doc(hidden)]
pub mod macro_support {
    use std::sync::LazyLock;

    use super::{Applies, Check, CheckInfo, Context, FactSpec, FactTable, Judgement, Missing};
    use super::{Server, UpgradePath};
    use crate::contract::{Level, Scope};

    /// A built-in check.
    pub struct BuiltIn {
        pub id: &'static str,
        pub doc: &'static [&'static str],
        pub scope: &'static [Scope],
        pub when: &'static str,
        pub applies: Option<fn(&UpgradePath) -> Applies>,
        pub levels: &'static [Level],
        pub sources: &'static [&'static str],
        pub needs: fn() -> Vec<FactSpec>,
        pub judge: fn(&FactTable<'_>, Option<&Server>, &Context<'_>) -> Result<Judgement, Missing>,
        pub info: LazyLock<CheckInfo, fn() -> CheckInfo>,
    }

    impl BuiltIn {
        /// The doc comment: its first line is the title, the rest the explanation.
        #[must_use]
        pub fn describe(&self) -> CheckInfo {
            let lines: Vec<&str> = self
                .doc
                .iter()
                .map(|line| line.strip_prefix(' ').unwrap_or(line))
                .collect();
            let title = lines.first().copied().unwrap_or_default();
            CheckInfo {
                id: self.id.to_owned(),
                title: title.trim_end_matches('.').to_owned(),
                scope: self.scope.to_vec(),
                when: self.when.to_owned(),
                levels: self.levels.to_vec(),
                sources: self.sources.iter().map(|s| (*s).to_owned()).collect(),
                plugin: None,
                explanation: lines
                    .get(1..)
                    .unwrap_or_default()
                    .join("\n")
                    .trim()
                    .to_owned(),
            }
        }
    }

    impl Check for &'static BuiltIn {
        fn info(&self) -> &CheckInfo {
            &self.info
        }

        fn needs(&self) -> Vec<FactSpec> {
            (self.needs)()
        }

        fn applies(&self, path: &UpgradePath) -> Applies {
            self.applies.map_or(Applies::Yes, |applies| applies(path))
        }

        fn applies_always(&self) -> bool {
            self.applies.is_none()
        }

        fn judge(
            &self,
            facts: &FactTable<'_>,
            server: Option<&Server>,
            context: &Context<'_>,
        ) -> Result<Judgement, Missing> {
            (self.judge)(facts, server, context)
        }
    }
}

/// Declares a built-in check: its metadata, the text behind `checker explain`
/// (the doc comment), the facts that it needs, and the function that judges.
///
/// ```
/// use checker_core::facts::status::Status;
/// use checker_core::{Context, Judgement, check};
///
/// check! {
///     /// The cluster says that it is well.
///     ///
///     /// ## Why it matters
///     /// …
///     pub STATUS {
///         id: "health/status",
///         scope: [Cluster],
///         when: "all",
///         levels: [Fail],
///         sources: ["Upgrade guide, prerequisites"],
///         needs: [&Status],
///         judge: judge,
///     }
/// }
///
/// fn judge(_: &Context<'_>, status: &Status) -> Judgement {
///     if status.status == "OK" {
///         Judgement::pass("OK")
///     } else {
///         Judgement::fail(status.status.clone(), "Wait until `weka status` says OK.")
///     }
/// }
/// ```
///
/// A check that applies only to some upgrades has, behind `when`, the line
/// `applies: some_function,` with a `fn(&UpgradePath) -> Applies`.
#[macro_export]
macro_rules! check {
    (
        $(#[doc = $doc:literal])+
        $vis:vis $name:ident {
            id: $id:literal,
            scope: [$($scope:ident),+ $(,)?],
            when: $when:literal,
            $(applies: $applies:expr,)?
            levels: [$($level:ident),* $(,)?],
            sources: [$($source:literal),+ $(,)?],
            needs: [$($need:ty),* $(,)?],
            judge: $judge:expr $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        $vis static $name: $crate::macro_support::BuiltIn = $crate::macro_support::BuiltIn {
            id: $id,
            doc: &[$($doc),+],
            scope: &[$($crate::Scope::$scope),+],
            when: $when,
            applies: $crate::check!(@applies $($applies)?),
            levels: &[$($crate::Level::$level),*],
            sources: &[$($source),+],
            needs: || {
                let needs: Vec<Option<$crate::facts::FactSpec>> =
                    vec![$(<$need as $crate::facts::Need<'_>>::declare()),*];
                needs.into_iter().flatten().collect()
            },
            judge: |_table, _server, context| Ok(($judge)(
                context,
                $(<$need as $crate::facts::Need<'_>>::get(_table, _server)?),*
            )),
            info: ::std::sync::LazyLock::new(|| $name.describe()),
        };
    };
    (@applies) => { None };
    (@applies $applies:expr) => { Some($applies) };
}
