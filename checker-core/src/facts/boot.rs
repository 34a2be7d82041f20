//! How a server was booted and what its kernel has loaded: Secure Boot, IPv6,
//! the modules of endpoint security.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// Files of `/sys` and `/proc`, read by the shell itself; `od` for the one
/// byte of Secure Boot, and `mokutil` only where that file is not to be had.
pub static BOOT: ServerProbe = ServerProbe {
    key: "host:boot",
    script: r#"{ read -r release < /proc/sys/kernel/osrelease; } 2>/dev/null && echo "kernel $release"
if [ ! -d /sys/firmware/efi ]; then
    echo 'firmware bios'
else
    echo 'firmware efi'
    set -- /sys/firmware/efi/efivars/SecureBoot-*
    [ -e "$1" ] || set -- /sys/firmware/efi/vars/SecureBoot-*/data
    if [ -r "$1" ]; then
        echo "secure-boot" $(od -A n -t u1 "$1")
    elif command -v mokutil >/dev/null; then
        echo "mokutil $(mokutil --sb-state 2>&1)"
    elif set -- /sys/firmware/efi/efivars/*; [ -e "$1" ]; then
        echo 'secure-boot absent'
    else
        echo 'secure-boot unreadable'
    fi
fi
if [ -e /proc/net/if_inet6 ]; then
    if { read -r line < /proc/net/if_inet6; } 2>/dev/null; then echo 'ipv6 addresses'; else echo 'ipv6 empty'; fi
else
    echo 'ipv6 absent'
fi
{ read -r off < /proc/sys/net/ipv6/conf/all/disable_ipv6; } 2>/dev/null && echo "disable-ipv6 $off"
for path in /sys/module/falcon*; do
    [ -d "$path" ] && echo "module ${path##*/}"
done
echo end
"#,
    timeout: Duration::from_secs(5),
    limit: 16 * 1024,
};

/// Whether the firmware lets only signed code boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecureBoot {
    /// It does.
    On,
    /// It does not.
    Off,
    /// There is no UEFI, or one that knows no Secure Boot.
    None(&'static str),
    /// It did not let itself be found out.
    Unknown(String),
}

/// Whether the kernel speaks IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ipv6 {
    /// Some interface has an address.
    Addresses,
    /// No interface has one, not even the loopback: it is switched off.
    SwitchedOff,
    /// The kernel was booted without it, or never had it.
    NotInKernel,
}

/// How one server was booted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Boot {
    /// The release of the running kernel.
    pub kernel: String,
    /// Secure Boot.
    pub secure_boot: SecureBoot,
    /// IPv6.
    pub ipv6: Ipv6,
    /// Whether `net.ipv6.conf.all.disable_ipv6` is set; `None` without IPv6.
    pub ipv6_disabled_by_sysctl: Option<bool>,
    /// Loaded modules of CrowdStrike Falcon.
    pub falcon_modules: Vec<String>,
}

impl Fact for Boot {
    const NAME: &'static str = "boot";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&BOOT];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(BOOT.key)?).map_err(|what| view.unreadable(BOOT.key, what))
    }
}

fn parse(text: &str) -> Result<Boot, String> {
    if !text.lines().any(|line| line == "end") {
        return Err("it breaks off".to_owned());
    }
    let all = |word: &str| {
        let word = format!("{word} ");
        text.lines()
            .filter_map(move |line| Some(line.strip_prefix(&word)?.trim().to_owned()))
            .collect::<Vec<_>>()
    };
    let one = |word: &str| all(word).into_iter().next();
    Ok(Boot {
        kernel: one("kernel").ok_or("it does not tell the kernel's release")?,
        secure_boot: secure_boot(
            &one("firmware").ok_or("it does not tell the firmware")?,
            one("secure-boot").as_deref(),
            one("mokutil").as_deref(),
        ),
        ipv6: match one("ipv6").as_deref() {
            Some("addresses") => Ipv6::Addresses,
            Some("empty") => Ipv6::SwitchedOff,
            Some("absent") => Ipv6::NotInKernel,
            _ => return Err("it does not tell whether there is IPv6".to_owned()),
        },
        ipv6_disabled_by_sysctl: one("disable-ipv6").map(|value| value != "0"),
        falcon_modules: all("module"),
    })
}

/// The file holds four bytes of attributes and the value; that of older
/// kernels (`vars`) the value alone.
fn secure_boot(firmware: &str, file: Option<&str>, mokutil: Option<&str>) -> SecureBoot {
    if firmware == "bios" {
        return SecureBoot::None("no UEFI");
    }
    match (file, mokutil) {
        (Some("absent"), _) => SecureBoot::None("UEFI without Secure Boot"),
        (Some("unreadable"), _) => {
            SecureBoot::Unknown("/sys/firmware/efi/efivars is not mounted".to_owned())
        }
        (Some(bytes), _) => match bytes.split_whitespace().collect::<Vec<_>>().as_slice() {
            [.., "1"] => SecureBoot::On,
            [.., "0"] => SecureBoot::Off,
            _ => SecureBoot::Unknown(format!("the variable SecureBoot holds {bytes:?}")),
        },
        (None, Some(said)) => {
            let said = said.to_ascii_lowercase();
            if said.contains("secureboot enabled") {
                SecureBoot::On
            } else if said.contains("secureboot disabled") {
                SecureBoot::Off
            } else if said.contains("doesn't support secure boot") {
                SecureBoot::None("UEFI without Secure Boot")
            } else {
                SecureBoot::Unknown(format!("mokutil says {said:?}"))
            }
        }
        (None, None) => SecureBoot::Unknown("nothing tells of it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    fn answer(lines: &str) -> String {
        format!("kernel 5.14.0-503.el9.x86_64\n{lines}\nend\n")
    }

    #[rstest]
    #[case::bios("firmware bios", SecureBoot::None("no UEFI"))]
    #[case::on("firmware efi\nsecure-boot 6 0 0 0 1", SecureBoot::On)]
    #[case::off("firmware efi\nsecure-boot 6 0 0 0 0", SecureBoot::Off)]
    #[case::old_kernel("firmware efi\nsecure-boot 1", SecureBoot::On)]
    #[case::not_there(
        "firmware efi\nsecure-boot absent",
        SecureBoot::None("UEFI without Secure Boot")
    )]
    #[case::mokutil_on("firmware efi\nmokutil SecureBoot enabled", SecureBoot::On)]
    #[case::mokutil_off("firmware efi\nmokutil SecureBoot disabled", SecureBoot::Off)]
    fn reads_secure_boot(#[case] lines: &str, #[case] expected: SecureBoot) {
        let boot = parse(&answer(&format!("{lines}\nipv6 addresses"))).expect("readable");
        assert_eq!(boot.secure_boot, expected);
    }

    #[rstest]
    #[case::not_mounted("firmware efi\nsecure-boot unreadable")]
    #[case::empty("firmware efi\nsecure-boot ")]
    #[case::odd("firmware efi\nsecure-boot 6 0 0 0 7")]
    #[case::mokutil_odd("firmware efi\nmokutil Failed to read SecureBoot")]
    #[case::silence("firmware efi")]
    fn odd_secure_boot_is_unknown(#[case] lines: &str) {
        let boot = parse(&answer(&format!("{lines}\nipv6 addresses"))).expect("readable");
        assert!(
            matches!(boot.secure_boot, SecureBoot::Unknown(_)),
            "{boot:?}"
        );
    }

    #[test]
    fn reads_ipv6_and_modules() {
        let text = answer(
            "firmware bios\nipv6 empty\ndisable-ipv6 1\nmodule falcon_lsm_serviceable\nmodule falcon_kal",
        );
        let boot = parse(&text).expect("readable");
        assert_eq!(boot.ipv6, Ipv6::SwitchedOff);
        assert_eq!(boot.ipv6_disabled_by_sysctl, Some(true));
        assert_eq!(
            boot.falcon_modules,
            ["falcon_lsm_serviceable", "falcon_kal"]
        );
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_end("kernel 5.14\nfirmware bios\nipv6 addresses\n")]
    #[case::no_kernel("firmware bios\nipv6 addresses\nend\n")]
    #[case::no_firmware("kernel 5.14\nipv6 addresses\nend\n")]
    #[case::no_ipv6("kernel 5.14\nfirmware bios\nend\n")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    #[case("busybox sh")]
    fn the_script_runs(#[case] shell: &str) {
        let Some(text) = shells::printed(shell, BOOT.script) else {
            return;
        };
        let boot = parse(&text).expect("readable");
        assert!(!boot.kernel.is_empty());
    }

    /// With files of its own in the place of `/sys` and `/proc`.
    #[rstest]
    #[case("sh")]
    #[case("bash")]
    #[case("busybox sh")]
    fn reads_the_files(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        let write = |name: &str, bytes: &[u8]| {
            std::fs::create_dir_all(path(name).parent().expect("a parent")).expect("directories");
            std::fs::write(path(name), bytes).expect("a file");
        };
        let root = dir.path().to_str().expect("UTF-8");
        let script = BOOT
            .script
            .replace("/sys/firmware", &format!("{root}/sys/firmware"))
            .replace("/sys/module", &format!("{root}/sys/module"))
            .replace("/proc/net", &format!("{root}/proc/net"));
        let variable = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        write(variable, &[6, 0, 0, 0, 1]);
        write("sys/module/falcon_lsm_serviceable/refcnt", b"1");
        write("proc/net/if_inet6", b"");
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        let boot = parse(&text).expect("readable");
        assert_eq!(boot.secure_boot, SecureBoot::On, "{text}");
        assert_eq!(boot.ipv6, Ipv6::SwitchedOff);
        assert_eq!(boot.falcon_modules, ["falcon_lsm_serviceable"]);

        std::fs::remove_file(path(variable)).expect("removed");
        write(
            "proc/net/if_inet6",
            b"00000000000000000000000000000001 01 80 10 80 lo\n",
        );
        let text = shells::printed(shell, &script).expect("it ran before");
        let boot = parse(&text).expect("readable");
        assert_ne!(boot.secure_boot, SecureBoot::On, "{text}");
        assert_eq!(boot.ipv6, Ipv6::Addresses);

        std::fs::remove_file(path("proc/net/if_inet6")).expect("removed");
        let text = shells::printed(shell, &script).expect("it ran before");
        let boot = parse(&text).expect("readable");
        assert_eq!(boot.ipv6, Ipv6::NotInKernel);
    }
}
