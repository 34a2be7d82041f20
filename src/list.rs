//! `checker list`: every check.

use checker_core::report::printable;
use checker_core::{CheckInfo, Level, Scope};
use serde::Serialize;

use crate::args::{Format, ListArgs};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::plugins::{self, PluginChoice};

/// One check, in the form that automation relies on.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    title: &'a str,
    scope: &'a [Scope],
    when: &'a str,
    levels: &'a [Level],
    sources: &'a [String],
    plugin: Option<&'a str>,
}

impl<'a> From<&'a CheckInfo> for Row<'a> {
    fn from(info: &'a CheckInfo) -> Self {
        Self {
            id: &info.id,
            title: &info.title,
            scope: &info.scope,
            when: &info.when,
            levels: &info.levels,
            sources: &info.sources,
            plugin: info.plugin.as_deref(),
        }
    }
}

pub(crate) fn run(arguments: ListArgs) -> Result<Exit, Failure> {
    let choice = PluginChoice::new(arguments.plugins, arguments.scripts, &mut Config::default());
    let registry = plugins::registry(&choice)?.registry;
    let checks: Vec<&CheckInfo> = registry.iter().map(|check| check.info()).collect();
    let text = match arguments.format {
        Format::Json => {
            let rows: Vec<Row<'_>> = checks.into_iter().map(Row::from).collect();
            let mut text = serde_json::to_string_pretty(&rows).map_err(Failure::internal)?;
            text.push('\n');
            text
        }
        Format::Text => table(&checks),
    };
    output::print(&text)?;
    plugins::tell_notes(&registry);
    Ok(Exit::Green)
}

fn table(checks: &[&CheckInfo]) -> String {
    let mut table = output::plain_table();
    table.set_header(["ID", "SCOPE", "WHEN", "GIVES", "TITLE"]);
    for info in checks {
        table.add_row([
            printable(&info.id).into_owned(),
            join(info.scope.iter().map(|s| s.as_str())),
            printable(&info.when).into_owned(),
            join(info.levels.iter().map(|level| match level {
                Level::Warn => "yellow",
                Level::Fail => "red",
            })),
            printable(&info.title).into_owned(),
        ]);
    }
    format!(
        "{table}\n\n{} checks. `checker explain ID` tells about one.\n",
        checks.len()
    )
}

fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}
