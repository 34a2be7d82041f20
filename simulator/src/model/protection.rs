//! How well the data is protected.

use serde::{Deserialize, Serialize};

/// The rebuild state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rebuild {
    /// Share of the running rebuild; 0 when idle and at the very start.
    pub progress_percent: f64,
    /// Whether data moves.
    pub moving_data: bool,
    /// MiB that lost this many copies; the first entry is what lost none.
    pub mib_by_failures: Vec<u64>,
    /// MiB beyond protection.
    pub unavailable_mib: u64,
}

impl Rebuild {
    /// Full protection of so much data, where so many failures are survived.
    #[must_use]
    pub fn none(mib: u64, protection: usize) -> Self {
        let mut mib_by_failures = vec![0; protection + 1];
        mib_by_failures[0] = mib;
        Self {
            progress_percent: 0.0,
            moving_data: false,
            mib_by_failures,
            unavailable_mib: 0,
        }
    }

    /// All data, MiB.
    #[must_use]
    pub fn total_mib(&self) -> u64 {
        self.mib_by_failures.iter().sum::<u64>() + self.unavailable_mib
    }

    /// MiB that lost a copy.
    #[must_use]
    pub fn degraded_mib(&self) -> u64 {
        self.mib_by_failures.iter().skip(1).sum()
    }

    /// Lets this much data lose one copy.
    pub fn lose_one_copy(&mut self, mib: u64) {
        if self.mib_by_failures.len() > 1 {
            let mib = mib.min(self.mib_by_failures[0]);
            self.mib_by_failures[0] -= mib;
            self.mib_by_failures[1] += mib;
        }
    }

    /// Gives this much data its lost copy back.
    pub fn regain_one_copy(&mut self, mib: u64) {
        if self.mib_by_failures.len() > 1 {
            let mib = mib.min(self.mib_by_failures[1]);
            self.mib_by_failures[1] -= mib;
            self.mib_by_failures[0] += mib;
        }
    }

    /// Puts this much data beyond protection.
    pub fn make_unavailable(&mut self, mib: u64) {
        let mib = mib.min(self.mib_by_failures[0]);
        self.mib_by_failures[0] -= mib;
        self.unavailable_mib += mib;
    }
}
