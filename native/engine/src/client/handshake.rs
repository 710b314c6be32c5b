//! Opens a connection: dials, encrypts, then sends `AUTH`, `SELECT` and the name.

use std::time::Duration;

use redis::Cmd;
use tokio::time::Instant;
use tracing::debug;

use crate::address::Address;
use crate::client::connection::Connection;
use crate::client::credentials::{Credentials, CredentialsBroker};
use crate::client::gate::Gate;
use crate::config::{ConnectionSettings, Secret};
use crate::error::{Context, Error, FaultKind, Result};
use crate::net::dial::Transport;
use crate::net::tls::{self, probe};

/// What a connection is made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A Redis server. User, password and database are those of the deployment.
    Server,
    /// A sentinel, which has a user and a password of its own.
    Sentinel,
}

/// The parameters of a connection; those of Redis servers and of sentinels differ.
pub(super) struct HandshakeParams<'a> {
    /// What `CLIENT LIST` shows.
    pub(super) name: &'a str,
    /// The ACL user; used only when there is a password.
    pub(super) user: &'a str,
    /// Empty: no authentication.
    pub(super) password: &'a Secret,
    /// User and password are those of the deployment: where there is a broker, they are asked for.
    pub(super) role: Role,
    /// The number for `SELECT`; 0: nothing is selected.
    pub(super) database: u32,
    /// Whether the connection is encrypted.
    pub(super) tls: bool,
    /// How long a reply may take.
    pub(super) reply_timeout: Duration,
}

impl HandshakeParams<'_> {
    /// Returns the option that says whether to encrypt.
    fn tls_option(&self) -> &'static str {
        if self.role == Role::Server { "useTls" } else { "sentinelTls" }
    }
}

/// Opens a connection to a server. A server that fails before its first word is asked once whether it speaks the other
/// language, plain or TLS.
///
/// # Errors
/// Those of the transport, of TLS and of the first commands.
pub(super) async fn open(
    transport: &dyn Transport,
    settings: &ConnectionSettings,
    broker: Option<&CredentialsBroker>,
    clients: &tls::Clients,
    gate: &Gate,
    address: &Address,
    params: &HandshakeParams<'_>,
) -> Result<Connection> {
    let given = match broker {
        Some(broker) if params.role == Role::Server || params.tls => broker.request().await?,
        _ => Credentials::default(),
    };
    let option = params.tls_option();
    let client = if params.tls {
        let material = given.tls.as_ref().or(settings.tls.as_ref()).cloned().unwrap_or_default();
        Some(clients.of(material).await.context(|| address)?)
    } else {
        None
    };
    let begin = Instant::now();
    let mut stream = transport.dial(address, settings).await?;
    if let Some(client) = client {
        let left = settings.connect_timeout().saturating_sub(begin.elapsed());
        stream = match tls::encrypt(stream, address, option, client, left).await {
            Err(Error::Redis(fault)) if probe::may_explain(&fault) && gate.may_probe() => {
                let again = transport.dial(address, settings);
                return Err(probe::after_handshake(fault, address, option, again).await.into());
            }
            encrypted => encrypted?,
        };
    }
    let mut connection = Connection::new(stream, params.reply_timeout);
    match handshake(&mut connection, params, &given).await {
        Err(Error::Redis(fault)) if !params.tls && probe::may_explain(&fault) && gate.may_probe() => {
            let again = transport.dial(address, settings);
            Err(probe::after_plain(fault, address, option, again).await.into())
        }
        done => done.map(|()| connection),
    }
}

/// Sends `AUTH` where there is a password, then `SELECT`, then the name. Nothing needs the name: where it can't be set,
/// for whatever reason that is permanent, the connection has none.
async fn handshake(connection: &mut Connection, params: &HandshakeParams<'_>, given: &Credentials) -> Result<()> {
    let (user, password) = match params.role {
        Role::Server => {
            (given.user.as_deref().unwrap_or(params.user), given.password.as_ref().unwrap_or(params.password))
        }
        Role::Sentinel => (params.user, params.password),
    };
    if !password.is_empty() {
        let mut auth = redis::cmd("AUTH");
        auth.arg(user).arg(password.reveal());
        let answer = connection.call(&auth).await;
        match &given.password {
            Some(_) if params.role == Role::Server => {
                answer.context(|| "AUTH with what the credentialsProvider gave")?
            }
            _ => answer?,
        };
    }
    if params.database != 0 {
        let selected = connection.call(redis::cmd("SELECT").arg(params.database)).await;
        selected.context(|| format!("SELECT {} (option `database`)", params.database))?;
    }
    match connection.call(&set_name(params.name)).await {
        Err(Error::Redis(fault))
            if !fault.is_temporary() && matches!(fault.kind, FaultKind::Permission | FaultKind::Server) =>
        {
            debug!("no name for this connection: {fault}");
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

/// Returns the command that names the connection. The server accepts no spaces and no control characters in a name
/// (<https://redis.io/docs/latest/commands/client-setname/>).
fn set_name(name: &str) -> Cmd {
    let name: String = name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    let mut cmd = redis::cmd("CLIENT");
    cmd.arg("SETNAME").arg(name);
    cmd
}
