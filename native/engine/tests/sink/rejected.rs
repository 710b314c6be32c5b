//! Records that the server rejects: dead letters, or an error that names the record.

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::sink::Writer;
use flink_redis_engine::telemetry::logs;

use crate::support;
use crate::support::writing::{batch, batch_of, flush, settings, write};
use crate::support::{PATIENCE, RedisServer};

#[test]
fn a_rejected_record_goes_to_the_dead_letters_and_delays_no_other() {
    let server = RedisServer::start();
    server.run("SET t:1 text");
    logs::install();
    let writer = Writer::new(settings(server.port, r#""deadLetterStream":"dead","trace":"METADATA","#)).unwrap();
    write(&writer, &batch(0, 0..5));
    write(&writer, &batch(1, 5..7));
    write(&writer, &batch(0, 7..9));
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
    write(&writer, &batch(1, 5..7));
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    for part in ["sink topic 't'", "stream 't:1'", "XADD", "WRONGTYPE"] {
        assert!(error.contains(part), "{error}");
    }
    // A dead-letter stream that is no stream does not go round in circles.
    server.run("SET dead text");
    let writer = Writer::new(settings(server.port, r#""deadLetterStream":"dead","#)).unwrap();
    write(&writer, &batch(1, 5..7));
    assert!(writer.flush(PATIENCE).unwrap_err().to_string().contains("stream 'dead'"));
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
                if more.is_empty() {
                    write(&writer, &batch_of(&[&[("n", text)]]))
                } else {
                    write(&writer, &batch_of(&[&[(&format!("k{text}"), ""), ("n", text)]]))
                }
                if n == 99 {
                    write(&writer, &batch_of(&[&[("large", if more.is_empty() { "1" } else { "" }), ("n", &long)]]));
                }
            }
            flush(&writer);
            let letters = server.entries("dead");
            assert_eq!(letters.len(), 1, "{more} {round}");
            assert!(letters[0][1].contains("invalid bulk length"), "{}", letters[0][1]);
            let value = letters[0].last().unwrap();
            assert!(value.len() == 1 << 20 && value.ends_with("x… (5242880 bytes)"), "{} bytes", value.len());
            if more.is_empty() {
                let mut there = server.numbers("t:0");
                there.sort_unstable();
                there.dedup();
                assert_eq!(there, (0..200).collect::<Vec<_>>());
            } else {
                assert_eq!(server.int("DBSIZE"), 201)
            }
            assert_eq!(writer.stats().in_flight_bytes, 0);
            // What the server said before it closed the connection was received, and that record is not sent again.
            assert_eq!(writer.stats().reconnects, 1, "{more} {round}");
        }
    }
}

#[test]
fn a_record_beyond_the_servers_limit_fails_the_writer_with_its_size() {
    let server = RedisServer::start_with(&["--proto-max-bulk-len", "1mb"]);
    let long = "x".repeat(5 << 20);
    let staging = r#""staging":{"lane":"lane","incarnation":"aa"},"#;
    for (more, before) in [("", 10), (staging, 10), (staging, 0)] {
        let bytes = r#""maxInFlightBytes":67108864,"#;
        let writer = Writer::new(settings(server.port, &format!("{more}{bytes}"))).unwrap();
        write(&writer, &batch(0, 0..before));
        write(&writer, &batch_of(&[&[("n", "1"), ("long", &long)]]));
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
    write(&writer, &batch_of(record));
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.len() < 2000 && !error.contains('\n') && error.contains(r"key 'a\r\nERROR \u{1b}[2Jkkk"), "{error}");
    let writer =
        Writer::new(settings(server.port, &format!(r#""kind":"HASH",{bytes}"deadLetterStream":"dead","#))).unwrap();
    write(&writer, &batch_of(record));
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
    write(&writer, &batch_of(&[&[("dead", ""), ("n", "1")]]));
    flush(&writer);
    assert_eq!(server.entries("dead")[1][2..], ["command", "HSET", "key", "dead", "n", "1"]);
}

#[test]
fn a_stream_of_the_topic_takes_no_dead_letters() {
    let json = |stream: &str, kind: &str| {
        let connection = support::connection_json(1);
        SinkSettings::from_json(&format!(
            r#"{{{connection},"kind":"{kind}","topic":"t","numPartitions":2,"maxInFlightBytes":1,
            "deadLetterStream":"{stream}"}}"#
        ))
    };
    let error = json("t:1", "STREAM").unwrap_err().to_string();
    assert!(error.contains("'t:1'") && error.contains("topicName 't'"), "{error}");
    assert!(json("t:2", "STREAM").is_ok() && json("t", "STREAM").is_ok() && json("t:1", "HASH").is_ok());
}
