//! The last failure of work that several tasks wait for: those that waited while it went on share it.

use tokio::time::Instant;

use crate::error::Error;

/// When the work failed last, and how.
#[derive(Default)]
pub(super) struct LastFailure(Option<(Instant, Error)>);

impl LastFailure {
    /// Notes a failure.
    pub(super) fn note(&mut self, error: &Error) {
        self.0 = Some((Instant::now(), error.clone()));
    }

    /// Returns the last failure, whenever it was.
    pub(super) fn get(&self) -> Option<Error> {
        self.0.as_ref().map(|(_, error)| error.clone())
    }

    /// Returns the last failure if it came after `begin`, when the caller began to wait.
    pub(super) fn since(&self, begin: Instant) -> Option<Error> {
        self.0.as_ref().filter(|(at, _)| *at >= begin).map(|(_, error)| error.clone())
    }
}
