//! The run as a log, line by line while it happens.

use std::time::Duration;

use super::fold_names;
use super::printable::printable;
use crate::contract::Outcome;
use crate::event::{Event, Observer};
use crate::evidence::{End, Record};
use crate::report::CheckResult;
use crate::server::{Reach, Role, Server};
use crate::source::SourceKind;

/// Writes what happens through `tracing`, whoever listens there.
///
/// What failed is an error: a failed check, a server that was not reached.
/// What is unknown or yellow, and a command that did not succeed, is a
/// warning. Everything else is information. No line holds a control character.
#[derive(Debug, Default, Clone, Copy)]
pub struct LogObserver;

impl Observer for LogObserver {
    fn on_event(&self, event: &Event<'_>) {
        for (level, line) in lines(event) {
            match level {
                Level::Error => tracing::error!(target: "checker", "{line}"),
                Level::Warn => tracing::warn!(target: "checker", "{line}"),
                Level::Info => tracing::info!(target: "checker", "{line}"),
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warn,
    Info,
}

/// How many details of one result are logged; all are in the report.
const DETAILS: usize = 50;

fn lines(event: &Event<'_>) -> Vec<(Level, String)> {
    let mut lines = match event {
        Event::RunStarted {
            id,
            source,
            target,
            checks,
            commands,
        } => {
            let source = match source {
                SourceKind::Live => "a live cluster",
                SourceKind::Bundle => "a bundle",
                SourceKind::Simulator => "a simulated cluster",
            };
            vec![info(format!(
                "run {id} begins: {checks} checks and {commands} commands on {source}, target {target}"
            ))]
        }
        Event::CommandStarted { key, command } => {
            vec![info(format!("{key}: running `weka {command}`"))]
        }
        Event::CommandFinished { record } => vec![command(record)],
        Event::ServersFound { servers } => vec![info(found(servers))],
        Event::ServerStarted { server } => {
            vec![info(format!(
                "{} ({}): asking",
                server.name, server.address
            ))]
        }
        Event::ServerFinished {
            server,
            reach,
            records,
        } => finished(server, reach, records),
        Event::CheckJudged { result } => judged(result),
        Event::RunFinished { elapsed } => {
            vec![info(format!("everything is judged after {}", ms(*elapsed)))]
        }
    };
    for (_, line) in &mut lines {
        if let std::borrow::Cow::Owned(safe) = printable(line) {
            *line = safe;
        }
    }
    lines
}

fn info(line: String) -> (Level, String) {
    (Level::Info, line)
}

fn ms(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// How a command ended, how long it took, and how much it said.
fn ending(record: &Record) -> String {
    let cut = if record.truncated() {
        ", cut at the size limit"
    } else {
        ""
    };
    format!(
        "{}, {}, {} bytes on stdout, {} on stderr{cut}",
        record.end(),
        ms(record.duration()),
        record.stdout().len(),
        record.stderr().len(),
    )
}

fn command(record: &Record) -> (Level, String) {
    let mut line = format!(
        "{}: `{}`: {}",
        record.key(),
        record.command(),
        ending(record)
    );
    if matches!(record.end(), End::Exited(0)) {
        return info(line);
    }
    let stderr = record.stderr_text();
    if let Some(said) = stderr.lines().map(str::trim).find(|said| !said.is_empty()) {
        line.push_str(": ");
        line.extend(said.chars().take(200));
    }
    (Level::Warn, line)
}

fn found(servers: &[Server]) -> String {
    let of = |role: Role| -> Vec<&str> {
        servers
            .iter()
            .filter(|s| s.role == role)
            .map(|s| s.name.as_str())
            .collect()
    };
    let (backends, clients) = (of(Role::Backend), of(Role::Client));
    let mut line = format!(
        "found backends ({}): {}",
        backends.len(),
        fold_names(&backends)
    );
    if !clients.is_empty() {
        line.push_str(&format!(
            "; clients ({}): {}",
            clients.len(),
            fold_names(&clients)
        ));
    }
    line
}

fn finished(server: &Server, reach: &Reach, records: &[Record]) -> Vec<(Level, String)> {
    let place = format!("{} ({})", server.name, server.address);
    let mut lines: Vec<_> = records
        .iter()
        .map(|record| info(format!("{place}: {}: {}", record.key(), ending(record))))
        .collect();
    let how = reach.transport.map_or("", |transport| transport.as_str());
    lines.push(match &reach.error {
        None => info(format!("{place}: answered, {how}, {} ms", reach.ms)),
        Some(error) if reach.transport.is_none() => (
            Level::Error,
            format!("{place}: not reached after {} ms: {error}", reach.ms),
        ),
        Some(error) => (
            Level::Error,
            format!("{place}: lost after {} ms, {how}: {error}", reach.ms),
        ),
    });
    lines
}

fn judged(result: &CheckResult) -> Vec<(Level, String)> {
    let level = match result.outcome {
        Outcome::Fail => Level::Error,
        Outcome::Warn | Outcome::Unknown => Level::Warn,
        Outcome::Pass | Outcome::Skipped => Level::Info,
    };
    let mut lines = vec![(
        level,
        format!(
            "{:<7} {} {}: {}",
            result.outcome, result.check, result.target, result.summary
        ),
    )];
    for detail in result.details.iter().take(DETAILS) {
        lines.push((level, format!("        - {detail}")));
    }
    if result.details.len() > DETAILS {
        let more = result.details.len() - DETAILS;
        lines.push((level, format!("        … and {more} more in report.json")));
    }
    for remedy in result.remedy.iter().flat_map(|remedy| remedy.lines()) {
        lines.push((level, format!("        → {remedy}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::evidence::{NotRun, RawRecord, Redactor};
    use crate::report::sample;
    use crate::server::{ReachError, Step, Transport};

    fn record(key: &str, end: End, stderr: &str) -> Record {
        Redactor::new().seal(RawRecord {
            duration: Duration::from_millis(42),
            end,
            stdout: b"{}".to_vec(),
            stderr: stderr.as_bytes().to_vec(),
            ..RawRecord::not_run(
                key,
                "weka status -J",
                jiff::Timestamp::UNIX_EPOCH,
                NotRun::Deadline,
            )
        })
    }

    fn server(name: &str, role: Role) -> Server {
        Server {
            name: name.to_owned(),
            hostname: name.to_owned(),
            address: "10.0.0.1".to_owned(),
            addresses: Vec::new(),
            role,
        }
    }

    fn reach(transport: Option<Transport>, error: Option<&str>) -> Reach {
        Reach {
            transport,
            error: error.map(|detail| ReachError {
                step: Step::Protocol,
                detail: detail.to_owned(),
            }),
            ms: 1234,
        }
    }

    #[test]
    fn a_run() {
        let servers = [
            server("weka-01", Role::Backend),
            server("weka-02", Role::Backend),
            server("client-1", Role::Client),
        ];
        let target = "4.4.33".parse().expect("a release");
        let good = record("weka:status", End::Exited(0), "");
        let bad = record("weka:alerts", End::Exited(1), "\n  error: no leader\nmore");
        let late = record("weka:tasks", End::NotRun(NotRun::Interrupted), "");
        let probe = [record("host:units", End::Exited(3), "")];
        let report = sample::mixed();
        let mut events = vec![
            Event::RunStarted {
                id: "5f0c",
                source: SourceKind::Live,
                target: &target,
                checks: 3,
                commands: 2,
            },
            Event::CommandStarted {
                key: "weka:status",
                command: "status -J",
            },
            Event::CommandFinished { record: &good },
            Event::CommandFinished { record: &bad },
            Event::CommandFinished { record: &late },
            Event::ServersFound { servers: &servers },
            Event::ServerStarted {
                server: &servers[0],
            },
        ];
        let reached = reach(Some(Transport::Ssh), None);
        let unreached = reach(None, Some("no SSH"));
        let lost = reach(Some(Transport::SystemSsh), Some("cut"));
        for (server, reach, records) in [
            (&servers[0], &reached, probe.as_slice()),
            (&servers[1], &unreached, &[]),
            (&servers[2], &lost, &[]),
        ] {
            events.push(Event::ServerFinished {
                server,
                reach,
                records,
            });
        }
        events.extend(
            report
                .results
                .iter()
                .map(|result| Event::CheckJudged { result }),
        );
        events.push(Event::RunFinished {
            elapsed: Duration::from_millis(4250),
        });
        let text: Vec<String> = events
            .iter()
            .flat_map(lines)
            .map(|(level, line)| format!("{level:<5?} {line}"))
            .collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    #[rstest]
    #[case(Outcome::Fail, Level::Error)]
    #[case(Outcome::Unknown, Level::Warn)]
    #[case(Outcome::Warn, Level::Warn)]
    #[case(Outcome::Pass, Level::Info)]
    #[case(Outcome::Skipped, Level::Info)]
    fn levels(#[case] outcome: Outcome, #[case] level: Level) {
        let mut result = sample::result("a/b", "weka-01", outcome, "so");
        result.details = vec!["x".to_owned()];
        result.remedy = Some("do\nthis".to_owned());
        let lines = judged(&result);
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|(l, _)| *l == level), "{lines:?}");
    }

    #[test]
    fn a_long_list_is_cut() {
        let mut result = sample::result("a/b", "cluster", Outcome::Fail, "so");
        result.details = (0..1_000).map(|n| n.to_string()).collect();
        let lines = judged(&result);
        assert_eq!(lines.len(), 1 + DETAILS + 1);
        assert!(lines[DETAILS + 1].1.contains("950 more"));
    }

    #[test]
    fn no_control_characters() {
        for result in &sample::nasty().results {
            for (_, line) in lines(&Event::CheckJudged { result }) {
                assert_eq!(printable(&line), line);
            }
        }
        let nasty = server("a\x1b[2J\nb", Role::Backend);
        let reach = reach(None, Some("x\r\u{202e}y"));
        let event = Event::ServerFinished {
            server: &nasty,
            reach: &reach,
            records: &[],
        };
        let lines = lines(&event);
        assert_eq!(
            lines[0].1,
            "a b (10.0.0.1): not reached after 1234 ms: protocol: x y"
        );
    }
}
