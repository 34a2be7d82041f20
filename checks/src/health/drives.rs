use checker_core::facts::drives::{Drive, Drives};
use checker_core::{Context, Judgement, check};

check! {
    /// Every drive is active and writable.
    ///
    /// ## What it looks at
    /// `status` and `writable` of every drive in `weka cluster drive -J`.
    ///
    /// ## Why it matters
    /// While the drive containers are restarted, every stripe has one drive fewer
    /// for some minutes. A drive that is missing already, or that is being filled
    /// or emptied, makes that two. A drive that cannot be written to takes no
    /// new data and is often about to fail.
    ///
    /// ## If ignored
    /// The cluster may lose its last reserve in the middle of the upgrade.
    ///
    /// ## How to fix
    /// Wait until drives that phase in or out are through. A drive that was
    /// deactivated on purpose is taken out with `weka cluster drive remove UUID`,
    /// one that should work is brought back with `weka cluster drive activate UUID`.
    pub DRIVES {
        id: "health/drives",
        scope: [Cluster],
        when: "all",
        levels: [Warn, Fail],
        sources: ["public checker, checks 28 and 29", "rules G4"],
        needs: [&Drives],
        judge: judge,
    }
}

fn line(drive: &Drive, what: &str) -> String {
    let on_purpose = match drive.should_be_active {
        Some(false) => ", not meant to be active",
        Some(true) | None => "",
    };
    format!(
        "{}: {} (DiskId<{}>): {what}{on_purpose}",
        drive.hostname, drive.path, drive.id
    )
}

fn judge(_: &Context<'_>, Drives(drives): &Drives) -> Judgement {
    if drives.is_empty() {
        return Judgement::unknown("the cluster lists no drive");
    }
    let active = |d: &&Drive| d.status == "ACTIVE";
    let down: Vec<_> = drives.iter().filter(|d| !active(d)).collect();
    let unwritable: Vec<_> = drives
        .iter()
        .filter(|d| active(d) && d.writable == Some(false))
        .collect();
    let lines = down
        .iter()
        .map(|d| line(d, &d.status))
        .chain(unwritable.iter().map(|d| line(d, "ACTIVE, Unwritable")));
    if !down.is_empty() {
        let summary = format!("{} of {} drives are not ACTIVE", down.len(), drives.len());
        let remedy = "Look at `weka cluster drive`: wait until drives that phase in or out are through, bring others back with `weka cluster drive activate UUID`, or take them out with `weka cluster drive remove UUID`.";
        return Judgement::fail(summary, remedy).details(lines);
    }
    if !unwritable.is_empty() {
        let summary = format!(
            "{} of {} drives are not writable",
            unwritable.len(),
            drives.len()
        );
        let remedy = "Look at `weka cluster drive -v` and `weka alerts` for the reason, and replace a worn or failing drive (`weka cluster drive deactivate UUID`) before the upgrade, or ask support.";
        return Judgement::warn(summary, remedy).details(lines);
    }
    let silent = drives.iter().filter(|d| d.writable.is_none()).count();
    if silent > 0 {
        return Judgement::unknown(format!(
            "all {} drives are ACTIVE, but the cluster does not say of {silent} whether they are writable",
            drives.len()
        ));
    }
    Judgement::pass(format!("{} drives, all ACTIVE and writable", drives.len()))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::damaged;

    fn drive(id: u64, status: &str, writable: &Value) -> Value {
        json!({"disk_id": format!("DiskId<{id}>"), "hostname": "weka-01", "device_path": "0000:81:00.0", "status": status,
            "should_be_active": true, "writable": writable})
    }

    fn judged(list: &Value) -> checker_core::report::CheckResult {
        Evidence::running("4.4.21.2")
            .weka("weka:drives", &list.to_string())
            .judge_one(&DRIVES, "4.4.33")
    }

    #[rstest]
    #[case::good("ACTIVE", json!("Writable"), Outcome::Pass)]
    // field history G3
    #[case::inactive("INACTIVE", json!("Writable"), Outcome::Fail)]
    #[case::phasing_in("PHASING_IN", json!("Writable"), Outcome::Fail)]
    #[case::phasing_out("PHASING_OUT", json!("Unwritable"), Outcome::Fail)]
    #[case::failed("FAILED", json!(null), Outcome::Fail)]
    #[case::unwritable("ACTIVE", json!("Unwritable"), Outcome::Warn)]
    // field history 60
    #[case::not_told("ACTIVE", json!(null), Outcome::Unknown)]
    fn judges(#[case] status: &str, #[case] writable: Value, #[case] outcome: Outcome) {
        let list = json!([
            drive(1, "ACTIVE", &json!("Writable")),
            drive(5, status, &writable)
        ]);
        assert_eq!(judged(&list).outcome, outcome);
    }

    #[test]
    fn names_the_drives() {
        let mut down = drive(5, "INACTIVE", &json!(null));
        down["should_be_active"] = json!(false);
        let result = judged(&json!([down, drive(6, "ACTIVE", &json!("Unwritable"))]));
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(
            result.details,
            [
                "weka-01: 0000:81:00.0 (DiskId<5>): INACTIVE, not meant to be active",
                "weka-01: 0000:81:00.0 (DiskId<6>): ACTIVE, Unwritable",
            ]
        );
    }

    #[test]
    fn a_cluster_without_drives_is_unknown() {
        assert_eq!(judged(&json!([])).outcome, Outcome::Unknown);
    }

    #[test]
    fn damaged_answers_are_unknown() {
        damaged::is_unknown(
            &DRIVES,
            "4.4.33",
            "weka:drives",
            &Evidence::running("4.4.21.2"),
        );
    }
}
