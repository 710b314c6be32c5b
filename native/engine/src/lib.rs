//! Everything of the connector that touches Redis: enumeration, polling, decoding, buffering, acknowledging, writing, retrying.
//!
//! It knows nothing of the JVM; `native/jni` is the boundary to it.
//!
//! # Layout
//!
//! * [`config`] settings and splits, as JSON brings them
//! * [`topic`], [`entry_id`] what streams are called, and their entries
//! * [`connection`] one conversation with one server: dial, authenticate, send, receive, retry
//! * [`enumerator`] makes the consumer groups and tells where each split begins
//! * [`source`] reads splits: connect, replay, poll, scan, buffer, acknowledge
//! * [`sink`] writes records: frames, pipelines, confirmation, dead letters
//! * [`object`] what Java asks of each of these regularly
//! * [`telemetry`] log events, for Java to fetch
//! * [`runtime`] the threads that all of this runs on
//! * [`error`] what can go wrong, [`foreign_text`] how keys, names and servers' words are shown in it

pub mod config;
pub mod connection;
pub mod entry_id;
pub mod enumerator;
pub mod error;
pub mod foreign_text;
pub mod object;
mod random;
pub mod runtime;
pub mod sink;
pub mod source;
pub mod telemetry;
pub mod topic;
