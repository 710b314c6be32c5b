//! What waits to be acknowledged, and how much of it may be.

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::commands::Progress;
use crate::source::ack::ack_up_to::AckUpTo;
use crate::source::ack::group_position::GroupPosition;
use crate::stream::{EntryId, Runs};

/// The number of bytes of IDs that one split remembers, at most. Beyond that the group's pending entries list is
/// scanned instead.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Remembers which entries of one split were delivered and are not acknowledged yet.
///
/// The task that reads the split adds them, Flink's threads say what may be acknowledged, and the task that
/// acknowledges takes them away.
#[derive(Default)]
pub(in crate::source) struct PendingAcks {
    state: Mutex<State>,
    /// All that may be acknowledged, until it is.
    requested: Mutex<Option<AckUpTo>>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    ids: Runs,
    /// What was delivered before the last connect, until the pending entries list was scanned up to there.
    unscanned: Option<EntryId>,
    scan_each_time: bool,
    /// The highest ID that was forgotten, lest memory grow without end: up to there only the pending entries list
    /// knows.
    forgotten: Option<EntryId>,
    /// Seen by a connect that is not done yet. Until then nothing is acknowledged: the group that is made again may be
    /// on another stream.
    group_is_gone: bool,
    /// How often the stream was recreated.
    stream: u64,
    /// How often Java is still to learn that: until then what it says is about an old one.
    unknown_to_java: u64,
    consumer: String,
    /// `COMMIT_POSITION` only.
    group: Option<GroupPosition>,
}

impl PendingAcks {
    /// Asks for acknowledgments, beside those that were asked for and are not done. One that finds nothing to do is
    /// done: most splits of a reader may be idle, and each checkpoint asks for all of them.
    pub(in crate::source) fn request(&self, ack: AckUpTo) {
        let state = self.state.lock();
        if state.unknown_to_java > 0 {
            return;
        }
        let ack = AckUpTo { stream: state.stream, ..ack };
        let mut requested = self.requested.lock();
        if requested.is_none() && !state.has_work_for(&ack) {
            return;
        }
        *requested = Some(match requested.take() {
            Some(earlier) => earlier.or(ack),
            None => ack,
        });
        drop(requested);
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for a request, and for the group to be there; `None`: all is done that can be, and no more will come.
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

    /// Notes that a request is done, unless more was asked for meanwhile, or it could not be.
    pub(in crate::source) fn done(&self, ack: &AckUpTo) {
        let state = self.state.lock();
        if !state.group_is_gone {
            self.requested.lock().take_if(|newest| newest == ack);
        }
    }

    /// Notes that whoever connects is about to make the group again.
    pub(in crate::source) fn group_is_gone(&self) {
        self.state.lock().group_is_gone = true;
    }

    /// Notes that the stream is another one, of the same name. Nothing of it is to be acknowledged yet, and requests
    /// are about the old one until Java [knows of it](Self::java_knows_of_recreated).
    pub(in crate::source) fn stream_is_recreated(&self) {
        let mut state = self.state.lock();
        let (stream, unknown_to_java) = (state.stream + 1, state.unknown_to_java + 1);
        *state = State { stream, unknown_to_java, ..State::default() };
        *self.requested.lock() = None;
    }

    /// Notes that all of the old stream that Java was given has been emitted: what it says from here on is about the
    /// next one.
    pub(in crate::source) fn java_knows_of_recreated(&self) {
        let mut state = self.state.lock();
        state.unknown_to_java = state.unknown_to_java.saturating_sub(1);
    }

    /// Notes a connect: entries that were delivered before it may be pending though this reader never received them.
    pub(in crate::source) fn connected(&self, consumer: &str, delivered: EntryId, may_kill: bool) {
        let mut state = self.state.lock();
        state.group_is_gone = false;
        consumer.clone_into(&mut state.consumer);
        state.unscanned = Some(delivered);
        state.scan_each_time = !may_kill;
        drop(state);
        self.changed.notify_one();
    }

    /// Notes a connect of a reader that reads by position: `received` is where it goes on.
    pub(in crate::source) fn connected_by_position(&self, progress: Progress, received: EntryId) {
        let mut state = self.state.lock();
        state.group = Some(GroupPosition::at(progress, received, state.group.take()));
    }

    /// Notes that the split is read to its end, `received`, and nobody will connect for it again: replaced readers may
    /// have been given entries since.
    pub(in crate::source) fn finished(&self, received: EntryId) {
        self.state.lock().unscanned = Some(received);
    }

    /// Adds entries that are to be acknowledged; `false`: that was too much to remember, now and for the first time.
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

    /// Adds entries that were read by position.
    pub(in crate::source) fn add_read(&self, ids: &Runs) {
        if let Some(group) = &mut self.state.lock().group {
            group.add(ids, MOST_BYTES);
        }
    }

    /// Forgets entries above `id`, and returns how many these were.
    pub(in crate::source) fn forget_above(&self, id: EntryId) -> u64 {
        let mut state = self.state.lock();
        let before = state.ids.len();
        state.ids.remove_above(id);
        let forgotten = before - state.ids.len();
        forgotten + state.group.as_mut().map_or(0, |group| group.forget_above(id))
    }

    /// Returns how many entries are to be acknowledged.
    pub(in crate::source) fn len(&self) -> u64 {
        self.state.lock().ids.len()
    }

    /// Returns how many bytes remembering them takes.
    pub(in crate::source) fn bytes(&self) -> u64 {
        let state = self.state.lock();
        state.ids.bytes() + state.group.as_ref().map_or(0, GroupPosition::bytes)
    }

    /// Returns up to `limit` of the entries that may be acknowledged.
    pub(in crate::source) fn to_send(&self, ack: &AckUpTo, limit: usize) -> Vec<EntryId> {
        let state = self.state.lock();
        if state.is_outdated(ack) {
            return Vec::new();
        }
        state.ids.ids_up_to(ack.up_to).filter(|id| !ack.except.contains(*id)).take(limit).collect()
    }

    /// Takes away what is confirmed as acknowledged: all up to `up_to`, but for `except`.
    pub(in crate::source) fn confirmed(&self, up_to: EntryId, except: &Runs) {
        let mut state = self.state.lock();
        let kept: Vec<EntryId> = if except.is_empty() {
            Vec::new()
        } else {
            state.ids.ids_up_to(up_to).filter(|id| except.contains(*id)).collect()
        };
        state.ids.remove_up_to(up_to);
        kept.into_iter().for_each(|id| state.ids.insert(id));
    }

    /// Returns the reader's own consumer, when it is time to scan the pending entries list for what other consumers
    /// own.
    pub(in crate::source) fn to_scan(&self, ack: &AckUpTo) -> Option<String> {
        let state = self.state.lock();
        (!state.is_outdated(ack) && state.is_to_scan(ack)).then(|| state.consumer.clone())
    }

    /// Notes that the list was scanned as far as the request goes.
    pub(in crate::source) fn scanned(&self, ack: &AckUpTo) {
        let mut state = self.state.lock();
        state.forgotten.take_if(|forgotten| *forgotten <= ack.up_to && ack.except.is_empty());
        if !state.scan_each_time {
            state.unscanned.take_if(|delivered| ack.by_checkpoint && *delivered <= ack.up_to);
        }
    }

    /// Returns the position to commit, with the count of entries up to it; never one behind what was committed.
    pub(in crate::source) fn to_commit(&self, ack: &AckUpTo) -> Option<(EntryId, Option<u64>)> {
        let state = self.state.lock();
        if state.is_outdated(ack) {
            return None;
        }
        state.group.as_ref()?.to_commit(ack.up_to)
    }

    /// Notes where the group stands, which may be further than this reader has brought it.
    pub(in crate::source) fn overtaken(&self, progress: Progress) {
        if let Some(group) = &mut self.state.lock().group {
            group.note_overtaken(progress);
        }
    }

    /// Notes that the group was set to `position`.
    pub(in crate::source) fn committed(&self, position: EntryId, entries_read: Option<u64>) {
        if let Some(group) = &mut self.state.lock().group {
            group.note_committed(position, entries_read);
        }
    }
}

impl State {
    /// Returns whether a request is about a stream that was there before this one was recreated, or may be.
    fn is_outdated(&self, ack: &AckUpTo) -> bool {
        ack.stream != self.stream || self.group_is_gone
    }

    fn is_to_scan(&self, ack: &AckUpTo) -> bool {
        let after_connect = ack.by_checkpoint && self.unscanned.is_some_and(|delivered| ack.up_to >= delivered);
        after_connect || self.forgotten.is_some()
    }

    /// Returns whether carrying the request out now would do anything. While the group is gone nobody knows.
    fn has_work_for(&self, ack: &AckUpTo) -> bool {
        self.group_is_gone
            || self.is_to_scan(ack)
            || self.ids.ids_up_to(ack.up_to).any(|id| !ack.except.contains(id))
            || self.group.as_ref().is_some_and(|group| group.is_behind(ack.up_to))
    }
}

#[cfg(test)]
mod tests;
