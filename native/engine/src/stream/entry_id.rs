//! Stream entry IDs.
//!
//! An ID is `milliseconds-sequence`, both unsigned 64 bit
//! (<https://redis.io/docs/latest/develop/data-types/streams/#entry-ids>).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::resp::decimal::decimal;

/// The ID of one entry of a stream. Ordered as the server orders them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds, by the server's clock as a rule.
    pub ms: u64,
    /// The number within the millisecond.
    pub seq: u64,
}

impl EntryId {
    /// Smaller than the ID of any entry: a stream never holds `0-0`.
    pub const ZERO: EntryId = EntryId { ms: 0, seq: 0 };

    /// Returns the ID `ms-seq`.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Returns the smallest ID above this one; of the largest of all, itself.
    pub fn next(self) -> Self {
        match self.seq.checked_add(1) {
            Some(seq) => Self { ms: self.ms, seq },
            None => self.ms.checked_add(1).map_or(self, |ms| Self { ms, seq: 0 }),
        }
    }

    /// Parses `ms-seq` or `ms` (sequence 0), as the server writes and takes them.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let dash = memchr::memchr(b'-', text);
        let (ms, seq) = match dash {
            Some(at) => (&text[..at], decimal(&text[at + 1..])?),
            None => (text, 0),
        };
        Some(Self { ms: decimal(ms)?, seq })
    }

    /// Appends `ms-seq` to a command's bytes.
    pub(crate) fn write_to(self, out: &mut Vec<u8>) {
        let mut buffer = itoa::Buffer::new();
        out.extend_from_slice(buffer.format(self.ms).as_bytes());
        out.push(b'-');
        out.extend_from_slice(buffer.format(self.seq).as_bytes());
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for EntryId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        EntryId::parse(text.as_bytes()).ok_or_else(|| ParseIdError::Id(text.to_owned()))
    }
}

/// A text that is no entry ID, or no run of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// No entry ID.
    #[error("'{0}' is no entry ID (expected ms or ms-seq)")]
    Id(String),
    /// No run of entry IDs.
    #[error("'{0}' is no run of entry IDs (expected ms-seq+count)")]
    Run(String),
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_the_server_writes_and_nothing_else() {
        assert_eq!(EntryId::parse(b"5-3"), Some(EntryId::new(5, 3)));
        assert_eq!(EntryId::parse(b"7"), Some(EntryId::new(7, 0)));
        assert_eq!(
            EntryId::parse(b"18446744073709551615-18446744073709551615"),
            Some(EntryId::new(u64::MAX, u64::MAX))
        );
        for wrong in ["", "-", "5-", "-5", "a", "5-3-1", "18446744073709551616", "+5", "5 ", "$"] {
            assert_eq!(EntryId::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn next_crosses_the_millisecond() {
        assert_eq!(EntryId::new(5, u64::MAX).next(), EntryId::new(6, 0));
        assert_eq!(EntryId::new(u64::MAX, u64::MAX).next(), EntryId::new(u64::MAX, u64::MAX));
    }
}
