//! Whether an issue's conditions hold of this cluster.

use checker_core::Version;
use checker_core::facts::boot_arguments::{BootArguments, CMDLINE};
use checker_core::facts::containers::{CONTAINERS, Containers};
use checker_core::facts::status::{STATUS, Status};
use checker_core::facts::usage::Usage;
use checker_core::facts::{Fleet, Missing, Why};
use checker_core::release_data::{Conditions, Issue};
use checker_core::server::Role;

/// What conditions are judged by.
pub(super) struct Cluster<'a> {
    pub(super) status: &'a Status,
    pub(super) usage: &'a Usage,
    pub(super) containers: &'a Result<&'a Containers, Missing>,
    pub(super) boot_arguments: Option<&'a Fleet<'a, BootArguments>>,
}

/// Whether an issue concerns the cluster.
pub(super) enum Concerns {
    /// It does, for all that the evidence can tell.
    Yes,
    /// It does not.
    No,
    /// What would decide it is missing.
    Undecided(Missing),
}

impl Cluster<'_> {
    pub(super) fn concerns(&self, issue: &Issue) -> Concerns {
        let mut undecided = None;
        for condition in self.conditions(&issue.conditions) {
            match condition {
                Ok(true) => {}
                // One that does not hold decides, whatever the others would say.
                Ok(false) => return Concerns::No,
                Err(missing) => undecided = undecided.or(Some(missing)),
            }
        }
        undecided.map_or(Concerns::Yes, Concerns::Undecided)
    }

    fn conditions(&self, conditions: &Conditions) -> Vec<Result<bool, Missing>> {
        let mut all = Vec::new();
        if !conditions.protocols.is_empty() {
            let each = conditions.protocols.iter().map(|p| self.usage.protocol(*p));
            all.push(any(each));
        }
        if !conditions.link_types.is_empty() {
            all.push(self.link_layer_is_one_of(&conditions.link_types));
        }
        if conditions.object_store {
            all.push(self.usage.object_store.clone());
        }
        if conditions.several_orgs {
            all.push(self.usage.several_orgs.clone());
        }
        if !conditions.kernel_arguments.is_empty() {
            all.push(self.booted_with(&conditions.kernel_arguments));
        }
        if let Some(window) = &conditions.clients {
            all.push(self.client(|release| window.contains(release)));
        }
        all
    }

    fn link_layer_is_one_of(&self, types: &[String]) -> Result<bool, Missing> {
        match &self.status.link_layer {
            // A cluster with both names both.
            Some(layer) => {
                let layer = layer.to_ascii_uppercase();
                Ok(types
                    .iter()
                    .any(|t| layer.contains(&t.to_ascii_uppercase())))
            }
            None => Err(missing(
                STATUS.key,
                "weka status -J",
                Why::Unreadable("net.link_layer is missing".to_owned()),
            )),
        }
    }

    fn booted_with(&self, words: &[String]) -> Result<bool, Missing> {
        let not_asked = || missing(CMDLINE.key, CMDLINE.key, Why::NotCollected);
        let backends = self
            .boot_arguments
            .into_iter()
            .flat_map(|fleet| &fleet.servers);
        let mut backends = backends
            .filter(|(server, _)| server.role == Role::Backend)
            .peekable();
        if backends.peek().is_none() {
            return Err(not_asked());
        }
        any(backends.map(|(_, arguments)| match arguments {
            Ok(arguments) => Ok(words.iter().any(|word| arguments.has(word))),
            Err(missing) => Err(missing.clone()),
        }))
    }

    fn client(&self, test: impl Fn(&Version) -> bool) -> Result<bool, Missing> {
        let Containers(all) = self.containers.as_ref().map_err(Clone::clone)?;
        any(all.iter().filter(|c| !c.backend).map(|client| {
            match client.release.as_deref().map(str::parse::<Version>) {
                Some(Ok(release)) => Ok(test(&release)),
                _ => Err(missing(
                    CONTAINERS.key,
                    "weka cluster container -J",
                    Why::Unreadable(format!("client {} has no release", client.hostname)),
                )),
            }
        }))
    }
}

/// True as soon as one is; else the first that is missing; else false.
fn any(each: impl Iterator<Item = Result<bool, Missing>>) -> Result<bool, Missing> {
    let mut undecided = None;
    for one in each {
        match one {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(missing) => undecided = undecided.or(Some(missing)),
        }
    }
    undecided.map_or(Ok(false), Err)
}

fn missing(evidence: &str, command: &str, why: Why) -> Missing {
    Missing {
        evidence: evidence.to_owned(),
        command: command.to_owned(),
        server: None,
        why,
    }
}

/// The lines that follow an issue's summary.
pub(super) fn hints(issue: &Issue) -> impl Iterator<Item = String> + use<> {
    let only_if = issue.conditions.only_if.as_ref();
    let only_if = only_if.map(|text| format!("only if {text}: please look"));
    only_if.into_iter().chain(issue.remedy.clone())
}
