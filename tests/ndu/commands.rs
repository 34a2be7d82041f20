//! Every command line that an upgrade can start is on this list, and none is
//! built from unquoted outside text.

use checker_core::ndu::commands::{self, Dialect, Entrance, Spelling};
use checker_core::ndu::observe::Phase;
use regex::Regex;

use crate::world::release;

/// What may stand behind `weka`. Words in capitals are what is filled in.
const ALLOWED: &[&str] = &[
    "version get V --no-progress-bar",
    "version get V --no-progress-bar --from FROM",
    "version prepare V",
    "local run --container C --in V upgrade",
    "local run --container C --in V upgrade --mgmt-port N",
    "local run --container C --in V upgrade PREPARE",
    "local run --container C --in V upgrade --mgmt-port N PREPARE",
    "local run --container C --in V upgrade PHASE",
    "local run --container C --in V upgrade --mgmt-port N PHASE",
    "local run --container C --in V upgrade --mode=clients-upgrade --client-rolling-batch-size N --clients-to-upgrade IDS",
    "local run --container C --in V upgrade --mgmt-port N --mode=clients-upgrade --client-rolling-batch-size N --clients-to-upgrade IDS",
    "local run --container C --in V upgrade --mode=clients-upgrade --client-rolling-batch-size N --clients-to-upgrade IDS --drop-host IDS",
    "local run --container C --in V upgrade --mgmt-port N --mode=clients-upgrade --client-rolling-batch-size N --clients-to-upgrade IDS --drop-host IDS",
    "upgrade backends V -C C",
    "upgrade backends V -C C PREPARE",
    "debug override add --key KEY --value VALUE --force",
    "debug override remove ID",
];

/// Outside text that a shell would take apart.
const BAD: &str = "x; rm -rf / $(reboot) `id` 'y' \"z\" && | > < * ? \\ \n end";

fn fits(words: &[String]) -> bool {
    let number = Regex::new(r"^\d+$").expect("a pattern");
    let ids = Regex::new(r"^\d+(,\d+)*$").expect("a pattern");
    let version = Regex::new(r"^\d+(\.\d+){1,3}(-[0-9a-z.-]+)?$").expect("a pattern");
    ALLOWED.iter().any(|line| {
        let pattern: Vec<&str> = line.split(' ').collect();
        pattern.len() == words.len()
            && pattern
                .iter()
                .zip(words)
                .all(|(pattern, word)| match *pattern {
                    "V" => version.is_match(word),
                    "N" => number.is_match(word),
                    "IDS" => ids.is_match(word),
                    "PREPARE" => matches!(word.as_str(), "--prepare-only" | "--distribute-version"),
                    "PHASE" => Phase::ALL.iter().any(|p| p.option() == word),
                    "C" | "FROM" | "KEY" | "VALUE" | "ID" => true,
                    literal => literal == word,
                })
    })
}

/// All that the command lines can be made of.
fn all() -> Vec<Vec<String>> {
    let to = release("4.4.33");
    let mut lines = vec![
        commands::get(&to, None),
        commands::get(&to, Some(BAD)),
        commands::prepare(&to),
        commands::add_override(BAD, BAD),
        commands::remove_override(BAD),
    ];
    for container in ["drives0", BAD] {
        for port in [None, Some(14_500)] {
            let entrance = Entrance {
                container: container.to_owned(),
                port,
            };
            for dialect in [Dialect::LocalRun, Dialect::Wrapper] {
                for spelling in [Spelling::Distribute, Spelling::PrepareOnly] {
                    lines.push(commands::distribute(dialect, &to, &entrance, spelling));
                }
                lines.push(commands::backends(dialect, &to, &entrance, None));
                for phase in Phase::ALL {
                    lines.push(commands::backends(dialect, &to, &entrance, Some(phase)));
                }
            }
            for drop in [&[][..], &[3]] {
                lines.push(commands::clients(&to, &entrance, &[1, 2], 4, drop));
            }
        }
    }
    lines
}

#[test]
fn every_command_is_on_the_list() {
    for line in all() {
        assert!(fits(&line), "{line:?}");
    }
    // The list can refuse.
    for line in [
        "version get x",
        "cluster stop",
        "local stop",
        "debug override remove",
    ] {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert!(!fits(&words), "{line}");
    }
}

#[test]
fn the_source_builds_no_other() {
    // Whatever the executor is given as words comes out of `commands`.
    let source = include_str!("../../checker-core/src/ndu/run.rs");
    let words = Regex::new(r"words:? ?=?\s*(\w[^,;\n]*)").expect("a pattern");
    let mut jobs = 0;
    let (code, _) = source.split_once("#[cfg(test)]").expect("tests");
    for part in code.split("Job {").skip(1) {
        let Some((body, _)) = part.split_once("package") else {
            continue;
        };
        let Some(found) = words.captures(body) else {
            continue;
        };
        // A line that was shown to the operator was made before.
        let made = found[1].starts_with("commands::") || &found[1] == "line";
        assert!(made, "{}", &found[1]);
        jobs += 1;
    }
    assert!(jobs >= 7, "{jobs}");
    for made in code.split("let line = ").skip(1) {
        let by = [
            "commands::",
            "crate::report::printable",
            "String::from_utf8_lossy",
            "line",
        ];
        assert!(by.iter().any(|by| made.starts_with(by)), "{}", &made[..60]);
    }
}

#[test]
fn outside_text_is_one_word_of_a_shell() {
    for line in all() {
        let shown = commands::shown(&line);
        let again = shell_words::split(&shown).expect("it can be read again");
        assert_eq!(again[0], "weka");
        assert_eq!(again[1..], line[..], "{shown}");
    }
}
