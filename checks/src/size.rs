//! Sizes as an operator reads them.

use std::fmt;

/// A number of bytes, shown in decimal gigabytes: `3.99 GB`.
///
/// Cut, not rounded, so that what is below a limit never looks as if it had
/// reached it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0 / 10_000_000;
        write!(f, "{}.{:02} GB", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0.00 GB")]
    #[case(9_999_999, "0.00 GB")]
    #[case(10_000_000, "0.01 GB")]
    #[case(3_999_999_999, "3.99 GB")]
    #[case(4_000_000_000, "4.00 GB")]
    #[case(u64::MAX, "18446744073.70 GB")]
    fn shows(#[case] bytes: u64, #[case] shown: &str) {
        assert_eq!(Size(bytes).to_string(), shown);
    }
}
