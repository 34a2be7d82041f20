//! Asks the cluster and the servers, all at once, and waits no longer than the deadlines.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::plan::Plan;
use super::{EngineError, Limits, Selection};
use crate::check::UpgradePath;
use crate::deadline::Deadline;
use crate::event::{Event, Observers};
use crate::evidence::{End, NotRun, RawRecord, Record, Redactor, ServerEvidence, Store};
use crate::facts::status::{STATUS, Status};
use crate::facts::{Fact, View, says_unknown, servers::roster};
use crate::server::{Reach, ReachError, Role, Server, Step};
use crate::source::{ClusterCommand, DependentCommand, ServerAnswer, ServerProbe, Source};
use crate::version::Version;

/// How many of the cluster's commands run at once: each is a process that
/// asks the cluster's leader, which has an upgrade to look forward to.
const COMMANDS_AT_ONCE: usize = 6;

/// How much longer than its limit something may take before it is given up
/// from outside: whoever honours the limit itself says better what happened.
const GRACE: Duration = Duration::from_secs(2);

enum Message {
    CommandStarted(usize),
    CommandDone(usize, Vec<Record>),
    ServerStarted(usize),
    ServerDone(usize, Reach, Vec<Record>),
}

/// One thing to ask of the cluster, whether it was known from the start or
/// stands in an earlier answer.
struct Ask {
    key: String,
    /// Never empty.
    variants: Vec<String>,
    timeout: Duration,
}

impl Ask {
    fn of(command: &ClusterCommand) -> Self {
        Self {
            key: command.key.to_owned(),
            variants: command.variants.iter().map(|v| (*v).to_owned()).collect(),
            timeout: command.timeout,
        }
    }

    /// What a dependent command has to ask, now that what it waited for is there.
    fn dependent(command: &DependentCommand, store: &Store) -> Vec<Self> {
        // A fault inside costs this command: nothing is asked, and the fact
        // that would be read from the answers is missing.
        let calls = catch_unwind(AssertUnwindSafe(|| (command.calls)(&View::cluster(store))));
        calls
            .unwrap_or_default()
            .into_iter()
            .filter(|call| !call.variants.is_empty())
            .map(|call| Self {
                key: command.key_of(call.part.as_deref()),
                variants: call.variants.iter().map(shell_words::join).collect(),
                timeout: command.timeout,
            })
            .collect()
    }
}

/// What is under way, and when it is given up.
struct Pending<K> {
    /// `None` while it waits for a thread.
    give_up: HashMap<K, Option<Instant>>,
}

impl<K: Copy + Eq + std::hash::Hash> Pending<K> {
    fn new(keys: impl Iterator<Item = K>) -> Self {
        Self {
            give_up: keys.map(|key| (key, None)).collect(),
        }
    }

    fn overdue(&self, now: Instant) -> Vec<K> {
        self.give_up
            .iter()
            .filter(|(_, at)| at.is_some_and(|at| at <= now))
            .map(|(key, _)| *key)
            .collect()
    }

    fn next(&self) -> Option<Instant> {
        self.give_up.values().flatten().min().copied()
    }
}

pub(super) fn collect(
    source: &Arc<dyn Source>,
    plan: &Plan,
    target: &Version,
    selection: &Selection,
    limits: Limits,
    deadline: &Deadline,
    observers: &Observers,
) -> Result<Store, EngineError> {
    let commands_pool = pool("cluster", COMMANDS_AT_ONCE)?;
    let (sender, inbox) = mpsc::channel();
    let collector = Collector {
        source,
        limits,
        deadline,
        observers,
        sender,
    };
    let mut store = Store::default();

    // The status comes first and alone: it shows whether the CLI user is
    // logged in, and a dozen failing logins would lock the user out.
    let records = collector.ask_status(&commands_pool, &inbox);
    let refusal = refusal(&records);
    for record in records {
        store.insert_cluster(record);
    }
    // From where to where: what the servers are asked depends on it.
    let path = Status::read(&View::cluster(&store))
        .ok()
        .map(|status| UpgradePath {
            from: status.release,
            to: target.clone(),
        });

    let mut asks: Vec<Arc<Ask>> = plan.commands.iter().map(|c| Arc::new(Ask::of(c))).collect();
    let mut waiting: Vec<&'static DependentCommand> = plan.dependents.clone();
    let mut commands = Pending::new(1..asks.len());
    if let Some(why) = refusal {
        for command in &plan.commands[1..] {
            if command.needs_login || !matches!(why, NotRun::NotLoggedIn) {
                store.insert_cluster(collector.not_run(&Ask::of(command), why.clone()));
            }
        }
        commands
            .give_up
            .retain(|n, _| !plan.commands[*n].needs_login && matches!(why, NotRun::NotLoggedIn));
    }
    // In the plan's order: what the list of servers is made of goes first.
    for (n, ask) in asks.iter().enumerate().skip(1) {
        if commands.give_up.contains_key(&n) {
            collector.start_command(&commands_pool, n, ask);
        }
    }

    let mut servers: Option<Vec<Server>> = None;
    let mut fleet_pool = None;
    let mut fleet = Pending::new(std::iter::empty());
    loop {
        // The servers are known once both of their lists are there or failed.
        if servers.is_none()
            && !commands.give_up.contains_key(&1)
            && !commands.give_up.contains_key(&2)
        {
            let found = choose_servers(source.as_ref(), &store, selection)?;
            if !found.is_empty() {
                observers.emit(&Event::ServersFound { servers: &found });
                let pool = pool("server", limits.parallel.clamp(1, found.len()))?;
                fleet = Pending::new(0..found.len());
                let here = vantage(source.as_ref(), &found);
                for (n, server) in found.iter().enumerate() {
                    let probes = plan.probes_for(server, &found, here, path.as_ref(), &store);
                    collector.start_server(&pool, n, server, probes);
                }
                fleet_pool = Some(pool);
            }
            servers = Some(found);
        }
        // What stands in earlier answers is asked once those are there or failed.
        let open = |command: &&'static ClusterCommand| {
            let n = plan.commands.iter().position(|c| c.key == command.key);
            n.is_some_and(|n| commands.give_up.contains_key(&n))
        };
        let (later, now_due): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|dependent| dependent.after.iter().any(open));
        waiting = later;
        for ask in now_due.iter().flat_map(|d| Ask::dependent(d, &store)) {
            let n = asks.len();
            asks.push(Arc::new(ask));
            commands.give_up.insert(n, None);
            collector.start_command(&commands_pool, n, &asks[n]);
        }
        let found = servers.as_deref().unwrap_or_default();
        if commands.give_up.is_empty() && servers.is_some() && fleet.give_up.is_empty() {
            break;
        }

        let now = Instant::now();
        let over = deadline.passed();
        let stop_at = now + deadline.remaining() + GRACE;
        let next = [commands.next(), fleet.next()].into_iter().flatten().min();
        // An interrupt must be noticed without a message.
        let wait = next
            .map_or(stop_at, |at| at.min(stop_at))
            .saturating_duration_since(now)
            .min(Duration::from_millis(200));
        match inbox.recv_timeout(wait) {
            Ok(Message::CommandStarted(n)) => {
                let limit = asks[n].timeout * asks[n].variants.len() as u32;
                if let Some(at) = commands.give_up.get_mut(&n) {
                    *at = Some(Instant::now() + limit.min(deadline.remaining()) + GRACE);
                }
                observers.emit(&Event::CommandStarted {
                    key: &asks[n].key,
                    command: &asks[n].variants[0],
                });
            }
            Ok(Message::CommandDone(n, records)) => {
                if commands.give_up.remove(&n).is_some() {
                    for record in records {
                        observers.emit(&Event::CommandFinished { record: &record });
                        store.insert_cluster(record);
                    }
                }
            }
            Ok(Message::ServerStarted(n)) => {
                if let Some(at) = fleet.give_up.get_mut(&n) {
                    *at = Some(Instant::now() + limits.server.min(deadline.remaining()) + GRACE);
                    observers.emit(&Event::ServerStarted { server: &found[n] });
                }
            }
            Ok(Message::ServerDone(n, reach, records)) => {
                if fleet.give_up.remove(&n).is_some() {
                    finish_server(&mut store, &found[n], reach, records, observers);
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }

        let now = Instant::now();
        let everything = over && (deadline.interrupted() || now >= stop_at);
        let give_up = |pending: &Pending<usize>| {
            if everything {
                pending.give_up.keys().copied().collect()
            } else {
                pending.overdue(now)
            }
        };
        for n in give_up(&commands) {
            commands.give_up.remove(&n);
            let record = collector.given_up(&asks[n]);
            observers.emit(&Event::CommandFinished { record: &record });
            store.insert_cluster(record);
        }
        for n in give_up(&fleet) {
            fleet.give_up.remove(&n);
            let reach = Reach {
                transport: None,
                error: Some(if deadline.interrupted() {
                    reach_error(Step::Interrupted, "the run was interrupted")
                } else {
                    reach_error(Step::Deadline, "it did not answer in time")
                }),
                ms: u64::try_from(limits.server.as_millis()).unwrap_or(u64::MAX),
            };
            finish_server(&mut store, &found[n], reach, Vec::new(), observers);
        }
    }
    // A pool waits for nobody when dropped: a thread that hangs in a call that
    // nothing can end is left behind, and ends with the process.
    drop(fleet_pool);
    let servers = servers.unwrap_or_default();
    for server in &servers {
        let probes = plan.probes_one_by_one(server, &servers, path.as_ref(), &store);
        if !probes.is_empty() {
            let records = collector.ask_alone(server, &probes)?;
            store.add_to_server(&server.name, records);
        }
    }
    Ok(store)
}

/// The backend that the tool stands on, or runs the cluster's commands on;
/// the first, when that is none of them.
fn vantage<'s>(source: &dyn Source, servers: &'s [Server]) -> Option<&'s str> {
    let backends = || servers.iter().filter(|s| s.role == Role::Backend);
    let here = source.here();
    let same = |server: &&Server| {
        here.as_ref().is_some_and(|here| {
            let mut named = here.addresses.iter().chain([&here.address, &here.hostname]);
            named.any(|name| !name.is_empty() && is_called(server, name))
        })
    };
    let server = backends().find(same).or_else(|| backends().next())?;
    Some(&server.name)
}

fn reach_error(step: Step, detail: &str) -> ReachError {
    ReachError {
        step,
        detail: detail.to_owned(),
    }
}

fn finish_server(
    store: &mut Store,
    server: &Server,
    reach: Reach,
    records: Vec<Record>,
    observers: &Observers,
) {
    observers.emit(&Event::ServerFinished {
        server,
        reach: &reach,
        records: &records,
    });
    store.insert_server(ServerEvidence {
        server: server.clone(),
        reach,
        records: records
            .into_iter()
            .map(|record| (record.key().to_owned(), record))
            .collect::<BTreeMap<_, _>>(),
    });
}

fn pool(name: &'static str, threads: usize) -> Result<ThreadPool, EngineError> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |n| format!("{name}-{n}"))
        .build()
        .map_err(|error| EngineError::Threads(error.to_string()))
}

/// Why no further command of the cluster makes sense after this status.
fn refusal(status: &[Record]) -> Option<NotRun> {
    match status.last()?.end() {
        End::Exited(41) => Some(NotRun::NotLoggedIn),
        End::Exited(127) => Some(NotRun::ProgramMissing("weka".to_owned())),
        End::NotRun(why @ (NotRun::ProgramMissing(_) | NotRun::Unreachable(_))) => {
            Some(why.clone())
        }
        _ => None,
    }
}

struct Collector<'a> {
    source: &'a Arc<dyn Source>,
    limits: Limits,
    deadline: &'a Deadline,
    observers: &'a Observers,
    sender: Sender<Message>,
}

impl Collector<'_> {
    fn ask_status(&self, pool: &ThreadPool, inbox: &mpsc::Receiver<Message>) -> Vec<Record> {
        self.observers.emit(&Event::CommandStarted {
            key: STATUS.key,
            command: STATUS.variants[0],
        });
        let status = Arc::new(Ask::of(&STATUS));
        self.start_command(pool, 0, &status);
        let give_up = Instant::now() + STATUS.timeout.min(self.deadline.remaining()) + GRACE;
        let records = loop {
            match inbox.recv_timeout(Duration::from_millis(200)) {
                Ok(Message::CommandDone(0, records)) => break records,
                _ if Instant::now() >= give_up || self.deadline.interrupted() => {
                    break vec![self.given_up(&status)];
                }
                _ => {}
            }
        };
        for record in &records {
            self.observers.emit(&Event::CommandFinished { record });
        }
        records
    }

    /// Runs one command, in its newest spelling that the CLI knows.
    fn start_command(&self, pool: &ThreadPool, n: usize, ask: &Arc<Ask>) {
        let source = Arc::clone(self.source);
        let ask = Arc::clone(ask);
        let (sender, deadline) = (self.sender.clone(), self.deadline.clone());
        pool.spawn(move || {
            // Nobody listens any more once the run has given up: then the answer is lost.
            let _ = sender.send(Message::CommandStarted(n));
            let redactor = Redactor::new();
            let mut records = Vec::new();
            for arguments in &ask.variants {
                let deadline = deadline.sooner(ask.timeout);
                let raw = catch_unwind(AssertUnwindSafe(|| {
                    source.cluster(&ask.key, arguments, &deadline)
                }))
                .unwrap_or_else(|_| {
                    let why = NotRun::Failed("a fault of the tool".to_owned());
                    RawRecord::not_run(&ask.key, &format!("weka {arguments}"), source.now(), why)
                });
                records.push(redactor.seal(raw));
                if !records.last().is_some_and(says_unknown) {
                    break;
                }
            }
            let _ = sender.send(Message::CommandDone(n, records));
        });
    }

    fn start_server(
        &self,
        pool: &ThreadPool,
        n: usize,
        server: &Server,
        probes: Vec<&'static ServerProbe>,
    ) {
        let source = Arc::clone(self.source);
        let (sender, server) = (self.sender.clone(), server.clone());
        let (deadline, limit) = (self.deadline.clone(), self.limits.server);
        pool.spawn(move || {
            let _ = sender.send(Message::ServerStarted(n));
            let answer = catch_unwind(AssertUnwindSafe(|| {
                source.server(&server, &probes, &deadline.sooner(limit))
            }))
            .unwrap_or_else(|_| ServerAnswer {
                reach: Reach {
                    transport: None,
                    error: Some(reach_error(Step::Local, "a fault of the tool")),
                    ms: 0,
                },
                records: Vec::new(),
            });
            let redactor = Redactor::new();
            let records = answer
                .records
                .into_iter()
                .map(|r| redactor.seal(r))
                .collect();
            let _ = sender.send(Message::ServerDone(
                n,
                redactor.reach(answer.reach),
                records,
            ));
        });
    }

    /// Asks one server, and waits for it: its answer to each probe, or why
    /// there is none.
    fn ask_alone(
        &self,
        server: &Server,
        probes: &[&'static ServerProbe],
    ) -> Result<Vec<Record>, EngineError> {
        let (sender, inbox) = mpsc::channel();
        let alone = Collector { sender, ..*self };
        // Dropped without waiting, as the others.
        let pool = pool("alone", 1)?;
        alone.start_server(&pool, 0, server, probes.to_vec());
        let give_up = Instant::now() + self.limits.server.min(self.deadline.remaining()) + GRACE;
        let (error, mut records) = loop {
            match inbox.recv_timeout(Duration::from_millis(200)) {
                Ok(Message::ServerDone(_, reach, records)) => {
                    break (
                        reach.error.map(|e| NotRun::Unreachable(e.to_string())),
                        records,
                    );
                }
                _ if self.deadline.interrupted() => break (Some(NotRun::Interrupted), Vec::new()),
                _ if Instant::now() >= give_up => break (Some(NotRun::Deadline), Vec::new()),
                _ => {}
            }
        };
        let redactor = Redactor::new();
        for probe in probes {
            if !records.iter().any(|record| record.key() == probe.key) {
                let unanswered = || NotRun::Failed("it was not answered".to_owned());
                let why = error.clone().unwrap_or_else(unanswered);
                let raw = RawRecord::not_run(probe.key, probe.script, self.source.now(), why);
                records.push(redactor.seal(raw));
            }
        }
        Ok(records)
    }

    fn not_run(&self, ask: &Ask, why: NotRun) -> Record {
        let line = format!("weka {}", ask.variants[0]);
        Redactor::new().seal(RawRecord::not_run(&ask.key, &line, self.source.now(), why))
    }

    fn given_up(&self, ask: &Ask) -> Record {
        if self.deadline.interrupted() {
            return self.not_run(ask, NotRun::Interrupted);
        }
        if self.deadline.passed() {
            return self.not_run(ask, NotRun::Deadline);
        }
        let line = format!("weka {}", ask.variants[0]);
        Redactor::new().seal(RawRecord {
            end: End::TimedOut,
            duration: ask.timeout,
            ..RawRecord::not_run(&ask.key, &line, Timestamp::now(), NotRun::Deadline)
        })
    }
}

/// The servers of this run: those of the cluster, or those named by the
/// operator; where the cluster can't tell, those named and the one we stand on.
fn choose_servers(
    source: &dyn Source,
    store: &Store,
    selection: &Selection,
) -> Result<Vec<Server>, EngineError> {
    if selection.cluster_only {
        return Ok(Vec::new());
    }
    let Ok(all) = roster(store) else {
        let named: Vec<Server> = selection.backends.iter().map(|name| given(name)).collect();
        return Ok(if named.is_empty() {
            source.here().into_iter().collect()
        } else {
            named
        });
    };
    if selection.backends.is_empty() {
        return Ok(all
            .into_iter()
            .filter(|s| s.role == Role::Backend || selection.clients)
            .collect());
    }
    let mut chosen: Vec<Server> = Vec::new();
    for name in &selection.backends {
        let found: Vec<&Server> = all
            .iter()
            .filter(|s| s.role == Role::Backend && is_called(s, name))
            .collect();
        if found.is_empty() {
            return Err(unknown_server(name, &all));
        }
        for server in found {
            if !chosen.contains(server) {
                chosen.push(server.clone());
            }
        }
    }
    if selection.clients {
        chosen.extend(all.into_iter().filter(|s| s.role == Role::Client));
    }
    Ok(chosen)
}

/// By its name in the report, its host name with or without a domain, or one
/// of its addresses.
fn is_called(server: &Server, name: &str) -> bool {
    let short = |n: &str| n.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    server.name == name
        || server.addresses.iter().any(|a| same_address(a, name))
        || (!is_address
            && (server.hostname.eq_ignore_ascii_case(name)
                || (server.hostname.contains('.') != name.contains('.')
                    && short(&server.hostname) == short(name))))
}

/// Two spellings of one IPv6 address are the same address.
fn same_address(a: &str, b: &str) -> bool {
    let parse = |text: &str| text.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    match (parse(a), parse(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

fn given(name: &str) -> Server {
    let address = name.trim_matches(['[', ']']).to_owned();
    Server {
        name: name.to_owned(),
        hostname: address.clone(),
        addresses: vec![address.clone()],
        address,
        role: Role::Backend,
    }
}

fn unknown_server(name: &str, all: &[Server]) -> EngineError {
    let names: Vec<&str> = all
        .iter()
        .filter(|s| s.role == Role::Backend)
        .map(|s| s.name.as_str())
        .collect();
    let nearest = names
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| (*known).to_owned());
    EngineError::UnknownServer {
        name: name.to_owned(),
        nearest,
        known: crate::report::fold_names(&names),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::name("weka-01", true)]
    #[case::with_domain("weka-01.lab.example", true)]
    #[case::address("10.0.0.11", true)]
    #[case::ipv6_spelling("fd00:0:0::11", true)]
    #[case::ipv6_brackets("[fd00::11]", true)]
    #[case::another("weka-1", false)]
    #[case::part_of_an_address("10", false)]
    fn a_server_is_called(#[case] name: &str, #[case] expected: bool) {
        let server = Server {
            name: "weka-01".to_owned(),
            hostname: "weka-01".to_owned(),
            address: "10.0.0.11".to_owned(),
            addresses: vec!["10.0.0.11".to_owned(), "fd00::11".to_owned()],
            role: Role::Backend,
        };
        assert_eq!(is_called(&server, name), expected);
    }
}
