//! Reaching servers: SSH sessions of our own, the system's `ssh`, this machine.
//!
//! [`LiveSource`] is the one thing that others use. Everything here blocks the
//! calling thread, and none of it longer than its deadline.

mod frames;
mod script;
mod talk;
