//! How much of a connection's commands is on the wire, and how much may be.
//!
//! What waits in the server's socket only makes later what is sent because of a reply. So a sink with `ttlSeconds`
//! keeps its commands back while the server has enough to do: the less lies between a write and its `EXPIRE`, the more
//! likely the key is still in the server's caches, and the shorter it is without its time to live.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::SinkSettings;

/// So much may be on the wire to a server that is near: more than it works off while a reply travels.
const LEAST: usize = 256 * 1024;
/// For each microsecond of the round trip to one that is far: 256 MB a second, more than it takes.
const PER_MICROSECOND: usize = 256;

/// Used by the pipe's task only.
pub(super) struct Window {
    is_limited: bool,
    /// Bytes that are sent, and not answered.
    on_wire: usize,
    /// When the first bytes went out of those that have no reply yet, after a time without any.
    asked: Option<Instant>,
    /// The shortest time from there to the first reply.
    round_trip: Option<Duration>,
}

impl Window {
    /// Returns one with a limit for a sink with `ttlSeconds`. But a `WAIT` is to cover much, and takes its time.
    pub(super) fn of(settings: &SinkSettings) -> Self {
        Self::new(settings.ttl_seconds > 0 && settings.min_replicas_to_ack == 0)
    }

    fn new(is_limited: bool) -> Self {
        Self { is_limited, on_wire: 0, asked: None, round_trip: None }
    }

    /// Returns how many bytes may be sent now. Those of the `next` unit whose reply is due always may: else there would
    /// be no reply. It is nothing until there is room for many, since each write costs.
    pub(super) fn room(&self, next: usize) -> usize {
        if !self.is_limited {
            return usize::MAX;
        }
        let round_trip = self.round_trip.map_or(0, |time| usize::try_from(time.as_micros()).unwrap_or(usize::MAX));
        let limit = round_trip.saturating_mul(PER_MICROSECOND).max(LEAST).max(next);
        let room = limit.saturating_sub(self.on_wire);
        if self.on_wire >= next && room < limit / 4 { 0 } else { room }
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        if self.is_limited && self.on_wire == 0 {
            self.asked = Some(Instant::now());
        }
        self.on_wire += bytes;
    }

    /// Takes note that a unit of so many bytes has its reply.
    pub(super) fn answered(&mut self, bytes: usize) {
        self.on_wire = self.on_wire.saturating_sub(bytes);
        if let Some(asked) = self.asked.take() {
            let round_trip = asked.elapsed();
            self.round_trip = Some(self.round_trip.map_or(round_trip, |shortest| shortest.min(round_trip)));
        }
    }

    /// Begins anew, with another connection or another round: nothing is on the wire.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.is_limited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn holds_what_a_round_trip_takes() {
        let mut window = Window::new(true);
        assert_eq!(window.room(100), LEAST);
        window.sent(LEAST - 10);
        assert_eq!(window.room(100), 0);
        // Not for each few bytes.
        window.answered(LEAST / 8);
        assert_eq!(window.room(100), 0);
        window.answered(LEAST / 4);
        assert_eq!(window.room(100), 10 + LEAST / 8 + LEAST / 4);
        window.answered(LEAST - 10 - LEAST / 8 - LEAST / 4);

        // A server that is far away.
        window.reset();
        window.sent(1000);
        tokio::time::advance(Duration::from_millis(20)).await;
        window.answered(1000);
        assert_eq!(window.room(100), 20_000 * PER_MICROSECOND);
        // It was busy.
        window.sent(1000);
        tokio::time::advance(Duration::from_millis(50)).await;
        window.answered(1000);
        assert_eq!(window.room(100), 20_000 * PER_MICROSECOND);
        window.reset();
        assert_eq!(window.room(100), LEAST);
    }

    #[test]
    fn a_unit_always_gets_out() {
        let (mut window, unit) = (Window::new(true), 10 * LEAST);
        window.sent(LEAST);
        assert_eq!(window.room(unit), unit - LEAST);
        window.sent(unit - LEAST - 1);
        assert_eq!(window.room(unit), 1);
        window.sent(1);
        assert_eq!(window.room(unit), 0);
        window.answered(unit);
        assert_eq!(window.room(10), LEAST);
    }

    #[test]
    fn others_have_no_limit() {
        let mut window = Window::new(false);
        window.sent(usize::MAX);
        assert_eq!(window.room(1), usize::MAX);
    }
}
