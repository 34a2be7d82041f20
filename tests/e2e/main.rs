//! The built `checker` against several servers, each with a real `sshd`.
//!
//! The servers are made by [`lab`], which needs root and a few packages. Where
//! they are missing every test is reported as ignored, by name and with the
//! reason; under CI (`CI=true`) each fails instead.

mod changes;
mod check;
mod faults;
mod foreign;
mod itself;
#[path = "../lab/mod.rs"]
mod lab;
mod runs;
mod servers;
mod upgrade;

use std::io::Write as _;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// One test: a name that says what it proves, and the proof.
struct Test {
    name: String,
    proof: Box<dyn FnOnce() + Send>,
}

impl Test {
    fn new(name: impl Into<String>, proof: impl FnOnce() + Send + 'static) -> Self {
        Self {
            name: name.into(),
            proof: Box::new(proof),
        }
    }
}

/// Lists functions as tests of their names.
macro_rules! listed {
    ($area:literal: $($name:ident),+ $(,)?) => {
        vec![$($crate::Test::new(concat!($area, "::", stringify!($name)), $name)),+]
    };
}
use listed;

fn main() -> ExitCode {
    if itself::is_owner_to_be_killed() {
        itself::own_a_lab_until_killed();
    }
    let mut arguments = Arguments::from_args();
    // They wait for each other's machines more than they work.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(2 * cores);
    let tests = tests();
    let missing = lab::missing();
    if missing.is_empty() || arguments.list {
        return run(&arguments, tests);
    }

    let reason = format!("needs {}", missing.join(", "));
    if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
        let fail = |test: Test| {
            let reason = reason.clone();
            Test::new(test.name, move || panic!("{reason}"))
        };
        return run(&arguments, tests.into_iter().map(fail).collect());
    }
    say_loudly(&reason, &tests);
    let trials = tests
        .into_iter()
        .map(|test| trial(test).with_ignored_flag(true));
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn tests() -> Vec<Test> {
    [
        itself::tests(),
        runs::tests(),
        changes::tests(),
        faults::tests(),
        foreign::tests(),
        servers::tests(),
        upgrade::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn say_loudly(reason: &str, tests: &[Test]) {
    let mut text = format!(
        "\n!!! {} END-TO-END TESTS ARE SKIPPED: this machine {reason}.\n\
         !!! `make test` as root installs what is missing. None of these was proven:\n",
        tests.len()
    );
    for test in tests {
        text.push_str(&format!("!!!   {}\n", test.name));
    }
    // Without standard error there is nobody to warn.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn run(arguments: &Arguments, tests: Vec<Test>) -> ExitCode {
    let conclusion = libtest_mimic::run(arguments, tests.into_iter().map(trial).collect());
    faults::end_labs();
    conclusion.exit_code()
}

fn trial(test: Test) -> Trial {
    Trial::test(test.name, move || -> Result<(), Failed> {
        (test.proof)();
        Ok(())
    })
}
