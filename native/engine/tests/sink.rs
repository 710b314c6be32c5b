//! The stream sink against a real server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::error::{Error, FaultKind};
use flink_redis_engine::sink::{Committer, Lane, Writer};
use flink_redis_engine::telemetry::logs;
use redis::Value;
use support::writing::{commit, flush, frame, frame_of, prepared, settings, write};
use support::{PATIENCE, RedisServer, await_that};

#[test]
fn what_is_flushed_is_there_in_order_per_partition() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, "")).unwrap();
    for round in 0..20 {
        write(&writer, &frame(round as i32 % 2, round * 100..(round + 1) * 100));
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
        write(&writer, &frame(0, round * 50..(round + 1) * 50));
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
    write(&writer, &frame(0, 0..100));
    flush(&writer);
    server.kill();
    write(&writer, &frame(0, 100..200));
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
    write(&writer, &frame(0, 0..10));
    flush(&writer);
    // Every write is refused (OOM) until there is memory again.
    server.run("CONFIG SET maxmemory 1");
    for round in 1..20 {
        write(&writer, &frame(0, round * 10..(round + 1) * 10));
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
    write(&writer, &frame(0, 0..10));
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.contains("sink topic 't'") && error.contains("gave up after") && error.contains("OOM"), "{error}");
    assert!(writer.write(&frame(0, 0..1), Duration::ZERO).is_err());
}

#[test]
fn a_rejected_record_goes_to_the_dead_letters_and_delays_no_other() {
    let server = RedisServer::start();
    server.run("SET t:1 text");
    logs::install();
    let writer = Writer::new(settings(server.port, r#""deadLetterStream":"dead","trace":"METADATA","#)).unwrap();
    write(&writer, &frame(0, 0..5));
    write(&writer, &frame(1, 5..7));
    write(&writer, &frame(0, 7..9));
    flush(&writer);
    assert_eq!(server.numbers("t:0"), [0, 1, 2, 3, 4, 7, 8]);
    let letters = server.entries("dead");
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0][0], "error");
    assert!(letters[0][1].starts_with("WRONGTYPE"), "{letters:?}");
    assert_eq!(letters[0][2..], ["command", "XADD", "key", "t:1", "n", "5"]);
    assert_eq!(writer.stats().dead_letters, 2);
    let traced = logs::drain().unwrap().events.into_iter().filter(|event| event.target == "flink_redis::sink.trace");
    assert_eq!(traced.filter(|event| event.message.contains(r#""error":"WRONGTYPE""#)).count(), 2);
}

#[test]
fn without_dead_letters_a_rejected_record_fails_the_writer() {
    let server = RedisServer::start();
    server.run("SET t:1 text");
    let writer = Writer::new(settings(server.port, "")).unwrap();
    write(&writer, &frame(1, 5..7));
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    for part in ["sink topic 't'", "stream 't:1'", "XADD", "WRONGTYPE"] {
        assert!(error.contains(part), "{error}");
    }
    // A dead-letter stream that is no stream does not go round in circles.
    server.run("SET dead text");
    let writer = Writer::new(settings(server.port, r#""deadLetterStream":"dead","#)).unwrap();
    write(&writer, &frame(1, 5..7));
    assert!(writer.flush(PATIENCE).unwrap_err().to_string().contains("stream 'dead'"));
}

#[test]
fn what_is_in_flight_is_bounded_and_the_writer_waits() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, r#""maxInFlightBytes":10000,"#)).unwrap();
    write(&writer, &frame(0, 0..1));
    flush(&writer);
    server.run("CLIENT PAUSE 60000 WRITE");
    let mut taken = 0;
    while writer.write(&frame(0, taken * 10 + 1..taken * 10 + 11), Duration::from_millis(20)).unwrap() {
        taken += 1;
        assert!(writer.stats().in_flight_bytes <= 10_000);
    }
    assert!(taken > 5);
    server.run("CLIENT UNPAUSE");
    flush(&writer);
    assert_eq!(server.numbers("t:0"), (0..taken * 10 + 1).collect::<Vec<_>>());
    // More than all the room goes alone.
    write(&writer, &frame(1, 0..2000));
    flush(&writer);
    assert_eq!(server.int("XLEN t:1"), 2000);
}

#[test]
fn trims_as_told() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, r#""maxLen":10,"#)).unwrap();
    write(&writer, &frame(0, 0..500));
    flush(&writer);
    assert_eq!(server.numbers("t:0"), (490..500).collect::<Vec<_>>());
}

#[test]
fn a_silent_server_is_left_and_a_closed_writer_leaves_nothing() {
    let server = RedisServer::start();
    let mut settings = settings(server.port, "");
    settings.connection.command_timeout_millis = 200;
    let writer = Writer::new(settings).unwrap();
    write(&writer, &frame(0, 0..1));
    flush(&writer);
    server.run("CLIENT PAUSE 700 ALL");
    write(&writer, &frame(0, 1..2));
    flush(&writer);
    assert!(writer.stats().reconnects > 0);
    writer.close();
    assert!(matches!(writer.write(&frame(0, 0..1), Duration::ZERO), Err(Error::Closed)));
    assert!(matches!(writer.flush(Duration::ZERO), Err(Error::Closed)));
    await_that("no connection is left", || server.connections("flink-test") == 0);
}

#[test]
fn hashes_are_written_with_their_time_to_live_and_bad_ones_delay_no_other() {
    let server = RedisServer::start();
    server.run("SET taken text");
    for ttl in [0, 60] {
        let more = format!(r#""kind":"HASH","ttlSeconds":{ttl},"deadLetterStream":"dead","#);
        let writer = Writer::new(settings(server.port, &more)).unwrap();
        for round in 0..300 {
            let (n, key) = (round.to_string(), format!("k{}", round % 7));
            write(
                &writer,
                &frame_of(&[&[(&key, ""), ("n", &n)], &[("taken", ""), ("n", &n)], &[(&key, ""), ("m", &n)]]),
            );
        }
        flush(&writer);
        for key in 0..7 {
            let last = (0..300).rev().find(|round| round % 7 == key).unwrap().to_string();
            assert_eq!(server.text(&format!("HGET k{key} n")), last);
            assert_eq!(server.text(&format!("HGET k{key} m")), last);
            assert_eq!(server.int(&format!("TTL k{key}")) > 0, ttl > 0);
        }
        let letters = server.entries("dead");
        assert_eq!(letters.len(), 300);
        assert!(letters[0][1].starts_with("WRONGTYPE"), "{letters:?}");
        assert_eq!(letters[299][2..], ["command", "HSET", "key", "taken", "n", "299"]);
        server.run("DEL dead");
    }
}

#[test]
fn writes_to_a_key_that_were_put_off_do_not_undo_later_ones() {
    let server = RedisServer::start();
    for ttl in [0, 60] {
        let writer = Writer::new(settings(server.port, &format!(r#""kind":"HASH","ttlSeconds":{ttl},"#))).unwrap();
        for round in 0..2000 {
            // Memory that is there and is not, while writes are in flight.
            if round % 100 == 50 {
                server.run("CONFIG SET maxmemory 1");
            }
            write(&writer, &frame_of(&[&[("k", ""), ("n", &round.to_string())]]));
            if round % 100 == 90 {
                server.run("CONFIG SET maxmemory 0");
            }
        }
        flush(&writer);
        assert_eq!(server.text("HGET k n"), "1999");
    }
}

#[test]
fn a_server_without_the_json_module_is_told_once() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, r#""kind":"JSON","path":"$","deadLetterStream":"dead","#)).unwrap();
    // Whichever hears of it first.
    let written = writer.write(&frame_of(&[&[("k", "{}")]]), PATIENCE);
    let error = written.and_then(|_| writer.flush(PATIENCE)).unwrap_err().to_string();
    assert!(error.contains("no JSON module") && error.contains("RedisJSON"), "{error}");
}

fn staging(server: &RedisServer, lane: &str, attempt: &str) -> Writer {
    Writer::new(settings(server.port, &format!(r#""staging":{{"lane":"{lane}","attempt":"{attempt}"}},"#))).unwrap()
}

#[test]
fn an_epoch_is_seen_when_it_is_committed_and_once() {
    let server = RedisServer::start();
    let writer = staging(&server, "lane", "aa");
    let committer = Committer::new(settings(server.port, "")).unwrap();
    write(&writer, &frame(0, 0..1000));
    write(&writer, &frame(1, 0..3));
    let first = prepared(&writer);
    assert_eq!(
        first.iter().map(|one| (one.partition, one.records, one.epoch)).collect::<Vec<_>>(),
        [(0, 1000, 1), (1, 3, 1)]
    );
    write(&writer, &frame(0, 1000..1010));
    let second = prepared(&writer);
    assert_eq!(server.int("EXISTS t:0 t:1"), 0);
    assert!(server.int(&format!("TTL {}", first[0].key)) > 0);
    // Repeated, and by two at once.
    std::thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| commit(&Committer::new(settings(server.port, "")).unwrap(), &first));
        }
    });
    commit(&committer, &first);
    assert_eq!(server.numbers("t:0"), (0..1000).collect::<Vec<_>>());
    assert_eq!(server.numbers("t:1"), (0..3).collect::<Vec<_>>());
    commit(&committer, &second);
    commit(&committer, &[&first[..], &second[..]].concat());
    assert_eq!(server.numbers("t:0"), (0..1010).collect::<Vec<_>>());
    // Nothing is left but the marks, which expire.
    assert_eq!(server.int("EXISTS {t:0}:staging {t:1}:staging"), 0);
    for key in server.run("KEYS *staging*").as_sequence().unwrap() {
        let Value::BulkString(key) = key else { panic!() };
        let key = String::from_utf8_lossy(key);
        assert!(key.ends_with(":committed"), "{key}");
        assert!(server.int(&format!("TTL {key}")) > 0);
    }
    assert!(prepared(&writer).is_empty());
}

#[test]
fn staging_survives_lost_connections_without_a_repetition() {
    let server = RedisServer::start();
    let writer = staging(&server, "lane", "aa");
    for round in 0..200 {
        write(&writer, &frame(0, round * 50..(round + 1) * 50));
        if round % 10 == 0 {
            server.run("CLIENT KILL TYPE normal");
        }
    }
    let staged = prepared(&writer);
    commit(&Committer::new(settings(server.port, "")).unwrap(), &staged);
    assert_eq!(server.numbers("t:0"), (0..10_000).collect::<Vec<_>>());
}

#[test]
fn what_was_staged_and_is_gone_is_an_error_with_its_key() {
    let server = RedisServer::start();
    let writer = staging(&server, "lane", "aa");
    write(&writer, &frame(0, 0..10));
    let staged = prepared(&writer);
    let key = staged[0].key.clone();
    let committer = Committer::new(settings(server.port, "")).unwrap();
    server.run(&format!("XDEL {key} 1-10"));
    for change in [format!("XDEL {key} 1-9"), format!("DEL {key}")] {
        let error = committer.commit(&staged, PATIENCE).unwrap_err().to_string();
        assert!(error.contains(&key) && error.contains("can't be committed"), "{error}");
        assert_eq!(server.int("EXISTS t:0"), 0);
        server.run(&change);
    }
    assert!(committer.commit(&staged, PATIENCE).unwrap_err().to_string().contains("no mark"));
    // While it is being written, too: it is not made again.
    write(&writer, &frame(0, 0..10));
    flush(&writer);
    server.run("DEL {t:0}:staging:lane:2:aa");
    write(&writer, &frame(0, 10..11));
    assert!(writer.flush(PATIENCE).unwrap_err().to_string().contains("{t:0}:staging:lane:2:aa"));
    assert_eq!(server.int("EXISTS {t:0}:staging:lane:2:aa"), 0);
}

#[test]
fn what_is_missing_of_an_epoch_is_named_and_nothing_of_it_is_committed() {
    let server = RedisServer::start();
    let writer = staging(&server, "lane", "aa");
    write(&writer, &frame(0, 0..1000));
    let staged = prepared(&writer);
    let key = &staged[0].key;
    let committer = Committer::new(settings(server.port, "")).unwrap();
    for (lost, named) in [
        (3..=3, "missing: 1-3;"),
        (7..=9, "missing: 1-3, 1-7 to 1-9;"),
        (1..=1, "missing: 1-1, 1-3, 1-7 to 1-9;"),
        (600..=1000, "missing: 1-1, 1-3, 1-7 to 1-9, 1-600 to 1-1000;"),
    ] {
        lost.for_each(|n| assert_eq!(server.int(&format!("XDEL {key} 1-{n}")), 1));
        let error = committer.commit(&staged, PATIENCE).unwrap_err();
        assert!(matches!(&error, Error::Redis(fault) if fault.kind == FaultKind::StagingLost));
        assert!(error.to_string().contains(key) && error.to_string().contains(named), "{error}");
        assert_eq!(server.int("EXISTS t:0"), 0);
    }
}

#[test]
fn what_is_missing_of_an_epoch_that_is_half_committed_is_found_too() {
    let server = RedisServer::start();
    let writer = staging(&server, "lane", "aa");
    write(&writer, &frame(0, 0..1000));
    let staged = prepared(&writer);
    let key = &staged[0].key;
    let mark = "{t:0}:staging:lane:aa:committed";
    // As after an interruption of the commit.
    server.run(&format!("XTRIM {key} MINID 1-201"));
    server.run(&format!("SET {mark} 1-200"));
    let committer = Committer::new(settings(server.port, "")).unwrap();
    server.run(&format!("XDEL {key} 1-201 1-500"));
    let error = committer.commit(&staged, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("missing: 1-201, 1-500;"), "{error}");
    server.run(&format!("DEL {key}"));
    let error = committer.commit(&staged, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("no mark"), "{error}");
    // An epoch behind it says that it was committed.
    server.run(&format!("SET {mark} 2-200"));
    commit(&committer, &staged);
}

#[test]
fn an_epoch_with_a_hole_is_not_prepared() {
    let server = RedisServer::start();
    let writer = staging(&server, "lane", "aa");
    write(&writer, &frame(0, 0..10));
    flush(&writer);
    let key = "{t:0}:staging:lane:1:aa";
    assert!(server.int(&format!("TTL {key}")) > 0 && server.int("TTL {t:0}:staging") > 0);
    server.run(&format!("XDEL {key} 1-5"));
    write(&writer, &frame(0, 10..12));
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.contains(key) && error.contains("does not hold all 12 records"), "{error}");
}

#[test]
fn recovery_keeps_what_is_committed_and_deletes_the_rest_of_its_lanes() {
    let server = RedisServer::start();
    let kept = staging(&server, "mine", "aa");
    write(&kept, &frame(0, 0..5));
    let committable = prepared(&kept);
    write(&kept, &frame(0, 5..9));
    flush(&kept);
    for (lane, attempt) in [("mine", "bb"), ("other", "cc")] {
        let writer = staging(&server, lane, attempt);
        write(&writer, &frame(0, 0..5));
        flush(&writer);
    }
    let committer = Committer::new(settings(server.port, "")).unwrap();
    let lanes = [Lane { lane: "mine".into(), attempt: "aa".into(), epoch: 1 }];
    assert!(committer.recover(&lanes, PATIENCE).unwrap());
    let mut left: Vec<String> = server
        .run("SMEMBERS {t:0}:staging")
        .as_sequence()
        .unwrap()
        .iter()
        .map(|key| if let Value::BulkString(key) = key { String::from_utf8_lossy(key).into_owned() } else { panic!() })
        .collect();
    left.sort();
    assert_eq!(left, ["{t:0}:staging:mine:1:aa", "{t:0}:staging:other:1:cc"]);
    assert_eq!(server.int("EXISTS {t:0}:staging:mine:2:aa {t:0}:staging:mine:1:bb"), 0);
    commit(&committer, &committable);
    assert_eq!(server.numbers("t:0"), (0..5).collect::<Vec<_>>());
    committer.close();
    assert!(matches!(committer.recover(&lanes, PATIENCE), Err(Error::Closed)));
}

/// The only one that there can be: a replica of somebody else's that looks for its master, which had this port, is turned away.
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
    (0..20).for_each(|round| write(&writer, &frame(0, round * 10..(round + 1) * 10)));
    flush(&writer);
    assert_eq!(replica.numbers("t:0"), (0..200).collect::<Vec<_>>());
    replica.signal("STOP");
    write(&writer, &frame(0, 200..300));
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
    write(&writer, &frame(0, 300..301));
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
    for more in ["", r#""staging":{"lane":"lane","attempt":"aa"},"#, r#""kind":"HASH","ttlSeconds":60,"#] {
        let writer = Writer::new(settings(server.port, &format!(r#"{more}"minReplicasToAck":1,"#))).unwrap();
        let of_round = |round: u64| match more.contains("HASH") {
            true => frame_of(&[&[("k", ""), ("n", &round.to_string())], &[("l", ""), ("n", &round.to_string())]]),
            false => frame(0, round * 10..(round + 1) * 10),
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
        let stream = if more.is_empty() { "t:0" } else { "{t:0}:staging:lane:1:aa" };
        let mut next = 0;
        for number in replica.numbers(stream) {
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
    let writer = staging(&server, "lane", "aa");
    write(&writer, &frame(0, 0..500));
    let staged = prepared(&writer);
    let mut settings = settings(server.port, r#""minReplicasToAck":1,"#);
    settings.connection.command_timeout_millis = 200;
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

#[test]
fn a_write_that_is_rejected_sets_no_time_to_live() {
    let server = RedisServer::start();
    server.run("SET taken text");
    server.run("HSET old f 1");
    server.run("EXPIRE old 1000");
    for letters in [r#""deadLetterStream":"dead","#, ""] {
        let writer =
            Writer::new(settings(server.port, &format!(r#""kind":"HASH","ttlSeconds":60,{letters}"#))).unwrap();
        write(&writer, &frame_of(&[&[("k", ""), ("n", "1")], &[("taken", ""), ("n", "1")], &[("l", ""), ("n", "1")]]));
        let flushed = writer.flush(PATIENCE);
        assert_eq!(flushed.is_ok(), !letters.is_empty(), "{flushed:?}");
        assert_eq!(server.int("TTL taken"), -1);
        assert_eq!(server.text("GET taken"), "text");
        assert!(server.int("TTL k") > 0);
    }
    // The server is asked for what it takes, one by one.
    assert!((990..=1000).contains(&server.int("TTL old")));
    let writer = Writer::new(settings(server.port, r#""kind":"HASH","ttlSeconds":60,"#)).unwrap();
    write(&writer, &frame_of(&[&[("old", ""), ("n", "1")]]));
    flush(&writer);
    assert!((50..=60).contains(&server.int("TTL old")));
    assert_eq!(writer.stats().in_flight_bytes, 0);
}

#[test]
fn times_to_live_are_set_also_when_connections_are_lost() {
    let server = RedisServer::start();
    let writer = Writer::new(settings(server.port, r#""kind":"HASH","ttlSeconds":600,"#)).unwrap();
    for round in 0..200 {
        let keys: Vec<String> = (0..20).map(|n| format!("k{round}-{n}")).collect();
        let records: Vec<[(&str, &str); 2]> = keys.iter().map(|key| [(key.as_str(), ""), ("n", "1")]).collect();
        write(&writer, &frame_of(&records.iter().map(|record| &record[..]).collect::<Vec<_>>()));
        if round % 10 == 5 {
            server.run("CLIENT KILL TYPE normal");
        }
    }
    flush(&writer);
    let keys = server.run("KEYS k*");
    let keys = keys.as_sequence().unwrap();
    assert_eq!(keys.len(), 4000);
    for key in keys {
        let Value::BulkString(key) = key else { panic!("{key:?}") };
        assert!(server.int(&format!("TTL {}", String::from_utf8_lossy(key))) > 0, "{key:?}");
    }
}

#[test]
fn a_record_beyond_the_servers_limit_is_a_letter_and_no_other_is() {
    let server = RedisServer::start_with(&["--proto-max-bulk-len", "1mb"]);
    let long = "x".repeat(5 << 20);
    for more in ["", r#""kind":"HASH","#, r#""kind":"HASH","ttlSeconds":60,"#] {
        for round in 0..5 {
            server.run("FLUSHALL");
            let bytes = r#""maxInFlightBytes":67108864,"#;
            let writer =
                Writer::new(settings(server.port, &format!(r#"{more}{bytes}"deadLetterStream":"dead","#))).unwrap();
            let texts: Vec<String> = (0..200).map(|n| n.to_string()).collect();
            for (n, text) in texts.iter().enumerate() {
                match more.is_empty() {
                    true => write(&writer, &frame_of(&[&[("n", text)]])),
                    false => write(&writer, &frame_of(&[&[(&format!("k{text}"), ""), ("n", text)]])),
                }
                if n == 99 {
                    write(&writer, &frame_of(&[&[("large", if more.is_empty() { "1" } else { "" }), ("n", &long)]]));
                }
            }
            flush(&writer);
            let letters = server.entries("dead");
            assert_eq!(letters.len(), 1, "{more} {round}");
            assert!(letters[0][1].contains("invalid bulk length"), "{}", letters[0][1]);
            let value = letters[0].last().unwrap();
            assert!(value.len() == 1 << 20 && value.ends_with("x… (5242880 bytes)"), "{} bytes", value.len());
            match more.is_empty() {
                true => {
                    let mut there = server.numbers("t:0");
                    there.sort_unstable();
                    there.dedup();
                    assert_eq!(there, (0..200).collect::<Vec<_>>());
                }
                false => assert_eq!(server.int("DBSIZE"), 201),
            }
            assert_eq!(writer.stats().in_flight_bytes, 0);
        }
    }
}

#[test]
fn a_record_beyond_the_servers_limit_fails_the_writer_with_its_size() {
    let server = RedisServer::start_with(&["--proto-max-bulk-len", "1mb"]);
    let long = "x".repeat(5 << 20);
    let staging = r#""staging":{"lane":"lane","attempt":"aa"},"#;
    for (more, before) in [("", 10), (staging, 10), (staging, 0)] {
        let bytes = r#""maxInFlightBytes":67108864,"#;
        let writer = Writer::new(settings(server.port, &format!("{more}{bytes}"))).unwrap();
        write(&writer, &frame(0, 0..before));
        write(&writer, &frame_of(&[&[("n", "1"), ("long", &long)]]));
        let error = writer.flush(PATIENCE).unwrap_err().to_string();
        let stream = if more.is_empty() { "stream 't:0', XADD" } else { "staging stream '{t:0}:staging:lane:1:aa'" };
        for part in [stream, "invalid bulk length", "the record of 524", "proto-max-bulk-len"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("gave up"), "{error}");
    }
}

#[test]
fn keys_of_others_are_cut_and_escaped_in_messages_and_whole_in_letters() {
    let server = RedisServer::start();
    logs::install();
    let key = format!("a\r\nERROR \u{1b}[2J{}", "k".repeat(3 << 20));
    server.run_args(&[b"SET", key.as_bytes(), b"text"]);
    let bytes = r#""maxInFlightBytes":67108864,"trace":"ALL","#;
    let record: &[&[(&str, &str)]] = &[&[(&key, ""), ("n", "1")]];
    let writer = Writer::new(settings(server.port, &format!(r#""kind":"HASH",{bytes}"#))).unwrap();
    write(&writer, &frame_of(record));
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.len() < 2000 && !error.contains('\n') && error.contains(r"key 'a\r\nERROR \u{1b}[2Jkkk"), "{error}");
    let writer =
        Writer::new(settings(server.port, &format!(r#""kind":"HASH",{bytes}"deadLetterStream":"dead","#))).unwrap();
    write(&writer, &frame_of(record));
    flush(&writer);
    assert_eq!(server.entries("dead")[0][5], key);
    for event in logs::drain().unwrap().events {
        assert!(event.message.len() < 40_000 && !event.message.contains('\u{1b}'), "{}", &event.message[..200]);
    }
}

#[test]
fn a_hash_with_the_name_of_the_dead_letter_stream_is_a_letter_too() {
    let server = RedisServer::start();
    server.run("XADD dead * f v");
    let writer = Writer::new(settings(server.port, r#""kind":"HASH","deadLetterStream":"dead","#)).unwrap();
    write(&writer, &frame_of(&[&[("dead", ""), ("n", "1")]]));
    flush(&writer);
    assert_eq!(server.entries("dead")[1][2..], ["command", "HSET", "key", "dead", "n", "1"]);
}

#[test]
fn a_stream_of_the_topic_takes_no_dead_letters() {
    let json = |stream: &str, kind: &str| {
        let connection = support::connection_json(1);
        SinkSettings::from_json(&format!(
            r#"{{{connection},"kind":"{kind}","topic":"t","numPartitions":2,"maxInFlightBytes":1,"deadLetterStream":"{stream}"}}"#
        ))
    };
    let error = json("t:1", "STREAM").unwrap_err().to_string();
    assert!(error.contains("'t:1'") && error.contains("topicName 't'"), "{error}");
    assert!(json("t:2", "STREAM").is_ok() && json("t", "STREAM").is_ok() && json("t:1", "HASH").is_ok());
}
