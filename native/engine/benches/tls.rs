//! What TLS costs: the same work over the plain port and over the TLS port of one server, paired, in one run.
//!
//! ```text
//! cargo bench -p flink-redis-engine --bench tls [-- <records in thousands> <pairs>]
//! ```
//!
//! The engine writes and reads records of 116 bytes as in the benchmarks `write` and `read`. Then a bare client
//! connects 256 times, one after the other, with a whole handshake each time, and with sessions that are resumed; the
//! server shows an ECDSA certificate, or one with an RSA key, and demands one of the same kind of the client.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a program that measures")]

mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use measure::{BATCH, Measured, PARTITIONS, batch, engine_reads, engine_writes, measure, median, preload};
use support::certificates::{Authority, Pair, RSA_PKCS8, TlsServer, connection, tls_json};
use support::connection_json;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, Stream};

const CONNECTS: u64 = 256;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let records = numbers.first().copied().unwrap_or(1000) * 1000;
    let pairs = numbers.get(1).copied().unwrap_or(3);
    let authority = Authority::new("bench");
    let server = TlsServer::open(&authority.issue_local(), &[]);
    println!("{} | {records} records of 116 bytes", measure::server_version(&server.plain));
    println!(
        "{:<19} {:>9} {:>9} {:>6} | CPU s per million: {:>5} {:>5} | of the server: {:>5} {:>5}",
        "", "plain k/s", "TLS k/s", "ratio", "plain", "TLS", "plain", "TLS"
    );
    let over = [
        connection_json(server.plain.port),
        connection("localhost", server.port, &tls_json(&authority.pem(), None), ""),
    ];
    let batches: Vec<Vec<u8>> = (0..100).map(|number| appends(number * BATCH)).collect();
    for what in ["write", "read ON_CHECKPOINT", "read NOACK"] {
        let run = |connection: &String| match what.strip_prefix("read ") {
            None => {
                server.plain.run("FLUSHALL");
                measure(&server.plain, records, || engine_writes(connection, "", &batches, records))
            }
            Some(strategy) => {
                preload(&server.plain, records);
                measure(&server.plain, records, || engine_reads(connection, strategy, records))
            }
        };
        let mut ratios = Vec::new();
        for _ in 0..pairs {
            let [plain, tls] = over.each_ref().map(run);
            print(what, plain, tls);
            ratios.push(tls.rate / plain.rate);
        }
        println!("{what:<19} median ratio {:.2}", median(ratios));
    }
    for (kind, of_server, of_client) in [
        ("ECDSA", authority.issue_local(), authority.issue(&["client"])),
        ("RSA", authority.issue_for_key(RSA_PKCS8, &["localhost"]), authority.issue_for_key(RSA_PKCS8, &["client"])),
    ] {
        connects(kind, &authority, &of_server, &of_client, pairs);
    }
}

fn print(what: &str, plain: Measured, tls: Measured) {
    println!(
        "{what:<19} {:>9.0} {:>9.0} {:>6.2} |                    {:>5.2} {:>5.2} |                {:>5.2} {:>5.2}",
        plain.rate / 1000.0,
        tls.rate / 1000.0,
        tls.rate / plain.rate,
        plain.cpu,
        tls.cpu,
        plain.server_cpu,
        tls.server_cpu
    );
}

fn appends(first: usize) -> Vec<u8> {
    let keys: Vec<String> = (first..first + BATCH).map(|number| format!("key-{number:012}")).collect();
    let data = "x".repeat(100);
    let record = |(number, key)| (number as u32 % PARTITIONS, vec!["key", key, "data", &data]);
    batch(&keys.iter().map(String::as_str).enumerate().map(record).collect::<Vec<_>>())
}

fn connects(kind: &str, authority: &Authority, of_server: &Pair, of_client: &Pair, pairs: u64) {
    let server = TlsServer::start(of_server, authority, &[]);
    let config = |resumption: Resumption| {
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(of_client.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(of_client.key.as_bytes()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut config = config.with_root_certificates(trusted).with_client_auth_cert(chain, key).unwrap();
        config.resumption = resumption;
        Arc::new(config)
    };
    for _ in 0..pairs {
        let mut line = format!("{CONNECTS} connects, {kind:<5}");
        for (name, resumption, expected) in [
            ("whole", Resumption::disabled(), HandshakeKind::Full),
            ("resumed", Resumption::default(), HandshakeKind::Resumed),
        ] {
            let config = config(resumption);
            connect(server.port, &config);
            let measured = measure(&server.plain, CONNECTS, || {
                for _ in 0..CONNECTS {
                    assert_eq!(connect(server.port, &config), expected);
                }
            });
            let millis = |cpu: f64| cpu * CONNECTS as f64 / 1e3;
            line += &format!(
                " | {name}: CPU {:.0} ms, of the server {:.0} ms",
                millis(measured.cpu),
                millis(measured.server_cpu)
            );
        }
        println!("{line}");
    }
}

/// Connects, and has a command answered; the server's tickets come with the reply.
fn connect(port: u16, config: &Arc<ClientConfig>) -> HandshakeKind {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut client = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut stream = Stream::new(&mut client, &mut socket);
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
    let mut reply = [0; 7];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"+PONG\r\n");
    client.handshake_kind().unwrap()
}
