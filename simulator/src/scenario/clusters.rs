//! Clusters to begin with.

use checker_core::Version;

use super::{Item, cluster};
use crate::model::Cluster;

pub(super) const ITEMS: &[Item] = &[
    cluster(
        "healthy",
        "Everything green: 6 backends and 2 clients on 4.4.21.2",
        healthy,
    ),
    cluster("large", "Healthy with 100 backends and 20 clients", || {
        Cluster::healthy(&Version::new(4, 4, 21, 2), 100, 20)
    }),
    cluster(
        "release-3.11",
        "3.11.1: the answers of 3.x; its backends are single-container, which is red",
        || of(3, 11, 1, 0),
    ),
    cluster(
        "release-4.0",
        "4.0.5.40: machines instead of servers",
        || of(4, 0, 5, 40),
    ),
    cluster(
        "release-4.2-early",
        "4.2.9.28: the driver minds some kernels",
        || of(4, 2, 9, 28),
    ),
    cluster("release-4.2", "4.2.18.34: alerts without severity", || {
        of(4, 2, 18, 34)
    }),
    cluster("release-4.3", "4.3.5.105: the S3 status as a list", || {
        of(4, 3, 5, 105)
    }),
    cluster(
        "release-4.4-early",
        "4.4.6: alerts without severity, no waiting tasks",
        || of(4, 4, 6, 0),
    ),
    cluster(
        "release-4.4.8",
        "4.4.8.76: its processes fall back to UDP by themselves",
        || of(4, 4, 8, 76),
    ),
    cluster("release-4.4", "4.4.33", || of(4, 4, 33, 0)),
    cluster("release-5.0", "5.0.4.401", || of(5, 0, 4, 401)),
    cluster("release-5.1", "5.1.25", || of(5, 1, 25, 0)),
    cluster(
        "release-6.0",
        "6.0.0.6363: wekactl, plain integers as ids",
        || of(6, 0, 0, 6363),
    ),
];

/// Where everything begins that names no other cluster.
pub(super) fn healthy() -> Cluster {
    of(4, 4, 21, 2)
}

fn of(major: u32, minor: u32, revision: u32, build: u32) -> Cluster {
    // A revision without a build is written with three numbers.
    let release = if build == 0 {
        format!("{major}.{minor}.{revision}").parse().ok()
    } else {
        None
    };
    let release = release.unwrap_or(Version::new(major, minor, revision, build));
    Cluster::healthy(&release, 6, 2)
}
