//! Writes records. The way of a record:
//!
//! 1. [`frame`] Java's frame of records becomes commands ([`encode`]), on the caller's thread
//! 2. [`queue`] holds them until they are confirmed, in order, bounded by bytes
//! 3. [`pipeline`] gives them, in [`chunk`]s, to one pipe for each server, which sends them and matches the replies
//! 4. [`dead_letter`] takes those that Redis rejects for good, [`trace`] tells of them
//! 5. [`commit`] moves what an epoch has staged to the topic, when its checkpoint has completed
//!
//! [`writer`] is what a Flink writer holds of it.

mod chunk;
mod commit;
mod committable;
mod dead_letter;
mod encode;
pub mod frame;
#[cfg(test)]
mod model;
mod pipeline;
mod queue;
mod replicas;
mod trace;
mod unit;
mod writer;

pub use commit::{Committer, Lane};
pub use committable::Committable;
pub(crate) use encode::can_be_staged;
pub use trace::TraceContents;
pub use writer::{Writer, WriterStats};
