//! Where connections go, and how they begin.

use std::sync::Arc;

use redis::Cmd;

use crate::config::ConnectionSettings;
use crate::connection::Connection;
use crate::connection::transport::{Tcp, Transport};
use crate::error::{Error, FaultKind, Result};

/// One server, and the way to it.
#[derive(Clone)]
pub struct Server {
    settings: ConnectionSettings,
    transport: Arc<dyn Transport>,
}

impl Server {
    /// Over TCP.
    pub fn new(settings: ConnectionSettings) -> Self {
        Self { settings, transport: Arc::new(Tcp) }
    }

    #[cfg(test)]
    pub(crate) fn over(settings: ConnectionSettings, transport: Arc<dyn Transport>) -> Self {
        Self { settings, transport }
    }

    pub fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    /// Opens a connection that is authenticated and bears `name` in `CLIENT LIST`.
    pub async fn connect(&self, name: &str) -> Result<Connection> {
        let stream = self.transport.dial(&self.settings).await?;
        let mut connection = Connection::new(stream, self.settings.command_timeout());
        self.greet(&mut connection, name).await?;
        Ok(connection)
    }

    /// `AUTH` where there is a password, then the name. A user who may not set the name goes without it.
    async fn greet(&self, connection: &mut Connection, name: &str) -> Result<()> {
        let settings = &self.settings;
        if !settings.password.is_empty() {
            let mut auth = redis::cmd("AUTH");
            auth.arg(&settings.user).arg(settings.password.reveal());
            connection.call(&auth).await?;
        }
        match connection.call(&set_name(name)).await {
            Err(Error::Redis(fault)) if fault.kind == FaultKind::Permission => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

/// The server takes no spaces and no control characters in a name (<https://redis.io/docs/latest/commands/client-setname/>).
fn set_name(name: &str) -> Cmd {
    let name: String = name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    let mut cmd = redis::cmd("CLIENT");
    cmd.arg("SETNAME").arg(name);
    cmd
}
