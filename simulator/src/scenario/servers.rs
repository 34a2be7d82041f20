//! What is wrong with one server.

use super::{Item, fault};
use crate::model::Unit;

pub(super) const ITEMS: &[Item] = &[
    fault(
        "agent-stopped",
        "weka-agent does not run on a backend, so its `weka local` does not answer",
        |c| {
            c.backend_mut(1).units.insert(AGENT.to_owned(), stopped());
        },
    ),
    fault(
        "client-agent-stopped",
        "weka-agent does not run on a client",
        |c| {
            if let Some(client) = c.servers.iter_mut().find(|s| !s.is_backend()) {
                client.units.insert(AGENT.to_owned(), stopped());
            }
        },
    ),
    fault(
        "agent-sysv",
        "A backend without systemd, where the agent runs: stays green",
        |c| {
            let running = Unit::new("sysv", "active", "", "");
            let unit = Unit::new("sysv", "inactive", "", "");
            let server = c.backend_mut(1);
            server.units = [
                (AGENT.to_owned(), running),
                ("rpc-statd.service".to_owned(), unit.clone()),
                ("rpc-statd-notify.service".to_owned(), unit),
            ]
            .into();
        },
    ),
    fault(
        "busybox",
        "A backend whose date and du are those of busybox: stays green",
        |c| {
            c.backend_mut(1).busybox = true;
        },
    ),
    fault("clock-off-10s", "A backend's clock is 10 s ahead", |c| {
        c.backend_mut(3).clock_offset_ms = 10_000;
    }),
    fault(
        "clock-off-5min",
        "A backend's clock is 5 minutes behind",
        |c| {
            c.backend_mut(3).clock_offset_ms = -300_000;
        },
    ),
    fault(
        "same-hostname",
        "Two backends have the same host name",
        |c| {
            c.backend_mut(2).hostname = "weka-02".to_owned();
        },
    ),
    fault(
        "container-stopped",
        "A backend's local container is stopped and disabled",
        |c| {
            if let Some(container) = c.backend_mut(2).containers.last_mut() {
                container.status = "DOWN".to_owned();
                container.local.running = false;
                container.local.disabled = true;
            }
        },
    ),
];

const AGENT: &str = "weka-agent.service";

fn stopped() -> Unit {
    Unit::new("loaded", "inactive", "dead", "enabled")
}
