//! How far a run is, on a terminal.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use checker_core::event::{Event, Observer};
use checker_core::report::printable;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How many of those that are waited for are named.
const NAMED: usize = 3;

/// One line on stderr that says how far the run is, and goes when it ends.
pub(crate) struct Progress {
    bar: ProgressBar,
    state: Mutex<State>,
}

impl Progress {
    /// On stderr, if that is a terminal; else there is none.
    pub(crate) fn on_stderr() -> Option<Arc<Self>> {
        std::io::stderr()
            .is_terminal()
            .then(|| Self::on(ProgressDrawTarget::stderr()))
    }

    fn on(target: ProgressDrawTarget) -> Arc<Self> {
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        Arc::new(Self {
            bar,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn on_event(&self, event: &Event<'_>) {
        let message = {
            let mut state = self.state();
            if !state.note(event) {
                return;
            }
            state.message()
        };
        match event {
            Event::RunStarted { .. } => self.bar.enable_steady_tick(Duration::from_millis(120)),
            Event::RunFinished { .. } => return self.bar.finish_and_clear(),
            _ => {}
        }
        self.bar.set_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // Also when the run ended with an error in the middle.
        self.bar.finish_and_clear();
    }
}

#[derive(Debug, Default)]
struct State {
    commands: usize,
    /// By key: a command can answer once per spelling that was tried.
    commands_done: HashSet<String>,
    servers: usize,
    servers_done: usize,
    /// What is being waited for, the longest first.
    pending: Vec<String>,
}

impl State {
    /// Takes note of an event; false if nothing is to be shown of it.
    fn note(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::RunStarted { commands, .. } => self.commands = *commands,
            Event::CommandStarted { key, .. } => self.begin(key),
            Event::CommandFinished { record } => {
                self.end(record.key());
                self.commands_done.insert(record.key().to_owned());
            }
            Event::ServersFound { servers } => self.servers = servers.len(),
            Event::ServerStarted { server } => self.begin(&server.name),
            Event::ServerFinished { server, .. } => {
                self.end(&server.name);
                self.servers_done += 1;
            }
            Event::RunFinished { .. } => {}
            // Judging takes no time that anyone could see.
            _ => return false,
        }
        true
    }

    fn begin(&mut self, name: &str) {
        if !self.pending.iter().any(|pending| pending == name) {
            self.pending.push(name.to_owned());
        }
    }

    fn end(&mut self, name: &str) {
        self.pending.retain(|pending| pending != name);
    }

    fn message(&self) -> String {
        let mut parts = vec![format!(
            "commands {}/{}",
            self.commands_done.len(),
            self.commands
        )];
        if self.servers > 0 {
            parts.push(format!("servers {}/{}", self.servers_done, self.servers));
        }
        if !self.pending.is_empty() {
            let names: Vec<_> = self
                .pending
                .iter()
                .take(NAMED)
                .map(|n| printable(n))
                .collect();
            let mut text = format!("waiting for {}", names.join(", "));
            if self.pending.len() > NAMED {
                text.push_str(&format!(" and {} more", self.pending.len() - NAMED));
            }
            parts.push(text);
        }
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use checker_core::evidence::{NotRun, RawRecord, Record, Redactor};
    use checker_core::server::{Reach, Role, Server};
    use checker_core::source::SourceKind;
    use indicatif::TermLike;

    use super::*;

    /// A terminal of one line.
    #[derive(Debug, Clone, Default)]
    struct Terminal(Arc<Mutex<Screen>>);

    #[derive(Debug, Default)]
    struct Screen {
        line: String,
        everything: String,
    }

    impl Terminal {
        fn screen(&self) -> MutexGuard<'_, Screen> {
            self.0.lock().expect("not poisoned")
        }

        fn target(&self) -> ProgressDrawTarget {
            ProgressDrawTarget::term_like_with_hz(Box::new(self.clone()), 255)
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            60
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            let mut screen = self.screen();
            screen.line.push_str(text);
            screen.everything.push_str(text);
            screen.everything.push('\n');
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.screen().line.clear();
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn server(name: &str) -> Server {
        Server {
            name: name.to_owned(),
            hostname: name.to_owned(),
            address: "10.0.0.1".to_owned(),
            addresses: Vec::new(),
            role: Role::Backend,
        }
    }

    fn record(key: &str) -> Record {
        let at = jiff::Timestamp::UNIX_EPOCH;
        Redactor::new().seal(RawRecord::not_run(key, "x", at, NotRun::Deadline))
    }

    const REACH: Reach = Reach {
        transport: None,
        error: None,
        ms: 0,
    };

    fn start(see: &mut dyn FnMut(&Event<'_>)) {
        let target = "4.4.33".parse().expect("a release");
        see(&Event::RunStarted {
            id: "x",
            source: SourceKind::Live,
            target: &target,
            checks: 1,
            commands: 3,
        });
    }

    #[test]
    fn says_how_far_it_is_and_what_is_slow() {
        let mut state = State::default();
        start(&mut |event| assert!(state.note(event)));
        assert_eq!(state.message(), "commands 0/3");
        state.note(&Event::CommandStarted {
            key: "weka:status",
            command: "status -J",
        });
        assert_eq!(state.message(), "commands 0/3 · waiting for weka:status");
        // Two spellings of one command are one command.
        for _ in 0..2 {
            state.note(&Event::CommandFinished {
                record: &record("weka:status"),
            });
        }
        let servers: Vec<Server> = (1..=5).map(|n| server(&format!("weka-{n}"))).collect();
        state.note(&Event::ServersFound { servers: &servers });
        for server in &servers {
            state.note(&Event::ServerStarted { server });
        }
        assert_eq!(
            state.message(),
            "commands 1/3 · servers 0/5 · waiting for weka-1, weka-2, weka-3 and 2 more"
        );
        for server in [&servers[0], &servers[2], &servers[3]] {
            state.note(&Event::ServerFinished {
                server,
                reach: &REACH,
                records: &[],
            });
        }
        assert_eq!(
            state.message(),
            "commands 1/3 · servers 3/5 · waiting for weka-2, weka-5"
        );
    }

    #[test]
    fn names_hold_no_control_characters() {
        let mut state = State::default();
        let nasty = server("a\x1b[2Jb\r");
        state.note(&Event::ServerStarted { server: &nasty });
        assert!(
            state.message().ends_with("waiting for ab "),
            "{}",
            state.message()
        );
    }

    #[test]
    fn shows_itself_and_is_gone_at_the_end() {
        let terminal = Terminal::default();
        let progress = Progress::on(terminal.target());
        start(&mut |event| progress.on_event(event));
        let server = server("weka-01");
        progress.on_event(&Event::ServerStarted { server: &server });
        progress.bar.tick();
        progress.on_event(&Event::RunFinished {
            elapsed: Duration::ZERO,
        });
        let screen = terminal.screen();
        assert!(
            screen.everything.contains("waiting for weka-01"),
            "{screen:?}"
        );
        assert_eq!(screen.line, "");
    }

    #[test]
    fn is_gone_when_the_run_breaks_off() {
        let terminal = Terminal::default();
        let progress = Progress::on(terminal.target());
        start(&mut |event| progress.on_event(event));
        progress.bar.tick();
        drop(progress);
        assert_eq!(terminal.screen().line, "");
    }

    #[test]
    fn is_only_on_terminals() {
        assert_eq!(
            Progress::on_stderr().is_some(),
            std::io::stderr().is_terminal()
        );
    }
}
