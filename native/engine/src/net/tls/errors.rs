//! Translates errors of TLS into faults that tell users what to do.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

use super::client_config::{Client, Identity};
use super::probe;
use crate::address::Address;
use crate::error::{Fault, FaultKind};

/// What the errors of one connection are translated with.
pub(super) struct TlsErrors {
    address: Address,
    /// The option that says whether to encrypt.
    option: &'static str,
    /// The authorities are those of the settings, not the system's.
    own_authorities: bool,
    identity: Arc<Identity>,
}

const SHOW_ONE: &str =
    "the server demands a client certificate and the job has none; set mtlsParameters with a certificate and its key";

impl TlsErrors {
    pub(super) fn new(address: &Address, option: &'static str, client: Client) -> Self {
        Self { address: address.clone(), option, own_authorities: client.own_authorities, identity: client.identity }
    }

    fn fault(&self, kind: FaultKind, message: impl std::fmt::Display) -> Fault {
        Fault::new(kind, format!("{}: {message}", self.address))
    }

    /// Returns the fault of a handshake that failed.
    pub(super) fn handshake(&self, error: io::Error) -> Fault {
        match rustls_error(&error) {
            // Not even its first record can be read, or what should be one.
            Some(Error::InvalidMessage(_)) => probe::plain(&self.address, self.option),
            Some(cause) => self
                .translate(cause)
                .unwrap_or_else(|| self.fault(FaultKind::Connection, format!("the TLS handshake failed ({cause})"))),
            None => self.rejected_silently(&error, false).unwrap_or_else(|| {
                self.no_answer(FaultKind::Connection, &format!("connection lost in the TLS handshake ({error})"))
            }),
        }
    }

    pub(super) fn silent(&self, timeout: Duration) -> Fault {
        let message =
            format!("no answer in the TLS handshake within {} ms (connectTimeoutMillis)", timeout.as_millis());
        self.no_answer(FaultKind::Timeout, &message)
    }

    fn no_answer(&self, kind: FaultKind, what: &str) -> Fault {
        self.fault(kind, format!("{what}; is this a TLS port? If not, set {}(false)", self.option))
    }

    /// Returns the error of a connection that fails behind the handshake; it holds a fault where there is more to say.
    pub(super) fn lost(&self, error: io::Error, received_any: bool) -> io::Error {
        let fault = match rustls_error(&error) {
            Some(cause) => self.translate(cause),
            None => self.rejected_silently(&error, received_any),
        };
        fault.map_or(error, io::Error::other)
    }

    /// Returns the fault of a connection that ends without an alert, though it may be that the server refuses the
    /// client.
    pub(super) fn rejected_silently(&self, error: &io::Error, received_any: bool) -> Option<Fault> {
        let unasked = !self.identity.was_asked() || self.identity.is_shown();
        if received_any || unasked {
            return None;
        }
        let message = format!(
            "connection lost ({error}) after the server had asked for a client certificate, of which the job has \
             none; if it demands one, set \
             mtlsParameters"
        );
        Some(self.fault(FaultKind::Connection, message))
    }

    /// Returns the fault of an error that is permanent, or better said in other words.
    fn translate(&self, error: &Error) -> Option<Fault> {
        match error {
            Error::InvalidCertificate(error) => Some(self.fault(FaultKind::Certificate, self.certificate(error))),
            Error::AlertReceived(alert) => self.alert(*alert),
            Error::PeerIncompatible(why) => Some(self.incompatible(&format!("{why:?}"))),
            Error::NoCertificatesPresented => {
                Some(self.fault(FaultKind::Certificate, "the server shows no certificate"))
            }
            _ => None,
        }
    }

    fn alert(&self, alert: AlertDescription) -> Option<Fault> {
        let (asked, shown) = (self.identity.was_asked(), self.identity.is_shown());
        let fault = match alert {
            AlertDescription::CertificateRequired => self.fault(FaultKind::Certificate, SHOW_ONE),
            // TLS 1.2 has no word for it.
            AlertDescription::HandshakeFailure | AlertDescription::BadCertificate if asked && !shown => {
                self.fault(FaultKind::Certificate, SHOW_ONE)
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
                if asked && shown =>
            {
                let message = format!(
                    "the server refuses the client certificate ({alert:?}); it must be valid and signed by an \
                     authority that the server trusts: \
                     check mtlsParameters"
                );
                self.fault(FaultKind::Certificate, message)
            }
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity => self.incompatible(&format!("{alert:?}")),
            AlertDescription::UnrecognisedName => {
                self.fault(FaultKind::Certificate, "the server says that it is not that host; check the option `host`")
            }
            _ => return None,
        };
        Some(fault)
    }

    fn incompatible(&self, why: &str) -> Fault {
        let message =
            format!("no TLS version and cipher that both sides have ({why}); the server must speak TLS 1.2 or 1.3");
        self.fault(FaultKind::Tls, message)
    }

    fn certificate(&self, error: &CertificateError) -> String {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature if self.own_authorities => {
                "the server's certificate is not signed by an authority of the option `caFile`; add the one that \
                 signed it"
                    .to_owned()
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the server's certificate is not signed by an authority that this machine trusts; set the option \
                 `caFile` to the certificate \
                 of the one that signed it"
                    .to_owned()
            }
            CertificateError::ExpiredContext { time, not_after } => {
                format!(
                    "the server's certificate has expired {} ago; renew it, or correct the clock of this \
                         machine",
                    span(*not_after, *time)
                )
            }
            CertificateError::NotValidYetContext { time, not_before } => {
                format!(
                    "the server's certificate is not valid before {} from now; correct the clock of this \
                         machine",
                    span(*time, *not_before)
                )
            }
            CertificateError::NotValidForNameContext { presented, .. } => self.other_names(presented),
            // What webpki says of it has no word of rustls' own.
            CertificateError::Other(other) if format!("{other}").contains("CaUsedAsEndEntity") => {
                "the server shows the certificate of an authority as its own; give it one that the authority has \
                 signed (CA:FALSE)"
                    .to_owned()
            }
            other => format!("the server's certificate can't be accepted ({other})"),
        }
    }

    fn other_names(&self, presented: &[String]) -> String {
        let host = match &self.address {
            Address::Tcp { host, .. } => host,
            Address::Unix { path } => path,
        };
        if presented.is_empty() {
            return format!("the server's certificate has no subject alternative name; it needs one for '{host}'");
        }
        // rustls writes `DnsName("example")`.
        let plain = |name: &String| {
            let name = name.split_once('(').map_or(name.as_str(), |(_, name)| name.trim_end_matches(')'));
            name.trim_matches('"').to_owned()
        };
        let names: Vec<String> = presented.iter().map(plain).collect();
        format!(
            "the server's certificate is for {}, not for '{host}'; connect to one of these, or give it a certificate \
             for this host",
            names.join(", ")
        )
    }
}

fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn span(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    match seconds {
        0..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
