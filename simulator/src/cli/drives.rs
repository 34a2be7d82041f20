//! `cluster drive`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command, Opt};
use super::containers::failure_domain;
use crate::model::uuid;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("cluster drive", list).options(&[Opt::flag(&["--show-removed"])]),
    Command::new("cluster drives", list).options(&[Opt::flag(&["--show-removed"])]),
];

fn list(call: &Call<'_>) -> Answer {
    let dialect = call.dialect;
    let rows = call
        .cluster
        .drives()
        .map(|(server, container, drive)| {
            let at = container.drives.iter().position(|d| d.id == drive.id);
            let slot = 1 + at.unwrap_or(0) as u32 % container.drive_cores.max(1);
            let mut row = json!({
                "disk_id": dialect.id("DiskId", drive.id),
                "uid": uuid("drive", drive.id),
                "uuid": uuid("drive-uuid", drive.id),
                "host_id": dialect.id("HostId", container.id),
                "node_id": dialect.id("NodeId", container.process_id(slot)),
                "hostname": server.hostname,
                "device_path": format!("0000:{:02x}:00.0", 0x81 + at.unwrap_or(0)),
                "size_bytes": drive.size,
                "status": drive.status,
                "should_be_active": drive.should_be_active,
                "writable": if drive.writable { "Writable" } else { "Unwritable" },
                "used_nvkv_space_percent": 4,
                "vendor": "VENDOR",
                "firmware": "FW001",
                "model": "MODEL-15T",
                // The blanks are the product's.
                "serial_number": format!("S{:07}   ", drive.id),
                "attachment": "OK",
                "block_size": 4096,
                "failure_domain": failure_domain(call, server),
                "added_time": "2025-11-18T09:20:11.000000Z",
                "removed_time": Value::Null,
            });
            if dialect.wekactl() {
                row["needs_phase_out"] = json!(false);
                row["drive_status_message"] = json!("");
                row["failed_report_count"] = json!(0);
            }
            row
        })
        .collect();
    Answer::Json(Value::Array(rows))
}
