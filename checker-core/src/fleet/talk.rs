//! The conversation with one script, whatever carries it.
//!
//! No input or output here: whoever has the connection passes on what arrived
//! and sends what is to be sent. See [`super::script`] for the words.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::frames::{Captured, Frames, Mark};
use super::script;
use crate::evidence::{End, RawRecord};
use crate::plugin::PROBE_KEY;
use crate::source::ServerProbe;

/// How long a section that was asked to end may take for that, before it is
/// killed, and then before the connection is cut. The script itself needs up
/// to a second for either.
const PATIENCE: [Duration; 2] = [Duration::from_millis(1500), Duration::from_secs(3)];

fn patience(asked: u8) -> Duration {
    PATIENCE[usize::from(asked > 1)]
}

/// One piece of the script.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) key: String,
    /// What stands in the record as its command.
    pub(super) shown: String,
    /// What the shell runs.
    pub(super) text: String,
    pub(super) timeout: Duration,
    /// Bytes that are kept of each output.
    pub(super) limit: usize,
}

impl From<&ServerProbe> for Section {
    fn from(probe: &ServerProbe) -> Self {
        Self {
            key: probe.key.to_owned(),
            shown: probe.script.to_owned(),
            text: if probe.key.starts_with(PROBE_KEY) {
                script::apart(probe.script)
            } else {
                probe.script.to_owned()
            },
            timeout: probe.timeout,
            limit: probe.limit,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    TimedOut,
    Flood,
}

#[derive(Debug, Default)]
struct Timing {
    begun: Option<Instant>,
    ended: Option<Instant>,
    /// Why and when it was last asked to end, and how often.
    stop: Option<(Stop, Instant, u8)>,
}

/// A section neither ended nor let itself be left behind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    pub(super) key: String,
}

/// One script, from sending it to its last word.
#[derive(Debug)]
pub(super) struct Talk {
    sections: Vec<Section>,
    timings: Vec<Timing>,
    out: Frames,
    err: Frames,
    outgoing: Vec<u8>,
    sent: Option<(Timestamp, Instant)>,
    heard: Option<Instant>,
    armed: bool,
}

impl Talk {
    pub(super) fn new(sections: Vec<Section>) -> Self {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let (head, tail) = random.split_at(16);
        let marker = format!("{head}-{tail}");
        let text = script::build(&marker, sections.iter().map(|s| s.text.as_str()));
        let frames = || Frames::new(&marker, sections.iter().map(|s| s.limit));
        Self {
            timings: sections.iter().map(|_| Timing::default()).collect(),
            out: frames(),
            err: frames(),
            outgoing: text.into_bytes(),
            sent: None,
            heard: None,
            armed: false,
            sections,
        }
    }

    /// What is to be sent next.
    pub(super) fn unsent(&self) -> &[u8] {
        &self.outgoing
    }

    /// The first `count` bytes of [`Talk::unsent`] are on their way.
    pub(super) fn sent(&mut self, count: usize, now: Instant) {
        self.outgoing.drain(..count);
        self.sent.get_or_insert_with(|| (Timestamp::now(), now));
    }

    /// Takes what arrived on standard output.
    pub(super) fn stdout(&mut self, bytes: &[u8], now: Instant) {
        let marks = self.out.feed(bytes);
        for mark in &marks {
            if let Mark::Begun(n) = mark {
                self.timings[*n].begun = Some(now);
            }
        }
        self.marks(&marks, now);
    }

    /// Takes what arrived on standard error.
    pub(super) fn stderr(&mut self, bytes: &[u8], now: Instant) {
        let marks = self.err.feed(bytes);
        self.marks(&marks, now);
    }

    fn marks(&mut self, marks: &[Mark], now: Instant) {
        for mark in marks {
            // Not earlier: a shell that reads its script in blocks might take
            // this word for a part of it.
            if !self.armed {
                self.armed = true;
                self.outgoing.extend_from_slice(b"a\n");
            }
            if let Mark::Ended(n) = mark
                && self.out.section(*n).ended.is_some()
                && self.err.section(*n).ended.is_some()
            {
                self.timings[*n].ended = Some(now);
            }
        }
        if !marks.is_empty() {
            self.heard = Some(now);
        }
    }

    /// Keeps watch over the running section; to be called after every piece
    /// and whenever [`Talk::wake_at`] has come.
    ///
    /// # Errors
    /// When the connection must be cut, since nothing else helps.
    pub(super) fn watch(&mut self, now: Instant) -> Result<(), Stuck> {
        let Some(n) = self.running() else {
            return Ok(());
        };
        let (Some(begun), section) = (self.timings[n].begun, &self.sections[n]) else {
            return Ok(());
        };
        let (why, asked) = match self.timings[n].stop {
            None if self.out.section(n).overflow || self.err.section(n).overflow => {
                (Stop::Flood, 0)
            }
            None if now >= begun + section.timeout => (Stop::TimedOut, 0),
            Some((why, at, asked)) if now >= at + patience(asked) => (why, asked),
            _ => return Ok(()),
        };
        if asked == 2 {
            return Err(Stuck {
                key: section.key.clone(),
            });
        }
        self.timings[n].stop = Some((why, now, asked + 1));
        self.outgoing
            .extend_from_slice(if n % 2 == 0 { b"0\n" } else { b"1\n" });
        Ok(())
    }

    /// When [`Talk::watch`] must be called next, if nothing arrives before.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let n = self.running()?;
        match (self.timings[n].stop, self.timings[n].begun) {
            (Some((_, at, asked)), _) => Some(at + patience(asked)),
            (None, Some(begun)) => Some(begun + self.sections[n].timeout),
            (None, None) => None,
        }
    }

    fn running(&self) -> Option<usize> {
        self.timings
            .iter()
            .position(|t| t.begun.is_some() && t.ended.is_none())
    }

    /// Whether a shell has begun to work on the script.
    pub(super) fn begun(&self) -> bool {
        self.heard.is_some()
    }

    /// Whether the script is through.
    pub(super) fn finished(&self) -> bool {
        self.out.finished() && self.err.finished()
    }

    /// What was printed that belongs to no section, in one line: what is on
    /// standard error says more, and comes first.
    pub(super) fn noise(&self) -> String {
        let mut words = String::new();
        for noise in [self.err.noise(), self.out.noise()] {
            for word in String::from_utf8_lossy(noise).split_whitespace() {
                if !words.is_empty() {
                    words.push(' ');
                }
                words.extend(word.chars().filter(|c| !c.is_control()));
            }
        }
        words
    }

    /// The answers of all sections that were begun.
    pub(super) fn into_records(mut self) -> Vec<RawRecord> {
        self.out.end();
        self.err.end();
        let now = Instant::now();
        let (sent_at, sent) = self.sent.unwrap_or_else(|| (Timestamp::now(), now));
        let mut records = Vec::new();
        for (n, (section, timing)) in self.sections.into_iter().zip(self.timings).enumerate() {
            let (out, err) = (self.out.take(n), self.err.take(n));
            let Some(begun) = timing.begun else {
                continue;
            };
            // The clock is measured against the moment of sending: its
            // answer can be no older.
            let begun = if section.key == "host:clock" && n == 0 {
                sent
            } else {
                begun
            };
            let ended = timing.ended.or(self.heard).unwrap_or(now).max(begun);
            records.push(RawRecord {
                key: section.key,
                command: section.shown,
                started_at: sent_at
                    .checked_add(begun.saturating_duration_since(sent))
                    .unwrap_or(sent_at),
                duration: if timing.ended.is_some() {
                    ended - begun
                } else {
                    now - begun
                },
                end: end(&out, &err, timing.stop.map(|(why, ..)| why)),
                truncated: out.overflow || err.overflow,
                stdout: out.bytes,
                stderr: err.bytes,
            });
        }
        records
    }
}

fn end(out: &Captured, err: &Captured, stop: Option<Stop>) -> End {
    match (stop, out.ended, err.ended) {
        // Whatever status it ended with then, it was not by itself.
        (Some(Stop::TimedOut), ..) => End::TimedOut,
        (Some(Stop::Flood), Some(status), _) if status > 128 => End::Signalled(status - 128),
        (Some(Stop::Flood), None, _) => End::TimedOut,
        (_, Some(status), Some(_)) => End::Exited(status),
        _ => End::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(key: &str, timeout: u64, limit: usize) -> Section {
        Section {
            key: key.to_owned(),
            shown: format!("show {key}"),
            text: ":".to_owned(),
            timeout: Duration::from_secs(timeout),
            limit,
        }
    }

    struct Server {
        talk: Talk,
        marker: String,
        now: Instant,
    }

    impl Server {
        fn new(sections: Vec<Section>) -> Self {
            let mut talk = Talk::new(sections);
            let script = String::from_utf8(talk.unsent().to_vec()).unwrap();
            let (head, rest) = script
                .trim_start_matches("{\nm=")
                .split_once("; m=$m")
                .unwrap();
            let marker = format!("{head}{}", rest.lines().next().unwrap());
            let now = Instant::now();
            talk.sent(script.len(), now);
            Self { talk, marker, now }
        }

        fn says(&mut self, line: &str) {
            let line = format!("\n{} {line}\n", self.marker);
            self.talk.stdout(line.as_bytes(), self.now);
            self.talk.stderr(line.as_bytes(), self.now);
        }

        fn prints(&mut self, text: &str) {
            self.talk.stdout(text.as_bytes(), self.now);
        }

        fn hears(&mut self) -> String {
            let text = String::from_utf8(self.talk.unsent().to_vec()).unwrap();
            self.talk.sent(text.len(), self.now);
            text
        }

        fn after(&mut self, millis: u64) -> Result<(), Stuck> {
            self.now += Duration::from_millis(millis);
            self.talk.watch(self.now)
        }
    }

    #[test]
    fn the_clock_is_measured_from_the_sending() {
        let mut server = Server::new(vec![section("host:clock", 5, 100), section("host:b", 5, 9)]);
        server.now += Duration::from_millis(70);
        server.says("B 0");
        server.prints("1784512800.1\n");
        server.now += Duration::from_millis(30);
        server.says("E 0 0");
        server.says("B 1");
        server.now += Duration::from_millis(5);
        server.says("E 1 1");
        server.says("Z");
        assert!(server.talk.finished());
        let records = server.talk.into_records();
        assert_eq!(records[0].duration, Duration::from_millis(100));
        assert_eq!(records[0].end, End::Exited(0));
        assert_eq!(records[0].stdout, b"1784512800.1\n");
        assert_eq!(records[1].duration, Duration::from_millis(5));
        assert_eq!(records[1].end, End::Exited(1));
        let later = records[1].started_at.duration_since(records[0].started_at);
        assert_eq!(later, jiff::SignedDuration::from_millis(100));
    }

    #[test]
    fn it_is_armed_once_and_only_after_the_first_frame() {
        let mut server = Server::new(vec![section("a", 5, 9)]);
        server.prints("Welcome\n");
        assert_eq!(server.hears(), "");
        assert!(!server.talk.begun());
        server.says("B 0");
        assert_eq!(server.hears(), "a\n");
        server.says("E 0 0");
        assert_eq!(server.hears(), "");
    }

    #[test]
    fn what_takes_too_long_is_ended_then_left_behind_then_cut() {
        let mut server = Server::new(vec![section("a", 5, 9), section("b", 1, 9)]);
        server.says("B 0");
        server.says("E 0 0");
        server.says("B 1");
        server.hears();
        assert_eq!(server.after(999), Ok(()));
        assert_eq!(server.hears(), "");
        assert_eq!(server.after(1), Ok(()));
        assert_eq!(server.hears(), "1\n");
        assert_eq!(server.after(1499), Ok(()));
        assert_eq!(server.hears(), "");
        assert_eq!(server.after(1), Ok(()));
        assert_eq!(server.hears(), "1\n");
        assert_eq!(server.after(2999), Ok(()));
        let stuck = Stuck {
            key: "b".to_owned(),
        };
        assert_eq!(server.after(1), Err(stuck));
        let records = server.talk.into_records();
        assert_eq!(records[0].end, End::Exited(0));
        assert_eq!(records[1].end, End::TimedOut);
    }

    #[test]
    fn what_was_asked_to_end_did_not_end_by_itself_even_with_status_0() {
        let mut server = Server::new(vec![section("a", 1, 9)]);
        server.says("B 0");
        assert_eq!(server.after(1000), Ok(()));
        server.says("E 0 0");
        assert_eq!(server.talk.into_records()[0].end, End::TimedOut);
    }

    #[test]
    fn a_flood_is_ended_at_once_and_kept_up_to_the_limit() {
        let mut server = Server::new(vec![section("a", 60, 4)]);
        server.says("B 0");
        server.hears();
        server.prints("yyyyyyyy");
        assert_eq!(server.after(0), Ok(()));
        assert_eq!(server.hears(), "0\n");
        server.says("E 0 143");
        let record = server.talk.into_records().remove(0);
        assert_eq!(record.end, End::Signalled(15));
        assert_eq!(record.stdout, b"yyyy");
        assert!(record.truncated);
    }

    #[test]
    fn what_the_connection_took_with_it_is_lost_and_what_was_not_begun_is_not_there() {
        let mut server = Server::new(vec![
            section("a", 5, 9),
            section("b", 5, 9),
            section("c", 5, 9),
        ]);
        server.says("B 0");
        server.says("E 0 0");
        server.says("B 1");
        server.prints("half");
        let records = server.talk.into_records();
        assert_eq!(records.len(), 2);
        assert_eq!(records[1].end, End::Lost);
        assert_eq!(records[1].stdout, b"half");
    }

    #[test]
    fn an_end_on_one_output_alone_is_no_end() {
        let mut server = Server::new(vec![section("a", 5, 9)]);
        server.says("B 0");
        let line = format!("\n{} E 0 0\n", server.marker);
        server.prints(&line);
        assert_eq!(server.talk.into_records()[0].end, End::Lost);
    }

    #[test]
    fn noise_is_one_line_without_control_characters() {
        let mut server = Server::new(vec![section("a", 5, 9)]);
        server.prints("This account\nis \u{1b}[31mnot available\r\n");
        server.talk.stderr(b"sudo: no\n", Instant::now());
        assert_eq!(
            server.talk.noise(),
            "sudo: no This account is [31mnot available"
        );
    }
}
