//! What is acknowledged and when, and from where a job goes on with its state or without.

use std::time::Duration;

use flink_redis_engine::config::SplitPosition;
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::stream::{EntryId, Runs};
use redis::Value;

use crate::numbers;
use crate::support::reading::{self, Job, discover, settings};
use crate::support::{PATIENCE, RedisServer, await_that};

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
    await_that("nothing is unacknowledged", || job.reader.stats().unacknowledged_entries == 0);
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
    let bounded = reading::settings(server.port, r#""ackStrategy":"COMMIT_POSITION","stoppingId":"$","#);
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
