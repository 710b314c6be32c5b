//! Everything of the connector that touches Redis: enumeration, polling, decoding, buffering, acknowledging, writing,
//! retrying.
//!
//! It knows nothing of the JVM; `native/jni` is the boundary to it.
//!
//! # Layout
//!
//! From the bottom up; each one imports only what is above it in this list:
//!
//! * [`address`] where a server listens, [`foreign_text`] how text from elsewhere is shown, [`random`] tags and jitter,
//!   [`spares`] memory to be used again
//! * [`telemetry`] log events, for Java to fetch; where a panic happened
//! * [`error`] what can go wrong
//! * [`resp`] the protocol: commands and replies
//! * [`stream`] the entries of streams, and what streams are called
//! * [`config`] settings and splits, as Java sends them
//! * [`runtime`] the threads that all of this runs on, [`call`] how Java's threads wait for it
//! * [`net`] dials servers and encrypts
//! * [`client`] connections to the servers of a deployment: authenticate, send, receive, route, retry
//! * [`object`] what Java asks of each native object regularly
//! * [`commands`] the stream commands that enumerator and source share
//! * [`sink`] writes records: units, pipelines, confirmation, dead letters
//! * [`enumerator`] creates the consumer groups and says where each split begins
//! * [`source`] reads splits: connect, replay, poll, scan, buffer, acknowledge

mod address;
mod call;
pub mod client;
mod commands;
pub mod config;
pub mod enumerator;
pub mod error;
mod foreign_text;
mod net;
pub mod object;
mod random;
pub mod resp;
pub mod runtime;
pub mod sink;
pub mod source;
mod spares;
pub mod stream;
pub mod telemetry;
