//! Turns replies into batches.

pub mod batch;
pub(in crate::source) mod scanner;
