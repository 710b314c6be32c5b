//! The tokio runtime, counted by its users: the first builds it, the last one ends it.
//!
//! No runtime outlives its users, so none of its threads keeps a class loader or a process alive.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// Holds no runtime by itself: only its users do.
static CURRENT: Mutex<Weak<EngineRuntime>> = Mutex::new(Weak::new());

const WORKERS: usize = 2;
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A share in the runtime. Dropping the last one, never on a thread of the runtime itself, joins its threads.
pub struct EngineRuntime {
    runtime: Option<Runtime>,
}

impl EngineRuntime {
    /// The runtime that is there, or a new one.
    pub fn shared() -> Result<Arc<Self>> {
        let mut current = CURRENT.lock();
        if let Some(runtime) = current.upgrade() {
            return Ok(runtime);
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("flink-redis")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| {
                Error::Settings(format!("no threads for the engine: {error}; raise the process limits"))
            })?;
        let runtime = Arc::new(Self { runtime: Some(runtime) });
        *current = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    /// # Errors
    /// `Closed` when the runtime is gone, which no user sees while it holds its share.
    pub fn handle(&self) -> Result<&Handle> {
        self.runtime.as_ref().map(Runtime::handle).ok_or(Error::Closed)
    }
}

impl Drop for EngineRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN);
        }
    }
}

/// Work that a thread of Java's waits for in slices: it begins with the first wait, and goes on by itself.
pub(crate) struct Call<T> {
    running: Mutex<Option<JoinHandle<Result<T>>>>,
    closed: CancellationToken,
}

impl<T> Default for Call<T> {
    fn default() -> Self {
        Self { running: Mutex::new(None), closed: CancellationToken::new() }
    }
}

impl<T: Send + 'static> Call<T> {
    /// Begins the work, or goes on waiting for that which runs; `None`: it is not done by `max_wait`.
    ///
    /// # Errors
    /// The work's; `Closed` after [`close`](Self::close); `Panic`.
    pub(crate) fn wait<W>(&self, handle: &Handle, begin: impl FnOnce() -> W, max_wait: Duration) -> Result<Option<T>>
    where
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let mut running = self.running.lock();
        if self.closed.is_cancelled() {
            return Err(Error::Closed);
        }
        let task = running.get_or_insert_with(|| {
            let (work, closed) = (begin(), self.closed.clone());
            handle.spawn(async move {
                tokio::select! {
                    biased;
                    () = closed.cancelled() => Err(Error::Closed),
                    done = work => done,
                }
            })
        });
        let Ok(ended) = handle.block_on(async { tokio::time::timeout(max_wait, task).await }) else { return Ok(None) };
        *running = None;
        match ended {
            Ok(done) => done.map(Some),
            Err(error) if error.is_panic() => Err(Error::from_panic(error.into_panic())),
            Err(_) => Err(Error::Closed),
        }
    }

    /// Ends the work that runs. Idempotent.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }
}
