//! Reaches the server: resolve, connect, authenticate, give the connection its name.

use std::io;
use std::time::Duration;

use redis::Cmd;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::config::ConnectionSettings;
use crate::connection::Connection;
use crate::error::{Error, Fault, FaultKind, Result};

/// A peer that is gone without a word (a cut network) is noticed after about a minute, also where nothing has a deadline.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

/// Opens a connection that is authenticated and bears `name`.
pub(super) async fn dial(settings: &ConnectionSettings, name: &str) -> Result<Connection> {
    let stream = match timeout(settings.connect_timeout(), connect(settings)).await {
        Ok(stream) => stream?,
        Err(_) => {
            let message = format!(
                "no connection within {} ms; check host, port and network, or raise connectTimeoutMillis",
                settings.connect_timeout_millis
            );
            return Err(Fault::new(FaultKind::Timeout, message).into());
        }
    };
    let mut connection = Connection::new(stream, settings.command_timeout());
    greet(&mut connection, settings, name).await?;
    Ok(connection)
}

async fn connect(settings: &ConnectionSettings) -> Result<TcpStream> {
    let addresses: Vec<_> = match lookup_host((settings.host.as_str(), settings.port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let message = format!("host '{}' can't be resolved ({error}); check the option `host`", settings.host);
            return Err(Fault::new(FaultKind::UnknownHost, message).into());
        }
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                tune(&stream).map_err(|error| unreachable(error.to_string()))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(unreachable(format!("no connection ({last}); check that Redis runs there and accepts connections from here")))
}

fn unreachable(message: String) -> Error {
    Fault::new(FaultKind::Connection, message).into()
}

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_EVERY);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// `AUTH` where there is a password, then the name. A user who may not set the name goes without it.
async fn greet(connection: &mut Connection, settings: &ConnectionSettings, name: &str) -> Result<()> {
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

/// The server takes no spaces and no control characters in a name (<https://redis.io/docs/latest/commands/client-setname/>).
fn set_name(name: &str) -> Cmd {
    let name: String = name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    let mut cmd = redis::cmd("CLIENT");
    cmd.arg("SETNAME").arg(name);
    cmd
}
