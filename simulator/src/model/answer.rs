//! Answers that come out other than the cluster meant them.

use serde::{Deserialize, Serialize};

/// A command whose answer is damaged on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OddAnswer {
    /// The command's first words: `fs snapshot`.
    pub command: String,
    /// What happens to its answer.
    pub oddity: Oddity,
}

/// What happens to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Oddity {
    /// The second half is missing.
    Half,
    /// It stands between lines that are no JSON.
    BetweenNoise,
    /// None comes.
    TimesOut,
    /// The leader is just handed over: an error, exit status 1.
    NoLeader,
}
