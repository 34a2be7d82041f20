//! Whether the running kernel has `launder_folio`, as its headers tell.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// The headers of the running kernel, and which distribution it is.
pub static KERNEL_HEADERS: ServerProbe = ServerProbe {
    key: "host:kernel-headers",
    script: r#"read -r release < /proc/sys/kernel/osrelease || exit 1
echo "kernel $release"
while read -r line; do
    case $line in
        ID=*|PRETTY_NAME=*) echo "$line" ;;
    esac
done < /etc/os-release
file=/lib/modules/$release/build/include/linux/fs.h
if [ -r "$file" ]; then
    grep -q launder_folio "$file"
    case $? in
        0) echo 'launder_folio yes' ;;
        1) echo 'launder_folio no' ;;
        *) exit 1 ;;
    esac
else
    echo 'launder_folio untold'
fi
"#,
    timeout: Duration::from_secs(5),
    limit: 4 * 1024,
};

/// What the headers of the running kernel tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KernelHeaders {
    /// The release of the running kernel.
    pub kernel: String,
    /// `rocky`, `rhel`, `ubuntu`, …: `ID` of `/etc/os-release`, in small letters.
    pub os_id: String,
    /// Whether the kernel has `launder_folio`; `None` without its headers.
    pub launder_folio: Option<bool>,
}

impl Fact for KernelHeaders {
    const NAME: &'static str = "kernel-headers";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&KERNEL_HEADERS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let key = KERNEL_HEADERS.key;
        parse(&view.text(key)?).map_err(|what| view.unreadable(key, what))
    }
}

fn parse(text: &str) -> Result<KernelHeaders, String> {
    let after = |word: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
        let rest = rest.trim().trim_matches(['"', '\'']);
        (!rest.is_empty()).then(|| rest.to_owned())
    };
    Ok(KernelHeaders {
        kernel: after("kernel ").ok_or("it does not tell the kernel's release")?,
        os_id: after("ID=")
            .ok_or("it does not tell the distribution")?
            .to_ascii_lowercase(),
        launder_folio: match after("launder_folio ").as_deref() {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            Some("untold") => None,
            _ => return Err("it does not tell of launder_folio".to_owned()),
        },
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::shells;
    use super::*;

    #[rstest]
    #[case(
        "kernel 5.14.0\nID=\"rocky\"\nlaunder_folio yes\n",
        "rocky",
        Some(true)
    )]
    #[case("kernel 5.14.0\nID=Rocky\nlaunder_folio no\n", "rocky", Some(false))]
    #[case(
        "kernel 5.15.0\nPRETTY_NAME='U'\nID=ubuntu\nlaunder_folio untold\n",
        "ubuntu",
        None
    )]
    fn reads(#[case] text: &str, #[case] os: &str, #[case] folio: Option<bool>) {
        let found = parse(text).expect("readable");
        assert_eq!((found.os_id.as_str(), found.launder_folio), (os, folio));
    }

    #[rstest]
    #[case("")]
    #[case("kernel 5.14.0\nlaunder_folio yes\n")]
    #[case("kernel 5.14.0\nID=rocky\n")]
    #[case("ID=rocky\nlaunder_folio yes\n")]
    #[case("kernel 5.14.0\nID=\"\"\nlaunder_folio yes\n")]
    fn half_an_answer_is_none(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    #[case("busybox sh")]
    fn the_script_runs(#[case] shell: &str) {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().to_str().expect("UTF-8");
        let script = KERNEL_HEADERS.script.replace("/lib/modules", root);
        let Some(text) = shells::printed(shell, &script) else {
            return;
        };
        let found = parse(&text).expect("readable");
        assert_eq!(found.launder_folio, None, "{text}");
        let include = dir.path().join(&found.kernel).join("build/include/linux");
        std::fs::create_dir_all(&include).expect("directories");
        for (header, expected) in [
            ("int (*launder_page) (struct page *);\n", Some(false)),
            ("int (*launder_folio)(struct folio *);\n", Some(true)),
        ] {
            std::fs::write(include.join("fs.h"), header).expect("a file");
            let text = shells::printed(shell, &script).expect("it ran before");
            assert_eq!(parse(&text).expect("readable").launder_folio, expected);
        }
    }
}
