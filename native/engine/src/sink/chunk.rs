//! Units that go over one connection together.

use crate::sink::encode::{Commands, Unit, UnitKind, resp};

#[derive(Debug)]
pub(super) struct Chunk {
    commands: Commands,
    /// How many units, from the first on, are answered.
    answered: usize,
    /// Each unit is led by `ASKING`.
    asking: bool,
    /// Units that were put off or rejected, in order: they go on by themselves, also when the chunk is sent again.
    detached: Vec<usize>,
    /// How many of its records are written, and not yet known to be on enough replicas.
    pub(super) written: u64,
}

impl Chunk {
    pub(super) fn new(commands: Commands) -> Self {
        Self { commands, answered: 0, asking: false, detached: Vec::new(), written: 0 }
    }

    /// To be filled, for a server that gets keys and does not own them yet, or for another one.
    pub(super) fn empty(asking: bool) -> Self {
        Self { asking, ..Self::new(Commands::default()) }
    }

    pub(super) fn append(&mut self, unit: &[u8], kind: UnitKind) {
        let Commands { bytes, units } = &mut self.commands;
        if self.asking {
            bytes.extend_from_slice(resp::ASKING);
        }
        bytes.extend_from_slice(unit);
        units.push(Unit { end: bytes.len(), kind });
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.commands.bytes
    }

    /// Where the units begin that are not answered.
    pub(super) fn start(&self) -> usize {
        self.end_of(self.answered)
    }

    /// Where these many units end.
    fn end_of(&self, units: usize) -> usize {
        units.checked_sub(1).map_or(0, |last| self.commands.units[last].end)
    }

    fn unit(&self, at: usize) -> Option<(&[u8], &UnitKind)> {
        let unit = self.commands.units.get(at)?;
        let bytes = &self.commands.bytes[self.end_of(at)..unit.end];
        Some((if self.asking { &bytes[resp::ASKING.len()..] } else { bytes }, &unit.kind))
    }

    /// The unit whose replies are next, without its `ASKING`.
    pub(super) fn current(&self) -> Option<(&[u8], &UnitKind)> {
        self.unit(self.answered)
    }

    /// It is answered. Gives what it measures.
    pub(super) fn step(&mut self) -> usize {
        let before = self.start();
        self.answered += 1;
        self.start() - before
    }

    /// The current unit goes on by itself.
    pub(super) fn detach(&mut self) {
        self.detached.push(self.answered);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered == self.commands.units.len()
    }

    /// What is answered counts for nothing.
    pub(super) fn rewind(mut self) -> Self {
        (self.answered, self.written) = (0, 0);
        self
    }

    pub(super) fn is_asking(&self) -> bool {
        self.asking
    }

    /// Whether it may be sent as it is: else its [`units`](Self::units) must be put into other chunks.
    pub(super) fn is_whole(&self) -> bool {
        !self.asking && self.detached.is_empty()
    }

    /// Whether it is a `WAIT`, which is always alone.
    pub(super) fn is_wait(&self) -> bool {
        matches!(self.commands.units[..], [Unit { kind: UnitKind::Replicas, .. }])
    }

    /// What is still to be sent.
    pub(super) fn units(&self) -> impl Iterator<Item = (&[u8], &UnitKind)> {
        (self.answered..self.commands.units.len())
            .filter(|at| self.detached.binary_search(at).is_err())
            .filter_map(|at| self.unit(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_is_still_to_be_sent() {
        let mut chunk = Chunk::empty(true);
        for unit in [b"a", b"b", b"c", b"d"] {
            chunk.append(unit, UnitKind::Record);
        }
        assert_eq!(chunk.bytes().len(), 4 * (resp::ASKING.len() + 1));
        assert_eq!(chunk.step(), resp::ASKING.len() + 1);
        assert_eq!(chunk.current(), Some((&b"b"[..], &UnitKind::Record)));
        chunk.detach();
        chunk.step();
        let left = |chunk: &Chunk| chunk.units().map(|(unit, _)| unit.to_vec()).collect::<Vec<_>>().concat();
        assert_eq!(left(&chunk), b"cd");
        assert!(!chunk.is_answered() && !chunk.is_whole());
        assert_eq!(left(&chunk.rewind()), b"acd");
    }
}
