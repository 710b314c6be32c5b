//! Moving the slot, as `redis-cli --cluster reshard` does it: one thing after the other, at one node after the other.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::simulated::Slot;
use crate::source::model::stream::Stream;

/// What each node has at the key.
type Keys = [Option<Stream>; 2];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// One node owns it, and both say so.
    Settled,
    /// The other node takes keys of it from those who say `ASKING`.
    Importing,
    /// Its owner sends to the other node who asks for a key that it does not have.
    Migrating,
    /// The key is on the other node, with all that belongs to it: the group, its consumers, and what is pending.
    Moved,
    /// The other node owns it, and the former owner does not know yet.
    Arrived,
}

/// The stream's slot, and how far its move is.
pub(super) struct MovingSlot {
    slot: Slot,
    stage: Stage,
    since: Instant,
}

/// Nobody moves a slot back before all nodes know where it is.
const REST: Duration = Duration::from_millis(50);

impl MovingSlot {
    pub(super) fn of(key: &str) -> Self {
        Self { slot: Slot::of(key), stage: Stage::Settled, since: Instant::now() }
    }

    /// Returns how long it is until the next stage, at least.
    pub(super) fn rest(&self) -> Duration {
        match self.stage {
            Stage::Settled => REST.saturating_sub(self.since.elapsed()),
            _ => Duration::ZERO,
        }
    }

    /// Returns the node that has the key, or where it would be made.
    pub(super) fn home(&self, keys: &Keys) -> usize {
        let owner = self.slot.owner();
        self.slot.target().filter(|_| keys[owner].is_none()).unwrap_or(owner)
    }

    /// Moves on by one stage, and returns whether the key has moved with it.
    pub(super) fn advance(&mut self, keys: &mut Keys) -> bool {
        let mut has_moved = false;
        let next = match self.stage {
            Stage::Settled => {
                self.slot.import();
                Stage::Importing
            }
            Stage::Importing => {
                self.slot.migrate();
                Stage::Migrating
            }
            Stage::Migrating => {
                has_moved = self.migrate(keys);
                Stage::Moved
            }
            Stage::Moved => {
                self.slot.arrive();
                Stage::Arrived
            }
            Stage::Arrived => {
                self.slot.leave();
                Stage::Settled
            }
        };
        self.begin(next);
        has_moved
    }

    /// `MIGRATE`: the key is restored there, then it is deleted here.
    fn migrate(&self, keys: &mut Keys) -> bool {
        let owner = self.slot.owner();
        let Some(stream) = keys[owner].take() else { return false };
        keys[1 - owner] = Some(stream);
        true
    }

    /// Goes back to where it was: not once the key has gone ahead, or was made where the slot goes.
    pub(super) fn call_off(&mut self, keys: &Keys) {
        let is_at_home = keys[1 - self.slot.owner()].is_none();
        if matches!(self.stage, Stage::Importing | Stage::Migrating) && is_at_home {
            (0..2).for_each(|node| self.slot.close(node));
            self.begin(Stage::Settled);
        }
    }

    /// Notes that a replica has taken the node's place: it knows nothing of slots on their way.
    pub(super) fn promoted(&mut self, node: usize) {
        self.slot.close(node);
        if self.stage == Stage::Migrating && node == self.slot.owner() {
            self.begin(Stage::Importing);
        }
    }

    fn begin(&mut self, stage: Stage) {
        (self.stage, self.since) = (stage, Instant::now());
    }
}

/// What the nodes know of it, whatever stage its move is in.
impl Deref for MovingSlot {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        &self.slot
    }
}

impl DerefMut for MovingSlot {
    fn deref_mut(&mut self) -> &mut Slot {
        &mut self.slot
    }
}
