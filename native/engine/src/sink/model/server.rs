//! A simulated Redis for the exactly-once stream sink: a topic of one partition, and staging streams; one server, or a
//! cluster of two nodes whose one slot moves from one to the other, key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::client::simulated::{Machine, Network, Nodes, Slot, Wires};
use crate::sink::committable::Committable;
use crate::sink::encode::StagingKey;
use crate::stream::EntryId;

/// A key of another type, somebody else's.
pub(super) const FOREIGN: &str = "{t:0}k5";
/// The dead-letter stream of the hash sink.
pub(super) const LETTERS: &str = "{t:0}dead";

/// The index of the staging streams.
pub(super) const INDEX: &str = "{t:0}:staging";
/// What another writer has staged.
pub(super) const OTHERS: &str = "{t:0}:staging:another:1:0";
/// What the settings say by default.
pub(super) const STAGING_TTL: &str = "604800";
/// More than any schedule writes.
pub(super) const MOST_ENTRIES: usize = 5000;

/// In the text of a refusal that was asked for.
pub(super) const REFUSED: &str = "as the schedule says";

#[derive(Default)]
pub(super) struct State {
    /// The numbers in the topic, in order.
    pub(super) topic: Vec<u64>,
    /// Of staging streams, the strings of each entry.
    pub(super) staging: BTreeMap<String, BTreeMap<EntryId, Vec<String>>>,
    pub(super) last_ids: BTreeMap<String, EntryId>,
    pub(super) index: BTreeSet<String>,
    /// Staging streams that were deleted, and what was taken from the index.
    pub(super) deleted: BTreeSet<String>,
    pub(super) unlisted: BTreeSet<String>,
    /// Keys with a time to live, in seconds.
    pub(super) expiring: BTreeMap<String, String>,
    /// The last epoch that is committed, or of which so many entries were moved.
    pub(super) marks: BTreeMap<String, String>,
    /// For the keyed sinks: the last number of each key.
    pub(super) hashes: BTreeMap<String, u64>,
    /// The numbers for which there are dead letters.
    pub(super) letters: BTreeSet<u64>,
    /// Of clients: the keys they watch, each with how often it had changed then.
    pub(super) watched: BTreeMap<u64, Vec<(String, u64)>>,
    /// How often each key has changed.
    pub(super) changes: BTreeMap<String, u64>,
    /// What the server refuses once for a reason of its own, by the command's name, in order.
    pub(super) refusals: Vec<&'static str>,
    /// `MULTI` was refused: what was to be done together was done in part, if a client was gone in that moment.
    pub(super) multi_refused: bool,
    /// The next transaction that appends to the topic is carried out in part.
    pub(super) failing: Option<Failing>,
    /// So often the server is not ready when a client wants to watch.
    pub(super) busy: u8,
    /// Of clients within `MULTI`: what is queued, and whether something was refused.
    pub(super) queued: BTreeMap<u64, (Vec<Vec<String>>, bool)>,
    /// The server is full.
    pub(super) full: bool,
    /// The slot that all keys are in. Of one server it never moves.
    pub(super) slot: Slot,
    /// On which node each key is that there is.
    pub(super) homes: BTreeMap<String, usize>,
}

/// How a transaction that appends to the topic fails within `EXEC`.
pub(super) struct Failing {
    /// If it is of a client from this one on.
    pub(super) from: u64,
    /// So many come before it.
    pub(super) behind: u8,
    /// So many entries are appended.
    pub(super) appended: usize,
    /// The mark is set all the same.
    pub(super) marked: bool,
    /// So often the server is not ready then.
    pub(super) busy: u8,
}

#[derive(Clone)]
pub(super) struct SimulatedRedis {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) wires: Wires,
}

impl SimulatedRedis {
    pub(super) fn new(seed: u64) -> Self {
        let state = State { slot: Slot::of("t:0"), ..State::default() };
        let redis = Self { state: Arc::new(Mutex::new(state)), wires: Wires::new(seed) };
        {
            let mut state = redis.state.lock();
            state.index.insert(OTHERS.to_owned());
            state.expiring.insert(OTHERS.to_owned(), STAGING_TTL.to_owned());
            state.staging.insert(OTHERS.to_owned(), BTreeMap::from([(EntryId { ms: 1, seq: 1 }, single(666))]));
            state.settle_homes(0);
        }
        redis
    }

    pub(super) fn network(&self) -> Arc<Nodes<Node>> {
        let node = |place| Network::new(Node { state: Arc::clone(&self.state), place }, self.wires.clone());
        Arc::new(Nodes([node(0), node(1)]))
    }

    pub(super) fn begin_migration(&self) {
        let slot = &mut self.state.lock().slot;
        slot.import();
        slot.migrate();
    }

    /// Some keys go over, the last ones first: one after the other they are where the slot is, or where it goes.
    pub(super) fn move_keys(&self, keys: usize) {
        let mut state = self.state.lock();
        let Some(target) = state.slot.target() else { return };
        let moved: Vec<String> = state
            .homes
            .iter_mut()
            .rev()
            .filter(|(_, home)| **home != target)
            .take(keys)
            .map(|(key, home)| {
                *home = target;
                key.clone()
            })
            .collect();
        moved.iter().for_each(|key| state.touch(key));
    }

    pub(super) fn end_migration(&self) {
        self.move_keys(usize::MAX);
        let slot = &mut self.state.lock().slot;
        if slot.target().is_some() {
            slot.arrive();
            slot.leave();
        }
    }

    /// The server is neither full nor refuses anything any more, no replies are lost, and the slot is where it goes.
    pub(super) fn calm_down(&self) {
        self.wires.lose_no_more();
        self.end_migration();
        let mut state = self.state.lock();
        state.full = false;
        state.refusals.clear();
    }

    /// Keys without the time to live that the settings say. Where `MULTI` was refused it is enough that recovery finds
    /// the stream.
    pub(super) fn there_for_ever(&self) -> Vec<String> {
        let state = self.state.lock();
        // It was there before.
        let is_made = state.index.len() > 1 && !state.multi_refused;
        let index = is_made.then(|| INDEX.to_owned());
        let staged = state.staging.keys().filter(|key| !state.multi_refused || !state.index.contains(*key));
        let keys = staged.chain(state.marks.keys()).chain(&index);
        keys.filter(|key| state.expiring.get(*key).is_none_or(|seconds| seconds != STAGING_TTL)).cloned().collect()
    }

    /// Returns whether this staging stream was deleted, and taken from the index. A writer that was given up may make
    /// it again.
    pub(super) fn is_cleaned_up(&self, key: &str) -> bool {
        let state = self.state.lock();
        state.deleted.contains(key) && state.unlisted.contains(key)
    }

    /// Stages each record of a committable in an entry of its own, as the version before this one does. Returns whether
    /// all of them were there.
    pub(super) fn unpack(&self, committable: &Committable) -> bool {
        let mut state = self.state.lock();
        let Committable { key, records, epoch, packed, .. } = committable;
        let there = state.staging.get(key).filter(|staged| packed.is_some_and(|it| it.entries == staged.len() as u64));
        let Some(numbers) = there.map(|staged| staged.values().flat_map(|strings| numbers(strings)).collect()) else {
            return false;
        };
        let numbers: Vec<u64> = numbers;
        assert_eq!(numbers.len() as u64, *records);
        let id = |seq| EntryId { ms: *epoch, seq };
        let unpacked = numbers.into_iter().zip(1..).map(|(number, seq)| (id(seq), single(number))).collect();
        state.staging.insert(key.clone(), unpacked);
        state.touch(key);
        true
    }

    /// Takes an entry from a staging stream, if all of them are there, of which the version before this one has moved
    /// some chunks; or puts another one behind it.
    pub(super) fn take_staged(
        &self,
        committable: &Committable,
        moved: u8,
        entry: u64,
        replaced: bool,
    ) -> Option<Taken> {
        let mut state = self.state.lock();
        let Committable { key, records, epoch, packed, .. } = committable;
        if state.staging.get(key)?.len() as u64 != packed.map_or(*records, |packed| packed.entries) {
            return None;
        }
        for _ in 0..moved {
            if state.staging.get(key)?.len() <= 3 {
                break;
            }
            state.old_version_moves(committable);
        }
        let staged = state.staging.get_mut(key)?;
        let there = staged.clone();
        let at = usize::try_from(entry).ok()? % staged.len();
        let id = *staged.keys().nth(at)?;
        let strings = staged.remove(&id)?;
        let held = packed.map_or(1, |_| numbers(&strings).len() as u64);
        if replaced {
            let other = packed.map_or_else(|| single(666), |_| vec!["1".to_owned(), RECORD_666.to_owned()]);
            staged.insert(EntryId { ms: *epoch, seq: records + 1 }, other);
        }
        state.touch(key);
        let first = EntryId { seq: id.seq + 1 - held, ..id };
        Some(Taken { records: if held == 1 { id.to_string() } else { format!("{first} to {id}") }, there })
    }

    /// Puts it back.
    pub(super) fn put_back(&self, committable: &Committable, taken: Taken) {
        let mut state = self.state.lock();
        state.staging.insert(committable.key.clone(), taken.there);
        state.touch(&committable.key);
    }

    pub(super) fn listed(&self) -> Vec<String> {
        self.state.lock().index.iter().cloned().collect()
    }

    pub(super) fn staged(&self) -> Vec<String> {
        self.state.lock().staging.keys().filter(|key| *key != OTHERS).cloned().collect()
    }
}

/// What was taken from a staging stream.
pub(super) struct Taken {
    /// The records that it held, as an error names them.
    pub(super) records: String,
    /// All that was there.
    there: BTreeMap<EntryId, Vec<String>>,
}

/// The record `n 666`, packed.
const RECORD_666: &str = "\u{2}\0\0\0\u{10}\0\0\0$1\r\nn\r\n$3\r\n666\r\n";

/// Returns the strings of an entry that holds one number as it is.
fn single(number: u64) -> Vec<String> {
    vec!["n".to_owned(), number.to_string()]
}

/// Returns the numbers of a pack, in which each is the last of some lines.
fn numbers(strings: &[String]) -> Vec<u64> {
    strings[1].split("$1\r\nn\r\n$").skip(1).map(|rest| rest.split("\r\n").nth(1).unwrap().parse().unwrap()).collect()
}

impl Committable {
    pub(super) fn mark_key(&self) -> String {
        let StagingKey { index, lane, incarnation, .. } = StagingKey::parse(&self.key).unwrap();
        format!("{index}:{lane}:{incarnation}:committed")
    }
}

#[derive(Clone)]
pub(super) struct Node {
    state: Arc<Mutex<State>>,
    place: usize,
}

impl Machine for Node {
    async fn answer(&self, client: u64, words: Vec<String>) -> Vec<u8> {
        self.state.lock().answer(self.place, client, words)
    }
}
