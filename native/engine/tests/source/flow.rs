//! Entries on their way: through outages and takeovers, paused, bounded by bytes, until the close.

use std::time::{Duration, Instant};

use flink_redis_engine::error::Error;
use flink_redis_engine::source::Reader;

use crate::numbers;
use crate::support::reading::{Job, discover, settings};
use crate::support::{PATIENCE, RedisServer, await_that};

#[test]
fn entries_that_another_reader_took_are_found_by_position() {
    let server = RedisServer::start();
    let settings = settings(server.port, "");
    let mut job = Job::fresh(&settings);
    server.add("t:0", 0..5);
    job.poll_for(5);
    // In one transaction, so that the job's blocked read does not see them first.
    let script = "for n = 5, 7 do redis.call('XADD', KEYS[1], '*', 'n', n) end \
                  return redis.call('XREADGROUP', 'GROUP', 'g', 'zombie', 'STREAMS', KEYS[1], '>')";
    server.run_args(&[b"EVAL", script.as_bytes(), b"1", b"t:0"]);
    job.poll_for(8);
    server.run_args(&[b"EVAL", script.as_bytes(), b"1", b"t:0"]);
    server.add("t:0", 8..9);
    job.poll_for(12);
    assert_eq!(job.emitted[&0], [0, 1, 2, 3, 4, 5, 6, 7, 5, 6, 7, 8]);
    assert!(job.reader.stats().gap_replays >= 1);
    job.complete_checkpoint();
    await_that("nothing is pending, the other reader's included", || server.pending("t:0", "g") == 0);
}

#[test]
fn lost_connections_lose_and_repeat_nothing() {
    let server = RedisServer::start();
    let settings = settings(server.port, r#""numPartitions":2,"#);
    let mut job = Job::fresh(&settings);
    for round in 0..20 {
        server.add("t:0", round * 50..(round + 1) * 50);
        server.add("t:1", round * 50..(round + 1) * 50);
        server.run("CLIENT KILL TYPE normal");
        job.poll_for((round as usize + 1) * 100 - 30);
    }
    job.poll_for(2000);
    assert_eq!(job.emitted[&0], numbers(0..1000));
    assert_eq!(job.emitted[&1], numbers(0..1000));
    assert!(job.reader.stats().reconnects > 0);
    job.complete_checkpoint();
    await_that("nothing is pending", || server.pending("t:0", "g") + server.pending("t:1", "g") == 0);
}

#[test]
fn a_server_that_comes_back_empty_is_read_on() {
    let mut server = RedisServer::start();
    let settings = settings(server.port, "");
    let mut job = Job::fresh(&settings);
    server.add("t:0", 0..10);
    job.poll_for(10);
    server.kill();
    server.start_again();
    await_that("the group is made again", || {
        server.run("XINFO GROUPS t:0").as_sequence().is_some_and(|groups| groups.len() == 1)
    });
    server.add("t:0", 10..20);
    job.poll_for(20);
    assert_eq!(job.emitted[&0], numbers(0..20));
}

#[test]
fn a_paused_split_is_not_read_and_the_others_are() {
    let server = RedisServer::start();
    let settings = settings(server.port, r#""numPartitions":2,"#);
    let mut job = Job::fresh(&settings);
    job.reader.pause_or_resume(&[0], &[]);
    server.add("t:0", 0..5000);
    server.add("t:1", 0..5000);
    job.poll_until("the other one", |job| job.emitted.get(&1).is_some_and(|all| all.len() == 5000));
    assert!(!job.emitted.contains_key(&0));
    // Two reads that were in flight, no more.
    assert!(server.pending("t:0", "g") <= 300, "{}", server.pending("t:0", "g"));
    job.reader.pause_or_resume(&[], &[0]);
    job.poll_for(10_000);
    assert_eq!(job.emitted[&0], numbers(0..5000));
}

#[test]
fn what_java_does_not_take_is_bounded_by_bytes() {
    let server = RedisServer::start();
    let value = "x".repeat(10_000);
    for n in 0..500 {
        server.run_args(&[b"XADD", b"t:0", b"*", b"n", format!("{n}").as_bytes(), b"v", value.as_bytes()]);
    }
    let settings = settings(server.port, r#""maxBufferedBytes":300000,"#);
    let reader = Reader::new(settings.clone()).unwrap();
    reader.add_splits(discover(&settings, false, &[])).unwrap();
    await_that("the buffer is full", || reader.stats().buffered_bytes > 200_000);
    let mut entries = 0;
    while entries < 500 {
        assert!(reader.stats().buffered_bytes <= 300_000 + 256 * 1024);
        entries += reader.poll(PATIENCE).unwrap().map_or(0, |batch| batch.entries);
    }
    assert_eq!(entries, 500);
}

#[test]
fn the_reader_that_was_replaced_stops_and_says_so() {
    let server = RedisServer::start();
    let settings = settings(server.port, "");
    let mut old = Job::fresh(&settings);
    server.add("t:0", 0..5);
    old.poll_for(5);
    let mut new = Job::start(&settings, old.state());
    server.add("t:0", 5..10);
    new.poll_for(5);
    let begin = Instant::now();
    let error = loop {
        match old.poll(Duration::from_millis(50)) {
            Err(error) => break error.to_string(),
            Ok(_) => assert!(begin.elapsed() < PATIENCE),
        }
    };
    assert!(error.contains("another reader has taken the consumer group 'g' over"), "{error}");
}

#[test]
fn close_leaves_no_connection_and_no_thread() {
    let server = RedisServer::start();
    let settings = settings(server.port, r#""numPartitions":8,"#);
    let mut job = Job::fresh(&settings);
    server.add("t:0", 0..5);
    job.poll_for(5);
    await_that("each split has a connection", || server.connections("flink-test") >= 8);
    let begin = Instant::now();
    job.reader.close();
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(matches!(job.reader.poll(Duration::ZERO), Err(Error::Closed)));
    assert!(matches!(job.reader.add_splits(Vec::new()), Err(Error::Closed)));
    await_that("no connection is left", || server.connections("flink-test") == 0);
}
