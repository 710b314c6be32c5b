//! `XADD topic:p *` for each record (<https://redis.io/docs/latest/commands/xadd/>).

use crate::config::SinkSettings;
use crate::error::Result;
use crate::sink::record_batch::{Record, no_target};
use crate::sink::unit::{Commands, Prefix, UnitKind};
use crate::stream::stream_name;

/// Encodes the records of a stream sink.
pub(super) struct Streams {
    /// By partition.
    partitions: Vec<Prefix>,
}

impl Streams {
    pub(super) fn new(settings: &SinkSettings) -> Self {
        let prefix = |partition| append_to(&stream_name(&settings.topic, partition), settings);
        Self { partitions: (0..settings.num_partitions).map(prefix).collect() }
    }

    pub(super) fn encode(&self, records: &[&Record<'_>], out: &mut Commands) -> Result<()> {
        for record in records {
            let partition = usize::try_from(record.target).ok();
            let prefix = partition
                .and_then(|partition| self.partitions.get(partition))
                .ok_or_else(|| no_target(record.target))?;
            append(prefix, record, UnitKind::Append, out);
        }
        Ok(())
    }
}

/// Returns the head of an `XADD` to a stream of the sink's topic.
pub(in crate::sink) fn append_to(stream: &str, settings: &SinkSettings) -> Prefix {
    let max_len = settings.max_len.to_string();
    let mut arguments: Vec<&[u8]> = settings.trimming(&max_len).into_iter().map(str::as_bytes).collect();
    arguments.push(b"*");
    Prefix::new(stream.as_bytes(), &arguments)
}

/// Encodes a record as an `XADD`.
pub(super) fn append(prefix: &Prefix, record: &Record<'_>, kind: UnitKind, out: &mut Commands) {
    let count = prefix.count() + 2 * record.pairs as usize;
    out.begin().header(count).prefix(prefix).payload(record.strings()).end(kind);
}

#[cfg(test)]
mod tests {
    use crate::sink::encode::Encoder;
    use crate::sink::encode::tests::{encoded, settings};

    #[test]
    fn says_what_the_settings_say() {
        let one = |more: &str, target, pairs: &[(&str, &str)]| {
            encoded(&mut Encoder::new(&settings(more)), &[(target, pairs)]).0
        };
        assert_eq!(one("", 1, &[("key", "k"), ("data", "\r\n$1")]), ["XADD t:1 * key k data \r\n$1"]);
        assert_eq!(one(r#""maxLen":10,"#, 0, &[("f", "")]), ["XADD t:0 MAXLEN 10 * f "]);
        assert_eq!(one(r#""maxLen":10,"approximateTrimming":true,"#, 0, &[("f", "v")]), ["XADD t:0 MAXLEN ~ 10 * f v"]);
    }
}
