//! Where the group stands for `COMMIT_POSITION`, which reads without it and sets its position.

use crate::commands::Progress;
use crate::stream::{EntryId, Runs};

/// Remembers where the group stands on the servers, as far as this reader knows, and what was read beyond that.
pub(super) struct GroupPosition {
    committed: EntryId,
    /// How many entries that is from the stream's first on, where it is known: `XINFO GROUPS` tells the lag by it.
    entries_read: Option<u64>,
    /// What was read beyond it.
    read: Runs,
}

impl GroupPosition {
    /// Begins where the group stands at a connect; `received` is where reading goes on, `earlier` what was known
    /// before.
    pub(super) fn at(progress: Progress, received: EntryId, earlier: Option<Self>) -> Self {
        let mut read = earlier.map(|earlier| earlier.read).unwrap_or_default();
        read.remove_up_to(progress.delivered);
        // After a restore it may stand before where reading goes on: then nobody has counted what is in between.
        let is_counted = received <= progress.delivered || !read.is_empty();
        let entries_read = progress.entries_read.filter(|_| is_counted);
        Self { committed: progress.delivered, entries_read, read }
    }

    /// Adds entries that were read, unless they take more than `most_bytes` to remember.
    pub(super) fn add(&mut self, ids: &Runs, most_bytes: u64) {
        let mut beyond = ids.clone();
        beyond.remove_up_to(self.committed);
        self.read.extend(&beyond);
        if self.read.bytes() > most_bytes {
            // They are only there to be counted. The position is committed all the same, and the server may count for
            // itself.
            self.read = Runs::default();
            self.entries_read = None;
        }
    }

    /// Returns whether the group stands before `up_to`.
    pub(super) fn is_behind(&self, up_to: EntryId) -> bool {
        self.committed < up_to
    }

    /// Returns the position to commit, with the count of entries up to it; never one behind what was committed.
    pub(super) fn to_commit(&self, up_to: EntryId) -> Option<(EntryId, Option<u64>)> {
        if !self.is_behind(up_to) {
            return None;
        }
        let more = self.read.ids_up_to(up_to).count() as u64;
        Some((up_to, self.entries_read.map(|read| read + more)))
    }

    /// Notes that the group stands further than this reader has brought it, as far as that knew.
    pub(super) fn note_overtaken(&mut self, progress: Progress) {
        if progress.delivered > self.committed {
            self.note_committed(progress.delivered, progress.entries_read);
        }
    }

    /// Notes that the group was set to `position`.
    pub(super) fn note_committed(&mut self, position: EntryId, entries_read: Option<u64>) {
        self.committed = position;
        self.entries_read = entries_read;
        self.read.remove_up_to(position);
    }

    /// Forgets what was read above `id`, and returns how many entries that was.
    pub(super) fn forget_above(&mut self, id: EntryId) -> u64 {
        let before = self.read.len();
        self.read.remove_above(id);
        before - self.read.len()
    }

    /// Returns how many bytes remembering takes.
    pub(super) fn bytes(&self) -> u64 {
        self.read.bytes()
    }
}
