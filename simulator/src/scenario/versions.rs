//! Releases that are not what they should be.

use checker_core::Version;
use jiff::SignedDuration;

use super::{Item, fault};
use crate::model::{Cluster, Organization, Severity};

pub(super) const ITEMS: &[Item] = &[
    fault("hotfix", "The cluster runs a hotfix build", |c| {
        if let Ok(release) = format!("{}-hotfix1", c.release).parse() {
            set_release(c, &release);
        }
    }),
    fault("mixed-versions", "One backend runs an older release", |c| {
        let [major, minor, revision, _] = c.release.numbers();
        let older = Version::new(major, minor, revision.saturating_sub(1), 7);
        for container in &mut c.backend_mut(3).containers {
            container.release = older.clone();
        }
        c.raise(
            "BackendVersionsMismatch",
            Severity::Warning,
            "Backends mismatch cluster version",
            "3 backend containers run another release",
        );
    }),
    fault(
        "mixed-clients",
        "One client runs 4.2.18.34, one major step behind 4.4",
        |c| client_runs(c, &Version::new(4, 2, 18, 34)),
    ),
    fault(
        "client-too-old",
        "One client runs 4.0.5.40, more than one major step behind 4.4",
        |c| client_runs(c, &Version::new(4, 0, 5, 40)),
    ),
    fault(
        "client-target",
        "The client target version holds the clients where the cluster is now",
        |c| c.config.client_target_version = Some(c.release.to_string()),
    ),
    fault(
        "client-target-old",
        "The client target version holds the clients at 4.0.5.40",
        |c| c.config.client_target_version = Some("4.0.5.40".to_owned()),
    ),
    fault(
        "mixed-accepted",
        "The list of accepted releases names one: red for targets from 5.1 on",
        |c| c.config.mixed_accepted.push("4.2.18.34".to_owned()),
    ),
    fault(
        "release-data-old",
        "It is three months later: the release data of this tool has grown old",
        |c| {
            let later = SignedDuration::from_hours(24 * 90);
            c.move_to(c.now + later);
        },
    ),
    fault(
        "several-organizations",
        "There is a second organization: known issues name that",
        |c| {
            c.organizations.push(Organization {
                id: 1,
                name: "team-a".to_owned(),
            });
        },
    ),
];

/// The whole cluster runs this release.
fn set_release(c: &mut Cluster, release: &Version) {
    c.release = release.clone();
    c.versions = vec![release.clone()];
    for server in &mut c.servers {
        for container in &mut server.containers {
            container.release = release.clone();
        }
        for container in &mut server.local {
            container.release = release.clone();
        }
    }
}

fn client_runs(c: &mut Cluster, release: &Version) {
    if let Some(client) = c.servers.iter_mut().find(|s| !s.is_backend()) {
        for container in &mut client.containers {
            container.release = release.clone();
        }
    }
    c.raise(
        "ClientVersionsMismatch",
        Severity::Debug,
        "Clients mismatch cluster version",
        "1 client container runs another release",
    );
}
