//! The real time, and the signals that end waiting.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use checker_core::ndu::run::Clock;
use jiff::Timestamp;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::output;

/// How long a first Ctrl-C is remembered.
const REMEMBERED: Duration = Duration::from_secs(10);

/// What a first Ctrl-C asks. Short, so that it fits in a line.
const ASKS: &str =
    "Ctrl-C again within 10 s leaves; the upgrade goes on without us, --resume comes back.";

/// How soon a signal is noticed while waiting.
const GLANCE: Duration = Duration::from_millis(100);

/// Our clock.
pub(super) struct SystemClock {
    leaving: Arc<AtomicBool>,
    teller: Arc<OnceLock<Teller>>,
}

/// Says something beside a line that is redrawn all the time.
pub(super) type Teller = Box<dyn Fn(&str) + Send + Sync>;

impl SystemClock {
    /// Begins to listen for signals: one Ctrl-C asks, a second one leaves, as
    /// a lost terminal and SIGTERM do at once. None of them ends a command of
    /// the upgrade.
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub(super) fn start() -> std::io::Result<Self> {
        let leaving = Arc::new(AtomicBool::new(false));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let teller: Arc<OnceLock<Teller>> = Arc::default();
        let (flag, mouth) = (Arc::clone(&leaving), Arc::clone(&teller));
        let tell = move |words: &str| match mouth.get() {
            Some(tell) => tell(words),
            None => output::note(words),
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let mut first: Option<Instant> = None;
                for signal in signals.forever() {
                    let again = first.is_some_and(|at| at.elapsed() < REMEMBERED);
                    if signal == SIGINT && !again && std::io::stderr().is_terminal() {
                        first = Some(Instant::now());
                        tell(ASKS);
                    } else {
                        if signal == SIGINT && again {
                            tell("Leaving; what was started goes on.");
                        }
                        flag.store(true, Ordering::Relaxed);
                    }
                }
            })?;
        Ok(Self { leaving, teller })
    }

    /// From now on, speaks through this.
    pub(super) fn speak_through(&self, teller: Teller) {
        let _ = self.teller.set(teller);
    }

    /// Set when the operator leaves.
    pub(super) fn leaving_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.leaving)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.leaving() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }

    fn leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }
}
