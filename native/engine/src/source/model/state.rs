//! What the simulated servers hold, and how they carry out commands. They are one server, or a cluster of two nodes
//! between which the stream's slot moves.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::simulated::{Wires, bulk, int, ok};
use crate::source::model::moving_slot::MovingSlot;
use crate::source::model::stream::{self, Read, STREAM, Stream, Watch, no_group};
use crate::stream::EntryId;

/// Says what becomes of every reply that holds entries, and of every read.
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
pub(super) type Who = (usize, u64);

/// Holds what the servers have, and what the schedule has done to them.
pub(super) struct State {
    /// What each node has at the key.
    pub(super) keys: [Option<Stream>; 2],
    pub(super) slot: MovingSlot,
    pub(super) trouble: Option<Trouble>,
    /// What the replica of a node has; a failover goes back to it.
    pub(super) replica: Option<(usize, Option<Stream>)>,
    /// The user may neither list nor kill clients, nor run scripts.
    pub(super) restricted: bool,
    /// Servers of before 7.2 answer those who are blocked in words of their own.
    pub(super) old: bool,
    pub(super) clock: u64,
    /// Every entry there has ever been.
    pub(super) produced: BTreeSet<EntryId>,
    /// Entries that were acknowledged, and that a failover to an older replica has made pending again.
    pub(super) pending_again: BTreeSet<EntryId>,
    /// Whether it has failed over or forgotten everything: only then may a reader say that writes were lost.
    pub(super) lost_writes: bool,
    pub(super) watch: Watch,
    /// Whether the stream was deleted and made again: its IDs are below those of the old one.
    pub(super) recreated: bool,
    /// The entries of the old one.
    pub(super) of_old: BTreeSet<EntryId>,
    /// The commands of a transaction, by client, and whether one was refused.
    transactions: BTreeMap<Who, (Vec<Vec<String>>, bool)>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            keys: [None, None],
            slot: MovingSlot::of(STREAM),
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
        }
    }

    /// Returns the node that has the stream, or where it would be made.
    pub(super) fn home(&self) -> usize {
        self.slot.home(&self.keys)
    }

    pub(super) fn key(&mut self) -> &mut Option<Stream> {
        let home = self.home();
        &mut self.keys[home]
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = EntryId> {
        self.keys[self.home()].iter().flat_map(|stream| stream.entries.iter().copied())
    }

    /// Has the slot move on by one stage.
    pub(super) fn reshard(&mut self) {
        if self.slot.advance(&mut self.keys) {
            // The replica that has a copy of the key is the former node's.
            self.replica = None;
        }
    }

    /// Has the slot stay where it is, if it is not too late.
    pub(super) fn call_off(&mut self) {
        self.slot.call_off(&self.keys);
    }

    /// Returns whether the node that the key has moved to, or was made on, has failed over: it sends others back to the
    /// owner, and the owner to it.
    pub(super) fn is_served_by_nobody(&self) -> bool {
        self.home() != self.slot.owner() && !self.slot.imports()
    }

    /// Adds entries, behind everything there has ever been, also after a failover: a clock that runs back is the known
    /// limit.
    pub(super) fn add(&mut self, entries: u8, large: bool) {
        for _ in 0..entries {
            let highest = self.produced.difference(&self.of_old).last().copied().unwrap_or_default();
            let id = if highest.ms < self.clock { EntryId::new(self.clock, 0) } else { highest.next() };
            let stream = self.key().get_or_insert_default();
            stream.entries.insert(id);
            if large {
                stream.large.insert(id);
            }
            stream.generated = id;
            self.produced.insert(id);
        }
    }

    /// Returns why the node does not carry out the command here and now: the key is elsewhere.
    pub(super) fn refusal(&self, (node, client): Who, args: &[String]) -> Option<Vec<u8>> {
        let is_of_stream = args.iter().any(|arg| arg == STREAM);
        self.slot.refusal(node, client, usize::from(is_of_stream), usize::from(self.keys[node].is_some()))
    }

    /// Carries out a read; `None`: it waits. Who waits for a group's entries is answered when the stream goes, and
    /// since 7.2 as if he asked only now; who reads by position waits on, until the slot is somebody else's.
    pub(super) fn read(&mut self, who: Who, args: &[String], is_blocked: bool) -> Option<Vec<u8>> {
        let (node, by_group) = (who.0, args[0] == "XREADGROUP");
        let is_sent_away = match is_blocked {
            true if by_group && !self.old => self.keys[node].is_none(),
            true => self.slot.is_gone_from(node),
            false => true,
        };
        if is_sent_away && let Some(refusal) = self.refusal(who, args) {
            return Some(refusal);
        }
        let is_there = self.keys[node].is_some();
        match stream::read(&mut self.keys[node], args) {
            Read::Reply(reply) => Some(reply),
            Read::Nothing => None,
            Read::Gone if is_blocked && self.old && !is_there => {
                Some(b"-UNBLOCKED the stream key no longer exists\r\n".to_vec())
            }
            Read::Gone => Some(no_group()),
        }
    }

    pub(super) fn execute_or_queue(&mut self, who: Who, args: Vec<String>, wires: &Wires) -> Vec<u8> {
        let refusal = self.refusal(who, &args);
        match (args[0].as_str(), self.transactions.remove(&who)) {
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
                queued.push(args);
                self.transactions.insert(who, (queued, refused || refusal.is_some()));
                return refusal.unwrap_or_else(|| b"+QUEUED\r\n".to_vec());
            }
            _ if refusal.is_some() => {}
            (_, None) => {
                let reply = self.execute(who, &args, wires);
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

    /// Carries out `EXEC`. The key may have gone since the commands were queued.
    fn run(&mut self, who: Who, queued: &[Vec<String>], refused: bool, wires: &Wires) -> Vec<u8> {
        if refused {
            return b"-EXECABORT Transaction discarded because of previous errors.\r\n".to_vec();
        }
        if let Some(refusal) = queued.iter().find_map(|args| self.refusal(who, args)) {
            return refusal;
        }
        let mut out = format!("*{}\r\n", queued.len()).into_bytes();
        queued.iter().for_each(|args| out.extend(self.execute(who, args, wires)));
        out
    }

    fn execute(&mut self, (node, client): Who, args: &[String], wires: &Wires) -> Vec<u8> {
        let arg = |at: usize| args.get(at).map_or("", String::as_str);
        match (arg(0), arg(1)) {
            ("CLIENT", "LIST" | "KILL") | ("EVAL", _) if self.restricted => b"-NOPERM not permitted\r\n".to_vec(),
            ("CLIENT", "SETNAME") => {
                wires.name(client, arg(2));
                ok()
            }
            ("CLIENT", "ID") => int(client as i64),
            ("CLIENT", "LIST") => {
                let name = arg(3).parse().ok().and_then(|id| wires.name_of(id));
                let mut out = Vec::new();
                bulk(&mut out, &name.map_or(String::new(), |name| format!("id={} name={name}\n", arg(3))));
                out
            }
            ("CLIENT", "KILL") => int(i64::from(arg(3).parse().is_ok_and(|id| wires.end(id)))),
            ("CLUSTER", _) => self.slot.table(node),
            ("ASKING", _) => ok(),
            ("EXISTS", _) => int(0),
            _ => {
                let reply = stream::execute(&mut self.keys[node], args, &mut self.watch);
                if self.keys.iter().all(Option::is_some) {
                    self.watch
                        .violations
                        .push(format!("{args:?} made the stream on node {node}, and it is on the other"));
                }
                reply
            }
        }
    }
}
