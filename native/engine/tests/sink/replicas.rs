//! `minReplicasToAck`: a record counts as written when enough replicas have it.

use std::time::Duration;

use flink_redis_engine::sink::{Committer, Writer};
use redis::Value;

use crate::staging_writer;
use crate::support::writing::{batch, batch_of, commit, flush, prepared, settings, write};
use crate::support::{PATIENCE, RedisServer, await_that};

/// Starts a replica, the only one that there can be: a replica of somebody else's that looks for its master, which had
/// this port, is turned away.
fn replica_of(server: &RedisServer) -> RedisServer {
    for rule in ["ACL SETUSER replica on >secret +psync +replconf +ping", "ACL SETUSER default -psync -sync"] {
        assert_eq!(server.run(rule), Value::Okay);
    }
    let replica = RedisServer::start_with(&[
        "--masteruser",
        "replica",
        "--masterauth",
        "secret",
        "--replicaof",
        "127.0.0.1",
        &server.port.to_string(),
    ]);
    await_that("the replica follows", || replica.text("INFO replication").contains("master_link_status:up"));
    replica
}

#[test]
fn records_count_as_written_when_enough_replicas_have_them() {
    let server = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
    let replica = replica_of(&server);
    let mut settings = settings(server.port, r#""minReplicasToAck":1,"#);
    settings.connection.command_timeout_millis = 1000;
    let writer = Writer::new(settings.clone()).unwrap();
    (0..20).for_each(|round| write(&writer, &batch(0, round * 10..(round + 1) * 10)));
    flush(&writer);
    assert_eq!(replica.numbers("t:0"), (0..200).collect::<Vec<_>>());
    replica.signal("STOP");
    write(&writer, &batch(0, 200..300));
    await_that("the server has them", || server.int("XLEN t:0") == 300);
    // Longer than two waits.
    assert!(!writer.flush(Duration::from_millis(1200)).unwrap(), "{}", server.text("INFO replication"));
    assert_eq!(writer.stats().confirmed, 200);
    replica.signal("CONT");
    flush(&writer);
    assert_eq!(writer.stats().confirmed, 300);
    assert_eq!(server.numbers("t:0"), (0..300).collect::<Vec<_>>(), "nothing was sent again");
    assert_eq!(writer.stats().in_flight_bytes, 0);
    replica.signal("STOP");
    settings.connection.retry_timeout_millis = 300;
    let writer = Writer::new(settings).unwrap();
    write(&writer, &batch(0, 300..301));
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    for part in ["sink topic 't'", "gave up after", "NOREPLICAS", "0 of 1 replicas", "minReplicasToAck"] {
        assert!(error.contains(part), "{error}");
    }
    replica.signal("CONT");
}

#[test]
fn what_no_replica_is_known_to_have_is_sent_again_after_a_lost_connection() {
    let server = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
    let replica = replica_of(&server);
    for more in ["", r#""staging":{"lane":"lane","incarnation":"aa"},"#, r#""kind":"HASH","ttlSeconds":60,"#] {
        let writer = Writer::new(settings(server.port, &format!(r#"{more}"minReplicasToAck":1,"#))).unwrap();
        let of_round = |round: u64| {
            if more.contains("HASH") {
                batch_of(&[&[("k", ""), ("n", &round.to_string())], &[("l", ""), ("n", &round.to_string())]])
            } else {
                batch(0, round * 10..(round + 1) * 10)
            }
        };
        replica.signal("STOP");
        for round in 0..50 {
            write(&writer, &of_round(round));
            if round % 10 == 5 {
                server.run("CLIENT KILL TYPE normal");
            }
        }
        replica.signal("CONT");
        flush(&writer);
        assert_eq!(writer.stats().in_flight_bytes, 0);
        if more.contains("HASH") {
            assert_eq!(replica.text("HGET k n"), "49");
            continue;
        }
        if more.contains("staging") {
            // Packs of ten, each once.
            let staged = replica.entries("{t:0}:staging:lane:1:aa");
            assert_eq!(staged.iter().map(|pack| &*pack[0]).collect::<Vec<_>>(), ["10"; 50]);
            continue;
        }
        let mut next = 0;
        for number in replica.numbers("t:0") {
            assert!(number <= next, "{number} before {next}");
            next = next.max(number + 1);
        }
        assert_eq!(next, 500);
    }
}

#[test]
fn a_commit_is_done_when_enough_replicas_have_it() {
    let server = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]);
    let replica = replica_of(&server);
    let writer = staging_writer(&server, "lane", "aa");
    write(&writer, &batch(0, 0..500));
    let staged = prepared(&writer);
    let mut settings = settings(server.port, r#""minReplicasToAck":1,"#);
    settings.connection.command_timeout_millis = 1000;
    let committer = Committer::new(settings.clone()).unwrap();
    replica.signal("STOP");
    assert!(!committer.commit(&staged, Duration::from_millis(700)).unwrap());
    assert_eq!(server.int("XLEN t:0"), 500);
    settings.connection.retry_timeout_millis = 300;
    let error = Committer::new(settings).unwrap().commit(&staged, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("NOREPLICAS") && error.contains("minReplicasToAck"), "{error}");
    replica.signal("CONT");
    commit(&committer, &staged);
    assert_eq!(replica.numbers("t:0"), (0..500).collect::<Vec<_>>());
}
