use checker_core::facts::boot::{Boot, SecureBoot};
use checker_core::{Context, Judgement, check};

check! {
    /// Secure Boot is off.
    ///
    /// ## What it looks at
    /// The firmware's variable `SecureBoot` below `/sys/firmware/efi/efivars`, or
    /// `mokutil --sb-state` where that is not mounted. A server without UEFI has
    /// no Secure Boot.
    ///
    /// ## Why it matters
    /// With Secure Boot the kernel loads only signed modules. WEKA's drivers are
    /// compiled on the server itself and not signed.
    ///
    /// ## If ignored
    /// The drivers of the new release are built but not loaded, and the
    /// containers of this server do not come back.
    ///
    /// ## How to fix
    /// Switch it off in the firmware setup at the next boot
    /// (`systemctl reboot --firmware-setup` takes you there), then look with
    /// `mokutil --sb-state`.
    pub SECURE_BOOT {
        id: "server/secure-boot",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["Prerequisites: Secure Boot", "rules I1"],
        needs: [&Boot],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, boot: &Boot) -> Judgement {
    match &boot.secure_boot {
        SecureBoot::On => Judgement::fail(
            "Secure Boot is on",
            "Switch it off in the firmware setup (`systemctl reboot --firmware-setup`), one server after the other; \
             `mokutil --sb-state` shows the state.",
        ),
        SecureBoot::Off => Judgement::pass("Secure Boot is off"),
        SecureBoot::None(why) => Judgement::pass(format!("no Secure Boot ({why})")),
        SecureBoot::Unknown(why) => Judgement::unknown(format!("whether Secure Boot is on: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Fail, Pass, Unknown};

    fn answer(lines: &str) -> String {
        format!("kernel 5.14.0-503.el9.x86_64\n{lines}\nipv6 addresses\nend\n")
    }

    #[rstest]
    #[case::on("firmware efi\nsecure-boot 6 0 0 0 1", Fail, "Secure Boot is on")]
    #[case::off("firmware efi\nsecure-boot 6 0 0 0 0", Pass, "Secure Boot is off")]
    #[case::bios("firmware bios", Pass, "no Secure Boot (no UEFI)")]
    #[case::by_mokutil("firmware efi\nmokutil SecureBoot enabled", Fail, "Secure Boot is on")]
    #[case::not_mounted(
        "firmware efi\nsecure-boot unreadable",
        Unknown,
        "whether Secure Boot is on: /sys/firmware/efi/efivars is not mounted"
    )]
    fn judges(#[case] lines: &str, #[case] outcome: Outcome, #[case] summary: &str) {
        let result = Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:boot", &answer(lines))])
            .judge_one(&SECURE_BOOT, "4.4.33");
        assert_eq!(
            (result.outcome, result.summary.as_str()),
            (outcome, summary)
        );
        assert_eq!(result.remedy.is_some(), outcome == Fail);
    }

    #[test]
    fn half_an_answer_is_unknown() {
        let base = Evidence::running("4.4.21.2");
        probe_is_unknown(
            &SECURE_BOOT,
            "4.4.33",
            "host:boot",
            &answer("firmware bios"),
            &base,
            &[],
        );
    }
}
