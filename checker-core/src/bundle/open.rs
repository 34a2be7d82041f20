use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::ops::Range;
use std::path::Path;

use flate2::bufread::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::layout::{
    BOUNDS, Bounds, CLUSTER, FORMAT, MACHINE, MANIFEST, Manifest, REPORT, RUN, RunSettings, SERVER,
    SERVERS, StoredRecord, StoredServer,
};
use super::source::{BundleSource, BundledServer};
use super::write::sha256;
use super::{BundleError, LOG_NAME, Machine, name};
use crate::evidence::RawRecord;
use crate::report::{self, Report, Seal};

/// A bundle that was read and found whole.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What was found when it was made.
    pub report: Report,
    /// Whether that report is what the run wrote. The manifest guards one
    /// without a digest of its own.
    pub seal: Seal,
    /// What was asked.
    pub run: RunSettings,
    /// The machine that the tool ran on.
    pub machine: Machine,
    /// The log of that run.
    pub log: Vec<u8>,
    /// The evidence, to be judged again.
    pub source: BundleSource,
}

/// Reads a bundle, wholly in memory: nothing of it is ever unpacked to a disk.
///
/// # Errors
/// When it is damaged, altered, truncated, absurdly large, made by a newer
/// release, or no bundle at all.
pub fn open(path: &Path) -> Result<Bundle, BundleError> {
    let failed = |source| BundleError::Io {
        action: "reading",
        path: path.to_owned(),
        source,
    };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(BundleError::NotAFile);
    }
    let file = File::open(path).map_err(failed)?;
    read(BufReader::new(file), metadata.len(), BOUNDS).map_err(|error| match error {
        ReadError::Bundle(error) => error,
        ReadError::Io(source) => failed(source),
    })
}

/// Reads a bundle that is in memory, for property tests and fuzz targets.
///
/// # Errors
/// As [`open`].
#[cfg(feature = "testkit")]
pub(crate) fn open_bytes(bytes: &[u8]) -> Result<Bundle, BundleError> {
    read(bytes, bytes.len() as u64, BOUNDS).map_err(|error| match error {
        ReadError::Bundle(error) => error,
        ReadError::Io(source) => BundleError::Io {
            action: "reading",
            path: Path::new("memory").to_owned(),
            source,
        },
    })
}

/// What is behind the gzip layer of a bundle, which a fuzzer can't get through.
///
/// # Errors
/// As [`open`].
#[cfg(feature = "testkit")]
pub(crate) fn open_unpacked(bytes: &[u8]) -> Result<Bundle, BundleError> {
    Files::of(bytes, BOUNDS)?.bundle()
}

#[derive(Debug)]
enum ReadError {
    Bundle(BundleError),
    /// The file system failed, not the bundle.
    Io(io::Error),
}

impl From<BundleError> for ReadError {
    fn from(error: BundleError) -> Self {
        Self::Bundle(error)
    }
}

fn read(file: impl io::BufRead, packed: u64, bounds: Bounds) -> Result<Bundle, ReadError> {
    let bytes = unpack(file, packed, bounds)?;
    let files = Files::of(&bytes, bounds)?;
    Ok(files.bundle()?)
}

/// Takes off the gzip layer; its checksum stands at its very end, so this
/// reads all before anything is believed.
fn unpack(mut file: impl io::BufRead, packed: u64, bounds: Bounds) -> Result<Vec<u8>, ReadError> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    if !file.fill_buf().map_err(ReadError::Io)?.starts_with(&GZIP) {
        return Err(BundleError::NotGzip.into());
    }
    let bomb = packed.saturating_mul(bounds.ratio).max(bounds.ratio_from);
    let limit = bounds.total.min(bomb);
    let mut bytes = Vec::new();
    let mut gzip = GzDecoder::new(file);
    let mut limited = gzip.by_ref().take(limit + 1);
    limited
        .read_to_end(&mut bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Bundle(BundleError::Truncated),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                BundleError::Damaged(error.to_string()).into()
            }
            _ => ReadError::Io(error),
        })?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::Bundle(if limit == bounds.total {
            BundleError::TooLarge {
                what: "what it unpacks to".to_owned(),
                limit,
            }
        } else {
            BundleError::Bomb {
                ratio: bounds.ratio,
            }
        }));
    }
    let mut behind = gzip.into_inner();
    if !behind.fill_buf().map_err(ReadError::Io)?.is_empty() {
        return Err(BundleError::Damaged("something follows its end".to_owned()).into());
    }
    Ok(bytes)
}

/// The files of an archive in memory.
#[derive(Debug)]
struct Files<'a> {
    bytes: &'a [u8],
    folder: String,
    /// By path below the folder.
    at: HashMap<String, Range<usize>>,
    /// The same paths, in the order of the archive.
    order: Vec<String>,
}

impl<'a> Files<'a> {
    fn of(bytes: &'a [u8], bounds: Bounds) -> Result<Self, BundleError> {
        let damaged = |error: io::Error| BundleError::Damaged(error.to_string());
        let mut files = Self {
            bytes,
            folder: String::new(),
            at: HashMap::new(),
            order: Vec::new(),
        };
        let mut end = 0;
        let mut archive = tar::Archive::new(bytes);
        for entry in archive.entries().map_err(damaged)? {
            let entry = entry.map_err(|error| broken_off(&error, bytes, end))?;
            let full = safe_path(&entry.path_bytes(), bounds)?;
            if entry.header().entry_type() != tar::EntryType::Regular {
                return Err(BundleError::NotRegular { path: full });
            }
            if entry.size() > bounds.file {
                return Err(BundleError::TooLarge {
                    what: full,
                    limit: bounds.file,
                });
            }
            if files.order.len() >= bounds.files {
                return Err(BundleError::TooManyFiles {
                    limit: bounds.files,
                });
            }
            let Some((folder, path)) = full.split_once('/') else {
                return Err(BundleError::OutsideFolder { path: full });
            };
            if files.order.is_empty() {
                files.folder = folder.to_owned();
            } else if files.folder != folder {
                return Err(BundleError::OutsideFolder { path: full });
            }
            let range = position(entry.raw_file_position(), entry.size(), bytes)
                .ok_or(BundleError::Truncated)?;
            end = range.end.next_multiple_of(512);
            let path = path.to_owned();
            if files.at.insert(path.clone(), range).is_some() {
                return Err(BundleError::Duplicate { path });
            }
            files.order.push(path);
        }
        // Two blocks of zeros, and nothing hidden behind them.
        let rest = bytes.get(end..).unwrap_or_default();
        if rest.len() < 2 * 512 {
            return Err(BundleError::Truncated);
        }
        if rest.iter().any(|byte| *byte != 0) {
            return Err(BundleError::Damaged(
                "something follows the end of the archive".to_owned(),
            ));
        }
        Ok(files)
    }

    /// Holds the files against the manifest, then reads them.
    fn bundle(&self) -> Result<Bundle, BundleError> {
        let manifest = self.manifest()?;
        self.verify(&manifest)?;
        let (report, seal) = report::read_sealed(self.get(REPORT)?)
            .map_err(|error| BundleError::unreadable(REPORT, error))?;
        let seal = match seal {
            Seal::Missing => Seal::Intact,
            told => told,
        };
        let run: RunSettings = self.json(RUN)?;
        let (cluster, servers) = self.evidence()?;
        let source = BundleSource::new(run.started_at, run.here.clone(), cluster, servers);
        Ok(Bundle {
            manifest,
            report,
            seal,
            machine: self.json(MACHINE)?,
            log: self.get(LOG_NAME)?.to_vec(),
            run,
            source,
        })
    }

    fn manifest(&self) -> Result<Manifest, BundleError> {
        /// Looked at first: a newer manifest may have any other form.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        if !self.at.contains_key(MANIFEST) {
            return Err(BundleError::NoManifest);
        }
        let Format { format } = self.json(MANIFEST)?;
        if format > FORMAT {
            return Err(BundleError::Newer { found: format });
        }
        self.json(MANIFEST)
    }

    fn verify(&self, manifest: &Manifest) -> Result<(), BundleError> {
        if manifest.name != self.folder {
            return Err(BundleError::Altered {
                path: self.folder.clone(),
            });
        }
        let mut listed = HashSet::from([MANIFEST]);
        for file in &manifest.files {
            if !listed.insert(&file.path) {
                return Err(BundleError::Duplicate {
                    path: file.path.clone(),
                });
            }
            let bytes = self.get(&file.path)?;
            if bytes.len() as u64 != file.bytes || sha256(bytes) != file.sha256 {
                return Err(BundleError::Altered {
                    path: file.path.clone(),
                });
            }
        }
        match self
            .order
            .iter()
            .find(|path| !listed.contains(path.as_str()))
        {
            Some(path) => Err(BundleError::NotInManifest { path: path.clone() }),
            None => Ok(()),
        }
    }

    fn evidence(&self) -> Result<(Vec<RawRecord>, Vec<BundledServer>), BundleError> {
        let mut cluster = Vec::new();
        let mut servers: Vec<BundledServer> = Vec::new();
        let mut by_dir: HashMap<&str, usize> = HashMap::new();
        for path in &self.order {
            if path.starts_with(CLUSTER) && path.ends_with(".json") {
                cluster.push(self.record(path)?);
                continue;
            }
            let Some((dir, file)) = path.strip_prefix(SERVERS).and_then(name::split_first) else {
                continue;
            };
            if file == SERVER {
                let StoredServer { server, reach } = self.json(path)?;
                by_dir.insert(dir, servers.len());
                servers.push(BundledServer {
                    server,
                    reach,
                    records: Vec::new(),
                });
            } else if file.ends_with(".json") {
                // A server's own file is the first of its folder.
                let server = by_dir
                    .get(dir)
                    .and_then(|at| servers.get_mut(*at))
                    .ok_or_else(|| BundleError::unreadable(path, "its server is not described"))?;
                server.records.push(self.record(path)?);
            }
        }
        Ok((cluster, servers))
    }

    fn record(&self, path: &str) -> Result<RawRecord, BundleError> {
        let stored: StoredRecord = self.json(path)?;
        let output = |suffix: &str, bytes: u64| {
            let stem = path.strip_suffix("json").unwrap_or(path);
            let beside = format!("{stem}{suffix}");
            match self.at.get(&beside).map(|range| &self.bytes[range.clone()]) {
                Some(output) if output.len() as u64 == bytes => Ok(output.to_vec()),
                None if bytes == 0 => Ok(Vec::new()),
                _ => Err(BundleError::unreadable(
                    path,
                    "its output is not of the size that it says",
                )),
            }
        };
        Ok(RawRecord {
            stdout: output("stdout", stored.stdout_bytes)?,
            stderr: output("stderr", stored.stderr_bytes)?,
            key: stored.key,
            command: stored.command,
            started_at: stored.started_at,
            duration: std::time::Duration::from_nanos(stored.duration_ns),
            end: stored.end,
            truncated: stored.truncated,
        })
    }

    fn get(&self, path: &str) -> Result<&'a [u8], BundleError> {
        self.at
            .get(path)
            .map(|range| &self.bytes[range.clone()])
            .ok_or_else(|| BundleError::MissingFile {
                path: path.to_owned(),
            })
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, BundleError> {
        serde_json::from_slice(self.get(path)?)
            .map_err(|error| BundleError::unreadable(path, error))
    }
}

/// Whether an archive breaks off, or is broken: the reader does not tell.
fn broken_off(error: &io::Error, bytes: &[u8], good: usize) -> BundleError {
    let has_end = bytes.len().is_multiple_of(512) && bytes.ends_with(&[0; 2 * 512]);
    if bytes.len() < 512 || (good > 0 && !has_end) {
        BundleError::Truncated
    } else {
        BundleError::Damaged(error.to_string())
    }
}

fn position(from: u64, size: u64, bytes: &[u8]) -> Option<Range<usize>> {
    let from = usize::try_from(from).ok()?;
    let end = from.checked_add(usize::try_from(size).ok()?)?;
    (end <= bytes.len()).then_some(from..end)
}

/// A path of one or more plain names.
fn safe_path(bytes: &[u8], bounds: Bounds) -> Result<String, BundleError> {
    let unsafe_path = || BundleError::UnsafePath {
        path: String::from_utf8_lossy(bytes).chars().take(200).collect(),
    };
    let path = std::str::from_utf8(bytes).map_err(|_| unsafe_path())?;
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\\');
    let shown = report::printable(path) == path;
    if path.len() > bounds.path || !shown || !path.split('/').all(plain) {
        return Err(unsafe_path());
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use rstest::rstest;
    use tar::EntryType;

    use super::*;
    use crate::bundle::tests::packed;

    fn opened(bytes: &[u8]) -> Result<Bundle, BundleError> {
        opened_within(bytes, BOUNDS)
    }

    fn opened_within(bytes: &[u8], bounds: Bounds) -> Result<Bundle, BundleError> {
        read(bytes, bytes.len() as u64, bounds).map_err(|error| match error {
            ReadError::Bundle(error) => error,
            ReadError::Io(error) => panic!("not the bundle's fault: {error}"),
        })
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(bytes).expect("packed");
        gzip.finish().expect("packed")
    }

    fn gunzip(bytes: &[u8]) -> Vec<u8> {
        let mut unpacked = Vec::new();
        GzDecoder::new(bytes)
            .read_to_end(&mut unpacked)
            .expect("unpacked");
        unpacked
    }

    /// An archive of any paths and kinds, also those that no one should write.
    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            let name = &mut header.as_old_mut().name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            if *kind == EntryType::Symlink {
                header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
            }
            header.set_cksum();
            tar.append(&header, *bytes).expect("appended");
        }
        tar.into_inner().expect("finished")
    }

    /// A good bundle, packed again after a change to its files.
    fn changed(change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Vec<u8> {
        let bytes = gunzip(&packed());
        let mut files: Vec<(String, Vec<u8>)> = tar::Archive::new(bytes.as_slice())
            .entries()
            .expect("entries")
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let path = String::from_utf8(entry.path_bytes().into_owned()).expect("UTF-8");
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("read");
                (path, bytes)
            })
            .collect();
        change(&mut files);
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, path, bytes.as_slice())
                .expect("appended");
        }
        gzip(&tar.into_inner().expect("finished"))
    }

    fn file<'f>(files: &'f mut [(String, Vec<u8>)], name: &str) -> &'f mut Vec<u8> {
        let found = files.iter_mut().find(|(path, _)| path.ends_with(name));
        &mut found.expect("such a file").1
    }

    fn replace(bytes: &mut Vec<u8>, from: &str, to: &str) {
        let text = String::from_utf8(bytes.clone()).expect("text");
        assert!(text.contains(from), "{text}");
        *bytes = text.replace(from, to).into_bytes();
    }

    #[test]
    fn packed_again_without_a_change_it_is_good() {
        opened(&packed()).expect("good");
        opened(&changed(|_| {})).expect("good");
    }

    #[rstest]
    #[case::empty(b"")]
    #[case::text(b"not a bundle at all")]
    #[case::zip(b"PK\x03\x04\x00\x00")]
    fn is_no_gzip_file(#[case] bytes: &[u8]) {
        assert!(matches!(opened(bytes), Err(BundleError::NotGzip)));
    }

    #[test]
    fn is_truncated_wherever_it_is_cut() {
        let bytes = packed();
        for len in (2..bytes.len())
            .step_by(17)
            .chain(bytes.len() - 20..bytes.len())
        {
            let error = opened(&bytes[..len]).expect_err("cut");
            assert!(matches!(error, BundleError::Truncated), "{len}: {error}");
        }
        // The same for the archive inside a whole gzip file.
        let bytes = gunzip(&bytes);
        for len in (0..bytes.len())
            .step_by(700)
            .chain([bytes.len() - 1024, bytes.len() - 1])
        {
            let error = opened(&gzip(&bytes[..len])).expect_err("cut");
            assert!(matches!(error, BundleError::Truncated), "{len}: {error}");
        }
    }

    #[rstest]
    #[case::behind_the_file(packed().into_iter().chain(*b"more").collect())]
    #[case::a_second_file_behind_it(packed().into_iter().chain(packed()).collect())]
    #[case::behind_the_archive(gzip(&[gunzip(&packed()), b"more".to_vec()].concat()))]
    #[case::no_archive(gzip(&[b'x'; 4096]))]
    #[case::broken_checksum({ let mut b = packed(); let at = b.len() - 6; b[at] ^= 1; b })]
    fn is_damaged(#[case] bytes: Vec<u8>) {
        let error = opened(&bytes).expect_err("damaged");
        assert!(matches!(error, BundleError::Damaged(_)), "{error}");
    }

    #[rstest]
    #[case::up("b/../../etc/passwd")]
    #[case::only_up("..")]
    #[case::here("b/./x")]
    #[case::absolute("/etc/passwd")]
    #[case::doubled("b//x")]
    #[case::backslash("b/..\\x")]
    #[case::control("b/\x1b[2Jx")]
    #[case::direction("b/\u{202e}x")]
    fn paths_that_lead_elsewhere(#[case] path: &str) {
        let bytes = gzip(&archive(&[(path, EntryType::Regular, b"x")]));
        let error = opened(&bytes).expect_err("refused");
        assert!(matches!(error, BundleError::UnsafePath { .. }), "{error}");
        assert!(!error.to_string().contains('\x1b'), "{error}");
    }

    #[rstest]
    #[case::symbolic_link(EntryType::Symlink)]
    #[case::hard_link(EntryType::Link)]
    #[case::device(EntryType::Block)]
    #[case::terminal(EntryType::Char)]
    #[case::pipe(EntryType::Fifo)]
    #[case::directory(EntryType::Directory)]
    fn things_that_are_no_files(#[case] kind: EntryType) {
        let bytes = gzip(&archive(&[("b/x", kind, b"")]));
        let error = opened(&bytes).expect_err("refused");
        assert!(matches!(error, BundleError::NotRegular { .. }), "{error}");
    }

    #[test]
    fn the_same_path_twice() {
        let x = ("b/x", EntryType::Regular, b"x".as_slice());
        let error = opened(&gzip(&archive(&[x, x]))).expect_err("refused");
        assert!(matches!(error, BundleError::Duplicate { .. }), "{error}");
    }

    #[rstest]
    #[case::another_folder(&["b/x", "c/y"])]
    #[case::no_folder(&["x"])]
    fn files_beside_the_folder(#[case] paths: &[&str]) {
        let entries: Vec<_> = paths
            .iter()
            .map(|path| (*path, EntryType::Regular, b"x".as_slice()))
            .collect();
        let error = opened(&gzip(&archive(&entries))).expect_err("refused");
        assert!(
            matches!(error, BundleError::OutsideFolder { .. }),
            "{error}"
        );
    }

    #[test]
    fn more_than_any_bundle_has() {
        let small = Bounds {
            file: 1_000,
            total: 100_000,
            ratio: 20,
            ratio_from: 50_000,
            files: 3,
            path: 20,
        };
        let entry = |path, bytes: &'static [u8]| (path, EntryType::Regular, bytes);
        let refused =
            |entries: &[_]| opened_within(&gzip(&archive(entries)), small).expect_err("refused");

        let error = refused(&[entry("b/x", &[b'x'; 1_001])]);
        assert!(
            matches!(error, BundleError::TooLarge { limit: 1_000, .. }),
            "{error}"
        );
        let error = refused(&[
            entry("b/1", b""),
            entry("b/2", b""),
            entry("b/3", b""),
            entry("b/4", b""),
        ]);
        assert!(
            matches!(error, BundleError::TooManyFiles { limit: 3 }),
            "{error}"
        );
        let error = refused(&[entry("b/a-name-that-is-too-long", b"")]);
        assert!(matches!(error, BundleError::UnsafePath { .. }), "{error}");
        let error = opened_within(&gzip(&[0; 60_000]), small).expect_err("refused");
        assert!(matches!(error, BundleError::Bomb { ratio: 20 }), "{error}");
        let mut noise = Vec::new();
        while noise.len() < 101_000 {
            noise.extend_from_slice(sha256(&noise).as_bytes());
        }
        let error = opened_within(&gzip(&noise), small).expect_err("refused");
        assert!(
            matches!(error, BundleError::TooLarge { limit: 100_000, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_size_that_is_not_there() {
        let mut bytes = archive(&[("b/x", EntryType::Regular, b"x")]);
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes().copy_from_slice(&bytes[..512]);
        header.set_size(100 << 20);
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        assert!(matches!(opened(&gzip(&bytes)), Err(BundleError::Truncated)));
        header.set_size(u64::MAX / 2);
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        assert!(matches!(
            opened(&gzip(&bytes)),
            Err(BundleError::TooLarge { .. })
        ));
    }

    #[test]
    fn an_altered_file() {
        for name in [
            "report.json",
            "run.json",
            ".log",
            "host%3Aunits.stdout",
            "server.json",
        ] {
            let bytes = changed(|files| file(files, name).push(b' '));
            let error = opened(&bytes).expect_err("altered");
            assert!(
                matches!(&error, BundleError::Altered { path } if path.ends_with(name)),
                "{error}"
            );
        }
        // Also one of the same size.
        let bytes = changed(|files| replace(file(files, "report.json"), "\"fail\"", "\"pass\""));
        let error = opened(&bytes).expect_err("altered");
        assert!(matches!(error, BundleError::Altered { .. }), "{error}");
    }

    #[test]
    fn another_folder_than_the_manifest_says() {
        let bytes = changed(|files| {
            for (path, _) in files {
                *path = path.replace("lab-a", "lab-b");
            }
        });
        assert!(matches!(opened(&bytes), Err(BundleError::Altered { .. })));
    }

    #[test]
    fn files_added_and_taken_out() {
        let bytes = changed(|files| {
            let (folder, _) = files[0].0.split_once('/').expect("a folder");
            files.push((format!("{folder}/more"), Vec::new()));
        });
        let error = opened(&bytes).expect_err("added");
        assert!(
            matches!(error, BundleError::NotInManifest { .. }),
            "{error}"
        );
        let bytes =
            changed(|files| files.retain(|(path, _)| !path.ends_with("host%3Aunits.stdout")));
        let error = opened(&bytes).expect_err("taken out");
        assert!(matches!(error, BundleError::MissingFile { .. }), "{error}");
        let bytes = changed(|files| files.retain(|(path, _)| !path.ends_with("manifest.json")));
        assert!(matches!(opened(&bytes), Err(BundleError::NoManifest)));
    }

    #[test]
    fn a_newer_format() {
        let bytes = changed(|files| {
            *file(files, "manifest.json") = br#"{"format": 2, "everything": "different"}"#.to_vec();
        });
        let error = opened(&bytes).expect_err("newer");
        assert!(matches!(error, BundleError::Newer { found: 2 }), "{error}");
        assert!(
            error.to_string().contains("a newer checker made it"),
            "{error}"
        );
    }

    #[test]
    fn a_manifest_that_is_none() {
        let bytes = changed(|files| *file(files, "manifest.json") = b"{}".to_vec());
        assert!(matches!(
            opened(&bytes),
            Err(BundleError::Unreadable { .. })
        ));
    }

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(matches!(open(dir.path()), Err(BundleError::NotAFile)));
        assert!(matches!(
            open(Path::new("/dev/zero")),
            Err(BundleError::NotAFile)
        ));
        assert!(matches!(
            open(Path::new("/nonexistent")),
            Err(BundleError::Io { .. })
        ));
    }

    fn flipped_is_harmless(at: usize, bits: u8) {
        let mut bytes = packed();
        bytes[at] ^= bits;
        // Damage is refused. What means nothing may be anything: some bytes of
        // the gzip header, and the bits that fill up the last packed byte.
        if let Ok(bundle) = opened(&bytes) {
            assert!(at < 10 || at == bytes.len() - 9, "byte {at} was flipped");
            assert_same(&bundle);
        }
    }

    fn assert_same(bundle: &Bundle) {
        let good = opened(&packed()).expect("good");
        assert_eq!(bundle.report, good.report);
        assert_eq!(bundle.run, good.run);
        assert_eq!(bundle.manifest, good.manifest);
        assert_eq!(format!("{:?}", bundle.source), format!("{:?}", good.source));
    }

    #[test]
    fn flipping_any_bit_of_header_or_trailer() {
        let len = packed().len();
        for at in (0..12).chain(len - 10..len) {
            for bit in 0..8 {
                flipped_is_harmless(at, 1 << bit);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn flipping_any_byte(at in 0..packed().len(), bits in 1u8..) {
            flipped_is_harmless(at, bits);
        }

        /// Damage that a matching checksum hides from the gzip layer.
        #[test]
        fn flipping_any_byte_below_the_checksum(at in 0..gunzip(&packed()).len(), bits in 1u8..) {
            let mut bytes = gunzip(&packed());
            bytes[at] ^= bits;
            if let Ok(mut bundle) = opened(&gzip(&bytes)) {
                // Owner, time and padding of the archive: not what a bundle is made of.
                // The words of the manifest itself, which tell of the tool and
                // decide nothing, have only the checksum above.
                let good = opened(&packed()).expect("good").manifest;
                bundle.manifest = Manifest {
                    files: bundle.manifest.files,
                    ..good
                };
                assert_same(&bundle);
            }
        }

        #[test]
        fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert!(opened(&bytes).is_err());
            prop_assert!(opened(&gzip(&bytes)).is_err());
        }
    }
}
