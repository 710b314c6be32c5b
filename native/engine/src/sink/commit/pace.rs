//! The pace is how many staged entries a commit reads at once.

use crate::sink::committable::{Committable, Packed};

/// The number of bytes that one transaction moves, about, or one entry: the server does nothing else meanwhile, and
/// holds it twice.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// The number of records that one transaction moves, about: it holds up other clients for a few milliseconds.
pub(super) const CHUNK_RECORDS: u64 = 2048;
/// The number of bytes that one read may bring, if the entry that was largest when they were staged comes again and
/// again; or one entry.
const MOST_BYTES: u64 = 16 << 20;
/// The largest number of entries that are read at once; more gain nothing.
pub(super) const MOST: u64 = 500;
/// The factor by which the next read may grow: larger entries may come.
const GROWTH: u64 = 8;

/// Decides how many entries the next read of a transfer asks for, from what was staged and what was read.
pub(super) struct Pace {
    count: u64,
    most: u64,
}

impl Pace {
    /// Begins with what fits for sure: one entry, where it is not known how large they are.
    pub(super) fn of(committable: &Committable, most: u64) -> Self {
        let Some(Packed { entries, largest }) = committable.packed else { return Self { count: 1, most } };
        let by_records = CHUNK_RECORDS * entries / committable.records.max(1);
        let most = by_records.min(MOST_BYTES / largest.max(1)).clamp(1, most);
        Self { count: (CHUNK_BYTES as u64 / largest.max(1)).clamp(1, most), most }
    }

    /// Returns how many entries to ask for.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Learns from a read of which the largest entry had so many bytes.
    pub(super) fn read(&mut self, largest: usize) {
        let fit = (CHUNK_BYTES / largest.max(1)) as u64;
        self.count = fit.min(GROWTH * self.count).clamp(1, self.most);
    }

    /// Learns from a read that has failed, maybe because of how much it had to bring.
    pub(super) fn broke_off(&mut self) {
        self.count = (self.count / GROWTH).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committable(records: u64, packed: Option<Packed>) -> Committable {
        Committable { partition: 0, key: "k".into(), records, epoch: 1, packed }
    }

    #[test]
    fn asks_for_what_fits() {
        let mut pace = Pace::of(&committable(1_000_000, None), MOST);
        let mut asked = Vec::new();
        for largest in [100, 100, 100, 100, 100 << 10, 4 << 20, 1] {
            asked.push(pace.count());
            pace.read(largest);
        }
        assert_eq!(asked, [1, 8, 64, MOST, MOST, 10, 1]);
        pace.broke_off();
        assert_eq!(pace.count(), 1);
    }

    #[test]
    fn begins_with_what_fits_for_sure() {
        for (records, entries, largest, first, most) in [
            // Packs of 250 records of 130 bytes, of 512 of 20 bytes, and of a few large ones.
            (1_000_000, 4000, 32_500, 8, 8),
            (1_000_000, 1954, 10_000, 4, 4),
            (1000, 500, 60_000, 17, 279),
            // Each record is a pack.
            (1000, 1000, 100, MOST, MOST),
            // Large records among packed ones: never many of them, should they come at once.
            (1000, 200, 1 << 20, 1, 16),
            (1000, 200, 64 << 20, 1, 1),
        ] {
            let mut pace = Pace::of(&committable(records, Some(Packed { entries, largest })), MOST);
            assert_eq!(pace.count(), first);
            (0..9).for_each(|_| pace.read(1));
            assert_eq!(pace.count(), most);
        }
    }
}
