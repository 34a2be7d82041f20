//! `cluster bucket`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("cluster bucket", list),
    Command::new("cluster buckets", list),
];

fn list(call: &Call<'_>) -> Answer {
    let cluster = call.cluster;
    let compute: Vec<u64> = cluster
        .containers()
        .iter()
        .flat_map(|(_, c)| c.processes())
        .filter(|p| p.role == "COMPUTE")
        .map(|p| p.id)
        .collect();
    let rows = (0..cluster.buckets)
        .map(|n| {
            let works = n < cluster.active_buckets;
            let leader = compute.get(n as usize % compute.len().max(1));
            json!({
                "bucket_id": call.dialect.id("BucketId", n),
                // The word for a bucket that works is not published; this is a guess.
                "init_state": if works { "FULLY_FUNCTIONAL" } else { "WAITING_FOR_QUORUM" },
                "up_since": if works { json!("2026-03-05T12:44:09.000000Z") } else { Value::Null },
                "leader": leader.map(|id| call.dialect.id("NodeId", *id)),
                "term": 11 + n % 3,
                "fill_level": 31,
            })
        })
        .collect();
    Answer::Json(Value::Array(rows))
}
