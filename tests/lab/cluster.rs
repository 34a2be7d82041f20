//! The cluster that the servers of a lab seem to belong to.

use std::fs;

use checker_simulator::{Behaviour, Cluster, StandinState, write_state};
use serde::Deserialize;

use super::Lab;

/// The release that a lab's cluster runs.
pub(crate) const RUNNING: &str = "4.4.21.2";

/// One call of `weka`, as the stand-in writes it down.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    /// What stood behind `weka`.
    args: Vec<String>,
    /// The server, by the name in the model, which is unique.
    pub(crate) server: String,
}

impl Call {
    /// What stood behind `weka`, in one line.
    pub(crate) fn line(&self) -> String {
        self.args.join(" ")
    }
}

impl Lab {
    /// A healthy cluster that these servers are the backends of. Its model
    /// calls them `weka-01`, `weka-02`, … whatever their host names are.
    pub(crate) fn healthy(&self) -> Cluster {
        let release = RUNNING.parse().expect("a release");
        let mut cluster = Cluster::healthy(&release, self.servers.len(), 0);
        for (model, server) in cluster.servers.iter_mut().zip(&self.servers) {
            model.hostname = server.hostname().to_owned();
            model.addresses = vec![server.ipv4()];
        }
        // Protocols are a matter of the tests that need them.
        cluster.nfs = checker_simulator::model::Nfs::default();
        cluster.s3 = None;
        for server in &mut cluster.servers {
            server.local.clear();
        }
        cluster
    }

    /// Lets every server's `weka` answer for this cluster, and every server's
    /// `systemctl` show the units that it has in it.
    #[track_caller]
    pub(crate) fn set_cluster(&self, cluster: &Cluster, behaviours: &[Behaviour]) {
        for (server, model) in self.servers.iter().zip(&cluster.servers) {
            let units = model.units.iter().map(|(name, unit)| {
                // An empty word could not be told from the next.
                assert!(!unit.file_state.is_empty(), "{name} has no file state");
                format!(
                    "{name} {} {} {} {}\n",
                    unit.load, unit.active, unit.sub, unit.file_state
                )
            });
            server.set_units(&units.collect::<String>());
            let state = StandinState {
                behaviours: behaviours.to_vec(),
                log: Some("/run/lab/shared/weka-calls".into()),
                server: Some(model.name.clone()),
                ..StandinState::new(cluster.clone())
            };
            let path = self.shared().join(format!("state-{}.json", server.number));
            write_state(&path, &state).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// Every call of `weka` on any server, in their order.
    pub(crate) fn weka_calls(&self) -> Vec<Call> {
        let log = fs::read_to_string(self.shared().join("weka-calls")).expect("the calls");
        log.lines()
            .map(|line| serde_json::from_str(line).expect("one call a line"))
            .collect()
    }
}
