//! Many results that say the same become one.

use std::collections::HashMap;

use crate::report::{CheckResult, ServerInfo, fold_names};

/// Results that are shown as one finding.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    /// At least one, in the report's order. All of one check, except after
    /// [`by_cause`].
    pub(crate) members: Vec<&'a CheckResult>,
}

impl<'a> Group<'a> {
    pub(crate) fn first(&self) -> &'a CheckResult {
        self.members[0]
    }

    /// The checks that found it, each once.
    pub(crate) fn checks(&self) -> Vec<&'a str> {
        once(self.members.iter().map(|m| m.check.as_str()))
    }

    /// Where it was found, each target once.
    pub(crate) fn targets(&self) -> Vec<&'a str> {
        once(self.members.iter().map(|m| m.target.as_str()))
    }

    /// Whether it is about servers, not about the cluster as a whole.
    pub(crate) fn of_servers(&self) -> bool {
        self.members
            .iter()
            .any(|m| m.scope != crate::contract::Scope::Cluster)
    }

    /// The one summary, or, where they differ, each with the servers that it is of.
    pub(crate) fn summaries(&self) -> Folded {
        let several = self.targets().len() > 1;
        fold(self.members.iter().map(|m| {
            let text = match several {
                true => replace_word(&m.summary, &m.target, SERVER),
                false => m.summary.clone(),
            };
            (m.target.as_str(), text)
        }))
    }

    /// The details likewise, line by line.
    pub(crate) fn details(&self) -> Folded {
        let same = self
            .members
            .iter()
            .all(|m| m.details == self.first().details);
        if same {
            return Folded::Same(self.first().details.clone());
        }
        let lines = self
            .members
            .iter()
            .flat_map(|m| m.details.iter().map(|d| (m.target.as_str(), d.clone())));
        match fold(lines) {
            // One line that only some of them have.
            Folded::Same(lines) => Folded::Differ(
                lines
                    .into_iter()
                    .map(|line| {
                        let with: Vec<_> = self
                            .members
                            .iter()
                            .filter(|m| m.details.contains(&line))
                            .map(|m| m.target.as_str())
                            .collect();
                        (fold_names(&with), line)
                    })
                    .collect(),
            ),
            differ => differ,
        }
    }

    /// The remedy, with `<server>` where it names the server and there are several.
    pub(crate) fn remedy(&self) -> Option<String> {
        let remedy = self.first().remedy.as_deref()?;
        Some(if self.targets().len() > 1 {
            replace_word(remedy, &self.first().target, SERVER)
        } else {
            remedy.to_owned()
        })
    }
}

/// Texts of several servers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Folded {
    /// All say the same.
    Same(Vec<String>),
    /// Folded server names, and what those say.
    Differ(Vec<(String, String)>),
}

fn fold<'a>(lines: impl Iterator<Item = (&'a str, String)>) -> Folded {
    let mut order: Vec<(String, Vec<&str>)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (target, text) in lines {
        let at = *known.entry(text).or_insert_with_key(|text| {
            order.push((text.clone(), Vec::new()));
            order.len() - 1
        });
        order[at].1.push(target);
    }
    // What most of them say comes first.
    order.sort_by_key(|(_, targets)| std::cmp::Reverse(targets.len()));
    if order.len() < 2 {
        return Folded::Same(order.into_iter().map(|(text, _)| text).collect());
    }
    Folded::Differ(
        order
            .into_iter()
            .map(|(text, targets)| (fold_names(&targets), text))
            .collect(),
    )
}

fn once<'a>(items: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::new();
    items.filter(|item| seen.insert(*item)).collect()
}

const SERVER: &str = "<server>";

/// Same check, outcome and remedy, and a summary that differs in nothing but
/// numbers and the server's own name.
pub(crate) fn by_finding<'a>(results: impl IntoIterator<Item = &'a CheckResult>) -> Vec<Group<'a>> {
    collect(results.into_iter().map(|result| {
        let remedy = result.remedy.as_deref().unwrap_or_default();
        let key = (
            result.check.as_str(),
            result.outcome,
            shape(&result.summary, &result.target),
            replace_word(remedy, &result.target, SERVER),
            result.accepted.as_ref(),
        );
        (key, [result])
    }))
}

/// Same cause and same targets, whichever check and whichever command it hit:
/// when nobody is logged in, that is one thing and not twenty.
pub(crate) fn by_cause(groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    collect(groups.into_iter().map(|group| {
        let first = group.first();
        let cause = shape(cause(&first.summary), &first.target);
        ((first.outcome, cause, group.targets()), group.members)
    }))
}

/// What stands behind the command that a summary begins with.
pub(crate) fn cause(summary: &str) -> &str {
    let Some((_, rest)) = summary
        .strip_prefix('`')
        .and_then(|rest| rest.split_once('`'))
    else {
        return summary;
    };
    match rest.split_once(": ") {
        Some((on, cause)) if on.is_empty() || on.starts_with(" on ") => cause,
        _ => summary,
    }
}

fn collect<'a, K, M>(keyed: impl Iterator<Item = (K, M)>) -> Vec<Group<'a>>
where
    K: Eq + std::hash::Hash,
    M: IntoIterator<Item = &'a CheckResult>,
{
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut known: HashMap<K, usize> = HashMap::new();
    for (key, members) in keyed {
        let at = *known.entry(key).or_insert_with(|| {
            groups.push(Group {
                members: Vec::new(),
            });
            groups.len() - 1
        });
        groups[at].members.extend(members);
    }
    groups
}

/// Servers that were lost for the same reason, with the results that this cost.
#[derive(Debug)]
pub(crate) struct Lost<'a> {
    pub(crate) servers: Vec<&'a ServerInfo>,
    pub(crate) results: Vec<&'a CheckResult>,
}

/// Takes out of `unknown` what is unknown only because its server did not
/// answer: the server's reason stands in the result's summary.
pub(crate) fn take_lost<'a>(
    servers: &'a [ServerInfo],
    unknown: &mut Vec<&'a CheckResult>,
) -> Vec<Lost<'a>> {
    let reasons: HashMap<&str, (&ServerInfo, &str)> = servers
        .iter()
        .filter(|s| !s.reached)
        .filter_map(|s| Some((s.name.as_str(), (s, s.error.as_deref()?))))
        .filter(|(_, (_, error))| !error.is_empty())
        .collect();
    let mut of_server: HashMap<&str, Vec<&CheckResult>> = HashMap::new();
    unknown.retain(|result| match reasons.get(result.target.as_str()) {
        Some((_, error)) if result.summary.contains(error) => {
            of_server.entry(&result.target).or_default().push(result);
            false
        }
        _ => true,
    });
    let mut lost: Vec<Lost<'a>> = Vec::new();
    let mut known: HashMap<(bool, crate::server::Role, String), usize> = HashMap::new();
    for server in servers {
        let Some(results) = of_server.remove(server.name.as_str()) else {
            continue;
        };
        let error = server.error.as_deref().unwrap_or_default();
        let error = replace_word(error, &server.address, SERVER);
        let key = (
            server.transport.is_some(),
            server.role,
            shape(&error, &server.name),
        );
        let at = *known.entry(key).or_insert_with(|| {
            lost.push(Lost {
                servers: Vec::new(),
                results: Vec::new(),
            });
            lost.len() - 1
        });
        lost[at].servers.push(server);
        lost[at].results.extend(results);
    }
    lost
}

impl Lost<'_> {
    /// Why, with the servers where the words differ.
    pub(crate) fn reasons(&self) -> Folded {
        let several = self.servers.len() > 1;
        fold(self.servers.iter().map(|s| {
            let error = s.error.as_deref().unwrap_or_default();
            let text = match several {
                true => replace_word(&replace_word(error, &s.address, SERVER), &s.name, SERVER),
                false => error.to_owned(),
            };
            (s.name.as_str(), text)
        }))
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.servers.iter().map(|s| s.name.as_str()).collect()
    }

    pub(crate) fn checks(&self) -> Vec<&str> {
        once(self.results.iter().map(|r| r.check.as_str()))
    }
}

/// The text with every number, with its unit, as `#`, and the server's name as `<server>`.
fn shape(text: &str, server: &str) -> String {
    const UNITS: [&str; 20] = [
        "KiB", "MiB", "GiB", "TiB", "PiB", "bytes", "byte", "kB", "MB", "GB", "TB", "ms", "min",
        "seconds", "minutes", "hours", "days", "s", "h", "B",
    ];
    let text = replace_word(text, server, SERVER);
    let mut shape = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        shape.push_str(&rest[..at]);
        shape.push('#');
        rest = &rest[at..];
        // `10.0.0.13` and `1.5` are one number; the full stop behind `13.` is none.
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let number = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
        rest = &rest[number.len()..];
        let behind = rest.strip_prefix(' ').unwrap_or(rest);
        let unit = UNITS.iter().find_map(|unit| {
            behind
                .strip_prefix(unit)
                .filter(|tail| !tail.starts_with(|c: char| c.is_alphanumeric()))
        });
        rest = unit.unwrap_or(rest);
    }
    shape.push_str(rest);
    shape
}

/// Replaces `word` where it is not a part of a longer name.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let in_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    if word.is_empty() || word == "cluster" {
        return text.to_owned();
    }
    let mut replaced = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.match_indices(word) {
        let end = at + word.len();
        let apart = !text[..at].ends_with(in_name) && !text[end..].starts_with(in_name);
        if apart {
            replaced.push_str(&text[from..at]);
            replaced.push_str(with);
            from = end;
        }
    }
    replaced.push_str(&text[from..]);
    replaced
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::numbers("2.1 GiB free of 100 GiB", "12 MiB free of 80.5 GiB", true)]
    #[case::addresses("10.0.0.1 refused.", "10.0.0.22 refused.", true)]
    #[case::unit_is_part_of_a_word("3 servers down", "3 shares down", false)]
    #[case::words("2.1 GiB free", "2.1 GiB used", false)]
    #[case::number_at_the_end("exit status 1", "exit status 12", true)]
    #[case::number_at_the_end_or_not("exit status 1", "exit status 1 there", false)]
    #[case::short_unit("2 s behind", "130 ms behind", true)]
    fn same_shape(#[case] a: &str, #[case] b: &str, #[case] same: bool) {
        assert_eq!(
            shape(a, "w") == shape(b, "w"),
            same,
            "{} {}",
            shape(a, "w"),
            shape(b, "w")
        );
    }

    #[rstest]
    #[case::its_name("`df` on weka-1: cut", "`df` on <server>: cut")]
    #[case::longer_names(
        "weka-10 and weka-1-b and a-weka-1",
        "weka-10 and weka-1-b and a-weka-1"
    )]
    #[case::end_of_sentence("ask weka-1.", "ask <server>.")]
    #[case::twice("weka-1 weka-1", "<server> <server>")]
    fn names_of_servers(#[case] text: &str, #[case] replaced: &str) {
        assert_eq!(replace_word(text, "weka-1", SERVER), replaced);
    }

    #[rstest]
    #[case("`weka status -J`: not run", "not run")]
    #[case("`host:units` on weka-01: exit status 1: x", "exit status 1: x")]
    #[case("not reached: DNS: x", "not reached: DNS: x")]
    #[case("`weka` is old: x", "`weka` is old: x")]
    fn causes(#[case] summary: &str, #[case] expected: &str) {
        assert_eq!(cause(summary), expected);
    }
}
