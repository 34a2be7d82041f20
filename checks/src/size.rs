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

/// A number of bytes, shown in binary gigabytes: `4.99 GiB`. For what is
/// counted so, as memory is. Cut, as [`Size`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gib(pub(crate) u64);

/// Bytes in one of them.
pub(crate) const GIB: u64 = 1 << 30;

impl fmt::Display for Gib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = u128::from(self.0) * 100 / u128::from(GIB);
        write!(f, "{}.{:02} GiB", hundredths / 100, hundredths % 100)
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

    #[rstest]
    #[case(0, "0.00 GiB")]
    #[case(GIB - 1, "0.99 GiB")]
    #[case(GIB, "1.00 GiB")]
    #[case(5 * GIB + GIB / 2, "5.50 GiB")]
    #[case(u64::MAX, "17179869183.99 GiB")]
    fn shows_binary(#[case] bytes: u64, #[case] shown: &str) {
        assert_eq!(Gib(bytes).to_string(), shown);
    }
}
