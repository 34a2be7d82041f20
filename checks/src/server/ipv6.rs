use checker_core::facts::Missing;
use checker_core::facts::boot::{Boot, Ipv6};
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// IPv6 is enabled.
    ///
    /// ## What it looks at
    /// `/proc/net/if_inet6`. A kernel that was booted with `ipv6.disable=1` has no
    /// such file; where IPv6 is switched off with
    /// `sysctl net.ipv6.conf.all.disable_ipv6=1` it is there and empty. An address
    /// on the loopback is enough: the network need not speak IPv6.
    ///
    /// ## Why it matters
    /// The containers of the releases 4.3.2 up to, not including, 4.4.6 open
    /// sockets of IPv6, for IPv4 too.
    ///
    /// ## If ignored
    /// The containers of this server do not start in the new release.
    ///
    /// ## How to fix
    /// Take `ipv6.disable=1` off the kernel's command line
    /// (`grubby --update-kernel=ALL --remove-args=ipv6.disable`, or
    /// `/etc/default/grub` and `update-grub`) and reboot. If it was switched off by
    /// sysctl: remove the line from `/etc/sysctl.d`, then
    /// `sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0`.
    pub IPV6 {
        id: "server/ipv6",
        scope: [Backend],
        when: "4.3.2 <= tgt < 4.4.6",
        applies: applies,
        levels: [Fail],
        // Its window is that of the target: it was once asked of the source,
        // then of both (field history 22).
        sources: ["Public upgrade checker: IPv6", "rules J6, N6"],
        needs: [Result<&Boot, Missing>],
        judge: judge,
    }
}

const FROM: Version = Version::new(4, 3, 2, 0);
const BEFORE: Version = Version::new(4, 4, 6, 0);

fn applies(path: &UpgradePath) -> Applies {
    // A release on the way can be one of them.
    if path.to >= FROM && path.from < BEFORE {
        Applies::Yes
    } else {
        Applies::No(not_needed(&path.to))
    }
}

fn not_needed(target: &Version) -> String {
    format!("only releases from 4.3.2 up to, not including, 4.4.6 need IPv6; {target} does not")
}

fn judge(context: &Context<'_>, boot: Result<&Boot, Missing>) -> Judgement {
    let Some(hop) = context.first_ahead(|release| (FROM..BEFORE).contains(release)) else {
        return Judgement::skipped(not_needed(context.to));
    };
    let hop = context.on_the_way(hop);
    let boot = match boot {
        Ok(boot) => boot,
        Err(missing) => return Judgement::unknown(missing.to_string()),
    };
    match (boot.ipv6, boot.ipv6_disabled_by_sysctl) {
        (Ipv6::Addresses, _) => Judgement::pass("IPv6 is enabled"),
        (Ipv6::NotInKernel, _) => Judgement::fail(
            format!("the kernel runs without IPv6 (no /proc/net/if_inet6){hop}"),
            "`grubby --update-kernel=ALL --remove-args=ipv6.disable` (or /etc/default/grub and `update-grub`), then \
             reboot, one server after the other.",
        ),
        (Ipv6::SwitchedOff, disabled) => {
            let how = match disabled {
                Some(true) => " (net.ipv6.conf.all.disable_ipv6 is set)",
                _ => "",
            };
            Judgement::fail(
                format!("no interface has an IPv6 address, not even the loopback{how}{hop}"),
                "Remove `disable_ipv6` from /etc/sysctl.conf and /etc/sysctl.d, then \
                 `sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0`.",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Fail, Pass, Skipped, Unknown};

    fn answer(ipv6: &str) -> String {
        format!("kernel 5.14.0\nfirmware bios\n{ipv6}\nend\n")
    }

    // field history 21: both ways of switching it off
    #[rstest]
    #[case::on("ipv6 addresses\ndisable-ipv6 0", Pass)]
    #[case::loopback_alone("ipv6 addresses\ndisable-ipv6 1", Pass)]
    #[case::kernel("ipv6 absent", Fail)]
    #[case::sysctl("ipv6 empty\ndisable-ipv6 1", Fail)]
    #[case::each_interface("ipv6 empty\ndisable-ipv6 0", Fail)]
    #[case::odd("ipv6 perhaps", Unknown)]
    fn judges(#[case] ipv6: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.2.18.34")
            .backend("weka-01", &[("host:boot", &answer(ipv6))])
            .judge_one(&IPV6, "4.4.4");
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Fail);
    }

    // field history 22: the target counts, not the source
    #[rstest]
    #[case::before("4.2.1", "4.3.1", Skipped)]
    #[case::first("4.2.1", "4.3.2", Fail)]
    #[case::first_build("4.2.1", "4.3.2.161", Fail)]
    #[case::last("4.2.1", "4.4.5.999", Fail)]
    #[case::behind("4.2.1", "4.4.6", Skipped)]
    #[case::source_inside("4.3.5", "4.4.33", Skipped)]
    #[case::later("4.4.4", "5.1.25", Skipped)]
    fn window(#[case] from: &str, #[case] to: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(from)
            .backend("weka-01", &[("host:boot", &answer("ipv6 absent"))])
            .judge_one(&IPV6, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history R11
    #[test]
    fn half_an_answer_is_unknown() {
        let base = Evidence::running("4.2.18.34");
        probe_is_unknown(
            &IPV6,
            "4.4.4",
            "host:boot",
            &answer("ipv6 addresses"),
            &base,
            &[],
        );
    }
}
