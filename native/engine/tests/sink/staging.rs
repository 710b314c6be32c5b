//! Exactly once: what is staged, committed, found missing, and deleted by the recovery.

use flink_redis_engine::error::{Error, FaultKind};
use flink_redis_engine::sink::{Committer, Lane, Writer};
use redis::Value;

use crate::staging_writer;
use crate::support::writing::{batch, commit, flush, prepared, settings, staged_by_old_version, write};
use crate::support::{PATIENCE, RedisServer};

/// Writes each number in a batch of its own, so that each is staged in an entry of its own.
fn write_singly(writer: &Writer, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| write(writer, &batch(0, number..number + 1)));
}

#[test]
fn an_epoch_is_seen_when_it_is_committed_and_once() {
    let server = RedisServer::start();
    let writer = staging_writer(&server, "lane", "aa");
    let committer = Committer::new(settings(server.port, "")).unwrap();
    write(&writer, &batch(0, 0..1000));
    write(&writer, &batch(1, 0..3));
    let first = prepared(&writer);
    assert_eq!(
        first.iter().map(|one| (one.partition, one.records, one.epoch)).collect::<Vec<_>>(),
        [(0, 1000, 1), (1, 3, 1)]
    );
    write(&writer, &batch(0, 1000..1010));
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
    let writer = staging_writer(&server, "lane", "aa");
    for round in 0..200 {
        write(&writer, &batch(0, round * 50..(round + 1) * 50));
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
    let writer = staging_writer(&server, "lane", "aa");
    write_singly(&writer, 0..10);
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
    write(&writer, &batch(0, 0..10));
    flush(&writer);
    server.run("DEL {t:0}:staging:lane:2:aa");
    write(&writer, &batch(0, 10..11));
    assert!(writer.flush(PATIENCE).unwrap_err().to_string().contains("{t:0}:staging:lane:2:aa"));
    assert_eq!(server.int("EXISTS {t:0}:staging:lane:2:aa"), 0);
}

#[test]
fn what_is_missing_of_an_epoch_is_named_and_nothing_of_it_is_committed() {
    let server = RedisServer::start();
    let writer = staging_writer(&server, "lane", "aa");
    write_singly(&writer, 0..1000);
    write(&writer, &batch(0, 1000..2200));
    let staged = prepared(&writer);
    let key = &staged[0].key;
    let committer = Committer::new(settings(server.port, "")).unwrap();
    for (lost, named) in [
        (3..=3, "missing: 1-3;"),
        (7..=9, "missing: 1-3, 1-7 to 1-9;"),
        (1..=1, "missing: 1-1, 1-3, 1-7 to 1-9;"),
        (600..=1000, "missing: 1-1, 1-3, 1-7 to 1-9, 1-600 to 1-1000;"),
        // Of packs of 512.
        (2024..=2024, "missing: 1-1, 1-3, 1-7 to 1-9, 1-600 to 1-1000, 1-1513 to 1-2024;"),
        (1512..=1512, "1-7 to 1-9, 1-600 to 1-2024;"),
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
    let staged = vec![staged_by_old_version(&server, 0..1000)];
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
    let writer = staging_writer(&server, "lane", "aa");
    write_singly(&writer, 0..10);
    flush(&writer);
    let key = "{t:0}:staging:lane:1:aa";
    assert!(server.int(&format!("TTL {key}")) > 0 && server.int("TTL {t:0}:staging") > 0);
    server.run(&format!("XDEL {key} 1-5"));
    write_singly(&writer, 10..12);
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.contains(key) && error.contains("does not hold all 12 entries"), "{error}");
}

#[test]
fn recovery_keeps_what_is_committed_and_deletes_the_rest_of_its_lanes() {
    let server = RedisServer::start();
    let kept = staging_writer(&server, "mine", "aa");
    write(&kept, &batch(0, 0..5));
    let committable = prepared(&kept);
    write(&kept, &batch(0, 5..9));
    flush(&kept);
    for (lane, incarnation) in [("mine", "bb"), ("other", "cc")] {
        let writer = staging_writer(&server, lane, incarnation);
        write(&writer, &batch(0, 0..5));
        flush(&writer);
    }
    let committer = Committer::new(settings(server.port, "")).unwrap();
    let lanes = [Lane { lane: "mine".into(), incarnation: "aa".into(), epoch: 1 }];
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
