//! Ways to damage one answer, generated from the answer itself.

use std::fmt;

use checker_core::evidence::{End, NotRun, Record};
use checker_core::facts::find_json;
use serde_json::{Map, Value, json};

/// One damaged answer.
pub(super) struct Damage {
    /// What was done, for the reader and for the table of exceptions.
    pub(super) what: String,
    pub(super) end: End,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: &'static str,
}

impl Damage {
    fn answered(what: impl Into<String>, stdout: impl Into<Vec<u8>>) -> Self {
        Self {
            what: what.into(),
            end: End::Exited(0),
            stdout: stdout.into(),
            stderr: "",
        }
    }

    fn ended(what: &str, end: End, stdout: impl Into<Vec<u8>>, stderr: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            end,
            stdout: stdout.into(),
            stderr,
        }
    }
}

/// Ways in which a whole answer is no answer, whatever was asked.
pub(super) fn no_answer(record: &Record) -> Vec<Damage> {
    let out = record.stdout();
    let half = &out[..out.len() / 2];
    vec![
        Damage::ended("exit 1", End::Exited(1), "", "error: no leader\n"),
        Damage::ended("exit 1 behind the answer", End::Exited(1), out, "error: x"),
        Damage::ended(
            "unknown command",
            End::Exited(2),
            "",
            "error: unknown command",
        ),
        Damage::ended("exit 41", End::Exited(41), "", "error: not logged in"),
        Damage::ended("exit 127", End::Exited(127), "", "sh: not found"),
        Damage::ended("killed", End::Signalled(9), out, ""),
        Damage::ended("timed out", End::TimedOut, out, ""),
        Damage::ended("lost", End::Lost, half, ""),
        Damage::ended("not run", End::NotRun(NotRun::Deadline), "", ""),
        Damage::answered("an error as answer", "error: try again later\n"),
        Damage::answered("no UTF-8", b"\xff\xfe\x00\xc3\x28\n".to_vec()),
        Damage::answered("a login page", "<html><body>502</body></html>\n"),
    ]
}

/// Ways in which JSON is not the JSON that was asked for.
pub(super) fn wrong_json(record: &Record) -> Vec<Damage> {
    let out = record.stdout().trim_ascii_end();
    let mut damages = vec![
        Damage::answered("empty", ""),
        Damage::answered("null", "null\n"),
        Damage::answered("a text", "\"down\"\n"),
        Damage::answered("a negative number", "-7\n"),
        Damage::answered("a huge number", "99999999999999999999999999999999\n"),
        Damage::answered("true", "true\n"),
        Damage::answered("[null]", "[null]\n"),
        Damage::answered("[[]]", "[[]]\n"),
        Damage::answered("[{}]", "[{}]\n"),
        Damage::answered("{}", "{}\n"),
        Damage::answered("[]", "[]\n"),
        Damage::answered(
            "deep nesting",
            [vec![b'['; 20_000], vec![b']'; 20_000]].concat(),
        ),
    ];
    // A scalar that is cut is another scalar, or none: nobody can tell.
    if out.first().is_some_and(|b| matches!(b, b'[' | b'{')) && out.len() > 2 {
        for (what, at) in [
            ("cut behind the first byte", 1),
            ("cut at a quarter", out.len() / 4),
            ("cut at half", out.len() / 2),
            ("cut at three quarters", out.len() * 3 / 4),
            ("cut before the last byte", out.len() - 1),
        ] {
            damages.push(Damage::answered(what, &out[..at.max(1)]));
        }
    }
    damages
}

/// The answer between lines that are none: the same answer.
pub(super) fn noise(record: &Record) -> Damage {
    let noise = [
        b"[WARN] the cache is stale\n",
        record.stdout(),
        b"\nwarning: slow\n\0",
    ];
    Damage::answered("between noise", noise.concat())
}

/// Ways in which the text of a probe is not what was asked for.
pub(super) fn wrong_text() -> Vec<Damage> {
    vec![
        Damage::answered("empty", ""),
        Damage::answered("only a newline", "\n"),
        Damage::answered("null", "null\n"),
        Damage::answered("{}", "{}\n"),
        Damage::answered("[]", "[]\n"),
        Damage::answered("a negative number", "-7\n"),
        Damage::answered("a banner", "Welcome to weka-01\n"),
    ]
}

/// The answer with each of its parts damaged in every way: the members of
/// JSON, the lines of a text.
pub(super) fn parts(record: &Record, healthy: Option<&Record>) -> Vec<Damage> {
    match json(record) {
        Some(value) => {
            let healthy = healthy.and_then(|r| find_json(r.stdout()).ok());
            // Where the fault is not.
            let brief = healthy.as_ref() == Some(&value);
            let mut damages = fields(&value, healthy.as_ref(), ROWS);
            damages.retain(|damage| !brief || damage.what.starts_with("without "));
            damages
        }
        None => lines(record),
    }
}

/// The answer without each of its parts.
pub(super) fn missing(record: &Record) -> Vec<Damage> {
    // The first row of a list stands for each.
    let mut damages = match json(record) {
        Some(value) => fields(&value, None, 0),
        None => lines(record),
    };
    damages.retain(|damage| {
        ["without ", "null for ", "a wrong type for ", "cut "]
            .iter()
            .any(|way| damage.what.starts_with(way))
    });
    damages
}

/// The answer as JSON, if it is that and nothing else.
fn json(record: &Record) -> Option<Value> {
    let text = record.stdout().trim_ascii_start();
    matches!(text.first(), Some(b'[' | b'{'))
        .then(|| find_json(text).ok())
        .flatten()
}

/// Probe text without some line, cut behind some line, and with wrong numbers.
fn lines(record: &Record) -> Vec<Damage> {
    let text = record.stdout_text();
    let lines: Vec<&str> = text.lines().collect();
    let put = |lines: Vec<&str>| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
    let mut damages = Vec::new();
    for at in 0..lines.len() {
        let name = shown(lines[at]);
        let without = lines.iter().enumerate().filter(|(n, _)| *n != at);
        damages.push(Damage::answered(
            format!("without the line {name}"),
            put(without.map(|(_, l)| *l).collect()),
        ));
        if at > 0 {
            damages.push(Damage::answered(
                format!("cut before the line {name}"),
                put(lines[..at].to_vec()),
            ));
        }
        for (what, number) in [
            ("x", "x"),
            ("-1", "-1"),
            (
                "a number of 40 digits",
                "9999999999999999999999999999999999999999",
            ),
            ("nothing", ""),
        ] {
            let Some(line) = with_numbers(lines[at], number) else {
                continue;
            };
            let mut all = lines.clone();
            all[at] = &line;
            damages.push(Damage::answered(
                format!("{what} for the numbers of the line {name}"),
                put(all),
            ));
        }
    }
    damages
}

/// A line with something else for all of its numbers; `None` where it has none.
fn with_numbers(line: &str, other: &str) -> Option<String> {
    let mut text = String::new();
    let mut inside = false;
    for c in line.chars() {
        match (c.is_ascii_digit(), inside) {
            (true, false) => text.push_str(other),
            (true, true) => {}
            (false, _) => text.push(c),
        }
        inside = c.is_ascii_digit();
    }
    (text != line).then_some(text)
}

/// A line without its numbers, so that equal kinds of lines are named alike.
fn shown(line: &str) -> String {
    let line = with_numbers(line, "#").unwrap_or_else(|| line.to_owned());
    format!("`{}`", line.chars().take(60).collect::<String>())
}

/// One step on the way to a member.
#[derive(Clone, PartialEq)]
enum Step {
    Member(String),
    Row(usize),
    /// Every row of a list.
    EachRow,
}

/// The way to a member.
#[derive(Clone)]
struct Place(Vec<Step>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                Step::Member(name) => {
                    let name = with_numbers(name, "#").unwrap_or_else(|| name.clone());
                    write!(f, ".{name}")?;
                }
                Step::Row(_) => f.write_str("[n]")?,
                Step::EachRow => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

/// The answer with every member damaged, one by one: taken out, null, of a
/// wrong type, an empty text; in the rows that differ from `healthy` (which
/// are the rows that matter), `more` of them at most, in the first, and in all
/// rows at once.
fn fields(value: &Value, healthy: Option<&Value>, more: usize) -> Vec<Damage> {
    let mut places = Vec::new();
    walk(value, healthy, more, &Place(Vec::new()), &mut places);
    let mut damages = Vec::new();
    for (place, sample) in places {
        let wrong = match sample {
            Value::Null => None,
            Value::Array(_) | Value::Object(_) => Some(json!("?")),
            Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(json!({"?": 1})),
        };
        let mut changes = vec![("without", None), ("null for", Some(Value::Null))];
        changes.extend(wrong.map(|wrong| ("a wrong type for", Some(wrong))));
        match sample {
            Value::String(text) if !text.is_empty() => {
                changes.push(("an empty text for", Some(json!(""))));
                changes.push(("an odd text for", Some(json!("?"))));
            }
            Value::Number(_) => {
                changes.push(("a negative number for", Some(json!(-7))));
            }
            _ => {}
        }
        for (what, new) in changes {
            let mut damaged = value.clone();
            change(&mut damaged, &place.0, new.as_ref());
            damages.push(Damage::answered(
                format!("{what} {place}"),
                damaged.to_string(),
            ));
        }
    }
    damages
}

/// Rows of one list that are looked at one by one, beside the first.
const ROWS: usize = 3;

fn walk<'v>(
    value: &'v Value,
    healthy: Option<&Value>,
    more: usize,
    at: &Place,
    places: &mut Vec<(Place, &'v Value)>,
) {
    let below = |step: Step| {
        let mut place = at.clone();
        place.0.push(step);
        place
    };
    match value {
        Value::Object(map) => {
            for (name, member) in map {
                let place = below(Step::Member(name.clone()));
                places.push((place.clone(), member));
                walk(
                    member,
                    healthy.and_then(|h| h.get(name)),
                    more,
                    &place,
                    places,
                );
            }
        }
        Value::Array(rows) => {
            let odd = rows
                .iter()
                .enumerate()
                .filter(|(n, row)| *n > 0 && healthy.is_none_or(|h| h.get(n) != Some(row)));
            // Each row of a list of two or more stands for the first too.
            let first = usize::from(rows.len() < 2 || healthy != Some(value));
            let chosen = rows.iter().enumerate().take(first).chain(odd.take(more));
            for (n, row) in chosen {
                walk(
                    row,
                    healthy.and_then(|h| h.get(n)),
                    more,
                    &below(Step::Row(n)),
                    places,
                );
            }
            let in_a_row = at.0.contains(&Step::EachRow);
            if let (Some(row), false) = (rows.get(1), in_a_row) {
                walk(row, Some(row), more, &below(Step::EachRow), places);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Puts `new` at a place, or takes out what is there.
fn change(value: &mut Value, place: &[Step], new: Option<&Value>) {
    match (place, value) {
        ([Step::Member(name)], Value::Object(map)) => set(map, name, new),
        ([Step::Member(name), rest @ ..], Value::Object(map)) => {
            if let Some(member) = map.get_mut(name) {
                change(member, rest, new);
            }
        }
        ([Step::Row(n), rest @ ..], Value::Array(rows)) => {
            if let Some(row) = rows.get_mut(*n) {
                change(row, rest, new);
            }
        }
        ([Step::EachRow, rest @ ..], Value::Array(rows)) => {
            for row in rows {
                change(row, rest, new);
            }
        }
        _ => {}
    }
}

fn set(map: &mut Map<String, Value>, name: &str, new: Option<&Value>) {
    match new {
        Some(new) => {
            map.insert(name.to_owned(), new.clone());
        }
        None => {
            map.shift_remove(name);
        }
    }
}
