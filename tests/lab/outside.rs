//! What of a lab can be seen on the machine, to show that nothing stays.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{DIRECTORY_PREFIX, Lab};

/// The file in a lab's directory that its owner holds locked.
pub(super) const LOCK: &str = "owner";

/// The kinds of namespaces that a lab makes.
const KINDS: [&str; 4] = ["net", "mnt", "pid", "uts"];

/// By what a lab can be recognised on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traces {
    /// As `/proc/PID/ns/*` names them: `net:[4026532177]`.
    pub(crate) namespaces: BTreeSet<String>,
    /// The lab's directory.
    pub(crate) directory: PathBuf,
}

/// What of a lab is still there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Leftovers {
    /// Processes in its namespaces, `PID name`.
    pub(crate) processes: Vec<String>,
    /// Mounts of the machine that name it.
    pub(crate) mounts: Vec<String>,
    /// Its directory, if it is there.
    pub(crate) files: Vec<PathBuf>,
}

impl Lab {
    /// By what this lab can be recognised.
    pub(crate) fn traces(&self) -> Traces {
        let own = namespaces_of("self");
        let pids = self
            .servers
            .iter()
            .map(|s| s.pid())
            .chain([self.switch.pid]);
        Traces {
            namespaces: pids
                .flat_map(|pid| namespaces_of(&pid.to_string()))
                .filter(|namespace| !own.contains(namespace))
                .collect(),
            directory: self.directory.path.clone(),
        }
    }
}

impl Traces {
    /// What is there now.
    pub(crate) fn leftovers(&self) -> Leftovers {
        let mut leftovers = Leftovers::default();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            if !pid.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            // A process that ends meanwhile has no namespaces.
            if !namespaces_of(&pid).is_disjoint(&self.namespaces) {
                let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                leftovers.processes.push(format!("{pid} {}", name.trim()));
            }
        }
        let directory = self.directory.to_string_lossy().into_owned();
        let mounts =
            fs::read_to_string("/proc/self/mountinfo").expect("the mounts of this process");
        leftovers.mounts = mounts
            .lines()
            .filter(|line| line.contains(&directory) || line.contains(" lab-"))
            .map(str::to_owned)
            .collect();
        leftovers.files = Some(self.directory.clone())
            .filter(|d| d.exists())
            .into_iter()
            .collect();
        leftovers
    }

    /// One line, for [`Traces::from_line`] in another process.
    pub(crate) fn to_line(&self) -> String {
        let namespaces: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
        format!("{} {}", self.directory.display(), namespaces.join(" "))
    }

    /// Reads [`Traces::to_line`].
    pub(crate) fn from_line(line: &str) -> Self {
        let mut words = line.split_whitespace();
        Self {
            directory: words.next().unwrap_or_default().into(),
            namespaces: words.map(str::to_owned).collect(),
        }
    }
}

fn namespaces_of(pid: &str) -> BTreeSet<String> {
    KINDS
        .iter()
        .filter_map(|kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect()
}

/// The names of the machine's own network links.
pub(crate) fn links() -> BTreeSet<String> {
    fs::read_dir("/sys/class/net")
        .expect("the machine's links")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Removes the directories of labs whose owner was killed; everything else of
/// theirs ended with the owner.
pub(super) fn sweep() {
    let entries = fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        if !entry
            .file_name()
            .to_string_lossy()
            .starts_with(DIRECTORY_PREFIX)
        {
            continue;
        }
        // One without the file is being made or removed at this moment.
        let Ok(lock) = fs::File::open(entry.path().join(LOCK)) else {
            continue;
        };
        let dead = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        if dead.is_ok() {
            // Another test may be removing the same.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
