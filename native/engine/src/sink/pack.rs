//! Packs are how a staging stream holds records: many small ones in one entry, which costs the server about as much as
//! one of them would.
//!
//! | fields of an entry | what it holds |
//! |---|---|
//! | `<n>` | `n` records, packed one after the other in the field's value |
//! | an empty name with an empty value, then others | one large record: its own fields and values, in their order |
//!
//! A packed record is a `u32` with how many strings it has, a `u32` with how many bytes these are, both little-endian,
//! and its strings as a command has them. So a committer passes them on byte by byte. An entry's ID is
//! `epoch-sequence`, with the sequence of its last record.
//!
//! Versions before December 2026 staged each record in an entry of its own, with nothing before its fields.

use std::ops::Range;

use crate::resp::decimal::decimal;
use crate::resp::encode as resp;
use crate::resp::reply;
use crate::sink::record_batch::Record;

/// The size of a pack from which on no other record is added, in bytes.
const FULL_BYTES: usize = 64 * 1024;
/// The number of records of a full pack: what a committer moves at once is bounded by records, too.
const FULL_RECORDS: u64 = 512;
/// The largest record that is packed, in bytes. A larger one gains nothing by it, and its strings might be too much for
/// one.
const LARGEST_PACKED: usize = 16 * 1024;

/// What precedes the fields of a large record.
const LEAD: [&[u8]; 2] = [b"", b""];
const HEADER: usize = 8;

/// Returns whether a record goes into an entry of its own.
pub(super) fn is_large(record: &Record<'_>) -> bool {
    record.size() > LARGEST_PACKED
}

/// Returns the strings of a large record's entry.
pub(super) fn large<'r>(record: &Record<'r>) -> Vec<&'r [u8]> {
    LEAD.into_iter().chain(record.strings()).collect()
}

/// Records of one partition that go into one entry.
#[derive(Default)]
pub(super) struct Pack {
    records: u64,
    bytes: Vec<u8>,
}

impl Pack {
    pub(super) fn push(&mut self, record: &Record<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&(2 * record.pairs).to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        record.strings().for_each(|string| resp::bulk(&mut self.bytes, string));
        // A record that is packed is small.
        let length = (self.bytes.len() - start - HEADER) as u32;
        self.bytes[start + 4..start + HEADER].copy_from_slice(&length.to_le_bytes());
        self.records += 1;
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn is_full(&self) -> bool {
        self.records >= FULL_RECORDS || self.bytes.len() >= FULL_BYTES
    }

    /// Returns the only field of its entry, as text, and the field's value.
    pub(super) fn field(&self) -> (String, &[u8]) {
        (self.records.to_string(), &self.bytes)
    }
}

/// A record as it was staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StagedRecord<'r> {
    /// How many strings it has.
    pub(super) count: usize,
    /// All of them, as a command has them.
    pub(super) strings: &'r [u8],
}

/// Returns the records of an entry that has so many strings, which are well formed; `None` if it is none that this
/// module describes.
pub(super) fn unpack<'r>(count: usize, strings: &'r [u8]) -> Option<Vec<StagedRecord<'r>>> {
    let (name, rest) = reply::bulk(strings)?;
    let (value, rest) = reply::bulk(rest)?;
    if name.is_empty() {
        let count = count.checked_sub(LEAD.len()).filter(|count| *count > 0 && value.is_empty())?;
        return Some(vec![StagedRecord { count, strings: rest }]);
    }
    let records = decimal(name).filter(|_| rest.is_empty())?;
    let mut unpacked = Vec::with_capacity(usize::try_from(records).ok()?.min(value.len() / HEADER));
    let mut packed = value;
    while !packed.is_empty() {
        let count = number(packed, 0..4)?;
        let (strings, rest) = packed[HEADER.min(packed.len())..].split_at_checked(number(packed, 4..HEADER)?)?;
        unpacked.push(StagedRecord { count, strings });
        packed = rest;
    }
    (unpacked.len() as u64 == records && records > 0).then_some(unpacked)
}

fn number(packed: &[u8], at: Range<usize>) -> Option<usize> {
    Some(u32::from_le_bytes(packed.get(at)?.try_into().ok()?) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::record_batch::records;
    use crate::sink::record_batch::tests::batch;
    use proptest::prelude::*;

    /// Returns the strings of an entry, encoded.
    fn encoded(strings: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        strings.iter().for_each(|string| resp::bulk(&mut out, string));
        out
    }

    fn packed(batch: &[u8]) -> Vec<u8> {
        let mut pack = Pack::default();
        records(batch).unwrap().iter().for_each(|record| pack.push(record));
        let (name, value) = pack.field();
        encoded(&[name.as_bytes(), value])
    }

    #[test]
    fn writes_and_reads_the_golden_bytes() {
        let golden = include_bytes!("../../../../tests/golden/staging-pack-v1.bin");
        assert_eq!(packed(&batch(&[(0, &[("key", "k1"), ("data", "v1")]), (0, &[("é", "")])])), golden);
        let records = unpack(2, golden).unwrap();
        assert_eq!(records[1], StagedRecord { count: 2, strings: "$2\r\né\r\n$0\r\n\r\n".as_bytes() });
    }

    #[test]
    fn gives_the_records_as_they_were() {
        let records: [&[(&str, &str)]; 3] = [&[("f", "\r\n$1"), ("f", "")], &[("", "v")], &[("é", "x")]];
        let entry = packed(&batch(&records.map(|record| (0, record))));
        let unpacked = unpack(2, &entry).unwrap();
        let strings: Vec<_> = unpacked.iter().map(|record| (record.count, record.strings.to_vec())).collect();
        let expected = records.map(|record| {
            let strings: Vec<&[u8]> =
                record.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
            (strings.len(), encoded(&strings))
        });
        assert_eq!(strings, expected);
    }

    #[test]
    fn a_large_record_is_alone() {
        let text = "x".repeat(LARGEST_PACKED);
        let bytes = batch(&[(0, &[("", text.as_str()), ("7", "")])]);
        let record = &records(&bytes).unwrap()[0];
        assert!(is_large(record) && !is_large(&records(&batch(&[(0, &[("", "")])])).unwrap()[0]));
        let strings = large(record);
        let record = StagedRecord { count: 4, strings: &encoded(&strings[2..]) };
        assert_eq!(unpack(strings.len(), &encoded(&strings)), Some(vec![record]));
    }

    #[test]
    fn is_full_by_records_or_by_bytes() {
        for (value, most) in [("", 512), ("x", 512), (&*"x".repeat(1000), 64), (&*"x".repeat(LARGEST_PACKED - 10), 4)] {
            let bytes = batch(&[(0, &[("f", value)])]);
            let (record, mut pack) = (records(&bytes).unwrap()[0], Pack::default());
            while !pack.is_full() {
                pack.push(&record);
            }
            assert_eq!(pack.records(), most, "{} bytes", value.len());
            assert!(pack.field().1.len() < FULL_BYTES + 2 * LARGEST_PACKED);
        }
    }

    #[test]
    fn another_entry_is_none() {
        let whole = packed(&batch(&[(0, &[("f", "v")]), (0, &[("f", "w")])]));
        assert!(unpack(2, &whole).is_some());
        let (name, value) =
            (b"2", &whole[reply::bulk(&whole).unwrap().1.as_ptr() as usize - whole.as_ptr() as usize..]);
        let value = reply::bulk(value).unwrap().0;
        let others: [&[&[u8]]; 9] = [
            &[b"", b""],
            &[b"", b"x", b"f", b"v"],
            &[b"f", b"v"],
            &[b"1", value],
            &[b"3", value],
            &[b"0", b""],
            &[name, value, b"f", b"v"],
            &[name, &value[..value.len() - 1]],
            &[name, &value[..5]],
        ];
        for strings in others {
            assert_eq!(unpack(strings.len(), &encoded(strings)), None, "{strings:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(count in 0usize..9, name in "[0-9]{0,3}", value in prop::collection::vec(any::<u8>(), 0..60)) {
            _ = unpack(count, &encoded(&[name.as_bytes(), &value]));
            _ = unpack(count, &value);
        }
    }
}
