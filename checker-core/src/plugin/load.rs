//! Finds plugins, starts their processes, and registers their checks.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::check::{Host, PluginCheck, State};
use super::declared::{DeclarationError, Declared};
use super::fault::Fault;
use super::process::{Launcher, Limits, Process};
use super::standin::register_failure;
use super::trust::{Distrust, is_trusted, is_trusted_in};
use crate::contract::wire::Description;
use crate::registry::{PluginEntry, Registry, RegistryError};
use crate::report::{PluginInfo, PluginKind};

/// Where plugins are sought, and how they are run.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The directories.
    pub dirs: Vec<PathBuf>,
    /// How a plugin's process is started.
    pub launcher: Launcher,
    /// What it may use.
    pub limits: Limits,
}

/// What was loaded.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// What the plugins' probes print where all is well, by their keys.
    pub samples: BTreeMap<String, String>,
    /// How long all probes of all plugins together may take on a server.
    pub probe_time: Duration,
}

/// Why a plugin is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("is not loaded: {0}")]
    Distrust(#[from] Distrust),
    #[error("is not loaded: it can't be read: {0}")]
    Io(#[from] io::Error),
    #[error("is not loaded: it has {0} bytes, more than a plugin needs")]
    TooLarge(u64),
    #[error("is not used: it changed while it was loaded")]
    Changed,
    #[error("{0}")]
    Fault(#[from] Fault),
    #[error("is not used: it {0}")]
    Declaration(#[from] DeclarationError),
    #[error("is not used: {0}")]
    Registry(#[from] RegistryError),
}

/// No library is larger.
const LARGEST: u64 = 512 << 20;

/// Loads every plugin of these directories and registers its checks; what
/// can't be loaded is registered as a check that is unknown.
///
/// The plugins end when the registry is dropped, and with the thread that
/// called this.
pub fn load(registry: &mut Registry, sources: &Sources) -> Loaded {
    let mut loaded = Loaded::default();
    let mut files: Vec<PathBuf> = Vec::new();
    // Of each file, the directory of the search path that it was found in.
    let mut found_in: BTreeMap<String, &Path> = BTreeMap::new();
    for dir in &sources.dirs {
        match libraries(dir) {
            Err(error) => fail(registry, dir, None, &LoadError::Distrust(error)),
            Ok(found) => {
                for file in found {
                    match file {
                        Ok(file) if files.contains(&file) => {}
                        Ok(file) => {
                            found_in.insert(file.display().to_string(), dir);
                            files.push(file);
                        }
                        Err((file, error)) => {
                            fail(registry, &file, None, &LoadError::Distrust(error));
                        }
                    }
                }
            }
        }
    }
    // All at once: each has its time to start, and none another's.
    let mut started: Vec<(PathBuf, Result<Started, LoadError>)> = files
        .into_iter()
        .map(|file| (file.clone(), Started::new(&file, sources)))
        .collect();
    std::thread::scope(|scope| {
        for (_, started) in &mut started {
            if let Ok(plugin) = started {
                scope.spawn(|| plugin.listen());
            }
        }
    });
    for (file, started) in started {
        let digest = started.as_ref().ok().map(|s| s.sha256.clone());
        let done = started.and_then(|started| started.register(&file, registry, &mut loaded));
        match done {
            Ok(_) => {}
            Err(LoadError::Declaration(DeclarationError::NameTaken { name, other }))
                if found_in.get(&other) != found_in.get(&file.display().to_string()) =>
            {
                shadowed(registry, &file, digest, name, &other);
            }
            Err(error) => fail(registry, &file, digest, &error),
        }
    }
    loaded
}

/// A plugin that an earlier directory of the search path has too: the earlier
/// one counts, as with programs. The very same file a second time is not even told.
fn shadowed(registry: &mut Registry, file: &Path, sha256: Option<String>, name: String, by: &str) {
    let mut earlier = registry.plugins().into_iter();
    if earlier.any(|plugin| plugin.path == by && plugin.sha256 == sha256) {
        return;
    }
    registry.add_plugin(Arc::new(PluginEntry::new(PluginInfo {
        note: Some(format!(
            "not used: {by}, earlier in the search path, has the same name"
        )),
        ..without_checks(name, file, sha256)
    })));
}

/// What is told of a file that brings nothing.
fn without_checks(name: String, file: &Path, sha256: Option<String>) -> PluginInfo {
    PluginInfo {
        name,
        kind: PluginKind::Library,
        version: None,
        path: file.display().to_string(),
        sha256,
        checks: Vec::new(),
        error: None,
        note: None,
    }
}

/// Loads one file as [`load`] does, and says what it offers.
///
/// # Errors
/// Why it is not used, to be read behind the file's name.
pub fn try_one(
    registry: &mut Registry,
    file: &Path,
    sources: &Sources,
) -> Result<(Declared, Loaded), String> {
    let mut loaded = Loaded::default();
    let mut one = || {
        let file = is_trusted(file)?;
        let mut started = Started::new(&file, sources)?;
        started.listen();
        started.register(&file, registry, &mut loaded)
    };
    let declared = one().map_err(|error: LoadError| error.to_string())?;
    Ok((declared, loaded))
}

fn fail(registry: &mut Registry, file: &Path, sha256: Option<String>, error: &LoadError) {
    let name = file.file_stem().map_or_else(
        || file.display().to_string(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    let info = without_checks(name, file, sha256);
    register_failure(registry, info, &error.to_string());
}

type Found = Result<PathBuf, (PathBuf, Distrust)>;

/// The libraries of a directory, by name.
fn libraries(dir: &Path) -> Result<Vec<Found>, Distrust> {
    let dir = is_trusted(dir)?;
    let unreadable = |error| Distrust::Unreadable {
        path: dir.clone(),
        error,
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(&dir)
        .map_err(unreadable)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()
        .map_err(unreadable)?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "so"));
    paths.sort();
    let check = |path: PathBuf| is_trusted_in(&dir, &path).map_err(|error| (path, error));
    Ok(paths.into_iter().map(check).collect())
}

/// A plugin whose process runs.
struct Started {
    sha256: String,
    stamp: Stamp,
    process: Process,
    described: Result<Vec<u8>, Fault>,
}

/// What tells that a file is still the same.
type Stamp = (u64, u64, u64, i64, i64, i64, i64);

fn stamp(metadata: &fs::Metadata) -> Stamp {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

impl Started {
    fn new(path: &Path, sources: &Sources) -> Result<Self, LoadError> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.size() > LARGEST {
            return Err(LoadError::TooLarge(metadata.size()));
        }
        let sha256 = digest(file)?;
        Ok(Self {
            sha256,
            stamp: stamp(&metadata),
            process: Process::start(&sources.launcher, path, sources.limits)?,
            described: Err(Fault::NotStarted("it was not listened to".to_owned())),
        })
    }

    /// Waits for what it says of itself.
    fn listen(&mut self) {
        self.described = self.process.loaded().and_then(|()| self.process.describe());
    }

    fn register(
        self,
        path: &Path,
        registry: &mut Registry,
        loaded: &mut Loaded,
    ) -> Result<Declared, LoadError> {
        let described = self.described?;
        // What was read and what was loaded is the same file.
        if stamp(&fs::metadata(path)?) != self.stamp {
            return Err(LoadError::Changed);
        }
        let description: Description = serde_json::from_slice(&described)
            .map_err(|error| Fault::Unreadable(error.to_string()))?;
        let declared = Declared::new(description, registry)?;
        let entry = Arc::new(PluginEntry::new(PluginInfo {
            name: declared.description.name.clone(),
            kind: PluginKind::Library,
            version: Some(declared.description.version.clone()),
            path: path.display().to_string(),
            sha256: Some(self.sha256),
            checks: declared.ids().map(str::to_owned).collect(),
            error: None,
            note: None,
        }));
        let host = Arc::new(Host {
            name: declared.description.name.clone(),
            lane: path.display().to_string(),
            entry: Arc::clone(&entry),
            process: Mutex::new(State::Running(Box::new(self.process))),
        });
        for check in &declared.checks {
            registry.register(Arc::new(PluginCheck::new(check, &host)))?;
        }
        registry.add_plugin(entry);
        loaded.samples.extend(declared.samples());
        loaded.probe_time = loaded.probe_time.saturating_add(declared.probe_time());
        Ok(declared)
    }
}

/// The SHA-256 of what can be read, in hexadecimal digits.
pub(super) fn digest(mut from: impl Read) -> io::Result<String> {
    use std::fmt::Write as _;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
}
