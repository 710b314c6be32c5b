//! What a server's error text means. Decisions look at this text only, never at what is said to users.

use crate::error::kind::FaultKind;

/// Codes of what is over after a while: a server that starts, fails over, or is full
/// (<https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors> and the server's `server.c`).
///
/// `NOGROUP` is among them since connecting makes a group that is gone.
const TEMPORARY_CODES: [&str; 12] = [
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

/// The same for states without a code of their own: how the text begins. Every other `ERR` is about the command, and
/// permanent.
const TEMPORARY_TEXTS: [&str; 3] = [
    // The server's limit of connections: a client will leave (`networking.c`; in a cluster `… clients + cluster
    // connections reached`).
    MAX_CLIENTS,
    // A proxy (Envoy, `command_splitter_impl.h`) that does not reach the server behind it.
    "upstream failure",
    "no upstream host",
];
const MAX_CLIENTS: &str = "ERR max number of clients";

/// How the texts begin by which servers and proxies say that they do not have a command, or not that form of it.
const UNKNOWN_COMMAND: [&str; 3] = ["ERR unknown command", "ERR unknown subcommand", "unsupported command"];

/// What a server answers when a command in a script is not permitted: up to Redis 7.0, and from 7.2 on (`script.c`).
const IN_SCRIPT: [&str; 2] = ["can't run this command or subcommand", "ACL failure in script: "];

/// The text that users read instead of the paragraph that a server in protected mode sends.
pub(super) const PROTECTED_MODE: &str = "DENIED: the server is in protected mode and takes no connections from other \
                                         machines; give it a password (`requirepass` or an ACL user), or set its \
                                         `bind` and `protected-mode no`";

/// Returns the code that the text begins with.
pub(super) fn code(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

/// Returns the kind of the fault, of a text that is no redirection.
pub(super) fn kind(text: &str) -> FaultKind {
    match code(text) {
        "NOAUTH" | "WRONGPASS" | "DENIED" => FaultKind::Authentication,
        "NOPERM" => FaultKind::Permission,
        _ if IN_SCRIPT.iter().any(|part| text.contains(part)) => FaultKind::Permission,
        "WRONGTYPE" => FaultKind::WrongType,
        _ => FaultKind::Server,
    }
}

/// Returns what users can do about it, led by a semicolon; empty: nothing is known to help.
pub(super) fn remedy(text: &str, kind: FaultKind) -> &'static str {
    match kind {
        _ if code(text) == "DENIED" => "",
        FaultKind::Authentication => "; check the options `user` and `password`",
        FaultKind::Permission => {
            "; give the user this permission (ACL SETUSER), see the documentation for the commands needed"
        }
        FaultKind::WrongType => "; the key holds another type, choose another `topicName` or remove the key",
        _ if text.starts_with(MAX_CLIENTS) => "; raise the server's `maxclients`, or let fewer clients connect",
        _ => "",
    }
}

/// Returns whether it is over after a while.
pub(super) fn is_temporary(text: &str) -> bool {
    TEMPORARY_CODES.contains(&code(text)) || TEMPORARY_TEXTS.iter().any(|begin| text.starts_with(begin))
}

/// Returns whether the server or proxy does not have the command.
pub(super) fn is_unknown_command(text: &str) -> bool {
    let begins = |begin: &&str| text.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin));
    UNKNOWN_COMMAND.iter().any(begins)
}

/// Returns whether the server does not take a command of this size: a string, or how many there are. It closes the
/// connection then (`networking.c`, `processMultibulkBuffer`).
pub(super) fn is_too_large(text: &str) -> bool {
    text.starts_with("ERR Protocol error: invalid") && text.contains("bulk length")
}

/// Returns whether a text of the kind `Permission` is about a command, and not about a key.
pub(super) fn denies_command(text: &str) -> bool {
    text.contains("' command")
}
