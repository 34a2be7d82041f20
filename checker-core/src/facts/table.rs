//! All facts of one run, and how a check asks for them.

use std::collections::HashMap;

use super::{Fact, FactScope, FactSpec, Missing, Reading, View, missing::Why};
use crate::evidence::Store;
use crate::server::Server;

/// All facts of one run, read before any check is asked.
pub struct FactTable<'a> {
    store: &'a Store,
    readings: Readings,
}

/// What was read, by fact name and, for a server's fact, the server's name.
pub(crate) type Readings = HashMap<(&'static str, Option<String>), Reading>;

impl<'a> FactTable<'a> {
    pub(crate) fn new(store: &'a Store, readings: Readings) -> Self {
        Self { store, readings }
    }

    /// The servers of the run: backends first, then clients, by name.
    pub fn servers(&self) -> impl Iterator<Item = &'a Server> {
        self.store.servers().iter().map(|s| &s.server)
    }

    /// The evidence of the cluster's commands.
    pub(crate) fn cluster_view(&self) -> View<'a> {
        View::cluster(self.store)
    }

    /// The evidence of every server.
    pub(crate) fn server_views(&self) -> impl Iterator<Item = (&'a Server, View<'a>)> {
        let store = self.store;
        let servers = store.servers().iter();
        servers.map(move |s| (&s.server, View::server(store, s)))
    }

    /// The fact of the cluster, or of this server.
    ///
    /// # Errors
    /// Why it is missing.
    pub fn get<F: Fact>(&self, server: Option<&Server>) -> Result<&F, Missing> {
        let key = match F::SCOPE {
            FactScope::Cluster => None,
            FactScope::Server => server.map(|s| s.name.clone()),
        };
        let not_collected = || Missing {
            evidence: F::NAME.to_owned(),
            command: F::NAME.to_owned(),
            server: server.map(|s| s.name.clone()),
            why: Why::NotCollected,
        };
        match self.readings.get(&(F::NAME, key)) {
            Some(Ok(fact)) => fact.as_any().downcast_ref().ok_or_else(not_collected),
            Some(Err(missing)) => Err(missing.clone()),
            None => Err(not_collected()),
        }
    }
}

/// What a judge function can ask for as an argument.
pub trait Need<'t>: Sized {
    /// The fact behind it, so that the engine collects it.
    fn declare() -> Option<FactSpec>;

    /// The argument's value for a check of `server` (or of the cluster).
    ///
    /// # Errors
    /// When the fact is missing and the judge function can't do without.
    fn get(table: &'t FactTable<'_>, server: Option<&'t Server>) -> Result<Self, Missing>;
}

/// A fact that the judge function can't do without.
impl<'t, F: Fact> Need<'t> for &'t F {
    fn declare() -> Option<FactSpec> {
        Some(FactSpec::of::<F>())
    }

    fn get(table: &'t FactTable<'_>, server: Option<&'t Server>) -> Result<Self, Missing> {
        table.get(server)
    }
}

/// A fact whose absence the judge function wants to look at itself: because
/// it only matters in some cases, or because being absent is the finding.
impl<'t, F: Fact> Need<'t> for Result<&'t F, Missing> {
    fn declare() -> Option<FactSpec> {
        Some(FactSpec::of::<F>())
    }

    fn get(table: &'t FactTable<'_>, server: Option<&'t Server>) -> Result<Self, Missing> {
        Ok(table.get(server))
    }
}

/// One fact of every server, for checks that compare servers.
#[derive(Debug)]
pub struct Fleet<'t, F> {
    /// Every server of the run, with its fact or why that is missing.
    pub servers: Vec<(&'t Server, Result<&'t F, Missing>)>,
}

impl<'t, F> Fleet<'t, F> {
    /// The servers whose fact is there.
    pub fn known(&self) -> impl Iterator<Item = (&'t Server, &'t F)> {
        self.servers
            .iter()
            .filter_map(|(server, fact)| Some((*server, *fact.as_ref().ok()?)))
    }
}

impl<'t, F: Fact> Need<'t> for Fleet<'t, F> {
    fn declare() -> Option<FactSpec> {
        Some(FactSpec::of::<F>())
    }

    fn get(table: &'t FactTable<'_>, _: Option<&'t Server>) -> Result<Self, Missing> {
        Ok(Self {
            servers: table
                .store
                .servers()
                .iter()
                .map(|s| (&s.server, table.get(Some(&s.server))))
                .collect(),
        })
    }
}

/// The server that is judged, for checks that find it in a fact of the cluster.
#[derive(Debug, Clone, Copy)]
pub struct This<'t>(pub &'t Server);

impl<'t> Need<'t> for This<'t> {
    fn declare() -> Option<FactSpec> {
        None
    }

    fn get(_: &'t FactTable<'_>, server: Option<&'t Server>) -> Result<Self, Missing> {
        server.map(Self).ok_or_else(|| Missing {
            evidence: "server".to_owned(),
            command: "server".to_owned(),
            server: None,
            why: Why::NotCollected,
        })
    }
}
