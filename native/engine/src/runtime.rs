//! The tokio runtime, counted by its users: the first builds it, the last one ends it.
//!
//! No runtime outlives its users, so none of its threads keeps a class loader or a process alive.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};

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
