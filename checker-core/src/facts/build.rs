//! What a server has for compiling WEKA's kernel driver.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// Files and programs, looked for by the shell itself.
///
/// The `Makefile` is looked for behind `build`, since that link stays when the
/// headers that it points to are gone or were never installed.
pub static BUILD: ServerProbe = ServerProbe {
    key: "host:build",
    script: r#"read -r release < /proc/sys/kernel/osrelease || exit 1
echo "kernel $release"
if [ -e "/lib/modules/$release/build/Makefile" ]; then echo 'has headers'; else echo 'lacks headers'; fi
for tool in gcc make perl; do
    if command -v "$tool" >/dev/null 2>&1; then echo "has $tool"; else echo "lacks $tool"; fi
done
if [ -e /usr/include/libelf.h ] || [ -e /usr/include/libelf/libelf.h ]; then echo 'has libelf'; else echo 'lacks libelf'; fi
for tool in apt-get zypper dnf yum; do
    command -v "$tool" >/dev/null 2>&1 && { echo "manager $tool"; break; }
done
echo end
"#,
    timeout: Duration::from_secs(5),
    limit: 4 * 1024,
};

/// One thing that compiling the driver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// The headers of the running kernel.
    Headers,
    /// The compiler.
    Gcc,
    /// `make`.
    Make,
    /// `perl`.
    Perl,
    /// The header files of libelf.
    Libelf,
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Headers,
        Self::Gcc,
        Self::Make,
        Self::Perl,
        Self::Libelf,
    ];

    /// Its word in the probe's answer.
    fn word(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Gcc => "gcc",
            Self::Make => "make",
            Self::Perl => "perl",
            Self::Libelf => "libelf",
        }
    }
}

/// What one server has for compiling the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Build {
    /// The release of the running kernel.
    pub kernel: String,
    /// What it lacks.
    pub lacks: Vec<Tool>,
    /// `apt-get`, `zypper`, `dnf` or `yum`; `None` if it has none of these.
    pub manager: Option<String>,
}

impl Fact for Build {
    const NAME: &'static str = "build";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&BUILD];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(BUILD.key)?).map_err(|what| view.unreadable(BUILD.key, what))
    }
}

fn parse(text: &str) -> Result<Build, String> {
    let has_line = |wanted: String| text.lines().any(|line| line.trim_end() == wanted);
    let after = |word: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(word))
            .map(|rest| rest.trim().to_owned())
            .filter(|rest| !rest.is_empty())
    };
    let mut lacks = Vec::new();
    for tool in Tool::ALL {
        let word = tool.word();
        if has_line(format!("lacks {word}")) {
            lacks.push(tool);
        } else if !has_line(format!("has {word}")) {
            return Err(format!("it does not tell of {word}"));
        }
    }
    if !has_line("end".to_owned()) {
        return Err("it breaks off".to_owned());
    }
    Ok(Build {
        kernel: after("kernel ").ok_or("it does not tell the kernel's release")?,
        lacks,
        manager: after("manager "),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    const ANSWER: &str = "kernel 5.14.0-503.el9.x86_64\nhas headers\nhas gcc\nhas make\n\
        lacks perl\nlacks libelf\nmanager dnf\nend\n";

    #[test]
    fn of_a_server() {
        let build = parse(ANSWER).expect("readable");
        assert_eq!(build.lacks, [Tool::Perl, Tool::Libelf]);
        assert_eq!(build.manager.as_deref(), Some("dnf"));
        assert_eq!(build.kernel, "5.14.0-503.el9.x86_64");
    }

    #[rstest]
    #[case::nothing(String::new())]
    #[case::cut(ANSWER.replace("end\n", ""))]
    #[case::one_short(ANSWER.replace("has gcc\n", ""))]
    #[case::no_kernel(ANSWER.replace("kernel 5", "5"))]
    fn half_an_answer_is_none(#[case] text: String) {
        assert!(parse(&text).is_err());
    }

    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    #[case("busybox sh")]
    fn the_script_runs(#[case] shell: &str) {
        let Some(text) = shells::printed(shell, BUILD.script) else {
            return;
        };
        parse(&text).expect("readable");
    }

    #[rstest]
    #[case("sh")]
    #[case("bash")]
    #[case("busybox sh")]
    fn a_link_to_headers_that_are_gone_is_none(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux");
        let modules = dir.path().join(release.trim());
        std::fs::create_dir(&modules).expect("a directory");
        std::os::unix::fs::symlink(dir.path().join("gone"), modules.join("build")).expect("a link");
        let root = dir.path().to_str().expect("UTF-8");
        let script = BUILD.script.replace("/lib/modules", root);
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        assert!(
            parse(&text)
                .expect("readable")
                .lacks
                .contains(&Tool::Headers)
        );
        std::fs::create_dir(dir.path().join("gone")).expect("a directory");
        std::fs::write(dir.path().join("gone/Makefile"), "").expect("a file");
        let text = shells::printed(shell, &script).expect("it ran before");
        assert!(
            !parse(&text)
                .expect("readable")
                .lacks
                .contains(&Tool::Headers)
        );
    }
}
