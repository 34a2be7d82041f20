//! What a server's kernel was booted with.
//!
//! Evidence `host:cmdline`: `/proc/cmdline`, one line of words.

use std::time::Duration;

use serde::Serialize;

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// Reads `/proc/cmdline` without starting a process.
pub static CMDLINE: ServerProbe = ServerProbe {
    key: "host:cmdline",
    script: r#"IFS= read -r line </proc/cmdline || [ -n "$line" ] || exit 1
printf '%s\n' "$line"
"#,
    timeout: Duration::from_secs(5),
    limit: 16 * 1024,
};

/// The words that the kernel was booted with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BootArguments(pub Vec<String>);

impl BootArguments {
    /// Whether this word is among them, exactly.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.0.iter().any(|known| known == word)
    }
}

impl Fact for BootArguments {
    const NAME: &'static str = "boot-arguments";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&CMDLINE];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let text = view.text(CMDLINE.key)?;
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return Err(view.unreadable(CMDLINE.key, "it is empty"));
        }
        Ok(Self(words))
    }
}
