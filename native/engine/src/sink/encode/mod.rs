//! Records to commands, encoded straight into the bytes that go out.
//!
//! * [`stream`] `XADD` to the topic
//! * [`staging`] `XADD` to a staging stream, for the exactly-once stream sink
//! * [`keyed`] `JSON.SET` and `HSET`
//! * [`resp`] the protocol's bytes

mod keyed;
mod staging;
mod stream;

use crate::config::{SinkKind, SinkSettings};
use crate::error::{Error, Result};
pub(super) use crate::resp::encode as resp;
use crate::sink::dead_letter;
use crate::sink::frame::{DEAD_LETTER, Record};
pub use staging::Prepared;
pub(super) use staging::{StagingKey, index_key, require_names};

/// A string of this length is below every server's limit (`proto-max-bulk-len` is 1 MiB at least).
pub(super) const CERTAIN_BYTES: usize = 1024 * 1024;

/// What is sent, and confirmed, as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// Where it ends in the bytes.
    pub(super) end: usize,
    pub(super) kind: UnitKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitKind {
    /// One command that writes one record.
    Record,
    /// The first append to a staging stream, in a transaction with what else makes the stream.
    Opening,
    /// A further append to it. Each has an ID of its own, so that it can be sent again.
    Staged,
    /// Asks how many entries a staging stream has, which must be so many; in a transaction that renews its time to live.
    Sealing(u64),
    /// `WAIT`: asks how many replicas have all that came before it on this connection.
    Replicas,
    /// `EXPIRE` of a key whose record was written.
    Expiry,
}

impl UnitKind {
    /// Of a transaction: how many commands it holds.
    pub(super) fn commands(self) -> Option<usize> {
        match self {
            Self::Opening => Some(staging::OPENING),
            Self::Sealing(_) => Some(staging::SEALING),
            Self::Record | Self::Staged | Self::Replicas | Self::Expiry => None,
        }
    }
}

/// Encoded commands, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Commands {
    pub(super) bytes: Vec<u8>,
    pub(super) units: Vec<Unit>,
}

impl Commands {
    fn with_room_for(records: &[Record<'_>]) -> Self {
        let size = records.iter().map(|record| estimate(record)).sum();
        Self { bytes: Vec::with_capacity(size), units: Vec::with_capacity(records.len()) }
    }

    fn end_unit(&mut self, kind: UnitKind) {
        self.units.push(Unit { end: self.bytes.len(), kind });
    }
}

/// About what a record will measure.
fn estimate(record: &Record<'_>) -> usize {
    record.size() + record.size() / 2 + 96
}

/// About what the commands of these records will measure.
pub(super) fn estimate_all(records: &[Record<'_>]) -> usize {
    records.iter().map(estimate).sum()
}

/// What `XADD` has before a record's own strings: the stream, trimming, the ID.
pub(super) struct Prefix {
    arguments: Vec<u8>,
    count: usize,
}

impl Prefix {
    /// `XADD` to this stream of the sink's topic.
    pub(super) fn of_append(stream: &str, settings: &SinkSettings) -> Self {
        let max_len = settings.max_len.to_string();
        let mut arguments: Vec<&[u8]> = vec![b"XADD", stream.as_bytes()];
        settings.trimming(&max_len).into_iter().for_each(|argument| arguments.push(argument.as_bytes()));
        arguments.push(b"*");
        Self::new(&arguments)
    }

    fn new(arguments: &[&[u8]]) -> Self {
        let mut prefix = Self { arguments: Vec::new(), count: arguments.len() };
        arguments.iter().for_each(|argument| resp::bulk(&mut prefix.arguments, argument));
        prefix
    }

    fn append(&self, out: &mut Vec<u8>, record: &Record<'_>) {
        resp::header(out, b'*', self.count + 2 * record.pairs as usize);
        out.extend_from_slice(&self.arguments);
        record.strings().for_each(|string| resp::bulk(out, string));
    }

    /// The same, with so many strings that are encoded already.
    pub(super) fn append_encoded(&self, out: &mut Vec<u8>, count: usize, strings: &[u8]) {
        resp::header(out, b'*', self.count + count);
        out.extend_from_slice(&self.arguments);
        out.extend_from_slice(strings);
    }
}

enum Kind {
    Stream(stream::Streams),
    Staging(staging::Staging),
    Keyed(keyed::Keyed),
}

/// One writer's. Used by one thread at a time.
pub(super) struct Encoder {
    kind: Kind,
    /// For records that Java's serializers rejected.
    dead_letter: Option<Prefix>,
}

impl Encoder {
    pub(super) fn new(settings: &SinkSettings) -> Self {
        let kind = match (&settings.kind, &settings.staging) {
            (SinkKind::Stream, None) => Kind::Stream(stream::Streams::new(settings)),
            (SinkKind::Stream, Some(staging)) => Kind::Staging(staging::Staging::new(settings, staging.clone())),
            (SinkKind::Json | SinkKind::Hash, _) => Kind::Keyed(keyed::Keyed::new(settings)),
        };
        let dead_letter = dead_letter::stream(settings).map(|stream| Prefix::new(&[b"XADD", stream.as_bytes(), b"*"]));
        Self { kind, dead_letter }
    }

    /// # Errors
    /// `Settings` when a record has a target that is not there; nothing of them is encoded then.
    pub(super) fn encode(&mut self, records: &[Record<'_>]) -> Result<Commands> {
        let mut commands = Commands::with_room_for(records);
        let (letters, records): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.target == DEAD_LETTER);
        for letter in letters {
            let Some(prefix) = &self.dead_letter else { return Err(no_target(DEAD_LETTER)) };
            prefix.append(&mut commands.bytes, letter);
            commands.end_unit(UnitKind::Record);
        }
        match &mut self.kind {
            Kind::Stream(streams) => streams.encode(&records, &mut commands)?,
            Kind::Staging(staging) => staging.encode(&records, &mut commands)?,
            Kind::Keyed(keyed) => keyed.encode(&records, &mut commands)?,
        }
        Ok(commands)
    }

    /// What makes sure that all that was staged is there; nothing when that was asked for since the last record.
    pub(super) fn seal(&mut self) -> Commands {
        match &mut self.kind {
            Kind::Staging(staging) => staging.seal(),
            Kind::Stream(_) | Kind::Keyed(_) => Commands::default(),
        }
    }

    /// What the epoch that ends here has staged. The next record begins the next one.
    pub(super) fn prepare(&mut self) -> Vec<Prepared> {
        match &mut self.kind {
            Kind::Staging(staging) => staging.prepare(),
            Kind::Stream(_) | Kind::Keyed(_) => Vec::new(),
        }
    }
}

fn no_target(target: i32) -> Error {
    Error::Settings(format!("a record for target {target}, which this sink does not have"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing;
    use crate::sink::frame::records;
    use crate::sink::frame::tests::frame;

    pub(super) fn settings(more: &str) -> SinkSettings {
        let json = format!(
            r#"{{"connection":{},{more}"topic":"t","numPartitions":2,"maxInFlightBytes":1,"deadLetterStream":"dead"}}"#,
            testing::connection_json("h")
        );
        SinkSettings::from_json(&json).unwrap()
    }

    /// Each command as text, and the units.
    pub(super) fn encoded(encoder: &mut Encoder, frame_of: &[(i32, &[(&str, &str)])]) -> (Vec<String>, Vec<UnitKind>) {
        let bytes = frame(frame_of);
        let commands = encoder.encode(&records(&bytes).unwrap()).unwrap();
        assert_eq!(commands.units.last().map_or(0, |unit| unit.end), commands.bytes.len());
        (texts_of(&commands.bytes), commands.units.into_iter().map(|unit| unit.kind).collect())
    }

    pub(super) fn texts_of(commands: &[u8]) -> Vec<String> {
        let mut texts = Vec::new();
        let mut at = 0;
        while at < commands.len() {
            let length = crate::connection::reply::length(&commands[at..]).unwrap().unwrap();
            let words = resp::arguments(&commands[at..at + length]);
            texts.push(words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" "));
            at += length;
        }
        texts
    }

    #[test]
    fn a_target_that_is_not_there_is_refused() {
        for target in [2, -2] {
            let bytes = frame(&[(target, &[("f", "v")])]);
            assert!(Encoder::new(&settings("")).encode(&records(&bytes).unwrap()).is_err());
        }
    }

    #[test]
    fn dead_letters_go_to_their_stream_whatever_the_sink() {
        for more in [
            "",
            r#""kind":"JSON","path":"$","#,
            r#""kind":"HASH","ttlSeconds":5,"#,
            r#""staging":{"lane":"l","attempt":"a"},"#,
        ] {
            let (texts, kinds) = encoded(&mut Encoder::new(&settings(more)), &[(DEAD_LETTER, &[("error", "e")])]);
            assert_eq!(texts, ["XADD dead * error e"]);
            assert_eq!(kinds, [UnitKind::Record]);
        }
    }
}
