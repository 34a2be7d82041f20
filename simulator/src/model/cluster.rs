//! The cluster as a whole.

use checker_core::Version;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Alert, Config, Container, Drive, Event, Filesystem, Login, Nfs, ObjectStore, OddAnswer,
    Organization, Rebuild, S3, Server, Severity, Smb, Snapshot, Task, Upgrade, User,
};

/// A WEKA cluster. Serializes to the JSON that the stand-in program reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its uuid.
    pub guid: String,
    /// The release that it runs; decides the dialect of its CLI.
    pub release: Version,
    /// The time in the cluster. It does not pass.
    pub now: Timestamp,
    /// `OK`, `REDISTRIBUTING`, `REBUILDING`, `DEGRADED`.
    pub status: String,
    /// `STARTED`, `STOPPED`.
    pub io_status: String,
    /// Who the CLI is.
    pub login: Login,
    /// Protection of the data.
    pub rebuild: Rebuild,
    /// An upgrade.
    pub upgrade: Upgrade,
    /// Physical servers: backends first.
    pub servers: Vec<Server>,
    /// How many buckets (of the data plane) there are.
    pub buckets: u64,
    /// How many of them work.
    pub active_buckets: u64,
    /// `ETH` or `IB`.
    pub link_layer: String,
    /// Background tasks.
    pub tasks: Vec<Task>,
    /// Alerts.
    pub alerts: Vec<Alert>,
    /// Events, the oldest first.
    pub events: Vec<Event>,
    /// File systems.
    pub filesystems: Vec<Filesystem>,
    /// Snapshots.
    pub snapshots: Vec<Snapshot>,
    /// Object stores.
    pub object_stores: Vec<ObjectStore>,
    /// NFS.
    pub nfs: Nfs,
    /// S3, if there is an S3 cluster.
    pub s3: Option<S3>,
    /// SMB, if there is an SMB cluster.
    pub smb: Option<Smb>,
    /// Organizations.
    pub organizations: Vec<Organization>,
    /// Users.
    pub users: Vec<User>,
    /// Releases that are on the servers, with the running one among them.
    pub versions: Vec<Version>,
    /// Settings.
    pub config: Config,
    /// The cloud that it runs in (`AWS`), if in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Commands whose answers are damaged on their way.
    #[serde(default)]
    pub odd_answers: Vec<OddAnswer>,
}

impl Cluster {
    /// Every container with its server, by number.
    #[must_use]
    pub fn containers(&self) -> Vec<(&Server, &Container)> {
        let mut all: Vec<_> = self
            .servers
            .iter()
            .flat_map(|s| s.containers.iter().map(move |c| (s, c)))
            .collect();
        all.sort_by_key(|(_, c)| c.id);
        all
    }

    /// Every drive with its container and server.
    pub fn drives(&self) -> impl Iterator<Item = (&Server, &Container, &Drive)> {
        self.containers()
            .into_iter()
            .flat_map(|(s, c)| c.drives.iter().map(move |d| (s, c, d)))
    }

    /// The server that is called so: by name first, since that is unique, then
    /// by address, then by host name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&Server> {
        let by = |is: &dyn Fn(&Server) -> bool| self.servers.iter().find(|s| is(s));
        by(&|s| s.name == name)
            .or_else(|| by(&|s| s.addresses.iter().any(|a| a == name)))
            .or_else(|| by(&|s| s.hostname == name))
    }

    /// The same, to change it.
    pub fn server_mut(&mut self, name: &str) -> Option<&mut Server> {
        let name = self.server(name)?.name.clone();
        self.servers.iter_mut().find(|s| s.name == name)
    }

    /// The server on which a container runs, and the container.
    #[must_use]
    pub fn container(&self, id: u64) -> Option<(&Server, &Container)> {
        self.servers.iter().find_map(|s| {
            let found = s.containers.iter().find(|c| c.id == id)?;
            Some((s, found))
        })
    }

    /// Whether this server has the release.
    #[must_use]
    pub fn has_release(&self, server: &Server, release: &Version) -> bool {
        self.versions.contains(release) || server.download(release).is_some()
    }

    /// The addresses that a container joins.
    #[must_use]
    pub fn endpoints_of(&self, container: &Container) -> Vec<String> {
        let all = || {
            let backends = self.servers.iter().filter(|s| s.is_backend());
            backends.map(|s| s.address().to_owned()).collect()
        };
        container.endpoints.clone().unwrap_or_else(all)
    }

    /// The backends.
    pub fn backends_mut(&mut self) -> impl Iterator<Item = &mut Server> {
        self.servers.iter_mut().filter(|s| s.is_backend())
    }

    /// The `n`th backend, counted from 0; the last one where there are fewer.
    ///
    /// # Panics
    /// In a cluster without a server.
    pub fn backend_mut(&mut self, n: usize) -> &mut Server {
        let count = self.servers.iter().filter(|s| s.is_backend()).count();
        let at = n.min(count.saturating_sub(1));
        &mut self.servers[at]
    }

    /// The server that the tool stands on: the first backend.
    #[must_use]
    pub fn here(&self) -> Option<&Server> {
        self.servers.iter().find(|s| s.is_backend())
    }

    /// Gives a server another address, as real servers on a test network have.
    pub fn set_addresses(&mut self, server: &str, addresses: &[&str]) {
        if let Some(server) = self.server_mut(server) {
            server.addresses = addresses.iter().map(|a| (*a).to_owned()).collect();
        }
    }

    /// Moves the cluster in time, with everything that has happened in it.
    pub fn move_to(&mut self, now: Timestamp) {
        let by = now.duration_since(self.now);
        let events = self.events.iter_mut().map(|e| &mut e.time);
        let alerts = self.alerts.iter_mut().map(|a| &mut a.start);
        let tasks = self.tasks.iter_mut().map(|t| &mut t.time);
        let snapshots = self.snapshots.iter_mut().map(|s| &mut s.created);
        for time in events.chain(alerts).chain(tasks).chain(snapshots) {
            *time = time.checked_add(by).unwrap_or(now);
        }
        self.now = now;
    }

    /// Raises an alert.
    pub fn raise(&mut self, kind: &str, severity: Severity, title: &str, description: &str) {
        self.alerts.push(Alert {
            kind: kind.to_owned(),
            severity,
            muted: false,
            count: 1,
            title: title.to_owned(),
            description: description.to_owned(),
            action: "See the documentation of this alert.".to_owned(),
            start: self.now - jiff::SignedDuration::from_mins(47),
        });
    }

    /// Makes a filesystem of so many bytes, all of them on drives.
    pub fn make_filesystem(&mut self, name: &str, bytes: u64) {
        let id = self.filesystems.len() as u64;
        self.filesystems.push(Filesystem {
            id,
            name: name.to_owned(),
            total: bytes,
            ssd: bytes,
            used: 4096,
            encrypted: false,
            object_stores: Vec::new(),
        });
    }

    /// Starts a background task.
    pub fn start_task(&mut self, kind: &str, state: &str, progress: u64, description: &str) {
        let id = 40 + self.tasks.len() as u64;
        let phase = if state == "WAITING" {
            "PREPARE 0/2"
        } else {
            "RUN 1/2"
        };
        self.tasks.push(Task {
            id,
            kind: kind.to_owned(),
            state: state.to_owned(),
            phase: phase.to_owned(),
            progress,
            description: description.to_owned(),
            time: self.now - jiff::SignedDuration::from_mins(95),
        });
    }

    /// Tells an event of the category `Upgrade`, so many minutes ago.
    pub fn tell_upgrade(&mut self, kind: &str, severity: Severity, minutes_ago: i64) {
        self.events.push(Event {
            time: self.now - jiff::SignedDuration::from_mins(minutes_ago),
            kind: kind.to_owned(),
            category: "Upgrade".to_owned(),
            severity,
            description: format!("{kind} by the upgrade agent"),
            process: 0,
            params: serde_json::json!({}),
        });
    }
}
