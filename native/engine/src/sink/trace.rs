//! A trace is a log event about a write that Redis rejects, with as much of it as the sink's users ask for. Java traces
//! what is sent.

use serde_json::{Map, Value, json};

use crate::config::TraceContents;
use crate::error::Fault;
use crate::foreign_text::shown;
use crate::sink::unit::EncodedUnit;

/// Characters of a record that an event shows.
const LONGEST: usize = 16 * 1024;

/// Logs a rejected unit as one JSON object, under the target that Java gives to the traces' logger.
pub(super) fn rejected(contents: TraceContents, unit: EncodedUnit<'_>, fault: &Fault) {
    tracing::warn!(target: "flink_redis::sink.trace", "{}", event(contents, unit, fault));
}

fn event(contents: TraceContents, unit: EncodedUnit<'_>, fault: &Fault) -> Value {
    let mut event = Map::new();
    event.insert("command".into(), json!(unit.kind().command()));
    event.insert("outcome".into(), json!("failed"));
    if contents == TraceContents::None {
        return Value::Object(event);
    }
    event.insert(unit.kind().target().into(), json!(shown(unit.key())));
    event.insert("size".into(), json!(unit.arguments().map(<[u8]>::len).sum::<usize>()));
    event.insert(
        "error".into(),
        json!(if contents == TraceContents::All { fault.message() } else { fault.code.clone() }),
    );
    if contents == TraceContents::All {
        event.insert("value".into(), json!(cut(unit.payload_strings())));
    }
    Value::Object(event)
}

/// Returns as much of a record as an event may show; what is cut ends in `…`.
fn cut<'r>(record: impl Iterator<Item = &'r [u8]>) -> Vec<String> {
    let mut left = LONGEST;
    let mut shown = Vec::new();
    for word in record {
        if left == 0 {
            shown.push("…".to_owned());
            break;
        }
        let head = String::from_utf8_lossy(&word[..word.len().min(4 * left)]);
        match head.char_indices().nth(left) {
            Some((end, _)) => shown.push(format!("{}…", &head[..end])),
            None => shown.push(head.into_owned()),
        }
        left = left.saturating_sub(word.len().max(1));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::dead_letter::tests::unit_of;
    use crate::sink::unit::UnitKind;
    use crate::sink::unit::tests::units;

    #[test]
    fn shows_what_was_asked_for() {
        let append = unit_of(UnitKind::Append, b"t:0", &[b"*"], &[b"f", b"v"]);
        let unit = units(&append)[0];
        let fault = Fault::from_server("WRONGTYPE no");
        assert_eq!(event(TraceContents::None, unit, &fault), json!({"command": "XADD", "outcome": "failed"}));
        let metadata =
            json!({"command": "XADD", "outcome": "failed", "stream": "t:0", "size": 10, "error": "WRONGTYPE"});
        assert_eq!(event(TraceContents::Metadata, unit, &fault), metadata);
        let all = event(TraceContents::All, unit, &fault);
        assert_eq!(all["value"], json!(["f", "v"]));
        assert_eq!(all["error"], json!(fault.message()));
        let document = unit_of(UnitKind::Document, b"k", &[b"$"], &[b"{"]);
        assert_eq!(event(TraceContents::All, units(&document)[0], &fault)["key"], json!("k"));
    }

    #[test]
    fn has_an_end() {
        let (long, fault) = (vec![b'x'; 2 << 20], Fault::from_server("WRONGTYPE no"));
        let mut fields: Vec<&[u8]> = vec![&long[..]; 20];
        fields.extend(vec![&b"field"[..]; 100_000]);
        let hash = unit_of(UnitKind::Hash, &long, &[], &fields);
        let event = event(TraceContents::All, units(&hash)[0], &fault);
        assert!(event.to_string().len() < 2 * LONGEST);
        assert_eq!(event["value"].as_array().unwrap().last().unwrap(), "…");
        assert_eq!(cut([&b"a"[..], b"", b"b"].into_iter()), ["a", "", "b"]);
    }
}
