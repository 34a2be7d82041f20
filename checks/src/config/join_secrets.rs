use std::collections::BTreeMap;

use checker_core::facts::containers::Containers;
use checker_core::facts::local_resources::{JoinSecret, LocalResources};
use checker_core::facts::{Fleet, This};
use checker_core::server::{Role, Server};
use checker_core::{Context, Judgement, check};

check! {
    /// All backend containers have the same join secret.
    ///
    /// ## What it looks at
    /// The join secret of every backend container, as `weka local resources` has
    /// it on each backend. Only a digest, made on the server, is compared: the
    /// secret itself never leaves it.
    ///
    /// ## Why it matters
    /// A container shows this secret when it joins the cluster again after its
    /// restart.
    ///
    /// ## If ignored
    /// A container without the secret, or with another one, stays outside after
    /// its upgrade, and the upgrade waits for it.
    ///
    /// ## How to fix
    /// `weka alerts` has MismatchedJoinSecrets for the containers concerned. Let
    /// support set the cluster's secret in them, then `weka local resources apply
    /// --container NAME`.
    pub JOIN_SECRETS {
        id: "config/join-secrets",
        scope: [Backend],
        when: "all",
        levels: [Warn],
        sources: ["public checker, check 62", "alert MismatchedJoinSecrets", "rules I18"],
        needs: [This<'_>, &LocalResources, Fleet<'_, LocalResources>, &Containers],
        judge: judge,
    }
}

/// The containers of a server that are no clients, with what is known of their secret.
fn backends<'f>(
    server: &'f Server,
    resources: &'f LocalResources,
    containers: &'f Containers,
) -> impl Iterator<Item = (&'f str, Result<&'f JoinSecret, &'f str>)> {
    let is_client = move |name: &str| containers.on(server).any(|c| !c.backend && c.name == name);
    resources
        .containers
        .iter()
        .filter(move |(name, _)| !is_client(name))
        .map(|(name, found)| {
            (
                name.as_str(),
                found
                    .as_ref()
                    .map(|r| &r.join_secret)
                    .map_err(String::as_str),
            )
        })
}

fn judge(
    _: &Context<'_>,
    This(server): This<'_>,
    here: &LocalResources,
    fleet: Fleet<'_, LocalResources>,
    containers: &Containers,
) -> Judgement {
    // How many containers of the cluster have each secret.
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut others, mut unseen) = (0, 0);
    for (other, resources) in fleet
        .servers
        .iter()
        .filter(|(s, _)| s.role == Role::Backend)
    {
        match resources {
            Ok(resources) => {
                others += usize::from(other.name != server.name);
                for (_, secret) in backends(other, resources, containers) {
                    if let Ok(JoinSecret::Digest(digest)) = secret {
                        *holders.entry(digest).or_default() += 1;
                    }
                }
            }
            Err(_) => unseen += 1,
        }
    }
    let total: usize = holders.values().sum();
    let most = holders
        .iter()
        .find(|(_, n)| **n * 2 > total)
        .map(|(digest, _)| *digest);

    let (mut odd, mut open) = (Vec::new(), Vec::new());
    let mut good = 0;
    for (name, secret) in backends(server, here, containers) {
        match (secret, most) {
            (Ok(JoinSecret::Absent), _) => odd.push(format!("{name}: no join secret")),
            (Ok(JoinSecret::Digest(digest)), Some(most)) if digest == most => good += 1,
            (Ok(JoinSecret::Digest(_)), Some(_)) => {
                odd.push(format!("{name}: another join secret than most containers"));
            }
            (Ok(JoinSecret::Digest(_)), None) => odd.push(format!(
                "{name}: one of {} join secrets, none of which most containers have",
                holders.len()
            )),
            (Ok(JoinSecret::NotDigested), _) => open.push(format!(
                "{name}: this server has neither sha256sum nor openssl nor shasum to compare its join secret by"
            )),
            (Err(why), _) => open.push(format!("{name}: {why}")),
        }
    }
    if !odd.is_empty() {
        return Judgement::warn(
            format!("{} containers without the cluster's join secret", odd.len()),
            "Look for MismatchedJoinSecrets in `weka alerts`, let support set the cluster's secret in these containers, and apply it with `weka local resources apply --container NAME`. Do not send the output of `weka local resources` to anyone: it shows the secret.",
        )
        .details(odd.into_iter().chain(open));
    }
    if let Some(first) = open.first() {
        return Judgement::unknown(first.clone()).details(open);
    }
    if good == 0 {
        return Judgement::unknown("this server has no backend container with resources");
    }
    if others == 0 && unseen > 0 {
        return Judgement::unknown(
            "of no other backend the join secrets are known, so there is nothing to compare with",
        );
    }
    let summary = format!("{good} containers, all with the cluster's join secret");
    match unseen {
        0 => Judgement::pass(summary),
        n => Judgement::pass(format!("{summary} ({n} backends could not be compared)")),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::server::Step;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::damaged;

    const KEY: &str = "host:local-resources";

    /// The probe's answer for these containers and their secrets: a letter, `-`
    /// for none, `?` where no tool makes a digest.
    fn answer(containers: &[(&str, char)]) -> String {
        let (mut digests, mut keys) = (String::new(), 0);
        let mut rest = String::new();
        for (name, secret) in containers {
            let key = match secret {
                '-' => 0,
                letter => {
                    keys += 1;
                    if *letter != '?' {
                        digests += &format!("{}  -\n", letter.to_string().repeat(64));
                    }
                    keys
                }
            };
            rest += &format!("container {name}\nkey {key}\nno endpoints\n");
        }
        format!("{digests}digests {keys}\n{rest}end\n")
    }

    fn listed(n: u64, name: &str, mode: &str) -> Value {
        json!({"host_id": n, "hostname": format!("weka-0{n}"), "container_name": name, "host_ip": format!("10.0.0.{n}"),
            "mode": mode, "status": "UP"})
    }

    fn base() -> Evidence {
        let list = json!([
            listed(1, "drives0", "backend"),
            listed(1, "client", "client")
        ]);
        Evidence::running("4.4.21.2").weka("weka:containers", &list.to_string())
    }

    /// The outcome for each server (behind `|` the next) whose containers have
    /// these secrets.
    fn outcomes(servers: &str) -> Vec<Outcome> {
        let mut evidence = base();
        for (n, secrets) in servers.split('|').enumerate() {
            let name = |secret: char| format!("c{secret}");
            let names: Vec<(String, char)> = secrets.chars().map(|c| (name(c), c)).collect();
            let pairs: Vec<(&str, char)> = names.iter().map(|(n, c)| (n.as_str(), *c)).collect();
            let answer = answer(&pairs);
            evidence = evidence.backend(&format!("weka-0{}", n + 1), &[(KEY, &answer)]);
        }
        let results = evidence.judge(&JOIN_SECRETS, "4.4.33");
        results.iter().map(|r| r.outcome).collect()
    }

    #[rstest]
    #[case::all_the_same("aa|a|a", &[Outcome::Pass, Outcome::Pass, Outcome::Pass])]
    #[case::one_server("aa", &[Outcome::Pass])]
    #[case::one_other("a|b|a", &[Outcome::Pass, Outcome::Warn, Outcome::Pass])]
    // field history G19
    #[case::one_container("ab|a|a", &[Outcome::Warn, Outcome::Pass, Outcome::Pass])]
    #[case::one_without("a|-|a", &[Outcome::Pass, Outcome::Warn, Outcome::Pass])]
    // field history G18
    #[case::none_at_all("-|-", &[Outcome::Warn, Outcome::Warn])]
    #[case::two_halves("a|b", &[Outcome::Warn, Outcome::Warn])]
    // field history R17
    #[case::no_tool_on_one("a|?|a", &[Outcome::Pass, Outcome::Unknown, Outcome::Pass])]
    fn judges(#[case] servers: &str, #[case] expected: &[Outcome]) {
        assert_eq!(outcomes(servers), expected);
    }

    /// Neither the secret nor its digest is for anyone's eyes.
    #[test]
    fn the_report_shows_no_digest() {
        let results = base()
            .backend("weka-01", &[(KEY, &answer(&[("drives0", 'a')]))])
            .backend("weka-02", &[(KEY, &answer(&[("drives0", 'b')]))])
            .judge(&JOIN_SECRETS, "4.4.33");
        let text = serde_json::to_string(&results).expect("JSON");
        assert!(!text.contains("aaaa") && !text.contains("bbbb"), "{text}");
    }

    #[test]
    fn a_client_on_a_backend_needs_none() {
        let answer = answer(&[("drives0", 'a'), ("client", '-')]);
        let result = base()
            .backend("weka-01", &[(KEY, &answer)])
            .judge_one(&JOIN_SECRETS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Pass, "{result:?}");
    }

    #[test]
    fn servers_that_were_not_reached_are_counted() {
        let results = base()
            .backend("weka-01", &[(KEY, &answer(&[("drives0", 'a')]))])
            .backend("weka-02", &[(KEY, &answer(&[("drives0", 'a')]))])
            .unreached("weka-03", Role::Backend, Step::Refused, "no sshd")
            .judge(&JOIN_SECRETS, "4.4.33");
        assert!(
            results[0]
                .summary
                .ends_with("(1 backends could not be compared)"),
            "{results:?}"
        );
        assert_eq!(results[2].outcome, Outcome::Unknown);
        // With nothing to compare there is no green.
        let results = base()
            .backend("weka-01", &[(KEY, &answer(&[("drives0", 'a')]))])
            .unreached("weka-03", Role::Backend, Step::Refused, "no sshd")
            .judge(&JOIN_SECRETS, "4.4.33");
        assert_eq!(results[0].outcome, Outcome::Unknown);
    }

    #[rstest]
    #[case::no_containers("digests 0\nend\n", End::Exited(0))]
    #[case::nothing("", End::Exited(0))]
    #[case::broken("digests 0\ncontainer drives0\nbroken\nend\n", End::Exited(0))]
    #[case::failed("digests 0\ncontainer drives0\nfailed 1\nend\n", End::Exited(0))]
    #[case::noise("Welcome\n", End::Exited(0))]
    #[case::not_installed("", End::Exited(127))]
    #[case::too_late("", End::TimedOut)]
    fn damaged_answers_are_unknown(#[case] answer: &str, #[case] end: End) {
        let record = base().record(KEY, end, answer, "");
        let result = base()
            .server_answered("weka-01", Role::Backend, vec![record])
            .judge_one(&JOIN_SECRETS, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
    }

    #[test]
    fn without_the_list_of_containers_it_is_unknown() {
        let base = Evidence::running("4.4.21.2")
            .backend("weka-01", &[(KEY, &answer(&[("drives0", 'a')]))]);
        damaged::is_unknown(&JOIN_SECRETS, "4.4.33", "weka:containers", &base);
    }
}
