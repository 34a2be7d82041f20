use checker_core::contract::Scope;
use checker_core::facts::container_net::ContainerNets;
use checker_core::facts::containers::Containers;
use checker_core::facts::ofed::Ofed;
use checker_core::facts::{Fleet, Missing, This};
use checker_core::release_data::OfedRule;
use checker_core::server::Server;
use checker_core::{Applies, Context, Judgement, Outcome, UpgradePath, Version, check};

check! {
    /// The network cards and their driver fit the target.
    ///
    /// ## What it looks at
    /// For targets before 4.4: the release of OFED (`ofed_info -s`) on servers with a
    /// card of Mellanox (NVIDIA); red when the release data does not list it (5.1, 5.4, 5.6
    /// to 5.9, 23.04 and 23.10), yellow when there is none, or when the backends differ. For
    /// targets from 5.0 on: red when a container uses a ConnectX-4 or ConnectX-4 Lx
    /// (`weka cluster container net -J`), yellow when only clients do. Cards that WEKA
    /// does not use do not count.
    ///
    /// ## Why it matters
    /// WEKA drives these cards itself, and each release knows certain drivers and
    /// cards. ConnectX-4 is no longer among them from 5.0 on (WEKAPP-540128).
    ///
    /// ## If ignored
    /// The containers of this server find no network in the new release.
    ///
    /// ## How to fix
    /// Install a supported OFED, the same on all backends
    /// (`mlnxofedinstall --add-kernel-support`, then `/etc/init.d/openibd restart` or a
    /// reboot, one server after the other). Replace a ConnectX-4 by a ConnectX-6 or
    /// newer: `lspci | grep -i connectx` shows where it is.
    pub NICS {
        id: "server/nics",
        scope: [Backend],
        when: "tgt < 4.4 (OFED) or tgt >= 5.0 (ConnectX-4)",
        applies: applies,
        levels: [Warn, Fail],
        sources: ["WEKAPP-540128", "Prerequisites: networking", "rules J1, J2, J3, N11, N16"],
        needs: [
            This<'_>,
            Result<&Containers, Missing>,
            Result<&ContainerNets, Missing>,
            Result<&Ofed, Missing>,
            Fleet<'_, Ofed>,
        ],
        judge: judge,
    }
}

const LINE_4_4: Version = Version::new(4, 4, 0, 0);
const LINE_5: Version = Version::new(5, 0, 0, 0);

fn applies(path: &UpgradePath) -> Applies {
    // A release on the way can be one before 4.4.
    if path.from < LINE_4_4 || path.to >= LINE_5 {
        Applies::Yes
    } else {
        Applies::No(format!(
            "only targets before 4.4 (OFED) and from 5.0 on (ConnectX-4) are affected, {} is not",
            path.to
        ))
    }
}

fn judge(
    context: &Context<'_>,
    This(server): This<'_>,
    containers: Result<&Containers, Missing>,
    nets: Result<&ContainerNets, Missing>,
    ofed: Result<&Ofed, Missing>,
    fleet: Fleet<'_, Ofed>,
) -> Judgement {
    let rule = &context.data.rules.ofed;
    let is_early = |v: &Version| *v < LINE_4_4 && rule.targets.contains(v);
    let by_driver = context.first_ahead(is_early).map(|_| {
        ofed.map_or_else(
            |missing| Judgement::unknown(missing.to_string()),
            |ofed| driver(ofed, rule, &fleet),
        )
    });
    let by_card = context.first_ahead(|v| *v >= LINE_5).map(|_| {
        let facts = containers.and_then(|containers| Ok((containers, nets?)));
        facts.map_or_else(
            |missing| Judgement::unknown(missing.to_string()),
            |(containers, nets)| cards(server, containers, nets),
        )
    });
    match (by_driver, by_card) {
        (Some(one), Some(other)) => worse(one, other),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => Judgement::skipped(format!(
            "no release on the way to {} is one of {} (OFED) or from 5.0 on (ConnectX-4)",
            context.to, rule.targets
        )),
    }
}

/// Of two judgements the one that is further from green.
fn worse(one: Judgement, other: Judgement) -> Judgement {
    let badness = |judgement: &Judgement| match judgement.outcome {
        Outcome::Fail => 3,
        Outcome::Unknown => 2,
        Outcome::Warn => 1,
        Outcome::Pass | Outcome::Skipped => 0,
    };
    if badness(&other) > badness(&one) {
        other
    } else {
        one
    }
}

fn cards(server: &Server, containers: &Containers, nets: &ContainerNets) -> Judgement {
    let (mut red, mut nameless, mut names, mut known) = (Vec::new(), Vec::new(), Vec::new(), false);
    for container in containers.on(server).filter(|c| c.backend) {
        for net in nets.0.iter().filter(|net| net.container == container.id) {
            known = true;
            for device in &net.devices {
                let place = format!("{}, {}", container.name, net.name);
                match device {
                    Some(name) if is_cx4(name) => {
                        red.push(format!("{place}: {name}"));
                    }
                    Some(name) if names.contains(name) => {}
                    Some(name) => names.push(name.clone()),
                    None => nameless.push(place),
                }
            }
        }
    }
    if !red.is_empty() {
        return Judgement::fail(
            format!("a ConnectX-4 is in use ({})", red.join("; ")),
            "Replace it by a ConnectX-6 or newer before the upgrade, one server after the other; \
             `lspci | grep -i connectx` shows where it is.",
        )
        .details(red);
    }
    if !nameless.is_empty() {
        return Judgement::unknown(format!(
            "the cluster has no name for the card of {}",
            nameless.join("; ")
        ));
    }
    if !known {
        return Judgement::unknown(
            "`weka cluster container net` tells nothing of this server's containers",
        );
    }
    let clients = clients_with_cx4(containers, nets);
    if !clients.is_empty() {
        return Judgement::warn(
            format!("no ConnectX-4 here, but in {} clients", clients.len()),
            "WEKA's list of cards without ConnectX-4 is that of backends. Ask support whether these clients can follow to \
             the target with their cards; if so, accept this warning by name: `--accept server/nics=REASON`.",
        )
        .details(clients);
    }
    if names.is_empty() {
        Judgement::pass("no card is used directly (UDP mode)")
    } else {
        Judgement::pass(names.join(", "))
    }
}

fn driver(ofed: &Ofed, rule: &OfedRule, fleet: &Fleet<'_, Ofed>) -> Judgement {
    if ofed.cards == 0 {
        return Judgement::pass("no card of Mellanox");
    }
    let remedy = "Install a supported OFED, the same on all backends: `mlnxofedinstall --add-kernel-support`, then \
         `/etc/init.d/openibd restart` or a reboot, one server after the other; `ofed_info -s` shows the release.";
    let Some(release) = &ofed.release else {
        return Judgement::warn("cards of Mellanox, but no OFED is installed", remedy);
    };
    match line(release) {
        None => return Judgement::unknown(format!("OFED has the release {release:?}")),
        Some(found)
            if !rule
                .supported
                .iter()
                .any(|known| line(known) == Some(found)) =>
        {
            return Judgement::fail(
                format!(
                    "OFED {release} is not supported ({})",
                    rule.supported.join(", ")
                ),
                remedy,
            );
        }
        Some(_) => {}
    }
    let others: Vec<(&str, &str)> = fleet
        .known()
        .filter(|(other, _)| other.role.scope() == Scope::Backend)
        .filter(|(_, ofed)| ofed.cards > 0)
        .filter_map(|(other, ofed)| Some((other.name.as_str(), ofed.release.as_deref()?)))
        .collect();
    if others.iter().any(|(_, other)| other != release) {
        let lines = others
            .iter()
            .map(|(name, release)| format!("{name}: OFED {release}"));
        return Judgement::warn(
            format!("OFED {release} here, another release on other backends"),
            remedy,
        )
        .details(lines);
    }
    Judgement::pass(format!(
        "OFED {release}, the same on all {} backends that have it",
        others.len()
    ))
}

/// The clients of the whole cluster that use such a card, each once.
fn clients_with_cx4(containers: &Containers, nets: &ContainerNets) -> Vec<String> {
    let mut clients: Vec<String> = Vec::new();
    for container in containers.0.iter().filter(|c| !c.backend) {
        let cards = nets.0.iter().filter(|net| net.container == container.id);
        let card = cards
            .flat_map(|net| net.devices.iter().flatten())
            .find(|name| is_cx4(name));
        if let Some(card) = card {
            let line = format!("{}: {card}", container.hostname);
            if !clients.contains(&line) {
                clients.push(line);
            }
        }
    }
    clients
}

/// ConnectX-4 and ConnectX-4 Lx.
fn is_cx4(name: &str) -> bool {
    name.to_ascii_lowercase().contains("connectx-4")
}

/// `23.10-0.5.5.0` is (23, 10); `5.10-…` is not 5.1.
fn line(release: &str) -> Option<(u32, u32)> {
    let (major, rest) = release.split_once('.')?;
    let minor = rest.split(['.', '-']).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged;
    use Outcome::{Fail, Pass, Skipped, Unknown, Warn};

    const CONTAINERS: &str = r#"[
        {"host_id":1,"hostname":"weka-01","container_name":"drives0","host_ip":"10.0.0.1","mode":"backend","status":"UP"},
        {"host_id":2,"hostname":"weka-02","container_name":"drives0","host_ip":"10.0.0.2","mode":"backend","status":"UP"},
        {"host_id":9,"hostname":"weka-01","container_name":"client","host_ip":"10.0.0.1","mode":"client","status":"UP"}]"#;
    const CX6: &str = r#"{"host_id":"HostId<1>","name":"eth2","net_devices":[{"device":"MT2894 Family [ConnectX-6 Lx]"}]}"#;

    fn ofed(cards: u64, said: &str) -> String {
        format!("cards {cards}\nofed {said}\nend\n")
    }

    fn with_nets(nets: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .weka("weka:containers", CONTAINERS)
            .weka("weka:container-net", nets)
            .backend("weka-01", &[])
            .judge_one(&NICS, "5.1.25")
    }

    #[rstest]
    #[case::newer(&format!("[{CX6}]"), Pass)]
    #[case::cx4(
        r#"[{"host_id":1,"name":"eth2","net_devices":[{"device":"MT27700 Family [ConnectX-4]"}]}]"#,
        Fail
    )]
    #[case::cx4_lx(r#"[{"host_id":1,"name":"eth2","net_devices":[{"device":"MT27710 Family [CONNECTX-4 Lx]"}]}]"#, Fail)]
    #[case::one_of_two(&format!(r#"[{CX6},{{"host_id":1,"name":"eth3","net_devices":[{{"device":"x ConnectX-4"}}]}}]"#), Fail)]
    #[case::of_another_server(&format!(r#"[{CX6},{{"host_id":2,"name":"eth2","net_devices":[{{"device":"x ConnectX-4"}}]}}]"#), Pass)]
    // field history 72
    #[case::of_a_client_container(&format!(r#"[{CX6},{{"host_id":9,"name":"eth2","net_devices":[{{"device":"x ConnectX-4"}}]}}]"#), Warn)]
    #[case::here_and_of_a_client_container(r#"[{"host_id":1,"name":"eth2","net_devices":[{"device":"x ConnectX-4"}]},{"host_id":9,"name":"eth2","net_devices":[{"device":"x ConnectX-4"}]}]"#, Fail)]
    #[case::udp(r#"[{"host_id":1,"name":"udp","net_devices":null}]"#, Pass)]
    // field history S22
    #[case::no_name(
        r#"[{"host_id":1,"name":"eth2","net_devices":[{"device":null}]}]"#,
        Unknown
    )]
    #[case::nothing_of_it("[]", Unknown)]
    fn cards_of_5_0(#[case] nets: &str, #[case] outcome: Outcome) {
        let result = with_nets(nets);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), matches!(outcome, Warn | Fail));
    }

    fn with_ofed(first: &str, second: &str) -> Vec<Outcome> {
        let results = Evidence::running("4.2.18.34")
            .by(crate::release_data().expect("good data"))
            .weka("weka:containers", CONTAINERS)
            .backend("weka-01", &[("host:ofed", first)])
            .backend("weka-02", &[("host:ofed", second)])
            .judge(&NICS, "4.3.5");
        for result in &results {
            assert_eq!(
                result.remedy.is_some(),
                matches!(result.outcome, Warn | Fail),
                "{result:?}"
            );
        }
        results.iter().map(|r| r.outcome).collect()
    }

    const GOOD: &str = "cards 2\nofed MLNX_OFED_LINUX-23.10-0.5.5.0:\nend\n";

    // field history S28
    #[rstest]
    #[case::same(GOOD, GOOD, [Pass, Pass])]
    #[case::first_has_no_mellanox(&ofed(0, "none"), &ofed(2, "5.2-1.0.4.0"), [Pass, Fail])] // field history 73
    #[case::prefix(&ofed(2, "5.10-1.0.0.0"), &ofed(2, "5.10-1.0.0.0"), [Fail, Fail])] // public checks 27
    // field history 74
    #[case::below_the_smallest(&ofed(2, "4.6-1.0.1.1"), &ofed(2, "5.0-2.1.8.0"), [Fail, Fail])]
    // field history 76
    #[case::the_smallest(&ofed(2, "5.1-2.5.8.0"), &ofed(2, "5.1-2.5.8.0"), [Pass, Pass])]
    #[case::too_new(&ofed(2, "24.04-0.7.0.0"), GOOD, [Fail, Warn])]
    #[case::differ(&ofed(2, "5.8-3.0.7.0"), GOOD, [Warn, Warn])]
    #[case::differ_in_the_build(&ofed(2, "23.10-1.1.9.0"), GOOD, [Warn, Warn])]
    #[case::none(&ofed(2, "none"), GOOD, [Warn, Pass])]
    #[case::of_no_use(&ofed(0, "5.2-1.0.4.0"), GOOD, [Pass, Pass])]
    #[case::april(&ofed(2, "23.04-1.1.3.0"), &ofed(2, "23.04-1.1.3.0"), [Pass, Pass])]
    #[case::unreadable(&ofed(2, "sudo: a password is required"), GOOD, [Unknown, Pass])]
    fn ofed_before_4_4(#[case] first: &str, #[case] second: &str, #[case] expected: [Outcome; 2]) {
        assert_eq!(with_ofed(first, second), expected);
    }

    // field history 72
    /// A site's own list decides.
    #[test]
    fn by_other_data() {
        let mut data = crate::release_data().expect("good data");
        data.rules.ofed.supported = vec!["5.2".to_owned()];
        let results = Evidence::running("4.2.18.34")
            .by(data)
            .weka("weka:containers", CONTAINERS)
            .backend("weka-01", &[("host:ofed", &ofed(2, "5.2-1.0.4.0"))])
            .backend("weka-02", &[("host:ofed", &ofed(2, "5.8-3.0.7.0"))])
            .judge(&NICS, "4.3.5");
        assert_eq!(results[0].outcome, Warn, "{results:?}");
        assert_eq!(results[1].outcome, Fail, "{results:?}");
        assert_eq!(
            results[1].summary,
            "OFED 5.8-3.0.7.0 is not supported (5.2)"
        );
    }

    // field history 72
    #[rstest]
    #[case::before("4.3.5.105", Fail)]
    #[case::line_4_4("4.4", Skipped)]
    #[case::end_of_4_4("4.4.99", Skipped)]
    #[case::line_5("5.0.0", Fail)]
    fn window(#[case] target: &str, #[case] outcome: Outcome) {
        let nets = r#"[{"host_id":1,"name":"eth2","net_devices":[{"device":"ConnectX-4"}]}]"#;
        let result = Evidence::running("4.2.18.34")
            .weka("weka:containers", CONTAINERS)
            .weka("weka:container-net", nets)
            .backend("weka-01", &[("host:ofed", &ofed(2, "5.2-1.0.4.0"))])
            .judge_one(&NICS, target);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    /// 4.4.33 is reached over a 4.2.18, which knows certain drivers only.
    #[rstest]
    #[case::the_first_hop("4.2.0", Fail)]
    #[case::no_hop("4.2.18.34", Skipped)]
    fn each_hop_counts(#[case] from: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(from)
            .by(crate::release_data().expect("good data"))
            .weka("weka:containers", CONTAINERS)
            .backend("weka-01", &[("host:ofed", &ofed(2, "5.2-1.0.4.0"))])
            .judge_one(&NICS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history G23
    #[test]
    fn half_the_evidence_is_unknown() {
        let base = Evidence::running("4.2.18.34")
            .by(crate::release_data().expect("good data"))
            .weka("weka:containers", CONTAINERS);
        damaged::probe_is_unknown(&NICS, "4.3.5", "host:ofed", GOOD, &base, &[]);
        let base = base.backend("weka-01", &[]);
        damaged::is_unknown(&NICS, "5.1.25", "weka:container-net", &base);
    }
}
