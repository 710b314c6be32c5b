//! Commands from hand-over to confirmation, in order, bounded by bytes.
//!
//! Written by Flink's task thread, worked off by the pipeline's task.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::error::{Error, Result};
use crate::sink::xadd::Commands;

/// Commands that were handed over together.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
    /// How many of them, from the first on, are confirmed.
    pub(super) confirmed: usize,
}

impl Chunk {
    pub(super) fn of_one(bytes: Vec<u8>) -> Self {
        Self { ends: vec![bytes.len()], bytes, confirmed: 0 }
    }

    /// Where the commands begin that are not confirmed.
    pub(super) fn start(&self) -> usize {
        self.confirmed.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    /// The command whose reply is next.
    pub(super) fn current(&self) -> &[u8] {
        &self.bytes[self.start()..self.ends[self.confirmed]]
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed == self.ends.len()
    }
}

#[derive(Default)]
struct State {
    /// Handed over, not yet taken by the pipeline.
    waiting: VecDeque<Chunk>,
    /// Of all that is not confirmed, the pipeline's included.
    bytes: usize,
    failure: Option<Error>,
    closed: bool,
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

    /// `false`: there was no room by `max_wait`, and nothing was taken. What is larger than all the room goes when nothing else does.
    pub(super) fn push(&self, commands: Commands, max_wait: Duration) -> Result<bool> {
        let size = commands.bytes.len();
        if commands.ends.is_empty() {
            return Ok(true);
        }
        let deadline = Instant::now() + max_wait;
        let mut state = self.state.lock();
        loop {
            check(&state)?;
            if state.bytes == 0 || state.bytes + size <= self.limit {
                break;
            }
            if self.settled.wait_until(&mut state, deadline).timed_out() {
                return Ok(false);
            }
        }
        state.bytes += size;
        state.waiting.push_back(Chunk { bytes: commands.bytes, ends: commands.ends, confirmed: 0 });
        drop(state);
        self.changed.notify_one();
        Ok(true)
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
            if self.settled.wait_until(&mut state, deadline).timed_out() {
                return Ok(state.bytes == 0 && state.failure.is_none());
            }
        }
    }

    /// The next chunk, for the pipeline.
    pub(super) fn pop(&self) -> Option<Chunk> {
        self.state.lock().waiting.pop_front()
    }

    /// A chunk is confirmed.
    pub(super) fn settle(&self, bytes: usize) {
        self.state.lock().bytes -= bytes;
        self.settled.notify_all();
    }

    /// A chunk comes in place of another: a dead letter, or what has to be sent again.
    pub(super) fn replace(&self, before: usize, after: usize) {
        let mut state = self.state.lock();
        state.bytes = state.bytes + after - before;
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
