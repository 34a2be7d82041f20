//! What the cluster said, byte for byte: the only thing that touches the outside.

mod record;
mod redact;
mod store;

pub use record::{End, NotRun, RawRecord, Record};
pub use redact::Redactor;
pub(crate) use store::natural_key;
pub use store::{ServerEvidence, Store};
