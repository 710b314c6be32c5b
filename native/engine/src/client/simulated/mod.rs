//! Simulated servers behind a simulated network, for the models of the protocols.
//!
//! * [`network`] the connections, and the faults that befall them
//! * [`slot`] makes a cluster of two such servers

mod network;
mod slot;

pub(crate) use network::{Loss, Machine, Network, Wires, bulk, int, ok};
pub(crate) use slot::{Nodes, Slot};
