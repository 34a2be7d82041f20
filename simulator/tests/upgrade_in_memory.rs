//! The simulated cluster that is upgraded in memory.

use std::time::Duration;

use checker_core::Deadline;
use checker_core::evidence::End;
use checker_core::facts::find_json;
use checker_core::ndu::commands::{self, Dialect, Entrance, Line};
use checker_core::ndu::executor::{
    ExecuteError, Executor as _, Job, JobId, JobState, JobView, Secret,
};
use checker_core::ndu::observe::Phase;
use checker_core::source::Source as _;
use checker_simulator::UpgradeSimulator;

fn deadline() -> Deadline {
    Deadline::within(Duration::from_secs(5))
}

fn job(id: &str, line: Line) -> Job {
    Job::weka(JobId::new(id).expect("a name"), line)
}

fn upgrade(phase: Option<Phase>) -> Line {
    let entrance = Entrance {
        container: "drives0".to_owned(),
        port: None,
    };
    let to = "4.4.33".parse().expect("a release");
    commands::backends(Dialect::LocalRun, &to, &entrance, phase)
}

fn simulator(scenario: &str) -> UpgradeSimulator {
    let simulator = UpgradeSimulator::scenario(scenario).expect(scenario);
    let target = "4.4.33".parse().expect("a release");
    simulator.change(|c| c.backend_mut(0).bring(&target, false));
    simulator
}

fn look(simulator: &UpgradeSimulator, job: &Job, from: usize) -> JobView {
    simulator
        .look(&job.id, from as u64, &deadline())
        .expect("a look")
}

/// Looks until it is over: how, and everything that was printed.
fn end(simulator: &UpgradeSimulator, job: &Job) -> (JobState, String) {
    let mut output = Vec::new();
    for _ in 0..500 {
        let view = look(simulator, job, output.len());
        output.extend(view.output);
        if view.state != JobState::Running {
            return (view.state, String::from_utf8(output).expect("text"));
        }
    }
    panic!("it does not end");
}

#[test]
fn each_look_is_a_step() {
    let simulator = simulator("healthy");
    let job = job("one", upgrade(None));
    assert_eq!(look(&simulator, &job, 0).state, JobState::Absent);
    simulator.start(&job, &deadline()).expect("started");
    let (state, output) = end(&simulator, &job);
    assert_eq!(state, JobState::Ended(0));
    assert!(output.ends_with("Upgrade to 4.4.33 finished successfully\n"));
    assert_eq!(output.matches("Finished upgrade of weka-").count(), 24);
    let status = simulator.cluster("weka:status", "status -J", &deadline());
    let status = find_json(&status.stdout).expect("JSON").clone();
    assert_eq!(status["release"], "4.4.33");
    // What is over stays as it was, from any byte on.
    let view = look(&simulator, &job, output.len() - 3);
    assert_eq!(
        (view.state, view.output.as_slice()),
        (JobState::Ended(0), b"ly\n".as_slice())
    );
    assert_eq!(look(&simulator, &job, 1 << 20).output, b"");
}

#[test]
fn a_job_is_started_once() {
    let simulator = simulator("healthy");
    let one = job("one", upgrade(None));
    simulator.start(&one, &deadline()).expect("started");
    simulator.advance(&one.id, 20);
    let phase = simulator.current().upgrade.phase.clone();
    simulator.start(&one, &deadline()).expect("nothing");
    assert_eq!(simulator.started().len(), 1);
    assert_eq!(simulator.current().upgrade.phase, phase);
    // Another one beside it is not started.
    let two = job("two", upgrade(Some(Phase::Drives)));
    let busy = ExecuteError::Busy(one.id.clone());
    assert_eq!(simulator.start(&two, &deadline()), Err(busy));
    assert_eq!(
        simulator.running(&deadline()).expect("known"),
        Some(one.id.clone())
    );
    assert_eq!(end(&simulator, &one).0, JobState::Ended(0));
}

#[test]
fn a_lost_job_is_gone_on_with_by_another() {
    let simulator = simulator("healthy");
    let one = job("one", upgrade(None));
    simulator.start(&one, &deadline()).expect("started");
    simulator.advance(&one.id, 12);
    simulator.lose(&one.id);
    assert_eq!(end(&simulator, &one).0, JobState::Lost);
    let two = job("two", upgrade(Some(Phase::Drives)));
    simulator.start(&two, &deadline()).expect("started");
    assert_eq!(end(&simulator, &two).0, JobState::Ended(0));
    simulator.lose(&two.id);
    assert_eq!(end(&simulator, &two).0, JobState::Ended(0), "over is over");
}

#[test]
fn a_command_that_is_killed_is_lost() {
    let simulator = simulator("ndu-child-killed");
    let one = job("one", upgrade(None));
    simulator.start(&one, &deadline()).expect("started");
    assert_eq!(end(&simulator, &one).0, JobState::Lost);
    assert_eq!(simulator.current().upgrade.phase, "ComputeRollingPhase");
    simulator.forget();
    assert_eq!(look(&simulator, &one, 0).state, JobState::Absent);
}

#[test]
fn fails_as_told() {
    let simulator = simulator("healthy");
    let one = job("one", upgrade(None));
    simulator.fail_start();
    assert!(simulator.start(&one, &deadline()).is_err());
    assert_eq!(look(&simulator, &one, 0).state, JobState::Absent);
    simulator.fail_after_start();
    assert!(simulator.start(&one, &deadline()).is_err());
    simulator.fail_looks(2);
    assert!(simulator.look(&one.id, 0, &deadline()).is_err());
    assert!(simulator.look(&one.id, 0, &deadline()).is_err());
    assert_eq!(look(&simulator, &one, 0).state, JobState::Running);
    simulator.fail_questions(1);
    let ask = || {
        simulator
            .cluster("weka:status", "status -J", &deadline())
            .end
    };
    assert_eq!((ask(), ask()), (End::Exited(1), End::Exited(0)));
}

#[test]
fn a_secret_of_the_environment_gets_there_and_no_further() {
    let simulator = simulator("ndu-dark-site");
    let mut get = job(
        "get",
        commands::get(&"4.4.34".parse().expect("a release"), None),
    );
    get.environment = vec![("WEKA_DIST_SERVERS", Secret::new("https://t0k3n@10.9.0.1"))];
    simulator.start(&get, &deadline()).expect("started");
    let (state, output) = end(&simulator, &get);
    assert_eq!(state, JobState::Ended(0));
    assert!(!output.contains("t0k3n") && output.contains("from 10.9.0.1"));
}
