//! What one split owes to the group: entries that were delivered and are not acknowledged yet, and how much of that is due.

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::commands::Progress;
use crate::entry_id::{EntryId, Runs};

/// What one split remembers of what it owes, at most. Beyond that the group's pending entries list is looked through in its place.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Everything up to `up_to` may be acknowledged, but for `held`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::source) struct AckUpTo {
    pub(in crate::source) up_to: EntryId,
    pub(in crate::source) except: Runs,
    /// By a completed checkpoint, which covers what older readers left behind.
    pub(in crate::source) by_checkpoint: bool,
    /// Which one of the streams that had this name it is about. Set by [`PendingAcks::request`].
    pub(in crate::source) stream: u64,
}

impl AckUpTo {
    fn allows(&self, id: EntryId) -> bool {
        id <= self.up_to && !self.except.contains(id)
    }

    /// Whatever one of the two allows.
    fn and(self, other: AckUpTo) -> AckUpTo {
        let excepted_by_both = |except: &Runs, by: &AckUpTo| -> Runs {
            except.runs().flat_map(|run| run.ids()).filter(|id| !by.allows(*id)).collect()
        };
        let mut except = excepted_by_both(&self.except, &other);
        except.extend(&excepted_by_both(&other.except, &self));
        AckUpTo {
            up_to: self.up_to.max(other.up_to),
            except,
            by_checkpoint: self.by_checkpoint || other.by_checkpoint,
            stream: self.stream,
        }
    }
}

/// Debts are noted by the task that reads the split, called in by Flink's threads, and settled by the task that acknowledges.
#[derive(Default)]
pub(in crate::source) struct PendingAcks {
    state: Mutex<State>,
    /// All that was ordered, until it is carried out.
    requested: Mutex<Option<AckUpTo>>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    ids: Runs,
    /// After a connect, until the pending entries list was walked: what was delivered before it.
    unscanned: Option<EntryId>,
    scan_each_time: bool,
    /// The highest ID that was forgotten, lest memory grow without end: up to there only the pending entries list knows.
    forgotten: Option<EntryId>,
    /// Seen by a connect that is not done yet. Until then nothing is due: the group that is made again may be on another stream.
    group_is_gone: bool,
    /// How often the stream was made anew.
    stream: u64,
    /// How often Java is still to learn that: until then what it says is about an old one.
    unknown_to_java: u64,
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

impl PendingAcks {
    pub(in crate::source) fn request(&self, ack: AckUpTo) {
        let state = self.state.lock();
        if state.unknown_to_java > 0 {
            return;
        }
        let ack = AckUpTo { stream: state.stream, ..ack };
        let mut standing = self.requested.lock();
        *standing = Some(match standing.take() {
            Some(earlier) => earlier.and(ack),
            None => ack,
        });
        drop(standing);
        drop(state);
        self.changed.notify_one();
    }

    /// Whoever connects is about to make the group again.
    pub(in crate::source) fn group_is_gone(&self) {
        self.state.lock().group_is_gone = true;
    }

    /// The stream is another one, with the same name: nothing is owed to that, and orders are of the old one until Java
    /// [has begun with it](Self::java_passed_recreation).
    pub(in crate::source) fn begin_anew(&self) {
        let mut state = self.state.lock();
        let (stream, unknown_to_java) = (state.stream + 1, state.unknown_to_java + 1);
        *state = State { stream, unknown_to_java, ..State::default() };
        *self.requested.lock() = None;
    }

    /// All of the old stream that Java was given has been emitted: what it says from here on is about the next one.
    pub(in crate::source) fn java_passed_recreation(&self) {
        let mut state = self.state.lock();
        state.unknown_to_java = state.unknown_to_java.saturating_sub(1);
    }

    /// Waits for an ack, and for the group to be there; `None`: all are carried out that can be, and no more will come.
    pub(in crate::source) async fn next_request(&self, closed: &CancellationToken) -> Option<AckUpTo> {
        loop {
            if !self.state.lock().group_is_gone
                && let Some(ack) = self.requested.lock().clone()
            {
                return Some(ack);
            }
            if closed.is_cancelled() {
                return None;
            }
            tokio::select! {
                biased;
                () = closed.cancelled() => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Unless a newer one has come meanwhile, or it could not be.
    pub(in crate::source) fn done(&self, ack: &AckUpTo) {
        let state = self.state.lock();
        if !state.group_is_gone {
            self.requested.lock().take_if(|newest| newest == ack);
        }
    }

    /// `false`: that was too much to remember, now and for the first time.
    pub(in crate::source) fn add(&self, ids: &Runs) -> bool {
        let mut state = self.state.lock();
        state.ids.extend(ids);
        if state.ids.bytes() <= MOST_BYTES {
            return true;
        }
        let forgotten = state.ids.last().max(state.forgotten);
        state.ids = Runs::default();
        std::mem::replace(&mut state.forgotten, forgotten).is_some()
    }

    /// How many it forgets.
    pub(in crate::source) fn forget_above(&self, id: EntryId) -> u64 {
        let mut state = self.state.lock();
        let State { ids, group, .. } = &mut *state;
        let forget = |ids: &mut Runs| {
            let before = ids.len();
            ids.remove_above(id);
            before - ids.len()
        };
        forget(ids) + group.as_mut().map_or(0, |group| forget(&mut group.read))
    }

    /// A connect: entries that were delivered before it may be pending though this reader never received them.
    pub(in crate::source) fn connected(&self, consumer: &str, delivered: EntryId, may_kill: bool) {
        let mut state = self.state.lock();
        state.group_is_gone = false;
        consumer.clone_into(&mut state.consumer);
        state.unscanned = Some(delivered);
        state.scan_each_time = !may_kill;
        drop(state);
        self.changed.notify_one();
    }

    /// The split is read to its end, `received`, and nobody will connect for it again: replaced readers may have been given entries since.
    pub(in crate::source) fn finished(&self, received: EntryId) {
        self.state.lock().unscanned = Some(received);
    }

    /// A connect of a reader that reads by position: `received` is where it goes on.
    pub(in crate::source) fn connected_by_position(&self, progress: Progress, received: EntryId) {
        let mut state = self.state.lock();
        let mut read = state.group.take().map(|group| group.read).unwrap_or_default();
        read.remove_up_to(progress.delivered);
        // After a restore it may stand before where reading goes on: then nobody has counted what is in between.
        let counted = received <= progress.delivered || !read.is_empty();
        let entries_read = progress.entries_read.filter(|_| counted);
        state.group = Some(GroupPosition { committed: progress.delivered, entries_read, read });
    }

    /// Entries were read by position.
    pub(in crate::source) fn read(&self, ids: &Runs) {
        if let Some(group) = &mut self.state.lock().group {
            let mut beyond = ids.clone();
            beyond.remove_up_to(group.committed);
            group.read.extend(&beyond);
            if group.read.bytes() > MOST_BYTES {
                // They are only there to be counted. The position is committed all the same, and the server may count for itself.
                group.read = Runs::default();
                group.entries_read = None;
            }
        }
    }

    /// The position to commit, with the count of entries up to it; never one behind what was committed.
    pub(in crate::source) fn to_commit(&self, ack: &AckUpTo) -> Option<(EntryId, Option<u64>)> {
        let state = self.state.lock();
        if state.is_outdated(ack) {
            return None;
        }
        let group = state.group.as_ref().filter(|group| ack.up_to > group.committed)?;
        let more = group.read.ids_up_to(ack.up_to).count() as u64;
        Some((ack.up_to, group.entries_read.map(|read| read + more)))
    }

    /// The group stands further than this reader has brought it, as far as that knew.
    pub(in crate::source) fn overtaken(&self, progress: Progress) {
        if let Some(group) = &mut self.state.lock().group
            && progress.delivered > group.committed
        {
            group.committed = progress.delivered;
            group.entries_read = progress.entries_read;
            group.read.remove_up_to(progress.delivered);
        }
    }

    pub(in crate::source) fn committed(&self, position: EntryId, entries_read: Option<u64>) {
        if let Some(group) = &mut self.state.lock().group {
            group.committed = position;
            group.entries_read = entries_read;
            group.read.remove_up_to(position);
        }
    }

    pub(in crate::source) fn len(&self) -> u64 {
        self.state.lock().ids.len()
    }

    /// What remembering takes.
    pub(in crate::source) fn bytes(&self) -> u64 {
        let state = self.state.lock();
        state.ids.bytes() + state.group.as_ref().map_or(0, |group| group.read.bytes())
    }

    pub(in crate::source) fn next(&self, ack: &AckUpTo, limit: usize) -> Vec<EntryId> {
        let state = self.state.lock();
        if state.is_outdated(ack) {
            return Vec::new();
        }
        state.ids.ids_up_to(ack.up_to).filter(|id| !ack.except.contains(*id)).take(limit).collect()
    }

    /// These are confirmed: all up to `up_to` but for the held ones.
    pub(in crate::source) fn confirmed(&self, up_to: EntryId, except: &Runs) {
        let mut state = self.state.lock();
        let kept: Vec<EntryId> = match except.is_empty() {
            true => Vec::new(),
            false => state.ids.ids_up_to(up_to).filter(|id| except.contains(*id)).collect(),
        };
        state.ids.remove_up_to(up_to);
        kept.into_iter().for_each(|id| state.ids.insert(id));
    }

    /// The consumer to spare, when it is time to walk the pending entries list.
    pub(in crate::source) fn to_scan(&self, ack: &AckUpTo) -> Option<String> {
        let state = self.state.lock();
        if state.is_outdated(ack) {
            return None;
        }
        let after_connect = ack.by_checkpoint && state.unscanned.is_some_and(|delivered| ack.up_to >= delivered);
        (after_connect || state.forgotten.is_some()).then(|| state.consumer.clone())
    }

    /// The list was walked up to where the ack says.
    pub(in crate::source) fn scanned(&self, ack: &AckUpTo) {
        let mut state = self.state.lock();
        state.forgotten.take_if(|forgotten| *forgotten <= ack.up_to && ack.except.is_empty());
        if !state.scan_each_time {
            state.unscanned.take_if(|delivered| ack.by_checkpoint && *delivered <= ack.up_to);
        }
    }
}

impl State {
    /// It is of the stream that was there before this one was made anew, or may be.
    fn is_outdated(&self, ack: &AckUpTo) -> bool {
        ack.stream != self.stream || self.group_is_gone
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
        let acks = PendingAcks::default();
        acks.add(&(1..=6).map(id).collect());
        let ack = AckUpTo {
            up_to: id(5),
            except: [id(2), id(3)].into_iter().collect(),
            by_checkpoint: true,
            ..AckUpTo::default()
        };
        assert_eq!(acks.next(&ack, 2), [id(1), id(4)]);
        acks.confirmed(id(4), &ack.except);
        assert_eq!(acks.next(&ack, 9), [id(5)]);
        acks.confirmed(id(5), &ack.except);
        assert_eq!(acks.next(&ack, 9), []);
        let later = AckUpTo { up_to: id(6), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
        assert_eq!(acks.next(&later, 9), [id(2), id(3), id(6)]);
    }

    #[test]
    fn sweeps_when_all_that_was_delivered_before_the_connect_is_covered() {
        let acks = PendingAcks::default();
        let ack = |ms| AckUpTo { up_to: id(ms), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
        assert_eq!(acks.to_scan(&ack(9)), None);
        acks.connected("own", id(5), true);
        assert_eq!(acks.to_scan(&ack(4)), None);
        assert_eq!(acks.to_scan(&ack(5)).as_deref(), Some("own"));
        acks.scanned(&ack(5));
        assert_eq!(acks.to_scan(&ack(9)), None);
        acks.connected("own", id(5), false);
        acks.scanned(&ack(5));
        assert!(acks.to_scan(&ack(9)).is_some());
    }

    #[test]
    fn orders_add_up_until_they_are_carried_out() {
        let ack = |up_to, except: &[u64], by_checkpoint| AckUpTo {
            up_to: id(up_to),
            except: except.iter().map(|ms| id(*ms)).collect(),
            by_checkpoint,
            ..AckUpTo::default()
        };
        for (one, other, both) in [
            // Emitted further than the checkpoint that completes: what it by_checkpoint is not forgotten for that.
            (ack(9, &[], false), ack(5, &[], true), ack(9, &[], true)),
            (ack(5, &[], true), ack(9, &[], false), ack(9, &[], true)),
            // Held by both, and by one that the other covers.
            (ack(5, &[2, 3], true), ack(9, &[3, 7], true), ack(9, &[3, 7], true)),
            (ack(9, &[4, 8], true), ack(4, &[], false), ack(9, &[8], true)),
        ] {
            let acks = PendingAcks::default();
            acks.request(one);
            acks.request(other);
            assert_eq!(*acks.requested.lock(), Some(both));
        }
    }

    #[test]
    fn what_is_too_much_to_remember_is_looked_up_by_the_next_orders() {
        let acks = PendingAcks::default();
        let most = MOST_BYTES / size_of::<crate::entry_id::Run>() as u64;
        acks.connected("own", EntryId::ZERO, true);
        acks.scanned(&AckUpTo { up_to: id(1), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() });
        assert!(acks.add(&(1..=most).map(id).collect()));
        assert_eq!(acks.len(), most);
        assert!(!acks.add(&[id(most + 1)].into_iter().collect()), "told the first time");
        assert_eq!((acks.len(), acks.bytes()), (0, 0));
        assert!(acks.add(&(most + 2..2 * most + 5).map(id).collect()), "and not again");
        let ack =
            |up_to| AckUpTo { up_to: id(up_to), except: Runs::default(), by_checkpoint: false, ..AckUpTo::default() };
        assert!(acks.to_scan(&ack(3)).is_some());
        acks.scanned(&ack(3));
        assert!(acks.to_scan(&ack(2 * most + 4)).is_some(), "what is above is still to be looked up");
        acks.scanned(&ack(2 * most + 4));
        assert_eq!(acks.to_scan(&ack(2 * most + 4)), None);
    }

    #[test]
    fn a_position_is_committed_without_a_count_when_there_was_too_much_to_count() {
        let acks = PendingAcks::default();
        let progress = |delivered| Progress {
            delivered,
            pending: 0,
            generated: delivered,
            first: None,
            max_deleted: None,
            entries_read: Some(0),
        };
        acks.connected_by_position(progress(EntryId::ZERO), EntryId::ZERO);
        let ack = AckUpTo { up_to: id(3), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
        acks.read(&(1..=5).map(id).collect());
        assert_eq!(acks.to_commit(&ack), Some((id(3), Some(3))));
        acks.read(&(6..MOST_BYTES / 24 + 9).map(id).collect());
        assert_eq!((acks.to_commit(&ack), acks.bytes()), (Some((id(3), None)), 0));
    }

    #[test]
    fn orders_of_a_stream_that_was_made_anew_since_are_void() {
        let acks = PendingAcks::default();
        let ack =
            |up_to| AckUpTo { up_to: id(up_to), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
        acks.add(&(100..=150).map(id).collect());
        acks.request(ack(120));
        let under_way = acks.requested.lock().clone().unwrap();
        acks.begin_anew();
        acks.add(&(1..=20).map(id).collect());
        acks.request(ack(150));
        assert_eq!(*acks.requested.lock(), None);
        // Of the old one, too, however low it is.
        acks.request(ack(5));
        assert_eq!(*acks.requested.lock(), None);
        acks.java_passed_recreation();
        acks.request(ack(10));
        let new = AckUpTo { stream: 1, ..ack(10) };
        assert_eq!(*acks.requested.lock(), Some(new.clone()));
        assert_eq!(acks.next(&new, 99).len(), 10);
        assert_eq!(acks.next(&under_way, 99), []);
    }

    #[test]
    fn sweeps_once_more_when_the_split_is_finished() {
        let acks = PendingAcks::default();
        let ack = |ms| AckUpTo { up_to: id(ms), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
        acks.connected("own", id(5), true);
        acks.scanned(&ack(5));
        acks.finished(id(8));
        assert_eq!(acks.to_scan(&ack(7)), None);
        assert_eq!(acks.to_scan(&ack(8)).as_deref(), Some("own"));
        acks.scanned(&ack(8));
        assert_eq!(acks.to_scan(&ack(8)), None);
    }
}
