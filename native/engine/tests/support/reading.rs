//! A reader as Java drives one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flink_redis_engine::config::{Partition, SourceSettings, Split, SplitPosition};
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::error::Error;
use flink_redis_engine::source::Reader;
use flink_redis_engine::source::batch::{Batch, FINISHED, PENDING};
use flink_redis_engine::stream::{EntryId, Runs};

use super::{PATIENCE, connection_json};

/// Makes settings of one server, topic `t`, group `g`; `more` are fields of the settings' JSON, each ended by a comma.
pub fn settings(port: u16, more: &str) -> SourceSettings {
    settings_over(&connection_json(port), more)
}

/// The same, with connection settings of one's own: `"connection":{…}`.
pub fn settings_over(connection: &str, more: &str) -> SourceSettings {
    let strategy = if more.contains("ackStrategy") { "" } else { r#""ackStrategy":"ON_CHECKPOINT","# };
    let starting = if more.contains("startingId") { "" } else { r#""startingId":"0","# };
    let partitions = if more.contains("numPartitions") { "" } else { r#""numPartitions":1,"# };
    let claim = if more.contains("claimMinIdleMillis") { "" } else { r#""claimMinIdleMillis":60000,"# };
    let buffered = if more.contains("maxBufferedBytes") { "" } else { r#""maxBufferedBytes":1048576,"# };
    let json = format!(
        r#"{{{connection},{strategy}{starting}{partitions}{buffered}{claim}{more}
        "topic":"t","group":"g","batchSize":100,"blockMillis":200}}"#
    );
    SourceSettings::from_json(&json).unwrap()
}

pub fn discover(settings: &SourceSettings, restored: bool, known: &[Partition]) -> Vec<Split> {
    let request = DiscoverRequest { parallelism: 1, restored, known: known.to_vec() };
    Enumerator::new(settings.clone()).unwrap().discover(&request, PATIENCE).unwrap().unwrap().splits
}

/// A reader as Java drives one: it polls, and knows the position of each split.
pub struct Job {
    pub reader: Reader,
    /// What was emitted: the number in each entry, by partition, in order.
    pub emitted: BTreeMap<Partition, Vec<u64>>,
    pub ids: Vec<EntryId>,
    pub positions: BTreeMap<Partition, SplitPosition>,
    pub finished: Vec<Partition>,
    pub checkpoint: i64,
}

impl Job {
    pub fn start(settings: &SourceSettings, splits: Vec<Split>) -> Self {
        let positions = splits
            .iter()
            .map(|split| {
                (
                    split.partition,
                    SplitPosition {
                        partition: split.partition,
                        position: split.position,
                        pending: split.pending.clone(),
                    },
                )
            })
            .collect();
        let reader = Reader::new(settings.clone()).unwrap();
        reader.add_splits(splits).unwrap();
        Self { reader, emitted: BTreeMap::new(), ids: Vec::new(), positions, finished: Vec::new(), checkpoint: 0 }
    }

    pub fn fresh(settings: &SourceSettings) -> Self {
        Self::start(settings, discover(settings, false, &[]))
    }

    /// Returns the splits as a checkpoint would give them back.
    pub fn state(&self) -> Vec<Split> {
        let split = |at: &SplitPosition| Split {
            partition: at.partition,
            position: at.position,
            pending: at.pending.clone(),
            stopping_id: None,
        };
        self.positions.values().map(split).collect()
    }

    pub fn poll(&mut self, max_wait: Duration) -> Result<bool, Error> {
        let Some(batch) = self.reader.poll(max_wait)? else { return Ok(false) };
        self.emit(&batch);
        Ok(true)
    }

    pub fn emit(&mut self, batch: &Batch) {
        let u32_at = |at: usize| u32::from_le_bytes(batch.bytes[at..at + 4].try_into().unwrap());
        let u64_at = |at: usize| u64::from_le_bytes(batch.bytes[at..at + 8].try_into().unwrap());
        let at_split = self.positions.get_mut(&batch.partition).unwrap();
        let mut at = 32;
        for _ in 0..batch.entries {
            let id = EntryId::new(u64_at(at), u64_at(at + 8));
            let strings = &batch.bytes[at + 24..at + 24 + u32_at(at + 20) as usize];
            // One field `n`: 4 + 1 + 4 bytes before the number.
            let number = std::str::from_utf8(&strings[9..]).unwrap().parse().unwrap();
            self.emitted.entry(batch.partition).or_default().push(number);
            self.ids.push(id);
            if batch.bytes[1] & PENDING != 0 {
                at_split.pending.remove_up_to(id);
            }
            at += 24 + strings.len();
        }
        if batch.bytes[1] & PENDING == 0 {
            at_split.position = EntryId::new(u64_at(16), u64_at(24));
            at_split.pending = Runs::default();
        }
        if batch.bytes[1] & FINISHED != 0 {
            self.finished.push(batch.partition);
        }
        let up_to = match batch.bytes[1] & PENDING {
            0 => at_split.position,
            _ => *self.ids.last().unwrap(),
        };
        self.reader.emitted(batch.partition, up_to);
    }

    pub fn count(&self) -> usize {
        self.emitted.values().map(Vec::len).sum()
    }

    pub fn poll_until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !done(self) {
            assert!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}; {:?}", self.reader.stats());
            self.poll(Duration::from_millis(50)).unwrap();
        }
    }

    pub fn poll_for(&mut self, entries: usize) {
        self.poll_until(&format!("{entries} entries"), |job| job.count() >= entries);
    }

    pub fn take_checkpoint(&mut self) -> i64 {
        self.checkpoint += 1;
        self.reader.checkpoint(self.checkpoint, self.positions.values().cloned().collect());
        self.checkpoint
    }

    pub fn complete_checkpoint(&mut self) {
        let id = self.take_checkpoint();
        self.reader.complete(id);
    }
}
