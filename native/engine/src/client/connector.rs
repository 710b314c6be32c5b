//! Opens connections to the servers of a deployment, one server at a time, and remembers what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::sleep;

use crate::address::Address;
use crate::client::connection::Connection;
use crate::client::credentials::CredentialsBroker;
use crate::client::gate::Gates;
use crate::client::handshake::{self, HandshakeParams, Role};
use crate::config::ConnectionSettings;
use crate::error::{Error, FaultKind, Result};
use crate::net::dial::Transport;
use crate::net::hedge::HEAD_START;
use crate::net::tls::Clients;

/// What is needed to connect to any server of a deployment. Shared by all tasks of an owner.
pub(super) struct Connector {
    settings: ConnectionSettings,
    /// Where connects ask for credentials; `None`: the settings hold them.
    broker: Option<CredentialsBroker>,
    transport: Arc<dyn Transport>,
    gates: Gates,
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
            gates: Gates::default(),
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
    pub(super) fn params<'a>(&'a self, name: &'a str) -> HandshakeParams<'a> {
        let ConnectionSettings { user, password, deployment, tls, .. } = &self.settings;
        let reply_timeout = self.settings.command_timeout();
        HandshakeParams {
            name,
            user,
            password,
            role: Role::Server,
            database: deployment.database(),
            tls: tls.is_some(),
            reply_timeout,
        }
    }

    /// Opens a connection to one server.
    ///
    /// # Errors
    /// Those of the transport, of TLS and of the first commands. A fault of the name or of the password is
    /// temporary where the same was right before.
    pub(super) async fn open(&self, address: &Address, params: &HandshakeParams<'_>) -> Result<Connection> {
        let gate = self.gates.to(address);
        let opening =
            handshake::open(&*self.transport, &self.settings, self.broker(), &self.tls, &gate, address, params);
        let connection = gate.enter(opening).await.map_err(|error| self.judged(error))?;
        if params.role == Role::Server {
            self.connected.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// Notes that a connection to the server was lost: of the tasks that come back, one goes first.
    pub(super) fn note_loss(&self, address: &Address) {
        self.gates.close(address);
    }

    /// Marks as temporary what was right before: a name is gone while a server restarts, a password while it is
    /// changed.
    fn judged(&self, error: Error) -> Error {
        let Error::Redis(fault) = error else { return error };
        let connected = self.connected.load(Ordering::Relaxed);
        match fault.kind {
            FaultKind::UnknownHost if connected || self.expected.load(Ordering::Relaxed) => {
                fault.into_temporary().into()
            }
            FaultKind::Authentication if connected => fault.into_short_lived().into(),
            _ => fault.into(),
        }
    }
}
