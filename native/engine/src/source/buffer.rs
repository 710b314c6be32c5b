//! Batches that wait for Java, bounded by bytes.
//!
//! Written by the split tasks, read by Flink's fetcher thread. The bytes are shared by the splits, but each may always
//! hold one batch: so a split that is busy, or paused by watermark alignment with a full queue, never keeps another one
//! from being read.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::config::Partition;
use crate::error::{Error, Result};
use crate::source::decode::batch::Batch;
use crate::spares::Spares;

#[derive(Default)]
struct State {
    queues: HashMap<Partition, VecDeque<Batch>>,
    /// Splits that have a batch, in the order in which they are served: the one that was served goes to the end.
    turns: VecDeque<Partition>,
    paused: HashSet<Partition>,
    bytes: usize,
    woken: bool,
    /// What ended a split. The reader fails with it.
    failure: Option<Error>,
    closed: bool,
}

/// Holds batches until Java polls them. Split tasks push, waiting for room; Flink's fetcher thread polls.
pub(super) struct Buffer {
    state: Mutex<State>,
    /// Something to give to `poll`.
    readable: Condvar,
    /// There is room, or a pause is over. Tasks wait for it.
    changed: Notify,
    limit: usize,
    spares: Arc<Spares>,
}

/// The part of the limit that is kept, beyond it, of the memory of batches that were polled.
const SPARE_PART: usize = 4;

impl Buffer {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let spares = Arc::new(Spares::new(limit / SPARE_PART));
        Arc::new(Self { state: Mutex::default(), readable: Condvar::new(), changed: Notify::new(), limit, spares })
    }

    /// Returns the memory of batches that were polled.
    pub(super) fn spares(&self) -> &Arc<Spares> {
        &self.spares
    }

    /// Adds a batch, as soon as there is room.
    pub(super) async fn push(&self, batch: Batch) {
        let mut batch = Some(batch);
        loop {
            // Registered before the look, so that a change in between is not missed.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.try_push(&mut batch) {
                return;
            }
            changed.await;
        }
    }

    fn try_push(&self, batch: &mut Option<Batch>) -> bool {
        let mut state = self.state.lock();
        let Some(size) = batch.as_ref().map(|batch| batch.bytes.capacity()) else { return true };
        let Some(partition) = batch.as_ref().map(|batch| batch.partition) else { return true };
        let first_of_its_split = state.queues.get(&partition).is_none_or(VecDeque::is_empty);
        if !first_of_its_split && state.bytes + size > self.limit {
            return false;
        }
        state.bytes += size;
        state.queues.entry(partition).or_default().extend(batch.take());
        if first_of_its_split {
            state.turns.push_back(partition);
        }
        drop(state);
        self.readable.notify_one();
        true
    }

    /// Waits while the split is paused.
    pub(super) async fn while_paused(&self, partition: Partition) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.state.lock().paused.contains(&partition) {
                return;
            }
            changed.await;
        }
    }

    /// Returns the next batch; `None` when there is none within `max_wait`, or after a wake-up.
    ///
    /// # Errors
    /// What ended a split, again at every call; `Closed` after close.
    pub(super) fn poll(&self, max_wait: Duration) -> Result<Option<Batch>> {
        let deadline = Instant::now() + max_wait;
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Err(Error::Closed);
            }
            if let Some(error) = &state.failure {
                return Err(error.clone());
            }
            if let Some(batch) = next(&mut state) {
                drop(state);
                self.changed.notify_waiters();
                return Ok(Some(batch));
            }
            if std::mem::take(&mut state.woken) {
                return Ok(None);
            }
            if self.readable.wait_until(&mut state, deadline).timed_out() {
                self.spares.clear();
                return Ok(None);
            }
        }
    }

    /// Has the current or the next `poll` return at once.
    pub(super) fn wake_up(&self) {
        self.state.lock().woken = true;
        self.readable.notify_all();
    }

    /// Pauses splits, and lets others go on.
    pub(super) fn pause_or_resume(&self, pause: &[Partition], resume: &[Partition]) {
        let mut state = self.state.lock();
        state.paused.extend(pause);
        for partition in resume {
            state.paused.remove(partition);
        }
        drop(state);
        self.changed.notify_waiters();
        self.readable.notify_all();
    }

    /// Ends the reader with an error, which its polls return from now on.
    pub(super) fn fail(&self, error: Error) {
        self.state.lock().failure.get_or_insert(error);
        self.readable.notify_all();
    }

    /// Returns the error that has ended the reader.
    pub(super) fn failure(&self) -> Option<Error> {
        self.state.lock().failure.clone()
    }

    /// Drops what waits. Polls fail with `Closed` from now on.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.queues.clear();
        state.turns.clear();
        state.bytes = 0;
        drop(state);
        self.readable.notify_all();
    }

    /// Returns how many bytes in memory the batches take.
    pub(super) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }
}

/// Takes the next batch of the first split in turn that is not paused.
fn next(state: &mut State) -> Option<Batch> {
    let turn = state.turns.iter().position(|partition| !state.paused.contains(partition))?;
    let partition = state.turns.remove(turn)?;
    let queue = state.queues.get_mut(&partition)?;
    let batch = queue.pop_front()?;
    if !queue.is_empty() {
        state.turns.push_back(partition);
    }
    state.bytes -= batch.bytes.capacity();
    state.woken = false;
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::decode::batch::{self, BatchBuilder};
    use crate::stream::EntryId;

    fn batch(partition: Partition) -> Batch {
        batch::empty(partition, 0, EntryId::ZERO)
    }

    fn poll(buffer: &Buffer) -> Option<Partition> {
        buffer.poll(Duration::ZERO).unwrap().map(|batch| batch.partition)
    }

    #[tokio::test]
    async fn splits_take_turns_and_each_may_hold_one_beyond_the_limit() {
        let buffer = Buffer::new(64);
        buffer.push(batch(0)).await;
        buffer.push(batch(0)).await;
        let waiting = tokio::spawn({
            let buffer = Arc::clone(&buffer);
            async move { buffer.push(batch(0)).await }
        });
        buffer.push(batch(1)).await;
        assert_eq!(buffer.bytes(), 96);
        assert!(!waiting.is_finished());
        assert_eq!([poll(&buffer), poll(&buffer)], [Some(0), Some(1)]);
        waiting.await.unwrap();
        assert_eq!([poll(&buffer), poll(&buffer), poll(&buffer)], [Some(0), Some(0), None]);
        assert_eq!(buffer.bytes(), 0);
    }

    #[tokio::test]
    async fn a_paused_split_is_passed_over_and_keeps_its_batches() {
        let buffer = Buffer::new(64);
        buffer.push(batch(0)).await;
        buffer.push(batch(1)).await;
        buffer.pause_or_resume(&[0], &[]);
        assert_eq!([poll(&buffer), poll(&buffer)], [Some(1), None]);
        buffer.pause_or_resume(&[], &[0]);
        buffer.while_paused(0).await;
        assert_eq!(poll(&buffer), Some(0));
    }

    #[tokio::test]
    async fn the_memory_of_a_batch_is_kept_while_batches_come() {
        let buffer = Buffer::new(1 << 20);
        let mut builder = BatchBuilder::new(0, 1).reusing(buffer.spares());
        builder.begin_entry(EntryId::new(1, 0), 1);
        for text in [&b"v"[..], &[b'x'; 100_000]] {
            builder.begin_string(text.len() as u32);
            builder.append(text);
        }
        builder.end_entry().unwrap();
        for batch in builder.take().batches {
            buffer.push(batch).await;
        }
        let batch = buffer.poll(Duration::ZERO).unwrap().unwrap();
        assert_eq!((batch.entries, buffer.spares().bytes()), (1, 0));
        drop(batch);
        assert!(buffer.spares().bytes() >= 100_000);
        assert!(buffer.poll(Duration::ZERO).unwrap().is_none());
        assert_eq!(buffer.spares().bytes(), 0, "nothing comes any more");
    }

    #[test]
    fn a_wake_up_ends_the_current_or_the_next_wait() {
        let buffer = Buffer::new(64);
        buffer.wake_up();
        let long = Duration::from_secs(60);
        assert!(buffer.poll(long).unwrap().is_none());
        let waiting = std::thread::spawn({
            let buffer = Arc::clone(&buffer);
            move || buffer.poll(long).unwrap().is_none()
        });
        buffer.wake_up();
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn a_failure_comes_out_again_and_again() {
        let buffer = Buffer::new(64);
        buffer.fail(Error::Panic("first".into()));
        buffer.fail(Error::Panic("second".into()));
        for _ in 0..2 {
            assert!(buffer.poll(Duration::ZERO).unwrap_err().to_string().ends_with("first"));
        }
        buffer.close();
        assert!(matches!(buffer.poll(Duration::ZERO), Err(Error::Closed)));
    }
}
