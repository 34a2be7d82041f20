//! The report: plain data. Terminal, JSON and log are renderers over it.

mod fold;
mod json;
mod log;
mod model;
mod printable;
#[cfg(test)]
pub(crate) mod sample;
mod seal;
mod text;

pub use fold::fold_names;
pub(crate) use json::terminal_safe;
pub use json::{JsonReportError, from_json, json, schema};
pub use log::LogObserver;
pub use model::{
    AcceptanceEffect, AcceptanceGiven, Accepted, CheckResult, ClusterInfo, Counts, Coverage,
    PluginInfo, PluginKind, Report, RunInfo, SCHEMA, ServerInfo, ToolInfo, Verdict,
};
pub use printable::printable;
pub(crate) use printable::printable_lines;
pub use seal::{Seal, read_sealed};
pub use text::{TextOptions, text, verdict_line};
pub(crate) use text::{group, page};
