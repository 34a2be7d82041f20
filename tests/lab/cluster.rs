//! The cluster that the servers of a lab seem to belong to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use checker_simulator::{Behaviour, Cluster, StandinState, write_state};
use serde::Deserialize;

use super::{Lab, Server};

/// The release that a lab's cluster runs.
pub(super) const RUNNING: &str = "4.4.21.2";

/// One call of `weka`, as the stand-in writes it down.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    /// What stood behind `weka`.
    args: Vec<String>,
    /// The server, by the name in the model, which is unique.
    pub(crate) server: String,
    /// As whom.
    pub(crate) uid: u32,
}

impl Call {
    /// What stood behind `weka`, in one line.
    pub(crate) fn line(&self) -> String {
        self.args.join(" ")
    }
}

impl Lab {
    /// A healthy cluster that all servers are the backends of. Its model calls
    /// them `weka-01`, `weka-02`, … whatever their host names are.
    pub(crate) fn healthy(&self) -> Cluster {
        Self::healthy_on(RUNNING, &self.servers)
    }

    /// A healthy cluster of this release on these servers.
    pub(crate) fn healthy_on(release: &str, servers: &[Server]) -> Cluster {
        let release = release.parse().expect("a release");
        let mut cluster = Cluster::healthy(&release, servers.len(), 0);
        for (model, server) in cluster.servers.iter_mut().zip(servers) {
            model.hostname = server.hostname().to_owned();
            model.addresses = vec![server.ipv4()];
            // Protocols are a matter of the tests that need them.
            model.local.clear();
        }
        cluster.nfs = checker_simulator::model::Nfs::default();
        cluster.s3 = None;
        cluster
    }

    /// Lets every server's `weka` answer for this cluster, every server's
    /// `systemctl` show the units that it has in it, and the management ports
    /// of its containers be open.
    #[track_caller]
    pub(crate) fn set_cluster(&self, cluster: &Cluster, behaviours: &[Behaviour]) {
        for server in self.servers.iter().filter(|s| s.is_on()) {
            let model = server.join(cluster);
            let state = StandinState {
                behaviours: behaviours.to_vec(),
                log: Some("/run/lab/shared/weka-calls".into()),
                server: model.map(|model| model.name.clone()),
                ..StandinState::new(cluster.clone())
            };
            let path = self.shared().join(format!("state-{}.json", server.number));
            write_state(&path, &state).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// As [`Lab::set_cluster`], but one cluster for all: what the `weka` of one
    /// server changes is so for the others. A server that is not in it has no
    /// `weka` any more.
    #[track_caller]
    pub(crate) fn share_cluster(&self, cluster: &Cluster) {
        let path = self.shared_state();
        let directory = path.parent().expect("a directory");
        fs::create_dir_all(directory).expect("a directory");
        // Whoever runs the stand-in writes here, root or not.
        fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).expect("its mode");
        let state = StandinState {
            log: Some("/run/lab/shared/weka-calls".into()),
            ..StandinState::new(cluster.clone())
        };
        write_state(&path, &state).unwrap_or_else(|error| panic!("{error}"));
        for server in &self.servers {
            match server.join(cluster) {
                Some(model) => server.program(
                    "weka",
                    &format!(
                        "WEKA_STANDIN_STATE=/run/lab/shared/cluster/state.json \
                         WEKA_STANDIN_SERVER={} exec /run/lab/weka-standin \"$@\"\n",
                        model.name
                    ),
                ),
                None => server.remove_weka(),
            }
        }
    }

    /// The cluster of [`Lab::share_cluster`] as it is now.
    #[track_caller]
    pub(crate) fn shared_cluster(&self) -> Cluster {
        let state = StandinState::read(&self.shared_state());
        state.unwrap_or_else(|error| panic!("{error}")).cluster
    }

    /// Changes the cluster of [`Lab::share_cluster`].
    #[track_caller]
    pub(crate) fn change_shared(&self, change: impl FnOnce(&mut StandinState)) {
        StandinState::update(&self.shared_state(), change)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    fn shared_state(&self) -> PathBuf {
        self.shared().join("cluster/state.json")
    }

    /// Every call of `weka` on any server, in their order.
    pub(crate) fn weka_calls(&self) -> Vec<Call> {
        let log = fs::read_to_string(self.shared().join("weka-calls")).expect("the calls");
        log.lines()
            .map(|line| serde_json::from_str(line).expect("one call a line"))
            .collect()
    }
}

impl Server {
    /// Lets `systemctl` show the units that this server has in a cluster, and
    /// opens the management ports of its containers there. A server that is
    /// not in it stays as it is.
    #[track_caller]
    fn join<'a>(&self, cluster: &'a Cluster) -> Option<&'a checker_simulator::model::Server> {
        let here = [self.ipv4(), self.ipv6()];
        let mut models = cluster.servers.iter();
        let model = models.find(|model| model.addresses.iter().any(|a| here.contains(a)))?;
        let units = model.units.iter().map(|(name, unit)| {
            // An empty word could not be told from the next.
            assert!(!unit.file_state.is_empty(), "{name} has no file state");
            let (load, active, sub) = (&unit.load, &unit.active, &unit.sub);
            format!("{name} {load} {active} {sub} {}\n", unit.file_state)
        });
        self.set_units(&units.collect::<String>());
        let ports: Vec<u16> = model.containers.iter().map(|c| c.mgmt_port).collect();
        self.listen(&ports);
        Some(model)
    }
}
