//! What an upgrade did, line by line, so that it can be gone on with after any
//! interruption; and the lock that lets one work at a time.
//!
//! A journal is a file of JSON lines that only grows. Each line is on the disk
//! before what it tells of begins, so the journal may tell of a step that was
//! never begun, but no step is ever begun that the journal does not tell of.
//! It is a help, not the truth: that is the cluster.
//!
//! ```text
//! DIR/GUID/lock
//! DIR/GUID/20261122T140102Z-1f2e3d4c.jsonl
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::executor::{JobId, JobState};
use super::plan::StepKind;
use crate::version::Version;

/// The version of the format.
const FORMAT: u32 = 1;

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file could not be made, read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line in the middle can't be understood. Cut last lines are no error.
    #[error(
        "{}, line {line}: {what}. The journal is only a help: move it away and go on with \
         `checker upgrade --resume --target-version V`, which then asks the cluster", path.display()
    )]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// Someone else works on this cluster.
    #[error("an upgrade of this cluster is under way: {holder}. See `checker upgrade status`")]
    Locked {
        /// Who, as the lock's file tells.
        holder: String,
    },
    /// The cluster's id can't be the name of a directory.
    #[error("the cluster's id {0:?} can't be used as a name of a directory")]
    Guid(String),
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> JournalError + '_ {
    move |source| JournalError::File {
        path: path.to_owned(),
        source,
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The version of the format.
    pub v: u32,
    /// When, by the clock of the machine that the tool runs on.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

impl Line {
    /// What it tells, in a few words.
    #[must_use]
    pub fn told(&self) -> String {
        let what = match &self.entry {
            Entry::Begun { .. } => "begun".to_owned(),
            Entry::Resumed { .. } => "gone on with".to_owned(),
            Entry::Gate { hop, verdict, .. } => format!("hop {hop}: {verdict}"),
            Entry::Before { hop, .. } => {
                format!("hop {hop}: the containers are about to be touched")
            }
            Entry::StepBegun { hop, step } => format!("hop {hop}: “{step}” begun"),
            Entry::Job { hop, command, .. } => format!("hop {hop}: `{command}` is started"),
            Entry::JobEnded { job, state } => match state {
                JobState::Ended(0) => format!("the command {job} succeeded"),
                JobState::Ended(status) => {
                    format!("the command {job} failed with exit status {status}")
                }
                JobState::Lost => format!("the command {job} was ended from outside"),
                JobState::Absent => format!("the command {job} was never started"),
                JobState::Running => format!("the command {job} runs"),
            },
            Entry::Asked { question, yes } => {
                format!("asked: {question} {}", if *yes { "yes" } else { "no" })
            }
            Entry::Warning { hop, words, .. } => format!("hop {hop}: to look at: {words}"),
            Entry::StepDone { hop, step, how } => format!("hop {hop}: “{step}” done: {how}"),
            Entry::HopDone { hop } => format!("hop {hop}: done"),
            Entry::Stopped { hop, step, why, .. } => {
                format!("hop {hop}: STOPPED at “{step}”: {why}")
            }
            Entry::Finished { release, .. } => format!("finished: the cluster runs {release}"),
        };
        format!("{} {what}", self.at.strftime("%Y-%m-%d %H:%M:%SZ"))
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// The upgrade begins.
    Begun {
        /// Its id: the first part of the names of its jobs.
        run: String,
        /// The cluster's uuid.
        guid: String,
        /// The cluster's name.
        cluster: String,
        /// The running release, the releases between, the target.
        releases: Vec<Version>,
        /// The version of the tool.
        tool: String,
        /// The command line, without secrets.
        argv: Vec<String>,
        /// The machine that the tool runs on.
        host: String,
    },
    /// It is gone on with.
    Resumed {
        /// Why it had stopped, as far as it is known.
        after: String,
        /// The command line, without secrets.
        argv: Vec<String>,
        /// The machine that the tool runs on.
        host: String,
    },
    /// The gate was asked before a hop.
    Gate {
        /// The hop's number, from 1.
        hop: usize,
        /// The id of the run of checks.
        report: String,
        /// Whether it opened.
        open: bool,
        /// In one line.
        verdict: String,
        /// Warnings that were accepted, in one line each.
        accepted: Vec<String>,
    },
    /// What the cluster was like before the containers of a hop are touched.
    Before {
        /// The hop's number.
        hop: usize,
        /// Types of the alerts that were active.
        alerts: BTreeSet<String>,
        /// Processes that were not up.
        processes_down: Vec<String>,
        /// The time in the cluster, for its events.
        cluster_time: Timestamp,
    },
    /// A step begins.
    StepBegun {
        /// The hop's number.
        hop: usize,
        /// Which.
        step: StepKind,
    },
    /// A command is about to be started.
    Job {
        /// The hop's number.
        hop: usize,
        /// For which step.
        step: StepKind,
        /// Its name.
        job: JobId,
        /// Its command line.
        command: String,
    },
    /// A command has ended.
    JobEnded {
        /// Its name.
        job: JobId,
        /// How.
        state: JobState,
    },
    /// The operator was asked.
    Asked {
        /// What.
        question: String,
        /// The answer.
        yes: bool,
    },
    /// Something to look at afterwards.
    Warning {
        /// The hop's number.
        hop: usize,
        /// For which step.
        step: StepKind,
        /// What.
        words: String,
    },
    /// A step is done, and was verified.
    StepDone {
        /// The hop's number.
        hop: usize,
        /// Which.
        step: StepKind,
        /// How it was known to be done.
        how: String,
    },
    /// A hop is done, with all that follows it.
    HopDone {
        /// The hop's number.
        hop: usize,
    },
    /// The tool stopped before the end.
    Stopped {
        /// The hop's number.
        hop: usize,
        /// In which step.
        step: StepKind,
        /// Why.
        why: String,
        /// What to do next.
        next: String,
    },
    /// Everything is done.
    Finished {
        /// What the cluster runs.
        release: Version,
        /// How many warnings there are.
        warnings: usize,
    },
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    lines: Vec<Line>,
    /// Held as long as this lives; the kernel lets go of it when the process ends.
    _lock: File,
}

impl Journal {
    /// Begins a new journal for this cluster.
    ///
    /// # Errors
    /// When someone else works on this cluster, or a file can't be made.
    pub fn begin(dir: &Path, guid: &str, run: &str, now: Timestamp) -> Result<Self, JournalError> {
        let (dir, lock) = locked(dir, guid, now)?;
        let stamp = now.strftime("%Y%m%dT%H%M%SZ");
        let path = dir.join(format!("{stamp}-{run}.jsonl"));
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed(&path))?;
        sync_dir(&dir)?;
        Ok(Self {
            path,
            file,
            lines: Vec::new(),
            _lock: lock,
        })
    }

    /// Takes the newest journal of this cluster up again; `None` when there is
    /// none. A last line that was cut off is taken away, and was never believed.
    ///
    /// # Errors
    /// As [`Journal::begin`], and when a line can't be understood.
    pub fn take_up(dir: &Path, guid: &str, now: Timestamp) -> Result<Option<Self>, JournalError> {
        let (dir, lock) = locked(dir, guid, now)?;
        let Some(path) = newest(&dir)? else {
            return Ok(None);
        };
        let (lines, whole) = read(&path)?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(failed(&path))?;
        file.set_len(whole)
            .and_then(|()| file.sync_all())
            .map_err(failed(&path))?;
        Ok(Some(Self {
            path,
            file,
            lines,
            _lock: lock,
        }))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds.
    #[must_use]
    pub fn story(&self) -> Story<'_> {
        Story(&self.lines)
    }

    /// Writes a line down; it is on the disk when this returns.
    ///
    /// # Errors
    /// When it can't be: then nothing must be begun.
    pub fn write(&mut self, at: Timestamp, entry: Entry) -> Result<(), JournalError> {
        let line = Line {
            v: FORMAT,
            at,
            entry,
        };
        let mut text = serde_json::to_vec(&line).map_err(|error| JournalError::Line {
            path: self.path.clone(),
            line: self.lines.len() + 1,
            what: error.to_string(),
        })?;
        text.push(b'\n');
        self.file
            .write_all(&text)
            .and_then(|()| self.file.sync_data())
            .map_err(failed(&self.path))?;
        self.lines.push(line);
        Ok(())
    }
}

/// The newest journal of a cluster, to look at without taking it up.
///
/// # Errors
/// When it can't be read.
pub fn look(dir: &Path, guid: &str) -> Result<Option<(PathBuf, Vec<Line>)>, JournalError> {
    let dir = dir.join(directory(guid)?);
    if !dir.exists() {
        return Ok(None);
    }
    let Some(path) = newest(&dir)? else {
        return Ok(None);
    };
    let (lines, _) = read(&path)?;
    Ok(Some((path, lines)))
}

/// Who holds the lock of a cluster, if anyone does.
///
/// # Errors
/// When that can't be found out.
pub fn holder(dir: &Path, guid: &str) -> Result<Option<String>, JournalError> {
    let path = dir.join(directory(guid)?).join("lock");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(JournalError::File { path, source }),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(Errno::WOULDBLOCK) => Ok(Some(holder_of(&file))),
        Err(error) => Err(JournalError::File {
            path,
            source: error.into(),
        }),
    }
}

fn directory(guid: &str) -> Result<&str, JournalError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if guid.is_empty() || guid.len() > 100 || !guid.chars().all(fine) {
        return Err(JournalError::Guid(guid.to_owned()));
    }
    Ok(guid)
}

/// The cluster's directory, and its lock.
fn locked(dir: &Path, guid: &str, now: Timestamp) -> Result<(PathBuf, File), JournalError> {
    let dir = dir.join(directory(guid)?);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .map_err(failed(&dir))?;
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed(&path))?;
    // Whoever looks whether it is held holds it for a moment.
    let mut tries = 10;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if tries > 0 => {
                tries -= 1;
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(JournalError::Locked {
                    holder: holder_of(&file),
                });
            }
            Err(error) => return Err(failed(&path)(error.into())),
        }
    }
    let who = format!(
        "process {} on {}, since {now:.0}\n",
        std::process::id(),
        rustix::system::uname().nodename().to_string_lossy(),
    );
    file.set_len(0)
        .and_then(|()| file.write_all_at(who.as_bytes(), 0))
        .and_then(|()| file.sync_data())
        .map_err(failed(&path))?;
    Ok((dir, file))
}

fn holder_of(mut file: &File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "by a process that did not say who it is".to_owned(),
    }
}

fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(failed(dir))
}

/// Names begin with the time, so the last one is the newest.
fn newest(dir: &Path) -> Result<Option<PathBuf>, JournalError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let path = entry.map_err(failed(dir))?.path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            names.push(path);
        }
    }
    Ok(names.into_iter().max())
}

/// The lines, and how many bytes of the file are whole lines.
fn read(path: &Path) -> Result<(Vec<Line>, u64), JournalError> {
    let bytes = fs::read(path).map_err(failed(path))?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    let wrong = |n: usize, what: String| JournalError::Line {
        path: path.to_owned(),
        line: n + 1,
        what,
    };
    let mut lines = Vec::new();
    let texts: Vec<&[u8]> = bytes[..whole].split_inclusive(|b| *b == b'\n').collect();
    for (n, text) in texts.iter().enumerate() {
        match serde_json::from_slice::<Line>(text) {
            Ok(line) if line.v == FORMAT => lines.push(line),
            Ok(line) => {
                let what = format!("format {} instead of {FORMAT}", line.v);
                return Err(wrong(n, what));
            }
            // A machine that lost power can leave zeros behind, with or
            // without the end of the line.
            Err(_) if n + 1 == texts.len() => {
                let kept: usize = texts[..n].iter().map(|t| t.len()).sum();
                return Ok((lines, kept as u64));
            }
            Err(error) => return Err(wrong(n, error.to_string())),
        }
    }
    Ok((lines, whole as u64))
}

/// What a journal tells.
#[derive(Debug, Clone, Copy)]
pub struct Story<'j>(&'j [Line]);

impl<'j> Story<'j> {
    /// Of these lines.
    #[must_use]
    pub fn of(lines: &'j [Line]) -> Self {
        Self(lines)
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &'j [Line] {
        self.0
    }

    /// The id of the upgrade, and the releases of its path.
    #[must_use]
    pub fn begun(&self) -> Option<(&'j str, &'j [Version])> {
        self.0.iter().find_map(|line| match &line.entry {
            Entry::Begun { run, releases, .. } => Some((run.as_str(), releases.as_slice())),
            _ => None,
        })
    }

    /// Whether it came to its end.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.0
            .iter()
            .any(|line| matches!(line.entry, Entry::Finished { .. }))
    }

    /// Whether a step of a hop was done.
    #[must_use]
    pub fn done(&self, hop: usize, step: StepKind) -> bool {
        self.0.iter().any(|line| {
            matches!(&line.entry, Entry::StepDone { hop: h, step: s, .. } if *h == hop && *s == step)
        })
    }

    /// Whether a hop was done, with all that follows it.
    #[must_use]
    pub fn hop_done(&self, hop: usize) -> bool {
        self.0
            .iter()
            .any(|line| matches!(line.entry, Entry::HopDone { hop: h } if h == hop))
    }

    /// Whether the gate was open when it was last asked for a hop.
    #[must_use]
    pub fn gate_opened(&self, hop: usize) -> bool {
        let mut lines = self.0.iter().rev();
        lines
            .find_map(|line| match line.entry {
                Entry::Gate { hop: h, open, .. } if h == hop => Some(open),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// Whether the gate of a hop has opened and the hop went on from there:
    /// its containers may have been touched.
    #[must_use]
    pub fn touched(&self, hop: usize) -> bool {
        self.0.iter().any(|line| {
            matches!(&line.entry, Entry::Job { hop: h, step: StepKind::Backends, .. } if *h == hop)
        })
    }

    /// The last job, where its end was not seen.
    #[must_use]
    pub fn open_job(&self) -> Option<&'j JobId> {
        let (mut open, mut ended) = (None, None);
        for line in self.0 {
            match &line.entry {
                Entry::Job { job, .. } => open = Some(job),
                Entry::JobEnded { job, .. } => ended = Some(job),
                _ => {}
            }
        }
        open.filter(|job| ended != Some(*job))
    }

    /// The jobs of a step, the oldest first, with how they ended where that was seen.
    #[must_use]
    pub fn jobs(&self, hop: usize, step: StepKind) -> Vec<(&'j JobId, Option<JobState>)> {
        let mut ended: BTreeMap<&str, JobState> = BTreeMap::new();
        for line in self.0 {
            if let Entry::JobEnded { job, state } = &line.entry {
                ended.insert(job.as_str(), *state);
            }
        }
        self.0
            .iter()
            .filter_map(|line| match &line.entry {
                Entry::Job {
                    hop: h,
                    step: s,
                    job,
                    ..
                } if *h == hop && *s == step => Some((job, ended.get(job.as_str()).copied())),
                _ => None,
            })
            .collect()
    }

    /// The alerts that were active before the containers of a hop were touched.
    #[must_use]
    pub fn alerts_before(&self, hop: usize) -> Option<&'j BTreeSet<String>> {
        self.0.iter().rev().find_map(|line| match &line.entry {
            Entry::Before { hop: h, alerts, .. } if *h == hop => Some(alerts),
            _ => None,
        })
    }

    /// What is to be looked at afterwards.
    pub fn warnings(&self) -> impl Iterator<Item = (usize, &'j str)> {
        self.0.iter().filter_map(|line| match &line.entry {
            Entry::Warning { hop, words, .. } => Some((*hop, words.as_str())),
            _ => None,
        })
    }

    /// The last line that says where it stands: a step or a stop.
    #[must_use]
    pub fn last(&self) -> Option<&'j Line> {
        self.0.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "8a1f0c9e-4f3c-4d0f-a1c5-0a2d0ff3c001";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("a time")
    }

    fn step(step: StepKind) -> Entry {
        Entry::StepBegun { hop: 1, step }
    }

    fn begin(dir: &Path) -> Journal {
        let mut journal = Journal::begin(dir, GUID, "1f2e3d4c", at(0)).expect("a journal");
        journal.write(at(1), step(StepKind::Get)).expect("written");
        journal
            .write(at(2), step(StepKind::Prepare))
            .expect("written");
        journal
    }

    #[test]
    fn what_was_written_is_read_again_and_added_to() {
        let dir = tempfile::tempdir().expect("a directory");
        drop(begin(dir.path()));
        let mut journal = Journal::take_up(dir.path(), GUID, at(9))
            .expect("readable")
            .expect("there is one");
        assert_eq!(journal.story().lines().len(), 2);
        journal
            .write(at(10), step(StepKind::Verify))
            .expect("written");
        drop(journal);
        let (_, lines) = look(dir.path(), GUID).expect("readable").expect("one");
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[2].entry, step(StepKind::Verify));
    }

    #[test]
    fn the_last_line_may_be_cut_at_any_byte() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = begin(dir.path());
        let path = journal.path().to_owned();
        drop(journal);
        let whole = fs::read(&path).expect("readable");
        let first = whole.iter().position(|b| *b == b'\n').expect("a line") + 1;
        for cut in first..whole.len() {
            fs::write(&path, &whole[..cut]).expect("written");
            let mut journal = Journal::take_up(dir.path(), GUID, at(9))
                .expect("readable")
                .expect("there is one");
            assert_eq!(journal.story().lines().len(), 1, "cut at {cut}");
            journal
                .write(at(10), step(StepKind::Verify))
                .expect("written");
            drop(journal);
            let (_, lines) = look(dir.path(), GUID).expect("readable").expect("one");
            assert_eq!(lines.len(), 2, "cut at {cut}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_a_cut_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = begin(dir.path());
        let path = journal.path().to_owned();
        drop(journal);
        for tail in [&[0_u8; 40][..], &b"\0\0\0\n"[..]] {
            let mut bytes = fs::read(&path).expect("readable");
            bytes.extend_from_slice(tail);
            fs::write(&path, bytes).expect("written");
            let journal = Journal::take_up(dir.path(), GUID, at(9))
                .expect("readable")
                .expect("there is one");
            assert_eq!(journal.story().lines().len(), 2);
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = begin(dir.path());
        let path = journal.path().to_owned();
        drop(journal);
        let text = fs::read_to_string(&path).expect("readable");
        fs::write(&path, text.replacen("{", "[", 1)).expect("written");
        let error = look(dir.path(), GUID).expect_err("damaged").to_string();
        assert!(
            error.contains("line 1") && error.contains("--resume"),
            "{error}"
        );
    }

    #[test]
    fn a_newer_format_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = begin(dir.path());
        let path = journal.path().to_owned();
        drop(journal);
        let text = fs::read_to_string(&path).expect("readable");
        fs::write(&path, text.replace("\"v\":1", "\"v\":2")).expect("written");
        let error = look(dir.path(), GUID)
            .expect_err("another format")
            .to_string();
        assert!(error.contains("format 2"), "{error}");
    }

    #[test]
    fn one_at_a_time_and_the_other_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = begin(dir.path());
        let error = Journal::begin(dir.path(), GUID, "aaaa", at(3)).expect_err("locked");
        let words = format!("process {}", std::process::id());
        assert!(error.to_string().contains(&words), "{error}");
        assert!(holder(dir.path(), GUID).expect("known").is_some());
        // Another cluster is another matter.
        Journal::begin(dir.path(), "another", "aaaa", at(3)).expect("free");
        drop(journal);
        assert_eq!(holder(dir.path(), GUID).expect("known"), None);
        Journal::begin(dir.path(), GUID, "bbbb", at(4)).expect("free again");
    }

    #[test]
    fn a_guid_is_no_path() {
        let dir = tempfile::tempdir().expect("a directory");
        for guid in ["", "../x", "a/b", "."] {
            assert!(
                matches!(
                    Journal::begin(dir.path(), guid, "x", at(0)),
                    Err(JournalError::Guid(_))
                ),
                "{guid}"
            );
        }
    }
}
