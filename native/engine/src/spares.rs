//! The memory of batches that are done with, for the next ones.
//!
//! Memory that is new is given by the kernel page by page, at the first touch of each, and zeroed. For large entries
//! this costs as much as to receive them.

use parking_lot::Mutex;

/// What is smaller is not kept: it costs little.
const SMALLEST: usize = 32 * 1024;

/// Buffers to be used again, bounded by bytes. For a reader Flink's fetcher thread gives them, when it has fetched a
/// batch, and the tasks of its splits take them; for a writer the pipeline's task and Flink's task thread.
#[derive(Debug)]
pub(crate) struct Spares {
    kept: Mutex<Kept>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Spares {
    /// Creates a store that keeps up to `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { kept: Mutex::default(), limit }
    }

    /// Returns an empty buffer with room for `least` bytes: the one given last that has it, or a new one.
    pub(crate) fn take(&self, least: usize) -> Vec<u8> {
        let mut kept = self.kept.lock();
        match kept.buffers.iter().rposition(|buffer| buffer.capacity() >= least) {
            Some(at) if least >= SMALLEST => {
                let buffer = kept.buffers.remove(at);
                kept.bytes -= buffer.capacity();
                buffer
            }
            _ => {
                drop(kept);
                Vec::with_capacity(least)
            }
        }
    }

    /// Takes a buffer back, unless it is small or there is no room for it.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() < SMALLEST {
            return;
        }
        buffer.clear();
        let mut kept = self.kept.lock();
        if kept.bytes + buffer.capacity() <= self.limit {
            kept.bytes += buffer.capacity();
            kept.buffers.push(buffer);
        }
    }

    /// Gives the memory back to the system.
    pub(crate) fn clear(&self) {
        let buffers = std::mem::take(&mut *self.kept.lock());
        drop(buffers);
    }

    /// Returns how many bytes are kept.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.kept.lock().bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_that_is_large_enough_is_used_again() {
        let spares = Spares::new(1 << 20);
        for capacity in [100_000, 300_000, 200_000, 1_000] {
            spares.give(Vec::with_capacity(capacity));
        }
        assert_eq!(spares.bytes(), 600_000);
        assert_eq!([150_000, 150_000, 90_000].map(|least| spares.take(least).capacity()), [200_000, 300_000, 100_000]);
        assert_eq!((spares.take(50_000).capacity(), spares.bytes()), (50_000, 0));
    }

    #[test]
    fn no_more_is_kept_than_the_limit_and_nothing_after_a_clear() {
        let spares = Spares::new(250_000);
        (0..3).for_each(|_| spares.give(vec![1; 100_000]));
        assert_eq!(spares.bytes(), 200_000);
        assert!(spares.take(100_000).is_empty());
        spares.clear();
        assert_eq!(spares.bytes(), 0);
    }
}
