//! Records that Redis rejects for good go to the dead-letter stream, with the error and all they hold; without one they fail the job.

use redis::Cmd;

use crate::config::SinkSettings;
use crate::error::Fault;
use crate::sink::xadd::arguments;

/// The configured stream.
pub(super) fn stream(settings: &SinkSettings) -> Option<&str> {
    Some(settings.dead_letter_stream.as_str()).filter(|stream| !stream.is_empty())
}

/// The command that stores a rejected one: `error`, `command`, `key` (the stream it was for), then the record's own fields.
pub(super) fn of_rejected(stream: &str, command: &[u8], fault: &Fault) -> Vec<u8> {
    let arguments = arguments(command);
    let target = arguments.get(1).copied().unwrap_or_default();
    let fields = arguments.iter().position(|argument| *argument == b"*").map_or(arguments.len(), |star| star + 1);
    let mut cmd: Cmd = redis::cmd("XADD");
    cmd.arg(stream).arg("*").arg("error").arg(fault.message()).arg("command").arg("XADD").arg("key").arg(target);
    arguments.iter().skip(fields).for_each(|field| {
        cmd.arg(*field);
    });
    cmd.get_packed_command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_all_of_the_record() {
        let mut rejected = redis::cmd("XADD");
        rejected.arg("t:0").arg("MAXLEN").arg("~").arg(5).arg("*").arg("f").arg("*").arg("g").arg(&b"\xff"[..]);
        let letter = of_rejected("dead", &rejected.get_packed_command(), &Fault::from_server("ERR no"));
        let expected: [&[u8]; 13] = [
            b"XADD", b"dead", b"*", b"error", b"ERR no", b"command", b"XADD", b"key", b"t:0", b"f", b"*", b"g", b"\xff",
        ];
        assert_eq!(arguments(&letter), expected);
    }
}
