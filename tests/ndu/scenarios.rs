//! Every scenario in which an upgrade goes wrong: how it stops, what was run,
//! and that it is gone on with when the fault is mended.

use checker_core::ndu::plan::{ClientChoice, ClientOptions};
use checker_core::ndu::run::Outcome;
use checker_simulator::{Cluster, scenarios};

use crate::world::{World, shown};

/// What somebody does about the fault before the upgrade is gone on with.
fn mend(scenario: &str, cluster: &mut Cluster) {
    cluster.upgrade.dark_site = false;
    cluster.upgrade.faults.clear();
    match scenario {
        "ndu-server-lost" => cluster.bring_back("weka-03"),
        "ndu-paused-for-good" => cluster.upgrade.paused = false,
        "ndu-conversion-stuck" => {
            let conversion = cluster.upgrade.conversion.as_mut().expect("it runs");
            conversion.looks = Some(conversion.seen + 2);
        }
        _ => {}
    }
}

fn story(world: &World, from: usize) -> String {
    let mut text = String::new();
    for command in &world.commands()[from..] {
        text.push_str(&format!("  $ {command}\n"));
    }
    text
}

#[test]
fn every_scenario_comes_to_its_end() {
    let names: Vec<_> = scenarios()
        .into_iter()
        .filter(|(name, _)| name.starts_with("ndu-"))
        .collect();
    assert!(names.len() > 20, "{names:?}");
    let mut text = String::new();
    for (name, description) in names {
        let mut world = World::of(name, &["4.4.33"]);
        world.options.clients = Some(ClientOptions {
            which: ClientChoice::All,
            batch: 1,
            drop: Vec::new(),
        });
        // Those of the scenario follow by themselves else.
        world.sim.change(|cluster| {
            let all = cluster.servers.iter_mut().flat_map(|s| &mut s.containers);
            all.for_each(|c| c.auto_remove_timeout = None);
        });
        text.push_str(&format!("== {name}: {description}\n"));
        let mut outcome = world.run(false);
        text.push_str(&story(&world, 0));
        text.push_str(&shown(&outcome));
        let mut tries = 0;
        while !matches!(outcome, Outcome::Done { .. }) {
            tries += 1;
            assert!(tries < 4, "{name}: {}", shown(&outcome));
            world.sim.change(|cluster| mend(name, cluster));
            let before = world.commands().len();
            outcome = world.run(true);
            text.push_str("-- resumed\n");
            text.push_str(&story(&world, before));
            text.push_str(&shown(&outcome));
        }
        if name == "ndu-version-stays" {
            // Here the command says that it finished what it did not.
            text.push('\n');
            continue;
        }
        world.assert_upgraded();
        let clients: Vec<_> = world.upgraded().into_keys().collect();
        assert_eq!(clients.len(), 4 * 3 + 6 + 2, "{name}: {clients:?}");
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}
