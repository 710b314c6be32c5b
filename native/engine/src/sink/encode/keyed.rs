//! `JSON.SET key path document` and `HSET key field value …`
//! (<https://redis.io/docs/latest/commands/json.set/>, <https://redis.io/docs/latest/commands/hset/>).
//!
//! A time to live is set when the write was taken (`pipeline/expiries.rs`): a transaction of both would carry the
//! `EXPIRE` out although the write had failed, and so delete in the end what is somebody else's. What a later record of
//! the same batch makes invisible is not sent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value;

use crate::config::{SinkKind, SinkSettings};
use crate::error::{Error, Result};
use crate::sink::record_batch::{Record, no_target};
use crate::sink::unit::{Commands, SAFE_STRING_BYTES, UnitKind};

/// Encodes the records of a JSON or hash sink.
pub(super) struct Keyed {
    json: bool,
    path: Vec<u8>,
}

impl Keyed {
    pub(super) fn new(settings: &SinkSettings) -> Self {
        Self { json: settings.kind == SinkKind::Json, path: settings.path.clone().into_bytes() }
    }

    pub(super) fn encode(&self, records: &[&Record<'_>], out: &mut Commands) -> Result<()> {
        for record in records {
            let pairs = if self.json { 1..=1 } else { 2..=u32::MAX };
            if record.target != 0 {
                return Err(no_target(record.target));
            }
            if !pairs.contains(&record.pairs) {
                return Err(Error::Settings(format!("a record of {} pairs for a keyed sink", record.pairs)));
            }
        }
        for record in self.visible(records) {
            self.write(record, out);
        }
        Ok(())
    }

    fn write(&self, record: &Record<'_>, out: &mut Commands) {
        let mut unit = out.begin();
        if self.json {
            unit.header(4).argument(b"JSON.SET").key(key(record)).argument(&self.path);
            return unit.payload(record.strings().skip(1)).end(UnitKind::Document);
        }
        unit.header(2 * record.pairs as usize).argument(b"HSET").key(key(record));
        // The first pair is the key and nothing.
        unit.payload(record.strings().skip(2)).end(UnitKind::Hash);
    }

    /// Returns the records without those that a later one of the same key replaces wholly.
    fn visible<'r, 'f>(&self, records: &[&'r Record<'f>]) -> Vec<&'r Record<'f>> {
        let mut last: HashMap<&[u8], &Record<'_>> = HashMap::with_capacity(records.len());
        let mut visible: Vec<&Record<'_>> = Vec::with_capacity(records.len());
        for &record in records.iter().rev() {
            match last.entry(key(record)) {
                Entry::Occupied(later) if self.replaces(later.get(), record) => continue,
                Entry::Occupied(mut later) => {
                    later.insert(record);
                }
                Entry::Vacant(none) => {
                    none.insert(record);
                }
            }
            visible.push(record);
        }
        visible.reverse();
        visible
    }

    /// Tells whether a later record makes an earlier one invisible. What Redis may reject replaces nothing, and is not
    /// replaced, for Redis to say why; a hash is replaced only by one with the same fields.
    fn replaces(&self, later: &Record<'_>, earlier: &Record<'_>) -> bool {
        if ![later, earlier].iter().all(|record| record.strings().all(|string| string.len() <= SAFE_STRING_BYTES)) {
            return false;
        }
        if self.json {
            return [later, earlier].iter().all(|record| is_document(record));
        }
        later.pairs == earlier.pairs && later.strings().step_by(2).eq(earlier.strings().step_by(2))
    }
}

/// Tells whether RedisJSON takes the document. It reads with the same parser: to skip a value is not enough, since that
/// looks neither at the range of numbers nor at the escapes in strings.
fn is_document(record: &Record<'_>) -> bool {
    serde_json::from_slice::<Value>(record.strings().nth(1).unwrap_or_default()).is_ok()
}

fn key<'f>(record: &Record<'f>) -> &'f [u8] {
    record.strings().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::sink::encode::Encoder;
    use crate::sink::encode::tests::{encoded, settings};
    use crate::sink::record_batch::records;
    use crate::sink::record_batch::tests::batch;
    use crate::sink::unit::UnitKind;

    #[test]
    fn each_record_is_a_command() {
        let mut json = Encoder::new(&settings(r#""kind":"JSON","path":"$.a","ttlSeconds":9,"#));
        let (texts, kinds) = encoded(&mut json, &[(0, &[("k", "{}")]), (0, &[("l", "1")])]);
        assert_eq!(texts, ["JSON.SET k $.a {}", "JSON.SET l $.a 1"]);
        assert_eq!(kinds, [UnitKind::Document, UnitKind::Document]);
        let mut hash = Encoder::new(&settings(r#""kind":"HASH","#));
        assert_eq!(encoded(&mut hash, &[(0, &[("k", ""), ("f", "1"), ("g", "2")])]).0, ["HSET k f 1 g 2"]);
    }

    #[test]
    fn what_nobody_could_see_is_not_sent() {
        let mut json = Encoder::new(&settings(r#""kind":"JSON","path":"$","#));
        let (texts, _) = encoded(&mut json, &[(0, &[("k", "1")]), (0, &[("l", "2")]), (0, &[("k", "3")])]);
        assert_eq!(texts, ["JSON.SET l $ 2", "JSON.SET k $ 3"]);
        // A document that will be rejected says so, and the one before it stays.
        let deep = "[".repeat(200) + &"]".repeat(200);
        let long = format!("\"{}\"", "x".repeat(1024 * 1024));
        for rejected in ["{", "1e999", r#""\ud800""#, &deep, &long] {
            let (texts, _) = encoded(&mut json, &[(0, &[("k", "1")]), (0, &[("k", rejected)]), (0, &[("k", "2")])]);
            assert_eq!(texts, ["1", rejected, "2"].map(|document| format!("JSON.SET k $ {document}")));
        }
        let mut hash = Encoder::new(&settings(r#""kind":"HASH","#));
        let (texts, _) = encoded(
            &mut hash,
            &[(0, &[("k", ""), ("f", "1")]), (0, &[("k", ""), ("g", "2")]), (0, &[("k", ""), ("g", "3")])],
        );
        assert_eq!(texts, ["HSET k f 1", "HSET k g 3"]);
        let (texts, _) = encoded(&mut hash, &[(0, &[("k", ""), ("f", "1")]), (0, &[("k", ""), ("f", &long)])]);
        assert_eq!(texts.len(), 2);
    }

    #[test]
    fn a_record_of_another_shape_is_refused() {
        for (kind, pairs) in [("JSON", &[("k", "{}"), ("x", "y")][..]), ("HASH", &[("k", "")][..])] {
            let bytes = batch(&[(0, pairs)]);
            let mut encoder = Encoder::new(&settings(&format!(r#""kind":"{kind}","path":"$","#)));
            assert!(encoder.encode(&records(&bytes).unwrap()).is_err(), "{kind}");
        }
    }
}
