//! What is wrong with the NFS, S3 or SMB service itself.

use super::{Item, fault};
use crate::model::{Bucket, Cluster, InterfaceGroup, LifecycleRule};

pub(super) const ITEMS: &[Item] = &[
    fault(
        "nfs-no-config-fs",
        "NFS has no configuration file system",
        |c| c.nfs.config_fs = None,
    ),
    fault(
        "nfs-custom-options",
        "Custom NFS options are set: red for targets before 4.4.3, green after",
        |c| {
            c.nfs.custom_options =
                Some("NFS_CORE_PARAM { RPC_Max_Connections = 2048; }".to_owned());
        },
    ),
    fault(
        "nfs-group-inactive",
        "A second NFS interface group is inactive",
        |c| {
            let ports = c
                .nfs
                .groups
                .first()
                .map_or_else(Vec::new, |g| g.ports.clone());
            c.nfs.groups.push(InterfaceGroup {
                name: "ig-spare".to_owned(),
                status: "Inactive".to_owned(),
                gateway: "10.0.3.1".to_owned(),
                netmask: 24,
                ips: Vec::new(),
                allow_manage_gids: true,
                ports,
            });
        },
    ),
    fault(
        "nfs-port-unreachable",
        "A port of the NFS interface group is not reached",
        |c| {
            let groups = c.nfs.groups.iter_mut();
            if let Some(port) = groups.flat_map(|g| g.ports.iter_mut()).next_back() {
                port.status = "UNREACHABLE".to_owned();
            }
        },
    ),
    fault("nfs-one-server", "One server alone serves NFS", |c| {
        let ids: Vec<u64> = c
            .nfs
            .groups
            .iter_mut()
            .flat_map(|g| g.ports.drain(1.min(g.ports.len())..))
            .map(|p| p.container)
            .collect();
        for server in &mut c.servers {
            if server.containers.iter().any(|c| ids.contains(&c.id)) {
                server.local.retain(|l| l.kind != "ganesha");
                server.nfs_connections = 0;
            }
        }
    }),
    fault(
        "nfs-crowded",
        "No NFS server could take the clients of another",
        |c| {
            for server in &mut c.servers {
                if server.nfs_connections > 0 {
                    server.nfs_connections = 600;
                }
            }
        },
    ),
    fault("s3-etcd", "S3 still keeps its state in ETCD", |c| {
        if let Some(s3) = &mut c.s3 {
            s3.etcd = s3.containers.clone();
        }
    }),
    fault(
        "s3-not-ready",
        "A server of the S3 cluster is not ready",
        |c| {
            if let Some(s3) = &mut c.s3 {
                s3.not_ready = s3.containers.iter().take(1).copied().collect();
            }
        },
    ),
    fault(
        "s3-writecache",
        "S3 mounts its file system with a write cache",
        |c| {
            if let Some(s3) = &mut c.s3 {
                s3.mount_options = "rw,writecache".to_owned();
            }
        },
    ),
    fault(
        "s3-lifecycle-rules",
        "A bucket has 11 lifecycle rules: red for targets from 4.4.9 on",
        |c| {
            let rules = (1..=11).map(|n| rule(&format!("logs-{n}/"), 0)).collect();
            bucket(c, rules);
        },
    ),
    fault(
        "s3-lifecycle-prefix",
        "A lifecycle rule has a prefix of 257 characters: red for targets from 4.4.9 on",
        |c| bucket(c, vec![rule(&"x".repeat(257), 0)]),
    ),
    fault(
        "s3-lifecycle-tags",
        "The lifecycle rules of a bucket have 7 tags together: red for targets from 4.4.9 on",
        |c| bucket(c, vec![rule("a/", 3), rule("b/", 4)]),
    ),
    fault(
        "smb-not-ready",
        "SMB on servers of its own, one of which is not ready",
        |c| {
            c.serve_smb(&[0, 1]);
            if let Some(smb) = &mut c.smb {
                smb.not_ready = smb.containers.iter().take(1).copied().collect();
            }
        },
    ),
    fault(
        "smb-patched",
        "SMB on servers of its own, one with a patched build that no release holds",
        |c| patched(c, "3024.3.22.10"),
    ),
    fault(
        "smb-patched-before",
        "SMB on servers of its own, one with a patched build that 4.4.20.116 and later hold",
        |c| patched(c, "3024.3.22.9"),
    ),
];

fn rule(prefix: &str, tags: usize) -> LifecycleRule {
    LifecycleRule {
        prefix: prefix.to_owned(),
        tags: (0..tags).map(|n| format!("k{n}=v")).collect(),
        days: 60,
    }
}

/// Another bucket beside the good one; its name has to be quoted.
fn bucket(c: &mut Cluster, rules: Vec<LifecycleRule>) {
    if let Some(s3) = &mut c.s3 {
        s3.buckets.push(Bucket {
            name: "bucket b".to_owned(),
            used: 1 << 30,
            rules,
        });
    }
}

fn patched(c: &mut Cluster, version: &str) {
    c.serve_smb(&[0, 1]);
    if let Some(server) = c.servers.first_mut() {
        server.tsmb = Some(version.to_owned());
    }
}
