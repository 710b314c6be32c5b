//! How a stream gets the records: in order, through outages, within its bounds.

use std::time::Duration;

use flink_redis_engine::error::Error;
use flink_redis_engine::sink::Writer;

use crate::support::writing::{batch, flush, settings, write};
use crate::support::{PATIENCE, RedisServer, await_that};

#[test]
fn what_is_flushed_is_there_in_order_per_partition() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, "")).unwrap();
    for round in 0..20 {
        write(&writer, &batch(round as i32 % 2, round * 100..(round + 1) * 100));
    }
    flush(&writer);
    let even: Vec<u64> = (0..2000).filter(|n| (n / 100) % 2 == 0).collect();
    let odd: Vec<u64> = (0..2000).filter(|n| (n / 100) % 2 == 1).collect();
    assert_eq!(server.numbers("t:0"), even);
    assert_eq!(server.numbers("t:1"), odd);
    assert_eq!(writer.stats().confirmed, 2000);
    flush(&writer);
}

#[test]
fn lost_connections_lose_nothing_and_keep_the_order() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, "")).unwrap();
    for round in 0..200 {
        write(&writer, &batch(0, round * 50..(round + 1) * 50));
        if round % 10 == 0 {
            server.run("CLIENT KILL TYPE normal");
        }
    }
    flush(&writer);
    // At least once: what had no reply when the connection went was sent again, from the oldest on.
    let written = server.numbers("t:0");
    let mut next = 0;
    for number in &written {
        assert!(*number <= next, "{number} before {next}");
        next = next.max(number + 1);
    }
    assert_eq!(next, 10_000);
    assert!(writer.stats().reconnects > 0);
}

#[test]
fn a_restart_of_the_server_is_sat_out() {
    let folder = std::env::temp_dir().join(format!("flink-redis-sink-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut server =
        RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always", "--dir", folder.to_str().unwrap()]);
    let writer = Writer::new(settings(server.port, "")).unwrap();
    write(&writer, &batch(0, 0..100));
    flush(&writer);
    server.kill();
    write(&writer, &batch(0, 100..200));
    assert!(!writer.flush(Duration::from_millis(200)).unwrap());
    server.start_again();
    flush(&writer);
    let mut written = server.numbers("t:0");
    written.dedup();
    assert_eq!(written, (0..200).collect::<Vec<_>>());
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn commands_that_the_server_puts_off_are_written_later_once_and_in_order() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, "")).unwrap();
    write(&writer, &batch(0, 0..10));
    flush(&writer);
    // Every write is refused (OOM) until there is memory again.
    server.run("CONFIG SET maxmemory 1");
    for round in 1..20 {
        write(&writer, &batch(0, round * 10..(round + 1) * 10));
    }
    assert!(!writer.flush(Duration::from_millis(300)).unwrap());
    assert_eq!(server.int("XLEN t:0"), 10);
    server.run("CONFIG SET maxmemory 0");
    flush(&writer);
    assert_eq!(server.numbers("t:0"), (0..200).collect::<Vec<_>>());
    assert_eq!(writer.stats().in_flight_bytes, 0);
}

#[test]
fn what_is_put_off_too_long_fails_the_writer() {
    let server = RedisServer::start();
    server.run("CONFIG SET maxmemory 1");
    let mut settings = settings(server.port, "");
    settings.connection.retry_timeout_millis = 300;
    let writer = Writer::new(settings).unwrap();
    write(&writer, &batch(0, 0..10));
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.contains("sink topic 't'") && error.contains("gave up after") && error.contains("OOM"), "{error}");
    assert!(writer.write(&batch(0, 0..1), Duration::ZERO).is_err());
}

#[test]
fn what_is_in_flight_is_bounded_and_the_writer_waits() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, r#""maxInFlightBytes":10000,"#)).unwrap();
    write(&writer, &batch(0, 0..1));
    flush(&writer);
    server.run("CLIENT PAUSE 60000 WRITE");
    let mut taken = 0;
    while writer.write(&batch(0, taken * 10 + 1..taken * 10 + 11), Duration::from_millis(20)).unwrap() {
        taken += 1;
        assert!(writer.stats().in_flight_bytes <= 10_000);
    }
    assert!(taken > 5);
    server.run("CLIENT UNPAUSE");
    flush(&writer);
    assert_eq!(server.numbers("t:0"), (0..taken * 10 + 1).collect::<Vec<_>>());
    // More than all the room goes alone.
    write(&writer, &batch(1, 0..2000));
    flush(&writer);
    assert_eq!(server.int("XLEN t:1"), 2000);
}

#[test]
fn trims_as_told() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, r#""maxLen":10,"#)).unwrap();
    write(&writer, &batch(0, 0..500));
    flush(&writer);
    assert_eq!(server.numbers("t:0"), (490..500).collect::<Vec<_>>());
}

#[test]
fn a_silent_server_is_left_and_a_closed_writer_leaves_nothing() {
    let server = RedisServer::start();
    let mut settings = settings(server.port, "");
    settings.connection.command_timeout_millis = 200;
    let writer = Writer::new(settings).unwrap();
    write(&writer, &batch(0, 0..1));
    flush(&writer);
    server.run("CLIENT PAUSE 700 ALL");
    write(&writer, &batch(0, 1..2));
    flush(&writer);
    assert!(writer.stats().reconnects > 0);
    writer.close();
    assert!(matches!(writer.write(&batch(0, 0..1), Duration::ZERO), Err(Error::Closed)));
    assert!(matches!(writer.flush(Duration::ZERO), Err(Error::Closed)));
    await_that("no connection is left", || server.connections("flink-test") == 0);
}
