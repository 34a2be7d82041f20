//! Stands in for `weka` on a test server: answers from a cluster in a file,
//! and upgrades it.
//!
//! The file is named by `WEKA_STANDIN_STATE`, or lies beside the program under
//! the program's own name with `.json` behind it, or is
//! `/opt/weka/standin.json`. `WEKA_STANDIN_SERVER` names the server that it
//! plays, else the state does, else the host name. Called `systemctl`, it
//! answers as that.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use checker_simulator::standin;

fn main() -> ExitCode {
    let mut args = std::env::args_os().map(|a| a.to_string_lossy().into_owned());
    let called = args.next().unwrap_or_default();
    let called = Path::new(&called);
    let args: Vec<String> = args.collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let program = called.file_name().unwrap_or_default().to_string_lossy();
    standin::main(&state_path(called), &program, &args)
}

fn state_path(called: &Path) -> PathBuf {
    if let Some(path) = std::env::var_os("WEKA_STANDIN_STATE") {
        return path.into();
    }
    let mut beside = called.as_os_str().to_owned();
    beside.push(".json");
    let beside = PathBuf::from(beside);
    if called.is_absolute() && beside.is_file() {
        beside
    } else {
        "/opt/weka/standin.json".into()
    }
}
