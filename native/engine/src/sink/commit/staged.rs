//! Entries of a staging stream, as `XRANGE` brings them, and the records that they hold.
//!
//! A reply writes strings as a command does. So what a record holds is not decoded: it goes out again byte by byte, in
//! its order.

use crate::error::{Error, Result};
use crate::resp::reply;
use crate::sink::committable::Committable;
use crate::sink::pack::{StagedRecord, unpack};
use crate::stream::EntryId;

/// An entry: its ID, and its fields and values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'r> {
    pub(super) id: EntryId,
    /// How many strings it has.
    pub(super) count: usize,
    /// All of them, encoded.
    pub(super) strings: &'r [u8],
}

impl<'r> Entry<'r> {
    /// Returns the records that it holds for a committable, in order; `None` if that is not what was staged.
    pub(super) fn records(&self, committable: &Committable) -> Option<Vec<StagedRecord<'r>>> {
        let records = match committable.packed {
            Some(_) => unpack(self.count, self.strings)?,
            None => vec![StagedRecord { count: self.count, strings: self.strings }],
        };
        (self.id.ms == committable.epoch && self.id.seq >= records.len() as u64).then_some(records)
    }
}

/// Returns the entries of a whole reply to `XRANGE` (<https://redis.io/docs/latest/commands/xrange/>).
pub(super) fn entries(reply: &[u8]) -> Result<Vec<Entry<'_>>> {
    if let Some(fault) = reply::refusal(reply) {
        return Err(fault.into());
    }
    let mut rest = reply;
    let count = number(&mut rest, b'*')?;
    let mut entries = Vec::with_capacity(count.min(rest.len() / 16));
    for _ in 0..count {
        if number(&mut rest, b'*')? != 2 {
            return Err(unreadable());
        }
        let id_length = number(&mut rest, b'$')?;
        let (id, tail) = rest.split_at_checked(id_length).ok_or_else(unreadable)?;
        rest = tail.strip_prefix(b"\r\n").ok_or_else(unreadable)?;
        let length = reply::length(rest)?.ok_or_else(unreadable)?;
        let (mut strings, tail) = rest.split_at(length);
        let count = number(&mut strings, b'*')?;
        entries.push(Entry { id: EntryId::parse(id).ok_or_else(unreadable)?, count, strings });
        rest = tail;
    }
    Ok(entries)
}

/// Returns the number of the header line that `rest` begins with, and goes on behind it.
fn number(rest: &mut &[u8], kind: u8) -> Result<usize> {
    let line = reply::header(rest)?.filter(|line| line[0] == kind).ok_or_else(unreadable)?;
    *rest = &rest[line.len() + 2..];
    reply::size(line)?.ok_or_else(unreadable)
}

fn unreadable() -> Error {
    Error::protocol("the reply to XRANGE can't be read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::damage;
    use proptest::prelude::*;

    const REPLY: &[u8] = b"*2\r\n*2\r\n$3\r\n7-1\r\n*2\r\n$1\r\nf\r\n$2\r\n\r\n\r\n\
        *2\r\n$3\r\n7-2\r\n*4\r\n$1\r\na\r\n$0\r\n\r\n$1\r\na\r\n$1\r\n\xff\r\n";

    #[test]
    fn gives_what_an_entry_holds_as_it_came() {
        let id = |seq| EntryId { ms: 7, seq };
        let read = entries(REPLY).unwrap();
        assert_eq!(read[0], Entry { id: id(1), count: 2, strings: b"$1\r\nf\r\n$2\r\n\r\n\r\n" });
        assert_eq!(read[1], Entry { id: id(2), count: 4, strings: b"$1\r\na\r\n$0\r\n\r\n$1\r\na\r\n$1\r\n\xff\r\n" });
        assert_eq!(entries(b"*0\r\n").unwrap(), []);
        assert!(entries(b"-NOPERM no\r\n").unwrap_err().to_string().starts_with("NOPERM no"));
        for other in
            [&b":1\r\n"[..], b"*-1\r\n", b"*1\r\n$1\r\na\r\n", b"*1\r\n*2\r\n$1\r\na\r\n*0\r\n", b"+QUEUED\r\n"]
        {
            assert!(entries(other).is_err(), "{}", String::from_utf8_lossy(other));
        }
    }

    proptest! {
        #[test]
        fn never_panics(damages in prop::collection::vec(damage::any(), 1..4)) {
            _ = entries(&damage::done(REPLY.to_vec(), &damages));
        }
    }
}
