//! The report: plain data. Terminal, JSON and log are renderers over it.

mod fold;
mod model;

pub use fold::fold_names;
pub use model::{
    Accepted, CheckResult, ClusterInfo, Counts, Report, RunInfo, SCHEMA, ServerInfo, ToolInfo,
    Verdict,
};
