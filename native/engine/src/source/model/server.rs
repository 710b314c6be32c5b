//! A simulated Redis for the source: one stream, one group, as many clients as there are, and what befalls them.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::client::simulated::{Network, Nodes, Wires};
use crate::source::model::node::Node;
use crate::source::model::state::State;
use crate::source::model::stream::{Group, Stream};
use crate::stream::EntryId;

/// Holds the simulated servers, and does to them what a schedule says. A handle: clones share the servers.
#[derive(Clone)]
pub(super) struct SimulatedRedis {
    pub(super) state: Arc<Mutex<State>>,
    /// Of each node: they count their clients each for itself.
    wires: [Wires; 2],
    changed: Arc<Notify>,
}

impl SimulatedRedis {
    pub(super) fn new(seed: u64) -> Self {
        let wires = [Wires::new(seed), Wires::new(!seed)];
        Self { state: Arc::new(Mutex::new(State::new())), wires, changed: Arc::new(Notify::new()) }
    }

    pub(super) fn produce(&self, entries: u8, new_millisecond: bool) {
        self.add(entries, new_millisecond, false);
    }

    pub(super) fn produce_large(&self, entries: u8) {
        self.add(entries, false, true);
    }

    fn add(&self, entries: u8, new_millisecond: bool, large: bool) {
        let mut state = self.state.lock();
        state.clock += u64::from(new_millisecond);
        state.add(entries, large);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Makes an old group: entries were delivered to a consumer that is gone, every third of them acknowledged.
    pub(super) fn leave_behind(&self, entries: u8) {
        self.produce(entries, true);
        let state = &mut *self.state.lock();
        let Some(stream) = &mut state.keys[state.slot.owner()] else { return };
        let consumer = "c-1-00000000000000aa-77".to_owned();
        let mut group = Group { delivered: stream.generated, ..Group::default() };
        group.consumers.insert(consumer.clone());
        for (n, id) in stream.entries.iter().copied().enumerate() {
            if n % 3 == 0 {
                state.watch.excused.insert(id);
            } else {
                group.pending.insert(id, consumer.clone());
            }
        }
        stream.group = Some(group);
    }

    pub(super) fn network(&self) -> Arc<Nodes<Node>> {
        let node = |place: usize| {
            let wires = self.wires[place].clone();
            let (state, changed) = (Arc::clone(&self.state), Arc::clone(&self.changed));
            Network::new(Node { state, wires: wires.clone(), changed, place }, wires)
        };
        Arc::new(Nodes([node(0), node(1)]))
    }

    pub(super) fn end_connections(&self) {
        self.wires.iter().for_each(Wires::end_all);
    }

    pub(super) fn lose_replies(&self, replies: u32) {
        self.wires.iter().for_each(|wires| wires.lose_replies(replies));
    }

    pub(super) fn lose_no_more(&self) {
        self.wires.iter().for_each(Wires::lose_no_more);
    }

    /// Has whoever moves the slot do the next thing.
    pub(super) async fn reshard(&self) {
        let rest = self.state.lock().slot.rest();
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
        self.state.lock().reshard();
        self.changed.notify_waiters();
    }

    /// Has whoever moves the slot think better of it, if it is not too late.
    pub(super) fn call_off(&self) {
        self.state.lock().call_off();
    }

    /// Deletes some of the entries.
    pub(super) fn trim(&self, share: u8) {
        let state = &mut *self.state.lock();
        let home = state.home();
        for _ in 0..share {
            let Some(first) = state.keys[home].as_mut().and_then(|stream| stream.entries.pop_first()) else { return };
            state.watch.excused.insert(first);
        }
    }

    /// Deletes the newest entry.
    pub(super) fn delete_last(&self) {
        let state = &mut *self.state.lock();
        let home = state.home();
        if let Some(stream) = &mut state.keys[home]
            && let Some(last) = stream.entries.pop_last()
        {
            stream.max_deleted = stream.max_deleted.max(last);
            state.watch.excused.insert(last);
        }
    }

    /// Has the replica catch up; a failover goes back to that.
    pub(super) fn replicate(&self) {
        let mut state = self.state.lock();
        if !state.recreated {
            state.replica = Some((state.home(), state.key().clone()));
        }
    }

    /// Gives the place of the node that has the stream to a replica, if that has ever seen it there.
    pub(super) fn fail_over(&self) {
        let mut state = self.state.lock();
        let home = state.home();
        let Some((_, replica)) = state.replica.clone().filter(|(node, _)| *node == home) else { return };
        let kept = replica.as_ref().map(|stream| stream.entries.clone()).unwrap_or_default();
        let lost: Vec<EntryId> = state.entries().filter(|id| !kept.contains(id)).collect();
        state.watch.excused.extend(lost);
        let (before, after) = (pending_of(state.key()), pending_of(&replica));
        state.pending_again.extend(after.difference(&before));
        *state.key() = replica;
        state.lost_writes = true;
        state.slot.promoted(home);
        drop(state);
        self.wires[home].end_all();
    }

    pub(super) fn lose_everything(&self) {
        let mut state = self.state.lock();
        let gone: Vec<EntryId> = state.entries().collect();
        state.watch.excused.extend(gone);
        *state.key() = None;
        state.lost_writes = true;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Deletes the stream, and makes it again with lower IDs, as by a producer that counts from the beginning. Once,
    /// and not where somebody else reads or an old replica may come back: who leaves which mark then is a known limit.
    /// Nor where the job reads up to an ID of the old one, or where writes were lost: reading has gone back already
    /// then, and IDs that come again are the known limit.
    pub(super) fn recreate(&self, entries: u8) {
        let mut state = self.state.lock();
        if state.recreated || state.watch.others_read || state.lost_writes || state.watch.stop.is_some() {
            return;
        }
        state.recreated = true;
        let gone: Vec<EntryId> = state.entries().collect();
        state.watch.excused.extend(gone);
        state.of_old = state.produced.clone();
        *state.key() = None;
        state.replica = None;
        state.clock = 1000;
        drop(state);
        self.produce(entries, true);
    }

    pub(super) fn is_old(&self, id: EntryId) -> bool {
        self.state.lock().of_old.contains(&id)
    }

    /// Returns how many entries up to `stop` are pending, but for those of a bounded job that were acknowledged, when a
    /// failover brought them back: it may have been at its end.
    pub(super) fn pending(&self, stop: EntryId) -> usize {
        let mut state = self.state.lock();
        let pending = pending_of(state.key());
        let is_excused = |id: &EntryId| state.watch.stop.is_some() && state.pending_again.contains(id);
        pending.range(..=stop).filter(|id| !is_excused(id)).count()
    }

    /// Returns what nobody would be given any more: beyond `stop`, delivered, and not pending.
    pub(super) fn lost_beyond(&self, stop: EntryId) -> Vec<EntryId> {
        let mut state = self.state.lock();
        let Some(Stream { entries, group: Some(group), .. }) = state.key() else { return Vec::new() };
        let delivered = entries.range(stop.next()..).take_while(|id| **id <= group.delivered);
        delivered.filter(|id| !group.pending.contains_key(id)).copied().collect()
    }
}

fn pending_of(key: &Option<Stream>) -> BTreeSet<EntryId> {
    let group = key.as_ref().and_then(|stream| stream.group.as_ref());
    group.iter().flat_map(|group| group.pending.keys().copied()).collect()
}
