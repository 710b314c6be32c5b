//! The source against a real server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use flink_redis_engine::config::{Deployment, Split, SplitPosition};
use flink_redis_engine::entry_id::{EntryId, Runs};
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::error::Error;
use flink_redis_engine::source::Reader;
use redis::Value;
use support::reading::{Job, discover, settings};
use support::{PATIENCE, RedisServer, await_that};

fn numbers(range: std::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}

#[test]
fn reads_in_order_and_acknowledges_what_completed_checkpoints_hold() {
    let server = RedisServer::start();
    server.add("t:0", 0..1000);
    let settings = settings(server.port, "");
    let mut job = Job::fresh(&settings);
    job.poll_for(1000);
    assert_eq!(job.emitted[&0], numbers(0..1000));
    assert_eq!(server.pending("t:0", "g"), 1000);

    let aborted = job.take_checkpoint();
    job.reader.abort(aborted);
    job.reader.complete(aborted);
    let taken = job.take_checkpoint();
    server.add("t:0", 1000..1010);
    job.poll_for(1010);
    assert_eq!(server.pending("t:0", "g"), 1010, "nothing is acknowledged before its checkpoint has completed");
    job.reader.complete(taken);
    await_that("the first thousand are acknowledged", || server.pending("t:0", "g") == 10);
    job.complete_checkpoint();
    await_that("all are acknowledged", || server.pending("t:0", "g") == 0);
    await_that("nothing is owed", || job.reader.stats().unacknowledged_entries == 0);
}

#[test]
fn a_restart_from_a_checkpoint_emits_each_entry_once_along_the_line_of_state() {
    for strategy in ["ON_CHECKPOINT", "ON_EMIT", "NOACK", "COMMIT_POSITION"] {
        let server = RedisServer::start();
        server.add("t:0", 0..500);
        let settings = settings(server.port, &format!(r#""ackStrategy":"{strategy}","#));
        let mut job = Job::fresh(&settings);
        job.poll_for(300);
        job.complete_checkpoint();
        let (state, kept) = (job.state(), job.emitted[&0].clone());
        // Emitted after the checkpoint, then lost with the job.
        server.add("t:0", 500..600);
        job.poll_for(600);
        drop(job);

        server.add("t:0", 600..700);
        let mut job = Job::start(&settings, state);
        job.poll_for(700 - kept.len());
        let all: Vec<u64> = kept.iter().chain(&job.emitted[&0]).copied().collect();
        assert_eq!(all, numbers(0..700), "{strategy}");
        job.complete_checkpoint();
        await_that("nothing is pending", || server.pending("t:0", "g") == 0);
        await_that("the replaced consumer is gone", || {
            let consumers = server.run("XINFO CONSUMERS t:0 g").as_sequence().unwrap().len();
            consumers == usize::from(strategy != "COMMIT_POSITION")
        });
    }
}

/// The group's `last-delivered-id`, `entries-read` and `lag`.
fn group(server: &RedisServer) -> (EntryId, Value, Value) {
    let groups = server.run("XINFO GROUPS t:0");
    let about = groups.as_sequence().unwrap()[0].as_sequence().unwrap();
    let value = |name: &str| {
        let at = about.iter().position(|item| *item == Value::BulkString(name.into())).unwrap();
        about[at + 1].clone()
    };
    let Value::BulkString(id) = value("last-delivered-id") else { panic!() };
    (EntryId::parse(&id).unwrap(), value("entries-read"), value("lag"))
}

#[test]
fn commit_position_publishes_completed_checkpoints_and_never_goes_back() {
    let server = RedisServer::start();
    server.add("t:0", 0..300);
    let settings = settings(server.port, r#""ackStrategy":"COMMIT_POSITION","#);
    let mut job = Job::fresh(&settings);
    let start = job.state();
    job.poll_for(300);
    assert_eq!(group(&server).0, EntryId::ZERO, "nothing is committed before a checkpoint has completed");
    job.complete_checkpoint();
    let end = job.positions[&0].position;
    await_that("the position is committed", || group(&server).0 == end);
    server.add("t:0", 300..310);
    assert_eq!(group(&server), (end, Value::Int(300), Value::Int(10)));
    assert_eq!(server.pending("t:0", "g"), 0);
    drop(job);

    let mut job = Job::start(&settings, start);
    job.poll_for(200);
    let behind = SplitPosition { partition: 0, position: job.ids[10], pending: Runs::default() };
    job.reader.checkpoint(1, vec![behind]);
    job.reader.complete(1);
    job.poll_for(310);
    assert_eq!(job.emitted[&0], numbers(0..310));
    job.checkpoint = 1;
    job.complete_checkpoint();
    await_that("the position is committed", || group(&server).0 == job.positions[&0].position);
    assert_eq!(group(&server).1, Value::Int(310));
    drop(job);

    // Without state: from the committed position.
    server.add("t:0", 310..315);
    let mut job = Job::fresh(&settings);
    job.poll_for(5);
    assert_eq!(job.emitted[&0], numbers(310..315));
    drop(job);
    let bounded = self::settings(server.port, r#""ackStrategy":"COMMIT_POSITION","stoppingId":"$","#);
    let splits = discover(&bounded, false, &[]);
    server.add("t:0", 315..320);
    let mut job = Job::start(&bounded, splits);
    job.poll_until("finished", |job| job.finished == [0]);
    assert_eq!(job.emitted[&0], numbers(310..315));
}

#[test]
fn an_older_checkpoint_rewinds_though_its_entries_are_acknowledged() {
    let server = RedisServer::start();
    server.add("t:0", 0..300);
    let settings = settings(server.port, "");
    let mut job = Job::fresh(&settings);
    let start = job.state();
    job.poll_for(300);
    job.complete_checkpoint();
    await_that("all are acknowledged", || server.pending("t:0", "g") == 0);
    drop(job);
    let mut job = Job::start(&settings, start);
    job.poll_for(300);
    assert_eq!(job.emitted[&0], numbers(0..300));
}

#[test]
fn a_job_without_state_works_off_what_its_group_has_pending() {
    let server = RedisServer::start();
    server.add("t:0", 0..10);
    server.run("XGROUP CREATE t:0 g 0");
    server.run("XREADGROUP GROUP g someone COUNT 6 STREAMS t:0 >");
    let first = server.run("XRANGE t:0 - + COUNT 1");
    let first = String::from_utf8(match &first.as_sequence().unwrap()[0].as_sequence().unwrap()[0] {
        Value::BulkString(id) => id.clone(),
        other => panic!("{other:?}"),
    })
    .unwrap();
    server.run(&format!("XACK t:0 g {first}"));
    // To be deleted while pending: acknowledged, counted, passed over.
    let last = server.text("XADD t:0 * n 10");
    server.run("XREADGROUP GROUP g someone STREAMS t:0 >");

    // Another client's: waited for until it has let them lie for that long, then taken over.
    let settings = settings(server.port, r#""claimMinIdleMillis":300,"#);
    let enumerator = Enumerator::new(settings.clone()).unwrap();
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    assert!(enumerator.discover(&request, Duration::from_millis(50)).unwrap().is_none());
    let splits = enumerator.discover(&request, PATIENCE).unwrap().unwrap().splits;
    assert_eq!(splits[0].pending.len(), 10);
    let owner = format!("{:?}", server.run("XPENDING t:0 g - + 1"));
    let hex = b"flink-test-0-".iter().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    assert!(owner.contains("flink-test-0-") || owner.contains(&hex), "{owner}");
    server.run(&format!("XDEL t:0 {last}"));
    let mut job = Job::start(&settings, splits);
    job.poll_until("the pending ones", |job| job.positions[&0].pending.is_empty());
    assert_eq!(job.emitted[&0], numbers(1..10));
    assert_eq!(job.reader.stats().trimmed_entries, 1);
    server.add("t:0", 11..13);
    job.poll_for(11);
    assert_eq!(job.emitted[&0][9..], [11, 12]);
    job.complete_checkpoint();
    await_that("nothing is pending", || server.pending("t:0", "g") == 0);
}

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
fn starts_where_it_is_told() {
    let server = RedisServer::start();
    for id in ["1-0", "2-0", "3-0"] {
        server.run(&format!("XADD t:0 {id} n {}", &id[..1]));
        server.run(&format!("XADD t:1 {id} n {}", &id[..1]));
    }
    let at_end = settings(server.port, r#""startingId":"$","#);
    let mut job = Job::fresh(&at_end);
    server.run("XADD t:0 4-0 n 4");
    job.poll_for(1);
    assert_eq!(job.emitted[&0], [4]);
    drop(job);
    server.run("DEL t:0");
    server.run("XADD t:0 1-0 n 1");
    server.run("XADD t:0 2-0 n 2");
    let mut job = Job::fresh(&settings(server.port, r#""startingId":"1","#));
    job.poll_for(1);
    assert_eq!(job.emitted[&0], [2]);
    // A partition that is new to a job with state begins at its first entry, whatever the option says.
    let splits = discover(&settings(server.port, r#""startingId":"$","numPartitions":2,"#), true, &[0]);
    assert_eq!(splits.iter().map(|split| (split.partition, split.position)).collect::<Vec<_>>(), [(1, EntryId::ZERO)]);
}

#[test]
fn a_bounded_read_ends_and_leaves_the_rest_to_the_group() {
    let server = RedisServer::start();
    server.add("t:0", 0..250);
    let settings_bounded = settings(server.port, r#""stoppingId":"$","numPartitions":2,"#);
    let splits = discover(&settings_bounded, false, &[]);
    server.add("t:0", 250..300);
    let mut job = Job::start(&settings_bounded, splits);
    job.poll_until("both are finished", |job| job.finished.len() == 2);
    assert_eq!(job.emitted[&0], numbers(0..250));
    job.complete_checkpoint();
    await_that("nothing is pending", || server.pending("t:0", "g") == 0);
    drop(job);
    let mut job = Job::fresh(&settings(server.port, ""));
    job.poll_for(50);
    assert_eq!(job.emitted[&0], numbers(250..300));
}

#[test]
fn a_bounded_read_ends_though_its_last_entry_is_deleted() {
    let server = RedisServer::start();
    server.add("t:0", 0..3);
    let last = server.text("XADD t:0 * n 3");
    let settings = settings(server.port, r#""stoppingId":"$","#);
    let splits = discover(&settings, false, &[]);
    server.run(&format!("XDEL t:0 {last}"));
    let mut job = Job::start(&settings, splits);
    job.poll_until("finished", |job| job.finished == [0]);
    assert_eq!(job.emitted[&0], numbers(0..3));
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
fn final_faults_fail_the_reader_with_what_to_do() {
    let server = RedisServer::start();
    server.run("SET t:0 text");
    let enumerator = Enumerator::new(settings(server.port, "")).unwrap();
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let error = enumerator.discover(&request, PATIENCE).unwrap_err().to_string();
    for part in [
        "source topic 't'",
        &format!("redis://127.0.0.1:{}", server.port),
        "stream 't:0'",
        "WRONGTYPE",
        "choose another `topicName`",
    ] {
        assert!(error.contains(part), "{error}");
    }

    let split = Split { partition: 0, position: EntryId::ZERO, pending: Runs::default(), stopping_id: None };
    let reader = Reader::new(settings(server.port, "")).unwrap();
    reader.add_splits(vec![split]).unwrap();
    let begin = Instant::now();
    let error = loop {
        match reader.poll(Duration::from_millis(100)) {
            Err(error) => break error.to_string(),
            Ok(_) => assert!(begin.elapsed() < PATIENCE),
        }
    };
    assert!(error.contains("source t:0 (redis://") && error.contains("WRONGTYPE"), "{error}");
}

#[test]
fn a_wrong_password_and_a_missing_permission_are_told_and_not_shown() {
    let server = RedisServer::start_with(&["--requirepass", "right"]);
    let mut wrong = settings(server.port, "");
    wrong.connection.password = flink_redis_engine::config::Secret::new("wr0ng");
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let error = Enumerator::new(wrong).unwrap().discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("WRONGPASS") && error.contains("`password`") && !error.contains("wr0ng"), "{error}");
    let error =
        Enumerator::new(settings(server.port, "")).unwrap().discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("NOAUTH") && error.contains("`password`"), "{error}");
}

#[test]
fn an_unreachable_server_is_given_up_after_the_retry_time() {
    let mut settings = settings(support::free_port(), "");
    settings.connection.retry_timeout_millis = 300;
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let error = Enumerator::new(settings.clone()).unwrap().discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("gave up after") && error.contains("check that Redis runs there"), "{error}");
    settings.connection.deployment =
        Deployment::Single { host: "no-such-host.invalid".to_owned(), port: 1, database: 0 };
    let error = Enumerator::new(settings).unwrap().discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("no-such-host.invalid") && error.contains("option `host`"), "{error}");
}

#[test]
fn a_discovery_can_be_waited_for_in_parts_and_closed() {
    let enumerator = Enumerator::new(settings(support::free_port(), "")).unwrap();
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    assert!(enumerator.discover(&request, Duration::from_millis(1)).unwrap().is_none());
    assert!(enumerator.discover(&request, Duration::from_millis(1)).unwrap().is_none());
    enumerator.close();
    assert!(matches!(enumerator.discover(&request, PATIENCE), Err(Error::Closed)));
}

#[test]
fn works_for_a_user_who_may_neither_list_nor_kill_clients_nor_run_scripts() {
    let server = RedisServer::start();
    server.run("ACL SETUSER app on >pw ~* +@all -client|list -client|kill -client|setname -eval");
    server.add("t:0", 0..100);
    let mut settings = settings(server.port, "");
    settings.connection.user = "app".into();
    settings.connection.password = flink_redis_engine::config::Secret::new("pw");
    let mut job = Job::fresh(&settings);
    job.poll_for(100);
    let state = job.state();
    drop(job);
    server.add("t:0", 100..110);
    let mut job = Job::start(&settings, state);
    job.poll_for(10);
    assert_eq!(job.emitted[&0], numbers(100..110));
    job.complete_checkpoint();
    await_that("nothing is pending", || server.pending("t:0", "g") == 0);
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

#[test]
fn a_stream_without_a_partition_number_is_told_of() {
    support::logs::collect();
    let server = RedisServer::start();
    server.run("XADD t * n 1");
    discover(&settings(server.port, ""), false, &[]);
    assert_eq!(support::logs::with(&["key 't' exists, without a partition number"]).len(), 1);
}
