//! What each container of a server is told at its start: whom to join, and
//! with which join secret.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// `weka local resources` of every container of type `weka`.
///
/// Its answer holds the join secret. So nothing of it is printed but the
/// addresses to join and a SHA-256 digest of the secret, made on the server:
/// `awk` picks them out and hands the secret to the hash tool through a pipe.
///
/// A container called `upgrade` is what an upgrade left behind, and joins nothing.
///
/// It costs one `weka local ps` for the names, one `weka local resources` per
/// container, two `awk` for all of them, and one hash tool per different
/// secret. Digests and lists of addresses stand in the answer once, however
/// many containers have them.
pub static LOCAL_RESOURCES: ServerProbe = ServerProbe {
    key: "host:local-resources",
    script: r#"command -v awk >/dev/null 2>&1 || { echo 'awk is not installed' >&2; exit 3; }
hash=
for tool in sha256sum 'openssl dgst -sha256' 'shasum -a 256'; do
    command -v "${tool%% *}" >/dev/null 2>&1 && { hash=$tool; break; }
done
program='
function value(v,   name, i) {
    name = key[depth]
    if (name == "" && depth > 0) name = key[depth - 1]
    if (mode == "names") {
        if (depth == 2 && name == "name") own = v
        if (depth == 2 && name == "type") type = tolower(v)
        return
    }
    if (name == "join_secret") {
        if (v != "") secrets[++count] = v
        return
    }
    for (i = 1; i <= depth && key[i] != "backend_endpoints"; i++) ;
    if (i <= depth && name ~ /^(ip|ips|address|backend_endpoints)$/ && v != "" && !((section, v) in seen)) {
        seen[section, v] = 1
        addresses = addresses " " v
    }
}
function release() {
    if (held) value(text)
    held = 0
}
function whole() {
    return !broken && depth == 0 && opened
}
function finish(   i, j, swap, all) {
    if (!section || failed) return
    if (!whole()) { report = report "broken\n"; return }
    for (i = 2; i <= count; i++)
        for (j = i; j > 1 && secrets[j] < secrets[j - 1]; j--) {
            swap = secrets[j]; secrets[j] = secrets[j - 1]; secrets[j - 1] = swap
        }
    all = ""
    for (i = 1; i <= count; i++) all = all secrets[i] "\n"
    if (count && !(all in digests)) { digests[all] = ++hashed; hashes[hashed] = all }
    report = report "key " (count ? digests[all] : 0) "\n"
    if (!known) { report = report "no endpoints\n"; return }
    if (!(addresses in lists)) { lists[addresses] = ++listed; addressed[listed] = addresses }
    report = report "endpoints " lists[addresses] "\n"
}
/^\001/ {
    if ($0 ~ /^.failed/) {
        failed = 1
    } else {
        finish()
        section++
        depth = held = opened = broken = known = failed = count = 0
        key[0] = addresses = ""
    }
    report = report substr($0, 2) "\n"
    next
}
{
    pos = 1
    size = length($0)
    while (pos <= size && !broken) {
        part = substr($0, pos, 200)
        if (match(part, /^[ \t\r]+/)) {
            pos += RLENGTH
            continue
        }
        c = substr(part, 1, 1)
        if (c == "\"") {
            if (!match(part, /^"([^"\\]|\\.)*"/)) {
                part = substr($0, pos)
                if (!match(part, /^"([^"\\]|\\.)*"/)) { broken = 1; break }
            }
            release()
            text = substr(part, 2, RLENGTH - 2)
            held = 1
            pos += RLENGTH
            continue
        }
        if (c == ":") {
            if (held) key[depth] = text
            if (held && text == "backend_endpoints") known = 1
            held = 0
            pos++
            continue
        }
        release()
        if (c == "{" || c == "[") {
            key[++depth] = ""
            opened = 1
            if (depth == 2) own = type = ""
        } else if (c == "}" || c == "]") {
            if (mode == "names" && depth == 2 && own != "" && own != "upgrade" && (type == "" || type == "weka")) {
                gsub(/\\"/, "\"", own)
                print own
            }
            if (--depth < 0) broken = 1
        } else if (c == ",") {
            key[depth] = ""
        } else if (match(part, /^[^][{}:," \t\r]+/)) {
            if (substr(part, 1, RLENGTH) == "null" && key[depth] == "backend_endpoints") known = 0
            pos += RLENGTH - 1
        }
        pos++
    }
    release()
}
END {
    if (mode == "names") exit whole() ? 0 : 4
    finish()
    # The hash tool writes by itself, so it goes before all that awk prints.
    for (i = 1; i <= hashed && hash != ""; i++) {
        printf "%s", hashes[i] | hash
        close(hash)
    }
    printf "digests %d\n", hashed
    for (i = 1; i <= listed; i++) print "list" addressed[i]
    printf "%s", report
    print "end"
}
'
list=$(weka local ps -J) || exit $?
names=$(printf '%s\n' "$list" | awk -v mode=names "$program") || { echo 'weka local ps -J printed no whole JSON' >&2; exit 4; }
printf '%s\n' "$names" | while IFS= read -r name; do
    [ -n "$name" ] || continue
    printf '\001container %s\n' "$name"
    weka local resources -C "$name" -J </dev/null || printf '\n\001failed %s\n' "$?"
    echo
done | awk -v mode=each -v hash="$hash" "$program"
"#,
    timeout: Duration::from_secs(20),
    limit: 512 * 1024,
};

/// The join secret of a container, as far as it may leave the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinSecret {
    /// It has none.
    Absent,
    /// It has one, or several; this is the digest of all of them.
    Digest(String),
    /// It has one, but the server has no tool that makes a digest.
    NotDigested,
}

/// What one container is told at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// Its join secret.
    pub join_secret: JoinSecret,
    /// The addresses of the backends that it joins, none twice; `None` when it
    /// has no such list.
    pub endpoints: Option<Vec<String>>,
}

/// What the containers of one server are told at their start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocalResources {
    /// Each container by name, and what it is told or why that can't be read.
    pub containers: Vec<(String, Result<Resources, String>)>,
}

impl Fact for LocalResources {
    const NAME: &'static str = "local_resources";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&LOCAL_RESOURCES];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let text = view.text(LOCAL_RESOURCES.key)?;
        parse(&text).map_err(|what| view.unreadable(LOCAL_RESOURCES.key, what))
    }
}

fn parse(text: &str) -> Result<LocalResources, String> {
    let mut lines = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .peekable();
    let odd = |line: &str| format!("{:?} is not expected there", super::short(line));
    // Each hash tool has a form of its own: `HEX  -`, `SHA2-256(stdin)= HEX`.
    let is_digest = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut digests: Vec<String> = Vec::new();
    while let Some(digest) = lines
        .peek()
        .and_then(|line| line.split_whitespace().find(is_digest))
    {
        digests.push(digest.to_ascii_lowercase());
        lines.next();
    }
    let count = lines.next().unwrap_or_default();
    let count: usize = count
        .strip_prefix("digests ")
        .and_then(|n| n.parse().ok())
        .ok_or_else(|| odd(count))?;
    if digests.len() != count {
        // The tool is missing or failed on one: which one cannot be told.
        digests.clear();
    }
    let mut lists: Vec<Vec<String>> = Vec::new();
    let mut sections: Vec<(String, Vec<&str>)> = Vec::new();
    loop {
        let line = lines.next().ok_or("it breaks off")?;
        if line == "end" {
            break;
        }
        if let Some(name) = line.strip_prefix("container ") {
            sections.push((name.to_owned(), Vec::new()));
        } else if let Some((_, section)) = sections.last_mut() {
            section.push(line);
        } else {
            let list = line.strip_prefix("list").ok_or_else(|| odd(line))?;
            lists.push(list.split_whitespace().map(str::to_owned).collect());
        }
    }
    let containers = sections
        .into_iter()
        .map(|(name, lines)| {
            let resources = resources(&lines, &digests, &lists);
            (name, resources)
        })
        .collect();
    Ok(LocalResources { containers })
}

fn resources(
    lines: &[&str],
    digests: &[String],
    lists: &[Vec<String>],
) -> Result<Resources, String> {
    let after = |label: &str| lines.iter().find_map(|line| line.strip_prefix(label));
    // Another container's, whose own first line got lost.
    if lines.iter().filter(|line| line.starts_with("key ")).count() > 1 {
        return Err("`weka local resources` answered twice".to_owned());
    }
    if let Some(status) = after("failed ") {
        return Err(format!(
            "`weka local resources` ended with exit status {status}"
        ));
    }
    let number = |label: &str| after(label).and_then(|n| n.parse::<usize>().ok());
    let key = number("key ").ok_or("`weka local resources` printed no whole JSON")?;
    let endpoints = match number("endpoints ") {
        Some(n) => Some(
            n.checked_sub(1)
                .and_then(|n| lists.get(n))
                .ok_or("its list of addresses is missing")?
                .clone(),
        ),
        None if lines.contains(&"no endpoints") => None,
        None => return Err("the answer breaks off".to_owned()),
    };
    let join_secret = match key.checked_sub(1) {
        None => JoinSecret::Absent,
        Some(n) => digests
            .get(n)
            .map_or(JoinSecret::NotDigested, |d| JoinSecret::Digest(d.clone())),
    };
    Ok(Resources {
        join_secret,
        endpoints,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::facts::shells::{SHELLS, answer};

    const DIGEST: &str = "d8cf4dfa1b0c3a15ad4f6ba5a0d0f2a3ba3cf5b6b0a1bb0d21f7bd02cd6ef93e";

    fn one(lines: &str) -> Result<Resources, String> {
        parse(&format!("{lines}end\n"))
            .expect("readable")
            .containers
            .remove(0)
            .1
    }

    /// Its neighbour's first line got lost: whose secret it is, nobody can tell.
    #[test]
    fn two_answers_in_one_are_none() {
        let text = "digests 0\nlist\ncontainer a\nkey 0\nendpoints 1\nkey 0\nendpoints 1\n";
        assert!(one(text).is_err());
    }

    #[rstest]
    #[case::sha256sum(&format!("{DIGEST}  -\ndigests 1\nlist\ncontainer a\nkey 1\nendpoints 1\n"), JoinSecret::Digest(DIGEST.to_owned()))]
    #[case::openssl(&format!("SHA2-256(stdin)= {DIGEST}\ndigests 1\nlist\ncontainer a\nkey 1\nendpoints 1\n"), JoinSecret::Digest(DIGEST.to_owned()))]
    #[case::none(
        "digests 0\nlist\ncontainer a\nkey 0\nendpoints 1\n",
        JoinSecret::Absent
    )]
    #[case::no_tool(
        "digests 1\nlist\ncontainer a\nkey 1\nendpoints 1\n",
        JoinSecret::NotDigested
    )]
    #[case::a_tool_that_failed_once(&format!("{DIGEST}  -\ndigests 2\nlist\ncontainer a\nkey 1\nendpoints 1\n"), JoinSecret::NotDigested)]
    fn join_secrets(#[case] lines: &str, #[case] expected: JoinSecret) {
        assert_eq!(one(lines).expect("readable").join_secret, expected);
    }

    // field history S9
    #[rstest]
    #[case::second_list("digests 0\nlist 10.0.0.9\nlist 10.0.0.1 fd00::1\ncontainer a\nkey 0\nendpoints 2\n", Some(vec!["10.0.0.1", "fd00::1"]))]
    #[case::empty("digests 0\nlist\ncontainer a\nkey 0\nendpoints 1\n", Some(vec![]))]
    #[case::absent("digests 0\ncontainer a\nkey 0\nno endpoints\n", None)]
    fn endpoints(#[case] lines: &str, #[case] expected: Option<Vec<&str>>) {
        let found = one(lines).expect("readable").endpoints;
        assert_eq!(
            found,
            expected.map(|list| list.iter().map(|a| (*a).to_owned()).collect())
        );
    }

    #[rstest]
    #[case::nothing("digests 0\ncontainer a\n")]
    #[case::failed("digests 0\ncontainer a\nfailed 1\n")]
    #[case::broken("digests 0\ncontainer a\nbroken\n")]
    #[case::no_list("digests 0\ncontainer a\nkey 0\nendpoints 1\n")]
    #[case::cut("digests 0\ncontainer a\nkey 0\n")]
    fn half_an_answer_is_none(#[case] lines: &str) {
        assert!(one(lines).is_err());
    }

    #[rstest]
    #[case::nothing("")]
    #[case::noise("Welcome to weka-01\n")]
    #[case::no_end("digests 0\ncontainer a\nkey 0\nno endpoints\n")]
    fn what_breaks_off_is_an_error(#[case] text: &str) {
        assert!(parse(text).is_err());
    }

    /// A `weka` that answers from files: `ps`, and one per container.
    fn weka(root: &std::path::Path) -> String {
        format!(
            r#"case "$1 $2" in
'local ps') cat '{0}/ps' ;;
'local resources') [ "$5" = -J ] || exit 9; cat "{0}/of $4" ;;
*) exit 9 ;;
esac"#,
            root.display()
        )
    }

    fn scripted(ps: &str, of: &[(&str, &str)], each: impl Fn(&str, &str, LocalResources)) {
        for shell in SHELLS {
            let root = tempfile::tempdir().expect("a directory");
            std::fs::write(root.path().join("ps"), ps).expect("written");
            for (name, text) in of {
                std::fs::write(root.path().join(format!("of {name}")), text).expect("written");
            }
            let weka = weka(root.path());
            let (text, status) = answer(shell, LOCAL_RESOURCES.script, &[("weka", &weka)]);
            assert_eq!(status, 0, "{shell:?}: {text}");
            each(shell, &text, parse(&text).expect(&text));
        }
    }

    const PS: &str = r#"[{"type":"weka","name":"drives0","internalStatus":{"state":"READY","name":"no"},"uptime":1.5,"lastFailure":null},
        {"name":"my \"odd\" $(reboot) 'name'","isRunning":true,"type":"weka"},
        {"name":"s3","type":"s3"}, {"name":"upgrade","type":"weka"}, {"name":"old"}]"#;

    // field history R17
    #[test]
    fn the_script_in_every_shell() {
        let first = r#"{"base_port":14000,"ips":["10.9.9.9"],"backend_endpoints":[{"ip":"10.0.0.11","port":14000},{"port":14000,"ip":"0.0.0.0"},{"ips":["fd00::1","10.0.0.11"]}],"join_secret":["HUNTER2"],"nodes":{"1":{"roles":["DRIVES"],"core_id":2}},"net_devices":[{"device":"0000:41:00.0","ips":["10.8.8.8"]}],"memory":16106127360}"#;
        let pretty = "{\n    \"join_secret\": [\n        \"HUNTER2\"\n    ],\n    \"backend_endpoints\": [\n        {\n            \"ip\": \"10.0.0.11\",\n            \"port\": 14000\n        }\n    ]\n}\n";
        let of = [
            ("drives0", first),
            ("my \"odd\" $(reboot) 'name'", pretty),
            ("old", r#"{"join_secret":null,"backend_endpoints":null}"#),
        ];
        scripted(PS, &of, |shell, text, found| {
            assert!(!text.contains("HUNTER"), "{shell:?}: {text}");
            let names: Vec<&str> = found
                .containers
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            assert_eq!(
                names,
                ["drives0", "my \"odd\" $(reboot) 'name'", "old"],
                "{shell:?}"
            );
            let of = |n: usize| found.containers[n].1.as_ref().expect("readable");
            assert_eq!(
                of(0).endpoints.as_deref(),
                Some(&["10.0.0.11", "0.0.0.0", "fd00::1"].map(str::to_owned)[..]),
                "{shell:?}"
            );
            assert!(
                matches!(of(0).join_secret, JoinSecret::Digest(_)),
                "{shell:?}: {text}"
            );
            // Spelt in another way it is the same secret.
            assert_eq!(of(0).join_secret, of(1).join_secret, "{shell:?}");
            assert_eq!(
                (&of(2).join_secret, &of(2).endpoints),
                (&JoinSecret::Absent, &None),
                "{shell:?}"
            );
        });
    }

    // field history S9
    #[rstest]
    // field history G18
    #[case::plain_text(r#"{"join_secret":"HUNTER2","backend_endpoints":[]}"#, true)]
    #[case::empty(r#"{"join_secret":[],"backend_endpoints":[]}"#, false)]
    #[case::empty_text(r#"{"join_secret":"","backend_endpoints":[]}"#, false)]
    #[case::absent(r#"{"backend_endpoints":[]}"#, false)]
    #[case::several(
        r#"{"join_secret":["HUNTER2","HUNTER3"],"backend_endpoints":[]}"#,
        true
    )]
    fn shapes_of_the_join_secret(#[case] answer: &str, #[case] has_one: bool) {
        scripted(
            r#"[{"name":"drives0","type":"weka"}]"#,
            &[("drives0", answer)],
            |shell, text, found| {
                assert!(!text.contains("HUNTER"), "{shell:?}: {text}");
                let resources = found.containers[0].1.as_ref().expect("readable");
                assert_eq!(
                    resources.join_secret != JoinSecret::Absent,
                    has_one,
                    "{shell:?}: {text}"
                );
            },
        );
    }

    /// Their order does not matter, a letter does.
    #[test]
    fn the_digest_tells_secrets_apart() {
        let with = |list: &str| format!(r#"{{"join_secret":{list},"backend_endpoints":[]}}"#);
        let ps = r#"[{"name":"a"},{"name":"b"},{"name":"c"}]"#;
        let (a, b, c) = (
            with(r#"["HUNTER2","X"]"#),
            with(r#"["X","HUNTER2"]"#),
            with(r#"["X","HUNTER3"]"#),
        );
        scripted(ps, &[("a", &a), ("b", &b), ("c", &c)], |shell, _, found| {
            let of = |n: usize| {
                &found.containers[n]
                    .1
                    .as_ref()
                    .expect("readable")
                    .join_secret
            };
            assert_eq!(of(0), of(1), "{shell:?}");
            assert_ne!(of(0), of(2), "{shell:?}");
        });
    }

    #[rstest]
    #[case::cut_in_the_secret(r#"{"join_secret":["HUNTER2"#)]
    #[case::cut_behind_it(r#"{"join_secret":["HUNTER2"],"backend"#)]
    #[case::no_json("error: HUNTER2 is no container")]
    #[case::nothing("")]
    fn half_an_answer_prints_nothing_of_it(#[case] answer: &str) {
        scripted(
            r#"[{"name":"drives0","type":"weka"}]"#,
            &[("drives0", answer)],
            |shell, text, found| {
                assert!(!text.contains("HUNTER"), "{shell:?}: {text}");
                assert!(found.containers[0].1.is_err(), "{shell:?}: {text}");
            },
        );
    }

    #[test]
    fn a_container_that_does_not_answer_costs_itself() {
        let good = r#"{"backend_endpoints":[]}"#;
        scripted(
            r#"[{"name":"gone"},{"name":"drives0"}]"#,
            &[("drives0", good)],
            |shell, text, found| {
                assert!(found.containers[0].1.is_err(), "{shell:?}: {text}");
                assert!(found.containers[1].1.is_ok(), "{shell:?}: {text}");
            },
        );
    }

    #[rstest]
    #[case::not_installed("exit 127", 127)]
    #[case::no_agent("echo error: no agent >&2; exit 1", 1)]
    #[case::half_a_list("echo '[{\"name\":\"drives0\"'", 4)]
    #[case::nothing("true", 4)]
    #[case::no_containers("echo '[]'", 0)]
    fn without_a_list_of_containers(#[case] weka: &str, #[case] expected: i32) {
        for shell in SHELLS {
            let (text, status) = answer(shell, LOCAL_RESOURCES.script, &[("weka", weka)]);
            let nothing = if expected == 0 {
                "digests 0\nend\n"
            } else {
                ""
            };
            assert_eq!((text.as_str(), status), (nothing, expected), "{shell:?}");
        }
    }

    #[test]
    fn without_a_hash_tool_the_secret_stays_where_it_is() {
        let script = LOCAL_RESOURCES
            .script
            .replace("sha256sum", "no-1")
            .replace("openssl dgst", "no-2")
            .replace("shasum -a", "no-3");
        for shell in SHELLS {
            let weka = r#"case $2 in ps) echo '[{"name":"a"}]' ;; *) echo '{"join_secret":["HUNTER2"],"backend_endpoints":[]}' ;; esac"#;
            let (text, _) = answer(shell, &script, &[("weka", weka)]);
            assert!(!text.contains("HUNTER"), "{shell:?}: {text}");
            let found = parse(&text).expect("readable");
            assert_eq!(
                found.containers[0]
                    .1
                    .as_ref()
                    .expect("readable")
                    .join_secret,
                JoinSecret::NotDigested
            );
        }
    }
}
