//! An upgrade that runs, what goes wrong with it, and the conversion of
//! metadata that follows some.

use checker_core::Version;
use serde::{Deserialize, Serialize};

use super::{Container, Severity};

/// The metadata conversion after an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockTask {
    /// `INVALID` when idle.
    pub kind: String,
    /// `IDLE` when idle.
    pub state: String,
    /// Percent.
    pub progress: u64,
    /// Number of its id.
    pub id: u64,
}

impl Default for BlockTask {
    fn default() -> Self {
        Self {
            kind: "INVALID".to_owned(),
            state: "IDLE".to_owned(),
            progress: 0,
            id: 0,
        }
    }
}

/// A phase of the upgrade of the backends, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The drive containers.
    Drives,
    /// The compute containers.
    Computes,
    /// The front ends of the backends, and the protocols.
    Frontends,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Drives, Self::Computes, Self::Frontends];

    /// The phase that the status names, if it names one.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        Self::ALL.into_iter().find(|p| text.contains(p.word()))
    }

    /// The phase in which this container of a backend is upgraded.
    #[must_use]
    pub fn of(container: &Container) -> Self {
        if container.drive_cores > 0 {
            Self::Drives
        } else if container.compute_cores > 0 {
            Self::Computes
        } else {
            Self::Frontends
        }
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Drives => Some(Self::Computes),
            Self::Computes => Some(Self::Frontends),
            Self::Frontends => None,
        }
    }

    /// `drive`, `compute`, `frontend`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Drives => "drive",
            Self::Computes => "compute",
            Self::Frontends => "frontend",
        }
    }

    /// As the events call it: `Drives`, `Compute`, `Frontend`.
    #[must_use]
    pub fn in_events(self) -> &'static str {
        match self {
            Self::Drives => "Drives",
            Self::Computes => "Compute",
            Self::Frontends => "Frontend",
        }
    }

    /// The option with which the upgrade goes on in this phase.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Drives => "--ndu-drives-phase",
            Self::Computes => "--ndu-computes-phase",
            Self::Frontends => "--ndu-frontends-phase",
        }
    }
}

/// What can go wrong with an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The distribution site refuses the token.
    WrongToken,
    /// The distribution site is not reached.
    SiteUnreachable,
    /// A server has no room for a release.
    NoRoom {
        /// Its name.
        server: String,
    },
    /// A server can't be prepared.
    PreparationFails {
        /// Its name.
        server: String,
    },
    /// The driver can't be built on a server.
    DriverBuildFails {
        /// Its name.
        server: String,
    },
    /// The command gives up in a phase, with exit status 1.
    PhaseStops {
        /// In this one.
        phase: Phase,
        /// When so many containers of it are upgraded.
        after: usize,
    },
    /// All containers of a phase are upgraded, and the command ends with
    /// exit status 1 when it tidies up.
    CleanupFails {
        /// Of this one.
        phase: Phase,
    },
    /// A server goes down when the first of its containers of this phase is
    /// upgraded, and stays down.
    ServerLost {
        /// Its name.
        server: String,
        /// In this phase.
        phase: Phase,
    },
    /// The command is killed, while a container is down.
    Killed {
        /// In this phase.
        phase: Phase,
        /// When so many containers of it are upgraded.
        after: usize,
    },
    /// The conversion of the metadata takes so many looks at the status;
    /// `None`: it never ends.
    ConversionLasts {
        /// How many.
        looks: Option<u32>,
    },
    /// A client can't be upgraded.
    ClientFails {
        /// Its name.
        server: String,
    },
    /// An alert comes up.
    AlertRises {
        /// In this phase.
        phase: Phase,
        /// `DriveDown`, ….
        alert: String,
        /// How grave it is.
        severity: Severity,
    },
    /// The command says that all went well, and nothing has another release.
    NoVersionChange,
    /// The leader's hand-over takes so many steps or questions.
    HandoverLasts {
        /// How many.
        steps: u32,
    },
    /// Somebody pauses the upgrade.
    Paused {
        /// In this phase.
        phase: Phase,
        /// Goes on after so many steps; `None`: when it is told to.
        steps: Option<u32>,
    },
    /// After the upgrade, a network driver could not be loaded anew on a server.
    DriverReloadFails {
        /// Its name.
        server: String,
    },
}

/// Something that goes wrong with an upgrade, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeFault {
    /// What.
    pub trouble: Trouble,
    /// So many times more; `None`: always.
    #[serde(default)]
    pub times: Option<u32>,
}

impl UpgradeFault {
    /// Goes wrong the first time.
    #[must_use]
    pub fn once(trouble: Trouble) -> Self {
        Self {
            trouble,
            times: Some(1),
        }
    }

    /// Goes wrong every time.
    #[must_use]
    pub fn always(trouble: Trouble) -> Self {
        Self {
            trouble,
            times: None,
        }
    }
}

/// Between which release lines metadata is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversionRule {
    /// From this one, its first two numbers.
    pub from: (u32, u32),
    /// To this one.
    pub to: (u32, u32),
}

/// A conversion that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// How many looks at the status it takes; `None`: it never ends.
    pub looks: Option<u32>,
    /// How many there were.
    pub seen: u32,
}

/// What the cluster says of an upgrade, and what is to happen in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// Empty when none runs; else it names drive, compute or frontend.
    pub phase: String,
    /// Whether it was paused.
    pub paused: bool,
    /// `agent-driven`.
    pub kind: String,
    /// The conversion, as the status shows it.
    pub block_task: BlockTask,
    /// Where the upgrade goes to whose phase is named.
    #[serde(default)]
    pub target: Option<Version>,
    /// After so many steps somebody ends the pause.
    #[serde(default)]
    pub paused_for: Option<u32>,
    /// For so many steps or questions there is no leader.
    #[serde(default)]
    pub handover: u32,
    /// MiB that lack a copy because a container of the upgrade is down.
    #[serde(default)]
    pub lost_copies_mib: u64,
    /// The conversion, as it goes on.
    #[serde(default)]
    pub conversion: Option<Conversion>,
    /// After which upgrades there is one.
    #[serde(default)]
    pub conversions: Vec<ConversionRule>,
    /// Whether no distribution server is configured: a dark site.
    #[serde(default)]
    pub dark_site: bool,
    /// Whether nobody scans the metadata (FSCK) after an upgrade. Else a scan
    /// without a finding follows each, so that the next hop may go on.
    #[serde(default)]
    pub no_scan: bool,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<UpgradeFault>,
}

impl Default for Upgrade {
    fn default() -> Self {
        Self {
            phase: String::new(),
            paused: false,
            kind: "agent-driven".to_owned(),
            block_task: BlockTask::default(),
            target: None,
            paused_for: None,
            handover: 0,
            lost_copies_mib: 0,
            conversion: None,
            conversions: vec![ConversionRule {
                from: (4, 2),
                to: (4, 4),
            }],
            dark_site: false,
            no_scan: false,
            faults: Vec::new(),
        }
    }
}

impl Upgrade {
    /// Whether it goes wrong in this way now; if so it has, once more.
    pub(crate) fn strikes(&mut self, is: impl Fn(&Trouble) -> bool) -> Option<Trouble> {
        let at = self.faults.iter().position(|f| is(&f.trouble))?;
        let fault = &mut self.faults[at];
        let trouble = fault.trouble.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.faults.remove(at);
            }
        }
        Some(trouble)
    }
}
