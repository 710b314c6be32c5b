//! How to reach Redis: one server, the master behind sentinels, or a cluster.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::config::{at_least, not_blank};
use crate::connection::Address;
use crate::error::{Error, Result};

/// The connection settings of sources and sinks.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionSettings {
    /// The server, or a node of the cluster to begin with; with a Unix socket or sentinels it says nothing.
    pub host: String,
    pub port: u16,
    /// The server's Unix socket; empty: none.
    #[serde(default)]
    pub unix_socket: String,
    /// What `SELECT` gets; 0: nothing is selected.
    #[serde(default)]
    pub database: u32,
    /// The server is a node of a cluster.
    #[serde(default)]
    pub cluster: bool,
    /// Further nodes of the cluster to begin with.
    #[serde(default)]
    pub seeds: Vec<Node>,
    #[serde(default)]
    pub sentinel: Option<SentinelSettings>,
    /// Addresses that nodes announce, to those at which they can be reached; with or without a port.
    #[serde(default)]
    pub address_map: BTreeMap<String, String>,
    /// Set: encrypted.
    #[serde(default)]
    pub tls: Option<TlsMaterial>,
    /// Whether every connect asks for user, password and certificates (`connection/credentials.rs`). What it is not given is as in these settings.
    #[serde(default)]
    pub credentials: bool,
    /// The ACL user; used only when there is a password.
    pub user: String,
    /// Empty: no authentication.
    pub password: Secret,
    /// What `CLIENT LIST` shows.
    pub client_name: String,
    pub connect_timeout_millis: u64,
    /// How long one command may take.
    pub command_timeout_millis: u64,
    /// How long an outage may last before it fails the job.
    pub retry_timeout_millis: u64,
    /// Between two attempts to connect, at first and at most.
    #[serde(default = "min_backoff")]
    pub min_backoff_millis: u64,
    #[serde(default = "max_backoff")]
    pub max_backoff_millis: u64,
    /// After so long a silence the peer is asked whether it is still there.
    #[serde(default = "keepalive")]
    pub keepalive_millis: u64,
}

/// A host name or IP address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub host: String,
    pub port: u16,
}

/// The sentinels that know who the master is (<https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/>).
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SentinelSettings {
    /// The master's name.
    pub master: String,
    pub sentinels: Vec<Node>,
    /// Of the sentinels themselves; used only when there is a password.
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub password: Secret,
    /// Whether connections to sentinels are encrypted, with the certificates of `tls`.
    #[serde(default)]
    pub tls: bool,
}

/// Certificates and a key, as PEM texts.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsMaterial {
    /// The authorities that servers are checked against; empty: the system's.
    #[serde(default)]
    pub ca: String,
    /// What the client shows, its own first; empty: nothing.
    #[serde(default)]
    pub certificates: String,
    /// The key of the first of them.
    #[serde(default)]
    pub key: Secret,
}

fn min_backoff() -> u64 {
    50
}

fn max_backoff() -> u64 {
    2000
}

fn keepalive() -> u64 {
    30_000
}

impl ConnectionSettings {
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_millis)
    }

    pub fn command_timeout(&self) -> Duration {
        Duration::from_millis(self.command_timeout_millis)
    }

    pub fn retry_timeout(&self) -> Duration {
        Duration::from_millis(self.retry_timeout_millis)
    }

    /// The server; of a cluster the first node to begin with.
    pub fn address(&self) -> Address {
        match self.unix_socket.is_empty() {
            true => Address::tcp(&self.host, self.port),
            false => Address::Unix { path: self.unix_socket.clone() },
        }
    }

    /// Where to begin: the server, the cluster's seeds, or the sentinels.
    pub fn beginnings(&self) -> Vec<Address> {
        let tcp = |node: &Node| Address::tcp(&node.host, node.port);
        match &self.sentinel {
            Some(sentinel) => sentinel.sentinels.iter().map(tcp).collect(),
            None => std::iter::once(self.address()).chain(self.seeds.iter().map(tcp)).collect(),
        }
    }

    /// `redis://user@host:port`, for messages.
    pub fn endpoint(&self) -> String {
        let secure = if self.tls.is_some() { "rediss" } else { "redis" };
        let user = if self.password.is_empty() { String::new() } else { format!("{}@", self.user) };
        let addresses: Vec<String> = self.beginnings().iter().map(Address::to_string).collect();
        let addresses = addresses.join(",");
        match &self.sentinel {
            Some(sentinel) => format!("{secure}-sentinel://{user}{addresses}#{}", sentinel.master),
            None if !self.unix_socket.is_empty() => addresses,
            None => format!("{secure}://{user}{addresses}"),
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        not_blank("host", &self.host)?;
        at_least("port", u64::from(self.port), 1)?;
        at_least("connectTimeoutMillis", self.connect_timeout_millis, 1)?;
        at_least("commandTimeoutMillis", self.command_timeout_millis, 1)?;
        at_least("minBackoffMillis", self.min_backoff_millis, 1)?;
        at_least("maxBackoffMillis", self.max_backoff_millis, self.min_backoff_millis)?;
        at_least("keepaliveMillis", self.keepalive_millis, 1)?;
        if let Some(sentinel) = &self.sentinel {
            not_blank("sentinelMaster", &sentinel.master)?;
            at_least("sentinels", sentinel.sentinels.len() as u64, 1)?;
        }
        let both = |one: bool, other: bool, what: &str| match one && other {
            true => Err(Error::Settings(format!("{what} exclude one another: choose one of them"))),
            false => Ok(()),
        };
        both(self.cluster, self.sentinel.is_some(), "useClusterApi and sentinels")?;
        both(self.cluster, self.database != 0, "useClusterApi and database")?;
        both(!self.unix_socket.is_empty(), self.tls.is_some(), "unixSocket and useTls")?;
        both(
            !self.unix_socket.is_empty(),
            self.cluster || self.sentinel.is_some(),
            "unixSocket and more than one server",
        )
    }
}

/// A text that no log, message or `Debug` shows.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { "***" })
    }
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.endpoint())
    }
}
