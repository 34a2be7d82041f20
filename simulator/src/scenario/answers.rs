//! Commands whose answers come out other than the cluster meant them.

use super::{Item, fault};
use crate::model::{Cluster, OddAnswer, Oddity};

pub(super) const ITEMS: &[Item] = &[
    fault(
        "half-json",
        "The list of snapshots breaks off in the middle",
        |c| odd(c, "fs snapshot", Oddity::Half),
    ),
    fault(
        "noise-around-json",
        "Every answer stands between lines that are no JSON: stays green",
        |c| odd(c, "", Oddity::BetweenNoise),
    ),
    fault(
        "tasks-time-out",
        "The list of tasks does not come in time",
        |c| odd(c, "cluster task", Oddity::TimesOut),
    ),
    fault(
        "status-times-out",
        "The cluster's status does not come in time: not even the release is known",
        |c| odd(c, "status -J", Oddity::TimesOut),
    ),
    fault("events-time-out", "The events do not come in time", |c| {
        odd(c, "events", Oddity::TimesOut)
    }),
    fault(
        "no-leader",
        "The leader is just handed over: no command but the status is answered",
        |c| {
            for command in [
                "cluster",
                "status rebuild",
                "alerts",
                "events",
                "user",
                "fs",
                "s3",
                "smb",
                "nfs",
                "debug",
            ] {
                odd(c, command, Oddity::NoLeader);
            }
        },
    ),
];

fn odd(cluster: &mut Cluster, command: &str, oddity: Oddity) {
    cluster.odd_answers.push(OddAnswer {
        command: command.to_owned(),
        oddity,
    });
}
