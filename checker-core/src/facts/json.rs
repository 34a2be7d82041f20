//! JSON in the middle of other text.

use serde_json::Value;

/// Why no JSON was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// There is no text at all.
    #[error("it printed nothing")]
    Empty,
    /// JSON begins and breaks off.
    #[error("the JSON breaks off after {bytes} bytes")]
    BrokenOff {
        /// How long the text is.
        bytes: usize,
    },
    /// It is nested deeper than the parser follows, as no answer is.
    #[error("the JSON is nested too deep")]
    TooDeep,
    /// Nothing in the text is JSON.
    #[error("no JSON in {sample:?}")]
    None {
        /// The first characters of what came instead.
        sample: String,
    },
}

/// How many brackets are tried as the beginning of the answer. There are a few
/// in the worst of banners; trying each of a megabyte of them takes minutes.
const BEGINNINGS: usize = 1_000;

/// Finds the one JSON value in a command's output, with text allowed before
/// and after it: warnings, banners, a newline and NUL byte at the end.
///
/// An answer that breaks off is an error even if a smaller value inside it is
/// whole: half a list must not be read as a shorter one.
///
/// # Errors
/// [`JsonError`] when there is no text, no JSON, or half of one.
pub fn find_json(output: &[u8]) -> Result<Value, JsonError> {
    let text = String::from_utf8_lossy(output);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if text.is_empty() {
        return Err(JsonError::Empty);
    }
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let line_starts = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .filter(|at| text[*at..].starts_with(['{', '[']));
    // Text on the same line before the JSON is the rarer case, so it comes second.
    let anywhere = text.match_indices(['{', '[']).map(|(at, _)| at);
    for at in line_starts.chain(anywhere).take(BEGINNINGS) {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let end = at + values.byte_offset();
                // `[1] done` from a shell's job control is no answer if JSON follows.
                if find_json_start(&text[end..]).is_none() {
                    return Ok(value);
                }
            }
            Some(Err(error)) if error.is_eof() => {
                return Err(JsonError::BrokenOff { bytes: text.len() });
            }
            // What is inside would be found too deep again and again, and is
            // not the answer anyway.
            Some(Err(error)) if error.to_string().starts_with("recursion limit") => {
                return Err(JsonError::TooDeep);
            }
            Some(Err(_)) | None => {}
        }
    }
    // A scalar among other lines, if there is no doubt which line it is.
    let mut scalars = text
        .lines()
        .filter_map(|line| serde_json::from_str(line.trim()).ok());
    if let (Some(value), None) = (scalars.next(), scalars.next()) {
        return Ok(value);
    }
    Err(JsonError::None {
        sample: text.chars().take(80).collect(),
    })
}

/// Where a line begins with JSON.
fn find_json_start(text: &str) -> Option<usize> {
    text.match_indices('\n')
        .map(|(at, _)| at + 1)
        .find(|at| text[*at..].starts_with(['{', '[']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S2
    #[rstest]
    #[case::plain("[]", json!([]))]
    #[case::null("null\n", json!(null))]
    #[case::scalar("true", json!(true))]
    #[case::text("\"4.4.21.2\"", json!("4.4.21.2"))]
    #[case::newline_and_nul("{\"a\":1}\n\0", json!({"a":1}))]
    #[case::warning_before("[WARN] stale cache\n{\"a\":[1]}", json!({"a":[1]}))]
    #[case::warning_after("[{\"a\":1}]\nwarning: slow", json!([{"a":1}]))]
    #[case::same_line("libselinux: oops [{\"a\":1}]", json!([{"a":1}]))]
    #[case::job_control("[1] 4711\n{\"a\":1}", json!({"a":1}))]
    #[case::scalar_after_a_warning("[WARN] stale cache\nfalse\n", json!(false))]
    #[case::pretty("{\n  \"a\": [\n    {\"b\": 1}\n  ]\n}\n", json!({"a":[{"b":1}]}))]
    fn finds(#[case] output: &str, #[case] expected: Value) {
        assert_eq!(find_json(output.as_bytes()), Ok(expected));
    }

    #[rstest]
    #[case::half("[{\"a\":1},{\"b\":")]
    #[case::half_pretty("[\n{\"a\":1},\n{\"b\":1}\n")]
    #[case::half_after_noise("warning\n{\"a\": [{\"b\":1}")]
    fn half_is_no_answer(#[case] output: &str) {
        assert!(matches!(
            find_json(output.as_bytes()),
            Err(JsonError::BrokenOff { .. })
        ));
    }

    #[test]
    fn too_deep_is_no_answer() {
        let text = [vec![b'['; 1 << 16], vec![b']'; 1 << 16]].concat();
        assert_eq!(find_json(&text), Err(JsonError::TooDeep));
    }

    /// Each bracket could begin the answer, but not each of a megabyte is tried.
    #[test]
    fn brackets_without_end_are_given_up_soon() {
        let begun = std::time::Instant::now();
        let text = "[x ".repeat(1 << 20);
        assert!(matches!(
            find_json(text.as_bytes()),
            Err(JsonError::None { .. })
        ));
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    #[test]
    fn two_scalars_are_no_answer() {
        assert!(find_json(b"1\n2\n").is_err());
    }

    #[test]
    fn says_what_came_instead() {
        assert_eq!(find_json(b" \n\0"), Err(JsonError::Empty));
        let error = find_json(b"error: no leader").expect_err("no JSON");
        assert_eq!(error.to_string(), "no JSON in \"error: no leader\"");
    }

    // field history 57
    #[test]
    fn other_bytes_than_utf8_are_no_reason_to_give_up() {
        let value = find_json(b"[{\"title\":\"disk \xff\"}]").expect("JSON");
        assert_eq!(value, json!([{"title":"disk \u{fffd}"}]));
    }

    proptest! {
        #[test]
        fn every_cut_of_an_answer_is_refused(cut in 1usize..60) {
            let text = r#"[{"type":"DataProtection","count":1},{"type":"DriveDown"}]"#;
            let cut = cut.min(text.len() - 1);
            prop_assert!(find_json(&text.as_bytes()[..cut]).is_err());
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = find_json(&bytes);
        }
    }
}
