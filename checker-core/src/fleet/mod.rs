//! Reaching servers: SSH sessions of our own, the system's `ssh`, this machine.
//!
//! [`LiveSource`] is the one thing that others use. Everything here blocks the
//! calling thread, and none of it longer than its deadline.

mod auth;
mod child;
mod frames;
mod known_hosts;
mod script;
mod ssh_config;
mod talk;
