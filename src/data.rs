//! `checker data`: which release data is in use, how old it is, what it lacks.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use checker_checks::RECENT_DAYS;
use checker_core::release_data::Description;
use checker_core::report::printable;
use serde::Serialize;

use crate::args::{DataArgs, Format};
use crate::exit::{Exit, Failure};
use crate::{output, settings};

/// The answer, in the form that automation relies on.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    data: &'a Description,
    /// Older than this counts as too old.
    recent_days: i32,
    too_old: bool,
}

pub(crate) fn run(arguments: &DataArgs) -> Result<Exit, Failure> {
    if let Some(dir) = &arguments.export {
        return export(dir);
    }
    let data = settings::release_data(arguments.data.as_deref())?;
    // In UTC, as the check does.
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let description = data.describe(today);
    output::print(&match arguments.format {
        Format::Text => text(&description),
        Format::Json => json(&description)?,
    })?;
    Ok(exit(&description))
}

fn too_old(data: &Description) -> bool {
    data.age_days > RECENT_DAYS
}

/// As `access/tool-data` judges: nothing here stops an upgrade.
fn exit(data: &Description) -> Exit {
    if too_old(data) || !data.gaps.is_empty() {
        Exit::Warnings
    } else {
        Exit::Green
    }
}

fn text(data: &Description) -> String {
    // Names of files are others' text.
    let mut text: String = data
        .to_string()
        .lines()
        .map(|line| format!("{}\n", printable(line)))
        .collect();
    if too_old(data) {
        text.push_str(&format!(
            "too old: more than {RECENT_DAYS} days. Use the newest checker, or put newer files into a directory: `checker data --data DIR` validates it, `checker --data DIR` uses it.\n"
        ));
    }
    if !data.gaps.is_empty() {
        text.push_str(
            "The data can be used all the same; the checks concerned say what they lack.\n",
        );
    }
    text
}

fn json(data: &Description) -> Result<String, Failure> {
    let answer = Answer {
        data,
        recent_days: RECENT_DAYS,
        too_old: too_old(data),
    };
    let mut text = serde_json::to_string_pretty(&answer).map_err(Failure::internal)?;
    text.push('\n');
    Ok(text)
}

/// Writes the built-in files; what is there already is left as it is.
fn export(dir: &Path) -> Result<Exit, Failure> {
    std::fs::create_dir_all(dir)
        .with_context(|| format!("making the directory {}", dir.display()))
        .map_err(Failure::usage)?;
    for (name, content) in checker_checks::release_data_files() {
        let path = dir.join(name);
        File::create_new(&path)
            .and_then(|mut file| file.write_all(content.as_bytes()))
            .with_context(|| {
                format!(
                    "writing {} (give a directory that holds no release data)",
                    path.display()
                )
            })
            .map_err(Failure::usage)?;
        output::print(&format!("{}\n", path.display()))?;
    }
    Ok(Exit::Green)
}

#[cfg(test)]
mod tests {
    use checker_core::release_data::ReleaseData;
    use jiff::civil::{Date, date};
    use rstest::rstest;

    use super::*;

    fn built_in() -> ReleaseData {
        checker_checks::release_data().expect("good data")
    }

    /// Data with something of everything: a public file, one of ours, a gap, a slip.
    fn of_a_site() -> ReleaseData {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("known_issues.json");
        let issues = r#"{"WEKAPP-1": {"description": "it breaks", "related_protocols": [""],
            "link_types": [], "internal_reference": "WEKAPP-1",
            "affected_versions": [{"min": "9.0", "max": "9.1"}]}}"#;
        std::fs::write(&path, issues).expect("a file");
        let changed: jiff::Timestamp = "2026-08-01T12:00:00Z".parse().expect("a time");
        let file = File::options().write(true).open(&path).expect("a file");
        file.set_modified(changed.into()).expect("a time set");
        for (name, content) in checker_checks::release_data_files() {
            if name == "alerts.toml" {
                std::fs::write(dir.path().join(name), content).expect("a file");
            }
        }
        std::fs::write(dir.path().join("release.toml"), "").expect("a file");
        let mut data = checker_checks::release_data_from(dir.path()).expect("good data");
        // Where the directory lies is another each time.
        for part in &mut data.parts {
            let name = part.file.as_ref().and_then(|f| Path::new(f).file_name());
            let name = name.map(|name| format!("/site/data/{}", name.to_string_lossy()));
            part.file = name;
        }
        data
    }

    #[test]
    fn the_built_in_data_as_text() {
        insta::assert_snapshot!(text(&built_in().describe(date(2026, 7, 20))));
    }

    #[test]
    fn a_sites_data_as_text() {
        insta::assert_snapshot!(text(&of_a_site().describe(date(2026, 9, 14))));
    }

    /// Others rely on it: a change here is a change for them.
    #[test]
    fn the_built_in_data_as_json() {
        insta::assert_snapshot!(json(&built_in().describe(date(2026, 7, 20))).expect("JSON"));
    }

    #[test]
    fn a_sites_data_as_json() {
        insta::assert_snapshot!(json(&of_a_site().describe(date(2026, 9, 14))).expect("JSON"));
    }

    #[rstest]
    #[case::same_day(date(2026, 7, 15), Exit::Green)]
    #[case::sixty_days(date(2026, 9, 13), Exit::Green)]
    #[case::sixty_one_days(date(2026, 9, 14), Exit::Warnings)]
    #[case::a_clock_that_is_behind(date(2020, 1, 1), Exit::Green)]
    fn the_exit_code_is_the_checks_level(#[case] today: Date, #[case] expected: Exit) {
        assert_eq!(exit(&built_in().describe(today)), expected);
    }

    #[test]
    fn a_gap_is_a_warning() {
        let mut data = built_in();
        data.os.no_data.clear();
        assert_eq!(exit(&data.describe(date(2026, 7, 20))), Exit::Warnings);
    }
}
