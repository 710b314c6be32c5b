//! Batches: entries of one split in the flat layout that Java reads, and nothing to copy on the way.
//!
//! The layout is written down in `docs/architecture.md` ("Batch layout"); golden bytes are in `tests/golden/batch-v1.bin`.

use crate::config::Partition;
use crate::entry_id::{EntryId, Runs};
use crate::error::{Error, Result};

pub const LAYOUT_VERSION: u8 = 1;
/// The split is finished: nothing follows this batch.
pub const FINISHED: u8 = 1;
/// The entries are of the split's `pending`, below its position.
pub const PENDING: u8 = 2;

const HEADER: usize = 32;
const ENTRY_HEADER: usize = 24;
/// A batch goes beyond its target by a part of its last entry.
const SLACK: usize = 4096;

/// A finished batch, as Java gets it.
#[derive(Debug)]
pub struct Batch {
    pub partition: Partition,
    pub bytes: Vec<u8>,
    pub entries: u32,
}

/// What one reply came to.
#[derive(Debug, Default)]
pub struct ScannedReply {
    pub batches: Vec<Batch>,
    /// The IDs in the batches.
    pub ids: Runs,
    /// The first ID of the reply, taken or not.
    pub first: Option<EntryId>,
    /// IDs at or below the floor: emitted before, so not taken again, but to be acknowledged.
    pub already_emitted: Runs,
    /// IDs above the ceiling of a bounded read.
    pub beyond: Runs,
    pub entries: u64,
    /// What the strings of all of it measure, and those of the largest entry.
    pub string_bytes: u64,
    pub largest: u64,
}

impl ScannedReply {
    /// The first ID above the floor.
    pub fn first_new(&self) -> Option<EntryId> {
        [self.ids.first(), self.beyond.first()].into_iter().flatten().min()
    }
}

/// Builds batches while a reply is scanned. One for each split, used again for each reply.
#[derive(Debug)]
pub struct BatchBuilder {
    partition: Partition,
    /// Entries up to here have been emitted.
    floor: EntryId,
    ceiling: Option<EntryId>,
    /// A batch is cut when it reaches this size.
    target_bytes: usize,
    /// What an entry's batch is marked with.
    flags: u8,
    /// The position of a [`PENDING`] batch, which its entries do not move.
    fixed_position: Option<EntryId>,
    bytes: Vec<u8>,
    /// What the last batch measured: the next one may be as large.
    expected: usize,
    entries: u32,
    last: EntryId,
    /// The entry that is being written: where its header is. `None` while one is left out.
    open: Option<usize>,
    taken: ScannedReply,
}

impl BatchBuilder {
    pub fn new(partition: Partition, target_bytes: usize) -> Self {
        Self {
            partition,
            floor: EntryId::ZERO,
            ceiling: None,
            target_bytes,
            flags: 0,
            fixed_position: None,
            bytes: Vec::new(),
            expected: 0,
            entries: 0,
            last: EntryId::ZERO,
            open: None,
            taken: ScannedReply::default(),
        }
    }

    /// From here on entries `<= floor` and `> ceiling` are left out.
    pub fn limits(&mut self, floor: EntryId, ceiling: Option<EntryId>) -> &mut Self {
        self.floor = floor;
        self.ceiling = ceiling;
        self.flags = 0;
        self.fixed_position = None;
        self
    }

    /// From here on the entries are some of the split's pending ones, below its `position`.
    pub fn pending(&mut self, position: EntryId) -> &mut Self {
        self.limits(EntryId::ZERO, None);
        self.flags = PENDING;
        self.fixed_position = Some(position);
        self
    }

    pub fn begin_entry(&mut self, id: EntryId, pairs: u32) {
        self.taken.first.get_or_insert(id);
        if id <= self.floor {
            self.taken.already_emitted.push(id);
            self.open = None;
            return;
        }
        if self.ceiling.is_some_and(|ceiling| id > ceiling) {
            self.taken.beyond.push(id);
            self.open = None;
            return;
        }
        if self.bytes.is_empty() {
            self.bytes.reserve(self.expected + SLACK);
            self.bytes.resize(HEADER, 0);
        }
        self.open = Some(self.bytes.len());
        self.last = id;
        self.taken.ids.push(id);
        self.bytes.extend_from_slice(&id.ms.to_le_bytes());
        self.bytes.extend_from_slice(&id.seq.to_le_bytes());
        self.bytes.extend_from_slice(&pairs.to_le_bytes());
        self.bytes.extend_from_slice(&0u32.to_le_bytes());
    }

    /// A field's name or a value, of `length` bytes that come with [`append`](Self::append).
    pub fn begin_string(&mut self, length: u32) {
        if self.open.is_some() {
            self.bytes.extend_from_slice(&length.to_le_bytes());
        }
    }

    pub fn append(&mut self, bytes: &[u8]) {
        if self.open.is_some() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// # Errors
    /// When the entry that is being written is larger than the layout can hold (4 GiB).
    pub fn check_size(&self) -> Result<u32> {
        let strings = self.open.map_or(0, |start| self.bytes.len() - start - ENTRY_HEADER);
        u32::try_from(strings).map_err(|_| Error::protocol("an entry is larger than 4 GiB"))
    }

    /// # Errors
    /// When the entry is larger than the layout can hold (4 GiB).
    pub fn end_entry(&mut self) -> Result<()> {
        let size = self.check_size()?;
        let Some(start) = self.open.take() else { return Ok(()) };
        self.bytes[start + 20..start + 24].copy_from_slice(&size.to_le_bytes());
        self.entries += 1;
        self.taken.entries += 1;
        self.taken.string_bytes += u64::from(size);
        self.taken.largest = self.taken.largest.max(u64::from(size));
        if self.bytes.len() >= self.target_bytes {
            self.cut();
        }
        Ok(())
    }

    /// Ends the batch that is being built, if there is one.
    fn cut(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        self.expected = bytes.len().min(self.target_bytes);
        // What waits for Java is counted by what it holds, so it should not take much more.
        if bytes.capacity() > bytes.len() + bytes.len() / 4 + SLACK {
            bytes.shrink_to_fit();
        }
        let position = self.fixed_position.unwrap_or(self.last);
        let batch = seal(bytes, self.partition, self.flags, self.entries, position);
        self.entries = 0;
        self.taken.batches.push(batch);
    }

    /// Whether what came since the last [`take`](Self::take) measures more than that, and is more than one entry.
    pub fn exceeds(&self, most_bytes: u64) -> bool {
        let (bytes, largest) = self.measured();
        bytes > most_bytes && largest < bytes
    }

    /// What the strings of the entries since the last [`take`](Self::take) measure, and of the largest of them; half an entry counts.
    pub fn measured(&self) -> (u64, u64) {
        let half = self.open.map_or(0, |start| self.bytes.len() - start) as u64;
        (self.taken.string_bytes + half, self.taken.largest.max(half))
    }

    /// All that came since the last call.
    pub fn take(&mut self) -> ScannedReply {
        self.cut();
        std::mem::take(&mut self.taken)
    }

    /// Forgets what came since the last [`take`](Self::take), half an entry included: its connection is gone.
    pub fn discard(&mut self) {
        self.bytes = Vec::new();
        self.entries = 0;
        self.open = None;
        self.taken = ScannedReply::default();
    }
}

/// A batch without entries: it moves the position, or says that the split is finished.
pub fn empty(partition: Partition, flags: u8, position: EntryId) -> Batch {
    seal(vec![0; HEADER], partition, flags, 0, position)
}

fn seal(mut bytes: Vec<u8>, partition: Partition, flags: u8, entries: u32, position: EntryId) -> Batch {
    bytes[0] = LAYOUT_VERSION;
    bytes[1] = flags;
    bytes[4..8].copy_from_slice(&partition.to_le_bytes());
    bytes[8..12].copy_from_slice(&entries.to_le_bytes());
    bytes[16..24].copy_from_slice(&position.ms.to_le_bytes());
    bytes[24..32].copy_from_slice(&position.seq.to_le_bytes());
    Batch { partition, bytes, entries }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Fields of an entry, in order.
    pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

    /// Reads a batch as Java does.
    pub(crate) fn entries_of(batch: &Batch) -> Vec<(EntryId, Fields)> {
        let u32_at = |at: usize| u32::from_le_bytes(batch.bytes[at..at + 4].try_into().unwrap());
        let u64_at = |at: usize| u64::from_le_bytes(batch.bytes[at..at + 8].try_into().unwrap());
        let mut at = HEADER;
        let mut entries = Vec::new();
        for _ in 0..u32_at(8) {
            let id = EntryId::new(u64_at(at), u64_at(at + 8));
            let pairs = u32_at(at + 16);
            let end = at + ENTRY_HEADER + u32_at(at + 20) as usize;
            at += ENTRY_HEADER;
            let mut string = || {
                let length = u32_at(at) as usize;
                at += 4 + length;
                batch.bytes[at - length..at].to_vec()
            };
            entries.push((id, (0..pairs).map(|_| (string(), string())).collect()));
            assert_eq!(at, end);
        }
        assert_eq!(at, batch.bytes.len());
        entries
    }

    fn add(builder: &mut BatchBuilder, id: EntryId, fields: &[(&str, &str)]) {
        builder.begin_entry(id, fields.len() as u32);
        for text in fields.iter().flat_map(|(name, value)| [name, value]) {
            builder.begin_string(text.len() as u32);
            builder.append(text.as_bytes());
        }
        builder.end_entry().unwrap();
    }

    #[test]
    fn writes_the_golden_bytes() {
        let mut builder = BatchBuilder::new(2, 1 << 20);
        add(&mut builder, EntryId::new(5, 1), &[("key", "k1"), ("data", "v1")]);
        add(&mut builder, EntryId::new(6, 0), &[("a", "1"), ("a", "2")]);
        let taken = builder.take();
        assert_eq!(taken.batches.len(), 1);
        assert_eq!(taken.batches[0].bytes, include_bytes!("../../../../../tests/golden/batch-v1.bin"));
    }

    #[test]
    fn leaves_out_what_is_known_or_beyond_and_says_so() {
        let mut builder = BatchBuilder::new(0, 1 << 20);
        builder.limits(EntryId::new(2, 0), Some(EntryId::new(3, 0)));
        for ms in 1..=4 {
            add(&mut builder, EntryId::new(ms, 0), &[("f", "v")]);
        }
        let taken = builder.take();
        assert_eq!(taken.ids, [EntryId::new(3, 0)].into_iter().collect());
        assert_eq!(taken.already_emitted, [EntryId::new(1, 0), EntryId::new(2, 0)].into_iter().collect());
        assert_eq!(taken.beyond, [EntryId::new(4, 0)].into_iter().collect());
        assert_eq!(taken.first, Some(EntryId::new(1, 0)));
        assert_eq!(entries_of(&taken.batches[0]).len(), 1);
    }

    #[test]
    fn cuts_by_size() {
        let mut builder = BatchBuilder::new(0, 200);
        for ms in 1..=10 {
            add(&mut builder, EntryId::new(ms, 0), &[("field", "a value of some length")]);
        }
        let taken = builder.take();
        assert!(taken.batches.len() > 2);
        let ids: Vec<_> = taken.batches.iter().flat_map(entries_of).map(|(id, _)| id.ms).collect();
        assert_eq!(ids, (1..=10).collect::<Vec<_>>());
    }
}
