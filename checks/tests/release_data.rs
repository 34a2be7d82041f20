//! The release data that is compiled in: it fits together, it says the same as
//! the public data of its day, and every path obeys it.

use std::collections::BTreeSet;

use checker_core::Version;
use checker_core::release_data::{Line, Met, ReleaseData, Track};
use checker_core::upgrade_path::{Basis, find, reachable, steps_behind};
use rstest::rstest;

/// Frozen copies of what the public data listed on 2026-07-15.
const PUBLIC_OS: &str = include_str!("data/supported_os.json");
const PUBLIC_PATH: &str = include_str!("data/upgrade_path.json");

fn data() -> ReleaseData {
    checker_checks::release_data().expect("good data")
}

fn v(text: &str) -> Version {
    text.parse().expect("a release")
}

/// The built-in data with one public file in its place.
fn with(name: &str, text: &str) -> ReleaseData {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join(name), text).expect("a file");
    checker_checks::release_data_from(dir.path()).expect("good data")
}

// field history 13
#[test]
fn it_fits_together() {
    let data = data();
    assert_eq!(data.gaps(), Vec::<String>::new());
    assert_eq!(data.version, "2026.07.15");
    assert_eq!(data.date, jiff::civil::date(2026, 7, 15));
    assert!(data.parts.iter().all(|part| part.date == data.date));
    assert_eq!(data.releases.len(), 50);
    assert_eq!(data.known_issues.len(), 13);
    assert_eq!(data.source_issues.len(), 8);
    assert_eq!(data.os.no_data, [v("4.4.20.113")]);
    assert_eq!(data.track(Line { major: 4, minor: 4 }), Some(Track::Lts));
}

/// Every cell: what our ranges expand to is what the public matrix lists.
#[test]
fn the_operating_systems_are_those_of_the_public_matrix() {
    let public = with("supported_os.json", PUBLIC_OS);
    assert_eq!(public.os.rows.len(), 81);
    assert_eq!(data().os.rows, public.os.rows);
    assert_eq!(data().os.releases, public.os.releases);
}

#[test]
fn the_limits_are_those_of_the_public_data() {
    let public = with("upgrade_path.json", PUBLIC_PATH);
    assert_eq!(data().releases, public.releases);
    assert_eq!(data().dropped, public.dropped);
}

#[test]
fn every_limit_stands_under_its_line() {
    for release in data().ever_listed() {
        for (line, limit) in release.min.iter().chain(&release.max) {
            assert_eq!(*line, Line::of(limit), "{}", release.version);
        }
    }
}

#[test]
fn every_issue_says_when_it_is_met() {
    let data = data();
    for issue in data.known_issues.iter().chain(&data.source_issues) {
        assert!(issue.id.starts_with("WEKAPP-"), "{}", issue.id);
        assert!(!issue.summary.is_empty(), "{}", issue.id);
        if let Met::In(windows) = &issue.met {
            assert!(
                windows.iter().all(|window| !window.is_empty()),
                "{}",
                issue.id
            );
        }
    }
}

fn path(from: &str, to: &str) -> Result<String, String> {
    find(&data(), &v(from), &v(to))
        .map(|route| route.shown())
        .map_err(|none| none.reason)
}

/// The upgrade guide's two examples.
#[rstest]
#[case("4.4.6.122", "5.0.1.101", true)]
#[case("4.4.6.114", "5.0.1.101", true)]
#[case("4.4.6", "5.0.1.101", true)]
#[case("4.4.8.53", "5.0.1.101", false)]
#[case("4.4.7.89", "5.0.1.101", false)]
#[case("4.4.4", "5.0.1.101", false)]
#[case("4.4.3", "5.0.1.101", false)]
#[case("4.2.1", "4.4.9.130", true)]
#[case("4.2.0", "4.4.9.130", false)]
#[case("4.4.6", "4.4.9.130", true)]
#[case("4.3.5.105", "4.4.9.130", true)]
fn the_guides_examples(#[case] from: &str, #[case] to: &str, #[case] direct: bool) {
    let route = find(&data(), &v(from), &v(to));
    let is_direct = route.as_ref().is_ok_and(|route| route.releases.len() == 2);
    assert_eq!(is_direct, direct, "{route:?}");
}

/// The rest of the first example: what is not supported has no way round either.
#[rstest]
#[case("4.4.8.53")]
#[case("4.4.7.89")]
fn too_new_for_5_0_1(#[case] from: &str) {
    let reason = path(from, "5.0.1.101").expect_err("no path");
    assert_eq!(
        reason,
        format!("{from} is newer than 4.4.6.122, the newest 4.4 release that 5.0.1.101 takes")
    );
}

// field history 85, R19
#[rstest]
#[case("4.2.5", "4.4.33", "4.2.5 → 4.4.33")]
#[case("4.2.0", "4.4.33", "4.2.0 → 4.2.18.34 → 4.4.33")]
#[case("4.2.12.92", "4.3.5.105", "4.2.12.92 → 4.3.5.105")]
// The public reader mixed the limits of 4.2 and 4.3 here.
#[case("4.3.2.161", "4.3.5.105", "4.3.2.161 → 4.3.5.105")]
#[case("4.3.5.105", "4.4.33", "4.3.5.105 → 4.4.33")]
#[case("4.2.18.34", "5.1.25", "4.2.18.34 → 4.4.26 → 5.1.25")]
#[case("4.4.0", "5.1.25", "4.4.0 → 4.4.26 → 5.1.25")]
#[case("4.4.6.122", "5.0.3.19", "4.4.6.122 → 5.0.3.19")]
#[case("4.4.6", "5.0.4.401", "4.4.6 → 5.0.3.19 → 5.0.4.401")]
#[case("4.4.6", "5.1.25", "4.4.6 → 4.4.26 → 5.1.25")]
#[case("4.4.21.2", "5.1.25", "4.4.21.2 → 5.1.25")]
#[case("4.4.26", "5.1.25", "4.4.26 → 5.1.25")]
#[case("5.0.1.101", "5.1.0.605", "5.0.1.101 → 5.0.4.401 → 5.1.0.605")]
#[case("5.0.2.119", "5.1.0.605", "5.0.2.119 → 5.1.0.605")]
#[case("5.0.2.119", "5.1.0.397", "5.0.2.119 → 5.0.4.401 → 5.1.0.397")]
// The public reader finds no smallest source of 5.x here.
#[case("5.0.2.119", "5.0.3.19", "5.0.2.119 → 5.0.3.19")]
#[case("5.1.0.605", "5.1.25", "5.1.0.605 → 5.1.25")]
// It proposed 4.2.10 here, by the order of text.
#[case("4.1.2.36", "5.1.25", "4.1.2.36 → 4.2.18.34 → 4.4.26 → 5.1.25")]
#[case("4.2.9.28", "4.4.4", "4.2.9.28 → 4.3.5.105 → 4.4.4")]
fn reachable_samples(#[case] from: &str, #[case] to: &str, #[case] shown: &str) {
    assert_eq!(path(from, to).as_deref(), Ok(shown));
}

// field history R20
#[rstest]
#[case(
    "4.2.18.34",
    "4.3.5.105",
    "4.2.18.34 is newer than 4.2.12.92, the newest 4.2 release that 4.3.5.105 takes"
)]
#[case(
    "4.4.7.89",
    "5.0.3.19",
    "4.4.7.89 is newer than 4.4.6.122, the newest 4.4 release that 5.0.3.19 takes"
)]
#[case(
    "4.4.9.145",
    "5.0.4.401",
    "5.0.4.401 takes no 4.4 release directly (it takes 5.0 and later), and no listed release leads there"
)]
#[case(
    "4.4.30",
    "5.1.25",
    "4.4.30 is newer than 4.4.26, the newest 4.4 release that 5.1.25 takes"
)]
#[case(
    "4.4.33",
    "5.1.25",
    "4.4.33 is newer than 4.4.26, the newest 4.4 release that 5.1.25 takes"
)]
#[case(
    "4.4.33",
    "5.1.0.605",
    "5.1.0.605 takes no 4.4 release directly (it takes 5.0.2 and later), and no listed release leads there"
)]
// Made later than the target: 4.3.0 says nothing of it, 4.3.1 does for it.
#[case(
    "4.2.18.34",
    "4.3.0",
    "4.2.18.34 is newer than 4.2.10, the newest 4.2 release that 4.3.0 takes"
)]
#[case(
    "4.2.18.34",
    "4.3.2.161",
    "4.2.18.34 is newer than 4.2.11, the newest 4.2 release that 4.3.2.161 takes"
)]
#[case(
    "3.14.0",
    "4.0",
    "4.0 takes 3.14.1 and later, 3.14.0 is older, and no listed release lies between them that would help"
)]
#[case("5.1.25", "4.4.33", "4.4.33 is not newer than 5.1.25")]
fn unreachable_samples(#[case] from: &str, #[case] to: &str, #[case] reason: &str) {
    assert_eq!(path(from, to).as_ref().map_err(String::as_str), Err(reason));
}

/// Targets that the data does not know.
#[rstest]
#[case::newer_than_its_line("4.4.33", "4.4.34", Some("4.4.33 → 4.4.34"))]
#[case::between("4.2.9.28", "4.4.28", Some("4.2.9.28 → 4.4.28"))]
#[case::limits_of_the_neighbour("4.4.26", "5.1.26", Some("4.4.26 → 5.1.26"))]
#[case::nothing_says_so("4.4.33", "5.1.26", None)]
#[case::own_line("5.1.25", "5.1.26", Some("5.1.25 → 5.1.26"))]
#[case::next_line("5.1.25", "5.2.0", Some("5.1.25 → 5.2.0"))]
#[case::next_first_number("5.1.25", "6.0.0", Some("5.1.25 → 6.0.0"))]
#[case::over_the_last_known("4.2.10", "6.0.0", Some("4.2.10 → 4.4.26 → 5.1.25 → 6.0.0"))]
#[case::no_line_between("5.1.25", "7.3.0", None)]
#[case::a_hotfix_of_a_known_one("4.4.26", "5.1.25-hotfix1", Some("4.4.26 → 5.1.25-hotfix1"))]
fn targets_that_the_data_does_not_know(
    #[case] from: &str,
    #[case] to: &str,
    #[case] shown: Option<&str>,
) {
    let found = find(&data(), &v(from), &v(to));
    let basis = match &found {
        Ok(route) => &route.basis,
        Err(none) => &none.basis,
    };
    assert!(matches!(basis, Basis::General(_)), "{found:?}");
    assert_eq!(found.ok().map(|route| route.shown()).as_deref(), shown);
}

#[test]
fn a_dropped_target_says_so() {
    let route = find(&data(), &v("4.3.5.105"), &v("4.4.4")).expect("a path");
    assert_eq!(route.basis, Basis::Dropped);
}

// field history 85
/// Every release that was ever listed as source and target: each hop is one
/// that the data allows by itself, no path is longer than it must be, the
/// answer is the same twice, and where there is none it says why.
#[test]
fn every_path_obeys_the_data() {
    let data = data();
    let all: BTreeSet<&Version> = data.ever_listed().map(|r| &r.version).collect();
    for from in &all {
        let reachable: BTreeSet<Version> = reachable(&data, from).into_iter().collect();
        for to in &all {
            let found = find(&data, from, to);
            if data.knows(to) {
                assert_eq!(found.is_ok(), reachable.contains(*to), "{from} to {to}");
            }
            match found {
                Ok(route) => {
                    assert_eq!(route.releases.first(), Some(*from));
                    assert_eq!(route.releases.last(), Some(*to));
                    if route.releases.len() == 2 {
                        continue;
                    }
                    assert_eq!(find(&data, from, to).as_ref(), Ok(&route));
                    for (n, hop) in route.hops().enumerate() {
                        assert!(hop.from < hop.to, "{}", route.shown());
                        let alone = find(&data, hop.from, hop.to).expect("a hop");
                        assert_eq!(alone.releases.len(), 2, "{}", route.shown());
                        let rest = find(&data, hop.from, to).expect("the rest");
                        assert_eq!(rest.releases.len() + n, route.releases.len());
                        if hop.to != *to {
                            assert!(data.knows(hop.to), "{}", route.shown());
                        }
                    }
                }
                Err(none) => assert!(none.reason.len() > 10, "{from} to {to}"),
            }
        }
    }
}

#[rstest]
#[case::same_line("4.4.6", "4.4.33", Some(0))]
#[case::newer("5.1.0", "4.4.33", Some(0))]
#[case::next("4.3.5", "4.4.33", Some(1))]
#[case::lts_to_lts("4.2.5", "4.4.33", Some(1))]
#[case::taken_directly("4.4.26", "5.1.25", Some(1))]
#[case::not_taken_directly("4.4.26", "5.1.0.605", Some(2))]
#[case::two("4.2.18.34", "5.1.25", Some(2))]
#[case::over_an_lts("4.3.5", "5.1.25", Some(2))]
#[case::before_an_lts("4.1.2.36", "4.4.33", Some(2))]
#[case::three("4.1.2.36", "5.1.25", None)]
#[case::not_a_line_we_know("3.12", "4.4.33", None)]
fn major_steps(#[case] from: &str, #[case] to: &str, #[case] steps: Option<usize>) {
    assert_eq!(steps_behind(&data(), &v(from), &v(to), 2), steps);
}
