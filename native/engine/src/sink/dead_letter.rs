//! Records that Redis rejects for good go to the dead-letter stream, with the error and all they hold; without one they fail the job.

use redis::Cmd;

use crate::config::SinkSettings;
use crate::error::Fault;
use crate::sink::encode::CERTAIN_BYTES;

/// The configured stream.
pub(super) fn stream(settings: &SinkSettings) -> Option<&str> {
    Some(settings.dead_letter_stream.as_str()).filter(|stream| !stream.is_empty())
}

/// So many strings are below every server's limit.
const CERTAIN_STRINGS: usize = 1_000_000;

/// The command that stores a rejected one: `error`, `command`, `key` (what it was for), then what the record holds: its own fields, or a
/// document as `value`. Of one that is too large for the server each long string is cut and says how long it was.
pub(super) fn of_rejected(stream: &str, words: &[&[u8]], fault: &Fault, is_too_large: bool) -> Vec<u8> {
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let fit = |text: &[u8]| match is_too_large && text.len() > CERTAIN_BYTES {
        true => {
            let note = format!("… ({} bytes)", text.len());
            [&text[..CERTAIN_BYTES - note.len()], note.as_bytes()].concat()
        }
        false => text.to_vec(),
    };
    let record = record_of(words);
    let kept = if is_too_large { record.len().min(CERTAIN_STRINGS) } else { record.len() };
    let error = match record.len() - kept {
        0 => fault.message(),
        more => format!("{}; {} more fields were left out here", fault.message(), more / 2),
    };
    let mut cmd: Cmd = redis::cmd("XADD");
    cmd.arg(stream).arg("*").arg("error").arg(error).arg("command").arg(word(0)).arg("key").arg(fit(word(1)));
    if word(0) == b"JSON.SET" {
        cmd.arg("value");
    }
    record[..kept].iter().for_each(|part| {
        cmd.arg(fit(part));
    });
    cmd.get_packed_command()
}

/// What a command holds of its record: fields and values, or a document.
pub(super) fn record_of<'a, 'w>(words: &'a [&'w [u8]]) -> &'a [&'w [u8]] {
    let from = match words.first().copied() {
        Some(b"JSON.SET") => 3,
        Some(b"HSET") => 2,
        _ => fields_of_xadd(words),
    };
    words.get(from..).unwrap_or_default()
}

/// Where the fields begin: behind the ID, which comes behind the options.
fn fields_of_xadd(words: &[&[u8]]) -> usize {
    match (words.get(2).copied(), words.get(3).copied()) {
        (Some(b"MAXLEN"), Some(b"~")) => 6,
        (Some(b"MAXLEN"), _) => 5,
        (Some(b"NOMKSTREAM"), _) => 4,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::encode::resp::arguments;

    fn letter_of(rejected: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        crate::sink::encode::resp::command(&mut bytes, rejected);
        let letter = of_rejected("dead", &arguments(&bytes), &Fault::from_server("ERR no"), false);
        arguments(&letter).into_iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn keeps_all_of_the_record() {
        let head = |command: &[u8], key: &[u8], rest: &[&[u8]]| -> Vec<Vec<u8>> {
            let words: [&[u8]; 9] = [b"XADD", b"dead", b"*", b"error", b"ERR no", b"command", command, b"key", key];
            words.iter().chain(rest).map(|word| word.to_vec()).collect()
        };
        let fields: [&[u8]; 4] = [b"f", b"*", b"MAXLEN", b"\xff"];
        for options in [
            &[&b"*"[..]][..],
            &[b"MAXLEN", b"5", b"*"],
            &[b"MAXLEN", b"~", b"5", b"*"],
            &[b"7-1"],
            &[b"NOMKSTREAM", b"7-2"],
        ] {
            let rejected: Vec<&[u8]> = [&[&b"XADD"[..], b"t:0"][..], options, &fields].concat();
            assert_eq!(letter_of(&rejected), head(b"XADD", b"t:0", &fields));
        }
        assert_eq!(letter_of(&[b"HSET", b"k", b"f", b"v"]), head(b"HSET", b"k", &[b"f", b"v"]));
        assert_eq!(letter_of(&[b"JSON.SET", b"k", b"$", b"{}"]), head(b"JSON.SET", b"k", &[b"value", b"{}"]));
    }

    #[test]
    fn cuts_what_is_too_large() {
        let long = vec![b'x'; 3 * CERTAIN_BYTES];
        let fits = vec![b'y'; CERTAIN_BYTES];
        let mut words: Vec<&[u8]> = vec![b"HSET", b"k", b"f", &long, b"g", &fits];
        words.extend(vec![&b"h"[..]; 1_200_000]);
        let letter = of_rejected("dead", &words, &Fault::from_server("ERR no"), true);
        let letter = arguments(&letter);
        assert_eq!(letter.len(), 9 + CERTAIN_STRINGS);
        assert!(letter[4].starts_with(b"ERR no; 100002 more fields"), "{}", String::from_utf8_lossy(letter[4]));
        assert!(letter[10].len() == CERTAIN_BYTES && letter[10].ends_with("x… (3145728 bytes)".as_bytes()));
        assert_eq!(letter[12], fits);
        let whole = of_rejected("dead", &words, &Fault::from_server("ERR no"), false);
        assert_eq!(arguments(&whole)[10], long);
    }
}
