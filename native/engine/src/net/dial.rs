//! Dials servers: a stream of bytes in both directions.
//!
//! In production it is TCP. The protocol's model test puts a simulated server behind it, so that all above is the same
//! code.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::{Instant, sleep, timeout_at};

use crate::address::Address;
use crate::config::ConnectionSettings;
use crate::error::{Error, Fault, FaultKind, Result};
use crate::foreign_text::shown;
use crate::net::hedge;

/// The bytes of a connection, in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream that is being opened.
pub(crate) type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Stream>>> + Send + 'a>>;

/// Opens streams to servers.
pub(crate) trait Transport: Send + Sync {
    /// Opens a stream to a server, within `connectTimeoutMillis`.
    fn dial<'a>(&'a self, address: &'a Address, settings: &'a ConnectionSettings) -> Dialing<'a>;
}

/// A peer that does not answer is asked again, at most so much later, and given up after so many times: by default one
/// that is gone without a word (a cut network) is noticed after a minute, also where nothing has a deadline.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// EMFILE and ENFILE, for which Rust has no names.
const OUT_OF_FILES: [i32; 2] = [24, 23];

/// The real transport: TCP, or a Unix domain socket.
pub(crate) struct Network;

impl Transport for Network {
    fn dial<'a>(&'a self, address: &'a Address, settings: &'a ConnectionSettings) -> Dialing<'a> {
        Box::pin(async move {
            let deadline = Instant::now() + settings.connect_timeout();
            match address {
                Address::Tcp { host, port } => {
                    let addresses = resolve(host, *port, deadline, settings).await?;
                    Ok(Box::new(connect(address, addresses, deadline, settings).await?) as Box<dyn Stream>)
                }
                Address::Unix { path } => match timeout_at(deadline, UnixStream::connect(path)).await {
                    Ok(Ok(stream)) => Ok(Box::new(stream) as Box<dyn Stream>),
                    Ok(Err(error)) => {
                        let advice = advice([&error], "check the option `unixSocket`");
                        Err(unreachable(format!("no connection to socket '{path}' ({error}); {advice}")))
                    }
                    Err(_) => Err(late(address, settings)),
                },
            }
        })
    }
}

async fn resolve(host: &str, port: u16, deadline: Instant, settings: &ConnectionSettings) -> Result<Vec<SocketAddr>> {
    let Ok(found) = timeout_at(deadline, lookup_host((host, port))).await else {
        return Err(late(&Address::tcp(host, port), settings));
    };
    found.map(Iterator::collect).map_err(|error| unresolved(host, &error))
}

/// Returns the error for a host that can't be resolved. A name that does not exist is a fault of the settings, unless
/// it is known to have existed; everything else is a temporary fault of the name server. The C library distinguishes
/// them by their text only (`gai_strerror`, EAI_NONAME and EAI_NODATA); in another language all of them count as
/// temporary.
fn unresolved(host: &str, error: &io::Error) -> Error {
    const NOT_THERE: [&str; 2] = ["Name or service not known", "No address associated with hostname"];
    let text = error.to_string();
    let message = format!("host '{}' can't be resolved ({text}); check the option `host`", shown(host));
    let fault = Fault::new(FaultKind::UnknownHost, message);
    let is_final = NOT_THERE.iter().any(|told| text.contains(told)) || error.kind() == io::ErrorKind::InvalidInput;
    if is_final { fault.into() } else { fault.into_temporary().into() }
}

/// The time between the beginnings of two attempts (RFC 8305, "Happy Eyeballs", 5), at most: each address gets its
/// chance before the time is up.
const ATTEMPTS_EVERY: Duration = Duration::from_millis(250);

/// Connects to one of a host's addresses. They are tried side by side, so a silent one does not use up the time of the
/// others.
async fn connect(
    address: &Address,
    addresses: Vec<SocketAddr>,
    deadline: Instant,
    settings: &ConnectionSettings,
) -> Result<TcpStream> {
    let tried = addresses.len() as u32;
    let head_start = ATTEMPTS_EVERY.min(settings.connect_timeout() / (2 * tried.max(1)));
    let attempt = |to: SocketAddr| async move {
        match timeout_at(deadline, TcpStream::connect(to)).await {
            Ok(connected) => connected.map_err(|error| (to, Some(error))),
            Err(_) => Err((to, None)),
        }
    };
    match hedge::staggered(addresses, || sleep(head_start), attempt, |_| false).await {
        Ok(stream) => {
            tune(&stream, Duration::from_millis(settings.keepalive_millis))
                .map_err(|error| unreachable(error.to_string()))?;
            Ok(stream)
        }
        Err(failed) if !failed.is_empty() && failed.iter().all(|(_, error)| error.is_none()) => {
            Err(late(address, settings))
        }
        Err(failed) => {
            let what = |(to, error): &(SocketAddr, Option<io::Error>)| {
                let error = error.as_ref().map_or_else(|| "no answer".to_owned(), io::Error::to_string);
                if tried > 1 { format!("{to}: {error}") } else { error }
            };
            let what: Vec<String> = failed.iter().map(what).collect();
            let what = if what.is_empty() { "the name has no address".to_owned() } else { what.join("; ") };
            let usual = "check that Redis runs there and accepts connections from here";
            let advice = advice(failed.iter().filter_map(|(_, error)| error.as_ref()), usual);
            Err(unreachable(format!("no connection to {address} ({what}); {advice}")))
        }
    }
}

/// Returns what to do when no connection could be made, for one of these reasons.
fn advice<'a>(failures: impl IntoIterator<Item = &'a io::Error>, usual: &'static str) -> &'static str {
    let out_of_files = |error: &io::Error| error.raw_os_error().is_some_and(|code| OUT_OF_FILES.contains(&code));
    if failures.into_iter().any(out_of_files) { "raise this process's limit of open files (ulimit -n)" } else { usual }
}

fn late(address: &Address, settings: &ConnectionSettings) -> Error {
    let message = format!(
        "{address}: no connection within {} ms; check host, port and network, or raise connectTimeoutMillis",
        settings.connect_timeout_millis
    );
    Fault::new(FaultKind::Timeout, message).into()
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
    use crate::config::testing;

    fn settings() -> ConnectionSettings {
        ConnectionSettings { connect_timeout_millis: 2000, ..testing::connection("h") }
    }

    #[test]
    fn says_which_limit_to_raise() {
        let failure = |code| [io::Error::from_raw_os_error(code), io::Error::from(io::ErrorKind::ConnectionRefused)];
        assert!(advice(&failure(OUT_OF_FILES[0]), "usual").contains("ulimit -n"));
        assert_eq!(advice(&failure(0), "usual"), "usual");
        assert!(failure(OUT_OF_FILES[0])[0].to_string().contains("Too many open files"));
    }

    /// Listeners whose queue of connections is full: they take no more, and do not say so.
    struct Silent {
        address: SocketAddr,
        _kept: (socket2::Socket, Vec<TcpStream>),
    }

    impl Silent {
        async fn new() -> Self {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
            socket.listen(0).unwrap();
            let address = socket.local_addr().unwrap().as_socket().unwrap();
            let mut waiting = Vec::new();
            let patience = Duration::from_millis(300);
            while let Ok(stream) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
                waiting.push(stream.unwrap());
            }
            Self { address, _kept: (socket, waiting) }
        }
    }

    #[tokio::test]
    async fn an_address_that_is_silent_takes_nothing_from_the_others_of_its_host() {
        let (silent, good) = (Silent::new().await, tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (host, settings) = (Address::tcp("h", 1), settings());
        let to = async |addresses: &[SocketAddr]| {
            connect(&host, addresses.to_vec(), Instant::now() + settings.connect_timeout(), &settings).await
        };
        let connected = to(&[silent.address, silent.address, good.local_addr().unwrap()]).await.unwrap();
        assert_eq!(connected.peer_addr().unwrap(), good.local_addr().unwrap());

        let error = to(&[silent.address, nobody]).await.unwrap_err().to_string();
        let told = format!(
            "no connection to h:1 ({nobody}: Connection refused (os error 111); {}: no answer)",
            silent.address
        );
        assert!(error.starts_with(&told), "{error}");
        let error = to(&[nobody]).await.unwrap_err().to_string();
        assert!(error.starts_with("no connection to h:1 (Connection refused (os error 111)); check"), "{error}");
        let error = to(&[silent.address]).await.unwrap_err().to_string();
        assert!(error.starts_with("h:1: no connection within 2000 ms"), "{error}");
    }

    #[tokio::test]
    async fn a_name_that_is_not_there_is_final_and_a_name_server_that_is_not_there_passes() {
        for (text, passes) in [
            ("failed to lookup address information: Temporary failure in name resolution", true),
            ("failed to lookup address information: Name or service not known", false),
            ("failed to lookup address information: No address associated with hostname", false),
        ] {
            let error = unresolved("x", &io::Error::other(text));
            assert_eq!(error.is_temporary(), passes, "{text}");
            assert!(matches!(error, Error::Redis(fault) if fault.kind == FaultKind::UnknownHost));
        }
        let long = "x".repeat(70);
        let error = Network.dial(&Address::tcp(&long, 1), &settings()).await.err().unwrap();
        assert!(!error.is_temporary() && error.to_string().contains("check the option `host`"), "{error}");
    }

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
