//! The one error of the engine.
//!
//! Its text is for users: what was tried, where, why it failed, what to do. It never holds a password.

//!
//! * [`fault`] what goes wrong between us and Redis, of a [`kind`]; a cluster's may be a [`redirect`]ion
//! * [`server_text`] what a server's error text means
//! * [`sentence`] what users read

mod fault;
mod kind;
mod redirect;
mod sentence;
mod server_text;

use std::fmt;

pub use fault::Fault;
pub use kind::FaultKind;
pub(crate) use redirect::Redirect;

/// What went wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Settings that can't be used. Names the option, the value and what is allowed.
    #[error("{0}")]
    Settings(String),
    /// The object was closed, by its owner or while the call waited.
    #[error("closed")]
    Closed,
    /// A bug of ours: a state that can't be.
    #[error("internal error, please report: {0}")]
    Internal(String),
    /// A bug of ours: a task panicked. Holds its message.
    #[error("internal error, please report: {0}")]
    Panic(String),
    /// A fault of Redis, or of the way to it.
    #[error("{0}")]
    Redis(#[from] Fault),
}

/// The result of the engine's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Adds what was tried to an error.
pub(crate) trait Context<T> {
    /// Returns the same result; an error that is a fault has its sentence led by what was tried.
    ///
    /// # Errors
    /// The result's own.
    fn context<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn context<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| match error.into() {
            Error::Redis(fault) => Error::Redis(fault.context(what())),
            other => other,
        })
    }
}

impl Error {
    /// Returns the fault that the received bytes are not what a Redis server sends.
    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Error::Redis(Fault::new(FaultKind::Protocol, message))
    }

    /// Returns whether trying again later can help.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Error::Redis(fault) if fault.is_temporary())
    }

    /// Returns the server's error text, which decisions look at; empty where it said nothing.
    pub(crate) fn server_text(&self) -> &str {
        match self {
            Error::Redis(fault) => fault.server_text(),
            _ => "",
        }
    }

    /// Returns the server's code; empty where it said nothing.
    pub fn server_code(&self) -> &str {
        match self {
            Error::Redis(fault) => &fault.code,
            _ => "",
        }
    }

    /// Returns the error that a caught panic is. To be called by the thread that has panicked, which knows the place.
    pub fn from_panic(payload: Box<dyn std::any::Any + Send>) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        match crate::telemetry::panics::take() {
            Some(place) => Error::Panic(format!("{text} (at {place})")),
            None => Error::Panic(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_leads() {
        let error: Result<()> = Err(Error::Redis(Fault::from_server("ERR no")));
        assert_eq!(error.context(|| "source a:0").unwrap_err().to_string(), "source a:0: ERR no");
    }
}
