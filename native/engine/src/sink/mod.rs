//! Writes records. The way of a record:
//!
//! 1. [`frame`] Java's frame of records becomes commands ([`encode`]), on the caller's thread
//! 2. [`queue`] holds them until they are confirmed, in order, bounded by bytes
//! 3. [`pipeline`] gives them, in [`chunk`]s, to one [`lane`] for each server, which sends them and matches the replies; a [`verdict`] is
//!    what a reply says
//! 4. [`dead_letter`] takes those that Redis rejects for good, [`trace`] tells of them
//! 5. [`commit`] moves what an epoch has staged to the topic, when its checkpoint has completed: [`transfer`] reads [`staged`] entries at its
//!    [`pace`], appends them and sets a [`mark`]; what is [`missing`] it names
//!
//! [`writer`] is what a Flink writer holds of it.

mod chunk;
mod commit;
mod dead_letter;
mod encode;
pub mod frame;
mod lane;
mod mark;
mod missing;
#[cfg(test)]
mod model;
mod pace;
mod pipeline;
mod queue;
mod shared;
mod staged;
mod trace;
mod transfer;
mod verdict;
mod writer;

pub use commit::{Committable, Committer, Lane};
pub use encode::Prepared;
pub use writer::{Writer, WriterStats};
