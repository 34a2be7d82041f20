//! How far an upgrade is: one line that changes on a terminal, plain lines
//! elsewhere.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use checker_core::ndu::plan::StepKind;
use checker_core::ndu::run::{Event, Progress, Watcher};
use checker_core::report::{fold_names, printable};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::clock::Teller;
use crate::output;

/// How often silence is told where there is no terminal.
const SILENCE_TOLD: Duration = Duration::from_secs(30);

/// Between two pictures of the line.
const TICK: Duration = Duration::from_millis(120);

/// The line that changes; there is none while the checks show theirs.
type Bar = Arc<Mutex<Option<ProgressBar>>>;

/// Shows what happens, on standard error.
pub(super) struct Shown {
    terminal: bool,
    begun: Instant,
    bar: Bar,
    verbose: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    hop: String,
    step: String,
    progress: String,
    last: String,
    silence_told: Duration,
    /// Whether the machine that runs the command was told not to answer.
    unseen_told: Option<Duration>,
}

impl Shown {
    pub(super) fn new(verbose: bool) -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            begun: Instant::now(),
            bar: Bar::default(),
            verbose,
            state: Mutex::default(),
        }
    }

    /// What speaks beside the line.
    pub(super) fn teller(&self) -> Teller {
        let bar = Arc::clone(&self.bar);
        Box::new(move |words| match &*held(&bar) {
            // The terminal has drawn `^C` into the line.
            Some(bar) => bar.suspend(|| output::note(&format!("\n{words}"))),
            None => output::note(words),
        })
    }

    /// Takes the line away.
    pub(super) fn finish(&self) {
        if let Some(bar) = held(&self.bar).take() {
            bar.finish_and_clear();
        }
    }

    /// Shows the line, where there is a terminal.
    fn open(&self) {
        let mut slot = held(&self.bar);
        if !self.terminal || slot.is_some() {
            return;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_elapsed(self.begun.elapsed());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        *slot = Some(bar);
    }

    /// A line that stays.
    fn line(&self, text: &str) {
        tracing::info!("{text}");
        self.beside(&printable(text), true);
    }

    fn beside(&self, text: &str, timed: bool) {
        match &*held(&self.bar) {
            Some(bar) => bar.println(text),
            None if self.terminal || !timed => output::note(text),
            None => output::note(&format!(
                "{} {text}",
                Timestamp::now().strftime("%H:%M:%SZ")
            )),
        }
    }

    fn redraw(&self, state: &State) {
        if let Some(bar) = &*held(&self.bar) {
            // What is long, and stands above already, would push out what changes.
            let doing = if state.progress.is_empty() {
                &state.step
            } else {
                &state.progress
            };
            let parts = [&state.hop, doing, &state.last];
            let parts: Vec<&str> = parts
                .into_iter()
                .map(String::as_str)
                .filter(|part| !part.is_empty())
                .collect();
            bar.set_message(parts.join(" · "));
        }
    }
}

fn held(bar: &Bar) -> MutexGuard<'_, Option<ProgressBar>> {
    bar.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watcher for Shown {
    fn on_event(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::HopBegun { hop, of, from, to } => {
                state.hop = format!("hop {hop}/{of}");
                self.line(&format!("{} {from} → {to}", state.hop));
            }
            Event::StepBegun { step } => {
                state.step = step.title().to_owned();
                state.progress.clear();
                state.last.clear();
                state.silence_told = Duration::ZERO;
                if *step == StepKind::Gate {
                    // The checks have a line of their own.
                    self.finish();
                    self.line(&format!("  {}", state.step));
                } else if self.terminal {
                    self.open();
                    tracing::info!("{}", state.step);
                } else {
                    self.line(&format!("  {}", state.step));
                }
            }
            Event::Started { command } => self.line(&format!("    $ {command}")),
            Event::Found { job } => {
                self.line(&format!(
                    "    the command {job} was started before; it is watched"
                ));
            }
            Event::LooksOn { limit } => self.line(&format!(
                "    the cluster is in the middle of an upgrade, and no command of ours runs; looking for {} s whether it goes on by itself",
                limit.as_secs()
            )),
            Event::Output { line } => {
                tracing::info!("| {line}");
                (*line).clone_into(&mut state.last);
                if self.verbose {
                    self.beside(&format!("    | {line}"), false);
                }
            }
            Event::Progress(progress) => {
                let shown = words(progress);
                if shown != state.progress {
                    state.progress = shown;
                    if !self.terminal {
                        self.line(&format!("    {}", state.progress));
                    }
                }
                state.silence_told = Duration::ZERO;
            }
            Event::Silent { since, missing } => {
                state.last = format!("the cluster does not answer ({} s)", since.as_secs());
                if *since >= state.silence_told + SILENCE_TOLD {
                    state.silence_told = *since;
                    self.line(&format!(
                        "    the cluster has not answered for {} s: {missing}",
                        since.as_secs()
                    ));
                }
            }
            Event::Unseen { since, words } => {
                state.last = format!("no connection ({} s)", since.as_secs());
                if state
                    .unseen_told
                    .is_none_or(|told| *since >= told + SILENCE_TOLD)
                {
                    self.line(&match state.unseen_told {
                        None => format!(
                            "    the machine that runs the command does not answer ({words}); the command goes on there"
                        ),
                        Some(_) => format!(
                            "    it has not answered for {} s: {words}",
                            since.as_secs()
                        ),
                    });
                    state.unseen_told = Some(*since);
                }
            }
            Event::SeenAgain { after } => {
                state.unseen_told = None;
                state.last.clear();
                self.line(&format!(
                    "    it answers again, after {} s",
                    after.as_secs()
                ));
            }
            Event::Warning { words } => self.line(&format!("  ! {words}")),
            Event::StepDone { step, how } => self.line(&format!("  ✓ {step}: {how}")),
            _ => {}
        }
        self.redraw(&state);
    }
}

/// `drives 3/6, 3 of 18 containers, weka-04`.
fn words(progress: &Progress) -> String {
    let mut parts = Vec::new();
    if let Some(converting) = progress.converting {
        parts.push(match converting {
            Some(percent) => format!("metadata conversion {percent} %"),
            None => "metadata conversion".to_owned(),
        });
    }
    if let Some(phase) = progress.phase.filter(|_| progress.done < progress.all) {
        parts.push(format!(
            "{phase} {}/{}",
            progress.phase_done, progress.phase_all
        ));
    }
    parts.push(format!("{} of {} containers", progress.done, progress.all));
    if !progress.working_on.is_empty() {
        parts.push(fold_names(&progress.working_on));
    }
    if progress.paused {
        parts.push("PAUSED by somebody".to_owned());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use checker_core::ndu::observe::Phase;
    use rstest::rstest;

    use super::*;

    fn progress() -> Progress {
        Progress {
            phase: Some(Phase::Drives),
            phase_done: 3,
            phase_all: 6,
            done: 3,
            all: 18,
            working_on: vec!["weka-04".into()],
            paused: false,
            converting: None,
        }
    }

    #[rstest]
    #[case::phase(|_: &mut Progress| {}, "drives 3/6, 3 of 18 containers, weka-04")]
    #[case::paused(|p: &mut Progress| p.paused = true, "drives 3/6, 3 of 18 containers, weka-04, PAUSED by somebody")]
    #[case::all_there(|p: &mut Progress| { p.done = 18; p.working_on.clear(); }, "18 of 18 containers")]
    #[case::conversion(|p: &mut Progress| { p.done = 18; p.working_on.clear(); p.converting = Some(Some(37)); }, "metadata conversion 37 %, 18 of 18 containers")]
    fn one_line(#[case] change: fn(&mut Progress), #[case] expected: &str) {
        let mut progress = progress();
        change(&mut progress);
        assert_eq!(words(&progress), expected);
    }
}
