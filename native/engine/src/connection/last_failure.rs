//! What work came to that several wait for: those who waited while it went on share its failure.

use tokio::time::Instant;

use crate::error::Error;

/// When it failed last, and how.
#[derive(Default)]
pub(super) struct LastFailure(Option<(Instant, Error)>);

impl LastFailure {
    pub(super) fn note(&mut self, error: &Error) {
        self.0 = Some((Instant::now(), error.clone()));
    }

    /// The last one, whoever waited for it.
    pub(super) fn get(&self) -> Option<Error> {
        self.0.as_ref().map(|(_, error)| error.clone())
    }

    /// The one of those who have waited since then.
    pub(super) fn since(&self, begin: Instant) -> Option<Error> {
        self.0.as_ref().filter(|(at, _)| *at >= begin).map(|(_, error)| error.clone())
    }
}
