//! Opens a connection: dials, encrypts, then sends `AUTH`, `SELECT` and the name.

use std::time::Duration;

use redis::Cmd;
use tokio::time::Instant;
use tracing::debug;

use crate::address::Address;
use crate::config::{ConnectionSettings, Secret};
use crate::connection::credentials::{Credentials, CredentialsBroker};
use crate::connection::door::Door;
use crate::connection::link::Connection;
use crate::connection::tls::{self, mismatch};
use crate::connection::transport::Transport;
use crate::error::{Context, Error, FaultKind, Result};

/// The parameters of a connection; those of Redis servers and of sentinels differ.
pub(super) struct Guest<'a> {
    /// What `CLIENT LIST` shows.
    pub(super) name: &'a str,
    /// The ACL user; used only when there is a password.
    pub(super) user: &'a str,
    /// Empty: no authentication.
    pub(super) password: &'a Secret,
    /// User and password are those of the deployment: where there is a broker, they are asked for.
    pub(super) own: bool,
    /// The number for `SELECT`; 0: nothing is selected.
    pub(super) database: u32,
    /// Whether the connection is encrypted.
    pub(super) tls: bool,
    /// How long a reply may take.
    pub(super) patience: Duration,
}

impl Guest<'_> {
    /// Returns the option that says whether to encrypt.
    fn tls_option(&self) -> &'static str {
        if self.own { "useTls" } else { "sentinelTls" }
    }
}

/// Opens a connection to a server. A server that fails before its first word is asked once whether it speaks the other
/// language, plain or TLS.
///
/// # Errors
/// Those of the transport, of TLS and of the first commands.
pub(super) async fn visit(
    transport: &dyn Transport,
    settings: &ConnectionSettings,
    broker: Option<&CredentialsBroker>,
    clients: &tls::Clients,
    door: &Door,
    address: &Address,
    guest: &Guest<'_>,
) -> Result<Connection> {
    let given = match broker {
        Some(broker) if guest.own || guest.tls => broker.request().await?,
        _ => Credentials::default(),
    };
    let option = guest.tls_option();
    let client = match guest.tls {
        true => {
            let material = given.tls.as_ref().or(settings.tls.as_ref()).cloned().unwrap_or_default();
            Some(clients.of(material).await.context(|| address)?)
        }
        false => None,
    };
    let begin = Instant::now();
    let mut stream = transport.dial(address, settings).await?;
    if let Some(client) = client {
        let left = settings.connect_timeout().saturating_sub(begin.elapsed());
        stream = match tls::encrypt(stream, address, option, client, left).await {
            Err(Error::Redis(fault)) if mismatch::may_be(&fault) && door.may_look() => {
                let again = transport.dial(address, settings);
                return Err(mismatch::of_handshake(fault, address, option, again).await.into());
            }
            encrypted => encrypted?,
        };
    }
    let mut connection = Connection::new(stream, guest.patience);
    match greet(&mut connection, guest, &given).await {
        Err(Error::Redis(fault)) if !guest.tls && mismatch::may_be(&fault) && door.may_look() => {
            let again = transport.dial(address, settings);
            Err(mismatch::of_plain(fault, address, option, again).await.into())
        }
        greeted => greeted.map(|()| connection),
    }
}

/// Sends `AUTH` where there is a password, then `SELECT`, then the name. Nothing needs the name: where it can't be set,
/// for whatever reason that is permanent, the connection has none.
async fn greet(connection: &mut Connection, guest: &Guest<'_>, given: &Credentials) -> Result<()> {
    let (user, password) = match guest.own {
        true => (given.user.as_deref().unwrap_or(guest.user), given.password.as_ref().unwrap_or(guest.password)),
        false => (guest.user, guest.password),
    };
    if !password.is_empty() {
        let mut auth = redis::cmd("AUTH");
        auth.arg(user).arg(password.reveal());
        let answer = connection.call(&auth).await;
        match &given.password {
            Some(_) if guest.own => answer.context(|| "AUTH with what the credentialsProvider gave")?,
            _ => answer?,
        };
    }
    if guest.database != 0 {
        let selected = connection.call(redis::cmd("SELECT").arg(guest.database)).await;
        selected.context(|| format!("SELECT {} (option `database`)", guest.database))?;
    }
    match connection.call(&set_name(guest.name)).await {
        Err(Error::Redis(fault))
            if !fault.is_passing() && matches!(fault.kind, FaultKind::Permission | FaultKind::Server) =>
        {
            debug!("no name for this connection: {fault}");
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

/// The server takes no spaces and no control characters in a name
/// (<https://redis.io/docs/latest/commands/client-setname/>).
fn set_name(name: &str) -> Cmd {
    let name: String = name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    let mut cmd = redis::cmd("CLIENT");
    cmd.arg("SETNAME").arg(name);
    cmd
}
