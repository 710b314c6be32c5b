//! Acknowledges entries: what waits for it, up to where it may go, and the task that sends.

pub(in crate::source) mod acknowledger;
pub(in crate::source) mod checkpoints;
pub(in crate::source) mod pending_acks;
