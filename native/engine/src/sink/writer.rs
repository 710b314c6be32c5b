//! The writer is what a Flink sink writer holds: it takes batches, and says when they are confirmed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Credentials, Servers};
use crate::config::SinkSettings;
use crate::error::Result;
use crate::object::{EngineObject, Tick};
use crate::runtime::EngineRuntime;
use crate::sink::committable::Committable;
use crate::sink::encode::{Encoder, estimate_all, require_names};
use crate::sink::pipeline::{Counters, Pipeline};
use crate::sink::queue::Queue;
use crate::sink::record_batch;

/// How long [`Writer::close`] waits for the task.
const CLOSE: Duration = Duration::from_secs(3);

/// A handle on a sink's connection to Redis: it encodes records, and a task of its own writes them in the background.
///
/// Flink's task thread calls [`write`](Self::write), [`flush`](Self::flush) and [`prepare`](Self::prepare), one at a
/// time. Any thread may call [`stats`](Self::stats) and [`close`](Self::close), also while another one waits in a call,
/// which then ends with an error. To drop the writer closes it.
pub struct Writer {
    /// Used by Flink's task thread only, so nobody waits for the lock.
    encoder: Mutex<Encoder>,
    queue: Arc<Queue>,
    servers: Servers,
    closed: CancellationToken,
    counters: Arc<Counters>,
    task: Mutex<Option<JoinHandle<()>>>,
    handle: Handle,
    // Last, since its drop ends the runtime that the task is on.
    _runtime: Option<Arc<EngineRuntime>>,
}

/// What a writer has done so far. Counts begin with the writer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriterStats {
    /// Records that are written, dead letters included.
    pub confirmed: u64,
    /// Bytes of encoded commands that are not confirmed yet.
    pub in_flight_bytes: u64,
    /// Records that Redis rejected, and that went to the dead letters.
    pub dead_letters: u64,
    /// Connections that were lost, given up or could not be made.
    pub reconnects: u64,
}

impl Writer {
    /// Creates a writer, which connects in the background.
    ///
    /// # Errors
    /// `Internal` when there are no threads for its task.
    pub fn new(settings: SinkSettings) -> Result<Self> {
        require_names(&settings)?;
        let runtime = EngineRuntime::shared()?;
        let servers = Servers::new(settings.connection.clone());
        let handle = runtime.handle()?.clone();
        Ok(Self::on(handle, Some(runtime), settings, servers))
    }

    pub(super) fn on(
        handle: Handle,
        runtime: Option<Arc<EngineRuntime>>,
        settings: SinkSettings,
        servers: Servers,
    ) -> Self {
        let queue = Queue::new(usize::try_from(settings.max_in_flight_bytes).unwrap_or(usize::MAX));
        let encoder = Mutex::new(Encoder::new(&settings).reusing(queue.spares()));
        servers.on_credentials_request({
            let queue = Arc::clone(&queue);
            move || queue.interrupt()
        });
        let (closed, counters) = (CancellationToken::new(), Arc::new(Counters::default()));
        let pipeline =
            Pipeline::new(settings, servers.clone(), Arc::clone(&queue), closed.clone(), Arc::clone(&counters));
        let task = handle.spawn(pipeline.run());
        Self { encoder, queue, servers, closed, counters, task: Mutex::new(Some(task)), handle, _runtime: runtime }
    }

    /// Returns an empty buffer with room for a batch of so many bytes. To be given back with
    /// [`take_back`](Self::take_back) when the batch is written: memory that is used again costs less.
    #[must_use]
    pub fn buffer(&self, length: usize) -> Vec<u8> {
        self.queue.spares().take(length)
    }

    /// Takes a buffer back.
    pub fn take_back(&self, buffer: Vec<u8>) {
        self.queue.spares().give(buffer);
    }

    /// Takes a batch of records, to be written in order. Returns `false` if there was no room by `max_wait`, and
    /// nothing of it was taken.
    ///
    /// # Errors
    /// What ended the writer, again at every call; `Closed`; `Internal` for a batch that can't be read; `Settings` for
    /// a target that is not there.
    pub fn write(&self, batch: &[u8], max_wait: Duration) -> Result<bool> {
        let records = record_batch::records(batch)?;
        if !self.queue.await_room(estimate_all(&records), max_wait)? {
            return Ok(false);
        }
        self.queue.push(self.encoder.lock().encode(&records)?);
        Ok(true)
    }

    /// Ends the epoch, and returns what it has staged; nothing for a sink that does not stage. To be called when a
    /// flush has confirmed all of it.
    pub fn prepare(&self) -> Vec<Committable> {
        self.encoder.lock().prepare()
    }

    /// Waits until Redis has confirmed everything that was written. Returns `false` if it has not by `max_wait`.
    ///
    /// # Errors
    /// What ended the writer, again at every call; `Closed`.
    pub fn flush(&self, max_wait: Duration) -> Result<bool> {
        self.queue.push(self.encoder.lock().seal());
        self.queue.flush(max_wait)
    }

    /// Returns what the writer has done so far.
    pub fn stats(&self) -> WriterStats {
        let Counters { confirmed, dead_letters, reconnects } = &*self.counters;
        WriterStats {
            confirmed: confirmed.load(Ordering::Relaxed),
            in_flight_bytes: self.queue.bytes() as u64,
            dead_letters: dead_letters.load(Ordering::Relaxed),
            reconnects: reconnects.load(Ordering::Relaxed),
        }
    }

    /// Ends the task, as when a process is killed.
    #[cfg(test)]
    pub(super) fn crash(&self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }

    /// Ends the task and its connections, within 3 seconds. What is not confirmed is given up. Idempotent.
    pub fn close(&self) {
        self.closed.cancel();
        self.queue.close();
        let task = self.task.lock().take();
        if let Some(task) = task {
            // The task has nothing to wait for once it is cancelled; a panic has failed the writer already.
            let _ = self.handle.block_on(async { tokio::time::timeout(CLOSE, task).await });
        }
    }
}

impl EngineObject for Writer {
    fn tick(&self) -> Result<Tick> {
        let is_busy = self.queue.is_busy()?;
        if !is_busy {
            self.queue.spares().clear();
        }
        Ok(Tick { credentials_requested: self.servers.are_credentials_requested(), is_busy })
    }

    fn provide(&self, credentials: &Credentials) {
        self.servers.provide(credentials);
    }

    fn close(&self) {
        Writer::close(self);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}
