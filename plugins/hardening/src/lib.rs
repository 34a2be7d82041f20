//! Hardened servers: what security guides forbid, and an upgrade needs. These
//! guides change often, and differ from site to site.

use checker_plugin_sdk::{Evidence, Judgement, Probe};

checker_plugin_sdk::plugin! {
    name: "hardening",
    commands: [],
    probes: [
        Probe::new("modules", MODULES).sample("loaded\nend\n"),
    ],
    checks: [
        /// The kernel may mount squashfs.
        ///
        /// ## What it looks at
        /// Whether squashfs is loaded or built in and, where it is not, whether a rule of
        /// modprobe (`/etc/modprobe.d`, `/run/modprobe.d`, `/usr/lib/modprobe.d`) puts a
        /// command in the place of the module. A rule that only keeps the module from being
        /// loaded by itself (`blacklist`) does no harm, and neither does a comment.
        ///
        /// ## Why it matters
        /// WEKA's releases are squashfs images; each container mounts the one that it runs.
        /// Security guides (CIS among them) have squashfs switched off.
        ///
        /// ## If ignored
        /// Containers that run keep their mount, so all looks well until the upgrade
        /// mounts the new image: the containers of this server do not start any more.
        ///
        /// ## How to fix
        /// Remove the line `install squashfs …` from the file that the result names, and
        /// keep the hardening from putting it back. `modprobe -n -v squashfs` shows whether
        /// it worked.
        {
            id: "hardening/squashfs",
            scope: [Backend, Client],
            when: "all",
            levels: [Fail, Warn],
            sources: ["Field script 210_checksquashfs", "CIS benchmarks: unused file systems"],
            evidence: ["modules"],
            judge: squashfs,
        },
    ],
}

/// What is loaded or built in; the rules that put something in a module's
/// place, with their file; and `end`.
const MODULES: &str = r#"
while read -r n f; do [ "$f" = squashfs ] || [ "$n" = squashfs ] && echo loaded; done </proc/filesystems
for f in /etc/modprobe.d/*.conf /run/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf; do
  [ -r "$f" ] || continue
  while read -r a b c; do
    [ "$a $b" = 'install squashfs' ] && printf 'rule %s: %s\n' "$f" "$c"
  done <"$f"
done
echo end"#;

fn squashfs(evidence: &Evidence<'_>) -> Judgement {
    let mut lines: Vec<&str> = evidence.stdout("modules").lines().collect();
    if lines.pop() != Some("end") {
        return Judgement::unknown("the answer of the probe breaks off");
    }
    let loaded = lines.contains(&"loaded");
    let rules: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("rule "))
        .collect();
    let remedy = "Remove the line `install squashfs …` from the file named above, and from what puts it there; `modprobe -n -v squashfs` must show an insmod, or nothing.";
    match (rules.is_empty(), loaded) {
        (true, true) => Judgement::pass("squashfs is there, and no rule of modprobe is against it"),
        (true, false) => {
            Judgement::pass("squashfs is not loaded yet, and no rule of modprobe is against it")
        }
        // It is there until the next start of the server.
        (false, true) => Judgement::warn(
            "squashfs is loaded, but will not be after a restart",
            remedy,
        )
        .details(rules),
        (false, false) => Judgement::fail(
            "squashfs can't be loaded: a rule of modprobe is against it",
            remedy,
        )
        .details(rules),
    }
}

#[cfg(test)]
mod tests {
    use checker_plugin_sdk::Outcome;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::loaded("loaded\nend\n", Outcome::Pass)]
    #[case::not_yet("end\n", Outcome::Pass)]
    #[case::forbidden("rule /etc/modprobe.d/cis.conf: /bin/false\nend\n", Outcome::Fail)]
    #[case::forbidden_after_a_restart(
        "loaded\nrule /etc/modprobe.d/cis.conf: /bin/true\nend\n",
        Outcome::Warn
    )]
    #[case::cut("loaded\n", Outcome::Unknown)]
    #[case::nothing("", Outcome::Unknown)]
    fn rules(#[case] probe: &str, #[case] expected: Outcome) {
        let judged = PLUGIN.try_on("hardening/squashfs", "weka-01", &[("modules", probe)]);
        assert_eq!(judged.outcome, expected);
    }
}
