//! What the engine tells of itself.
//!
//! * [`logs`] `tracing` events, kept for Java to fetch
//! * [`panics`] where the engine panicked

pub mod logs;
pub mod panics;
