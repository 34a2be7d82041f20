//! The upgrade of a cluster in memory: every scenario, every situation, and
//! an end at every moment.

mod commands;
mod crashes;
mod gate_closed;
mod scenarios;
mod situations;
mod world;
