//! Conversations with Redis servers.
//!
//! * [`Servers`] are those of a deployment: one, the master behind [`sentinel`]s, or a [`cluster`]'s. They open
//!   connections, and learn from what fails; [`race`] asks several of them the same
//! * [`table`] says which of them has which key
//! * [`connector`] opens a connection to one of them, [`transport`] is the way there, [`tls`] its encryption
//! * [`door`] lets one go first where something has failed, [`greeting`] how a connection begins, with what the
//!   broker of [`credentials`] provides
//! * [`link`](Connection) sends commands and receives replies, in order, with a deadline on every wait
//! * [`Links`] are connections for work on many keys
//! * [`last_failure`] is shared by those who wait for the same connect or table
//! * [`outline`] decodes a reply without its large parts
//! * [`reply`] finds where a reply ends, and decodes the rare ones with the `redis` crate
//! * [`transaction`] has commands carried out together
//! * [`retry`] how long to wait before trying again, and when to give up
//!
//! The hot paths bring their own codec: the source scans replies in place, the sink encodes whole pipelines.

mod cluster;
mod connector;
mod credentials;
mod door;
mod greeting;
mod last_failure;
mod link;
mod links;
mod race;
mod retry;
mod sentinel;
mod servers;
#[cfg(test)]
pub(crate) mod simulated;
mod table;
mod tls;
pub(crate) mod transaction;
mod transport;

pub use credentials::Credentials;
pub(crate) use link::Connection;
pub(crate) use link::{ended, lost, silent};
pub(crate) use links::Links;
pub(crate) use retry::Outage;
pub(crate) use servers::Servers;
pub(crate) use table::slot;
pub(crate) use table::{Route, Table};
pub(crate) use transport::Stream;
