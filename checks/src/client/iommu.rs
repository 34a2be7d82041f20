use checker_core::facts::iommu::Iommu;
use checker_core::{Context, Judgement, check};

check! {
    /// The client's IOMMU is off.
    ///
    /// ## What it looks at
    /// `/sys/class/iommu` and `/sys/kernel/iommu_groups` on the client: whether the kernel
    /// has made anything there. The words of its command line that are about the IOMMU are
    /// shown with it, but do not decide: `intel_iommu=on` does nothing on a machine
    /// whose firmware has it off, and some kernels have it on without a word.
    ///
    /// ## Why it matters
    /// With an IOMMU the network cards that WEKA drives by itself reach only the memory that
    /// the kernel has opened to them. Releases 4.1.2 to 4.2.2 can't work so (WEKAPP-323895), and
    /// `iommu=pt` breaks 4.4.7 up to 4.4.9.98 and 5.0.1 up to 5.0.1.100
    /// (WEKAPP-513581). The documentation of 4.4 and later supports it, which the public
    /// checker does not take into account: there the warning can be accepted.
    ///
    /// ## If ignored
    /// The client's new container may not start, and the client loses its mounts.
    ///
    /// ## How to fix
    /// Take the argument out of the kernel's command line, or switch it off:
    /// `grubby --update-kernel=ALL --args="intel_iommu=off amd_iommu=off"` (on Ubuntu
    /// in `/etc/default/grub`, then `update-grub`), and restart the client. Or
    /// accept it: `--accept client/iommu=REASON`.
    pub IOMMU {
        id: "client/iommu",
        scope: [Client],
        when: "all",
        levels: [Warn],
        sources: ["WEKAPP-323895", "WEKAPP-513581", "rules I13", "public checker: clients, IOMMU"],
        needs: [&Iommu],
        judge: judge,
    }
}

fn judge(context: &Context<'_>, iommu: &Iommu) -> Judgement {
    let arguments = iommu
        .arguments
        .iter()
        .map(|argument| format!("kernel argument {argument}"));
    if iommu.on() {
        let accept = if context.to.line() >= (4, 4) {
            format!(
                " The documentation of 4.4 and later supports it: if this client has worked so, accept it with \
                 `--accept client/iommu=REASON` (but not with `iommu=pt` for a target from 4.4.7 up to 4.4.9.98 or from \
                 5.0.1 up to 5.0.1.100; the target is {}).",
                context.to
            )
        } else {
            String::new()
        };
        return Judgement::warn(
            format!(
                "IOMMU is on: {} units, {} groups of devices",
                iommu.units, iommu.groups
            ),
            format!(
                "Switch it off and restart the client: `grubby --update-kernel=ALL --args=\"intel_iommu=off \
                 amd_iommu=off\"` (on Ubuntu in /etc/default/grub, then `update-grub`).{accept}"
            ),
        )
        .details(arguments);
    }
    Judgement::pass("IOMMU is off: no units, no groups of devices").details(arguments)
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::report::CheckResult;
    use checker_core::server::{Role, Step};
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn judged(answer: &str, target: &str) -> CheckResult {
        Evidence::running("4.2.18.34")
            .client("client-01", &[("host:iommu", answer)])
            .judge_one(&IOMMU, target)
    }

    #[rstest]
    #[case::off("units 0\ngroups 0\n", Outcome::Pass)]
    #[case::asked_for_but_off("argument intel_iommu=on\nunits 0\ngroups 0\n", Outcome::Pass)]
    #[case::units("units 1\ngroups 0\n", Outcome::Warn)]
    #[case::groups("units 0\ngroups 1\n", Outcome::Warn)]
    #[case::on("argument iommu=pt\nunits 2\ngroups 61\n", Outcome::Warn)]
    #[case::cut("units 0\n", Outcome::Unknown)]
    #[case::empty("", Outcome::Unknown)]
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        for target in ["4.2.19", "4.4.33"] {
            let result = judged(answer, target);
            assert_eq!(result.outcome, outcome, "{result:?}");
        }
    }

    // field history R11: a client that does not answer has no IOMMU that is "on".
    #[test]
    fn no_answer_is_unknown() {
        let cluster = Evidence::running("4.4.21.2");
        let record = cluster.record("host:iommu", End::Exited(1), "", "there is no /sys");
        let failed = cluster
            .clone()
            .server_answered("client-01", Role::Client, vec![record]);
        let unreached = cluster.unreached("client-01", Role::Client, Step::Timeout, "10 s");
        for evidence in [failed, unreached] {
            let result = evidence.judge_one(&IOMMU, "4.4.33");
            assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
        }
    }

    #[rstest]
    #[case::before("4.3.5.105", false)]
    #[case::on("4.4.0", true)]
    #[case::behind("5.1.25", true)]
    fn where_it_is_supported_it_can_be_accepted(#[case] target: &str, #[case] expected: bool) {
        let result = judged("argument iommu=pt\nunits 2\ngroups 61\n", target);
        assert_eq!(result.summary, "IOMMU is on: 2 units, 61 groups of devices");
        assert_eq!(result.details, ["kernel argument iommu=pt"]);
        let remedy = result.remedy.expect("a remedy");
        assert_eq!(
            remedy.contains("--accept client/iommu"),
            expected,
            "{remedy}"
        );
    }
}
