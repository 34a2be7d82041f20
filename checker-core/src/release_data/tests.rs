use std::path::PathBuf;

use jiff::civil::date;
use rstest::rstest;

use super::*;

const RELEASES: &str = r#"
version = "1"
date = "2026-07-01"
[lines]
"4.2" = { track = "LTS" }
"4.4" = { track = "LTS" }
[releases]
"4.2.5" = { min = { "4.2" = "4.2.1" } }
"4.4.10" = { min = { "4.2" = "4.2.1" }, max = { "4.2" = "4.2.5" }, seen = "2026-01-01" }
[dropped]
"4.4.1" = { min = { "4.2" = "4.2.1" } }
"#;
const OS: &str = r#"
date = "2026-07-02"
releases = ["4.2.5", "4.4.10"]
[os.rhel]
"8.10" = "4.2.5..=4.4.10"
"9" = { client = "4.4.10" }
"#;
const ISSUES: &str = r#"
date = "2026-07-03"
[[issue]]
id = "A-1"
summary = "it breaks"
windows = ["4.4..4.4.20"]
only_if = "the moon is full"
[[source]]
id = "A-2"
summary = "it broke"
windows = ["..4.2"]
"#;
const RULES: &str = r#"
date = "2020-01-01"
tsmb = [{ version = "3024.1", targets = ".." }]
[ofed]
targets = "..4.4"
supported = ["5.8"]
documented = []
[capacity_override]
key = "k"
value = "1"
supported_in = ["4.4.."]
[obsolete_overrides]
refused_from = "6.0"
keys = { old = "4.2.7" }
"#;
const ALERTS: &str = r#"
date = "2020-01-02"
[[alert]]
type = "DriveDown"
class = "stop"
means = "a drive failed"
[other]
class = "look"
types = [
    "CloudHealth",
]
"#;

fn own(
    releases: &str,
    os: &str,
    issues: &str,
    rules: &str,
) -> Result<ReleaseData, ReleaseDataError> {
    ReleaseData::from_own(OwnFiles {
        releases,
        os,
        issues,
        rules,
        alerts: ALERTS,
    })
}

fn good() -> ReleaseData {
    own(RELEASES, OS, ISSUES, RULES).expect("good data")
}

fn v(text: &str) -> Version {
    text.parse().expect("a release")
}

#[test]
fn the_oldest_part_that_ages_gives_the_date() {
    let data = good();
    assert_eq!(data.date, date(2026, 7, 1));
    assert_eq!(data.gaps(), Vec::<String>::new());
    assert!(data.knows(&v("4.4.10.0")));
    assert!(!data.knows(&v("4.4.1")));
    assert!(data.release(&v("4.4.1")).is_some());
    assert_eq!(data.os.rows[0].backend, [v("4.2.5"), v("4.4.10")]);
    assert_eq!(data.os.rows[1].backend, []);
}

/// Each mistake names the file, the line, and what is wrong.
#[rstest]
#[case::no_version(
    "\"4.4.10\" =",
    "\"4.4.banana\" =",
    "releases.toml:9",
    "is not a WEKA release"
)]
#[case::unknown_key(
    "seen = \"2026-01-01\"",
    "sen = \"2026-01-01\"",
    "releases.toml:9",
    "unknown field"
)]
#[case::not_toml("[dropped]", "[dropped", "releases.toml:1", "")]
#[case::limit_of_another_line(
    "max = { \"4.2\" = \"4.2.5\" }",
    "max = { \"4.3\" = \"4.2.5\" }",
    "releases.toml:9",
    "not its line"
)]
#[case::limits_that_cross(
    "\"4.2.5\" }, seen",
    "\"4.2.0\" }, seen",
    "releases.toml:9",
    "no 4.2 release lies between"
)]
#[case::twice("\"4.4.1\" =", "\"4.4.10.0\" =", "releases.toml:11", "listed twice")]
#[case::limit_above_itself(
    "{ \"4.2\" = \"4.2.1\" } }\n\"4.4.10\"",
    "{ \"4.4\" = \"4.4.1\" } }\n\"4.4.10\"",
    "releases.toml:8",
    "not older than itself"
)]
#[case::no_smallest_source(
    "\"4.2.5\" = { min = { \"4.2\" = \"4.2.1\" } }",
    "\"4.2.5\" = { min = { } }",
    "releases.toml:8",
    "no smallest source"
)]
fn mistakes_in_releases(
    #[case] good: &str,
    #[case] bad: &str,
    #[case] place: &str,
    #[case] what: &str,
) {
    assert!(RELEASES.contains(good), "{good}");
    let error = own(&RELEASES.replace(good, bad), OS, ISSUES, RULES).expect_err(bad);
    let text = error.to_string();
    assert!(text.starts_with(place), "{text}");
    assert!(text.contains(what), "{text}");
}

#[rstest]
#[case::unknown_release(
    "4.4.10\"\n\"9\"",
    "4.4.11\"\n\"9\"",
    "os.toml:5",
    "is not in `releases`"
)]
#[case::backwards("4.2.5..=4.4.10", "4.4.10..=4.2.5", "os.toml:5", "holds no release")]
#[case::out_of_order(
    "\"4.2.5\", \"4.4.10\"]",
    "\"4.4.10\", \"4.2.5\"]",
    "os.toml:3",
    "oldest first"
)]
#[case::twice("\"9\" =", "\"8.010\" =", "os.toml:", "listed twice")]
#[case::no_number("\"9\" =", "\"nine\" =", "os.toml:6", "no release of a distribution")]
fn mistakes_in_operating_systems(
    #[case] good: &str,
    #[case] bad: &str,
    #[case] place: &str,
    #[case] what: &str,
) {
    assert!(OS.contains(good), "{good}");
    let error = own(RELEASES, &OS.replace(good, bad), ISSUES, RULES).expect_err(bad);
    let text = error.to_string();
    assert!(text.starts_with(place), "{text}");
    assert!(text.contains(what), "{text}");
}

#[rstest]
#[case::empty_window("4.4..4.4.20", "4.4..4.4", "known-issues.toml:6", "no release lies in")]
#[case::no_window(
    "\"4.4..4.4.20\"",
    "",
    "known-issues.toml:4",
    "either windows or version_from"
)]
#[case::protocol(
    "only_if = \"the moon is full\"",
    "protocols = [\"afp\"]",
    "known-issues.toml:7",
    "unknown variant"
)]
fn mistakes_in_issues(
    #[case] good: &str,
    #[case] bad: &str,
    #[case] place: &str,
    #[case] what: &str,
) {
    assert!(ISSUES.contains(good), "{good}");
    let error = own(RELEASES, OS, &ISSUES.replace(good, bad), RULES).expect_err(bad);
    let text = error.to_string();
    assert!(text.starts_with(place), "{text}");
    assert!(text.contains(what), "{text}");
}

#[test]
fn an_issue_twice() {
    let twice = format!("{ISSUES}[[source]]\nid = \"A-2\"\nsummary = \"x\"\nwindows = [\"..\"]\n");
    let error = own(RELEASES, OS, &twice, RULES).expect_err("twice");
    assert_eq!(
        error.to_string(),
        "known-issues.toml:13: A-2 is listed twice; take one out"
    );
}

#[test]
fn what_does_not_fit_together_is_said() {
    let os = OS
        .replace("\"4.2.5\", \"4.4.10\"]", "\"4.4.10\"]")
        .replace("4.2.5..=4.4.10", "4.4.10");
    let issues = ISSUES.replace("4.4..4.4.20", "4.9..5.0");
    let data = own(RELEASES, &os, &issues, RULES).expect("good parts");
    assert_eq!(
        data.gaps(),
        [
            "target 4.2.5 has no operating systems",
            "A-1: no known release lies in its windows",
            "A-1: no known release lies in 4.9..5.0",
        ]
    );
}

fn dir(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).expect("a file");
    }
    dir
}

fn set_day(path: PathBuf, day: &str) {
    let time: jiff::Timestamp = format!("{day}T12:00:00Z").parse().expect("a time");
    let file = std::fs::File::options()
        .write(true)
        .open(path)
        .expect("a file");
    file.set_modified(time.into()).expect("a time set");
}

#[test]
fn a_file_replaces_its_part_and_the_rest_stays() {
    let newer = OS
        .replace("2026-07-02", "2026-08-02")
        .replace("8.10", "8.11");
    let dir = dir(&[("os.toml", &newer), ("README.md", "not data")]);
    let data = good().with_dir(dir.path()).expect("good data");
    assert_eq!(data.os.rows[0].release.to_string(), "8.11");
    assert_eq!(data.releases, good().releases);
    assert_eq!(data.date, date(2026, 7, 1));
    let text = data.describe(date(2026, 8, 3)).to_string();
    assert!(text.contains("os.toml"), "{text}");
    assert!(text.contains("1 day old"), "{text}");
    assert!(text.contains("33 days old"), "{text}");
    assert!(text.contains("built in"), "{text}");
}

#[test]
fn public_targets_keep_what_was_known_of_their_dates() {
    let json = r#"{"4.4.10": {"min": ["4.2.1"], "max": []}, "4.4.20": {"min": "4.2.6", "max": ["4.2.5", "4.4.10"]}}"#;
    let dir = dir(&[("upgrade_path.json", json)]);
    set_day(dir.path().join("upgrade_path.json"), "2026-08-01");
    let data = good()
        .with_dir(dir.path())
        .expect_err("limits that cross")
        .to_string();
    assert!(data.contains("no 4.2 release lies between"), "{data}");

    let json = json.replace("4.2.6", "4.2.2");
    std::fs::write(dir.path().join("upgrade_path.json"), json).expect("a file");
    set_day(dir.path().join("upgrade_path.json"), "2026-08-01");
    let data = good().with_dir(dir.path()).expect("good data");
    let names: Vec<String> = data
        .releases
        .iter()
        .map(|r| r.version.to_string())
        .collect();
    assert_eq!(names, ["4.4.10", "4.4.20"]);
    assert_eq!(data.releases[0].seen, Some(date(2026, 1, 1)));
    let dropped: Vec<String> = data.dropped.iter().map(|r| r.version.to_string()).collect();
    assert_eq!(dropped, ["4.2.5", "4.4.1"]);
    assert_eq!(data.parts[0].date, date(2026, 8, 1));
    assert_eq!(data.version, "1 + upgrade_path.json of 2026-08-01");
    assert!(
        data.gaps()
            .iter()
            .any(|g| g.contains("target 4.4.20 has no operating systems"))
    );
}

#[rstest]
#[case::plain_list(r#"{"4.4.6": ["4.2.1"]}"#, "4.2.1", None)]
#[case::bare_text(r#"{"5.1.20": {"min": "4.4.21.2", "max": []}}"#, "4.4.21.2", None)]
#[case::no_max(r#"{"4.4.6": {"min": ["4.2.1"]}}"#, "4.2.1", None)]
#[case::both(
    r#"{"4.4.6": {"min": ["4.2.1"], "max": ["4.2.9"]}}"#,
    "4.2.1",
    Some("4.2.9")
)]
fn shapes_of_the_upgrade_path(#[case] json: &str, #[case] min: &str, #[case] max: Option<&str>) {
    let dir = dir(&[("upgrade_path.json", json)]);
    let data = good().with_dir(dir.path()).expect("good data");
    let release = &data.releases[0];
    assert_eq!(release.min.values().next(), Some(&v(min)));
    assert_eq!(release.max.values().next().cloned(), max.map(v));
}

#[rstest]
// field history 91
#[case::missing_comma("{\"4.4.6\": [\"4.2.1\"]\n\"4.4.7\": [\"4.2.1\"]}", ":2:")]
// field history 79
#[case::empty_text(r#"{"4.4.6": [""]}"#, "no smallest source")]
#[case::a_number(r#"{"4.4.6": [4.2]}"#, "in the place of a text")]
#[case::two_limits(
    r#"{"4.4.6": {"min": ["4.2.1"], "max": ["4.2.5", "4.2.6"]}}"#,
    "two limits for 4.2"
)]
#[case::a_list("[]", "no JSON object")]
#[case::empty("{}", "lists nothing")]
#[case::cut("{\"4.4.6\": [\"4.", ":1:")]
fn mistakes_in_the_upgrade_path(#[case] json: &str, #[case] what: &str) {
    let dir = dir(&[("upgrade_path.json", json)]);
    let error = good()
        .with_dir(dir.path())
        .expect_err("a mistake")
        .to_string();
    assert!(error.contains("upgrade_path.json"), "{error}");
    assert!(error.contains(what), "{error}");
}

// field history S28
#[test]
fn public_operating_systems_are_put_where_a_host_meets_them() {
    let json = r#"{
        "sles15": [{"distroVersion": "suse15sp6", "backend": [], "client": ["4.4.10"]}],
        "centos9": [{"distroVersion": "centos9", "backend": ["4.4.10"], "client": ["4.4.10"]}],
        "centos-stream8": [{"distroVersion": "centos-stream8.4", "backend": ["4.4.10"], "client": []}],
        "amzn2023": [{"distroVersion": "amzn2023", "backend": ["4.2.5"], "client": []}],
        "rhel8": [{"distroVersion": "redhat8.10", "backend": ["4.4.10", "4.2.5"], "client": []}]}"#;
    let dir = dir(&[("supported_os.json", json)]);
    let data = good().with_dir(dir.path()).expect("good data");
    let names: Vec<String> = data
        .os
        .rows
        .iter()
        .map(|row| format!("{} {}", row.distribution, row.release))
        .collect();
    assert_eq!(
        names,
        [
            "amzn 2023",
            "centos-stream 8.4",
            "centos-stream 9",
            "rhel 8.10",
            "sles 15.6"
        ]
    );
    assert_eq!(data.os.releases, [v("4.2.5"), v("4.4.10")]);
}

// field history G6
#[test]
fn public_issues_keep_what_our_data_knows_beyond_them() {
    let json = r#"{"A-1": {"description": "it broke", "related_protocols": [""], "link_types": [""],
            "problematic_kernel_arguments": [], "internal_reference": "A-1 | https://example.org/a",
            "affected_versions": [{"min": "4.4.0", "max": "4.4.11"}, {"min": "5.0", "max": ""}], "obj_store": true},
        "A-9": {"description": "step", "related_protocols": ["smb"], "internal_reference": "A-9", "version_from": "4.4.6"}}"#;
    let dir = dir(&[("known_issues.json", json)]);
    let data = good().with_dir(dir.path()).expect("good data");
    let first = &data.known_issues[0];
    assert_eq!(first.id, "A-1");
    assert_eq!(first.conditions.protocols, []);
    assert_eq!(first.conditions.link_types, Vec::<String>::new());
    assert!(first.conditions.object_store);
    assert!(!first.conditions.several_orgs);
    assert_eq!(
        first.conditions.only_if.as_deref(),
        Some("the moon is full")
    );
    assert!(first.is_met(None, &v("9.9")), "no end");
    assert!(!first.is_met(None, &v("4.4.11")));
    assert_eq!(data.known_issues[1].met, Met::Over(v("4.4.6")));
    assert_eq!(data.source_issues, good().source_issues);
}

/// One word that WEKA adds does not make the newest file useless.
#[test]
fn an_issue_of_an_unknown_protocol_is_asked_about() {
    let json = r#"{"A-9": {"description": "step", "related_protocols": ["nfs", "catalog"], "version_from": "4.4.6"}}"#;
    let dir = dir(&[("known_issues.json", json)]);
    let data = good().with_dir(dir.path()).expect("good data");
    let conditions = &data.known_issues[0].conditions;
    assert_eq!(conditions.protocols, [], "without NFS it is no less open");
    assert_eq!(
        conditions.only_if.as_deref(),
        Some("the cluster uses nfs or catalog")
    );
}

/// A copy of an old file has the day of the copy.
#[test]
fn a_public_file_that_knows_nothing_new_is_no_newer() {
    let known = good().known_issues[0].id.clone();
    let of = |id: &str| {
        let json = format!(r#"{{"{id}": {{"description": "it broke", "version_from": "4.4.6"}}}}"#);
        let dir = dir(&[("known_issues.json", &json)]);
        let data = good().with_dir(dir.path()).expect("good data");
        let mut parts = data.parts.into_iter();
        let part = parts.find(|part| part.kind == PartKind::KnownIssues);
        part.expect("there").date
    };
    let mut parts = good().parts.into_iter();
    let before = parts.find(|part| part.kind == PartKind::KnownIssues);
    assert_eq!(of(&known), before.expect("there").date);
    assert!(of("A-999") > date(2026, 8, 1), "the day it was written");
}

#[test]
fn two_files_of_one_part_are_refused() {
    let dir = dir(&[("os.toml", OS), ("supported_os.json", "{}")]);
    let error = good().with_dir(dir.path()).expect_err("both").to_string();
    assert!(error.contains("os.toml brings the same data"), "{error}");
}

#[test]
fn alerts_can_be_replaced_too() {
    let newer = ALERTS
        .replace("2020-01-02", "2026-08-02")
        .replace("CloudHealth", "FrobnicationImminent");
    let dir = dir(&[("alerts.toml", &newer)]);
    let data = good().with_dir(dir.path()).expect("good data");
    let names: Vec<&String> = data.alerts.keys().collect();
    assert_eq!(names, ["DriveDown", "FrobnicationImminent"]);
    assert_eq!(data.alerts["DriveDown"].class, AlertClass::Stop);
    assert_eq!(data.alerts["FrobnicationImminent"].class, AlertClass::Look);
    // Alerts do not age, so neither does the data.
    assert_eq!(data.date, good().date);
    let part = data.parts.last().expect("parts");
    assert_eq!((part.kind, part.form), (PartKind::Alerts, Form::Own));
    assert_eq!(part.date, date(2026, 8, 2));
}

#[rstest]
#[case::class("\"stop\"", "\"halt\"", "alerts.toml:5", "unknown variant")]
#[case::no_date("date = \"2020-01-02\"", "", "alerts.toml", "missing field `date`")]
#[case::no_type_of_alert(
    "CloudHealth",
    "Cloud Health",
    "alerts.toml:10",
    "no type of alert is called so"
)]
#[case::twice(
    "CloudHealth",
    "DriveDown",
    "alerts.toml:10",
    "DriveDown is listed twice"
)]
#[case::unknown_key("means", "meaning", "alerts.toml:6", "unknown field")]
fn mistakes_in_alerts(
    #[case] good: &str,
    #[case] bad: &str,
    #[case] place: &str,
    #[case] what: &str,
) {
    assert!(ALERTS.contains(good), "{good}");
    let alerts = ALERTS.replace(good, bad);
    let error = ReleaseData::from_own(OwnFiles {
        releases: RELEASES,
        os: OS,
        issues: ISSUES,
        rules: RULES,
        alerts: &alerts,
    })
    .expect_err(bad);
    let text = error.to_string();
    assert!(text.starts_with(place), "{text}");
    assert!(text.contains(what), "{text}");
}

/// A file of a public checker, one of ours, and what is built in: told apart.
#[test]
fn the_form_of_each_part_is_told() {
    let json = r#"{"4.4.10": ["4.2.1"]}"#;
    let dir = dir(&[("upgrade_path.json", json), ("os.toml", OS)]);
    set_day(dir.path().join("upgrade_path.json"), "2026-08-01");
    let data = good().with_dir(dir.path()).expect("good data");
    let forms: Vec<Form> = data.parts.iter().map(|part| part.form).collect();
    let built_in = Form::BuiltIn;
    assert_eq!(
        forms,
        [Form::Public, Form::Own, built_in, built_in, built_in]
    );
}

#[test]
fn a_slip_in_a_files_name_is_told() {
    let dir = dir(&[
        ("os.toml", OS),
        ("release.toml", RELEASES),
        ("supported-os.json", "{}"),
        ("notes.txt", ""),
    ]);
    let data = good().with_dir(dir.path()).expect("good data");
    assert_eq!(
        data.gaps(),
        [
            "release.toml is no name of release data and was not read",
            "supported-os.json is no name of release data and was not read",
        ]
    );
}

#[rstest]
#[case::nothing(&[("notes.txt", "")], "holds no release data")]
#[case::not_utf8_is_an_error(&[], "holds no release data")]
fn a_directory_without_data(#[case] files: &[(&str, &str)], #[case] what: &str) {
    let dir = dir(files);
    let error = good()
        .with_dir(dir.path())
        .expect_err("nothing")
        .to_string();
    assert!(error.contains(what), "{error}");
}

#[test]
fn a_directory_that_is_not_there() {
    let error = good()
        .with_dir(Path::new("/nonexistent/data"))
        .expect_err("gone");
    assert!(
        error
            .to_string()
            .starts_with("/nonexistent/data: it can't be read")
    );
}

#[rstest]
#[case::before("4.4.6", "4.4.6.122", false)]
#[case::over("4.4.6", "4.4.7", true)]
#[case::a_build_of_it("4.4.6.122", "4.4.33", true)]
#[case::behind_it("4.4.7", "4.4.33", false)]
#[case::far_before("4.2.18.34", "4.4.26", true)]
fn the_step_over_a_release(#[case] from: &str, #[case] to: &str, #[case] met: bool) {
    let issue = Issue {
        id: String::new(),
        reference: None,
        summary: String::new(),
        met: Met::Over(v("4.4.6")),
        conditions: Conditions::default(),
        remedy: None,
    };
    assert_eq!(issue.is_met(Some(&v(from)), &v(to)), met);
    assert!(!issue.is_met(None, &v(to)));
}
