//! Values of all sizes, above all around the sizes at which the way changes that they take: written and read as they
//! are.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use flink_redis_engine::sink::Writer;
use flink_redis_engine::source::Reader;
use redis::Value;
use support::reading::discover;
use support::{PATIENCE, RedisServer, reading, writing};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Each boundary, and one more and one less; with a small value between the large ones.
fn sizes() -> Vec<usize> {
    let around = [16 * KIB, 64 * KIB, 256 * KIB, MIB].into_iter().flat_map(|size| [size - 1, size, size + 1]);
    let all = [0, 1].into_iter().chain(around).chain([5 * MIB, 64 * MIB]);
    all.flat_map(|size| [size, 5]).collect()
}

/// The length of what values repeat: prime, so that what is lost or doubled shows, however it is aligned.
const PERIOD: usize = 4099;

/// A value that has lines in it, and is another one for each number.
fn value(number: usize, size: usize) -> String {
    let mut at = 1u64;
    let mut period = String::new();
    while period.len() < PERIOD {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        period.push_str(&format!("{at:x}\r\n"));
    }
    period.truncate(PERIOD);
    let from = number * 101 % PERIOD;
    period.repeat(size / PERIOD + 2)[from..from + size].to_owned()
}

/// Asserts that these are the same, without showing megabytes.
fn assert_same(number: usize, got: &[u8], sent: &[u8]) {
    if got != sent {
        let differs = got.iter().zip(sent).position(|(got, sent)| got != sent);
        panic!("value {number} of {} bytes has {}, and another byte at {differs:?}", sent.len(), got.len());
    }
}

/// Writes all values, each in a batch of its own.
fn write_all(server: &RedisServer, kind: &str, pairs: impl Fn(usize, &str) -> [(String, String); 2]) {
    let writer = Writer::new(writing::settings(server.port, kind)).unwrap();
    for (number, size) in sizes().into_iter().enumerate() {
        let [key, data] = pairs(number, &value(number, size));
        let record: [(&str, &str); 2] = [(&key.0, &key.1), (&data.0, &data.1)];
        writing::write(&writer, &writing::batch_of(&[&record]));
    }
    writing::flush(&writer);
}

/// Reads field, value, field, value.
fn strings_of(mut entry: &[u8]) -> Vec<&[u8]> {
    let mut strings = Vec::new();
    while let Some((length, rest)) = entry.split_first_chunk::<4>() {
        let (string, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        strings.push(string);
        entry = rest;
    }
    strings
}

#[test]
fn values_of_all_sizes_go_through_a_stream_as_they_are() {
    let server = RedisServer::start();
    write_all(&server, "", |number, value| [("n".into(), number.to_string()), ("v".into(), value.to_owned())]);
    for strategy in ["ON_CHECKPOINT", "NOACK", "COMMIT_POSITION"] {
        server.run("XGROUP DESTROY t:0 g");
        let more = format!(r#""ackStrategy":"{strategy}","maxBufferedBytes":16777216,"#);
        let settings = reading::settings(server.port, &more);
        let reader = Reader::new(settings.clone()).unwrap();
        reader.add_splits(discover(&settings, false, &[])).unwrap();
        let (sizes, begin, mut number) = (sizes(), Instant::now(), 0);
        while number < sizes.len() {
            assert!(begin.elapsed() < 3 * PATIENCE, "{strategy}: {number} of {}; {:?}", sizes.len(), reader.stats());
            let Some(batch) = reader.poll(Duration::from_millis(100)).unwrap() else { continue };
            let mut rest = &batch.bytes[32..];
            for _ in 0..batch.entries {
                let (header, tail) = rest.split_at(24);
                let (entry, tail) = tail.split_at(u32::from_le_bytes(header[20..24].try_into().unwrap()) as usize);
                let strings = strings_of(entry);
                assert_eq!(strings[..3], [b"n".as_slice(), number.to_string().as_bytes(), b"v"], "{strategy}");
                assert_same(number, strings[3], value(number, sizes[number]).as_bytes());
                number += 1;
                rest = tail;
            }
            assert!(rest.is_empty());
        }
    }
}

#[test]
fn values_of_all_sizes_go_into_hashes_as_they_are() {
    let server = RedisServer::start();
    write_all(&server, r#""kind":"HASH","#, |number, value| {
        [(format!("k{number}"), String::new()), ("v".into(), value.to_owned())]
    });
    for (number, size) in sizes().into_iter().enumerate() {
        let Value::BulkString(got) = server.run(&format!("HGET k{number} v")) else { panic!("no value {number}") };
        assert_same(number, &got, value(number, size).as_bytes());
    }
}
