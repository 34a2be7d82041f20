//! Clusters worth looking at, by name.
//!
//! A name is either a cluster to begin with (`healthy`, `release-4.2`) or
//! something that goes wrong with it; several, with commas between them, are
//! applied one after the other.

mod access;
mod answers;
mod clients;
mod clusters;
mod disks;
mod health;
mod machines;
mod members;
mod nights;
mod protocols;
mod servers;
mod services;
mod settings;
mod tasks;
mod upgrades;
mod versions;

use crate::model::Cluster;

/// What a name stands for.
#[derive(Clone, Copy)]
enum Makes {
    /// A cluster to begin with.
    Cluster(fn() -> Cluster),
    /// Something that goes wrong with it.
    Fault(fn(&mut Cluster)),
}

/// One name.
struct Item {
    name: &'static str,
    description: &'static str,
    makes: Makes,
}

/// An item of the tables: something that goes wrong.
const fn fault(name: &'static str, description: &'static str, apply: fn(&mut Cluster)) -> Item {
    Item {
        name,
        description,
        makes: Makes::Fault(apply),
    }
}

/// An item of the tables: a cluster to begin with.
const fn cluster(name: &'static str, description: &'static str, make: fn() -> Cluster) -> Item {
    Item {
        name,
        description,
        makes: Makes::Cluster(make),
    }
}

const ITEMS: &[&[Item]] = &[
    clusters::ITEMS,
    nights::ITEMS,
    access::ITEMS,
    answers::ITEMS,
    versions::ITEMS,
    health::ITEMS,
    members::ITEMS,
    settings::ITEMS,
    tasks::ITEMS,
    protocols::ITEMS,
    services::ITEMS,
    servers::ITEMS,
    machines::ITEMS,
    disks::ITEMS,
    clients::ITEMS,
    upgrades::ITEMS,
];

fn items() -> impl Iterator<Item = &'static Item> {
    ITEMS.iter().copied().flatten()
}

/// Every name with its description, in one line each: what stands for a whole
/// situation first.
#[must_use]
pub fn scenarios() -> Vec<(&'static str, &'static str)> {
    items().map(|item| (item.name, item.description)).collect()
}

/// Why a text names no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// There is no such name.
    #[error("there is no scenario {name:?}{}", nearest.map(|n| format!("; did you mean {n}?")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        name: String,
        /// The name that is most like it.
        nearest: Option<&'static str>,
    },
    /// Two names are clusters to begin with.
    #[error("{first:?} and {second:?} are both clusters to begin with: name one of them")]
    TwoClusters {
        /// The one named first.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Nothing is named.
    #[error("no scenario is named; `healthy` is the plainest")]
    Empty,
}

/// One or more names, understood.
#[derive(Clone)]
pub struct Scenario {
    items: Vec<&'static Item>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.items.iter().map(|item| item.name))
            .finish()
    }
}

impl Scenario {
    /// Understands `healthy,nfs-statd,rebuild-started`.
    ///
    /// # Errors
    /// When a name is unknown, two exclude each other, or there is none.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let names = text.split(',').map(str::trim).filter(|n| !n.is_empty());
        let items = names.map(find).collect::<Result<Vec<_>, _>>()?;
        if items.is_empty() {
            return Err(ScenarioError::Empty);
        }
        // `healthy` is what everything begins with anyway.
        let mut clusters = items
            .iter()
            .filter(|item| matches!(item.makes, Makes::Cluster(_)) && item.name != "healthy");
        if let (Some(first), Some(second)) = (clusters.next(), clusters.next())
            && first.name != second.name
        {
            return Err(ScenarioError::TwoClusters {
                first: first.name,
                second: second.name,
            });
        }
        Ok(Self { items })
    }

    /// The cluster, with everything that goes wrong with it.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        let mut begin: fn() -> Cluster = clusters::healthy;
        for item in &self.items {
            if let Makes::Cluster(make) = item.makes
                && item.name != "healthy"
            {
                begin = make;
            }
        }
        let mut cluster = begin();
        for item in &self.items {
            if let Makes::Fault(apply) = item.makes {
                apply(&mut cluster);
            }
        }
        cluster
    }
}

fn find(name: &str) -> Result<&'static Item, ScenarioError> {
    if let Some(item) = items().find(|item| item.name == name) {
        return Ok(item);
    }
    // A part of a name is likelier what was meant than another name of the same length.
    let likeness = |known: &str| {
        let bonus = if known.contains(name) || name.contains(known) {
            0.3
        } else {
            0.0
        };
        strsim::jaro_winkler(name, known) + bonus
    };
    let nearest = items()
        .map(|item| (likeness(item.name), item.name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.7)
        .map(|(_, name)| name);
    Err(ScenarioError::Unknown {
        name: name.to_owned(),
        nearest,
    })
}

#[cfg(test)]
mod tests;
