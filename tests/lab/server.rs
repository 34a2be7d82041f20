//! One server of a lab, and what can be done to it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{PATH, Process, ip, ipv4, ipv6, mac};

/// Where a server's files are not its own: no test may write there.
const NOT_OWN: [&str; 3] = ["/dev/", "/proc/", "/run/lab/"];

/// How long something that takes milliseconds may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a command on a server answered.
#[derive(Debug)]
pub(crate) struct Output {
    /// Its exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

/// One server.
pub(crate) struct Server {
    /// Counted from 1.
    pub(crate) number: usize,
    hostname: String,
    /// Gone once the server is powered off.
    process: Mutex<Option<Process>>,
    pid: u32,
    switch: u32,
    /// By their port. Nobody answers on them: the kernel accepts.
    listeners: Mutex<BTreeMap<u16, TcpListener>>,
    /// Connections to them.
    held: Mutex<Vec<TcpStream>>,
}

impl Server {
    pub(super) fn new(number: usize, hostname: &str, process: Process, switch: u32) -> Self {
        Self {
            number,
            hostname: hostname.to_owned(),
            pid: process.pid,
            process: Mutex::new(Some(process)),
            switch,
            listeners: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// Its host name.
    pub(crate) fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Its IPv4 address.
    pub(crate) fn ipv4(&self) -> String {
        ipv4(self.number)
    }

    /// Its IPv6 address.
    pub(crate) fn ipv6(&self) -> String {
        ipv6(self.number)
    }

    /// Its first process, by the machine's count.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Where the machine finds a file of this server.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.pid))
    }

    /// The text of one of its files; empty if there is none.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read(self.path(path)).map_or_else(
            |_| String::new(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// Writes one of its files, with this mode, in place of what was there.
    #[track_caller]
    pub(crate) fn write(&self, path: &str, text: &str, mode: u32) {
        assert!(
            !NOT_OWN.iter().any(|other| path.starts_with(other)) && !path.contains(".."),
            "{path} is not the server's own"
        );
        // Renamed over what was there, since writing through a link would end
        // outside of the server.
        let new = self.path(&format!("{path}.lab-new"));
        fs::write(&new, text)
            .and_then(|()| fs::set_permissions(&new, fs::Permissions::from_mode(mode)))
            .and_then(|()| fs::rename(&new, self.path(path)))
            .unwrap_or_else(|error| panic!("writing {path} on server {}: {error}", self.number));
    }

    /// Appends to one of its files.
    #[track_caller]
    pub(crate) fn append(&self, path: &str, text: &str, mode: u32) {
        self.write(path, &(self.read(path) + text), mode);
    }

    /// Puts a shell script in the place of one of its programs.
    #[track_caller]
    pub(crate) fn program(&self, name: &str, script: &str) {
        self.write(
            &format!("/usr/bin/{name}"),
            &format!("#!/bin/sh\n{script}"),
            0o755,
        );
    }

    /// A command that will run inside, as root, with a clean environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--all", "--target", &self.pid.to_string()])
            .args(["--wdns=/root", "--", "/usr/bin/env", "-i"])
            .arg(format!("PATH={PATH}"))
            .args(["HOME=/root", "USER=root", "LANG=C.UTF-8", program])
            .env("PATH", PATH)
            .stdin(Stdio::null());
        command
    }

    /// Runs a line of shell inside.
    #[track_caller]
    pub(crate) fn exec(&self, line: &str) -> Output {
        let output = self
            .command("/bin/sh")
            .args(["-c", line])
            .output()
            .expect("nsenter runs");
        Output {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// As [`Server::exec`], for what must succeed; its standard output.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.exec(line);
        assert_eq!(output.status, Some(0), "{line:?}: {output:?}");
        output.stdout
    }

    // ---- what it looks like ----

    /// Gives it another host name.
    pub(crate) fn set_hostname(&self, name: &str) {
        self.run(&format!("echo '{name}' >/proc/sys/kernel/hostname"));
    }

    /// Sets a unit of its systemd.
    pub(crate) fn set_unit(&self, unit: &str, active: bool, enabled: bool) {
        let activity = if active {
            "active running"
        } else {
            "inactive dead"
        };
        let file = if enabled { "enabled" } else { "disabled" };
        let table = self.read("/etc/lab/units");
        let others = table
            .lines()
            .filter(|line| line.split(' ').next() != Some(unit));
        let table: Vec<&str> = others.collect();
        self.set_units(&format!(
            "{}\n{unit} loaded {activity} {file}\n",
            table.join("\n")
        ));
    }

    /// Sets all units of its systemd: lines of `name load active sub file-state`.
    pub(crate) fn set_units(&self, table: &str) {
        self.write("/etc/lab/units", table, 0o644);
    }

    /// Sets the size of the file system behind `/opt/weka`, in MiB. A size
    /// costs no memory until it is written to.
    pub(crate) fn set_opt_weka_size(&self, mib: u64) {
        self.run(&format!("mount -o remount,size={mib}m /run/lab/weka"));
    }

    /// Makes a container's directory seem to hold this much: one sparse file.
    pub(crate) fn set_data_size(&self, container: &str, mib: u64) {
        self.run(&format!(
            "mkdir -p /opt/weka/data/{container} && truncate -s {mib}M /opt/weka/data/{container}/journal"
        ));
    }

    /// Makes its clock go wrong by this many seconds, for whoever asks `date`.
    pub(crate) fn set_clock_offset(&self, seconds: i64) {
        if !self.path("/run/lab/date").exists() {
            fs::copy("/usr/bin/date", self.path("/run/lab/date")).expect("a copy of date");
        }
        self.program(
            "date",
            &format!("exec /run/lab/date -d '{seconds} seconds' \"$@\"\n"),
        );
    }

    /// Takes the `weka` command away.
    pub(crate) fn remove_weka(&self) {
        fs::remove_file(self.path("/usr/bin/weka")).expect("there is a weka");
    }

    // ---- how it answers ----

    /// How many TCP connections its sshd has seen.
    pub(crate) fn connections(&self) -> usize {
        self.count_in_log("Connection from ")
    }

    /// How many sessions its sshd has started.
    pub(crate) fn sessions(&self) -> usize {
        self.count_in_log("Starting session: ")
    }

    fn count_in_log(&self, word: &str) -> usize {
        let log = self.read("/var/log/sshd.log");
        log.lines().filter(|line| line.contains(word)).count()
    }

    /// Ends its sshd, so that connections are refused. Open sessions live on.
    pub(crate) fn stop_sshd(&self) {
        let pid = self.read("/run/sshd.pid");
        self.run(&format!("kill {}", pid.trim()));
        self.wait("sshd to end", || !self.path("/run/sshd.pid").exists());
    }

    /// Starts its sshd, and waits until it listens.
    pub(crate) fn start_sshd(&self) {
        self.run("/usr/sbin/sshd -E /var/log/sshd.log");
        self.wait("sshd to listen", || !self.read("/run/sshd.pid").is_empty());
    }

    /// Makes sshd read its configuration again.
    pub(crate) fn restart_sshd(&self) {
        self.stop_sshd();
        self.start_sshd();
    }

    #[track_caller]
    fn wait(&self, what: &str, done: impl Fn() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(
                begun.elapsed() < PATIENCE,
                "server {}: waited for {what}",
                self.number
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether it has not been powered off.
    pub(super) fn is_on(&self) -> bool {
        self.process.lock().expect("no panic holds it").is_some()
    }

    /// Ends the server: its address is no longer there.
    pub(crate) fn power_off(&self) {
        // Its network outlives its processes by a moment, in which it would refuse.
        self.switch_ip(&format!("link del port{}\n", self.number));
        drop(self.process.lock().expect("no panic holds it").take());
        // They would keep its network alive.
        self.listeners.lock().expect("no panic holds it").clear();
        self.held.lock().expect("no panic holds it").clear();
    }

    /// Lets every packet to and from it vanish, so that connecting to it and
    /// waiting for it both take for ever. `others` are the servers that go on
    /// believing in its address.
    pub(crate) fn black_hole(&self, others: &[Self]) {
        self.switch_ip(&format!("link set port{} down\n", self.number));
        let (v4, v6, mac) = (self.ipv4(), self.ipv6(), mac(self.number));
        for other in others.iter().filter(|o| o.number != self.number) {
            // Without these the address is soon known to be gone: "no route".
            ip(
                other.pid,
                &format!(
                    "neigh replace {v4} lladdr {mac} dev eth0 nud permanent\n\
                     neigh replace {v6} lladdr {mac} dev eth0 nud permanent\n"
                ),
            )
            .unwrap_or_else(|error| panic!("{error}"));
        }
    }

    fn switch_ip(&self, batch: &str) {
        ip(self.switch, batch).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Puts a listener in the place of sshd that accepts and says nothing.
    pub(crate) fn silent_listener(&self) {
        self.stop_sshd();
        self.listen(&[22]);
    }

    /// Listens on these ports, for IPv4 and IPv6; who connects hears nothing.
    pub(crate) fn listen(&self, ports: &[u16]) {
        let mut listeners = self.listeners.lock().expect("no panic holds it");
        let new: Vec<u16> = ports
            .iter()
            .copied()
            .filter(|port| !listeners.contains_key(port))
            .collect();
        if new.is_empty() {
            return;
        }
        let namespace = fs::File::open(format!("/proc/{}/ns/net", self.pid)).expect("its network");
        // A socket belongs to the network in which it was made, whoever holds
        // it. The thread ends here and takes its change of network with it.
        let made = std::thread::spawn(move || -> io::Result<Vec<(u16, TcpListener)>> {
            move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&namespace),
                Some(LinkNameSpaceType::Network),
            )?;
            new.into_iter()
                .map(|port| {
                    let listener = TcpListener::bind(("::", port))?;
                    listener.set_nonblocking(true)?;
                    Ok((port, listener))
                })
                .collect()
        })
        .join()
        .expect("no panic")
        .expect("listeners");
        listeners.extend(made);
    }

    /// Ends the listener on this port.
    #[track_caller]
    pub(crate) fn stop_listening(&self, port: u16) {
        let ended = self
            .listeners
            .lock()
            .expect("no panic holds it")
            .remove(&port);
        assert!(ended.is_some(), "nobody listens on {port}");
    }

    /// Lets go of connections that ended, and holds those that did not: the
    /// kernel keeps only so many that nobody accepts.
    pub(super) fn forget_connections(&self) {
        let mut held = self.held.lock().expect("no panic holds it");
        for listener in self.listeners.lock().expect("no panic holds it").values() {
            while let Ok((connection, _)) = listener.accept() {
                if connection.set_nonblocking(true).is_ok() {
                    held.push(connection);
                }
            }
        }
        // There is nothing to read, neither a byte nor an end.
        held.retain(|connection| {
            connection
                .peek(&mut [0])
                .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        });
    }

    /// Gives it another host key than everyone knows.
    pub(crate) fn change_host_key(&self) {
        self.run("rm /etc/ssh/ssh_host_* && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key");
        self.restart_sshd();
    }

    /// Shows a banner before login.
    pub(crate) fn banner(&self) {
        self.write(
            "/etc/ssh/banner",
            "*** Authorized use only. {\"json\": true} ***\n",
            0o644,
        );
        self.run("mkdir -p /etc/ssh/sshd_config.d");
        self.write(
            "/etc/ssh/sshd_config.d/banner.conf",
            "Banner /etc/ssh/banner\n",
            0o644,
        );
        self.restart_sshd();
    }

    /// Lets everything that runs at a login print, on both outputs.
    pub(crate) fn noisy_profile(&self) {
        let noise = "echo 'Welcome to {weka}! [0]'; echo 'quota: exceeded' >&2\n";
        for path in ["/root/.bashrc", "/root/.profile", "/root/.ssh/rc"] {
            self.write(path, noise, 0o644);
        }
        self.write("/etc/motd", "Maintenance on Sunday.\n", 0o644);
    }

    /// Lets the SSH session be killed from within, as soon as its script asks
    /// for the units: sshd's process for the session dies, and the connection with it.
    pub(crate) fn dies_in_script(&self) {
        self.program(
            "systemctl",
            r#"read -r listener </run/sshd.pid
pid=$PPID
while [ "$pid" -gt 1 ]; do
    name= parent=
    while IFS=':	 ' read -r key value _; do
        case $key in
        Name) name=$value ;;
        PPid) parent=$value ;;
        esac
    done <"/proc/$pid/status"
    case $name in
    sshd*)
        [ "$pid" = "$listener" ] || kill -9 "$pid"
        exit 1
        ;;
    esac
    pid=$parent
done
echo "no sshd above this process" >&2
exit 1
"#,
        );
    }

    /// Lets the server's link go down as soon as its script asks for the
    /// units: no packet, and no end, ever comes again.
    pub(crate) fn vanishes_in_script(&self) {
        self.program("systemctl", "ip link set eth0 down\nexec sleep 1000\n");
    }

    /// Lets one of its programs never end.
    pub(crate) fn hangs_in(&self, program: &str) {
        self.program(program, "exec sleep 1000\n");
    }

    /// Adds a user who may log in with the operator's key and may use sudo,
    /// with or without a password.
    pub(crate) fn add_user_with_sudo(&self, user: &str, no_password: bool) {
        self.append(
            "/etc/passwd",
            &format!("{user}:x:1000:1000::/home/{user}:/bin/bash\n"),
            0o644,
        );
        self.append("/etc/group", &format!("{user}:x:1000:\n"), 0o644);
        self.append(
            "/etc/shadow",
            &format!("{user}:*:20000:0:99999:7:::\n"),
            0o640,
        );
        self.run("mkdir -p /etc/sudoers.d && rm -f /etc/sudoers.d/*");
        let tag = if no_password { "NOPASSWD: " } else { "" };
        self.write(
            &format!("/etc/sudoers.d/{user}"),
            &format!("{user} ALL=(ALL) {tag}ALL\n"),
            0o440,
        );
        self.run(&format!(
            "mkdir -p /home/{user}/.ssh && cp /root/.ssh/authorized_keys /home/{user}/.ssh/ \
             && chmod 700 /home/{user}/.ssh && chown -R 1000:1000 /home/{user}"
        ));
    }

    /// Its processes, `PID command`, without those that ended and those of this call.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.path("/proc"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let pid = entry.file_name().to_string_lossy().into_owned();
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if pid.bytes().all(|b| b.is_ascii_digit()) && !line.is_empty() {
                let words: Vec<_> = line
                    .split(|b| *b == 0)
                    .map(String::from_utf8_lossy)
                    .collect();
                found.push(format!("{pid} {}", words.join(" ").trim()));
            }
        }
        found
    }

    /// Whether a path lies on it.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }
}
