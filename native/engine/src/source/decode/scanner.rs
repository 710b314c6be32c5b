//! From the socket's bytes straight into batches, in one pass.
//!
//! The `redis` crate's value tree costs fifteen times the CPU of this, more than a plain Java client
//! (`docs/performance.md`), so the read path has a scanner of its own. It can be stopped and restarted at any byte:
//! what is half there is kept in a few fields, and nothing is looked at twice. It keeps the order of fields and
//! repeated fields, and does not touch their bytes.
//!
//! The replies (RESP2, <https://redis.io/docs/latest/commands/xreadgroup/>,
//! <https://redis.io/docs/latest/commands/xrange/>):
//!
//! ```text
//! XREADGROUP, XREAD   *-1                                     nothing within BLOCK
//!                     *streams( *2( $name, *entries( entry … ) ) … )
//! XRANGE              *entries( entry … )
//! entry               *2( $id, *2n( $field $value … ) )       or *2( $id, *-1 ): pending, but deleted
//! ```

use crate::error::{Error, Fault, Result};
use crate::resp::limits::LONGEST_LINE;
use crate::resp::reply;
use crate::source::decode::batch::BatchBuilder;
use crate::stream::EntryId;

/// Says which command's reply it is.
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

/// The length of the longest entry ID, in bytes: two numbers of up to 20 digits.
const LONGEST_ID: usize = 41;

/// Says what the next token is.
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

/// Says where in a token the input ended.
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

    /// Scans what it can of `input`. Returns how many bytes that was, and the reply if it ended there.
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

    /// Returns how many bytes are to come of the string that the input has ended in; `None`: it has ended elsewhere.
    pub(in crate::source) fn string_to_come(&self) -> Option<usize> {
        match self.lex {
            Lex::Body(left) if self.expect == Expect::String => Some(left),
            _ => None,
        }
    }

    /// Notes that so many bytes of these have gone past the scanner into the batch.
    pub(in crate::source) fn string_came(&mut self, bytes: usize) {
        if let Lex::Body(left) = self.lex {
            self.lex = if bytes >= left { Lex::Tail(2) } else { Lex::Body(left - bytes) };
        }
    }

    /// Scans strings of an entry that are wholly in `input`: the fast way. Returns how many bytes these were, or `None`
    /// when not even one is.
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

    /// Scans a header line up to its `\n`, the last part of which is `part`.
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

    /// Ends a string, and returns whether the reply is at its end.
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

/// Reads `$<length>\r\n` with up to nine digits. Returns how long the header is, and the length it says.
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
mod tests;
