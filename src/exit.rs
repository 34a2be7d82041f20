//! The exit codes: one list, relied upon by automation.

use std::process::ExitCode;

use checker_core::report::Verdict;

/// How the tool ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: all green.
    Green,
    /// 1: warnings.
    Warnings,
    /// 2: failures.
    Failures,
    /// 3: nothing is red, but something could not be verified.
    Unverified,
    /// 10: an upgrade was started and stopped, or left.
    Stopped,
    /// 64: wrong usage.
    Usage,
    /// 70: a fault of the tool, or of the machine that it runs on.
    Internal,
    /// 130: interrupted.
    Interrupted,
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Green => Self::Green,
            Verdict::Yellow => Self::Warnings,
            Verdict::Red => Self::Failures,
            Verdict::Unknown => Self::Unverified,
        }
    }
}

impl Exit {
    /// The one with this number; a fault for any other.
    pub(crate) fn of_code(code: i32) -> Self {
        let all = [
            Self::Green,
            Self::Warnings,
            Self::Failures,
            Self::Unverified,
            Self::Stopped,
            Self::Usage,
            Self::Interrupted,
        ];
        all.into_iter()
            .find(|exit| i32::from(exit.code()) == code)
            .unwrap_or(Self::Internal)
    }

    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Green => 0,
            Self::Warnings => 1,
            Self::Failures => 2,
            Self::Unverified => 3,
            Self::Stopped => 10,
            Self::Usage => 64,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do its work, and the exit code for it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the operator is told.
    pub(crate) error: anyhow::Error,
    /// How the tool ends.
    pub(crate) exit: Exit,
}

impl Failure {
    /// The operator asked for something that can't be done as asked.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            error: error.into(),
            exit: Exit::Usage,
        }
    }

    /// The tool or its machine failed.
    pub(crate) fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self {
            error: error.into(),
            exit: Exit::Internal,
        }
    }
}
