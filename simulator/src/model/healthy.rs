//! A cluster to which nothing is wrong.

use std::collections::BTreeMap;

use checker_core::Version;
use jiff::{SignedDuration, Timestamp};

use super::{
    Bucket, Certificate, Cluster, Config, Container, Drive, Filesystem, InterfaceGroup,
    LifecycleRule, LocalContainer, LocalState, Login, Machine, Mode, Mount, Nfs, NfsPort,
    Organization, Reachability, Rebuild, S3, Server, Severity, Snapshot, Stow, Unit, Upgrade, User,
    WekafsMount, uuid,
};

/// The time in every simulated cluster: 2026-07-20 02:00:00 UTC.
const NOW: Timestamp = Timestamp::constant(1_784_512_800, 0);
/// MCB is there from this release on; before it, one container has all roles.
const FIRST_WITH_MCB: Version = Version::new(4, 0, 2, 0);
/// From here on a data directory is named after its container alone.
const SHORT_DATA_DIRS: Version = Version::new(4, 2, 7, 0);
const GIB: u64 = 1 << 30;
/// KiB in a GiB.
const KIB_PER_GIB: u64 = 1 << 20;
const DRIVES_PER_SERVER: u64 = 6;
const DRIVE_SIZE: u64 = 15_360_950_534_144;

impl Cluster {
    /// A healthy cluster of this release: everything green, as far as the
    /// release can be (before 4.0.2 there are no multi-container backends).
    ///
    /// Backends are `weka-01` (10.0.0.11), `weka-02`, …; clients `client-01`
    /// (10.1.0.11), …. From four backends on the last two serve NFS and the
    /// two before them S3, so that no server has two protocols.
    #[must_use]
    pub fn healthy(release: &Version, backends: usize, clients: usize) -> Self {
        let mut ids = 0..;
        let mut servers: Vec<Server> = (0..backends)
            .map(|n| server(&format!("weka-{:02}", n + 1), &address(0, n), n))
            .collect();
        servers.extend((0..clients).map(|n| {
            let name = format!("client-{:02}", n + 1);
            server(&name, &address(1, n), backends + n)
        }));
        let (back, front) = servers.split_at_mut(backends);
        for client in front.iter_mut() {
            client.wekafs.push(WekafsMount {
                at: "/mnt/weka".to_owned(),
                device: "weka-01/fs01".to_owned(),
            });
        }
        if *release >= FIRST_WITH_MCB {
            for make in [drives, compute, frontend] {
                add(back, &mut ids, release, make);
            }
        } else {
            add(back, &mut ids, release, single);
        }
        add(front, &mut ids, release, client);
        let mut disks = 0..;
        for (server, container) in back
            .iter_mut()
            .flat_map(|s| s.containers.iter_mut())
            .filter(|c| c.drive_cores > 0)
            .enumerate()
        {
            if server == 0 {
                container.leadership = Some("LEADER".to_owned());
            }
            container.drives = disks
                .by_ref()
                .take(DRIVES_PER_SERVER as usize)
                .map(drive)
                .collect();
        }
        for server in &mut servers {
            fill_disk(server, release);
        }
        let total = backends as u64 * DRIVES_PER_SERVER * DRIVE_SIZE;
        let mut cluster = Self {
            name: "lab-a".to_owned(),
            guid: uuid("cluster", 0),
            release: release.clone(),
            now: NOW,
            status: "OK".to_owned(),
            io_status: "STARTED".to_owned(),
            login: Login::As("admin".to_owned()),
            rebuild: Rebuild::none(total / 2 / (1 << 20), 2),
            upgrade: Upgrade::default(),
            servers,
            buckets: backends as u64 * 25,
            active_buckets: backends as u64 * 25,
            link_layer: "ETH".to_owned(),
            tasks: Vec::new(),
            alerts: Vec::new(),
            events: Vec::new(),
            filesystems: filesystems(),
            snapshots: snapshots(backends as u64 * 25),
            object_stores: vec![super::ObjectStore {
                id: 0,
                name: "obs01".to_owned(),
                site: "LOCAL".to_owned(),
                hostname: "s3.lab.example".to_owned(),
            }],
            nfs: Nfs::default(),
            s3: None,
            smb: None,
            organizations: vec![Organization {
                id: 0,
                name: "Root".to_owned(),
            }],
            users: vec![user("admin", "ClusterAdmin"), user("reader", "ReadOnly")],
            versions: vec![release.clone()],
            config: Config {
                // Releases before 4.2 have kept no record of it.
                initial_release: (*release >= Version::new(4, 2, 0, 0))
                    .then(|| "4.2.7.64".to_owned()),
                ..Config::default()
            },
            provider: None,
            odd_answers: Vec::new(),
        };
        cluster.past_upgrade();
        if backends >= 4 {
            cluster.serve_s3(&[backends - 4, backends - 3]);
            cluster.serve_nfs(&[backends - 2, backends - 1]);
        }
        cluster
    }

    /// The events of the last upgrade, months ago and finished.
    fn past_upgrade(&mut self) {
        let months_ago = 60 * 24 * 137;
        let phases = ["Drives", "Compute", "Frontend"];
        self.tell_upgrade("ComputeUpgradeInvoked", Severity::Info, months_ago + 50);
        for (phase, n) in phases.into_iter().zip(0..) {
            let began = months_ago + 45 - 15 * n;
            self.tell_upgrade(&format!("{phase}UpgradeStarted"), Severity::Info, began);
            self.tell_upgrade(
                &format!("{phase}UpgradeFinished"),
                Severity::Info,
                began - 12,
            );
        }
        self.tell_upgrade("UpgradeStatusChange", Severity::Debug, months_ago);
    }

    /// Serves NFS-W on these backends, counted from 0, in one interface group.
    pub fn serve_nfs(&mut self, backends: &[usize]) {
        let containers = self.protocol_containers(backends);
        for &n in backends {
            self.add_local(n, "ganesha", "ganesha");
            if let Some(server) = self.servers.get_mut(n) {
                server.nfs_connections = 212 + 9 * n as u64;
            }
        }
        self.nfs.config_fs = Some(".config_fs".to_owned());
        self.nfs.groups.push(InterfaceGroup {
            name: format!("ig{}", self.nfs.groups.len() + 1),
            status: "OK".to_owned(),
            gateway: "10.0.0.1".to_owned(),
            netmask: 24,
            ips: vec!["10.0.0.201".to_owned(), "10.0.0.202".to_owned()],
            allow_manage_gids: true,
            ports: containers
                .into_iter()
                .map(|container| NfsPort {
                    container,
                    port: "eth1".to_owned(),
                    status: "OK".to_owned(),
                })
                .collect(),
        });
    }

    /// Serves S3 on these backends, counted from 0.
    pub fn serve_s3(&mut self, backends: &[usize]) {
        let containers = self.protocol_containers(backends);
        for &n in backends {
            self.add_local(n, "s3", "s3");
            self.add_local(n, "envoy", "envoy");
        }
        self.s3 = Some(S3 {
            containers,
            not_ready: Vec::new(),
            etcd: Vec::new(),
            filesystem: "s3fs".to_owned(),
            mount_options: "rw,readcache".to_owned(),
            buckets: vec![Bucket {
                name: "bucket-a".to_owned(),
                used: 1 << 20,
                rules: vec![LifecycleRule {
                    prefix: "logs/".to_owned(),
                    tags: vec!["class=cold".to_owned(), "team=a".to_owned()],
                    days: 60,
                }],
            }],
        });
    }

    /// Serves SMB-W on these backends, counted from 0.
    pub fn serve_smb(&mut self, backends: &[usize]) {
        let containers = self.protocol_containers(backends);
        for &n in backends {
            self.add_local(n, "smbw", "smbw");
            if let Some(server) = self.servers.get_mut(n) {
                server.tsmb = Some("3024.3.22.11".to_owned());
            }
        }
        self.smb = Some(super::Smb {
            containers,
            not_ready: Vec::new(),
            kind: "smbw".to_owned(),
            netbios: "LABSMB".to_owned(),
            domain: "lab.example".to_owned(),
            config_fs: ".config_fs".to_owned(),
        });
    }

    /// The containers through which these backends serve protocols: the ones
    /// with front end cores that come last, since protocols get their own.
    fn protocol_containers(&self, backends: &[usize]) -> Vec<u64> {
        backends
            .iter()
            .filter_map(|&n| self.servers.get(n))
            .filter_map(|s| s.containers.iter().rfind(|c| c.frontend_cores > 0))
            .map(|c| c.id)
            .collect()
    }

    fn add_local(&mut self, backend: usize, name: &str, kind: &str) {
        let release = self.release.clone();
        if let Some(server) = self.servers.get_mut(backend) {
            server.add_local(name, kind, &release);
        }
    }

    /// The id of the next container.
    fn next_id(&self) -> u64 {
        let ids = self.servers.iter().flat_map(|s| &s.containers);
        ids.map(|c| c.id + 1).max().unwrap_or(0)
    }

    /// Adds a server that has only a front end, for protocols; says its place
    /// among the backends.
    pub fn add_protocol_server(&mut self) -> usize {
        let at = self.servers.iter().filter(|s| s.is_backend()).count();
        let name = format!("weka-{:02}", at + 1);
        let mut new = server(&name, &address(0, at), self.servers.len());
        new.containers.push(frontend(self.next_id(), &self.release));
        fill_disk(&mut new, &self.release);
        self.servers.insert(at, new);
        at
    }

    /// Adds a second front end container to a backend, for a protocol of its own.
    pub fn add_frontend(&mut self, backend: usize) {
        let id = self.next_id();
        let release = self.release.clone();
        let Some(server) = self.servers.get_mut(backend) else {
            return;
        };
        let count = server
            .containers
            .iter()
            .filter(|c| c.name.starts_with("frontend"))
            .count();
        let mut container = frontend(id, &release);
        container.name = format!("frontend{count}");
        container.mgmt_port = 14_400 + 100 * count as u16;
        container.first_core += 2 * count as u32;
        server.containers.push(container);
    }
}

impl Server {
    /// Runs another local container.
    pub fn add_local(&mut self, name: &str, kind: &str, release: &Version) {
        self.local.push(LocalContainer {
            name: name.to_owned(),
            kind: kind.to_owned(),
            release: release.clone(),
            state: LocalState::default(),
        });
    }
}

fn address(network: u8, n: usize) -> String {
    let n = n + 10;
    format!("10.{network}.{}.{}", n / 250, n % 250 + 1)
}

fn server(name: &str, address: &str, n: usize) -> Server {
    // What a machine has of rpc.statd depends on its distribution and its
    // operator; all three are good.
    let statd = match n % 3 {
        0 => None,
        1 => Some(Unit::new("loaded", "inactive", "dead", "disabled")),
        _ => Some(Unit::new("masked", "inactive", "dead", "masked")),
    };
    let mut units = BTreeMap::from([(
        "weka-agent.service".to_owned(),
        Unit::new("loaded", "active", "running", "enabled"),
    )]);
    if let Some(statd) = statd {
        units.insert("rpc-statd.service".to_owned(), statd.clone());
        units.insert("rpc-statd-notify.service".to_owned(), statd);
    }
    Server {
        name: name.to_owned(),
        hostname: name.to_owned(),
        addresses: vec![address.to_owned()],
        machine_id: uuid("machine", n as u64),
        containers: Vec::new(),
        local: Vec::new(),
        units,
        mounts: vec![
            Mount::local("/", "/dev/sda2", 100 * KIB_PER_GIB, 21 * KIB_PER_GIB),
            Mount::local(
                "/opt/weka",
                "/dev/sdb1",
                240 * KIB_PER_GIB,
                61 * KIB_PER_GIB + 4_711 * (n as u64 % 7),
            ),
        ],
        opt_weka_link: None,
        data_dirs: BTreeMap::new(),
        wekafs: Vec::new(),
        nfs_connections: 0,
        tsmb: None,
        iommu_groups: 0,
        cut_off: false,
        walled_in: false,
        certificate: Some(Certificate::default()),
        ca_override: false,
        machine: Machine::default(),
        // Within what time synchronisation leaves.
        clock_offset_ms: [0, 2, -1, 4, -3][n % 5],
        busybox: false,
        reach: Reachability::Up,
        write_combining_off: false,
        downloads: Vec::new(),
    }
}

fn add(
    servers: &mut [Server],
    ids: &mut std::ops::RangeFrom<u64>,
    release: &Version,
    make: fn(u64, &Version) -> Container,
) {
    for (server, id) in servers.iter_mut().zip(ids) {
        server.containers.push(make(id, release));
    }
}

fn container(id: u64, release: &Version, name: &str) -> Container {
    Container {
        id,
        name: name.to_owned(),
        mode: Mode::Backend,
        status: "UP".to_owned(),
        state: "ACTIVE".to_owned(),
        release: release.clone(),
        mgmt_port: 14_000,
        drive_cores: 0,
        compute_cores: 0,
        frontend_cores: 0,
        first_core: 2,
        memory: 16 * GIB,
        network_mode: "DPDK".to_owned(),
        auto_remove_timeout: None,
        leadership: None,
        join_secret: super::container::join_secret(),
        endpoints: None,
        local: LocalState::default(),
        odd: BTreeMap::new(),
        drives: Vec::new(),
    }
}

fn drives(id: u64, release: &Version) -> Container {
    Container {
        drive_cores: 6,
        ..container(id, release, "drives0")
    }
}

fn compute(id: u64, release: &Version) -> Container {
    Container {
        compute_cores: 10,
        first_core: 8,
        memory: 128 * GIB,
        mgmt_port: 14_300,
        ..container(id, release, "compute0")
    }
}

fn frontend(id: u64, release: &Version) -> Container {
    Container {
        frontend_cores: 2,
        first_core: 18,
        memory: 4 * GIB,
        mgmt_port: 14_200,
        ..container(id, release, "frontend0")
    }
}

fn single(id: u64, release: &Version) -> Container {
    Container {
        drive_cores: 6,
        compute_cores: 10,
        frontend_cores: 2,
        memory: 148 * GIB,
        ..container(id, release, "default")
    }
}

fn client(id: u64, release: &Version) -> Container {
    Container {
        mode: Mode::Client,
        frontend_cores: 1,
        memory: 2 * GIB,
        auto_remove_timeout: Some(3600),
        ..container(id, release, "client")
    }
}

fn drive(id: u64) -> Drive {
    Drive {
        id,
        status: "ACTIVE".to_owned(),
        should_be_active: true,
        writable: true,
        size: DRIVE_SIZE,
    }
}

/// The directories below `/opt/weka/data`: one per container, and those of the agent.
fn fill_disk(server: &mut Server, release: &Version) {
    let mut dirs = BTreeMap::from([
        ("agent".to_owned(), 48_120),
        ("dependencies".to_owned(), 912_340),
        ("igb_uio".to_owned(), 2_212),
        ("weka_driver".to_owned(), 31_044),
    ]);
    for container in &server.containers {
        let dir = if *release >= SHORT_DATA_DIRS {
            container.name.clone()
        } else {
            format!("{}_{release}", container.name)
        };
        let size = u64::from(container.cores()) * 1_310_720;
        dirs.insert(dir, size);
    }
    server.data_dirs = dirs;
}

fn filesystems() -> Vec<Filesystem> {
    let sizes = [
        ("fs01", 400_u64, 120_u64, true),
        ("fs02", 80, 12, false),
        ("s3fs", 40, 3, false),
        (".config_fs", 1, 0, false),
    ];
    sizes
        .into_iter()
        .zip(0..)
        .map(|((name, total, used, tiered), id)| Filesystem {
            id,
            name: name.to_owned(),
            total: total * 100 * GIB,
            ssd: total * 60 * GIB,
            used: used * 100 * GIB + 4096,
            encrypted: false,
            object_stores: if tiered {
                vec!["obs01".to_owned()]
            } else {
                Vec::new()
            },
        })
        .collect()
}

fn snapshots(buckets: u64) -> Vec<Snapshot> {
    let done = Stow {
        status: "SYNCHRONIZED".to_owned(),
        progress: "100%".to_owned(),
        locator: "c91a0a61/d/s/4/spec/9f1a".to_owned(),
    };
    vec![
        Snapshot {
            id: 3,
            filesystem: "fs01".to_owned(),
            name: "daily-1".to_owned(),
            created: NOW - SignedDuration::from_hours(25),
            writable: false,
            local: done,
            remote: Stow::default(),
            buckets,
        },
        Snapshot {
            id: 4,
            filesystem: "fs02".to_owned(),
            name: "before-change".to_owned(),
            created: NOW - SignedDuration::from_hours(240),
            writable: false,
            local: Stow::default(),
            remote: Stow::default(),
            buckets: 0,
        },
    ]
}

fn user(name: &str, role: &str) -> User {
    User {
        name: name.to_owned(),
        role: role.to_owned(),
        source: "Internal".to_owned(),
        org: 0,
    }
}
