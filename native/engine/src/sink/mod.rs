//! The sink writes records. The way of a record:
//!
//! 1. [`batch`] reads the records that Java hands over, and [`encode`] makes [`unit`]s of them, on the caller's thread
//! 2. [`queue`] holds these until they are confirmed, in order, bounded by bytes
//! 3. [`pipeline`] gives them, in [`chunk`]s, to one pipe for each server, which sends them and matches the replies
//! 4. [`dead_letter`] stores what Redis rejects for good, [`trace`] logs it
//! 5. [`commit`] moves what an epoch has staged ([`committable`], in [`pack`]s) to the topic, when its checkpoint has
//!    completed
//!
//! [`writer`] is what a Flink sink writer holds of it. [`replicas`] is what `minReplicasToAck` asks, of the writer and
//! of a commit.

mod chunk;
mod commit;
mod committable;
mod dead_letter;
mod encode;
#[cfg(test)]
mod model;
mod pack;
mod pipeline;
mod queue;
pub mod record_batch;
mod replicas;
mod trace;
mod unit;
mod writer;

pub use commit::{Committer, Lane};
pub use committable::{Committable, Packed};
pub use writer::{Writer, WriterStats};
