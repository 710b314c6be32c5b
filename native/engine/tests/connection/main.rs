//! Ways to one server: addresses, users, databases.

#![allow(clippy::unwrap_used, reason = "tests")]

mod client_commands;
#[path = "../support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flink_redis_engine::client::Credentials;
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::error::{Error, FaultKind};
use flink_redis_engine::object::EngineObject;
use flink_redis_engine::sink::Writer;
use flink_redis_engine::source::Reader;
use redis::Value;
use support::reading::{self, Job};
use support::writing::{self, batch, flush, write};
use support::{PATIENCE, RedisServer, await_that, logs};

/// Connection settings with this in the place of that.
fn with(port: u16, replaced: &[(&str, &str)]) -> String {
    replaced.iter().fold(support::connection_json(port), |json, (from, to)| {
        assert!(json.contains(from), "{from}");
        json.replace(from, to)
    })
}

/// Writes and reads through a lost connection.
fn works(server: &RedisServer, connection: &str) {
    let writer = Writer::new(writing::settings_over(connection, "")).unwrap();
    write(&writer, &batch(0, 0..10));
    flush(&writer);
    let mut job = Job::fresh(&reading::settings_over(connection, ""));
    job.poll_for(10);
    server.run("CLIENT KILL TYPE normal SKIPME yes");
    write(&writer, &batch(0, 10..20));
    flush(&writer);
    job.poll_for(20);
    assert_eq!(job.emitted[&0], (0..20).collect::<Vec<u64>>());
}

fn request() -> DiscoverRequest {
    DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() }
}

/// Why a discovery fails.
fn refused(connection: &str) -> String {
    let settings = reading::settings_over(&connection.replace(":15000", ":0"), "");
    Enumerator::new(settings).unwrap().discover(&request(), PATIENCE).unwrap_err().to_string()
}

#[test]
fn over_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("flink-redis-{}.sock", std::process::id()));
    let path = path.to_str().unwrap();
    let server = RedisServer::start_with(&["--unixsocket", path]);
    let to = |path: &str| {
        let socket = format!(r#""deployment":{{"unix":{{"path":"{path}","database":0}}}}"#);
        with(server.port, &[(&support::single_json(server.port), &socket)])
    };
    works(&server, &to(path));
    let error = refused(&to("/nowhere.sock"));
    assert!(error.contains("unix:/nowhere.sock") && error.contains("check the option `unixSocket`"), "{error}");
}

#[test]
fn to_an_address_of_ip_version_6() {
    if !support::has_ipv6() {
        return;
    }
    let server = RedisServer::start_with(&["--bind", "127.0.0.1", "::1"]);
    works(&server, &with(server.port, &[("127.0.0.1", "::1")]));
    let nobody = support::free_port();
    let error = refused(&with(nobody, &[("127.0.0.1", "::1")]));
    assert!(error.contains(&format!("redis://[::1]:{nobody}")), "{error}");
}

#[test]
fn in_another_database() {
    let server = RedisServer::start();
    works(&server, &with(server.port, &[(r#""database":0"#, r#""database":3"#)]));
    let keys = server.text("INFO keyspace");
    assert!(keys.contains("db3:keys=1") && !keys.contains("db0"), "{keys}");
    let error = refused(&with(server.port, &[(r#""database":0"#, r#""database":16"#)]));
    assert!(error.contains("SELECT 16 (option `database`): ERR DB index is out of range"), "{error}");
}

#[test]
fn as_a_user_when_there_is_a_password() {
    let server = RedisServer::start();
    server.run("ACL SETUSER app on >pw ~* +@all");
    let user_of = |user: &str, password: &str| {
        let fields = format!(r#""user":"{user}","password":"{password}""#);
        let to = with(server.port, &[(r#""user":"default","password":"""#, &fields)]);
        let job = Job::fresh(&reading::settings_over(&to, ""));
        support::await_that("the reader is connected", || server.connections("flink-test") > 0);
        let list = server.text("CLIENT LIST");
        let own = list.lines().find(|line| line.contains(" name=flink-test")).unwrap().to_owned();
        drop(job);
        support::await_that("the reader is gone", || server.connections("flink-test") == 0);
        own.split(' ').find_map(|word| word.strip_prefix("user=")).unwrap().to_owned()
    };
    assert_eq!(user_of("app", "pw"), "app");
    assert_eq!(user_of("app", ""), "default");
    let wrong = with(server.port, &[(r#""user":"default","password":"""#, r#""user":"app","password":"s3cret""#)]);
    let error = refused(&wrong);
    assert!(error.contains("redis://app@127.0.0.1") && error.contains("WRONGPASS"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");

    let mut settings = reading::settings(server.port, "");
    settings.connection.credentials = true;
    let (enumerator, request) = (Enumerator::new(settings).unwrap(), request());
    let begin = Instant::now();
    assert!(enumerator.discover(&request, PATIENCE).unwrap().is_none(), "it needs credentials");
    assert!(begin.elapsed() < PATIENCE / 2, "a request ends the wait");
    assert!(enumerator.tick().unwrap().credentials_requested);
    enumerator.provide(&Credentials::from_json(r#"{"user":"app","password":"s3cret"}"#).unwrap());
    let error = enumerator.discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("AUTH with what the credentialsProvider gave: WRONGPASS"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

/// What a job that was given 16 splits ends with.
fn ended(job: &mut Job) -> Error {
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < PATIENCE, "{:?}", job.reader.stats());
        if let Err(error) = job.poll(Duration::from_millis(20)) {
            return error;
        }
    }
}

#[test]
fn a_name_that_is_gone_is_an_outage_for_a_job_that_was_connected_before() {
    let server = RedisServer::start();
    let splits = reading::discover(&reading::settings(server.port, ""), false, &[]);
    // No name server knows it: it is longer than a name can be.
    let gone = with(server.port, &[("127.0.0.1", &"x".repeat(70)), (":15000", ":500")]);
    let settings = reading::settings_over(&gone, "");
    let unresolved = |error: &Error, gave_up: bool| {
        let text = error.to_string();
        assert!(text.contains("can't be resolved") && text.contains("check the option `host`"), "{text}");
        assert_eq!(text.contains("gave up after"), gave_up, "{text}");
        assert!(matches!(error, Error::Redis(fault) if fault.kind == FaultKind::UnknownHost), "{text}");
    };
    let fresh = Enumerator::new(settings.clone()).unwrap().discover(&request(), PATIENCE).unwrap_err();
    unresolved(&fresh, false);
    let restored = DiscoverRequest { restored: true, ..request() };
    unresolved(&Enumerator::new(settings.clone()).unwrap().discover(&restored, PATIENCE).unwrap_err(), true);
    unresolved(&ended(&mut Job::start(&settings, splits)), true);
    let writer = Writer::new(writing::settings_over(&gone, "")).unwrap();
    unresolved(&writer.write(&batch(0, 0..1), PATIENCE).and_then(|_| writer.flush(PATIENCE)).unwrap_err(), false);
}

/// A server with a user of its own, and how to connect as that user.
fn guarded() -> (RedisServer, String) {
    let server = RedisServer::start();
    server.run("ACL SETUSER app on >pw ~* +@all");
    let to = with(server.port, &[(r#""user":"default","password":"""#, r#""user":"app","password":"pw""#)]);
    (server, to)
}

fn failed_logins(server: &RedisServer) -> usize {
    let stats = server.text("INFO commandstats");
    let auth = stats.lines().find(|line| line.starts_with("cmdstat_auth:")).unwrap_or_default();
    auth.split("failed_calls=").nth(1).map_or(0, |failed| failed.trim().parse().unwrap())
}

#[test]
fn a_password_that_is_changed_on_both_sides_is_no_failure() {
    let (server, to) = guarded();
    let many = r#""numPartitions":16,"#;
    let mut job = Job::fresh(&reading::settings_over(&to, many));
    let writer = Writer::new(writing::settings_over(&to, "")).unwrap();
    write(&writer, &batch(0, 0..10));
    flush(&writer);
    job.poll_for(10);
    await_that("all of them are connected", || server.connections("flink-test") > 16);
    let lost = job.reader.stats().reconnects;
    server.run("ACL SETUSER app resetpass >other");
    assert!(matches!(server.run("CLIENT KILL USER app"), Value::Int(killed) if killed > 16));
    await_that("all of them are refused", || job.reader.stats().reconnects > lost + 3 * 16);
    // Each owner shows it a few times, not each of its connections.
    assert!((1..16).contains(&failed_logins(&server)), "{}", failed_logins(&server));
    server.run("ACL SETUSER app resetpass >pw");
    write(&writer, &batch(0, 10..20));
    flush(&writer);
    job.poll_for(20);
    assert_eq!(job.emitted[&0], (0..20).collect::<Vec<u64>>());

    // One that stays wrong is told in the end.
    let impatient = to.replace(":15000", ":500");
    let mut job = Job::fresh(&reading::settings_over(&impatient, many));
    server.add("t:0", 0..1);
    job.poll_for(1);
    server.run("ACL SETUSER app resetpass >other");
    server.run("CLIENT KILL USER app");
    let error = ended(&mut job).to_string();
    assert!(error.contains("gave up after") && error.contains("WRONGPASS"), "{error}");
}

#[test]
fn a_wrong_password_is_shown_once_and_not_by_each_connection() {
    let (server, to) = guarded();
    let settings = reading::settings_over(&to, r#""numPartitions":64,"#);
    let splits = reading::discover(&settings, false, &[]);
    server.run("ACL SETUSER app resetpass >other");
    let error = ended(&mut Job::start(&settings, splits)).to_string();
    assert!(error.contains("WRONGPASS") && !error.contains("gave up"), "{error}");
    assert!((1..4).contains(&failed_logins(&server)), "{}", failed_logins(&server));
}

#[test]
fn a_provider_is_asked_again_after_a_refusal() {
    let (server, _) = guarded();
    let mut settings = reading::settings(server.port, "");
    let splits = reading::discover(&settings, false, &[]);
    settings.connection.credentials = true;
    let mut job = Job::start(&settings, splits);
    let give = |reader: &Reader, password: &str| {
        let json = format!(r#"{{"user":"app","password":"{password}"}}"#);
        await_that("credentials are requested", || reader.tick().unwrap().credentials_requested);
        reader.provide(&Credentials::from_json(&json).unwrap());
    };
    give(&job.reader, "pw");
    server.add("t:0", 0..10);
    job.poll_for(10);
    server.run("ACL SETUSER app resetpass >next");
    server.run("CLIENT KILL USER app");
    // It does not know yet.
    give(&job.reader, "pw");
    give(&job.reader, "pw");
    give(&job.reader, "next");
    server.add("t:0", 10..20);
    job.poll_for(20);
}

#[test]
fn a_connection_that_is_closed_while_nobody_uses_it_is_no_outage() {
    logs::collect();
    let server = RedisServer::start();
    let to = support::connection_json(server.port);
    let mut job = Job::fresh(&reading::settings_over(&to, ""));
    let writer = Writer::new(writing::settings_over(&to, "")).unwrap();
    let sink = |from: u64| {
        write(&writer, &batch(1, from..from + 10));
        flush(&writer);
    };
    let close = |name: &str| {
        let list = server.text("CLIENT LIST");
        let named = |line: &&str| line.contains(&format!(" name={name} "));
        let ids: Vec<&str> = list.lines().filter(named).map(|line| line[3..].split(' ').next().unwrap()).collect();
        assert_eq!(ids.len(), 1, "{name}: {list}");
        assert_eq!(server.run(&format!("CLIENT KILL ID {}", ids[0])), Value::Int(1));
        await_that("it is gone", || !server.text("CLIENT LIST").contains(&format!("id={} ", ids[0])));
    };
    for round in 0..3 {
        server.add("t:0", round * 10..round * 10 + 10);
        job.poll_for((round as usize + 1) * 10);
        job.complete_checkpoint();
        await_that("all is acknowledged", || job.reader.stats().acknowledged_entries == (round + 1) * 10);
        sink(round * 10);
        close("flink-test-ack");
        close("flink-test");
        await_that("the sink has noticed", || writer.stats().reconnects == round + 1);
    }
    sink(30);
    assert_eq!(server.int("XLEN t:1"), 40, "nothing twice");
    job.complete_checkpoint();
    let warned = logs::with(&[&format!(":{}", server.port), "trying again"]);
    assert!(warned.is_empty(), "{warned:?}");
}

#[test]
fn a_server_that_hangs_up_on_everybody_is_not_stormed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    // It ends with the process.
    std::thread::spawn(move || {
        while listener.accept().is_ok() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let good = RedisServer::start();
    let splits = reading::discover(&reading::settings(good.port, r#""numPartitions":64,"#), false, &[]);
    let job = Job::start(&reading::settings(port, r#""numPartitions":64,"#), splits);
    await_that("each split has failed", || job.reader.stats().reconnects >= 64);
    // Two for each of them, if each tried and then looked whether it is a TLS port.
    assert!(accepted.load(Ordering::Relaxed) < 64, "{accepted:?}");
}

#[test]
fn what_a_server_says_forges_no_line() {
    let said = format!("ERR no\u{1b}[2J\u{7f} {}", "x".repeat(40_000));
    let port = says_to_all(format!("-{said}\r\n"));
    let error = refused(&support::connection_json(port));
    assert!(
        error.contains(r"ERR no\u{1b}[2J\u{7f} x") && error.len() < 10_000,
        "{} bytes: {:.300}",
        error.len(),
        error
    );
}

/// The port of a server that gives one answer to every command. It ends with the process.
fn says_to_all(answer: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut command = [0; 4096];
            while matches!(stream.read(&mut command), Ok(1..)) && stream.write_all(answer.as_bytes()).is_ok() {}
        }
    });
    port
}

/// It is not said on loopback, where tests are.
#[test]
fn a_server_in_protected_mode_is_told_in_a_sentence() {
    let port =
        says_to_all(format!("-DENIED Redis is running in protected mode because {}\r\n", "of much. ".repeat(100)));
    let error = refused(&support::connection_json(port));
    assert!(error.contains("): DENIED: the server is in protected mode") && error.len() < 300, "{error}");
    assert!(!error.contains("gave up"), "{error}");
}
