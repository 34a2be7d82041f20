//! What a parser sees of the evidence.

use serde_json::Value;

use super::missing::command_shown;
use super::{JsonError, Missing, ShapeError, find_json, missing::Why};
use crate::evidence::{End, Record, ServerEvidence, Store};
use crate::server::{Reach, Server};

/// The evidence that one fact is read from: the cluster's, or one server's.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    store: &'a Store,
    server: Option<&'a ServerEvidence>,
}

impl<'a> View<'a> {
    /// A view of the cluster's commands.
    #[must_use]
    pub fn cluster(store: &'a Store) -> Self {
        Self {
            store,
            server: None,
        }
    }

    /// A view of one server's probes (and of the cluster's commands).
    #[must_use]
    pub fn server(store: &'a Store, server: &'a ServerEvidence) -> Self {
        Self {
            store,
            server: Some(server),
        }
    }

    /// How this server was reached; `None` in a cluster view.
    #[must_use]
    pub fn reach(&self) -> Option<&'a Reach> {
        self.server.map(|s| &s.reach)
    }

    /// The server that this view is of; `None` in a cluster view.
    #[must_use]
    pub fn this_server(&self) -> Option<&'a Server> {
        self.server.map(|s| &s.server)
    }

    fn server_name(&self, key: &str) -> Option<String> {
        if key.starts_with("host:") {
            self.server.map(|s| s.server.name.clone())
        } else {
            None
        }
    }

    fn missing(&self, key: &str, command: &str, why: Why) -> Missing {
        Missing {
            evidence: key.to_owned(),
            command: command_shown(key, command),
            server: self.server_name(key),
            why,
        }
    }

    /// What was answered under `key`, whatever its exit status: for parsers to
    /// whom a failure is an answer (a service that is not running).
    ///
    /// # Errors
    /// When it was not run, was cut off in time, or its server was lost.
    pub fn record(&self, key: &str) -> Result<&'a Record, Missing> {
        let found = match (key.starts_with("host:"), self.server) {
            (true, Some(server)) => server.records.get(key).ok_or_else(|| {
                let why = match &server.reach {
                    Reach {
                        transport: None,
                        error: Some(error),
                        ..
                    } => Why::Unreached(error.clone()),
                    Reach {
                        error: Some(error), ..
                    } => Why::Lost(error.clone()),
                    _ => Why::NotCollected,
                };
                self.missing(key, key, why)
            })?,
            (true, None) => return Err(self.missing(key, key, Why::NotCollected)),
            (false, _) => self
                .store
                .cluster(key)
                .ok_or_else(|| self.missing(key, key, Why::NotCollected))?,
        };
        let why = match found.end() {
            End::Exited(_) => return Ok(found),
            // The fleet ends what floods it.
            End::Signalled(_) if found.truncated() => Why::Truncated,
            End::Signalled(signal) => Why::Signalled(*signal),
            End::TimedOut => Why::TimedOut,
            End::Lost => match self.reach().and_then(|r| r.error.clone()) {
                Some(error) => Why::Lost(error),
                None => Why::Unreadable("the answer breaks off".to_owned()),
            },
            End::NotRun(why) => Why::NotRun(why.clone()),
        };
        Err(self.missing(key, found.command(), why))
    }

    /// As [`View::record`], for those to whom half an answer is none.
    ///
    /// # Errors
    /// As [`View::record`], and when the output was cut. What was ended since
    /// it printed too much can have any exit status, 0 too.
    pub fn whole(&self, key: &str) -> Result<&'a Record, Missing> {
        let record = self.record(key)?;
        if record.truncated() {
            return Err(self.missing(key, record.command(), Why::Truncated));
        }
        Ok(record)
    }

    /// What was answered under `key` by a command that succeeded and whose
    /// output is whole.
    ///
    /// # Errors
    /// As [`View::record`], and when the exit status is not 0 or the output was cut.
    pub fn success(&self, key: &str) -> Result<&'a Record, Missing> {
        let record = self.record(key)?;
        let why = match record.exit_status() {
            Some(0) if record.truncated() => Why::Truncated,
            Some(0) => return Ok(record),
            Some(41) if !key.starts_with("host:") => Why::NotLoggedIn,
            Some(127) => Why::ProgramMissing,
            Some(_) if says_unknown(record) => Why::UnknownCommand(first_line(record)),
            status => Why::Failed {
                status: status.unwrap_or(-1),
                stderr: first_line(record),
            },
        };
        Err(self.missing(key, record.command(), why))
    }

    /// The text that a successful command printed.
    ///
    /// # Errors
    /// As [`View::success`].
    pub fn text(&self, key: &str) -> Result<String, Missing> {
        Ok(self.success(key)?.stdout_text().into_owned())
    }

    /// Reads the JSON that a successful command printed.
    ///
    /// # Errors
    /// As [`View::success`], and when there is no whole JSON, or `read` does
    /// not know its shape.
    pub fn json<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Value) -> Result<T, ShapeError>,
    ) -> Result<T, Missing> {
        let record = self.success(key)?;
        let value = find_json(record.stdout()).map_err(|error| {
            let why = match error {
                JsonError::Empty => Why::Empty,
                other => Why::Unreadable(other.to_string()),
            };
            self.missing(key, record.command(), why)
        })?;
        read(&value).map_err(|error| self.unreadable(key, error))
    }

    /// That the answer under `key` is in no known shape.
    #[must_use]
    pub fn unreadable(&self, key: &str, what: impl std::fmt::Display) -> Missing {
        let command = match self.record(key) {
            Ok(record) => record.command().to_owned(),
            Err(missing) => return missing,
        };
        self.missing(key, &command, Why::Unreadable(what.to_string()))
    }
}

/// The first line of the error text that says something, without its prefix.
fn first_line(record: &Record) -> String {
    let text = record.stderr_text();
    text.lines()
        .map(|line| line.trim_matches(|c: char| c.is_whitespace() || c == '\0'))
        .find(|line| !line.is_empty())
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .map(|line| line.chars().take(200).collect())
        .unwrap_or_default()
}

/// Whether a failed command failed because the CLI does not know the
/// subcommand or the option: then an older spelling may be known.
#[must_use]
pub(crate) fn says_unknown(record: &Record) -> bool {
    const WORDS: [&str; 11] = [
        "unknown command",
        "unknown subcommand",
        "unknown option",
        "unknown flag",
        "unrecognized command",
        "unrecognized subcommand",
        "unrecognized option",
        "invalid command",
        "no such command",
        "unexpected argument",
        "unrecognized argument",
    ];
    if matches!(record.exit_status(), None | Some(0 | 41 | 127)) {
        return false;
    }
    let text = record.stderr_text().to_ascii_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rstest::rstest;

    use super::*;
    use crate::evidence::{NotRun, RawRecord, Redactor};

    #[rstest]
    #[case::flood(true, Why::Truncated)]
    #[case::killed_by_someone(false, Why::Signalled(15))]
    fn what_was_ended_since_it_flooded_was_cut(#[case] truncated: bool, #[case] why: Why) {
        let raw = RawRecord::not_run("weka:x", "weka x", Timestamp::UNIX_EPOCH, NotRun::Deadline);
        let mut store = Store::default();
        store.insert_cluster(Redactor::new().seal(RawRecord {
            end: End::Signalled(15),
            truncated,
            ..raw
        }));
        let missing = View::cluster(&store).success("weka:x").unwrap_err();
        assert_eq!(missing.why, why);
    }

    #[rstest]
    #[case::whole(false, 0, true)]
    #[case::whole_and_failed(false, 1, true)]
    #[case::cut(true, 0, false)]
    #[case::cut_and_failed(true, 1, false)]
    fn half_an_answer_is_none(#[case] truncated: bool, #[case] status: i32, #[case] good: bool) {
        let raw = RawRecord::not_run("weka:x", "weka x", Timestamp::UNIX_EPOCH, NotRun::Deadline);
        let mut store = Store::default();
        store.insert_cluster(Redactor::new().seal(RawRecord {
            end: End::Exited(status),
            truncated,
            ..raw
        }));
        match View::cluster(&store).whole("weka:x") {
            Ok(_) => assert!(good),
            Err(missing) => assert!(!good && missing.why == Why::Truncated),
        }
    }
}
