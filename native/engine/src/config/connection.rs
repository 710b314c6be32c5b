//! How to connect to Redis, and for how long to try.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::address::Address;
use crate::config::checks::at_least;
use crate::config::deployment::Deployment;
use crate::config::secret::{Secret, TlsMaterial};
use crate::error::{Error, Result};

/// The connection settings of sources and sinks.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionSettings {
    /// Which servers there are.
    pub deployment: Deployment,
    /// Set: connections to the servers are encrypted, with these certificates.
    #[serde(default)]
    pub tls: Option<TlsMaterial>,
    /// Whether every connect asks for user, password and certificates (`credentials.rs`). What it is not given is as in
    /// these settings.
    #[serde(default)]
    pub credentials: bool,
    /// The ACL user; used only when there is a password.
    pub user: String,
    /// The user's password; empty: no authentication.
    pub password: Secret,
    /// The name that `CLIENT LIST` shows.
    pub client_name: String,
    /// How long a connect may take, with its TLS handshake.
    pub connect_timeout_millis: u64,
    /// How long one command may take.
    pub command_timeout_millis: u64,
    /// How long an outage may last before it fails the job.
    pub retry_timeout_millis: u64,
    /// After how long a silence the peer is asked whether it is still there.
    pub keepalive_millis: u64,
    /// The pause between two attempts to connect, at first.
    pub min_backoff_millis: u64,
    /// The pause between two attempts to connect, at most.
    pub max_backoff_millis: u64,
}

impl ConnectionSettings {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_millis)
    }

    pub(crate) fn command_timeout(&self) -> Duration {
        Duration::from_millis(self.command_timeout_millis)
    }

    pub(crate) fn retry_timeout(&self) -> Duration {
        Duration::from_millis(self.retry_timeout_millis)
    }

    /// Returns the servers as a URI, `redis://user@host:port`, for messages. It never holds a password.
    pub(crate) fn endpoint(&self) -> String {
        let secure = if self.tls.is_some() { "rediss" } else { "redis" };
        let user = if self.password.is_empty() { String::new() } else { format!("{}@", self.user) };
        let addresses: Vec<String> = self.deployment.contacts().iter().map(Address::to_string).collect();
        let addresses = addresses.join(",");
        match &self.deployment {
            Deployment::Single { .. } | Deployment::Cluster { .. } => format!("{secure}://{user}{addresses}"),
            Deployment::Unix { .. } => addresses,
            Deployment::Sentinel(sentinel) => format!("{secure}-sentinel://{user}{addresses}#{}", sentinel.master),
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        self.deployment.validate()?;
        at_least("connectTimeoutMillis", self.connect_timeout_millis, 1)?;
        at_least("commandTimeoutMillis", self.command_timeout_millis, 1)?;
        at_least("minBackoffMillis", self.min_backoff_millis, 1)?;
        at_least("maxBackoffMillis", self.max_backoff_millis, self.min_backoff_millis)?;
        at_least("keepaliveMillis", self.keepalive_millis, 1)?;
        if matches!(self.deployment, Deployment::Unix { .. }) && self.tls.is_some() {
            return Err(Error::Settings("unixSocket and useTls exclude one another: choose one of them".to_owned()));
        }
        Ok(())
    }
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.endpoint())
    }
}
