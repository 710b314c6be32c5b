//! Batches: entries of one split in the flat layout that Java reads. They are written while the reply is scanned, and
//! not copied before Java fetches them.
//!
//! The layout is written down in `docs/architecture.md` ("Batch layout"); golden bytes are in
//! `tests/golden/batch-v1.bin`.

use std::sync::Arc;

use crate::config::Partition;
use crate::error::{Error, Result};
use crate::spares::Spares;
use crate::stream::{EntryId, Runs};

pub(crate) const LAYOUT_VERSION: u8 = 1;
/// Marks the last batch of a split: nothing follows it.
pub const FINISHED: u8 = 1;
/// Marks a batch of entries of the split's `pending`, below its position.
pub const PENDING: u8 = 2;

/// Marks a batch whose headers Java gets apart from the strings.
pub const APART: u8 = 4;

const HEADER: usize = 32;
const ENTRY_HEADER: usize = 24;
/// A batch goes beyond its target by a part of its last entry.
const SLACK: usize = 4096;
/// A string of this size is large: room is made for it at once, and its bytes are read from the socket straight into
/// the batch. The tests have small ones.
pub(crate) const LARGE_STRING: usize = if cfg!(test) { 16 } else { 16 * 1024 };
/// Entries that measure so much on average go to Java in arrays of their own.
const LARGE_ENTRY: usize = 16 * 1024;
/// Room for a string is made in steps of this size: that it is announced is no reason to trust it.
const LARGEST_STEP: usize = if cfg!(test) { 64 } else { 16 << 20 };
const HIGHEST: EntryId = EntryId::new(u64::MAX, u64::MAX);

/// Says which entries of a reply go into batches, and what these are marked with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    /// Entries up to here are left out: they have been emitted.
    after: EntryId,
    /// Entries above this one are left out: they lie beyond the end of a bounded read.
    up_to: EntryId,
    /// The flags of the batches.
    flags: u8,
    /// The position of [`PENDING`] batches, which their entries do not move.
    fixed_position: Option<EntryId>,
}

impl Filter {
    /// Takes the entries behind `after`, up to `up_to` where a read has an end.
    pub(crate) fn between(after: EntryId, up_to: Option<EntryId>) -> Self {
        Self { after, up_to: up_to.unwrap_or(HIGHEST), flags: 0, fixed_position: None }
    }

    /// Takes all entries, which are some of the split's pending ones below its `position`.
    pub(crate) fn pending(position: EntryId) -> Self {
        Self { flags: PENDING, fixed_position: Some(position), ..Self::between(EntryId::ZERO, None) }
    }

    /// Takes no entry: only the reply's first ID matters.
    pub(crate) fn first_id() -> Self {
        Self::between(HIGHEST, None)
    }
}

/// Holds the bytes of a finished batch, as Java gets them.
#[derive(Debug)]
pub struct Batch {
    /// The partition of the split that the entries are of.
    pub partition: Partition,
    /// The whole batch, header included.
    pub bytes: Vec<u8>,
    /// How many entries it holds.
    pub entries: u32,
    /// Where its memory goes when it is dropped.
    spares: Option<Arc<Spares>>,
}

impl Batch {
    /// Returns the headers, the batch's and one for each entry, apart from the strings of each entry, so that Java gets
    /// an array for each entry and need not make one. `None` when the entries are small, or more than `most`.
    #[must_use]
    pub fn in_parts(&self, most: usize) -> Option<(Vec<u8>, Vec<&[u8]>)> {
        let entries = self.entries as usize;
        if entries == 0 || entries > most || self.bytes.len() / entries < LARGE_ENTRY {
            return None;
        }
        let mut headers = self.bytes[..HEADER].to_vec();
        headers[1] |= APART;
        let mut strings = Vec::with_capacity(self.entries as usize);
        let mut rest = &self.bytes[HEADER..];
        while let Some((header, tail)) = rest.split_at_checked(ENTRY_HEADER) {
            let length = u32::from_le_bytes([header[20], header[21], header[22], header[23]]) as usize;
            let (entry, tail) = tail.split_at(length.min(tail.len()));
            headers.extend_from_slice(header);
            strings.push(entry);
            rest = tail;
        }
        Some((headers, strings))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(spares) = &self.spares {
            spares.give(std::mem::take(&mut self.bytes));
        }
    }
}

/// Holds what one reply, or several of one read, have brought.
#[derive(Debug, Default)]
pub(crate) struct ScannedReply {
    pub(crate) batches: Vec<Batch>,
    /// The IDs in the batches.
    pub(crate) ids: Runs,
    /// The first ID of the reply, whether its entry is in a batch or not.
    pub(crate) first: Option<EntryId>,
    /// IDs of entries that were emitted before: they are in no batch, but are to be acknowledged.
    pub(crate) already_emitted: Runs,
    /// IDs beyond the end of a bounded read.
    pub(crate) beyond: Runs,
    /// How many entries are in the batches.
    pub(crate) entries: u64,
    /// Bytes of the strings of these entries.
    pub(crate) string_bytes: u64,
    /// Bytes of the strings of the largest of them.
    pub(crate) largest: u64,
}

impl ScannedReply {
    /// Returns the first ID that was not emitted before.
    pub(crate) fn first_new(&self) -> Option<EntryId> {
        [self.ids.first(), self.beyond.first()].into_iter().flatten().min()
    }
}

/// Builds batches while replies are scanned.
#[derive(Debug)]
pub(crate) struct BatchBuilder {
    partition: Partition,
    /// What is taken of the reply that is being scanned.
    filter: Filter,
    /// A batch is cut when it reaches this size.
    target_bytes: usize,
    bytes: Vec<u8>,
    /// Where the memory of batches is from.
    spares: Option<Arc<Spares>>,
    /// Bytes of the last batch: the next one may be as large.
    expected: usize,
    entries: u32,
    last: EntryId,
    /// Where the header is of the entry that is being written. `None` while one is left out.
    open: Option<usize>,
    scanned: ScannedReply,
}

impl BatchBuilder {
    /// Makes a builder whose batches are cut when they reach `target_bytes`.
    pub(crate) fn new(partition: Partition, target_bytes: usize) -> Self {
        Self {
            partition,
            filter: Filter::between(EntryId::ZERO, None),
            target_bytes,
            bytes: Vec::new(),
            spares: None,
            expected: 0,
            entries: 0,
            last: EntryId::ZERO,
            open: None,
            scanned: ScannedReply::default(),
        }
    }

    /// Has the builder use the memory of batches again.
    pub(crate) fn reusing(mut self, spares: &Arc<Spares>) -> Self {
        self.spares = Some(Arc::clone(spares));
        self
    }

    fn buffer(&self, least: usize) -> Vec<u8> {
        self.spares.as_ref().map_or_else(|| Vec::with_capacity(least), |spares| spares.take(least))
    }

    /// Begins with a reply of which `filter` says what is taken.
    pub(crate) fn begin_reply(&mut self, filter: Filter) {
        self.filter = filter;
    }

    /// Begins an entry of `pairs` fields and values.
    pub(crate) fn begin_entry(&mut self, id: EntryId, pairs: u32) {
        self.scanned.first.get_or_insert(id);
        if id <= self.filter.after {
            self.scanned.already_emitted.push(id);
            self.open = None;
            return;
        }
        if id > self.filter.up_to {
            self.scanned.beyond.push(id);
            self.open = None;
            return;
        }
        if self.bytes.is_empty() {
            self.bytes = self.buffer(self.expected + SLACK);
            self.bytes.resize(HEADER, 0);
        }
        self.open = Some(self.bytes.len());
        self.last = id;
        self.scanned.ids.push(id);
        self.bytes.extend_from_slice(&id.ms.to_le_bytes());
        self.bytes.extend_from_slice(&id.seq.to_le_bytes());
        self.bytes.extend_from_slice(&pairs.to_le_bytes());
        self.bytes.extend_from_slice(&0u32.to_le_bytes());
    }

    /// Begins a field's name or a value of `length` bytes, which come with [`append`](Self::append).
    pub(crate) fn begin_string(&mut self, length: u32) {
        if self.open.is_some() {
            self.bytes.extend_from_slice(&length.to_le_bytes());
            if length as usize >= LARGE_STRING {
                self.make_room(length as usize);
            }
        }
    }

    /// Makes room for the string that was begun, or for a part of it.
    fn make_room(&mut self, length: usize) {
        let step = length.min(LARGEST_STEP);
        if self.bytes.capacity() - self.bytes.len() >= step {
            return;
        }
        if self.bytes.len() > SLACK {
            self.bytes.reserve_exact(step + SLACK);
            return;
        }
        // To grow it would copy what it could hold, and not just what is in it.
        let mut larger = self.buffer(self.bytes.len() + step + SLACK);
        larger.extend_from_slice(&self.bytes);
        let smaller = std::mem::replace(&mut self.bytes, larger);
        if let Some(spares) = &self.spares {
            spares.give(smaller);
        }
    }

    /// Returns where the next `length` bytes of the string that was begun last are to be put, with room for some of
    /// them; `None`: they are not wanted.
    pub(crate) fn room(&mut self, length: usize) -> Option<&mut Vec<u8>> {
        self.open?;
        if self.bytes.capacity() == self.bytes.len() {
            self.make_room(length);
        }
        Some(&mut self.bytes)
    }

    /// Appends a part of the string that was begun last.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        if self.open.is_some() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Returns the bytes of the strings of the entry that is being written.
    ///
    /// # Errors
    /// When the entry that is being written is larger than the layout can hold (4 GiB).
    pub(crate) fn check_size(&self) -> Result<u32> {
        let strings = self.open.map_or(0, |start| self.bytes.len() - start - ENTRY_HEADER);
        u32::try_from(strings).map_err(|_| Error::protocol("an entry is larger than 4 GiB"))
    }

    /// Ends the entry, and the batch with it when that has reached its size.
    ///
    /// # Errors
    /// When the entry is larger than the layout can hold (4 GiB).
    pub(crate) fn end_entry(&mut self) -> Result<()> {
        let size = self.check_size()?;
        let Some(start) = self.open.take() else { return Ok(()) };
        self.bytes[start + 20..start + 24].copy_from_slice(&size.to_le_bytes());
        self.entries += 1;
        self.scanned.entries += 1;
        self.scanned.string_bytes += u64::from(size);
        self.scanned.largest = self.scanned.largest.max(u64::from(size));
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
        self.expected = bytes.len().min(2 * self.target_bytes);
        // What waits for Java is counted by what it holds, so it should not take much more.
        if bytes.capacity() > 2 * bytes.len() + SLACK {
            bytes.shrink_to_fit();
        }
        let position = self.filter.fixed_position.unwrap_or(self.last);
        let mut batch = seal(bytes, self.partition, self.filter.flags, self.entries, position);
        batch.spares = self.spares.clone();
        self.entries = 0;
        self.scanned.batches.push(batch);
    }

    /// Returns whether what came since the last [`take`](Self::take) measures more than `most_bytes`, and is more than
    /// one entry.
    pub(crate) fn exceeds(&self, most_bytes: u64) -> bool {
        let (bytes, largest) = self.measured();
        bytes > most_bytes && largest < bytes
    }

    /// Returns the bytes of the strings of the entries since the last [`take`](Self::take), and of the largest of them.
    /// Half an entry counts.
    pub(crate) fn measured(&self) -> (u64, u64) {
        let half = self.open.map_or(0, |start| self.bytes.len() - start) as u64;
        (self.scanned.string_bytes + half, self.scanned.largest.max(half))
    }

    /// Returns all that came since the last call.
    pub(crate) fn take(&mut self) -> ScannedReply {
        self.cut();
        std::mem::take(&mut self.scanned)
    }
}

/// Makes a batch without entries: it moves the position, or says that the split is finished.
pub(crate) fn empty(partition: Partition, flags: u8, position: EntryId) -> Batch {
    seal(vec![0; HEADER], partition, flags, 0, position)
}

fn seal(mut bytes: Vec<u8>, partition: Partition, flags: u8, entries: u32, position: EntryId) -> Batch {
    bytes[0] = LAYOUT_VERSION;
    bytes[1] = flags;
    bytes[4..8].copy_from_slice(&partition.to_le_bytes());
    bytes[8..12].copy_from_slice(&entries.to_le_bytes());
    bytes[16..24].copy_from_slice(&position.ms.to_le_bytes());
    bytes[24..32].copy_from_slice(&position.seq.to_le_bytes());
    Batch { partition, bytes, entries, spares: None }
}

#[cfg(test)]
pub(crate) mod tests;
