//! Stands in for `weka` on a test server: answers from a cluster in a file.
//!
//! The file is named by `WEKA_STANDIN_STATE`, or lies beside the program under
//! the program's own name with `.json` behind it, or is
//! `/opt/weka/standin.json`. `WEKA_STANDIN_SERVER` names the server that it
//! plays, else the state does, else the host name. Called `systemctl`, it
//! answers as that.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use checker_simulator::{Reply, StandinState};

/// Exit status of the stand-in's own troubles, like no one of `weka`'s.
const TROUBLE: u8 = 70;

fn main() -> ExitCode {
    let mut args = std::env::args_os().map(|a| a.to_string_lossy().into_owned());
    let called = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match answer(Path::new(&called), &args) {
        Ok(reply) => play(&reply),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "weka-standin: {error}");
            ExitCode::from(TROUBLE)
        }
    }
}

fn answer(called: &Path, args: &[&str]) -> Result<Reply, checker_simulator::StandinError> {
    let mut state = StandinState::read(&state_path(called))?;
    if let Ok(server) = std::env::var("WEKA_STANDIN_SERVER") {
        state.server = Some(server);
    }
    let program = called
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let hostname = hostname();
    let uid = rustix::process::geteuid().as_raw();
    // Before anything else, so that a command that hangs is counted too.
    state.write_down(&program, args, &hostname, uid)?;
    Ok(state.reply(&program, args, &hostname))
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

/// The host name of the namespace that the process is in.
fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

fn play(reply: &Reply) -> ExitCode {
    if reply.hang {
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
    std::thread::sleep(reply.delay);
    let output = &reply.output;
    // Whoever reads may have gone: then nobody is left to tell.
    let _ = std::io::stderr().write_all(&output.stderr);
    let mut stdout = std::io::stdout().lock();
    let mut left = reply.flood;
    let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
    while left > 0 {
        let part = line.len().min(usize::try_from(left).unwrap_or(line.len()));
        if stdout.write_all(&line[..part]).is_err() {
            return ExitCode::FAILURE;
        }
        left -= part as u64;
    }
    let _ = stdout.write_all(&output.stdout);
    let _ = stdout.flush();
    ExitCode::from(u8::try_from(output.status).unwrap_or(u8::MAX))
}
