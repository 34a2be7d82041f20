//! What an upgrade meets: questions, silence, other people.

use std::sync::Arc;
use std::time::Duration;

use checker_core::ndu::commands;
use checker_core::ndu::executor::{Executor as _, Job};
use checker_core::ndu::journal::Entry;
use checker_core::ndu::observe::Phase;
use checker_core::ndu::plan::{ClientChoice, ClientOptions, Hops, StepKind, Until};
use checker_core::ndu::run::Outcome;
use checker_core::ndu::stop::{Failure, Stop};
use checker_core::source::Source;
use checker_simulator::model::{ManualOverride, Mode, Phase as SimPhase, Trouble, UpgradeFault};
use checker_simulator::upgrade::{Environment, Started};
use checker_simulator::{Cluster, Scenario, UpgradeSimulator};
use rstest::rstest;

use crate::world::{RealGate, World, done, job_id, release, shown, soon};

const FROM: &str = "4.4.21.2";
const TO: &str = "4.4.33";
const TWO: &[&str] = &["4.4.26", "5.1.25"];
const UPGRADE: &str = "weka local run --container drives0 --in 4.4.33 upgrade";

fn small() -> World {
    World::small(FROM, 0, &[TO])
}

fn two_hops() -> World {
    World::small("4.2.18.34", 0, TWO)
}

#[track_caller]
fn stopped(outcome: Outcome) -> Stop {
    match outcome {
        Outcome::Stopped(stop) => *stop,
        other => panic!("{}", shown(&other)),
    }
}

/// Everything on this release, as if somebody had done it by hand.
fn by_hand(sim: &UpgradeSimulator, to: &str) {
    let to = release(to);
    sim.change(|cluster| {
        cluster.release = to.clone();
        cluster.versions.push(to.clone());
        let all = cluster.servers.iter_mut().flat_map(|s| &mut s.containers);
        all.for_each(|c| c.release = to.clone());
    });
}

/// Leaves when so many containers run the last release.
fn leave_when(world: &World, count: usize) {
    let (sim, clock) = (Arc::clone(&world.sim), Arc::clone(&world.clock));
    let to = world.target().clone();
    world.clock.on_sleep(move |_| {
        let cluster = sim.current();
        let all = cluster.containers();
        if all.iter().filter(|(_, c)| c.release == to).count() >= count {
            clock.leave(true);
        }
    });
}

fn come_back(world: &World) {
    world.clock.quiet();
    world.clock.leave(false);
}

fn clients_of(world: &World) -> Vec<u64> {
    let cluster = world.sim.current();
    let all = cluster.containers().into_iter();
    all.filter(|(_, c)| c.mode == Mode::Client)
        .map(|(_, c)| c.id)
        .collect()
}

// ---- two hops ----

#[test]
fn two_hops_with_the_real_gate_before_each() {
    let scenario = Scenario::parse("two-hops").expect("a scenario");
    let mut world = World::new(scenario.cluster(), TWO);
    world.options.clients = Some(ClientOptions {
        // Two of them would follow at their next mount, which the next hop
        // can't wait for.
        which: ClientChoice::Ids(clients_of(&world)),
        batch: 2,
        drop: Vec::new(),
    });
    let source: Arc<dyn Source> = Arc::<UpgradeSimulator>::clone(&world.sim);
    // A warning that nobody accepted: nothing is begun.
    let mut strict = RealGate::new(Arc::clone(&source), &[]);
    let outcome = world.run_with(false, &mut strict);
    assert!(
        matches!(outcome, Outcome::GateClosed { hop: 1, .. }),
        "{}",
        shown(&outcome)
    );
    assert_eq!(world.commands(), Vec::<String>::new());

    let mut gate = RealGate::new(
        source,
        &[
            "version/clients",
            "version/path",
            "health/fsck",
            "version/known-issues",
        ],
    );
    let outcome = world.run_with(true, &mut gate);
    assert!(
        matches!(outcome, Outcome::Done { .. }),
        "{}\n{:#?}\n{:?}",
        shown(&outcome),
        gate.reasons,
        gate.asked
    );
    assert_eq!(
        gate.asked,
        [(release("4.2.18.34"), true), (release("4.4.26"), true)]
    );
    let upgrade = |to: &str| format!("weka local run --container drives0 --in {to} upgrade");
    let clients = "--mode=clients-upgrade --client-rolling-batch-size 2 --clients-to-upgrade";
    let commands = world.commands();
    let ids: Vec<String> = clients_of(&world).iter().map(u64::to_string).collect();
    let ids = ids.join(",");
    assert_eq!(
        commands,
        [
            "weka version get 4.4.26 --no-progress-bar".to_owned(),
            "weka version prepare 4.4.26".to_owned(),
            format!("{} --prepare-only", upgrade("4.4.26")),
            upgrade("4.4.26"),
            format!("{} {clients} {ids}", upgrade("4.4.26")),
            "weka version get 5.1.25 --no-progress-bar".to_owned(),
            "weka version prepare 5.1.25".to_owned(),
            format!("{} --distribute-version", upgrade("5.1.25")),
            upgrade("5.1.25"),
            format!("{} {clients} {ids}", upgrade("5.1.25")),
        ]
    );
    world.assert_upgraded();
    // The conversion was waited for between the hops.
    let steps = world.notes.with("done Conversion");
    assert_eq!(steps.len(), 1, "{steps:?}");
}

#[test]
fn a_gate_that_closes_before_the_second_hop() {
    let mut world = two_hops();
    world.gate.closed_from = Some(1);
    let outcome = world.run(false);
    assert!(
        matches!(outcome, Outcome::GateClosed { hop: 2, .. }),
        "{}",
        shown(&outcome)
    );
    assert!(world.commands().iter().all(|c| !c.contains("5.1.25")));
    let before = world.commands().len();
    world.gate.closed_from = None;
    done(&world.run(true));
    let commands = world.commands();
    assert!(commands[before..].iter().all(|c| c.contains("5.1.25")));
    world.assert_upgraded();
}

#[test]
fn one_hop_at_a_time() {
    let mut world = two_hops();
    world.options.hops = Hops::Next;
    let outcome = world.run(false);
    assert!(
        matches!(&outcome, Outcome::Done { release: r, .. } if *r == release("4.4.26")),
        "{}",
        shown(&outcome)
    );
    assert_eq!(world.gate.asked.len(), 1);
    // What was done counts no more: the next one is the second.
    done(&world.run(true));
    assert_eq!(world.gate.asked.len(), 2);
    world.assert_upgraded();
}

#[test]
fn an_end_in_the_second_hop_is_gone_on_with_there() {
    let mut world = two_hops();
    leave_when(&world, 2);
    let outcome = world.run(false);
    assert!(matches!(outcome, Outcome::Detached(left) if left.hop == 2));
    come_back(&world);
    // The command was ended as well: the cluster is half-way between the hops.
    let last = world.sim.started().pop().expect("a job");
    world.sim.lose(&last.id);
    let before = world.commands().len();
    done(&world.run(true));
    let commands = world.commands();
    assert_eq!(commands.len(), before + 1);
    assert!(
        commands[before].contains("--in 5.1.25 upgrade --ndu-"),
        "{commands:?}"
    );
    world.assert_upgraded();
}

#[test]
fn an_end_while_the_second_hop_prepares_and_goes_on() {
    let mut world = two_hops();
    let last = "weka local run --container drives0 --in 5.1.25 upgrade";
    let sim = Arc::clone(&world.sim);
    let clock = Arc::clone(&world.clock);
    world.clock.on_sleep(move |_| {
        let started = sim.started();
        let shown = started.last().map(|job| job.work.to_string());
        clock.leave(shown.as_deref() == Some(last));
    });
    let outcome = world.run(false);
    assert!(matches!(outcome, Outcome::Detached(left) if left.hop == 2));
    come_back(&world);
    let (sim, job) = (
        Arc::clone(&world.sim),
        world.sim.started().pop().expect("a job"),
    );
    // It goes on while the hop before it is looked at.
    world.clock.on_sleep(move |_| sim.advance(&job.id, 3));
    let before = world.commands().len();
    done(&world.run(true));
    assert_eq!(world.commands().len(), before);
    world.assert_upgraded();
}

// ---- overrides and questions ----

const ADD: &str = "weka debug override add --key rpc.exception.version --value 1 --force";

fn overridden() -> World {
    World::small("4.3.5.105", 0, &[TO])
}

#[test]
fn an_override_is_set_and_taken_away() {
    let mut world = overridden();
    done(&world.run(false));
    let commands = world.commands();
    let at = |start: &str| {
        let at = commands.iter().position(|c| c.starts_with(start));
        at.unwrap_or_else(|| panic!("no {start} in {commands:?}"))
    };
    assert!(at(ADD) < commands.iter().position(|c| c == UPGRADE).expect("it ran"));
    assert_eq!(at("weka debug override remove"), commands.len() - 1);
    assert_eq!(world.says.questions.len(), 2);
    assert!(world.sim.current().config.overrides.is_empty());
    world.assert_upgraded();
}

/// The override is set already when the upgrade begins.
fn with_the_override() -> World {
    let world = overridden();
    world.sim.change(|cluster| {
        cluster.config.overrides.push(ManualOverride {
            id: 7,
            key: "rpc.exception.version".to_owned(),
            value: "1".to_owned(),
            forced: true,
        });
    });
    world
}

#[test]
fn an_override_that_is_there_is_not_set_again() {
    let mut world = with_the_override();
    done(&world.run(false));
    assert!(!world.commands().contains(&ADD.to_owned()));
    assert_eq!(world.says.questions.len(), 1);
}

#[test]
fn a_no_before_the_hop_stops_and_touches_no_container() {
    let mut world = overridden();
    world.says.yes = false;
    let stop = stopped(world.run(false));
    assert!(matches!(stop.failure, Failure::Declined(_)), "{stop:?}");
    assert_eq!(stop.step, StepKind::Override);
    assert!(!world.commands().contains(&UPGRADE.to_owned()));
    world.says.yes = true;
    done(&world.run(true));
    world.assert_upgraded();
}

#[test]
fn a_no_after_the_hop_is_a_warning() {
    let mut world = with_the_override();
    world.says.yes = false;
    let outcome = world.run(false);
    match &outcome {
        Outcome::Done { warnings, .. } => assert_eq!(warnings.len(), 1),
        other => panic!("{}", shown(other)),
    }
    assert_eq!(world.sim.current().config.overrides.len(), 1);
}

#[test]
fn who_thinks_for_long_has_the_gate_asked_again() {
    let mut world = overridden();
    let clock = Arc::clone(&world.clock);
    let mut questions = 0;
    world.says.thinks = Box::new(move || {
        questions += 1;
        if questions == 1 {
            clock.pass(Duration::from_secs(16 * 60));
        }
    });
    done(&world.run(false));
    assert_eq!(world.gate.asked.len(), 2);
}

#[test]
fn who_leaves_at_a_question_has_not_answered() {
    let mut world = overridden();
    world.says.yes = false;
    let clock = Arc::clone(&world.clock);
    world.says.thinks = Box::new(move || clock.leave(true));
    let outcome = world.run(false);
    assert!(
        matches!(outcome, Outcome::Detached(_)),
        "{}",
        shown(&outcome)
    );
    assert!(
        !world
            .entries()
            .iter()
            .any(|e| matches!(e, Entry::Asked { .. }))
    );
}

// ---- how far ----

#[rstest]
#[case::prepared(Until::Prepared, 2)]
#[case::distributed(Until::Distributed, 3)]
fn only_so_far(#[case] until: Until, #[case] commands: usize) {
    let mut world = small();
    world.options.until = until;
    done(&world.run(false));
    assert_eq!(world.commands().len(), commands);
    assert_eq!(world.upgraded().len(), 0);
    world.options.until = Until::End;
    done(&world.run(true));
    // Nothing of it was done again.
    assert_eq!(world.commands().len(), 4);
    world.assert_upgraded();
}

#[test]
fn only_so_far_leaves_an_upgrade_that_is_half_way_alone() {
    let mut world = small();
    leave_when(&world, 2);
    world.run(false);
    come_back(&world);
    let last = world.sim.started().pop().expect("a job");
    world.sim.lose(&last.id);
    let before = world.commands().len();
    world.options.until = Until::Distributed;
    let stop = stopped(world.run(true));
    assert!(matches!(stop.failure, Failure::HalfWay { .. }), "{stop:?}");
    assert_eq!(world.commands().len(), before);
}

// ---- how it is said ----

#[test]
fn the_wrapper_of_6_0() {
    let mut world = World::small("6.0.0.6363", 0, &["6.1.0"]);
    done(&world.run(false));
    let commands = world.commands();
    assert_eq!(commands[3], "weka upgrade backends 6.1.0 -C drives0");
    world.assert_upgraded();
}

#[test]
fn an_option_that_is_not_known_has_another_name() {
    let mut world = small();
    world.renamed = true;
    done(&world.run(false));
    let commands = world.commands();
    assert_eq!(
        commands[2..4],
        [
            format!("{UPGRADE} --distribute-version"),
            format!("{UPGRADE} --prepare-only")
        ]
    );
    let refused = &world.outputs()[2].1;
    assert!(refused.contains("unknown option"), "{refused}");
    world.assert_upgraded();
}

// ---- clients ----

fn with_clients(which: ClientChoice, batch: u16, drop: &[u64]) -> World {
    let mut world = World::small(FROM, 4, &[TO]);
    world.sim.change(|cluster| {
        let clients = cluster.servers.iter_mut().flat_map(|s| &mut s.containers);
        for client in clients.filter(|c| c.mode == Mode::Client).skip(1) {
            client.auto_remove_timeout = None;
        }
    });
    world.options.clients = Some(ClientOptions {
        which,
        batch,
        drop: drop.to_vec(),
    });
    world
}

// Three backends of three containers: the clients are 9 to 12; 9 is stateless.
#[rstest]
#[case::all_that_stay(ClientChoice::All, 2, &[], "--client-rolling-batch-size 2 --clients-to-upgrade 10,11,12")]
#[case::one(ClientChoice::Ids(vec![11]), 1, &[], "--client-rolling-batch-size 1 --clients-to-upgrade 11")]
#[case::one_that_would_follow(ClientChoice::Ids(vec![9]), 1, &[], "--client-rolling-batch-size 1 --clients-to-upgrade 9")]
#[case::without_one(ClientChoice::All, 1, &[11], "--client-rolling-batch-size 1 --clients-to-upgrade 10,12 --drop-host 11")]
fn clients(
    #[case] which: ClientChoice,
    #[case] batch: u16,
    #[case] drop: &[u64],
    #[case] words: &str,
) {
    let mut world = with_clients(which, batch, drop);
    done(&world.run(false));
    let commands = world.commands();
    let last = commands.last().expect("one");
    assert_eq!(*last, format!("{UPGRADE} --mode=clients-upgrade {words}"));
    let list = words.split(' ').nth(3).expect("ids");
    let on_it: Vec<String> = world
        .sim
        .current()
        .containers()
        .iter()
        .filter(|(_, c)| c.mode == Mode::Client && c.release == release(TO))
        .map(|(_, c)| c.id.to_string())
        .collect();
    assert_eq!(on_it.join(","), list);
    world.assert_upgraded();
}

/// The backends were upgraded, and that upgrade is over.
fn upgraded_before() -> World {
    let mut world = with_clients(ClientChoice::Ids(vec![10, 11]), 2, &[]);
    let clients = world.options.clients.take();
    done(&world.run(false));
    world.options.clients = clients;
    world
}

#[test]
fn clients_alone_have_the_gate_asked() {
    let mut world = upgraded_before();
    world.gate.closed_from = Some(1);
    let before = world.commands().len();
    for resume in [false, true] {
        let outcome = world.run(resume);
        assert!(
            matches!(
                outcome,
                Outcome::GateClosed {
                    clients: true,
                    begun: false,
                    ..
                }
            ),
            "{}",
            shown(&outcome)
        );
        assert_eq!(world.commands().len(), before);
    }
    world.gate.closed_from = None;
    let asked = world.gate.asked.len();
    done(&world.run(true));
    assert_eq!(
        world.gate.asked[asked..],
        [(release(TO), release(TO))],
        "for the release that runs"
    );
    assert_eq!(world.commands().len(), before + 1);
    world.assert_upgraded();
}

#[rstest]
#[case::open(false)]
#[case::closed(true)]
fn clients_alone_with_all_checks(#[case] alert: bool) {
    let mut world = upgraded_before();
    if alert {
        world.sim.change(|cluster| {
            let severity = checker_simulator::model::Severity::Critical;
            cluster.raise("DriveDown", severity, "A drive is down", "weka-02");
        });
    }
    let source: Arc<dyn Source> = Arc::<UpgradeSimulator>::clone(&world.sim);
    let accepted = ["version/known-issues", "version/clients"];
    let mut gate = RealGate::new(source, &accepted);
    let before = world.commands().len();
    let outcome = world.run_with(true, &mut gate);
    assert_eq!(gate.asked.len(), 1);
    if alert {
        assert!(
            matches!(outcome, Outcome::GateClosed { clients: true, .. }),
            "{}",
            shown(&outcome)
        );
        assert_eq!(world.commands().len(), before);
    } else {
        assert!(
            matches!(outcome, Outcome::Done { .. }),
            "{}{:#?}",
            shown(&outcome),
            gate.reasons
        );
        assert_eq!(world.commands().len(), before + 1);
    }
}

#[test]
fn clients_of_an_upgrade_need_its_gate_alone() {
    let mut world = with_clients(ClientChoice::All, 2, &[]);
    done(&world.run(false));
    assert_eq!(world.gate.asked.len(), 1);
}

#[test]
fn a_stateless_client_is_listed() {
    let mut world = with_clients(ClientChoice::All, 4, &[]);
    done(&world.run(false));
    let lines = world.notes.with("| client-01");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("stateless"), "{lines:?}");
}

#[test]
fn an_end_just_when_the_backends_are_done_leaves_the_clients_to_be_done() {
    // The command ends while nobody looks: its end is not in the journal.
    let mut world = with_clients(ClientChoice::All, 4, &[]);
    leave_when(&world, 2);
    world.run(false);
    come_back(&world);
    let last = world.sim.started().pop().expect("a job");
    world.sim.advance(&last.id, 500);
    done(&world.run(true));
    assert!(world.commands()[4].contains("clients-upgrade"));
    world.assert_upgraded();
}

// ---- silence and broken connections ----

#[test]
fn a_cluster_that_is_silent_for_too_long() {
    let mut world = small();
    world.sim.fail_questions(u32::MAX);
    let stop = stopped(world.run(false));
    assert!(matches!(stop.failure, Failure::Silent(_)), "{stop:?}");
    assert_eq!(world.commands().len(), 0);
    world.sim.fail_questions(0);
    done(&world.run(true));
    world.assert_upgraded();
}

#[test]
fn silence_in_the_middle_starts_nothing_twice() {
    let mut world = small();
    let sim = Arc::clone(&world.sim);
    let mut slept = 0;
    world.clock.on_sleep(move |_| {
        slept += 1;
        if slept == 4 {
            sim.fail_questions(40);
        }
    });
    done(&world.run(false));
    assert_eq!(world.commands().len(), 4);
    world.assert_upgraded();
}

#[test]
fn a_machine_that_is_not_reached_while_it_works() {
    let mut world = small();
    leave_when(&world, 2);
    world.run(false);
    come_back(&world);
    world.sim.fail_looks(u32::MAX);
    let stop = stopped(world.run(true));
    assert!(matches!(stop.failure, Failure::NotSeen(_)), "{stop:?}");
    world.sim.fail_looks(0);
    done(&world.run(true));
    assert_eq!(world.commands().len(), 4);
    assert_eq!(world.notes.with("found").len(), 1);
    world.assert_upgraded();
}

#[test]
fn a_command_that_could_not_be_started() {
    let mut world = small();
    world.sim.fail_start();
    let stop = stopped(world.run(false));
    assert!(
        matches!(stop.failure, Failure::NotStarted { .. }),
        "{stop:?}"
    );
    assert_eq!(stop.step, StepKind::Get);
    done(&world.run(true));
    // The same name: it was never started.
    assert_eq!(world.sim.started()[0].id, job_id("run1-1-get-1"));
    world.assert_upgraded();
}

#[test]
fn a_command_that_was_started_although_it_seems_not() {
    let mut world = small();
    world.sim.fail_after_start();
    done(&world.run(false));
    assert_eq!(world.commands().len(), 4);
    world.assert_upgraded();
}

// ---- stalled ----

#[test]
fn nothing_happens_any_more() {
    let mut world = small();
    // Nobody takes it further: this executor's looks are what does that.
    let stalled = Arc::clone(&world.sim);
    world.sim.change(|cluster| {
        cluster
            .upgrade
            .faults
            .push(UpgradeFault::once(Trouble::HandoverLasts { steps: 400 }));
    });
    let stop = stopped(world.run(false));
    assert!(
        matches!(stop.failure, Failure::Stalled { .. }),
        "{}",
        stop.text(&crate::world::PAPER)
    );
    stalled.change(|cluster| cluster.upgrade.handover = 0);
    done(&world.run(true));
    assert_eq!(world.commands().len(), 4);
    world.assert_upgraded();
}

// ---- other people ----

#[test]
fn upgraded_by_hand_in_between() {
    let mut world = small();
    world.options.until = Until::Distributed;
    done(&world.run(false));
    let before = world.commands().len();
    by_hand(&world.sim, TO);
    world.options.until = Until::End;
    done(&world.run(true));
    assert_eq!(world.commands().len(), before);
}

#[test]
fn upgraded_by_hand_over_a_hop() {
    let mut world = two_hops();
    world.options.until = Until::Prepared;
    done(&world.run(false));
    by_hand(&world.sim, "5.1.25");
    world.options.until = Until::End;
    done(&world.run(true));
    assert_eq!(world.commands().len(), 2);
}

#[test]
fn upgraded_by_hand_further_than_planned() {
    let mut world = small();
    world.options.until = Until::Distributed;
    done(&world.run(false));
    by_hand(&world.sim, "5.1.25");
    world.options.until = Until::End;
    let stop = stopped(world.run(true));
    assert!(
        matches!(stop.failure, Failure::Beyond { .. }),
        "{}",
        stop.text(&crate::world::PAPER)
    );
    assert_eq!(world.commands().len(), 3);
}

#[test]
fn begun_by_somebody_else_and_not_asked_to_go_on() {
    let mut world = small();
    world.sim.change(|cluster| {
        cluster.backend_mut(1).containers[0].release = release(TO);
    });
    let stop = stopped(world.run(false));
    assert!(matches!(stop.failure, Failure::HalfWay { .. }), "{stop:?}");
    assert_eq!(world.commands().len(), 0);
}

#[rstest]
#[case::to_its_end(None)]
#[case::killed_in_the_middle(Some(16))]
fn somebody_elses_upgrade_is_watched(#[case] killed_after: Option<usize>) {
    let mut world = small();
    // The release is there on all backends.
    world.options.until = Until::Distributed;
    done(&world.run(false));
    world.options.until = Until::End;
    let before = world.commands().len();
    let words: Vec<&str> = UPGRADE.split(' ').skip(1).collect();
    let here = world.sim.current().here().expect("here").name.clone();
    let started = world
        .sim
        .current()
        .start(&here, &words, &Environment::default());
    let Started::Running(mut run) = started else {
        panic!("{started:?}");
    };
    let mut step = move |sim: &UpgradeSimulator| sim.change(|c| run.step(c)).end.is_some();
    for _ in 0..6 {
        step(&world.sim);
    }
    let sim = Arc::clone(&world.sim);
    let (mut over, mut steps) = (false, 0);
    world.clock.on_sleep(move |_| {
        steps += 1;
        if !over && killed_after.is_none_or(|n| steps < n) {
            over = step(&sim);
        }
    });
    done(&world.run(true));
    let commands = world.commands();
    match killed_after {
        None => assert_eq!(commands.len(), before),
        Some(_) => {
            assert_eq!(commands.len(), before + 1);
            assert!(commands[before].contains("--ndu-"), "{commands:?}");
        }
    }
    let state = checker_core::ndu::observe::ClusterState::observe(&*world.sim, &soon());
    assert_eq!(
        state.expect("it answers").unsettled(&release(TO)),
        Vec::<String>::new()
    );
}

#[rstest]
#[case::a_container(|cluster: &mut Cluster| {
    cluster.backend_mut(1).containers[0].release = release(TO);
})]
#[case::the_phase_alone(|cluster: &mut Cluster| {
    cluster.upgrade.phase = "DrivePhase".to_owned();
})]
fn begun_by_somebody_else_after_the_gate(#[case] begun: fn(&mut Cluster)) {
    let mut world = small();
    world.stride = 0;
    let sim = Arc::clone(&world.sim);
    let mut over = false;
    world.clock.on_sleep(move |_| {
        // The release is brought to the backends just now.
        if sim.started().len() == 3 && !over {
            over = true;
            sim.change(begun);
        }
    });
    let stop = stopped(world.run(false));
    assert!(matches!(stop.failure, Failure::HalfWay { .. }), "{stop:?}");
    assert_eq!(stop.step, StepKind::Backends);
    assert_eq!(world.commands().len(), 3);
    // The alerts of somebody else's upgrade are no measure for ours.
    let noted = |e: &Entry| matches!(e, Entry::Before { .. });
    assert!(!world.entries().iter().any(noted));
    world.clock.quiet();
    done(&world.run(true));
    world.assert_upgraded();
}

#[test]
fn a_command_that_failed_unseen_while_somebody_went_on_by_hand() {
    let mut world = small();
    world.stride = 0;
    let fault = Trouble::PhaseStops {
        phase: SimPhase::Computes,
        after: 1,
    };
    world
        .sim
        .change(|cluster| cluster.upgrade.faults.push(UpgradeFault::once(fault)));
    leave_when(&world, 2);
    world.run(false);
    come_back(&world);
    let last = world.sim.started().pop().expect("a job");
    world.sim.advance(&last.id, 500);
    by_hand(&world.sim, TO);
    world.sim.change(|cluster| cluster.upgrade.phase.clear());
    let outcome = world.run(true);
    let Outcome::Done { warnings, .. } = &outcome else {
        panic!("{}", shown(&outcome));
    };
    // What failed is told all the same.
    assert!(warnings[0].contains("exit status 1"), "{warnings:?}");
    assert!(warnings[0].contains("compute phase"), "{warnings:?}");
    assert_eq!(world.commands().len(), 4);
}

// ---- a phase that fails when it begins ----

fn faulty(faults: &[Trouble]) -> World {
    let world = small();
    world.sim.change(|cluster| {
        let faults = faults.iter().cloned().map(UpgradeFault::once);
        cluster.upgrade.faults.extend(faults);
    });
    world
}

const COMPUTES_DO_NOT_BEGIN: Trouble = Trouble::PhaseStops {
    phase: SimPhase::Computes,
    after: 0,
};

const DRIVES_CLEANUP: Trouble = Trouble::CleanupFails {
    phase: SimPhase::Drives,
};

/// It stopped in this phase.
#[track_caller]
fn stopped_in(phase: Phase, outcome: Outcome) -> Stop {
    let stop = stopped(outcome);
    let in_phase = matches!(&stop.failure, Failure::Phase { phase: p, .. } if *p == phase);
    assert!(in_phase, "{stop:?}");
    stop
}

#[test]
fn a_failure_as_a_phase_begins_is_no_cleanup_of_the_one_before() {
    let mut world = faulty(&[COMPUTES_DO_NOT_BEGIN]);
    let stop = stopped_in(Phase::Computes, world.run(false));
    let output = stop.failure.output().join("\n");
    assert!(output.contains("the compute phase failed"), "{output}");
    // No second one.
    assert_eq!(world.commands().len(), 4);
    done(&world.run(true));
    assert_eq!(
        world.commands()[4..],
        [format!("{UPGRADE} {}", Phase::Computes.option())]
    );
    world.assert_upgraded();
}

#[test]
fn a_cleanup_that_is_done_the_second_time_and_a_phase_that_does_not_begin() {
    let mut world = faulty(&[DRIVES_CLEANUP, COMPUTES_DO_NOT_BEGIN]);
    stopped_in(Phase::Computes, world.run(false));
    assert_eq!(world.commands().len(), 5);
    done(&world.run(true));
    world.assert_upgraded();
}

#[test]
fn a_cleanup_that_fails_twice_shows_both() {
    let mut world = faulty(&[DRIVES_CLEANUP, DRIVES_CLEANUP]);
    let stop = stopped(world.run(false));
    assert!(matches!(stop.failure, Failure::Cleanup { .. }), "{stop:?}");
    let output = stop.failure.output();
    let failed = |line: &&String| line.contains("cleanup of the drive phase failed");
    assert_eq!(output.iter().filter(failed).count(), 2, "{output:?}");
    let between = format!("-- and once more, with {}:", Phase::Drives.option());
    assert!(output.contains(&between), "{output:?}");
    assert_eq!(world.commands().len(), 5);
}

// ---- the journal is lost ----

#[rstest]
#[case::before_a_container_shows_it(0)]
#[case::in_the_drives(2)]
#[case::in_the_computes(5)]
fn the_journal_is_lost_and_the_command_runs(#[case] count: usize) {
    let mut world = small();
    if count == 0 {
        let sim = Arc::clone(&world.sim);
        let clock = Arc::clone(&world.clock);
        world
            .clock
            .on_sleep(move |_| clock.leave(sim.started().len() == 4));
    } else {
        leave_when(&world, count);
    }
    let outcome = world.run(false);
    assert!(
        matches!(outcome, Outcome::Detached(_)),
        "{}",
        shown(&outcome)
    );
    come_back(&world);
    assert!(world.sim.running(&soon()).expect("known").is_some());
    world.lose_journal();
    done(&world.run(true));
    assert_eq!(world.commands().len(), 4, "{:?}", world.commands());
    assert_eq!(world.notes.with("found").len(), 1);
    world.assert_upgraded();
}

#[test]
fn the_journal_is_lost_and_the_command_too() {
    let mut world = small();
    world.stride = 0;
    leave_when(&world, 4);
    world.run(false);
    come_back(&world);
    let last = world.sim.started().pop().expect("a job");
    world.sim.lose(&last.id);
    world.lose_journal();
    done(&world.run(true));
    let commands = world.commands();
    assert_eq!(
        commands[4..],
        [format!("{UPGRADE} {}", Phase::Computes.option())]
    );
    world.assert_upgraded();
}

#[test]
fn another_checkers_command_is_not_started_beside() {
    let mut world = small();
    let other = Job::weka(job_id("other-1-get-1"), commands::get(&release(TO), None));
    world.sim.start(&other, &soon()).expect("started");
    let stop = stopped(world.run(false));
    assert_eq!(stop.failure, Failure::Busy(other.id));
    // With --resume it is waited for.
    done(&world.run(true));
    world.assert_upgraded();
}

// ---- an end while something but the backends is worked on ----

#[rstest]
#[case::get(1)]
#[case::prepare(2)]
#[case::distribute(3)]
fn a_command_before_the_upgrade_is_found_again(#[case] number: usize) {
    let mut world = small();
    world.stride = 0;
    let sim = Arc::clone(&world.sim);
    let clock = Arc::clone(&world.clock);
    world
        .clock
        .on_sleep(move |_| clock.leave(sim.started().len() == number));
    let outcome = world.run(false);
    assert!(
        matches!(outcome, Outcome::Detached(_)),
        "{}",
        shown(&outcome)
    );
    come_back(&world);
    done(&world.run(true));
    assert_eq!(world.commands().len(), 4, "{:?}", world.commands());
    world.assert_upgraded();
}

#[test]
fn nothing_is_begun_for_someone_who_leaves() {
    let mut world = small();
    world.clock.leave(true);
    let outcome = world.run(false);
    assert!(
        matches!(outcome, Outcome::Detached(_)),
        "{}",
        shown(&outcome)
    );
    assert_eq!(world.commands().len(), 0);
}

// ---- the gate's word grows old ----

/// A cluster on which everything takes long: whoever waits, waits six minutes.
fn slow() -> World {
    let mut world = small();
    world.stride = 0;
    let clock = Arc::clone(&world.clock);
    world
        .clock
        .on_sleep(move |_| clock.pass(Duration::from_secs(6 * 60)));
    world
}

#[test]
fn the_gate_is_asked_again_when_its_word_is_old() {
    let mut world = slow();
    done(&world.run(false));
    assert_eq!(world.gate.asked.len(), 2);

    let mut world = slow();
    world.gate.closed_from = Some(1);
    let outcome = world.run(false);
    assert!(matches!(outcome, Outcome::GateClosed { hop: 1, .. }));
    assert_eq!(world.commands().len(), 3);
    assert_eq!(world.upgraded().len(), 0);
}
