//! Staging streams are where the exactly-once stream sink puts the records of an epoch until its checkpoint has
//! completed.
//!
//! `{topic:p}:staging:<lane>:<epoch>:<incarnation>` is in the partition's own hash slot (without the braces where the
//! topic's name has some that decide the slot), and no reader of the topic sees it. The records of a batch are appended
//! in packs (see [`pack`](crate::sink::pack)), one entry for many of them. Appends carry the ID `epoch-sequence`, so
//! one whose reply was lost can be sent again: "equal or smaller" says that it is there. Only the
//! first append makes the stream: what was cleaned up does not come back by a writer that was given up and lives on. It
//! does so in one transaction with the stream's entry in the index and its time to live, so there is no stream without
//! them, whatever happens. The entry comes first: should `MULTI` be refused, which was tried when the writer connected,
//! recovery still finds the stream.
//!
//! "Equal or smaller" would also be said of an append that was refused, or that a failover lost, if a later one was
//! taken. So an epoch ends with a look at how many entries are there.

use std::collections::BTreeMap;

use crate::client::slot;
use crate::config::{Partition, SinkSettings, Staging as StagingSettings};
use crate::error::{Error, Fault, FaultKind, Result};
use crate::sink::committable::{Committable, Packed};
use crate::sink::pack::{self, Pack};
use crate::sink::record_batch::{Record, no_target};
use crate::sink::unit::{Commands, UnitKind};
use crate::stream::stream_name;

/// Stages the records of the current epoch.
pub(super) struct Staging {
    topic: String,
    partitions: u32,
    ttl_seconds: String,
    settings: StagingSettings,
    epoch: u64,
    /// The staging streams of this epoch, by partition.
    open: BTreeMap<Partition, Open>,
}

/// A staging stream of this epoch.
struct Open {
    key: String,
    records: u64,
    packed: Packed,
    /// How many entries there were when it was last sealed.
    sealed: u64,
}

/// Returns the key of the index of a partition's staging streams, a set.
pub(in crate::sink) fn index_key(topic: &str, partition: Partition) -> String {
    index_of(&stream_name(topic, partition))
}

/// Returns the key of the index by the name of the partition's stream.
fn index_of(stream: &str) -> String {
    let braced = format!("{{{stream}}}:staging");
    if slot(braced.as_bytes()) == slot(stream.as_bytes()) {
        braced
    } else {
        // The name has a hash tag of its own, which decides on the slot.
        format!("{stream}:staging")
    }
}

/// Requires that the topic can have staging streams, if the sink needs some.
///
/// # Errors
/// `Settings` when they would have no name in the partition's slot.
pub(in crate::sink) fn require_names(settings: &SinkSettings) -> Result<()> {
    if settings.connection.deployment.is_cluster() && settings.staging.is_some() && !can_be_staged(&settings.topic) {
        return Err(Error::Settings(format!(
            "topicName is '{}': in a cluster a sink with flushOnCheckpoint(true) needs a name without '}}', or with a \
             text in braces that says the slot, as in '{{orders}}'",
            settings.topic
        )));
    }
    Ok(())
}

/// Returns whether a topic can have staging streams in a cluster: a brace that says nothing of the slot leaves them no
/// name.
fn can_be_staged(topic: &str) -> bool {
    let stream = stream_name(topic, 0);
    slot(index_of(&stream).as_bytes()) == slot(stream.as_bytes())
}

/// The parts of a staging stream's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink) struct StagingKey<'k> {
    /// The key of the index.
    pub(in crate::sink) index: &'k str,
    /// The partition's stream, where the records go when they are committed.
    pub(in crate::sink) stream: &'k str,
    pub(in crate::sink) lane: &'k str,
    pub(in crate::sink) epoch: u64,
    pub(in crate::sink) incarnation: &'k str,
}

impl<'k> StagingKey<'k> {
    /// Reads a key, or returns `None` for one that is no staging stream's.
    pub(in crate::sink) fn parse(key: &'k str) -> Option<Self> {
        let (head, rest) = key.rsplit_once(":staging:")?;
        let index = &key[..head.len() + ":staging".len()];
        let stream = head.strip_prefix('{').and_then(|head| head.strip_suffix('}')).unwrap_or(head);
        let mut parts = rest.split(':');
        let (lane, epoch, incarnation) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        parts.next().is_none().then_some(Self { index, stream, lane, epoch, incarnation })
    }
}

impl std::fmt::Display for StagingKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}:{}", self.index, self.lane, self.epoch, self.incarnation)
    }
}

impl Staging {
    pub(super) fn new(settings: &SinkSettings, staging: StagingSettings) -> Self {
        Self {
            topic: settings.topic.clone(),
            partitions: settings.num_partitions,
            ttl_seconds: settings.staging_ttl_seconds.to_string(),
            settings: staging,
            epoch: 1,
            open: BTreeMap::new(),
        }
    }

    pub(super) fn encode(&mut self, records: &[&Record<'_>], out: &mut Commands) -> Result<()> {
        if let Some(record) =
            records.iter().find(|record| u32::try_from(record.target).map_or(true, |target| target >= self.partitions))
        {
            return Err(no_target(record.target));
        }
        // Packed it would be staged, and fail the commit.
        if records.iter().any(|record| record.pairs == 0) {
            return Err(Fault::new(FaultKind::Server, "a record has no field, and a stream's entry needs one").into());
        }
        let mut packs: BTreeMap<Partition, Pack> = BTreeMap::new();
        for record in records {
            let partition = record.target.cast_unsigned();
            if pack::is_large(record) {
                if let Some(pack) = packs.remove(&partition) {
                    self.append_pack(partition, &pack, out);
                }
                self.append(partition, 1, &pack::large(record), out);
                continue;
            }
            let pack = packs.entry(partition).or_default();
            pack.push(record);
            if pack.is_full() {
                let pack = std::mem::take(pack);
                self.append_pack(partition, &pack, out);
            }
        }
        for (partition, pack) in packs.iter().filter(|(_, pack)| pack.records() > 0) {
            self.append_pack(*partition, pack, out);
        }
        Ok(())
    }

    fn append_pack(&mut self, partition: Partition, pack: &Pack, out: &mut Commands) {
        let (name, value) = pack.field();
        self.append(partition, pack.records(), &[name.as_bytes(), value], out);
    }

    /// Appends an entry with so many records to the partition's staging stream.
    fn append(&mut self, partition: Partition, records: u64, strings: &[&[u8]], out: &mut Commands) {
        let (topic, lane, incarnation, epoch) =
            (&self.topic, &self.settings.lane, &self.settings.incarnation, self.epoch);
        let open = self.open.entry(partition).or_insert_with(|| {
            let stream = stream_name(topic, partition);
            let key = StagingKey { index: &index_of(&stream), stream: &stream, lane, epoch, incarnation }.to_string();
            Open { key, records: 0, packed: Packed::default(), sealed: 0 }
        });
        let (count, size) = (strings.len(), strings.iter().map(|string| string.len() as u64).sum());
        open.records += records;
        open.packed.entries += 1;
        open.packed.largest = open.packed.largest.max(size);
        let (key, id) = (open.key.as_bytes(), format!("{epoch}-{}", open.records));
        let mut unit = out.begin();
        if open.packed.entries > 1 {
            unit.header(4 + count).argument(b"XADD").key(key).argument(b"NOMKSTREAM");
            return unit.argument(id.as_bytes()).payload(strings.iter().copied()).end(UnitKind::Staged(records));
        }
        let (index, ttl) = (index_key(topic, partition), self.ttl_seconds.as_bytes());
        unit.command(&[b"MULTI"]);
        unit.command(&[b"SADD", index.as_bytes(), key]);
        unit.command(&[b"EXPIRE", index.as_bytes(), ttl]);
        unit.header(3 + count).argument(b"XADD").key(key);
        unit.argument(id.as_bytes()).payload(strings.iter().copied());
        unit.command(&[b"EXPIRE", key, ttl]);
        unit.command(&[b"EXEC"]).end(UnitKind::Opening(records));
    }

    pub(super) fn seal(&mut self) -> Commands {
        let mut out = Commands::default();
        for open in self.open.values_mut().filter(|open| open.sealed < open.packed.entries) {
            let key = open.key.as_bytes();
            let mut unit = out.begin();
            unit.command(&[b"MULTI"]);
            // A write, so that a `WAIT` behind it is about the appends too that an earlier connection has made.
            unit.command(&[b"EXPIRE", key, self.ttl_seconds.as_bytes()]);
            unit.header(2).argument(b"XLEN").key(key);
            unit.command(&[b"EXEC"]).end(UnitKind::Sealing(open.packed.entries));
            open.sealed = open.packed.entries;
        }
        out
    }

    pub(super) fn prepare(&mut self) -> Vec<Committable> {
        let epoch = self.epoch;
        self.epoch += 1;
        let staged = std::mem::take(&mut self.open);
        let prepared = |(partition, Open { key, records, packed, .. })| Committable {
            partition,
            key,
            records,
            epoch,
            packed: Some(packed),
        };
        staged.into_iter().map(prepared).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::encode::Encoder;
    use crate::sink::encode::tests::{encoded, settings, texts_of};
    use crate::sink::record_batch::records;
    use crate::sink::record_batch::tests::batch;
    use crate::sink::unit::tests::units;

    #[test]
    fn an_epoch_has_a_stream_for_each_partition_that_has_records() {
        let mut encoder =
            Encoder::new(&settings(r#""staging":{"lane":"l","incarnation":"a"},"stagingTtlSeconds":60,"#));
        let (texts, kinds) = encoded(&mut encoder, &[(0, &[("f", "1")]), (0, &[("f", "2")])]);
        let record = |value: &str| format!("\u{2}\0\0\0\u{e}\0\0\0$1\r\nf\r\n$1\r\n{value}\r\n");
        let both = record("1") + &record("2");
        assert_eq!(
            texts,
            [
                "MULTI",
                "SADD {t:0}:staging {t:0}:staging:l:1:a",
                "EXPIRE {t:0}:staging 60",
                &format!("XADD {{t:0}}:staging:l:1:a 1-2 2 {both}"),
                "EXPIRE {t:0}:staging:l:1:a 60",
                "EXEC",
            ]
        );
        assert_eq!(kinds, [UnitKind::Opening(2)]);
        let (texts, kinds) = encoded(&mut encoder, &[(0, &[("f", "3")])]);
        assert_eq!(texts, [format!("XADD {{t:0}}:staging:l:1:a NOMKSTREAM 1-3 1 {}", record("3"))]);
        assert_eq!(kinds, [UnitKind::Staged(1)]);
        let seal = encoder.seal();
        assert_eq!(
            texts_of(&seal.bytes),
            ["MULTI", "EXPIRE {t:0}:staging:l:1:a 60", "XLEN {t:0}:staging:l:1:a", "EXEC"]
        );
        assert_eq!(seal.units[0].kind, UnitKind::Sealing(2));
        assert_eq!(units(&seal)[0].key(), b"{t:0}:staging:l:1:a");
        assert_eq!(encoder.seal(), Commands::default(), "nothing new");
        let prepared = |key: &str, partition, records, epoch, entries, largest| {
            let packed = Some(Packed { entries, largest });
            Committable { partition, key: key.into(), records, epoch, packed }
        };
        assert_eq!(encoder.prepare(), [prepared("{t:0}:staging:l:1:a", 0, 3, 1, 2, 45)]);
        assert_eq!(encoder.prepare(), []);
        let (texts, _) = encoded(&mut encoder, &[(1, &[("f", "3")])]);
        assert_eq!(texts[3], format!("XADD {{t:1}}:staging:l:3:a 3-1 1 {}", record("3")));
        assert_eq!(encoder.prepare(), [prepared("{t:1}:staging:l:3:a", 1, 1, 3, 1, 23)]);
    }

    #[test]
    fn packs_end_where_they_are_full_or_a_large_record_is_and_keep_the_order() {
        let mut encoder = Encoder::new(&settings(r#""staging":{"lane":"l","incarnation":"a"},"#));
        let (small, large) = ([("f", "1")], "x".repeat(20_000));
        let large = [("f", large.as_str())];
        let mut batch: Vec<(i32, &[(&str, &str)])> = vec![(0, &small); 600];
        batch.extend([(1, &small[..]), (0, &large), (0, &small), (1, &large)]);
        let (texts, kinds) = encoded(&mut encoder, &batch);
        use UnitKind::{Opening, Staged};
        assert_eq!(kinds, [Opening(512), Staged(88), Staged(1), Opening(1), Staged(1), Staged(1)]);
        let begin = |text: &String| text[..text.len().min(50)].split(' ').skip(1).take(4).collect::<Vec<_>>().join(" ");
        let appends: Vec<_> = texts.iter().filter(|text| text.starts_with("XADD")).map(begin).collect();
        assert!(appends[2].ends_with(":1:a NOMKSTREAM 1-601 "), "{}", appends[2]);
        assert!(texts.iter().any(|text| text.starts_with("XADD {t:0}:staging:l:1:a NOMKSTREAM 1-602 1 ")));
        assert_eq!(encoder.prepare().iter().map(|one| one.records).collect::<Vec<_>>(), [602, 2]);
    }

    #[test]
    fn a_record_that_could_not_be_committed_is_not_staged() {
        let mut encoder = Encoder::new(&settings(r#""staging":{"lane":"l","incarnation":"a"},"#));
        let bytes = batch(&[(0, &[])]);
        let error = encoder.encode(&records(&bytes).unwrap()).unwrap_err().to_string();
        assert!(error.contains("a record has no field"), "{error}");
        assert_eq!(encoder.prepare(), []);
    }

    #[test]
    fn keys_are_read_as_they_are_made_and_share_the_slot() {
        for (stream, index) in [
            ("t:0", "{t:0}:staging"),
            ("a:b:3", "{a:b:3}:staging"),
            ("{x}:1", "{x}:1:staging"),
            ("a{b:1", "{a{b:1}:staging"),
            ("x:staging:y:0", "{x:staging:y:0}:staging"),
        ] {
            assert_eq!(index_of(stream), index);
            assert_eq!(slot(index.as_bytes()), slot(stream.as_bytes()), "{stream}");
            let key = StagingKey { index, stream, lane: "job-1", epoch: 7, incarnation: "ff" };
            assert_eq!(StagingKey::parse(&key.to_string()), Some(key), "{key}");
        }
        for other in ["{t:0}:staging", "{t:0}:staging:l:x:a", "{t:0}:staging:l:1:a:b", "t:0"] {
            assert_eq!(StagingKey::parse(other), None, "{other}");
        }
        // As it was made before, of a topic with braces.
        assert_eq!(StagingKey::parse("{{x}:1}:staging:l:1:a").map(|key| key.stream), Some("{x}:1"));
    }

    #[test]
    fn a_brace_that_says_no_slot_leaves_no_name() {
        assert!(can_be_staged("t") && can_be_staged("{t}") && can_be_staged("a{b"));
        assert!(!can_be_staged("a}b") && !can_be_staged("a{}b"));
    }
}
