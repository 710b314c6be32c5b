//! Acknowledges entries: [`pending_acks`] remembers what waits for it, [`ack_up_to`] says how far it may go, the
//! [`acknowledger`] sends.
//!
//! What may be acknowledged is what a completed checkpoint holds ([`checkpoints`]). With `COMMIT_POSITION` nothing is
//! acknowledged, and the group's position is set ([`group_position`]).

mod ack_up_to;
mod acknowledger;
mod checkpoints;
mod group_position;
mod pending_acks;

pub(super) use ack_up_to::AckUpTo;
pub(super) use acknowledger::Acknowledger;
pub(super) use checkpoints::Checkpoints;
pub(super) use pending_acks::PendingAcks;
