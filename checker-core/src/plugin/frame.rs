//! How the host and its child process talk: one kind, one length, that many bytes.

use std::io::{self, Read, Write};

/// More than this is no answer but an accident.
pub(super) const LONGEST: usize = 8 << 20;

/// A question about all servers at once can be longer.
pub(super) const LONGEST_QUESTION: usize = 128 << 20;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Host: describe yourself.
    Describe,
    /// Host: a question.
    Judge,
    /// Child: the library is loaded.
    Loaded,
    /// Child: the library can't be loaded, because ….
    NotLoaded,
    /// Child: the library speaks another ABI, this one.
    OtherAbi,
    /// Child: what the plugin answered.
    Answer,
    /// Child: the plugin said that it failed, in these words.
    Failed,
    /// Child: the plugin's answer is longer than [`LONGEST`].
    TooLong,
}

const KINDS: [(u8, Kind); 8] = [
    (b'D', Kind::Describe),
    (b'J', Kind::Judge),
    (b'L', Kind::Loaded),
    (b'N', Kind::NotLoaded),
    (b'V', Kind::OtherAbi),
    (b'A', Kind::Answer),
    (b'F', Kind::Failed),
    (b'T', Kind::TooLong),
];

/// Kind and length.
pub(super) const HEADER: usize = 5;

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("there is no frame of kind {0:#04x}")]
    Kind(u8),
    #[error("a frame of {0} bytes")]
    Length(usize),
}

pub(super) fn header(kind: Kind, len: usize) -> [u8; HEADER] {
    let byte = KINDS
        .iter()
        .find(|(_, k)| *k == kind)
        .map_or(0, |(byte, _)| *byte);
    let len = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [byte, len[0], len[1], len[2], len[3]]
}

/// Reads a header.
pub(super) fn parse(header: [u8; HEADER]) -> Result<(Kind, usize), FrameError> {
    let [byte, len @ ..] = header;
    let kind = KINDS
        .iter()
        .find(|(b, _)| *b == byte)
        .map(|(_, kind)| *kind)
        .ok_or(FrameError::Kind(byte))?;
    let len = u32::from_be_bytes(len) as usize;
    let most = match kind {
        Kind::Judge => LONGEST_QUESTION,
        _ => LONGEST,
    };
    if len > most {
        return Err(FrameError::Length(len));
    }
    Ok((kind, len))
}

pub(super) fn write(out: &mut impl Write, kind: Kind, body: &[u8]) -> io::Result<()> {
    out.write_all(&header(kind, body.len()))?;
    out.write_all(body)?;
    out.flush()
}

/// Reads a frame; `None` at the end.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<(Kind, Vec<u8>)>> {
    let mut head = [0; HEADER];
    match from.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let (kind, len) = parse(head).map_err(io::Error::other)?;
    // Not as much memory as somebody says, but as much as there comes.
    let mut body = Vec::new();
    from.take(len as u64).read_to_end(&mut body)?;
    if body.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((kind, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_out_as_it_went_in() {
        for (_, kind) in KINDS {
            let mut bytes = Vec::new();
            write(&mut bytes, kind, b"body").expect("written");
            let read = read(&mut bytes.as_slice()).expect("read");
            assert_eq!(read, Some((kind, b"body".to_vec())));
        }
    }

    #[test]
    fn half_a_frame_is_none() {
        assert_eq!(read(&mut &b""[..]).expect("the end"), None);
        assert!(read(&mut &b"A\0\0\0\x09short"[..]).is_err());
        assert!(read(&mut &b"?\0\0\0\x01x"[..]).is_err());
        assert!(read(&mut &b"A\xff\xff\xff\xff"[..]).is_err());
    }

    proptest::proptest! {
        /// Whatever comes through the pipe: no panic, and no more than was sent.
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            if let Ok(Some((_, body))) = read(&mut bytes.as_slice()) {
                proptest::prop_assert!(body.len() + HEADER <= bytes.len());
            }
        }
    }
}
