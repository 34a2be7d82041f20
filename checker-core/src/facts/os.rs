//! The operating system of a server: `/etc/os-release` and its relatives.
//!
//! Evidence `host:os`: for each of `/etc/os-release` (else `/usr/lib/os-release`),
//! `/etc/centos-release` and `/etc/redhat-release` that exists, a line
//! `== <path>` and the file's lines; then a line `== kernel` and the running
//! kernel's release.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::release_data::OsRelease;
use crate::source::ServerProbe;

/// Reads the files with the shell's own words: no process is started.
pub static OS: ServerProbe = ServerProbe {
    key: "host:os",
    script: r#"show() {
    echo "== $1"
    while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$1"
}
if [ -r /etc/os-release ]; then show /etc/os-release
elif [ -r /usr/lib/os-release ]; then show /usr/lib/os-release; fi
[ -r /etc/centos-release ] && show /etc/centos-release
[ -r /etc/redhat-release ] && show /etc/redhat-release
echo "== kernel"
if [ -r /proc/sys/kernel/osrelease ]; then
    IFS= read -r kernel </proc/sys/kernel/osrelease
    printf '%s\n' "$kernel"
else uname -r; fi
"#,
    timeout: Duration::from_secs(5),
    limit: 32 * 1024,
};

/// The operating system of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Os {
    /// `ID` of os-release, in small letters.
    pub id: String,
    /// What it calls itself (`PRETTY_NAME`, else name and version).
    pub name: String,
    /// The distribution as the release data calls it (`rhel`, `centos-stream`,
    /// `amzn`, …); `None` for one that WEKA has never listed.
    pub distribution: Option<&'static str>,
    /// Its release as far as it can be told (`8.10`, `22.04.5`, `2023`).
    pub release: Option<OsRelease>,
    /// `VERSION_ID` as written.
    pub version_id: Option<String>,
    /// The running kernel's release.
    pub kernel: Option<String>,
}

impl Fact for Os {
    const NAME: &'static str = "os";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&OS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let text = view.text(OS.key)?;
        read(&text).map_err(|what| view.unreadable(OS.key, what))
    }
}

fn read(text: &str) -> Result<Os, String> {
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut section: Option<&str> = None;
    for line in text.lines() {
        match (line.strip_prefix("== "), section) {
            (Some(name), _) => {
                section = Some(name.trim());
                sections.entry(name.trim()).or_default();
            }
            (None, Some(name)) => sections.entry(name).or_default().push(line),
            (None, None) => {}
        }
    }
    let os_release = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| sections.get(path))
        .ok_or("the server has no os-release file")?;
    let fields: BTreeMap<&str, String> = os_release.iter().copied().filter_map(field).collect();
    let get = |name: &str| fields.get(name).filter(|value| !value.is_empty());
    let id = get("ID")
        .ok_or("os-release has no ID")?
        .to_ascii_lowercase();
    let version_id = get("VERSION_ID").cloned();
    let line = |path: &str| sections.get(path).and_then(|lines| lines.first()).copied();
    let release_line = line("/etc/centos-release").or_else(|| line("/etc/redhat-release"));
    let stream = [get("NAME").map(String::as_str), release_line]
        .into_iter()
        .flatten()
        .any(|text| text.contains("Stream"));
    let distribution = distribution(&id, stream);
    let name = get("PRETTY_NAME").cloned().unwrap_or_else(|| {
        let name = get("NAME").unwrap_or(&id);
        let version = version_id.as_deref().unwrap_or_default();
        format!("{name} {version}").trim().to_owned()
    });
    Ok(Os {
        release: release(
            distribution,
            version_id.as_deref(),
            get("VERSION").map(String::as_str),
            release_line,
        ),
        kernel: sections
            .get("kernel")
            .and_then(|lines| lines.iter().find(|line| !line.trim().is_empty()))
            .map(|line| line.trim().to_owned()),
        id,
        name,
        distribution,
        version_id,
    })
}

/// `NAME=value`, `NAME="value"`, `NAME='value'`.
fn field(line: &str) -> Option<(&str, String)> {
    let (name, value) = line.trim().split_once('=')?;
    let value = value.trim();
    let bare = ['"', '\'']
        .iter()
        .find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q))
        .unwrap_or(value);
    (!name.starts_with('#')).then(|| (name.trim(), bare.replace('\\', "")))
}

fn distribution(id: &str, stream: bool) -> Option<&'static str> {
    Some(match id {
        "rhel" => "rhel",
        "rocky" => "rocky",
        "ubuntu" => "ubuntu",
        "centos" if stream => "centos-stream",
        "centos" => "centos",
        "almalinux" => "alma",
        "ol" => "oracle",
        "sles" | "sles_sap" => "sles",
        "debian" => "debian",
        "amzn" => "amzn",
        _ => return None,
    })
}

/// The release, from whichever file tells it most exactly.
fn release(
    distribution: Option<&str>,
    version_id: Option<&str>,
    version: Option<&str>,
    release_line: Option<&str>,
) -> Option<OsRelease> {
    let of_id: Option<OsRelease> = version_id?.trim().parse().ok();
    let finer = match distribution {
        // VERSION_ID leaves the point release away: 22.04, not 22.04.5.
        Some("ubuntu") => version.and_then(|text| leading_number(text, 3)),
        // CentOS Stream has no minor releases.
        Some("centos-stream") => None,
        // VERSION_ID of CentOS is 7, the release file says 7.9.2009.
        Some(_) => release_line
            .and_then(|line| line.split_once("release "))
            .and_then(|(_, text)| leading_number(text, 2)),
        None => None,
    };
    match (of_id, finer) {
        // A file that speaks of another release is no help.
        (Some(id), Some(finer)) if finer.is_within(&id) => Some(finer),
        (id, _) => id,
    }
}

/// The number at the start of a text, cut to so many parts.
fn leading_number(text: &str, parts: usize) -> Option<OsRelease> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: Vec<&str> = text.get(..end)?.split('.').take(parts).collect();
    number.join(".").parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    fn os(os_release: &str, release_file: &str) -> Os {
        let more = if release_file.is_empty() {
            String::new()
        } else {
            format!("== /etc/redhat-release\n{release_file}\n")
        };
        read(&format!(
            "== /etc/os-release\n{os_release}\n{more}== kernel\n5.14.0-503.el9.x86_64\n"
        ))
        .expect("readable")
    }

    // field history 9, S28
    #[rstest]
    #[case::rocky(
        "NAME=\"Rocky Linux\"\nID=\"rocky\"\nVERSION_ID=\"9.6\"",
        "Rocky Linux release 9.6 (Blue Onyx)",
        "rocky",
        "9.6"
    )]
    #[case::rhel_of_two_digits(
        "ID=\"rhel\"\nVERSION_ID=\"8.10\"",
        "Red Hat Enterprise Linux release 8.10 (Ootpa)",
        "rhel",
        "8.10"
    )]
    #[case::not_quoted("ID=rhel\nVERSION_ID=9.4", "", "rhel", "9.4")]
    #[case::single_quotes(
        "ID='ol'\nVERSION_ID='8.9'",
        "Red Hat Enterprise Linux release 8.9 (Ootpa)",
        "oracle",
        "8.9"
    )]
    #[case::centos_7(
        "NAME=\"CentOS Linux\"\nID=\"centos\"\nVERSION_ID=\"7\"",
        "CentOS Linux release 7.9.2009 (Core)",
        "centos",
        "7.9"
    )]
    #[case::centos_8(
        "NAME=\"CentOS Linux\"\nID=\"centos\"\nVERSION_ID=\"8\"",
        "CentOS Linux release 8.5.2111",
        "centos",
        "8.5"
    )]
    #[case::stream_8(
        "NAME=\"CentOS Stream\"\nID=\"centos\"\nVERSION_ID=\"8\"",
        "CentOS Stream release 8",
        "centos-stream",
        "8"
    )]
    #[case::stream_by_its_file(
        "NAME=\"CentOS\"\nID=\"centos\"\nVERSION_ID=\"9\"",
        "CentOS Stream release 9",
        "centos-stream",
        "9"
    )]
    #[case::ubuntu_point(
        "NAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nVERSION=\"22.04.5 LTS (Jammy Jellyfish)\"\nID=ubuntu",
        "",
        "ubuntu",
        "22.04.5"
    )]
    // field history 7
    #[case::ubuntu_without(
        "VERSION_ID=\"22.04\"\nVERSION=\"22.04 LTS (Jammy Jellyfish)\"\nID=ubuntu",
        "",
        "ubuntu",
        "22.04"
    )]
    #[case::alma(
        "ID=\"almalinux\"\nVERSION_ID=\"9.4\"",
        "AlmaLinux release 9.4 (Seafoam Ocelot)",
        "alma",
        "9.4"
    )]
    #[case::amazon_2("ID=\"amzn\"\nVERSION_ID=\"2\"", "", "amzn", "2")]
    #[case::amazon_2023(
        "ID=\"amzn\"\nVERSION_ID=\"2023\"",
        "Amazon Linux release 2023.5 (Amazon Linux)",
        "amzn",
        "2023.5"
    )]
    #[case::sles(
        "ID=\"sles\"\nVERSION_ID=\"15.6\"\nVERSION=\"15-SP6\"",
        "",
        "sles",
        "15.6"
    )]
    #[case::debian(
        "ID=debian\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"",
        "",
        "debian",
        "12"
    )]
    #[case::file_of_another("ID=rocky\nVERSION_ID=9.6", "Rocky Linux release 8.10", "rocky", "9.6")]
    fn distributions(
        #[case] os_release: &str,
        #[case] file: &str,
        #[case] distribution: &str,
        #[case] release: &str,
    ) {
        let os = os(os_release, file);
        assert_eq!(os.distribution, Some(distribution));
        assert_eq!(os.release.map(|r| r.to_string()).as_deref(), Some(release));
        assert_eq!(os.kernel.as_deref(), Some("5.14.0-503.el9.x86_64"));
    }

    // field history 11
    /// The files of real servers, through the script as it is sent.
    #[rstest]
    #[case::centos_7(
        "NAME=\"CentOS Linux\"\nID=\"centos\"\nVERSION_ID=\"7\"\n",
        "CentOS Linux release 7.9.2009 (Core)\n",
        "centos 7.9"
    )]
    #[case::stream_8(
        "NAME=\"CentOS Stream\"\nID=\"centos\"\nVERSION_ID=\"8\"\n",
        "CentOS Stream release 8\n",
        "centos-stream 8"
    )]
    #[case::stream_9(
        "NAME=\"CentOS Stream\"\nID=\"centos\"\nVERSION_ID=\"9\"\n",
        "CentOS Stream release 9\n",
        "centos-stream 9"
    )]
    #[case::no_newline_at_the_end("ID=ubuntu\nVERSION_ID=\"22.04\"", "", "ubuntu 22.04")]
    fn the_script_reads_the_files(
        #[case] os_release: &str,
        #[case] file: &str,
        #[case] expected: &str,
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("os-release"), os_release).expect("a file");
        if !file.is_empty() {
            std::fs::write(dir.path().join("centos-release"), file).expect("a file");
            std::fs::write(dir.path().join("redhat-release"), file).expect("a file");
        }
        let script = OS
            .script
            .replace("/etc/", &format!("{}/", dir.path().display()));
        for shell in ["sh", "dash", "bash", "busybox sh"] {
            let Some(text) = shells::printed(shell, &script) else {
                continue;
            };
            let text = text.replace(&format!("{}/", dir.path().display()), "/etc/");
            let os = read(&text).expect("readable");
            let release = os.release.expect("a release");
            let found = format!("{} {release}", os.distribution.expect("known"));
            assert_eq!(found, expected, "{shell}: {text}");
            assert!(os.kernel.is_some(), "{shell}");
        }
    }

    // field history 10
    #[rstest]
    #[case::beta("ID=rhel\nVERSION_ID=9.4-beta")]
    #[case::none("ID=debian")]
    #[case::empty("ID=rhel\nVERSION_ID=\"\"")]
    fn a_release_that_is_no_number(#[case] os_release: &str) {
        assert_eq!(os(os_release, "").release, None);
    }

    #[test]
    fn a_distribution_that_nobody_listed() {
        let os = os("ID=arch\nPRETTY_NAME=\"Arch Linux\"", "");
        assert_eq!(os.distribution, None);
        assert_eq!(os.name, "Arch Linux");
    }

    #[rstest]
    #[case::nothing("")]
    #[case::only_the_kernel("== kernel\n5.14\n")]
    #[case::no_id("== /etc/os-release\nNAME=x\n== kernel\n5.14\n")]
    fn not_readable(#[case] text: &str) {
        assert!(read(text).is_err());
    }

    #[test]
    fn noise_before_the_first_file_is_left_out() {
        let text =
            "welcome\nID=evil\n== /usr/lib/os-release\nID=rocky\nVERSION_ID=9.6\n== kernel\n";
        let os = read(text).expect("readable");
        assert_eq!((os.id.as_str(), os.kernel), ("rocky", None));
    }
}
