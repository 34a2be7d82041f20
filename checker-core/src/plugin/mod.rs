//! Checks that come from outside: shared libraries, and scripts of the field's
//! convention. To the engine they are checks like any other.
//!
//! ```text
//! trust      which files are loaded at all
//! process    one child process of the same binary for each library …
//! child      … which loads it and passes bytes on
//! frame      how the two talk
//! declared   what a library says of itself, held against the rules
//! check      one of its checks, as the engine sees it
//! scripts    checks that are scripts
//! standin    what stands in the report for what could not be loaded
//! ```
//!
//! Whatever a plugin does costs its own checks: they become `unknown`, with
//! the reason. Nothing that it does ends a run or makes one green.

mod check;
pub mod child;
mod declared;
mod fault;
mod frame;
mod load;
mod process;
mod scripts;
mod standin;
mod trust;

pub use declared::{DeclarationError, Declared};
pub use fault::Fault;
pub use load::{Loaded, Sources, load, try_one};
pub use process::{Launcher, Limits};
pub use scripts::{LoadedScripts, ScriptError, ScriptType, load_scripts};
pub use standin::register_absent;
pub use trust::{Distrust, is_trusted};

/// With this begins the key of every probe of a plugin.
pub const PROBE_KEY: &str = "host:plugin/";

/// With this begins the key of every command of a plugin that no built-in
/// check asks too.
pub const COMMAND_KEY: &str = "weka:plugin/";

/// With this begins the key of every script.
pub const SCRIPT_KEY: &str = "host:ext/";

/// The area of what stands for a plugin that could not be loaded.
const AREA_OF_FAILURES: &str = "plugin";

/// The area of scripts.
const AREA_OF_SCRIPTS: &str = "ext";

/// A text as a word of an id: small letters, digits, `-`, `_` and `.`.
fn id_word(text: &str) -> String {
    let word: String = text
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '-' | '_' | '.') => c,
            _ => '-',
        })
        .collect();
    if word.is_empty() {
        "-".to_owned()
    } else {
        word
    }
}
