//! Is each server ready?

mod cgroups;
mod clock;
mod containers;
mod cpu;
mod cpu_frequency;
mod data_space;
mod driver_build;
mod endpoint_security;
mod fallocate;
mod ipv6;
mod kernel;
mod kernel_args;
mod logs_space;
mod memory;
mod mgmt_ports;
mod nics;
mod numa;
mod opt_weka_place;
mod opt_weka_space;
mod os;
mod secure_boot;
mod system_space;
mod traces_space;
mod wekafs_mounts;

use checker_core::macro_support::BuiltIn;

pub(crate) static CHECKS: &[&BuiltIn] = &[
    &cgroups::CGROUPS,
    &clock::CLOCK,
    &containers::CONTAINERS,
    &cpu::CPU,
    &cpu_frequency::CPU_FREQUENCY,
    &data_space::DATA_SPACE,
    &driver_build::DRIVER_BUILD,
    &endpoint_security::ENDPOINT_SECURITY,
    &fallocate::FALLOCATE,
    &ipv6::IPV6,
    &kernel::KERNEL,
    &kernel_args::KERNEL_ARGS,
    &logs_space::LOGS_SPACE,
    &memory::MEMORY,
    &mgmt_ports::MGMT_PORTS,
    &nics::NICS,
    &numa::NUMA,
    &opt_weka_place::OPT_WEKA_PLACE,
    &opt_weka_space::OPT_WEKA_SPACE,
    &os::OS,
    &secure_boot::SECURE_BOOT,
    &system_space::SYSTEM_SPACE,
    &traces_space::TRACES_SPACE,
    &wekafs_mounts::WEKAFS_MOUNTS,
];
