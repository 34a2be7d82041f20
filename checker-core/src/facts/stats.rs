//! `weka stats`: how long statistics are kept, and the load of the compute processes.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::processes::{PROCESSES, Processes};
use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::{Call, ClusterCommand, DependentCommand};

/// How long statistics are kept.
pub static STATS_RETENTION: ClusterCommand = ClusterCommand {
    key: "weka:stats-retention",
    variants: &["stats retention status -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// How long statistics are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatsRetention {
    /// In seconds.
    pub seconds: u64,
}

impl Fact for StatsRetention {
    const NAME: &'static str = "stats_retention";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&STATS_RETENTION];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(STATS_RETENTION.key, retention)
    }
}

fn retention(value: &Value) -> Result<StatsRetention, ShapeError> {
    let seconds = Object::new(value, "retention")?.number(&["retention_secs"])?;
    Ok(StatsRetention { seconds })
}

/// The mean CPU load of all compute processes over the last six hours, in one
/// sample. It names each process: the CLI cannot choose them by role.
pub static COMPUTE_CPU: DependentCommand = DependentCommand {
    key: "weka:compute-cpu",
    after: &[&PROCESSES],
    calls: |view| {
        let ids = match Processes::read(view).as_ref().map(compute_ids) {
            Ok(Some(ids)) if !ids.is_empty() => ids.join(","),
            _ => return Vec::new(),
        };
        let line = |option: &str| {
            let words = "stats --stat CPU_UTILIZATION --interval 21600 --resolution-secs 21600 --no-header -o value";
            words
                .split(' ')
                .chain([option, &ids])
                .map(str::to_owned)
                .collect()
        };
        vec![Call {
            part: None,
            // Before 4.0 processes were called nodes.
            variants: vec![line("--process-ids"), line("--node-ids")],
        }]
    },
    // Six hours of many processes are among the slowest things to ask.
    timeout: Duration::from_secs(120),
};

/// The numbers of the compute processes of all backends; `None` when the
/// cluster does not tell the number of one.
fn compute_ids(processes: &Processes) -> Option<Vec<String>> {
    processes
        .backends()
        .filter(|p| p.roles.iter().any(|role| role == "COMPUTE"))
        .map(|p| p.id.map(|id| id.to_string()))
        .collect()
}

/// The load of the compute processes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComputeCpu {
    /// How many processes were asked about.
    pub processes: usize,
    /// Their mean load over the last six hours, in percent; `None` when the
    /// cluster has no sample, as in its first hours.
    pub percent: Option<f64>,
}

impl Fact for ComputeCpu {
    const NAME: &'static str = "compute_cpu";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&PROCESSES];
    const DEPENDENTS: &'static [&'static DependentCommand] = &[&COMPUTE_CPU];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let processes = Processes::read(view)?;
        let unreadable = |what: &str| view.unreadable(PROCESSES.key, what);
        let ids =
            compute_ids(&processes).ok_or_else(|| unreadable("a compute process has no number"))?;
        if ids.is_empty() {
            return Err(unreadable("no backend has a compute process"));
        }
        let text = view.text(COMPUTE_CPU.key)?;
        let percent = highest(&text).map_err(|what| view.unreadable(COMPUTE_CPU.key, what))?;
        Ok(Self {
            processes: ids.len(),
            percent,
        })
    }
}

/// `37.4%`, with warnings around it maybe. Where the six hours lie across two
/// samples there are two lines: then the higher one counts.
fn highest(text: &str) -> Result<Option<f64>, String> {
    let mut highest: Option<f64> = None;
    let mut noise = None;
    let is_blank = |c: char| c.is_whitespace() || c == '\0';
    for line in text.lines().map(|l| l.trim_matches(is_blank)) {
        let number = line.trim_end_matches('%').trim_end().replace(',', ".");
        match number.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => {
                highest = Some(highest.map_or(value, |h| h.max(value)));
            }
            _ if line.is_empty() => {}
            _ => noise = Some(line),
        }
    }
    match (highest, noise) {
        (None, Some(line)) => Err(format!("{:?} is no percentage", super::short(line))),
        (highest, _) => Ok(highest),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::evidence::{End, NotRun, RawRecord, Redactor, Store};

    #[rstest]
    #[case::number(json!({"retention_secs":86400}), Some(86400))]
    #[case::text(json!({"retention_secs":"172801"}), Some(172_801))]
    #[case::absent(json!({}), None)]
    #[case::null(json!({"retention_secs":null}), None)]
    #[case::list(json!([]), None)]
    fn retentions(#[case] value: Value, #[case] expected: Option<u64>) {
        assert_eq!(retention(&value).ok().map(|r| r.seconds), expected);
    }

    // field history S25
    #[rstest]
    #[case::percent("37.4%\n", Ok(Some(37.4)))]
    #[case::whole("60%", Ok(Some(60.0)))]
    #[case::bare("12.5", Ok(Some(12.5)))]
    #[case::comma("12,5%", Ok(Some(12.5)))]
    #[case::blank_before_the_sign("12.5 %", Ok(Some(12.5)))]
    #[case::two_samples("12.5%\n61.0%\n", Ok(Some(61.0)))]
    #[case::between_noise("[WARN] the cache is stale\n37.4%\ndone.\n\0", Ok(Some(37.4)))]
    #[case::no_sample("", Ok(None))]
    #[case::blank_and_nul(" \n\0", Ok(None))]
    #[case::a_word("N/A", Err(()))]
    #[case::an_error("error: no leader", Err(()))]
    #[case::not_a_number("NaN%", Err(()))]
    fn loads(#[case] text: &str, #[case] expected: Result<Option<f64>, ()>) {
        assert_eq!(highest(text).map_err(|_| ()), expected);
    }

    fn store(processes: &Value) -> Store {
        let mut store = Store::default();
        let now = jiff::Timestamp::UNIX_EPOCH;
        store.insert_cluster(Redactor::new().seal(RawRecord {
            end: End::Exited(0),
            stdout: processes.to_string().into_bytes(),
            ..RawRecord::not_run(
                PROCESSES.key,
                "weka cluster process -J",
                now,
                NotRun::Deadline,
            )
        }));
        store
    }

    fn process(id: Value, role: &str, mode: &str) -> Value {
        json!({"node_id": id, "host_id": "HostId<1>", "hostname": "weka-01", "status": "UP", "mode": mode, "roles": [role]})
    }

    #[test]
    fn only_compute_processes_of_backends_are_named() {
        let store = store(&json!([
            process(json!("NodeId<61>"), "COMPUTE", "backend"),
            process(json!(62), "COMPUTE", "backend"),
            process(json!(63), "DRIVES", "backend"),
            process(json!(64), "COMPUTE", "client"),
        ]));
        let calls = (COMPUTE_CPU.calls)(&View::cluster(&store));
        assert_eq!(calls.len(), 1);
        let lines: Vec<_> = calls[0]
            .variants
            .iter()
            .map(|words| words.join(" "))
            .collect();
        assert_eq!(
            lines[0],
            "stats --stat CPU_UTILIZATION --interval 21600 --resolution-secs 21600 --no-header -o value --process-ids 61,62"
        );
        assert!(lines[1].ends_with("--node-ids 61,62"));
    }

    #[rstest]
    #[case::none(json!([process(json!(1), "DRIVES", "backend")]))]
    #[case::without_a_number(json!([process(json!(null), "COMPUTE", "backend")]))]
    #[case::unreadable(json!("oops"))]
    fn nothing_is_asked_without_ids(#[case] processes: Value) {
        let store = store(&processes);
        let view = View::cluster(&store);
        assert!((COMPUTE_CPU.calls)(&view).is_empty());
        let missing = ComputeCpu::read(&view).expect_err("missing");
        assert_eq!(missing.evidence, PROCESSES.key);
    }
}
