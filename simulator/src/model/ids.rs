//! Ids that look random and are the same in every run.

/// A version 4 uuid made of a kind of thing and its number.
#[must_use]
pub fn uuid(kind: &str, number: u64) -> String {
    // FNV-1a: short, and good enough to look random.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in kind.bytes().chain(number.to_be_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let more = hash.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        hash >> 32,
        (hash >> 16) & 0xffff,
        hash & 0xfff,
        0x8000 | ((more >> 48) & 0x3fff),
        more & 0xffff_ffff_ffff,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_has_the_same_id_and_another_thing_another() {
        assert_eq!(uuid("drive", 1), uuid("drive", 1));
        assert_ne!(uuid("drive", 1), uuid("drive", 2));
        assert_ne!(uuid("drive", 1), uuid("server", 1));
        assert_eq!(uuid("drive", 1).len(), 36);
    }
}
