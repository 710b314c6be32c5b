//! Records to `XADD` commands, encoded straight into the bytes that go out
//! (<https://redis.io/docs/latest/commands/xadd/>).

use crate::config::SinkSettings;
use crate::error::{Error, Result};
use crate::sink::dead_letter;
use crate::sink::frame::{self, Record};
use crate::topic::stream_name;

/// Encoded commands, in order, and where each one ends.
#[derive(Debug, Default)]
pub(super) struct Commands {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
}

/// What an `XADD` to one stream has before the record's own strings.
struct Prefix {
    /// `$4 XADD`, the stream, trimming, `*`.
    arguments: Vec<u8>,
    count: usize,
}

pub(super) struct Encoder {
    partitions: Vec<Prefix>,
    /// For records that Java's serializers rejected.
    dead_letter: Option<Prefix>,
}

impl Encoder {
    pub(super) fn new(settings: &SinkSettings) -> Self {
        let stream = |partition| {
            Prefix::new(&stream_name(&settings.topic, partition), settings.max_len, settings.approximate_trimming)
        };
        Self {
            partitions: (0..settings.num_partitions).map(stream).collect(),
            dead_letter: dead_letter::stream(settings).map(|stream| Prefix::new(stream, 0, false)),
        }
    }

    /// # Errors
    /// `Settings` when a record has a target that is not there; nothing is to be used of it then.
    pub(super) fn encode(&self, records: &[Record<'_>]) -> Result<Commands> {
        let size = records.iter().map(|record| record.size() + record.size() / 2 + 96).sum();
        let mut commands = Commands { bytes: Vec::with_capacity(size), ends: Vec::with_capacity(records.len()) };
        for record in records {
            let prefix = self.prefix(record.target)?;
            header(&mut commands.bytes, b'*', prefix.count + 2 * record.pairs as usize);
            commands.bytes.extend_from_slice(&prefix.arguments);
            record.strings().for_each(|string| bulk(&mut commands.bytes, string));
            commands.ends.push(commands.bytes.len());
        }
        Ok(commands)
    }

    fn prefix(&self, target: i32) -> Result<&Prefix> {
        let prefix = match target {
            frame::DEAD_LETTER => self.dead_letter.as_ref(),
            partition => usize::try_from(partition).ok().and_then(|partition| self.partitions.get(partition)),
        };
        prefix.ok_or_else(|| {
            Error::Settings(format!(
                "a record for target {target}, but there are {} partitions and no such dead-letter stream",
                self.partitions.len()
            ))
        })
    }
}

impl Prefix {
    fn new(stream: &str, max_len: u64, approximate: bool) -> Self {
        let mut prefix = Self { arguments: Vec::new(), count: 0 };
        prefix.argument(b"XADD");
        prefix.argument(stream.as_bytes());
        if max_len > 0 {
            prefix.argument(b"MAXLEN");
            if approximate {
                prefix.argument(b"~");
            }
            prefix.argument(max_len.to_string().as_bytes());
        }
        prefix.argument(b"*");
        prefix
    }

    fn argument(&mut self, text: &[u8]) {
        bulk(&mut self.arguments, text);
        self.count += 1;
    }
}

fn bulk(out: &mut Vec<u8>, string: &[u8]) {
    header(out, b'$', string.len());
    out.extend_from_slice(string);
    out.extend_from_slice(b"\r\n");
}

fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The arguments of an encoded command.
pub(super) fn arguments(command: &[u8]) -> Vec<&[u8]> {
    let mut rest = command;
    let mut arguments = Vec::new();
    let count = number(&mut rest).unwrap_or(0);
    while arguments.len() < count
        && let Some(length) = number(&mut rest)
        && let Some((argument, tail)) = rest.split_at_checked(length)
    {
        arguments.push(argument);
        rest = tail.get(2..).unwrap_or_default();
    }
    arguments
}

/// The number of the header line that `rest` begins with.
fn number(rest: &mut &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'\n', rest)?;
    let (line, tail) = rest.split_at(end + 1);
    *rest = tail;
    std::str::from_utf8(line.get(1..end.checked_sub(1)?)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::frame::records;
    use crate::sink::frame::tests::frame;

    fn settings(max_len: u64, approximate_trimming: bool) -> SinkSettings {
        let json = format!(
            r#"{{"connection":{{"host":"h","port":1,"user":"u","password":"","clientName":"c","connectTimeoutMillis":1,"commandTimeoutMillis":1,
            "retryTimeoutMillis":1}},"topic":"t","numPartitions":2,"maxLen":{max_len},"approximateTrimming":{approximate_trimming},
            "maxInFlightBytes":1,"deadLetterStream":"dead"}}"#
        );
        SinkSettings::from_json(&json).unwrap()
    }

    fn encoded(settings: &SinkSettings, target: i32, pairs: &[(&str, &str)]) -> String {
        let bytes = frame(&[(target, pairs)]);
        let commands = Encoder::new(settings).encode(&records(&bytes).unwrap()).unwrap();
        assert_eq!(commands.ends, [commands.bytes.len()]);
        arguments(&commands.bytes)
            .iter()
            .map(|argument| String::from_utf8_lossy(argument))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn says_what_the_settings_say() {
        assert_eq!(
            encoded(&settings(0, false), 1, &[("key", "k"), ("data", "\r\n$1")]),
            "XADD t:1 * key k data \r\n$1"
        );
        assert_eq!(encoded(&settings(10, false), 0, &[("f", "")]), "XADD t:0 MAXLEN 10 * f ");
        assert_eq!(encoded(&settings(10, true), 0, &[("f", "v")]), "XADD t:0 MAXLEN ~ 10 * f v");
        assert_eq!(encoded(&settings(10, true), -1, &[("f", "v")]), "XADD dead * f v");
    }

    #[test]
    fn a_target_that_is_not_there_is_refused() {
        let bytes = frame(&[(2, &[("f", "v")])]);
        assert!(Encoder::new(&settings(0, false)).encode(&records(&bytes).unwrap()).is_err());
    }
}
