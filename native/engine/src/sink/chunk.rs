//! Chunks: units that go over one connection together.

use std::sync::Arc;

use crate::resp::encode::ASKING;
use crate::sink::unit::{Commands, EncodedUnit, Unit, UnitEncoder, UnitKind};
use crate::spares::Spares;

#[derive(Debug)]
pub(super) struct Chunk {
    commands: Commands,
    /// How many units, from the first on, are answered.
    answered: usize,
    /// Each unit is led by `ASKING`.
    asking: bool,
    /// Units that were deferred or rejected, in order: they go on by themselves, also when the chunk is sent again.
    detached: Vec<usize>,
    /// Where its memory goes when it is dropped.
    spares: Option<Arc<Spares>>,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(spares) = &self.spares {
            spares.give(std::mem::take(&mut self.commands.bytes));
        }
    }
}

impl Chunk {
    pub(super) fn new(commands: Commands) -> Self {
        Self { commands, answered: 0, asking: false, detached: Vec::new(), spares: None }
    }

    /// Has the memory of the commands used again.
    pub(super) fn reusing(mut self, spares: &Arc<Spares>) -> Self {
        self.spares = Some(Arc::clone(spares));
        self
    }

    /// Creates a chunk to be filled. One that is `asking` is for a server that gets keys and does not own them yet.
    pub(super) fn empty(asking: bool) -> Self {
        let mut chunk = Self::new(Commands::default());
        chunk.asking = asking;
        chunk
    }

    /// Creates one with room for so many units and bytes.
    pub(super) fn with_room(asking: bool, (units, bytes): (usize, usize)) -> Self {
        let mut chunk = Self::empty(asking);
        chunk.commands = Commands { bytes: Vec::with_capacity(bytes), units: Vec::with_capacity(units) };
        chunk
    }

    /// Appends a copy of a unit.
    pub(super) fn append(&mut self, unit: EncodedUnit<'_>) {
        self.lead();
        self.commands.append(unit);
    }

    /// Begins a unit behind those that are there.
    pub(super) fn begin(&mut self) -> UnitEncoder<'_> {
        self.lead();
        self.commands.begin()
    }

    fn lead(&mut self) {
        if self.asking {
            self.commands.bytes.extend_from_slice(ASKING);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.commands.bytes
    }

    /// Returns where the units begin that are not answered.
    pub(super) fn start(&self) -> usize {
        self.end_of(self.answered)
    }

    /// Returns where these many units end.
    fn end_of(&self, units: usize) -> usize {
        units.checked_sub(1).map_or(0, |last| self.commands.units[last].end)
    }

    fn unit(&self, at: usize) -> Option<EncodedUnit<'_>> {
        let unit = self.commands.units.get(at)?;
        let bytes = &self.commands.bytes[self.end_of(at)..unit.end];
        Some(EncodedUnit::new(if self.asking { &bytes[ASKING.len()..] } else { bytes }, unit))
    }

    /// Returns the unit whose replies are next.
    pub(super) fn current(&self) -> Option<EncodedUnit<'_>> {
        self.unit(self.answered)
    }

    /// Returns the length in bytes of the unit whose replies are next, with its `ASKING`.
    pub(super) fn current_len(&self) -> usize {
        self.commands.units.get(self.answered).map_or(0, |unit| unit.end - self.start())
    }

    /// Counts the current unit as answered, and returns its length in bytes, with its `ASKING`.
    pub(super) fn step(&mut self) -> usize {
        let before = self.start();
        self.answered += 1;
        self.start() - before
    }

    /// Detaches the current unit: should the chunk be sent again, it is not.
    pub(super) fn detach(&mut self) {
        self.detached.push(self.answered);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered == self.commands.units.len()
    }

    /// Forgets all answers, so that the whole chunk is sent again, but for what is detached.
    pub(super) fn rewind(mut self) -> Self {
        self.answered = 0;
        self
    }

    pub(super) fn is_asking(&self) -> bool {
        self.asking
    }

    /// Tells whether it may be sent as it is: else its [`units`](Self::units) must be put into other chunks.
    pub(super) fn is_whole(&self) -> bool {
        !self.asking && self.detached.is_empty()
    }

    /// Tells whether it is a `WAIT`, which is always alone.
    pub(super) fn is_wait(&self) -> bool {
        matches!(self.commands.units[..], [Unit { kind: UnitKind::Replicas, .. }])
    }

    /// Returns the units that are still to be sent.
    pub(super) fn units(&self) -> impl Iterator<Item = EncodedUnit<'_>> {
        (self.answered..self.commands.units.len())
            .filter(|at| self.detached.binary_search(at).is_err())
            .filter_map(|at| self.unit(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appends a command of its own for each key; the payload is the key twice.
    fn fill(chunk: &mut Chunk, keys: &[&str]) {
        for key in keys {
            let twice = key.repeat(2);
            let mut unit = chunk.begin();
            unit.header(3).argument(b"HSET").key(key.as_bytes());
            unit.payload([twice.as_bytes()].into_iter()).end(UnitKind::Hash);
        }
    }

    /// Asserts that the units still to be sent are these, and know what they are.
    fn assert_units(chunk: &Chunk, keys: &[&str]) {
        assert_eq!(chunk.units().map(|unit| String::from_utf8_lossy(unit.key())).collect::<Vec<_>>(), keys);
        for unit in chunk.units() {
            let payload: Vec<_> = unit.payload_strings().collect();
            assert_eq!(payload, [unit.key().repeat(2)]);
            assert_eq!(unit.arguments().collect::<Vec<_>>(), [&b"HSET"[..], unit.key(), payload[0]]);
        }
    }

    #[test]
    fn units_keep_their_keys_wherever_they_go() {
        for asking in [false, true] {
            let mut chunk = Chunk::empty(asking);
            fill(&mut chunk, &["a", "bbbb", "cc", "ddd"]);
            assert_units(&chunk, &["a", "bbbb", "cc", "ddd"]);
            // Split over two nodes, and deferred behind what is there.
            for other in [false, true] {
                let mut parts = [Chunk::empty(asking), Chunk::empty(other)];
                fill(&mut parts[1], &["before"]);
                chunk.units().enumerate().for_each(|(at, unit)| parts[at % 2].append(unit));
                assert_units(&parts[0], &["a", "cc"]);
                assert_units(&parts[1], &["before", "bbbb", "ddd"]);
            }
        }
    }

    #[test]
    fn transactions_and_waits_keep_theirs_too() {
        for asking in [false, true] {
            let mut chunk = Chunk::empty(asking);
            fill(&mut chunk, &["before"]);
            let mut opening = chunk.begin();
            opening.command(&[b"MULTI"]).command(&[b"SADD", b"index", b"staging"]);
            opening.header(5).argument(b"XADD").key(b"staging").argument(b"1-1");
            opening.payload([&b"f"[..], b"v"].into_iter()).command(&[b"EXEC"]).end(UnitKind::Opening(1));
            chunk.begin().command(&[b"WAIT", b"1", b"10"]).end(UnitKind::Replicas);
            chunk.step();
            let mut copy = Chunk::empty(!asking);
            chunk.units().for_each(|unit| copy.append(unit));
            for chunk in [chunk, copy.rewind()] {
                let units: Vec<_> = chunk.units().map(|unit| (unit.kind(), unit.key(), unit.payload())).collect();
                let opening = (UnitKind::Opening(1), &b"staging"[..], &b"$1\r\nf\r\n$1\r\nv\r\n"[..]);
                assert_eq!(units, [opening, (UnitKind::Replicas, b"", b"")]);
                assert!(chunk.units().all(|unit| unit.bytes().starts_with(b"*") && unit.bytes().ends_with(b"\r\n")));
                assert!(!chunk.is_wait());
            }
        }
    }

    #[test]
    fn its_memory_is_used_again() {
        let spares = Arc::new(Spares::new(1 << 20));
        let mut chunk = Chunk::empty(false).reusing(&spares);
        fill(&mut chunk, &["a", &"b".repeat(50_000)]);
        assert_eq!(spares.bytes(), 0);
        drop(chunk.rewind());
        assert!(spares.bytes() >= 100_000);
    }

    #[test]
    fn gives_what_is_still_to_be_sent() {
        let mut chunk = Chunk::empty(true);
        fill(&mut chunk, &["a", "bbbb", "cc", "ddd"]);
        let length = chunk.bytes().len();
        let first = chunk.current().map_or(0, |unit| unit.bytes().len());
        assert_eq!(chunk.step(), ASKING.len() + first);
        assert_eq!(chunk.current().map(EncodedUnit::key), Some(&b"bbbb"[..]));
        chunk.detach();
        chunk.step();
        assert_units(&chunk, &["cc", "ddd"]);
        assert!(!chunk.is_answered() && !chunk.is_whole());
        let chunk = chunk.rewind();
        assert_units(&chunk, &["a", "cc", "ddd"]);
        assert_eq!((chunk.start(), chunk.bytes().len()), (0, length));
    }
}
