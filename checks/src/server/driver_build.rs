use checker_core::facts::build::{Build, Tool};
use checker_core::{Context, Judgement, check};

check! {
    /// The server can compile WEKA's kernel driver.
    ///
    /// ## What it looks at
    /// What the preparation compiles with: the headers of the *running* kernel
    /// (`/lib/modules/$(uname -r)/build`, with the files behind the link), `gcc`,
    /// `make`, `perl`, and the header files of libelf.
    ///
    /// ## Why it matters
    /// The preparation compiles the drivers of the new release on every server,
    /// for the kernel that runs there. Headers of another kernel do not serve.
    ///
    /// ## If ignored
    /// The preparation fails on this server and names it, and the upgrade does not
    /// start.
    ///
    /// ## How to fix
    /// RHEL, Rocky, Alma, Amazon Linux:
    /// `dnf install kernel-devel-$(uname -r) gcc make perl elfutils-libelf-devel`
    /// (`yum` before release 8; Oracle's UEK: `kernel-uek-devel-$(uname -r)`).
    /// Ubuntu, Debian: `apt-get install linux-headers-$(uname -r) gcc make perl libelf-dev`.
    /// SLES: `zypper install kernel-default-devel gcc make perl libelf-devel`, in the
    /// release of the running kernel. Where the repository no longer has the headers
    /// of the running kernel: install the newest kernel with its headers and boot it.
    pub DRIVER_BUILD {
        id: "server/driver-build",
        scope: [Backend],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: preparation compiles the driver", "rules C4, I22"],
        needs: [&Build],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, build: &Build) -> Judgement {
    if build.lacks.is_empty() {
        return Judgement::pass(format!(
            "headers of {}, gcc, make, perl and libelf are there",
            build.kernel
        ));
    }
    let lacking: Vec<String> = build.lacks.iter().map(|tool| name(*tool, build)).collect();
    Judgement::fail(format!("missing: {}", lacking.join(", ")), remedy(build))
}

fn name(tool: Tool, build: &Build) -> String {
    match tool {
        Tool::Headers => format!("the headers of the running kernel {}", build.kernel),
        Tool::Gcc => "gcc".to_owned(),
        Tool::Make => "make".to_owned(),
        Tool::Perl => "perl".to_owned(),
        Tool::Libelf => "the header files of libelf".to_owned(),
    }
}

/// The command for this server's package manager, with what it lacks.
fn remedy(build: &Build) -> String {
    let kernel = &build.kernel;
    let command = |manager: &str| -> String {
        let packages: Vec<String> = build
            .lacks
            .iter()
            .map(|tool| package(*tool, manager, kernel))
            .collect();
        format!("`{manager} install {}`", packages.join(" "))
    };
    let commands = match build.manager.as_deref() {
        Some(manager) => command(manager),
        None => format!(
            "{} (RHEL and its kin), {} (Debian, Ubuntu) or {} (SLES)",
            command("dnf"),
            command("apt-get"),
            command("zypper")
        ),
    };
    if build.lacks.contains(&Tool::Headers) {
        format!(
            "{commands}. If no repository has the headers of {kernel} any more, install the newest kernel with its \
             headers and boot it."
        )
    } else {
        commands
    }
}

fn package(tool: Tool, manager: &str, kernel: &str) -> String {
    match (tool, manager) {
        (Tool::Headers, "apt-get") => format!("linux-headers-{kernel}"),
        // `5.14.21-150500.55-default`: the flavour is part of the package's name.
        (Tool::Headers, "zypper") => match kernel.rsplit_once('-') {
            Some((release, flavour)) => format!("kernel-{flavour}-devel={release}"),
            None => "kernel-default-devel".to_owned(),
        },
        (Tool::Headers, _) if kernel.contains("uek") => format!("kernel-uek-devel-{kernel}"),
        (Tool::Headers, _) => format!("kernel-devel-{kernel}"),
        (Tool::Gcc, _) => "gcc".to_owned(),
        (Tool::Make, _) => "make".to_owned(),
        (Tool::Perl, _) => "perl".to_owned(),
        (Tool::Libelf, "apt-get") => "libelf-dev".to_owned(),
        (Tool::Libelf, "zypper") => "libelf-devel".to_owned(),
        (Tool::Libelf, _) => "elfutils-libelf-devel".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::report::CheckResult;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;
    use crate::damaged::probe_is_unknown;
    use Outcome::{Fail, Pass};

    /// A server with this kernel and package manager that lacks these.
    fn answer(kernel: &str, manager: &str, lacks: &[&str]) -> String {
        let mut text = format!("kernel {kernel}\n");
        for tool in ["headers", "gcc", "make", "perl", "libelf"] {
            let word = if lacks.contains(&tool) {
                "lacks"
            } else {
                "has"
            };
            text += &format!("{word} {tool}\n");
        }
        if !manager.is_empty() {
            text += &format!("manager {manager}\n");
        }
        text + "end\n"
    }

    fn judged(answer: &str) -> CheckResult {
        Evidence::running("4.4.21.2")
            .backend("weka-01", &[("host:build", answer)])
            .judge_one(&DRIVER_BUILD, "4.4.33")
    }

    const EL9: &str = "5.14.0-503.el9.x86_64";

    #[rstest]
    #[case::all(&[], Pass)]
    #[case::headers(&["headers"], Fail)]
    #[case::gcc(&["gcc"], Fail)]
    #[case::make(&["make"], Fail)]
    #[case::perl(&["perl"], Fail)]
    #[case::libelf(&["libelf"], Fail)]
    fn each_is_needed(#[case] lacks: &[&str], #[case] outcome: Outcome) {
        let result = judged(&answer(EL9, "dnf", lacks));
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert_eq!(result.remedy.is_some(), outcome == Fail);
    }

    #[rstest]
    #[case::rhel(
        EL9,
        "dnf",
        "`dnf install kernel-devel-5.14.0-503.el9.x86_64 elfutils-libelf-devel`"
    )]
    #[case::centos_7(
        "3.10.0-1160.el7.x86_64",
        "yum",
        "`yum install kernel-devel-3.10.0-1160.el7.x86_64 elfutils-libelf-devel`"
    )]
    #[case::oracle(
        "5.15.0-3.el8uek.x86_64",
        "dnf",
        "`dnf install kernel-uek-devel-5.15.0-3.el8uek.x86_64 elfutils-libelf-devel`"
    )]
    #[case::ubuntu(
        "5.15.0-91-generic",
        "apt-get",
        "`apt-get install linux-headers-5.15.0-91-generic libelf-dev`"
    )]
    #[case::sles(
        "5.14.21-150500.55-default",
        "zypper",
        "`zypper install kernel-default-devel=5.14.21-150500.55 libelf-devel`"
    )]
    #[case::none_known(EL9, "", "(Debian, Ubuntu)")]
    fn the_packages_of_each_distribution(
        #[case] kernel: &str,
        #[case] manager: &str,
        #[case] command: &str,
    ) {
        let result = judged(&answer(kernel, manager, &["headers", "libelf"]));
        let remedy = result.remedy.expect("a remedy");
        assert!(remedy.contains(command), "{remedy}");
        assert!(remedy.contains("boot it"), "{remedy}");
    }

    #[test]
    fn says_what_is_there() {
        assert_eq!(
            judged(&answer(EL9, "dnf", &[])).summary,
            "headers of 5.14.0-503.el9.x86_64, gcc, make, perl and libelf are there"
        );
        assert_eq!(
            judged(&answer(EL9, "dnf", &["headers", "gcc"])).summary,
            "missing: the headers of the running kernel 5.14.0-503.el9.x86_64, gcc"
        );
    }

    #[test]
    fn half_an_answer_is_unknown() {
        let base = Evidence::running("4.4.21.2");
        probe_is_unknown(
            &DRIVER_BUILD,
            "4.4.33",
            "host:build",
            &answer(EL9, "dnf", &[]),
            &base,
            &[],
        );
    }
}
