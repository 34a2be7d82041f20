//! How the configuration keeps each disk: `weka debug config show disks -J`.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View, id_number};
use crate::source::ClusterCommand;

/// Every disk of the configuration, by id.
pub static DISKS_CONFIG: ClusterCommand = ClusterCommand {
    key: "weka:disks-config",
    variants: &["debug config show disks -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One disk of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskConfig {
    /// Its key: `DiskId<5>`.
    pub id: String,
    /// What it is meant to be: `ACTIVE`, `INACTIVE`, ….
    pub target_state: String,
    /// The number of the generation in which it was phased out last; `None`
    /// for `ConfigGeneration<INVALID>`: never.
    pub last_phase_out_generation: Option<u64>,
    /// Its size when it was phased out last, in bytes.
    pub last_phase_out_bytes: u64,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// Every disk of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DisksConfig(pub Vec<DiskConfig>);

impl Fact for DisksConfig {
    const NAME: &'static str = "disks_config";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&DISKS_CONFIG];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(DISKS_CONFIG.key, read)
    }
}

fn read(value: &Value) -> Result<DisksConfig, ShapeError> {
    let disks = Object::new(value, "disks")?;
    if disks.members().is_empty() {
        return Err(ShapeError::new("disks", "it holds no disk"));
    }
    disks
        .members()
        .iter()
        .map(|(id, value)| disk(id, &Object::new(value, format!(".{id}"))?))
        .collect::<Result<_, _>>()
        .map(DisksConfig)
}

fn disk(id: &str, disk: &Object<'_>) -> Result<DiskConfig, ShapeError> {
    let names = ["_targetState", "targetState"];
    let target = disk
        .opt_object(&names)?
        .ok_or_else(|| disk.error(&names, "is missing"))?;
    let generation = ["lastPhaseOutGeneration"];
    Ok(DiskConfig {
        id: id.to_owned(),
        target_state: target.text(&["state"])?.to_ascii_uppercase(),
        last_phase_out_generation: disk
            .get(&generation)
            .and_then(id_number)
            .ok_or_else(|| disk.error(&generation, "is no generation"))?,
        last_phase_out_bytes: disk.number(&["lastPhaseOutSizeB"])?,
        bytes: disk.number(&["sizeB"])?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({"_targetState":{"state":"INACTIVE"},"_committedState":{"state":"INACTIVE"},
            "lastPhaseOutGeneration":"ConfigGeneration<1>","lastPhaseOutSizeB":0,"sizeB":15360950534144u64})
    }

    // field history 59
    #[test]
    fn of_4_2_0() {
        let DisksConfig(list) = read(&json!({"DiskId<5>": sample()})).expect("readable");
        assert_eq!(
            (list[0].id.as_str(), list[0].target_state.as_str()),
            ("DiskId<5>", "INACTIVE")
        );
        assert_eq!(list[0].last_phase_out_generation, Some(1));
    }

    // field history S19
    #[test]
    fn never_phased_out() {
        let mut value = sample();
        value["lastPhaseOutGeneration"] = json!("ConfigGeneration<INVALID>");
        let list = read(&json!({"DiskId<5>": value})).expect("readable");
        assert_eq!(list.0[0].last_phase_out_generation, None);
    }

    #[rstest]
    #[case("_targetState")]
    #[case("lastPhaseOutGeneration")]
    #[case("lastPhaseOutSizeB")]
    #[case("sizeB")]
    fn nothing_needed_is_made_up(#[case] member: &str) {
        let mut value = sample();
        value.as_object_mut().expect("an object").remove(member);
        assert!(read(&json!({"DiskId<5>": value})).is_err());
    }

    #[rstest]
    #[case::list(json!([sample()]))]
    #[case::null(json!(null))]
    fn other_shapes_are_refused(#[case] value: Value) {
        assert!(read(&value).is_err());
    }

    #[test]
    fn a_configuration_without_disks_is_no_answer() {
        assert!(read(&json!({})).is_err());
    }
}
