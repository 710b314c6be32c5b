//! Where a read starts and where it ends.

use flink_redis_engine::stream::EntryId;

use crate::numbers;
use crate::support::reading::{Job, discover, settings};
use crate::support::{RedisServer, await_that};

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
