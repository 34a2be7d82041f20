//! Every command line that an upgrade can start is on this list, and none is
//! built from unquoted outside text. That there are no others, the compiler
//! sees to: a [`Line`] is made by the functions of `commands` alone.

use checker_core::ndu::commands::{self, Dialect, Entrance, Line, Spelling};
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
fn all() -> Vec<Line> {
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
fn outside_text_is_one_word_of_a_shell() {
    for line in all() {
        let shown = commands::shown(&line);
        let again = shell_words::split(&shown).expect("it can be read again");
        assert_eq!(again[0], "weka");
        assert_eq!(again[1..], *line, "{shown}");
    }
}
