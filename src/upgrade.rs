//! `checker upgrade`: gate, then the NDU.

mod clock;
mod keeper;
mod outcome;
mod place;
mod progress;
mod status;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use checker_core::Version;
use checker_core::deadline::Deadline;
use checker_core::evidence::Redactor;
use checker_core::facts::Missing;
use checker_core::ndu::commands::Dialect;
use checker_core::ndu::executor::Secret;
use checker_core::ndu::journal::{self, Entry, Journal, JournalError, Line, Story};
use checker_core::ndu::observe::ClusterState;
use checker_core::ndu::plan::{
    ClientChoice, ClientOptions, Distribution, Hops, Options, Plan, PlannedHop, StepKind, Until,
};
use checker_core::ndu::run::{Clock, Limits, Operator, Upgrade, new_run_id};
use checker_core::release_data::ReleaseData;
use checker_core::source::Source;
use checker_core::upgrade_path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::args::{CheckArgs, Format, HopsArg, OutputArgs, UpgradeArgs, UpgradeCommand};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::{accept, main_job, output, plugins};
use clock::SystemClock;
use keeper::Keeper;
use place::{Begins, Place};

/// The environment variable with the token of the distribution site.
const TOKEN: &str = "CHECKER_DIST_TOKEN";

/// How long finding out what the cluster is like may take.
const FIRST_LOOK: Duration = Duration::from_secs(120);

pub(crate) fn run(arguments: UpgradeArgs) -> Result<Exit, Failure> {
    match arguments.command {
        Some(UpgradeCommand::Status(arguments)) => status::run(arguments),
        None => upgrade(arguments),
    }
}

fn upgrade(arguments: UpgradeArgs) -> Result<Exit, Failure> {
    let options = options(&arguments)?;
    if arguments.in_background {
        // A session of our own: no terminal can take us with it.
        let _ = rustix::process::setsid();
    }
    let begins = match (arguments.resume, arguments.dry_run) {
        (true, _) => Begins::GoesOn,
        (false, true) => Begins::Looks,
        (false, false) => Begins::Anew,
    };
    let mut place = Place::new(&arguments.place, &arguments.reach, begins)?;
    let target = target(&arguments, &place)?;
    let mut settings = Settings::new(CheckArgs {
        target_version: Some(target.clone()),
        all: arguments.all,
        accept: arguments.accept,
        plugins: arguments.plugins,
        scripts: arguments.scripts,
        reach: arguments.reach,
        output: OutputArgs {
            format: Some(arguments.format),
            no_color: arguments.no_color,
            data: arguments.data,
            ..OutputArgs::default()
        },
        bundle_dir: arguments.bundle_dir,
        no_bundle: arguments.no_bundle,
        config: arguments.config,
        simulate: arguments.place.simulate.clone(),
        ..CheckArgs::default()
    })?;
    let prepared = plugins::registry(&settings.plugins)?;
    let registry = prepared.registry;
    settings.limits.server += prepared.foreign_time;
    accept::verify(&settings.acceptances, &registry)?;
    place.open(&settings.source, prepared.samples)?;
    let source = place.source()?;
    let clock = SystemClock::start()
        .context("setting up the handling of signals")
        .map_err(Failure::internal)?;

    let patience = if arguments.resume {
        place.limits(Limits::default()).patience.limit
    } else {
        Duration::ZERO
    };
    let state = first_look(&*source, patience, &clock)
        .map_err(|missing| anyhow!("the cluster can't be looked at: {missing}"))
        .map_err(|error| Failure {
            error,
            exit: Exit::Unverified,
        })?;
    let now = jiff::Timestamp::now();
    let taken_up = if arguments.resume {
        match Journal::take_up(place.state_dir(), &state.guid, now) {
            Ok(journal) => journal.filter(|journal| !journal.story().finished()),
            Err(error) => return journal_failure(error),
        }
    } else {
        None
    };
    // One that was cut off before its first line tells nothing: it is begun in.
    let told = taken_up
        .as_ref()
        .filter(|journal| !journal.story().lines().is_empty());
    let (run, releases) = match told {
        Some(journal) => planned(journal, &target)?,
        None => (new_run_id(), way(&settings.data, &state, &target)?),
    };
    known_clients(&options, &state)?;
    let deadline = Deadline::within(FIRST_LOOK);
    let here = source.here().map(|server| server.hostname);
    known_container(&options, &state, here.as_deref())?;
    let plan = Plan::new(
        &state,
        &releases,
        &options,
        Dialect::of(&*source, &deadline),
        here.as_deref(),
        &settings.data,
        told.map_or_else(|| Story::of(&[]), Journal::story),
    );
    if arguments.dry_run {
        output::print(&match arguments.format {
            Format::Json => plan.json(),
            Format::Text => plan.text(&output::on_stdout(settings.shown.no_color)),
        })?;
        return Ok(Exit::Green);
    }
    let gets = |hop: &PlannedHop| hop.steps.iter().any(|s| s.step == StepKind::Get);
    if let Distribution::Package(package) = &options.distribution
        && plan.hops.iter().any(gets)
    {
        place.has_file(package)?;
    }
    // The plan is for the eyes; a program that reads JSON gets the outcome alone.
    output::note(&plan.text(&output::on_stderr(settings.shown.no_color)));
    let mut operator = Asked {
        yes: arguments.yes,
        leaving: clock.leaving_flag(),
    };
    if !arguments.yes && !begin(&mut operator)? {
        output::note("Nothing was begun.");
        return Ok(Exit::Failures);
    }
    if arguments.detach && !arguments.in_background {
        // The lock is for the one in the background.
        drop(taken_up);
        return detach(&place, &state.guid, &clock);
    }

    let log = main_job::start_log();
    let mut journal = match taken_up {
        Some(journal) => journal,
        None => match Journal::begin(place.state_dir(), &state.guid, &run, now) {
            Ok(journal) => journal,
            Err(error) => return journal_failure(error),
        },
    };
    let redactor = Redactor::new();
    let argv: Vec<String> = std::env::args().map(|a| redactor.text(&a)).collect();
    let host = main_job::host_name();
    let first = if journal.story().begun().is_some() {
        let after = journal.story().last().map(Line::told);
        if let Some(after) = &after {
            output::note(&format!("going on after: {after}"));
        }
        Entry::Resumed {
            after: after.unwrap_or_default(),
            argv,
            host,
        }
    } else {
        Entry::Begun {
            run: run.clone(),
            guid: state.guid.clone(),
            cluster: state.name.clone(),
            releases: releases.clone(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            argv,
            host,
        }
    };
    if let Err(error) = journal.write(now, first) {
        return journal_failure(error);
    }
    let path = journal.path().to_owned();
    output::note(&format!("journal: {}", path.display()));

    let watcher = progress::Shown::new(arguments.verbose);
    clock.speak_through(watcher.teller());
    let mut keeper = Keeper::new(
        &settings,
        &registry,
        Arc::clone(&source),
        clock.leaving_flag(),
        log.as_ref(),
    );
    let executor = place.executor()?;
    let outcome = Upgrade {
        source: Arc::clone(&source),
        executor: &*executor,
        clock: &clock,
        gate: &mut keeper,
        operator: &mut operator,
        watcher: &watcher,
        options: &options,
        limits: place.limits(Limits::default()),
        data: &settings.data,
        journal,
        here,
        run,
        releases,
        resume: arguments.resume,
    }
    .run();
    watcher.finish();
    let exit = match outcome {
        Ok(outcome) => outcome::show(&outcome, &keeper, arguments.format, &settings.shown),
        Err(error) => Err(Failure {
            error: anyhow::Error::from(error)
                .context("the journal can't be written, so nothing more was begun"),
            exit: Exit::Stopped,
        }),
    };
    main_job::finish_log(log.as_ref());
    exit
}

/// What the cluster is like. In the middle of an upgrade, while its leader is
/// handed over, it may not answer for a while.
fn first_look(
    source: &dyn Source,
    patience: Duration,
    clock: &dyn Clock,
) -> Result<ClusterState, Missing> {
    let begun = Instant::now();
    loop {
        match ClusterState::observe(source, &Deadline::within(FIRST_LOOK)) {
            Err(_) if begun.elapsed() < patience && !clock.leaving() => {
                clock.sleep(Duration::from_secs(1));
            }
            seen => return seen,
        }
    }
}

/// Where the journal's upgrade goes; it must be where the operator wants to go.
fn planned(journal: &Journal, target: &Version) -> Result<(String, Vec<Version>), Failure> {
    let story = journal.story();
    let Some((run, releases)) = story.begun() else {
        return Err(Failure::usage(anyhow!(
            "{} does not tell which upgrade it is of; move it away and go on with --resume: the cluster is asked then",
            journal.path().display()
        )));
    };
    match releases.last() {
        Some(planned) if planned == target => Ok((run.to_owned(), releases.to_vec())),
        planned => Err(Failure::usage(anyhow!(
            "the upgrade that was interrupted goes to {}, not to {target}; give --target-version {0}, or move {} away",
            planned.map(ToString::to_string).unwrap_or_default(),
            journal.path().display()
        ))),
    }
}

/// Ids that are no clients would be left out without a word.
fn known_clients(options: &Options, state: &ClusterState) -> Result<(), Failure> {
    let Some(clients) = &options.clients else {
        return Ok(());
    };
    let named = match &clients.which {
        ClientChoice::All => &[][..],
        ClientChoice::Ids(ids) => ids.as_slice(),
    };
    let mut all = named.iter().chain(&clients.drop);
    match all.find(|id| !state.clients.iter().any(|c| c.id == **id)) {
        None => Ok(()),
        Some(id) => Err(Failure::usage(anyhow!(
            "{id} is no client of this cluster; `weka cluster container --clients` shows their ids"
        ))),
    }
}

/// The upgrade command would find no cluster beside a container that is not there.
fn known_container(
    options: &Options,
    state: &ClusterState,
    here: Option<&str>,
) -> Result<(), Failure> {
    match options.lacks_container(state, here) {
        None => Ok(()),
        Some(there) => Err(Failure::usage(anyhow!(
            "--container {}: {} has none of that name; there are {}",
            options.container.as_deref().unwrap_or_default(),
            here.unwrap_or("the cluster"),
            there.join(", ")
        ))),
    }
}

/// The releases to go over, from where the cluster is.
fn way(
    data: &ReleaseData,
    state: &ClusterState,
    target: &Version,
) -> Result<Vec<Version>, Failure> {
    // In the middle of an upgrade, whose journal is lost: the hop is the one
    // between the releases that the containers run.
    let running = state.backends.iter().filter_map(|c| c.release.as_ref());
    let oldest = running.clone().min().unwrap_or(&state.release);
    let newest = running.max().unwrap_or(&state.release);
    if oldest.without_suffix() == target.without_suffix() {
        return Ok(vec![oldest.clone(), target.clone()]);
    }
    let half_way = oldest.without_suffix() != newest.without_suffix();
    if half_way && newest.without_suffix() == target.without_suffix() {
        return Ok(vec![oldest.clone(), target.clone()]);
    }
    let from = if half_way { newest } else { oldest };
    let route = upgrade_path::find(data, from, target).map_err(|none| Failure {
        error: anyhow!("no supported path from {from} to {target}: {none}"),
        exit: Exit::Failures,
    })?;
    Ok(if half_way {
        std::iter::once(oldest.clone())
            .chain(route.releases)
            .collect()
    } else {
        route.releases
    })
}

/// The target that was given, or that of the upgrade to go on with.
fn target(arguments: &UpgradeArgs, place: &Place) -> Result<Version, Failure> {
    if let Some(target) = &arguments.target_version {
        return Ok(target.clone());
    }
    if arguments.resume
        && let Some(target) = place.interrupted_target()?
    {
        return Ok(target);
    }
    Err(Failure::usage(anyhow!(
        "to which release is the cluster to be upgraded? Give --target-version V, such as --target-version 4.4.10.202"
    )))
}

fn options(arguments: &UpgradeArgs) -> Result<Options, Failure> {
    let clients = match arguments.clients.as_slice() {
        [] => None,
        given => Some(ClientOptions {
            which: if given == ["all"] {
                ClientChoice::All
            } else {
                let ids: Result<Vec<u64>, _> = given.iter().map(|id| id.trim().parse()).collect();
                ClientChoice::Ids(ids.map_err(|_| {
                    Failure::usage(anyhow!(
                        "--clients {}: give `all` alone, or the numbers of containers as `weka cluster container` shows them",
                        given.join(",")
                    ))
                })?)
            },
            batch: arguments.client_batch_size,
            drop: arguments.drop_clients.clone(),
        }),
    };
    Ok(Options {
        distribution: distribution(arguments)?,
        until: match (arguments.prepare_only, arguments.distribute_only) {
            (true, _) => Until::Prepared,
            (_, true) => Until::Distributed,
            _ => Until::End,
        },
        hops: match arguments.hops {
            HopsArg::All => Hops::All,
            HopsArg::Next => Hops::Next,
        },
        container: arguments.container.clone(),
        mgmt_port: arguments.mgmt_port,
        clients,
    })
}

fn distribution(arguments: &UpgradeArgs) -> Result<Distribution, Failure> {
    if let Some(package) = &arguments.package {
        let whole = std::path::absolute(package)
            .with_context(|| format!("--package {}", package.display()))
            .map_err(Failure::usage)?;
        return Ok(Distribution::Package(whole));
    }
    let Some(from) = &arguments.from else {
        return Ok(Distribution::Configured);
    };
    if from.contains('@') {
        return Err(Failure::usage(anyhow!(
            "--from holds a token or a password, which everyone on this machine could read: give the site alone, and the token with --token-file FILE or in the variable {TOKEN}"
        )));
    }
    let token = match &arguments.token_file {
        Some(file) => Some(
            std::fs::read_to_string(file)
                .with_context(|| format!("the token in {}", file.display()))
                .map_err(Failure::usage)?,
        ),
        None => std::env::var(TOKEN).ok(),
    };
    let token = token.map(|token| token.trim().to_owned());
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok(Distribution::From(from.clone()));
    };
    let Some((scheme, site)) = from.split_once("://") else {
        return Err(Failure::usage(anyhow!(
            "a token belongs to a distribution site, such as --from https://SITE; {from} is none"
        )));
    };
    if !token.bytes().all(|b| b.is_ascii_graphic()) || token.contains(['@', '/']) {
        return Err(Failure::usage(anyhow!(
            "the token holds characters that no token has; look at the file or the variable that it comes from"
        )));
    }
    Ok(Distribution::WithToken {
        site: from.clone(),
        url: Secret::new(format!("{scheme}://{token}@{site}")),
    })
}

/// Asks whether to begin.
fn begin(operator: &mut Asked) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(anyhow!(
            "nobody is there to agree to the plan: give --yes (or --dry-run to see the plan alone)"
        )));
    }
    Ok(operator.agrees("Begin?"))
}

/// Someone at the terminal, or `--yes`.
struct Asked {
    yes: bool,
    leaving: Arc<AtomicBool>,
}

impl Asked {
    /// Waits for a line, or until the operator leaves.
    fn answered(&self) -> bool {
        let stdin = std::io::stdin();
        while !self.leaving.load(Ordering::Relaxed) {
            let mut files = [PollFd::new(&stdin, PollFlags::IN)];
            let glance = Timespec {
                tv_sec: 0,
                tv_nsec: 100_000_000,
            };
            match poll(&mut files, Some(&glance)) {
                Ok(0) | Err(Errno::INTR) => {}
                // Whatever is wrong with it, reading tells.
                Ok(_) | Err(_) => return true,
            }
        }
        false
    }
}

impl Operator for Asked {
    fn agrees(&mut self, question: &str) -> bool {
        if self.yes {
            output::note(&format!("{question} yes (--yes)"));
            return true;
        }
        if !std::io::stdin().is_terminal() {
            return false;
        }
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{question} [y/N] ");
        let _ = err.flush();
        drop(err);
        if !self.answered() {
            output::note("");
            return false;
        }
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

/// Starts this very command in the background, and waits until the gate has let
/// it through. Where it ends before, as with a closed gate, what it said and how
/// it ended is ours.
fn detach(place: &Place, guid: &str, clock: &SystemClock) -> Result<Exit, Failure> {
    let program = std::env::current_exe()
        .context("finding our own program")
        .map_err(Failure::internal)?;
    let path = place.state_dir().join("upgrade.out");
    let file = place
        .create(&path)
        .with_context(|| path.display().to_string())
        .map_err(Failure::internal)?;
    let said = file.metadata().map_or(0, |data| data.len());
    let both = file
        .try_clone()
        .context("a second handle")
        .map_err(Failure::internal)?;
    let since = jiff::Timestamp::now();
    let mut child = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg("--in-background")
        .stdin(std::process::Stdio::null())
        .stdout(file)
        .stderr(both)
        .spawn()
        .context("going to the background")
        .map_err(Failure::internal)?;
    output::note(&format!(
        "Process {} in the background asks the gate, and writes to {}.",
        child.id(),
        path.display()
    ));
    while !clock.leaving() && !let_through(place, guid, child.id(), since) {
        let ended = child
            .try_wait()
            .context("waiting for the process in the background")
            .map_err(Failure::internal)?;
        if let Some(status) = ended {
            let text = std::fs::read(&path).unwrap_or_default();
            let new = text.get(usize::try_from(said).unwrap_or_default()..);
            let new = String::from_utf8_lossy(new.unwrap_or_default());
            // The plan was shown already.
            let begun = new.find("\njournal: ").map_or(0, |at| at + 1);
            output::note(new[begun..].trim_end());
            return Ok(Exit::of_code(status.code().unwrap_or(-1)));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    output::note(&format!(
        "The upgrade goes on in the background as process {}, and writes to {}.\n`checker upgrade status` says where it stands.",
        child.id(),
        path.display()
    ));
    Ok(Exit::Green)
}

/// Whether that process holds the lock, and the gate has opened for it, or was
/// not to be asked.
fn let_through(place: &Place, guid: &str, process: u32, since: jiff::Timestamp) -> bool {
    let holds = format!("process {process} on ");
    let holder = journal::holder(place.state_dir(), guid);
    if !matches!(holder, Ok(Some(holder)) if holder.starts_with(&holds)) {
        return false;
    }
    let Ok(Some((_, lines))) = journal::look(place.state_dir(), guid) else {
        return false;
    };
    lines
        .iter()
        .filter(|line| line.at >= since)
        .any(|line| match line.entry {
            Entry::Gate { open, .. } => open,
            Entry::StepBegun { step, .. } => step != StepKind::Gate,
            _ => false,
        })
}

/// Someone else's lock starts nothing; anything else is the machine's fault.
fn journal_failure(error: JournalError) -> Result<Exit, Failure> {
    let exit = match &error {
        JournalError::Locked { .. } => Exit::Failures,
        JournalError::Line { .. } | JournalError::Guid(_) => Exit::Usage,
        JournalError::File { .. } => Exit::Internal,
    };
    Err(Failure {
        error: anyhow::Error::from(error).context("nothing was begun"),
        exit,
    })
}
