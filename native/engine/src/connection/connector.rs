//! Opens connections to the servers of a deployment, one server at a time, and remembers what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::sleep;

use crate::address::Address;
use crate::config::ConnectionSettings;
use crate::connection::credentials::CredentialsBroker;
use crate::connection::door::Doors;
use crate::connection::greeting::{self, Guest};
use crate::connection::link::Connection;
use crate::connection::race::HEAD_START;
use crate::connection::tls::Clients;
use crate::connection::transport::Transport;
use crate::error::{Error, FaultKind, Result};

/// What is needed to connect to any server of a deployment. Shared by all tasks of an owner.
pub(super) struct Connector {
    settings: ConnectionSettings,
    /// Where connects ask for credentials; `None`: the settings hold them.
    broker: Option<CredentialsBroker>,
    transport: Arc<dyn Transport>,
    doors: Doors,
    tls: Clients,
    /// The servers have accepted the credentials at least once. Set by the task that connects.
    connected: AtomicBool,
    /// The job was connected before this owner existed. Set by the owner.
    expected: AtomicBool,
}

impl Connector {
    /// Returns a connector that has connected to nothing yet.
    pub(super) fn new(settings: ConnectionSettings, transport: Arc<dyn Transport>) -> Self {
        Self {
            broker: settings.credentials.then(CredentialsBroker::default),
            settings,
            transport,
            doors: Doors::default(),
            tls: Clients::default(),
            connected: AtomicBool::new(false),
            expected: AtomicBool::new(false),
        }
    }

    pub(super) fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    pub(super) fn broker(&self) -> Option<&CredentialsBroker> {
        self.broker.as_ref()
    }

    /// Waits until a server that has been asked counts as slow. A connect that waits for credentials says nothing about
    /// its server.
    pub(super) async fn head_start(&self) {
        match &self.broker {
            Some(broker) => broker.idle_for(HEAD_START).await,
            None => sleep(HEAD_START).await,
        }
    }

    /// Notes that the job was connected before: a host name that can't be resolved existed, and will exist again.
    pub(super) fn were_reached(&self) {
        self.expected.store(true, Ordering::Relaxed);
    }

    /// Returns the parameters of a connection to a Redis server; `name` is what `CLIENT LIST` shows.
    pub(super) fn params<'a>(&'a self, name: &'a str) -> Guest<'a> {
        let ConnectionSettings { user, password, deployment, tls, .. } = &self.settings;
        let patience = self.settings.command_timeout();
        Guest { name, user, password, own: true, database: deployment.database(), tls: tls.is_some(), patience }
    }

    /// Opens a connection to one server.
    ///
    /// # Errors
    /// Those of the transport, of TLS and of the first commands. A fault of the name or of the password is
    /// temporary where the same was right before.
    pub(super) async fn open(&self, address: &Address, params: &Guest<'_>) -> Result<Connection> {
        let door = self.doors.to(address);
        let opening =
            greeting::visit(&*self.transport, &self.settings, self.broker(), &self.tls, &door, address, params);
        let connection = door.enter(opening).await.map_err(|error| self.judged(error))?;
        if params.own {
            self.connected.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// Notes that a connection to the server was lost: of the tasks that come back, one goes first.
    pub(super) fn note_loss(&self, address: &Address) {
        self.doors.close(address);
    }

    /// Marks as temporary what was right before: a name is gone while a server restarts, a password while it is
    /// changed.
    fn judged(&self, error: Error) -> Error {
        let Error::Redis(fault) = error else { return error };
        let connected = self.connected.load(Ordering::Relaxed);
        match fault.kind {
            FaultKind::UnknownHost if connected || self.expected.load(Ordering::Relaxed) => fault.into_passing().into(),
            FaultKind::Authentication if connected => fault.into_passing_soon().into(),
            _ => fault.into(),
        }
    }
}
