//! Commands from hand-over to confirmation, in order, bounded by bytes.
//!
//! Written by Flink's task thread, worked off by the pipeline's task.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::error::{Error, Result};
use crate::sink::chunk::Chunk;
use crate::sink::encode::Commands;

#[derive(Default)]
struct State {
    /// Handed over, not yet taken by the pipeline.
    waiting: VecDeque<Chunk>,
    /// Of all that is not confirmed, the pipeline's included.
    bytes: usize,
    failure: Option<Error>,
    closed: bool,
    /// The current or the next wait is to return before what it waits for.
    interrupted: bool,
}

pub(super) struct Queue {
    state: Mutex<State>,
    /// Something was confirmed, or failed.
    settled: Condvar,
    /// Something was handed over, or the writer was closed.
    pub(super) changed: Notify,
    limit: usize,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), settled: Condvar::new(), changed: Notify::new(), limit })
    }

    /// Waits for room for about `size` bytes; `false`: there was none by `max_wait`. What is larger than all the room goes when nothing else
    /// does. Only the caller takes the room, with [`push`](Self::push).
    pub(super) fn await_room(&self, size: usize, max_wait: Duration) -> Result<bool> {
        let deadline = Instant::now() + max_wait;
        let mut state = self.state.lock();
        loop {
            check(&state)?;
            if state.bytes == 0 || state.bytes + size <= self.limit {
                return Ok(true);
            }
            if self.is_over(&mut state, deadline) {
                return Ok(false);
            }
        }
    }

    pub(super) fn push(&self, commands: Commands) {
        if commands.units.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.bytes += commands.bytes.len();
        state.waiting.push_back(Chunk::new(commands));
        drop(state);
        self.changed.notify_one();
    }

    /// `true`: everything that was pushed is confirmed; `false`: not by `max_wait`.
    pub(super) fn flush(&self, max_wait: Duration) -> Result<bool> {
        let deadline = Instant::now() + max_wait;
        let mut state = self.state.lock();
        loop {
            check(&state)?;
            if state.bytes == 0 {
                return Ok(true);
            }
            if self.is_over(&mut state, deadline) {
                return Ok(state.bytes == 0 && state.failure.is_none());
            }
        }
    }

    /// Waits for a change; `true`: the wait is over without one.
    fn is_over(&self, state: &mut MutexGuard<'_, State>, deadline: Instant) -> bool {
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

    /// The next chunk, for the pipeline.
    pub(super) fn pop(&self) -> Option<Chunk> {
        self.state.lock().waiting.pop_front()
    }

    /// A chunk is settled.
    pub(super) fn settle(&self, bytes: usize) {
        self.state.lock().bytes -= bytes;
        self.settled.notify_all();
    }

    /// The pipeline has made a chunk of its own: a dead letter, or what has to be sent again. A flush waits for it, too.
    pub(super) fn add(&self, bytes: usize) {
        self.state.lock().bytes += bytes;
    }

    pub(super) fn fail(&self, error: Error) {
        self.state.lock().failure.get_or_insert(error);
        self.settled.notify_all();
    }

    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.settled.notify_all();
        self.changed.notify_one();
    }

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
