//! The machine below a server: operating system, kernel, processors, cards.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The operating system, as `/etc/os-release` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatingSystem {
    /// `rocky`, `ubuntu`, ….
    pub id: String,
    /// `Rocky Linux`.
    pub name: String,
    /// `9.6`.
    pub version: String,
    /// `Blue Onyx`.
    pub codename: String,
}

impl OperatingSystem {
    /// An operating system of this id, name, release and code name.
    #[must_use]
    pub fn new(id: &str, name: &str, version: &str, codename: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            codename: codename.to_owned(),
        }
    }
}

/// What the firmware says of Secure Boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// No UEFI.
    Bios,
    /// UEFI, with Secure Boot off.
    Uefi,
    /// UEFI, with Secure Boot on.
    SecureBoot,
}

/// Whether the kernel speaks IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ipv6 {
    /// It does.
    On,
    /// `net.ipv6.conf.all.disable_ipv6` is set.
    SwitchedOff,
    /// It was booted with `ipv6.disable=1`.
    NotInKernel,
}

/// The machine below a server. By default one to which nothing is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Its operating system.
    pub os: OperatingSystem,
    /// The release of the running kernel.
    pub kernel: String,
    /// Further words that it was booted with.
    pub boot_arguments: Vec<String>,
    /// Its firmware.
    pub firmware: Firmware,
    /// IPv6.
    pub ipv6: Ipv6,
    /// Loaded modules of endpoint security.
    pub falcon_modules: Vec<String>,
    /// What is missing of `headers`, `gcc`, `make`, `perl` and `libelf`.
    pub cannot_build_with: Vec<String>,
    /// Programs that are not installed: `openssl`, `fallocate`.
    pub without: Vec<String>,
    /// Whether the headers of the kernel name `launder_folio`.
    pub launder_folio: bool,
    /// Memory that can be had, in KiB.
    pub memory_available: u64,
    /// What its processors can do.
    pub cpu_flags: Vec<String>,
    /// NUMA domains.
    pub numa_domains: u32,
    /// MHz of the cores that do not run at full speed.
    pub slow_cores: BTreeMap<u32, u32>,
    /// The card of the data plane, as the cluster names it.
    pub card: String,
    /// The release of OFED; `None` where none is installed.
    pub ofed: Option<String>,
    /// Kinds of the control groups that are mounted: `cgroup`, `cgroup2`.
    pub cgroups: Vec<String>,
    /// Whether the file system of `/opt/weka` can reserve room.
    pub fallocate: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            // What WEKA lists for each recent target.
            os: OperatingSystem::new("rocky", "Rocky Linux", "9.6", "Blue Onyx"),
            kernel: "5.14.0-570.17.1.el9_6.x86_64".to_owned(),
            boot_arguments: Vec::new(),
            firmware: Firmware::Uefi,
            ipv6: Ipv6::On,
            falcon_modules: Vec::new(),
            cannot_build_with: Vec::new(),
            without: Vec::new(),
            launder_folio: false,
            memory_available: 88_412_340,
            cpu_flags: vec!["avx2".to_owned(), "aes".to_owned()],
            numa_domains: 2,
            slow_cores: BTreeMap::new(),
            card: "MT2894 Family [ConnectX-6 Lx]".to_owned(),
            ofed: Some("MLNX_OFED_LINUX-23.10-0.5.5.0".to_owned()),
            cgroups: vec!["cgroup".to_owned()],
            fallocate: true,
        }
    }
}

impl Machine {
    /// Whether this program is installed.
    #[must_use]
    pub fn has_program(&self, name: &str) -> bool {
        !self.without.iter().any(|w| w == name)
    }
}
