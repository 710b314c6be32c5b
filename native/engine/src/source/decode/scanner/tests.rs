use super::*;
use crate::resp::damage;
use crate::source::decode::batch::tests::{Fields, entries_of};
use crate::source::decode::large_string;
use proptest::prelude::*;
use redis::Value;

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn encode(shape: Shape, entries: &[(EntryId, Fields)]) -> Vec<u8> {
    let mut out = Vec::new();
    if shape == Shape::Streams {
        out.extend_from_slice(b"*1\r\n*2\r\n");
        bulk(&mut out, b"orders:2");
    }
    out.extend_from_slice(format!("*{}\r\n", entries.len()).as_bytes());
    for (id, fields) in entries {
        out.extend_from_slice(b"*2\r\n");
        bulk(&mut out, id.to_string().as_bytes());
        out.extend_from_slice(format!("*{}\r\n", fields.len() * 2).as_bytes());
        for (name, value) in fields {
            bulk(&mut out, name);
            bulk(&mut out, value);
        }
    }
    out
}

/// Puts what is of a large string straight into the batch, as the connection does. Returns how many bytes that was.
fn past_the_scanner(scanner: &mut Scanner, bytes: &[u8], out: &mut BatchBuilder) -> usize {
    let Some((left, room)) = large_string(scanner, out) else { return 0 };
    let taken = left.min(bytes.len()).min(room.capacity() - room.len());
    room.extend_from_slice(&bytes[..taken]);
    scanner.string_came(taken);
    taken
}

/// Feeds `bytes` in pieces that end at `cuts`.
fn scan_in_pieces(shape: Shape, bytes: &[u8], cuts: &[usize]) -> (Vec<(EntryId, Fields)>, usize) {
    let mut scanner = Scanner::new(shape);
    let mut out = BatchBuilder::new(0, 300);
    let mut at = 0;
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(bytes.len());
    for end in ends {
        while at < end {
            at += past_the_scanner(&mut scanner, &bytes[at..end], &mut out);
            let (used, reply) = scanner.scan(&bytes[at..end], &mut out).unwrap();
            at += used;
            if let Some(reply) = reply {
                assert!(matches!(reply, Reply::Entries));
                return (out.take().batches.iter().flat_map(entries_of).collect(), at);
            }
            assert_eq!(at, end, "everything is consumed while the reply goes on");
        }
    }
    panic!("the reply has no end");
}

fn entries() -> impl Strategy<Value = Vec<(EntryId, Fields)>> {
    let text = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 0..400),
    ];
    let fields = prop::collection::vec((text.clone(), text), 0..5);
    prop::collection::btree_map((1u64..u64::MAX, any::<u64>()), fields, 1..12)
        .prop_map(|map| map.into_iter().map(|((ms, seq), fields)| (EntryId::new(ms, seq), fields)).collect())
}

/// Generates noise in which headers are frequent.
fn bytes_of_replies() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'-'), b'0'..=b'9'];
    prop::collection::vec(prop_oneof![6 => header, 1 => any::<u8>()], 0..300)
}

proptest! {
    #[test]
    fn gives_back_what_was_sent_however_it_is_cut(
        entries in entries(),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        streams in any::<bool>(),
    ) {
        let shape = if streams { Shape::Streams } else { Shape::Entries };
        let mut bytes = encode(shape, &entries);
        let end = bytes.len();
        bytes.extend_from_slice(b"*-1\r\n");
        let (scanned, used) = scan_in_pieces(shape, &bytes, &cuts);
        prop_assert_eq!(used, end);
        prop_assert_eq!(scanned, entries);
    }

    #[test]
    fn never_panics_or_loops_whatever_comes(bytes in bytes_of_replies(), streams in any::<bool>()) {
        let mut scanner = Scanner::new(if streams { Shape::Streams } else { Shape::Entries });
        let mut out = BatchBuilder::new(0, 300);
        let mut at = 0;
        while at < bytes.len() {
            match scanner.scan(&bytes[at..], &mut out) {
                Ok((used, reply)) => {
                    prop_assert!(used > 0);
                    at += used;
                    prop_assert!(reply.is_some() || at == bytes.len());
                }
                Err(_) => break,
            }
        }
    }
}

/// Entries, and where their reply ends.
type Scanned = (Vec<(EntryId, Fields)>, usize);

/// Scans `bytes` in pieces that end at `cuts`. Returns the entries of the reply with which they begin, and where it
/// ends; `None`: it is incomplete.
fn outcome(shape: Shape, bytes: &[u8], cuts: &[usize]) -> Result<Option<Scanned>, ()> {
    let (mut scanner, mut out) = (Scanner::new(shape), BatchBuilder::new(0, 300));
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([bytes.len()]).collect();
    ends.sort_unstable();
    let mut at = 0;
    for end in ends {
        if at == end {
            continue;
        }
        if at > 0 {
            at += past_the_scanner(&mut scanner, &bytes[at..end], &mut out);
        }
        let (used, reply) = scanner.scan(&bytes[at..end], &mut out).map_err(drop)?;
        at += used;
        if reply.is_some() {
            return Ok(Some((out.take().batches.iter().flat_map(entries_of).collect(), at)));
        }
        assert_eq!(at, end, "everything is consumed while the reply goes on");
    }
    Ok(None)
}

/// Returns the entries of a whole reply, as the `redis` crate reads it.
fn entries_in(shape: Shape, reply: &[u8]) -> Vec<(EntryId, Fields)> {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    let items = |value: &Value| value.as_sequence().map(<[Value]>::to_vec).unwrap_or_default();
    let entry = |entry: &Value| {
        let (id, fields) = (&items(entry)[0], &items(entry)[1]);
        let pairs = items(fields).chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
        // Without fields: it was deleted while it was pending.
        (*fields != Value::Nil).then(|| (EntryId::parse(&text(id)).unwrap(), pairs))
    };
    let reply = match redis::parse_redis_value(reply) {
        Ok(reply) => items(&reply),
        Err(error) => panic!("the scanner has read what the crate can't: {error}"),
    };
    match shape {
        Shape::Streams => reply.iter().flat_map(|stream| items(&items(stream)[1])).filter_map(|e| entry(&e)).collect(),
        Shape::Entries => reply.iter().filter_map(entry).collect(),
    }
}

fn assert_no_wrong_entry(shape: Shape, bytes: &[u8], cuts: &[usize]) {
    let whole = outcome(shape, bytes, &[]);
    assert_eq!(outcome(shape, bytes, cuts), whole);
    if let Ok(Some((entries, end))) = whole
        && bytes[0] == b'*'
    {
        // Entries at ID 0-0 and below the last one are left out by the builder, not by the scanner.
        let read = entries_in(shape, &bytes[..end]).into_iter().filter(|(id, _)| *id > EntryId::ZERO);
        assert_eq!(entries, read.collect::<Vec<_>>());
    }
}

proptest! {
    #[test]
    fn a_damaged_reply_gives_no_wrong_entry_however_it_is_cut(
        entries in entries(),
        damage in prop::collection::vec(damage::any(), 0..4),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        streams in any::<bool>(),
    ) {
        let shape = if streams { Shape::Streams } else { Shape::Entries };
        assert_no_wrong_entry(shape, &damage::done(encode(shape, &entries), &damage), &cuts);
    }

    #[test]
    fn noise_gives_no_wrong_entry_however_it_is_cut(
        bytes in damage::noise(),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        streams in any::<bool>(),
    ) {
        assert_no_wrong_entry(if streams { Shape::Streams } else { Shape::Entries }, &bytes, &cuts);
    }
}

#[test]
fn an_announced_length_is_not_taken_on_trust() {
    let mut out = BatchBuilder::new(0, 300);
    let mut scan = |bytes: &[u8]| Scanner::new(Shape::Entries).scan(bytes, &mut out).map(|(used, _)| used);
    assert!(scan(b"*1\r\n*2\r\n$536870912\r\n").is_err(), "an ID");
    assert!(scan(b"*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$536870913\r\n").is_err(), "a field");
    assert!(scan(b"*536870913\r\n").is_err(), "entries");
    let largest = b"*536870912\r\n*2\r\n$3\r\n1-0\r\n*536870912\r\n$536870912\r\n";
    assert_eq!(scan(largest).unwrap(), largest.len());
}

#[test]
fn every_single_cut_of_one_reply() {
    let entries = vec![
        (
            EntryId::new(1_526_919_030_474, 55),
            vec![(b"a".to_vec(), b"1".to_vec()), (b"a".to_vec(), b"\r\n$3\r\n".to_vec())],
        ),
        (EntryId::new(1_526_919_030_474, 56), vec![(Vec::new(), Vec::new())]),
    ];
    for shape in [Shape::Streams, Shape::Entries] {
        let bytes = encode(shape, &entries);
        for cut in 0..=bytes.len() {
            assert_eq!(scan_in_pieces(shape, &bytes, &[cut]).0, entries, "cut at {cut}");
        }
        let every: Vec<usize> = (0..=bytes.len()).collect();
        assert_eq!(scan_in_pieces(shape, &bytes, &every).0, entries);
    }
}

#[test]
fn the_other_replies() {
    let mut out = BatchBuilder::new(0, 300);
    let mut scan = |shape, bytes: &[u8]| Scanner::new(shape).scan(bytes, &mut out).unwrap();
    assert!(matches!(scan(Shape::Streams, b"*-1\r\n"), (5, Some(Reply::Nothing))));
    assert!(matches!(scan(Shape::Streams, b"$-1\r\n"), (5, Some(Reply::Nothing))));
    assert!(matches!(scan(Shape::Entries, b"*0\r\n"), (4, Some(Reply::Entries))));
    let (used, reply) = scan(Shape::Streams, b"-NOGROUP No such key\r\n*-1\r\n");
    assert_eq!(used, 22);
    assert!(matches!(reply, Some(Reply::Error(fault)) if fault.code == "NOGROUP"));
}

#[test]
fn an_entry_that_was_deleted_while_pending_is_passed_over() {
    let mut out = BatchBuilder::new(0, 300);
    let reply = b"*2\r\n*2\r\n$3\r\n1-0\r\n*-1\r\n*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    let (used, done) = Scanner::new(Shape::Entries).scan(reply, &mut out).unwrap();
    assert_eq!(used, reply.len());
    assert!(done.is_some());
    assert_eq!(out.take().ids, [EntryId::new(2, 0)].into_iter().collect());
}
