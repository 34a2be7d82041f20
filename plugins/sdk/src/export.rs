//! The boundary to C: the only place of the SDK with `unsafe`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi::Buffer;
use crate::author::{Plugin, panic_text};
use crate::wire::Question;

const OK: i32 = 0;
const FAILED: i32 = 1;

/// `describe` of a plugin in Rust; what [`export!`](crate::export!) calls.
///
/// # Safety
/// `out` points to a [`Buffer`] that may be written.
#[expect(unsafe_code, reason = "the boundary to C")]
pub unsafe fn describe(plugin: &'static Plugin, out: *mut Buffer) -> i32 {
    let made = catch_unwind(AssertUnwindSafe(|| {
        serde_json::to_vec(&plugin.description()).map_err(|error| error.to_string())
    }));
    // SAFETY: as our caller promises.
    unsafe { give(made, out) }
}

/// `judge` of a plugin in Rust; what [`export!`](crate::export!) calls.
///
/// # Safety
/// `question` points to `len` bytes that nobody changes meanwhile (or `len`
/// is 0), and `out` to a [`Buffer`] that may be written.
#[expect(unsafe_code, reason = "the boundary to C")]
pub unsafe fn judge(
    plugin: &'static Plugin,
    question: *const u8,
    len: usize,
    out: *mut Buffer,
) -> i32 {
    let bytes: &[u8] = if len == 0 {
        &[]
    } else {
        // SAFETY: as our caller promises.
        unsafe { std::slice::from_raw_parts(question, len) }
    };
    let made = catch_unwind(AssertUnwindSafe(|| {
        let question: Question = serde_json::from_slice(bytes)
            .map_err(|error| format!("the question is not understood: {error}"))?;
        let answer = plugin.answer(&question)?;
        serde_json::to_vec(&answer).map_err(|error| error.to_string())
    }));
    // SAFETY: as our caller promises.
    unsafe { give(made, out) }
}

/// `free` of a plugin in Rust; what [`export!`](crate::export!) calls.
///
/// # Safety
/// The buffer comes from [`describe`] or [`judge`], and is given back once; or it is empty.
#[expect(unsafe_code, reason = "the boundary to C")]
pub unsafe fn free(buffer: Buffer) {
    if !buffer.data.is_null() {
        let slice = std::ptr::slice_from_raw_parts_mut(buffer.data, buffer.len);
        // SAFETY: `give` made it from a box of just this length.
        drop(unsafe { Box::from_raw(slice) });
    }
}

/// Hands the bytes, or the line that says what is wrong, to the host.
///
/// # Safety
/// `out` points to a [`Buffer`] that may be written, or is null.
#[expect(unsafe_code, reason = "the boundary to C")]
unsafe fn give(made: std::thread::Result<Result<Vec<u8>, String>>, out: *mut Buffer) -> i32 {
    let (code, bytes) = match made {
        Ok(Ok(bytes)) => (OK, bytes),
        Ok(Err(text)) => (FAILED, text.into_bytes()),
        Err(panic) => (FAILED, panic_text(panic.as_ref()).as_bytes().to_vec()),
    };
    if out.is_null() {
        return FAILED;
    }
    let boxed = bytes.into_boxed_slice();
    let len = boxed.len();
    let data = Box::into_raw(boxed).cast::<u8>();
    // SAFETY: as our caller promises; null was looked at.
    unsafe { out.write(Buffer { data, len }) };
    code
}

/// Exports a [`Plugin`] as the symbol that the host looks for;
/// [`plugin!`](crate::plugin!) does it.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        #[allow(unsafe_code, reason = "the boundary to C")]
        const _: () = {
            use $crate::abi::{Buffer, Entry};

            static ENTRY: Entry = Entry {
                abi: $crate::wire::ABI,
                size: ::std::mem::size_of::<Entry>() as u32,
                describe: Some(describe),
                judge: Some(judge),
                free: Some(free),
            };

            unsafe extern "C" fn describe(out: *mut Buffer) -> i32 {
                // SAFETY: the host keeps to checker_plugin.h.
                unsafe { $crate::export::describe(&$plugin, out) }
            }

            unsafe extern "C" fn judge(question: *const u8, len: usize, out: *mut Buffer) -> i32 {
                // SAFETY: the host keeps to checker_plugin.h.
                unsafe { $crate::export::judge(&$plugin, question, len, out) }
            }

            unsafe extern "C" fn free(buffer: Buffer) {
                // SAFETY: the host keeps to checker_plugin.h.
                unsafe { $crate::export::free(buffer) }
            }

            // SAFETY: the name is this interface's own; a library has it once.
            #[unsafe(no_mangle)]
            extern "C" fn checker_plugin_entry() -> *const Entry {
                &raw const ENTRY
            }
        };
    };
}

#[cfg(test)]
#[expect(unsafe_code, reason = "the boundary to C is what is tested")]
mod tests {
    use super::*;
    use crate::{Evidence, Judgement, Probe};

    static TWO: Plugin = Plugin {
        name: "two",
        version: "1",
        commands: &[],
        probes: &[Probe::new("p", "true")],
        checks: &[crate::Check {
            id: "a/b",
            doc: &[" A title.", "", " Text"],
            scope: &[crate::Scope::Backend],
            when: "all",
            from: crate::Releases::ALL,
            to: crate::Releases::ALL,
            levels: &[],
            sources: &["s"],
            evidence: &["p"],
            takes_missing: false,
            judge: rule,
        }],
    };

    fn rule(evidence: &Evidence<'_>) -> Judgement {
        match evidence.stdout("p") {
            "good" => Judgement::pass("good"),
            other => panic!("odd: {other}"),
        }
    }

    fn ask(question: &[u8]) -> (i32, String) {
        let mut out = Buffer::EMPTY;
        // SAFETY: a slice, and a buffer of ours.
        let code = unsafe { judge(&TWO, question.as_ptr(), question.len(), &raw mut out) };
        // SAFETY: `judge` has filled it.
        let text = unsafe { std::slice::from_raw_parts(out.data, out.len) };
        let text = String::from_utf8(text.to_vec()).expect("UTF-8");
        // SAFETY: given back once.
        unsafe { free(out) };
        (code, text)
    }

    fn target(name: &str, stdout: &str) -> String {
        format!(
            r#"{{"target":"{name}","server":null,"servers":[],"records":[{{"key":"p","stdout":"{stdout}","stderr":"","exit_status":0,"truncated":false,"started_at":"","duration_ms":1,"missing":null}}]}}"#
        )
    }

    #[test]
    fn a_panic_costs_its_own_target() {
        let question = format!(
            r#"{{"check":"a/b","run":{{"from":null,"to":"5.0","path":[],"now":""}},"records":[],"targets":[{},{}]}}"#,
            target("w1", "bad"),
            target("w2", "good")
        );
        let (code, text) = ask(question.as_bytes());
        assert_eq!(code, OK, "{text}");
        let answer: crate::wire::Answer = serde_json::from_str(&text).expect("an answer");
        assert_eq!(
            answer.judgements[0].judgement.outcome,
            crate::Outcome::Unknown
        );
        assert!(answer.judgements[0].judgement.summary.contains("odd: bad"));
        assert_eq!(answer.judgements[1].judgement.outcome, crate::Outcome::Pass);
    }

    #[test]
    fn what_is_no_question_is_told() {
        for bytes in [&b""[..], b"{", b"\xff", b"null"] {
            let (code, text) = ask(bytes);
            assert_eq!(code, FAILED);
            assert!(text.contains("not understood"), "{text}");
        }
    }

    #[test]
    fn it_describes_itself() {
        let mut out = Buffer::EMPTY;
        // SAFETY: a buffer of ours.
        assert_eq!(unsafe { describe(&TWO, &raw mut out) }, OK);
        // SAFETY: `describe` has filled it.
        let text = unsafe { std::slice::from_raw_parts(out.data, out.len) };
        let read: crate::wire::Description = serde_json::from_slice(text).expect("JSON");
        assert_eq!(read.checks[0].info.title, "A title");
        assert_eq!(read.checks[0].info.explanation, "Text");
        // SAFETY: given back once.
        unsafe { free(out) };
    }
}
