//! Connection settings for tests, complete as Java sends them.

use crate::config::connection::ConnectionSettings;
use crate::config::deployment::{Deployment, Node};

/// Returns JSON of settings for one server, on port 1 of `host`.
pub(crate) fn connection_json(host: &str) -> String {
    format!(
        r#"{{"deployment":{{"single":{{"host":"{host}","port":1,"database":0}}}},"user":"u","password":"",
        "clientName":"c","connectTimeoutMillis":1000,"commandTimeoutMillis":1500,"retryTimeoutMillis":600000,
        "keepaliveMillis":30000,
        "minBackoffMillis":50,"maxBackoffMillis":2000}}"#
    )
}

/// Returns these settings.
pub(crate) fn connection(host: &str) -> ConnectionSettings {
    serde_json::from_str(&connection_json(host)).unwrap()
}

/// Returns a cluster with one seed, on port 1 of `host`.
pub(crate) fn cluster(host: &str) -> Deployment {
    Deployment::Cluster { seeds: vec![Node { host: host.to_owned(), port: 1 }], address_map: Default::default() }
}
