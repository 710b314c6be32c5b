//! The tokio runtime, counted by its users: the first builds it, the last one ends it.
//!
//! No runtime outlives its users, so none of its threads keeps a class loader or a process alive.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, available_parallelism};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};

/// The runtime, held by its users only.
static CURRENT: Mutex<Weak<EngineRuntime>> = Mutex::new(Weak::new());

/// Worker threads, unless [`set_workers`] names another number: one a core, since decryption and scanning of all
/// readers and writers of a job in this process share them; but each job of a session cluster has its own library, so
/// there are few.
const FEWEST_WORKERS: usize = 2;
const MOST_WORKERS: usize = 4;
/// The number that is asked for. 0: none is.
static CHOSEN_WORKERS: AtomicUsize = AtomicUsize::new(0);
/// More than these are never started, whatever is asked for.
const WORKERS_LIMIT: usize = 64;
/// Threads that look up names. The runtime starts them later; without one of them it would never connect.
const LOOKUPS: usize = 1;
const STACK_BYTES: usize = 2 << 20;
const THREAD_NAME: &str = "flink-redis";
/// The time for which the last share, when it is dropped, waits for blocking work such as a name look-up.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A share in the runtime. Dropping the last one, never on a thread of the runtime itself, joins its threads.
pub struct EngineRuntime {
    runtime: Option<Runtime>,
}

impl EngineRuntime {
    /// Returns a share in the runtime that is there, or in a new one.
    ///
    /// # Errors
    /// `Settings` when its threads can't be had.
    pub fn shared() -> Result<Arc<Self>> {
        let mut current = CURRENT.lock();
        if let Some(runtime) = current.upgrade() {
            return Ok(runtime);
        }
        let workers = workers();
        let runtime = room_for(workers + LOOKUPS, STACK_BYTES)
            .and_then(|()| {
                Builder::new_multi_thread()
                    .worker_threads(workers)
                    .thread_stack_size(STACK_BYTES)
                    .thread_name(THREAD_NAME)
                    .enable_io()
                    .enable_time()
                    .build()
            })
            .map_err(|error| {
                Error::Settings(format!(
                    "the engine can't start its {workers} threads: {error}; raise the limits of threads and of open \
                     files \
                     (ulimit -u, ulimit -n; of a container, its pids)"
                ))
            })?;
        let runtime = Arc::new(Self { runtime: Some(runtime) });
        *current = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    /// Returns the handle by which tasks are spawned.
    ///
    /// # Errors
    /// `Internal` when the runtime is gone, which no user sees while it holds its share.
    pub fn handle(&self) -> Result<&Handle> {
        self.runtime
            .as_ref()
            .map(Runtime::handle)
            .ok_or_else(|| Error::Internal("a runtime is gone before its users".to_owned()))
    }
}

/// Sets how many worker threads the next runtime has, 1 to 64; 0: one a core, but 2 to 4. A runtime that is there keeps
/// its own.
pub fn set_workers(count: usize) {
    CHOSEN_WORKERS.store(count.min(WORKERS_LIMIT), Ordering::Relaxed);
}

fn workers() -> usize {
    match CHOSEN_WORKERS.load(Ordering::Relaxed) {
        0 => available_parallelism().map_or(FEWEST_WORKERS, |cores| cores.get().clamp(FEWEST_WORKERS, MOST_WORKERS)),
        chosen => chosen,
    }
}

/// Makes sure that so many threads can be had: they are all there at the same time, and end. The runtime's builder has
/// no error for that: it panics with the first thread that it does not get, and waits for ever for the others.
fn room_for(threads: usize, stack_bytes: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let _closed = gate.lock(); // opens when this closure ends, the scope when they have
        for _ in 0..threads {
            thread::Builder::new()
                .name(THREAD_NAME.to_owned())
                .stack_size(stack_bytes)
                .spawn_scoped(scope, || drop(gate.lock()))?;
        }
        Ok(())
    })
}

impl Drop for EngineRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN);
        }
    }
}

/// Returns the work's result; a panic is an error, which names its place.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(Error::from_panic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_cannot_be_had_are_an_error_at_once() {
        room_for(4, STACK_BYTES).unwrap();
        room_for(4, 1 << 46).unwrap_err(); // together more than a process can address
    }
}
