//! Whether a client reaches the places that it would fetch a release from.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// Tries the backends that the client's own containers know, three at most,
/// until one answers; only when none does, WEKA's distribution site.
///
/// One line each: `backend <address> <port> <state>`, `site <name> <state>`,
/// where the state is `ok`, `refused`, `timeout`, `dns` or `failed`; `end` when
/// nothing is left to try. Any answer counts, also one that refuses the
/// request: it is the way that is tested. A proxy is not used for backends.
///
/// Of the containers' resources nothing but addresses and ports is printed:
/// they hold the cluster's join secret.
pub static DOWNLOAD: ServerProbe = ServerProbe {
    key: "host:download",
    script: r#"command -v weka >/dev/null 2>&1 || { echo 'weka: not found' >&2; exit 127; }
containers=$(weka local ps -J) || exit 1
endpoints=$(
    printf '%s' "$containers" | tr ',{}' '\n\n\n' |
        sed -n 's/^[[:space:]]*"name"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' |
        while read -r name; do
            weka local resources -C "$name" -J 2>/dev/null </dev/null | tr -d ' \t\r\n' |
                sed -n 's/.*"backend_endpoints":\[\([^]]*\)\].*/\1/p' | tr '{' '\n' |
                sed -n -e 's/.*"ip":"\([0-9A-Fa-f.:]*\)".*"port":"\{0,1\}\([0-9]*\).*/\1 \2/p' \
                    -e 's/.*"port":"\{0,1\}\([0-9]*\).*"ip":"\([0-9A-Fa-f.:]*\)".*/\2 \1/p'
            echo
        done | sort -u
)
if command -v curl >/dev/null 2>&1; then
    reach() {
        curl -k -s -o /dev/null --connect-timeout 2 --max-time 3 "$@" </dev/null
        case $? in
            6) echo dns ;;
            7) echo refused ;;
            28) echo timeout ;;
            0|35|52|56|60) echo ok ;;
            *) echo failed ;;
        esac
    }
    tcp() {
        case $1 in
            *:*) reach --noproxy '*' "https://[$1]:$2/" ;;
            *) reach --noproxy '*' "https://$1:$2/" ;;
        esac
    }
elif command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
    tcp() {
        timeout 2 bash -c ': < "/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null </dev/null
        case $? in
            0) echo ok ;;
            124) echo timeout ;;
            *) echo refused ;;
        esac
    }
else
    echo 'neither curl nor bash to try it with' >&2
    exit 1
fi
set -f
# shellcheck disable=SC2086
set -- $endpoints
tried=0
while [ "$#" -ge 2 ] && [ "$tried" -lt 3 ]; do
    tried=$((tried + 1))
    state=$(tcp "$1" "$2")
    echo "backend $1 $2 $state"
    [ "$state" = ok ] && { echo end; exit 0; }
    shift 2
done
if command -v curl >/dev/null 2>&1; then
    echo "site get.weka.io $(reach https://get.weka.io/)"
fi
echo end
"#,
    timeout: Duration::from_secs(25),
    limit: 16 * 1024,
};

/// How it went with one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// `10.0.0.11:14000`, `get.weka.io`.
    pub name: String,
    /// `ok`, `refused`, `timeout`, `dns`, `failed`.
    pub state: String,
}

impl Place {
    /// Whether something answered there.
    #[must_use]
    pub fn reached(&self) -> bool {
        self.state == "ok"
    }
}

/// The places that one server tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Download {
    /// Backends, in the order in which they were tried, the one that answered last.
    pub backends: Vec<Place>,
    /// The distribution site, where no backend answered and it was tried.
    pub site: Option<Place>,
}

impl Fact for Download {
    const NAME: &'static str = "download";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&DOWNLOAD];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        parse(&view.text(DOWNLOAD.key)?).map_err(|what| view.unreadable(DOWNLOAD.key, what))
    }
}

fn parse(text: &str) -> Result<Download, String> {
    let mut download = Download::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["backend", address, port, state] => {
                let port: u16 = port.parse().map_err(|_| format!("{line:?} has no port"))?;
                let name = match address.parse() {
                    Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
                    Ok(IpAddr::V4(address)) => format!("{address}:{port}"),
                    Err(_) => return Err(format!("{line:?} has no address")),
                };
                download.backends.push(Place {
                    name,
                    state: state.to_owned(),
                });
            }
            ["site", name, state] => {
                download.site = Some(Place {
                    name: name.to_owned(),
                    state: state.to_owned(),
                });
            }
            ["end"] => return Ok(download),
            _ => {}
        }
    }
    Err("it breaks off".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use rstest::rstest;

    use super::*;

    fn place(name: &str, state: &str) -> Place {
        Place {
            name: name.to_owned(),
            state: state.to_owned(),
        }
    }

    #[test]
    fn what_was_tried() {
        let text = "Welcome to client-01\nbackend 10.0.0.11 14000 timeout\nbackend fd00::12 14000 ok\nend\n";
        let download = parse(text).expect("readable");
        assert_eq!(
            download.backends,
            [
                place("10.0.0.11:14000", "timeout"),
                place("[fd00::12]:14000", "ok")
            ]
        );
        assert_eq!(download.site, None);
        let text = "backend 10.0.0.11 14000 refused\nsite get.weka.io dns\nend\n";
        let download = parse(text).expect("readable");
        assert_eq!(download.site, Some(place("get.weka.io", "dns")));
        assert!(!download.backends[0].reached());
    }

    #[rstest]
    #[case::empty("")]
    #[case::cut("backend 10.0.0.11 14000 refused\n")]
    #[case::no_port("backend 10.0.0.11 x ok\nend\n")]
    #[case::no_address("backend weka-01 14000 ok\nend\n")]
    fn refuses(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    const PS: &str = r#"[{"name":"client","type":"weka","internalStatus":{"state":"READY"}},
        {
            "name": "second",
            "type": "weka"
        }]"#;

    /// Runs the script on a machine whose `weka` and `curl` are these.
    fn run(resources: &str, curl: &str) -> (String, Option<i32>) {
        let folder = tempfile::tempdir().expect("a folder");
        let program = |name: &str, text: &str| {
            let path = folder.path().join(name);
            let mut file = std::fs::File::create(&path).expect("a file");
            write!(file, "#!/bin/sh\n{text}\n").expect("written");
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&path, mode).expect("executable");
        };
        std::fs::write(folder.path().join("ps"), PS).expect("written");
        std::fs::write(folder.path().join("resources"), resources).expect("written");
        let show = |name: &str| format!("cat {}", folder.path().join(name).display());
        program(
            "weka",
            &format!(
                "case $2 in ps) {};; *) {};; esac",
                show("ps"),
                show("resources")
            ),
        );
        program("curl", curl);
        let path = std::env::var("PATH").expect("a path");
        let output = std::process::Command::new("sh")
            .args(["-c", DOWNLOAD.script])
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .output()
            .expect("a shell");
        let text = String::from_utf8(output.stdout).expect("text");
        (text, output.status.code())
    }

    const RESOURCES: &str = r#"{"join_secret": ["top-secret"],
        "backend_endpoints": [ {"ip": "10.0.0.11", "port": 14000},
            {"port": "14000", "ip": "10.0.0.12"}, {"ip": "fd00::13", "port": 15000},
            {"ip": "10.0.0.14", "port": 14000} ], "memory": 1}"#;

    #[rstest]
    #[case::first_answers("exit 0", "backend 10.0.0.11 14000 ok\nend\n")]
    #[case::answers_without_tls("exit 35", "backend 10.0.0.11 14000 ok\nend\n")]
    #[case::second_answers(
        r#"case $* in *10.0.0.12*) exit 52;; *) exit 28;; esac"#,
        "backend 10.0.0.11 14000 timeout\nbackend 10.0.0.12 14000 ok\nend\n"
    )]
    #[case::none_answers(
        r#"case $* in *weka.io*) exit 6;; *) exit 7;; esac"#,
        "backend 10.0.0.11 14000 refused\nbackend 10.0.0.12 14000 refused\nbackend 10.0.0.14 14000 refused\nsite get.weka.io dns\nend\n"
    )]
    fn the_script_tries_one_after_the_other(#[case] curl: &str, #[case] expected: &str) {
        let (text, status) = run(RESOURCES, curl);
        assert_eq!((text.as_str(), status), (expected, Some(0)));
        assert!(parse(&text).is_ok());
    }

    #[test]
    fn without_endpoints_only_the_site_is_tried() {
        let (text, _) = run("{}", "exit 0");
        assert_eq!(text, "site get.weka.io ok\nend\n");
        let (text, _) = run(
            r#"{"backend_endpoints":[{"ip":"fd00::13","port":15000}]}"#,
            "exit 0",
        );
        assert_eq!(text, "backend fd00::13 15000 ok\nend\n");
    }
}
