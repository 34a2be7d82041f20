//! The description of each release that is unpacked on a server.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;
use crate::version::Version;

/// The names of all descriptions, and of those that bring certificates of
/// their own. One `grep` for all; their text stays on the server.
pub static SPEC_FILES: ServerProbe = ServerProbe {
    key: "host:spec-files",
    script: r#"set --
for file in /opt/weka/dist/release/*.spec; do
    [ -f "$file" ] && set -- "$@" "$file"
done
[ "$#" -gt 0 ] || { echo end; exit 0; }
for file do
    printf 'spec %s\n' "${file##*/}"
done
found=$(grep -l SSL_CERT_FILE "$@")
status=$?
[ "$status" -le 1 ] || exit "$status"
[ "$status" = 1 ] || printf '%s\n' "$found" | while IFS= read -r file; do
    printf 'ca %s\n' "${file##*/}"
done
echo end
"#,
    timeout: Duration::from_secs(5),
    limit: 64 * 1024,
};

/// The description of one release on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecFile {
    /// The release, as the file is named.
    pub release: String,
    /// Whether it sets `SSL_CERT_FILE`.
    pub ca_override: bool,
}

/// The descriptions of all releases on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpecFiles(pub Vec<SpecFile>);

impl SpecFiles {
    /// The description of this release, with its suffix.
    #[must_use]
    pub fn of(&self, release: &Version) -> Option<&SpecFile> {
        self.0
            .iter()
            .find(|file| file.release.parse::<Version>().as_ref() == Ok(release))
    }
}

impl Fact for SpecFiles {
    const NAME: &'static str = "spec_files";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&SPEC_FILES];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(SPEC_FILES.key)?).map_err(|what| view.unreadable(SPEC_FILES.key, what))
    }
}

fn parse(text: &str) -> Result<SpecFiles, String> {
    let mut files: Vec<SpecFile> = Vec::new();
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    if lines().next_back() != Some("end") {
        return Err("it breaks off".to_owned());
    }
    for line in lines().take_while(|line| *line != "end") {
        let odd = || format!("{:?} in the list of descriptions", super::short(line));
        let (word, name) = line.split_once(' ').ok_or_else(odd)?;
        let release = name.strip_suffix(".spec").ok_or_else(odd)?;
        match word {
            "spec" => files.push(SpecFile {
                release: release.to_owned(),
                ca_override: false,
            }),
            "ca" => {
                let file = files.iter_mut().find(|file| file.release == release);
                file.ok_or_else(odd)?.ca_override = true;
            }
            _ => return Err(odd()),
        }
    }
    Ok(SpecFiles(files))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::facts::shells::{SHELLS, answer};

    #[test]
    fn reads_both_lists() {
        let files = parse("spec 4.4.10.spec\nspec 4.4.21.2-hotfix1.spec\nca 4.4.10.spec\nend\n")
            .expect("readable");
        let of = |release: &str| {
            files
                .of(&release.parse().expect("a release"))
                .map(|f| f.ca_override)
        };
        assert_eq!(of("4.4.10"), Some(true));
        assert_eq!(of("4.4.10.0"), Some(true));
        assert_eq!(of("4.4.21.2-hotfix1"), Some(false));
        assert_eq!(of("4.4.21.2"), None);
    }

    #[rstest]
    #[case::none("end\n", true)]
    #[case::nothing("", false)]
    #[case::no_end("spec 4.4.10.spec\n", false)]
    #[case::noise("Welcome to weka-01\nend\n", false)]
    #[case::cut("spec 4.4.10.spec\nspec 4.4.2", false)]
    #[case::unknown_file("ca 4.4.10.spec\nend\n", false)]
    fn half_an_answer_is_none(#[case] text: &str, #[case] readable: bool) {
        assert_eq!(parse(text).is_ok(), readable);
    }

    #[test]
    fn the_script_in_every_shell() {
        for shell in SHELLS {
            let root = tempfile::tempdir().expect("a directory");
            let releases = root.path().join("dist/release");
            let script = SPEC_FILES
                .script
                .replace("/opt/weka", &root.path().to_string_lossy());
            assert_eq!(
                answer(shell, &script, &[]).0,
                "end\n",
                "{shell:?}: without a directory"
            );
            std::fs::create_dir_all(&releases).expect("made");
            std::fs::write(
                releases.join("4.4.10.spec"),
                "{\"env\": \"SSL_CERT_FILE=/x\"}",
            )
            .expect("written");
            std::fs::write(releases.join("4.4.21.2.spec"), "{}").expect("written");
            let expected = "spec 4.4.10.spec\nspec 4.4.21.2.spec\nca 4.4.10.spec\nend\n";
            assert_eq!(answer(shell, &script, &[]).0, expected, "{shell:?}");
            std::fs::write(releases.join("4.4.10.spec"), "{}").expect("written");
            let expected = "spec 4.4.10.spec\nspec 4.4.21.2.spec\nend\n";
            assert_eq!(
                answer(shell, &script, &[]),
                (expected.to_owned(), 0),
                "{shell:?}"
            );
        }
    }
}
