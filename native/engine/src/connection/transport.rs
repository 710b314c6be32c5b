//! The way to a server: a stream of bytes in both directions.
//!
//! In production it is TCP. The protocol's model test puts a simulated server behind it, so that all above is the same code.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

use crate::config::ConnectionSettings;
use crate::connection::Address;
use crate::error::{Error, Fault, FaultKind, Result};

/// What a connection reads from and writes to.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Stream>>> + Send + 'a>>;

pub(crate) trait Transport: Send + Sync {
    fn dial<'a>(&'a self, address: &'a Address, settings: &'a ConnectionSettings) -> Dialing<'a>;
}

/// A peer that does not answer is asked again, at most so much later, and given up after so many times: by default one that is gone without a
/// word (a cut network) is noticed after a minute, also where nothing has a deadline.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// The real one.
pub(super) struct Network;

impl Transport for Network {
    fn dial<'a>(&'a self, address: &'a Address, settings: &'a ConnectionSettings) -> Dialing<'a> {
        Box::pin(async move {
            let Ok(stream) = timeout(settings.connect_timeout(), connect(address, settings)).await else {
                let message = format!(
                    "{address}: no connection within {} ms; check host, port and network, or raise connectTimeoutMillis",
                    settings.connect_timeout_millis
                );
                return Err(Fault::new(FaultKind::Timeout, message).into());
            };
            stream
        })
    }
}

async fn connect(address: &Address, settings: &ConnectionSettings) -> Result<Box<dyn Stream>> {
    match address {
        Address::Tcp { host, port } => Ok(Box::new(connect_tcp(host, *port, settings).await?)),
        Address::Unix { path } => match UnixStream::connect(path).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => {
                Err(unreachable(format!("no connection to socket '{path}' ({error}); check the option `unixSocket`")))
            }
        },
    }
}

async fn connect_tcp(host: &str, port: u16, settings: &ConnectionSettings) -> Result<TcpStream> {
    let addresses: Vec<_> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let message = format!("host '{host}' can't be resolved ({error}); check the option `host`");
            return Err(Fault::new(FaultKind::UnknownHost, message).into());
        }
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                tune(&stream, Duration::from_millis(settings.keepalive_millis))
                    .map_err(|error| unreachable(error.to_string()))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(unreachable(format!(
        "no connection to {} ({last}); check that Redis runs there and accepts connections from here",
        Address::tcp(host, port)
    )))
}

fn unreachable(message: String) -> Error {
    Fault::new(FaultKind::Connection, message).into()
}

fn tune(stream: &TcpStream, keepalive: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // The kernel counts in seconds.
    let idle = keepalive.max(Duration::from_secs(1));
    let every = idle.min(KEEPALIVE_EVERY);
    let keepalive = TcpKeepalive::new().with_time(idle).with_interval(every).with_retries(KEEPALIVE_PROBES);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_silent_peer_is_asked_as_often_as_the_settings_say() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        for (millis, idle, every) in [(30_000, 30, 10), (5_000, 5, 5), (1, 1, 1)] {
            tune(&stream, Duration::from_millis(millis)).unwrap();
            let socket = SockRef::from(&stream);
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(idle));
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(every));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
        }
    }
}
