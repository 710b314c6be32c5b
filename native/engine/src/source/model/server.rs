//! A simulated Redis for the source: one stream, one group, as many clients as there are, and every fault that the protocol must stand. It is one
//! server, or a cluster of two nodes between which the stream's slot moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::connection::simulated::{Machine, Network, Nodes, Slot, Wires, bulk, int, ok};
use crate::entry_id::EntryId;
use crate::source::model::reshard::Reshard;
use crate::source::model::stream::{self, Group, Read, STREAM, Stream, Watch, no_group};

/// What becomes of every reply that holds entries, and of every read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// It is this instead.
    Instead(&'static str),
    /// The connection ends, when the command is carried out.
    HangUp,
    /// It never comes, though the command is carried out.
    Silence,
}

pub(super) const TROUBLES: [Trouble; 6] = [
    Trouble::Instead("-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
    Trouble::Instead("-READONLY You can't write against a read only replica.\r\n"),
    Trouble::Instead("%1\r\n"),
    Trouble::Instead("*1\r\n:1\r\n"),
    Trouble::HangUp,
    Trouble::Silence,
];

/// A client, and the node that it is connected to.
type Who = (usize, u64);

pub(super) struct State {
    /// What each node has at the key.
    pub(super) keys: [Option<Stream>; 2],
    pub(super) slot: Slot,
    pub(super) reshard: Reshard,
    pub(super) trouble: Option<Trouble>,
    /// What the replica of a node has; a failover goes back to it.
    replica: Option<(usize, Option<Stream>)>,
    /// The user may neither list nor kill clients, nor run scripts.
    pub(super) restricted: bool,
    /// Servers of before 7.2 answer those who are blocked in words of their own.
    pub(super) old: bool,
    clock: u64,
    /// Every entry there has ever been.
    pub(super) produced: BTreeSet<EntryId>,
    /// Acknowledged, and a failover to an older replica has brought them back.
    pending_again: BTreeSet<EntryId>,
    /// It has failed over or forgotten everything: only then may a reader say that writes were lost.
    pub(super) lost_writes: bool,
    pub(super) watch: Watch,
    /// The stream was deleted and made again: its IDs are below those of the old one.
    pub(super) recreated: bool,
    /// What of the old one there has been.
    of_old: BTreeSet<EntryId>,
    /// The commands of a transaction, by client, and whether one was refused.
    transactions: BTreeMap<Who, (Vec<Vec<String>>, bool)>,
}

#[derive(Clone)]
pub(super) struct SimulatedRedis {
    pub(super) state: Arc<Mutex<State>>,
    /// Of each node: they count their clients each for itself.
    wires: [Wires; 2],
    changed: Arc<Notify>,
}

impl SimulatedRedis {
    pub(super) fn new(seed: u64) -> Self {
        let state = State {
            keys: [None, None],
            slot: Slot::of(STREAM),
            reshard: Reshard::default(),
            trouble: None,
            replica: None,
            restricted: false,
            old: false,
            clock: 1_000_000,
            produced: BTreeSet::new(),
            pending_again: BTreeSet::new(),
            lost_writes: false,
            watch: Watch::default(),
            recreated: false,
            of_old: BTreeSet::new(),
            transactions: BTreeMap::new(),
        };
        let wires = [Wires::new(seed), Wires::new(!seed)];
        Self { state: Arc::new(Mutex::new(state)), wires, changed: Arc::new(Notify::new()) }
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
        for _ in 0..entries {
            // Behind everything there has ever been, also after a failover: a clock that runs back is the known limit.
            let highest = state.produced.difference(&state.of_old).last().copied().unwrap_or_default();
            let id = if highest.ms < state.clock { EntryId::new(state.clock, 0) } else { highest.next() };
            let stream = state.key().get_or_insert_default();
            stream.entries.insert(id);
            if large {
                stream.large.insert(id);
            }
            stream.generated = id;
            state.produced.insert(id);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// An old group: entries delivered to a consumer that is gone, every third of them acknowledged.
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
        let node = |place: usize| Network::new(Node { redis: self.clone(), place }, self.wires[place].clone());
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

    /// Whoever moves the slot does the next thing.
    pub(super) async fn reshard(&self) {
        let rest = self.state.lock().reshard.rest();
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
        self.state.lock().reshard();
        self.changed.notify_waiters();
    }

    /// Whoever moves the slot thinks better of it, if it is not too late.
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

    /// What the replica has; a failover goes back to it.
    pub(super) fn replicate(&self) {
        let mut state = self.state.lock();
        if !state.recreated {
            state.replica = Some((state.home(), state.key().clone()));
        }
    }

    /// The node that has the stream gives its place to a replica, if that has ever seen it there.
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
        state.promoted(home);
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

    /// The stream is deleted, and made again with lower IDs by a producer that counts from the beginning. Once, and not where somebody else reads
    /// or an old replica may come back: who leaves which mark then is a known limit. Nor where the job reads up to an ID of the old one, or
    /// where writes were lost: reading has gone back already then, and IDs that come again are the known limit.
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

    /// How many entries up to `stop` are pending, but for those of a bounded job that were acknowledged, when a failover brought them back:
    /// it may have been at its end.
    pub(super) fn pending(&self, stop: EntryId) -> usize {
        let mut state = self.state.lock();
        let pending = pending_of(state.key());
        let is_excused = |id: &EntryId| state.watch.stop.is_some() && state.pending_again.contains(id);
        pending.range(..=stop).filter(|id| !is_excused(id)).count()
    }

    /// What nobody would be given any more: beyond `stop`, delivered, and not pending.
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

#[derive(Clone)]
pub(super) struct Node {
    redis: SimulatedRedis,
    place: usize,
}

impl Node {
    fn trouble_of(&self, words: &[String]) -> Option<Trouble> {
        let reads = matches!(words[0].as_str(), "XREADGROUP" | "XREAD" | "XRANGE");
        self.redis.state.lock().trouble.filter(|_| reads)
    }

    async fn in_trouble(&self, client: u64, words: &[String], trouble: Trouble) -> Vec<u8> {
        {
            let state = &mut *self.redis.state.lock();
            if let Some(refusal) = state.refusal((self.place, client), words) {
                state.slot.answered(self.place, client);
                return refusal;
            }
            match trouble {
                Trouble::Instead(reply) => {
                    state.slot.answered(self.place, client);
                    return reply.as_bytes().to_vec();
                }
                _ if words[0] == "XRANGE" => {}
                _ => drop(stream::read(&mut state.keys[self.place], words)),
            }
        }
        if matches!(trouble, Trouble::Silence) {
            std::future::pending::<()>().await;
        }
        self.redis.wires[self.place].end(client);
        std::future::pending().await
    }
}

impl Machine for Node {
    async fn answer(&self, client: u64, words: Vec<String>) -> Vec<u8> {
        let (redis, who) = (&self.redis, (self.place, client));
        if let Some(trouble) = self.trouble_of(&words) {
            return self.in_trouble(client, &words, trouble).await;
        }
        let after = |name: &str| words.iter().position(|word| word == name).map_or("", |at| &words[at + 1]);
        if !matches!(words[0].as_str(), "XREADGROUP" | "XREAD") {
            return redis.state.lock().execute_or_queue(who, words, &redis.wires[self.place]);
        }
        let deadline = Instant::now() + Duration::from_millis(after("BLOCK").parse().unwrap_or(0));
        let mut is_blocked = false;
        let reply = loop {
            let changed = redis.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let read = redis.state.lock().read(who, &words, is_blocked);
            if let Some(reply) = read {
                break reply;
            }
            is_blocked = true;
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                break b"*-1\r\n".to_vec();
            }
        };
        redis.state.lock().slot.answered(self.place, client);
        reply
    }
}

impl State {
    /// The node that has the stream, or where it would be made.
    pub(super) fn home(&self) -> usize {
        let owner = self.slot.owner();
        self.slot.target().filter(|_| self.keys[owner].is_none()).unwrap_or(owner)
    }

    fn key(&mut self) -> &mut Option<Stream> {
        let home = self.home();
        &mut self.keys[home]
    }

    fn entries(&self) -> impl Iterator<Item = EntryId> {
        self.keys[self.home()].iter().flat_map(|stream| stream.entries.iter().copied())
    }

    /// The key has moved: the replica that has a copy of it is the former node's.
    pub(super) fn forget_replica(&mut self) {
        self.replica = None;
    }

    /// Why the node does not carry out the command here and now: the key is elsewhere.
    fn refusal(&self, (node, client): Who, words: &[String]) -> Option<Vec<u8>> {
        let is_of_stream = words.iter().any(|word| word == STREAM);
        self.slot.refusal(node, client, usize::from(is_of_stream), usize::from(self.keys[node].is_some()))
    }

    /// `None`: it waits. Who waits for a group's entries is told what becomes of the stream, and since 7.2 as if he asked only now; who reads by
    /// position waits on, until the slot is somebody else's.
    fn read(&mut self, who: Who, words: &[String], is_blocked: bool) -> Option<Vec<u8>> {
        let (node, by_group) = (who.0, words[0] == "XREADGROUP");
        let is_sent_away = match is_blocked {
            true if by_group && !self.old => self.keys[node].is_none(),
            true => self.slot.is_gone_from(node),
            false => true,
        };
        if is_sent_away && let Some(refusal) = self.refusal(who, words) {
            return Some(refusal);
        }
        let is_there = self.keys[node].is_some();
        match stream::read(&mut self.keys[node], words) {
            Read::Reply(reply) => Some(reply),
            Read::Nothing => None,
            Read::Gone if is_blocked && self.old && !is_there => {
                Some(b"-UNBLOCKED the stream key no longer exists\r\n".to_vec())
            }
            Read::Gone => Some(no_group()),
        }
    }

    fn execute_or_queue(&mut self, who: Who, words: Vec<String>, wires: &Wires) -> Vec<u8> {
        let refusal = self.refusal(who, &words);
        match (words[0].as_str(), self.transactions.remove(&who)) {
            ("ASKING", None) => {
                self.slot.ask(who.0, who.1);
                return ok();
            }
            ("MULTI", _) => {
                self.transactions.insert(who, (Vec::new(), false));
                // `ASKING` holds until `EXEC`.
                return ok();
            }
            (name, Some((mut queued, refused))) if name != "EXEC" => {
                queued.push(words);
                self.transactions.insert(who, (queued, refused || refusal.is_some()));
                return refusal.unwrap_or_else(|| b"+QUEUED\r\n".to_vec());
            }
            _ if refusal.is_some() => {}
            (_, None) => {
                let reply = self.execute(who, &words, wires);
                self.slot.answered(who.0, who.1);
                return reply;
            }
            (_, Some((queued, refused))) => {
                let reply = self.run(who, &queued, refused, wires);
                self.slot.answered(who.0, who.1);
                return reply;
            }
        }
        self.slot.answered(who.0, who.1);
        refusal.unwrap_or_default()
    }

    /// `EXEC`. The key may have gone since the commands were queued.
    fn run(&mut self, who: Who, queued: &[Vec<String>], refused: bool, wires: &Wires) -> Vec<u8> {
        if refused {
            return b"-EXECABORT Transaction discarded because of previous errors.\r\n".to_vec();
        }
        if let Some(refusal) = queued.iter().find_map(|words| self.refusal(who, words)) {
            return refusal;
        }
        let mut out = format!("*{}\r\n", queued.len()).into_bytes();
        queued.iter().for_each(|words| out.extend(self.execute(who, words, wires)));
        out
    }

    fn execute(&mut self, (node, client): Who, words: &[String], wires: &Wires) -> Vec<u8> {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match (word(0), word(1)) {
            ("CLIENT", "LIST" | "KILL") | ("EVAL", _) if self.restricted => b"-NOPERM not permitted\r\n".to_vec(),
            ("CLIENT", "SETNAME") => {
                wires.name(client, word(2));
                ok()
            }
            ("CLIENT", "ID") => int(client as i64),
            ("CLIENT", "LIST") => {
                let name = word(3).parse().ok().and_then(|id| wires.name_of(id));
                let mut out = Vec::new();
                bulk(&mut out, &name.map_or(String::new(), |name| format!("id={} name={name}\n", word(3))));
                out
            }
            ("CLIENT", "KILL") => int(i64::from(word(3).parse().is_ok_and(|id| wires.end(id)))),
            ("CLUSTER", _) => self.slot.table(node),
            ("ASKING", _) => ok(),
            ("EXISTS", _) => int(0),
            _ => {
                let reply = stream::execute(&mut self.keys[node], words, &mut self.watch);
                if self.keys.iter().all(Option::is_some) {
                    self.watch
                        .violations
                        .push(format!("{words:?} made the stream on node {node}, and it is on the other"));
                }
                reply
            }
        }
    }
}
