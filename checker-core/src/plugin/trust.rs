//! Whose files are loaded, or sent to servers to run there as root.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Why a file or directory is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// It can't be looked at.
    #[error("{path} can't be read: {error}")]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Neither root's nor the user's.
    #[error(
        "{path} belongs to the user id {owner}, not to root or you: `chown root {path}` if it is to be trusted"
    )]
    Owner {
        /// What.
        path: PathBuf,
        /// Who has it.
        owner: u32,
    },
    /// Others could change it.
    #[error("others can write to {path}: `chmod go-w {path}`")]
    Writable {
        /// What.
        path: PathBuf,
    },
    /// A link to somewhere else.
    #[error("{path} is a link that leads out of its directory, to {target}")]
    LeadsOut {
        /// What.
        path: PathBuf,
        /// Where to.
        target: PathBuf,
    },
    /// A pipe, a device, a directory.
    #[error("{path} is no regular file")]
    NotAFile {
        /// What.
        path: PathBuf,
    },
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Distrust {
    let path = path.to_owned();
    move |error| Distrust::Unreadable { path, error }
}

/// Requires that nobody but root and the user can change this file or
/// directory, or put another in its place. Returns its real path.
///
/// # Errors
/// Who else can.
pub fn is_trusted(path: &Path) -> Result<PathBuf, Distrust> {
    let real = path.canonicalize().map_err(unreadable(path))?;
    let user = rustix::process::geteuid().as_raw();
    for (n, part) in real.ancestors().enumerate() {
        let metadata = part.metadata().map_err(unreadable(part))?;
        let owner = metadata.uid();
        if owner != 0 && owner != user {
            return Err(Distrust::Owner {
                path: part.to_owned(),
                owner,
            });
        }
        // In a sticky directory (/tmp) nobody can touch what is another's.
        let sticky = n > 0 && metadata.mode() & 0o1000 != 0;
        if metadata.mode() & 0o022 != 0 && !sticky {
            return Err(Distrust::Writable {
                path: part.to_owned(),
            });
        }
    }
    Ok(real)
}

/// As [`is_trusted`], for a file of a directory that is trusted itself: a
/// regular file that really lies below it.
pub(super) fn is_trusted_in(dir: &Path, path: &Path) -> Result<PathBuf, Distrust> {
    let real = path.canonicalize().map_err(unreadable(path))?;
    if !real.starts_with(dir) {
        return Err(Distrust::LeadsOut {
            path: path.to_owned(),
            target: real,
        });
    }
    if !real.is_file() {
        return Err(Distrust::NotAFile {
            path: path.to_owned(),
        });
    }
    is_trusted(&real)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("changed");
    }

    fn plugin() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("a.so");
        fs::write(&file, "x").expect("written");
        mode(&file, 0o644);
        (dir, file)
    }

    #[test]
    fn ones_own_file_is_trusted() {
        let (dir, file) = plugin();
        let real = dir.path().canonicalize().expect("there");
        assert!(is_trusted_in(&real, &file).is_ok());
    }

    #[test]
    fn what_others_can_write_to_is_not() {
        let (dir, file) = plugin();
        for bits in [0o664, 0o646] {
            mode(&file, bits);
            assert!(
                matches!(is_trusted(&file), Err(Distrust::Writable { path }) if path.ends_with("a.so"))
            );
        }
        mode(&file, 0o644);
        mode(dir.path(), 0o777);
        assert!(
            matches!(is_trusted(&file), Err(Distrust::Writable { path }) if !path.ends_with("a.so"))
        );
    }

    #[test]
    fn links_stay_within() {
        let (dir, file) = plugin();
        let real = dir.path().canonicalize().expect("there");
        let (within, out) = (real.join("b.so"), real.join("c.so"));
        symlink(&file, &within).expect("a link");
        symlink("/usr/lib", &out).expect("a link");
        assert_eq!(
            is_trusted_in(&real, &within).expect("within"),
            real.join("a.so")
        );
        assert!(matches!(
            is_trusted_in(&real, &out),
            Err(Distrust::LeadsOut { .. })
        ));
        let nowhere = real.join("d.so");
        symlink("nothing", &nowhere).expect("a link");
        assert!(matches!(
            is_trusted_in(&real, &nowhere),
            Err(Distrust::Unreadable { .. })
        ));
    }

    #[test]
    fn another_owner_is_not_trusted() {
        let (_dir, file) = plugin();
        if std::os::unix::fs::chown(&file, Some(12_345), None).is_err() {
            return; // Only root can give files away.
        }
        assert!(matches!(
            is_trusted(&file),
            Err(Distrust::Owner { owner: 12_345, .. })
        ));
    }
}
