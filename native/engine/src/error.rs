//! The one error of the engine.
//!
//! Its text is for users: what was tried, where, why it failed, what to do. It never holds a password.

use std::fmt;

/// What went wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Settings that can't be used. Names the option, the value and what is allowed.
    #[error("{0}")]
    Settings(String),
    /// The object was closed, by its owner or while the call waited.
    #[error("closed")]
    Closed,
    /// A bug of ours: a task panicked. Holds its message.
    #[error("internal error, please report: {0}")]
    Panic(String),
    /// Something between us and Redis.
    #[error("{0}")]
    Redis(#[from] Fault),
}

/// A failed conversation with Redis.
#[derive(Debug, Clone, thiserror::Error)]
pub struct Fault {
    pub kind: FaultKind,
    /// The server's own code (`LOADING`, `NOGROUP`, …), empty where the server said nothing.
    pub code: String,
    message: String,
}

/// What users tell faults apart by. The names are those of `RedisException.getCode()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The name can't be resolved.
    UnknownHost,
    /// Not reached, refused or lost.
    Connection,
    Timeout,
    Authentication,
    Permission,
    WrongType,
    /// Another reader has taken the group over.
    Replaced,
    /// What was staged for a commit is gone.
    StagingLost,
    /// The bytes are not what a Redis server sends.
    Protocol,
    /// Any other error reply.
    Server,
}

impl FaultKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownHost => "UNKNOWN_HOST",
            Self::Connection => "CONNECTION",
            Self::Timeout => "TIMEOUT",
            Self::Authentication => "AUTHENTICATION",
            Self::Permission => "PERMISSION",
            Self::WrongType => "WRONG_TYPE",
            Self::Replaced => "REPLACED",
            Self::StagingLost => "STAGING_LOST",
            Self::Protocol => "PROTOCOL",
            Self::Server => "SERVER",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Server codes that pass by themselves: a server that starts, fails over, or is full for a while
/// (<https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors> and the server's `server.c`).
///
/// `NOGROUP` is among them since connecting makes a group that is gone.
const PASSING: [&str; 12] = [
    "NOGROUP",
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "BUSY",
    "OOM",
    "NOREPLICAS",
    "MISCONF",
    "UNKILLABLE",
    "UNBLOCKED",
];

impl Fault {
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, code: String::new(), message: message.into() }
    }

    /// From the text of a server's error reply, without its leading `-`.
    pub fn from_server(text: &str) -> Self {
        let code = text.split(' ').next().unwrap_or_default();
        let kind = match code {
            "NOAUTH" | "WRONGPASS" => FaultKind::Authentication,
            "NOPERM" => FaultKind::Permission,
            "WRONGTYPE" => FaultKind::WrongType,
            _ => FaultKind::Server,
        };
        let remedy = match kind {
            FaultKind::Authentication => "; check the options `user` and `password`",
            FaultKind::Permission => {
                "; give the user this permission (ACL SETUSER), see the documentation for the commands needed"
            }
            FaultKind::WrongType => "; the key holds another type, choose another `topicName` or remove the key",
            _ => "",
        };
        Self { kind, code: code.to_owned(), message: format!("{text}{remedy}") }
    }

    /// The same fault, its message led by what was tried: `source orders:2 (redis://…): <message>`.
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Whether trying again later can help.
    pub fn is_passing(&self) -> bool {
        match self.kind {
            FaultKind::Connection | FaultKind::Timeout | FaultKind::Protocol => true,
            FaultKind::UnknownHost
            | FaultKind::Authentication
            | FaultKind::Permission
            | FaultKind::WrongType
            | FaultKind::Replaced
            | FaultKind::StagingLost => false,
            FaultKind::Server => PASSING.contains(&self.code.as_str()),
        }
    }

    pub fn message(&self) -> &str {
        &self.message
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Adds what was tried to an error.
pub trait Context<T> {
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
    pub fn protocol(message: impl Into<String>) -> Self {
        Error::Redis(Fault::new(FaultKind::Protocol, message))
    }

    /// Whether trying again later can help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Error::Redis(fault) if fault.is_passing())
    }

    /// The server's code, empty where the server said nothing.
    pub fn server_code(&self) -> &str {
        match self {
            Error::Redis(fault) => &fault.code,
            _ => "",
        }
    }

    pub fn from_panic(payload: Box<dyn std::any::Any + Send>) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        Error::Panic(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_passing_from_final() {
        for (text, kind, passing) in [
            ("LOADING Redis is loading the dataset in memory", FaultKind::Server, true),
            ("READONLY You can't write against a read only replica.", FaultKind::Server, true),
            ("WRONGPASS invalid username-password pair or user is disabled.", FaultKind::Authentication, false),
            ("NOPERM this user has no permissions", FaultKind::Permission, false),
            ("WRONGTYPE Operation against a key", FaultKind::WrongType, false),
            ("ERR syntax error", FaultKind::Server, false),
            ("NOGROUP No such key", FaultKind::Server, true),
        ] {
            let fault = Fault::from_server(text);
            assert_eq!((fault.kind, fault.is_passing()), (kind, passing), "{text}");
            assert!(fault.message().starts_with(text));
        }
    }

    #[test]
    fn context_leads() {
        let error: Result<()> = Err(Error::Redis(Fault::from_server("ERR no")));
        assert_eq!(error.context(|| "source a:0").unwrap_err().to_string(), "source a:0: ERR no");
    }
}
