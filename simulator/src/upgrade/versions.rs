//! `version get` and `version prepare`.

use checker_core::Version;

use super::Step;
use crate::model::{Cluster, Trouble};

/// How many steps a download takes.
const DOWNLOAD_STEPS: u32 = 4;

/// `version get`.
#[derive(Debug)]
pub(crate) struct Get {
    /// The server that it runs on.
    pub(crate) server: String,
    /// The server of the cluster that it asks, if it asks one.
    pub(crate) backend: Option<String>,
    /// What it asks.
    pub(crate) host: String,
    /// What it gets.
    pub(crate) to: Version,
    /// Whether it shows how far it is.
    pub(crate) progress: bool,
    /// Steps that are done.
    pub(crate) done: u32,
}

impl Get {
    pub(super) fn step(&mut self, cluster: &mut Cluster) -> Step {
        let (to, host) = (&self.to, &self.host);
        if self.done == 0 {
            self.done = 1;
            let here = cluster.server(&self.server);
            if here.is_some_and(|s| cluster.has_release(s, to)) {
                return Step::of(1)
                    .say(format_args!("Version {to} is already downloaded"))
                    .success();
            }
            return match self.refused(cluster) {
                Some(why) => Step::of(2).fail(format_args!(
                    "failed to download version {to} from {host}: {why}"
                )),
                None => Step::of(2).say(format_args!("Downloading version {to} from {host}")),
            };
        }
        if self.done < DOWNLOAD_STEPS {
            let percent = self.done * 100 / DOWNLOAD_STEPS;
            self.done += 1;
            let mut step = Step::of(20);
            if self.progress {
                step.stdout = format!("\r{percent:>3}%");
            }
            return step;
        }
        let name = self.server.clone();
        let full = |t: &Trouble| matches!(t, Trouble::NoRoom { server } if *server == name);
        if cluster.upgrade.strikes(full).is_some() {
            return Step::of(5).fail(format_args!(
                "failed to unpack version {to}: No space left on device"
            ));
        }
        let to = to.clone();
        if let Some(server) = cluster.server_mut(&self.server) {
            server.bring(&to, false);
        }
        let mut step = Step::of(10);
        if self.progress {
            step.stdout = "\r100%\n".to_owned();
        }
        step.say(format_args!("Finished downloading version {to}"))
            .success()
    }

    /// Why nothing can be got from there.
    fn refused(&self, cluster: &mut Cluster) -> Option<&'static str> {
        if let Some(backend) = &self.backend {
            let server = cluster.server(backend)?;
            if server.status() == "DOWN" {
                return Some("Connection timed out");
            }
            return (!cluster.has_release(server, &self.to)).then_some("404 Not Found");
        }
        let upgrade = &mut cluster.upgrade;
        if upgrade
            .strikes(|t| matches!(t, Trouble::SiteUnreachable))
            .is_some()
        {
            return Some("Name or service not known");
        }
        upgrade
            .strikes(|t| matches!(t, Trouble::WrongToken))
            .map(|_| "401 Unauthorized")
    }
}

/// `version prepare`.
#[derive(Debug)]
pub(crate) struct Prepare {
    /// The server that it runs on.
    pub(crate) server: String,
    /// What it prepares.
    pub(crate) to: Version,
    /// Whether it was begun.
    pub(crate) begun: bool,
}

impl Prepare {
    pub(super) fn step(&mut self, cluster: &mut Cluster) -> Step {
        let to = &self.to;
        if !self.begun {
            self.begun = true;
            return Step::of(1).say(format_args!("Preparing version {to}"));
        }
        let name = self.server.clone();
        let fails =
            |t: &Trouble| matches!(t, Trouble::DriverBuildFails { server } if *server == name);
        if cluster.upgrade.strikes(fails).is_some() {
            return Step::of(30).fail(format_args!(
                "failed to build the driver of version {to} on {name}: make exited with status 2"
            ));
        }
        if let Some(server) = cluster.server_mut(&self.server) {
            server.bring(to, true);
        }
        Step::of(45)
            .say(format_args!("Version {to} is prepared"))
            .success()
    }
}
