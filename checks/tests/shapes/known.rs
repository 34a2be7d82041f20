//! What is green over damaged evidence, and why that is right.

use std::collections::BTreeSet;

/// Which of the rules an exception is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An answer that is none leaves the check green.
    NoAnswer,
    /// Lines around the answer change what is said.
    Noise,
    /// A missing member changes why a check is green.
    OtherGreen,
    /// Damage turns a bad result good.
    BadBecomesGood,
}

/// One exception. `*` at the end of a text stands for anything.
#[derive(Debug)]
struct Known {
    kind: Kind,
    check: &'static str,
    key: &'static str,
    what: &'static [&'static str],
    /// Why it is right.
    because: &'static str,
}

/// Exceptions, by rule and check.
const KNOWN: &[Known] = &[
    Known {
        kind: Kind::BadBecomesGood,
        check: "client/mount",
        key: "host:wekafs-mounts of a client",
        what: &["without the line*", "cut before the line*"],
        because: "a line is a mount: without it there is none, and the probe's end shows that it is whole",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "health/upgrade-running",
        key: "host:local-ps",
        what: &["[]"],
        because: "a server without containers has none that was left over",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "health/upgrade-running",
        key: "weka:events-upgrade",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "health/upgrade-running",
        key: "weka:events-upgrade",
        what: &["an odd text for [n].type", "an odd text for [*].type"],
        because: "events of other types are no part of an upgrade",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "smb/*",
        key: "weka:smb-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "smb/tsmb-patch",
        key: "host:tsmb",
        what: &["a number of 40 digits*"],
        because: "a larger number is a newer release",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "version/uniform",
        key: "weka:containers",
        what: &["an odd text for [*].sw_release_string"],
        because: "all containers say the same; which release it is, the status says",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "health/alerts",
        key: "weka:alerts",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "tasks/*",
        key: "weka:tasks",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "tasks/*",
        key: "weka:tasks",
        what: &["an odd text for [n].type"],
        because: "a task of another type is another task, of which tasks/other warns",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "access/login",
        key: "weka:status",
        what: &[
            "[*",
            "{}",
            "a *",
            "an error as answer",
            "deep nesting",
            "empty",
            "no UTF-8",
            "null",
            "true",
        ],
        because: "the exit status tells whether somebody is logged in; what it printed is the other checks' matter",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "config/ca-override",
        key: "host:spec-files",
        what: &["without the line*"],
        because: "a line is a description that sets it: without it there is none, and the probe's end shows that it is whole",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "config/obsolete-overrides",
        key: "weka:overrides",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that nothing is set",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "config/obsolete-overrides",
        key: "weka:overrides",
        what: &["an odd text for [n].key"],
        because: "an override of another key is another override, of which config/overrides warns",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "config/overrides",
        key: "weka:overrides",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that nothing is set",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "data/small-filesystems",
        key: "weka:filesystems",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "health/rebuild",
        key: "weka:rebuild",
        what: &["without .movingData", "null for .movingData"],
        because: "3.x has no such member; the status says REDISTRIBUTING as well, which health/status judges",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "health/upgrade-running",
        key: "host:local-ps",
        what: &["an odd text for [n].name", "an odd text for [*].name"],
        because: "a container of another name was left over by nobody",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "server/containers",
        key: "host:local-ps",
        what: &["an odd text for [n].name", "an odd text for [*].name"],
        because: "a container of another name was left over by nobody",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "health/upgrade-running",
        key: "weka:alerts",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "health/upgrade-running",
        key: "weka:alerts",
        what: &["an odd text for [n].type"],
        because: "an alert of another type is another alert, which health/alerts judges",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "nfs/*",
        key: "weka:nfs-interface-groups",
        what: &["[]", "null"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "nfs/legacy",
        key: "weka:nfs-interface-groups",
        what: &[
            "without [n].allow_manage_gids",
            "null for [n].allow_manage_gids",
        ],
        because: "from 4.3 on there is one stack only, and releases without the flag",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "protocols/separation",
        key: "weka:nfs-interface-groups",
        what: &["[]", "null"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "protocols/separation",
        key: "weka:s3-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "protocols/separation",
        key: "weka:smb-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "s3/*",
        key: "weka:s3-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "s3/lifecycle",
        key: "weka:s3-buckets",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "s3/lifecycle",
        key: "weka:s3-lifecycle",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "s3/lifecycle",
        key: "weka:s3-lifecycle",
        what: &[
            "without [n].tags",
            "without [*].tags",
            "without [n].prefix",
            "null for [n].tags",
            "null for [*].tags",
            "null for [n].prefix",
            "an empty text for [n].tags",
            "an empty text for [*].tags",
            "an empty text for [n].prefix",
        ],
        because: "a rule without prefix is one for all objects, and one without tags has none",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "s3/lifecycle",
        key: "weka:s3-lifecycle",
        what: &[
            "an odd text for [n].tags",
            "an odd text for [*].tags",
            "an odd text for [n].prefix",
        ],
        because: "a short prefix and a single tag are within the limits",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "s3/lifecycle",
        key: "weka:s3-lifecycle",
        what: &["a wrong type for [*].tags", "a wrong type for [n].tags"],
        because: "an object is one of the forms of the tags",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "s3/mount-options",
        key: "weka:s3-cluster",
        what: &[
            "an empty text for .mount_options",
            "an odd text for .mount_options",
        ],
        because: "other options are none that the check looks for",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "server/cgroups",
        key: "host:local-ps",
        what: &["[]"],
        because: "without a protocol's container there is nothing to ask of cgroups",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "server/endpoint-security",
        key: "host:boot",
        what: &["without the line*"],
        because: "a line is a module that is loaded: without it there is none, and the probe's end shows that it is whole",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "server/opt-weka-place",
        key: "host:mounts",
        what: &["without the line*"],
        because: "a line is a mount: without it there is none, and the probe's end shows that it is whole",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "server/wekafs-mounts",
        key: "host:mounts",
        what: &["without the line*"],
        because: "a line is a mount: without it there is none, and the probe's end shows that it is whole",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "tasks/catalog",
        key: "weka:catalog",
        what: &["null"],
        because: "this is how a release without a catalog answers",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "tasks/snapshot-upload",
        key: "weka:snapshots",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "tasks/snapshot-upload",
        key: "weka:snapshots",
        what: &[
            "an odd text for [n].localStowInfo.stowStatus",
            "an odd text for [n].remoteStowInfo.stowStatus",
            "an odd text for [*].localStowInfo.stowStatus",
            "an odd text for [*].remoteStowInfo.stowStatus",
        ],
        because: "the words for other states are not all known; only one that speaks of an upload is one",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "tasks/snapshot-upload",
        key: "weka:snapshots",
        what: &[
            "null for [n].localStowInfo",
            "null for [n].remoteStowInfo",
            "null for [*].localStowInfo",
            "null for [*].remoteStowInfo",
        ],
        because: "a snapshot without a copy in that object store",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "tasks/*",
        key: "weka:tasks",
        what: &["an odd text for [*].type"],
        because: "a task of another type is another task, of which tasks/other warns",
    },
    Known {
        kind: Kind::BadBecomesGood,
        check: "version/client-target",
        key: "weka:client-target-version",
        what: &["empty", "null", "without the line*"],
        because: "this is how the releases write that nothing is set",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "access/agent",
        key: "host:units*",
        what: &["without the line `SubState*"],
        because: "the state itself decides; this adds a word to it",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "access/cluster-admin",
        key: "weka:whoami",
        what: &[
            "without .username",
            "without .org_name",
            "null for .username",
            "null for .org_name",
        ],
        because: "the role decides; the names say whose it is",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "access/login",
        key: "weka:whoami",
        what: &["*"],
        because: "the exit status of the login itself decides; this adds the name",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "client/mount",
        key: "host:wekafs-mounts of a client",
        what: &["without the line*"],
        because: "a line is a mount: without it there is none, and the probe's end shows that it is whole",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "health/drive-config",
        key: "weka:disks-config",
        what: &["without .DiskId<#>"],
        because: "a disk of which the configuration does not speak is not in it",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "health/rebuild",
        key: "weka:rebuild",
        what: &[
            "without .protectionState[n].MiB",
            "without .protectionState[n].percent",
            "without .protectionState[*].percent",
            "null for .protectionState[n].MiB",
            "null for .protectionState[n].percent",
            "null for .protectionState[*].percent",
        ],
        because: "the share is shown where there is no amount, and no share where there is one",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "health/upgrade-running",
        key: "host:local-ps of a client",
        what: &["*"],
        because: "what is unknown about a client does not close the gate; it is a detail",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "nfs/rpc-statd",
        key: "host:units of a protocol server",
        what: &["without the line `SubState*"],
        because: "the state itself decides; this adds a word to it",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "server/cpu",
        key: "host:cpu*",
        what: &["without the line `model*"],
        because: "the flags of the processor decide; its name is shown",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "server/cpu-frequency",
        key: "weka:containers",
        what: &[
            "without [n].cores_ids",
            "without [*].cores_ids",
            "null for [n].cores_ids",
            "null for [*].cores_ids",
        ],
        because: "where the cluster does not tell its cores, all cores of the server must do",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "server/mgmt-ports",
        key: "weka:containers",
        what: &[
            "without [n].container_name",
            "without [*].container_name",
            "null for [n].container_name",
            "null for [*].container_name",
        ],
        because: "a container without a name is asked at its address all the same",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "server/nics",
        key: "weka:container-net",
        what: &["null for [*].net_devices"],
        because: "this is how a container in UDP mode is written",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "server/os",
        key: "host:os*",
        what: &[
            "cut before the line*",
            "without the line `PRETTY_NAME*",
            "without the line `== kernel`",
            "without the line `#.#*",
        ],
        because: "the system's id and version decide; its long name and the kernel are shown",
    },
    Known {
        kind: Kind::OtherGreen,
        check: "version/mixed-accepted",
        key: "weka:accepted-versions",
        what: &["without .MIXED", "null for .MIXED"],
        because: "a release without such a list accepts no mixture",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "access/login",
        key: "weka:status",
        what: &["*"],
        because: "the exit status tells whether somebody is logged in; what it printed is the other checks' matter",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/alerts",
        key: "weka:alerts",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/upgrade-running",
        key: "weka:alerts",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/upgrade-running",
        key: "weka:events-upgrade",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "data/small-filesystems",
        key: "weka:filesystems",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "tasks/*",
        key: "weka:tasks",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "tasks/snapshot-upload",
        key: "weka:snapshots",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "s3/lifecycle",
        key: "weka:s3-buckets",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "s3/lifecycle",
        key: "weka:s3-lifecycle",
        what: &["[]"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "data/snapshot-buckets",
        key: "weka:snap-layers",
        what: &["[]"],
        because: "a cluster without filesystems has no layers",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "config/obsolete-overrides",
        key: "weka:overrides",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that nothing is set",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "config/overrides",
        key: "weka:overrides",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that nothing is set",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "nfs/*",
        key: "weka:nfs-custom-options",
        what: &["[]", "[{}]", "{}", "null"],
        because: "this is how the releases write that nothing is set",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "nfs/failover",
        key: "weka:nfs-custom-options",
        what: &["a text"],
        because: "a text is one of the forms of the options",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/client-target",
        key: "weka:client-target-version",
        what: &["empty", "null"],
        because: "this is how the releases write that nothing is set",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/mixed-accepted",
        key: "weka:accepted-versions",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that nothing is set",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/fsck",
        key: "weka:initial-version",
        what: &["null"],
        because: "the first release is only asked for where no scan is on record",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "tasks/catalog",
        key: "weka:catalog",
        what: &["null"],
        because: "this is how a release without a catalog answers",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "nfs/*",
        key: "weka:nfs-interface-groups",
        what: &["[]", "null"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "protocols/separation",
        key: "weka:nfs-interface-groups",
        what: &["[]", "null"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "s3/*",
        key: "weka:s3-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "protocols/separation",
        key: "weka:s3-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "smb/*",
        key: "weka:smb-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "protocols/separation",
        key: "weka:smb-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/source-issues",
        key: "weka:smb-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "access/login",
        key: "host:local-ps*",
        what: &["*"],
        because: "only says on which server the tool stands, for the remedy",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "access/login",
        key: "weka:whoami",
        what: &["*"],
        because: "the exit status of the login itself decides; this adds the name",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "config/machine-ids",
        key: "weka:servers",
        what: &["*"],
        because: "the containers tell the identifiers; the list of servers adds those that have none running",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/alerts",
        key: "weka:processes",
        what: &["*"],
        because: "is only looked at under an alert about processes",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/mcb",
        key: "weka:containers",
        what: &["*"],
        because: "only adds names: the processes tell roles and containers",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "nfs/health",
        key: "weka:containers",
        what: &["*"],
        because: "only adds the names of servers that are not ready",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "s3/health",
        key: "weka:containers",
        what: &["*"],
        because: "only adds the names of servers that are not ready",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "smb/health",
        key: "weka:containers",
        what: &["*"],
        because: "only adds the names of servers that are not ready",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/backends",
        key: "weka:servers",
        what: &["unknown command"],
        because: "releases before 4.0.5.39 have no list of servers; the containers tell the same",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/clients",
        key: "weka:servers",
        what: &["unknown command"],
        because: "releases before 4.0.5.39 have no list of servers; the containers tell the same",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/upgrade-running",
        key: "host:local-ps of a client",
        what: &["*"],
        because: "what is unknown about a client does not close the gate; it is a detail",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/upgrade-running",
        key: "host:local-ps",
        what: &["[]"],
        because: "a server without containers has none that was left over",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "health/upgrade-running",
        key: "host:local-ps of a protocol server",
        what: &["[]"],
        because: "a server without containers has none that was left over",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "nfs/failover",
        key: "host:nfs-connections*",
        what: &["*"],
        because: "a server outside of the interface groups has no connections to take over",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "server/kernel-args",
        key: "host:cmdline*",
        what: &["*"],
        because: "a boot line is any words, and the check looks for one of them",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "server/mgmt-ports",
        key: "host:ports*",
        what: &["*"],
        because: "whether a server's ports answer is what the other servers say",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "server/nics",
        key: "host:ofed*",
        what: &["*"],
        because: "of releases from 5.0 on the kind of the card decides, not the driver",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "server/nics",
        key: "weka:container-net",
        what: &["*"],
        because: "before 4.4 the driver decides, not the kind of the card",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "server/containers",
        key: "host:local-ps of a client",
        what: &["[]"],
        because: "a client may have nothing mounted",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "server/memory",
        key: "host:local-ps*",
        what: &["[]"],
        because: "without containers only the system's own need is left",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "server/cgroups",
        key: "host:local-ps*",
        what: &["[]"],
        because: "without a protocol's container there is nothing to ask of cgroups",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/known-issues",
        key: "host:cmdline*",
        what: &["*"],
        because: "is only looked at for issues that name a boot argument",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/known-issues",
        key: "weka:containers",
        what: &["*"],
        because: "is only looked at for issues on the way that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/source-issues",
        key: "weka:containers",
        what: &["*"],
        because: "is only looked at for issues of the release that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/known-issues",
        key: "weka:nfs-interface-groups",
        what: &["*"],
        because: "is only looked at for issues on the way that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/source-issues",
        key: "weka:nfs-interface-groups",
        what: &["*"],
        because: "is only looked at for issues of the release that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/known-issues",
        key: "weka:object-stores",
        what: &["*"],
        because: "is only looked at for issues on the way that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/source-issues",
        key: "weka:object-stores",
        what: &["*"],
        because: "is only looked at for issues of the release that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/known-issues",
        key: "weka:orgs",
        what: &["*"],
        because: "is only looked at for issues on the way that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/source-issues",
        key: "weka:orgs",
        what: &["*"],
        because: "is only looked at for issues of the release that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/known-issues",
        key: "weka:s3-cluster",
        what: &["*"],
        because: "is only looked at for issues on the way that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/source-issues",
        key: "weka:s3-cluster",
        what: &["*"],
        because: "is only looked at for issues of the release that have this as a condition",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/known-issues",
        key: "weka:object-stores",
        what: &["[]", "null"],
        because: "an empty list is how the cluster says that there are none",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/known-issues",
        key: "weka:smb-cluster",
        what: &["[]", "null", "{}"],
        because: "this is how the releases write that the protocol is not in use",
    },
    Known {
        kind: Kind::NoAnswer,
        check: "version/known-issues",
        key: "weka:smb-cluster",
        what: &["*"],
        because: "is only looked at for issues on the way that have this as a condition",
    },
];

/// Where an exception for damage of any kind does not hold: these clusters
/// are judged by this answer.
const LOOKED_AT: &[(&str, &str, &[&str])] = &[
    (
        "server/nics",
        "host:ofed*",
        &[
            "release-3.11 to 4.2.18",
            "release-4.0 to 4.2.18",
            "release-4.2 to 4.3.5",
            "4.2.8.66 to 4.2.18.34",
        ],
    ),
    (
        "server/nics",
        "weka:container-net",
        &[
            "release-4.4 to 5.1.30",
            "release-5.1 to 6.0.1",
            "release-6.0 to 6.0.1",
            "5.0.4.401 to 5.1.25",
            "4.4.21.2 to 5.1.25",
        ],
    ),
    (
        "version/known-issues",
        "*",
        &[
            "release-4.2 to 4.3.5",
            "4.4.0 to 4.4.8.76",
            "4.4.21.2 to 5.1.25",
            "5.0.4.401 to 5.1.25",
        ],
    ),
    (
        "version/known-issues",
        "weka:smb-cluster",
        &["release-4.2 to 4.4.33", "release-4.4-early to 4.4.33"],
    ),
    (
        "version/source-issues",
        "*",
        &[
            "release-3.11 to 4.2.18",
            "release-4.0 to 4.2.18",
            "4.2.8.66 to 4.2.18.34",
        ],
    ),
];

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

/// The exceptions that allow this, by their place in the table.
pub(super) fn find(kind: Kind, check: &str, key: &str, what: &str, cluster: &str) -> Vec<usize> {
    let looked_at = LOOKED_AT.iter().any(|(checks, keys, clusters)| {
        fits(checks, check) && fits(keys, key) && clusters.contains(&cluster)
    });
    let fits = |known: &Known| {
        known.kind == kind
            && !(looked_at && known.what == ["*"])
            && fits(known.check, check)
            && fits(known.key, key)
            && known.what.iter().any(|pattern| fits(pattern, what))
    };
    (0..KNOWN.len()).filter(|n| fits(&KNOWN[*n])).collect()
}

/// The exceptions of this kind that were not met.
pub(super) fn idle(kind: Kind, used: &BTreeSet<usize>) -> Vec<String> {
    (0..KNOWN.len())
        .filter(|n| KNOWN[*n].kind == kind && !used.contains(n))
        .map(|n| format!("{:?}", KNOWN[n]))
        .collect()
}

#[test]
fn every_exception_says_why() {
    for known in KNOWN {
        assert!(known.because.len() > 20, "{known:?}");
    }
}
