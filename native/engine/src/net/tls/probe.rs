//! One side encrypts, the other does not.
//!
//! Neither says so: a Redis server hangs up on plain text at its TLS port, and waits for the rest of what it takes for
//! a command at the other. So where a connection fails before the server has said anything, the port is asked once
//! more, in the other language.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::address::Address;
use crate::error::{Fault, FaultKind};
use crate::net::dial::Dialing;

/// The time for which the probe waits: a server that speaks the other language says so at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// Returns whether a fault of the handshake, or of the first command, may come of it.
pub(crate) fn may_explain(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Connection | FaultKind::Timeout)
}

/// Returns what to say of a plain connection that failed before the first reply: the fault itself, or that the port
/// speaks TLS.
pub(crate) async fn after_plain(fault: Fault, address: &Address, option: &str, again: Dialing<'_>) -> Fault {
    match first_byte(again, &client_hello()).await {
        // An alert or a handshake.
        Some(0x15 | 0x16) => Fault::new(
            FaultKind::Tls,
            format!("{address}: this port speaks TLS; set {option}(true), or use the plain port"),
        ),
        _ => fault,
    }
}

/// Returns what to say of a handshake that had no answer: the fault itself, or that the port speaks plain text.
pub(crate) async fn after_handshake(fault: Fault, address: &Address, option: &str, again: Dialing<'_>) -> Fault {
    match first_byte(again, b"*1\r\n$4\r\nPING\r\n").await {
        Some(b'+' | b'-') => plain(address, option),
        _ => fault,
    }
}

pub(super) fn plain(address: &Address, option: &str) -> Fault {
    Fault::new(
        FaultKind::Tls,
        format!(
            "{address}: this port does not speak TLS; use the server's TLS port, or set {option}(false) if nobody on \
             the way there may listen: \
             passwords and data go in the clear then"
        ),
    )
}

async fn first_byte(dialing: Dialing<'_>, question: &[u8]) -> Option<u8> {
    let answer = async {
        let mut stream = dialing.await.ok()?;
        stream.write_all(question).await.ok()?;
        stream.read_u8().await.ok()
    };
    timeout(PATIENCE, answer).await.ok()?
}

/// Returns the bytes with which a client begins a handshake.
fn client_hello() -> Vec<u8> {
    let mut hello = Vec::new();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|config| config.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    if let (Ok(config), Ok(name)) = (config, ServerName::try_from("localhost"))
        && let Ok(mut client) = ClientConnection::new(Arc::new(config), name)
    {
        // Into memory: it can't fail.
        let _ = client.write_tls(&mut hello);
    }
    hello
}
