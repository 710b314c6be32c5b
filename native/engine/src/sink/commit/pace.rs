//! The pace is how many staged entries a commit reads at once.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of bytes that one transaction moves, about, or one entry: the server does nothing else meanwhile, and
/// holds it twice.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// The largest number of entries that are read at once; more gain nothing.
pub(super) const MOST: u64 = 500;
/// The factor by which the next read may grow: larger entries may come.
const GROWTH: u64 = 8;

/// Decides how many entries a commit reads at once, from what it has read. It begins with one, since it does not know
/// yet how large entries are. Used by one task at a time.
///
/// Used by one task at a time.
pub(super) struct Pace {
    count: AtomicU64,
    most: u64,
}

impl Pace {
    pub(super) fn new(most: u64) -> Self {
        Self { count: AtomicU64::new(1), most }
    }

    /// Returns how many entries to ask for.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Learns from a read of which the largest entry had so many bytes.
    pub(super) fn read(&self, largest: usize) {
        let fit = (CHUNK_BYTES / largest.max(1)) as u64;
        self.count.store(fit.min(GROWTH * self.count()).clamp(1, self.most), Ordering::Relaxed);
    }

    /// Learns from a read that has failed, maybe because of how much it had to bring.
    pub(super) fn broke_off(&self) {
        self.count.store((self.count() / GROWTH).max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_what_fits() {
        let pace = Pace::new(MOST);
        let mut asked = Vec::new();
        for largest in [100, 100, 100, 100, 100 << 10, 4 << 20, 1] {
            asked.push(pace.count());
            pace.read(largest);
        }
        assert_eq!(asked, [1, 8, 64, MOST, MOST, 10, 1]);
        pace.broke_off();
        assert_eq!(pace.count(), 1);
    }
}
