//! What the engine tells of itself.
//!
//! * [`logs`] `tracing` events, kept for Java to fetch

pub mod logs;
