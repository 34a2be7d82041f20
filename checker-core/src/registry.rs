//! The checks that a run can choose from.

use std::sync::{Arc, Mutex, PoisonError};

use crate::check::Check;
use crate::contract::CheckInfo;
use crate::report::PluginInfo;

/// All known checks, sorted by id. Built-in checks and plugins register here
/// in the same way.
#[derive(Default, Clone)]
pub struct Registry {
    checks: Vec<Arc<dyn Check>>,
    plugins: Vec<Arc<PluginEntry>>,
}

/// A plugin of this run, as the report will name it.
#[derive(Debug)]
pub struct PluginEntry {
    info: PluginInfo,
    fault: Mutex<Option<String>>,
}

impl PluginEntry {
    /// A plugin that has done nothing wrong so far, unless `info` says so.
    #[must_use]
    pub fn new(info: PluginInfo) -> Self {
        Self {
            info,
            fault: Mutex::new(None),
        }
    }

    /// That it did something wrong; the first thing counts.
    pub fn blame(&self, fault: &str) {
        let mut kept = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert_with(|| fault.to_owned());
    }

    /// What the report says of it.
    #[must_use]
    pub fn info(&self) -> PluginInfo {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        PluginInfo {
            error: self.info.error.clone().or_else(|| fault.clone()),
            ..self.info.clone()
        }
    }
}

/// Why a check was not registered, or not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Two checks have the same id.
    #[error("two checks have the id {0}")]
    Duplicate(String),
    /// The id is not of the form `area/name`.
    #[error("{0:?} is no check id: it must be `area/name` in small letters, digits and `-`")]
    BadId(String),
    /// No check has this id or lies in this area.
    #[error("no check is called {id:?}{}; `checker list` shows them all", hint(.nearest))]
    Unknown {
        /// What was asked for.
        id: String,
        /// The check whose id is most like it.
        nearest: Option<String>,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|id| format!("; did you mean {id}?"))
        .unwrap_or_default()
}

pub(crate) fn is_id(id: &str) -> bool {
    let word = |w: &str| {
        !w.is_empty()
            && w.bytes().all(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
            })
    };
    id.split_once('/')
        .is_some_and(|(area, name)| word(area) && word(name))
}

impl Registry {
    /// No checks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check.
    ///
    /// # Errors
    /// When its id is taken or malformed.
    pub fn register(&mut self, check: Arc<dyn Check>) -> Result<(), RegistryError> {
        let id = &check.info().id;
        if !is_id(id) {
            return Err(RegistryError::BadId(id.clone()));
        }
        match self.checks.binary_search_by(|c| c.info().id.cmp(id)) {
            Ok(_) => Err(RegistryError::Duplicate(id.clone())),
            Err(at) => {
                self.checks.insert(at, check);
                Ok(())
            }
        }
    }

    /// Adds a plugin to those that the report names.
    pub fn add_plugin(&mut self, plugin: Arc<PluginEntry>) {
        self.plugins.push(plugin);
    }

    /// The plugins and scripts of this run, and what went wrong with them by now.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginInfo> {
        self.plugins.iter().map(|plugin| plugin.info()).collect()
    }

    /// Every check, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Check>> {
        self.checks.iter()
    }

    /// The check with this id.
    ///
    /// # Errors
    /// When there is none; the error names the nearest.
    pub fn get(&self, id: &str) -> Result<&Arc<dyn Check>, RegistryError> {
        self.checks
            .iter()
            .find(|c| c.info().id == id)
            .ok_or_else(|| self.unknown(id))
    }

    /// The checks that a pattern names: an id, `area/*`, or `*`.
    ///
    /// # Errors
    /// When it names none.
    pub fn matching(&self, pattern: &str) -> Result<Vec<&CheckInfo>, RegistryError> {
        let found: Vec<_> = self
            .checks
            .iter()
            .map(|c| c.info())
            .filter(|info| matches(pattern, &info.id))
            .collect();
        if found.is_empty() {
            Err(self.unknown(pattern))
        } else {
            Ok(found)
        }
    }

    fn unknown(&self, id: &str) -> RegistryError {
        let nearest = self
            .checks
            .iter()
            .map(|c| &c.info().id)
            .map(|known| (strsim::jaro_winkler(id, known), known))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, known)| known.clone());
        RegistryError::Unknown {
            id: id.to_owned(),
            nearest,
        }
    }
}

/// Whether `pattern` (an id, `area/*`, or `*`) names the check `id`.
#[must_use]
pub(crate) fn matches(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(area) if area.ends_with('/') => id.starts_with(area),
        _ => pattern == id,
    }
}
