//! Authorities, certificates and keys, made for each test, and servers that show them.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::{RedisServer, await_that, free_port};

/// Keys as OpenSSL writes them, each of them twice: of RSA keys rcgen makes none, and for the forms of the same key
/// that users have.
pub const RSA_PKCS8: &str = include_str!("keys/rsa-pkcs8.pem");
pub const RSA_PKCS1: &str = include_str!("keys/rsa-pkcs1.pem");
pub const EC_PKCS8: &str = include_str!("keys/ec-pkcs8.pem");
pub const EC_SEC1: &str = include_str!("keys/ec-sec1.pem");

/// An authority of a test's own.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate, and its key in PKCS#8.
#[derive(Clone)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The authority itself, as a server that shows its authority's certificate for its own does.
    pub fn as_pair(&self) -> Pair {
        Pair { certificate: self.pem(), key: self.issuer.key().serialize_pem() }
    }

    pub fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Pair {
        Pair { certificate: params.signed_by(key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    /// For these hosts, with a key of its own.
    pub fn issue(&self, hosts: &[&str]) -> Pair {
        self.sign(&named("server", hosts), &KeyPair::generate().unwrap())
    }

    /// What a test's server shows: it is reached at each of these.
    pub fn issue_local(&self) -> Pair {
        self.issue(&["localhost", "127.0.0.1", "::1"])
    }

    pub fn issue_for_key(&self, pkcs8: &str, hosts: &[&str]) -> Pair {
        self.sign(&named("given key", hosts), &KeyPair::from_pem(pkcs8).unwrap())
    }

    /// From the first day of one year to that of another.
    pub fn issue_for_years(&self, from: i32, to: i32) -> Pair {
        let mut params = named("server", &["localhost", "127.0.0.1"]);
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        self.sign(&params, &KeyPair::generate().unwrap())
    }
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A server with a TLS port beside its plain one, at which the test itself talks to it.
pub struct TlsServer {
    pub plain: RedisServer,
    pub port: u16,
    folder: Folder,
}

impl TlsServer {
    /// Trusts `clients`, and demands a certificate as `more` says (`--tls-auth-clients`, by default it does).
    pub fn start(shows: &Pair, clients: &Authority, more: &[&str]) -> Self {
        let folder = Folder::new();
        let (certificate, key, ca) = folder.write("1", shows, clients);
        loop {
            let port = free_port();
            let tls_port = port.to_string();
            let mut arguments = vec!["--tls-port", &tls_port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
            arguments.extend_from_slice(&["--tls-ca-cert-file", &ca]);
            arguments.extend_from_slice(more);
            let Some(plain) = RedisServer::try_start(&arguments) else { continue };
            let mut listens = false;
            // It listens at its ports one after the other; it ends where one is taken.
            await_that("the TLS port listens", || {
                listens = TcpStream::connect(("127.0.0.1", port)).is_ok();
                listens || !plain.is_running()
            });
            if listens {
                return Self { plain, port, folder };
            }
        }
    }

    /// One that takes every client.
    pub fn open(shows: &Pair, more: &[&str]) -> Self {
        let arguments = [&["--tls-auth-clients", "no"], more].concat();
        Self::start(shows, &Authority::new("nobody"), &arguments)
    }

    /// From now on it shows another certificate and trusts the clients of another authority; connections stay.
    pub fn rotate(&self, shows: &Pair, clients: &Authority) {
        let (certificate, key, ca) = self.folder.write("2", shows, clients);
        let words = ["CONFIG", "SET", "tls-cert-file", &certificate, "tls-key-file", &key, "tls-ca-cert-file", &ca];
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        assert_eq!(self.plain.run_args(&words), redis::Value::Okay);
    }
}

/// Removed with its content.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("flink-redis-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, shows: &Pair, clients: &Authority) -> (String, String, String) {
        let file = |kind: &str, text: &str| {
            let path = self.0.join(format!("{name}.{kind}"));
            std::fs::write(&path, text).unwrap();
            text_of(&path)
        };
        (file("crt", &shows.certificate), file("key", &shows.key), file("ca", &clients.pem()))
    }
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The field `tls` of connection settings.
pub fn tls_json(ca: &str, shows: Option<&Pair>) -> String {
    let (certificates, key) = shows.map_or(("", ""), |pair| (pair.certificate.as_str(), pair.key.as_str()));
    format!(r#""tls":{}"#, serde_json::json!({ "ca": ca, "certificates": certificates, "key": key }))
}

/// Connection settings, encrypted; `more` are fields of them, each led by a comma.
pub fn connection(host: &str, port: u16, tls: &str, more: &str) -> String {
    super::connection_json(port)
        .replace(r#""host":"127.0.0.1""#, &format!(r#""host":"{host}""#))
        .replace("15000}", &format!("15000,{tls}{more}}}"))
}
