//! Ways to one server: addresses, users, databases.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use flink_redis_engine::connection::{Credentials, Desk};
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::sink::Writer;
use support::reading::{self, Job};
use support::writing::{self, flush, frame, write};
use support::{PATIENCE, RedisServer};

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
    write(&writer, &frame(0, 0..10));
    flush(&writer);
    let mut job = Job::fresh(&reading::settings_over(connection, ""));
    job.poll_for(10);
    server.run("CLIENT KILL TYPE normal SKIPME yes");
    write(&writer, &frame(0, 10..20));
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
    // The host is not looked at.
    let field = format!(r#""unixSocket":"{path}","host":"no.such.host.example""#);
    works(&server, &with(server.port, &[(r#""host":"127.0.0.1""#, &field)]));
    let nowhere = with(server.port, &[(r#""host":"127.0.0.1""#, r#""unixSocket":"/nowhere.sock","host":"h""#)]);
    let error = refused(&nowhere);
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
    works(&server, &with(server.port, &[(r#""host":"#, r#""database":3,"host":"#)]));
    let keys = server.text("INFO keyspace");
    assert!(keys.contains("db3:keys=1") && !keys.contains("db0"), "{keys}");
    let error = refused(&with(server.port, &[(r#""host":"#, r#""database":16,"host":"#)]));
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

    let desk = Arc::new(Desk::new());
    let mut settings = reading::settings(server.port, "");
    settings.connection.desk = Some(Arc::clone(&desk));
    let (enumerator, request) = (Enumerator::new(settings).unwrap(), request());
    assert!(enumerator.discover(&request, Duration::from_millis(20)).unwrap().is_none(), "nobody has brought anything");
    assert!(desk.wanted());
    desk.give(&Credentials::from_json(r#"{"user":"app","password":"s3cret"}"#).unwrap());
    let error = enumerator.discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("AUTH with what the credentialsProvider gave: WRONGPASS"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}
