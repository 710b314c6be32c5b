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

/// The arguments of an encoded command.
pub(crate) fn arguments(command: &[u8]) -> Vec<&[u8]> {
    let mut rest = command;
    let mut arguments = Vec::new();
    let count = number(&mut rest).unwrap_or(0);
    while arguments.len() < count
        && let Some(argument) = word(&mut rest)
    {
        arguments.push(argument);
    }
    arguments
}

/// Leads a command to a server that gets its key and does not own it yet.
pub(crate) const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

/// What `MULTI` is as a command.
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";

/// The key of a unit: the word behind the name of its command, or of the first one of its transaction; of one that
/// begins by listing a key in an index: that key.
pub(crate) fn key(unit: &[u8]) -> &[u8] {
    let mut rest = unit.strip_prefix(MULTI).unwrap_or(unit);
    let name = number(&mut rest).and_then(|_| word(&mut rest));
    let first = word(&mut rest).unwrap_or_default();
    if name == Some(b"SADD") { word(&mut rest).unwrap_or_default() } else { first }
}

/// The name of a command.
pub(crate) fn name(command: &[u8]) -> &[u8] {
    let mut rest = command;
    number(&mut rest).and_then(|_| word(&mut rest)).unwrap_or_default()
}

/// The string that `rest` begins with.
fn word<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)?;
    let (word, tail) = rest.split_at_checked(length)?;
    *rest = tail.get(2..).unwrap_or_default();
    Some(word)
}

/// The number of the header line that `rest` begins with.
fn number(rest: &mut &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'\n', rest)?;
    let (line, tail) = rest.split_at(end + 1);
    *rest = tail;
    std::str::from_utf8(line.get(1..end.checked_sub(1)?)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_key_of_a_unit() {
        let mut unit = Vec::new();
        command(&mut unit, &[b"XADD", b"t:0", b"*", b"f", b"v"]);
        assert_eq!((name(&unit), key(&unit)), (&b"XADD"[..], &b"t:0"[..]));
        let mut transaction = Vec::new();
        command(&mut transaction, &[b"MULTI"]);
        transaction.extend_from_slice(&unit);
        assert_eq!(key(&transaction), b"t:0");
        let mut listing = Vec::new();
        command(&mut listing, &[b"MULTI"]);
        command(&mut listing, &[b"SADD", b"index", b"t:0"]);
        assert_eq!(key(&listing), b"t:0");
        for cut in 0..unit.len() {
            assert!(b"t:0".starts_with(key(&unit[..cut])), "{cut}");
        }
    }
}
