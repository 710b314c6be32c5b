//! The kinds of faults.

/// The kind of a fault: the code that users see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The host name can't be resolved.
    UnknownHost,
    /// The server is not reached, refuses the connection, or the connection is lost.
    Connection,
    /// No answer came in time.
    Timeout,
    /// A certificate can't be accepted, the server's or the client's, or a key can't be used.
    Certificate,
    /// One side encrypts and the other does not, or they have no version and cipher in common.
    Tls,
    /// The user or the password is wrong, or one is needed.
    Authentication,
    /// The user may not run the command, or may not use the key.
    Permission,
    /// The key holds a value of another type.
    WrongType,
    /// Another reader has taken the group over.
    Replaced,
    /// Records that were staged for a commit are gone.
    StagingLost,
    /// Another node of the cluster has the key.
    Redirect,
    /// The bytes are not what a Redis server sends.
    Protocol,
    /// Any other error reply.
    Server,
}

impl FaultKind {
    /// Returns the name that `RedisException.getCode()` has in Java.
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
