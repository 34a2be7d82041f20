//! What is wrong with one client.

use super::{Item, fault};
use crate::model::{Cluster, Server, WekafsMount};

pub(super) const ITEMS: &[Item] = &[
    fault(
        "client-mount-on-weka",
        "A client has a WEKA file system mounted on /weka itself",
        |c| {
            client(c, |client| {
                client.wekafs.push(WekafsMount {
                    at: "/weka".to_owned(),
                    device: "weka-01/fs02".to_owned(),
                });
            });
        },
    ),
    fault("client-iommu", "The IOMMU of a client is on", |c| {
        client(c, |client| client.iommu_groups = 61);
    }),
    fault(
        "client-no-download",
        "A client reaches neither a backend nor the distribution site",
        |c| client(c, |client| client.cut_off = true),
    ),
];

/// Changes the first client, if there is one.
fn client(c: &mut Cluster, change: impl FnOnce(&mut Server)) {
    if let Some(client) = c.servers.iter_mut().find(|s| !s.is_backend()) {
        change(client);
    }
}
