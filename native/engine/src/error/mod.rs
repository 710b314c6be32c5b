//! The one error of the engine.
//!
//! Its text is for users: what was tried, where, why it failed, what to do. It never holds a password.

use std::fmt;

use crate::address::Address;
use crate::foreign_text::{shown, shown_at_length};

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
    /// What the server said, as far as decisions look; empty where it said nothing. Never shown: `message` is.
    server_text: String,
    /// For users: what was tried, what the server said, what to do.
    message: String,
    redirect: Option<Box<Redirect>>,
    chance: Chance,
}

/// What is known of a fault besides its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chance {
    /// Whether it passes is a matter of its kind and code.
    ByKind,
    /// It passes, whatever the kind.
    Passes,
    /// It passes within moments, or not at all.
    PassesSoon,
}

/// More of a server's text is not looked at.
const LOOKED_AT: usize = 4000;
/// A longer message is cut, whatever it is made of.
const LONGEST_MESSAGE: usize = 16 * 1024;

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
const PASSING_CODES: [&str; 12] = [
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

/// States that have no code of their own, by how the text begins. Every other `ERR` is about the command, and final.
const PASSING_TEXTS: [&str; 3] = [
    // The server's limit of connections: somebody will leave (`networking.c`; in a cluster `… clients + cluster connections reached`).
    MAX_CLIENTS,
    // A proxy (Envoy, `command_splitter_impl.h`) that does not reach the server behind it.
    "upstream failure",
    "no upstream host",
];
const MAX_CLIENTS: &str = "ERR max number of clients";

/// How the texts begin by which servers and proxies say that they do not have a command, or not that form of it.
const UNKNOWN_COMMAND: [&str; 3] = ["ERR unknown command", "ERR unknown subcommand", "unsupported command"];

/// So it is told that a command in a script is not permitted, up to Redis 7.0 and from 7.2 on (`script.c`).
const IN_SCRIPT: [&str; 2] = ["can't run this command or subcommand", "ACL failure in script: "];

const NOT_FROM_HERE: &str = "DENIED: the server is in protected mode and takes no connections from other machines; give it a password \
                             (`requirepass` or an ACL user), or set its `bind` and `protected-mode no`";

impl Fault {
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        let (code, server_text) = (String::new(), String::new());
        Self { kind, code, server_text, message: bounded(message.into()), redirect: None, chance: Chance::ByKind }
    }

    /// From the text of a server's error reply, without its leading `-`.
    pub fn from_server(text: &str) -> Self {
        let said = head(text, LOOKED_AT);
        let code = said.split(' ').next().unwrap_or_default();
        let redirect = Redirect::parse(said).map(Box::new);
        let kind = match code {
            _ if redirect.is_some() => FaultKind::Redirect,
            "NOAUTH" | "WRONGPASS" | "DENIED" => FaultKind::Authentication,
            "NOPERM" => FaultKind::Permission,
            _ if IN_SCRIPT.iter().any(|text| said.contains(text)) => FaultKind::Permission,
            "WRONGTYPE" => FaultKind::WrongType,
            _ => FaultKind::Server,
        };
        let remedy = match kind {
            FaultKind::Authentication => "; check the options `user` and `password`",
            FaultKind::Permission => {
                "; give the user this permission (ACL SETUSER), see the documentation for the commands needed"
            }
            FaultKind::WrongType => "; the key holds another type, choose another `topicName` or remove the key",
            _ if said.starts_with(MAX_CLIENTS) => "; raise the server's `maxclients`, or let fewer clients connect",
            _ => "",
        };
        let message = match code {
            "DENIED" => NOT_FROM_HERE.to_owned(),
            _ => shown_at_length(text) + remedy,
        };
        Self { code: shown(code), server_text: said.to_owned(), redirect, ..Self::new(kind, message) }
    }

    /// The same fault, its message led by what was tried: `source orders:2 (redis://…): <message>`.
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = bounded(format!("{what}: {}", self.message));
        self
    }

    /// Whether trying again later can help.
    pub fn is_passing(&self) -> bool {
        self.chance != Chance::ByKind
            || match self.kind {
                FaultKind::Connection | FaultKind::Timeout | FaultKind::Redirect | FaultKind::Protocol => true,
                FaultKind::UnknownHost
                | FaultKind::Certificate
                | FaultKind::Tls
                | FaultKind::Authentication
                | FaultKind::Permission
                | FaultKind::WrongType
                | FaultKind::Replaced
                | FaultKind::StagingLost => false,
                FaultKind::Server => {
                    PASSING_CODES.contains(&self.code.as_str())
                        || PASSING_TEXTS.iter().any(|text| self.server_text.starts_with(text))
                }
            }
    }

    /// The same fault where something tells that it passes, though others of its kind do not.
    pub(crate) fn into_passing(mut self) -> Self {
        self.chance = Chance::Passes;
        self
    }

    /// The same, where it passes within moments or not at all.
    pub(crate) fn into_passing_soon(mut self) -> Self {
        self.chance = Chance::PassesSoon;
        self
    }

    /// Whether it passes within moments or not at all.
    pub(crate) fn passes_soon(&self) -> bool {
        self.chance == Chance::PassesSoon
    }

    /// What the server said, which decisions look at; empty where it said nothing.
    pub(crate) fn server_text(&self) -> &str {
        &self.server_text
    }

    /// Whether this user does not get the command from this server or proxy: it is not permitted, or not there.
    pub(crate) fn is_of_command(&self) -> bool {
        let begins =
            |text: &&str| self.server_text.get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text));
        self.kind == FaultKind::Permission || UNKNOWN_COMMAND.iter().any(begins)
    }

    /// Whether the server does not take a command of this size: a string, or how many there are. It closes the connection then
    /// (`networking.c`, `processMultibulkBuffer`).
    pub(crate) fn is_too_large(&self) -> bool {
        self.server_text.starts_with("ERR Protocol error: invalid") && self.server_text.contains("bulk length")
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it may be the record's own that was to be written: another one may be welcome. A user who may not run the command, or is
    /// nobody, can write none.
    pub(crate) fn is_of_record(&self) -> bool {
        match self.kind {
            FaultKind::Authentication => false,
            FaultKind::Permission => !self.server_text.contains("' command"),
            _ => true,
        }
    }

    pub fn redirect(&self) -> Option<&Redirect> {
        self.redirect.as_deref()
    }

    /// The same fault, which trying again will not help, with what to do about it.
    pub(crate) fn into_final(mut self, remedy: &str) -> Self {
        self.kind = FaultKind::Server;
        self.redirect = None;
        self.chance = Chance::ByKind;
        self.message.push_str(remedy);
        self
    }
}

/// The second line, behind each place that shows foreign text: no message exceeds what a log line and an RPC of Flink's may hold.
fn bounded(message: String) -> String {
    match message.len() {
        0..=LONGEST_MESSAGE => message,
        bytes => format!("{}… ({bytes} bytes)", head(&message, LONGEST_MESSAGE)),
    }
}

/// At most so many bytes of it, ended between two characters.
fn head(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
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

    /// What the server said, which decisions look at; empty where it said nothing.
    pub(crate) fn server_text(&self) -> &str {
        match self {
            Error::Redis(fault) => fault.server_text(),
            _ => "",
        }
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
            ("ERR The user executing the script can't run this command or subcommand", FaultKind::Permission, false),
            (
                "ERR ACL failure in script: User app has no permissions to run the 'set' command",
                FaultKind::Permission,
                false,
            ),
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
            ("ERR max number of clients reached", FaultKind::Server, true),
            ("ERR max number of clients + cluster connections reached", FaultKind::Server, true),
            ("ERR Protocol error: invalid bulk length", FaultKind::Server, false),
            ("upstream failure", FaultKind::Server, true),
        ] {
            let fault = Fault::from_server(text);
            assert_eq!((fault.kind, fault.is_passing()), (kind, passing), "{text}");
            assert!(fault.message().starts_with(text));
        }
    }

    #[test]
    fn says_shortly_what_protected_mode_is() {
        let said = format!("DENIED Redis is running in protected mode because {}", "of much. ".repeat(100));
        let fault = Fault::from_server(&said);
        assert_eq!((fault.kind, fault.is_passing()), (FaultKind::Authentication, false));
        assert!(fault.message().contains("protected-mode no") && fault.message().len() < 250, "{fault}");
    }

    #[test]
    fn knows_commands_that_are_not_there() {
        for (text, expected) in [
            ("ERR unknown command 'CLIENT', with args beginning with: 'ID' ", true),
            ("ERR Unknown subcommand or wrong number of arguments for 'id'. Try CLIENT HELP.", true),
            ("ERR unknown subcommand 'id'. Try CLIENT HELP.", true),
            ("unsupported command 'client'", true),
            ("NOPERM User app has no permissions to run the 'client|id' command", true),
            ("ERR wrong number of arguments", false),
            ("ERR", false),
        ] {
            assert_eq!(Fault::from_server(text).is_of_command(), expected, "{text}");
        }
        assert!(!Fault::new(FaultKind::Server, "ERR unknown command").is_of_command(), "the server said nothing");
    }

    #[test]
    fn what_a_server_says_forges_no_line_and_has_an_end() {
        let fault = Fault::from_server("ERR a\r\n\u{1b}[2J").context("what");
        assert_eq!(fault.message(), "what: ERR a\\r\\n\\u{1b}[2J");
        let long = "x".repeat(12 << 20);
        assert!(Fault::from_server(&format!("ERR {long}")).message().len() < 4100);
        assert!(Fault::from_server(&long).code.len() < 250);
        assert!(Fault::new(FaultKind::Server, "no").context(&long).message().len() < 17_000);
    }

    #[test]
    fn of_a_server_the_text_decides_and_not_what_is_said_beside_it() {
        let fault = Fault::from_server("NOPERM No permissions to access a key").context("the 'x' command");
        assert!(fault.is_of_record(), "{fault}");
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
