//! The one error of the engine.
//!
//! Its text is for users: what was tried, where, why it failed, what to do. It never holds a password.

use std::fmt;

use crate::connection::Address;

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
    redirect: Option<Redirect>,
}

/// Another node of a cluster has the key: `MOVED`, or for now only this key: `ASK`
/// (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    pub asking: bool,
    pub slot: u16,
    /// With no host: that of the node that says so, which does not know by which name it is reached. `None`: it knows of none.
    pub address: Option<Address>,
}

impl Redirect {
    /// Reads `MOVED 3999 127.0.0.1:6381`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let asking = match words.next()? {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let slot = words.next()?.parse().ok()?;
        let address = Address::parse(words.next()?);
        let named = |address: &Address| !matches!(address, Address::Tcp { host, .. } if host == "?");
        Some(Self { asking, slot, address: address.filter(named) })
    }
}

/// What users tell faults apart by. The names are those of `RedisException.getCode()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The name can't be resolved.
    UnknownHost,
    /// Not reached, refused or lost.
    Connection,
    Timeout,
    /// A certificate can't be accepted, the server's or the client's, or a key can't be used.
    Certificate,
    /// One side encrypts and the other does not, or they have no version and cipher in common.
    Tls,
    Authentication,
    Permission,
    WrongType,
    /// Another reader has taken the group over.
    Replaced,
    /// What was staged for a commit is gone.
    StagingLost,
    /// Another node of the cluster has the key.
    Redirect,
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
            Self::Certificate => "CERTIFICATE",
            Self::Tls => "TLS",
            Self::Authentication => "AUTHENTICATION",
            Self::Permission => "PERMISSION",
            Self::WrongType => "WRONG_TYPE",
            Self::Replaced => "REPLACED",
            Self::StagingLost => "STAGING_LOST",
            Self::Redirect => "REDIRECT",
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
        Self { kind, code: String::new(), message: message.into(), redirect: None }
    }

    /// From the text of a server's error reply, without its leading `-`.
    pub fn from_server(text: &str) -> Self {
        let code = text.split(' ').next().unwrap_or_default();
        let redirect = Redirect::parse(text);
        let kind = match code {
            _ if redirect.is_some() => FaultKind::Redirect,
            "NOAUTH" | "WRONGPASS" => FaultKind::Authentication,
            "NOPERM" => FaultKind::Permission,
            // So it is told of a command in a script.
            _ if text.contains("can't run this command or subcommand") => FaultKind::Permission,
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
        Self { kind, code: code.to_owned(), message: format!("{text}{remedy}"), redirect }
    }

    /// The same fault, its message led by what was tried: `source orders:2 (redis://…): <message>`.
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Whether trying again later can help.
    pub fn is_passing(&self) -> bool {
        match self.kind {
            FaultKind::Connection | FaultKind::Timeout | FaultKind::Redirect | FaultKind::Protocol => true,
            FaultKind::UnknownHost
            | FaultKind::Certificate
            | FaultKind::Tls
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

    /// Whether it may be the record's own that was to be written: another one may be welcome. A user who may not run the command, or is
    /// nobody, can write none.
    pub(crate) fn is_of_record(&self) -> bool {
        match self.kind {
            FaultKind::Authentication => false,
            FaultKind::Permission => !self.message.contains("' command"),
            _ => true,
        }
    }

    pub fn redirect(&self) -> Option<&Redirect> {
        self.redirect.as_ref()
    }

    /// The same fault, which trying again will not help, with what to do about it.
    pub(crate) fn into_final(mut self, remedy: &str) -> Self {
        self.kind = FaultKind::Server;
        self.redirect = None;
        self.message.push_str(remedy);
        self
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

    /// To be called by the thread that has panicked, which knows the place.
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
    fn tells_passing_from_final() {
        for (text, kind, passing) in [
            ("LOADING Redis is loading the dataset in memory", FaultKind::Server, true),
            ("READONLY You can't write against a read only replica.", FaultKind::Server, true),
            ("WRONGPASS invalid username-password pair or user is disabled.", FaultKind::Authentication, false),
            ("NOPERM this user has no permissions", FaultKind::Permission, false),
            ("WRONGTYPE Operation against a key", FaultKind::WrongType, false),
            ("ERR syntax error", FaultKind::Server, false),
            ("NOGROUP No such key", FaultKind::Server, true),
            ("TRYAGAIN Multiple keys request during rehashing of slot", FaultKind::Server, true),
            (
                "UNKILLABLE Sorry the script already executed write commands against the dataset.",
                FaultKind::Server,
                true,
            ),
            ("UNBLOCKED force unblock from blocking operation", FaultKind::Server, true),
        ] {
            let fault = Fault::from_server(text);
            assert_eq!((fault.kind, fault.is_passing()), (kind, passing), "{text}");
            assert!(fault.message().starts_with(text));
        }
    }

    #[test]
    fn reads_redirections() {
        let redirect = |text: &str| Fault::from_server(text).redirect().cloned();
        let address = Some(Address::tcp("127.0.0.1", 6381));
        assert_eq!(
            redirect("MOVED 3999 127.0.0.1:6381"),
            Some(Redirect { asking: false, slot: 3999, address: address.clone() })
        );
        assert_eq!(redirect("ASK 3999 127.0.0.1:6381"), Some(Redirect { asking: true, slot: 3999, address }));
        assert_eq!(redirect("MOVED 3999 :6381").unwrap().address, Some(Address::tcp("", 6381)));
        assert_eq!(redirect("MOVED 3999 ?:6381").unwrap().address, None);
        assert_eq!(redirect("ERR MOVED 3999"), None);
        assert!(Fault::from_server("MOVED 1 h:1").is_passing());
    }

    #[test]
    fn context_leads() {
        let error: Result<()> = Err(Error::Redis(Fault::from_server("ERR no")));
        assert_eq!(error.context(|| "source a:0").unwrap_err().to_string(), "source a:0: ERR no");
    }
}
