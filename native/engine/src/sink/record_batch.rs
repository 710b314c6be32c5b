//! Record batches: records as Java hands them over, in the layout of `docs/architecture.md` ("Record batch layout").

use crate::error::{Error, Result};

/// The version of the layout, a batch's first byte.
pub const LAYOUT_VERSION: u8 = 1;
/// The target of a record for the dead-letter stream.
pub const DEAD_LETTER: i32 = -1;

const HEADER: usize = 8;
const RECORD_HEADER: usize = 12;

/// One record: its target and its field-value pairs, in order.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// A partition, or [`DEAD_LETTER`].
    pub target: i32,
    /// How many fields it has, each with a value.
    pub pairs: u32,
    strings: &'a [u8],
}

impl<'a> Record<'a> {
    /// Returns field, value, field, value, and so on.
    pub fn strings(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.strings;
        std::iter::from_fn(move || {
            // `records` has checked the lengths.
            let (length, tail) = rest.split_first_chunk::<4>()?;
            let (string, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = tail;
            Some(string)
        })
    }

    /// Returns how many bytes its strings have in the batch, with their lengths.
    pub fn size(&self) -> usize {
        self.strings.len()
    }
}

/// Returns the records of a batch, all checked: they are well formed.
///
/// # Errors
/// `Internal` when it is not: a bug of the caller, and nothing of the batch is to be used.
pub fn records(batch: &[u8]) -> Result<Vec<Record<'_>>> {
    let header = batch.get(..HEADER).ok_or_else(|| broken("it has no header"))?;
    if header[0] != LAYOUT_VERSION {
        return Err(broken(&format!(
            "its version is {}, not {LAYOUT_VERSION}; is the jar older than the library?",
            header[0]
        )));
    }
    let count = u32_at(header, 4)?;
    let mut rest = &batch[HEADER..];
    let mut records = Vec::with_capacity((count as usize).min(rest.len() / RECORD_HEADER));
    for _ in 0..count {
        let target = u32_at(rest, 0)?.cast_signed();
        let pairs = u32_at(rest, 4)?;
        let size = u32_at(rest, 8)? as usize;
        let strings =
            rest.get(RECORD_HEADER..).and_then(|body| body.get(..size)).ok_or_else(|| broken("a record is cut off"))?;
        check(strings, pairs)?;
        records.push(Record { target, pairs, strings });
        rest = &rest[RECORD_HEADER + size..];
    }
    if rest.is_empty() { Ok(records) } else { Err(broken("it is longer than its records")) }
}

/// Returns the error of a record for a target that the sink does not have.
pub(super) fn no_target(target: i32) -> Error {
    Error::Settings(format!("a record for target {target}, which this sink does not have"))
}

fn check(mut strings: &[u8], pairs: u32) -> Result<()> {
    for _ in 0..u64::from(pairs) * 2 {
        let length = u32_at(strings, 0)? as usize;
        strings = strings.get(4..).and_then(|body| body.get(length..)).ok_or_else(|| broken("a string is cut off"))?;
    }
    if strings.is_empty() { Ok(()) } else { Err(broken("a record is longer than its strings")) }
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).ok_or_else(|| broken("it is cut off"))?;
    Ok(u32::from_le_bytes(four))
}

fn broken(why: &str) -> Error {
    Error::Internal(format!("a batch of records can't be read: {why}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes a batch as Java does.
    pub(crate) fn batch(records: &[(i32, &[(&str, &str)])]) -> Vec<u8> {
        let mut out = vec![LAYOUT_VERSION, 0, 0, 0];
        out.extend_from_slice(&(records.len() as u32).to_le_bytes());
        for (target, pairs) in records {
            let mut strings = Vec::new();
            for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
                strings.extend_from_slice(&(text.len() as u32).to_le_bytes());
                strings.extend_from_slice(text.as_bytes());
            }
            out.extend_from_slice(&target.to_le_bytes());
            out.extend_from_slice(&(pairs.len() as u32).to_le_bytes());
            out.extend_from_slice(&(strings.len() as u32).to_le_bytes());
            out.extend_from_slice(&strings);
        }
        out
    }

    #[test]
    fn reads_the_golden_bytes() {
        let golden = include_bytes!("../../../../tests/golden/frame-v1.bin");
        assert_eq!(batch(&[(3, &[("key", "k1"), ("data", "v1")]), (DEAD_LETTER, &[("error", "é")])]), golden);
        let records = records(golden).unwrap();
        assert_eq!((records[0].target, records[0].pairs), (3, 2));
        assert_eq!(records[0].strings().collect::<Vec<_>>(), [&b"key"[..], b"k1", b"data", b"v1"]);
        assert_eq!(records[1].target, DEAD_LETTER);
        assert_eq!(records[1].strings().last(), Some("é".as_bytes()));
    }

    #[test]
    fn says_what_is_wrong() {
        let whole = batch(&[(0, &[("f", "v")])]);
        for (bytes, why) in [
            (vec![], "no header"),
            ([&[2], &whole[1..]].concat(), "its version is 2"),
            (whole[..whole.len() - 1].to_vec(), "cut off"),
            ([&whole[..], &[0]].concat(), "longer than its records"),
        ] {
            let error = records(&bytes).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            if let Some(first) = bytes.first_mut() {
                *first = LAYOUT_VERSION;
            }
            if let Ok(records) = records(&bytes) {
                for record in records {
                    assert_eq!(record.strings().count() as u64, u64::from(record.pairs) * 2);
                }
            }
        }
    }
}
