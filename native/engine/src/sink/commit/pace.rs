//! The pace is how many staged entries a commit reads at once.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one transaction moves is about so large, or one entry: the server does nothing else meanwhile, and holds it
/// twice.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// More entries at once gain nothing.
pub(super) const MOST: u64 = 500;
/// How much more is asked for than before, at most: larger entries may come.
const GROWTH: u64 = 8;

/// Learns from what was read. How large entries are is not known before: it begins with one.
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
