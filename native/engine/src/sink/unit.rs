//! Units: what is sent, and confirmed, as one; and how they are encoded.
//!
//! Who encodes a unit knows where its key and its payload are, and notes that. So nobody has to parse a command to find
//! them again.

use std::ops::Range;

use redis::Cmd;

use crate::resp::encode as resp;
use crate::resp::reply;

/// The length of a string that is below every server's limit, in bytes (`proto-max-bulk-len` is at least 1 MiB).
pub(super) const SAFE_STRING_BYTES: usize = 1024 * 1024;

/// A command or a transaction within [`Commands`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// Where it ends in the bytes of all.
    pub(super) end: usize,
    key: Span,
    payload: Span,
    pub(super) kind: UnitKind,
}

/// A range of bytes, counted from where the unit's own bytes begin. So it stays right wherever the unit is copied to.
///
/// A batch is no larger than a Java array, 2 GiB, and encoding adds no more than half of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of(range: Range<usize>) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: offset(range.start), end: offset(range.end) }
    }

    fn of_bytes(self, unit: &[u8]) -> &[u8] {
        unit.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitKind {
    /// `XADD` of a record to a stream of the topic.
    Append,
    /// `XADD` of a record that was rejected, to the dead-letter stream.
    DeadLetter,
    /// `JSON.SET` of a record.
    Document,
    /// `HSET` of a record.
    Hash,
    /// The first append to a staging stream, of so many records, in a transaction with what else makes the stream.
    Opening(u64),
    /// A further append to a staging stream, of so many records. Each has an ID of its own, so that it can be sent
    /// again.
    Staged(u64),
    /// Asks how many entries a staging stream has, which must be so many; in a transaction that renews its time to
    /// live.
    Sealing(u64),
    /// `WAIT`: asks how many replicas have all that came before it on this connection.
    Replicas,
    /// `EXPIRE` of a key whose record was written.
    Expiry,
}

impl UnitKind {
    /// Returns how many commands a transaction holds between `MULTI` and `EXEC`, or `None` for a single command.
    pub(super) fn commands(self) -> Option<usize> {
        match self {
            Self::Opening(_) => Some(4),
            Self::Sealing(_) => Some(2),
            _ => None,
        }
    }

    /// Returns the name of the command that writes or asks.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Append | Self::DeadLetter | Self::Opening(_) | Self::Staged(_) => "XADD",
            Self::Document => "JSON.SET",
            Self::Hash => "HSET",
            Self::Sealing(_) => "XLEN",
            Self::Replicas => "WAIT",
            Self::Expiry => "EXPIRE",
        }
    }

    /// Returns what messages call the key: `stream` or `key`.
    pub(super) fn target(self) -> &'static str {
        if self.command() == "XADD" { "stream" } else { "key" }
    }

    /// Tells whether a later write to the same key replaces what this one writes.
    pub(super) fn is_keyed(self) -> bool {
        matches!(self, Self::Document | Self::Hash)
    }
}

/// A unit with its bytes, without the `ASKING` that may lead it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EncodedUnit<'c> {
    bytes: &'c [u8],
    unit: &'c Unit,
}

impl<'c> EncodedUnit<'c> {
    pub(super) fn new(bytes: &'c [u8], unit: &'c Unit) -> Self {
        Self { bytes, unit }
    }

    pub(super) fn bytes(self) -> &'c [u8] {
        self.bytes
    }

    pub(super) fn kind(self) -> UnitKind {
        self.unit.kind
    }

    /// Returns the key that decides which server gets the unit; empty for a `WAIT`.
    pub(super) fn key(self) -> &'c [u8] {
        self.unit.key.of_bytes(self.bytes)
    }

    /// Returns what the record holds, encoded: its fields and values, or its document. Empty for a unit without a
    /// record.
    pub(super) fn payload(self) -> &'c [u8] {
        self.unit.payload.of_bytes(self.bytes)
    }

    /// Returns the strings of the payload.
    pub(super) fn payload_strings(self) -> impl Iterator<Item = &'c [u8]> {
        strings(self.payload())
    }

    /// Returns the name and all arguments of a single command.
    pub(super) fn arguments(self) -> impl Iterator<Item = &'c [u8]> {
        // Behind the header line, which says how many there are.
        strings(memchr::memchr(b'\n', self.bytes).map_or(&[], |end| &self.bytes[end + 1..]))
    }
}

/// Returns encoded strings, one after the other.
fn strings(encoded: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = encoded;
    std::iter::from_fn(move || {
        let (string, tail) = reply::bulk(rest)?;
        rest = tail;
        Some(string)
    })
}

/// Encoded units, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Commands {
    pub(super) bytes: Vec<u8>,
    pub(super) units: Vec<Unit>,
}

impl Commands {
    /// Begins a unit, to be encoded behind those that are there.
    pub(super) fn begin(&mut self) -> UnitEncoder<'_> {
        let start = self.bytes.len();
        UnitEncoder { commands: self, start, key: Span::default(), payload: Span::default() }
    }

    /// Appends a copy of a unit.
    pub(super) fn append(&mut self, unit: EncodedUnit<'_>) {
        self.bytes.extend_from_slice(unit.bytes);
        self.units.push(Unit { end: self.bytes.len(), ..*unit.unit });
    }
}

/// Encodes a unit into the bytes that go out. It counts only once [`end`](Self::end) is called.
pub(super) struct UnitEncoder<'c> {
    commands: &'c mut Commands,
    start: usize,
    key: Span,
    payload: Span,
}

impl UnitEncoder<'_> {
    /// Appends a command without a key.
    pub(super) fn command(&mut self, arguments: &[&[u8]]) -> &mut Self {
        resp::command(&mut self.commands.bytes, arguments);
        self
    }

    /// Appends a command without a key, as the client library writes it.
    pub(super) fn packed(&mut self, command: &Cmd) -> &mut Self {
        command.write_packed_command(&mut self.commands.bytes);
        self
    }

    /// Appends the head of a command with so many arguments, its name included; they must follow.
    pub(super) fn header(&mut self, arguments: usize) -> &mut Self {
        resp::header(&mut self.commands.bytes, b'*', arguments);
        self
    }

    pub(super) fn argument(&mut self, argument: &[u8]) -> &mut Self {
        resp::bulk(&mut self.commands.bytes, argument);
        self
    }

    /// Appends an argument that is the unit's key.
    pub(super) fn key(&mut self, key: &[u8]) -> &mut Self {
        self.argument(key);
        // Behind it is the end of its line.
        let end = self.length() - 2;
        self.key = Span::of(end - key.len()..end);
        self
    }

    /// Appends arguments that are encoded already.
    pub(super) fn prefix(&mut self, prefix: &Prefix) -> &mut Self {
        let at = self.length();
        self.key = Span::of(at + prefix.key.start..at + prefix.key.end);
        self.commands.bytes.extend_from_slice(&prefix.arguments);
        self
    }

    /// Appends arguments that are the unit's payload.
    pub(super) fn payload<'s>(&mut self, strings: impl Iterator<Item = &'s [u8]>) -> &mut Self {
        let start = self.length();
        strings.for_each(|string| resp::bulk(&mut self.commands.bytes, string));
        self.payload = Span::of(start..self.length());
        self
    }

    /// Ends the unit.
    pub(super) fn end(&mut self, kind: UnitKind) {
        let (key, payload) = (self.key, self.payload);
        self.commands.units.push(Unit { end: self.commands.bytes.len(), key, payload, kind });
    }

    fn length(&self) -> usize {
        self.commands.bytes.len() - self.start
    }
}

/// What an `XADD` has before the record's own strings: its name, the stream, the options, the ID.
pub(super) struct Prefix {
    arguments: Vec<u8>,
    /// How many these are.
    count: usize,
    /// Where the stream is in them.
    key: Range<usize>,
}

impl Prefix {
    pub(super) fn new(stream: &[u8], options_and_id: &[&[u8]]) -> Self {
        let mut arguments = Vec::new();
        resp::bulk(&mut arguments, b"XADD");
        resp::bulk(&mut arguments, stream);
        let end = arguments.len() - 2;
        options_and_id.iter().for_each(|argument| resp::bulk(&mut arguments, argument));
        Self { arguments, count: 2 + options_and_id.len(), key: end - stream.len()..end }
    }

    /// Returns how many arguments it has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Appends the command with so many strings, which are encoded already.
    pub(super) fn append_encoded(&self, out: &mut Vec<u8>, count: usize, strings: &[u8]) {
        resp::header(out, b'*', self.count + count);
        out.extend_from_slice(&self.arguments);
        out.extend_from_slice(strings);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns the units of commands.
    pub(crate) fn units(commands: &Commands) -> Vec<EncodedUnit<'_>> {
        let starts = std::iter::once(0).chain(commands.units.iter().map(|unit| unit.end));
        let mut units = Vec::new();
        for (start, unit) in starts.zip(&commands.units) {
            units.push(EncodedUnit::new(&commands.bytes[start..unit.end], unit));
        }
        units
    }

    /// Returns the words of encoded commands, one by one and by their own lengths.
    pub(crate) fn words(mut commands: &[u8]) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        while !commands.is_empty() {
            let (command, rest) = commands.split_at(crate::resp::reply::length(commands).unwrap().unwrap());
            let header = memchr::memchr(b'\n', command).unwrap();
            let words = strings(&command[header + 1..]).map(|word| String::from_utf8_lossy(word).into_owned());
            found.push(words.collect());
            commands = rest;
        }
        found
    }

    #[test]
    fn a_unit_knows_its_key_and_its_payload() {
        let mut commands = Commands::default();
        let fields: [&[u8]; 4] = [b"f", b"\r\n$1\r\nx", b"", b"\xff"];
        let prefix = Prefix::new(b"t:0", &[b"MAXLEN", b"5", b"*"]);
        commands.begin().header(prefix.count() + 4).prefix(&prefix).payload(fields.into_iter()).end(UnitKind::Append);
        let mut listing = commands.begin();
        listing.command(&[b"MULTI"]);
        listing.header(3).argument(b"SADD").argument(b"index").key(b"staging");
        listing.header(5).argument(b"XADD").argument(b"staging").argument(b"1-1").payload(fields[..2].iter().copied());
        listing.command(&[b"EXEC"]).end(UnitKind::Opening(1));
        commands.begin().command(&[b"WAIT", b"1", b"10"]).end(UnitKind::Replicas);
        let units = units(&commands);
        assert_eq!(units.iter().map(|unit| unit.key()).collect::<Vec<_>>(), [&b"t:0"[..], b"staging", b""]);
        assert_eq!(units[0].payload_strings().collect::<Vec<_>>(), fields);
        assert_eq!(units[1].payload_strings().collect::<Vec<_>>(), fields[..2]);
        assert_eq!(units[2].payload(), b"");
        let arguments: [&[u8]; 9] =
            [b"XADD", b"t:0", b"MAXLEN", b"5", b"*", fields[0], fields[1], fields[2], fields[3]];
        assert_eq!(units[0].arguments().collect::<Vec<_>>(), arguments);
        let mut other = Commands::default();
        other.begin().command(&[b"PING"]).end(UnitKind::Replicas);
        other.append(units[1]);
        assert_eq!(tests::units(&other)[1].key(), b"staging");
    }

    #[test]
    fn broken_strings_end_where_they_break() {
        let whole = b"$1\r\na\r\n$2\r\nbc\r\n";
        for cut in 0..whole.len() {
            assert!(strings(&whole[..cut]).count() <= 1, "{cut}");
        }
        assert_eq!(strings(b"$x\r\n").count() + strings(b"\n").count() + strings(b"$9\r\na\r\n").count(), 0);
    }
}
