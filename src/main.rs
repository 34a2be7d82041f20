//! The command line of `checker`: arguments → core → exit code.

mod accept;
mod args;
mod config;
mod data;
mod exit;
mod explain;
mod gate;
mod interrupt;
mod list;
mod log;
mod main_job;
mod output;
mod plugins;
mod progress;
mod replay;
mod settings;
mod upgrade;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Cli, Command, PluginCommand};
use exit::Exit;

fn main() -> ExitCode {
    // A panic that the engine catches costs one check; its text belongs into
    // the log, not between the lines of the report.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("a fault of the tool: {panic}");
    }));
    let exit: ExitCode = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no text");
        output::complain(&format!(
            "a fault of the tool, please report it together with weka_upgrade_checker.log: {text}"
        ));
        Exit::Internal.into()
    });
    exit
}

fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe behind `--help` is nobody's fault.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Green,
                _ => Exit::Usage,
            }
            .into();
        }
    };
    let outcome = match cli.command {
        None => main_job::run(cli.check),
        Some(Command::List(arguments)) => list::run(arguments),
        Some(Command::Explain(arguments)) => explain::run(arguments),
        Some(Command::Replay(arguments)) => replay::run(arguments),
        Some(Command::Gate(arguments)) => gate::run(&arguments),
        Some(Command::Data(arguments)) => data::run(&arguments),
        Some(Command::Plugin(PluginCommand::Check { file })) => plugins::check(&file),
        Some(Command::PluginHost { library }) => plugins::host(&library),
        Some(Command::Completions { shell }) => output::completions(shell),
        Some(Command::Man) => output::man(),
        Some(Command::Upgrade(arguments)) => upgrade::run(*arguments),
        Some(Command::ProbeScript) => output::probe_script(),
        Some(Command::SimulatedWeka { state, words }) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            return checker_simulator::standin::main(&state, "weka", &words);
        }
    };
    let exit = outcome.unwrap_or_else(|failure| {
        output::complain(&format!("{:#}", failure.error));
        failure.exit
    });
    exit.into()
}
