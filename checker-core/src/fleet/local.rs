//! The machine that the tool runs on.

use std::ffi::OsString;
use std::net::{IpAddr, ToSocketAddrs as _, UdpSocket};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use jiff::Timestamp;
use sysinfo::{Networks, System};

use super::child::{Capture, Ended, run};
use super::talk::Talk;
use super::{broke_off, failed};
use crate::deadline::Deadline;
use crate::evidence::{End, NotRun, RawRecord};
use crate::server::{ReachError, Role, Server, Step};

/// How much of each output of one of the cluster's commands is kept, in
/// bytes. The longest known answers, the events of a large cluster, are a tenth.
pub(super) const COMMAND_LIMIT: usize = 64 * 1024 * 1024;

/// What children may know of our environment: who runs them and, for `weka`,
/// its credentials. Nothing else: a bundled `LD_LIBRARY_PATH` has made every
/// child of such a tool print warnings before.
const KEPT: [&str; 5] = ["HOME", "USER", "LOGNAME", "PATH", "SHELL"];

/// Whether an address is one of this machine: then a packet to it would have
/// it as its source, too. No packet is sent. (To bind to it proves nothing where
/// `ip_nonlocal_bind` is set, and /sys shows another network namespace's devices.)
pub(super) fn is_mine(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    !address.is_unspecified()
        && UdpSocket::bind((any, 0))
            .and_then(|socket| {
                socket.connect((address, 9))?;
                socket.local_addr()
            })
            .is_ok_and(|source| source.ip() == address)
}

/// Our host name, as the kernel has it.
pub(super) fn hostname() -> Option<String> {
    System::host_name().ok().filter(|name| !name.is_empty())
}

/// Whether two host names may be of one machine: with or without a domain.
fn same_name(a: &str, b: &str) -> bool {
    let short = |name: &str| {
        name.split('.')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let both_full = a.contains('.') && b.contains('.');
    if both_full {
        a.eq_ignore_ascii_case(b)
    } else {
        short(a) == short(b)
    }
}

/// Whether we stand on this server: it has an address of ours. A name alone
/// proves nothing, since two servers may have the same; it counts only where
/// the operator gave no address and the name leads nowhere else.
pub(super) fn is_here(server: &Server) -> bool {
    let addresses: Vec<IpAddr> = std::iter::once(&server.address)
        .chain(&server.addresses)
        .filter_map(|a| a.parse().ok())
        .collect();
    if !addresses.is_empty() {
        return addresses.into_iter().any(is_mine);
    }
    is_called_here(&server.address)
}

/// Whether a name or an address is one of this machine.
pub(super) fn is_called_here(name: &str) -> bool {
    if let Ok(address) = name.parse() {
        return is_mine(address);
    }
    let ours = hostname().is_some_and(|ours| same_name(&ours, name));
    // Debian gives a machine's own name the address 127.0.1.1.
    ours && (name, 9).to_socket_addrs().map_or(true, |mut found| {
        found.any(|a| a.ip().is_loopback() || is_mine(a.ip()))
    })
}

/// This machine as a server of the cluster.
pub(super) fn here() -> Option<Server> {
    let name = hostname()?;
    let mut addresses: Vec<IpAddr> = Networks::new_with_refreshed_list()
        .iter()
        .flat_map(|networks| networks.values())
        .flat_map(|network| network.ip_networks())
        .map(|network| network.addr)
        .filter(|address| match address {
            IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
            IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    Some(Server {
        address: addresses.first().unwrap_or(&name).clone(),
        hostname: name.clone(),
        name,
        addresses,
        role: Role::Backend,
    })
}

/// Where the `weka` program is: on PATH, or where its installer puts it.
pub(super) fn find_weka(path: Option<OsString>) -> Option<PathBuf> {
    let path = path.unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .chain(["/usr/bin".into(), "/opt/weka/bin".into()])
        .map(|dir| dir.join("weka"))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file()
}

fn clean(command: &mut Command) {
    command.env_clear().env("LC_ALL", "C");
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// Lets a child have what the CLI reads from our environment.
fn with_credentials(command: &mut Command) {
    for (name, value) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WEKA_") {
            command.env(name, value);
        }
    }
}

/// Runs `weka` with these words.
pub(super) fn weka(
    program: &Path,
    key: &str,
    shown: &str,
    words: &[String],
    deadline: &Deadline,
) -> RawRecord {
    let mut command = Command::new(program);
    command.args(words);
    clean(&mut command);
    with_credentials(&mut command);
    let (started_at, begun) = (Timestamp::now(), Instant::now());
    let mut kept = Capture::new(COMMAND_LIMIT);
    let end = match run(&mut command, &mut kept, deadline) {
        Ok(Ended::Itself(status)) => match (status.code(), status.signal()) {
            (Some(code), _) => End::Exited(code),
            (None, signal) => End::Signalled(signal.unwrap_or_default()),
        },
        Ok(Ended::Finished | Ended::Stuck(_)) => End::Signalled(15),
        Ok(Ended::Deadline) if deadline.interrupted() => End::NotRun(NotRun::Interrupted),
        Ok(Ended::Deadline) => End::TimedOut,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            End::NotRun(NotRun::ProgramMissing("weka".to_owned()))
        }
        Err(error) => End::NotRun(NotRun::Failed(error.to_string())),
    };
    RawRecord {
        key: key.to_owned(),
        command: shown.to_owned(),
        started_at,
        duration: begun.elapsed(),
        end,
        stdout: kept.stdout,
        stderr: kept.stderr,
        truncated: kept.truncated,
    }
}

/// Runs the script here, as root.
pub(super) fn converse(talk: &mut Talk, deadline: &Deadline) -> Result<(), ReachError> {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("/bin/sh")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "/bin/sh"]);
        sudo
    };
    command.arg("-s");
    clean(&mut command);
    converse_with(&mut command, talk, deadline, "this machine", |talk, _| {
        broke_off(talk, "this machine")
    })
}

/// Runs the script here, as the user who runs us.
pub(super) fn converse_as_we_are(talk: &mut Talk, deadline: &Deadline) -> Result<(), ReachError> {
    let mut command = Command::new("/bin/sh");
    command.arg("-s");
    clean(&mut command);
    with_credentials(&mut command);
    converse_with(&mut command, talk, deadline, "this machine", |talk, _| {
        broke_off(talk, "this machine")
    })
}

/// Runs the script through a program that hands it to a shell. `lost` says
/// why the program ended before the script.
pub(super) fn converse_with(
    command: &mut Command,
    talk: &mut Talk,
    deadline: &Deadline,
    label: &str,
    lost: impl FnOnce(&Talk, Option<i32>) -> ReachError,
) -> Result<(), ReachError> {
    let program = command.get_program().to_string_lossy().into_owned();
    match run(command, talk, deadline) {
        Ok(_) if talk.finished() => Ok(()),
        Ok(Ended::Itself(status)) => Err(lost(talk, status.code())),
        Ok(Ended::Stuck(stuck)) => Err(failed(
            Step::Protocol,
            format!("{label}: its probe {} could not be ended", stuck.key),
        )),
        Ok(Ended::Deadline | Ended::Finished) if deadline.interrupted() => {
            Err(super::connect::interrupted())
        }
        Ok(Ended::Deadline | Ended::Finished) => Err(failed(
            Step::Deadline,
            format!("{label}: its time was up before the script was through"),
        )),
        Err(error) if program == "sudo" && error.kind() == std::io::ErrorKind::NotFound => {
            Err(failed(
                Step::Sudo,
                format!("{label}: `sudo` is not installed, and we are not root"),
            ))
        }
        Err(error) => Err(failed(Step::Local, format!("`{program}`: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::loopback("127.0.0.1", true)]
    #[case::loopback_of_someone_else("127.0.0.77", false)]
    #[case::documentation("192.0.2.1", false)]
    #[case::any("0.0.0.0", false)]
    #[case::multicast("224.0.0.1", false)]
    fn addresses_of_ours(#[case] address: &str, #[case] mine: bool) {
        assert_eq!(is_mine(address.parse().unwrap()), mine);
    }

    #[rstest]
    #[case("weka-01", "weka-01", true)]
    #[case("weka-01.example", "Weka-01", true)]
    #[case("weka-01.a", "weka-01.b", false)]
    #[case("weka-01", "weka-011", false)]
    fn names(#[case] a: &str, #[case] b: &str, #[case] same: bool) {
        assert_eq!(same_name(a, b), same);
    }

    #[test]
    fn our_name_with_another_address_is_another_server() {
        let ours = hostname().unwrap();
        let server = |address: &str| Server {
            name: ours.clone(),
            hostname: ours.clone(),
            address: address.to_owned(),
            addresses: Vec::new(),
            role: Role::Backend,
        };
        assert!(!is_here(&server("192.0.2.1")));
        assert!(is_here(&server("127.0.0.1")));
        assert_eq!(here().unwrap().hostname, ours);
    }

    fn program(dir: &Path, text: &str) -> PathBuf {
        let file = dir.join("weka");
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[test]
    fn weka_is_found_on_path() {
        let dir = tempfile::tempdir().unwrap();
        let file = program(dir.path(), "");
        assert_eq!(find_weka(Some(dir.path().into())), Some(file.clone()));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(find_weka(Some(dir.path().into())), Some(file));
    }

    #[rstest]
    // field history 33
    #[case::fine(
        "echo \"$1|$2|$LD_LIBRARY_PATH\"; echo note >&2",
        End::Exited(0),
        "status|a b|\n"
    )]
    #[case::not_logged_in("exit 41", End::Exited(41), "")]
    #[case::killed("kill -9 $$", End::Signalled(9), "")]
    #[case::hangs("echo {; sleep 60", End::TimedOut, "{\n")]
    fn what_weka_answers(#[case] text: &str, #[case] end: End, #[case] stdout: &str) {
        let dir = tempfile::tempdir().unwrap();
        let file = program(dir.path(), text);
        let words = ["status".to_owned(), "a b".to_owned()];
        let deadline = Deadline::within(Duration::from_millis(1500));
        let record = weka(&file, "weka:status", "weka status 'a b'", &words, &deadline);
        assert_eq!(record.end, end);
        assert_eq!(String::from_utf8_lossy(&record.stdout), stdout);
        assert_eq!(record.command, "weka status 'a b'");
    }

    #[test]
    fn no_weka() {
        let deadline = Deadline::within(Duration::from_secs(1));
        let record = weka(Path::new("/no/weka"), "k", "weka", &[], &deadline);
        let missing = NotRun::ProgramMissing("weka".to_owned());
        assert_eq!(record.end, End::NotRun(missing));
    }
}
