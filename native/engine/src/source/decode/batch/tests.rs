use super::*;

/// Fields of an entry, in order.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads a batch as Java does.
pub(crate) fn entries_of(batch: &Batch) -> Vec<(EntryId, Fields)> {
    let u32_at = |at: usize| u32::from_le_bytes(batch.bytes[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(batch.bytes[at..at + 8].try_into().unwrap());
    let mut at = HEADER;
    let mut entries = Vec::new();
    for _ in 0..u32_at(8) {
        let id = EntryId::new(u64_at(at), u64_at(at + 8));
        let pairs = u32_at(at + 16);
        let end = at + ENTRY_HEADER + u32_at(at + 20) as usize;
        at += ENTRY_HEADER;
        let mut string = || {
            let length = u32_at(at) as usize;
            at += 4 + length;
            batch.bytes[at - length..at].to_vec()
        };
        entries.push((id, (0..pairs).map(|_| (string(), string())).collect()));
        assert_eq!(at, end);
    }
    assert_eq!(at, batch.bytes.len());
    entries
}

fn add(builder: &mut BatchBuilder, id: EntryId, fields: &[(&str, &str)]) {
    builder.begin_entry(id, fields.len() as u32);
    for text in fields.iter().flat_map(|(name, value)| [name, value]) {
        builder.begin_string(text.len() as u32);
        builder.append(text.as_bytes());
    }
    builder.end_entry().unwrap();
}

#[test]
fn writes_the_golden_bytes() {
    let mut builder = BatchBuilder::new(2, 1 << 20);
    add(&mut builder, EntryId::new(5, 1), &[("key", "k1"), ("data", "v1")]);
    add(&mut builder, EntryId::new(6, 0), &[("a", "1"), ("a", "2")]);
    let scanned = builder.take();
    assert_eq!(scanned.batches.len(), 1);
    assert_eq!(scanned.batches[0].bytes, include_bytes!("../../../../../../tests/golden/batch-v1.bin"));
}

#[test]
fn leaves_out_what_was_emitted_or_is_beyond_and_says_so() {
    let mut builder = BatchBuilder::new(0, 1 << 20);
    builder.begin_reply(Filter::between(EntryId::new(2, 0), Some(EntryId::new(3, 0))));
    for ms in 1..=4 {
        add(&mut builder, EntryId::new(ms, 0), &[("f", "v")]);
    }
    let scanned = builder.take();
    assert_eq!(scanned.ids, [EntryId::new(3, 0)].into_iter().collect());
    assert_eq!(scanned.already_emitted, [EntryId::new(1, 0), EntryId::new(2, 0)].into_iter().collect());
    assert_eq!(scanned.beyond, [EntryId::new(4, 0)].into_iter().collect());
    assert_eq!(scanned.first, Some(EntryId::new(1, 0)));
    assert_eq!(entries_of(&scanned.batches[0]).len(), 1);
}

#[test]
fn large_entries_come_apart_from_their_headers() {
    let value = "x".repeat(LARGE_ENTRY);
    let mut builder = BatchBuilder::new(2, 1 << 20);
    for ms in 5..7 {
        add(&mut builder, EntryId::new(ms, 1), &[("f", &value)]);
    }
    let batch = &builder.take().batches[0];
    let (headers, strings) = batch.in_parts(2).unwrap();
    let whole = &batch.bytes;
    let each = ENTRY_HEADER + strings[0].len();
    assert_eq!(headers[1], APART);
    assert_eq!(headers[2..HEADER], whole[2..HEADER]);
    for (at, entry) in strings.into_iter().enumerate() {
        let (header, rest) = whole[HEADER + at * each..].split_at(ENTRY_HEADER);
        assert_eq!(headers[HEADER + at * ENTRY_HEADER..][..ENTRY_HEADER], *header);
        assert_eq!(*entry, rest[..entry.len()]);
    }
    assert_eq!(headers.len(), HEADER + 2 * ENTRY_HEADER);
    assert!(batch.in_parts(1).is_none(), "more than Java has room for");
    add(&mut builder, EntryId::new(8, 0), &[("f", "v")]);
    assert!(builder.take().batches[0].in_parts(2).is_none(), "small");
    assert!(empty(0, FINISHED, EntryId::ZERO).in_parts(2).is_none());
}

#[test]
fn cuts_by_size() {
    let mut builder = BatchBuilder::new(0, 200);
    for ms in 1..=10 {
        add(&mut builder, EntryId::new(ms, 0), &[("field", "a value of some length")]);
    }
    let scanned = builder.take();
    assert!(scanned.batches.len() > 2);
    let ids: Vec<_> = scanned.batches.iter().flat_map(entries_of).map(|(id, _)| id.ms).collect();
    assert_eq!(ids, (1..=10).collect::<Vec<_>>());
}
