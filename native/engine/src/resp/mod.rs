//! The Redis protocol, RESP2 (<https://redis.io/docs/latest/develop/reference/protocol-spec/>), for commands and for
//! replies as a whole.
//!
//! * [`encode`] commands
//! * [`reply`] where a reply ends, and what it says
//! * [`outline`] what a large reply says, without its large parts
//! * [`decimal`] numbers
//! * [`limits`] how large and how deep a reply may be
//!
//! Replies with entries have a codec of their own, the source's scanner.

#[cfg(test)]
pub(crate) mod damage;
pub(crate) mod decimal;
pub(crate) mod encode;
pub(crate) mod limits;
pub(crate) mod outline;
pub mod reply;
