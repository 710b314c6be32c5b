//! What an object does with nothing but ticks: no record, no poll, no flush.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use flink_redis_engine::client::Credentials;
use flink_redis_engine::error::Error;
use flink_redis_engine::object::EngineObject;
use flink_redis_engine::sink::Writer;
use support::reading::{self, Job};
use support::writing::{self, batch, flush, write};
use support::{PATIENCE, RedisServer, await_that, connection_json};

fn given(password: &str) -> Credentials {
    Credentials::from_json(&format!(r#"{{"user":"app","password":"{password}"}}"#)).unwrap()
}

fn tick(object: &impl EngineObject, credentials: &Credentials) {
    if object.tick().unwrap().credentials_requested {
        object.provide(credentials);
    }
}

#[test]
fn a_requested_credential_ends_a_poll() {
    let server = RedisServer::start();
    server.run("ACL SETUSER app on >pw ~* +@all");
    let mut settings = reading::settings(server.port, "");
    let splits = reading::discover(&settings, false, &[]);
    settings.connection.credentials = true;
    server.add("t:0", 0..10);
    let mut job = Job::start(&settings, splits);
    let begin = Instant::now();
    while job.count() < 10 {
        tick(&job.reader, &given("pw"));
        // Only a request or a batch ends it before that.
        job.poll(PATIENCE).unwrap();
    }
    assert!(begin.elapsed() < PATIENCE / 2, "{:?}", begin.elapsed());
}

#[test]
fn an_idle_writer_says_that_its_server_is_gone_for_good() {
    let server = RedisServer::start();
    let connection = connection_json(server.port)
        .replace(r#""retryTimeoutMillis":15000"#, r#""retryTimeoutMillis":500"#)
        .replace(r#""commandTimeoutMillis":3000"#, r#""commandTimeoutMillis":500"#);
    let writer = Writer::new(writing::settings_over(&connection, "")).unwrap();
    write(&writer, &batch(0, 0..10));
    flush(&writer);
    assert!(!writer.tick().unwrap().is_busy);
    drop(server);
    await_that("it has failed", || writer.tick().is_err());
    let Err(Error::Redis(fault)) = writer.tick() else { panic!("it stays failed") };
    assert!(fault.message().contains("gave up"), "{}", fault.message());
}

#[test]
fn what_is_in_flight_is_sent_again_while_nobody_writes() {
    let server = RedisServer::start();
    server.run("ACL SETUSER app on >pw ~* +@all");
    let mut settings = writing::settings(server.port, "");
    settings.connection.credentials = true;
    let writer = Writer::new(settings).unwrap();
    await_that("it is connected", || {
        tick(&writer, &given("pw"));
        server.connections("flink-test") == 1
    });
    server.run("CLIENT PAUSE 60000 WRITE");
    write(&writer, &batch(0, 0..10));
    assert!(writer.tick().unwrap().is_busy);
    server.run("ACL SETUSER app resetpass >next");
    server.run("CLIENT KILL USER app");
    server.run("CLIENT UNPAUSE");
    await_that("all is written", || {
        tick(&writer, &given("next"));
        server.int("XLEN t:0") >= 10
    });
    await_that("all is confirmed", || !writer.tick().unwrap().is_busy);
    assert_eq!(writer.stats().confirmed, 10);
}

#[test]
fn a_request_ends_the_wait_for_a_flush() {
    let server = RedisServer::start();
    let mut settings = writing::settings(server.port, "");
    settings.connection.credentials = true;
    let writer = Writer::new(settings).unwrap();
    write(&writer, &batch(0, 0..10));
    let begin = Instant::now();
    assert!(!writer.flush(PATIENCE).unwrap());
    assert!(begin.elapsed() < PATIENCE / 2, "{:?}", begin.elapsed());
    assert!(writer.tick().unwrap().credentials_requested);
    assert!(!writer.flush(Duration::from_millis(1)).unwrap(), "nobody has provided any");
}
