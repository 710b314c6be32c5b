//! From the socket's bytes straight into batches, in one pass.
//!
//! The `redis` crate's value tree costs fifteen times the CPU of this, more than a plain Java client (`docs/performance.md`), so the
//! read path has a scanner of its own. It can be stopped and restarted at any byte: what is half there is kept in a few
//! fields, and nothing is looked at twice. It keeps the order of fields and repeated fields, and does not touch their bytes.
//!
//! The replies (RESP2, <https://redis.io/docs/latest/commands/xreadgroup/>, <https://redis.io/docs/latest/commands/xrange/>):
//!
//! ```text
//! XREADGROUP, XREAD   *-1                                     nothing within BLOCK
//!                     *streams( *2( $name, *entries( entry … ) ) … )
//! XRANGE              *entries( entry … )
//! entry               *2( $id, *2n( $field $value … ) )       or *2( $id, *-1 ): pending, but deleted
//! ```

use crate::connection::reply;
use crate::entry_id::EntryId;
use crate::error::{Error, Fault, Result};
use crate::source::decode::batch::BatchBuilder;

/// Which command's reply this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Shape {
    /// `XREADGROUP`, `XREAD`.
    Streams,
    /// `XRANGE`.
    Entries,
}

/// A reply that is all there.
#[derive(Debug)]
pub(in crate::source) enum Reply {
    /// Its entries are in the builder.
    Entries,
    /// Null: a blocking read that ran out of time.
    Nothing,
    /// The server's error.
    Error(Fault),
}

/// Longest line that is kept while it is incomplete. Error texts are a few hundred bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// Two numbers of up to 20 digits.
const LONGEST_ID: usize = 41;

/// What the next token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Reply,
    Stream,
    StreamName,
    StreamEntries,
    Entry,
    Id,
    Fields,
    String,
}

/// Where in a token the input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lex {
    /// In a header line; what there is of it is in `line`.
    Line,
    /// In a body, this many bytes of it to come.
    Body(usize),
    /// In the CRLF behind a body, this many bytes of it to come.
    Tail(u8),
}

/// Scans one reply after the other.
#[derive(Debug)]
pub(in crate::source) struct Scanner {
    shape: Shape,
    expect: Expect,
    lex: Lex,
    line: Vec<u8>,
    id: Vec<u8>,
    entry: EntryId,
    streams_left: usize,
    entries_left: usize,
    strings_left: usize,
}

impl Scanner {
    pub(in crate::source) fn new(shape: Shape) -> Self {
        Self {
            shape,
            expect: Expect::Reply,
            lex: Lex::Line,
            line: Vec::new(),
            id: Vec::new(),
            entry: EntryId::ZERO,
            streams_left: 0,
            entries_left: 0,
            strings_left: 0,
        }
    }

    /// Takes what it can of `input`: how many bytes that was, and the reply if it ended there.
    ///
    /// # Errors
    /// When the bytes are no reply of this shape. The connection is of no more use then.
    pub(in crate::source) fn scan(&mut self, input: &[u8], out: &mut BatchBuilder) -> Result<(usize, Option<Reply>)> {
        out.check_size()?;
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            match self.lex {
                Lex::Line => {
                    if self.expect == Expect::String
                        && self.line.is_empty()
                        && let Some(used) = self.whole_strings(rest, out)?
                    {
                        at += used;
                        if self.expect == Expect::Reply {
                            return Ok((at, Some(Reply::Entries)));
                        }
                        continue;
                    }
                    let Some(end) = memchr::memchr(b'\n', rest) else {
                        self.keep(rest)?;
                        return Ok((input.len(), None));
                    };
                    at += end + 1;
                    if let Some(reply) = self.take_line(&rest[..end], out)? {
                        return Ok((at, Some(reply)));
                    }
                }
                Lex::Body(left) => {
                    let part = &rest[..left.min(rest.len())];
                    at += part.len();
                    match self.expect {
                        Expect::Id => self.id.extend_from_slice(part),
                        Expect::String => out.append(part),
                        _ => {}
                    }
                    self.lex = if part.len() == left { Lex::Tail(2) } else { Lex::Body(left - part.len()) };
                }
                Lex::Tail(left) => {
                    let wanted = if left == 2 { b'\r' } else { b'\n' };
                    if rest[0] != wanted {
                        return Err(Error::protocol("a string of the reply is longer than it said"));
                    }
                    at += 1;
                    if left == 2 {
                        self.lex = Lex::Tail(1);
                    } else if self.end_of_string(out)? {
                        return Ok((at, Some(Reply::Entries)));
                    }
                }
            }
        }
        Ok((at, None))
    }

    /// The fast way: strings of an entry that are wholly in `input`. Gives how much it took, or `None` when not even one is.
    fn whole_strings(&mut self, input: &[u8], out: &mut BatchBuilder) -> Result<Option<usize>> {
        let mut at = 0;
        while self.expect == Expect::String {
            let Some((header, length)) = short_header(&input[at..]) else { break };
            let end = at + header + length;
            if end + 2 > input.len() {
                break;
            }
            if input[end] != b'\r' || input[end + 1] != b'\n' {
                return Err(Error::protocol("a string of the reply is longer than it said"));
            }
            out.begin_string(length as u32);
            out.append(&input[at + header..end]);
            at = end + 2;
            self.string_done(out)?;
        }
        Ok((at > 0).then_some(at))
    }

    fn keep(&mut self, part: &[u8]) -> Result<()> {
        if self.line.len() + part.len() > LONGEST_LINE {
            return Err(Error::protocol("a line of the reply has no end; is this a Redis server?"));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// A header line up to its `\n`, the last part of which is `part`.
    fn take_line(&mut self, part: &[u8], out: &mut BatchBuilder) -> Result<Option<Reply>> {
        if self.line.is_empty() {
            return self.header(part, out);
        }
        self.keep(part)?;
        let line = std::mem::take(&mut self.line);
        let reply = self.header(&line, out);
        self.line = line;
        self.line.clear();
        reply
    }

    fn header(&mut self, line: &[u8], out: &mut BatchBuilder) -> Result<Option<Reply>> {
        let [line @ .., b'\r'] = line else {
            return Err(Error::protocol("a line of the reply is not ended by CRLF; is this a Redis server?"));
        };
        let (Some(&kind), expect) = (line.first(), self.expect) else {
            return Err(Error::protocol("an empty line in the reply; is this a Redis server?"));
        };
        match (kind, expect) {
            (b'-', Expect::Reply) => {
                let fault = Fault::from_server(&String::from_utf8_lossy(&line[1..]));
                return Ok(Some(Reply::Error(fault)));
            }
            (b'$', Expect::Reply) if line == b"$-1" => return Ok(Some(Reply::Nothing)),
            (b'$', Expect::StreamName | Expect::Id | Expect::String) => {
                let length = reply::size(line)?.ok_or_else(|| Error::protocol("a null where a string belongs"))?;
                if expect == Expect::String {
                    out.begin_string(u32::try_from(length).map_err(|_| Error::protocol("a string beyond 4 GiB"))?);
                }
                if expect == Expect::Id && length > LONGEST_ID {
                    return Err(Error::protocol("an entry whose ID is none"));
                }
                self.id.clear();
                self.lex = Lex::Body(length);
                if length == 0 {
                    self.lex = Lex::Tail(2);
                }
                return Ok(None);
            }
            (b'*', _) => {}
            (other, _) => return Err(reply::unexpected(other)),
        }
        let count = reply::size(line)?;
        match (expect, count) {
            (Expect::Reply, None) => return Ok(Some(Reply::Nothing)),
            (Expect::Reply, Some(0)) => return Ok(Some(Reply::Entries)),
            (Expect::Reply, Some(count)) if self.shape == Shape::Streams => {
                self.streams_left = count;
                self.expect = Expect::Stream;
            }
            (Expect::Reply, Some(count)) => {
                self.entries_left = count;
                self.expect = Expect::Entry;
            }
            (Expect::Stream, Some(2)) => self.expect = Expect::StreamName,
            (Expect::StreamEntries, Some(0)) => return Ok(self.stream_done().then_some(Reply::Entries)),
            (Expect::StreamEntries, Some(count)) => {
                self.entries_left = count;
                self.expect = Expect::Entry;
            }
            (Expect::Entry, Some(2)) => self.expect = Expect::Id,
            (Expect::Fields, None) => return Ok(self.entry_done().then_some(Reply::Entries)),
            (Expect::Fields, Some(strings)) if strings % 2 == 0 => {
                out.begin_entry(self.entry, (strings / 2) as u32);
                self.strings_left = strings;
                self.expect = Expect::String;
                if strings == 0 {
                    out.end_entry()?;
                    return Ok(self.entry_done().then_some(Reply::Entries));
                }
            }
            (_, count) => {
                return Err(Error::protocol(format!(
                    "an array of {count:?} in the reply where it has no place ({expect:?})"
                )));
            }
        }
        Ok(None)
    }

    /// Whether the reply is at its end.
    fn end_of_string(&mut self, out: &mut BatchBuilder) -> Result<bool> {
        self.lex = Lex::Line;
        match self.expect {
            Expect::StreamName => self.expect = Expect::StreamEntries,
            Expect::Id => {
                self.entry = EntryId::parse(&self.id).ok_or_else(|| Error::protocol("an entry whose ID is none"))?;
                self.expect = Expect::Fields;
            }
            _ => {
                self.string_done(out)?;
                return Ok(self.expect == Expect::Reply);
            }
        }
        Ok(false)
    }

    fn string_done(&mut self, out: &mut BatchBuilder) -> Result<()> {
        self.strings_left -= 1;
        if self.strings_left == 0 {
            out.end_entry()?;
            self.entry_done();
        }
        Ok(())
    }

    fn entry_done(&mut self) -> bool {
        self.entries_left -= 1;
        if self.entries_left > 0 {
            self.expect = Expect::Entry;
            return false;
        }
        match self.shape {
            Shape::Streams => self.stream_done(),
            Shape::Entries => {
                self.expect = Expect::Reply;
                true
            }
        }
    }

    fn stream_done(&mut self) -> bool {
        self.streams_left -= 1;
        let done = self.streams_left == 0;
        self.expect = if done { Expect::Reply } else { Expect::Stream };
        done
    }
}

/// `$<length>\r\n` with up to nine digits: how long the header is, and the length it says.
fn short_header(input: &[u8]) -> Option<(usize, usize)> {
    if input.first() != Some(&b'$') {
        return None;
    }
    let mut length = 0usize;
    for (n, byte) in input[1..].iter().take(10).enumerate() {
        match byte {
            b'0'..=b'9' => length = length * 10 + usize::from(byte - b'0'),
            b'\r' if n > 0 && input.get(n + 2) == Some(&b'\n') => return Some((n + 3, length)),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::reply::damage;
    use crate::source::decode::batch::tests::{Fields, entries_of};
    use proptest::prelude::*;
    use redis::Value;

    fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
        out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }

    fn encode(shape: Shape, entries: &[(EntryId, Fields)]) -> Vec<u8> {
        let mut out = Vec::new();
        if shape == Shape::Streams {
            out.extend_from_slice(b"*1\r\n*2\r\n");
            bulk(&mut out, b"orders:2");
        }
        out.extend_from_slice(format!("*{}\r\n", entries.len()).as_bytes());
        for (id, fields) in entries {
            out.extend_from_slice(b"*2\r\n");
            bulk(&mut out, id.to_string().as_bytes());
            out.extend_from_slice(format!("*{}\r\n", fields.len() * 2).as_bytes());
            for (name, value) in fields {
                bulk(&mut out, name);
                bulk(&mut out, value);
            }
        }
        out
    }

    /// Feeds `bytes` in pieces that end at `cuts`.
    fn scan_in_pieces(shape: Shape, bytes: &[u8], cuts: &[usize]) -> (Vec<(EntryId, Fields)>, usize) {
        let mut scanner = Scanner::new(shape);
        let mut out = BatchBuilder::new(0, 300);
        let mut at = 0;
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(bytes.len());
        for end in ends {
            while at < end {
                let (used, reply) = scanner.scan(&bytes[at..end], &mut out).unwrap();
                at += used;
                if let Some(reply) = reply {
                    assert!(matches!(reply, Reply::Entries));
                    return (out.take().batches.iter().flat_map(entries_of).collect(), at);
                }
                assert_eq!(at, end, "everything is consumed while the reply goes on");
            }
        }
        panic!("the reply has no end");
    }

    fn entries() -> impl Strategy<Value = Vec<(EntryId, Fields)>> {
        let text = prop::collection::vec(any::<u8>(), 0..40);
        let fields = prop::collection::vec((text.clone(), text), 0..5);
        prop::collection::btree_map((1u64..u64::MAX, any::<u64>()), fields, 1..12)
            .prop_map(|map| map.into_iter().map(|((ms, seq), fields)| (EntryId::new(ms, seq), fields)).collect())
    }

    proptest! {
        #[test]
        fn gives_back_what_was_sent_however_it_is_cut(entries in entries(), cuts in prop::collection::vec(any::<usize>(), 0..20), streams in any::<bool>()) {
            let shape = if streams { Shape::Streams } else { Shape::Entries };
            let mut bytes = encode(shape, &entries);
            let end = bytes.len();
            bytes.extend_from_slice(b"*-1\r\n");
            let (scanned, used) = scan_in_pieces(shape, &bytes, &cuts);
            prop_assert_eq!(used, end);
            prop_assert_eq!(scanned, entries);
        }

        #[test]
        fn never_panics_or_loops_whatever_comes(bytes in prop::collection::vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'-'), b'0'..=b'9', any::<u8>()], 0..300), streams in any::<bool>()) {
            let mut scanner = Scanner::new(if streams { Shape::Streams } else { Shape::Entries });
            let mut out = BatchBuilder::new(0, 300);
            let mut at = 0;
            while at < bytes.len() {
                match scanner.scan(&bytes[at..], &mut out) {
                    Ok((used, reply)) => {
                        prop_assert!(used > 0);
                        at += used;
                        prop_assert!(reply.is_some() || at == bytes.len());
                    }
                    Err(_) => break,
                }
            }
        }

        #[test]
        fn a_damaged_reply_gives_no_entry_that_was_not_there(entries in entries(), at in any::<usize>(), to in any::<u8>()) {
            let mut bytes = encode(Shape::Entries, &entries);
            // The frame of the reply, not the payload: a header byte replaced.
            let headers: Vec<usize> = (0..bytes.len()).filter(|i| matches!(bytes[*i], b'*' | b'$')).collect();
            let at = headers[at % headers.len()];
            bytes[at] = to;
            let mut scanner = Scanner::new(Shape::Entries);
            let mut out = BatchBuilder::new(0, 300);
            if scanner.scan(&bytes, &mut out).is_err() {
                out.discard();
                prop_assert!(out.take().batches.is_empty());
            }
        }
    }

    /// Entries, and where their reply ends.
    type Scanned = (Vec<(EntryId, Fields)>, usize);

    /// What becomes of `bytes` in pieces that end at `cuts`: the entries of the reply they begin with, and where it ends; `None`: it is
    /// not all there.
    fn outcome(shape: Shape, bytes: &[u8], cuts: &[usize]) -> Result<Option<Scanned>, ()> {
        let (mut scanner, mut out) = (Scanner::new(shape), BatchBuilder::new(0, 300));
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([bytes.len()]).collect();
        ends.sort_unstable();
        let mut at = 0;
        for end in ends {
            if at == end {
                continue;
            }
            let (used, reply) = scanner.scan(&bytes[at..end], &mut out).map_err(drop)?;
            at += used;
            if reply.is_some() {
                return Ok(Some((out.take().batches.iter().flat_map(entries_of).collect(), at)));
            }
            assert_eq!(at, end, "everything is consumed while the reply goes on");
        }
        Ok(None)
    }

    /// The same of a whole reply, as the `redis` crate reads it.
    fn entries_in(shape: Shape, reply: &[u8]) -> Vec<(EntryId, Fields)> {
        let text = |value: &Value| match value {
            Value::BulkString(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        };
        let items = |value: &Value| value.as_sequence().map(<[Value]>::to_vec).unwrap_or_default();
        let entry = |entry: &Value| {
            let (id, fields) = (&items(entry)[0], &items(entry)[1]);
            let pairs = items(fields).chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
            // Without fields: it was deleted while it was pending.
            (*fields != Value::Nil).then(|| (EntryId::parse(&text(id)).unwrap(), pairs))
        };
        let reply = match redis::parse_redis_value(reply) {
            Ok(reply) => items(&reply),
            Err(error) => panic!("the scanner has read what the crate can't: {error}"),
        };
        match shape {
            Shape::Streams => {
                reply.iter().flat_map(|stream| items(&items(stream)[1])).filter_map(|e| entry(&e)).collect()
            }
            Shape::Entries => reply.iter().filter_map(entry).collect(),
        }
    }

    fn assert_no_wrong_entry(shape: Shape, bytes: &[u8], cuts: &[usize]) {
        let whole = outcome(shape, bytes, &[]);
        assert_eq!(outcome(shape, bytes, cuts), whole);
        if let Ok(Some((entries, end))) = whole
            && bytes[0] == b'*'
        {
            // Entries at ID 0-0 and below the last one are left out by the builder, not by the scanner.
            let read = entries_in(shape, &bytes[..end]).into_iter().filter(|(id, _)| *id > EntryId::ZERO);
            assert_eq!(entries, read.collect::<Vec<_>>());
        }
    }

    proptest! {
        #[test]
        fn a_damaged_reply_gives_no_wrong_entry_however_it_is_cut(
            entries in entries(),
            damage in prop::collection::vec(damage::any(), 0..4),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
            streams in any::<bool>(),
        ) {
            let shape = if streams { Shape::Streams } else { Shape::Entries };
            assert_no_wrong_entry(shape, &damage::done(encode(shape, &entries), &damage), &cuts);
        }

        #[test]
        fn noise_gives_no_wrong_entry_however_it_is_cut(
            bytes in damage::noise(),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
            streams in any::<bool>(),
        ) {
            assert_no_wrong_entry(if streams { Shape::Streams } else { Shape::Entries }, &bytes, &cuts);
        }
    }

    #[test]
    fn an_announced_length_is_not_taken_on_trust() {
        let mut out = BatchBuilder::new(0, 300);
        let mut scan = |bytes: &[u8]| Scanner::new(Shape::Entries).scan(bytes, &mut out).map(|(used, _)| used);
        assert!(scan(b"*1\r\n*2\r\n$536870912\r\n").is_err(), "an ID");
        assert!(scan(b"*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$536870913\r\n").is_err(), "a field");
        assert!(scan(b"*536870913\r\n").is_err(), "entries");
        let largest = b"*536870912\r\n*2\r\n$3\r\n1-0\r\n*536870912\r\n$536870912\r\n";
        assert_eq!(scan(largest).unwrap(), largest.len());
    }

    #[test]
    fn every_single_cut_of_one_reply() {
        let entries = vec![
            (
                EntryId::new(1_526_919_030_474, 55),
                vec![(b"a".to_vec(), b"1".to_vec()), (b"a".to_vec(), b"\r\n$3\r\n".to_vec())],
            ),
            (EntryId::new(1_526_919_030_474, 56), vec![(Vec::new(), Vec::new())]),
        ];
        for shape in [Shape::Streams, Shape::Entries] {
            let bytes = encode(shape, &entries);
            for cut in 0..=bytes.len() {
                assert_eq!(scan_in_pieces(shape, &bytes, &[cut]).0, entries, "cut at {cut}");
            }
            let every: Vec<usize> = (0..=bytes.len()).collect();
            assert_eq!(scan_in_pieces(shape, &bytes, &every).0, entries);
        }
    }

    #[test]
    fn the_other_replies() {
        let mut out = BatchBuilder::new(0, 300);
        let mut scan = |shape, bytes: &[u8]| Scanner::new(shape).scan(bytes, &mut out).unwrap();
        assert!(matches!(scan(Shape::Streams, b"*-1\r\n"), (5, Some(Reply::Nothing))));
        assert!(matches!(scan(Shape::Streams, b"$-1\r\n"), (5, Some(Reply::Nothing))));
        assert!(matches!(scan(Shape::Entries, b"*0\r\n"), (4, Some(Reply::Entries))));
        let (used, reply) = scan(Shape::Streams, b"-NOGROUP No such key\r\n*-1\r\n");
        assert_eq!(used, 22);
        assert!(matches!(reply, Some(Reply::Error(fault)) if fault.code == "NOGROUP"));
    }

    #[test]
    fn an_entry_that_was_deleted_while_pending_is_passed_over() {
        let mut out = BatchBuilder::new(0, 300);
        let reply = b"*2\r\n*2\r\n$3\r\n1-0\r\n*-1\r\n*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
        let (used, done) = Scanner::new(Shape::Entries).scan(reply, &mut out).unwrap();
        assert_eq!(used, reply.len());
        assert!(done.is_some());
        assert_eq!(out.take().ids, [EntryId::new(2, 0)].into_iter().collect());
    }
}
