//! A simulated Redis for the exactly-once stream sink: a topic of one partition, and staging streams; one server, or a cluster of two nodes whose one
//! slot moves from one to the other, key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::connection::simulated::{Machine, Network, Nodes, Slot, Wires, bulk, int, ok};
use crate::entry_id::EntryId;
use crate::sink::commit::Committable;

/// A key of another type, somebody else's.
pub(super) const FOREIGN: &str = "{t:0}k5";
/// The dead-letter stream of the hash sink.
pub(super) const LETTERS: &str = "{t:0}dead";

/// In the text of a refusal that was asked for.
pub(super) const REFUSED: &str = "as the schedule says";

#[derive(Default)]
pub(super) struct State {
    /// The numbers in the topic, in order.
    pub(super) topic: Vec<u64>,
    staging: BTreeMap<String, BTreeMap<EntryId, u64>>,
    last_ids: BTreeMap<String, EntryId>,
    index: BTreeSet<String>,
    /// Staging streams and other keys with a time to live.
    pub(super) expiring: BTreeSet<String>,
    /// The last epoch that is committed, or of which so many entries were moved.
    marks: BTreeMap<String, String>,
    /// For the keyed sinks: the last number of each key.
    pub(super) hashes: BTreeMap<String, u64>,
    /// The numbers for which there are dead letters.
    pub(super) letters: BTreeSet<u64>,
    /// Of clients: the keys they watch, each with how often it had changed then.
    watched: BTreeMap<u64, Vec<(String, u64)>>,
    /// How often each key has changed.
    changes: BTreeMap<String, u64>,
    /// What the server refuses once for a reason of its own, by the command's name, in order.
    pub(super) refusals: Vec<&'static str>,
    /// The next transaction that appends to the topic, of a client from this one on, appends so many entries, and the others fail within it.
    pub(super) failing_appends: Option<(u64, usize)>,
    /// The next one that sets a mark, of a client from this one on, does not set it, and is carried out all the same.
    pub(super) failing_mark: Option<u64>,
    /// Of clients within `MULTI`: what is queued, and whether something was refused.
    queued: BTreeMap<u64, (Vec<Vec<String>>, bool)>,
    /// The server is full.
    pub(super) full: bool,
    /// The slot that all keys are in. Of one server it never moves.
    slot: Slot,
    /// On which node each key is that there is.
    homes: BTreeMap<String, usize>,
}

#[derive(Clone)]
pub(super) struct SimulatedRedis {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) wires: Wires,
}

impl SimulatedRedis {
    pub(super) fn new(seed: u64) -> Self {
        let state = State { slot: Slot::of("t:0"), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), wires: Wires::new(seed) }
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

    /// Those without a time to live.
    pub(super) fn staged_for_ever(&self) -> Vec<String> {
        let state = self.state.lock();
        state.staging.keys().filter(|key| !state.expiring.contains(*key)).cloned().collect()
    }

    pub(super) fn staged(&self) -> Vec<String> {
        self.state.lock().staging.keys().cloned().collect()
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

/// The keys of a command.
fn keys(words: &[String]) -> &[String] {
    match words[0].as_str() {
        "CLIENT" | "CLUSTER" | "ASKING" | "MULTI" | "EXEC" => &[],
        "WATCH" => &words[1..],
        _ => &words[1..2],
    }
}

impl State {
    fn answer(&mut self, node: usize, client: u64, words: Vec<String>) -> Vec<u8> {
        let refused = self.refusals.iter().position(|name| *name == words[0]).map(|at| self.refusals.remove(at));
        let refusal = match (refused, words[0].as_str(), self.queued.get(&client)) {
            (Some(name), ..) => Some(format!("-NOPERM {REFUSED} '{name}'\r\n").into_bytes()),
            (_, "EXEC", Some((queued, _))) => self.refusal(node, client, &queued.iter().collect::<Vec<_>>()),
            _ => self.refusal(node, client, &[&words]),
        };
        let reply = match (words[0].as_str(), self.queued.get_mut(&client)) {
            ("ASKING", _) => {
                self.slot.ask(node, client);
                return ok();
            }
            ("MULTI", _) if refusal.is_some() => refusal.unwrap_or_default(),
            ("EXEC", None) => b"-ERR EXEC without MULTI\r\n".to_vec(),
            ("WATCH", None) if refusal.is_none() => {
                let now =
                    words[1..].iter().map(|key| (key.clone(), self.changes.get(key).copied().unwrap_or_default()));
                self.watched.entry(client).or_default().extend(now.collect::<Vec<_>>());
                ok()
            }
            ("MULTI", _) => {
                self.queued.insert(client, (Vec::new(), false));
                ok()
            }
            ("EXEC", _) => self.run_queued(client, refusal),
            (_, Some((_, refused))) if refusal.is_some() => {
                *refused = true;
                refusal.unwrap_or_default()
            }
            (_, Some((queued, _))) => {
                queued.push(words);
                b"+QUEUED\r\n".to_vec()
            }
            ("CLUSTER", None) => self.slot.table(node),
            (_, None) => refusal.unwrap_or_else(|| self.execute(&words)),
        };
        if !self.queued.contains_key(&client) {
            self.slot.answered(node, client);
        }
        self.settle_homes(node);
        reply
    }

    /// All of them, or none.
    fn run_queued(&mut self, client: u64, refusal: Option<Vec<u8>>) -> Vec<u8> {
        let (queued, refused) = self.queued.remove(&client).unwrap_or_default();
        let watched = self.watched.remove(&client).unwrap_or_default();
        if refused {
            return b"-EXECABORT Transaction discarded because of previous errors.\r\n".to_vec();
        }
        if let Some(refusal) = refusal {
            let text = String::from_utf8_lossy(&refusal[1..]).into_owned();
            return match text.starts_with("OOM") || text.starts_with("NOPERM") {
                true => format!("-EXECABORT Transaction discarded because of: {text}").into_bytes(),
                // Where the keys are is said as it is.
                false => refusal,
            };
        }
        if watched.iter().any(|(key, then)| self.changes.get(key).copied().unwrap_or_default() != *then) {
            return b"*-1\r\n".to_vec();
        }
        let mut out = format!("*{}\r\n", queued.len()).into_bytes();
        let is_append = |words: &Vec<String>| words[0] == "XADD" && words[1] == "t:0";
        let mut good = match self.failing_appends {
            Some((from, good)) if client >= from && queued.iter().any(is_append) => {
                self.failing_appends = None;
                good
            }
            _ => usize::MAX,
        };
        for words in &queued {
            if is_append(words) && good == 0 {
                out.extend(format!("-ERR {REFUSED}: the stream has no ID left\r\n").into_bytes());
                continue;
            }
            good -= usize::from(is_append(words));
            if words[0] == "SET" && self.failing_mark.is_some_and(|from| client >= from) {
                self.failing_mark = None;
                out.extend(format!("-NOPERM {REFUSED}: ACLs rules changed\r\n").into_bytes());
                continue;
            }
            out.extend(self.execute(words));
        }
        out
    }

    /// Those who watch the key are told.
    fn touch(&mut self, key: &str) {
        *self.changes.entry(key.to_owned()).or_default() += 1;
    }

    /// What keeps these commands from being carried out together on this node.
    fn refusal(&self, node: usize, client: u64, commands: &[&Vec<String>]) -> Option<Vec<u8>> {
        if self.full && commands.iter().any(|words| matches!(words[0].as_str(), "XADD" | "SADD" | "SET" | "HSET")) {
            return Some(b"-OOM command not allowed\r\n".to_vec());
        }
        let keys: BTreeSet<&String> = commands.iter().flat_map(|words| keys(words)).collect();
        let here = keys.iter().filter(|key| self.homes.get(**key) == Some(&node)).count();
        self.slot.refusal(node, client, keys.len(), here)
    }

    /// What a command on this node has made is there, and what it has deleted is nowhere.
    fn settle_homes(&mut self, node: usize) {
        let mut there: BTreeSet<String> =
            self.staging.keys().chain(self.marks.keys()).chain(self.hashes.keys()).cloned().collect();
        there.extend((!self.index.is_empty()).then(|| "{t:0}:staging".to_owned()));
        there.extend((!self.topic.is_empty()).then(|| "t:0".to_owned()));
        self.homes.retain(|key, _| there.contains(key));
        there.into_iter().for_each(|key| _ = self.homes.entry(key).or_insert(node));
    }

    fn execute(&mut self, words: &[String]) -> Vec<u8> {
        if !matches!(words[0].as_str(), "GET" | "XLEN" | "XRANGE" | "SMEMBERS" | "CLIENT") {
            self.touch(&words[1]);
        }
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match word(0) {
            "CLIENT" => ok(),
            "EXPIRE" => {
                let there =
                    self.staging.contains_key(word(1)) || self.hashes.contains_key(word(1)) || word(1) == FOREIGN;
                if there {
                    self.expiring.insert(word(1).to_owned());
                }
                int(i64::from(there))
            }
            "XLEN" if word(1) == "t:0" => int(self.topic.len() as i64),
            "XLEN" => int(self.staging.get(word(1)).map_or(0, |entries| entries.len() as i64)),
            "GET" => match self.marks.get(word(1)) {
                Some(mark) => {
                    let mut out = Vec::new();
                    bulk(&mut out, mark);
                    out
                }
                None => b"$-1\r\n".to_vec(),
            },
            // Only the trial of the commands asks that it be there.
            "SET" if word(3) == "XX" => b"$-1\r\n".to_vec(),
            "SET" => {
                self.marks.insert(words[1].clone(), words[2].clone());
                ok()
            }
            "SADD" => int(i64::from(self.index.insert(word(2).to_owned()))),
            "SREM" => int(i64::from(self.index.remove(word(2)))),
            "SMEMBERS" => {
                let mut out = format!("*{}\r\n", self.index.len()).into_bytes();
                self.index.iter().for_each(|key| bulk(&mut out, key));
                out
            }
            "DEL" => {
                self.last_ids.remove(word(1));
                self.expiring.remove(word(1));
                int(i64::from(self.staging.remove(word(1)).is_some()))
            }
            "XRANGE" => self.range(words),
            "XADD" if word(1) == "t:0" => {
                self.topic.push(word(4).parse().unwrap());
                let mut out = Vec::new();
                bulk(&mut out, &format!("1-{}", self.topic.len()));
                out
            }
            "XADD" if word(1) == LETTERS => {
                self.letters.insert(words.last().unwrap().parse().unwrap());
                let mut out = Vec::new();
                bulk(&mut out, "1-1");
                out
            }
            "XADD" => self.append(words),
            "HSET" if word(1) == FOREIGN => b"-WRONGTYPE not a hash\r\n".to_vec(),
            "HSET" => {
                self.hashes.insert(words[1].clone(), words[3].parse().unwrap());
                int(0)
            }
            _ => format!("-ERR unknown command {words:?}\r\n").into_bytes(),
        }
    }

    /// `XADD key [NOMKSTREAM] id n <number>`.
    fn append(&mut self, words: &[String]) -> Vec<u8> {
        let only_if_there = words[2] == "NOMKSTREAM";
        let at = if only_if_there { 3 } else { 2 };
        let key = &words[1];
        if only_if_there && !self.staging.contains_key(key) {
            // Also the trial of the commands.
            return b"$-1\r\n".to_vec();
        }
        let (id, number) = (words[at].parse::<EntryId>().unwrap(), words[at + 2].parse().unwrap());
        let last = self.last_ids.entry(key.clone()).or_default();
        if id <= *last {
            return b"-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n".to_vec();
        }
        *last = id;
        self.staging.entry(key.clone()).or_default().insert(id, number);
        let mut out = Vec::new();
        bulk(&mut out, &id.to_string());
        out
    }

    /// `XRANGE key - + COUNT n`, or from an ID on, or from behind it.
    fn range(&self, words: &[String]) -> Vec<u8> {
        let count = words[5].parse().unwrap();
        let from = match words[2].strip_prefix('(') {
            Some(behind) => behind.parse::<EntryId>().unwrap().next(),
            None => words[2].parse().unwrap_or_default(),
        };
        let entries: Vec<_> =
            self.staging.get(&words[1]).into_iter().flat_map(|entries| entries.range(from..)).take(count).collect();
        let mut out = format!("*{}\r\n", entries.len()).into_bytes();
        for (id, number) in entries {
            out.extend_from_slice(b"*2\r\n");
            bulk(&mut out, &id.to_string());
            out.extend_from_slice(b"*2\r\n");
            bulk(&mut out, "n");
            bulk(&mut out, &number.to_string());
        }
        out
    }

    /// What a committer of the version before this one did by a script, for a chunk: it took what it had moved from the staging stream.
    /// Whether something is left.
    pub(super) fn old_version_moves(&mut self, committable: &Committable, mark: &str) -> bool {
        let Committable { key, records, epoch, .. } = committable;
        let moved = match self.marks.get(mark).and_then(|mark| mark.split_once('-')) {
            Some((marked, moved)) if marked == epoch.to_string() => moved.parse().unwrap(),
            _ => 0,
        };
        let Some(staged) = self.staging.get_mut(key).filter(|staged| staged.len() as u64 == records - moved) else {
            return false;
        };
        let mut last = 0;
        for _ in 0..3 {
            if let Some((id, number)) = staged.pop_first() {
                self.topic.push(number);
                last = id.seq;
            }
        }
        let is_left = !staged.is_empty();
        self.marks.insert(mark.to_owned(), if is_left { format!("{epoch}-{last}") } else { epoch.to_string() });
        if !is_left {
            self.staging.remove(key);
            self.last_ids.remove(key);
            self.index.remove(key);
        }
        [key, mark, "t:0", "{t:0}:staging"].into_iter().for_each(|key| self.touch(key));
        self.settle_homes(self.slot.owner());
        is_left
    }

    /// The server is neither full nor refuses anything any more.
    pub(super) fn calm_down(&mut self) {
        self.full = false;
        self.refusals.clear();
    }

    /// One at a time: without `MULTI` an opening is carried out command by command, and what another refusal leaves out of it is not listed,
    /// or stays for ever. The job fails by the first one.
    pub(super) fn refuse(&mut self, command: &'static str) {
        if self.refusals.is_empty() {
            self.refusals.push(command);
        }
    }

    /// Whether the server would run a script on all these keys.
    pub(super) fn is_calm(&self) -> bool {
        !self.full && self.slot.target().is_none()
    }
}
