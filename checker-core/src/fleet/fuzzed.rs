//! Doors to this module's parsers, for property tests and fuzz targets.

use std::path::Path;

use super::frames::Frames;
use super::known_hosts::{KnownHosts, kind};

/// The marker that [`frames`] looks for.
pub(crate) const MARKER: &str = "0123-4567";

/// Takes a session's output apart, in one piece and in pieces of `chunk`
/// bytes, and fails when that makes a difference or a limit is not kept.
pub(crate) fn frames(output: &[u8], chunk: usize) {
    const LIMITS: [usize; 3] = [0, 20, 300];
    let whole = taken_apart(std::iter::once(output), &LIMITS);
    let pieces = taken_apart(output.chunks(chunk.max(1)), &LIMITS);
    for (n, limit) in LIMITS.into_iter().enumerate() {
        assert_eq!(whole.section(n), pieces.section(n));
        assert!(whole.section(n).bytes.len() <= limit);
        assert!(whole.section(n).begun || whole.section(n).bytes.is_empty());
    }
    assert_eq!(whole.noise(), pieces.noise());
    assert_eq!(whole.finished(), pieces.finished());
}

fn taken_apart<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: &[usize]) -> Frames {
    let mut frames = Frames::new(MARKER, limits.iter().copied());
    for piece in pieces {
        frames.feed(piece);
    }
    frames.end();
    frames
}

/// Reads the text of a `known_hosts` and asks it about a name and a key.
pub(crate) fn known_hosts(text: &str, name: &str, key: &[u8]) {
    let known = KnownHosts::parsed(text, Path::new("known_hosts"));
    let names = [name.to_owned()];
    let _ = known.kinds(&names);
    let _ = known.has_authority(&names);
    let _ = known.check(&names, key);
    let _ = kind(key);
}
