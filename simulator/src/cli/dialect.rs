//! What a release's CLI understands and how it prints, by release.
//!
//! Each boundary says where it comes from; *guess* marks those that no public
//! source fixes. A guess is strict: an older spelling that a real release may
//! still take as an alias is refused, so that a tool which works against the
//! simulator works against the alias too.

use checker_core::Version;
use serde_json::{Value, json};

/// The dialect of one release.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// The four numbers of the release; a suffix changes no dialect.
    numbers: [u32; 4],
}

impl Dialect {
    pub(super) fn of(release: &Version) -> Self {
        Self {
            numbers: release.numbers(),
        }
    }

    fn since(self, numbers: [u32; 4]) -> bool {
        self.numbers >= numbers
    }

    /// wekactl answers to `weka` from 6.0: plain integers as ids. Keys are
    /// renamed only where the notes on breaking changes say so.
    pub(super) fn wekactl(self) -> bool {
        self.since([6, 0, 0, 0])
    }

    pub(super) fn legacy(self) -> bool {
        !self.wekactl()
    }

    /// A reminder of what is always there.
    pub(super) fn always(self) -> bool {
        true
    }

    /// 4.0 brought multi-container backends and with them `containers`,
    /// `servers` and `upgrade_info` in the status.
    pub(super) fn since_4_0(self) -> bool {
        self.since([4, 0, 0, 0])
    }

    /// Containers were hosts and processes were nodes up to 4.0.
    pub(super) fn containers(self) -> bool {
        self.since([4, 1, 0, 0])
    }

    /// `cluster machines`: 4.0.5.39 up to the 4.1 releases.
    pub(super) fn machines(self) -> bool {
        self.since([4, 0, 5, 39]) && !self.since([4, 2, 0, 0])
    }

    /// `cluster servers list`: 4.1 to 5.x; 6.0 says `server` (strict guess).
    pub(super) fn servers(self) -> bool {
        self.containers() && self.legacy()
    }

    /// `hosts.map` in the rows of the servers: 4.1 to before 4.4.6.
    pub(super) fn hosts_in_servers(self) -> bool {
        self.containers() && !self.since([4, 4, 6, 0])
    }

    /// Severity of alerts and the option that asks for it.
    pub(super) fn alert_severity(self) -> bool {
        self.since([4, 4, 10, 80])
    }

    /// The longer alert rows of 5.x: start and end time, mute.
    pub(super) fn alert_times(self) -> bool {
        self.alert_severity()
    }

    /// `--show-waiting`: there in 4.4.10.80; not earlier is a guess.
    pub(super) fn show_waiting(self) -> bool {
        self.since([4, 4, 10, 80])
    }

    /// `--show-catalog`: documented for 6.0; from 5.1 on is a guess.
    pub(super) fn show_catalog(self) -> bool {
        self.since([5, 1, 0, 0])
    }

    /// The data catalog is a feature of 5.x, but its member of the
    /// configuration may be there before: from 4.4 on is a guess.
    pub(super) fn catalog(self) -> bool {
        self.since([4, 4, 0, 0])
    }

    /// `client-target-version`.
    pub(super) fn client_target(self) -> bool {
        self.since([4, 2, 0, 0])
    }

    /// `remoteStowInfo` and `snap_id` in snapshots; flat before.
    pub(super) fn nested_snapshots(self) -> bool {
        self.since([4, 0, 5, 0])
    }

    /// The S3 status is a list of rows; a map of booleans before.
    pub(super) fn s3_status_rows(self) -> bool {
        self.since([4, 3, 5, 105])
    }

    /// `active` in `s3 cluster`; `status` up to 3.12.
    pub(super) fn s3_active(self) -> bool {
        self.since([3, 13, 0, 0])
    }

    /// A tenant is called so from 6.0 on.
    pub(super) fn tenants(self) -> bool {
        self.wekactl()
    }

    /// `clusterInfo.acceptedVersionsPerType`: missing on older clusters; 4.4 is a guess.
    pub(super) fn accepted_versions(self) -> bool {
        self.since([4, 4, 0, 0])
    }

    /// `debug traces remote-endpoint`: asked for from 5.0.1 on.
    pub(super) fn remote_traces(self) -> bool {
        self.since([5, 0, 1, 0])
    }

    /// `upgrade --distribute-version`: told of from 5.0 on.
    pub(super) fn distribute_version(self) -> bool {
        self.since([5, 0, 0, 0])
    }

    /// `upgrade --prepare-only`: in the 4.x pages and again in 6.0.
    pub(super) fn prepare_only(self) -> bool {
        (self.since_4_0() && !self.since([5, 0, 0, 0])) || self.wekactl()
    }

    /// `upgrade --can-run` and the ways round the upgrade's own conditions.
    pub(super) fn upgrade_conditions(self) -> bool {
        self.wekactl()
    }

    /// `upgrade --prepare-driver`: only in the 4.1 pages.
    pub(super) fn prepare_driver(self) -> bool {
        self.since([4, 1, 0, 0]) && !self.since([4, 2, 0, 0])
    }

    /// An id: `"HostId<3>"`, and 3 from 6.0 on.
    pub(super) fn id(self, kind: &str, number: u64) -> Value {
        if self.wekactl() {
            json!(number)
        } else {
            json!(format!("{kind}<{number}>"))
        }
    }

    /// A port: text in the legacy CLI's S3 answers, a number in wekactl's.
    pub(super) fn port(self, number: u16) -> Value {
        if self.wekactl() {
            json!(number)
        } else {
            json!(number.to_string())
        }
    }
}
