//! Which Redis servers there are, and where to begin to look for them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::address::Address;
use crate::config::checks::{at_least, not_blank};
use crate::config::secret::Secret;
use crate::error::Result;

/// Announced addresses, and those at which they are reached; with or without a port (see [`Address`]).
pub type AddressMap = BTreeMap<String, String>;

/// The servers of a deployment, by the way in which they are found.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Deployment {
    /// One server, by TCP.
    Single {
        /// A name or an IP address.
        host: String,
        /// The TCP port.
        port: u16,
        /// The number for `SELECT`; 0: nothing is selected.
        database: u32,
    },
    /// One server on this machine, by its Unix domain socket.
    Unix {
        /// The socket's file.
        path: String,
        /// The number for `SELECT`; 0: nothing is selected.
        database: u32,
    },
    /// The nodes of a cluster. A cluster has no databases.
    Cluster {
        /// The nodes to ask first, at least one.
        seeds: Vec<Node>,
        /// Where nodes are reached that announce other addresses.
        address_map: AddressMap,
    },
    /// The master that sentinels know.
    Sentinel(SentinelSettings),
}

/// A host name or IP address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// A name or an IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// The sentinels that know who the master is
/// (<https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/>).
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SentinelSettings {
    /// The name by which the sentinels know the master.
    pub master: String,
    /// The sentinels, at least one.
    pub sentinels: Vec<Node>,
    /// The ACL user of the sentinels themselves; used only when there is a password.
    pub user: String,
    /// The password of the sentinels themselves; empty: no authentication.
    pub password: Secret,
    /// Whether connections to sentinels are encrypted, with the certificates of the connection's `tls`.
    pub tls: bool,
    /// The number for `SELECT` at the master; 0: nothing is selected.
    pub database: u32,
    /// Where servers are reached that announce other addresses.
    pub address_map: AddressMap,
}

impl Deployment {
    /// Returns whether it is one server whose address the settings name: nothing redirects and nothing takes its place.
    pub(crate) fn is_one_server(&self) -> bool {
        matches!(self, Self::Single { .. } | Self::Unix { .. })
    }

    /// Returns whether it is a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster { .. })
    }

    /// Returns the number for `SELECT`; 0: nothing is selected.
    pub(crate) fn database(&self) -> u32 {
        match self {
            Self::Single { database, .. } | Self::Unix { database, .. } => *database,
            Self::Sentinel(sentinel) => sentinel.database,
            Self::Cluster { .. } => 0,
        }
    }

    /// Returns the addresses to connect to first: the server, the cluster's seeds, or the sentinels.
    pub(crate) fn contacts(&self) -> Vec<Address> {
        let tcp = |node: &Node| Address::tcp(&node.host, node.port);
        match self {
            Self::Single { host, port, .. } => vec![Address::tcp(host, *port)],
            Self::Unix { path, .. } => vec![Address::Unix { path: path.clone() }],
            Self::Cluster { seeds, .. } => seeds.iter().map(tcp).collect(),
            Self::Sentinel(sentinel) => sentinel.sentinels.iter().map(tcp).collect(),
        }
    }

    /// Returns the address at which a server is reached that announces `announced`.
    pub(crate) fn reachable(&self, announced: Address) -> Address {
        match self {
            Self::Single { .. } | Self::Unix { .. } => announced,
            Self::Cluster { address_map, .. } => announced.mapped(address_map),
            Self::Sentinel(sentinel) => announced.mapped(&sentinel.address_map),
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::Single { host, port, .. } => {
                not_blank("host", host)?;
                at_least("port", u64::from(*port), 1)
            }
            Self::Unix { path, .. } => not_blank("unixSocket", path),
            Self::Cluster { seeds, .. } => at_least("clusterNodes", seeds.len() as u64, 1),
            Self::Sentinel(sentinel) => {
                not_blank("sentinelMaster", &sentinel.master)?;
                at_least("sentinels", sentinel.sentinels.len() as u64, 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> serde_json::Result<Deployment> {
        serde_json::from_str(json)
    }

    #[test]
    fn says_where_to_begin() {
        for (json, contacts, database) in [
            (r#"{"single":{"host":"h","port":1,"database":3}}"#, "h:1", 3),
            (r#"{"unix":{"path":"/s","database":4}}"#, "unix:/s", 4),
            (
                r#"{"cluster":{"seeds":[{"host":"a","port":1},{"host":"::1","port":2}],"addressMap":{}}}"#,
                "a:1,[::1]:2",
                0,
            ),
            (
                r#"{"sentinel":{"master":"m","sentinels":[{"host":"s","port":1}],"user":"","password":"",
                    "tls":false,"database":5,"addressMap":{}}}"#,
                "s:1",
                5,
            ),
        ] {
            let deployment = read(json).unwrap();
            deployment.validate().unwrap();
            let texts: Vec<String> = deployment.contacts().iter().map(Address::to_string).collect();
            assert_eq!((texts.join(",").as_str(), deployment.database()), (contacts, database), "{json}");
        }
    }

    #[test]
    fn is_one_of_the_four_and_has_no_field_of_another() {
        for json in [
            r#"{"single":{"host":"h","port":1,"database":0,"path":"/s"}}"#,
            r#"{"single":{"host":"h","port":1}}"#,
            r#"{"cluster":{"seeds":[{"host":"h","port":1}],"addressMap":{},"database":0}}"#,
            r#"{"unix":{"path":"/s","database":0},"single":{"host":"h","port":1,"database":0}}"#,
            r#"{"other":{}}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
        for json in [
            r#"{"single":{"host":" ","port":1,"database":0}}"#,
            r#"{"single":{"host":"h","port":0,"database":0}}"#,
            r#"{"unix":{"path":"","database":0}}"#,
            r#"{"cluster":{"seeds":[],"addressMap":{}}}"#,
        ] {
            assert!(read(json).unwrap().validate().is_err(), "{json}");
        }
    }
}
