//! Reads splits. The way of an entry:
//!
//! 1. [`split`] connects: group, consumer, what has been delivered so far, and what the server may have lost, unless
//!    the stream is another one
//! 2. it fetches by position what was delivered and not emitted, then reads on, two requests in flight, and sees gaps
//! 3. [`decode`] turns a reply's bytes into batches, in one pass
//! 4. [`buffer`] holds batches until Java polls them, bounded by bytes
//! 5. [`ack`] sends `XACK` when the entries' checkpoint has completed
//!
//! [`split`] is the task that runs 1 to 3 for one split, [`reader`] owns the tasks of one Flink reader.

mod ack;
mod buffer;
mod decode;
#[cfg(test)]
mod model;
mod reader;
mod shared;
mod split;

pub use decode::batch;
pub use reader::{Reader, ReaderStats};
