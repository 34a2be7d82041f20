//! What a server's kernel tells of its hardware, where that is not the
//! machine's below it: the files of its `/sys`, and some of its `/proc`.

/// As many cores as the containers of a healthy backend use, and some more.
const CORES: usize = 32;

/// What EFI knows Secure Boot by.
const SECURE_BOOT: &str =
    "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// Directories of `/sys` in which there is nothing.
pub(super) const EMPTY: [&str; 6] = [
    "sys/bus/pci/drivers",
    "sys/class/iommu",
    "sys/devices/system/node/node0",
    "sys/devices/system/node/node1",
    "sys/kernel/iommu_groups",
    "sys/module",
];

/// Files by their place, without the first slash.
pub(super) fn files() -> Vec<(&'static str, String)> {
    let cores = (0..CORES).map(|core| {
        format!(
            "processor\t: {core}\nmodel name\t: AMD EPYC 9354P 32-Core Processor\n\
             cpu MHz\t\t: 3250.000\nflags\t\t: fpu sse sse2 avx aes avx2 sha_ni\n\n"
        )
    });
    vec![
        ("proc/cpuinfo", cores.collect()),
        (
            "proc/meminfo",
            "MemTotal:       395939040 kB\nMemFree:        18123456 kB\n\
             MemAvailable:   67108864 kB\nBuffers:            2048 kB\n"
                .to_owned(),
        ),
        (
            "proc/cmdline",
            "BOOT_IMAGE=/vmlinuz root=/dev/sda2 ro quiet\n".to_owned(),
        ),
        (
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            "performance\n".to_owned(),
        ),
        // Four bytes of attributes, then the value: off.
        (SECURE_BOOT, "\u{6}\0\0\0\0".to_owned()),
    ]
}
