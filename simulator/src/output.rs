//! What a command printed.

use serde_json::Value;

/// What a command printed and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Success with this text on standard output.
    #[must_use]
    pub fn text(stdout: impl Into<String>) -> Self {
        Self {
            status: 0,
            stdout: stdout.into().into_bytes(),
            stderr: Vec::new(),
        }
    }

    /// Success with this JSON, indented and with a newline behind it.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        let mut text = format!("{value:#}");
        text.push('\n');
        Self::text(text)
    }

    /// Failure with this exit status and error text.
    #[must_use]
    pub fn failed(status: i32, stderr: impl Into<String>) -> Self {
        let mut stderr = stderr.into();
        if !stderr.ends_with('\n') {
            stderr.push('\n');
        }
        Self {
            status,
            stdout: Vec::new(),
            stderr: stderr.into_bytes(),
        }
    }
}
