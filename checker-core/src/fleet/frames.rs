//! Takes the answers of the script's sections out of what a session prints.
//!
//! Each section is framed on both outputs by lines that begin with a marker
//! that is random per session. What stands outside of every frame (banner,
//! profile noise, the words of a `sudo` that refuses) is kept apart, since it
//! says what went wrong when no frame ever comes.

/// How much of the noise outside of the frames is kept, in bytes.
const NOISE_LIMIT: usize = 4096;

/// The longest rest of a marker line: a letter, a number, an exit status.
const LINE_LIMIT: usize = 32;

/// What one section printed on one of its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Captured {
    /// At most as many bytes as its limit allows.
    pub(super) bytes: Vec<u8>,
    /// Whether there was more.
    pub(super) overflow: bool,
    /// Whether its begin was seen.
    pub(super) begun: bool,
    /// Its exit status, once its end was seen.
    pub(super) ended: Option<i32>,
    limit: usize,
}

/// Something that stood in a marker line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Begun(usize),
    Ended(usize),
    Finished,
}

/// Reads one output of one session, in pieces of any size.
#[derive(Debug)]
pub(super) struct Frames {
    /// A line break, the marker, a space.
    token: Vec<u8>,
    /// What may yet turn out to be a marker line.
    pending: Vec<u8>,
    sections: Vec<Captured>,
    open: Option<usize>,
    next: usize,
    finished: bool,
    noise: Vec<u8>,
}

enum Line {
    /// The mark, and how many bytes its line has, from the token's line break on.
    Mark(Mark, i32, usize),
    Data,
    Incomplete,
}

impl Frames {
    pub(super) fn new(marker: &str, limits: impl Iterator<Item = usize>) -> Self {
        Self {
            token: format!("\n{marker} ").into_bytes(),
            pending: Vec::new(),
            sections: limits
                .map(|limit| Captured {
                    limit,
                    ..Captured::default()
                })
                .collect(),
            open: None,
            next: 0,
            finished: false,
            noise: Vec::new(),
        }
    }

    /// Takes the next piece and says which marks it completed.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Vec<Mark> {
        let mut marks = Vec::new();
        let mut text = std::mem::take(&mut self.pending);
        text.extend_from_slice(chunk);
        // Everything before `start` is dealt with; the token is sought from `from`.
        let (mut start, mut from) = (0, 0);
        loop {
            let Some(at) = find(&text[from..], &self.token).map(|at| from + at) else {
                let kept = text.len() - partial_suffix(&text[start..], &self.token);
                self.data(&text[start..kept]);
                self.pending = text.split_off(kept);
                return marks;
            };
            match self.line(&text[at..]) {
                Line::Mark(mark, status, length) => {
                    self.data(&text[start..at]);
                    self.apply(mark, status);
                    marks.push(mark);
                    start = at + length;
                    from = start;
                }
                Line::Data => from = at + 1,
                Line::Incomplete => {
                    self.data(&text[start..at]);
                    self.pending = text.split_off(at);
                    return marks;
                }
            }
        }
    }

    /// No more will come: what looked like the begin of a marker was none.
    pub(super) fn end(&mut self) {
        let rest = std::mem::take(&mut self.pending);
        self.data(&rest);
    }

    pub(super) fn section(&self, n: usize) -> &Captured {
        &self.sections[n]
    }

    pub(super) fn take(&mut self, n: usize) -> Captured {
        std::mem::take(&mut self.sections[n])
    }

    /// Whether the script's last line was seen.
    pub(super) fn finished(&self) -> bool {
        self.finished
    }

    /// What stood outside of every frame.
    pub(super) fn noise(&self) -> &[u8] {
        &self.noise
    }

    /// Reads a line that begins with the token. A line that does not fit where
    /// the script is belongs to the output of a section.
    fn line(&self, text: &[u8]) -> Line {
        let rest = &text[self.token.len()..];
        let Some(length) = rest.iter().take(LINE_LIMIT).position(|b| *b == b'\n') else {
            return if rest.len() < LINE_LIMIT {
                Line::Incomplete
            } else {
                Line::Data
            };
        };
        let Ok(words) = std::str::from_utf8(&rest[..length]) else {
            return Line::Data;
        };
        let words: Vec<&str> = words.split(' ').collect();
        let number = |word: &str| word.parse::<usize>().ok();
        let (mark, status) = match words[..] {
            ["B", n] if self.open.is_none() && number(n) == Some(self.next) => {
                (Mark::Begun(self.next), 0)
            }
            ["E", n, status] if self.open.is_some() && number(n) == self.open => {
                match status.parse() {
                    Ok(status) => (Mark::Ended(self.next), status),
                    Err(_) => return Line::Data,
                }
            }
            ["Z"] if self.open.is_none() && self.next == self.sections.len() => (Mark::Finished, 0),
            _ => return Line::Data,
        };
        if matches!(mark, Mark::Begun(n) if n >= self.sections.len()) || self.finished {
            return Line::Data;
        }
        Line::Mark(mark, status, self.token.len() + length + 1)
    }

    fn apply(&mut self, mark: Mark, status: i32) {
        match mark {
            Mark::Begun(n) => {
                self.sections[n].begun = true;
                self.open = Some(n);
            }
            Mark::Ended(n) => {
                self.sections[n].ended = Some(status);
                self.open = None;
                self.next = n + 1;
            }
            Mark::Finished => self.finished = true,
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (kept, limit) = match self.open {
            Some(n) => {
                let section = &mut self.sections[n];
                section.overflow |= section.bytes.len() + bytes.len() > section.limit;
                (&mut section.bytes, section.limit)
            }
            None => (&mut self.noise, NOISE_LIMIT),
        };
        let room = limit.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
    }
}

/// Where `token`, which begins with a line break, stands in `text`.
fn find(text: &[u8], token: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, token)
}

/// How many bytes at the end of `text` may be the begin of `token`.
fn partial_suffix(text: &[u8], token: &[u8]) -> usize {
    (1..token.len().min(text.len() + 1))
        .rev()
        .find(|n| text.ends_with(&token[..*n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const M: &str = "0123-4567";

    fn read(chunks: &[&[u8]], limits: &[usize]) -> (Frames, Vec<Mark>) {
        let mut frames = Frames::new(M, limits.iter().copied());
        let mut marks = Vec::new();
        for chunk in chunks {
            marks.extend(frames.feed(chunk));
        }
        frames.end();
        (frames, marks)
    }

    fn one(text: &str) -> Frames {
        read(&[text.as_bytes()], &[100, 100]).0
    }

    #[test]
    fn sections_come_out_byte_for_byte_and_the_noise_apart() {
        let frames = one(
            "Welcome!\n\n0123-4567 B 0\nno line break at the end\n0123-4567 E 0 0\n\
             (noise)\n0123-4567 B 1\n\n\n\n0123-4567 E 1 3\n\n0123-4567 Z\nbye",
        );
        assert_eq!(frames.section(0).bytes, b"no line break at the end");
        assert_eq!(frames.section(0).ended, Some(0));
        assert_eq!(frames.section(1).bytes, b"\n\n");
        assert_eq!(frames.section(1).ended, Some(3));
        assert!(frames.finished());
        assert_eq!(frames.noise(), b"Welcome!\n(noise)bye");
    }

    #[test]
    fn a_section_that_breaks_off_has_begun_and_not_ended() {
        let frames = one("\n0123-4567 B 0\nhalf an ans");
        assert_eq!(frames.section(0).bytes, b"half an ans");
        assert!(frames.section(0).begun && frames.section(0).ended.is_none());
        assert!(!frames.section(1).begun && !frames.finished());
    }

    #[test]
    fn what_breaks_off_in_a_marker_is_kept_as_output() {
        let frames = one("\n0123-4567 B 0\nx\n0123-4567 E 0");
        assert_eq!(frames.section(0).bytes, b"x\n0123-4567 E 0");
        assert_eq!(frames.section(0).ended, None);
    }

    #[rstest::rstest]
    #[case::another_marker("\n0123-4568 E 0 0\n")]
    #[case::another_section("\n0123-4567 E 1 0\n")]
    #[case::a_begin_inside("\n0123-4567 B 1\n")]
    #[case::an_end_of_all_inside("\n0123-4567 Z\n")]
    #[case::no_status("\n0123-4567 E 0\n")]
    #[case::no_number("\n0123-4567 E 0 x\n")]
    #[case::too_long("\n0123-4567 E 0 000000000000000000000000000000000000000000\n")]
    #[case::not_at_the_begin_of_a_line("> 0123-4567 E 0 0\n")]
    #[case::not_utf8("\n0123-4567 \u{fffd}\n")]
    fn what_only_looks_like_a_marker_is_output(#[case] forged: &str) {
        let text = format!("\n{M} B 0\n{forged}\n{M} E 0 7\n");
        let frames = one(&text);
        assert_eq!(String::from_utf8_lossy(&frames.section(0).bytes), forged);
        assert_eq!(frames.section(0).ended, Some(7));
    }

    #[rstest::rstest]
    #[case::below(3, "abc", false)]
    #[case::at(4, "abcd", false)]
    #[case::above(5, "abcd", true)]
    fn output_is_cut_at_its_limit(#[case] n: usize, #[case] kept: &str, #[case] overflow: bool) {
        let text = format!("\n{M} B 0\n{}\n{M} E 0 0\n", &"abcde"[..n]);
        let (frames, _) = read(&[text.as_bytes()], &[4]);
        assert_eq!(frames.section(0).bytes, kept.as_bytes());
        assert_eq!(frames.section(0).overflow, overflow);
        assert_eq!(frames.section(0).ended, Some(0));
    }

    /// Pieces of a session: frames, near misses, noise.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(b"\n0123-4567 B 0\n".to_vec()),
            Just(b"\n0123-4567 E 0 0\n".to_vec()),
            Just(b"\n0123-4567 B 1\n".to_vec()),
            Just(b"\n0123-4567 E 1 255\n".to_vec()),
            Just(b"\n0123-4567 Z\n".to_vec()),
            Just(b"\n0123-4567 ".to_vec()),
            Just(b"\n0123-45".to_vec()),
            Just(b"\n\n\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..40),
        ]
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same(
            pieces in prop::collection::vec(piece(), 0..12),
            cuts in prop::collection::vec(1usize..30, 1..40),
        ) {
            let whole = pieces.concat();
            let (expected, expected_marks) = read(&[&whole], &[20, 300]);
            let mut chunks: Vec<&[u8]> = Vec::new();
            let (mut rest, mut cuts) = (&whole[..], cuts.iter().cycle());
            while let Some(n) = cuts.next().filter(|_| !rest.is_empty()) {
                let (head, tail) = rest.split_at((*n).min(rest.len()));
                chunks.push(head);
                rest = tail;
            }
            let (frames, marks) = read(&chunks, &[20, 300]);
            prop_assert_eq!(&frames.sections, &expected.sections);
            prop_assert_eq!(frames.noise(), expected.noise());
            prop_assert_eq!(frames.finished(), expected.finished());
            prop_assert_eq!(marks, expected_marks);
        }

        #[test]
        fn what_a_section_prints_comes_back(output in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut whole = format!("noise\n{M} B 0\n").into_bytes();
            whole.extend_from_slice(&output);
            whole.extend_from_slice(format!("\n{M} E 0 0\n").as_bytes());
            let (frames, _) = read(&[&whole], &[1000]);
            prop_assert_eq!(&frames.section(0).bytes, &output);
        }
    }
}
