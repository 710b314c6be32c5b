//! Encrypted connections, against a real server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use flink_redis_engine::client::Credentials;
use flink_redis_engine::config::Secret;
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::error::{Error, Fault, FaultKind};
use flink_redis_engine::object::EngineObject;
use flink_redis_engine::sink::{Committer, Writer};
use flink_redis_engine::source::Reader;
use redis::Value;
use support::certificates::{
    Authority, EC_PKCS8, EC_SEC1, Pair, RSA_PKCS1, RSA_PKCS8, TlsServer, connection, tls_json,
};
use support::reading::{self, Job};
use support::writing::{self, batch, commit, flush, prepared, write};
use support::{PATIENCE, RedisServer, await_that};

const SLICE: Duration = Duration::from_millis(20);

/// What a first connection comes to; what passes is tried once.
fn attempt(connection: &str) -> Result<(), Fault> {
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let settings = reading::settings_over(&connection.replace(":15000", ":0"), "");
    match Enumerator::new(settings).unwrap().discover(&request, PATIENCE) {
        Ok(found) => {
            assert_eq!(found.unwrap().splits.len(), 1);
            Ok(())
        }
        Err(Error::Redis(fault)) => Err(fault),
        Err(other) => panic!("{other}"),
    }
}

#[track_caller]
fn assert_refused(connection: &str, kind: FaultKind, parts: &[&str]) {
    let fault = attempt(connection).unwrap_err();
    for part in parts {
        assert!(fault.message().contains(part), "no '{part}' in: {fault}");
    }
    assert_eq!(fault.kind, kind, "{fault}");
    assert!(!fault.message().contains("PRIVATE") && !fault.message().contains("BEGIN RSA"), "{fault}");
}

#[test]
fn each_version_is_spoken_with_the_host_verified() {
    let authority = Authority::new("ca");
    let ca = authority.pem();
    let local = ["localhost", "127.0.0.1", "::1"];
    for shows in [authority.issue(&local), authority.issue_for_key(RSA_PKCS8, &local)] {
        for protocols in ["TLSv1.2", "TLSv1.3", "TLSv1.2 TLSv1.3"] {
            let server = TlsServer::open(&shows, &["--tls-protocols", protocols, "--bind", "127.0.0.1", "-::1"]);
            for host in local.into_iter().filter(|host| *host != "::1" || support::has_ipv6()) {
                attempt(&connection(host, server.port, &tls_json(&ca, None), "")).unwrap();
            }
        }
    }
    let server = TlsServer::open(&authority.issue_local(), &["--tls-protocols", "TLSv1.1"]);
    let to = connection("localhost", server.port, &tls_json(&ca, None), "");
    assert_refused(&to, FaultKind::Tls, &["no TLS version and cipher that both sides have", "TLS 1.2 or 1.3"]);
}

#[test]
fn a_certificate_that_is_not_good_is_refused_and_said_why() {
    let (authority, other) = (Authority::new("ca"), Authority::new("ca"));
    let refused = |shows: &Pair, ca: &str, parts: &[&str]| {
        for protocols in ["TLSv1.2", "TLSv1.3"] {
            let server = TlsServer::open(shows, &["--tls-protocols", protocols]);
            let to = connection("localhost", server.port, &tls_json(ca, None), "");
            assert_refused(&to, FaultKind::Certificate, parts);
            let place = format!("localhost:{}", server.port);
            assert_refused(&to, FaultKind::Certificate, &[&format!("source topic 't' (rediss://{place}): {place}: ")]);
        }
    };
    let ca = authority.pem();
    refused(&authority.issue_local(), &other.pem(), &["not signed by an authority of the option `caFile`"]);
    // The system's authorities, if it has any.
    refused(&authority.issue_local(), "", &["set the option `caFile`"]);
    refused(
        &authority.issue(&["redis.example", "10.0.0.1"]),
        &ca,
        &["is for redis.example, 10.0.0.1, not for 'localhost'"],
    );
    refused(&authority.issue(&[]), &ca, &["no subject alternative name", "'localhost'"]);
    refused(&authority.issue_for_years(2001, 2002), &ca, &["has expired", "days ago"]);
    refused(&authority.issue_for_years(2099, 2100), &ca, &["not valid before", "clock of this machine"]);
    refused(&authority.as_pair(), &ca, &["certificate of an authority as its own"]);
}

#[test]
fn a_server_that_demands_a_certificate_gets_it_or_says_so() {
    let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
    let ca = authority.pem();
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        let server = TlsServer::start(&authority.issue_local(), &clients, &["--tls-protocols", protocols]);
        let to = |shows: Option<&Pair>| connection("localhost", server.port, &tls_json(&ca, shows), "");
        assert_refused(&to(None), FaultKind::Certificate, &["demands a client certificate", "set mtlsParameters"]);
        let strange = authority.issue_for_key(EC_PKCS8, &[]);
        assert_refused(
            &to(Some(&strange)),
            FaultKind::Certificate,
            &["refuses the client certificate", "check mtlsParameters"],
        );
        for (pkcs8, key) in [(RSA_PKCS8, RSA_PKCS8), (RSA_PKCS8, RSA_PKCS1), (EC_PKCS8, EC_PKCS8), (EC_PKCS8, EC_SEC1)]
        {
            let shows = Pair { key: key.to_owned(), ..clients.issue_for_key(pkcs8, &[]) };
            attempt(&to(Some(&shows))).unwrap();
        }
        // One that would like to see a certificate takes those who have none.
        let server = TlsServer::start(
            &authority.issue_local(),
            &clients,
            &["--tls-protocols", protocols, "--tls-auth-clients", "optional"],
        );
        attempt(&connection("localhost", server.port, &tls_json(&ca, None), "")).unwrap();
    }
}

#[test]
fn material_that_cannot_be_used_is_named() {
    let authority = Authority::new("ca");
    let server = TlsServer::open(&authority.issue_local(), &[]);
    let good = authority.issue_for_key(EC_PKCS8, &[]);
    let refused = |ca: &str, certificates: &str, key: &str, parts: &[&str]| {
        let pair = Pair { certificate: certificates.to_owned(), key: key.to_owned() };
        let to = connection("localhost", server.port, &tls_json(ca, Some(&pair)), "");
        assert_refused(&to, FaultKind::Certificate, parts);
    };
    let (ca, certificate) = (authority.pem(), good.certificate.as_str());
    let damaged = certificate.replacen("MII", "M!I", 1);
    refused("no PEM", "", "", &["the option `caFile` has no certificate"]);
    refused(&damaged, "", "", &["the option `caFile` has certificates that can't be read"]);
    refused(&ca, &damaged, EC_PKCS8, &["the option `mtlsParameters` has certificates that can't be read"]);
    refused(&ca, certificate, RSA_PKCS8, &["is not that of the first of its certificates"]);
    refused(&ca, certificate, "", &["has a certificate and no key"]);
    refused(&ca, "", EC_PKCS8, &["has a key and no certificate"]);
    refused(&ca, certificate, &EC_PKCS8.replace("PRIVATE", "ENCRYPTED PRIVATE"), &["can't be read", "not encrypted"]);
    refused(
        &ca,
        certificate,
        &EC_PKCS8.replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE").replace("END PRIVATE", "END RSA PRIVATE"),
        &["can't be used"],
    );
}

#[test]
fn one_side_that_does_not_encrypt_is_told() {
    let authority = Authority::new("ca");
    let server = TlsServer::open(&authority.issue_local(), &["--requirepass", "s3cret"]);
    let plain = support::connection_json(server.port);
    assert_refused(&plain, FaultKind::Tls, &["this port speaks TLS; set useTls(true)"]);
    let with_password = plain.replace(r#""password":"""#, r#""password":"s3cret""#);
    assert_refused(&with_password, FaultKind::Tls, &["this port speaks TLS; set useTls(true)"]);
    let encrypted = connection("localhost", server.plain.port, &tls_json(&authority.pem(), None), "");
    assert_refused(
        &encrypted,
        FaultKind::Tls,
        &["this port does not speak TLS; use the server's TLS port, or set useTls(false) if nobody"],
    );
}

/// The next connection: neither it nor what it says is waited for without end.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    await_that("somebody connects", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (stream, _) = accepted.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn what_may_be_an_outage_passes_and_is_doubted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = connection("localhost", port, &tls_json(&Authority::new("ca").pem(), None), "");
    std::thread::scope(|threads| {
        threads.spawn(|| {
            // The handshake and the question that follows: somebody who hangs up on everything.
            for _ in 0..2 {
                let mut stream = accept(&listener);
                assert!(stream.read(&mut [0; 64]).unwrap() > 0);
            }
        });
        let fault = attempt(&to).unwrap_err();
        assert!(fault.kind == FaultKind::Connection && fault.is_temporary(), "{fault}");
        assert!(fault.message().contains("is this a TLS port? If not, set useTls(false)"), "{fault}");
    });
    // It takes connections and never says a word.
    let fault = attempt(&to).unwrap_err();
    assert!(fault.kind == FaultKind::Timeout && fault.is_temporary(), "{fault}");
    assert!(fault.message().contains("no answer in the TLS handshake within"), "{fault}");
}

#[test]
fn source_and_sink_work_from_end_to_end() {
    let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
    let server = TlsServer::start(&authority.issue_local(), &clients, &[]);
    let shows = clients.issue_for_key(EC_PKCS8, &[]);
    let to = connection("localhost", server.port, &tls_json(&authority.pem(), Some(&shows)), "");

    let mut job = Job::fresh(&reading::settings_over(&to, r#""numPartitions":2,"#));
    let writer = Writer::new(writing::settings_over(&to, "")).unwrap();
    for round in 0..40 {
        write(&writer, &batch(round % 2, 0..250));
        if round % 10 == 5 {
            server.plain.run("CLIENT KILL TYPE normal SKIPME yes");
        }
    }
    flush(&writer);
    let written = server.plain.int("XLEN t:0") + server.plain.int("XLEN t:1");
    assert!(written >= 10_000);
    job.poll_for(written as usize);
    assert_eq!(job.emitted[&0], server.plain.numbers("t:0"));
    assert_eq!(job.emitted[&1], server.plain.numbers("t:1"));
    job.complete_checkpoint();
    await_that("all is acknowledged", || server.plain.pending("t:0", "g") + server.plain.pending("t:1", "g") == 0);
    assert!(server.plain.text("CLIENT LIST").contains("name=flink-test"));

    let staging = r#""staging":{"lane":"a","incarnation":"b"},"#;
    let exact = Writer::new(writing::settings_over(&to, staging)).unwrap();
    write(&exact, &batch(0, 0..500));
    let before = server.plain.int("XLEN t:0");
    commit(&Committer::new(writing::settings_over(&to, "")).unwrap(), &prepared(&exact));
    assert_eq!(server.plain.int("XLEN t:0") - before, 500);
}

/// As Java does: whoever waits for the work brings what it needs.
struct Supplier {
    password: String,
    ca: String,
    shows: Pair,
}

impl Supplier {
    fn serve(&self, object: &impl EngineObject) {
        if object.tick().unwrap().credentials_requested {
            let json =
                format!(r#"{{"user":"app","password":"{}",{}}}"#, self.password, tls_json(&self.ca, Some(&self.shows)));
            object.provide(&Credentials::from_json(&json).unwrap());
        }
    }
}

#[test]
fn passwords_and_certificates_are_new_at_each_connect() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let server = TlsServer::start(&old.issue_local(), &old, &[]);
    server.plain.run("ACL SETUSER app on >before ~* +@all");
    let to = connection("localhost", server.port, &tls_json("", None), "");
    let mut source = Supplier { password: "before".to_owned(), ca: old.pem(), shows: old.issue_for_key(EC_PKCS8, &[]) };
    let mut settings = reading::settings_over(&to, "");
    settings.connection.credentials = true;

    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let enumerator = Enumerator::new(settings.clone()).unwrap();
    let mut found = None;
    await_that("the splits", || {
        source.serve(&enumerator);
        found = enumerator.discover(&request, SLICE).unwrap();
        found.is_some()
    });
    let mut job = Job::start(&settings, found.unwrap().splits);
    server.plain.add("t:0", 0..10);
    await_that("10 entries", || {
        source.serve(&job.reader);
        job.poll(SLICE).unwrap();
        job.count() == 10
    });

    let mut sink_settings = writing::settings_over(&to, "");
    sink_settings.connection.credentials = true;
    let writer = Writer::new(sink_settings.clone()).unwrap();
    write(&writer, &batch(1, 0..10));
    assert!(!writer.flush(SLICE).unwrap(), "it waits for what nobody has brought yet");

    server.rotate(&new.issue_local(), &new);
    server.plain.run("ACL SETUSER app resetpass >after");
    source.password = "after".to_owned();
    (source.ca, source.shows) = (new.pem(), new.issue_for_key(RSA_PKCS8, &[]));
    let killed = server.plain.run("CLIENT KILL USER app");
    assert!(matches!(killed, Value::Int(killed) if killed > 0), "{killed:?}");
    server.plain.add("t:0", 10..20);
    await_that("20 entries", || {
        source.serve(&job.reader);
        job.poll(SLICE).unwrap();
        job.count() == 20
    });
    assert_eq!(job.emitted[&0], (0..20).collect::<Vec<u64>>());
    job.complete_checkpoint();
    await_that("all is acknowledged", || {
        source.serve(&job.reader);
        server.plain.pending("t:0", "g") == 0
    });

    await_that("what was written is confirmed", || {
        source.serve(&writer);
        writer.flush(SLICE).unwrap()
    });
    assert_eq!(server.plain.int("XLEN t:1"), 10);

    // Each of the three was needed anew.
    let all = |password: &str, ca: &Authority, clients: &Authority| {
        attempt(
            &connection(
                "localhost",
                server.port,
                &tls_json(&ca.pem(), Some(&clients.issue_for_key(EC_PKCS8, &[]))),
                "",
            )
            .replace(r#""user":"default","password":"""#, &format!(r#""user":"app","password":"{password}""#)),
        )
    };
    all("after", &new, &new).unwrap();
    assert_eq!(all("before", &new, &new).unwrap_err().kind, FaultKind::Authentication);
    assert_eq!(all("after", &old, &new).unwrap_err().kind, FaultKind::Certificate);
    assert_eq!(all("after", &new, &old).unwrap_err().kind, FaultKind::Certificate);
}

#[test]
fn a_reader_whose_acknowledgments_need_credentials_waits_for_them_only_while_they_can_come() {
    let server = RedisServer::start();
    server.run("ACL SETUSER app on >s3cret ~* +@all");
    server.add("t:0", 0..10);
    let given = Credentials { user: Some("app".to_owned()), password: Some(Secret::new("s3cret")), tls: None };
    for served in [true, false] {
        let mut settings = reading::settings(server.port, "");
        let splits = reading::discover(&settings, false, &[]);
        settings.connection.credentials = true;
        assert!(!format!("{settings:?} {given:?}").contains("s3cret"));
        let mut job = Job::start(&settings, splits);
        if served {
            await_that("10 entries", || {
                if requests(&job.reader) {
                    job.reader.provide(&given);
                }
                job.poll(SLICE).unwrap();
                job.count() == 10
            });
        }
        // It needs a connection of its own, beside the split's.
        job.complete_checkpoint();
        await_that("it waits for credentials", || requests(&job.reader));
        let begin = Instant::now();
        std::thread::scope(|threads| {
            let closing = threads.spawn(|| {
                if served {
                    job.reader.finish();
                }
                job.reader.close();
            });
            await_that("the reader is closed", || {
                if served && requests(&job.reader) {
                    job.reader.provide(&given);
                }
                closing.is_finished()
            });
        });
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        assert!(matches!(job.reader.poll(SLICE), Err(Error::Closed)));
        assert_eq!(server.pending("t:0", "g"), 0);
    }
}

fn requests(reader: &Reader) -> bool {
    reader.tick().unwrap().credentials_requested
}
