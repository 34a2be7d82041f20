use checker_core::facts::containers::Containers;
use checker_core::facts::servers::Servers;
use checker_core::facts::status::Status;
use checker_core::facts::{Missing, Why};
use checker_core::{Context, Judgement, check};

check! {
    /// Every backend server and backend container is UP.
    ///
    /// ## What it looks at
    /// The status of every container in backend mode (`weka cluster container -J`)
    /// and of every server with the role backend (`weka cluster servers list -J`),
    /// and the cluster's own count of active backends (`weka status -J`). The
    /// cluster can call itself OK while a backend is missing. Words such as
    /// DEGRADED or DRAINED (UP) are not UP.
    ///
    /// ## Why it matters
    /// Every backend must take part in the preparation and then in the upgrade,
    /// and those that are not being replaced carry the load and the copies of those that are.
    ///
    /// ## If ignored
    /// The preparation stops at the missing server. If it is lost later, one
    /// more failure takes data out of reach.
    ///
    /// ## How to fix
    /// `weka cluster container -b` names it; on that server `weka local ps`,
    /// `weka local start`, `systemctl status weka-agent`. A container that is
    /// drained or being removed must be brought back or removed wholly first.
    pub BACKENDS {
        id: "health/backends",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: all backends online", "rules G4, G7", "public checker: failed hosts"],
        needs: [
            Result<&Containers, Missing>,
            Result<&Servers, Missing>,
            Result<&Status, Missing>,
        ],
        judge: judge,
    }
}

fn judge(
    _: &Context<'_>,
    containers: Result<&Containers, Missing>,
    servers: Result<&Servers, Missing>,
    status: Result<&Status, Missing>,
) -> Judgement {
    let mut bad: Vec<String> = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    let mut notes: Vec<String> = Vec::new();
    let mut counted: Vec<String> = Vec::new();

    match &containers {
        Ok(containers) => {
            let count = containers.backends().count();
            counted.push(format!("{count} backend containers"));
            if count == 0 {
                unknown.push("the cluster lists no backend container".to_owned());
            }
            bad.extend(
                containers
                    .backends()
                    .filter(|c| !is_up(&c.status))
                    .map(|c| {
                        format!(
                            "container {} {} (id {}): {}",
                            c.hostname, c.name, c.id, c.status
                        )
                    }),
            );
        }
        Err(missing) => unknown.push(missing.to_string()),
    }
    match &servers {
        Ok(Servers(rows)) => {
            let runs_a_backend = |name: &str| {
                let list = containers.as_ref().ok();
                list.is_some_and(|list| list.backends().any(|c| c.hostname == name))
            };
            let backends: Vec<_> = rows
                .iter()
                .filter(|row| {
                    row.roles.iter().any(|role| role == "BACKEND") || runs_a_backend(&row.name)
                })
                .collect();
            if backends.is_empty() {
                unknown.push("the cluster lists no backend server".to_owned());
            }
            counted.push(format!("{} backend servers", backends.len()));
            bad.extend(
                backends
                    .iter()
                    .filter(|row| !is_up(&row.status))
                    .map(|row| {
                        let address = row.address.as_deref().unwrap_or("no address");
                        format!("server {} ({address}): {}", row.name, row.status)
                    }),
            );
        }
        // Releases before 4.0.5.39 have no list of servers.
        Err(missing) if matches!(missing.why, Why::UnknownCommand(_)) => {
            notes.push(
                "this release has no list of servers: judged by the containers alone".to_owned(),
            );
        }
        Err(missing) => unknown.push(missing.to_string()),
    }
    match &status {
        Ok(status) => {
            if let Some(count) = status.backends.filter(|count| count.active < count.total) {
                bad.push(format!(
                    "the cluster counts {} of {} backend containers as active",
                    count.active, count.total
                ));
            }
        }
        Err(missing) => unknown.push(missing.to_string()),
    }

    if !bad.is_empty() {
        return Judgement::fail(
            format!("not every backend is UP: {}", first_of(&bad)),
            "On the server named: `weka local ps` and `systemctl status weka-agent`; `weka local start` starts stopped containers. `weka cluster container -b` must show UP for all; bring a drained container back, or finish its removal.",
        )
        .details(bad)
        .details(unknown.iter().map(|reason| format!("not looked at: {reason}")))
        .details(notes);
    }
    if let Some(reason) = unknown.first() {
        return Judgement::unknown(reason.clone())
            .details(unknown.iter().skip(1).cloned())
            .details(notes);
    }
    Judgement::pass(format!("{} are UP", counted.join(" and "))).details(notes)
}

fn is_up(status: &str) -> bool {
    status.trim().eq_ignore_ascii_case("UP")
}

fn first_of(lines: &[String]) -> String {
    match lines {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn container(id: u64, mode: &str, status: &str) -> Value {
        json!({"host_id": format!("HostId<{id}>"), "hostname": format!("weka-{id:02}"), "container_name": "drives0",
            "ips": [format!("10.0.0.{id}")], "mode": mode, "status": status})
    }

    fn server(id: u64, role: &str, status: &str) -> Value {
        json!({"name": format!("weka-{id:02}"), "primary_ip_address": format!("10.0.0.{id}"), "roles": [role], "status": status})
    }

    fn evidence(containers: &[Value], servers: &[Value]) -> Evidence {
        Evidence::running("4.4.21.2")
            .weka("weka:containers", &json!(containers).to_string())
            .weka("weka:servers", &json!(servers).to_string())
    }

    fn healthy() -> Evidence {
        evidence(
            &[container(1, "backend", "UP"), container(2, "backend", "up")],
            &[server(1, "BACKEND", "UP"), server(2, "backend", "UP")],
        )
    }

    #[test]
    fn all_up() {
        let result = healthy().judge_one(&BACKENDS, "4.4.33");
        assert_eq!(
            (result.outcome, result.summary.as_str()),
            (
                Outcome::Pass,
                "2 backend containers and 2 backend servers are UP"
            )
        );
    }

    // field history G3
    #[rstest]
    #[case("DOWN")]
    #[case("DEGRADED")]
    #[case("INACTIVE")]
    #[case("ADDING")]
    #[case("DEACTIVATING")]
    #[case("REMOVING")]
    #[case("DRAINING")]
    #[case("DRAINED (UP)")]
    #[case("DRAINED (DOWN)")]
    #[case("A WORD NOBODY KNOWS")]
    fn a_container_that_is_not_up(#[case] status: &str) {
        let evidence = evidence(
            &[
                container(1, "backend", "UP"),
                container(2, "backend", status),
            ],
            &[server(1, "BACKEND", "UP"), server(2, "BACKEND", "UP")],
        );
        let result = evidence.judge_one(&BACKENDS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(
            result.details,
            [format!("container weka-02 drives0 (id 2): {status}")]
        );
        assert!(result.remedy.is_some());
    }

    // field history S4
    #[rstest]
    #[case::down("BACKEND", "DOWN")]
    #[case::degraded("BACKEND", "DEGRADED")]
    #[case::a_protocol_server_that_runs_a_backend("NFS", "DOWN")]
    fn a_server_that_is_not_up(#[case] role: &str, #[case] status: &str) {
        let evidence = evidence(
            &[container(1, "backend", "UP"), container(2, "backend", "UP")],
            &[server(1, "BACKEND", "UP"), server(2, role, status)],
        );
        let result = evidence.judge_one(&BACKENDS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(
            result.details,
            [format!("server weka-02 (10.0.0.2): {status}")]
        );
    }

    #[test]
    fn clients_are_not_looked_at() {
        let evidence = evidence(
            &[
                container(1, "backend", "UP"),
                container(9, "client", "DOWN"),
            ],
            &[server(1, "BACKEND", "UP"), server(9, "CLIENT", "DOWN")],
        );
        assert_eq!(
            evidence.judge_one(&BACKENDS, "4.4.33").outcome,
            Outcome::Pass
        );
    }

    // field history G4
    /// Two servers of one host name: the second is the one that is down.
    #[test]
    fn a_second_server_of_the_same_name_counts() {
        let evidence = evidence(
            &[container(1, "backend", "UP")],
            &[server(1, "BACKEND", "UP"), server(1, "BACKEND", "DOWN")],
        );
        assert_eq!(
            evidence.judge_one(&BACKENDS, "4.4.33").outcome,
            Outcome::Fail
        );
    }

    /// A cluster that calls itself OK with 12 of 13 backends active.
    #[rstest]
    #[case::one_missing(12, 13, Outcome::Fail)]
    #[case::all(13, 13, Outcome::Pass)]
    fn the_clusters_own_count(#[case] active: u64, #[case] total: u64, #[case] outcome: Outcome) {
        let status = json!({"name":"a","guid":"b","release":"4.4.2","status":"OK","io_status":"STARTED","upgrade_info":{},
            "hosts":{"backends":{"active":active,"total":total}}});
        let evidence = healthy().weka("weka:status", &status.to_string());
        let result = evidence.judge_one(&BACKENDS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 50
    #[test]
    fn a_release_without_a_list_of_servers() {
        let evidence = healthy().weka_ended(
            "weka:servers",
            End::Exited(2),
            "",
            "error: unknown command: cluster machines",
        );
        let result = evidence.judge_one(&BACKENDS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass);
        assert!(result.details[0].contains("containers alone"));
    }

    #[rstest]
    #[case::containers_not_logged_in("weka:containers", End::Exited(41), "")]
    #[case::containers_half("weka:containers", End::Exited(0), r#"[{"host_id":"HostId<1>","hos"#)]
    #[case::containers_empty("weka:containers", End::Exited(0), "")]
    #[case::no_containers("weka:containers", End::Exited(0), "[]")]
    #[case::servers_failed("weka:servers", End::Exited(1), "")]
    #[case::servers_half("weka:servers", End::Exited(0), "[{")]
    #[case::no_servers_and_no_name_in_common("weka:servers", End::Exited(0), "[]")]
    #[case::status_timed_out("weka:status", End::TimedOut, "")]
    fn what_is_missing_is_unknown(#[case] key: &str, #[case] end: End, #[case] answer: &str) {
        let evidence = healthy().weka_ended(key, end, answer, "error: no leader");
        let result = evidence.judge_one(&BACKENDS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn what_is_missing_hides_nothing_red() {
        let evidence = evidence(&[container(1, "backend", "DOWN")], &[]).weka_ended(
            "weka:servers",
            End::Exited(1),
            "",
            "error: no leader",
        );
        let result = evidence.judge_one(&BACKENDS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(
            result.details[1],
            "not looked at: `weka servers -J`: exit status 1: no leader"
        );
    }
}
