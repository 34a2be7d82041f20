//! Why release data can't be used.

use std::fmt;

/// Why release data can't be used: which file, which line, what is wrong, and
/// the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ReleaseDataError {
    /// The file, as it was named.
    pub file: String,
    /// The line in it, where it can be told.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with release data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It can't be read from the disk.
    #[error("it can't be read: {0}; give a directory that this user may read")]
    Io(String),
    /// The directory has nothing that is release data.
    #[error(
        "it holds no release data; put any of releases.toml, os.toml, known-issues.toml, rules.toml, alerts.toml, upgrade_path.json, supported_os.json, known_issues.json there"
    )]
    NothingThere,
    /// Two files bring the same part.
    #[error("{other} brings the same data; remove one of the two")]
    Both {
        /// The other file.
        other: &'static str,
    },
    /// It is not TOML or JSON, or not of the expected form.
    #[error(
        "{0}; `checker data --export DIR` writes files of the right form, and without this one the built-in data is used"
    )]
    Form(String),
    /// A value is wrong.
    #[error("{at}: {what}; mend the entry or take it out")]
    Value {
        /// Which entry.
        at: String,
        /// What is wrong with it.
        what: String,
    },
    /// An entry stands in it twice.
    #[error("{0} is listed twice; take one out")]
    Twice(String),
    /// It lists nothing.
    #[error("it lists nothing; take the file away to use the built-in data")]
    Empty,
}

impl fmt::Display for ReleaseDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

/// One file's text, for errors that name the line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Text<'_> {
    /// An error about the whole file.
    pub(super) fn whole(&self, problem: Problem) -> ReleaseDataError {
        ReleaseDataError {
            file: self.file.to_owned(),
            line: None,
            problem,
        }
    }

    /// An error at a byte of the text.
    pub(super) fn at(&self, byte: Option<usize>, problem: Problem) -> ReleaseDataError {
        let line = byte
            .and_then(|byte| self.text.get(..byte))
            .map(|before| before.matches('\n').count() + 1);
        ReleaseDataError {
            line,
            ..self.whole(problem)
        }
    }

    /// An error at the entry with this key; one that stands twice is shown
    /// where it stands again.
    pub(super) fn key(&self, key: &str, problem: Problem) -> ReleaseDataError {
        let byte = self
            .text
            .rfind(&format!("\"{key}\" ="))
            .or_else(|| self.text.rfind(&format!("\"{key}\":")));
        match byte {
            Some(_) => self.at(byte, problem),
            None => self.about(key, problem),
        }
    }

    /// An error at the last line that has this text, between quotes if it can be.
    pub(super) fn about(&self, needle: &str, problem: Problem) -> ReleaseDataError {
        let quoted = format!("\"{needle}\"");
        let byte = self
            .text
            .rfind(&quoted)
            .or_else(|| self.text.rfind(needle).filter(|_| !needle.is_empty()));
        self.at(byte, problem)
    }

    /// That a value is wrong.
    pub(super) fn value(
        &self,
        at: &str,
        needle: &str,
        what: impl fmt::Display,
    ) -> ReleaseDataError {
        let problem = Problem::Value {
            at: at.to_owned(),
            what: what.to_string(),
        };
        self.about(needle, problem)
    }
}
