//! One conversation with one server.
//!
//! * [`Server`] is where to, and [`transport`] the way there; both together open a connection: `AUTH`, `CLIENT SETNAME`
//! * [`link`](Connection) sends commands and receives replies, in order, with a deadline on every wait
//! * [`reply`] finds where a reply ends, and decodes the rare ones with the `redis` crate
//! * [`retry`] how long to wait before trying again, and when to give up
//!
//! The hot paths bring their own codec: the source scans replies in place, the sink encodes whole pipelines.

mod link;
pub mod reply;
mod retry;
mod server;
#[cfg(test)]
pub(crate) mod simulated;
mod transport;

pub use link::Connection;
pub(crate) use link::{ended, lost, silent};
pub use retry::Outage;
pub use server::Server;
#[cfg(test)]
pub(crate) use transport::Transport;
