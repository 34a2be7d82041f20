//! Where an upgrade is written down, and the cluster that it works on.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use checker_core::Version;
use checker_core::deadline::Deadline;
use checker_core::fleet::{LiveOptions, LiveSource};
use checker_core::ndu::detached::{Detached, LocalShell, has_file};
use checker_core::ndu::executor::Executor;
use checker_core::ndu::journal::{self, JournalError, Story};
use checker_core::ndu::observe::Patience;
use checker_core::ndu::run::Limits;
use checker_core::source::Source;
use checker_simulator::{FileSource, Scenario, StandinState};

use crate::args::{ReachArgs, StateArgs};
use crate::exit::{Exit, Failure};
use crate::settings::SourceChoice;

/// Where it all stands, and how the cluster is reached.
pub(super) struct Place {
    dir: PathBuf,
    simulated: Option<PathBuf>,
    remote: bool,
    cluster: Option<Opened>,
    /// Of a plan's own cluster, for as long as this lives.
    _own: Option<tempfile::TempDir>,
}

/// What becomes of the cluster of a rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// It is a new one.
    Anew,
    /// It is the one of before.
    GoesOn,
    /// Only a plan is made, for a new one that nobody keeps.
    Looks,
}

enum Opened {
    Live(Arc<LiveSource>),
    Simulated(Arc<FileSource>),
}

impl Place {
    /// Finds the place. A rehearsal begins with a new cluster, unless it is
    /// gone on with; a plan alone leaves the one of before as it is.
    pub(super) fn new(
        arguments: &StateArgs,
        reach: &ReachArgs,
        begins: Begins,
    ) -> Result<Self, Failure> {
        let dir = match &arguments.state_dir {
            Some(dir) => std::path::absolute(dir)
                .with_context(|| format!("--state-dir {}", dir.display()))
                .map_err(Failure::usage)?,
            None => default_dir()?,
        };
        let Some(scenario) = &arguments.simulate else {
            return Ok(Self {
                dir,
                simulated: None,
                remote: reach.via.is_some(),
                cluster: None,
                _own: None,
            });
        };
        let parsed = Scenario::parse(scenario).map_err(Failure::usage)?;
        // Rehearsals have nothing to do with real upgrades, nor with each other.
        let name: String = scenario
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let own = match begins {
            Begins::Looks => {
                let own = tempfile::tempdir()
                    .context("a directory for the simulated cluster")
                    .map_err(Failure::internal)?;
                Some(own)
            }
            Begins::Anew | Begins::GoesOn => None,
        };
        let dir = match &own {
            Some(own) => own.path().to_owned(),
            None => dir.join("rehearsals").join(name),
        };
        let state = dir.join("cluster.json");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .with_context(|| dir.display().to_string())
            .map_err(Failure::internal)?;
        if begins != Begins::GoesOn {
            // One that is under way must keep its cluster.
            let guid = &parsed.cluster().guid;
            match journal::holder(&dir, guid) {
                Ok(None) => {}
                Ok(Some(holder)) => {
                    return Err(Failure {
                        error: anyhow::Error::from(JournalError::Locked { holder })
                            .context("nothing was begun"),
                        exit: Exit::Failures,
                    });
                }
                Err(error) => return Err(Failure::internal(error)),
            }
            let mut new = StandinState::new(parsed.cluster());
            if let Some(pace) = arguments.pace {
                new.pace_ms = pace;
            }
            checker_simulator::write_state(&state, &new)
                .context("the simulated cluster")
                .map_err(Failure::internal)?;
        } else if !state.exists() {
            return Err(Failure::usage(anyhow!(
                "no rehearsal of {scenario} was begun: there is no {}",
                state.display()
            )));
        }
        Ok(Self {
            dir,
            simulated: Some(state),
            remote: false,
            cluster: None,
            _own: own,
        })
    }

    /// Opens the way to the cluster. `samples` is what a simulated one answers
    /// to the probes of plugins.
    pub(super) fn open(
        &mut self,
        choice: &SourceChoice,
        samples: BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        self.cluster = Some(match (choice, &self.simulated) {
            (SourceChoice::Live(options), _) => {
                let options = LiveOptions {
                    // An upgrade lasts for hours, a connection need not.
                    reconnects: true,
                    ..options.clone()
                };
                let source = LiveSource::new(options).map_err(Failure::usage)?;
                Opened::Live(Arc::new(source))
            }
            (SourceChoice::Simulated(_), state) => {
                let state = state.clone().unwrap_or_default();
                let source = FileSource::open(state)
                    .context("the simulated cluster")
                    .map_err(Failure::internal)?;
                Opened::Simulated(Arc::new(source.with_answers(samples)))
            }
        });
        Ok(())
    }

    fn opened(&self) -> Result<&Opened, Failure> {
        self.cluster
            .as_ref()
            .ok_or_else(|| Failure::internal(anyhow!("the cluster was not opened")))
    }

    /// Where the cluster is asked.
    pub(super) fn source(&self) -> Result<Arc<dyn Source>, Failure> {
        Ok(match self.opened()? {
            Opened::Live(source) => Arc::<LiveSource>::clone(source),
            Opened::Simulated(source) => Arc::<FileSource>::clone(source),
        })
    }

    /// Where commands are run.
    pub(super) fn executor(&self) -> Result<Box<dyn Executor>, Failure> {
        let here = self.dir.join("jobs").to_string_lossy().into_owned();
        Ok(match self.opened()? {
            // On another machine our own directory need not be there.
            Opened::Live(source) => {
                let dir = if self.remote {
                    "/var/lib/checker/jobs".to_owned()
                } else {
                    here
                };
                Box::new(Detached::new(Arc::clone(source), dir, &["weka"]))
            }
            Opened::Simulated(source) => {
                let program = std::env::current_exe()
                    .context("finding our own program")
                    .map_err(Failure::internal)?;
                let program = program.to_string_lossy();
                let state = source.path().to_string_lossy();
                let words = [&*program, "simulated-weka", "--state", &*state, "--"];
                Box::new(Detached::new(LocalShell, here, &words))
            }
        })
    }

    /// Whether the machine that commands run on has a file that can be read.
    pub(super) fn has_file(&self, path: &Path) -> Result<(), Failure> {
        let deadline = Deadline::within(Duration::from_secs(60));
        let there = match self.opened()? {
            Opened::Live(source) => has_file(source, path, &deadline),
            Opened::Simulated(_) => has_file(&LocalShell, path, &deadline),
        };
        let shown = path.display();
        match there {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::usage(anyhow!(
                "--package {shown}: the machine that the commands run on has no such file that can be read"
            ))),
            Err(why) => Err(Failure {
                error: anyhow!("--package {shown} can't be looked at: {why}"),
                exit: Exit::Unverified,
            }),
        }
    }

    /// A rehearsal need not wait as long as a real cluster needs.
    pub(super) fn limits(&self, real: Limits) -> Limits {
        if self.simulated.is_none() {
            return real;
        }
        Limits {
            interval: Duration::from_millis(200),
            patience: Patience {
                limit: Duration::from_secs(60),
                pause: Duration::from_millis(200),
            },
            stalled: Duration::from_secs(30),
            settle: Duration::from_secs(15),
            conversion: Duration::from_secs(15),
            foreign: Duration::from_secs(3),
        }
    }

    /// The directory of the journals.
    pub(super) fn state_dir(&self) -> &Path {
        &self.dir
    }

    /// A new file in it, for its owner alone.
    pub(super) fn create(&self, path: &Path) -> std::io::Result<File> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)?;
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
    }

    /// Where the newest upgrade that was not finished goes, if there is
    /// exactly one cluster with such.
    pub(super) fn interrupted_target(&self) -> Result<Option<Version>, Failure> {
        let mut targets = Vec::new();
        for guid in clusters(&self.dir) {
            let Ok(Some((_, lines))) = journal::look(&self.dir, &guid) else {
                continue;
            };
            let story = Story::of(&lines);
            if story.finished() {
                continue;
            }
            targets.extend(
                story
                    .begun()
                    .and_then(|(_, releases)| releases.last().cloned()),
            );
        }
        match targets.len() {
            0 => Err(Failure::usage(anyhow!(
                "no interrupted upgrade is written down in {}; give --target-version V, and the cluster is asked where it stands",
                self.dir.display()
            ))),
            1 => Ok(targets.pop()),
            _ => Ok(None),
        }
    }
}

/// The clusters with a journal in this directory.
pub(super) fn clusters(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("lock").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// `/var/lib/checker` for root, else where the user's programs keep their state.
fn default_dir() -> Result<PathBuf, Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/checker".into());
    }
    let path = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    path("XDG_STATE_HOME")
        .or_else(|| path("HOME").map(|home| home.join(".local/state")))
        .map(|dir| dir.join("checker"))
        .ok_or_else(|| {
            Failure::usage(anyhow!(
                "neither XDG_STATE_HOME nor HOME is set: give --state-dir DIR"
            ))
        })
}
