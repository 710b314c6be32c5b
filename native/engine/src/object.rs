//! The pulse: what each native object does for Java regularly, whatever else it is called for.
//!
//! Java asks every object once in a while with [`tick`](EngineObject::tick): the task thread by a timer (sinks), the
//! fetcher thread before each poll (sources), and whoever waits for work between two slices of the wait. So what the
//! engine needs of Java (credentials) and what it has to say (a failure, log events) never waits for the next record.

use crate::client::Credentials;
use crate::error::Result;

/// Anything that Java holds by a handle. Any thread may call.
pub trait EngineObject: Send + Sync {
    /// Returns what the object needs of its caller now. Cheap: no I/O, no wait.
    ///
    /// # Errors
    /// What has ended the object, again at every call.
    fn tick(&self) -> Result<Tick>;

    /// Provides credentials for the connects that waited when this thread saw them in a [`tick`](Self::tick).
    fn provide(&self, credentials: &Credentials);

    /// Ends the object and its tasks; bounded in time. Idempotent.
    fn close(&self);
}

/// What an object needs of its caller. Counters for metrics will be a field of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// A connect waits for credentials: the calling thread is to fetch and provide them.
    pub credentials_requested: bool,
    /// Something that was handed over is not confirmed, so a connect may come any time: tick again soon.
    pub is_busy: bool,
}
