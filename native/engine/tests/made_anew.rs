//! Streams that are deleted and made again: other ones, of the same name, which are read from their first entry on.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use support::reading::{Job, settings, settings_over};
use support::sentinel::Sentinels;
use support::{RedisServer, await_that, logs};

const STRATEGIES: [&str; 4] = ["ON_CHECKPOINT", "ON_EMIT", "NOACK", "COMMIT_POSITION"];

/// Appends `numbers` at `ms-1`, `ms-2` and so on.
fn add_at(server: &RedisServer, ms: u64, numbers: std::ops::Range<u64>) {
    let script = "for i = ARGV[2], ARGV[3] do \
                  redis.call('XADD', KEYS[1], ARGV[1] .. '-' .. (i - ARGV[2] + 1), 'n', i) end";
    eval(server, script, &[ms, numbers.start, numbers.end - 1]);
}

/// Deletes the stream and makes it again, at once.
fn make_anew(server: &RedisServer, ms: u64, numbers: std::ops::Range<u64>) {
    let script = "redis.call('DEL', KEYS[1]) \
                  for i = ARGV[2], ARGV[3] do \
                  redis.call('XADD', KEYS[1], ARGV[1] .. '-' .. (i - ARGV[2] + 1), 'n', i) end";
    eval(server, script, &[ms, numbers.start, numbers.end - 1]);
}

fn eval(server: &RedisServer, script: &str, arguments: &[u64]) {
    let arguments: Vec<String> = arguments.iter().map(u64::to_string).collect();
    let mut words: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), b"1", b"t:0"];
    words.extend(arguments.iter().map(String::as_bytes));
    server.run_args(&words);
}

fn told(job: &Job, server: &RedisServer, times: usize) {
    let port = format!(":{})", server.port);
    assert_eq!(job.reader.stats().lost_writes, 0);
    assert_eq!(logs::with(&[&port, "the stream is gone or was deleted and made again"]).len(), times);
    assert_eq!(logs::with(&[&port, "lost writes"]), [""; 0]);
    assert_eq!(logs::with(&[&port, "NOGROUP", "trying again"]), [""; 0]);
}

#[test]
fn lower_ids_are_read_all_and_no_server_is_blamed() {
    logs::collect();
    for strategy in STRATEGIES {
        let server = RedisServer::start();
        add_at(&server, 100, 0..50);
        let mut job = Job::fresh(&settings(server.port, &format!(r#""ackStrategy":"{strategy}","#)));
        job.poll_for(50);
        job.complete_checkpoint();
        await_that("all is acknowledged", || server.pending("t:0", "g") == 0);
        make_anew(&server, 1, 50..70);
        job.poll_for(70);
        add_at(&server, 2, 70..71);
        job.poll_for(71);
        assert_eq!(job.emitted[&0], (0..71).collect::<Vec<u64>>(), "{strategy}");
        told(&job, &server, 1);
        job.complete_checkpoint();
        await_that("nothing is pending", || server.pending("t:0", "g") == 0);
    }
}

#[test]
fn a_checkpoint_of_the_old_stream_begins_with_the_new_one_though_the_group_is_there_again() {
    for strategy in STRATEGIES {
        let server = RedisServer::start();
        add_at(&server, 100, 0..50);
        let settings = settings(server.port, &format!(r#""ackStrategy":"{strategy}","#));
        let mut job = Job::fresh(&settings);
        job.poll_for(50);
        job.complete_checkpoint();
        let old = job.state();
        make_anew(&server, 1, 50..70);
        job.poll_for(60);
        drop(job);

        // What was emitted of the new stream is in no checkpoint.
        let mut job = Job::start(&settings, old);
        job.poll_for(20);
        job.complete_checkpoint();
        assert_eq!(job.emitted[&0], (50..70).collect::<Vec<u64>>(), "{strategy}");
        let new = job.state();
        drop(job);

        // And one of the new stream goes on in it.
        add_at(&server, 2, 70..75);
        let mut job = Job::start(&settings, new);
        job.poll_for(5);
        job.complete_checkpoint();
        assert_eq!(job.emitted[&0], (70..75).collect::<Vec<u64>>(), "{strategy}");
        await_that("nothing is pending", || server.pending("t:0", "g") == 0);
    }
}

#[test]
fn a_stream_that_expires_again_and_again_is_told_of_once_each_time() {
    logs::collect();
    for strategy in ["ON_CHECKPOINT", "COMMIT_POSITION"] {
        let server = RedisServer::start();
        let mut job = Job::fresh(&settings(server.port, &format!(r#""ackStrategy":"{strategy}","#)));
        for round in 0..5 {
            server.add("t:0", round..round + 1);
            job.poll_for(round as usize + 1);
            server.run("PEXPIRE t:0 1");
            await_that("the stream is made again", || server.int("EXISTS t:0") == 1 && server.int("PTTL t:0") == -1);
        }
        assert_eq!(job.emitted[&0], (0..5).collect::<Vec<u64>>(), "{strategy}");
        await_that("it is told", || {
            logs::with(&[&format!(":{})", server.port), "the stream is gone or was deleted and made again"]).len() == 5
        });
        told(&job, &server, 5);
    }
}

#[test]
fn a_group_that_was_destroyed_takes_nothing_of_the_stream_with_it() {
    let server = RedisServer::start();
    add_at(&server, 100, 0..50);
    let mut job = Job::fresh(&settings(server.port, ""));
    job.poll_for(50);
    server.run("XGROUP DESTROY t:0 g");
    add_at(&server, 101, 50..60);
    job.poll_for(60);
    job.complete_checkpoint();
    await_that("nothing is pending", || server.pending("t:0", "g") == 0);
    assert_eq!(job.emitted[&0], (0..60).collect::<Vec<u64>>());
}

/// The replica has the stream, but nothing of the group. What it has was emitted.
#[test]
fn a_failover_that_loses_the_group_is_none_of_these() {
    let deployment = Sentinels::start(1);
    let old = deployment.master();
    let master = &deployment.servers[old];
    master.add("t:0", 0..100);
    await_that("the replica is in step", || master.int("WAIT 1 1000") == 1);
    master.run("ACL SETUSER default -psync -sync");
    master.run("CLIENT KILL TYPE replica");
    await_that("no replica is connected", || master.text("INFO replication").contains("connected_slaves:0"));
    let mut job = Job::fresh(&settings_over(&deployment.connection_json(), ""));
    job.poll_for(100);
    master.add("t:0", 100..120);
    job.poll_for(120);
    master.signal("KILL");
    let new = &deployment.servers[deployment.await_failover(old)];
    await_that("it is told", || job.reader.stats().lost_writes == 1);
    new.add("t:0", 200..220);
    job.poll_for(140);
    assert_eq!(job.emitted[&0], (0..120).chain(200..220).collect::<Vec<u64>>());
}
