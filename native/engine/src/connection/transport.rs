//! The way to a server: a stream of bytes in both directions.
//!
//! In production it is TCP. The protocol's model test puts a simulated server behind it, so that all above is the same code.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::config::ConnectionSettings;
use crate::error::{Error, Fault, FaultKind, Result};

/// What a connection reads from and writes to.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Stream>>> + Send + 'a>>;

pub(crate) trait Transport: Send + Sync {
    fn dial<'a>(&'a self, settings: &'a ConnectionSettings) -> Dialing<'a>;
}

/// A peer that is gone without a word (a cut network) is noticed after about a minute, also where nothing has a deadline.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Tcp;

impl Transport for Tcp {
    fn dial<'a>(&'a self, settings: &'a ConnectionSettings) -> Dialing<'a> {
        Box::pin(async move {
            let Ok(stream) = timeout(settings.connect_timeout(), connect(settings)).await else {
                let message = format!(
                    "no connection within {} ms; check host, port and network, or raise connectTimeoutMillis",
                    settings.connect_timeout_millis
                );
                return Err(Fault::new(FaultKind::Timeout, message).into());
            };
            Ok(Box::new(stream?) as Box<dyn Stream>)
        })
    }
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
