//! `LiveSource` against a real `sshd`, and against listeners that behave badly.
//!
//! Needs `sshd`, `ssh`, `ssh-keygen`, `ssh-agent` and root; every server has an
//! address 127.0.0.x of its own, a free port and keys made for the test.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up must fail"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use checker_core::Deadline;
use checker_core::evidence::{End, NotRun};
use checker_core::fleet::{HostKeyPolicy, LiveError, LiveOptions, LiveSource};
use checker_core::server::{Role, Server, Step, Transport};
use checker_core::source::{ServerAnswer, ServerProbe, Source};
use rstest::rstest;
use tempfile::TempDir;

const MISSING: &str = "this test needs OpenSSH: apt-get install openssh-server openssh-client";

fn run(command: &mut Command) {
    let output = command.output().expect(MISSING);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn keygen(file: &Path, arguments: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    run(command.arg("-q").args(arguments).arg("-f").arg(file));
}

/// The home of an operator: keys, known hosts, configuration.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".ssh")).unwrap();
        keygen(
            &dir.path().join(".ssh/id_ed25519"),
            &["-t", "ed25519", "-N", ""],
        );
        Self(dir)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(".ssh").join(name)
    }

    fn options(&self) -> LiveOptions {
        LiveOptions {
            // Never reached: so that no `weka` is needed here.
            via: Some("192.0.2.1".to_owned()),
            user: Some("root".to_owned()),
            known_hosts: Some(self.file("known_hosts")),
            // The machine that tests may be slow.
            connect_timeout: Duration::from_secs(20),
            home: Some(self.0.path().to_owned()),
            agent: None,
            ..LiveOptions::default()
        }
    }
}

struct Sshd {
    child: Child,
    dir: TempDir,
    address: String,
    port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sshd {
    fn start(address: &str, authorized: &Path, extra: &str) -> Self {
        Self::with_host_keys(address, authorized, extra, &["ed25519"])
    }

    fn with_host_keys(address: &str, authorized: &Path, extra: &str, kinds: &[&str]) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test needs root, as which its sshd lets us in"
        );
        fs::create_dir_all("/run/sshd").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let port = free_port(address);
        let mut config = format!(
            "Port {port}\nListenAddress {address}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nLogLevel VERBOSE\n\
             MaxStartups 200\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\n{extra}\n",
            authorized.display()
        );
        for kind in kinds {
            let key = dir.path().join(format!("host_{kind}"));
            keygen(&key, &["-t", kind, "-N", ""]);
            config.push_str(&format!("HostKey {}\n", key.display()));
        }
        let file = dir.path().join("sshd_config");
        fs::write(&file, config).unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect(MISSING);
        let sshd = Self {
            child,
            dir,
            address: address.to_owned(),
            port,
        };
        let begun = Instant::now();
        while TcpStream::connect((address, port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "{}", sshd.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        sshd
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    fn server(&self) -> Server {
        server(&self.address)
    }
}

fn free_port(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn server(address: &str) -> Server {
    Server {
        name: format!("weka@{address}"),
        hostname: "weka".to_owned(),
        address: address.to_owned(),
        addresses: vec![address.to_owned()],
        role: Role::Backend,
    }
}

fn probe(key: &'static str, script: &str, millis: u64, limit: usize) -> &'static ServerProbe {
    Box::leak(Box::new(ServerProbe {
        key,
        script: Box::leak(script.to_owned().into_boxed_str()),
        timeout: Duration::from_millis(millis),
        limit,
    }))
}

fn clock() -> &'static ServerProbe {
    probe("host:clock", "date +%s.%N", 5000, 100)
}

fn ask(options: LiveOptions, server: &Server, probes: &[&'static ServerProbe]) -> ServerAnswer {
    ask_within(options, server, probes, 60)
}

fn ask_within(
    options: LiveOptions,
    server: &Server,
    probes: &[&'static ServerProbe],
    seconds: u64,
) -> ServerAnswer {
    let source = LiveSource::new(options).unwrap();
    let deadline = Deadline::within(Duration::from_secs(seconds));
    source.server(server, probes, &deadline)
}

fn on(sshd: &Sshd, home: &Home) -> LiveOptions {
    LiveOptions {
        port: Some(sshd.port),
        ..home.options()
    }
}

fn step(answer: &ServerAnswer) -> Option<Step> {
    answer.reach.error.as_ref().map(|error| error.step)
}

#[track_caller]
fn assert_step(answer: &ServerAnswer, expected: Step, words: &str) {
    assert_eq!(step(answer), Some(expected), "{:?}", answer.reach);
    let error = answer.reach.error.as_ref().unwrap();
    assert!(error.detail.contains(words), "{}", error.detail);
    assert!(!error.detail.contains('\n'), "{}", error.detail);
}

#[track_caller]
fn assert_complete(answer: &ServerAnswer, transport: Transport) {
    assert_eq!(answer.reach.error, None);
    assert_eq!(answer.reach.transport, Some(transport));
}

/// Which processes have exactly this command line.
fn running(line: &str) -> String {
    let found = Command::new("pgrep").args(["-xf", line]).output().unwrap();
    String::from_utf8_lossy(&found.stdout).into_owned()
}

/// Passes bytes on between a client and a server, and misbehaves when told.
struct Proxy {
    port: u16,
    connections: Arc<AtomicUsize>,
    cut: Arc<AtomicBool>,
}

impl Proxy {
    /// `stall_after`: how many of the server's bytes get through before it falls silent.
    fn start(address: &str, to: &Sshd, stall_after: Option<usize>) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            cut: Arc::default(),
        };
        let to = (to.address.clone(), to.port);
        let (connections, cut) = (Arc::clone(&proxy.connections), Arc::clone(&proxy.cut));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let client = client.unwrap();
                let server = TcpStream::connect((to.0.as_str(), to.1)).unwrap();
                let (from, into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let both = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                std::thread::spawn(move || pass(from, into, None));
                std::thread::spawn(move || pass(server, client, stall_after));
                let cut = Arc::clone(&cut);
                std::thread::spawn(move || {
                    while !cut.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    for stream in both {
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                });
            }
        });
        proxy
    }
}

fn pass(mut from: TcpStream, mut into: TcpStream, limit: Option<usize>) {
    let mut buffer = [0; 16 * 1024];
    let mut left = limit.unwrap_or(usize::MAX);
    loop {
        let Ok(count) = from.read(&mut buffer) else {
            return;
        };
        if count == 0 {
            let _ = into.shutdown(Shutdown::Write);
            return;
        }
        let count = count.min(left);
        if into.write_all(&buffer[..count]).is_err() {
            return;
        }
        left -= count;
        if left == 0 {
            std::thread::sleep(Duration::from_secs(60));
        }
    }
}

#[test]
fn a_server_answers_and_its_key_is_recorded() {
    let home = Home::new();
    let sshd = Sshd::start("127.0.0.2", &home.file("id_ed25519.pub"), "");
    let answer = ask(
        on(&sshd, &home),
        &sshd.server(),
        &[
            probe("host:fails", "echo out; echo err >&2; exit 3", 5000, 100),
            clock(),
        ],
    );
    assert_complete(&answer, Transport::Ssh);
    // The clock comes first, and was asked for when the script was sent.
    let clock_record = &answer.records[0];
    assert_eq!(clock_record.key, "host:clock");
    let text = String::from_utf8_lossy(&clock_record.stdout);
    let seconds: f64 = text.trim().parse().unwrap();
    let sent = clock_record.started_at.as_millisecond() as f64 / 1000.0;
    let middle = sent + clock_record.duration.as_secs_f64() / 2.0;
    assert!((seconds - middle).abs() < 1.0, "{seconds} {middle}");
    let record = &answer.records[1];
    assert_eq!(record.end, End::Exited(3));
    assert_eq!(record.stdout, b"out\n");
    assert_eq!(record.stderr, b"err\n");
    assert_eq!(record.command, "echo out; echo err >&2; exit 3");
    assert_eq!(sshd.logins(), 1);
    let file = home.file("known_hosts");
    let known = fs::read_to_string(&file).unwrap();
    assert!(known.starts_with(&format!("[127.0.0.2]:{} ssh-ed25519 ", sshd.port)));
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // Known now, so that even the strict policy lets it pass, and records nothing.
    let strict = LiveOptions {
        host_keys: HostKeyPolicy::Strict,
        ..on(&sshd, &home)
    };
    assert_complete(&ask(strict, &sshd.server(), &[clock()]), Transport::Ssh);
    assert_eq!(fs::read_to_string(&file).unwrap(), known);
}

#[rstest]
#[case::ed25519("ed25519")]
#[case::ecdsa("ecdsa")]
#[case::rsa("rsa")]
fn every_kind_of_key(#[case] kind: &str) {
    let home = Home::new();
    let key = home.file("named");
    keygen(&key, &["-t", kind, "-N", ""]);
    let sshd = Sshd::with_host_keys("127.0.0.3", &home.file("named.pub"), "", &[kind]);
    let options = LiveOptions {
        identities: vec![key],
        ..on(&sshd, &home)
    };
    assert_complete(&ask(options, &sshd.server(), &[clock()]), Transport::Ssh);
}

#[test]
fn a_host_whose_other_key_is_known_has_not_changed() {
    let home = Home::new();
    let sshd = Sshd::with_host_keys(
        "127.0.0.4",
        &home.file("id_ed25519.pub"),
        "",
        &["ed25519", "ecdsa"],
    );
    let public = fs::read_to_string(sshd.dir.path().join("host_ecdsa.pub")).unwrap();
    let line = format!("[127.0.0.4]:{} {public}", sshd.port);
    fs::write(home.file("known_hosts"), line).unwrap();
    // Hashed, as some distributions write them.
    run(Command::new("ssh-keygen")
        .args(["-H", "-f"])
        .arg(home.file("known_hosts")));
    let options = LiveOptions {
        host_keys: HostKeyPolicy::Strict,
        ..on(&sshd, &home)
    };
    assert_complete(&ask(options, &sshd.server(), &[clock()]), Transport::Ssh);
}

#[test]
fn a_changed_host_key_is_refused_and_the_line_named() {
    let home = Home::new();
    let sshd = Sshd::start("127.0.0.5", &home.file("id_ed25519.pub"), "");
    let line = format!(
        "# old\n[127.0.0.5]:{} {}",
        sshd.port,
        fs::read_to_string(home.file("id_ed25519.pub")).unwrap()
    );
    fs::write(home.file("known_hosts"), &line).unwrap();
    let answer = ask(on(&sshd, &home), &sshd.server(), &[clock()]);
    assert_step(&answer, Step::HostKey, "known_hosts:2");
    assert_step(&answer, Step::HostKey, "ssh-keygen -f ");
    assert_eq!(answer.reach.transport, None);
    assert!(answer.records.is_empty());
    assert_eq!(sshd.logins(), 0);
    assert_eq!(fs::read_to_string(home.file("known_hosts")).unwrap(), line);
    let off = LiveOptions {
        host_keys: HostKeyPolicy::Off,
        ..on(&sshd, &home)
    };
    assert_complete(&ask(off, &sshd.server(), &[clock()]), Transport::Ssh);
}

#[test]
fn the_strict_policy_takes_no_unknown_key() {
    let home = Home::new();
    let sshd = Sshd::start("127.0.0.6", &home.file("id_ed25519.pub"), "");
    let options = LiveOptions {
        host_keys: HostKeyPolicy::Strict,
        ..on(&sshd, &home)
    };
    let answer = ask(options, &sshd.server(), &[clock()]);
    assert_step(&answer, Step::HostKey, "not known");
    assert!(!home.file("known_hosts").exists());
}

#[test]
fn no_key_of_ours_is_taken() {
    let home = Home::new();
    let other = Home::new();
    let sshd = Sshd::start("127.0.0.7", &other.file("id_ed25519.pub"), "");
    let answer = ask(on(&sshd, &home), &sshd.server(), &[clock()]);
    assert_step(&answer, Step::Authentication, "our one key");
    let label = format!("root@127.0.0.7:{}", sshd.port);
    assert_step(&answer, Step::Authentication, &label);
}

#[test]
fn a_server_that_hangs_up_after_too_many_keys_says_so() {
    let home = Home::new();
    let agent = Agent::start(&home);
    for n in 0..4 {
        let key = home.file(&format!("key{n}"));
        keygen(&key, &["-t", "ed25519", "-N", ""]);
        agent.add(&key, "");
    }
    let right = home.file("right");
    keygen(&right, &["-t", "ed25519", "-N", ""]);
    let sshd = Sshd::start("127.0.0.28", &home.file("right.pub"), "MaxAuthTries 3");
    let options = LiveOptions {
        agent: Some(agent.socket.clone()),
        ..on(&sshd, &home)
    };
    let answer = ask(options.clone(), &sshd.server(), &[clock()]);
    assert_step(
        &answer,
        Step::Authentication,
        "hung up after 3 of our 5 keys",
    );
    // A named one goes first.
    let named = LiveOptions {
        identities: vec![right],
        ..options
    };
    assert_complete(&ask(named, &sshd.server(), &[clock()]), Transport::Ssh);
}

#[test]
fn a_key_with_a_passphrase_is_used_through_the_agent_only() {
    let home = Home::new();
    fs::remove_file(home.file("id_ed25519")).unwrap();
    let key = home.file("locked");
    keygen(&key, &["-t", "ed25519", "-N", "hunter2"]);
    let sshd = Sshd::start("127.0.0.8", &home.file("locked.pub"), "");
    let options = LiveOptions {
        identities: vec![key.clone()],
        ..on(&sshd, &home)
    };
    let answer = ask(options.clone(), &sshd.server(), &[clock()]);
    assert_step(&answer, Step::Authentication, "locked has a passphrase");
    let agent = Agent::start(&home);
    agent.add(&key, "hunter2");
    let with_agent = LiveOptions {
        agent: Some(agent.socket.clone()),
        ..options
    };
    assert_complete(&ask(with_agent, &sshd.server(), &[clock()]), Transport::Ssh);
}

#[test]
fn every_key_of_the_agent_is_tried() {
    let home = Home::new();
    let agent = Agent::start(&home);
    for (n, kind) in ["rsa", "ecdsa", "ed25519"].iter().enumerate() {
        let key = home.file(&format!("key{n}"));
        keygen(&key, &["-t", kind, "-N", ""]);
        agent.add(&key, "");
    }
    let sshd = Sshd::start("127.0.0.9", &home.file("key2.pub"), "");
    fs::remove_file(home.file("id_ed25519")).unwrap();
    let options = LiveOptions {
        agent: Some(agent.socket.clone()),
        ..on(&sshd, &home)
    };
    assert_complete(&ask(options, &sshd.server(), &[clock()]), Transport::Ssh);
}

struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(home: &Home) -> Self {
        let socket = home.file("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect(MISSING);
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(5));
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { child, socket }
    }

    fn add(&self, key: &Path, passphrase: &str) {
        let ask = self.socket.with_extension("askpass");
        fs::write(&ask, format!("#!/bin/sh\necho '{passphrase}'\n")).unwrap();
        fs::set_permissions(&ask, fs::Permissions::from_mode(0o700)).unwrap();
        run(Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &self.socket)
            .env("SSH_ASKPASS", &ask)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("DISPLAY", "none")
            .stdin(Stdio::null()));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn nobody_listens() {
    let home = Home::new();
    let port = free_port("127.0.0.10");
    let options = LiveOptions {
        port: Some(port),
        ..home.options()
    };
    let answer = ask(options.clone(), &server("127.0.0.10"), &[clock()]);
    assert_step(&answer, Step::Refused, &format!("root@127.0.0.10:{port}"));
    let answer = ask(options, &server("no-such-host.invalid"), &[clock()]);
    assert_step(&answer, Step::Dns, "no-such-host.invalid");
}

#[test]
fn a_listener_that_says_nothing_costs_the_connect_timeout() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.11:0").unwrap();
    let options = LiveOptions {
        port: Some(listener.local_addr().unwrap().port()),
        connect_timeout: Duration::from_millis(500),
        ..home.options()
    };
    let begun = Instant::now();
    let answer = ask(options, &server("127.0.0.11"), &[clock()]);
    assert_step(&answer, Step::Timeout, "no SSH server answered");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[rstest]
#[case::a_web_server("HTTP/1.1 400 Bad Request\r\n\r\n")]
#[case::garbage_after_the_banner("SSH-2.0-Odd\r\n\0\0\0\x05garbage and no more")]
fn a_listener_that_speaks_something_else(#[case] words: &'static str) {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.12:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.write_all(words.as_bytes());
            let _ = client.shutdown(Shutdown::Write);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let options = LiveOptions {
        port: Some(port),
        ..home.options()
    };
    let answer = ask(options, &server("127.0.0.12"), &[clock()]);
    assert_step(&answer, Step::Protocol, "root@127.0.0.12");
}

/// Wherever it falls silent, from its banner to the end of its answers.
#[test]
fn a_server_that_falls_silent_half_way() {
    let home = Home::new();
    let sshd = Sshd::start("127.0.0.13", &home.file("id_ed25519.pub"), "");
    let ask_until = |bytes: usize| {
        let proxy = Proxy::start("127.0.0.14", &sshd, Some(bytes));
        let options = LiveOptions {
            port: Some(proxy.port),
            connect_timeout: Duration::from_secs(3),
            host_keys: HostKeyPolicy::Off,
            ..home.options()
        };
        let begun = Instant::now();
        let answer = ask_within(options, &server("127.0.0.14"), &[clock()], 5);
        assert!(begun.elapsed() < Duration::from_secs(7));
        assert_eq!(proxy.connections.load(Ordering::SeqCst), 1);
        answer
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..14)
            .map(|n| scope.spawn(move || (n, ask_until(5 + n * 190))))
            .collect();
        for one in all {
            let (n, answer) = one.join().unwrap();
            // How many bytes a key exchange has depends on the server's
            // release; the banner has at least five in each.
            match step(&answer) {
                Some(Step::Timeout) => assert_step(&answer, Step::Timeout, "root@127.0.0.14"),
                Some(_) if n > 0 => assert_step(&answer, Step::Deadline, "root@127.0.0.14"),
                other => assert!(n > 5, "{n}: {other:?}"),
            }
        }
    });
}

// field history S29
#[test]
fn a_noisy_profile_and_a_banner_are_no_answer() {
    let home = Home::new();
    let noise = home.file("noise");
    fs::write(
        &noise,
        "echo 'Welcome to weka'; echo 'mesg: ttyname failed' >&2; printf 'no line break'\n",
    )
    .unwrap();
    let banner = home.file("banner");
    fs::write(&banner, "*** authorized use only ***\n".repeat(20)).unwrap();
    let extra = format!(
        "Banner {}\nSetEnv BASH_ENV={}",
        banner.display(),
        noise.display()
    );
    let sshd = Sshd::start("127.0.0.15", &home.file("id_ed25519.pub"), &extra);
    let answer = ask(
        on(&sshd, &home),
        &sshd.server(),
        &[clock(), probe("host:x", "echo x", 5000, 100)],
    );
    assert_complete(&answer, Transport::Ssh);
    assert_eq!(answer.records[1].stdout, b"x\n");
    assert_eq!(answer.records[1].stderr, b"");
}

// field history S29
#[rstest]
#[case::nologin(
    "echo 'This account is currently not available.'; exit 1",
    Step::Shell,
    "not available"
)]
#[case::nothing("exit 0", Step::Shell, "said nothing")]
#[case::sudo(
    "echo 'sudo: a password is required' >&2; exit 1",
    Step::Sudo,
    "a password is required"
)]
fn no_shell_answers(#[case] force: &str, #[case] expected: Step, #[case] words: &str) {
    let home = Home::new();
    let extra = format!("ForceCommand {force}");
    let sshd = Sshd::start("127.0.0.16", &home.file("id_ed25519.pub"), &extra);
    let answer = ask(on(&sshd, &home), &sshd.server(), &[clock()]);
    assert_step(&answer, expected, words);
    assert_eq!(answer.reach.transport, None);
}

#[test]
fn floods_hangs_and_syntax_errors_cost_only_themselves() {
    let home = Home::new();
    let sshd = Sshd::start("127.0.0.17", &home.file("id_ed25519.pub"), "");
    let begun = Instant::now();
    let stubborn = "trap '' TERM; while :; do sleep 1; done";
    let answer = ask(
        on(&sshd, &home),
        &sshd.server(),
        &[
            clock(),
            probe("host:flood", "head -c 200000000 /dev/zero", 40_000, 5000),
            probe("host:after", "echo after", 5000, 100),
            probe("host:errors", "yes oops >&2", 40_000, 5000),
            probe("host:hang", "echo begun; sleep 70 & sleep 70", 700, 100),
            probe("host:stubborn", stubborn, 300, 100),
            probe("host:eats", "cat; read x; echo \"<$x>\"", 5000, 100),
            probe("host:broken", "if then }", 5000, 500),
            probe("host:last", "echo last", 5000, 100),
        ],
    );
    assert_complete(&answer, Transport::Ssh);
    let record = |key: &str| answer.records.iter().find(|r| r.key == key).unwrap();
    let flood = record("host:flood");
    assert!(flood.truncated && flood.stdout.len() == 5000);
    assert_ne!(flood.end, End::TimedOut);
    assert_eq!(record("host:after").stdout, b"after\n");
    assert!(record("host:errors").truncated);
    assert_eq!(record("host:hang").end, End::TimedOut);
    assert_eq!(record("host:hang").stdout, b"begun\n");
    assert_eq!(record("host:stubborn").end, End::TimedOut);
    assert_eq!(record("host:eats").stdout, b"<>\n");
    assert!(matches!(record("host:broken").end, End::Exited(status) if status != 0));
    assert_eq!(record("host:last").stdout, b"last\n");
    assert!(begun.elapsed() < Duration::from_secs(30));
    // Nothing that ran there is left.
    assert_eq!(running("sleep 70"), "");
}

#[test]
fn a_cut_connection_keeps_what_was_answered_and_leaves_nothing_behind() {
    let home = Home::new();
    let sshd = Sshd::start("127.0.0.18", &home.file("id_ed25519.pub"), "");
    let proxy = Proxy::start("127.0.0.19", &sshd, None);
    let options = LiveOptions {
        port: Some(proxy.port),
        ..home.options()
    };
    let cut = Arc::clone(&proxy.cut);
    std::thread::spawn(move || {
        // Once the probe that must be cut runs.
        while running("sleep 71").is_empty() {
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_millis(300));
        cut.store(true, Ordering::SeqCst);
    });
    let answer = ask(
        options,
        &server("127.0.0.19"),
        &[
            clock(),
            probe("host:half", "echo half; sleep 71", 60_000, 100),
            probe("host:never", "echo never", 5000, 100),
        ],
    );
    assert_step(&answer, Step::Protocol, "cut");
    assert_eq!(answer.reach.transport, Some(Transport::Ssh));
    assert_eq!(answer.records.len(), 2);
    assert_eq!(answer.records[0].end, End::Exited(0));
    assert_eq!(answer.records[1].end, End::Lost);
    assert_eq!(answer.records[1].stdout, b"half\n");
    let gone = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        running("sleep 71").is_empty()
    });
    assert!(gone);
}

/// The time limits for what must be cut off after it has begun: on a machine
/// so busy that the first is over before that, the next shows it.
const LIMITS: [u64; 3] = [3, 12, 48];

/// What a busy machine may add to a limit. What is not cut off lasts longer.
const SLACK: Duration = Duration::from_secs(30);

#[test]
fn the_servers_deadline_holds_in_the_middle_of_the_script() {
    let home = Home::new();
    let sshd = Sshd::start("127.0.0.20", &home.file("id_ed25519.pub"), "");
    let probes = [
        clock(),
        probe("host:slow", "echo begun; sleep 100", 100_000, 100),
    ];
    let answer = LIMITS
        .into_iter()
        .map(|seconds| {
            let begun = Instant::now();
            let answer = ask_within(on(&sshd, &home), &sshd.server(), &probes, seconds);
            assert!(begun.elapsed() < Duration::from_secs(seconds) + SLACK);
            answer
        })
        .find(|answer| answer.records.first().map(|r| &r.end) == Some(&End::Exited(0)))
        .expect("once it is quick enough to begin");
    assert_step(&answer, Step::Deadline, "before the script was through");
    assert_eq!(answer.records[1].end, End::Lost);
}

#[test]
fn an_interrupt_holds_in_the_middle_of_the_script() {
    let home = Home::new();
    let sshd = Sshd::start("127.0.0.34", &home.file("id_ed25519.pub"), "");
    let probes = [
        clock(),
        probe("host:slow", "echo begun; sleep 101", 100_000, 100),
    ];
    let interrupted = Arc::new(AtomicBool::new(false));
    let deadline = Deadline::new(Duration::from_secs(120), Arc::clone(&interrupted));
    let source = LiveSource::new(on(&sshd, &home)).unwrap();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| source.server(&sshd.server(), &probes, &deadline));
        while running("sleep 101").is_empty() && !asked.is_finished() {
            std::thread::sleep(Duration::from_millis(50));
        }
        let begun = Instant::now();
        interrupted.store(true, Ordering::SeqCst);
        let answer = asked.join().unwrap();
        assert_step(&answer, Step::Interrupted, "interrupted");
        assert_eq!(answer.records[0].end, End::Exited(0));
        assert!(begun.elapsed() < SLACK);
    });
}

#[test]
fn the_script_also_works_as_a_file_on_standard_input() {
    let probes = [clock(), probe("host:x", "sleep 0.3; echo x", 5000, 100)];
    let script = checker_core::fleet::probe_script(&probes);
    let mut shell = Command::new("sh")
        .arg("-s")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    let output = shell.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains(" B 1\nx\n"));
}

#[test]
fn an_ipv6_server() {
    let home = Home::new();
    let sshd = Sshd::start("::1", &home.file("id_ed25519.pub"), "");
    let options = LiveOptions {
        never_local: true,
        ..on(&sshd, &home)
    };
    assert_complete(&ask(options, &sshd.server(), &[clock()]), Transport::Ssh);
    let known = fs::read_to_string(home.file("known_hosts")).unwrap();
    assert!(known.starts_with(&format!("[::1]:{} ", sshd.port)));
}

#[test]
fn the_server_that_we_stand_on_needs_no_ssh() {
    let home = Home::new();
    let answer = ask(
        home.options(),
        &server("127.0.0.1"),
        &[clock(), probe("host:id", "id -u", 5000, 100)],
    );
    assert_complete(&answer, Transport::Local);
    assert_eq!(answer.records[1].stdout, b"0\n");
}

#[test]
fn thirty_two_sessions_at_once_and_one_connection_each() {
    let home = Home::new();
    let sshd = Sshd::start("127.0.0.21", &home.file("id_ed25519.pub"), "");
    let proxy = Proxy::start("127.0.0.22", &sshd, None);
    let options = LiveOptions {
        port: Some(proxy.port),
        ..home.options()
    };
    let source = LiveSource::new(options).unwrap();
    let deadline = Deadline::within(Duration::from_secs(60));
    let probes = [clock(), probe("host:x", "echo x", 15_000, 100)];
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..32)
            .map(|_| scope.spawn(|| source.server(&server("127.0.0.22"), &probes, &deadline)))
            .collect();
        for one in all {
            assert_complete(&one.join().unwrap(), Transport::Ssh);
        }
    });
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 32);
    assert_eq!(sshd.logins(), 32);
    // New to several of them at once, and recorded once.
    let known = fs::read_to_string(home.file("known_hosts")).unwrap();
    assert_eq!(known.lines().count(), 1, "{known}");
}

// field history 34
#[test]
fn the_configuration_is_honoured() {
    let home = Home::new();
    keygen(&home.file("special"), &["-t", "ed25519", "-N", ""]);
    let sshd = Sshd::start("127.0.0.23", &home.file("special.pub"), "");
    let text = format!(
        "Host weka-*\n HostName 127.0.0.23\n Port {}\n User root\n \
         IdentityFile ~/.ssh/special\n IdentitiesOnly yes\n",
        sshd.port
    );
    fs::write(home.file("config"), text).unwrap();
    let options = LiveOptions {
        user: None,
        ..home.options()
    };
    let target = Server {
        name: "weka-07".to_owned(),
        hostname: "weka-07".to_owned(),
        ..server("192.0.2.7")
    };
    assert_complete(&ask(options, &target, &[clock()]), Transport::Ssh);
}

/// The way to `target` leads over `jump`.
fn jump_config(home: &Home, jump: &Sshd, target: &Sshd) -> PathBuf {
    let config = home.file("config");
    let text = format!(
        "Host jump\n HostName {}\n Port {}\n User root\n IdentityFile {key}\n \
         StrictHostKeyChecking no\n UserKnownHostsFile {known}\n\
         Host {}\n Port {}\n User root\n IdentityFile {key}\n ProxyJump jump\n",
        jump.address,
        jump.port,
        target.address,
        target.port,
        key = home.file("id_ed25519").display(),
        known = home.file("known_jump").display(),
    );
    fs::write(&config, text).unwrap();
    config
}

// field history 34
#[test]
fn a_jump_host_is_the_business_of_the_systems_ssh() {
    let home = Home::new();
    let jump = Sshd::start("127.0.0.24", &home.file("id_ed25519.pub"), "");
    let target = Sshd::start("127.0.0.25", &home.file("id_ed25519.pub"), "");
    let options = LiveOptions {
        ssh_config: Some(jump_config(&home, &jump, &target)),
        user: None,
        ..home.options()
    };
    let probes = [
        clock(),
        probe("host:hang", "sleep 72", 300, 100),
        probe("host:x", "echo x; exit 255", 5000, 100),
    ];
    let answer = ask(options.clone(), &target.server(), &probes);
    assert_complete(&answer, Transport::SystemSsh);
    assert_eq!(answer.records[1].end, End::TimedOut);
    assert_eq!(answer.records[2].end, End::Exited(255));
    assert_eq!((jump.logins(), target.logins()), (1, 1));
    drop(target);
    let answer = ask(options, &server("127.0.0.25"), &probes);
    assert!(step(&answer).is_some());
    assert_eq!(answer.reach.transport, None);
}

#[rstest]
#[case::authentication(Step::Authentication, "Permission denied")]
#[case::host_key(Step::HostKey, "Host key verification failed")]
#[case::refused(Step::Refused, "refused")]
fn what_the_systems_ssh_complains_about(#[case] expected: Step, #[case] words: &str) {
    let home = Home::new();
    let other = Home::new();
    let sshd = Sshd::start("127.0.0.30", &other.file("id_ed25519.pub"), "");
    // Whatever only it can do.
    fs::write(
        home.file("config"),
        "Ciphers aes128-ctr\nMatch host nobody\n",
    )
    .unwrap();
    let public = fs::read_to_string(other.file("id_ed25519.pub")).unwrap();
    let mut options = LiveOptions {
        ssh_config: Some(home.file("config")),
        identities: vec![home.file("id_ed25519")],
        ..on(&sshd, &home)
    };
    match expected {
        Step::HostKey => {
            let line = format!("[127.0.0.30]:{} {public}", sshd.port);
            fs::write(home.file("known_hosts"), line).unwrap();
        }
        Step::Refused => options.port = Some(free_port("127.0.0.30")),
        _ => {}
    }
    let answer = ask(options, &sshd.server(), &[clock()]);
    assert_step(&answer, expected, words);
    assert_eq!(answer.reach.transport, None);
}

/// A `weka` on the PATH of every session.
fn stand_in(home: &Home) -> String {
    let dir = home.file("bin");
    fs::create_dir_all(&dir).unwrap();
    let weka = dir.join("weka");
    let text = r#"#!/bin/sh
case $1 in
status) echo "{\"args\": \"$*\"}"; echo note >&2 ;;
slow) echo '{'; sleep 73 ;;
login) exit 41 ;;
*) echo "error: unknown command: $1" >&2; exit 2 ;;
esac
"#;
    fs::write(&weka, text).unwrap();
    fs::set_permissions(&weka, fs::Permissions::from_mode(0o755)).unwrap();
    format!("SetEnv PATH={}:/usr/bin:/bin", dir.display())
}

#[rstest]
#[case::our_own(false, "127.0.0.26")]
#[case::the_systems(true, "127.0.0.29")]
fn the_clusters_commands_and_the_probes_of_that_server_share_one_connection(
    #[case] system: bool,
    #[case] address: &str,
) {
    let home = Home::new();
    let sshd = Sshd::start(address, &home.file("id_ed25519.pub"), &stand_in(&home));
    let jump = system.then(|| Sshd::start("127.0.0.27", &home.file("id_ed25519.pub"), ""));
    let options = LiveOptions {
        via: Some(format!("root@{address}")),
        ssh_config: jump.as_ref().map(|jump| jump_config(&home, jump, &sshd)),
        // With a jump host the configuration has the port.
        port: (!system).then_some(sshd.port),
        ..home.options()
    };
    let source = LiveSource::new(options).unwrap();
    // For 21 scripts, and by the system's `ssh` as many processes.
    let deadline = Deadline::within(Duration::from_secs(600));
    std::thread::scope(|scope| {
        let commands: Vec<_> = (0..20)
            .map(|n| {
                let (source, deadline) = (&source, &deadline);
                let arguments = format!("status 'a b' {n}");
                scope.spawn(move || source.cluster("weka:status", &arguments, deadline))
            })
            .collect();
        let probes = scope.spawn(|| source.server(&sshd.server(), &[clock()], &deadline));
        for (n, command) in commands.into_iter().enumerate() {
            let record = command.join().unwrap();
            assert_eq!(record.end, End::Exited(0), "{record:?}");
            assert_eq!(record.command, format!("weka status 'a b' {n}"));
            let text = String::from_utf8(record.stdout).unwrap();
            assert_eq!(text, format!("{{\"args\": \"status a b {n}\"}}\n"));
            assert_eq!(record.stderr, b"note\n");
        }
        let transport = if system {
            Transport::SystemSsh
        } else {
            Transport::Ssh
        };
        assert_complete(&probes.join().unwrap(), transport);
    });
    let slow = LIMITS
        .into_iter()
        .map(|seconds| {
            let soon = deadline.sooner(Duration::from_secs(seconds));
            source.cluster("weka:slow", "slow", &soon)
        })
        .find(|slow| !slow.stdout.is_empty())
        .expect("once it is quick enough to begin");
    assert_eq!(slow.end, End::TimedOut);
    assert_eq!(slow.stdout, b"{\n");
    let record = source.cluster("weka:x", "login", &deadline);
    assert_eq!(record.end, End::Exited(41));
    let record = source.cluster("weka:x", "'what; echo $HOME' `id`", &deadline);
    assert_eq!(record.end, End::Exited(2));
    assert_eq!(
        String::from_utf8_lossy(&record.stderr),
        "error: unknown command: what; echo $HOME\n"
    );
    assert_eq!(sshd.logins(), 1);
    assert_eq!(source.here().unwrap().address, address);
}

/// An upgrade is watched for hours; a check run is told what it has lost.
#[rstest]
#[case::by_an_upgrade(true, "127.0.0.34")]
#[case::not_by_a_check_run(false, "127.0.0.35")]
fn a_cut_connection_to_that_backend_is_opened_anew(
    #[case] reconnects: bool,
    #[case] address: &str,
) {
    let home = Home::new();
    let sshd = Sshd::start(address, &home.file("id_ed25519.pub"), &stand_in(&home));
    let proxy = Proxy::start(address, &sshd, None);
    let options = LiveOptions {
        via: Some(format!("root@{address}")),
        port: Some(proxy.port),
        reconnects,
        ..home.options()
    };
    let source = LiveSource::new(options).unwrap();
    let ask = || {
        let deadline = Deadline::within(Duration::from_secs(60));
        source.cluster("weka:status", "status", &deadline).end
    };
    assert_eq!(ask(), End::Exited(0));
    assert_eq!(ask(), End::Exited(0));
    assert_eq!(sshd.logins(), 1);

    proxy.cut.store(true, Ordering::SeqCst);
    // The commands of one look are told at once, all of them.
    let begun = Instant::now();
    for _ in 0..4 {
        assert!(!matches!(ask(), End::Exited(_)));
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    proxy.cut.store(false, Ordering::SeqCst);

    let begun = Instant::now();
    let mut answers = false;
    while !answers && begun.elapsed() < Duration::from_secs(if reconnects { 60 } else { 8 }) {
        std::thread::sleep(Duration::from_millis(200));
        answers = matches!(ask(), End::Exited(0));
    }
    assert_eq!(answers, reconnects);
    assert_eq!(sshd.logins(), if reconnects { 2 } else { 1 });
}

#[test]
fn a_backend_that_cannot_be_reached_runs_no_command() {
    let home = Home::new();
    let options = LiveOptions {
        via: Some("127.0.0.31".to_owned()),
        port: Some(free_port("127.0.0.31")),
        ..home.options()
    };
    let source = LiveSource::new(options).unwrap();
    let deadline = Deadline::within(Duration::from_secs(5));
    for _ in 0..2 {
        let record = source.cluster("k", "status -J", &deadline);
        let End::NotRun(NotRun::Unreachable(why)) = record.end else {
            panic!("{record:?}");
        };
        assert!(
            why.contains("refused") && why.contains("127.0.0.31"),
            "{why}"
        );
    }
    let answer = source.server(&server("127.0.0.31"), &[clock()], &deadline);
    assert_step(&answer, Step::Refused, "127.0.0.31");
}

#[test]
fn what_the_operator_has_to_mend_first() {
    let home = Home::new();
    let refused = |options: LiveOptions| LiveSource::new(options).unwrap_err().to_string();
    let missing = LiveOptions {
        identities: vec![home.file("nothing")],
        ..home.options()
    };
    assert!(refused(missing).contains("nothing does not exist"));
    let key = home.file("id_ed25519");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let open = LiveOptions {
        identities: vec![key],
        ..home.options()
    };
    assert!(refused(open).contains("chmod 600"));
    fs::write(home.file("config"), "Port many\n").unwrap();
    let words = refused(home.options());
    assert!(
        words.contains("line 1") && words.contains("config"),
        "{words}"
    );
    fs::remove_file(home.file("config")).unwrap();
    let no_config = LiveOptions {
        ssh_config: Some(home.file("other")),
        ..home.options()
    };
    assert!(refused(no_config).contains("no such file"));
    let no_weka = LiveOptions {
        via: None,
        ..home.options()
    };
    match LiveSource::new(no_weka) {
        Err(LiveError::NoWeka) => {
            let words = LiveError::NoWeka.to_string();
            assert!(words.contains("--via HOST") && words.contains("--simulate"));
        }
        Err(other) => panic!("{other}"),
        Ok(_) => eprintln!("SKIPPED in part: this machine has a weka"),
    }
}
