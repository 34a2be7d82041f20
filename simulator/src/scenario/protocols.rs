//! NFS, SMB and S3.

use super::{Item, fault};
use crate::model::{Cluster, InterfaceGroup, NfsPort, Unit};

pub(super) const ITEMS: &[Item] = &[
    fault(
        "mixed-protocols",
        "A server with NFS and S3 in different containers, another with SMB and NFS",
        |c| {
            nfs_and_s3(c);
            let last = servers_of_nfs(c).last().copied().unwrap_or(0);
            c.serve_smb(&[0, 1, last]);
        },
    ),
    fault(
        "nfs-s3-on-one-server",
        "A server serves NFS and S3 from different containers",
        nfs_and_s3,
    ),
    fault(
        "nfs-s3-in-one-container",
        "A container serves NFS and S3",
        |c| {
            let nfs = c.nfs.groups.first().and_then(|g| g.ports.first());
            let nfs = nfs.map(|p| p.container);
            if let (Some(s3), Some(container)) = (&mut c.s3, nfs) {
                s3.containers.push(container);
            }
        },
    ),
    fault(
        "smb-s3-on-one-server",
        "A server serves SMB and S3 from one container",
        |c| {
            let s3 =
                c.s3.as_ref()
                    .map_or_else(Vec::new, |s3| s3.containers.clone());
            let at = |id: &u64| {
                let on = |s: &crate::model::Server| s.containers.iter().any(|c| c.id == *id);
                c.servers.iter().position(on)
            };
            if let Some(shared) = s3.first().and_then(at) {
                c.serve_smb(&[0, 1, shared]);
            }
        },
    ),
    fault(
        "protocol-servers",
        "NFS on two dedicated protocol servers: stays green",
        |c| {
            let servers = [c.add_protocol_server(), c.add_protocol_server()];
            leave_nfs(c);
            c.serve_nfs(&servers);
        },
    ),
    fault(
        "protocol-server-mixed",
        "A dedicated protocol server serves NFS and S3",
        |c| {
            let server = c.add_protocol_server();
            let release = c.release.clone();
            leave_nfs(c);
            c.serve_nfs(&[server]);
            c.servers[server].add_local("s3", "s3", &release);
            let id = c.servers[server].containers.last().map_or(0, |c| c.id);
            if let Some(s3) = &mut c.s3 {
                s3.containers.push(id);
            }
        },
    ),
    fault(
        "smb-separate",
        "SMB on servers of its own: stays green",
        |c| c.serve_smb(&[0, 1]),
    ),
    fault(
        "two-interface-groups",
        "Two NFS interface groups: stays green",
        |c| {
            let backends = servers_of_nfs(c);
            let port = |c: &Cluster, n: usize| NfsPort {
                container: c.servers[n].containers.last().map_or(0, |c| c.id),
                port: "eth2".to_owned(),
                status: "OK".to_owned(),
            };
            let ports = backends.iter().map(|n| port(c, *n)).collect();
            c.nfs.groups.push(InterfaceGroup {
                name: "ig2".to_owned(),
                status: "OK".to_owned(),
                gateway: "10.0.2.1".to_owned(),
                netmask: 24,
                ips: vec!["10.0.2.201".to_owned()],
                allow_manage_gids: true,
                ports,
            });
        },
    ),
    fault("no-protocols", "No NFS, no S3, no SMB: stays green", |c| {
        c.nfs = crate::model::Nfs::default();
        c.s3 = None;
        c.smb = None;
        for server in &mut c.servers {
            server.local.clear();
        }
    }),
    fault(
        "nfs-never-set-up",
        "Listing the NFS groups fails because there are none: stays green",
        |c| {
            c.nfs = crate::model::Nfs {
                never_set_up: true,
                ..crate::model::Nfs::default()
            };
            for server in &mut c.servers {
                server.local.retain(|l| l.kind != "ganesha");
            }
        },
    ),
    fault("legacy-nfs", "The legacy NFS stack is in use", |c| {
        for group in &mut c.nfs.groups {
            group.allow_manage_gids = false;
        }
    }),
    fault("nfs-statd", "rpc-statd runs on a backend", statd_active),
    fault(
        "nfs-statd-active",
        "The same, by its full name",
        statd_active,
    ),
    fault(
        "nfs-statd-notify-active",
        "rpc-statd-notify is active on a backend",
        |c| {
            statd(
                c,
                "rpc-statd-notify.service",
                Unit::new("loaded", "active", "exited", "disabled"),
            );
        },
    ),
    fault(
        "nfs-statd-enabled",
        "rpc-statd is stopped but still enabled on a backend",
        |c| {
            statd(
                c,
                "rpc-statd.service",
                Unit::new("loaded", "inactive", "dead", "enabled"),
            );
        },
    ),
];

/// No server serves NFS any more.
fn leave_nfs(c: &mut Cluster) {
    c.nfs.groups.clear();
    for server in &mut c.servers {
        server.local.retain(|l| l.kind != "ganesha");
    }
}

fn statd_active(c: &mut Cluster) {
    statd(
        c,
        "rpc-statd.service",
        Unit::new("loaded", "active", "running", "enabled"),
    );
}

fn statd(c: &mut Cluster, unit: &str, state: Unit) {
    let server = c.backend_mut(1);
    server.units.insert(unit.to_owned(), state);
}

/// The places of the servers that serve NFS.
fn servers_of_nfs(c: &Cluster) -> Vec<usize> {
    let ids: Vec<u64> = c
        .nfs
        .groups
        .iter()
        .flat_map(|g| g.ports.iter().map(|p| p.container))
        .collect();
    let serves = |s: &crate::model::Server| s.containers.iter().any(|c| ids.contains(&c.id));
    let all = c.servers.iter().enumerate();
    all.filter(|(_, s)| serves(s)).map(|(n, _)| n).collect()
}

/// S3 gets a container of its own on the first NFS server.
fn nfs_and_s3(c: &mut Cluster) {
    let Some(&n) = servers_of_nfs(c).first() else {
        return;
    };
    c.add_frontend(n);
    let id = c.servers[n].containers.last().map_or(0, |c| c.id);
    let release = c.release.clone();
    c.servers[n].add_local("s3", "s3", &release);
    if let Some(s3) = &mut c.s3 {
        s3.containers.push(id);
    }
}
