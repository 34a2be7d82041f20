//! `docs/field-cases.md` against the code: each row once, each test there, and
//! each test names its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// One row of the document.
struct Row {
    id: String,
    /// What holds it: file and test, `test::case` for one row of a table test.
    held: Vec<(String, String)>,
    /// Why it does not concern us, where it does not.
    reason: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Every row that there must be, in order.
fn expected() -> Vec<String> {
    let numbers = |prefix: &'static str, last: u32| (1..=last).map(move |n| format!("{prefix}{n}"));
    numbers("", 108)
        .chain(numbers("S", 29))
        .chain(numbers("G", 26))
        .chain(numbers("R", 20))
        .collect()
}

fn rows() -> Vec<Row> {
    let quoted = Regex::new("`([^`]+)`").expect("a pattern");
    let row = Regex::new(r"(?m)^\| ([SGR]?\d+) \| (.+?) \| (.+) \|$").expect("a pattern");
    let document = read("docs/field-cases.md");
    row.captures_iter(&document)
        .map(|cells| {
            let reason = cells[3].strip_prefix("does not apply: ").map(str::to_owned);
            let mut held = Vec::new();
            let mut file = String::new();
            if reason.is_none() {
                for name in quoted.captures_iter(&cells[3]) {
                    if name[1].ends_with(".rs") {
                        file = name[1].to_owned();
                    } else {
                        held.push((file.clone(), name[1].to_owned()));
                    }
                }
            }
            Row {
                id: cells[1].to_owned(),
                held,
                reason,
            }
        })
        .collect()
}

/// The rows that a text names: `field history 39, S9 and G4`.
fn named(text: &str) -> BTreeSet<String> {
    let id = r"[SGR]?\d+\b";
    let list = Regex::new(&format!(
        r"field history ({id}(?:(?:, | and ){id})*)(?:\.\D|\.$|[^.\d]|$)"
    ))
    .expect("a pattern");
    list.captures_iter(text)
        .flat_map(|found| {
            found[1]
                .replace(" and ", ", ")
                .split(", ")
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A test with what stands above it: comments, attributes, cases.
fn test_text(source: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let start = lines.iter().position(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.starts_with(&format!("fn {name}("))
    })?;
    let indent = &lines[start][..lines[start].len() - lines[start].trim_start().len()];
    let end_of_item = format!("{indent}}}");
    let end = start
        + lines[start..]
            .iter()
            .position(|line| *line == end_of_item)?;
    let above = lines[..start].iter().rposition(|line| {
        *line == end_of_item || line.trim().is_empty() || line.trim_start().starts_with("use ")
    });
    Some(lines[above.map_or(0, |n| n + 1)..=end].join("\n"))
}

#[test]
fn each_row_stands_there_once_and_in_order() {
    let found: Vec<String> = rows().into_iter().map(|row| row.id).collect();
    assert_eq!(found, expected());
}

#[test]
fn each_row_has_a_test_or_a_reason() {
    for row in rows() {
        match &row.reason {
            Some(reason) => assert!(reason.len() > 20, "{}: {reason}", row.id),
            None => assert!(!row.held.is_empty(), "{}: no test", row.id),
        }
    }
}

#[test]
fn each_test_is_there_and_names_its_row() {
    let mut wrong = Vec::new();
    for row in rows() {
        for (file, test) in &row.held {
            let (name, case) = match test.split_once("::") {
                Some((name, case)) => (name, Some(case)),
                None => (test.as_str(), None),
            };
            let Some(text) = test_text(&read(file), name) else {
                wrong.push(format!("{}: no test {name} in {file}", row.id));
                continue;
            };
            if let Some(case) = case
                && !text.contains(&format!("#[case::{case}("))
            {
                wrong.push(format!("{}: no case {case} of {name} in {file}", row.id));
            }
            if !named(&text).contains(&row.id) {
                wrong.push(format!(
                    "{}: {test} in {file} does not name the row",
                    row.id
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The other way round: what a file says that it holds stands in the document.
#[test]
fn each_row_that_a_file_names_is_in_the_document_with_it() {
    let mut by_file: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let rows = rows();
    for row in &rows {
        for (file, _) in &row.held {
            by_file.entry(file).or_default().insert(&row.id);
        }
    }
    let mut wrong = Vec::new();
    for file in sources() {
        let name = file.strip_prefix(root()).expect("below the root");
        let name = name.to_string_lossy().into_owned();
        if name == "tests/field_cases.rs" {
            continue;
        }
        let documented = by_file.remove(name.as_str()).unwrap_or_default();
        for id in named(&read(&name)) {
            if !documented.contains(id.as_str()) {
                wrong.push(format!("{name} names {id}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every source file of the workspace.
fn sources() -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> = ["src", "tests", "checks", "checker-core", "simulator"]
        .map(|dir| root().join(dir))
        .to_vec();
    let mut files = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 200, "{}", files.len());
    files
}

#[test]
fn rows_are_read_from_comments_of_every_form() {
    let ids = |text: &str| named(text).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(ids("// field history 55: no severity"), "55");
    assert_eq!(ids("/// field history 30, G14: the bad one"), "30 G14");
    assert_eq!(ids("// field history R9 and S2."), "R9 S2");
    assert_eq!(
        ids("\"rules I15\", \"field history 2, 5\"], // field history 7"),
        "2 5 7"
    );
    assert_eq!(ids("// field history 5.4: remote text"), "");
}
