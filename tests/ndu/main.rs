//! The upgrade of a cluster in memory: every scenario, every situation, and
//! an end at every moment.

mod scenarios;
mod world;
