//! What the checkpoints under way hold, until each completes or is aborted.

use std::collections::BTreeMap;

use crate::config::{Partition, SplitPosition};

/// The number of checkpoints that are remembered: far more than Flink has under way at once. Notifications are best
/// effort, so the oldest may never be completed or aborted.
const KEPT: usize = 128;

/// Remembers the positions in the checkpoints of one reader that are under way.
#[derive(Default)]
pub(in crate::source) struct Checkpoints {
    under_way: BTreeMap<i64, Vec<SplitPosition>>,
}

impl Checkpoints {
    /// Adds what a checkpoint holds.
    pub(in crate::source) fn add(&mut self, id: i64, positions: Vec<SplitPosition>) {
        self.under_way.insert(id, positions);
        while self.under_way.len() > KEPT {
            self.under_way.pop_first();
        }
    }

    /// Returns what a checkpoint holds that has completed. Older ones are subsumed: what they hold, this one holds,
    /// too.
    pub(in crate::source) fn complete(&mut self, id: i64) -> Vec<SplitPosition> {
        let later = self.under_way.split_off(&id.saturating_add(1));
        let mut done = std::mem::replace(&mut self.under_way, later);
        done.remove(&id).unwrap_or_default()
    }

    /// Forgets what the checkpoints under way hold of a split.
    pub(in crate::source) fn forget(&mut self, partition: Partition) {
        self.under_way.values_mut().for_each(|positions| positions.retain(|split| split.partition != partition));
    }

    /// Forgets a checkpoint.
    pub(in crate::source) fn abort(&mut self, id: i64) {
        self.under_way.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::EntryId;

    fn at(ms: u64) -> Vec<SplitPosition> {
        vec![SplitPosition { partition: 0, position: EntryId::new(ms, 0), pending: Default::default() }]
    }

    #[test]
    fn a_completed_one_subsumes_older_ones_and_leaves_newer_ones() {
        let mut checkpoints = Checkpoints::default();
        (1..=4).for_each(|id| checkpoints.add(id, at(id as u64)));
        checkpoints.abort(2);
        assert_eq!(checkpoints.complete(3)[0].position.ms, 3);
        assert!(checkpoints.complete(1).is_empty());
        assert_eq!(checkpoints.complete(4)[0].position.ms, 4);
        assert!(checkpoints.complete(9).is_empty());
    }

    #[test]
    fn what_is_never_heard_of_again_does_not_pile_up() {
        let mut checkpoints = Checkpoints::default();
        (0..1000).for_each(|id| checkpoints.add(id, at(1)));
        assert_eq!(checkpoints.under_way.len(), KEPT);
    }
}
