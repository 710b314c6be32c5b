//! Encryption: TLS 1.2 and 1.3, over any stream.
//!
//! * [`client_config`] certificates and a key, from PEM texts, kept as long as they are the same
//! * [`ec_key`] what Java leaves out of a key
//! * [`errors`] what goes wrong, in words that tell what to do
//! * [`sessions`] what later connections take up again
//! * [`probe`] one side encrypts, the other does not

mod client_config;
mod ec_key;
mod errors;
pub(crate) mod probe;
mod sessions;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::address::Address;
use crate::error::{Fault, FaultKind, Result};
use crate::net::dial::Stream;
pub(crate) use client_config::{Client, Clients};
use errors::TlsErrors;

/// Encrypts a stream: shakes hands with the server at `address`, whose certificate has to be for that host. `option` is
/// the one that says whether to do so.
pub(crate) async fn encrypt(
    stream: Box<dyn Stream>,
    address: &Address,
    option: &'static str,
    client: Client,
    limit: Duration,
) -> Result<Box<dyn Stream>> {
    let handshake = TlsConnector::from(Arc::clone(&client.config)).connect(name_of(address)?, stream);
    let errors = TlsErrors::new(address, option, client);
    match timeout(limit, handshake).await {
        Ok(Ok(stream)) => Ok(Box::new(Encrypted { stream, errors, received_any: false })),
        Ok(Err(error)) => Err(errors.handshake(error).into()),
        Err(_) => Err(errors.silent(limit).into()),
    }
}

fn name_of(address: &Address) -> Result<ServerName<'static>> {
    let host = match address {
        // The dot at the end says that the name is whole; certificates have it without, and so has what the server is
        // told (RFC 6066, 3).
        Address::Tcp { host, .. } => host.strip_suffix('.').unwrap_or(host),
        Address::Unix { .. } => "",
    };
    ServerName::try_from(host.to_owned()).map_err(|_| {
        let message =
            format!("{address}: '{host}' is no name that a certificate can be for; connect to a host by its name");
        Fault::new(FaultKind::Certificate, message).into()
    })
}

/// An encrypted stream on which what is written goes out also where the caller does not flush, as over TCP: rustls
/// holds what the socket did not take at once, and whoever waits for a reply reads.
struct Encrypted {
    stream: TlsStream<Box<dyn Stream>>,
    errors: TlsErrors,
    /// Bytes have been received since the handshake. A server may refuse the client's certificate behind it.
    received_any: bool,
}

impl Encrypted {
    /// Returns the error to end with. Where sending fails, the server may have said why before it hung up.
    fn failed(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        let mut rest = [0; 1024];
        loop {
            let mut part = ReadBuf::new(&mut rest);
            match Pin::new(&mut self.stream).poll_read(cx, &mut part) {
                Poll::Ready(Ok(())) if !part.filled().is_empty() => {}
                Poll::Ready(Err(last)) => return self.errors.lost(last, self.received_any),
                _ => return self.errors.lost(error, self.received_any),
            }
        }
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(Err(error)) = Pin::new(&mut this.stream).poll_flush(cx) {
            return Poll::Ready(Err(this.failed(cx, error)));
        }
        let before = out.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, out) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(this.errors.lost(error, this.received_any))),
            Poll::Ready(Ok(())) if out.filled().len() == before && out.remaining() > 0 => {
                let ended = io::Error::from(io::ErrorKind::UnexpectedEof);
                match this.errors.rejected_silently(&ended, this.received_any) {
                    Some(fault) => Poll::Ready(Err(io::Error::other(fault))),
                    None => Poll::Ready(Ok(())),
                }
            }
            Poll::Ready(Ok(())) => {
                this.received_any = true;
                Poll::Ready(Ok(()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.failed(cx, error))),
            other => other,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.failed(cx, error))),
            other => other,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::server::WebPkiClientVerifier;
    use tokio_rustls::rustls::version::{TLS12, TLS13};
    use tokio_rustls::rustls::{ALL_VERSIONS, HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};
    use tokio_rustls::server;

    use super::*;

    use crate::config::{Secret, TlsMaterial};

    type Accepted = io::Result<server::TlsStream<DuplexStream>>;

    /// Returns a server for the hosts `h` and `g`, and what its clients need.
    fn server(demands_certificate: bool) -> (TlsAcceptor, TlsMaterial) {
        server_of(demands_certificate, ALL_VERSIONS)
    }

    fn server_of(
        demands_certificate: bool,
        versions: &[&'static SupportedProtocolVersion],
    ) -> (TlsAcceptor, TlsMaterial) {
        let shown = rcgen::generate_simple_self_signed(["h".to_owned(), "g".to_owned()]).unwrap();
        let material = TlsMaterial { ca: shown.cert.pem(), ..TlsMaterial::default() };
        let (provider, mut trusted) = (Arc::new(ring::default_provider()), RootCertStore::empty());
        trusted.add(shown.cert.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let config = if demands_certificate {
            config.with_client_cert_verifier(clients.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(shown.signing_key.serialize_der()).unwrap();
        (TlsAcceptor::from(Arc::new(config.with_single_cert(vec![shown.cert.der().clone()], key).unwrap())), material)
    }

    /// Connects over a pipe that holds little. Returns the result of both sides.
    async fn connect_to(server: &TlsAcceptor, host: &str, client: Client) -> (Box<dyn Stream>, Accepted) {
        let (near, far) = duplex(256);
        let accepting = tokio::spawn(server.accept(far));
        let address = Address::tcp(host, 1);
        let near = encrypt(Box::new(near), &address, "useTls", client, Duration::from_secs(20)).await.unwrap();
        (near, accepting.await.unwrap())
    }

    async fn connect(demands_certificate: bool) -> (Box<dyn Stream>, Accepted) {
        let (server, material) = server(demands_certificate);
        connect_to(&server, "h", Clients::default().of(material).await.unwrap()).await
    }

    /// Connects, and has a byte arrive, behind which the server's tickets are. Returns both sides, and what kind of
    /// handshake it was.
    async fn greeted(
        server: &TlsAcceptor,
        host: &str,
        client: Client,
    ) -> (Box<dyn Stream>, server::TlsStream<DuplexStream>, HandshakeKind) {
        let (mut near, far) = connect_to(server, host, client).await;
        let mut far = far.unwrap();
        far.write_all(b"+").await.unwrap();
        far.flush().await.unwrap();
        near.read_u8().await.unwrap();
        let kind = far.get_ref().1.handshake_kind().unwrap();
        (near, far, kind)
    }

    #[tokio::test]
    async fn what_was_agreed_on_is_taken_up_again_as_long_as_the_certificates_are_the_same() {
        let shown = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
        for versions in [&[&TLS12][..], &[&TLS13]] {
            let ((server, material), clients) = (server_of(false, versions), Clients::default());
            let other_ca = TlsMaterial { ca: format!("{}\n", material.ca), ..material.clone() };
            let key = Secret::new(shown.signing_key.serialize_pem());
            let other_key = TlsMaterial { certificates: shown.cert.pem(), key, ..material.clone() };
            let mut kinds = Vec::new();
            for material in [&material, &material, &other_ca, &other_key, &other_key, &material] {
                // With a dot at its end it is the same name.
                kinds.push(greeted(&server, "h.", clients.of(material.clone()).await.unwrap()).await.2);
            }
            let (full, resumed) = (HandshakeKind::Full, HandshakeKind::Resumed);
            assert_eq!(kinds, [full, resumed, full, full, resumed, full]);
        }
    }

    /// A certificate was verified for that one name.
    #[tokio::test]
    async fn a_session_is_that_of_a_name() {
        let (server, material) = server_of(false, &[&TLS13]);
        let clients = Clients::default();
        let mut kinds = Vec::new();
        for host in ["h", "g", "h", "g"] {
            kinds.push(greeted(&server, host, clients.of(material.clone()).await.unwrap()).await.2);
        }
        let (full, resumed) = (HandshakeKind::Full, HandshakeKind::Resumed);
        assert_eq!(kinds, [full, full, resumed, resumed]);
    }

    #[tokio::test]
    async fn many_connections_are_taken_up_again_at_once() {
        let ((server, material), clients) = (server_of(false, &[&TLS13]), Clients::default());
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut connections = Vec::new();
            for _ in 0..64 {
                connections.push(connect_to(&server, "h", clients.of(material.clone()).await.unwrap()).await);
            }
            // Their tickets come only now.
            for (mut near, far) in connections {
                let mut far = far.unwrap();
                far.write_all(b"+").await.unwrap();
                far.flush().await.unwrap();
                near.read_u8().await.unwrap();
                kinds.push(far.get_ref().1.handshake_kind().unwrap());
            }
        }
        assert_eq!(kinds, [[HandshakeKind::Full; 64], [HandshakeKind::Resumed; 64]].concat());
    }

    #[tokio::test]
    async fn who_writes_and_then_reads_has_sent_it_all() {
        let (mut near, far) = connect(false).await;
        let mut far = far.unwrap();
        let sent = vec![b'x'; 20_000];
        timeout(Duration::from_secs(20), async {
            near.write_all(&sent).await.unwrap();
            let answering = tokio::spawn(async move {
                let mut received = vec![0; 20_000];
                far.read_exact(&mut received).await.unwrap();
                far.write_all(b"+OK").await.unwrap();
                far.flush().await.unwrap();
                received
            });
            let mut answer = [0; 3];
            near.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"+OK");
            assert_eq!(answering.await.unwrap(), sent);
        })
        .await
        .unwrap();
    }

    /// Of TLS 1.3 the client's half of the handshake is over by then.
    #[tokio::test]
    async fn a_server_that_hung_up_is_heard_out() {
        let (mut near, far) = connect(true).await;
        assert!(far.is_err());
        let error = near.write_all(b"PING\r\n").await.unwrap_err().downcast::<Fault>().unwrap();
        assert_eq!(error.kind, FaultKind::Certificate);
        assert!(error.message().starts_with("h:1: the server demands a client certificate"), "{error}");
    }
}
