//! A simulated stream with one group on it: what a server has at a key, and the commands on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::simulated::{bulk, int, ok};
use crate::stream::EntryId;

pub(super) const STREAM: &str = "t:0";
pub(super) const GROUP: &str = "g";
/// Bytes of a large entry's value: a whole read of them is more than the reader takes, and a few are not.
const LARGE_VALUE: usize = 600;

#[derive(Clone, Default)]
pub(super) struct Group {
    pub(super) delivered: EntryId,
    pub(super) pending: BTreeMap<EntryId, String>,
    pub(super) consumers: BTreeSet<String>,
}

#[derive(Clone, Default)]
pub(super) struct Stream {
    pub(super) entries: BTreeSet<EntryId>,
    /// Those that few of fit into a reply.
    pub(super) large: BTreeSet<EntryId>,
    pub(super) generated: EntryId,
    pub(super) max_deleted: EntryId,
    pub(super) group: Option<Group>,
}

/// Watches what the protocol must never do.
#[derive(Default)]
pub(super) struct Watch {
    /// What it did all the same.
    pub(super) violations: Vec<String>,
    /// The job reads up to here: it gives back to the group what it was given beyond.
    pub(super) stop: Option<EntryId>,
    /// Entries that nobody can be asked for any more.
    pub(super) excused: BTreeSet<EntryId>,
    /// What may be acknowledged: emitted, and held by a completed checkpoint. `None`: anything.
    pub(super) acknowledgeable: Option<BTreeSet<EntryId>>,
    /// Readers that were given up live on, or start late.
    pub(super) others_read: bool,
}

/// What becomes of a read.
pub(super) enum Read {
    Reply(Vec<u8>),
    /// Nothing to give yet.
    Nothing,
    /// The stream is not there, or the group.
    Gone,
}

/// Carries out `XREADGROUP` or `XREAD`.
pub(super) fn read(key: &mut Option<Stream>, args: &[String]) -> Read {
    let count = args.iter().position(|arg| arg == "COUNT").and_then(|at| args[at + 1].parse().ok()).unwrap_or(1);
    let no_ack = args.iter().any(|arg| arg == "NOACK");
    let by_group = args[0] == "XREADGROUP";
    let Some(stream) = key else { return if by_group { Read::Gone } else { Read::Nothing } };
    let ids: Vec<EntryId> = if by_group {
        let Some(group) = &mut stream.group else { return Read::Gone };
        let ids: Vec<EntryId> = stream.entries.range(group.delivered.next()..).copied().take(count).collect();
        group.consumers.insert(args[3].clone());
        for id in &ids {
            group.delivered = *id;
            if !no_ack {
                group.pending.insert(*id, args[3].clone());
            }
        }
        ids
    } else {
        let from = id(args.last().map_or("", String::as_str));
        stream.entries.range(from.next()..).copied().take(count).collect()
    };
    if ids.is_empty() {
        return Read::Nothing;
    }
    let mut out = b"*1\r\n*2\r\n".to_vec();
    bulk(&mut out, STREAM);
    stream.write_entries(&mut out, &ids);
    Read::Reply(out)
}

/// Carries out any other command on the key, as a server does that has it, or would have it.
pub(super) fn execute(key: &mut Option<Stream>, args: &[String], watch: &mut Watch) -> Vec<u8> {
    let arg = |at: usize| args.get(at).map_or("", String::as_str);
    if (arg(0), arg(1)) == ("XGROUP", "CREATE") {
        let group = &mut key.get_or_insert_default().group;
        return match group {
            Some(_) => b"-BUSYGROUP Consumer Group name already exists\r\n".to_vec(),
            None => {
                *group = Some(Group { delivered: id(arg(4)), ..Group::default() });
                ok()
            }
        };
    }
    let Some(stream) = key else {
        return match arg(0) {
            "XRANGE" | "XREVRANGE" => b"*0\r\n".to_vec(),
            "XACK" => int(0),
            "XINFO" => b"-ERR no such key\r\n".to_vec(),
            "XGROUP" => b"-ERR The XGROUP subcommand requires the key to exist.\r\n".to_vec(),
            _ => no_group(),
        };
    };
    match (arg(0), arg(1)) {
        ("XINFO", "STREAM") => stream.info(),
        ("XINFO", "GROUPS") => stream.group.as_ref().map_or_else(|| b"*0\r\n".to_vec(), Group::info),
        ("XRANGE", _) => stream.range(args),
        ("XREVRANGE", _) => {
            let below = arg(2).strip_prefix('(').map(id).unwrap_or_default();
            let mut out = Vec::new();
            let last: Vec<EntryId> = stream.entries.range(..below).next_back().copied().into_iter().collect();
            stream.write_entries(&mut out, &last);
            out
        }
        ("XACK", _) => {
            let delivered = stream.group.as_ref().map(|group| group.delivered);
            args[3..].iter().for_each(|arg| watch.acknowledged(id(arg), delivered));
            let Some(group) = &mut stream.group else { return int(0) };
            int(args[3..].iter().filter(|arg| group.pending.remove(&id(arg)).is_some()).count() as i64)
        }
        ("XGROUP", "SETID") if stream.group.is_some() => stream.set_group(id(arg(4)), watch),
        _ => stream.group.as_mut().map_or_else(no_group, |group| group.execute(args)),
    }
}

impl Stream {
    fn write_entries(&self, out: &mut Vec<u8>, ids: &[EntryId]) {
        out.extend_from_slice(format!("*{}\r\n", ids.len()).as_bytes());
        ids.iter().for_each(|id| self.write_entry(out, id));
    }

    fn write_entry(&self, out: &mut Vec<u8>, id: &EntryId) {
        out.extend_from_slice(b"*2\r\n");
        bulk(out, &id.to_string());
        out.extend_from_slice(b"*2\r\n");
        bulk(out, "f");
        let length = if self.large.contains(id) { LARGE_VALUE } else { 1 };
        bulk(out, &"v".repeat(length));
    }

    fn info(&self) -> Vec<u8> {
        let mut out = b"*6\r\n".to_vec();
        bulk(&mut out, "last-generated-id");
        bulk(&mut out, &self.generated.to_string());
        bulk(&mut out, "max-deleted-entry-id");
        bulk(&mut out, &self.max_deleted.to_string());
        bulk(&mut out, "first-entry");
        match self.entries.first() {
            Some(first) => self.write_entry(&mut out, first),
            None => out.extend_from_slice(b"*-1\r\n"),
        }
        out
    }

    /// `XRANGE key from to [COUNT n]`.
    fn range(&self, args: &[String]) -> Vec<u8> {
        let arg = |at: usize| args.get(at).map_or("", String::as_str);
        let exclusive = arg(2).strip_prefix('(').map(id);
        let from = exclusive.map_or_else(|| id(arg(2)), EntryId::next);
        let (to, included) = match arg(3).strip_prefix('(') {
            Some(to) => (id(to), false),
            None if arg(3) == "+" => (EntryId::new(u64::MAX, u64::MAX), true),
            None => (id(arg(3)), true),
        };
        let count = if arg(4) == "COUNT" { arg(5).parse().unwrap_or(0) } else { usize::MAX };
        let ids: Vec<EntryId> = if from <= to {
            self.entries.range(from..=to).copied().filter(|id| included || *id < to).take(count).collect()
        } else {
            Vec::new()
        };
        let mut out = Vec::new();
        self.write_entries(&mut out, &ids);
        out
    }

    /// `XGROUP SETID`.
    fn set_group(&mut self, to: EntryId, watch: &mut Watch) -> Vec<u8> {
        let Some(group) = &mut self.group else { return no_group() };
        // A reader that lives on may set it back to a checkpoint of its own, until its successor's next one.
        let gives_back =
            watch.stop.is_some_and(|stop| self.entries.range(to.next()..=stop.max(to.next())).all(|id| *id > stop));
        if to < group.delivered && !watch.others_read && !gives_back {
            watch.violations.push(format!("the group went back from {} to {to}", group.delivered));
        }
        group.delivered = to;
        ok()
    }
}

impl Group {
    fn info(&self) -> Vec<u8> {
        let mut out = b"*1\r\n*8\r\n".to_vec();
        bulk(&mut out, "name");
        bulk(&mut out, GROUP);
        bulk(&mut out, "last-delivered-id");
        bulk(&mut out, &self.delivered.to_string());
        bulk(&mut out, "pending");
        out.extend_from_slice(&int(self.pending.len() as i64));
        bulk(&mut out, "entries-read");
        out.extend_from_slice(b"$-1\r\n");
        out
    }

    fn execute(&mut self, args: &[String]) -> Vec<u8> {
        let arg = |at: usize| args.get(at).map_or("", String::as_str);
        match (arg(0), arg(1)) {
            ("XGROUP", "CREATECONSUMER") => int(i64::from(self.consumers.insert(arg(4).to_owned()))),
            ("XINFO", "CONSUMERS") => {
                let mut out = format!("*{}\r\n", self.consumers.len()).into_bytes();
                for name in &self.consumers {
                    out.extend_from_slice(b"*4\r\n");
                    bulk(&mut out, "name");
                    bulk(&mut out, name);
                    bulk(&mut out, "pending");
                    out.extend_from_slice(&int(self.pending.values().filter(|owner| *owner == name).count() as i64));
                }
                out
            }
            ("XPENDING", _) => {
                let (from, to, count) = (id(arg(3)), id(arg(4)), arg(5).parse().unwrap_or(0));
                let rows: Vec<_> =
                    self.pending.range(from..=to.max(from)).filter(|(id, _)| **id <= to).take(count).collect();
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
                let name = arg(5);
                if self.pending.values().any(|owner| owner == name) {
                    return b":-1\r\n".to_vec();
                }
                self.consumers.remove(name);
                int(0)
            }
            _ => format!("-ERR unknown command {args:?}\r\n").into_bytes(),
        }
    }
}

impl Watch {
    /// Checks an acknowledgment. `delivered`: up to where the group stands.
    fn acknowledged(&mut self, id: EntryId, delivered: Option<EntryId>) {
        let allowed = self.acknowledgeable.as_ref().is_none_or(|allowed| allowed.contains(&id));
        // What a bounded job was given beyond its end: the group stands before it again, and gives it to the next who
        // asks.
        let stands_before = delivered.is_some_and(|delivered| delivered < id);
        let given_back = self.stop.is_some_and(|stop| id > stop) && stands_before;
        if !allowed && !given_back && !self.excused.contains(&id) {
            self.violations.push(format!("{id} was acknowledged, but no completed checkpoint holds it as emitted"));
        }
    }
}

pub(super) fn no_group() -> Vec<u8> {
    b"-NOGROUP No such key or consumer group\r\n".to_vec()
}

fn id(text: &str) -> EntryId {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}
