//! Faults of the servers themselves, one at a time: their files, mounts,
//! commands, processes, ports and kernel settings are changed on the server,
//! as an operator or a failure would, and a full run over SSH must see just
//! that. `weka` answers for a healthy cluster all the while.
//!
//! Each row is a test. It changes one server of three, runs every check, holds
//! the results of all three servers and of the cluster against those from
//! before, takes the change back, and runs the checks that had changed again.
//! Labs are handed on from row to row; the next row would see what was left.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Mutex;

use checker_simulator::Cluster;
use serde_json::Value;

use crate::Test;
use crate::check::{Checked, TARGET, arguments_for, text};
use crate::lab::{Lab, Server};

/// A cluster and three servers on which a change is made.
struct World {
    release: &'static str,
    target: &'static str,
    /// What the cluster has beside the bare minimum.
    cluster: fn(&mut Cluster),
    /// Lines of shell for every server.
    servers: &'static str,
    /// A port of every server, beside those for management.
    port: Option<u16>,
    /// Whether all is green in it. In an older one some check may not be.
    green: bool,
}

static PLAIN: World = World {
    release: "4.4.21.2",
    target: TARGET,
    cluster: |_| {},
    servers: "",
    port: None,
    green: true,
};

/// Servers of protocols, without systemd.
static PROTOCOLS: World = World {
    cluster: |cluster| {
        cluster.serve_smb(&[0]);
        cluster.serve_nfs(&[1, 2]);
        cluster.nfs.custom_options = Some("NFS_CORE_PARAM { RPC_Max_Connections = 8; }".to_owned());
    },
    servers: "rm /usr/bin/systemctl
        mkdir -p /etc/init.d /opt/weka/data/smbw
        [ \"$(hostname)\" = weka-01 ] || rmdir /opt/weka/data/smbw
        printf '#!/bin/sh\\nexit 0\\n' >/etc/init.d/weka-agent
        chmod 755 /etc/init.d/weka-agent",
    port: Some(2049),
    ..PLAIN
};

/// A release for which drivers of cards, kernels and IPv6 still counted.
static OLD: World = World {
    release: "4.2.10",
    target: "4.3.5",
    servers: "printf 'NAME=\"Rocky Linux\"\\nID=\"rocky\"\\nVERSION_ID=\"8.8\"\\n' >/etc/os-release
        echo 'Rocky Linux release 8.8 (Green Obsidian)' >/etc/redhat-release
        echo '{}' >/opt/weka/dist/release/4.2.10.spec
        mkdir -p /sys/bus/pci/drivers/mlx5_core/0000:41:00.0
        printf '#!/bin/sh\\necho MLNX_OFED_LINUX-5.8-1.1.2.1:\\n' >/usr/bin/ofed_info
        chmod 755 /usr/bin/ofed_info",
    green: false,
    ..PLAIN
};

/// A release with a known issue of a boot argument ahead.
static ARGUMENTS: World = World {
    release: "4.4.6",
    target: "4.4.9",
    servers: "echo '{}' >/opt/weka/dist/release/4.4.6.spec",
    green: false,
    ..PLAIN
};

/// What the lines of shell of a row can call. A file of the kernel cannot be
/// written, but another can be mounted over it.
const WORDS: &str = r#"set -eu
over() { cat >/run/over; mount --bind /run/over "$1"; }
save() { cp -p "$1" /run/saved; }
restore() { cp -p /run/saved "$1"; }
instead() {
    mkdir -p /run/true
    mv "/usr/bin/$1" "/run/true/$1"
    { echo '#!/bin/sh'; cat; } >"/usr/bin/$1"
    chmod 755 "/usr/bin/$1"
}
back() { rm -f "/usr/bin/$1"; mv "/run/true/$1" "/usr/bin/$1"; }
away() { mkdir -p /run/true; mv "/usr/bin/$1" "/run/true/$1"; }
weka_says() {
    instead weka <<END
case "\$*" in
"$1"*) /run/true/weka "\$@" | $2 ;;
*) exec /run/true/weka "\$@" ;;
esac
END
}
# room KIB PLACE DISK: so much is free on PLACE, by the size of DISK.
room() {
    used=$(df -P -k "$2" | awk 'NR == 2 { print $3 }')
    mount -o "remount,size=$((used + $1))k" "$3"
}
# A process of this name that waits, and whom somebody waits for.
started() {
    cp /bin/sh "/run/$1"
    rm -f /run/waits
    mkfifo /run/waits
    ( "/run/$1" -c 'read -r _ </run/waits' & echo $! >/run/started; wait ) >/dev/null 2>&1 </dev/null &
    until [ -s /run/started ] && grep -qx "$1" "/proc/$(cat /run/started)/comm" 2>/dev/null; do sleep 0.01; done
}
ended() {
    pid=$(cat /run/started)
    kill "$pid"
    while [ -d "/proc/$pid" ]; do sleep 0.01; done
    rm -f /run/started
}
secure_boot=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
pem=/opt/weka/data/drives0/tls/certificate.pem
certificate() { openssl req -x509 -nodes -keyout /dev/null -subj /CN=lab -out "$pem" "$@" 2>/dev/null; }
core() { awk -v core="$1" -v mhz="$2" '/^processor/ { at = $3 } /^cpu MHz/ && at == core { $0 = "cpu MHz : " mhz } { print }' /proc/cpuinfo; }
"#;

/// A check, a server by its number or 0 for the cluster, an outcome.
type Result = (&'static str, usize, &'static str);

/// One change and all that comes of it.
#[derive(Clone, Copy)]
struct Fault {
    name: &'static str,
    /// What the catalogue says of it.
    rule: &'static str,
    world: &'static World,
    /// The server that is changed.
    on: usize,
    result: Result,
    also: &'static [Result],
    apply: &'static str,
    undo: &'static str,
}

const fn fault(
    name: &'static str,
    result: Result,
    rule: &'static str,
    apply: &'static str,
    undo: &'static str,
) -> Fault {
    Fault {
        name,
        rule,
        world: &PLAIN,
        on: result.1,
        result,
        also: &[],
        apply,
        undo,
    }
}

impl Fault {
    const fn among(self, world: &'static World) -> Self {
        Self { world, ..self }
    }

    /// With these results too: what the same thing means to other checks.
    const fn also(self, also: &'static [Result]) -> Self {
        Self { also, ..self }
    }

    /// On this server, where the result is the cluster's.
    const fn on(self, on: usize) -> Self {
        Self { on, ..self }
    }
}

const OS: &str =
    "R: distribution or version not listed; Y: newer than the newest listed, or unknown";
const CPU: &str = "R: no AVX2 (and what else the target demands)";
const FREQUENCY: &str = "R: WEKA cores under 1500 MHz";
const BUILD: &str =
    "R: kernel headers of the running kernel, gcc, make, perl, libelf headers missing";
const SECURE_BOOT: &str = "R: Secure Boot is on";
const NUMA: &str = "R: more NUMA domains than the target supports";
const MEMORY: &str = "Y: available memory below max(5 GiB, 1 GiB × containers)";
const SPACE: &str = "R: less than 4 GB free in /opt/weka";
const PLACE: &str = "R: symlink, NFS or RAM disk; Y: not a file system of its own; Y: /tmp noexec";
const DATA: &str = "R: less than 1.5 × a container's apparent size free";
const SYSTEM: &str = "R: less than 1 GiB free on / or /var";
const LOGS: &str = "Y: less than 20 % of /opt/weka/logs free";
const TRACES: &str = "Y: the traces file system is smaller than ensure-free";
const FALLOCATE: &str = "R: the file system behind /opt/weka has no fallocate";
const CLOCK: &str = "R: more than 60 s from the median; Y: over 5 s";
const CONTAINERS: &str =
    "R: a container that is stopped or disabled, or a leftover upgrade container";
const MOUNTS: &str = "Y: wekafs mounted on a backend";
const IPV6: &str = "R: IPv6 is disabled";
const NICS: &str = "R: an OFED that is not supported; Y: OFED differs between backends";
const FALCON: &str = "Y: CrowdStrike Falcon runs or is loaded";
const PORTS: &str = "R: a management port does not answer from another backend";
const KERNEL: &str = "R: a kernel with launder_folio";
const ARGUMENT: &str = "R: booted with an argument that a known issue names";
const CGROUPS: &str = "R: cgroup v1 (or hybrid) is not available";
const CA: &str = "R: SSL_CERT_FILE in the running release's spec file";
const TLS: &str =
    "R: RSA key under 2048 bits; Y: no certificate, or one that expires within 30 days";
const SECRETS: &str = "Y: a container without, or with another, join secret";
const ENDPOINTS: &str = "Y: an address that is 0.0.0.0 or that no backend container owns";
const AGENT: &str = "R: weka-agent is not running";
const STATD: &str = "R: rpc-statd or rpc-statd-notify is active; Y: stopped but enabled";
const TSMB: &str = "R: a patched tsmb-server build that the target would replace";
const FAILOVER: &str = "Y: losing any server would push another over RPC_Max_Connections";
const UNREAD: &str = "whatever could not be read is unknown, never green";

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    // ---- operating system, processor, memory ----
    fault("an_os_that_is_too_old", ("server/os", 2, "fail"), OS,
        "save /etc/os-release; printf 'NAME=Ubuntu\nID=ubuntu\nVERSION_ID=\"16.04\"\n' >/etc/os-release",
        "restore /etc/os-release"),
    fault("an_os_that_is_newer_than_the_list", ("server/os", 3, "warn"), OS,
        "save /etc/os-release; printf 'NAME=Ubuntu\nID=ubuntu\nVERSION_ID=\"26.04\"\n' >/etc/os-release",
        "restore /etc/os-release"),
    fault("an_os_that_nobody_lists", ("server/os", 2, "warn"), OS,
        "save /etc/os-release; printf 'NAME=Arch\nID=arch\n' >/etc/os-release", "restore /etc/os-release"),
    fault("no_os_release_at_all", ("server/os", 3, "unknown"), UNREAD,
        "save /etc/os-release; rm /etc/os-release; mv /usr/lib/os-release /run/ 2>/dev/null || :",
        "restore /etc/os-release; mv /run/os-release /usr/lib/ 2>/dev/null || :"),
    fault("a_processor_without_avx2", ("server/cpu", 2, "fail"), CPU,
        "sed 's/ avx2//' /proc/cpuinfo | over /proc/cpuinfo", "umount /proc/cpuinfo"),
    fault("a_processor_that_does_not_tell", ("server/cpu", 3, "unknown"), UNREAD,
        "sed '/^flags/d' /proc/cpuinfo | over /proc/cpuinfo", "umount /proc/cpuinfo"),
    fault("a_core_of_weka_at_1499_mhz", ("server/cpu-frequency", 2, "fail"), FREQUENCY,
        "core 2 1499.999 | over /proc/cpuinfo", "umount /proc/cpuinfo"),
    fault("a_core_of_weka_at_1500_mhz", ("server/cpu-frequency", 2, "pass"), FREQUENCY,
        "core 2 1500.000 | over /proc/cpuinfo", "umount /proc/cpuinfo"),
    fault("another_core_at_800_mhz", ("server/cpu-frequency", 3, "pass"), FREQUENCY,
        "core 25 800.000 | over /proc/cpuinfo", "umount /proc/cpuinfo"),
    fault("numa_domains_33", ("server/numa", 3, "fail"), NUMA,
        "n=2; while [ $n -le 32 ]; do mkdir /sys/devices/system/node/node$n; n=$((n + 1)); done",
        "n=2; while [ $n -le 32 ]; do rmdir /sys/devices/system/node/node$n; n=$((n + 1)); done"),
    fault("numa_domains_32", ("server/numa", 3, "pass"), NUMA,
        "n=2; while [ $n -le 31 ]; do mkdir /sys/devices/system/node/node$n; n=$((n + 1)); done",
        "n=2; while [ $n -le 31 ]; do rmdir /sys/devices/system/node/node$n; n=$((n + 1)); done"),
    fault("memory_just_under_5_gib", ("server/memory", 2, "warn"), MEMORY,
        "sed 's/^MemAvailable:.*/MemAvailable: 5242879 kB/' /proc/meminfo | over /proc/meminfo", "umount /proc/meminfo"),
    fault("memory_of_5_gib", ("server/memory", 2, "pass"), MEMORY,
        "sed 's/^MemAvailable:.*/MemAvailable: 5242880 kB/' /proc/meminfo | over /proc/meminfo", "umount /proc/meminfo"),
    fault("memory_that_is_not_told", ("server/memory", 3, "unknown"), UNREAD,
        "grep -v MemAvailable /proc/meminfo | over /proc/meminfo", "umount /proc/meminfo"),
    fault("secure_boot_is_on", ("server/secure-boot", 2, "fail"), SECURE_BOOT,
        "save $secure_boot; printf '\\006\\000\\000\\000\\001' >$secure_boot", "restore $secure_boot"),
    fault("secure_boot_is_on_says_mokutil", ("server/secure-boot", 3, "fail"), SECURE_BOOT,
        "save $secure_boot; rm $secure_boot; printf '#!/bin/sh\necho SecureBoot enabled\n' >/usr/bin/mokutil; chmod 755 /usr/bin/mokutil",
        "restore $secure_boot; rm /usr/bin/mokutil"),
    fault("secure_boot_cannot_be_read", ("server/secure-boot", 2, "unknown"), UNREAD,
        "save $secure_boot; rm $secure_boot", "restore $secure_boot"),
    fault("a_bios_knows_no_secure_boot", ("server/secure-boot", 2, "pass"), SECURE_BOOT,
        "mv /sys/firmware/efi /sys/firmware/gone", "mv /sys/firmware/gone /sys/firmware/efi"),
    fault("headers_of_another_kernel", ("server/driver-build", 2, "fail"), BUILD,
        "mv /lib/modules/$(uname -r) /lib/modules/5.0.0-other", "mv /lib/modules/5.0.0-other /lib/modules/$(uname -r)"),
    fault("a_link_to_headers_that_leads_nowhere", ("server/driver-build", 3, "fail"), BUILD,
        "cd /lib/modules/$(uname -r); mv build kept; ln -s /usr/src/gone build", "cd /lib/modules/$(uname -r); rm build; mv kept build"),
    fault("no_gcc", ("server/driver-build", 2, "fail"), BUILD, "away gcc", "back gcc"),
    fault("no_libelf", ("server/driver-build", 3, "fail"), BUILD,
        "mv /usr/include/libelf.h /run/", "mv /run/libelf.h /usr/include/"),
    // ---- disks and mounts ----
    fault("free_in_opt_weka_3_99_gb", ("server/opt-weka-space", 2, "fail"), SPACE,
        "room 3906248 /opt/weka /run/lab/weka", "mount -o remount,size=200g /run/lab/weka")
        .also(&[("server/traces-space", 2, "warn")]),
    fault("free_in_opt_weka_4_00_gb", ("server/opt-weka-space", 2, "pass"), SPACE,
        "room 3906252 /opt/weka /run/lab/weka", "mount -o remount,size=200g /run/lab/weka")
        .also(&[("server/traces-space", 2, "warn")]),
    fault("a_container_without_room_for_half_as_much_again", ("server/data-space", 3, "fail"), DATA,
        "truncate -s 15G /opt/weka/data/drives0/journal
         kib=$(du -s -k --apparent-size /opt/weka/data/drives0 | cut -f 1)
         room $(((kib * 3 + 1) / 2 / 4 * 4 - 4)) /opt/weka /run/lab/weka",
        "rm /opt/weka/data/drives0/journal; mount -o remount,size=200g /run/lab/weka"),
    fault("a_container_with_room_for_half_as_much_again", ("server/data-space", 3, "pass"), DATA,
        "truncate -s 15G /opt/weka/data/drives0/journal
         kib=$(du -s -k --apparent-size /opt/weka/data/drives0 | cut -f 1)
         room $((((kib * 3 + 1) / 2 + 3) / 4 * 4)) /opt/weka /run/lab/weka",
        "rm /opt/weka/data/drives0/journal; mount -o remount,size=200g /run/lab/weka"),
    fault("opt_weka_on_a_ram_disk", ("server/opt-weka-place", 2, "fail"), PLACE,
        "mount --bind /run/lab/weka/files /opt/weka", "umount /opt/weka"),
    fault("opt_weka_is_a_link", ("server/opt-weka-place", 3, "fail"), PLACE,
        "mkdir /mnt/disk; mount --move /opt/weka /mnt/disk; rmdir /opt/weka; ln -s /mnt/disk /opt/weka",
        "rm /opt/weka; mkdir /opt/weka; mount --move /mnt/disk /opt/weka; rmdir /mnt/disk"),
    fault("opt_weka_is_a_plain_directory", ("server/opt-weka-place", 2, "warn"), PLACE,
        "mkdir /mnt/disk; mount --move /opt/weka /mnt/disk; cp -a /mnt/disk/. /opt/weka/",
        "rm -r /opt/weka; mkdir /opt/weka; mount --move /mnt/disk /opt/weka; rmdir /mnt/disk"),
    fault("opt_weka_is_a_directory_of_the_root_mounted_there", ("server/opt-weka-place", 3, "warn"), PLACE,
        "mkdir /srv/weka; cp -a /opt/weka/. /srv/weka/; mount --bind /srv/weka /opt/weka",
        "umount /opt/weka; rm -r /srv/weka"),
    fault("tmp_is_mounted_noexec", ("server/opt-weka-place", 2, "warn"), PLACE,
        "mount -o remount,noexec /tmp", "mount -o remount,exec /tmp"),
    fault("a_root_with_just_under_1_gib", ("server/system-space", 2, "fail"), SYSTEM,
        "room 1048572 / /run/lab/files", "mount -o remount,size=20g /run/lab/files"),
    fault("a_root_with_just_over_1_gib", ("server/system-space", 2, "pass"), SYSTEM,
        "room 1049600 / /run/lab/files", "mount -o remount,size=20g /run/lab/files"),
    fault("a_small_var_of_its_own", ("server/system-space", 3, "fail"), SYSTEM,
        "mount -t tmpfs -o size=1048572k lab-var /var; mkdir /var/log", "umount /var"),
    fault("logs_with_less_than_20_percent", ("server/logs-space", 2, "warn"), LOGS,
        "mount -t tmpfs -o size=10m lab-logs /opt/weka/logs; head -c 8392704 /dev/zero >/opt/weka/logs/full.log",
        "umount /opt/weka/logs"),
    fault("logs_with_20_percent", ("server/logs-space", 2, "pass"), LOGS,
        "mount -t tmpfs -o size=10m lab-logs /opt/weka/logs; head -c 8388608 /dev/zero >/opt/weka/logs/full.log",
        "umount /opt/weka/logs"),
    fault("traces_on_a_disk_that_is_too_small", ("server/traces-space", 3, "warn"), TRACES,
        "mount -t tmpfs -o size=10485756k lab-traces /opt/weka/traces", "umount /opt/weka/traces"),
    fault("traces_on_a_disk_that_just_does", ("server/traces-space", 3, "pass"), TRACES,
        "mount -t tmpfs -o size=10485760k lab-traces /opt/weka/traces", "umount /opt/weka/traces"),
    fault("a_disk_that_cannot_reserve_room", ("server/fallocate", 2, "fail"), FALLOCATE,
        "mkdir /mnt/ram; mount -t ramfs lab-ram /mnt/ram; cp -a /opt/weka/. /mnt/ram/; mount --move /mnt/ram /opt/weka",
        "umount /opt/weka; rmdir /mnt/ram")
        // It is a RAM disk, and `df` knows no size of it.
        .also(&[
            ("server/opt-weka-place", 2, "fail"), ("server/opt-weka-space", 2, "unknown"),
            ("server/data-space", 2, "unknown"), ("server/logs-space", 2, "unknown"),
            ("server/traces-space", 2, "unknown"),
        ]),
    fault("a_disk_that_cannot_be_written", ("server/fallocate", 3, "unknown"), UNREAD,
        "mount -o remount,ro /opt/weka", "mount -o remount,rw /opt/weka"),
    fault("no_fallocate_to_try_it_with", ("server/fallocate", 2, "unknown"), UNREAD, "away fallocate", "back fallocate"),
    fault("wekafs_is_mounted", ("server/wekafs-mounts", 3, "warn"), MOUNTS,
        "instead awk <<'END'
[ \"$2\" = /proc/self/mountinfo ] || exec /run/true/awk \"$@\"
{ cat \"$2\"; echo '99 1 0:99 / /mnt/weka rw,relatime - wekafs weka-01/fs01 rw'; } >/run/mounts
exec /run/true/awk \"$1\" /run/mounts
END", "back awk"),
    // ---- clock, processes, services ----
    fault("a_clock_61_s_ahead", ("server/clock", 3, "fail"), CLOCK,
        "instead date <<'END'\nexec /run/true/date -d '61 seconds' \"$@\"\nEND", "back date"),
    fault("a_clock_60_s_behind", ("server/clock", 2, "warn"), CLOCK,
        "instead date <<'END'\nexec /run/true/date -d '60 seconds ago' \"$@\"\nEND", "back date"),
    fault("a_clock_3_s_ahead", ("server/clock", 3, "pass"), CLOCK,
        "instead date <<'END'\nexec /run/true/date -d '3 seconds' \"$@\"\nEND", "back date"),
    fault("an_agent_whose_process_is_gone", ("access/agent", 2, "fail"), AGENT,
        "echo 999999999 >/run/weka-agent.pid", "rm /run/weka-agent.pid"),
    fault("an_agent_whose_process_lives", ("access/agent", 2, "pass"), AGENT,
        "echo 1 >/run/weka-agent.pid", "rm /run/weka-agent.pid"),
    fault("an_agent_that_is_masked", ("access/agent", 3, "fail"), AGENT,
        "save /etc/lab/units; sed 's/^weka-agent.service .*/weka-agent.service masked inactive dead masked/' /run/saved >/etc/lab/units",
        "restore /etc/lab/units"),
    fault("a_systemd_that_does_not_answer", ("access/agent", 2, "unknown"), UNREAD,
        "mkdir -p /run/systemd/system; instead systemctl <<'END'\necho 'Failed to connect to bus' >&2; exit 1\nEND",
        "rmdir /run/systemd/system /run/systemd; back systemctl")
        .also(&[("nfs/rpc-statd", 2, "unknown"), ("server/endpoint-security", 2, "unknown")]),
    fault("rpc_statd_is_started_by_hand", ("nfs/rpc-statd", 3, "fail"), STATD,
        "save /etc/lab/units; sed '/^rpc-statd.service/d' /run/saved >/etc/lab/units; echo 'rpc-statd.service loaded active running static' >>/etc/lab/units",
        "restore /etc/lab/units"),
    fault("rpc_statd_notify_starts_at_boot", ("nfs/rpc-statd", 2, "warn"), STATD,
        "save /etc/lab/units; sed '/^rpc-statd-notify.service/d' /run/saved >/etc/lab/units; echo 'rpc-statd-notify.service loaded inactive dead enabled' >>/etc/lab/units",
        "restore /etc/lab/units"),
    fault("a_module_of_falcon_is_loaded", ("server/endpoint-security", 2, "warn"), FALCON,
        "mkdir /sys/module/falcon_lsm_serviceable", "rmdir /sys/module/falcon_lsm_serviceable"),
    fault("falcon_runs_as_a_service", ("server/endpoint-security", 3, "warn"), FALCON,
        "save /etc/lab/units; echo 'falcon-sensor.service loaded active running enabled' >>/etc/lab/units", "restore /etc/lab/units"),
    fault("a_firewall_before_a_management_port", ("server/mgmt-ports", 2, "fail"), PORTS,
        "ip rule add ipproto tcp sport 14300 blackhole", "ip rule del ipproto tcp sport 14300"),
    fault("no_program_to_ask_ports_with", ("server/mgmt-ports", 3, "pass"), PORTS,
        // The two others ask as well; of this one, one is left.
        "for name in timeout curl python3; do [ ! -e /usr/bin/$name ] || away $name; done",
        "for name in timeout curl python3; do [ ! -e /run/true/$name ] || back $name; done"),
    // ---- what the agent of a server tells, and WEKA's files on it ----
    fault("a_container_that_is_stopped", ("server/containers", 2, "fail"), CONTAINERS,
        "weka_says 'local ps' \"sed '0,/\\\"isRunning\\\": true/s//\\\"isRunning\\\": false/'\"", "back weka"),
    fault("a_container_that_is_disabled", ("server/containers", 3, "fail"), CONTAINERS,
        "weka_says 'local ps' \"sed '0,/\\\"isDisabled\\\": false/s//\\\"isDisabled\\\": true/'\"", "back weka"),
    fault("another_join_secret", ("config/join-secrets", 2, "warn"), SECRETS,
        "weka_says 'local resources' 'sed s/simulated-join-secret/another/'", "back weka"),
    fault("no_join_secret", ("config/join-secrets", 3, "warn"), SECRETS,
        "weka_says 'local resources' 'sed s/\\\"simulated-join-secret\\\"//'", "back weka"),
    fault("an_address_0_0_0_0_to_join", ("config/endpoint-ips", 2, "warn"), ENDPOINTS,
        "weka_says 'local resources' 'sed s/10.77.0.13/0.0.0.0/'", "back weka"),
    fault("an_address_to_join_that_nobody_owns", ("config/endpoint-ips", 3, "warn"), ENDPOINTS,
        "weka_says 'local resources' 'sed s/10.77.0.11/10.99.0.1/'", "back weka"),
    fault("half_of_the_resources", ("config/endpoint-ips", 2, "unknown"), UNREAD,
        "weka_says 'local resources' 'head -n 5'", "back weka")
        .also(&[("config/join-secrets", 2, "unknown")]),
    fault("nothing_to_compare_secrets_by", ("config/join-secrets", 3, "unknown"), UNREAD,
        "for name in sha256sum openssl shasum; do [ ! -e /usr/bin/$name ] || away $name; done",
        "for name in sha256sum openssl shasum; do [ ! -e /run/true/$name ] || back $name; done")
        .also(&[("config/tls-key", 3, "unknown")]),
    fault("a_certificate_authority_in_the_spec", ("config/ca-override", 2, "fail"), CA,
        "save /opt/weka/dist/release/4.4.21.2.spec; echo 'env: SSL_CERT_FILE=/etc/ca.pem' >>/opt/weka/dist/release/4.4.21.2.spec",
        "restore /opt/weka/dist/release/4.4.21.2.spec"),
    fault("a_certificate_authority_in_another_spec", ("config/ca-override", 2, "pass"), CA,
        "echo 'env: SSL_CERT_FILE=/etc/ca.pem' >/opt/weka/dist/release/4.4.20.1.spec",
        "rm /opt/weka/dist/release/4.4.20.1.spec"),
    fault("no_spec_of_the_running_release", ("config/ca-override", 3, "unknown"), UNREAD,
        "save /opt/weka/dist/release/4.4.21.2.spec; rm /opt/weka/dist/release/4.4.21.2.spec",
        "restore /opt/weka/dist/release/4.4.21.2.spec"),
    fault("a_key_of_1024_bits", ("config/tls-key", 2, "fail"), TLS,
        "save $pem; certificate -newkey rsa:1024 -days 400", "restore $pem"),
    fault("a_key_of_2047_bits", ("config/tls-key", 3, "fail"), TLS,
        "save $pem; certificate -newkey rsa:2047 -days 400", "restore $pem"),
    fault("a_key_of_2048_bits", ("config/tls-key", 2, "pass"), TLS,
        "save $pem; certificate -newkey rsa:2048 -days 400", "restore $pem"),
    fault("a_key_on_a_curve", ("config/tls-key", 3, "pass"), TLS,
        "save $pem; certificate -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 400", "restore $pem"),
    fault("a_certificate_for_29_days", ("config/tls-key", 2, "warn"), TLS,
        "save $pem; certificate -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 29", "restore $pem"),
    fault("a_certificate_for_31_days", ("config/tls-key", 2, "pass"), TLS,
        "save $pem; certificate -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 31", "restore $pem"),
    fault("no_certificate", ("config/tls-key", 3, "warn"), TLS, "save $pem; rm $pem", "restore $pem"),
    fault("a_certificate_that_is_none", ("config/tls-key", 2, "unknown"), UNREAD,
        "save $pem; echo rubbish >$pem", "restore $pem"),
    // ---- servers of protocols, without systemd ----
    fault("rpc_statd_runs", ("nfs/rpc-statd", 2, "fail"), STATD, "started rpc.statd", "ended").among(&PROTOCOLS),
    fault("sm_notify_runs", ("nfs/rpc-statd", 3, "fail"), STATD, "started sm-notify", "ended").among(&PROTOCOLS),
    fault("falcon_runs", ("server/endpoint-security", 1, "warn"), FALCON, "started falcon-sensor", "ended").among(&PROTOCOLS),
    fault("an_agent_that_its_script_calls_stopped", ("access/agent", 2, "fail"), AGENT,
        "save /etc/init.d/weka-agent; printf '#!/bin/sh\nexit 3\n' >/etc/init.d/weka-agent", "restore /etc/init.d/weka-agent")
        .among(&PROTOCOLS),
    fault("an_agent_that_is_not_installed", ("access/agent", 3, "fail"), AGENT,
        "save /etc/init.d/weka-agent; rm /etc/init.d/weka-agent", "restore /etc/init.d/weka-agent").among(&PROTOCOLS),
    fault("only_the_second_version_of_control_groups", ("server/cgroups", 2, "fail"), CGROUPS,
        "umount /sys/fs/cgroup/first", "mount -t cgroup -o \"$(cat /run/lab/first)\" lab-cgroup /sys/fs/cgroup/first")
        .among(&PROTOCOLS),
    fault("a_patched_server_of_smb", ("smb/tsmb-patch", 1, "fail"), TSMB,
        "weka_says 'local exec' 'sed s/3024.3.22.11/3024.3.22.10/'", "back weka").among(&PROTOCOLS),
    fault("a_patched_server_of_smb_that_the_target_holds", ("smb/tsmb-patch", 1, "pass"), TSMB,
        "weka_says 'local exec' 'sed s/3024.3.22.11/3024.3.22.9/'", "back weka").among(&PROTOCOLS),
    fault("no_server_of_smb_where_it_is_served", ("smb/tsmb-patch", 1, "unknown"), UNREAD,
        "rmdir /opt/weka/data/smbw", "mkdir /opt/weka/data/smbw").among(&PROTOCOLS),
    fault("a_server_of_smb_told_by_its_process", ("smb/tsmb-patch", 1, "pass"), TSMB,
        "rmdir /opt/weka/data/smbw; started tsmb-server", "mkdir /opt/weka/data/smbw; ended").among(&PROTOCOLS),
    fault("more_nfs_connections_than_one_server_takes", ("nfs/failover", 0, "warn"), FAILOVER,
        "mkfifo /run/held
         bash -c 'for n in 1 2 3 4 5 6 7 8 9; do eval \"exec $((n + 10))<>/dev/tcp/weka-03/2049\"; done; echo $$ >/run/holder; read -r _ </run/held' >/dev/null 2>&1 </dev/null &
         until [ -s /run/holder ]; do sleep 0.01; done",
        "kill $(cat /run/holder); rm /run/holder /run/held").among(&PROTOCOLS).on(2),
    fault("as_many_nfs_connections_as_one_server_takes", ("nfs/failover", 0, "pass"), FAILOVER,
        "mkfifo /run/held
         bash -c 'for n in 1 2 3 4 5 6 7 8; do eval \"exec $((n + 10))<>/dev/tcp/weka-03/2049\"; done; echo $$ >/run/holder; read -r _ </run/held' >/dev/null 2>&1 </dev/null &
         until [ -s /run/holder ]; do sleep 0.01; done",
        "kill $(cat /run/holder); rm /run/holder /run/held").among(&PROTOCOLS).on(2),
    // ---- an older release ----
    fault("an_ofed_that_is_not_supported", ("server/nics", 2, "fail"), NICS,
        "save /usr/bin/ofed_info; printf '#!/bin/sh\necho MLNX_OFED_LINUX-5.2-1.0.4.0:\n' >/usr/bin/ofed_info", "restore /usr/bin/ofed_info")
        .among(&OLD).also(&[("server/nics", 1, "warn"), ("server/nics", 3, "warn")]),
    fault("an_ofed_that_differs", ("server/nics", 3, "warn"), NICS,
        "save /usr/bin/ofed_info; printf '#!/bin/sh\necho MLNX_OFED_LINUX-5.9-0.5.6.0:\n' >/usr/bin/ofed_info", "restore /usr/bin/ofed_info")
        .among(&OLD).also(&[("server/nics", 1, "warn"), ("server/nics", 2, "warn")]),
    fault("cards_without_ofed", ("server/nics", 2, "warn"), NICS, "away ofed_info", "back ofed_info").among(&OLD),
    fault("no_card_that_needs_ofed", ("server/nics", 3, "pass"), NICS,
        "away ofed_info; mv /sys/bus/pci/drivers/mlx5_core /run/", "back ofed_info; mv /run/mlx5_core /sys/bus/pci/drivers/").among(&OLD),
    fault("ipv6_is_switched_off", ("server/ipv6", 2, "fail"), IPV6,
        "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6",
        "echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6; ip addr add fd77::12/64 dev eth0 nodad").among(&OLD),
    fault("a_kernel_with_launder_folio", ("server/kernel", 3, "fail"), KERNEL,
        "cd /lib/modules/$(uname -r)/build/include/linux; save fs.h; echo 'int (*launder_folio)(struct folio *);' >>fs.h",
        "restore /lib/modules/$(uname -r)/build/include/linux/fs.h").among(&OLD),
    fault("a_kernel_without_headers", ("server/kernel", 2, "unknown"), UNREAD,
        "mv /lib/modules/$(uname -r) /lib/modules/5.0.0-other", "mv /lib/modules/5.0.0-other /lib/modules/$(uname -r)")
        .among(&OLD).also(&[("server/driver-build", 2, "fail")]),
    fault("a_boot_argument_of_a_known_issue", ("server/kernel-args", 2, "fail"), ARGUMENT,
        "echo \"$(cat /proc/cmdline) iommu=pt\" | over /proc/cmdline", "umount /proc/cmdline").among(&ARGUMENTS),
    fault("a_boot_argument_that_only_begins_like_it", ("server/kernel-args", 3, "pass"), ARGUMENT,
        "echo \"$(cat /proc/cmdline) iommu=ptx amd_iommu=pt\" | over /proc/cmdline", "umount /proc/cmdline").among(&ARGUMENTS),
];

/// Checks of a backend that no row is about, and why.
const ELSEWHERE: [(&str, &str); 3] = [
    ("access/ssh", "every step of it is a test of a lost server"),
    ("config/core-ids", "the cluster alone tells of it"),
    ("protocols/separation", "the cluster alone tells of it"),
];

pub(crate) fn tests() -> Vec<Test> {
    let table = FAULTS
        .iter()
        .map(|fault| Test::new(format!("faults::{}", fault.name), || prove(fault)));
    table
        .chain(crate::listed!["faults":
            a_container_that_does_not_listen_is_red,
            every_check_of_a_backend_has_a_fault,
        ])
        .collect()
}

/// Outcomes by check and target.
type Outcomes = BTreeMap<(String, String), String>;

/// A lab of a world to which nothing is done, and what it looks like then.
struct Ready {
    world: &'static World,
    lab: Lab,
    before: Outcomes,
}

/// Those that no test has at the moment.
static FREE: Mutex<Vec<Ready>> = Mutex::new(Vec::new());

/// Ends the labs that were kept for the next row.
pub(crate) fn end_labs() {
    FREE.lock().expect("no panic holds it").clear();
}

impl Ready {
    /// One of this world. Whoever fails does not give it back.
    fn take(world: &'static World) -> Self {
        let mut free = FREE.lock().expect("no panic holds it");
        if let Some(at) = free.iter().position(|r| std::ptr::eq(r.world, world)) {
            return free.swap_remove(at);
        }
        drop(free);
        Self::new(world)
    }

    fn new(world: &'static World) -> Self {
        let lab = Lab::new("faults", 3);
        let mut cluster = Lab::healthy_on(world.release, lab.servers());
        (world.cluster)(&mut cluster);
        lab.set_cluster(&cluster, &[]);
        for server in lab.servers() {
            on(server, world.servers);
            if let Some(port) = world.port {
                server.listen(&[port]);
            }
        }
        let checked = ask(&lab, world, &[]);
        if world.green {
            checked.expect_only(&[]);
        }
        Self {
            world,
            lab,
            before: outcomes(&checked),
        }
    }

    fn give_back(self) {
        FREE.lock().expect("no panic holds it").push(self);
    }
}

/// Runs lines of shell on a server.
#[track_caller]
fn on(server: &Server, lines: &str) {
    server.run(&format!("{WORDS}\n{lines}"));
}

fn ask(lab: &Lab, world: &World, more: &[&str]) -> Checked {
    let run = lab.checker(&[&arguments_for(world.target), more].concat());
    let report = run.json();
    Checked { run, report }
}

fn outcomes(checked: &Checked) -> Outcomes {
    let results = checked.results().iter();
    let entry = |r: &Value| {
        let key = (text(&r["check"]).to_owned(), text(&r["target"]).to_owned());
        (key, text(&r["outcome"]).to_owned())
    };
    results.map(entry).collect()
}

fn target(server: usize) -> String {
    match server {
        0 => "cluster".to_owned(),
        n => format!("weka-{n:02}"),
    }
}

fn prove(fault: &Fault) {
    let ready = Ready::take(fault.world);
    on(ready.lab.server(fault.on), fault.apply);
    let all: Vec<Result> = [fault.result].iter().chain(fault.also).copied().collect();
    expect_changed(&ready, &all, fault.rule);
    on(ready.lab.server(fault.on), fault.undo);
    expect_as_before(&ready, &all);
    ready.give_back();
}

/// Requires that these results changed, to what they are now, and no others.
fn expect_changed(ready: &Ready, expected: &[Result], rule: &str) {
    let checked = ask(&ready.lab, ready.world, &[]);
    let now = outcomes(&checked);
    let mut changed = Outcomes::new();
    for (check, server, outcome) in expected {
        let key = ((*check).to_owned(), target(*server));
        assert_eq!(ready.before[&key], "pass", "{key:?} before the change");
        checked.expect(check, &key.1, outcome);
        if *outcome != "pass" {
            changed.insert(key, (*outcome).to_owned());
        }
    }
    let differ: Outcomes = now
        .iter()
        .filter(|(key, outcome)| ready.before.get(*key) != Some(*outcome))
        .map(|(key, outcome)| (key.clone(), outcome.clone()))
        .collect();
    assert_eq!(differ, changed, "{rule}\n{}", checked.not_green());
    assert_eq!(now.len(), ready.before.len(), "a result is gone");
}

/// Requires that the checks of these results say again what they said.
fn expect_as_before(ready: &Ready, changed: &[Result]) {
    let checks: BTreeSet<&str> = changed
        .iter()
        .filter(|(_, _, outcome)| *outcome != "pass")
        .map(|(check, ..)| *check)
        .collect();
    if checks.is_empty() {
        return;
    }
    let list = checks.iter().copied().collect::<Vec<_>>().join(",");
    let checked = ask(&ready.lab, ready.world, &["--select", &list]);
    for ((check, target), outcome) in &ready.before {
        if checks.contains(check.as_str()) {
            checked.expect(check, target, outcome);
        }
    }
}

fn a_container_that_does_not_listen_is_red() {
    let ready = Ready::take(&PLAIN);
    let server = ready.lab.server(3);
    server.stop_listening(14_200);
    let result = [("server/mgmt-ports", 3, "fail")];
    expect_changed(&ready, &result, PORTS);
    server.listen(&[14_200]);
    expect_as_before(&ready, &result);
    ready.give_back();
}

fn every_check_of_a_backend_has_a_fault() {
    let output = Command::new(env!("CARGO_BIN_EXE_checker"))
        .args(["list", "--format", "json"])
        .output()
        .expect("it runs");
    let list: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let backend = list
        .iter()
        .filter(|check| {
            let scope = check["scope"].as_array().expect("a list");
            scope.iter().any(|scope| scope == "backend")
        })
        .map(|check| text(&check["id"]));
    let found: BTreeSet<&str> = FAULTS
        .iter()
        .filter(|fault| matches!(fault.result.2, "warn" | "fail"))
        .map(|fault| fault.result.0)
        .chain(ELSEWHERE.map(|(check, _)| check))
        .collect();
    let without: Vec<&str> = backend.filter(|check| !found.contains(check)).collect();
    assert_eq!(without, Vec::<&str>::new());
}
