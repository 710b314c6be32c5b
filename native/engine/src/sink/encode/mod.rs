//! The encoder makes units of records, straight into the bytes that go out.
//!
//! * [`stream`] `XADD` to the topic
//! * [`staging`] `XADD` to a staging stream, for the exactly-once stream sink
//! * [`keyed`] `JSON.SET` and `HSET`
//! * [`resp`] the protocol's bytes

mod keyed;
mod staging;
mod stream;

use std::sync::Arc;

use crate::config::{SinkKind, SinkSettings};
use crate::error::Result;
use crate::sink::committable::Committable;
use crate::sink::dead_letter;
use crate::sink::record_batch::{DEAD_LETTER, Record, no_target};
use crate::sink::unit::{Commands, Prefix, UnitKind};
use crate::spares::Spares;
pub(super) use staging::{StagingKey, index_key, require_names};
pub(super) use stream::append_to;

/// What `$<length>\r\n` and `\r\n` have more than the four bytes of a length in a record batch, at most.
const LONGEST_FRAME: usize = 11;

/// Returns about how many bytes a record will have when it is encoded.
fn estimate(record: &Record<'_>) -> usize {
    record.size() + record.pairs as usize * 2 * LONGEST_FRAME + 96
}

/// Returns about how many bytes the commands of these records will have.
pub(super) fn estimate_all(records: &[Record<'_>]) -> usize {
    records.iter().map(estimate).sum()
}

/// What the sink writes.
enum Kind {
    Stream(stream::Streams),
    Staging(staging::Staging),
    Keyed(keyed::Keyed),
}

/// Encodes the records of one writer. Used by one thread at a time.
pub(super) struct Encoder {
    kind: Kind,
    /// Encodes records that Java's serializers rejected.
    dead_letter: Option<Prefix>,
    /// Where the memory of commands is from.
    spares: Option<Arc<Spares>>,
}

impl Encoder {
    pub(super) fn new(settings: &SinkSettings) -> Self {
        let kind = match (&settings.kind, &settings.staging) {
            (SinkKind::Stream, None) => Kind::Stream(stream::Streams::new(settings)),
            (SinkKind::Stream, Some(staging)) => Kind::Staging(staging::Staging::new(settings, staging.clone())),
            (SinkKind::Json | SinkKind::Hash, _) => Kind::Keyed(keyed::Keyed::new(settings)),
        };
        let dead_letter = dead_letter::stream(settings).map(|stream| Prefix::new(stream.as_bytes(), &[b"*"]));
        Self { kind, dead_letter, spares: None }
    }

    /// Has the encoder use the memory of commands again.
    pub(super) fn reusing(mut self, spares: &Arc<Spares>) -> Self {
        self.spares = Some(Arc::clone(spares));
        self
    }

    /// Encodes records, in order; those for the dead letters first.
    ///
    /// # Errors
    /// `Settings` when a record has a target that is not there; nothing of them is encoded then.
    pub(super) fn encode(&mut self, records: &[Record<'_>]) -> Result<Commands> {
        let size = estimate_all(records);
        let bytes = self.spares.as_ref().map_or_else(|| Vec::with_capacity(size), |spares| spares.take(size));
        let mut commands = Commands { bytes, units: Vec::with_capacity(records.len()) };
        let (letters, records): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.target == DEAD_LETTER);
        for letter in letters {
            let Some(prefix) = &self.dead_letter else { return Err(no_target(DEAD_LETTER)) };
            stream::append(prefix, letter, UnitKind::DeadLetter, &mut commands);
        }
        match &mut self.kind {
            Kind::Stream(streams) => streams.encode(&records, &mut commands)?,
            Kind::Staging(staging) => staging.encode(&records, &mut commands)?,
            Kind::Keyed(keyed) => keyed.encode(&records, &mut commands)?,
        }
        Ok(commands)
    }

    /// Returns units that ask whether all that was staged is there; none when that was asked since the last record.
    pub(super) fn seal(&mut self) -> Commands {
        match &mut self.kind {
            Kind::Staging(staging) => staging.seal(),
            Kind::Stream(_) | Kind::Keyed(_) => Commands::default(),
        }
    }

    /// Ends the epoch, and returns what it has staged. The next record begins the next one.
    pub(super) fn prepare(&mut self) -> Vec<Committable> {
        match &mut self.kind {
            Kind::Staging(staging) => staging.prepare(),
            Kind::Stream(_) | Kind::Keyed(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing;
    use crate::sink::record_batch::records;
    use crate::sink::record_batch::tests::batch;
    use crate::sink::unit::EncodedUnit;
    use crate::sink::unit::tests::{units, words};

    pub(super) fn settings(more: &str) -> SinkSettings {
        let json = format!(
            r#"{{"connection":{},{more}"topic":"t","numPartitions":2,"maxInFlightBytes":1,"deadLetterStream":"dead"}}"#,
            testing::connection_json("h")
        );
        SinkSettings::from_json(&json).unwrap()
    }

    /// Returns each command as text, and the kinds of the units.
    pub(super) fn encoded(encoder: &mut Encoder, batch_of: &[(i32, &[(&str, &str)])]) -> (Vec<String>, Vec<UnitKind>) {
        let bytes = batch(batch_of);
        let commands = encoder.encode(&records(&bytes).unwrap()).unwrap();
        assert_eq!(commands.units.last().map_or(0, |unit| unit.end), commands.bytes.len());
        for unit in units(&commands) {
            assert_holds_its_key_and_payload(unit);
        }
        (texts_of(&commands.bytes), commands.units.into_iter().map(|unit| unit.kind).collect())
    }

    pub(super) fn texts_of(commands: &[u8]) -> Vec<String> {
        words(commands).iter().map(|words| words.join(" ")).collect()
    }

    /// Compares what the unit knows with what its bytes say.
    fn assert_holds_its_key_and_payload(unit: EncodedUnit<'_>) {
        let commands = words(unit.bytes());
        let key = String::from_utf8_lossy(unit.key()).into_owned();
        let payload: Vec<String> =
            unit.payload_strings().map(|string| String::from_utf8_lossy(string).into_owned()).collect();
        let write = commands.iter().find(|words| words[0] == unit.kind().command()).unwrap();
        assert_eq!(write[1], key, "{commands:?}");
        assert_eq!(write[write.len() - payload.len()..], payload, "{commands:?}");
        // What is before the payload: a name and a key, a path, or options and an ID.
        let before = match unit.kind() {
            UnitKind::Hash => 2,
            UnitKind::Document => 3,
            UnitKind::Append if write[2] == "MAXLEN" => 4 + usize::from(write[3] == "~") + 1,
            UnitKind::Append | UnitKind::DeadLetter | UnitKind::Opening(_) => 3,
            UnitKind::Staged(_) => 4,
            kind => panic!("{kind:?} holds no record"),
        };
        assert_eq!(write.len() - payload.len(), before, "{commands:?}");
    }

    #[test]
    fn a_target_that_is_not_there_is_refused() {
        for target in [2, -2] {
            let bytes = batch(&[(target, &[("f", "v")])]);
            assert!(Encoder::new(&settings("")).encode(&records(&bytes).unwrap()).is_err());
        }
    }

    #[test]
    fn dead_letters_go_to_their_stream_whatever_the_sink() {
        for more in [
            "",
            r#""kind":"JSON","path":"$","#,
            r#""kind":"HASH","ttlSeconds":5,"#,
            r#""staging":{"lane":"l","incarnation":"a"},"#,
        ] {
            let (texts, kinds) = encoded(&mut Encoder::new(&settings(more)), &[(DEAD_LETTER, &[("error", "e")])]);
            assert_eq!(texts, ["XADD dead * error e"]);
            assert_eq!(kinds, [UnitKind::DeadLetter]);
        }
    }
}
