//! The tool ends at every moment: before and after everything that it asks of
//! the world. It is gone on with, and the cluster is upgraded once.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use checker_core::Deadline;
use checker_core::Version;
use checker_core::ndu::executor::{ExecuteError, Executor, Job, JobId, JobView};
use checker_core::ndu::observe::ClusterState;
use checker_core::ndu::run::{Event, GateAnswer, Gatekeeper, Operator, Outcome, Upgrade, Watcher};
use checker_simulator::UpgradeSimulator;
use checker_simulator::model::{Phase, Trouble, UpgradeFault};
use rstest::rstest;

use crate::world::{OpenGate, Says, Striding, World, shown};

/// Ends the tool at the n-th interaction, before or after it took effect.
struct Fuse {
    count: AtomicUsize,
    at: usize,
    after: bool,
}

/// What a panic carries, so that nothing is printed about it.
struct Ended;

impl Fuse {
    fn pass<T>(&self, act: impl FnOnce() -> T) -> T {
        let here = self.count.fetch_add(1, Ordering::Relaxed) == self.at;
        if here && !self.after {
            resume_unwind(Box::new(Ended));
        }
        let result = act();
        if here {
            resume_unwind(Box::new(Ended));
        }
        result
    }
}

struct Fused<'a, T>(T, &'a Fuse);

impl Executor for Fused<'_, Striding<'_>> {
    fn start(&self, job: &Job, deadline: &Deadline) -> Result<(), ExecuteError> {
        self.1.pass(|| self.0.start(job, deadline))
    }

    fn look(&self, id: &JobId, from: u64, deadline: &Deadline) -> Result<JobView, ExecuteError> {
        self.1.pass(|| self.0.look(id, from, deadline))
    }

    fn running(&self, deadline: &Deadline) -> Result<Option<JobId>, ExecuteError> {
        self.1.pass(|| self.0.running(deadline))
    }
}

impl Gatekeeper for Fused<'_, &mut OpenGate> {
    fn ask(&mut self, cluster: &ClusterState, target: &Version) -> Result<GateAnswer, String> {
        let (gate, fuse) = (&mut self.0, self.1);
        fuse.pass(|| gate.ask(cluster, target))
    }
}

impl Operator for Fused<'_, &mut Says> {
    fn agrees(&mut self, question: &str) -> bool {
        let (says, fuse) = (&mut self.0, self.1);
        fuse.pass(|| says.agrees(question))
    }
}

impl Watcher for Fused<'_, ()> {
    fn on_event(&self, event: &Event<'_>) {
        // These stand beside what is written down; what a command prints does not.
        if matches!(
            event,
            Event::HopBegun { .. }
                | Event::StepBegun { .. }
                | Event::StepDone { .. }
                | Event::Started { .. }
        ) {
            self.1.pass(|| ());
        }
    }
}

/// Runs until the fuse blows; whether it came to its end before that.
fn run(world: &mut World, fuse: &Fuse, resume: bool) -> Option<Outcome> {
    let (journal, run) = world.journal(resume);
    let sim: Arc<UpgradeSimulator> = Arc::clone(&world.sim);
    let clock = Arc::clone(&world.clock);
    let releases = world.releases.clone();
    let executor = Fused(
        Striding {
            sim: &sim,
            more: world.stride,
            renamed: false,
        },
        fuse,
    );
    let mut gate = Fused(&mut world.gate, fuse);
    let mut operator = Fused(&mut world.says, fuse);
    let watcher = Fused((), fuse);
    let mut upgrade = Upgrade {
        source: Arc::<UpgradeSimulator>::clone(&sim),
        executor: &executor,
        clock: &*clock,
        gate: &mut gate,
        operator: &mut operator,
        watcher: &watcher,
        options: &world.options,
        limits: world.limits,
        data: &world.data,
        journal,
        here: Some("weka-01".to_owned()),
        run,
        releases,
        resume,
    };
    // The journal and its lock go with it, as with a process.
    catch_unwind(AssertUnwindSafe(move || upgrade.run().expect("a journal"))).ok()
}

/// Two commands that upgrade never run at a time: the executor refuses a
/// second one, and a stop that names the first would end the run.
#[track_caller]
fn ends_well(make: fn() -> World, at: usize, after: bool, safe_twice: &[&str]) -> bool {
    let mut world = make();
    let fuse = Fuse {
        count: AtomicUsize::new(0),
        at,
        after,
    };
    let ended = run(&mut world, &fuse, false);
    let blew = ended.is_none();
    let mut outcome = ended;
    let none = Fuse {
        count: AtomicUsize::new(0),
        at: usize::MAX,
        after: false,
    };
    for _ in 0..3 {
        if matches!(outcome, Some(Outcome::Done { .. })) {
            break;
        }
        outcome = run(&mut world, &none, true);
    }
    let outcome = outcome.expect("no fuse is left");
    assert!(
        matches!(outcome, Outcome::Done { .. }),
        "{at} {after}: {}",
        shown(&outcome)
    );
    world.assert_upgraded();
    let mut counts = BTreeMap::new();
    for command in world.commands() {
        *counts.entry(command).or_insert(0) += 1;
    }
    counts.retain(|command: &String, n| *n > 1 && !safe_twice.iter().any(|s| command.contains(s)));
    assert!(counts.is_empty(), "{at} {after}: {counts:?}");
    blew
}

fn small(from: &str, later: &[&str]) -> World {
    World::new(
        checker_simulator::Cluster::healthy(&from.parse().expect("a release"), 2, 0),
        later,
    )
}

fn one_hop() -> World {
    small("4.4.21.2", &["4.4.33"])
}

fn overridden() -> World {
    small("4.3.5.105", &["4.4.33"])
}

fn two_hops() -> World {
    small("4.2.18.34", &["4.4.26", "5.1.25"])
}

fn cleanup() -> World {
    let world = one_hop();
    world.sim.change(|cluster| {
        cluster
            .upgrade
            .faults
            .push(UpgradeFault::once(Trouble::CleanupFails {
                phase: Phase::Computes,
            }));
    });
    world
}

/// What may run twice, by the table in `ndu::run`: nothing of these was seen
/// to, for what was started is found again.
const SAFE: &[&str] = &[
    " version get ",
    " version prepare ",
    "--prepare-only",
    "--distribute-version",
];
/// After a failed cleanup the phase is begun anew, once by itself and once by
/// whoever resumes.
const AND_THE_PHASE: &[&str] = &[
    "version get",
    "version prepare",
    "--prepare-only",
    "--ndu-computes-phase",
];

#[rstest]
#[case::one_hop(one_hop, SAFE, 2)]
#[case::with_an_override(overridden, SAFE, 4)]
#[case::two_hops(two_hops, SAFE, 8)]
#[case::with_a_failed_cleanup(cleanup, AND_THE_PHASE, 5)]
fn ended_at_every_moment(
    #[case] make: fn() -> World,
    #[case] safe_twice: &[&str],
    #[case] stride: usize,
    #[values(false, true)] after: bool,
) {
    // Not at every moment in each, for the time that it takes; before the one
    // and after the one before it are nearly the same.
    let mut at = usize::from(after) * stride / 2;
    let mut ends = 0;
    while ends_well(make, at, after, safe_twice) {
        ends += 1;
        at += stride;
        assert!(at < 1000, "it never ends");
    }
    assert!(ends * stride >= 25, "{ends}");
}
