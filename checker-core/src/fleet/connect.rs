//! From a name to a TCP connection, within a deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{self, RecvTimeoutError};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::child::{TICK, poll_until};
use super::failed;
use crate::deadline::Deadline;
use crate::server::{ReachError, Step};

/// The addresses of a name. What is an address needs no asking.
pub(super) fn resolve(
    host: &str,
    port: u16,
    deadline: &Deadline,
) -> Result<Vec<SocketAddr>, ReachError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    // Nothing can end the system's resolver: it is left behind when it takes
    // too long, and ends by itself some time later.
    let (sender, answer) = mpsc::channel();
    let asked = host.to_owned();
    let thread = std::thread::Builder::new().name("resolve".to_owned());
    thread
        .spawn(move || {
            let found = (asked.as_str(), port).to_socket_addrs();
            let _ = sender.send(found.map(Iterator::collect::<Vec<_>>));
        })
        .map_err(|error| failed(Step::Local, format!("no thread to ask for {host}: {error}")))?;
    loop {
        match answer.recv_timeout(TICK.min(deadline.remaining())) {
            Ok(Ok(found)) if found.is_empty() => {
                return Err(failed(Step::Dns, format!("{host} has no address")));
            }
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => return Err(failed(Step::Dns, format!("{host}: {error}"))),
            Err(RecvTimeoutError::Timeout) if !deadline.passed() => {}
            Err(_) if deadline.interrupted() => return Err(interrupted()),
            Err(_) => {
                return Err(failed(
                    Step::Dns,
                    format!("{host}: the name service did not answer in time"),
                ));
            }
        }
    }
}

pub(super) fn interrupted() -> ReachError {
    failed(Step::Interrupted, "the run was interrupted".to_owned())
}

/// A connection to the first of these addresses that takes one. Each gets its
/// share of the time that is left.
pub(super) fn connect(
    addresses: &[SocketAddr],
    label: &str,
    deadline: &Deadline,
) -> Result<(TcpStream, SocketAddr), ReachError> {
    let mut errors: Vec<(Step, String)> = Vec::new();
    for (n, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - n).unwrap_or(u32::MAX);
        let share = deadline.sooner(deadline.remaining() / left);
        match connect_one(*address, &share) {
            Ok(stream) => return Ok((stream, *address)),
            Err(_) if deadline.interrupted() => return Err(interrupted()),
            Err(error) => {
                let step = match error {
                    Errno::CONNREFUSED => Step::Refused,
                    Errno::TIMEDOUT => Step::Timeout,
                    Errno::HOSTUNREACH
                    | Errno::NETUNREACH
                    | Errno::HOSTDOWN
                    | Errno::NETDOWN
                    | Errno::ADDRNOTAVAIL
                    | Errno::AFNOSUPPORT
                    | Errno::INVAL => Step::NoRoute,
                    Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::ACCESS | Errno::PERM => {
                        Step::Local
                    }
                    _ => Step::Protocol,
                };
                let words = if error == Errno::TIMEDOUT {
                    "nothing answered in time".to_owned()
                } else {
                    io::Error::from(error).to_string()
                };
                errors.push((step, format!("{address}: {words}")));
            }
        }
    }
    // Who refuses was there: that says more than a way that is missing.
    let step = [Step::Refused, Step::Timeout, Step::Protocol, Step::Local]
        .into_iter()
        .find(|step| errors.iter().any(|(s, _)| s == step))
        .unwrap_or(Step::NoRoute);
    let words: Vec<String> = errors.into_iter().map(|(_, words)| words).collect();
    let words = words.join("; ");
    Err(failed(step, format!("{label}: {words}")))
}

fn connect_one(address: SocketAddr, deadline: &Deadline) -> Result<TcpStream, Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => {}
        Err(Errno::INPROGRESS) => loop {
            let mut fds = [PollFd::new(&socket, PollFlags::OUT)];
            let ready = poll_until(&mut fds, None, deadline).map_err(|_| Errno::IO)?;
            if ready > 0 {
                rustix::net::sockopt::socket_error(&socket)??;
                break;
            }
            if deadline.passed() {
                return Err(Errno::TIMEDOUT);
            }
        },
        Err(error) => return Err(error),
    }
    // The script's words are few and small; none shall wait for another.
    rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(TcpStream::from(socket))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use super::*;

    fn soon() -> Deadline {
        Deadline::within(Duration::from_secs(5))
    }

    #[test]
    fn an_address_is_its_own_answer() {
        for address in ["10.0.0.1", "fd00::1"] {
            let found = resolve(address, 22, &Deadline::within(Duration::ZERO)).unwrap();
            assert_eq!(found, [SocketAddr::new(address.parse().unwrap(), 22)]);
        }
    }

    #[test]
    fn no_such_name() {
        let error = resolve("no-such-host.invalid", 22, &soon()).unwrap_err();
        assert_eq!(error.step, Step::Dns);
        assert!(error.detail.contains("no-such-host.invalid"));
    }

    #[test]
    fn the_second_address_is_tried_when_the_first_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        // Nobody listens there on the same port.
        let bad: SocketAddr = format!("127.0.0.9:{}", good.port()).parse().unwrap();
        let (_, peer) = connect(&[bad, good], "x", &soon()).unwrap();
        assert_eq!(peer, good);
        let error = connect(&[bad], "root@x", &soon()).unwrap_err();
        assert_eq!(error.step, Step::Refused);
        assert!(error.detail.starts_with("root@x: 127.0.0.9:"));
    }

    #[test]
    fn a_listener_that_takes_nobody_in_costs_its_time_and_no_more() {
        // A full queue leaves the connection unanswered.
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        rustix::net::bind(&socket, &any).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let address = TcpListener::from(socket.try_clone().unwrap())
            .local_addr()
            .unwrap();
        let _waiting: Vec<_> = (0..4)
            .map(|_| connect_one(address, &Deadline::within(Duration::from_millis(50))))
            .collect();
        let begun = Instant::now();
        let deadline = Deadline::within(Duration::from_millis(300));
        let error = connect(&[address], "x", &deadline).unwrap_err();
        assert_eq!(error.step, Step::Timeout);
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}
