//! The source against a real server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod acknowledgment;
mod bounds;
mod errors;
mod flow;
#[path = "../support/mod.rs"]
mod support;

fn numbers(range: std::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}
