//! `checker explain ID`: what a check looks at, why it matters, how to mend it.

use std::fmt::Write;

use checker_core::report::printable;
use checker_core::{CheckInfo, Level};

use crate::args::ExplainArgs;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::plugins::PluginChoice;
use crate::{output, plugins};

pub(crate) fn run(arguments: ExplainArgs) -> Result<Exit, Failure> {
    let choice = PluginChoice::new(arguments.plugins, arguments.scripts, &mut Config::default());
    let registry = plugins::registry(&choice)?.registry;
    let check = registry.get(&arguments.id).map_err(Failure::usage)?;
    output::print(&text(check.info()))?;
    Ok(Exit::Green)
}

fn text(info: &CheckInfo) -> String {
    let scope: Vec<&str> = info.scope.iter().map(|s| s.as_str()).collect();
    let levels: Vec<&str> = info
        .levels
        .iter()
        .map(|level| match level {
            Level::Warn => "yellow (warn)",
            Level::Fail => "red (fail)",
        })
        .collect();
    let mut text = format!("{}: {}\n\n", printable(&info.id), printable(&info.title));
    let mut row = |name: &str, value: &str| {
        // Writing to a String never fails.
        let _ = writeln!(text, "  {name:<8} {}", printable(value));
    };
    row("Scope", &scope.join(", "));
    row("When", &info.when);
    row(
        "Gives",
        if levels.is_empty() {
            "green only".to_owned()
        } else {
            levels.join(", ")
        }
        .as_str(),
    );
    for source in &info.sources {
        row("Source", source);
    }
    if let Some(plugin) = &info.plugin {
        row("Plugin", plugin);
    }
    for line in info.explanation.lines() {
        text.push('\n');
        match line.strip_prefix("## ") {
            Some(heading) => text.push_str(&printable(heading).to_uppercase()),
            None if line.is_empty() => {}
            None => {
                text.push_str("  ");
                text.push_str(&printable(line));
            }
        }
    }
    text.push('\n');
    text
}
