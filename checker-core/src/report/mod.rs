//! The report: plain data. Terminal, JSON and log are renderers over it.

mod fold;
mod json;
mod log;
mod model;
mod printable;
#[cfg(test)]
pub(crate) mod sample;
mod text;

pub use fold::fold_names;
pub use json::{JsonReportError, from_json, json, schema};
pub use log::LogObserver;
pub use model::{
    Accepted, CheckResult, ClusterInfo, Counts, PluginInfo, PluginKind, Report, RunInfo, SCHEMA,
    ServerInfo, ToolInfo, Verdict,
};
pub use printable::printable;
pub use text::{TextOptions, text, verdict_line};
