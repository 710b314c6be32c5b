//! Writes records. The way of a record:
//!
//! 1. [`frame`] Java's frame of records becomes [`commands`](xadd), on the caller's thread
//! 2. [`queue`] holds them until they are confirmed, in order, bounded by bytes
//! 3. [`pipeline`] sends them and matches the replies, over one connection after the other
//! 4. [`dead_letter`] takes those that Redis rejects for good
//!
//! [`writer`] is what a Flink writer holds of it.

mod dead_letter;
pub mod frame;
mod pipeline;
mod queue;
mod writer;
mod xadd;

pub use writer::{Writer, WriterStats};
