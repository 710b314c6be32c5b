//! Faults of Redis, or of the way to it.

use std::fmt;

use crate::error::kind::FaultKind;
use crate::error::redirect::Redirect;
use crate::error::sentence::{Sentence, head};
use crate::error::server_text;
use crate::foreign_text::{shown, shown_at_length};

/// A failed conversation with Redis.
///
/// What decisions look at (kind, code, server text) and what users read (the sentence that `Display` shows) are kept
/// apart.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{sentence}")]
pub struct Fault {
    /// What users tell it apart by.
    pub kind: FaultKind,
    /// The server's own code (`LOADING`, `NOGROUP`, …), empty where the server said nothing.
    pub code: String,
    /// The server's error text, as far as decisions look at it; empty where the server said nothing.
    server_text: String,
    sentence: Box<Sentence>,
    redirect: Option<Box<Redirect>>,
    outlook: Outlook,
}

/// Whether a fault will pass, where that does not follow from its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    /// It is a matter of kind and code.
    ByKind,
    /// It will, whatever the kind.
    Temporary,
    /// It will within moments, or not at all.
    ShortLived,
}

/// The number of bytes of a server's text that decisions look at.
const LOOKED_AT: usize = 4000;

impl Fault {
    /// Returns a fault of which the server said nothing; `message` is for users: what went wrong and what to do.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: String::new(),
            server_text: String::new(),
            sentence: Box::new(Sentence::new(message.into())),
            redirect: None,
            outlook: Outlook::ByKind,
        }
    }

    /// Returns the fault that a server's error reply tells of; `text` is without its leading `-`.
    pub fn from_server(text: &str) -> Self {
        let said = head(text, LOOKED_AT);
        let code = server_text::code(said);
        let redirect = Redirect::parse(said).map(Box::new);
        let kind = if redirect.is_some() { FaultKind::Redirect } else { server_text::kind(said) };
        let message = match code {
            "DENIED" => server_text::PROTECTED_MODE.to_owned(),
            _ => shown_at_length(text),
        };
        let mut fault = Self { code: shown(code), server_text: said.to_owned(), redirect, ..Self::new(kind, message) };
        fault.sentence.add_remedy(server_text::remedy(said, kind));
        fault
    }

    /// Returns the same fault, its sentence led by what was tried: `source orders:2 (redis://…): <sentence>`.
    pub(crate) fn context(mut self, what: impl fmt::Display) -> Self {
        self.sentence.add_context(what.to_string());
        self
    }

    /// Returns the sentence for users: what was tried, what the server said, what to do. It never holds a password.
    pub fn message(&self) -> String {
        self.sentence.to_string()
    }

    /// Returns the server's error text, which decisions look at; empty where it said nothing.
    pub(crate) fn server_text(&self) -> &str {
        &self.server_text
    }

    /// Returns where the key is, if the fault is a redirection.
    pub(crate) fn redirect(&self) -> Option<&Redirect> {
        self.redirect.as_deref()
    }

    /// Returns whether trying again later can help.
    pub fn is_temporary(&self) -> bool {
        self.outlook != Outlook::ByKind
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
                FaultKind::Server => server_text::is_temporary(&self.server_text),
            }
    }

    /// Returns whether it is over within moments, or not at all.
    pub(crate) fn is_short_lived(&self) -> bool {
        self.outlook == Outlook::ShortLived
    }

    /// Returns the same fault as a temporary one, though others of its kind are not.
    pub(crate) fn into_temporary(mut self) -> Self {
        self.outlook = Outlook::Temporary;
        self
    }

    /// Returns the same fault as one that is over within moments, or not at all.
    pub(crate) fn into_short_lived(mut self) -> Self {
        self.outlook = Outlook::ShortLived;
        self
    }

    /// Returns the same fault as one that trying again will not help, with what to do about it, led by a semicolon.
    pub(crate) fn into_permanent(mut self, remedy: &str) -> Self {
        self.kind = FaultKind::Server;
        self.redirect = None;
        self.outlook = Outlook::ByKind;
        self.sentence.add_remedy(remedy);
        self
    }

    /// Returns whether this user does not get the command from this server or proxy: it is not permitted, or not there.
    pub(crate) fn is_of_command(&self) -> bool {
        self.kind == FaultKind::Permission || server_text::is_unknown_command(&self.server_text)
    }

    /// Returns whether the server does not take a command of this size. It closes the connection then.
    pub(crate) fn is_too_large(&self) -> bool {
        server_text::is_too_large(&self.server_text)
    }

    /// Returns whether it may be about the record that was to be written: another one may be accepted. A user who may
    /// not run the command, or who is not authenticated, can write none.
    pub(crate) fn is_of_record(&self) -> bool {
        match self.kind {
            FaultKind::Authentication => false,
            FaultKind::Permission => !server_text::denies_command(&self.server_text),
            _ => true,
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
            assert_eq!((fault.kind, fault.is_temporary()), (kind, passing), "{text}");
            assert!(fault.message().starts_with(text));
        }
    }

    #[test]
    fn says_shortly_what_protected_mode_is() {
        let said = format!("DENIED Redis is running in protected mode because {}", "of much. ".repeat(100));
        let fault = Fault::from_server(&said);
        assert_eq!((fault.kind, fault.is_temporary()), (FaultKind::Authentication, false));
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
    fn a_redirection_is_temporary() {
        let fault = Fault::from_server("MOVED 1 h:1");
        assert!(fault.is_temporary() && fault.kind == FaultKind::Redirect && fault.redirect().is_some());
        assert!(Fault::from_server("ERR MOVED 1 h:1").redirect().is_none());
    }
}
