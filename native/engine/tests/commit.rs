//! Commits of the exactly-once stream sink against a real server: what fails half way, and what the version before this
//! one has left.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use flink_redis_engine::config::{Secret, SinkSettings};
use flink_redis_engine::error::{Error, FaultKind};
use flink_redis_engine::sink::{Committable, Committer, Lane, Writer};
use redis::Value;
use support::writing::{batch, batch_of, commit, prepared, settings, staged_by_old_version, write};
use support::{PATIENCE, RedisServer, await_that};

const MARK: &str = "{t:0}:staging:lane:aa:committed";
/// The script by which the version before this one moved a chunk of 200 entries.
const OLD_SCRIPT: &str = include_str!("support/move-of-0.1.lua");

fn staging(server: &RedisServer) -> Writer {
    Writer::new(settings(server.port, r#""staging":{"lane":"lane","incarnation":"aa"},"#)).unwrap()
}

/// These numbers, staged by one epoch.
fn staged(server: &RedisServer, numbers: std::ops::Range<u64>) -> Vec<Committable> {
    let writer = staging(server);
    write(&writer, &batch(0, numbers));
    prepared(&writer)
}

fn committer(server: &RedisServer) -> Committer {
    Committer::new(settings(server.port, "")).unwrap()
}

fn calls(server: &RedisServer, command: &str) -> u64 {
    let stats = server.text("INFO commandstats");
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or_default()
}

#[test]
fn a_record_of_very_many_fields_is_taken_and_each_is_there_once() {
    let server = RedisServer::start();
    for fields in [3_999, 4_100, 60_000] {
        server.run("FLUSHALL");
        let names: Vec<String> = (0..fields).map(|field| format!("f{}", field % 4000)).collect();
        let wide: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
        let writer = staging(&server);
        write(&writer, &batch(0, 0..10));
        write(&writer, &batch_of(&[&wide]));
        write(&writer, &batch(0, 10..20));
        let staged = prepared(&writer);
        (0..3).for_each(|_| commit(&committer(&server), &staged));
        let entries = server.entries("t:0");
        assert_eq!(entries.len(), 21);
        assert_eq!(entries[9], ["n", "9"]);
        // Also names that come again, in their order.
        let expected: Vec<&str> = wide.iter().flat_map(|(name, value)| [*name, *value]).collect();
        assert_eq!(entries[10], expected);
        assert_eq!(entries[20], ["n", "19"]);
    }
}

#[test]
fn bytes_and_trimming_are_those_of_at_least_once() {
    let server = RedisServer::start();
    let writer = staging(&server);
    let texts: Vec<String> = (0..50).map(|n| format!("\r\n$-1\r\n\0é{n}")).collect();
    texts.iter().for_each(|text| write(&writer, &batch_of(&[&[(text.as_str(), ""), ("", text.as_str())]])));
    let staged = prepared(&writer);
    let committer = Committer::new(settings(server.port, r#""maxLen":10,"#)).unwrap();
    commit(&committer, &staged);
    let expected: Vec<Vec<String>> =
        texts[40..].iter().map(|text| vec![text.clone(), String::new(), String::new(), text.clone()]).collect();
    assert_eq!(server.entries("t:0"), expected);
}

#[test]
fn a_commit_without_a_permission_writes_nothing_twice_and_is_finished_once_it_has_it() {
    let server = RedisServer::start();
    let commands = ["watch", "get", "xlen", "xrange", "multi", "xadd", "set", "exec", "expire", "del", "srem"]
        .map(|name| (name, name));
    // Keys that may be read and not written fail the appends when they are queued.
    for (missing, revoked) in commands.into_iter().chain([("a key", "")]) {
        server.run("FLUSHALL");
        let staged = staged(&server, 0..1250);
        let made = server.run("ACL SETUSER app reset on >pw ~* -@all +@all");
        assert_eq!(made, Value::Okay);
        let revoke = match revoked {
            "" => "ACL SETUSER app resetkeys ~{t:0}* %R~t:0".to_owned(),
            command => format!("ACL SETUSER app -{command}"),
        };
        assert_eq!(server.run(&revoke), Value::Okay);
        let mut settings = settings(server.port, "");
        (settings.connection.user, settings.connection.password) = ("app".to_owned(), Secret::new("pw"));
        for _ in 0..3 {
            let error = Committer::new(settings.clone()).unwrap().commit(&staged, PATIENCE).unwrap_err();
            assert!(matches!(&error, Error::Redis(fault) if fault.kind == FaultKind::Permission), "{missing}: {error}");
            assert!(error.to_string().contains(&staged[0].key), "{missing}: {error}");
            let there = server.int("XLEN t:0");
            assert!(matches!((missing, there), ("expire" | "del" | "srem", 1250) | (_, 0)), "{missing}: {there}");
        }
        assert_eq!(server.run("ACL SETUSER app ~* +@all"), Value::Okay);
        commit(&Committer::new(settings).unwrap(), &staged);
        assert_eq!(server.numbers("t:0"), (0..1250).collect::<Vec<_>>(), "{missing}");
        assert_eq!(server.int(&format!("EXISTS {} {{t:0}}:staging", staged[0].key)), 0);
    }
}

#[test]
fn a_command_that_is_not_there_is_told_of_before_anything_is_staged() {
    for missing in ["WATCH", "XRANGE", "SET", "SREM"] {
        let server = RedisServer::start_with(&["--rename-command", missing, ""]);
        let lanes = [Lane { lane: "lane".into(), incarnation: "aa".into(), epoch: 0 }];
        let error = committer(&server).recover(&lanes, PATIENCE).unwrap_err().to_string();
        assert!(error.contains("unknown command") && error.contains(missing), "{error}");
    }
    // The trial leaves nothing, and a server that is full is no matter.
    let server = RedisServer::start();
    server.run("CONFIG SET maxmemory 1");
    assert!(committer(&server).recover(&[], PATIENCE).unwrap());
    server.run("CONFIG SET maxmemory 0");
    assert!(committer(&server).recover(&[], PATIENCE).unwrap());
    assert_eq!(server.int("DBSIZE"), 0);
}

#[test]
fn a_topic_of_another_type_is_named_and_nothing_is_marked() {
    let server = RedisServer::start();
    let staged = staged(&server, 0..700);
    server.run("SET t:0 text");
    let error = committer(&server).commit(&staged, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("XLEN 't:0'") && error.contains("WRONGTYPE"), "{error}");
    assert_eq!(server.int(&format!("EXISTS {MARK}")), 0);
    server.run("DEL t:0");
    commit(&committer(&server), &staged);
    assert_eq!(server.numbers("t:0"), (0..700).collect::<Vec<_>>());
}

#[test]
fn of_a_transaction_that_fails_in_part_the_rest_is_still_to_be_moved() {
    let server = RedisServer::start();
    let staged = staged(&server, 0..700);
    // Five more IDs.
    server.run("XADD t:0 18446744073709551615-18446744073709551610 n 1000");
    for _ in 0..3 {
        let error = committer(&server).commit(&staged, PATIENCE).unwrap_err().to_string();
        assert!(error.contains("stream 't:0', XADD") && error.contains("exhausted"), "{error}");
        assert_eq!(server.numbers("t:0"), [1000, 0, 1, 2, 3, 4]);
        assert_eq!(server.text(&format!("GET {MARK}")), "1-5");
    }
    server.run("DEL t:0");
    commit(&committer(&server), &staged);
    assert_eq!(server.numbers("t:0"), (5..700).collect::<Vec<_>>());
}

/// Of many partitions some are committed at the same time, also by two committers, and of each the epochs in order.
#[test]
fn partitions_are_committed_side_by_side() {
    let server = RedisServer::start();
    let sized = |more: &str| {
        let json = settings(server.port, more);
        SinkSettings { num_partitions: 9, max_in_flight_bytes: 64 << 20, ..json }
    };
    let writer = Writer::new(sized(r#""staging":{"lane":"lane","incarnation":"aa"},"#)).unwrap();
    let epoch = |first: u64| {
        (0..9).for_each(|partition| write(&writer, &batch(partition, first..first + 3000)));
        prepared(&writer)
    };
    let staged = [epoch(0), epoch(3000)].concat();
    assert_eq!(staged.len(), 18);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| commit(&Committer::new(sized("")).unwrap(), &staged));
        }
    });
    for partition in 0..9 {
        assert_eq!(server.numbers(&format!("t:{partition}")), (0..6000).collect::<Vec<_>>());
    }
    await_that("no connection is left", || server.connections("flink-test-commit") == 0);
}

#[test]
fn an_epoch_behind_a_later_one_is_told_of_and_left_alone() {
    let server = RedisServer::start();
    let writer = staging(&server);
    let epochs = [0..300, 300..310].map(|numbers| {
        write(&writer, &batch(0, numbers));
        prepared(&writer)
    });
    commit(&committer(&server), &epochs[1]);
    for _ in 0..2 {
        let error = committer(&server).commit(&epochs[0], PATIENCE).unwrap_err().to_string();
        assert!(error.contains(&epochs[0][0].key) && error.contains("the later epoch 2 was committed"), "{error}");
        assert_eq!(server.numbers("t:0"), (300..310).collect::<Vec<_>>());
        assert_eq!(server.int(&format!("XLEN {}", epochs[0][0].key)), 1);
    }
}

#[test]
fn what_one_transaction_moves_is_bounded_by_bytes_and_by_count() {
    let server = RedisServer::start();
    let writer = Writer::new(SinkSettings {
        max_in_flight_bytes: 64 << 20,
        ..settings(server.port, r#""staging":{"lane":"lane","incarnation":"aa"},"#)
    })
    .unwrap();
    let text = "x".repeat(1 << 20);
    for n in 0..12 {
        write(&writer, &batch(0, n * 500..(n + 1) * 500));
        write(
            &writer,
            &batch_of(&[&[("n", &n.to_string()), ("text", &text)], &[("n", &n.to_string()), ("text", &text)]]),
        );
    }
    let staged = prepared(&writer);
    let before = calls(&server, "exec");
    commit(&committer(&server), &staged);
    let transactions = calls(&server, "exec") - before;
    assert_eq!(server.int("XLEN t:0"), 12 * 502);
    // Each large entry goes alone, and the small ones many at a time.
    assert!((36..200).contains(&transactions), "{transactions} transactions");
}

#[test]
fn what_the_version_before_this_one_has_half_moved_is_finished() {
    let server = RedisServer::start();
    for (records, chunks) in [(1000, 0), (1000, 1), (1000, 3), (1000, 4), (1000, 5), (201, 1)] {
        server.run("FLUSHALL");
        let staged = [staged_by_old_version(&server, 0..records)];
        let moves = || {
            let epoch = staged[0].epoch.to_string();
            let records = records.to_string();
            let words =
                [OLD_SCRIPT, "4", &staged[0].key, "t:0", MARK, "{t:0}:staging", "200", "604800", &epoch, &records];
            let words: Vec<&[u8]> =
                [&b"EVAL"[..]].into_iter().chain(words.iter().map(|word| word.as_bytes())).collect();
            server.run_args(&words)
        };
        (0..chunks).for_each(|_| assert!(matches!(moves(), Value::Int(0..))));
        assert_eq!(server.int("XLEN t:0"), i64::min(records as i64, chunks * 200));
        // Also where this version was interrupted.
        if chunks == 3 {
            server.run("XADD t:0 18446744073709551615-18446744073709551610 n 1000");
            committer(&server).commit(&staged, PATIENCE).unwrap_err();
            assert_eq!(server.text(&format!("GET {MARK}")), "1-605");
            server.run("XDEL t:0 18446744073709551615-18446744073709551610");
            let entries = server.numbers("t:0");
            server.run("DEL t:0");
            entries.iter().for_each(|n| server.add("t:0", *n..n + 1));
        }
        commit(&committer(&server), &staged);
        assert_eq!(server.numbers("t:0"), (0..records).collect::<Vec<_>>(), "{chunks} chunks of {records}");
        assert_eq!(server.int(&format!("EXISTS {} {{t:0}}:staging", staged[0].key)), 0);
        assert_eq!(server.text(&format!("GET {MARK}")), "1");
    }
}

#[test]
fn a_server_that_is_full_is_waited_for_and_gets_each_record_once() {
    let server = RedisServer::start();
    let staged = staged(&server, 0..3000);
    server.run("CONFIG SET maxmemory 1");
    let committer = committer(&server);
    assert!(!committer.commit(&staged, std::time::Duration::from_millis(500)).unwrap());
    assert_eq!(server.int("XLEN t:0"), 0);
    server.run("CONFIG SET maxmemory 0");
    commit(&committer, &staged);
    assert_eq!(server.numbers("t:0"), (0..3000).collect::<Vec<_>>());
}
