//! Commands as the protocol writes them (<https://redis.io/docs/latest/develop/reference/protocol-spec/#sending-commands-to-a-redis-server>).

pub(in crate::sink) fn bulk(out: &mut Vec<u8>, string: &[u8]) {
    header(out, b'$', string.len());
    out.extend_from_slice(string);
    out.extend_from_slice(b"\r\n");
}

pub(in crate::sink) fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(in crate::sink) fn command(out: &mut Vec<u8>, arguments: &[&[u8]]) {
    header(out, b'*', arguments.len());
    arguments.iter().for_each(|argument| bulk(out, argument));
}

/// The arguments of an encoded command.
pub(in crate::sink) fn arguments(command: &[u8]) -> Vec<&[u8]> {
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
