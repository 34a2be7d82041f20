//! The files of a bundle: their names, and the forms of those that are JSON.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::engine::{Limits, Selection};
use crate::evidence::{End, Record};
use crate::gate::Acceptance;
use crate::report::PluginInfo;
use crate::server::{Reach, Server};
use crate::source::SourceKind;
use crate::version::Version;

/// The version of the bundle's form.
pub const FORMAT: u32 = 1;

pub(super) const REPORT: &str = "report.json";
pub(super) const RUN: &str = "run.json";
pub(super) const MACHINE: &str = "machine.json";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const CLUSTER: &str = "evidence/cluster/";
pub(super) const SERVERS: &str = "evidence/servers/";
pub(super) const SERVER: &str = "server.json";

/// What a file, and all of a bundle, may have at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of one file.
    pub(super) file: u64,
    /// Bytes of everything, unpacked.
    pub(super) total: u64,
    /// How many times its own size it may unpack to …
    pub(super) ratio: u64,
    /// … once it unpacks to more bytes than this.
    pub(super) ratio_from: u64,
    /// Files.
    pub(super) files: usize,
    /// Bytes of a path.
    pub(super) path: usize,
}

pub(super) const BOUNDS: Bounds = Bounds {
    file: 128 << 20,
    total: 1 << 30,
    // Evidence of many equal servers packs well, to a thirtieth or so.
    ratio: 200,
    ratio_from: 32 << 20,
    // 5,000 servers with 20 probes, each with both outputs.
    files: 320_000,
    path: 4096,
};

/// What a bundle says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the bundle's form.
    pub format: u32,
    /// The bundle's name: that of its folder.
    pub name: String,
    /// The version of the tool that made it.
    pub tool_version: String,
    /// The version of the release data that was judged by.
    pub data_version: String,
    /// The day up to which that data is complete.
    pub data_date: Date,
    /// The plugins and scripts of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<PluginInfo>,
    /// Every other file, in the order of the archive.
    pub files: Vec<ManifestFile>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its path below the bundle's folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// What was asked of a run: all that a replay needs to ask the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSettings {
    /// The release to upgrade to.
    pub target: Version,
    /// Which checks, which servers.
    pub selection: Selection,
    /// Time and parallelism of the run; a replay needs neither and has its own.
    #[serde(with = "limits")]
    pub limits: Limits,
    /// The time that the run was judged at, and that a replay is judged at.
    pub started_at: Timestamp,
    /// Where the evidence came from.
    pub source: SourceKind,
    /// The server that the tool stood on, if it could tell.
    #[serde(default)]
    pub here: Option<Server>,
    /// The warnings that the run was told to accept.
    #[serde(default)]
    pub acceptances: Vec<Acceptance>,
}

mod limits {
    use super::{Deserialize, Duration, Limits, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Form {
        server_ms: u64,
        run_ms: u64,
        parallel: usize,
    }

    pub(super) fn serialize<S: serde::Serializer>(
        limits: &Limits,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Form {
            server_ms: ms(limits.server),
            run_ms: ms(limits.run),
            parallel: limits.parallel,
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Limits, D::Error> {
        let form = Form::deserialize(deserializer)?;
        Ok(Limits {
            server: Duration::from_millis(form.server_ms),
            run: Duration::from_millis(form.run_ms),
            parallel: form.parallel,
        })
    }
}

/// `server.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredServer {
    pub(super) server: Server,
    pub(super) reach: Reach,
}

/// A record without what it said, which stands beside it byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredRecord {
    pub(super) key: String,
    pub(super) command: String,
    pub(super) started_at: Timestamp,
    /// Nanoseconds: a server's clock is measured by it, and must come out the
    /// same in a replay.
    pub(super) duration_ns: u64,
    pub(super) end: End,
    pub(super) truncated: bool,
    /// Where this is 0 there is no file.
    pub(super) stdout_bytes: u64,
    pub(super) stderr_bytes: u64,
}

impl From<&Record> for StoredRecord {
    fn from(record: &Record) -> Self {
        Self {
            key: record.key().to_owned(),
            command: record.command().to_owned(),
            started_at: record.started_at(),
            duration_ns: u64::try_from(record.duration().as_nanos()).unwrap_or(u64::MAX),
            end: record.end().clone(),
            truncated: record.truncated(),
            stdout_bytes: record.stdout().len() as u64,
            stderr_bytes: record.stderr().len() as u64,
        }
    }
}
