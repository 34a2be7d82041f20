use checker_core::facts::Missing;
use checker_core::facts::fallocate::Fallocate;
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// The file system of /opt/weka can reserve room for files.
    ///
    /// ## What it looks at
    /// `fallocate -l 4096` of a new file in `/opt/weka`. The file loses its name
    /// before anything is reserved, so that nothing stays behind, even if the
    /// connection is cut. It is done only for targets that need it.
    ///
    /// ## Why it matters
    /// The releases from 4.4.10.171 on (in the line 5 from 5.1.0 on) reserve the room
    /// for a container's files before they write them (WEKAPP-545988). Where the
    /// file system cannot (ext3, NFS before 4.2, ZFS), that fails.
    ///
    /// ## If ignored
    /// The containers of this server do not start in the new release.
    ///
    /// ## How to fix
    /// Move `/opt/weka` to a file system that can: XFS or ext4. `findmnt -T /opt/weka`
    /// shows what it is on now. Stop the containers (`weka local stop`), copy with
    /// `rsync -aHAXS`, mount the new file system on `/opt/weka`, `weka local start`; one
    /// server after the other.
    pub FALLOCATE {
        id: "server/fallocate",
        scope: [Backend],
        when: "4.4.10.171 <= tgt < 5.0.0, or tgt >= 5.1.0",
        applies: applies,
        levels: [Fail],
        sources: ["WEKAPP-545988", "rules N12"],
        needs: [Result<&Fallocate, Missing>],
        judge: judge,
    }
}

const FIRST: Version = Version::new(4, 4, 10, 171);
const LINE_5_0: Version = Version::new(5, 0, 0, 0);
const LINE_5_1: Version = Version::new(5, 1, 0, 0);

fn needs_it(release: &Version) -> bool {
    (FIRST..LINE_5_0).contains(release) || *release >= LINE_5_1
}

fn applies(path: &UpgradePath) -> Applies {
    // On the way to a 5.0 there can be a 4.4 that needs it.
    let by_4_4 = path.to >= LINE_5_0 && path.from < LINE_5_0;
    if needs_it(&path.to) || by_4_4 {
        Applies::Yes
    } else {
        Applies::No(not_needed(&path.to))
    }
}

fn not_needed(target: &Version) -> String {
    format!(
        "only releases from 4.4.10.171 to before 5.0.0, and from 5.1.0 on, need it; {target} does not"
    )
}

fn judge(context: &Context<'_>, fallocate: Result<&Fallocate, Missing>) -> Judgement {
    if context.first_ahead(needs_it).is_none() {
        return Judgement::skipped(not_needed(context.to));
    }
    let fallocate = match fallocate {
        Ok(fallocate) => fallocate,
        Err(missing) => return Judgement::unknown(missing.to_string()),
    };
    match fallocate {
        Fallocate::Yes => Judgement::pass("room can be reserved in /opt/weka"),
        Fallocate::Unsupported => Judgement::fail(
            "the file system of /opt/weka cannot reserve room for files (no fallocate)",
            "`findmnt -T /opt/weka` shows the file system. Move it to XFS or ext4: `weka local stop`, `rsync -aHAXS` to the \
             new file system, mount that on /opt/weka, `weka local start`; one server after the other.",
        ),
        // A full or read-only disk says nothing about the file system's kind.
        Fallocate::Open(why) => {
            Judgement::unknown(format!("whether room can be reserved in /opt/weka: {why}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Fail, Pass, Skipped, Unknown};

    const NO: &str = "no fallocate: fallocate failed: Operation not supported\n";

    #[rstest]
    #[case::yes("yes\n", Pass)]
    #[case::not_supported(NO, Fail)] // field history 40
    #[case::full("no fallocate: fallocate failed: No space left on device\n", Unknown)]
    #[case::read_only("create failed\n", Unknown)] // public checks 56
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.4.6")
            .backend("weka-01", &[("host:fallocate", answer)])
            .judge_one(&FALLOCATE, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Fail);
    }

    // field history 40
    #[rstest]
    #[case::before("4.4.10.170", Skipped)]
    #[case::first("4.4.10.171", Fail)]
    #[case::last_of_4("4.9", Fail)]
    #[case::line_5_0("5.0.0", Skipped)]
    #[case::end_of_5_0("5.0.99", Skipped)]
    #[case::line_5_1("5.1.0", Fail)]
    #[case::later("6.0.0", Fail)]
    fn window(#[case] target: &str, #[case] outcome: Outcome) {
        let result = Evidence::running("4.4.6")
            .backend("weka-01", &[("host:fallocate", NO)])
            .judge_one(&FALLOCATE, target);
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn half_an_answer_is_unknown() {
        let base = Evidence::running("4.4.6");
        probe_is_unknown(&FALLOCATE, "4.4.33", "host:fallocate", "yes\n", &base, &[]);
    }
}
