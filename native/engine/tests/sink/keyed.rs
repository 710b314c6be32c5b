//! Hashes and JSON documents: their order, and their time to live.

use flink_redis_engine::sink::Writer;
use redis::Value;

use crate::support::writing::{batch_of, flush, settings, write};
use crate::support::{PATIENCE, RedisServer};

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
                &batch_of(&[&[(&key, ""), ("n", &n)], &[("taken", ""), ("n", &n)], &[(&key, ""), ("m", &n)]]),
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
            write(&writer, &batch_of(&[&[("k", ""), ("n", &round.to_string())]]));
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
    let written = writer.write(&batch_of(&[&[("k", "{}")]]), PATIENCE);
    let error = written.and_then(|_| writer.flush(PATIENCE)).unwrap_err().to_string();
    assert!(error.contains("no JSON module") && error.contains("RedisJSON"), "{error}");
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
        write(&writer, &batch_of(&[&[("k", ""), ("n", "1")], &[("taken", ""), ("n", "1")], &[("l", ""), ("n", "1")]]));
        let flushed = writer.flush(PATIENCE);
        assert_eq!(flushed.is_ok(), !letters.is_empty(), "{flushed:?}");
        assert_eq!(server.int("TTL taken"), -1);
        assert_eq!(server.text("GET taken"), "text");
        assert!(server.int("TTL k") > 0);
    }
    // The server is asked for what it takes, one by one.
    assert!((990..=1000).contains(&server.int("TTL old")));
    let writer = Writer::new(settings(server.port, r#""kind":"HASH","ttlSeconds":60,"#)).unwrap();
    write(&writer, &batch_of(&[&[("old", ""), ("n", "1")]]));
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
        write(&writer, &batch_of(&records.iter().map(|record| &record[..]).collect::<Vec<_>>()));
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
