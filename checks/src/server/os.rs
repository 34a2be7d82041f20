use checker_core::facts::This;
use checker_core::facts::os::Os;
use checker_core::release_data::{Line, OsMatrix, OsRelease, OsRow};
use checker_core::server::Role;
use checker_core::{Context, Judgement, Outcome, Version, check};

check! {
    /// The server's operating system is listed for the target.
    ///
    /// ## What it looks at
    /// `/etc/os-release`, and the release files of CentOS and RHEL, against the
    /// operating systems that the release data lists for every release of the
    /// path, for backends and for clients.
    ///
    /// ## Why it matters
    /// The upgrade compiles WEKA's driver on every server, against its kernel.
    /// An operating system that was not tested with the target may have a
    /// kernel or a library that does not fit.
    ///
    /// ## If ignored
    /// The driver does not build and the preparation stops; or it builds and
    /// the server does not come back after its containers were stopped.
    ///
    /// ## How to fix
    /// Bring the operating system to a listed release, one server at a time,
    /// before the hop that needs it. Where the list has a gap between two
    /// releases, support can say whether it is one.
    pub OS {
        id: "server/os",
        scope: [Backend, Client],
        when: "all",
        levels: [Warn, Fail],
        sources: [
            "Upgrade guide: supported operating systems",
            "public list of supported operating systems",
            "rule I3",
        ],
        needs: [&Os, This],
        judge: judge,
    }
}

/// What one target says of a server's operating system.
struct Finding {
    outcome: Outcome,
    text: String,
}

fn judge(context: &Context<'_>, os: &Os, This(server): This<'_>) -> Judgement {
    let name = shown(os);
    let Some(distribution) = os.distribution else {
        return Judgement::warn(
            format!(
                "{name}: WEKA lists no release of this distribution (ID={})",
                os.id
            ),
            "Ask support whether this operating system is supported; the driver must build on its kernel.",
        );
    };
    let Some(release) = &os.release else {
        let written = os.version_id.as_deref().unwrap_or("missing");
        return Judgement::unknown(format!(
            "{name}: its release can't be told (VERSION_ID is {written:?})"
        ));
    };
    let matrix = &context.data.os;
    let host = Host {
        rows: matrix
            .rows
            .iter()
            .filter(|row| row.distribution == distribution)
            .collect(),
        distribution,
        release,
        role: server.role,
    };
    let targets = context.releases_ahead();
    let findings: Vec<(&Version, Finding)> = targets
        .iter()
        .map(|target| (*target, host.judge(matrix, target)))
        .collect();
    let Some((worst_at, worst)) = findings
        .iter()
        // The first of the worst: the hop that comes soonest.
        .rev()
        .max_by_key(|(_, finding)| finding.outcome)
    else {
        return Judgement::unknown("there is no target to judge by");
    };
    let summary = format!("{name}: {}", worst.text);
    let remedy = format!(
        "Before the upgrade to {worst_at}, bring this server to one of: {}. Or ask support to confirm this operating system.",
        host.listed_in_words(worst_at)
    );
    let judgement = match worst.outcome {
        Outcome::Fail => Judgement::fail(summary, remedy),
        Outcome::Warn => Judgement::warn(summary, remedy),
        Outcome::Unknown => Judgement::unknown(summary),
        Outcome::Pass | Outcome::Skipped => Judgement::pass(summary),
    };
    if findings.len() < 2 {
        return judgement;
    }
    judgement.details(
        findings
            .iter()
            .map(|(to, finding)| format!("{to}: {}", finding.text)),
    )
}

fn shown(os: &Os) -> String {
    match &os.kernel {
        Some(kernel) => format!("{} (kernel {kernel})", os.name),
        None => os.name.clone(),
    }
}

/// A server's operating system, with the rows of its distribution.
struct Host<'a> {
    rows: Vec<&'a OsRow>,
    distribution: &'a str,
    release: &'a OsRelease,
    role: Role,
}

impl Host<'_> {
    fn judge(&self, matrix: &OsMatrix, target: &Version) -> Finding {
        let target = &target.without_suffix();
        let of_line = |version: &&Version| Line::of(version) == Line::of(target);
        let older = matrix
            .releases
            .iter()
            .filter(of_line)
            .rfind(|v| *v < target);
        let newer = matrix.releases.iter().filter(of_line).find(|v| *v > target);
        if !matrix.releases.contains(target) {
            return self.without_data(target, older, newer);
        }
        if let Some(row) = self.covering(target) {
            return self.covered(row, target);
        }
        // Within a line a release of a distribution that is missing between
        // two that have it was most likely not tested, not taken away.
        let covered = |v: &&Version| self.covering(v).is_some();
        let of_this_line = || matrix.releases.iter().filter(of_line);
        let before = of_this_line().filter(|v| *v < target).rfind(covered);
        let after = of_this_line().filter(|v| *v > target).find(covered);
        if let (Some(before), Some(after)) = (before, after) {
            return Finding {
                outcome: Outcome::Warn,
                text: format!(
                    "not listed for {target}, but for {before} and {after} of the same line: most likely a gap in the list"
                ),
            };
        }
        self.not_listed(target)
    }

    /// The targets that a row lists for this role.
    fn lists(&self, row: &OsRow, target: &Version) -> bool {
        match self.role {
            Role::Backend => row.backend.contains(target),
            Role::Client => row.client.contains(target),
        }
    }

    /// The most exact row that covers this server for a target.
    fn covering(&self, target: &Version) -> Option<&OsRow> {
        let major = |release: &OsRelease| release.numbers().first().copied();
        self.rows
            .iter()
            .filter(|row| self.lists(row, target))
            .filter(|row| {
                self.release.is_within(&row.release)
                    // CentOS Stream has no minor releases, the list has some.
                    || (self.distribution == "centos-stream" && major(self.release) == major(&row.release))
            })
            .max_by_key(|row| row.release.numbers().len())
            .copied()
    }

    /// The releases of this distribution that a target lists for this role.
    fn listed(&self, target: &Version) -> Vec<&OsRelease> {
        let target = target.without_suffix();
        self.rows
            .iter()
            .filter(|row| self.lists(row, &target))
            .map(|row| &row.release)
            .collect()
    }

    /// Those of the same major release; all, when there are none of it.
    fn comparable(&self, target: &Version) -> Vec<&OsRelease> {
        let listed = self.listed(target);
        let major = self.release.numbers().first();
        let same: Vec<&OsRelease> = listed
            .iter()
            .filter(|release| release.numbers().first() == major)
            .copied()
            .collect();
        if same.is_empty() { listed } else { same }
    }

    fn covered(&self, row: &OsRow, target: &Version) -> Finding {
        let general = row.release.numbers().len() == 1 && self.release.numbers().len() > 1;
        let newest = self
            .comparable(target)
            .into_iter()
            .filter(|r| r.numbers().len() > 1)
            .max();
        match newest {
            // "Rocky 9" stands for all of them, but was written before this one.
            Some(newest) if general && self.release > newest => Finding {
                outcome: Outcome::Warn,
                text: format!(
                    "newer than {newest}, the newest release listed for {target}; only the general entry \"{} {}\" covers it",
                    self.distribution, row.release
                ),
            },
            _ if general => Finding {
                outcome: Outcome::Pass,
                text: format!(
                    "listed for {target} by the general entry \"{} {}\"",
                    self.distribution, row.release
                ),
            },
            _ => Finding {
                outcome: Outcome::Pass,
                text: format!("listed for {target}"),
            },
        }
    }

    fn not_listed(&self, target: &Version) -> Finding {
        let role = self.role;
        let listed = self.comparable(target);
        let fail = |text| Finding {
            outcome: Outcome::Fail,
            text,
        };
        let Some(newest) = listed.iter().max() else {
            let as_client = self.rows.iter().any(|row| row.client.contains(target));
            return fail(if role == Role::Backend && as_client {
                format!("{target} lists this distribution for clients only")
            } else {
                format!("{target} lists no release of this distribution for a {role}")
            });
        };
        if self.release > *newest {
            return Finding {
                outcome: Outcome::Warn,
                text: format!(
                    "newer than {newest}, the newest release that {target} lists for a {role}"
                ),
            };
        }
        fail(format!(
            "{target} does not list this release for a {role}; it lists {}",
            self.listed_in_words(target)
        ))
    }

    /// A target without any operating systems: its neighbours speak for it,
    /// but not so surely that it would be green.
    fn without_data(
        &self,
        target: &Version,
        older: Option<&Version>,
        newer: Option<&Version>,
    ) -> Finding {
        let neighbours: Vec<&Version> = older.into_iter().chain(newer).collect();
        let all = neighbours.iter().all(|v| self.covering(v).is_some());
        let names: Vec<String> = neighbours.iter().map(ToString::to_string).collect();
        let names = names.join(" and ");
        if neighbours.is_empty() {
            Finding {
                outcome: Outcome::Unknown,
                text: format!(
                    "the release data has no operating systems for {target}, nor for any release of its line"
                ),
            }
        } else if all {
            Finding {
                outcome: Outcome::Warn,
                text: format!(
                    "the release data has no operating systems for {target}; its neighbours in the list, {names}, list this one"
                ),
            }
        } else {
            Finding {
                outcome: Outcome::Unknown,
                text: format!(
                    "the release data has no operating systems for {target}, and of its neighbours {names} not every one lists this one"
                ),
            }
        }
    }

    fn listed_in_words(&self, target: &Version) -> String {
        let names: Vec<String> = self
            .comparable(target)
            .iter()
            .map(|release| format!("{} {release}", self.distribution))
            .collect();
        if names.is_empty() {
            "a distribution that is listed for it".to_owned()
        } else {
            names.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::server::Step;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn probe(id: &str, release: &str) -> String {
        format!(
            "== /etc/os-release\nID={id}\nVERSION_ID={release}\nPRETTY_NAME=\"It\"\n== kernel\n5.14.0\n"
        )
    }

    fn running(from: &str) -> Evidence {
        Evidence::running(from).by(crate::release_data().expect("good data"))
    }

    fn backend(from: &str, to: &str, id: &str, release: &str) -> CheckResult {
        let probe = probe(id, release);
        running(from)
            .backend("weka-01", &[("host:os", &probe)])
            .judge_one(&OS, to)
    }

    fn client(from: &str, to: &str, id: &str, release: &str) -> CheckResult {
        let probe = probe(id, release);
        running(from)
            .client("client-01", &[("host:os", &probe)])
            .judge_one(&OS, to)
    }

    #[rstest]
    #[case::listed("rocky", "9.6", Outcome::Pass)]
    #[case::two_digits("rhel", "8.10", Outcome::Pass)]
    #[case::alma("almalinux", "9.4", Outcome::Pass)]
    #[case::oracle("ol", "8.9", Outcome::Pass)]
    #[case::amazon_2("amzn", "2", Outcome::Pass)]
    #[case::amazon_2023("amzn", "2023", Outcome::Pass)]
    #[case::by_the_general_entry("rocky", "9.0", Outcome::Pass)]
    #[case::ubuntu("ubuntu", "22.04", Outcome::Pass)]
    // field history 8
    #[case::not_listed("rhel", "8.8", Outcome::Fail)]
    #[case::too_old("centos", "7", Outcome::Fail)]
    #[case::newest("rhel", "9.7", Outcome::Pass)]
    #[case::newer_than_the_newest("rhel", "9.8", Outcome::Warn)]
    #[case::newer_than_the_newest_of_its_major("rhel", "8.11", Outcome::Warn)]
    // field history R4
    #[case::next_major("rhel", "10.0", Outcome::Warn)]
    // field history G15
    #[case::newer_but_covered_in_general("rocky", "9.8", Outcome::Warn)]
    #[case::clients_only("sles", "15.6", Outcome::Fail)]
    #[case::clients_only_too("debian", "12", Outcome::Fail)]
    // field history 6
    #[case::nobody_knows_it("arch", "2026", Outcome::Warn)]
    // field history 10
    #[case::no_number("rhel", "9.4-beta", Outcome::Unknown)]
    fn backends_of_4_4_33(#[case] id: &str, #[case] release: &str, #[case] outcome: Outcome) {
        let result = backend("4.4.26", "4.4.33", id, release);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    // field history R4
    #[case::sles("sles", "15.6", Outcome::Pass)]
    #[case::sles_newer("sles", "15.7", Outcome::Pass)]
    #[case::sles_not_listed("sles", "15.5", Outcome::Fail)]
    #[case::debian("debian", "12", Outcome::Pass)]
    #[case::rhel_9_8("rhel", "9.8", Outcome::Pass)]
    #[case::alma("almalinux", "9.5", Outcome::Pass)]
    // field history 6
    #[case::nobody_knows_it("arch", "2026", Outcome::Warn)]
    fn clients_of_4_4_33(#[case] id: &str, #[case] release: &str, #[case] outcome: Outcome) {
        let result = client("4.4.26", "4.4.33", id, release);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 12
    /// RHEL 8.10 is listed from 4.4.10.171 on: the target counts, not the source.
    #[rstest]
    #[case("4.2.12.92", "4.3.5.105", Outcome::Warn)]
    #[case("4.2.6", "4.4.10.171", Outcome::Pass)]
    fn the_target_counts(#[case] from: &str, #[case] to: &str, #[case] outcome: Outcome) {
        assert_eq!(backend(from, to, "rhel", "8.10").outcome, outcome);
    }

    // field history 14
    /// RHEL 7 and CentOS 7 end with 4.3.1 in the list.
    #[rstest]
    #[case("4.3.0", Outcome::Pass)]
    #[case("4.3.1", Outcome::Pass)]
    #[case("4.3.2.161", Outcome::Fail)]
    fn centos_7(#[case] to: &str, #[case] outcome: Outcome) {
        let probe = "== /etc/os-release\nID=\"centos\"\nNAME=\"CentOS Linux\"\nVERSION_ID=\"7\"\n\
            == /etc/centos-release\nCentOS Linux release 7.9.2009 (Core)\n== kernel\n3.10.0\n";
        let result = running("4.2.10")
            .backend("weka-01", &[("host:os", probe)])
            .judge_one(&OS, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history R4
    #[rstest]
    #[case::stream_8("8", "5.1.25", Outcome::Pass)]
    #[case::stream_9("9", "5.1.25", Outcome::Pass)]
    #[case::stream_8_before_it_was_listed("8", "4.4.26", Outcome::Fail)]
    #[case::stream_10("10", "5.1.25", Outcome::Warn)]
    fn centos_stream(#[case] release: &str, #[case] to: &str, #[case] outcome: Outcome) {
        let probe = format!(
            "== /etc/os-release\nID=\"centos\"\nNAME=\"CentOS Stream\"\nVERSION_ID=\"{release}\"\n\
            == /etc/centos-release\nCentOS Stream release {release}\n== kernel\n5.14.0\n"
        );
        let result = running("4.4.21.2")
            .backend("weka-01", &[("host:os", &probe)])
            .judge_one(&OS, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 8
    #[test]
    fn a_point_release_of_ubuntu_is_its_release() {
        let probe = "== /etc/os-release\nID=ubuntu\nVERSION_ID=\"22.04\"\nVERSION=\"22.04.5 LTS (Jammy Jellyfish)\"\n\
            PRETTY_NAME=\"Ubuntu 22.04.5 LTS\"\n== kernel\n6.8.0\n";
        let result = running("4.4.26")
            .backend("weka-01", &[("host:os", probe)])
            .judge_one(&OS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass);
        assert_eq!(
            result.summary,
            "Ubuntu 22.04.5 LTS (kernel 6.8.0): listed for 4.4.33"
        );
    }

    /// RHEL 9.4 is missing for 4.4.10.196 alone.
    #[test]
    fn a_gap_in_the_list_is_a_warning() {
        let result = backend("4.4.10.171", "4.4.10.196", "rhel", "9.4");
        assert_eq!(result.outcome, Outcome::Warn);
        assert!(
            result.summary.contains("4.4.10.183 and 4.4.10.200"),
            "{}",
            result.summary
        );
    }

    #[rstest]
    // field history R2
    #[case::neighbours_list_it("4.4.20.113", "9.6", Outcome::Warn)]
    // field history 13
    #[case::neighbours_do_not("4.4.20.113", "8.8", Outcome::Unknown)]
    #[case::newer_than_the_data("4.4.34", "9.6", Outcome::Warn)]
    #[case::no_neighbour("6.0.0", "9.6", Outcome::Unknown)]
    fn a_target_without_operating_systems(
        #[case] to: &str,
        #[case] release: &str,
        #[case] outcome: Outcome,
    ) {
        let from = if to.starts_with('6') {
            "5.1.25"
        } else {
            "4.4.10.202"
        };
        let result = backend(from, to, "rhel", release);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history G15
    /// RHEL 9.6 is listed for both hops, Debian 12 for the second only.
    #[rstest]
    #[case("rhel", "9.6", Outcome::Pass)]
    #[case("debian", "12", Outcome::Fail)]
    fn every_hop_counts(#[case] id: &str, #[case] release: &str, #[case] outcome: Outcome) {
        let result = backend("4.2.18.34", "5.1.25", id, release);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.details.len(), 2);
        assert!(
            result.details[0].starts_with("4.4.26: "),
            "{:?}",
            result.details
        );
        assert!(
            result.details[1].starts_with("5.1.25: listed"),
            "{:?}",
            result.details
        );
    }

    // field history 3
    #[test]
    fn each_server_by_its_own_system() {
        let good = probe("rocky", "9.6");
        let bad = probe("rhel", "8.8");
        let results = running("4.4.26")
            .backend("weka-01", &[("host:os", &good)])
            .backend("weka-02", &[("host:os", &bad)])
            .judge(&OS, "4.4.33");
        let outcomes: Vec<Outcome> = results.iter().map(|r| r.outcome).collect();
        assert_eq!(outcomes, [Outcome::Pass, Outcome::Fail]);
        let remedy = results[1].remedy.as_deref().unwrap_or_default();
        assert!(remedy.contains("rhel 8.10"), "{remedy}");
        assert!(!remedy.contains("rhel 9"), "{remedy}");
    }

    // field history G9
    #[test]
    fn what_was_not_read_is_unknown() {
        let evidence = running("4.4.26");
        let record = evidence.record("host:os", End::TimedOut, "", "");
        let results = evidence
            .server_answered("weka-01", Role::Backend, vec![record])
            .backend("weka-02", &[("host:os", "Last login: today\n")])
            .unreached("weka-03", Role::Backend, Step::Timeout, "10 s")
            .judge(&OS, "4.4.33");
        assert_eq!(results.len(), 3);
        for result in results {
            assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
        }
    }
}
