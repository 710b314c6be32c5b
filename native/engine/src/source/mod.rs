//! Reads splits. The way of an entry:
//!
//! 1. [`session`] connects: group, consumer, what has been delivered so far, and what the server may have lost ([`lost_writes`]),
//!    unless the stream is another one ([`anew`])
//! 2. [`replay`] fetches by position what was delivered and not emitted
//! 3. [`poll`] reads on, two requests in flight, and sees gaps; [`bounded`] up to an end, [`position`] without the group. Each asks for as
//!    many entries as its [`pace`] allows
//! 4. [`scanner`] turns the reply's bytes into a [`batch`], in one pass
//! 5. [`buffer`] holds batches until Java polls them, bounded by bytes
//! 6. [`acknowledge`] sends `XACK` for what is [`owed`] when the entries' checkpoint has completed
//!
//! [`split`] is the task that runs 1 to 4 for one split, [`reader`] owns the tasks of one Flink reader.

mod acknowledge;
mod anew;
pub mod batch;
mod bounded;
mod buffer;
mod checkpoints;
pub(crate) mod commands;
pub(crate) mod consumers;
mod lost_writes;
#[cfg(test)]
mod model;
mod owed;
mod pace;
mod poll;
mod position;
mod reader;
mod replay;
pub mod scanner;
mod session;
mod split;

pub(crate) use consumers::ConsumerName;
pub use reader::{Reader, ReaderStats};
