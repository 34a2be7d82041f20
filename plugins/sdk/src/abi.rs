//! The binary interface, as `include/checker_plugin.h` has it for other
//! languages. That header is the contract; this is the same in Rust.

/// Bytes that a plugin made, and that its `free` takes back.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Buffer {
    /// Where they are; null when there are none.
    pub data: *mut u8,
    /// How many there are.
    pub len: usize,
}

impl Buffer {
    /// No bytes.
    pub const EMPTY: Self = Self {
        data: std::ptr::null_mut(),
        len: 0,
    };
}

/// `describe`.
pub type Describe = unsafe extern "C" fn(out: *mut Buffer) -> i32;
/// `judge`.
pub type Judge = unsafe extern "C" fn(question: *const u8, len: usize, out: *mut Buffer) -> i32;
/// `free`.
pub type Free = unsafe extern "C" fn(buffer: Buffer);
/// The symbol [`ENTRY`](crate::wire::ENTRY).
pub type EntryFunction = unsafe extern "C" fn() -> *const Entry;

/// What the entry symbol returns a pointer to. It is never changed or freed.
///
/// The functions are options, so that a null pointer is a value to look at.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The number of the binary interface: [`ABI`](crate::wire::ABI).
    pub abi: u32,
    /// The size of this struct in bytes, so that members can be added behind.
    pub size: u32,
    /// Writes a [`Description`](crate::wire::Description).
    pub describe: Option<Describe>,
    /// Reads a [`Question`](crate::wire::Question), writes an [`Answer`](crate::wire::Answer).
    pub judge: Option<Judge>,
    /// Takes back what the others have written.
    pub free: Option<Free>,
}
