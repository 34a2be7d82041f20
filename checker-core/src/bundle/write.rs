use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::layout::{
    BOUNDS, Bounds, CLUSTER, FORMAT, MACHINE, MANIFEST, Manifest, ManifestFile, REPORT, RUN,
    RunSettings, SERVER, SERVERS, StoredRecord, StoredServer,
};
use super::{BundleError, LOG_NAME, Machine, name};
use crate::evidence::{Record, Redactor, Store};
use crate::report::{self, Report};

/// All that goes into a bundle.
#[derive(Debug, Clone, Copy)]
pub struct BundleContents<'a> {
    /// What was found.
    pub report: &'a Report,
    /// What it rests on.
    pub store: &'a Store,
    /// What was asked.
    pub run: &'a RunSettings,
    /// The log so far; empty if there is none.
    pub log: &'a [u8],
    /// The machine that the tool ran on.
    pub machine: &'a Machine,
    /// The version of the release data that was judged by.
    pub data_version: &'a str,
}

/// The file name of a bundle:
/// `weka_upgrade_checker_<cluster>_20260720T020000Z.tar.gz`.
#[must_use]
pub fn file_name(cluster: Option<&str>, started_at: Timestamp) -> String {
    format!("{}.tar.gz", folder(cluster, started_at))
}

fn folder(cluster: Option<&str>, started_at: Timestamp) -> String {
    format!(
        "weka_upgrade_checker_{}_{}",
        name::in_file_name(cluster.unwrap_or_default()),
        started_at.strftime("%Y%m%dT%H%M%SZ")
    )
}

/// Writes a bundle into `dir` and says where it is. Nobody but its owner can read it.
///
/// It is written beside its final name, synced, then renamed. On an error
/// nothing is left behind; an older bundle of that name stays as it was.
///
/// # Errors
/// When `dir` can't be written to or is full, and when the contents are larger
/// than [`open`](super::open()) would take.
pub fn write(dir: &Path, contents: &BundleContents<'_>) -> Result<PathBuf, BundleError> {
    let folder = folder(
        contents.report.cluster.name.as_deref(),
        contents.run.started_at,
    );
    let path = dir.join(format!("{folder}.tar.gz"));
    let writing = |action, error| BundleError::writing(action, dir, error);
    // Made with mode 0600; gone again when dropped before it is renamed.
    let mut file = tempfile::Builder::new()
        .prefix(&format!(".{folder}."))
        .suffix(".partial")
        .tempfile_in(dir)
        .map_err(|error| writing("making a file in", error))?;
    pack_in(file.as_file_mut(), &folder, contents, BOUNDS)
        .map_err(|error| error.into_bundle_error(dir))?;
    file.as_file()
        .sync_all()
        .map_err(|error| writing("syncing the bundle in", error))?;
    file.persist(&path)
        .map_err(|error| writing("renaming the bundle in", error.error))?;
    // The name is not on the disk before its directory is.
    match File::open(dir).and_then(|dir| dir.sync_all()) {
        // Some network file systems sync no directories.
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(writing("syncing", error)),
        _ => Ok(path),
    }
}

/// What can go wrong while packing.
#[derive(Debug)]
enum PackError {
    Io(io::Error),
    TooLarge { what: String, limit: u64 },
    TooManyFiles { limit: usize },
}

impl From<io::Error> for PackError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl PackError {
    fn into_bundle_error(self, dir: &Path) -> BundleError {
        match self {
            Self::Io(error) => BundleError::writing("writing the bundle in", dir, error),
            Self::TooLarge { what, limit } => BundleError::TooLarge { what, limit },
            Self::TooManyFiles { limit } => BundleError::TooManyFiles { limit },
        }
    }
}

/// Packs into a file. What packs so well that it would be taken for a bomb
/// (a server that printed a hundred megabytes of one letter) is stored as it is.
fn pack_in(
    file: &mut File,
    folder: &str,
    contents: &BundleContents<'_>,
    bounds: Bounds,
) -> Result<(), PackError> {
    let unpacked = pack(&mut *file, Compression::default(), folder, contents, bounds)?;
    let packed = file.stream_position()?;
    if unpacked > bounds.ratio_from && unpacked > packed.saturating_mul(bounds.ratio) {
        file.seek(SeekFrom::Start(0))?;
        file.set_len(0)?;
        pack(&mut *file, Compression::none(), folder, contents, bounds)?;
    }
    Ok(())
}

/// Packs everything and says how many bytes it was before.
fn pack(
    out: impl Write,
    compression: Compression,
    folder: &str,
    contents: &BundleContents<'_>,
    bounds: Bounds,
) -> Result<u64, PackError> {
    let BundleContents {
        report,
        store,
        run,
        log,
        machine,
        data_version,
    } = *contents;
    let mut archive = Archive::new(out, compression, folder, run.started_at, bounds);
    archive.add(REPORT, report::json(report).as_bytes())?;
    archive.add(LOG_NAME, &without_secrets(log))?;
    archive.add_json(RUN, run)?;
    archive.add_json(MACHINE, machine)?;
    for record in store.cluster_records() {
        archive.add_record(CLUSTER, record)?;
    }
    for evidence in store.servers() {
        let dir = archive.free(&format!("{SERVERS}{}", path_of(&evidence.server.name)));
        let dir = format!("{dir}/");
        // Taken before any key can want that name.
        archive.free(&format!("{dir}server"));
        let server = StoredServer {
            server: evidence.server.clone(),
            reach: evidence.reach.clone(),
        };
        archive.add_json(&format!("{dir}{SERVER}"), &server)?;
        for record in evidence.records.values() {
            archive.add_record(&dir, record)?;
        }
    }
    let manifest = Manifest {
        format: FORMAT,
        name: folder.to_owned(),
        tool_version: report.tool.version.clone(),
        data_version: data_version.to_owned(),
        data_date: report.tool.data_date,
        plugins: report.plugins.clone(),
        files: std::mem::take(&mut archive.files),
    };
    archive.add_json(MANIFEST, &manifest)?;
    archive.finish()
}

/// A key or a name as a path; of an absurdly long one, which stands in the
/// file beside it anyway, the digest: no path may be longer than a system takes.
fn path_of(text: &str) -> String {
    let path = name::encode(text);
    if path.len() <= 1_500 {
        path
    } else {
        // No encoded name begins like this.
        format!("%-{}", sha256(text.as_bytes()))
    }
}

/// Evidence has none since it came in; this is for what else was logged. Line
/// by line, so that one odd line can't swallow the next.
fn without_secrets(log: &[u8]) -> Vec<u8> {
    let redactor = Redactor::new();
    let lines: Vec<_> = log
        .split_inclusive(|b| *b == b'\n')
        .map(|line| redactor.bytes(line))
        .collect();
    lines.concat()
}

/// A gzipped tar that keeps account of its files.
struct Archive<'f, W: Write> {
    tar: tar::Builder<GzEncoder<BufWriter<W>>>,
    folder: &'f str,
    mtime: u64,
    bounds: Bounds,
    files: Vec<ManifestFile>,
    /// Paths, without suffixes, that are given away.
    taken: HashSet<String>,
    total: u64,
}

impl<'f, W: Write> Archive<'f, W> {
    fn new(
        out: W,
        compression: Compression,
        folder: &'f str,
        started_at: Timestamp,
        bounds: Bounds,
    ) -> Self {
        // No name, no time, no operating system in the header: the same
        // contents make the same bytes.
        let gzip = GzBuilder::new()
            .operating_system(255)
            .write(BufWriter::new(out), compression);
        Self {
            tar: tar::Builder::new(gzip),
            folder,
            mtime: u64::try_from(started_at.as_second()).unwrap_or(0),
            bounds,
            files: Vec::new(),
            taken: HashSet::new(),
            // The blocks that end it.
            total: 2 * 512,
        }
    }

    /// `path`, or `path~2` where it is given away: two tries of one command,
    /// or two servers that the operator gave the same name. `~` is no
    /// character of an encoded name.
    fn free(&mut self, path: &str) -> String {
        let mut free = path.to_owned();
        let mut n = 1;
        while !self.taken.insert(free.clone()) {
            n += 1;
            free = format!("{path}~{n}");
        }
        free
    }

    fn add_record(&mut self, dir: &str, record: &Record) -> Result<(), PackError> {
        let path = self.free(&format!("{dir}{}", path_of(record.key())));
        self.add_json(&format!("{path}.json"), &StoredRecord::from(record))?;
        for (suffix, bytes) in [("stdout", record.stdout()), ("stderr", record.stderr())] {
            if !bytes.is_empty() {
                self.add(&format!("{path}.{suffix}"), bytes)?;
            }
        }
        Ok(())
    }

    fn add_json(&mut self, path: &str, value: &impl Serialize) -> Result<(), PackError> {
        let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
        text.push(b'\n');
        self.add(path, &text)
    }

    fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), PackError> {
        let size = bytes.len() as u64;
        if size > self.bounds.file {
            return Err(PackError::TooLarge {
                what: path.to_owned(),
                limit: self.bounds.file,
            });
        }
        if self.files.len() >= self.bounds.files {
            return Err(PackError::TooManyFiles {
                limit: self.bounds.files,
            });
        }
        let full = format!("{}/{path}", self.folder);
        // Headers, a long path's extra entry, and padding to whole blocks.
        self.total += 4 * 512 + full.len() as u64 + size.next_multiple_of(512);
        if self.total > self.bounds.total {
            return Err(PackError::TooLarge {
                what: "all of it together".to_owned(),
                limit: self.bounds.total,
            });
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.mtime);
        header.set_size(size);
        self.tar.append_data(&mut header, &full, bytes)?;
        self.files.push(ManifestFile {
            path: path.to_owned(),
            bytes: size,
            sha256: sha256(bytes),
        });
        Ok(())
    }

    fn finish(self) -> Result<u64, PackError> {
        let mut buffered = self.tar.into_inner()?.finish()?;
        buffered.flush()?;
        Ok(self.total)
    }
}

/// In hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rstest::rstest;

    use super::*;
    use crate::bundle::tests::Sample;

    fn names_in(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .expect("readable")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn is_alone_in_its_directory_and_for_its_owner() {
        let dir = tempfile::tempdir().expect("a directory");
        let sample = Sample::new();
        let path = write(dir.path(), &sample.contents()).expect("written");
        assert_eq!(
            names_in(dir.path()),
            ["weka_upgrade_checker_lab-a_20260720T020000Z.tar.gz"]
        );
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    #[test]
    fn the_same_contents_make_the_same_bytes() {
        let (a, b) = (
            tempfile::tempdir().expect("a"),
            tempfile::tempdir().expect("b"),
        );
        let sample = Sample::new();
        let read = |dir: &tempfile::TempDir| {
            std::fs::read(write(dir.path(), &sample.contents()).expect("written"))
                .expect("readable")
        };
        assert_eq!(read(&a), read(&b));
    }

    #[test]
    fn replaces_a_symbolic_link_and_does_not_follow_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let sample = Sample::new();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").expect("written");
        let name = file_name(Some("lab-a"), sample.run.started_at);
        std::os::unix::fs::symlink(&victim, dir.path().join(&name)).expect("a link");
        let path = write(dir.path(), &sample.contents()).expect("written");
        assert!(std::fs::symlink_metadata(path).expect("there").is_file());
        assert_eq!(std::fs::read_to_string(victim).expect("there"), "precious");
    }

    /// A disk that is full after so many bytes.
    struct Disk<'n>(&'n AtomicUsize);

    impl Write for Disk<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let left = self.0.load(Ordering::Relaxed);
            if left == 0 {
                return Err(io::Error::from_raw_os_error(28));
            }
            let n = left.min(bytes.len());
            self.0.store(left - n, Ordering::Relaxed);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[rstest]
    #[case::at_once(0)]
    #[case::in_the_middle(700)]
    fn a_full_disk_is_told_apart(#[case] room: usize) {
        let sample = Sample::new();
        let room = AtomicUsize::new(room);
        let error = pack(
            Disk(&room),
            Compression::default(),
            "x",
            &sample.contents(),
            BOUNDS,
        )
        .expect_err("no room");
        let error = error.into_bundle_error(Path::new("/bundles"));
        assert!(matches!(error, BundleError::DiskFull { .. }), "{error}");
        assert_eq!(error.to_string(), "no space left in /bundles");
    }

    /// On a file system with a few pages, where this user may mount one.
    #[test]
    fn a_full_disk_leaves_nothing_behind() {
        struct Mounted(tempfile::TempDir);
        impl Drop for Mounted {
            fn drop(&mut self) {
                let _ = std::process::Command::new("umount")
                    .arg(self.0.path())
                    .status();
            }
        }
        let dir = tempfile::tempdir().expect("a directory");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8k", "tmpfs"])
            .arg(dir.path())
            .stderr(std::process::Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            return;
        }
        let dir = Mounted(dir);
        let mut sample = Sample::new();
        // Nothing that packs well.
        let mut noise = Sha256::digest(b"seed").to_vec();
        while noise.len() < 60_000 {
            noise.extend_from_slice(&Sha256::digest(&noise[noise.len() - 32..]));
        }
        sample.log = noise;
        let error = write(dir.0.path(), &sample.contents()).expect_err("no room");
        assert!(matches!(error, BundleError::DiskFull { .. }), "{error}");
        assert_eq!(names_in(dir.0.path()), Vec::<String>::new());
    }

    #[test]
    fn a_directory_that_is_not_there() {
        let sample = Sample::new();
        let error =
            write(Path::new("/nonexistent/x"), &sample.contents()).expect_err("no directory");
        assert!(matches!(error, BundleError::Io { .. }), "{error}");
    }

    #[test]
    fn nothing_that_could_not_be_opened_is_written() {
        let sample = Sample::new();
        let pack = |bounds| {
            let result = pack(
                io::sink(),
                Compression::fast(),
                "x",
                &sample.contents(),
                bounds,
            );
            result.map_err(|error| error.into_bundle_error(Path::new("x")))
        };
        let error = pack(Bounds { file: 10, ..BOUNDS }).expect_err("a file");
        assert!(
            matches!(error, BundleError::TooLarge { limit: 10, .. }),
            "{error}"
        );
        let error = pack(Bounds {
            total: 9_000,
            ..BOUNDS
        })
        .expect_err("all");
        assert!(
            matches!(error, BundleError::TooLarge { limit: 9_000, .. }),
            "{error}"
        );
        let error = pack(Bounds { files: 3, ..BOUNDS }).expect_err("files");
        assert!(
            matches!(error, BundleError::TooManyFiles { limit: 3 }),
            "{error}"
        );
    }

    #[test]
    fn what_packs_too_well_is_stored_as_it_is() {
        let mut sample = Sample::new();
        sample.log = vec![b'y'; 400_000];
        let bounds = Bounds {
            ratio: 20,
            ratio_from: 1_000,
            ..BOUNDS
        };
        let mut file = tempfile::tempfile().expect("a file");
        pack_in(&mut file, "x", &sample.contents(), bounds).expect("packed");
        let len = file.stream_position().expect("a position");
        assert!(len > 400_000, "{len}");
        assert_eq!(file.metadata().expect("there").len(), len);
    }

    #[test]
    fn secrets_that_were_logged_do_not_reach_the_bundle() {
        let kept = without_secrets(b"INFO token=s3cr3t\nINFO \"password\": \"cut\nINFO \"next\"\n");
        let kept = String::from_utf8_lossy(&kept);
        assert_eq!(
            kept,
            "INFO token=[redacted]\nINFO \"password\": \"[redacted]INFO \"next\"\n"
        );
    }
}
