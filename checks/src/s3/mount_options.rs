use checker_core::facts::s3::S3;
use checker_core::{Context, Judgement, check};

check! {
    /// S3 mounts its file system without a write cache.
    ///
    /// ## What it looks at
    /// `mount_options` of `weka s3 cluster -J`: whether the word `writecache` is
    /// among them.
    ///
    /// ## Why it matters
    /// What still lies in a server's write cache when it stops is not in the file
    /// system yet, though the client was told that its object is stored. Protocols
    /// are to use `readcache` only (WEKAPP-444847).
    ///
    /// ## If ignored
    /// Objects written just before a server stops for the upgrade can be lost.
    ///
    /// ## How to fix
    /// `weka s3 cluster update --mount-options readcache`. It interrupts the service
    /// for a moment.
    pub MOUNT_OPTIONS {
        id: "s3/mount-options",
        scope: [Cluster],
        when: "S3 in use",
        levels: [Warn],
        sources: ["WEKAPP-444847", "rules K9", "public checker: S3 mount options"],
        needs: [&S3],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, s3: &S3) -> Judgement {
    if !s3.configured() {
        return super::not_in_use();
    }
    let Some(options) = &s3.mount_options else {
        return Judgement::unknown("`weka s3 cluster -J` does not tell the mount options");
    };
    let named = |wanted: &str| {
        options
            .split([',', ' '])
            .any(|word| word.trim().eq_ignore_ascii_case(wanted))
    };
    if named("writecache") {
        return Judgement::warn(
            format!("S3 mounts its file system with a write cache: {options:?}"),
            "`weka s3 cluster update --mount-options readcache`, when the service may be interrupted for a moment.",
        );
    }
    Judgement::pass(format!(
        "no write cache among the mount options {options:?}"
    ))
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    // field history 101: both values
    #[rstest]
    #[case::read_cache(r#""mount_options":"rw,readcache","#, Outcome::Pass)]
    #[case::write_cache(r#""mount_options":"rw,writecache","#, Outcome::Warn)]
    #[case::alone(r#""mount_options":"WriteCache","#, Outcome::Warn)]
    #[case::list(r#""mount_options":["rw","writecache"],"#, Outcome::Warn)]
    #[case::another_word(r#""mount_options":"rw,nowritecache","#, Outcome::Pass)]
    #[case::none_named(r#""mount_options":"","#, Outcome::Pass)]
    #[case::null(r#""mount_options":null,"#, Outcome::Unknown)]
    #[case::absent("", Outcome::Unknown)]
    #[case::odd(r#""mount_options":3,"#, Outcome::Unknown)]
    fn judges(#[case] options: &str, #[case] outcome: Outcome) {
        let s3 = format!(r#"{{{options}"active":true,"s3_hosts":["HostId<6>"]}}"#);
        let result = Evidence::running("4.4.21.2")
            .weka("weka:s3-cluster", &s3)
            .judge_one(&MOUNT_OPTIONS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::none(End::Exited(0), r#"{"active":false}"#, "", Outcome::Skipped)]
    #[case::never_set_up(End::Exited(1), "", "error: S3 is not configured", Outcome::Skipped)]
    #[case::switched_off(
        End::Exited(0),
        r#"{"active":false,"s3_hosts":[6],"mount_options":"writecache"}"#,
        "",
        Outcome::Warn
    )]
    #[case::of_3_11(
        End::Exited(0),
        r#"{"status":true,"s3_hosts":["HostId<6>"],"mount_options":"writecache"}"#,
        "",
        Outcome::Warn
    )]
    #[case::not_logged_in(End::Exited(41), "", "error: not logged in", Outcome::Unknown)]
    #[case::cut(End::Exited(0), r#"{"active":true,"s3_h"#, "", Outcome::Unknown)]
    fn in_use_or_not(
        #[case] end: End,
        #[case] stdout: &str,
        #[case] stderr: &str,
        #[case] outcome: Outcome,
    ) {
        let result = Evidence::running("4.4.21.2")
            .weka_ended("weka:s3-cluster", end, stdout, stderr)
            .judge_one(&MOUNT_OPTIONS, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn shows_the_options() {
        let result = Evidence::running("4.4.21.2")
            .weka(
                "weka:s3-cluster",
                r#"{"active":true,"s3_hosts":[6],"mount_options":"rw,readcache"}"#,
            )
            .judge_one(&MOUNT_OPTIONS, "4.4.33");
        assert_eq!(
            result.summary,
            r#"no write cache among the mount options "rw,readcache""#
        );
    }
}
