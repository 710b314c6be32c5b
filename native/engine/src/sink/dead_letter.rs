//! Records that Redis rejects for good go to the dead-letter stream, with the error and all they hold; without one they fail the job.

use redis::Cmd;

use crate::config::SinkSettings;
use crate::error::Fault;
use crate::sink::encode::resp::arguments;

/// The configured stream.
pub(super) fn stream(settings: &SinkSettings) -> Option<&str> {
    Some(settings.dead_letter_stream.as_str()).filter(|stream| !stream.is_empty())
}

/// The command that stores a rejected one: `error`, `command`, `key` (what it was for), then what the record holds: its own fields, or a
/// document as `value`.
pub(super) fn of_rejected(stream: &str, command: &[u8], fault: &Fault) -> Vec<u8> {
    let words = arguments(command);
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let mut cmd: Cmd = redis::cmd("XADD");
    cmd.arg(stream).arg("*").arg("error").arg(fault.message()).arg("command").arg(word(0)).arg("key").arg(word(1));
    if word(0) == b"JSON.SET" {
        cmd.arg("value");
    }
    record_of(&words).iter().for_each(|part| {
        cmd.arg(*part);
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

    fn letter_of(rejected: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        crate::sink::encode::resp::command(&mut bytes, rejected);
        let letter = of_rejected("dead", &bytes, &Fault::from_server("ERR no"));
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
}
