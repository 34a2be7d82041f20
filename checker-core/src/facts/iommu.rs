//! Whether a server's IOMMU translates what its devices write.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// How many units and groups the kernel has made, then the words of its
/// command line that are about it.
///
/// A kernel that knows no IOMMU has neither directory: that counts as none.
pub static IOMMU: ServerProbe = ServerProbe {
    key: "host:iommu",
    script: r#"[ -d /sys/kernel ] || { echo 'there is no /sys' >&2; exit 1; }
count() {
    set -- "$1"/*
    [ -e "$1" ] || set --
    echo "$#"
}
if [ -r /proc/cmdline ] && read -r line < /proc/cmdline; then
    set -f
    for word in $line; do
        case $word in
            *iommu*) printf 'argument %s\n' "$word" ;;
        esac
    done
    set +f
fi
echo "units $(count /sys/class/iommu)"
echo "groups $(count /sys/kernel/iommu_groups)"
"#,
    timeout: Duration::from_secs(5),
    limit: 16 * 1024,
};

/// The IOMMU of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Iommu {
    /// How many of them work.
    pub units: u64,
    /// How many groups of devices they keep apart.
    pub groups: u64,
    /// The kernel's arguments about it: `intel_iommu=on`, `iommu=pt`.
    pub arguments: Vec<String>,
}

impl Iommu {
    /// Whether one works.
    #[must_use]
    pub fn on(&self) -> bool {
        self.units > 0 || self.groups > 0
    }
}

impl Fact for Iommu {
    const NAME: &'static str = "iommu";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&IOMMU];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(IOMMU.key)?)
            .ok_or_else(|| view.unreadable(IOMMU.key, "the counts are not in it"))
    }
}

fn parse(text: &str) -> Option<Iommu> {
    let (mut units, mut groups, mut arguments) = (None, None, Vec::new());
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("units", count)) => units = count.trim().parse().ok(),
            Some(("groups", count)) => groups = count.trim().parse().ok(),
            Some(("argument", word)) => arguments.push(word.trim().to_owned()),
            _ => {}
        }
    }
    Some(Iommu {
        units: units?,
        groups: groups?,
        arguments,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::off("units 0\ngroups 0\n", false)]
    #[case::off_though_asked_for("argument intel_iommu=on\nunits 0\ngroups 0\n", false)]
    #[case::units("units 2\ngroups 0\n", true)]
    #[case::groups("units 0\ngroups 61\n", true)]
    #[case::both(
        "argument intel_iommu=on\nargument iommu=pt\nunits 2\ngroups 61\n",
        true
    )]
    fn shapes(#[case] text: &str, #[case] on: bool) {
        let iommu = parse(text).expect("readable");
        assert_eq!(iommu.on(), on);
        assert_eq!(iommu.arguments.len(), text.matches("argument").count());
    }

    #[rstest]
    #[case::empty("")]
    #[case::cut("units 0\n")]
    #[case::other_half("groups 0\n")]
    #[case::words("units none\ngroups none\n")]
    fn refuses(#[case] text: &str) {
        assert_eq!(parse(text), None);
    }

    #[test]
    fn the_script_runs_in_a_posix_shell() {
        let output = std::process::Command::new("sh")
            .args(["-c", IOMMU.script])
            .output()
            .expect("a shell");
        assert!(output.stderr.is_empty(), "{output:?}");
        assert!(parse(&String::from_utf8_lossy(&output.stdout)).is_some());
    }
}
