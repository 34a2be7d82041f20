use checker_core::facts::kernel_headers::KernelHeaders;
use checker_core::{Applies, Context, Judgement, UpgradePath, Version, check};

check! {
    /// The kernel is none that the running release cannot work with.
    ///
    /// ## What it looks at
    /// On Rocky Linux, while the cluster runs 4.2.6 to 4.2.10: whether the headers of
    /// the running kernel (`/lib/modules/$(uname -r)/build/include/linux/fs.h`) know
    /// `launder_folio`. Without the headers that cannot be told.
    ///
    /// ## Why it matters
    /// The drivers of these releases do not compile for a kernel with
    /// `launder_folio`, which Rocky took over from a newer one.
    ///
    /// ## If ignored
    /// A container that restarts in the running release, as a failed upgrade
    /// makes it do, does not come up again.
    ///
    /// ## How to fix
    /// Boot the last kernel without it: `grubby --info=ALL` lists those that are
    /// installed, `grubby --set-default=/boot/vmlinuz-<release>` chooses one; then
    /// `reboot`. Where the headers are missing:
    /// `dnf install kernel-devel-$(uname -r)`, then check again.
    pub KERNEL {
        id: "server/kernel",
        scope: [Backend, Client],
        when: "4.2.6 <= src <= 4.2.10, Rocky",
        applies: applies,
        levels: [Fail],
        // Green without headers with the public checker (false green, field
        // history 5.5 item 17); green for everybody for two years (field
        // history 26).
        sources: ["Public upgrade checker: kernel", "rules I4, N7"],
        needs: [&KernelHeaders],
        judge: judge,
    }
}

/// A bound with three numbers means all builds of that release.
fn applies(path: &UpgradePath) -> Applies {
    let affected = Version::new(4, 2, 6, 0)..Version::new(4, 2, 11, 0);
    if affected.contains(&path.from) {
        Applies::Yes
    } else {
        Applies::No(format!(
            "only 4.2.6 to 4.2.10 are affected; this is {}",
            path.from
        ))
    }
}

fn judge(_: &Context<'_>, headers: &KernelHeaders) -> Judgement {
    let kernel = &headers.kernel;
    if headers.os_id != "rocky" {
        return Judgement::skipped(format!(
            "only Rocky Linux is affected; this is {}",
            headers.os_id
        ));
    }
    match headers.launder_folio {
        Some(true) => Judgement::fail(
            format!("the kernel {kernel} has launder_folio"),
            "Boot an older kernel: `grubby --info=ALL` lists them, `grubby --set-default=/boot/vmlinuz-<release>`, then \
             `reboot`; one server after the other.",
        ),
        Some(false) => Judgement::pass(format!("the kernel {kernel} has no launder_folio")),
        None => Judgement::unknown(format!(
            "whether the kernel {kernel} has launder_folio: its headers are not installed"
        )),
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

    fn answer(os: &str, folio: &str) -> String {
        format!("kernel 5.14.0-362.el9.x86_64\nID={os}\nlaunder_folio {folio}\n")
    }

    // field history 26: an affected kernel must be red
    #[rstest]
    #[case::affected("\"rocky\"", "yes", Fail)]
    #[case::not_affected("\"rocky\"", "no", Pass)]
    // field history G17
    #[case::no_headers("rocky", "untold", Unknown)]
    #[case::another("rhel", "yes", Skipped)]
    #[case::another_without_headers("ubuntu", "untold", Skipped)]
    fn judges(#[case] os: &str, #[case] folio: &str, #[case] outcome: Outcome) {
        let evidence = Evidence::running("4.2.8.66")
            .backend("weka-01", &[("host:kernel-headers", &answer(os, folio))])
            .client("client-9", &[("host:kernel-headers", &answer(os, folio))]);
        for result in evidence.judge(&KERNEL, "4.2.18.34") {
            assert_eq!(result.outcome, outcome, "{result:?}");
            assert_eq!(result.remedy.is_some(), outcome == Fail);
        }
    }

    #[rstest]
    #[case::before("4.2.5", Skipped)]
    #[case::last_before("4.2.5.999", Skipped)]
    #[case::first("4.2.6", Fail)]
    #[case::last("4.2.10", Fail)]
    #[case::last_build("4.2.10.5", Fail)]
    #[case::behind("4.2.11", Skipped)]
    #[case::target_inside("4.2.1", Skipped)]
    fn window(#[case] from: &str, #[case] outcome: Outcome) {
        let result = Evidence::running(from)
            .backend(
                "weka-01",
                &[("host:kernel-headers", &answer("rocky", "yes"))],
            )
            .judge_one(&KERNEL, "4.2.8.66");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    // field history 27
    #[test]
    fn half_an_answer_is_unknown() {
        let base = Evidence::running("4.2.8.66");
        let good = answer("rocky", "no");
        probe_is_unknown(
            &KERNEL,
            "4.2.18.34",
            "host:kernel-headers",
            &good,
            &base,
            &[],
        );
    }
}
