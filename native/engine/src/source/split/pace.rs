//! How many entries a read asks for.
//!
//! Redis builds a reply whole, in memory of its own, and takes a number of entries and no number of bytes. So a split
//! begins with few, asks for more as replies come in, and for so many only as fit into its share of `maxBufferedBytes`
//! if all were as large as the largest of late. A reply that breaks off asks for half of it: a server cuts off who is
//! sent more than its `client-output-buffer-limit`, and a network may not carry it in time.

use std::time::Duration;

use tokio::time::Instant;

/// The number of entries that a split asks for before it has seen one, and when it has seen none for a while.
const FEWEST: u64 = 4;
/// The factor by which a read may exceed the entries of the last reply: so the third asks for a thousand.
const GROWTH: u64 = 16;
/// The number of entries that must fit into a reply for them to count as small; with large ones no second read is under
/// way.
const SMALL: u64 = 16;
/// The time after a reply that broke off during which no more is asked for. Doubled each time that asking for more
/// broke off again.
const FIRST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// Says what the next read may bring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// How many entries to ask for.
    pub(super) count: u64,
    /// Bytes of the reply's entries beyond which it is given up.
    pub(super) most_bytes: u64,
    /// Whether entries are known to be small, so that a second read may be under way.
    pub(super) is_ahead: bool,
}

/// Decides how many entries the reads of one split ask for.
pub(super) struct Pace {
    /// `batchSize`.
    most: u64,
    asks: u64,
    /// Bytes of the strings of the largest entry of late; 0 before there was one.
    largest: u64,
    /// What replies that broke off have left of `most`.
    ceiling: u64,
    hold: Duration,
    raise_at: Instant,
    /// Since the last reply that broke off.
    is_raised: bool,
}

impl Pace {
    pub(super) fn new(batch_size: u32) -> Self {
        let most = u64::from(batch_size);
        Self {
            most,
            asks: FEWEST,
            largest: 0,
            ceiling: most,
            hold: FIRST_HOLD,
            raise_at: Instant::now(),
            is_raised: false,
        }
    }

    /// Returns what the next read may bring, where a reply should not measure more than `share` bytes.
    pub(super) fn allowance(&self, share: u64) -> Allowance {
        // A reply that measures too much is not given up when nothing less can be asked for.
        let most_bytes = if self.ceiling > 1 { 2 * share } else { u64::MAX };
        Allowance { count: self.count(share), most_bytes, is_ahead: self.is_ahead(share) }
    }

    fn count(&self, share: u64) -> u64 {
        (share / self.largest.max(1)).min(self.asks).min(self.ceiling).max(1)
    }

    fn is_ahead(&self, share: u64) -> bool {
        self.largest > 0 && share / self.largest >= SMALL
    }

    /// Notes that a read was answered with so many entries, the largest of which has `largest` bytes.
    pub(super) fn answered(&mut self, entries: u64, largest: u64) {
        if entries > 0 {
            // Follows growth at once and shrinking slowly: it is there to bound memory.
            self.largest = largest.max(self.largest - self.largest / 8).max(1);
        }
        self.asks = (entries * GROWTH).max(self.asks / 2).max(FEWEST).min(self.most);
        if self.ceiling < self.most && Instant::now() >= self.raise_at {
            self.ceiling = (self.ceiling * 2).min(self.most);
            self.raise_at = Instant::now() + self.hold;
            self.is_raised = true;
            if self.ceiling == self.most {
                self.hold = FIRST_HOLD;
            }
        }
    }

    /// Notes that the reply to a read of `count` entries did not come whole.
    pub(super) fn broke_off(&mut self, count: u64) {
        if self.is_raised {
            self.hold = (self.hold * 2).min(LONGEST_HOLD);
        }
        self.is_raised = false;
        self.ceiling = (count / 2).max(1);
        self.raise_at = Instant::now() + self.hold;
    }

    /// Notes that a reply was given up, since it measured too much: it held an entry of that size. The ceiling goes
    /// down as well, so a server that does not heed COUNT comes to its end.
    pub(super) fn too_large(&mut self, count: u64, largest: u64) {
        self.largest = self.largest.max(largest);
        self.broke_off(count.min(self.ceiling));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: u64 = 8 << 20;

    #[tokio::test(start_paused = true)]
    async fn begins_with_few_and_comes_to_many_within_a_few_reads() {
        let mut pace = Pace::new(1000);
        assert!(!pace.is_ahead(SHARE), "nothing is known yet");
        let mut counts = Vec::new();
        for _ in 0..6 {
            counts.push(pace.count(SHARE));
            pace.answered(pace.count(SHARE), 100);
        }
        assert_eq!(counts, [4, 64, 1000, 1000, 1000, 1000]);
        assert!(pace.is_ahead(SHARE));
        // Idle: few again.
        (0..10).for_each(|_| pace.answered(0, 0));
        assert_eq!(pace.count(SHARE), FEWEST);
    }

    #[tokio::test(start_paused = true)]
    async fn one_large_entry_among_small_ones_bounds_the_next_reads() {
        let mut pace = Pace::new(1000);
        (0..6).for_each(|_| pace.answered(1000, 100));
        pace.answered(1000, 1 << 20);
        assert_eq!(pace.count(SHARE), 8);
        assert!(!pace.is_ahead(SHARE));
        pace.answered(8, 100);
        assert!(pace.count(SHARE) <= 10, "a reply without one proves little");
        pace.too_large(8, 100 << 20);
        assert_eq!(pace.count(SHARE), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_of_the_server_is_found_and_hardly_ever_tried_again() {
        let mut pace = Pace::new(1000);
        let (begin, mut broken) = (Instant::now(), 0);
        while begin.elapsed() < Duration::from_secs(3600) {
            match pace.count(SHARE) {
                count @ 21.. => {
                    broken += 1;
                    pace.broke_off(count);
                }
                count => pace.answered(count, 100),
            }
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert!(broken < 80, "{broken} in an hour");
    }

    #[tokio::test(start_paused = true)]
    async fn lost_connections_cost_little() {
        let mut pace = Pace::new(1000);
        (0..6).for_each(|_| pace.answered(1000, 100));
        (0..12).for_each(|_| pace.broke_off(pace.count(SHARE)));
        assert_eq!(pace.count(SHARE), 1);
        for _ in 0..12 {
            tokio::time::advance(FIRST_HOLD).await;
            pace.answered(pace.count(SHARE), 100);
        }
        assert_eq!(pace.count(SHARE), 1000);
    }
}
