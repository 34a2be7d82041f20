//! Release lines and windows of releases.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::version::Version;

/// A release line: the first two numbers of its releases (`4.4`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl Line {
    /// The line that a release belongs to.
    #[must_use]
    pub fn of(version: &Version) -> Self {
        let (major, minor) = version.line();
        Self { major, minor }
    }

    /// Whether `self` is the number that comes right after `older`: the next
    /// second number, or the next first number with `.0`.
    #[must_use]
    pub(crate) fn follows(self, older: Self) -> bool {
        (self.major == older.major && Some(self.minor) == older.minor.checked_add(1))
            || (Some(self.major) == older.major.checked_add(1) && self.minor == 0)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.major, self.minor))
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || format!("{text:?} is no release line (expected a form such as 4.4)");
        let (major, minor) = text.split_once('.').ok_or_else(error)?;
        let number = |part: &str| {
            if part.bytes().all(|b| b.is_ascii_digit()) {
                part.parse().map_err(|_| error())
            } else {
                Err(error())
            }
        };
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

impl Serialize for Line {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Where a window ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// It has no end.
    Open,
    /// This release is the first outside.
    Before(Version),
    /// This release is the last inside.
    With(Version),
}

/// A window of releases: `4.2.1..4.3` without its end, `4.2.1..=4.2.9` with it;
/// either end can be left out. A hotfix of a release is in wherever that release is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    from: Option<Version>,
    end: End,
}

impl Window {
    /// From a release up to, and without, another.
    #[must_use]
    pub fn half_open(from: Option<Version>, until: Option<Version>) -> Self {
        Self {
            from,
            end: until.map_or(End::Open, End::Before),
        }
    }

    /// Whether the release lies in it; its suffix is not looked at.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        let version = version.without_suffix();
        self.from.as_ref().is_none_or(|from| *from <= version)
            && match &self.end {
                End::Open => true,
                End::Before(end) => version < *end,
                End::With(end) => version <= *end,
            }
    }

    /// Whether no release at all can lie in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match (&self.from, &self.end) {
            (Some(from), End::Before(end)) => from >= end,
            (Some(from), End::With(end)) => from > end,
            (None, _) | (_, End::Open) => false,
        }
    }

    /// Whether every release lies in it.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.from.is_none() && self.end == End::Open
    }

    /// The release at its end, if it has one.
    #[must_use]
    pub fn end(&self) -> Option<&Version> {
        match &self.end {
            End::Open => None,
            End::Before(end) | End::With(end) => Some(end),
        }
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, end) = text.split_once("..").ok_or_else(|| {
            format!("{text:?} is no window of releases (expected a form such as 4.2.1..4.3)")
        })?;
        let version = |part: &str| part.parse::<Version>().map_err(|e| e.to_string());
        Ok(Self {
            from: (!from.is_empty()).then(|| version(from)).transpose()?,
            end: match (end, end.strip_prefix('=')) {
                ("", _) => End::Open,
                (_, Some(end)) => End::With(version(end)?),
                (end, None) => End::Before(version(end)?),
            },
        })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(from) = &self.from {
            write!(f, "{from}")?;
        }
        match &self.end {
            End::Open => f.write_str(".."),
            End::Before(end) => write!(f, "..{end}"),
            End::With(end) => write!(f, "..={end}"),
        }
    }
}

impl Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn window(text: &str) -> Window {
        text.parse().expect("a window")
    }

    #[rstest]
    #[case::before("4.2.1..4.3", "4.2.0", false)]
    #[case::on_the_start("4.2.1..4.3", "4.2.1", true)]
    #[case::a_hotfix_on_the_start("4.2.1..4.3", "4.2.1-abc", true)]
    #[case::just_inside("4.2.1..4.3", "4.2.99.99", true)]
    #[case::on_the_end("4.2.1..4.3", "4.3", false)]
    #[case::a_hotfix_on_the_end("4.2.1..=4.2.9", "4.2.9-abc", true)]
    #[case::with_the_end("4.2.1..=4.2.9", "4.2.9.0", true)]
    #[case::behind_the_end("4.2.1..=4.2.9", "4.2.9.1", false)]
    #[case::no_start("..4.3", "3.14", true)]
    #[case::no_end("4.4.6..", "9.0", true)]
    #[case::everything("..", "4.4", true)]
    fn holds(#[case] text: &str, #[case] version: &str, #[case] inside: bool) {
        let version = version.parse().expect("a release");
        assert_eq!(window(text).contains(&version), inside);
        assert_eq!(window(text).to_string(), text);
    }

    #[rstest]
    #[case("4.3..4.3", true)]
    #[case("4.3..=4.3", false)]
    #[case("4.4..=4.3", true)]
    #[case("..4.3", false)]
    fn empty(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(window(text).is_empty(), expected);
    }

    #[rstest]
    #[case("4.3")]
    #[case("4.3..banana")]
    #[case("..=")]
    fn refused(#[case] text: &str) {
        assert!(text.parse::<Window>().is_err());
    }

    #[rstest]
    #[case("4.4", "4.3", true)]
    #[case("5.0", "4.4", true)]
    #[case("5.1", "4.4", false)]
    #[case("4.3", "4.4", false)]
    #[case("6.1", "5.1", false)]
    fn follows(#[case] newer: &str, #[case] older: &str, #[case] expected: bool) {
        let line = |text: &str| text.parse::<Line>().expect("a line");
        assert_eq!(line(newer).follows(line(older)), expected);
    }
}
