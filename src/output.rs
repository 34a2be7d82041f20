//! What goes to standard output and standard error, and how.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use checker_core::Registry;
use checker_core::report::{self, Report, TextOptions, printable};
use clap::CommandFactory;
use comfy_table::{ContentArrangement, Table, presets};

use crate::args::{Cli, Format};
use crate::exit::{Exit, Failure};
use crate::settings::{self, Shown};

/// Columns where nobody can tell how wide the reader's screen is.
const WIDTH_OF_A_FILE: usize = 100;

/// Shows the report as asked.
pub(crate) fn show(report: &Report, registry: &Registry, shown: &Shown) -> Result<(), Failure> {
    let to_terminal = shown.output.is_none() && std::io::stdout().is_terminal();
    let text = match shown.format {
        Format::Json => report::json(report),
        Format::Text if shown.quiet => format!("{}\n", report::verdict_line(report)),
        Format::Text => {
            let title = |id: &str| registry.get(id).ok().map(|c| c.info().title.clone());
            let options = TextOptions {
                verbose: shown.verbose,
                ..text_options(to_terminal, shown.output.is_some() || shown.no_color)
            };
            report::text(report, &title, &options)
        }
    };
    match &shown.output {
        Some(path) => write_file(path, &text)
            .with_context(|| format!("writing the result to {}", path.display()))
            .map_err(Failure::internal),
        None => print(&text),
    }
}

/// Colour and width for a text on standard output or in a file.
fn text_options(to_terminal: bool, no_color: bool) -> TextOptions {
    TextOptions {
        color: !no_color && color_wanted(to_terminal),
        width: if to_terminal {
            width_of(std::io::stdout())
        } else {
            WIDTH_OF_A_FILE
        },
        verbose: false,
    }
}

/// Colour and width for a text on standard output.
pub(crate) fn on_stdout(no_color: bool) -> TextOptions {
    text_options(std::io::stdout().is_terminal(), no_color)
}

/// Colour and width for a text on standard error.
pub(crate) fn on_stderr(no_color: bool) -> TextOptions {
    let terminal = std::io::stderr().is_terminal();
    TextOptions {
        width: if terminal {
            width_of(std::io::stderr())
        } else {
            WIDTH_OF_A_FILE
        },
        ..text_options(terminal, no_color)
    }
}

/// The conventions of <https://bixense.com/clicolors/> and <https://no-color.org/>.
fn color_wanted(terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    let off = |name: &str| std::env::var_os(name).is_some_and(|v| v == "0");
    if set("NO_COLOR") {
        false
    } else if set("CLICOLOR_FORCE") && !off("CLICOLOR_FORCE") {
        true
    } else {
        terminal && !off("CLICOLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
    }
}

fn width_of(terminal: impl std::os::fd::AsFd) -> usize {
    rustix::termios::tcgetwinsize(terminal)
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
        .unwrap_or(WIDTH_OF_A_FILE)
}

/// Written beside its final name, synced, then renamed: never half a report.
fn write_file(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(dir)?.sync_all()
}

/// Prints to standard output. That nobody reads it any more is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::internal(
            anyhow::Error::from(error).context("writing to standard output"),
        )),
        _ => Ok(()),
    }
}

/// Says on standard error what went wrong.
pub(crate) fn complain(text: &str) {
    say("checker: ", text);
}

/// Says on standard error what is good to know.
pub(crate) fn note(text: &str) {
    say("", text);
}

fn say(prefix: &str, text: &str) {
    let lines: Vec<_> = text.lines().map(printable).collect();
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{prefix}{}", lines.join("\n"));
}

/// A table without borders, as wide as the screen.
pub(crate) fn plain_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(160);
    }
    table
}

/// `checker completions SHELL`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "checker", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Green)
}

/// `checker man`.
pub(crate) fn man() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(Failure::internal)?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Green)
}

/// `checker probe-script`: what every server is sent, for reviewers and benchmarks.
pub(crate) fn probe_script() -> Result<Exit, Failure> {
    let registry = settings::registry()?;
    let probes = checker_core::engine::probes(&registry).map_err(Failure::internal)?;
    print(&checker_core::fleet::probe_script(&probes))?;
    Ok(Exit::Green)
}
