//! What the kernel and the files of a machine say: `/proc`, `/sys`, `/etc`.

use std::fmt::Write as _;

use crate::model::{Firmware, Ipv6, Machine, Server};
use crate::output::Output;

/// `/etc/os-release`, the file that distributions of one family have beside
/// it, and the kernel.
pub(super) fn os(machine: &Machine) -> String {
    let os = &machine.os;
    let name = format!("{} {} ({})", os.name, os.version, os.codename);
    let mut text = format!(
        "== /etc/os-release\nNAME=\"{}\"\nVERSION=\"{} ({})\"\nID=\"{}\"\nVERSION_ID=\"{}\"\nPRETTY_NAME=\"{name}\"\n",
        os.name, os.version, os.codename, os.id, os.version
    );
    if matches!(os.id.as_str(), "rocky" | "rhel" | "almalinux" | "centos") {
        let _ = writeln!(
            text,
            "== /etc/redhat-release\n{} release {} ({})",
            os.name, os.version, os.codename
        );
    }
    text + &format!("== kernel\n{}\n", machine.kernel)
}

/// `/proc/cmdline`.
pub(super) fn boot_arguments(machine: &Machine) -> String {
    let more: String = machine
        .boot_arguments
        .iter()
        .map(|word| format!(" {word}"))
        .collect();
    format!(
        "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-{} root=/dev/mapper/rl-root ro quiet{more}\n",
        machine.kernel
    )
}

/// The first lines of `/proc/meminfo`: 384 GiB, most of it in huge pages.
pub(super) fn memory(machine: &Machine) -> String {
    let available = machine.memory_available;
    format!(
        "MemTotal: 395266684 kB\nMemFree: {} kB\nMemAvailable: {available} kB\n",
        available / 10 * 7
    )
}

/// Secure Boot, IPv6 and modules.
pub(super) fn boot(machine: &Machine) -> String {
    let firmware = match machine.firmware {
        Firmware::Bios => "firmware bios",
        Firmware::Uefi => "firmware efi\nsecure-boot 6 0 0 0 0",
        Firmware::SecureBoot => "firmware efi\nsecure-boot 6 0 0 0 1",
    };
    let ipv6 = match machine.ipv6 {
        Ipv6::On => "ipv6 addresses\ndisable-ipv6 0",
        Ipv6::SwitchedOff => "ipv6 empty\ndisable-ipv6 1",
        Ipv6::NotInKernel => "ipv6 absent",
    };
    let modules: String = machine
        .falcon_modules
        .iter()
        .map(|module| format!("module {module}\n"))
        .collect();
    format!(
        "kernel {}\n{firmware}\n{ipv6}\n{modules}end\n",
        machine.kernel
    )
}

/// What the driver is compiled with.
pub(super) fn build(machine: &Machine) -> String {
    let tools: String = ["headers", "gcc", "make", "perl", "libelf"]
        .iter()
        .map(|tool| {
            let lacks = machine.cannot_build_with.iter().any(|t| t == tool);
            format!("{} {tool}\n", if lacks { "lacks" } else { "has" })
        })
        .collect();
    let manager = match machine.os.id.as_str() {
        "ubuntu" | "debian" => "apt-get",
        "sles" => "zypper",
        _ => "dnf",
    };
    format!("kernel {}\n{tools}manager {manager}\nend\n", machine.kernel)
}

/// Whether the headers name `launder_folio`; without headers nothing tells.
pub(super) fn kernel_headers(machine: &Machine) -> String {
    let lacking = machine.cannot_build_with.iter().any(|t| t == "headers");
    let told = match (lacking, machine.launder_folio) {
        (true, _) => "untold",
        (false, true) => "yes",
        (false, false) => "no",
    };
    format!(
        "kernel {}\nID=\"{}\"\nlaunder_folio {told}\n",
        machine.kernel, machine.os.id
    )
}

/// Two sockets of 32 cores. A slow core is looked at twice.
pub(super) fn cpu(machine: &Machine) -> String {
    let cores: String = (0..64)
        .map(|n| {
            let mhz = machine.slow_cores.get(&n).copied().unwrap_or(2795);
            format!("mhz {n} {mhz}\n")
        })
        .collect();
    let again = if machine.slow_cores.is_empty() {
        String::new()
    } else {
        format!("governor powersave\nagain\n{cores}")
    };
    let flags: String = machine
        .cpu_flags
        .iter()
        .map(|flag| format!(" {flag}"))
        .collect();
    format!(
        "nodes {}\n{cores}{again}flags{flags}\nmodel Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz\ncpus 64\n",
        machine.numa_domains
    )
}

/// What `ofed_info -s` says, beside two ports of Mellanox cards.
pub(super) fn ofed(machine: &Machine) -> String {
    let release = match &machine.ofed {
        Some(release) => format!("{release}:"),
        None => "none".to_owned(),
    };
    format!("cards 2\nofed {release}\nend\n")
}

/// Whether room can be reserved; `fallocate` has to be installed to tell.
pub(super) fn fallocate(machine: &Machine) -> Output {
    if !machine.has_program("fallocate") {
        return Output::failed(127, "");
    }
    Output::text(if machine.fallocate {
        "yes\n"
    } else {
        "no fallocate: fallocate failed: Operation not supported\n"
    })
}

/// What `/sys` shows of the IOMMU.
pub(super) fn iommu(server: &Server) -> String {
    let (argument, units) = match server.iommu_groups {
        0 => ("", 0),
        _ => ("argument intel_iommu=on\n", 2),
    };
    format!("{argument}units {units}\ngroups {}\n", server.iommu_groups)
}
