//! Where the containers' management ports are, and whether they answer from
//! another backend.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::containers::{CONTAINERS, is_backend};
use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::server::{Role, Server};
use crate::source::{ClusterCommand, DependentProbe, ServerProbe};

/// One address and port at which a container is managed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::net::SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// The management port of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MgmtPort {
    /// The number of the container's id.
    pub container: u64,
    /// Its name.
    pub name: String,
    /// Its management addresses.
    pub addresses: Vec<IpAddr>,
    /// Its port; `None` where the cluster does not tell.
    pub port: Option<u16>,
}

impl MgmtPort {
    /// Its addresses with its port; none where the cluster does not tell one.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        let port = self.port;
        let at = move |address: &IpAddr| {
            port.map(|port| Endpoint {
                address: *address,
                port,
            })
        };
        self.addresses.iter().filter_map(at)
    }
}

/// The management ports of all backend containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MgmtPorts(pub Vec<MgmtPort>);

impl Fact for MgmtPorts {
    const NAME: &'static str = "mgmt_ports";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&CONTAINERS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(CONTAINERS.key, read)
    }
}

fn read(value: &Value) -> Result<MgmtPorts, ShapeError> {
    let mut ports = Vec::new();
    for c in Object::list(value)? {
        if !is_backend(&c)? {
            continue;
        }
        let id_names = ["host_id", "id", "container_id"];
        let port = match c.opt_number(&["mgmt_port", "management_port"])? {
            None | Some(0) => None,
            Some(port) => Some(
                u16::try_from(port).map_err(|_| c.error(&["mgmt_port"], "is no port number"))?,
            ),
        };
        let primary = c.opt_text(&["host_ip", "container_ip"])?;
        let mut addresses: Vec<IpAddr> = primary
            .into_iter()
            .chain(c.texts(&["ips"])?)
            .filter_map(|address| address.parse().ok())
            .collect();
        addresses.sort();
        addresses.dedup();
        ports.push(MgmtPort {
            container: c
                .opt_id(&id_names)?
                .ok_or_else(|| c.error(&id_names, "is missing"))?,
            name: c
                .opt_text(&["container_name", "name", "container"])?
                .unwrap_or_default()
                .to_owned(),
            addresses,
            port,
        });
    }
    Ok(MgmtPorts(ports))
}

/// How many others ask each server: if one of them can't be reached, the other
/// still tells.
const ASKERS: usize = 2;

/// Opens a connection to each `address port` that it is given, all at once.
///
/// `bash` can do that by itself and costs one start; then `curl`, one start for
/// each (its plain HTTP, since it tells the time of a connection only when
/// TLS comes to pass too); then Python. Not `nc`: that of RHEL 7 and that of
/// busybox have no `-z`, and what they say then looks like a closed port.
///
/// What is asked for is named first: where a firewall swallows the question,
/// nothing more comes of it within the three seconds.
pub static PORTS: DependentProbe = DependentProbe {
    probe: ServerProbe {
        key: "host:ports",
        script: r#"n=
for word in "$@"; do
    if [ "$n" ]; then echo "asked $n $word"; n=; else n=$word; fi
done
if command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
    timeout 3 bash -c '
        ask() {
            if { true <>"/dev/tcp/$1/$2"; } 2>/dev/null; then echo "open $1 $2"; else echo "closed $1 $2"; fi
        }
        while [ "$#" -gt 1 ]; do ask "$1" "$2" & shift 2; done
        wait
    ' bash "$@"
elif command -v curl >/dev/null 2>&1; then
    while [ "$#" -gt 1 ]; do
        case $1 in *:*) host="[$1]" ;; *) host=$1 ;; esac
        took=$(curl -s -k -o /dev/null --noproxy '*' --connect-timeout 1 -m 2 -w '%{time_connect}' "http://$host:$2/")
        case $took in
            *[1-9]*) echo "open $1 $2" ;;
            *) echo "closed $1 $2" ;;
        esac
        shift 2
    done
elif command -v python3 >/dev/null 2>&1; then
    python3 -c '
import socket, sys
words = sys.argv[1:]
for host, port in zip(words[::2], words[1::2]):
    try:
        socket.create_connection((host, int(port)), 1).close()
        print("open", host, port)
    except OSError:
        print("closed", host, port)
' "$@"
else
    echo 'none of bash with timeout, curl and python3 is there' >&2
    exit 127
fi
echo end
"#,
        timeout: Duration::from_secs(10),
        limit: 64 * 1024,
    },
    words: |view, server, all| {
        let Ok(ports) = MgmtPorts::read(view) else {
            return Vec::new();
        };
        asked_by(server, all, &ports)
            .iter()
            .flat_map(|endpoint| [endpoint.address.to_string(), endpoint.port.to_string()])
            .collect()
    },
};

/// What this server asks: the backends of the run stand in a ring, and each asks
/// those behind it.
fn asked_by(server: &Server, all: &[Server], ports: &MgmtPorts) -> Vec<Endpoint> {
    let ring: Vec<&Server> = all.iter().filter(|s| s.role == Role::Backend).collect();
    let Some(own) = ring.iter().position(|other| other.name == server.name) else {
        return Vec::new();
    };
    (1..=ASKERS.min(ring.len() - 1))
        .filter_map(|step| ring.get((own + step) % ring.len()))
        .flat_map(|other| ports.of(other))
        .flat_map(MgmtPort::endpoints)
        .collect()
}

impl MgmtPorts {
    /// Those of the containers on this server: they share an address with it.
    pub fn of(&self, server: &Server) -> impl Iterator<Item = &MgmtPort> {
        let own: Vec<IpAddr> = server
            .addresses
            .iter()
            .filter_map(|address| address.parse().ok())
            .collect();
        self.0
            .iter()
            .filter(move |port| port.addresses.iter().any(|a| own.contains(a)))
    }
}

/// What one server found when it asked others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortAnswers {
    /// Whether a connection came to pass, by where.
    pub open: BTreeMap<String, bool>,
}

impl PortAnswers {
    /// What came of asking there; `None` where it did not ask.
    #[must_use]
    pub fn of(&self, endpoint: &Endpoint) -> Option<bool> {
        self.open.get(&endpoint.to_string()).copied()
    }
}

impl Fact for PortAnswers {
    const NAME: &'static str = "port_answers";
    const SCOPE: FactScope = FactScope::Server;
    const DEPENDENT_PROBES: &'static [&'static DependentProbe] = &[&PORTS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let key = PORTS.probe.key;
        parse(&view.text(key)?).map_err(|what| view.unreadable(key, what))
    }
}

fn parse(text: &str) -> Result<PortAnswers, String> {
    if !text.lines().any(|line| line == "end") {
        return Err("it breaks off".to_owned());
    }
    let answer = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (open, address, port) = match words.as_slice() {
            ["open", address, port] => (true, address, port),
            ["asked" | "closed", address, port] => (false, address, port),
            _ => return None,
        };
        let endpoint = Endpoint {
            address: address.parse().ok()?,
            port: port.parse().ok()?,
        };
        Some((endpoint.to_string(), open))
    };
    let mut open = BTreeMap::new();
    for (endpoint, answered) in text.lines().filter_map(answer) {
        *open.entry(endpoint).or_default() |= answered;
    }
    Ok(PortAnswers { open })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use rstest::rstest;
    use serde_json::json;

    use super::super::shells;
    use super::*;

    fn container(id: u64, address: &str, port: Value) -> Value {
        json!({"host_id": format!("HostId<{id}>"), "hostname": "h", "container_name": format!("c{id}"),
            "host_ip": address, "ips": [address], "mode": "backend", "status": "UP", "mgmt_port": port})
    }

    fn server(n: u8, role: Role) -> Server {
        let address = format!("10.0.0.{n}");
        Server {
            name: format!("weka-{n}"),
            hostname: format!("weka-{n}"),
            addresses: vec![address.clone()],
            address,
            role,
        }
    }

    #[rstest]
    #[case::number(json!(14000), Some(14000))]
    #[case::text(json!("14200"), Some(14200))]
    #[case::null(json!(null), None)]
    #[case::zero(json!(0), None)]
    fn ports(#[case] port: Value, #[case] expected: Option<u16>) {
        let MgmtPorts(list) = read(&json!([container(1, "10.0.0.1", port)])).expect("readable");
        assert_eq!(list[0].port, expected);
        assert_eq!(list[0].endpoints().count(), usize::from(expected.is_some()));
    }

    #[test]
    fn clients_have_none_and_odd_ports_are_refused() {
        let mut client = container(1, "10.0.0.1", json!(14000));
        client["mode"] = json!("client");
        assert_eq!(read(&json!([client])), Ok(MgmtPorts(Vec::new())));
        assert!(read(&json!([container(1, "10.0.0.1", json!(140_000))])).is_err());
    }

    /// Each backend is asked by two others, and no server asks itself.
    #[rstest]
    #[case(1, 0)]
    #[case(2, 1)]
    #[case(3, 2)]
    #[case(5, 2)]
    fn who_asks_whom(#[case] backends: u8, #[case] askers: usize) {
        let list: Vec<Value> = (1..=backends)
            .map(|n| container(u64::from(n), &format!("10.0.0.{n}"), json!(14000)))
            .collect();
        let ports = read(&json!(list)).expect("readable");
        let mut all: Vec<Server> = (1..=backends).map(|n| server(n, Role::Backend)).collect();
        all.push(server(99, Role::Client));
        let mut asked: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for server in &all {
            for endpoint in asked_by(server, &all, &ports) {
                assert_ne!(endpoint.address.to_string(), server.address);
                *asked.entry(endpoint.address).or_default() += 1;
            }
        }
        assert_eq!(
            asked.len(),
            if askers == 0 {
                0
            } else {
                usize::from(backends)
            }
        );
        assert!(asked.values().all(|count| *count == askers), "{asked:?}");
        assert!(asked_by(&all[usize::from(backends)], &all, &ports).is_empty());
    }

    #[rstest]
    #[case("")]
    #[case("open 10.0.0.1 14000\n")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[test]
    fn reads_both_families() {
        let text = "Welcome\nasked 10.0.0.1 14000\nasked 10.0.0.1 14300\nasked fd00::1 14200\n\
            open 10.0.0.1 14000\nclosed fd00::1 14200\nclosed odd 1\nend\n";
        let answers = parse(text).expect("readable");
        let at = |address: &str, port| Endpoint {
            address: address.parse().expect("an address"),
            port,
        };
        assert_eq!(answers.of(&at("10.0.0.1", 14000)), Some(true));
        assert_eq!(answers.of(&at("fd00:0::1", 14200)), Some(false));
        // Asked, and silence: a firewall that swallows the question.
        assert_eq!(answers.of(&at("10.0.0.1", 14300)), Some(false));
        assert_eq!(answers.of(&at("10.0.0.1", 14200)), None);
    }

    /// For real, with an open and a closed port of this machine; each program
    /// alone, by a name in its place that does not exist for the others.
    #[rstest]
    fn the_script_asks(
        #[values("sh", "dash", "bash", "busybox sh")] shell: &str,
        #[values("bash", "curl", "python3")] program: &str,
    ) {
        let found = std::process::Command::new(program)
            .arg("--version")
            .output();
        if found.is_err() {
            println!("SKIPPED: no {program}");
            return;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let open = listener.local_addr().expect("an address").port();
        // Nobody listens there any more.
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|gone| gone.local_addr())
            .expect("an address")
            .port();
        let mut script = PORTS.probe.script.to_owned();
        for other in ["bash", "curl", "python3"] {
            if other != program {
                script = script.replace(&format!("command -v {other} "), "command -v no-such ");
            }
        }
        let script = format!("set -- 127.0.0.1 {open} 127.0.0.1 {closed}\n{script}");
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        let answers = parse(&text).expect("readable");
        let at = |port| Endpoint {
            address: Ipv4Addr::LOCALHOST.into(),
            port,
        };
        assert_eq!(answers.of(&at(open)), Some(true), "{text}");
        assert_eq!(answers.of(&at(closed)), Some(false), "{text}");
    }

    /// What swallows the question does not hold the script up. This address is
    /// kept for documentation: either nothing comes back, or "no route" at once.
    #[rstest]
    #[case("sh")]
    #[case("busybox sh")]
    fn silence_ends_in_time(#[case] shell: &str) {
        let script = format!("set -- 192.0.2.1 14000\n{}", PORTS.probe.script);
        let begun = std::time::Instant::now();
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        assert!(begun.elapsed() < Duration::from_secs(6), "{text}");
        let answers = parse(&text).expect("readable");
        assert_eq!(answers.open.get("192.0.2.1:14000"), Some(&false), "{text}");
    }

    #[rstest]
    #[case("sh")]
    #[case("busybox sh")]
    fn without_any_of_them_it_says_so(#[case] shell: &str) {
        let script = PORTS
            .probe
            .script
            .replace("command -v ", "command -v no-such-");
        if let Some(output) = shells::run(shell, &format!("set -- 127.0.0.1 1\n{script}")) {
            assert_eq!(output.status.code(), Some(127), "{output:?}");
            assert!(!output.stderr.is_empty());
        }
    }
}
