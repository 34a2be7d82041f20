//! A lab with a cluster, a run of the tool on it, and its report.

use std::time::Duration;

use checker_simulator::{Behaviour, Cluster};
use serde_json::Value;

use crate::lab::{Lab, Run};

/// The release to upgrade to, one that is in the release data.
pub(crate) const TARGET: &str = "4.4.33";

/// The time limit per server in all runs, in seconds.
const SERVER_LIMIT: &str = "8";

/// By then every run has ended, whatever its servers do: their time limit,
/// what the engine adds to it, and what a busy machine adds to that.
const ENDS_WITHIN: Duration = Duration::from_secs(25);

/// Every check that is asked about each backend.
pub(crate) const BACKEND_CHECKS: [&str; 7] = [
    "access/agent",
    "access/ssh",
    "nfs/rpc-statd",
    "protocols/separation",
    "server/clock",
    "server/data-space",
    "server/opt-weka-space",
];

/// A run and what it reported.
pub(crate) struct Checked {
    pub(crate) run: Run,
    pub(crate) report: Value,
}

/// Checks a healthy cluster, after this change to the servers and the cluster.
#[track_caller]
pub(crate) fn check(lab: &Lab, change: impl FnOnce(&Lab, &mut Cluster)) -> Checked {
    check_with(lab, &[], &[], change)
}

/// As [`check`], with more arguments and with answers that go wrong.
#[track_caller]
pub(crate) fn check_with(
    lab: &Lab,
    arguments: &[&str],
    behaviours: &[Behaviour],
    change: impl FnOnce(&Lab, &mut Cluster),
) -> Checked {
    let mut cluster = lab.healthy();
    lab.set_cluster(&cluster, behaviours);
    change(lab, &mut cluster);
    lab.set_cluster(&cluster, behaviours);
    let run = lab.checker(&[&standard_arguments(), arguments].concat());
    assert!(run.elapsed < ENDS_WITHIN, "it took {:?}", run.elapsed);
    let report = run.json();
    Checked { run, report }
}

/// What a lab cannot show: the day on which the test runs is the machine's, and
/// the release data grows old. It has a test of its own.
pub(crate) const NOT_IN_A_LAB: &str = "access/tool-data";

pub(crate) fn standard_arguments() -> Vec<&'static str> {
    arguments_for(TARGET)
}

/// As [`standard_arguments`], towards this release.
pub(crate) fn arguments_for(target: &str) -> Vec<&str> {
    vec![
        "--target-version",
        target,
        "--format",
        "json",
        "--timeout",
        SERVER_LIMIT,
        "--skip",
        NOT_IN_A_LAB,
    ]
}

impl Checked {
    pub(crate) fn results(&self) -> &[Value] {
        self.report["results"]
            .as_array()
            .expect("a list of results")
    }

    /// The only result of a check about a target.
    #[track_caller]
    fn result(&self, check: &str, target: &str) -> &Value {
        let found: Vec<_> = self
            .results()
            .iter()
            .filter(|r| r["check"] == check && r["target"] == target)
            .collect();
        assert_eq!(
            found.len(),
            1,
            "results of {check} for {target}: {found:#?}"
        );
        found[0]
    }

    /// Requires this outcome; a yellow or red one must say what to do.
    #[track_caller]
    pub(crate) fn expect(&self, check: &str, target: &str, outcome: &str) {
        let result = self.result(check, target);
        assert_eq!(result["outcome"], outcome, "{result:#}");
        if matches!(outcome, "warn" | "fail") {
            assert!(
                !text(&result["remedy"]).is_empty(),
                "no way out: {result:#}"
            );
        }
    }

    /// Requires that what is not green is exactly this: `check target outcome`.
    #[track_caller]
    pub(crate) fn expect_only(&self, expected: &[(&str, &str, &str)]) {
        let mut found: Vec<_> = self
            .results()
            .iter()
            .filter(|r| r["outcome"] != "pass" && r["outcome"] != "skipped")
            .map(|r| (text(&r["check"]), text(&r["target"]), text(&r["outcome"])))
            .collect();
        let mut expected = expected.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{}", self.not_green());
    }

    /// Whatever is not green, for the message of a failed test.
    pub(crate) fn not_green(&self) -> String {
        let lines = self.results().iter().filter_map(|r| {
            let outcome = text(&r["outcome"]);
            let line = format!("{} {outcome} {}: {}", r["check"], r["target"], r["summary"]);
            (outcome != "pass" && outcome != "skipped").then_some(line)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What the report says of a server.
    #[track_caller]
    pub(crate) fn server(&self, name: &str) -> &Value {
        let servers = self.report["servers"]
            .as_array()
            .expect("a list of servers");
        servers
            .iter()
            .find(|s| s["name"] == name)
            .unwrap_or_else(|| panic!("no server {name} in {servers:#?}"))
    }

    /// Requires that this server, and no other, was lost at one of these
    /// steps; that the others have every result; that the lost one is red for
    /// it and green in nothing that would have to be asked there; and that the
    /// exit status says so.
    #[track_caller]
    pub(crate) fn expect_lost(&self, lost: &str, steps: &[&str]) {
        self.expect_lost_after(lost, steps, &[]);
    }

    /// As [`Checked::expect_lost`], where this evidence had arrived before.
    #[track_caller]
    pub(crate) fn expect_lost_after(&self, lost: &str, steps: &[&str], arrived: &[&str]) {
        let server = self.server(lost);
        assert_eq!(server["reached"], false, "{server:#}");
        let error = text(&server["error"]);
        assert!(
            steps
                .iter()
                .any(|step| error.starts_with(&format!("{step}: "))),
            "{error:?} names none of {steps:?}"
        );
        self.expect("access/ssh", lost, "fail");
        for check in BACKEND_CHECKS {
            let result = self.result(check, lost);
            let asked_there = result["evidence"]
                .as_array()
                .expect("a list of evidence")
                .iter()
                .map(text)
                .any(|key| key.starts_with("host:") && !arrived.contains(&key));
            if asked_there {
                assert_ne!(result["outcome"], "pass", "{result:#}");
            }
        }
        let servers = self.report["servers"]
            .as_array()
            .expect("a list of servers");
        for name in servers
            .iter()
            .map(|s| text(&s["name"]))
            .filter(|name| *name != lost)
        {
            assert_eq!(
                self.server(name)["reached"],
                true,
                "{:#}",
                self.server(name)
            );
            for check in BACKEND_CHECKS {
                self.expect(check, name, "pass");
            }
        }
        assert_eq!(self.report["verdict"], "red");
        assert_eq!(self.run.status, Some(2), "{}", self.run.stderr);
    }

    /// Requires a verdict and the exit status that belongs to it.
    #[track_caller]
    pub(crate) fn expect_verdict(&self, verdict: &str) {
        let status = match verdict {
            "green" => 0,
            "yellow" => 1,
            "red" => 2,
            _ => 3,
        };
        assert_eq!(self.report["verdict"], verdict, "{}", self.not_green());
        assert_eq!(self.run.status, Some(status), "{}", self.run.stderr);
    }
}

/// A value that is always text in the report.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}
