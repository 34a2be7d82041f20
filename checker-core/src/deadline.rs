//! How long something may take, and whether the operator called it off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A point in time by which an answer must be there, shared by everyone who waits.
///
/// It passes early when the run is interrupted, so whoever honours the
/// deadline honours Ctrl-C too.
#[derive(Debug, Clone)]
pub struct Deadline {
    at: Instant,
    interrupted: Arc<AtomicBool>,
}

impl Deadline {
    /// A deadline `within` from now that ends early once `interrupted` is set.
    #[must_use]
    pub fn new(within: Duration, interrupted: Arc<AtomicBool>) -> Self {
        Self {
            at: Instant::now() + within,
            interrupted,
        }
    }

    /// A deadline `within` from now that nothing interrupts.
    #[must_use]
    pub fn within(within: Duration) -> Self {
        Self::new(within, Arc::default())
    }

    /// This deadline, or `within` from now if that is sooner.
    #[must_use]
    pub fn sooner(&self, within: Duration) -> Self {
        Self {
            at: self.at.min(Instant::now() + within),
            interrupted: Arc::clone(&self.interrupted),
        }
    }

    /// The time that is left, zero once it has passed or the run was interrupted.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        if self.interrupted() {
            Duration::ZERO
        } else {
            self.at.saturating_duration_since(Instant::now())
        }
    }

    /// Whether no time is left.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Whether the operator interrupted the run.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_ends_every_deadline_made_from_it() {
        let flag = Arc::new(AtomicBool::new(false));
        let whole = Deadline::new(Duration::from_secs(3600), Arc::clone(&flag));
        let part = whole.sooner(Duration::from_secs(60));
        assert!(!part.passed());
        flag.store(true, Ordering::Relaxed);
        assert!(part.passed() && whole.passed());
    }

    #[test]
    fn a_part_never_outlives_the_whole() {
        let whole = Deadline::within(Duration::from_secs(1));
        assert!(whole.sooner(Duration::from_secs(60)).remaining() <= Duration::from_secs(1));
    }
}
