//! The non-disruptive upgrade (NDU): what is done, in which order, and how it
//! is known to be done.
//!
//! Nothing else in this crate changes a cluster.

mod aws;
pub mod commands;
pub mod detached;
pub mod executor;
pub mod journal;
pub mod observe;
pub mod outcome;
pub mod plan;
pub mod run;
pub mod status;
pub mod stop;
#[cfg(test)]
mod texts;
