use std::collections::BTreeMap;

use checker_core::facts::containers::{Container, Containers};
use checker_core::{Context, Judgement, Version, check};

check! {
    /// All backend containers run one release.
    ///
    /// ## What it looks at
    /// The full release (`sw_release_string`) of every container in backend
    /// mode in `weka cluster container -J`.
    ///
    /// ## Why it matters
    /// Two releases at once are what an upgrade looks like that runs or was
    /// left half-way. The next one must start from one release.
    ///
    /// ## If ignored
    /// The upgrade starts from a state that nobody has tested: a third release
    /// joins the two that are there.
    ///
    /// ## How to fix
    /// `weka cluster container -b -o id,hostname,container,release,status` shows
    /// which containers are behind. Finish the earlier upgrade with the option of
    /// the phase that it stopped in, e.g.
    /// `weka local run --container drives0 --in RELEASE upgrade --ndu-computes-phase`,
    /// or call support.
    pub UNIFORM {
        id: "version/uniform",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["public checker: same version on all backends", "rules C5", "field history 71"],
        needs: [&Containers],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, containers: &Containers) -> Judgement {
    let mut by_release: BTreeMap<Release<'_>, Vec<&Container>> = BTreeMap::new();
    let mut untold = Vec::new();
    let mut not_started = Vec::new();
    for container in containers.backends() {
        match container.release.as_deref() {
            Some(text) => by_release
                .entry(Release::of(text))
                .or_default()
                .push(container),
            // Protocol containers that are staged, and those that were added
            // but never started, run no release at all.
            None if is_up(container) => untold.push(container),
            None => not_started.push(container),
        }
    }
    let notes: Vec<String> = not_started
        .iter()
        .map(|c| format!("{} runs no release: it is {}", named(c), c.status))
        .collect();
    if by_release.len() > 1 {
        let releases: Vec<String> = by_release.keys().map(|r| r.text.to_owned()).collect();
        let lines = by_release
            .iter()
            .map(|(release, containers)| format!("{}: {}", release.text, names(containers)));
        return Judgement::fail(
            format!(
                "the backend containers run {} releases: {}",
                releases.len(),
                releases.join(", ")
            ),
            "Finish the earlier upgrade: `weka local run --container drives0 --in RELEASE upgrade` with the option of the phase that it stopped in (`--ndu-drives-phase`, `--ndu-computes-phase`, `--ndu-frontends-phase`); `weka cluster container -b -o id,hostname,container,release,status` shows who is behind. Call support if it does not end.",
        )
        .details(lines)
        .details(notes);
    }
    if !untold.is_empty() {
        return Judgement::unknown(format!(
            "{} of {} backend containers are UP but do not tell their release: {}",
            untold.len(),
            containers.backends().count(),
            names(&untold)
        ))
        .details(notes);
    }
    match by_release.iter().next() {
        Some((release, running)) => Judgement::pass(format!(
            "all {} backend containers run {}",
            running.len(),
            release.text
        ))
        .details(notes),
        None => Judgement::unknown("the cluster lists no backend container with a release")
            .details(notes),
    }
}

/// A release as it was written, the same as another spelling of the same
/// numbers (`4.4.6`, `4.4.6.0`).
struct Release<'c> {
    version: Option<Version>,
    text: &'c str,
}

impl<'c> Release<'c> {
    fn of(text: &'c str) -> Self {
        Self {
            version: text.parse().ok(),
            text,
        }
    }

    /// Releases first; what is no release number only equals itself.
    fn key(&self) -> (bool, Option<&Version>, &str) {
        match &self.version {
            Some(version) => (false, Some(version), ""),
            None => (true, None, self.text),
        }
    }
}

impl Ord for Release<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Release<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Release<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Release<'_> {}

fn is_up(container: &Container) -> bool {
    container.status.trim().eq_ignore_ascii_case("UP")
}

fn named(container: &Container) -> String {
    format!(
        "{} {} (id {})",
        container.hostname, container.name, container.id
    )
}

fn names(containers: &[&Container]) -> String {
    let names: Vec<String> = containers.iter().map(|c| named(c)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn container(id: u64, mode: &str, status: &str, release: Value) -> Value {
        json!({"host_id": format!("HostId<{id}>"), "hostname": format!("weka-{id:02}"), "container_name": "drives0",
            "host_ip": format!("10.0.0.{id}"), "ips": [], "mode": mode, "status": status, "sw_release_string": release})
    }

    fn judged(containers: &[Value]) -> checker_core::report::CheckResult {
        Evidence::new()
            .weka("weka:containers", &json!(containers).to_string())
            .judge_one(&UNIFORM, "4.4.33")
    }

    fn up(id: u64, release: &str) -> Value {
        container(id, "backend", "UP", json!(release))
    }

    #[test]
    fn one_release() {
        let result = judged(&[up(1, "4.4.21.2"), up(2, "4.4.21.2")]);
        assert_eq!(
            (result.outcome, result.summary.as_str()),
            (Outcome::Pass, "all 2 backend containers run 4.4.21.2")
        );
        let result = judged(&[up(1, "4.4.6"), up(2, "4.4.6.0")]);
        assert_eq!(result.outcome, Outcome::Pass);
    }

    #[test]
    fn two_releases_are_named() {
        let result = judged(&[up(1, "4.4.33"), up(2, "4.4.21.2"), up(3, "4.4.21.2")]);
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(
            result.details,
            [
                "4.4.21.2: weka-02 drives0 (id 2), weka-03 drives0 (id 3)",
                "4.4.33: weka-01 drives0 (id 1)"
            ]
        );
        assert!(result.remedy.is_some());
    }

    #[rstest]
    #[case::a_hotfix_on_one("4.4.9", "4.4.9-hotfix1")]
    #[case::two_hashes("4.4.9-6a24a384", "4.4.9-77ab12cd")]
    #[case::no_release_number("4.4.9", "dev build")]
    fn a_difference_in_the_suffix_counts(#[case] a: &str, #[case] b: &str) {
        assert_eq!(judged(&[up(1, a), up(2, b)]).outcome, Outcome::Fail);
    }

    #[test]
    fn clients_may_differ() {
        let client = container(9, "client", "UP", json!("4.2.18.34"));
        assert_eq!(judged(&[up(1, "4.4.21.2"), client]).outcome, Outcome::Pass);
    }

    /// field history 71
    #[rstest]
    #[case::never_started("DOWN", Outcome::Pass)]
    #[case::being_added("ADDING", Outcome::Pass)]
    #[case::up_but_mute("UP", Outcome::Unknown)]
    fn a_container_without_a_release(#[case] status: &str, #[case] outcome: Outcome) {
        let silent = container(2, "backend", status, json!(null));
        let result = judged(&[up(1, "4.4.21.2"), silent.clone()]);
        assert_eq!(result.outcome, outcome, "{result:?}");
        let result = judged(&[up(1, "4.4.21.2"), up(3, "4.4.33"), silent]);
        assert_eq!(result.outcome, Outcome::Fail);
    }

    #[test]
    fn nothing_to_compare_is_unknown() {
        assert_eq!(judged(&[]).outcome, Outcome::Unknown);
        let silent = container(2, "backend", "DOWN", json!(""));
        assert_eq!(judged(&[silent]).outcome, Outcome::Unknown);
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::half(End::Exited(0), r#"[{"host_id":"HostId<1>","#)]
    #[case::empty(End::Exited(0), "")]
    fn no_answer_is_unknown(#[case] end: End, #[case] answer: &str) {
        let result = Evidence::new()
            .weka_ended("weka:containers", end, answer, "error")
            .judge_one(&UNIFORM, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
