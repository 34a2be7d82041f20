use std::io;
use std::path::{Path, PathBuf};

use super::layout::FORMAT;

/// Why a bundle could not be written, or is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file system has no room for it.
    #[error("no space left in {}", .dir.display())]
    DiskFull {
        /// Where it should have been.
        dir: PathBuf,
    },
    /// The operating system refused something else.
    #[error("{action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a directory, a device or a pipe.
    #[error("it is no regular file")]
    NotAFile,
    /// It does not begin like a gzip file.
    #[error("it is no bundle: not a gzip file")]
    NotGzip,
    /// It ends too early.
    #[error("it is truncated: copy it again, whole")]
    Truncated,
    /// Its checksum is wrong, or what was packed is no tar archive.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A part of it, or all of it, is larger than any bundle.
    #[error("{what} is larger than the {limit} bytes that a bundle may have")]
    TooLarge {
        /// Which part.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// It unpacks to absurdly much more than it is.
    #[error("it unpacks to more than {ratio} times its size, as no bundle does")]
    Bomb {
        /// The limit.
        ratio: u64,
    },
    /// It holds more files than any bundle.
    #[error("it holds more than {limit} files")]
    TooManyFiles {
        /// The limit.
        limit: usize,
    },
    /// A path that leads out of the bundle, or is none.
    #[error("it holds the unsafe path {path:?}")]
    UnsafePath {
        /// The path.
        path: String,
    },
    /// A link, a device, a directory: a bundle holds files alone.
    #[error("{path:?} is no regular file")]
    NotRegular {
        /// Its path.
        path: String,
    },
    /// The same path twice.
    #[error("{path:?} stands in it twice")]
    Duplicate {
        /// The path.
        path: String,
    },
    /// It lies beside the folder that a bundle consists of.
    #[error("{path:?} lies outside the bundle's folder")]
    OutsideFolder {
        /// Its path.
        path: String,
    },
    /// Without a manifest nothing in it can be trusted.
    #[error("it has no manifest.json")]
    NoManifest,
    /// A newer release of this tool made it.
    #[error(
        "a newer checker made it (bundle format {found}, this release reads up to {FORMAT}): use a newer release"
    )]
    Newer {
        /// Its format.
        found: u32,
    },
    /// The manifest does not know the file.
    #[error("{path:?} is not in its manifest: something was added")]
    NotInManifest {
        /// Its path.
        path: String,
    },
    /// The manifest lists it, and it is not there.
    #[error("{path:?} is missing: something was taken out")]
    MissingFile {
        /// Its path.
        path: String,
    },
    /// Size or digest are not those of the manifest.
    #[error("{path:?} was altered: it does not have the digest of the manifest")]
    Altered {
        /// Its path.
        path: String,
    },
    /// A file is not of its form.
    #[error("{path:?} can't be read: {reason}")]
    Unreadable {
        /// Its path.
        path: String,
        /// Why.
        reason: String,
    },
}

impl BundleError {
    /// An error while writing; a full disk is told apart.
    pub(super) fn writing(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull {
                dir: path.to_owned(),
            },
            _ => Self::Io {
                action,
                path: path.to_owned(),
                source,
            },
        }
    }

    pub(super) fn unreadable(path: &str, reason: impl ToString) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
