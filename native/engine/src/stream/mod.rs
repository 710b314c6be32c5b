//! Streams: their entries' IDs, and what they are called.
//!
//! * [`entry_id`] the ID of one entry
//! * [`id_runs`] sets of IDs
//! * [`name`] topics, partitions and the keys of their streams

mod entry_id;
mod id_runs;
mod name;

pub use entry_id::{EntryId, ParseIdError};
pub(crate) use id_runs::Run;
pub use id_runs::Runs;
pub use name::Partition;
pub(crate) use name::{java_hash, stream_name};
