//! Text from outside, made safe for a terminal and a log.

use std::borrow::Cow;

/// The text as one line that holds nothing but what can be seen.
///
/// Escape sequences go as a whole (colours, cursor movement, window titles),
/// so do control characters, characters that change the direction of the text
/// behind them, and invisible ones. A line break, a carriage return and a tab
/// become a blank, so that words don't run together. Whoever wants several
/// lines splits first.
///
/// Every renderer that ends on a terminal or in a log passes through here all
/// that a server, a plugin or a user wrote.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '\x1b' => &rest[escape_len(rest)..],
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                // `\r\n` and runs of blank lines are one blank.
                if !kept.ends_with(' ') && !kept.is_empty() {
                    kept.push(' ');
                }
                &rest[c.len_utf8()..]
            }
            c => {
                if !is_unsafe(c) {
                    kept.push(c);
                }
                &rest[c.len_utf8()..]
            }
        };
    }
    Cow::Owned(kept)
}

/// [`printable`], but line breaks stay.
#[must_use]
pub(crate) fn printable_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(printable).collect();
    lines.join("\n")
}

/// Whether a terminal would not show it, or would show something else because of it.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            // Soft hyphen, and the mark that turns Arabic text.
            '\u{ad}' | '\u{61c}'
            // Vowel separator of Mongolian, which has no width.
            | '\u{180e}'
            // Zero width, direction marks, line and paragraph separators,
            // direction embeddings and overrides.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            // Invisible operators, direction isolates, deprecated formats.
            | '\u{2060}'..='\u{206f}'
            // Byte order mark, annotations.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Tags: a whole invisible alphabet.
            | '\u{e0000}'..='\u{e007f}'
        )
}

/// How long the escape sequence is that `text` begins with.
///
/// One that does not end is only its first character: what follows would
/// otherwise be hidden, and it may be what matters.
fn escape_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.get(1) {
        // CSI: parameters, intermediates, one final byte.
        Some(b'[') => {
            let end = bytes[2..]
                .iter()
                .position(|b| !(0x20..=0x3f).contains(b))
                .map(|n| n + 2);
            match end {
                Some(end) if (0x40..=0x7e).contains(&bytes[end]) => end + 1,
                _ => 1,
            }
        }
        // OSC, DCS, SOS, PM, APC: up to BEL or ESC \.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let bell = text.find('\x07').map(|at| at + 1);
            let terminator = text[1..].find("\x1b\\").map(|at| at + 3);
            match (bell, terminator) {
                (Some(a), Some(b)) => a.min(b),
                (Some(a), None) | (None, Some(a)) => a,
                (None, None) => 1,
            }
        }
        // Two bytes, or a character set with one byte more.
        Some(b'(' | b')' | b'*' | b'+' | b'#' | b'%')
            if bytes.get(2).is_some_and(u8::is_ascii_graphic) =>
        {
            3
        }
        Some(0x30..=0x7e) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("weka-01: 2.1 GiB free", "weka-01: 2.1 GiB free")]
    #[case::other_letters("größer als 日本", "größer als 日本")]
    #[case::colour("\x1b[1;31mred\x1b[0m", "red")]
    #[case::cursor("a\x1b[2Jb\x1b[1A\x1b[Kc", "abc")]
    #[case::window_title("a\x1b]0;owned\x07b", "ab")]
    #[case::link("a\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\c", "abc")]
    #[case::never_ending_title("a\x1b]0;no end", "a]0;no end")]
    #[case::never_ending_colour("a\x1b[31", "a[31")]
    #[case::csi_with_odd_end("a\x1b[3\u{e9}b", "a[3\u{e9}b")]
    #[case::character_set("a\x1b(0b", "ab")]
    #[case::reset("a\x1bcb", "ab")]
    #[case::lone_escape("a\x1b", "a")]
    #[case::escape_before_a_letter_of_two_bytes("a\x1b\u{e9}", "a\u{e9}")]
    #[case::carriage_return("fail\rpass", "fail pass")]
    #[case::line_breaks("a\r\n\n\tb", "a b")]
    #[case::line_separator("a\u{2028}b\u{85}c", "a b c")]
    #[case::nul("a\0b", "ab")]
    #[case::backspace("fail\x08\x08\x08\x08pass", "failpass")]
    #[case::c1("a\u{9b}31mb", "a31mb")]
    #[case::right_to_left("a\u{202e}b\u{2066}c\u{200f}d", "abcd")]
    #[case::zero_width("a\u{200b}b\u{feff}c\u{e0041}d", "abcd")]
    fn shows_only_what_can_be_seen(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(printable(text), shown);
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left_and_a_second_time_changes_nothing(
            text in "([ -~]|\x1b|\x1b\\[|\x1b\\]|\x07|\\PC|\u{202e}|\0|\r|\n){0,40}",
        ) {
            let once = printable(&text).into_owned();
            prop_assert!(!once.chars().any(is_unsafe), "{once:?}");
            prop_assert_eq!(printable(&once), once.as_str());
        }
    }
}
