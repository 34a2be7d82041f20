//! Background tasks.

use super::{Item, fault};

pub(super) const ITEMS: &[Item] = &[
    fault("snapshot-upload", "A snapshot is uploaded", |c| {
        c.start_task("STOW_UPLOAD", "RUNNING", 41, UPLOAD);
    }),
    fault("snapshot-upload-paused", "An upload was paused", |c| {
        c.start_task("STOW_UPLOAD", "PAUSED", 41, UPLOAD);
    }),
    fault(
        "snapshot-upload-waiting",
        "An upload waits; only --show-waiting lists it",
        |c| {
            c.start_task("STOW_UPLOAD", "WAITING", 0, UPLOAD);
        },
    ),
    fault(
        "snapshot-upload-aborting",
        "An upload is being aborted",
        |c| {
            c.start_task("STOW_UPLOAD", "ABORTING", 41, UPLOAD);
        },
    ),
    fault(
        "snapshot-uploading-status",
        "An upload that only fs snapshot shows",
        |c| {
            if let Some(snapshot) = c.snapshots.first_mut() {
                snapshot.local.status = "UPLOADING".to_owned();
                snapshot.local.progress = "41%".to_owned();
            }
        },
    ),
    fault(
        "snapshot-uploading-remote",
        "A remote upload that only fs snapshot shows",
        |c| {
            if let Some(snapshot) = c.snapshots.first_mut() {
                snapshot.remote.status = "UPLOADING".to_owned();
                snapshot.remote.progress = "7%".to_owned();
            }
        },
    ),
    fault(
        "snapshot-download",
        "A snapshot is downloaded into a file system",
        |c| {
            c.start_task(
                "STOW_DOWNLOAD_SNAPSHOT",
                "RUNNING",
                63,
                "Downloading snapshot weekly-3",
            );
        },
    ),
    fault(
        "snapshot-download-waiting",
        "A download waits; only --show-waiting lists it",
        |c| {
            c.start_task(
                "STOW_DOWNLOAD_SNAPSHOT",
                "WAITING",
                0,
                "Downloading snapshot weekly-3",
            );
        },
    ),
    fault(
        "filesystem-download",
        "A file system is made of an uploaded snapshot",
        |c| {
            c.start_task(
                "STOW_DOWNLOAD_FILESYSTEM",
                "RUNNING",
                12,
                "Downloading filesystem fs03",
            );
        },
    ),
    fault("filesystem-squash", "The merge step of a download", |c| {
        c.start_task(
            "FILESYSTEM_SQUASH",
            "RUNNING",
            80,
            "Squashing filesystem fs03",
        );
    }),
    fault(
        "snapshot-prefetch",
        "A snapshot's metadata is prefetched",
        |c| {
            c.start_task(
                "SNAPSHOT_PREFETCH",
                "RUNNING",
                25,
                "Prefetching snapshot weekly-3",
            );
        },
    ),
    fault(
        "obs-detach",
        "An object store is detached: stays green",
        |c| {
            c.start_task("OBS_DETACH", "RUNNING", 55, "Detaching obs01 from fs01");
        },
    ),
    fault(
        "obs-detach2",
        "The same under its newer name: stays green",
        |c| {
            c.start_task("OBS_DETACH2", "RUNNING", 55, "Detaching obs01 from fs01");
        },
    ),
    fault(
        "catalog-indexing",
        "The catalog indexes (releases from 4.4 on)",
        |c| {
            c.config.catalog_indexing = true;
        },
    ),
    fault(
        "catalog-left",
        "The catalog is off and was not removed, as it must be for 6.0",
        |c| {
            c.make_filesystem(".indexfs", 100 << 30);
        },
    ),
    fault(
        "catalog-task",
        "A catalog task runs; newer releases list it only if asked",
        |c| {
            c.start_task("CATALOG_INGEST", "RUNNING", 9, "Ingesting changes of fs01");
        },
    ),
    fault(
        "catalog-task-misspelt",
        "A catalog task under the name that the product misspells",
        |c| {
            c.start_task("CATALAOG_INGEST", "RUNNING", 9, "Ingesting changes of fs01");
        },
    ),
    fault(
        "other-task",
        "A task that only has to be looked at: QUOTA_COLORING",
        |c| {
            c.start_task(
                "QUOTA_COLORING",
                "RUNNING",
                77,
                "Applying the quota of /projects in fs02",
            );
        },
    ),
    fault("fsck-task", "A metadata scan runs: stays green", |c| {
        c.start_task("FSCK", "RUNNING", 18, "Scanning metadata");
    }),
    fault(
        "raid-scanner-task",
        "The RAID scanner runs: stays green",
        |c| {
            c.start_task("RAID_SCANNER", "RUNNING", 4, "Scanning");
        },
    ),
];

const UPLOAD: &str = "Uploading snapshot daily-1 from filesystem fs01";
