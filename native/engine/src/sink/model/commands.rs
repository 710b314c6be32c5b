//! What the simulated Redis makes of commands.

use std::collections::BTreeSet;

use super::server::{FOREIGN, Failing, INDEX, LETTERS, MOST_ENTRIES, REFUSED, STAGING_TTL, State};
use crate::client::simulated::{bulk, int, ok};
use crate::sink::committable::Committable;
use crate::stream::EntryId;

/// The keys of a command.
fn keys(words: &[String]) -> &[String] {
    match words[0].as_str() {
        "CLIENT" | "CLUSTER" | "ASKING" | "MULTI" | "EXEC" => &[],
        "WATCH" => &words[1..],
        _ => &words[1..2],
    }
}

impl State {
    pub(super) fn answer(&mut self, node: usize, client: u64, words: Vec<String>) -> Vec<u8> {
        if words[0] == "WATCH" && self.busy > 0 {
            self.busy -= 1;
            return b"-LOADING Redis is loading the dataset in memory\r\n".to_vec();
        }
        let refused = self.refusals.iter().position(|name| *name == words[0]).map(|at| self.refusals.remove(at));
        let refusal = match (refused, words[0].as_str(), self.queued.get(&client)) {
            (Some(name), ..) => Some(format!("-NOPERM {REFUSED} '{name}'\r\n").into_bytes()),
            (_, "EXEC", Some((queued, _))) => self.refusal(node, client, &queued.iter().collect::<Vec<_>>()),
            _ => self.refusal(node, client, &[&words]),
        };
        self.multi_refused |= words[0] == "MULTI" && refusal.is_some();
        let reply = match (words[0].as_str(), self.queued.get_mut(&client)) {
            ("WATCH" | "MULTI", Some((_, refused))) => {
                *refused = true;
                format!("-ERR {} inside MULTI is not allowed\r\n", words[0]).into_bytes()
            }
            ("ASKING", None) => {
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
            ("EXEC", _) => self.run_queued(node, client, refusal),
            (_, Some((_, refused))) if refusal.is_some() => {
                *refused = true;
                refusal.unwrap_or_default()
            }
            (_, Some((queued, _))) => {
                queued.push(words);
                b"+QUEUED\r\n".to_vec()
            }
            ("CLUSTER", None) => self.slot.table(node),
            (_, None) => refusal.unwrap_or_else(|| self.execute(node, &words)),
        };
        if !self.queued.contains_key(&client) {
            self.slot.answered(node, client);
        }
        self.settle_homes(node);
        reply
    }

    /// All of them, or none.
    fn run_queued(&mut self, node: usize, client: u64, refusal: Option<Vec<u8>>) -> Vec<u8> {
        let (queued, refused) = self.queued.remove(&client).unwrap_or_default();
        let watched = self.watched.remove(&client).unwrap_or_default();
        if refused {
            return b"-EXECABORT Transaction discarded because of previous errors.\r\n".to_vec();
        }
        if let Some(refusal) = refusal {
            let text = String::from_utf8_lossy(&refusal[1..]).into_owned();
            return if text.starts_with("OOM") || text.starts_with("NOPERM") {
                format!("-EXECABORT Transaction discarded because of: {text}").into_bytes()
            } else {
                refusal
            };
        }
        if watched.iter().any(|(key, then)| self.changes.get(key).copied().unwrap_or_default() != *then) {
            return b"*-1\r\n".to_vec();
        }
        let mut out = format!("*{}\r\n", queued.len()).into_bytes();
        let is_append = |words: &Vec<String>| words[0] == "XADD" && words[1] == "t:0";
        let is_next = |failing: &mut Failing| {
            let is_meant = queued.iter().any(is_append) && client >= failing.from;
            let is_next = is_meant && failing.behind == 0;
            failing.behind -= u8::from(is_meant && !is_next);
            is_next
        };
        let (mut good, marked) = match self.failing.take_if(is_next) {
            Some(Failing { appended, marked, busy, .. }) => {
                self.busy = busy;
                (appended, marked)
            }
            None => (usize::MAX, true),
        };
        for words in &queued {
            if is_append(words) && good == 0 {
                out.extend(format!("-ERR {REFUSED}: the stream has no ID left\r\n").into_bytes());
                continue;
            }
            good -= usize::from(is_append(words));
            if words[0] == "SET" && !marked {
                out.extend(format!("-NOPERM {REFUSED}: ACLs rules changed\r\n").into_bytes());
                continue;
            }
            out.extend(self.execute(node, words));
        }
        out
    }

    /// Those who watch the key are told.
    pub(super) fn touch(&mut self, key: &str) {
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
    pub(super) fn settle_homes(&mut self, node: usize) {
        let mut there: BTreeSet<String> =
            self.staging.keys().chain(self.marks.keys()).chain(self.hashes.keys()).cloned().collect();
        there.extend((!self.index.is_empty()).then(|| INDEX.to_owned()));
        there.extend((!self.topic.is_empty()).then(|| "t:0".to_owned()));
        self.homes.retain(|key, _| there.contains(key));
        there.into_iter().for_each(|key| _ = self.homes.entry(key).or_insert(node));
    }

    fn execute(&mut self, node: usize, words: &[String]) -> Vec<u8> {
        if let Some(reply) = self.of_none(node, words) {
            return reply;
        }
        if !matches!(words[0].as_str(), "GET" | "XLEN" | "XRANGE" | "SMEMBERS" | "CLIENT" | "ASKING") {
            self.touch(&words[1]);
        }
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match word(0) {
            "CLIENT" | "ASKING" => ok(),
            "EXPIRE" => {
                let there = self.has(word(1)) || word(1) == FOREIGN;
                if there {
                    self.expiring.insert(words[1].clone(), words[2].clone());
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
                match word(3) {
                    "EX" => self.expiring.insert(words[1].clone(), words[4].clone()),
                    _ => self.expiring.remove(&words[1]),
                };
                ok()
            }
            "SADD" => int(i64::from(self.index.insert(word(2).to_owned()))),
            "SREM" => {
                self.unlisted.insert(words[2].clone());
                let there = self.index.remove(word(2));
                if self.index.is_empty() {
                    self.expiring.remove(INDEX);
                }
                int(i64::from(there))
            }
            "SMEMBERS" => {
                let mut out = format!("*{}\r\n", self.index.len()).into_bytes();
                self.index.iter().for_each(|key| bulk(&mut out, key));
                out
            }
            "DEL" => {
                self.last_ids.remove(word(1));
                self.expiring.remove(word(1));
                self.deleted.insert(words[1].clone());
                int(i64::from(self.staging.remove(word(1)).is_some() || self.marks.remove(word(1)).is_some()))
            }
            "XRANGE" => self.range(words),
            "XADD" if word(1) == "t:0" && self.topic.len() > MOST_ENTRIES => {
                b"-ERR the same is appended again and again\r\n".to_vec()
            }
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

    /// A key that is still on the other node is none for this one. One that is made here all the same is taken for the
    /// other.
    fn of_none(&self, node: usize, words: &[String]) -> Option<Vec<u8>> {
        words.get(1).and_then(|key| self.homes.get(key)).filter(|home| **home != node)?;
        match (words[0].as_str(), words.get(2).map(String::as_str)) {
            ("XLEN" | "EXPIRE" | "DEL" | "SREM", _) => Some(int(0)),
            ("XRANGE" | "SMEMBERS", _) => Some(b"*0\r\n".to_vec()),
            ("GET", _) | ("XADD", Some("NOMKSTREAM")) => Some(b"$-1\r\n".to_vec()),
            _ => None,
        }
    }

    fn has(&self, key: &str) -> bool {
        let (staging, marks, hashes) = (&self.staging, &self.marks, &self.hashes);
        staging.contains_key(key)
            || marks.contains_key(key)
            || hashes.contains_key(key)
            || key == INDEX && !self.index.is_empty()
    }

    /// `XADD key [NOMKSTREAM] id …`.
    fn append(&mut self, words: &[String]) -> Vec<u8> {
        let only_if_there = words[2] == "NOMKSTREAM";
        let at = if only_if_there { 3 } else { 2 };
        let key = &words[1];
        if only_if_there && !self.staging.contains_key(key) {
            // Also the trial of the commands.
            return b"$-1\r\n".to_vec();
        }
        let id = words[at].parse::<EntryId>().unwrap();
        let last = self.last_ids.entry(key.clone()).or_default();
        if id <= *last {
            return b"-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n".to_vec();
        }
        *last = id;
        self.staging.entry(key.clone()).or_default().insert(id, words[at + 1..].to_vec());
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
        for (id, strings) in entries {
            out.extend_from_slice(b"*2\r\n");
            bulk(&mut out, &id.to_string());
            out.extend_from_slice(format!("*{}\r\n", strings.len()).as_bytes());
            strings.iter().for_each(|string| bulk(&mut out, string));
        }
        out
    }

    /// What a committer of the version before this one did by a script, for a chunk: it took what it had moved from the
    /// staging stream. Whether something is left.
    pub(super) fn old_version_moves(&mut self, committable: &Committable) -> bool {
        let mark = &committable.mark_key();
        let Committable { key, records, epoch, packed, .. } = committable;
        if packed.is_some() {
            return false;
        }
        let moved = match self.marks.get(mark).and_then(|mark| mark.split_once('-')) {
            Some((marked, moved)) if marked == epoch.to_string() => moved.parse().unwrap(),
            _ => 0,
        };
        let Some(staged) = self.staging.get_mut(key).filter(|staged| staged.len() as u64 == records - moved) else {
            return false;
        };
        let mut last = 0;
        for _ in 0..3 {
            if let Some((id, strings)) = staged.pop_first() {
                self.topic.push(strings[1].parse().unwrap());
                last = id.seq;
            }
        }
        let is_left = !staged.is_empty();
        self.marks.insert(mark.to_owned(), if is_left { format!("{epoch}-{last}") } else { epoch.to_string() });
        self.expiring.insert(mark.to_owned(), STAGING_TTL.to_owned());
        if !is_left {
            self.staging.remove(key);
            self.last_ids.remove(key);
            self.index.remove(key);
            self.deleted.insert(key.clone());
            self.unlisted.insert(key.clone());
        }
        [key, mark, "t:0", INDEX].into_iter().for_each(|key| self.touch(key));
        self.settle_homes(self.slot.owner());
        is_left
    }

    /// Refuses the next command of this name; one refusal at a time, and `MULTI` not while the server is full. Without
    /// `MULTI` an opening is carried out command by command, and what another refusal leaves out of it is not listed,
    /// or stays for ever: a known limit. A writer that lacks `MULTI` from the start stages nothing, and the first
    /// refusal fails the job.
    pub(super) fn refuse(&mut self, command: &'static str) {
        if self.refusals.is_empty() && !(self.full && command == "MULTI") {
            self.refusals.push(command);
        }
    }

    /// Makes the server full, unless it refuses `MULTI` (see [`refuse`](Self::refuse)), or ends that.
    pub(super) fn fill(&mut self, full: bool) {
        self.full = full && !self.refusals.contains(&"MULTI");
    }

    /// Returns whether the server would run a script on all these keys.
    pub(super) fn is_calm(&self) -> bool {
        !self.full && self.slot.target().is_none()
    }
}
