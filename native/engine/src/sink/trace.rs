//! Traces of writes that Redis rejects, as the sink's users asked for them. What is sent, Java traces.

use serde_json::{Map, Value, json};

use crate::config::TraceContents;
use crate::error::Fault;
use crate::foreign_text::shown;
use crate::sink::dead_letter;

/// Characters of a record that an event shows.
const LONGEST: usize = 16 * 1024;

/// Logs it as one JSON object, under the target that Java gives to the traces' logger.
pub(super) fn rejected(contents: TraceContents, words: &[&[u8]], fault: &Fault) {
    tracing::warn!(target: "flink_redis::sink.trace", "{}", event(contents, words, fault));
}

fn event(contents: TraceContents, words: &[&[u8]], fault: &Fault) -> Value {
    let text = |at: usize| words.get(at).map_or_else(String::new, shown);
    let mut event = Map::new();
    event.insert("command".into(), json!(text(0)));
    event.insert("outcome".into(), json!("failed"));
    if contents == TraceContents::None {
        return Value::Object(event);
    }
    let place = if text(0) == "XADD" { "stream" } else { "key" };
    event.insert(place.into(), json!(text(1)));
    event.insert("size".into(), json!(words.iter().map(|word| word.len()).sum::<usize>()));
    event.insert(
        "error".into(),
        json!(if contents == TraceContents::All { fault.message() } else { fault.code.clone() }),
    );
    if contents == TraceContents::All {
        event.insert("value".into(), json!(cut(dead_letter::record_of(words))));
    }
    Value::Object(event)
}

/// Of all of it so much as an event may show; what is cut ends in `…`.
fn cut(record: &[&[u8]]) -> Vec<String> {
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

    #[test]
    fn shows_what_was_asked_for() {
        let words: [&[u8]; 5] = [b"XADD", b"t:0", b"*", b"f", b"v"];
        let fault = Fault::from_server("WRONGTYPE no");
        assert_eq!(event(TraceContents::None, &words, &fault), json!({"command": "XADD", "outcome": "failed"}));
        let metadata =
            json!({"command": "XADD", "outcome": "failed", "stream": "t:0", "size": 10, "error": "WRONGTYPE"});
        assert_eq!(event(TraceContents::Metadata, &words, &fault), metadata);
        let all = event(TraceContents::All, &words, &fault);
        assert_eq!(all["value"], json!(["f", "v"]));
        assert_eq!(all["error"], json!(fault.message()));
        let words: [&[u8]; 4] = [b"JSON.SET", b"k", b"$", b"{"];
        assert_eq!(event(TraceContents::All, &words, &fault)["key"], json!("k"));
    }

    #[test]
    fn has_an_end() {
        let (long, fault) = (vec![b'x'; 12 << 20], Fault::from_server("WRONGTYPE no"));
        let mut words: Vec<&[u8]> = vec![b"HSET", &long];
        words.extend(vec![&long[..]; 100]);
        words.extend(vec![&b"field"[..]; 100_000]);
        let event = event(TraceContents::All, &words, &fault);
        assert!(event.to_string().len() < 2 * LONGEST);
        assert_eq!(event["value"].as_array().unwrap().last().unwrap(), "…");
        assert_eq!(cut(&[b"a", b"", b"b"]), ["a", "", "b"]);
    }
}
