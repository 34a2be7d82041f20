//! The log file of a run, in the working directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use checker_core::bundle::LOG_NAME;
use checker_core::report::printable;
use jiff::Timestamp;
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// How long a flush waits for a disk that does not answer.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Where the lines' times come from.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why there is no log file. The run goes on without.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// A directory stands where the log should be.
    #[error("{} is a directory", .0.display())]
    Directory(PathBuf),
    /// The operating system refused.
    #[error("{action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else logs already in this process.
    #[error("a log was started before")]
    Started,
}

/// Keeps the log going; dropping it writes what is still on the way.
#[derive(Debug)]
pub(crate) struct LogGuard {
    // Dropped first: its thread ends, having written all.
    _worker: WorkerGuard,
    file: File,
    path: PathBuf,
    account: Arc<Account>,
}

/// Starts the log of this process in `dir`, as `weka_upgrade_checker.log`. The
/// one before is kept as `.log.1`.
///
/// # Errors
/// When the file can't be made there.
pub(crate) fn start(dir: &Path) -> Result<LogGuard, LogError> {
    let (subscriber, guard) = open(dir, Arc::new(Timestamp::now))?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Started)?;
    Ok(guard)
}

/// The log in `dir`, with the times of `clock`.
///
/// # Errors
/// As [`start`].
pub(crate) fn open(
    dir: &Path,
    clock: Clock,
) -> Result<(impl Subscriber + Send + Sync + use<>, LogGuard), LogError> {
    let path = dir.join(LOG_NAME);
    let file = new_file(&path)?;
    let failed = |source| LogError::Io {
        action: "opening",
        path: path.clone(),
        source,
    };
    let account = Arc::new(Account::default());
    let sink = Sink {
        file: file.try_clone().map_err(failed)?,
        account: Arc::clone(&account),
    };
    // A line that is lost is worse than one that waits.
    let (writer, worker) = NonBlockingBuilder::default().lossy(false).finish(sink);
    let writer = Counting {
        writer,
        account: Arc::clone(&account),
    };
    let guard = LogGuard {
        _worker: worker,
        file,
        path,
        account,
    };
    Ok((subscriber(writer, clock), guard))
}

/// Lines of the log's form into any writer.
pub(crate) fn subscriber<W>(writer: W, clock: Clock) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .event_format(Line { clock })
        .with_writer(writer)
        .finish()
}

/// Moves the log before out of the way and makes a new one that only its owner
/// can read. A link in its place is moved, never followed.
fn new_file(path: &Path) -> Result<File, LogError> {
    let failed = |action, source| LogError::Io {
        action,
        path: path.to_owned(),
        source,
    };
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => return Err(LogError::Directory(path.to_owned())),
        Ok(_) => {
            let mut old = path.as_os_str().to_owned();
            old.push(".1");
            std::fs::rename(path, &old).map_err(|error| failed("renaming", error))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("looking at", error)),
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        // Fails if anything, also a link, has come there since.
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| failed("making", error))
}

impl LogGuard {
    /// Where the log is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until every line so far is in the file, but not for ever.
    ///
    /// # Errors
    /// When a line could not be written (the disk is full), or not in time.
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.account.settle(FLUSH_WITHIN)
    }

    /// Every line so far, for the bundle.
    ///
    /// # Errors
    /// When the file can't be read. What a full disk did not take is not in it.
    pub(crate) fn contents(&self) -> io::Result<Vec<u8>> {
        // What is there is worth having even if it is not all.
        let _ = self.flush();
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            // At an offset: the position belongs to the writer.
            match self.file.read_at(&mut buffer, bytes.len() as u64)? {
                0 => return Ok(bytes),
                n => bytes.extend_from_slice(&buffer[..n]),
            }
        }
    }
}

/// How many bytes were handed in, and how many have arrived.
#[derive(Debug, Default)]
struct Account {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    sent: u64,
    written: u64,
    /// The first error of the disk.
    failed: Option<io::ErrorKind>,
}

impl Account {
    fn state(&self) -> MutexGuard<'_, State> {
        // Plain numbers: whoever panicked left them whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, within: Duration) -> io::Result<()> {
        let (state, _) = self
            .arrived
            .wait_timeout_while(self.state(), within, |state| state.written < state.sent)
            .unwrap_or_else(PoisonError::into_inner);
        match state.failed {
            Some(kind) => Err(kind.into()),
            None if state.written < state.sent => Err(io::ErrorKind::TimedOut.into()),
            None => Ok(()),
        }
    }
}

/// The end that the logging threads write to.
struct Counting {
    writer: NonBlocking,
    account: Arc<Account>,
}

struct CountingWriter<'a>(NonBlocking, &'a Account);

impl<'a> MakeWriter<'a> for Counting {
    type Writer = CountingWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        CountingWriter(self.writer.clone(), &self.account)
    }
}

impl Write for CountingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Counted before it is handed in, so that a flush can't miss it.
        self.1.state().sent += bytes.len() as u64;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The end that the writing thread writes to the file.
struct Sink {
    file: File,
    account: Arc<Account>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.file.write_all(bytes);
        let mut state = self.account.state();
        state.written += bytes.len() as u64;
        if let Err(error) = result {
            state.failed.get_or_insert(error.kind());
        }
        self.account.arrived.notify_all();
        // What the disk did not take is lost; the next line may fit again.
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// `2026-07-20T02:00:00.123Z INFO  message`
struct Line {
    clock: Clock,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut text = String::new();
        context.format_fields(Writer::new(&mut text), event)?;
        let time = (self.clock)().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let level = event.metadata().level();
        writeln!(writer, "{time} {level:<5} {}", printable(&text))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tracing::subscriber::with_default;

    use super::*;

    fn fixed() -> Clock {
        let time = "2026-07-20T02:00:00.5Z".parse().expect("a time");
        Arc::new(move || time)
    }

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().expect("a directory")
    }

    fn log(dir: &Path, message: &str) -> Vec<u8> {
        let (subscriber, guard) = open(dir, fixed()).expect("a log");
        with_default(subscriber, || tracing::info!("{message}"));
        guard.contents().expect("readable")
    }

    #[test]
    fn lines_are_in_the_file_and_for_its_owner() {
        let dir = directory();
        let (subscriber, guard) = open(dir.path(), fixed()).expect("a log");
        with_default(subscriber, || {
            tracing::error!("one");
            tracing::warn!(server = "weka-01", "two");
            tracing::info!("three");
            tracing::debug!("four");
        });
        guard.flush().expect("written");
        let text = std::fs::read_to_string(guard.path()).expect("readable");
        assert_eq!(
            text,
            "2026-07-20T02:00:00.500Z ERROR one\n\
             2026-07-20T02:00:00.500Z WARN  two server=\"weka-01\"\n\
             2026-07-20T02:00:00.500Z INFO  three\n"
        );
        assert_eq!(guard.contents().expect("readable"), text.as_bytes());
        let mode = std::fs::metadata(guard.path())
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    #[test]
    fn every_line_arrives_from_every_thread() {
        let dir = directory();
        let (subscriber, guard) = open(dir.path(), fixed()).expect("a log");
        let dispatch = tracing::Dispatch::new(subscriber);
        std::thread::scope(|scope| {
            for n in 0..4 {
                let dispatch = dispatch.clone();
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for line in 0..2_000 {
                            tracing::info!("{n} {line}");
                        }
                    });
                });
            }
        });
        let text = String::from_utf8(guard.contents().expect("readable")).expect("text");
        assert_eq!(text.lines().count(), 8_000);
    }

    #[test]
    fn the_one_before_is_kept() {
        let dir = directory();
        log(dir.path(), "first");
        log(dir.path(), "second");
        log(dir.path(), "third");
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect("readable");
        assert!(read(LOG_NAME).ends_with("third\n"));
        assert!(read(&format!("{LOG_NAME}.1")).ends_with("second\n"));
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 2);
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = directory();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").expect("written");
        symlink(&victim, dir.path().join(LOG_NAME)).expect("a link");
        log(dir.path(), "mine");
        assert_eq!(std::fs::read_to_string(&victim).expect("there"), "precious");
        let log = dir.path().join(LOG_NAME);
        assert!(std::fs::symlink_metadata(log).expect("there").is_file());
        // Nor is one that leads to nothing.
        let other = directory();
        let nothing = other.path().join("nothing");
        symlink(&nothing, other.path().join(LOG_NAME)).expect("a link");
        self::log(other.path(), "mine");
        assert!(!nothing.exists());
    }

    #[test]
    fn where_no_file_can_be_made() {
        let error = open(Path::new("/nonexistent"), fixed())
            .err()
            .expect("refused");
        assert!(matches!(error, LogError::Io { .. }), "{error}");
        // The kernel's own directory takes no files, not even from root.
        let error = open(Path::new("/proc/self"), fixed())
            .err()
            .expect("refused");
        assert!(matches!(error, LogError::Io { .. }), "{error}");
        let dir = directory();
        std::fs::create_dir(dir.path().join(LOG_NAME)).expect("a directory");
        let error = open(dir.path(), fixed()).err().expect("refused");
        assert!(matches!(error, LogError::Directory(_)), "{error}");
    }

    #[test]
    fn no_control_characters() {
        let dir = directory();
        let text = log(dir.path(), "a\u{1b}[2Jb\nc\u{202e}d\0e");
        assert_eq!(
            String::from_utf8_lossy(&text),
            // The formatter before us has made visible text of the first.
            "2026-07-20T02:00:00.500Z INFO  a\\x1b[2Jb cde\n"
        );
    }

    #[test]
    fn a_full_disk_is_told_and_stops_nothing() {
        let full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("a full disk");
        let account = Arc::new(Account::default());
        let mut sink = Sink {
            file: full,
            account: Arc::clone(&account),
        };
        account.state().sent = 5;
        assert_eq!(sink.write(b"line\n").expect("goes on"), 5);
        let error = account.settle(Duration::from_secs(1)).expect_err("full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_disk_that_does_not_answer_holds_nobody_for_ever() {
        let account = Account::default();
        account.state().sent = 1;
        let error = account.settle(Duration::from_millis(10)).expect_err("late");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn one_log_per_process() {
        let dir = directory();
        let guard = start(dir.path()).expect("a log");
        tracing::info!("begun");
        let text = String::from_utf8(guard.contents().expect("readable")).expect("text");
        assert!(text.contains(" INFO  begun\n"), "{text}");
        assert!(matches!(start(dir.path()), Err(LogError::Started)));
    }
}
