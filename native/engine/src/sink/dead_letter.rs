//! Records that Redis rejects for good go to the dead-letter stream, with the error and all they hold; without one they
//! fail the job.

use std::borrow::Cow;

use crate::config::SinkSettings;
use crate::error::Fault;
use crate::sink::unit::{Commands, EncodedUnit, SAFE_STRING_BYTES, UnitKind};

/// Returns the configured stream.
pub(super) fn stream(settings: &SinkSettings) -> Option<&str> {
    Some(settings.dead_letter_stream.as_str()).filter(|stream| !stream.is_empty())
}

/// The number of strings in a command that is below every server's limit.
const SAFE_STRINGS: usize = 1_000_000;

/// Returns the command that stores a rejected unit: `error`, `command`, `key` (what it was for), then what the record
/// holds: its own fields, or a document as `value`. Of one that is too large for the server each long string is cut and
/// says how long it was.
pub(super) fn of_rejected(stream: &str, unit: EncodedUnit<'_>, fault: &Fault, is_too_large: bool) -> Commands {
    let fit = |text| if is_too_large { cut(text) } else { Cow::Borrowed(text) };
    let strings = unit.payload_strings().count();
    let kept = if is_too_large { strings.min(SAFE_STRINGS) } else { strings };
    let error = match strings - kept {
        0 => fault.message(),
        more => format!("{}; {} more fields were left out here", fault.message(), more / 2),
    };
    let key = fit(unit.key());
    let mut about: Vec<&[u8]> =
        vec![b"error", error.as_bytes(), b"command", unit.kind().command().as_bytes(), b"key", &key];
    if unit.kind() == UnitKind::Document {
        about.push(b"value");
    }
    let record: Vec<Cow<'_, [u8]>> = unit.payload_strings().take(kept).map(fit).collect();
    let mut commands = Commands::default();
    let mut letter = commands.begin();
    letter.header(3 + about.len() + kept).argument(b"XADD").key(stream.as_bytes()).argument(b"*");
    letter.payload(about.into_iter().chain(record.iter().map(|string| &**string))).end(UnitKind::DeadLetter);
    commands
}

fn cut(text: &[u8]) -> Cow<'_, [u8]> {
    if text.len() <= SAFE_STRING_BYTES {
        return Cow::Borrowed(text);
    }
    let note = format!("… ({} bytes)", text.len());
    Cow::Owned([&text[..SAFE_STRING_BYTES - note.len()], note.as_bytes()].concat())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sink::unit::tests::units;

    /// Encodes a unit of a kind: what is before the key, the key, what is between it and the payload, and that.
    pub(crate) fn unit_of(kind: UnitKind, key: &[u8], between: &[&[u8]], payload: &[&[u8]]) -> Commands {
        let mut commands = Commands::default();
        let mut unit = commands.begin();
        unit.header(2 + between.len() + payload.len()).argument(kind.command().as_bytes()).key(key);
        between.iter().for_each(|argument| _ = unit.argument(argument));
        unit.payload(payload.iter().copied()).end(kind);
        commands
    }

    /// Returns the words of the dead letter, which knows its key and its payload like another unit.
    fn letter_of(rejected: &Commands, is_too_large: bool) -> Vec<Vec<u8>> {
        let letter = of_rejected("dead", units(rejected)[0], &Fault::from_server("ERR no"), is_too_large);
        let unit = units(&letter)[0];
        assert_eq!((unit.kind(), unit.key()), (UnitKind::DeadLetter, &b"dead"[..]));
        let words: Vec<Vec<u8>> = unit.arguments().map(<[u8]>::to_vec).collect();
        assert_eq!(unit.payload_strings().collect::<Vec<_>>(), words[3..]);
        words
    }

    #[test]
    fn keeps_all_of_the_record() {
        let head = |command: &[u8], key: &[u8], rest: &[&[u8]]| -> Vec<Vec<u8>> {
            let words: [&[u8]; 9] = [b"XADD", b"dead", b"*", b"error", b"ERR no", b"command", command, b"key", key];
            words.iter().chain(rest).map(|word| word.to_vec()).collect()
        };
        let fields: [&[u8]; 4] = [b"f", b"*", b"MAXLEN", b"\xff"];
        for options in [&[&b"*"[..]][..], &[b"MAXLEN", b"5", b"*"], &[b"KEEPREF", b"MINID", b"~", b"5", b"*"]] {
            let rejected = unit_of(UnitKind::Append, b"t:0", options, &fields);
            assert_eq!(letter_of(&rejected, false), head(b"XADD", b"t:0", &fields));
        }
        let hash = unit_of(UnitKind::Hash, b"k", &[], &[b"f", b"v"]);
        assert_eq!(letter_of(&hash, false), head(b"HSET", b"k", &[b"f", b"v"]));
        let document = unit_of(UnitKind::Document, b"k", &[b"$"], &[b"{}"]);
        assert_eq!(letter_of(&document, false), head(b"JSON.SET", b"k", &[b"value", b"{}"]));
    }

    #[test]
    fn cuts_what_is_too_large() {
        let long = vec![b'x'; 3 * SAFE_STRING_BYTES];
        let fits = vec![b'y'; SAFE_STRING_BYTES];
        let mut fields: Vec<&[u8]> = vec![b"f", &long, b"g", &fits];
        fields.extend(vec![&b"h"[..]; 1_200_000]);
        let rejected = unit_of(UnitKind::Hash, b"k", &[], &fields);
        let letter = letter_of(&rejected, true);
        assert_eq!(letter.len(), 9 + SAFE_STRINGS);
        assert!(letter[4].starts_with(b"ERR no; 100002 more fields"), "{}", String::from_utf8_lossy(&letter[4]));
        assert!(letter[10].len() == SAFE_STRING_BYTES && letter[10].ends_with("x… (3145728 bytes)".as_bytes()));
        assert_eq!(letter[12], fits);
        assert_eq!(letter_of(&rejected, false)[10], long);
    }
}
