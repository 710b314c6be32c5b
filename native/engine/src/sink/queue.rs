//! The queue holds commands until they are confirmed, in order, bounded by bytes.
//!
//! Flink's task thread pushes, the pipeline's task pops and settles.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::error::{Error, Result};
use crate::sink::chunk::Chunk;
use crate::sink::unit::Commands;
use crate::spares::Spares;

#[derive(Default)]
struct State {
    /// Chunks that the pipeline has not taken yet.
    waiting: VecDeque<Chunk>,
    /// Bytes of all that is not confirmed, what the pipeline has taken included.
    bytes: usize,
    /// The waiting thread is woken when no more bytes than these are left: each time costs.
    awaited: usize,
    failure: Option<Error>,
    closed: bool,
    /// The current or the next wait is to return before what it waits for.
    interrupted: bool,
}

/// Commands that are not confirmed yet.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Signals that as much was confirmed as is waited for, or that something failed.
    settled: Condvar,
    /// Signals that something was pushed, or the writer was closed.
    pub(super) changed: Notify,
    limit: usize,
    spares: Arc<Spares>,
}

/// The part of the limit that is kept, beyond it, of the memory of what is confirmed.
const SPARE_PART: usize = 4;
/// Who has found no room waits until this part of the limit is free, to use the time for more than one batch.
const FREE_PART: usize = 8;

impl Queue {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let spares = Arc::new(Spares::new(limit / SPARE_PART));
        Arc::new(Self { state: Mutex::default(), settled: Condvar::new(), changed: Notify::new(), limit, spares })
    }

    /// Returns the memory of what is confirmed.
    pub(super) fn spares(&self) -> &Arc<Spares> {
        &self.spares
    }

    /// Waits for room for about `size` bytes, and returns `false` if there was none by `max_wait`. What is larger than
    /// all the room gets it when the queue is empty. Only the caller takes the room, with [`push`](Self::push).
    pub(super) fn await_room(&self, size: usize, max_wait: Duration) -> Result<bool> {
        let deadline = Instant::now() + max_wait;
        let mut state = self.state.lock();
        loop {
            check(&state)?;
            if state.bytes == 0 || state.bytes + size <= self.limit {
                return Ok(true);
            }
            let free = size.max(self.limit / FREE_PART);
            if self.is_over(&mut state, self.limit.saturating_sub(free), deadline) {
                check(&state)?;
                return Ok(state.bytes == 0 || state.bytes + size <= self.limit);
            }
        }
    }

    /// Appends commands, whether there is room or not.
    pub(super) fn push(&self, commands: Commands) {
        if commands.units.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.bytes += commands.bytes.len();
        state.waiting.push_back(Chunk::new(commands).reusing(&self.spares));
        drop(state);
        self.changed.notify_one();
    }

    /// Waits until everything that was pushed is confirmed, and returns `false` if it was not by `max_wait`.
    pub(super) fn flush(&self, max_wait: Duration) -> Result<bool> {
        let deadline = Instant::now() + max_wait;
        let mut state = self.state.lock();
        loop {
            check(&state)?;
            if state.bytes == 0 {
                return Ok(true);
            }
            if self.is_over(&mut state, 0, deadline) {
                return Ok(state.bytes == 0 && state.failure.is_none());
            }
        }
    }

    /// Waits until no more bytes than these are left; `true`: the wait is over before.
    fn is_over(&self, state: &mut MutexGuard<'_, State>, bytes: usize, deadline: Instant) -> bool {
        state.awaited = bytes;
        std::mem::take(&mut state.interrupted) || self.settled.wait_until(state, deadline).timed_out()
    }

    /// Has the current or the next wait of Java's return at once.
    pub(super) fn interrupt(&self) {
        self.state.lock().interrupted = true;
        self.settled.notify_all();
    }

    /// Returns whether something is not confirmed.
    ///
    /// # Errors
    /// What has ended the writer.
    pub(super) fn is_busy(&self) -> Result<bool> {
        let state = self.state.lock();
        check(&state).map(|()| state.bytes > 0)
    }

    /// Takes the next chunk, for the pipeline.
    pub(super) fn pop(&self) -> Option<Chunk> {
        self.state.lock().waiting.pop_front()
    }

    /// Gives back the room of a chunk that is settled.
    pub(super) fn settle(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.bytes -= bytes;
        if state.bytes <= state.awaited {
            drop(state);
            self.settled.notify_all();
        }
    }

    /// Takes room for a chunk that the pipeline has made itself, of units that go on by themselves. A flush waits for
    /// it, too.
    pub(super) fn add(&self, bytes: usize) {
        self.state.lock().bytes += bytes;
    }

    /// Fails the writer: every call that waits, or is to come, gets the first error.
    pub(super) fn fail(&self, error: Error) {
        self.state.lock().failure.get_or_insert(error);
        self.settled.notify_all();
    }

    /// Ends all waits.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.settled.notify_all();
        self.changed.notify_one();
    }

    /// Returns the bytes of all that is not confirmed.
    pub(super) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }
}

fn check(state: &State) -> Result<()> {
    match &state.failure {
        _ if state.closed => Err(Error::Closed),
        Some(error) => Err(error.clone()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::unit::UnitKind;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Pushes a unit, and returns how many bytes it has.
    fn push(queue: &Queue) -> usize {
        let mut commands = Commands::default();
        let mut unit = commands.begin();
        unit.header(2).argument(b"TOUCH").key(b"k");
        unit.end(UnitKind::Expiry);
        let bytes = commands.bytes.len();
        queue.push(commands);
        bytes
    }

    #[test]
    fn who_waits_hears_of_enough_room() {
        let queue = Queue::new(1000);
        let mut unit = 0;
        while queue.bytes() < 1000 {
            unit = push(&queue);
        }
        assert!(!queue.await_room(unit, Duration::ZERO).unwrap());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| queue.await_room(unit, PATIENCE).unwrap());
            while queue.bytes() > 1000 - 1000 / FREE_PART {
                queue.settle(unit);
            }
            assert!(waits.join().unwrap());
            let waits = scope.spawn(|| queue.await_room(5000, PATIENCE).unwrap() && queue.flush(PATIENCE).unwrap());
            while queue.bytes() > 0 {
                queue.settle(unit);
            }
            assert!(waits.join().unwrap());
        });
    }

    #[test]
    fn a_wait_that_is_interrupted_finds_the_room_there_is() {
        let queue = Queue::new(100);
        let unit = push(&queue);
        queue.interrupt();
        assert!(!queue.await_room(100, PATIENCE).unwrap());
        queue.interrupt();
        assert!(queue.await_room(100 - unit, PATIENCE).unwrap());
    }
}
