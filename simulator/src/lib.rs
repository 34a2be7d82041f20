//! A WEKA cluster in memory that can be checked and broken.
//!
//! Three layers, each growing one file per subject:
//!
//! ```text
//! model/     what there is: servers, containers, drives, tasks, alerts, …
//! cli/       how a release's `weka` prints it: one dialect for all, decided by the release
//! probe/     how a server's own commands (`df`, `du`, `systemctl`) print it
//! upgrade/   what the commands of an upgrade do to it, step by step
//! ```
//!
//! [`Simulator`] is the source of evidence on top of it, [`Scenario`] names
//! the clusters that are worth looking at, [`StandinState`] is what the
//! stand-in for the `weka` program on real servers answers from.

mod cli;
mod file_source;
pub mod model;
mod output;
mod probe;
mod scenario;
mod simulator;
pub mod standin;
pub mod upgrade;
mod upgrade_simulator;

pub use file_source::FileSource;
pub use model::Cluster;
pub use output::Output;
pub use scenario::{Scenario, ScenarioError, scenarios};
pub use simulator::Simulator;
pub use standin::{Behaviour, Reply, StandinError, StandinState, write_state};
pub use upgrade_simulator::UpgradeSimulator;
