//! Encodes commands, as the protocol writes them
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/#sending-commands-to-a-redis-server>).

/// Appends a bulk string.
pub(crate) fn bulk(out: &mut Vec<u8>, string: &[u8]) {
    header(out, b'$', string.len());
    out.extend_from_slice(string);
    out.extend_from_slice(b"\r\n");
}

/// Appends a header line: `$` and a length in bytes, or `*` and a count.
pub(crate) fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a whole command.
pub(crate) fn command(out: &mut Vec<u8>, arguments: &[&[u8]]) {
    header(out, b'*', arguments.len());
    arguments.iter().for_each(|argument| bulk(out, argument));
}

/// The command that precedes another one to a server that is getting its key and does not own its slot yet.
pub(crate) const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";
