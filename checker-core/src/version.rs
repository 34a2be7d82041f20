//! Release numbers of WEKA.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A release such as `4.4.10.202`, `4.4.10`, `5.1.0-hcfs` or `4.2.8.312-6a24a384`.
///
/// Up to four numeric parts; a part that is not written counts as zero, so
/// `4.4.6` equals `4.4.6.0`. A suffix behind the first `-` sorts after the same
/// release without one (`4.4.1 < 4.4.1-2`), numbers before words. What was
/// written is kept for display.
#[derive(Clone)]
pub struct Version {
    parts: [u32; 4],
    written_parts: u8,
    suffix: Option<String>,
}

/// Why a text is no release number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a WEKA release: {reason} (expected a form such as 4.4.10.202)")]
pub struct VersionError {
    /// What was given, cut to a readable length.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Version {
    /// A release from its numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, revision: u32, build: u32) -> Self {
        Self {
            parts: [major, minor, revision, build],
            written_parts: 4,
            suffix: None,
        }
    }

    /// The first two numbers, which WEKA calls the major version (`4.4`).
    #[must_use]
    pub fn line(&self) -> (u32, u32) {
        (self.parts[0], self.parts[1])
    }

    /// The four numbers; those that were not written are zero.
    #[must_use]
    pub fn numbers(&self) -> [u32; 4] {
        self.parts
    }

    /// What stands behind the first `-`, if anything.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }

    /// The same release without its suffix.
    #[must_use]
    pub fn without_suffix(&self) -> Self {
        Self {
            suffix: None,
            ..self.clone()
        }
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |reason| VersionError {
            text: text.chars().take(60).collect(),
            reason,
        };
        let trimmed = text.trim();
        let bare = trimmed.strip_prefix(['v', 'V']).unwrap_or(trimmed);
        let (numbers, suffix) = match bare.split_once('-') {
            Some((_, "")) => return Err(error("nothing stands behind the `-`")),
            Some((numbers, suffix)) => (numbers, Some(suffix)),
            None => (bare, None),
        };
        let mut parts = [0; 4];
        let mut written = 0;
        for part in numbers.split('.') {
            if written == parts.len() {
                return Err(error("it has more than four numbers"));
            }
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(error("its parts must be numbers"));
            }
            parts[written] = part.parse().map_err(|_| error("a number is too large"))?;
            written += 1;
        }
        if written < 2 {
            return Err(error("it needs at least two numbers"));
        }
        if let Some(suffix) = suffix
            && !suffix
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'))
        {
            return Err(error("its suffix holds a character that no release has"));
        }
        Ok(Self {
            parts,
            written_parts: written as u8,
            suffix: suffix.map(str::to_owned),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.parts[..usize::from(self.written_parts)]
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(".");
        if let Some(suffix) = &self.suffix {
            text.push('-');
            text.push_str(suffix);
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

/// Numbers before words, numbers by value: `-2` before `-10` before `-hotfix1`.
///
/// Two spellings of one number (`2`, `02`) are told apart by their text, so
/// that the order stays total.
fn compare_suffixes(a: &str, b: &str) -> Ordering {
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(x), Ok(y)) => x.cmp(&y).then_with(|| a.cmp(b)),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts
            .cmp(&other.parts)
            .then_with(|| match (&self.suffix, &other.suffix) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
                (Some(a), Some(b)) => compare_suffixes(a, b),
            })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
        self.suffix.hash(state);
    }
}

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "examples": ["4.4.10.202"]})
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn v(text: &str) -> Version {
        text.parse().expect("a release")
    }

    // field history 77
    #[rstest]
    #[case::four_numbers("4.4.10.202", "4.4.10.202")]
    #[case::three_numbers("4.4.10", "4.4.10")]
    #[case::two_numbers("4.4", "4.4")]
    #[case::hash("4.2.8.312-6a24a384", "4.2.8.312-6a24a384")]
    #[case::hcfs("5.1.0-hcfs", "5.1.0-hcfs")]
    #[case::hotfix("4.4.9-hotfix1", "4.4.9-hotfix1")]
    #[case::leading_v("v5.0.4", "5.0.4")]
    #[case::container_image("4.4.2.157-k8s.2", "4.4.2.157-k8s.2")]
    #[case::blanks(" 4.4.4\n", "4.4.4")]
    fn reads_and_shows(#[case] written: &str, #[case] shown: &str) {
        assert_eq!(v(written).to_string(), shown);
    }

    #[rstest]
    #[case::word("banana")]
    #[case::empty("")]
    #[case::one_number("4")]
    #[case::five_numbers("4.4.4.4.4")]
    #[case::hole("4..4")]
    #[case::letters("4.4.26.foo")]
    #[case::sign("4.4.-1")]
    #[case::too_large("4.4.99999999999")]
    #[case::empty_suffix("4.4.4-")]
    #[case::shell("4.4.4-$(reboot)")]
    fn refuses(#[case] text: &str) {
        let error = text.parse::<Version>().expect_err(text);
        assert!(error.to_string().contains("is not a WEKA release"));
    }

    // field history 83
    #[rstest]
    #[case("4.2.9.28", "4.2.10")]
    #[case("4.2.10", "4.2.18.34")]
    #[case("4.4.9.145", "4.4.10.118")]
    #[case("4.4.20.116", "4.4.26")]
    #[case("4.4.1", "4.4.1-2")]
    #[case("4.4.1-2", "4.4.1-10")]
    #[case("4.4.1-10", "4.4.1-hotfix1")]
    #[case("4.4.33", "5.0")]
    fn orders(#[case] older: &str, #[case] newer: &str) {
        assert!(v(older) < v(newer));
    }

    #[test]
    fn a_part_that_is_not_written_is_zero() {
        assert_eq!(v("4.4.6"), v("4.4.6.0"));
        assert_eq!(v("4.4.6.0").to_string(), "4.4.6.0");
    }

    prop_compose! {
        fn any_version()(
            parts in prop::collection::vec(0u32..30, 2..=4),
            suffix in prop::option::of("[0-9a-z]{1,4}"),
        ) -> Version {
            let numbers = parts.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            v(&suffix.map_or(numbers.clone(), |s| format!("{numbers}-{s}")))
        }
    }

    proptest! {
        #[test]
        fn round_trip(a in any_version()) {
            let b = v(&a.to_string());
            prop_assert_eq!(&a, &b);
            prop_assert_eq!(a.to_string(), b.to_string());
        }

        // field history 83, 84
        #[test]
        fn total_order(a in any_version(), b in any_version(), c in any_version()) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = text.parse::<Version>();
        }
    }
}
