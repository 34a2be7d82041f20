//! Settings: `cluster client-target-version`, `stats retention`, `stats`,
//! `cloud status`.

use serde_json::json;

use super::call::{Answer, Call, Command, Opt};
use super::dialect::Dialect;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("cluster client-target-version show", client_target).known(Dialect::client_target),
    Command::new("stats retention status", |call| {
        Answer::Json(json!({"retention_secs": call.cluster.config.stats_retention_secs}))
    }),
    Command::new("stats", stats).options(&[
        Opt::value(&["--stat"]),
        Opt::value(&["--interval"]),
        Opt::value(&["--resolution-secs"]),
        Opt::value(&["--process-ids"]).known(Dialect::containers),
        Opt::value(&["--node-ids"]).known(Dialect::legacy),
        Opt::value(&["--output", "-o"]),
    ]),
    Command::new("cloud status", |_| {
        Answer::Json(json!({"enabled": true, "healthy": true, "proxy": "",
            "url": "https://api.home.example"}))
    }),
];

/// Plain text; unset is an empty line, and `None` from 6.0 on.
fn client_target(call: &Call<'_>) -> Answer {
    let unset = if call.dialect.wekactl() { "None" } else { "" };
    let version = call.cluster.config.client_target_version.as_deref();
    Answer::Text(format!("{}\n", version.unwrap_or(unset)))
}

/// Only the CPU of the compute processes is modelled; anything else has no sample.
fn stats(call: &Call<'_>) -> Answer {
    let tenths = call.cluster.config.compute_cpu_tenths;
    Answer::Text(match call.value("--stat") {
        Some("CPU_UTILIZATION") => format!("{}.{}%\n", tenths / 10, tenths % 10),
        _ => String::new(),
    })
}
