//! A laboratory of several servers on one machine, each a real one to SSH.
//!
//! Every server is a process tree in network, mount, PID and UTS namespaces of
//! its own: with its own addresses, host name, host key, users, root file
//! system, hardware (as far as `/sys` and `/proc` tell of it), disk behind
//! `/opt/weka`, and a real `sshd`. The servers hang on a bridge that
//! lies in a namespace of its own too, so nothing touches the machine's network,
//! files or processes, and any number of labs can stand side by side with the
//! same addresses.
//!
//! No namespace has a name: each is held by its processes alone. The first
//! process of each reads from a pipe that this test holds open; when the lab is
//! dropped, or this process dies in whatever way, the pipe ends, the first
//! process with it, and the kernel ends all others in its PID namespace,
//! unmounts, and takes the links away. What is left then is one temporary
//! directory, and the next lab removes those whose owner is dead.

mod cluster;
mod hardware;
mod outside;
mod requirements;
mod run;
mod server;
mod standin;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use outside::{Leftovers, Traces, links};
pub(crate) use requirements::missing;
pub(crate) use run::{Run, Running};
pub(crate) use server::Server;

/// The first process of every server.
const INIT: &str = include_str!("init.sh");

/// Every lab's temporary directory starts with this.
const DIRECTORY_PREFIX: &str = "checker-lab-";

/// How long the first process may take to go when its input has ended.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a set-up failed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LabError {
    #[error("{what}: {error}")]
    Io { what: String, error: std::io::Error },
    #[error("{command}: {}", stderr.trim())]
    Command { command: String, stderr: String },
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> LabError {
    let what = what.into();
    move |error| LabError::Io { what, error }
}

/// Several servers and the switch between them.
pub(crate) struct Lab {
    // In this order: the servers end before the switch, both before the files.
    servers: Vec<Server>,
    switch: Process,
    directory: Directory,
    standin: PathBuf,
}

impl Lab {
    /// Servers `weka-01` to `weka-<n>`, ready and able to log in to each other.
    #[track_caller]
    pub(crate) fn new(name: &str, servers: usize) -> Self {
        let names: Vec<String> = (1..=servers).map(|n| format!("weka-{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Self::named(name, &names)
    }

    /// Servers with these host names, which may repeat.
    #[track_caller]
    pub(crate) fn named(name: &str, hostnames: &[&str]) -> Self {
        match Self::try_named(name, hostnames) {
            Ok(lab) => lab,
            Err(error) => panic!("the lab {name:?} could not be set up: {error}"),
        }
    }

    /// As [`Lab::named`].
    pub(crate) fn try_named(name: &str, hostnames: &[&str]) -> Result<Self, LabError> {
        let standin = standin::build().map_err(io("building the stand-in for weka"))?;
        outside::sweep();
        let directory = Directory::new(name)?;
        let switch = Process::start(
            "switch",
            Command::new("unshare").args([
                "--net",
                "/bin/sh",
                "-euc",
                r#"ip -batch - <<EOF
link add br0 type bridge stp_state 0 mcast_snooping 0
link set br0 up
EOF
echo "pid $$"; while read -r _; do :; done"#,
            ]),
        )?;
        let mut lab = Self {
            servers: Vec::new(),
            switch,
            directory,
            standin,
        };
        lab.write_files(hostnames)?;
        lab.start_servers(hostnames)?;
        Ok(lab)
    }

    /// Server `number`, counted from 1.
    #[track_caller]
    pub(crate) fn server(&self, number: usize) -> &Server {
        &self.servers[number - 1]
    }

    /// All of them.
    pub(crate) fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The directory that all servers see as `/run/lab/shared`.
    fn shared(&self) -> PathBuf {
        self.directory.path.join("shared")
    }

    fn write_files(&self, hostnames: &[&str]) -> Result<(), LabError> {
        let root = &self.directory.path;
        let shared = self.shared();
        fs::create_dir(&shared).map_err(io("the shared directory"))?;
        set_mode(&shared, 0o755)?;
        // Whoever runs the stand-in notes it here, root or not.
        put(&shared.join("weka-calls"), "", 0o666)?;

        let operator = root.join("operator");
        generate_key(&operator, "operator")?;
        let mut known_hosts = String::new();
        let mut hosts = String::from("127.0.0.1 localhost\n::1 localhost\n");
        for (n, hostname) in hostnames.iter().enumerate() {
            let (number, v4, v6) = (n + 1, ipv4(n + 1), ipv6(n + 1));
            let key = root.join(format!("host-key-{number}"));
            generate_key(&key, &format!("server-{number}"))?;
            let public = read(&key.with_extension("pub"))?;
            known_hosts.push_str(&known_hosts_line(hostname, &v4, &v6, &public));
            hosts.push_str(&format!("{v4} {hostname}\n{v6} {hostname}\n"));
        }
        for (n, hostname) in hostnames.iter().enumerate() {
            let number = n + 1;
            let server = root.join(format!("server-{number}"));
            for (directory, mode) in [
                ("", 0o755),
                ("etc", 0o755),
                ("etc/ssh", 0o755),
                ("etc/lab", 0o755),
                ("bin", 0o755),
                ("root", 0o700),
                ("root/.ssh", 0o700),
                ("weka", 0o755),
                ("weka/data", 0o755),
                ("weka/data/agent", 0o755),
                ("weka/data/drives0", 0o755),
                ("weka/data/compute0", 0o755),
                ("weka/data/frontend0", 0o755),
                ("weka/data/drives0/tls", 0o755),
                ("weka/dist", 0o755),
                ("weka/dist/release", 0o755),
            ] {
                let path = server.join(directory);
                fs::create_dir(&path).map_err(io(path.display().to_string()))?;
                set_mode(&path, mode)?;
            }
            let key = root.join(format!("host-key-{number}"));
            let operator_public = read(&operator.with_extension("pub"))?;
            let files: &[(&str, &str, u32)] = &[
                ("etc/hosts", &hosts, 0o644),
                ("etc/hostname", &format!("{hostname}\n"), 0o644),
                // No name server: what is not in /etc/hosts is not found, at once.
                ("etc/resolv.conf", "", 0o644),
                (
                    "etc/nsswitch.conf",
                    "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
                    0o644,
                ),
                ("etc/os-release", OS_RELEASE, 0o644),
                ("etc/passwd", PASSWD, 0o644),
                ("etc/group", GROUP, 0o644),
                ("etc/shadow", SHADOW, 0o640),
                ("etc/sudoers", SUDOERS, 0o440),
                ("etc/lab/units", UNITS, 0o644),
                ("etc/ssh/sshd_config", SSHD_CONFIG, 0o644),
                ("etc/ssh/ssh_host_ed25519_key", &read(&key)?, 0o600),
                (
                    "etc/ssh/ssh_host_ed25519_key.pub",
                    &read(&key.with_extension("pub"))?,
                    0o644,
                ),
                ("root/.ssh/authorized_keys", &operator_public, 0o600),
                ("root/.ssh/id_ed25519", &read(&operator)?, 0o600),
                ("root/.ssh/id_ed25519.pub", &operator_public, 0o644),
                ("root/.ssh/known_hosts", &known_hosts, 0o600),
                ("bin/systemctl", standin::SYSTEMCTL, 0o755),
                ("bin/weka", &standin::weka(number), 0o755),
                // Only whether they are there is ever asked.
                ("bin/gcc", standin::IS_THERE, 0o755),
                ("bin/make", standin::IS_THERE, 0o755),
                ("bin/perl", standin::IS_THERE, 0o755),
                (
                    "weka/data/drives0/config",
                    "one file of a container\n",
                    0o644,
                ),
                // Public, made for this and nothing else; its key is gone.
                (
                    "weka/data/drives0/tls/certificate.pem",
                    include_str!("certificate.pem"),
                    0o644,
                ),
                (
                    &format!("weka/dist/release/{}.spec", cluster::RUNNING),
                    "{}\n",
                    0o644,
                ),
                // What some tests let it run instead.
                ("weka/dist/release/4.2.18.34.spec", "{}\n", 0o644),
            ];
            for (path, text, mode) in files {
                put(&server.join(path), text, *mode)?;
            }
            for directory in hardware::EMPTY {
                fs::create_dir_all(server.join(directory)).map_err(io(directory))?;
            }
            for (path, text) in hardware::files() {
                let path = server.join(path);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(io(parent.display().to_string()))?;
                }
                put(&path, &text, 0o644)?;
            }
        }
        Ok(())
    }

    fn start_servers(&mut self, hostnames: &[&str]) -> Result<(), LabError> {
        // All are started before any is waited for.
        let mut processes = Vec::new();
        for (n, hostname) in hostnames.iter().enumerate() {
            let number = n + 1;
            processes.push(Process::start(
                &format!("server {number}"),
                Command::new("unshare")
                    .args([
                        "--net",
                        "--uts",
                        "--mount",
                        "--pid",
                        "--fork",
                        "--kill-child",
                    ])
                    .args([
                        "--propagation",
                        "private",
                        "/bin/sh",
                        "-euc",
                        INIT,
                        "lab-server",
                    ])
                    .env("LAB_DIR", &self.directory.path)
                    .env("LAB_NUMBER", number.to_string())
                    .env("LAB_HOSTNAME", hostname)
                    .env("LAB_IPV4", ipv4(number))
                    .env("LAB_IPV6", ipv6(number))
                    .env("LAB_CHECKER", env!("CARGO_BIN_EXE_checker"))
                    .env("LAB_STANDIN", &self.standin),
            )?);
        }
        let mut links = String::new();
        for (n, process) in processes.iter().enumerate() {
            let (number, pid) = (n + 1, process.pid);
            let mac = mac(number);
            links.push_str(&format!(
                "link add port{number} type veth peer name eth0 address {mac} netns {pid}\n\
                 link set port{number} master br0 up\n"
            ));
        }
        self.switch.ip(&links)?;
        for process in &mut processes {
            process.say("go");
        }
        for (n, (mut process, hostname)) in processes.into_iter().zip(hostnames).enumerate() {
            process.expect("ready")?;
            let server = Server::new(n + 1, hostname, process, self.switch.pid);
            self.servers.push(server);
        }
        Ok(())
    }
}

/// A process that ends when its standard input does.
struct Process {
    name: String,
    /// `None` once it has been told to go.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    errors: tempfile::NamedTempFile,
    child: Child,
    /// The first process inside, by the machine's count; `child` may be the
    /// `unshare` that waits for it.
    pid: u32,
}

impl Process {
    fn start(name: &str, command: &mut Command) -> Result<Self, LabError> {
        let errors = tempfile::NamedTempFile::new().map_err(io("a temporary file"))?;
        let mut child = command
            .env("PATH", PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.reopen().map_err(io("a temporary file"))?)
            .spawn()
            .map_err(io(name))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut process = Self {
            name: name.to_owned(),
            input,
            output,
            errors,
            child,
            pid: 0,
        };
        let pid = process.expect("pid ")?;
        process.pid = pid.parse().map_err(|_| process.failed())?;
        Ok(process)
    }

    /// Reads the next line, which must start with `word`; the rest of it.
    fn expect(&mut self, word: &str) -> Result<String, LabError> {
        let mut line = String::new();
        // An error and an end are the same here: its standard error tells more.
        let _ = self.output.read_line(&mut line);
        match line.strip_prefix(word) {
            Some(rest) => Ok(rest.trim().to_owned()),
            None => Err(self.failed()),
        }
    }

    fn failed(&self) -> LabError {
        LabError::Command {
            command: self.name.clone(),
            stderr: fs::read_to_string(self.errors.path()).unwrap_or_default(),
        }
    }

    fn say(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            // If it has gone, reading from it will say so.
            let _ = writeln!(input, "{line}");
        }
    }

    /// Runs `ip` commands in its network.
    fn ip(&self, batch: &str) -> Result<(), LabError> {
        ip(self.pid, batch)
    }

    /// Ends it, and with it all that runs inside.
    fn end(&mut self) {
        self.input = None;
        let begun = Instant::now();
        while begun.elapsed() < FAREWELL {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // `unshare` takes the first process inside with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The lab's files; a lock on one of them shows that the owner lives.
struct Directory {
    path: PathBuf,
    _lock: fs::File,
}

impl Directory {
    fn new(name: &str) -> Result<Self, LabError> {
        let prefix = format!("{DIRECTORY_PREFIX}{}-{name}-", std::process::id());
        let directory = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir()
            .map_err(io("a temporary directory"))?;
        let lock =
            fs::File::create(directory.path().join(outside::LOCK)).map_err(io("the lab's lock"))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|error| io("the lab's lock")(error.into()))?;
        Ok(Self {
            path: directory.keep(),
            _lock: lock,
        })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            // Nobody can be told by an error here, and a panic may be under way.
            let _ = writeln!(
                std::io::stderr(),
                "{} is left behind: {error}",
                self.path.display()
            );
        }
    }
}

/// Where the programs are found, on the machine and on the servers.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn ipv4(number: usize) -> String {
    format!("10.77.0.{}", number + 10)
}

/// The last part has the digits of the IPv4 address.
fn ipv6(number: usize) -> String {
    format!("fd77::{}", number + 10)
}

fn mac(number: usize) -> String {
    format!("02:77:00:00:00:{number:02x}")
}

fn known_hosts_line(hostname: &str, v4: &str, v6: &str, public: &str) -> String {
    let mut words = public.split_whitespace();
    let (kind, key) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    // One line for each: two servers may have one name.
    [hostname, v4, v6]
        .map(|host| format!("{host} {kind} {key}\n"))
        .concat()
}

/// Runs `ip` commands in the network of a process.
fn ip(pid: u32, batch: &str) -> Result<(), LabError> {
    let mut child = Command::new("nsenter")
        .args(["--net", "--target", &pid.to_string(), "ip", "-batch", "-"])
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io("nsenter"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(batch.as_bytes()).map_err(io("ip"))?;
    }
    let output = child.wait_with_output().map_err(io("ip"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(LabError::Command {
        command: format!("ip, told {batch:?}"),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn generate_key(path: &Path, comment: &str) -> Result<(), LabError> {
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
        .arg(path)
        .env("PATH", PATH)
        .output()
        .map_err(io("ssh-keygen"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(LabError::Command {
        command: "ssh-keygen".to_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn read(path: &Path) -> Result<String, LabError> {
    fs::read_to_string(path).map_err(io(path.display().to_string()))
}

fn put(path: &Path, text: &str, mode: u32) -> Result<(), LabError> {
    fs::write(path, text).map_err(io(path.display().to_string()))?;
    set_mode(path, mode)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), LabError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(io(path.display().to_string()))
}

const OS_RELEASE: &str = r#"PRETTY_NAME="Ubuntu 22.04.4 LTS"
NAME="Ubuntu"
VERSION_ID="22.04"
VERSION="22.04.4 LTS (Jammy Jellyfish)"
VERSION_CODENAME=jammy
ID=ubuntu
ID_LIKE=debian
"#;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash
sshd:x:101:65534::/run/sshd:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";

const GROUP: &str = "root:x:0:
nogroup:x:65534:
";

// `*`: no password, but not locked, which would refuse keys too.
const SHADOW: &str = "root:*:20000:0:99999:7:::
sshd:*:20000:0:99999:7:::
nobody:*:20000:0:99999:7:::
";

const SUDOERS: &str = r#"Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"#;

const UNITS: &str = "weka-agent.service loaded active running enabled
rpc-statd.service loaded inactive dead disabled
rpc-statd-notify.service loaded inactive dead disabled
";

const SSHD_CONFIG: &str = "# The first value of an option counts.
Include /etc/ssh/sshd_config.d/*.conf
Port 22
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile /run/sshd.pid
LogLevel VERBOSE
StrictModes yes
PermitRootLogin prohibit-password
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd yes
";
