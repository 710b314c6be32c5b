//! Moving the slot, as `redis-cli --cluster reshard` does it: one thing after the other, at one node after the other.

use std::time::Duration;

use tokio::time::Instant;

use crate::source::model::server::State;

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

pub(super) struct Reshard {
    stage: Stage,
    since: Instant,
}

/// Nobody moves a slot back before all nodes know where it is.
const REST: Duration = Duration::from_millis(50);

impl Default for Reshard {
    fn default() -> Self {
        Self { stage: Stage::Settled, since: Instant::now() }
    }
}

impl Reshard {
    /// How long it is until the next stage, at least.
    pub(super) fn rest(&self) -> Duration {
        match self.stage {
            Stage::Settled => REST.saturating_sub(self.since.elapsed()),
            _ => Duration::ZERO,
        }
    }

    fn now(&mut self, stage: Stage) {
        *self = Self { stage, since: Instant::now() };
    }
}

impl State {
    /// The next stage.
    pub(super) fn reshard(&mut self) {
        let next = match self.reshard.stage {
            Stage::Settled => {
                self.slot.import();
                Stage::Importing
            }
            Stage::Importing => {
                self.slot.migrate();
                Stage::Migrating
            }
            Stage::Migrating => {
                self.migrate_key();
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
        self.reshard.now(next);
    }

    /// `MIGRATE`: the key is restored there, then it is deleted here.
    fn migrate_key(&mut self) {
        let owner = self.slot.owner();
        if let Some(stream) = self.keys[owner].take() {
            self.keys[1 - owner] = Some(stream);
            self.forget_replica();
        }
    }

    /// Not once the key has gone ahead, or was made where the slot goes.
    pub(super) fn call_off(&mut self) {
        let is_at_home = self.keys[1 - self.slot.owner()].is_none();
        if matches!(self.reshard.stage, Stage::Importing | Stage::Migrating) && is_at_home {
            (0..2).for_each(|node| self.slot.close(node));
            self.reshard.now(Stage::Settled);
        }
    }

    /// The node that the key has moved to, or was made on, has failed over: it sends others back to the owner, and the owner to it.
    pub(super) fn is_served_by_nobody(&self) -> bool {
        self.home() != self.slot.owner() && !self.slot.imports()
    }

    /// A replica has taken the node's place: it knows nothing of slots on their way.
    pub(super) fn promoted(&mut self, node: usize) {
        self.slot.close(node);
        if self.reshard.stage == Stage::Migrating && node == self.slot.owner() {
            self.reshard.now(Stage::Importing);
        }
    }
}
