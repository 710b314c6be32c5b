//! What one split owes to the group: entries that were delivered and are not acknowledged yet, and how much of that is due.

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::entry_id::{EntryId, Runs};
use crate::source::commands::Progress;

/// Everything up to `up_to` may be acknowledged, but for `held`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) up_to: EntryId,
    pub(super) held: Runs,
    /// By a completed checkpoint, which covers what older readers left behind.
    pub(super) sweeps: bool,
}

/// Debts are noted by the task that reads the split, called in by Flink's threads, and settled by the task that acknowledges.
#[derive(Default)]
pub(super) struct Owed {
    state: Mutex<OwedState>,
    /// The newest, until it is carried out; it covers the older ones.
    order: Mutex<Option<Order>>,
    ordered: Notify,
}

#[derive(Default)]
struct OwedState {
    ids: Runs,
    /// After a connect, until the pending entries list was walked: what was delivered before it.
    sweep: Option<EntryId>,
    sweep_always: bool,
    consumer: String,
    /// `COMMIT_POSITION` only.
    group: Option<GroupPosition>,
}

/// Where the group stands on the servers, as far as this reader knows.
struct GroupPosition {
    committed: EntryId,
    /// How many entries that is from the stream's first on, where it is known: `XINFO GROUPS` tells the lag by it.
    entries_read: Option<u64>,
    /// What was read beyond it.
    read: Runs,
}

impl Owed {
    pub(super) fn order(&self, order: Order) {
        *self.order.lock() = Some(order);
        self.ordered.notify_one();
    }

    /// Waits for an order; `None`: all are carried out, and no more will come.
    pub(super) async fn ordered(&self, closed: &CancellationToken) -> Option<Order> {
        loop {
            if let Some(order) = self.order.lock().clone() {
                return Some(order);
            }
            if closed.is_cancelled() {
                return None;
            }
            tokio::select! {
                biased;
                () = closed.cancelled() => {}
                () = self.ordered.notified() => {}
            }
        }
    }

    /// Unless a newer one has come meanwhile.
    pub(super) fn carried_out(&self, order: &Order) {
        self.order.lock().take_if(|newest| newest == order);
    }

    pub(super) fn add(&self, ids: &Runs) {
        if !ids.is_empty() {
            self.state.lock().ids.extend(ids);
        }
    }

    /// How many it forgets.
    pub(super) fn forget_above(&self, id: EntryId) -> u64 {
        let mut state = self.state.lock();
        let OwedState { ids, group, .. } = &mut *state;
        let forget = |ids: &mut Runs| {
            let before = ids.len();
            ids.remove_above(id);
            before - ids.len()
        };
        forget(ids) + group.as_mut().map_or(0, |group| forget(&mut group.read))
    }

    /// A connect: entries that were delivered before it may be pending though this reader never received them.
    pub(super) fn connected(&self, consumer: &str, delivered: EntryId, may_kill: bool) {
        let mut state = self.state.lock();
        consumer.clone_into(&mut state.consumer);
        state.sweep = Some(delivered);
        state.sweep_always = !may_kill;
    }

    /// The split is read to its end, `received`, and nobody will connect for it again: replaced readers may have been given entries since.
    pub(super) fn finished(&self, received: EntryId) {
        self.state.lock().sweep = Some(received);
    }

    /// A connect of a reader that reads by position: `received` is where it goes on.
    pub(super) fn connected_by_position(&self, progress: Progress, received: EntryId) {
        let mut state = self.state.lock();
        let mut read = state.group.take().map(|group| group.read).unwrap_or_default();
        read.remove_up_to(progress.delivered);
        // After a restore it may stand before where reading goes on: then nobody has counted what is in between.
        let counted = received <= progress.delivered || !read.is_empty();
        let entries_read = progress.entries_read.filter(|_| counted);
        state.group = Some(GroupPosition { committed: progress.delivered, entries_read, read });
    }

    /// Entries were read by position.
    pub(super) fn read(&self, ids: &Runs) {
        if let Some(group) = &mut self.state.lock().group {
            let mut beyond = ids.clone();
            beyond.remove_up_to(group.committed);
            group.read.extend(&beyond);
        }
    }

    /// The position to commit, with the count of entries up to it; never one behind what was committed.
    pub(super) fn to_commit(&self, order: &Order) -> Option<(EntryId, Option<u64>)> {
        let state = self.state.lock();
        let group = state.group.as_ref().filter(|group| order.up_to > group.committed)?;
        let more = group.read.ids_up_to(order.up_to).count() as u64;
        Some((order.up_to, group.entries_read.map(|read| read + more)))
    }

    /// The group stands further than this reader has brought it, as far as that knew.
    pub(super) fn overtaken(&self, progress: Progress) {
        if let Some(group) = &mut self.state.lock().group
            && progress.delivered > group.committed
        {
            group.committed = progress.delivered;
            group.entries_read = progress.entries_read;
            group.read.remove_up_to(progress.delivered);
        }
    }

    pub(super) fn committed(&self, position: EntryId, entries_read: Option<u64>) {
        if let Some(group) = &mut self.state.lock().group {
            group.committed = position;
            group.entries_read = entries_read;
            group.read.remove_up_to(position);
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.state.lock().ids.len()
    }

    pub(super) fn next(&self, order: &Order, limit: usize) -> Vec<EntryId> {
        let state = self.state.lock();
        state.ids.ids_up_to(order.up_to).filter(|id| !order.held.contains(*id)).take(limit).collect()
    }

    /// These are confirmed: all up to `up_to` but for the held ones.
    pub(super) fn settle(&self, up_to: EntryId, held: &Runs) {
        let mut state = self.state.lock();
        let kept: Vec<EntryId> = match held.is_empty() {
            true => Vec::new(),
            false => state.ids.ids_up_to(up_to).filter(|id| held.contains(*id)).collect(),
        };
        state.ids.remove_up_to(up_to);
        kept.into_iter().for_each(|id| state.ids.insert(id));
    }

    /// The consumer to spare, when it is time to walk the pending entries list.
    pub(super) fn to_sweep(&self, order: &Order) -> Option<String> {
        let state = self.state.lock();
        state.sweep.filter(|delivered| order.up_to >= *delivered).map(|_| state.consumer.clone())
    }

    pub(super) fn swept(&self) {
        let mut state = self.state.lock();
        if !state.sweep_always {
            state.sweep = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> EntryId {
        EntryId::new(ms, 0)
    }

    #[test]
    fn what_is_held_is_neither_sent_nor_forgotten() {
        let owed = Owed::default();
        owed.add(&(1..=6).map(id).collect());
        let order = Order { up_to: id(5), held: [id(2), id(3)].into_iter().collect(), sweeps: true };
        assert_eq!(owed.next(&order, 2), [id(1), id(4)]);
        owed.settle(id(4), &order.held);
        assert_eq!(owed.next(&order, 9), [id(5)]);
        owed.settle(id(5), &order.held);
        assert_eq!(owed.next(&order, 9), []);
        let later = Order { up_to: id(6), held: Runs::default(), sweeps: true };
        assert_eq!(owed.next(&later, 9), [id(2), id(3), id(6)]);
    }

    #[test]
    fn sweeps_when_all_that_was_delivered_before_the_connect_is_covered() {
        let owed = Owed::default();
        let order = |ms| Order { up_to: id(ms), held: Runs::default(), sweeps: true };
        assert_eq!(owed.to_sweep(&order(9)), None);
        owed.connected("own", id(5), true);
        assert_eq!(owed.to_sweep(&order(4)), None);
        assert_eq!(owed.to_sweep(&order(5)).as_deref(), Some("own"));
        owed.swept();
        assert_eq!(owed.to_sweep(&order(9)), None);
        owed.connected("own", id(5), false);
        owed.swept();
        assert!(owed.to_sweep(&order(9)).is_some());
    }

    #[test]
    fn sweeps_once_more_when_the_split_is_finished() {
        let owed = Owed::default();
        let order = |ms| Order { up_to: id(ms), held: Runs::default(), sweeps: true };
        owed.connected("own", id(5), true);
        owed.swept();
        owed.finished(id(8));
        assert_eq!(owed.to_sweep(&order(7)), None);
        assert_eq!(owed.to_sweep(&order(8)).as_deref(), Some("own"));
        owed.swept();
        assert_eq!(owed.to_sweep(&order(8)), None);
    }
}
