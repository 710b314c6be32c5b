//! Which server has which key, and who says so.
//!
//! * [`servers`] the servers of a deployment: what is known of them, and how it is refreshed
//! * [`slot_map`] the slots of a cluster, and who owns them
//! * [`cluster`] asks nodes, [`sentinel`] asks sentinels

mod cluster;
mod sentinel;
pub(super) mod servers;
pub(super) mod slot_map;
