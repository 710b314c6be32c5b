//! A simulated Redis for the exactly-once stream sink: a topic of one partition, and staging streams.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::connection::simulated::{Machine, Network, Wires, bulk, int, ok};
use crate::entry_id::EntryId;

#[derive(Default)]
pub(super) struct State {
    /// The numbers in the topic, in order.
    pub(super) topic: Vec<u64>,
    staging: BTreeMap<String, BTreeMap<EntryId, u64>>,
    last_ids: BTreeMap<String, EntryId>,
    index: BTreeSet<String>,
    /// Staging streams with a time to live.
    expiring: BTreeSet<String>,
    /// The last epoch that is committed, or of which so many entries were moved.
    marks: BTreeMap<String, (u64, Option<u64>)>,
    /// Of clients within `MULTI`: what is queued, and whether something was refused.
    queued: BTreeMap<u64, (Vec<Vec<String>>, bool)>,
    /// The server is full.
    pub(super) full: bool,
}

#[derive(Clone)]
pub(super) struct SimulatedRedis {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) wires: Wires,
}

impl SimulatedRedis {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: Arc::default(), wires: Wires::new(seed) }
    }

    pub(super) fn network(&self) -> Arc<Network<Self>> {
        Arc::new(Network::new(self.clone(), self.wires.clone()))
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

impl Machine for SimulatedRedis {
    async fn answer(&self, client: u64, words: Vec<String>) -> Vec<u8> {
        self.state.lock().answer(client, words)
    }
}

impl State {
    fn answer(&mut self, client: u64, words: Vec<String>) -> Vec<u8> {
        let refusal = self.refusal(&words[0]);
        match (words[0].as_str(), self.queued.get_mut(&client)) {
            ("MULTI", _) => {
                self.queued.insert(client, (Vec::new(), false));
                ok()
            }
            ("EXEC", _) => self.run_queued(client),
            (_, Some((_, refused))) if refusal.is_some() => {
                *refused = true;
                refusal.unwrap_or_default()
            }
            (_, Some((queued, _))) => {
                queued.push(words);
                b"+QUEUED\r\n".to_vec()
            }
            (_, None) => refusal.unwrap_or_else(|| self.execute(&words)),
        }
    }

    /// All of them, or none.
    fn run_queued(&mut self, client: u64) -> Vec<u8> {
        let (queued, refused) = self.queued.remove(&client).unwrap_or_default();
        if refused {
            return b"-EXECABORT Transaction discarded because of previous errors.\r\n".to_vec();
        }
        if queued.iter().any(|words| self.refusal(&words[0]).is_some()) {
            return b"-EXECABORT Transaction discarded because of: OOM command not allowed\r\n".to_vec();
        }
        let mut out = format!("*{}\r\n", queued.len()).into_bytes();
        queued.iter().for_each(|words| out.extend(self.execute(words)));
        out
    }

    fn refusal(&self, command: &str) -> Option<Vec<u8>> {
        let takes_memory = matches!(command, "XADD" | "SADD" | "EVAL");
        (self.full && takes_memory).then(|| b"-OOM command not allowed\r\n".to_vec())
    }

    fn execute(&mut self, words: &[String]) -> Vec<u8> {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match word(0) {
            "CLIENT" => ok(),
            "EXPIRE" => {
                let there = self.staging.contains_key(word(1));
                if there {
                    self.expiring.insert(word(1).to_owned());
                }
                int(i64::from(there))
            }
            "XLEN" => int(self.staging.get(word(1)).map_or(0, |entries| entries.len() as i64)),
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
            "XRANGE" => b"*0\r\n".to_vec(),
            "XADD" => self.append(words),
            "EVAL" => self.move_chunk(words),
            _ => format!("-ERR unknown command {words:?}\r\n").into_bytes(),
        }
    }

    /// `XADD key [NOMKSTREAM] id n <number>`.
    fn append(&mut self, words: &[String]) -> Vec<u8> {
        let only_if_there = words[2] == "NOMKSTREAM";
        let at = if only_if_there { 3 } else { 2 };
        let (key, id, number) = (&words[1], words[at].parse::<EntryId>().unwrap(), words[at + 2].parse().unwrap());
        if only_if_there && !self.staging.contains_key(key) {
            return b"$-1\r\n".to_vec();
        }
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

    /// What the script of a commit does, in smaller chunks. That the script does it is tested against a real server.
    fn move_chunk(&mut self, words: &[String]) -> Vec<u8> {
        let (key, mark) = (&words[3], &words[5]);
        let (epoch, records): (u64, u64) = (words[9].parse().unwrap(), words[10].parse().unwrap());
        let (marked, moved) = self.marks.get(mark).copied().unwrap_or_default();
        let Some(staged) = self.staging.get_mut(key).filter(|staged| !staged.is_empty()) else {
            return int(if marked > epoch || marked == epoch && moved.is_none() { 0 } else { -1 });
        };
        let moved = moved.filter(|_| marked == epoch).unwrap_or_default();
        let last = staged.last_key_value().map(|(id, _)| id.seq);
        if last != Some(records) || staged.len() as u64 != records - moved {
            return format!("*1\r\n:{moved}\r\n").into_bytes();
        }
        for _ in 0..3 {
            if let Some((id, number)) = staged.pop_first() {
                self.topic.push(number);
                self.marks.insert(mark.clone(), (epoch, Some(id.seq)));
            }
        }
        let left = staged.len();
        if left == 0 {
            self.staging.remove(key);
            self.last_ids.remove(key);
            self.index.remove(key);
            self.marks.insert(mark.clone(), (epoch, None));
        }
        int(left as i64)
    }
}
