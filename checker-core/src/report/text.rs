//! The report for a terminal: sums first, then what blocks, what could not be
//! verified, what warns, and what is green.

pub(crate) mod group;
pub(crate) mod page;

use std::collections::BTreeMap;

use group::{Folded, Group, Lost, by_cause, by_finding, cause, take_lost};
use page::{Page, Tint};

use super::printable::{printable, printable_lines};
use super::{
    AcceptanceEffect, CheckResult, PluginInfo, PluginKind, Report, ServerInfo, Verdict, fold_names,
};
use crate::contract::{Outcome, Scope};
use crate::server::Transport;
use crate::source::SourceKind;

/// How the text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// With colours; they are never the only sign.
    pub color: bool,
    /// Columns to wrap to. Only commands to copy can be longer.
    pub width: usize,
    /// Everything, not only what must be acted on.
    pub verbose: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            color: false,
            width: 80,
            verbose: false,
        }
    }
}

/// How many lines of a list are shown without `verbose`.
const SHORT: usize = 8;

/// The report as text for a terminal.
///
/// `titles` gives the title of a check by its id. Whatever comes from servers,
/// plugins or users is made [`printable`] first.
#[must_use]
pub fn text(
    report: &Report,
    titles: &dyn Fn(&str) -> Option<String>,
    options: &TextOptions,
) -> String {
    let report = cleaned(report);
    let mut writer = Writer {
        page: Page::new(options.width, options.color),
        titles,
        verbose: options.verbose,
    };
    writer.head(&report);
    writer.blocking(&report);
    writer.unverified(&report);
    writer.warnings(&report);
    writer.idle_acceptances(&report);
    writer.green(&report);
    writer.skipped(&report);
    if options.verbose {
        writer.servers(&report);
    }
    writer.next_step(&report);
    writer.page.finish()
}

/// The verdict in one line, for `--quiet` and for the log.
#[must_use]
pub fn verdict_line(report: &Report) -> String {
    let report = cleaned(report);
    let (_, _, words) = verdict_shown(report.verdict);
    let name = report.cluster.name.as_deref().unwrap_or("unknown");
    format!(
        "{words} (cluster {name}, {}; {})",
        upgrade(&report),
        counts(&report)
    )
}

/// Mark, colour and words of a verdict.
fn verdict_shown(verdict: Verdict) -> (&'static str, Tint, &'static str) {
    match verdict {
        Verdict::Green => ("✓", Tint::Green, "GREEN: nothing stands in the way"),
        Verdict::Yellow => ("!", Tint::Yellow, "YELLOW: there are warnings"),
        Verdict::Red => ("✗", Tint::Red, "RED: the upgrade must not start"),
        Verdict::Unknown => (
            "?",
            Tint::Magenta,
            "UNKNOWN: not everything could be verified",
        ),
    }
}

/// The report with every text from outside made printable, once and before
/// anything else, so that no line of this renderer can forget it.
fn cleaned(report: &Report) -> Report {
    let clean = |text: &mut String| {
        if let std::borrow::Cow::Owned(safe) = printable(text) {
            *text = safe;
        }
    };
    let mut report = report.clone();
    let Report {
        schema: _,
        tool,
        run,
        cluster,
        // Numbers, and a suffix of letters and digits.
        target_version: _,
        path: _,
        verdict: _,
        counts: _,
        servers,
        acceptances,
        plugins,
        results,
        digest: _,
    } = &mut report;
    clean(&mut tool.name);
    clean(&mut tool.version);
    clean(&mut run.id);
    clean(&mut run.host);
    run.argv.iter_mut().for_each(clean);
    if let Some(coverage) = &mut run.coverage {
        let chosen = &mut coverage.selection;
        for names in [&mut chosen.backends, &mut chosen.select, &mut chosen.skip] {
            names.iter_mut().for_each(clean);
        }
    }
    cluster.name.iter_mut().for_each(clean);
    cluster.guid.iter_mut().for_each(clean);
    for server in servers {
        clean(&mut server.name);
        clean(&mut server.address);
        server.error.iter_mut().for_each(clean);
    }
    for plugin in plugins {
        clean(&mut plugin.name);
        plugin.version.iter_mut().for_each(clean);
        clean(&mut plugin.path);
        plugin.sha256.iter_mut().for_each(clean);
        plugin.checks.iter_mut().for_each(clean);
        plugin.error.iter_mut().for_each(clean);
    }
    for result in results {
        clean(&mut result.check);
        clean(&mut result.target);
        clean(&mut result.summary);
        result.details.iter_mut().for_each(clean);
        if let Some(remedy) = &mut result.remedy {
            *remedy = printable_lines(remedy);
        }
        result.sources.iter_mut().for_each(clean);
        result.evidence.iter_mut().for_each(clean);
        if let Some(accepted) = &mut result.accepted {
            clean(&mut accepted.reason);
            accepted.author.iter_mut().for_each(clean);
        }
    }
    for acceptance in acceptances {
        clean(&mut acceptance.check);
        acceptance.server.iter_mut().for_each(clean);
        clean(&mut acceptance.reason);
        clean(&mut acceptance.author);
        clean(&mut acceptance.note);
    }
    report
}

/// Name, version, and enough of the digest to tell two files apart.
fn plugin_shown(plugin: &PluginInfo) -> String {
    let version = plugin.version.as_deref().unwrap_or("(no version)");
    let digest = plugin.sha256.as_deref().unwrap_or_default();
    let digest: String = digest.chars().take(12).collect();
    match (&plugin.error, &plugin.note) {
        (Some(_), _) => format!("{} (failed)", plugin.name),
        (None, Some(note)) => format!("{} ({note})", plugin.path),
        (None, None) => format!("{} {version} (sha256 {digest}…)", plugin.name),
    }
}

struct Writer<'t> {
    page: Page,
    titles: &'t dyn Fn(&str) -> Option<String>,
    verbose: bool,
}

impl Writer<'_> {
    fn head(&mut self, report: &Report) {
        let page = &mut self.page;
        let name = report.cluster.name.as_deref().unwrap_or("unknown");
        let cluster = match &report.cluster.guid {
            Some(guid) => format!("{name} ({guid})"),
            None => name.to_owned(),
        };
        page.marked(0, "Cluster  ", Tint::Heading, &cluster);
        page.marked(0, "Upgrade  ", Tint::Plain, &upgrade(report));
        if !report.servers.is_empty() {
            page.marked(0, "Servers  ", Tint::Plain, &reached(&report.servers));
        }
        page.marked(0, "Checked  ", Tint::Plain, &checked(report));
        let of = |kind| report.plugins.iter().filter(move |p| p.kind == kind);
        let libraries: Vec<String> = of(PluginKind::Library).map(plugin_shown).collect();
        if !libraries.is_empty() {
            page.marked(0, "Plugins  ", Tint::Plain, &libraries.join(", "));
        }
        // Neither a backup nor the preamble is one of them.
        let scripts = of(PluginKind::Script).filter(|p| p.note.is_none()).count();
        if scripts > 0 {
            let words = format!(
                "{scripts} of somebody else's ran on the backends; nothing holds them to only look"
            );
            page.marked(0, "Scripts  ", Tint::Plain, &words);
        }
        let (mark, tint, words) = verdict_shown(report.verdict);
        page.marked(0, "Verdict  ", tint, &format!("{mark} {words}"));
        page.marked(0, "         ", Tint::Plain, &counts(report));
    }

    fn blocking(&mut self, report: &Report) {
        let failed = with(report, Outcome::Fail);
        if !failed.is_empty() {
            self.heading("BLOCKS THE UPGRADE", failed.len());
        }
        for group in by_finding(failed) {
            self.finding("✗ ", Tint::Red, &group);
        }
    }

    fn unverified(&mut self, report: &Report) {
        let mut unknown = with(report, Outcome::Unknown);
        if unknown.is_empty() {
            return;
        }
        self.heading("COULD NOT BE VERIFIED", unknown.len());
        for lost in take_lost(&report.servers, &mut unknown) {
            self.lost(&lost);
        }
        for group in by_cause(by_finding(unknown)) {
            self.finding("? ", Tint::Magenta, &group);
        }
    }

    fn warnings(&mut self, report: &Report) {
        let warned = with(report, Outcome::Warn);
        if !warned.is_empty() {
            self.heading("WARNS", warned.len());
        }
        for group in by_finding(warned) {
            self.finding("! ", Tint::Yellow, &group);
        }
    }

    /// Acceptances that were given and accept nothing: whoever relies on one
    /// must hear that.
    fn idle_acceptances(&mut self, report: &Report) {
        let idle: Vec<&str> = report
            .acceptances
            .iter()
            .filter(|given| given.effect != AcceptanceEffect::Accepts)
            .map(|given| given.note.as_str())
            .collect();
        if idle.is_empty() {
            return;
        }
        self.heading("ACCEPTANCES THAT DO NOT COUNT", idle.len());
        for note in idle {
            self.page.marked(0, "- ", Tint::Plain, note);
        }
    }

    fn green(&mut self, report: &Report) {
        let passed = with(report, Outcome::Pass);
        if passed.is_empty() {
            return;
        }
        self.heading("GREEN", passed.len());
        if self.verbose {
            for group in by_finding(passed) {
                self.finding("✓ ", Tint::Green, &group);
            }
            return;
        }
        let mut all: BTreeMap<&str, usize> = BTreeMap::new();
        for result in &report.results {
            *all.entry(&result.check).or_default() += 1;
        }
        let mut good: BTreeMap<&str, usize> = BTreeMap::new();
        for result in passed {
            *good.entry(&result.check).or_default() += 1;
        }
        let mut areas: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (check, good) in good {
            let (area, name) = check.split_once('/').unwrap_or((check, check));
            let of = all.get(check).copied().unwrap_or(good);
            areas.entry(area).or_default().push(if good == of {
                name.to_owned()
            } else {
                format!("{name} ({good} of {of})")
            });
        }
        let rows = areas
            .into_iter()
            .map(|(area, checks)| vec![format!("✓ {area}"), checks.join(", ")]);
        self.page.table(0, Tint::Green, rows);
    }

    fn skipped(&mut self, report: &Report) {
        let skipped = with(report, Outcome::Skipped);
        if skipped.is_empty() {
            return;
        }
        if self.verbose {
            self.heading("DOES NOT APPLY", skipped.len());
            for group in by_finding(skipped) {
                self.finding("- ", Tint::Faint, &group);
            }
            return;
        }
        let mut checks: Vec<&str> = skipped.iter().map(|r| r.check.as_str()).collect();
        checks.dedup();
        self.page.blank();
        self.page.marked(
            0,
            "- ",
            Tint::Faint,
            &format!("Does not apply ({}): {}", skipped.len(), checks.join(", ")),
        );
    }

    fn servers(&mut self, report: &Report) {
        if report.servers.is_empty() {
            return;
        }
        self.heading("SERVERS", report.servers.len());
        let rows = report.servers.iter().map(|s| {
            vec![
                s.name.clone(),
                s.address.clone(),
                s.role.to_string(),
                match (s.transport, &s.error) {
                    (Some(transport), None) => format!("{}, {} ms", transport.as_str(), s.ms),
                    (Some(transport), Some(error)) => {
                        format!("{}, then lost: {error}", transport.as_str())
                    }
                    (None, Some(error)) => format!("not reached: {error}"),
                    (None, None) => "not reached".to_owned(),
                },
            ]
        });
        self.page.table(2, Tint::Plain, rows);
    }

    /// What to do now. The operator is never left without.
    fn next_step(&mut self, report: &Report) {
        let target = &report.target_version;
        let again = "then run the same command again";
        let (what, explain) = match report.verdict {
            Verdict::Red => (
                format!(
                    "Do what stands under each ✗, {again}. The upgrade to {target} must not start before."
                ),
                first(report, Outcome::Fail),
            ),
            Verdict::Unknown if report.counts == super::Counts::default() => (
                format!("No check gave an answer; look at the log, {again}."),
                None,
            ),
            Verdict::Unknown => (
                format!(
                    "Remove what kept each ? from being verified, {again}. What is not known to be good does not count as good."
                ),
                None,
            ),
            Verdict::Yellow if all_accepted(report) => (
                format!(
                    "Every warning is accepted, so the gate can open. Run the same command again right before the upgrade to {target}."
                ),
                None,
            ),
            Verdict::Yellow => (
                format!(
                    "Resolve each !, or accept by name what may stay (`--accept ID=REASON`); {again} right before the upgrade to {target}."
                ),
                first(report, Outcome::Warn),
            ),
            Verdict::Green => (
                format!(
                    "The cluster can be upgraded to {target}. Run the same command again right before the upgrade starts."
                ),
                None,
            ),
        };
        self.page.blank();
        self.page.marked(0, "Next: ", Tint::Heading, &what);
        if let Some(check) = explain {
            self.page
                .line(6, Tint::Plain, "Why a check matters, and how to mend it:");
            self.page.command(8, &format!("checker explain {check}"));
        }
    }

    fn heading(&mut self, words: &str, count: usize) {
        self.page.blank();
        self.page
            .line(0, Tint::Heading, &format!("{words} ({count})"));
    }

    fn finding(&mut self, mark: &str, tint: Tint, group: &Group<'_>) {
        let first = group.first();
        let checks = group.checks();
        let targets = group.targets();
        let several = checks.len() > 1;
        let place = if group.of_servers() {
            format!(" on {}", servers_named(&targets, self.verbose))
        } else if several {
            " of the cluster".to_owned()
        } else {
            String::new()
        };
        let head = if several {
            format!("{} checks{place}", checks.len())
        } else {
            format!("{}{place}", first.check)
        };
        let client = first.outcome == Outcome::Unknown && first.scope == Scope::Client;
        let note = if client {
            " (about a client: counts as a warning)"
        } else {
            ""
        };
        self.page.marked(0, mark, tint, &format!("{head}{note}"));

        let summaries = group.summaries();
        let title = (self.titles)(&first.check)
            .filter(|_| !several && (self.verbose || matches!(summaries, Folded::Differ(_))));
        if let Some(title) = title {
            self.page.line(4, Tint::Faint, &printable(&title));
        }
        match summaries {
            Folded::Differ(_) if several => self.page.line(4, Tint::Plain, cause(&first.summary)),
            Folded::Same(lines) => {
                for line in lines {
                    self.page.line(4, Tint::Plain, &line);
                }
            }
            differ @ Folded::Differ(_) => self.list(4, &differ),
        }
        if several {
            self.page.line(4, Tint::Faint, &checks.join(", "));
        }
        self.list(6, &group.details());
        if let Some(remedy) = group.remedy() {
            self.remedy(&remedy);
        }
        if let Some(accepted) = &first.accepted {
            let text = format!("accepted {}", accepted.words());
            self.page.line(4, Tint::Plain, &text);
        }
        if self.verbose {
            self.origin(first);
        }
    }

    fn lost(&mut self, lost: &Lost<'_>) {
        let Some(server) = lost.servers.first() else {
            return;
        };
        let names = servers_named(&lost.names(), self.verbose);
        let how = match server.transport {
            None => "not reached",
            Some(_) => "lost on the way",
        };
        let mark = "? ";
        let text = format!("{names}: {how}");
        self.page.marked(0, mark, Tint::Magenta, &text);
        match lost.reasons() {
            Folded::Same(lines) => {
                for line in lines {
                    self.page.line(4, Tint::Plain, &line);
                }
            }
            differ @ Folded::Differ(_) => self.list(4, &differ),
        }
        let text = format!(
            "{} could not be judged: {}",
            plural(lost.results.len(), "result"),
            lost.checks().join(", ")
        );
        self.page.line(4, Tint::Faint, &text);
    }

    fn list(&mut self, indent: usize, lines: &Folded) {
        let len = match lines {
            Folded::Same(lines) => lines.len(),
            Folded::Differ(lines) => lines.len(),
        };
        // One line more would take as much room as the line that says so.
        let shown = if self.verbose || len <= SHORT + 1 {
            len
        } else {
            SHORT
        };
        match lines {
            Folded::Same(lines) => {
                for line in &lines[..shown] {
                    self.page.marked(indent, "- ", Tint::Plain, line);
                }
            }
            Folded::Differ(lines) => {
                let rows = lines[..shown]
                    .iter()
                    .map(|(servers, text)| vec![servers.clone(), text.clone()]);
                self.page.table(indent, Tint::Plain, rows);
            }
        }
        if shown < len {
            let text = format!(
                "… and {} more: --verbose, or the report's JSON",
                len - shown
            );
            self.page.line(indent, Tint::Faint, &text);
        }
    }

    fn remedy(&mut self, remedy: &str) {
        let mut mark = "→ ";
        for line in remedy.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(command) = line.trim().strip_prefix("$ ") {
                self.page.command(6, command);
            } else {
                self.page.marked(4, mark, Tint::Plain, line.trim_end());
                mark = "  ";
                for command in commands(line) {
                    self.page.command(6, command);
                }
            }
        }
    }

    fn origin(&mut self, result: &CheckResult) {
        let mut parts = Vec::new();
        if !result.sources.is_empty() {
            parts.push(format!("rule: {}", result.sources.join("; ")));
        }
        if !result.evidence.is_empty() {
            parts.push(format!("evidence: {}", result.evidence.join(", ")));
        }
        if !parts.is_empty() {
            self.page.line(4, Tint::Faint, &parts.join(" · "));
        }
    }
}

fn with(report: &Report, outcome: Outcome) -> Vec<&CheckResult> {
    report
        .results
        .iter()
        .filter(|r| r.outcome == outcome)
        .collect()
}

fn first(report: &Report, outcome: Outcome) -> Option<&str> {
    // What a plugin brought can be explained only with the plugin.
    let built_in = |r: &&CheckResult| !report.plugins.iter().any(|p| p.checks.contains(&r.check));
    report
        .results
        .iter()
        .filter(built_in)
        .find(|r| r.outcome == outcome)
        .map(|r| r.check.as_str())
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// The servers folded, and how many they are. Names that don't fold (every
/// second one of 300) are cut to about two lines, unless `all` are wanted.
fn servers_named(names: &[&str], all: bool) -> String {
    const LONG: usize = 140;
    if let [one] = names {
        return (*one).to_owned();
    }
    let mut shown = names.len();
    let mut text = fold_names(names);
    while text.len() > LONG && shown > 1 && !all {
        shown = shown * 3 / 4;
        text = fold_names(&names[..shown]);
    }
    match names.len() - shown {
        0 => format!("{text} ({} servers)", names.len()),
        more => format!("{text} and {more} more ({} servers)", names.len()),
    }
}

fn upgrade(report: &Report) -> String {
    let from = report
        .cluster
        .version
        .as_ref()
        .map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let hops: Vec<String> = match report.path.as_slice() {
        [] => vec![from, report.target_version.to_string()],
        path => path.iter().map(ToString::to_string).collect(),
    };
    hops.join(" → ")
}

fn reached(servers: &[ServerInfo]) -> String {
    let names = |test: fn(&ServerInfo) -> bool| -> Vec<&str> {
        servers
            .iter()
            .filter(|s| test(s))
            .map(|s| s.name.as_str())
            .collect()
    };
    let unreached = names(|s| !s.reached && s.transport.is_none());
    let lost = names(|s| !s.reached && s.transport.is_some());
    let by_system_ssh = names(|s| s.transport == Some(Transport::SystemSsh));
    let reached = servers.iter().filter(|s| s.reached).count();
    let mut text = format!("{reached} of {} reached", servers.len());
    if !unreached.is_empty() {
        text.push_str(&format!("; not reached: {}", fold_names(&unreached)));
    }
    if !lost.is_empty() {
        text.push_str(&format!("; lost on the way: {}", fold_names(&lost)));
    }
    if !by_system_ssh.is_empty() {
        let names = fold_names(&by_system_ssh);
        text.push_str(&format!("; through the system's ssh: {names}"));
    }
    text
}

fn checked(report: &Report) -> String {
    let source = match report.run.source {
        SourceKind::Live => "",
        SourceKind::Bundle => ", from a bundle",
        SourceKind::Simulator => ", a SIMULATED cluster",
    };
    format!(
        "{}{source}; {} {}, release data of {}",
        report.run.started_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        report.tool.name,
        report.tool.version,
        report.tool.data_date
    )
}

/// Whether nothing that counts as a warning is left unaccepted.
fn all_accepted(report: &Report) -> bool {
    report
        .results
        .iter()
        .filter(|r| matches!(r.outcome, Outcome::Warn | Outcome::Unknown))
        .all(|r| r.accepted.is_some())
}

fn counts(report: &Report) -> String {
    let counts = report.counts;
    let mut text = [
        (counts.fail, "fail"),
        (counts.unknown, "unknown"),
        (counts.warn, "warn"),
        (counts.pass, "pass"),
        (counts.skipped, "skipped"),
    ]
    .map(|(count, word)| format!("{count} {word}"))
    .join(", ");
    let accepted = report.results.iter().filter(|r| r.accepted.is_some());
    match accepted.count() {
        0 => {}
        accepted => text.push_str(&format!("; {accepted} accepted")),
    }
    text
}

/// The commands in a remedy: what stands in back quotes, begins with a program
/// and has arguments. A path or an option alone is no command.
fn commands(remedy: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for quoted in remedy.split('`').skip(1).step_by(2) {
        let program = quoted.split(' ').next().unwrap_or_default();
        let is_program = program.starts_with(|c: char| c.is_ascii_lowercase() || c == '/')
            && program
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
        if is_program && program.len() < quoted.len() && !found.contains(&quoted) {
            found.push(quoted);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::report::sample;

    fn shown(report: &Report) -> String {
        shown_with(report, &TextOptions::default())
    }

    fn shown_with(report: &Report, options: &TextOptions) -> String {
        text(report, &sample::title, options)
    }

    #[test]
    fn all_green() {
        insta::assert_snapshot!(shown(&sample::green()));
    }

    #[test]
    fn red_yellow_and_unknown() {
        insta::assert_snapshot!(shown(&sample::mixed()));
    }

    #[test]
    fn servers_that_were_not_reached() {
        insta::assert_snapshot!(shown(&sample::unreached()));
    }

    #[test]
    fn nobody_is_logged_in() {
        insta::assert_snapshot!(shown(&sample::not_logged_in()));
    }

    #[test]
    fn three_hundred_servers() {
        let text = shown(&sample::many());
        assert!(text.lines().count() < 80, "{text}");
        insta::assert_snapshot!(text);
    }

    #[rstest]
    #[case::narrow(40)]
    #[case::wide(200)]
    fn wraps_to(#[case] width: usize) {
        let options = TextOptions {
            width,
            ..TextOptions::default()
        };
        for report in [sample::mixed(), sample::many(), sample::unreached()] {
            let text = shown_with(&report, &options);
            for line in text.lines().filter(|l| !l.trim_start().starts_with("$ ")) {
                assert!(line.chars().count() <= width, "{line:?}");
            }
        }
        let name = format!("width_{width}");
        insta::assert_snapshot!(name, shown_with(&sample::mixed(), &options));
    }

    #[test]
    fn no_width_is_too_small() {
        let options = TextOptions {
            width: 0,
            ..TextOptions::default()
        };
        assert!(shown_with(&sample::mixed(), &options).contains("RED"));
    }

    #[test]
    fn with_colour() {
        let options = TextOptions {
            color: true,
            ..TextOptions::default()
        };
        let text = shown_with(&sample::mixed(), &options);
        insta::assert_snapshot!(text.replace('\x1b', "ESC"));
        // Colour is never the only sign: without it the words are the same.
        let mut plain = text.clone();
        while let Some(at) = plain.find('\x1b') {
            let end = at + plain[at..].find('m').expect("a colour");
            plain.replace_range(at..=end, "");
        }
        assert_eq!(plain, shown(&sample::mixed()));
    }

    #[test]
    fn verbose_shows_all() {
        let options = TextOptions {
            verbose: true,
            ..TextOptions::default()
        };
        insta::assert_snapshot!(shown_with(&sample::mixed(), &options));
        let text = shown_with(&sample::many(), &options);
        assert!(!text.contains("--verbose"), "{text}");
        for result in &sample::many().results {
            assert!(text.contains(&result.check), "{}", result.check);
        }
    }

    #[test]
    fn nasty_text_of_servers() {
        let text = shown_with(
            &sample::nasty(),
            &TextOptions {
                verbose: true,
                ..TextOptions::default()
            },
        );
        for c in text.chars() {
            assert!(
                c == '\n' || printable(&c.to_string()) == c.to_string(),
                "{c:?}"
            );
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_run_in_which_nothing_ran() {
        let text = shown(&sample::report(Vec::new(), Vec::new()));
        assert!(text.contains("? UNKNOWN"), "{text}");
        assert!(text.contains("No check gave an answer"), "{text}");
    }

    #[rstest]
    #[case("Look at `weka status` and `weka alerts`; see `/opt/weka`, `--via`.", &["weka status", "weka alerts"])]
    #[case("Run `systemctl stop rpc-statd`, later `systemctl stop rpc-statd` again", &["systemctl stop rpc-statd"])]
    #[case("`Upper case`, `a`, `` and `x", &[])]
    #[case("`/usr/bin/weka local ps`", &["/usr/bin/weka local ps"])]
    fn finds_the_commands(#[case] remedy: &str, #[case] expected: &[&str]) {
        assert_eq!(commands(remedy), expected);
    }
}
