//! How each server was reached.

use serde::Serialize;

use super::{Fact, FactScope, Missing, View, missing::Why};
use crate::server;

/// How this server was reached, or why not: itself always known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// The way, the reason and the time.
    #[serde(flatten)]
    pub reach: server::Reach,
    /// Where it was tried.
    pub address: String,
}

impl Fact for Reached {
    const NAME: &'static str = "reach";
    const SCOPE: FactScope = FactScope::Server;

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        match (view.reach(), view.this_server()) {
            (Some(reach), Some(server)) => Ok(Self {
                reach: reach.clone(),
                address: server.address.clone(),
            }),
            _ => Err(Missing {
                evidence: Self::NAME.to_owned(),
                command: Self::NAME.to_owned(),
                server: None,
                why: Why::NotCollected,
            }),
        }
    }
}
