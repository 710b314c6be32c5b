//! Certificates and a key from PEM texts. Messages name the option, and hold nothing of the texts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_rustls::rustls::client::{ResolvesClientCert, Resumption};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, Error as TlsError, InconsistentKeys, RootCertStore, SignatureScheme};

use super::ec_key;
use super::sessions::Sessions;
use crate::config::TlsMaterial;
use crate::error::{Error, Fault, FaultKind, Result};

/// The time after which the system's authorities are read again.
const FRESH: Duration = Duration::from_secs(60);

/// The client configuration of the TLS connections of one deployment: made once, and again when it changes.
#[derive(Default)]
pub(crate) struct Clients {
    last: Mutex<Option<Made>>,
}

struct Made {
    material: TlsMaterial,
    at: Instant,
    client: Client,
}

/// A client configuration, shared by connections so that they can resume the sessions of earlier ones.
#[derive(Clone)]
pub(crate) struct Client {
    pub(super) config: Arc<ClientConfig>,
    pub(super) identity: Arc<Identity>,
    /// The authorities are those of the settings, not the system's.
    pub(super) own_authorities: bool,
}

impl Clients {
    /// Returns the client configuration of this material. The work is done on a thread that may block: it reads files
    /// and checks keys.
    pub(crate) async fn of(&self, material: TlsMaterial) -> Result<Client> {
        let mut last = self.last.lock().await;
        if let Some(made) = &*last
            && made.material == material
            && (made.client.own_authorities || made.at.elapsed() < FRESH)
        {
            return Ok(made.client.clone());
        }
        let made = spawn_blocking(move || client(&material).map(|client| (client, material))).await;
        let (client, material) = made.map_err(|_| Error::Internal("certificates could not be read".to_owned()))??;
        *last = Some(Made { material, at: Instant::now(), client: client.clone() });
        Ok(client)
    }
}

fn client(material: &TlsMaterial) -> Result<Client, Fault> {
    let provider = Arc::new(ring::default_provider());
    let identity =
        Arc::new(Identity { shown: shown(material, &provider)?.map(Arc::new), asked: AtomicBool::new(false) });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(format!("no TLS: {error}")))?
        .with_root_certificates(authorities(&material.ca)?)
        .with_client_cert_resolver(Arc::clone(&identity) as Arc<_>);
    config.resumption = Resumption::store(Arc::new(Sessions::new()));
    Ok(Client { config: Arc::new(config), identity, own_authorities: !material.ca.is_empty() })
}

/// The certificate that the client shows when a server asks for it, and whether one has asked: in a resumed session the
/// server does not ask again.
pub(super) struct Identity {
    shown: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl Identity {
    pub(super) fn is_shown(&self) -> bool {
        self.shown.is_some()
    }

    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.shown.clone()
    }

    fn has_certs(&self) -> bool {
        self.is_shown()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("identity")
    }
}

/// Returns the authorities of the text, or those of the system.
fn authorities(ca: &str) -> Result<RootCertStore, Fault> {
    let mut store = RootCertStore::empty();
    if !ca.is_empty() {
        for authority in certificates(ca, "the option `caFile`")? {
            store
                .add(authority)
                .map_err(|error| bad(format!("the option `caFile` has a certificate that can't be used ({error})")))?;
        }
        return Ok(store);
    }
    let found = rustls_native_certs::load_native_certs();
    let (used, _) = store.add_parsable_certificates(found.certs);
    if used == 0 {
        let why: String = found.errors.iter().map(|error| format!(" ({error})")).collect();
        return Err(bad(format!(
            "this machine has no certificates of authorities{why}; install them (ca-certificates), or set the option \
             `caFile`"
        )));
    }
    Ok(store)
}

fn shown(
    material: &TlsMaterial,
    provider: &tokio_rustls::rustls::crypto::CryptoProvider,
) -> Result<Option<CertifiedKey>, Fault> {
    match (material.certificates.is_empty(), material.key.is_empty()) {
        (true, true) => return Ok(None),
        (false, false) => {}
        (no_certificate, _) => {
            let (there, missing) = if no_certificate { ("a key", "certificate") } else { ("a certificate", "key") };
            return Err(bad(format!("the option `mtlsParameters` has {there} and no {missing}; set both")));
        }
    }
    let chain = certificates(&material.certificates, "the option `mtlsParameters`")?;
    let key = PrivateKeyDer::from_pem_slice(material.key.reveal().as_bytes()).map_err(|_| {
        bad("the key of the option `mtlsParameters` can't be read: a PEM text of PKCS#8, PKCS#1 (RSA) or SEC1 (EC) is \
             needed, not encrypted")
    })?;
    let key = match chain.first() {
        Some(certificate) => ec_key::completed(key, certificate),
        None => key,
    };
    // What rustls would say of a key may hold parts of it.
    CertifiedKey::from_der(chain, key, provider).map(Some).map_err(|error| match error {
        TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            bad("the key of the option `mtlsParameters` is not that of the first of its certificates")
        }
        TlsError::InvalidCertificate(error) => {
            bad(format!("the first certificate of the option `mtlsParameters` can't be read ({error})"))
        }
        _ => bad("the key of the option `mtlsParameters` can't be used: RSA of 2048 bits or more, ECDSA on P-256 or \
                  P-384, or Ed25519 is needed"),
    })
}

fn certificates(pem: &str, option: &str) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(bad(format!("{option} has no certificate: a PEM text is needed (-----BEGIN CERTIFICATE-----)"))),
        Err(_) => Err(bad(format!("{option} has certificates that can't be read: their PEM text is damaged"))),
    }
}

fn bad(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Certificate, message)
}
