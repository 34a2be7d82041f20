//! The services of a server that an upgrade cares about, as systemd or the
//! SysV script sees them.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// WEKA's agent.
pub const AGENT: &str = "weka-agent.service";
/// The lock status daemon of NFSv3, `rpc.statd`.
pub const STATD: &str = "rpc-statd.service";
/// The one that tells peers of a restart, `sm-notify`.
pub const STATD_NOTIFY: &str = "rpc-statd-notify.service";
/// The sensor of CrowdStrike Falcon.
pub const FALCON: &str = "falcon-sensor.service";

/// All units in one call of `systemctl show`, then what the agent's pid file
/// says: a unit that systemd made of a SysV script stays `active (exited)`
/// when its process dies.
///
/// Where systemd does not run, the same form is printed by hand; where it runs
/// and does not answer, nothing is known. The text of
/// `service … status` differs between releases, so its exit status decides.
pub static UNITS: ServerProbe = ServerProbe {
    key: "host:units",
    script: r#"units='weka-agent.service rpc-statd.service rpc-statd-notify.service falcon-sensor.service'
names=' '
look() {
    for comm in /proc/[0-9]*/comm; do
        { read -r name < "$comm"; } 2>/dev/null && names="$names$name "
    done
}
alive() {
    case $names in *" $1 "*) return 0 ;; esac
    return 1
}
block() {
    printf 'Id=%s\nLoadState=%s\nActiveState=%s\nSubState=\nUnitFileState=\n\n' "$1" "$2" "$3"
}
# shellcheck disable=SC2086
if command -v systemctl >/dev/null 2>&1 &&
    shown=$(systemctl show -p Id,LoadState,ActiveState,SubState,UnitFileState $units) && [ -n "$shown" ]; then
    printf '%s\n\n' "$shown"
elif [ -d /run/systemd/system ]; then
    echo 'systemd runs, but systemctl did not answer' >&2
    exit 1
else
    if [ -x /etc/init.d/weka-agent ]; then
        /etc/init.d/weka-agent status >/dev/null 2>&1 </dev/null
        case $? in
            0) block weka-agent.service sysv active ;;
            1|2|3) block weka-agent.service sysv inactive ;;
            *) block weka-agent.service sysv unknown ;;
        esac
    else
        block weka-agent.service not-found inactive
    fi
    look
    if alive rpc.statd; then block rpc-statd.service sysv active; else block rpc-statd.service sysv inactive; fi
    if alive sm-notify; then block rpc-statd-notify.service sysv active; else block rpc-statd-notify.service sysv inactive; fi
    # The kernel cuts a name at 15 characters: falcon-sensor-bpf.
    if alive falcon-sensor || alive falcon-sensor-b; then block falcon-sensor.service sysv active; else block falcon-sensor.service sysv inactive; fi
fi
pid=
for file in /run/weka-agent.pid /var/run/weka-agent.pid; do
    { read -r pid < "$file"; } 2>/dev/null
    [ -n "$pid" ] && break
done
case $pid in
    ''|*[!0-9]*) state=unknown ;;
    *) if [ -d "/proc/$pid" ]; then state=active; else state=inactive; fi ;;
esac
printf 'Id=weka-agent.pid\nLoadState=pidfile\nActiveState=%s\n' "$state"
"#,
    timeout: Duration::from_secs(5),
    limit: 16 * 1024,
};

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Its name, `rpc-statd.service`.
    pub id: String,
    /// `loaded`, `not-found`, `masked`, `bad-setting`, …; `sysv` where systemd does not run.
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`; `unknown` where a SysV script did not tell.
    pub active: String,
    /// `running`, `exited`, `dead`, …; empty where systemd does not run.
    pub sub: String,
    /// `enabled`, `disabled`, `static`, `masked`, `generated`, …; empty where that is not known.
    pub file: String,
}

impl Unit {
    /// Whether the server has such a service at all.
    #[must_use]
    pub fn installed(&self) -> bool {
        self.load != "not-found"
    }

    /// Whether it runs, or is on its way up or down. `None` when nobody could tell.
    #[must_use]
    pub fn runs(&self) -> Option<bool> {
        match self.active.as_str() {
            "active" | "activating" | "reloading" | "refreshing" | "deactivating" => Some(true),
            "inactive" | "failed" => Some(false),
            _ => None,
        }
    }

    /// Whether the next boot starts it by itself. `None` where that is not
    /// known (SysV). A `static` unit is started only by others.
    #[must_use]
    pub fn enabled(&self) -> Option<bool> {
        match self.file.as_str() {
            "" | "generated" if self.installed() => None,
            "enabled" | "enabled-runtime" => Some(true),
            _ => Some(false),
        }
    }

    /// Its state as systemd words it: `active (running)`.
    #[must_use]
    pub fn state(&self) -> String {
        if self.sub.is_empty() {
            self.active.clone()
        } else {
            format!("{} ({})", self.active, self.sub)
        }
    }
}

/// The services of one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Units {
    /// `weka-agent.service`.
    pub agent: Unit,
    /// Whether the process in the agent's pid file lives; `None` without such a file.
    pub agent_process: Option<bool>,
    /// `rpc-statd.service`.
    pub statd: Unit,
    /// `rpc-statd-notify.service`.
    pub statd_notify: Unit,
    /// `falcon-sensor.service`; `None` in evidence from before it was asked for.
    pub falcon: Option<Unit>,
}

impl Fact for Units {
    const NAME: &'static str = "units";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&UNITS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(UNITS.key)?).map_err(|what| view.unreadable(UNITS.key, what))
    }
}

fn parse(text: &str) -> Result<Units, String> {
    let mut blocks = blocks(text);
    let mut take = |id: &str| {
        blocks
            .remove(id)
            .ok_or_else(|| format!("nothing about {id}"))
            .and_then(|block| unit(id, &block))
    };
    Ok(Units {
        agent: take(AGENT)?,
        statd: take(STATD)?,
        statd_notify: take(STATD_NOTIFY)?,
        falcon: take(FALCON).ok(),
        agent_process: take("weka-agent.pid").ok().and_then(|pid| pid.runs()),
    })
}

/// The blocks by the `Id` in them. Lines that are no `Key=value` are noise.
fn blocks(text: &str) -> HashMap<&str, HashMap<&str, &str>> {
    let mut found = HashMap::new();
    let mut block: HashMap<&str, &str> = HashMap::new();
    for line in text.lines().chain([""]).map(str::trim_end) {
        if let Some((key, value)) = line.split_once('=') {
            block.insert(key, value);
        } else if line.is_empty() {
            let block = std::mem::take(&mut block);
            if let Some(id) = block.get("Id").copied() {
                found.insert(id, block);
            }
        }
    }
    found
}

fn unit(id: &str, block: &HashMap<&str, &str>) -> Result<Unit, String> {
    let needed = |key: &str| {
        block
            .get(key)
            .filter(|value| !value.is_empty())
            .map(|value| (*value).to_owned())
            .ok_or_else(|| format!("no {key} for {id}"))
    };
    let optional = |key: &str| block.get(key).copied().unwrap_or_default().to_owned();
    Ok(Unit {
        id: id.to_owned(),
        load: needed("LoadState")?,
        active: needed("ActiveState")?,
        sub: optional("SubState"),
        file: optional("UnitFileState"),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SYSTEMD: &str = "Id=weka-agent.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=generated\n\n\
        Id=rpc-statd.service\nLoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=static\n\n\
        Id=rpc-statd-notify.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n\n\
        Id=weka-agent.pid\nLoadState=pidfile\nActiveState=active\n";

    // field history 2
    #[test]
    fn of_systemd() {
        let units = parse(SYSTEMD).expect("readable");
        assert_eq!(units.agent.state(), "active (running)");
        assert_eq!(units.agent.runs(), Some(true));
        assert_eq!(units.agent_process, Some(true));
        assert_eq!(units.statd.runs(), Some(false));
        assert_eq!(units.statd.enabled(), Some(false));
        assert!(!units.statd_notify.installed());
        assert_eq!(units.statd_notify.enabled(), Some(false));
    }

    /// systemctl prints the properties in an order of its own, and older
    /// stand-ins print no pid file.
    #[test]
    fn order_noise_and_a_missing_pid_file_do_not_matter() {
        let text = SYSTEMD
            .replace(
                "Id=rpc-statd.service\nLoadState=loaded\n",
                "LoadState=loaded\nId=rpc-statd.service\n",
            )
            .replace("Id=weka-agent.pid", "Id=other.pid");
        let units = parse(&format!("Welcome to weka-01\n\n{text}")).expect("readable");
        assert_eq!(units.statd.load, "loaded");
        assert_eq!(units.agent_process, None);
    }

    // field history 2
    #[test]
    fn of_sysv() {
        let text = "Id=weka-agent.service\nLoadState=sysv\nActiveState=unknown\nSubState=\nUnitFileState=\n\n\
            Id=rpc-statd.service\nLoadState=sysv\nActiveState=active\nSubState=\nUnitFileState=\n\n\
            Id=rpc-statd-notify.service\nLoadState=sysv\nActiveState=inactive\nSubState=\nUnitFileState=\n\n\
            Id=weka-agent.pid\nLoadState=pidfile\nActiveState=unknown\n";
        let units = parse(text).expect("readable");
        assert_eq!(units.agent.runs(), None);
        assert_eq!(units.statd.runs(), Some(true));
        assert_eq!(units.statd.enabled(), None);
        assert_eq!(units.agent_process, None);
    }

    #[rstest]
    #[case::nothing("")]
    #[case::two_units(SYSTEMD.split("Id=rpc-statd-notify").next().unwrap_or_default())]
    #[case::cut_in_a_block(SYSTEMD.split("ActiveState").next().unwrap_or_default())]
    #[case::an_error(
        "System has not been booted with systemd as init system (PID 1). Can't operate."
    )]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[rstest]
    #[case("enabled", Some(true))]
    #[case("enabled-runtime", Some(true))]
    #[case("disabled", Some(false))]
    #[case("static", Some(false))]
    #[case("masked", Some(false))]
    #[case("generated", None)]
    fn starts_at_boot(#[case] word: &str, #[case] expected: Option<bool>) {
        let unit = Unit {
            id: STATD.to_owned(),
            load: "loaded".to_owned(),
            active: "inactive".to_owned(),
            sub: "dead".to_owned(),
            file: word.to_owned(),
        };
        assert_eq!(unit.enabled(), expected);
    }

    /// The script's own form is read by the parser, on whatever machine the test runs.
    #[test]
    fn the_script_runs_in_a_posix_shell() {
        let output = std::process::Command::new("sh")
            .args(["-c", UNITS.script])
            .output()
            .expect("a shell");
        assert!(output.status.success(), "{output:?}");
        // systemctl may complain where systemd does not run; the shell must not.
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("sh:"), "{stderr}");
        parse(&String::from_utf8_lossy(&output.stdout)).expect("readable");
    }
}
