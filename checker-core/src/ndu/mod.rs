//! The non-disruptive upgrade (NDU): what is done, in which order, and how it
//! is known to be done.
//!
//! Nothing else in this crate changes a cluster.

pub mod executor;
