//! Names from outside as paths inside a bundle, there and back.

/// No component of a path is longer: file systems allow 255 bytes, and a
/// suffix comes behind it.
const LONGEST: usize = 180;

/// A key or a server's name as a relative path that is safe everywhere.
///
/// Letters, digits, `.`, `-` and `_` stay; other bytes become `%XX`, and so
/// does a `.` at the beginning. What is too long for a file name goes on in a
/// folder below: such a folder's name, and no other, ends with a lone `%`. The
/// empty name is `%.`. Two names never have the same path.
pub(super) fn encode(name: &str) -> String {
    if name.is_empty() {
        return "%.".to_owned();
    }
    let mut path = String::with_capacity(name.len());
    let mut component = 0;
    for byte in name.bytes() {
        // The widest form, so that no component gets too long.
        if component + 3 > LONGEST {
            path.push_str("%/");
            component = 0;
        }
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if plain || (byte == b'.' && component > 0) {
            path.push(char::from(byte));
            component += 1;
        } else {
            path.push_str(&format!("%{byte:02X}"));
            component += 3;
        }
    }
    path
}

/// The name behind a path that [`encode`] made; `None` if it made no such path.
#[cfg(test)]
pub(super) fn decode(path: &str) -> Option<String> {
    if path == "%." {
        return Some(String::new());
    }
    let joined = path.replace("%/", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (hex, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|name| encode(name) == path)
}

/// Splits a path at the end of its first name: `a%/b/server.json` is `a%/b` and `server.json`.
pub(super) fn split_first(path: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let slash = from + path[from..].find('/')?;
        if !path[..slash].ends_with('%') {
            return Some((&path[..slash], &path[slash + 1..]));
        }
        from = slash + 1;
    }
}

/// A cluster's name as a part of a file name. Only for people: two names may
/// become the same.
pub(super) fn in_file_name(name: &str) -> String {
    let safe: String = name
        .chars()
        .take(60)
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .collect();
    if safe.bytes().any(|b| b.is_ascii_alphanumeric()) {
        safe
    } else {
        "unknown".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("weka-01.lab", "weka-01.lab")]
    #[case::key("host:units", "host%3Aunits")]
    #[case::up("../x", "%2E.%2Fx")]
    #[case::here(".", "%2E")]
    #[case::parent("..", "%2E.")]
    #[case::folder("a/b", "a%2Fb")]
    #[case::absolute("/etc/passwd", "%2Fetc%2Fpasswd")]
    #[case::windows("a\\b:c", "a%5Cb%3Ac")]
    #[case::percent("a%2Fb", "a%252Fb")]
    #[case::other_letters("é", "%C3%A9")]
    #[case::nul("a\0", "a%00")]
    #[case::empty("", "%.")]
    fn becomes(#[case] name: &str, #[case] path: &str) {
        assert_eq!(encode(name), path);
        assert_eq!(decode(path).as_deref(), Some(name));
    }

    #[test]
    fn a_long_name_goes_on_in_a_folder_below() {
        let name = format!("{}{}", "a".repeat(178), "/".repeat(120));
        let path = encode(&name);
        assert_eq!(path.split('/').count(), 3);
        assert!(
            path.split('/').all(|part| part.len() <= LONGEST + 1),
            "{path}"
        );
        assert_eq!(decode(&path), Some(name));
    }

    #[rstest]
    #[case("a/b", Some(("a", "b")))]
    #[case("a%/b/server.json", Some(("a%/b", "server.json")))]
    #[case("a/b%/server.json", Some(("a", "b%/server.json")))]
    #[case("a%/b", None)]
    #[case("a", None)]
    fn first_names(#[case] path: &str, #[case] expected: Option<(&str, &str)>) {
        assert_eq!(split_first(path), expected);
    }

    #[rstest]
    #[case("lab-a", "lab-a")]
    #[case("../../etc", "..-..-etc")]
    #[case("Köln 1", "K-ln-1")]
    #[case("", "unknown")]
    #[case("日本", "unknown")]
    #[case("..", "unknown")]
    fn in_file_names(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(in_file_name(name), expected);
    }

    proptest! {
        #[test]
        fn there_and_back(name in "([a-z./%:~]|\\PC){0,400}") {
            let path = encode(&name);
            for part in path.split('/') {
                prop_assert!(!part.is_empty() && !part.starts_with('.'));
                prop_assert!(part.len() <= LONGEST + 1);
            }
            prop_assert_eq!(decode(&path), Some(name));
        }
    }
}
