//! How large the data directories of a server's containers are.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;
use crate::version::Version;

/// Where the data directories are.
const DATA: &str = "/opt/weka/data/";

/// Directories in there that belong to no container.
const OF_NO_CONTAINER: [&str; 12] = [
    "agent",
    "dependencies",
    "envoy",
    "ganesha",
    "igb_uio",
    "logs.loop",
    "mpin_user",
    "ofed",
    "pkg_tools",
    "smbw",
    "uio_generic",
    "weka_driver",
];

/// The apparent size, since that is what the product's own preparation goes
/// by: the images in there have holes, and a copy of one has none. A `du`
/// that cannot tell it is asked for what is in use, after a line that says so.
pub static DATA_DIRS: ServerProbe = ServerProbe {
    key: "host:data-dirs",
    script: r#"set --
for path in /opt/weka/data/*/; do
    [ -d "$path" ] && set -- "$@" "$path"
done
[ "$#" -gt 0 ] || exit 0
export LC_ALL=C
if du -s -k --apparent-size /dev/null >/dev/null 2>&1; then
    du -s -k --apparent-size "$@"
else
    echo used
    du -s -k "$@"
fi
"#,
    timeout: Duration::from_secs(20),
    limit: 256 * 1024,
};

/// Whose directory it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The container of this name. Before 4.2.7 the directory's name has the
    /// container's release behind it.
    Container(String),
    /// A container that is being upgraded, or was: the directory is called
    /// after its id and a release.
    Staged,
    /// No container.
    Nobody,
}

/// One directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataDir {
    /// Its name, without the path before it.
    pub name: String,
    /// Whose it is.
    pub owner: Owner,
    /// Its size in bytes, or what `du` said instead.
    pub size: Result<u64, String>,
}

impl DataDir {
    /// Its whole path.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{DATA}{}", self.name)
    }
}

/// The data directories of one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataDirs {
    /// Whether the sizes are apparent ones; else they are what is in use.
    pub apparent: bool,
    /// By name.
    pub list: Vec<DataDir>,
}

impl Fact for DataDirs {
    const NAME: &'static str = "data-dirs";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&DATA_DIRS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let record = view.record(DATA_DIRS.key)?;
        // `du` ends with 1 when it could not read something: that costs the
        // directory concerned, not the others.
        if record.exit_status() != Some(1) || record.truncated() {
            view.success(DATA_DIRS.key)?;
        }
        let dirs = parse(&record.stdout_text(), &record.stderr_text());
        let explained = dirs.list.iter().any(|dir| dir.size.is_err())
            || record.stderr_text().lines().any(vanished);
        if record.exit_status() == Some(1) && !explained {
            return Err(view.unreadable(DATA_DIRS.key, "du failed and did not say on what"));
        }
        Ok(dirs)
    }
}

/// Whose directory this is, by its name.
#[must_use]
pub fn owner(name: &str) -> Owner {
    let (bare, release) = match name.rsplit_once('_') {
        Some((bare, suffix)) if !bare.is_empty() && suffix.parse::<Version>().is_ok() => {
            (bare, true)
        }
        _ => (name, false),
    };
    if OF_NO_CONTAINER.contains(&bare) || OF_NO_CONTAINER.contains(&name) {
        Owner::Nobody
    } else if release && is_id(bare) {
        Owner::Staged
    } else {
        Owner::Container(bare.to_owned())
    }
}

/// The number of a container, or a UUID.
fn is_id(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) || uuid::Uuid::try_parse(text).is_ok()
}

/// A file that was there when `du` listed its directory and gone when it came
/// to it: a container at work. What is gone takes no room.
fn vanished(line: &str) -> bool {
    line.contains("No such file or directory")
}

fn parse(stdout: &str, stderr: &str) -> DataDirs {
    let mut sizes: BTreeMap<String, Result<u64, String>> = BTreeMap::new();
    let mut apparent = true;
    for line in stdout.lines().map(str::trim_end) {
        if line == "used" {
            apparent = false;
        } else if let Some((name, size)) = counted(line) {
            sizes.entry(name).or_insert(Ok(size));
        } else if let Some(name) = named(line) {
            sizes.insert(name, Err(shortened(line)));
        }
    }
    for line in stderr.lines().filter(|line| !vanished(line)) {
        if let Some(name) = named(line) {
            sizes.insert(name, Err(shortened(line)));
        }
    }
    DataDirs {
        apparent,
        list: sizes
            .into_iter()
            .map(|(name, size)| DataDir {
                owner: owner(&name),
                name,
                size,
            })
            .collect(),
    }
}

/// `1234\t/opt/weka/data/drives0/`.
fn counted(line: &str) -> Option<(String, u64)> {
    let (kib, path) = line.split_once('\t')?;
    let name = path.strip_prefix(DATA)?.trim_end_matches('/');
    let size = kib.trim().parse::<u64>().ok()?.checked_mul(1024)?;
    (!name.is_empty() && !name.contains('/')).then(|| (name.to_owned(), size))
}

/// The data directory that a complaint is about.
fn named(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(DATA)?;
    let name = rest
        .split(['/', '\'', '’', '"', ':', '\t'])
        .next()
        .unwrap_or_default()
        .trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn shortened(line: &str) -> String {
    line.trim().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn of<'d>(dirs: &'d DataDirs, name: &str) -> &'d DataDir {
        dirs.list
            .iter()
            .find(|dir| dir.name == name)
            .unwrap_or_else(|| panic!("no {name} in {dirs:?}"))
    }

    #[test]
    fn sizes_are_kib() {
        let dirs = parse(
            "2048\t/opt/weka/data/drives0/\n4\t/opt/weka/data/agent/\n",
            "",
        );
        assert!(dirs.apparent);
        assert_eq!(of(&dirs, "drives0").size, Ok(2048 * 1024));
        assert_eq!(of(&dirs, "agent").owner, Owner::Nobody);
    }

    #[test]
    fn a_du_without_apparent_sizes_says_so() {
        let dirs = parse("used\n2048\t/opt/weka/data/drives0/\n", "");
        assert!(!dirs.apparent);
        assert_eq!(of(&dirs, "drives0").size, Ok(2048 * 1024));
    }

    // field history 37
    #[rstest]
    #[case::plain("drives0", Owner::Container("drives0".to_owned()))]
    #[case::with_release("drives0_4.2.5.12", Owner::Container("drives0".to_owned()))]
    #[case::hotfix("compute0_4.2.5.12-hotfix1", Owner::Container("compute0".to_owned()))]
    #[case::underscore("my_drives", Owner::Container("my_drives".to_owned()))]
    #[case::underscore_and_release("my_drives_4.2.5", Owner::Container("my_drives".to_owned()))]
    #[case::digits_alone("12", Owner::Container("12".to_owned()))]
    #[case::staged("12_4.4.33", Owner::Staged)]
    #[case::staged_by_uuid("0b5c3a52-6a4c-4c0e-9d53-2f1e7c1f9a10_4.4.33", Owner::Staged)]
    #[case::driver("weka_driver", Owner::Nobody)]
    #[case::driver_of_a_release("weka_driver_4.4.33", Owner::Nobody)]
    #[case::igb_uio("igb_uio", Owner::Nobody)]
    #[case::image("logs.loop", Owner::Nobody)]
    #[case::only_a_release("_4.4.33", Owner::Container("_4.4.33".to_owned()))]
    fn owners(#[case] name: &str, #[case] expected: Owner) {
        assert_eq!(owner(name), expected);
    }

    // field history 38
    #[test]
    fn what_could_not_be_read_costs_its_own_directory() {
        let dirs = parse(
            "Last login: yesterday\n2048\t/opt/weka/data/drives0/\n2048\t/opt/weka/data/compute0/\n??\t/opt/weka/data/frontend0/\n",
            "du: cannot read directory '/opt/weka/data/compute0/x': Permission denied\nlibselinux: oops\n",
        );
        assert_eq!(of(&dirs, "drives0").size, Ok(2048 * 1024));
        assert!(
            of(&dirs, "compute0")
                .size
                .as_ref()
                .is_err_and(|e| e.contains("Permission denied"))
        );
        assert!(of(&dirs, "frontend0").size.is_err());
        assert_eq!(dirs.list.len(), 3);
    }

    #[test]
    fn a_file_that_vanished_meanwhile_is_no_fault() {
        let dirs = parse(
            "2048\t/opt/weka/data/drives0/\n",
            "du: cannot access '/opt/weka/data/drives0/tmp/x': No such file or directory\n",
        );
        assert_eq!(of(&dirs, "drives0").size, Ok(2048 * 1024));
    }

    // field history 36
    /// The script for real, with another directory in the place of `/opt/weka`.
    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    fn the_script_runs(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        for name in ["drives0", "odd name; $(reboot) *"] {
            std::fs::create_dir_all(data.join(name)).expect("a directory");
        }
        // A hole of 64 MiB, as the images of a container have.
        let image = std::fs::File::create(data.join("drives0/image.loop")).expect("a file");
        image.set_len(64 << 20).expect("a hole");
        let script = DATA_DIRS
            .script
            .replace("/opt/weka", dir.path().to_str().expect("UTF-8"));
        let Ok(output) = std::process::Command::new(shell)
            .args(["-c", &script])
            .output()
        else {
            return; // This machine has no such shell.
        };
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout)
            .replace(dir.path().to_str().expect("UTF-8"), "/opt/weka");
        let dirs = parse(&text, "");
        assert_eq!(dirs.list.len(), 2, "{text}");
        let size = of(&dirs, "drives0").size.clone().expect("a size");
        assert_eq!(dirs.apparent, size >= 64 << 20, "{text}");
        assert!(of(&dirs, "odd name; $(reboot) *").size.is_ok(), "{text}");
    }

    /// A `du` that does not know the option, as busybox has it.
    #[test]
    fn the_script_falls_back() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("data/drives0")).expect("a directory");
        let script = format!(
            "du() {{ case \"$*\" in *--apparent-size*) return 1 ;; esac; command du \"$@\"; }}\n{}",
            DATA_DIRS
                .script
                .replace("/opt/weka", dir.path().to_str().expect("UTF-8"))
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout)
            .replace(dir.path().to_str().expect("UTF-8"), "/opt/weka");
        let dirs = parse(&text, "");
        assert!(!dirs.apparent, "{text}");
        assert!(of(&dirs, "drives0").size.is_ok(), "{text}");
    }
}
