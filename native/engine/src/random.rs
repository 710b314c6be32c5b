//! Randomness: tags that tell readers apart, and jitter.
//!
//! Neither has to be secret. The model test seeds it, so that a failure can be run again.

/// Returns a tag that no other reader has, or has had.
pub(crate) fn tag() -> String {
    format!("{:016x}", next())
}

/// Returns a factor for a pause, between a half and 1.
pub(crate) fn jitter() -> f64 {
    0.5 + (next() >> 11) as f64 / (1u64 << 54) as f64
}

/// Rotates the items by a random number: another one is first, in the same cyclic order.
pub(crate) fn rotate<T>(items: &mut [T]) {
    if !items.is_empty() {
        items.rotate_left((next() % items.len() as u64) as usize);
    }
}

#[cfg(not(test))]
fn next() -> u64 {
    rand::random()
}

#[cfg(test)]
use seeded::next;
#[cfg(test)]
pub(crate) use seeded::seed;

/// For tests: the same in every run.
#[cfg(test)]
mod seeded {
    use std::cell::RefCell;

    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    thread_local! {
        static SEEDED: RefCell<SmallRng> = RefCell::new(SmallRng::seed_from_u64(0));
    }

    pub(super) fn next() -> u64 {
        SEEDED.with(|random| random.borrow_mut().next_u64())
    }

    /// Makes what follows on this thread the same in every run.
    pub(crate) fn seed(seed: u64) {
        SEEDED.with(|random| *random.borrow_mut() = SmallRng::seed_from_u64(seed));
    }
}
