//! The client: connections to the servers of a deployment.
//!
//! * [`Servers`] are those of a deployment; the [`topology`] says which of them has which key
//! * [`connector`] opens a connection to one of them by a [`handshake`], with what [`credentials`] are valid then
//! * [`gate`] lets one task go first where something has failed; [`last_failure`] is shared by tasks that wait
//! * [`connection`] sends commands and receives replies, in order, with a deadline on every wait
//! * [`pool`] holds connections for work on many keys
//! * [`transaction`] has commands carried out together
//! * [`retry`] says how long to wait before trying again, and when to give up
//!
//! The hot paths bring their own codec: the source scans replies in place, the sink encodes whole pipelines.

mod connection;
mod connector;
mod credentials;
mod gate;
mod handshake;
mod last_failure;
mod pool;
mod retry;
#[cfg(test)]
pub(crate) mod simulated;
mod topology;
pub(crate) mod transaction;

pub(crate) use connection::Connection;
pub(crate) use connection::{ended, lost, silent};
pub use credentials::Credentials;
pub(crate) use pool::ConnectionPool;
pub(crate) use retry::Outage;
pub(crate) use topology::servers::Servers;
pub(crate) use topology::slot_map::slot;
pub(crate) use topology::slot_map::{Route, Topology};
