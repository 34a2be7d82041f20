use std::cmp::Ordering;

use checker_core::facts::status::Status;
use checker_core::{Context, Judgement, Version, check};

check! {
    /// The target is newer than the running release.
    ///
    /// ## What it looks at
    /// The member `release` of `weka status -J`, with its suffix, against the
    /// target. Of two builds with the same numbers, a re-release (`4.4.1-2`) and
    /// a hotfix (`4.4.9-hotfix1`) are newer than the plain release; two hashes
    /// can't be put in order.
    ///
    /// ## Why it matters
    /// WEKA is only upgraded upwards. The data on the drives is converted on
    /// the way, and an older release can't read it.
    ///
    /// ## If ignored
    /// The product refuses, or a downgrade loses a fix or makes data unreadable.
    ///
    /// ## How to fix
    /// Choose a newer target: `checker --target-version V`. `weka status` shows
    /// the running release.
    pub DIRECTION {
        id: "version/direction",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: only upward", "rules A3", "public checker: target newer than source"],
        needs: [&Status],
        judge: judge,
    }
}

fn judge(context: &Context<'_>, status: &Status) -> Judgement {
    let (from, to) = (&status.release, context.to);
    let remedy = format!(
        "Choose a release that is newer than {from}: `checker --target-version V`. Downgrades are not supported."
    );
    match compare(from, to) {
        Some(Ordering::Less) => Judgement::pass(format!("from {from} up to {to}")),
        Some(Ordering::Equal) => {
            Judgement::fail(format!("the cluster already runs {from}"), remedy)
        }
        Some(Ordering::Greater) => Judgement::fail(
            format!("the target {to} is older than the running {from}"),
            remedy,
        ),
        None => Judgement::unknown(format!(
            "which of {from} and {to} is newer can't be told: two builds of one release"
        ))
        .detail(
            "ask support which of the two builds is newer, or choose a release with higher numbers",
        ),
    }
}

/// The running release against the target; `None` when the names don't tell.
///
/// The order of [`Version`] is a total one for sorting. It would put hashes in
/// order by their text, which says nothing of their age.
fn compare(from: &Version, to: &Version) -> Option<Ordering> {
    match from.numbers().cmp(&to.numbers()) {
        Ordering::Equal => Suffix::of(from).compare(&Suffix::of(to)),
        other => Some(other),
    }
}

/// What stands behind the numbers.
#[derive(Debug, PartialEq, Eq)]
enum Suffix<'v> {
    /// `-beta`, `-rc2`: came before the plain release.
    Before(&'v str, u64),
    /// Nothing.
    None,
    /// `-2`: a re-release.
    Again(u64),
    /// A word and perhaps a number: `-hotfix1`.
    Fix(&'v str, u64),
    /// A hash, or something nobody has seen yet: a build made for a reason.
    Build(&'v str),
    /// `-hcfs`, `-k8s.2`: the plain release in another packing.
    Packing(&'v str),
}

impl<'v> Suffix<'v> {
    fn of(version: &'v Version) -> Self {
        let Some(text) = version.suffix() else {
            return Self::None;
        };
        // A hash can be all digits; a re-release has few.
        let is_hash = text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if is_hash {
            return Self::Build(text);
        }
        if let Ok(number) = text.parse() {
            return Self::Again(number);
        }
        let word = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &text[word.len()..];
        let Ok(number) = (if digits.is_empty() { "0" } else { digits }).parse() else {
            return Self::Build(text);
        };
        let word = word.trim_end_matches(['.', '-', '_']);
        match word.to_ascii_lowercase().as_str() {
            "alpha" | "beta" | "rc" | "pre" => Self::Before(word, number),
            "hcfs" | "k8s" => Self::Packing(text),
            "hotfix" | "hf" | "fix" | "patch" => Self::Fix(word, number),
            _ => Self::Build(text),
        }
    }

    fn compare(&self, to: &Self) -> Option<Ordering> {
        use Suffix::{Again, Before, Build, Fix, None as Plain, Packing};
        match (self, to) {
            (Before(a, x), Before(b, y)) | (Fix(a, x), Fix(b, y)) => {
                a.eq_ignore_ascii_case(b).then(|| x.cmp(y))
            }
            (Again(x), Again(y)) => Some(x.cmp(y)),
            (Build(a) | Packing(a), Build(b) | Packing(b)) => {
                a.eq_ignore_ascii_case(b).then_some(Ordering::Equal)
            }
            (Plain, Plain) | (Plain, Packing(_)) | (Packing(_), Plain) => Some(Ordering::Equal),
            (Before(..), Plain | Packing(_)) => Some(Ordering::Less),
            (Plain | Packing(_), Before(..)) => Some(Ordering::Greater),
            (Plain, Again(_) | Fix(..) | Build(_)) => Some(Ordering::Less),
            (Again(_) | Fix(..) | Build(_), Plain) => Some(Ordering::Greater),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::newer("4.4.21.2", "4.4.33", Outcome::Pass)]
    #[case::one_build_newer("4.4.21.2", "4.4.21.3", Outcome::Pass)]
    #[case::by_value_not_by_text("4.2.9.28", "4.2.10", Outcome::Pass)]
    #[case::same("4.4.33", "4.4.33", Outcome::Fail)]
    #[case::same_written_otherwise("4.4.33.0", "4.4.33", Outcome::Fail)]
    #[case::older("4.4.33", "4.4.21.2", Outcome::Fail)]
    #[case::older_major("5.0.4", "4.4.33", Outcome::Fail)]
    #[case::re_release("4.4.1", "4.4.1-2", Outcome::Pass)]
    #[case::second_re_release("4.4.1-2", "4.4.1-10", Outcome::Pass)]
    #[case::back_from_a_re_release("4.4.1-2", "4.4.1", Outcome::Fail)]
    #[case::to_a_hotfix("4.4.9", "4.4.9-hotfix1", Outcome::Pass)]
    #[case::out_of_a_hotfix("4.4.9-hotfix1", "4.4.9", Outcome::Fail)]
    #[case::next_hotfix("4.4.9-hotfix2", "4.4.9-hotfix10", Outcome::Pass)]
    #[case::hotfix_back("4.4.9-hotfix10", "4.4.9-hotfix2", Outcome::Fail)]
    #[case::hotfix_to_a_newer_release("4.4.9-hotfix1", "4.4.10", Outcome::Pass)]
    #[case::hotfix_to_an_older_release("4.4.9-hotfix1", "4.4.8", Outcome::Fail)]
    #[case::to_a_hash("4.2.8.312", "4.2.8.312-6a24a384", Outcome::Pass)]
    #[case::out_of_a_hash("4.2.8.312-6a24a384", "4.2.8.312", Outcome::Fail)]
    #[case::same_hash("4.2.8.312-6a24a384", "4.2.8.312-6A24A384", Outcome::Fail)]
    #[case::two_hashes("4.2.8.312-6a24a384", "4.2.8.312-77ab12cd", Outcome::Unknown)]
    #[case::two_hashes_of_digits("4.2.8.312-12345678", "4.2.8.312-22345678", Outcome::Unknown)]
    #[case::hash_and_hotfix("4.4.9-6a24a384", "4.4.9-hotfix1", Outcome::Unknown)]
    #[case::re_release_and_hotfix("4.4.9-2", "4.4.9-hotfix1", Outcome::Unknown)]
    #[case::hash_to_a_newer_release("4.2.8.312-6a24a384", "4.2.9.28", Outcome::Pass)]
    // field history 77: suffixes that are not numbers
    #[case::container_image("4.4.2.157-k8s.2", "4.4.2.157", Outcome::Fail)]
    #[case::hcfs("5.1.0-hcfs", "5.1.0", Outcome::Fail)]
    #[case::to_hcfs("5.1.0", "5.1.0-hcfs", Outcome::Fail)]
    #[case::hcfs_to_a_newer_release("5.1.0-hcfs", "5.1.25", Outcome::Pass)]
    #[case::out_of_a_beta("4.4.9-beta", "4.4.9", Outcome::Pass)]
    #[case::into_a_beta("4.4.9", "4.4.9-beta2", Outcome::Fail)]
    #[case::next_beta("4.4.9-beta2", "4.4.9-beta3", Outcome::Pass)]
    fn judges(#[case] from: &str, #[case] to: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(from).judge_one(&DIRECTION, to);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Outcome::Fail);
    }

    #[test]
    fn shows_both() {
        let result = Evidence::running("4.4.21.2").judge_one(&DIRECTION, "4.4.33");
        assert_eq!(result.summary, "from 4.4.21.2 up to 4.4.33");
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41), "")]
    #[case::half(End::Exited(0), r#"{"name":"a","release":"4.4."#)]
    #[case::empty(End::Exited(0), "")]
    // field history 77
    #[case::odd_release(End::Exited(0), r#"{"name":"a","guid":"b","release":"banana","status":"OK","io_status":"STARTED","upgrade":""}"#)]
    fn no_answer_is_unknown(#[case] end: End, #[case] answer: &str) {
        let result = Evidence::new()
            .weka_ended("weka:status", end, answer, "error")
            .judge_one(&DIRECTION, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
