//! With `ttlSeconds`: `EXPIRE` for each key whose write the server has taken.
//!
//! It goes ahead of everything that is not on the wire yet: a key is without its time to live for a round trip and not
//! for as long as the queue, and the server still has it in its caches. Those that gather until something can be sent
//! go out together: a call for each few costs more than they do.

use crate::config::SinkSettings;
use crate::sink::chunk::Chunk;
use crate::sink::queue::Queue;
use crate::sink::unit::{EncodedUnit, UnitKind};

/// What is to be sent as soon as something can be. Used by the pipe's task only.
pub(super) struct Expiries {
    ttl_seconds: String,
    chunk: Option<Chunk>,
    /// How many bytes of the chunk the queue counts.
    counted: usize,
    /// Units and bytes of the last chunk that was taken: the next one needs about as much room.
    last: (usize, usize),
}

impl Expiries {
    /// Returns `None` for a sink whose keys stay.
    pub(super) fn of(settings: &SinkSettings) -> Option<Self> {
        let seconds = settings.ttl_seconds;
        (seconds > 0).then(|| Self { ttl_seconds: seconds.to_string(), chunk: None, counted: 0, last: (0, 0) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunk.is_none()
    }

    /// Appends an `EXPIRE` for a unit that has its reply, if it is one that can expire.
    pub(super) fn add(&mut self, unit: EncodedUnit<'_>, asking: bool) {
        if unit.kind().is_keyed() {
            let mut expiry = self.chunk.get_or_insert_with(|| Chunk::with_room(asking, self.last)).begin();
            expiry.header(3).argument(b"EXPIRE").key(unit.key()).argument(self.ttl_seconds.as_bytes());
            expiry.end(UnitKind::Expiry);
        }
    }

    /// Has the queue count what was added. To be called before the queue forgets the chunk that it was added for: a
    /// flush would find nothing in flight.
    pub(super) fn count(&mut self, queue: &Queue) {
        let bytes = self.chunk.as_ref().map_or(0, |chunk| chunk.bytes().len());
        if bytes > self.counted {
            queue.add(bytes - self.counted);
            self.counted = bytes;
        }
    }

    /// Takes what was added; the queue counts it.
    pub(super) fn take(&mut self, queue: &Queue) -> Option<Chunk> {
        self.count(queue);
        self.counted = 0;
        let chunk = self.chunk.take()?;
        self.last = (chunk.units().count(), chunk.bytes().len());
        Some(chunk)
    }
}
