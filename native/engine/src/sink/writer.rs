//! What a Flink writer holds: frames in, confirmation out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::SinkSettings;
use crate::connection::{Credentials, Servers};
use crate::error::Result;
use crate::object::{EngineObject, Tick};
use crate::runtime::EngineRuntime;
use crate::sink::encode::{Encoder, Prepared, estimate_all};
use crate::sink::frame;
use crate::sink::pipeline::Pipeline;
use crate::sink::queue::Queue;
use crate::sink::shared::Counters;

const CLOSE: Duration = Duration::from_secs(3);

pub struct Writer {
    /// Locked by one thread at a time: Flink's task thread.
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

/// What a writer has done so far.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriterStats {
    pub confirmed: u64,
    pub in_flight_bytes: u64,
    pub dead_letters: u64,
    pub reconnects: u64,
}

impl Writer {
    /// Connects in the background.
    pub fn new(settings: SinkSettings) -> Result<Self> {
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
        let encoder = Mutex::new(Encoder::new(&settings));
        let queue = Queue::new(usize::try_from(settings.max_in_flight_bytes).unwrap_or(usize::MAX));
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

    /// Takes a frame of records, to be written in order; `false`: there was no room by `max_wait`, and nothing of it was taken.
    ///
    /// # Errors
    /// What ended the writer, again at every call; `Internal` for a frame that can't be read.
    pub fn write(&self, frame: &[u8], max_wait: Duration) -> Result<bool> {
        let records = frame::records(frame)?;
        if !self.queue.await_room(estimate_all(&records), max_wait)? {
            return Ok(false);
        }
        self.queue.push(self.encoder.lock().encode(&records)?);
        Ok(true)
    }

    /// What the epoch has staged that ends here; empty for a sink that does not stage. Called when a flush has confirmed all of it.
    pub fn prepare(&self) -> Vec<Prepared> {
        self.encoder.lock().prepare()
    }

    /// `true`: Redis has confirmed everything that was written; `false`: not by `max_wait`.
    ///
    /// # Errors
    /// What ended the writer, again at every call.
    pub fn flush(&self, max_wait: Duration) -> Result<bool> {
        self.queue.push(self.encoder.lock().seal());
        self.queue.flush(max_wait)
    }

    pub fn stats(&self) -> WriterStats {
        let Counters { confirmed, dead_letters, reconnects } = &*self.counters;
        WriterStats {
            confirmed: confirmed.load(Ordering::Relaxed),
            in_flight_bytes: self.queue.bytes() as u64,
            dead_letters: dead_letters.load(Ordering::Relaxed),
            reconnects: reconnects.load(Ordering::Relaxed),
        }
    }

    /// Ends as a process that is killed.
    #[cfg(test)]
    pub(super) fn crash(&self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }

    /// Ends the task and its connection; bounded in time. What is not confirmed is given up. Idempotent.
    pub fn close(&self) {
        self.closed.cancel();
        self.queue.close();
        let task = self.task.lock().take();
        if let Some(task) = task {
            // The task has nothing to wait for once it is cancelled; a panic of it was told already.
            let _ = self.handle.block_on(async { tokio::time::timeout(CLOSE, task).await });
        }
    }
}

impl EngineObject for Writer {
    fn tick(&self) -> Result<Tick> {
        Ok(Tick { credentials_requested: self.servers.are_credentials_requested(), is_busy: self.queue.is_busy()? })
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
