//! A simulated Redis for the source: one stream, one group, as many clients as there are, and every fault that the protocol must stand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::connection::simulated::{Machine, Network, Wires, bulk, int, ok};
use crate::entry_id::EntryId;

pub(super) const STREAM: &str = "t:0";
pub(super) const GROUP: &str = "g";
/// Of a large entry: a whole read of them is more than the reader takes, and a few are not.
const LARGE_VALUE: usize = 600;

#[derive(Clone, Default)]
struct Group {
    delivered: EntryId,
    pending: BTreeMap<EntryId, String>,
    consumers: BTreeSet<String>,
}

/// What a failover can set back.
#[derive(Clone, Default)]
struct Data {
    entries: BTreeSet<EntryId>,
    /// Those that few of fit into a reply.
    large: BTreeSet<EntryId>,
    generated: EntryId,
    max_deleted: EntryId,
    group: Option<Group>,
}

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

pub(super) struct State {
    data: Data,
    pub(super) trouble: Option<Trouble>,
    /// The job reads up to here: it gives back to the group what it was given beyond.
    pub(super) stop: Option<EntryId>,
    replica: Option<Data>,
    /// The user may neither list nor kill clients, nor run scripts.
    pub(super) restricted: bool,
    clock: u64,
    /// Every entry there has ever been, and those that nobody can be asked for any more.
    pub(super) produced: BTreeSet<EntryId>,
    pub(super) excused: BTreeSet<EntryId>,
    /// Acknowledged, and a failover to an older replica has brought them back.
    pending_again: BTreeSet<EntryId>,
    /// It has failed over or forgotten everything: only then may a reader say that writes were lost.
    pub(super) lost_writes: bool,
    /// What may be acknowledged: emitted, and held by a completed checkpoint. `None`: anything.
    pub(super) acknowledgeable: Option<BTreeSet<EntryId>>,
    /// Readers that were given up live on, or start late.
    pub(super) others_read: bool,
    /// What the protocol must never do, and did.
    pub(super) violations: Vec<String>,
    /// The stream was deleted and made again: its IDs are below those of the old one.
    pub(super) made_anew: bool,
    /// What of the old one there has been.
    old: BTreeSet<EntryId>,
    /// The commands of a transaction, by client.
    transactions: BTreeMap<u64, Vec<Vec<String>>>,
}

#[derive(Clone)]
pub(super) struct SimulatedRedis {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) wires: Wires,
    changed: Arc<Notify>,
}

impl SimulatedRedis {
    pub(super) fn new(seed: u64) -> Self {
        let state = State {
            data: Data::default(),
            trouble: None,
            stop: None,
            replica: None,
            restricted: false,
            clock: 1_000_000,
            produced: BTreeSet::new(),
            excused: BTreeSet::new(),
            pending_again: BTreeSet::new(),
            lost_writes: false,
            acknowledgeable: None,
            others_read: false,
            violations: Vec::new(),
            made_anew: false,
            old: BTreeSet::new(),
            transactions: BTreeMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), wires: Wires::new(seed), changed: Arc::new(Notify::new()) }
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
            let highest = state.produced.difference(&state.old).last().copied().unwrap_or_default();
            let id = if highest.ms < state.clock { EntryId::new(state.clock, 0) } else { highest.next() };
            state.data.entries.insert(id);
            if large {
                state.data.large.insert(id);
            }
            state.data.generated = id;
            state.produced.insert(id);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// An old group: entries delivered to a consumer that is gone, every third of them acknowledged.
    pub(super) fn leave_behind(&self, entries: u8) {
        self.produce(entries, true);
        let mut state = self.state.lock();
        let ids: Vec<EntryId> = state.data.entries.iter().copied().collect();
        let consumer = "c-1-00000000000000aa-77".to_owned();
        let mut group = Group { delivered: state.data.generated, ..Group::default() };
        group.consumers.insert(consumer.clone());
        for (n, id) in ids.into_iter().enumerate() {
            if n % 3 == 0 {
                state.excused.insert(id);
            } else {
                group.pending.insert(id, consumer.clone());
            }
        }
        state.data.group = Some(group);
    }

    pub(super) fn network(&self) -> Arc<Network<Self>> {
        Arc::new(Network::new(self.clone(), self.wires.clone()))
    }

    /// Deletes some of the entries.
    pub(super) fn trim(&self, share: u8) {
        let mut state = self.state.lock();
        let gone: Vec<EntryId> = state.data.entries.iter().copied().take(usize::from(share)).collect();
        for id in gone {
            state.data.entries.remove(&id);
            state.excused.insert(id);
        }
    }

    /// Deletes the newest entry.
    pub(super) fn delete_last(&self) {
        let mut state = self.state.lock();
        if let Some(last) = state.data.entries.pop_last() {
            state.data.max_deleted = state.data.max_deleted.max(last);
            state.excused.insert(last);
        }
    }

    /// What the replica has; a failover goes back to it.
    pub(super) fn replicate(&self) {
        let mut state = self.state.lock();
        if !state.made_anew {
            state.replica = Some(state.data.clone());
        }
    }

    pub(super) fn fail_over(&self) {
        let mut state = self.state.lock();
        let Some(replica) = state.replica.clone() else { return };
        let lost: Vec<EntryId> = state.data.entries.difference(&replica.entries).copied().collect();
        state.excused.extend(lost);
        let pending = |data: &Data| data.group.iter().flat_map(|group| group.pending.clone().into_keys()).collect();
        let (before, after): (BTreeSet<EntryId>, BTreeSet<EntryId>) = (pending(&state.data), pending(&replica));
        state.pending_again.extend(after.difference(&before));
        state.data = replica;
        state.lost_writes = true;
        drop(state);
        self.wires.end_all();
    }

    pub(super) fn lose_everything(&self) {
        let mut state = self.state.lock();
        let gone: Vec<EntryId> = state.data.entries.iter().copied().collect();
        state.excused.extend(gone);
        state.data = Data::default();
        state.lost_writes = true;
        drop(state);
        self.changed.notify_waiters();
    }

    /// The stream is deleted, and made again with lower IDs by a producer that counts from the beginning. Once, and not where somebody else reads
    /// or an old replica may come back: who leaves which mark then is a known limit. Nor where the job reads up to an ID of the old one, or
    /// where writes were lost: reading has gone back already then, and IDs that come again are the known limit.
    pub(super) fn make_anew(&self, entries: u8) {
        let mut state = self.state.lock();
        if state.made_anew || state.others_read || state.lost_writes || state.stop.is_some() {
            return;
        }
        state.made_anew = true;
        let gone: Vec<EntryId> = state.data.entries.iter().copied().collect();
        state.excused.extend(gone);
        state.old = state.produced.clone();
        state.data = Data::default();
        state.replica = None;
        state.clock = 1000;
        drop(state);
        self.produce(entries, true);
    }

    pub(super) fn is_old(&self, id: EntryId) -> bool {
        self.state.lock().old.contains(&id)
    }

    /// How many entries up to `stop` are pending, but for those of a bounded job that were acknowledged, when a failover brought them back:
    /// it may have been at its end.
    pub(super) fn pending(&self, stop: EntryId) -> usize {
        let state = self.state.lock();
        let Some(group) = &state.data.group else { return 0 };
        let is_excused = |id: &EntryId| state.stop.is_some() && state.pending_again.contains(id);
        group.pending.range(..=stop).filter(|(id, _)| !is_excused(id)).count()
    }

    /// What nobody would be given any more: beyond `stop`, delivered, and not pending.
    pub(super) fn lost_beyond(&self, stop: EntryId) -> Vec<EntryId> {
        let state = self.state.lock();
        let Some(group) = &state.data.group else { return Vec::new() };
        let delivered = state.data.entries.range(stop.next()..).take_while(|id| **id <= group.delivered);
        delivered.filter(|id| !group.pending.contains_key(id)).copied().collect()
    }

    fn trouble_of(&self, words: &[String]) -> Option<Trouble> {
        let reads = matches!(words[0].as_str(), "XREADGROUP" | "XREAD" | "XRANGE");
        self.state.lock().trouble.filter(|_| reads)
    }

    async fn in_trouble(&self, client: u64, words: &[String], trouble: Trouble) -> Vec<u8> {
        match trouble {
            Trouble::Instead(reply) => return reply.as_bytes().to_vec(),
            _ if words[0] == "XRANGE" => {}
            _ => drop(self.state.lock().read(words)),
        }
        if matches!(trouble, Trouble::Silence) {
            std::future::pending::<()>().await;
        }
        self.wires.end(client);
        std::future::pending().await
    }
}

impl Machine for SimulatedRedis {
    async fn answer(&self, client: u64, words: Vec<String>) -> Vec<u8> {
        if let Some(trouble) = self.trouble_of(&words) {
            return self.in_trouble(client, &words, trouble).await;
        }
        let after = |name: &str| words.iter().position(|word| word == name).map_or("", |at| &words[at + 1]);
        if !matches!(words[0].as_str(), "XREADGROUP" | "XREAD") {
            return self.state.lock().execute_or_queue(client, words, &self.wires);
        }
        let deadline = Instant::now() + Duration::from_millis(after("BLOCK").parse().unwrap_or(0));
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let read = self.state.lock().read(&words);
            if let Some(reply) = read {
                return reply;
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return b"*-1\r\n".to_vec();
            }
        }
    }
}

impl Data {
    fn entries(&self, out: &mut Vec<u8>, ids: &[EntryId]) {
        out.extend_from_slice(format!("*{}\r\n", ids.len()).as_bytes());
        ids.iter().for_each(|id| self.entry(out, id));
    }

    fn entry(&self, out: &mut Vec<u8>, id: &EntryId) {
        out.extend_from_slice(b"*2\r\n");
        bulk(out, &id.to_string());
        out.extend_from_slice(b"*2\r\n");
        bulk(out, "f");
        let length = if self.large.contains(id) { LARGE_VALUE } else { 1 };
        bulk(out, &"v".repeat(length));
    }
}

impl State {
    /// `None`: nothing to give yet.
    fn read(&mut self, words: &[String]) -> Option<Vec<u8>> {
        let count =
            words.iter().position(|word| word == "COUNT").and_then(|at| words[at + 1].parse().ok()).unwrap_or(1);
        let no_ack = words.iter().any(|word| word == "NOACK");
        let ids: Vec<EntryId> = match words[0].as_str() {
            "XREAD" => {
                let from = id(words.last()?);
                self.data.entries.range(from.next()..).copied().take(count).collect()
            }
            _ => {
                let Some(group) = &mut self.data.group else { return Some(no_group()) };
                let ids: Vec<EntryId> =
                    self.data.entries.range(group.delivered.next()..).copied().take(count).collect();
                for id in &ids {
                    group.delivered = *id;
                    if !no_ack {
                        group.pending.insert(*id, words[3].clone());
                    }
                }
                ids
            }
        };
        if ids.is_empty() {
            return None;
        }
        let mut out = b"*1\r\n*2\r\n".to_vec();
        bulk(&mut out, STREAM);
        self.data.entries(&mut out, &ids);
        Some(out)
    }

    fn execute_or_queue(&mut self, client: u64, words: Vec<String>, wires: &Wires) -> Vec<u8> {
        match (words[0].as_str(), self.transactions.remove(&client)) {
            ("MULTI", _) => {
                self.transactions.insert(client, Vec::new());
                ok()
            }
            ("EXEC", Some(queued)) => {
                let mut out = format!("*{}\r\n", queued.len()).into_bytes();
                queued.iter().for_each(|words| out.extend(self.execute(client, words, wires)));
                out
            }
            (_, Some(mut queued)) => {
                queued.push(words);
                self.transactions.insert(client, queued);
                b"+QUEUED\r\n".to_vec()
            }
            (_, None) => self.execute(client, &words, wires),
        }
    }

    fn execute(&mut self, client: u64, words: &[String], wires: &Wires) -> Vec<u8> {
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
            ("XGROUP", "CREATE") => match self.data.group {
                Some(_) => b"-BUSYGROUP exists\r\n".to_vec(),
                None => {
                    self.data.group = Some(Group { delivered: id(word(4)), ..Group::default() });
                    ok()
                }
            },
            ("EXISTS", _) => int(0),
            ("XINFO", "STREAM") => {
                let mut out = b"*6\r\n".to_vec();
                bulk(&mut out, "last-generated-id");
                bulk(&mut out, &self.data.generated.to_string());
                bulk(&mut out, "max-deleted-entry-id");
                bulk(&mut out, &self.data.max_deleted.to_string());
                bulk(&mut out, "first-entry");
                match self.data.entries.first() {
                    Some(first) => self.data.entry(&mut out, first),
                    None => out.extend_from_slice(b"*-1\r\n"),
                }
                out
            }
            ("XRANGE", _) => {
                let exclusive = word(2).strip_prefix('(').map(id);
                let from = exclusive.map_or_else(|| id(word(2)), EntryId::next);
                let (to, included) = match word(3).strip_prefix('(') {
                    Some(to) => (id(to), false),
                    None if word(3) == "+" => (EntryId::new(u64::MAX, u64::MAX), true),
                    None => (id(word(3)), true),
                };
                let count = if word(4) == "COUNT" { word(5).parse().unwrap_or(0) } else { usize::MAX };
                let ids: Vec<EntryId> = match from <= to {
                    true => self
                        .data
                        .entries
                        .range(from..=to)
                        .copied()
                        .filter(|id| included || *id < to)
                        .take(count)
                        .collect(),
                    false => Vec::new(),
                };
                let mut out = Vec::new();
                self.data.entries(&mut out, &ids);
                out
            }
            ("XREVRANGE", _) => {
                let below = word(2).strip_prefix('(').map(id).unwrap_or_default();
                let mut out = Vec::new();
                let last: Vec<EntryId> = self.data.entries.range(..below).next_back().copied().into_iter().collect();
                self.data.entries(&mut out, &last);
                out
            }
            ("XACK", _) => {
                words[3..].iter().map(|word| id(word)).for_each(|id| self.check_acknowledgment(id));
                let Some(group) = &mut self.data.group else { return int(0) };
                int(words[3..].iter().filter(|word| group.pending.remove(&id(word)).is_some()).count() as i64)
            }
            _ => self.execute_on_group(words),
        }
    }

    fn execute_on_group(&mut self, words: &[String]) -> Vec<u8> {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        let Some(group) = &mut self.data.group else { return no_group() };
        match (word(0), word(1)) {
            ("XGROUP", "CREATECONSUMER") => int(i64::from(group.consumers.insert(word(4).to_owned()))),
            ("XGROUP", "SETID") => {
                let to = id(word(4));
                // A reader that lives on may set it back to a checkpoint of its own, until its successor's next one.
                let gives_back = self
                    .stop
                    .is_some_and(|stop| self.data.entries.range(to.next()..=stop.max(to.next())).all(|id| *id > stop));
                if to < group.delivered && !self.others_read && !gives_back {
                    self.violations.push(format!("the group went back from {} to {to}", group.delivered));
                }
                group.delivered = to;
                ok()
            }
            ("XINFO", "GROUPS") => {
                let mut out = b"*1\r\n*8\r\n".to_vec();
                bulk(&mut out, "name");
                bulk(&mut out, GROUP);
                bulk(&mut out, "last-delivered-id");
                bulk(&mut out, &group.delivered.to_string());
                bulk(&mut out, "pending");
                out.extend_from_slice(&int(group.pending.len() as i64));
                bulk(&mut out, "entries-read");
                out.extend_from_slice(b"$-1\r\n");
                out
            }
            ("XINFO", "CONSUMERS") => {
                let mut out = format!("*{}\r\n", group.consumers.len()).into_bytes();
                for name in &group.consumers {
                    out.extend_from_slice(b"*4\r\n");
                    bulk(&mut out, "name");
                    bulk(&mut out, name);
                    bulk(&mut out, "pending");
                    out.extend_from_slice(&int(group.pending.values().filter(|owner| *owner == name).count() as i64));
                }
                out
            }
            ("XPENDING", _) => {
                let (from, to, count) = (id(word(3)), id(word(4)), word(5).parse().unwrap_or(0));
                let rows: Vec<_> =
                    group.pending.range(from..=to.max(from)).filter(|(id, _)| **id <= to).take(count).collect();
                let mut out = format!("*{}\r\n", rows.len()).into_bytes();
                for (id, owner) in rows {
                    out.extend_from_slice(b"*4\r\n");
                    bulk(&mut out, &id.to_string());
                    bulk(&mut out, owner);
                    out.extend_from_slice(&int(1_000_000));
                    out.extend_from_slice(&int(1));
                }
                out
            }
            // The one script there is: delete a consumer that owns nothing.
            ("EVAL", _) => {
                let name = word(5);
                if group.pending.values().any(|owner| owner == name) {
                    return b":-1\r\n".to_vec();
                }
                group.consumers.remove(name);
                int(0)
            }
            _ => format!("-ERR unknown command {words:?}\r\n").into_bytes(),
        }
    }

    fn check_acknowledgment(&mut self, id: EntryId) {
        let allowed = self.acknowledgeable.as_ref().is_none_or(|allowed| allowed.contains(&id));
        // What a bounded job was given beyond its end: the group stands before it again, and gives it to the next who asks.
        let stands_before = self.data.group.as_ref().is_some_and(|group| group.delivered < id);
        let given_back = self.stop.is_some_and(|stop| id > stop) && stands_before;
        if !allowed && !given_back && !self.excused.contains(&id) {
            self.violations.push(format!("{id} was acknowledged, but no completed checkpoint holds it as emitted"));
        }
    }
}

fn id(text: &str) -> EntryId {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn no_group() -> Vec<u8> {
    b"-NOGROUP no such group\r\n".to_vec()
}
