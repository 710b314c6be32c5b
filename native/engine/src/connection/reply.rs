//! Where a RESP2 reply ends, and what it says
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

use redis::Value;

use crate::error::{Error, Fault, Result};

/// A header line is a type, a number and CRLF; only errors and simple strings are longer. More than this is no Redis.
const LONGEST_LINE: usize = 64 * 1024;

/// The length of the reply that `bytes` begin with, or `None` when it isn't all there.
pub fn length(bytes: &[u8]) -> Result<Option<usize>> {
    let mut at = 0;
    let mut open = 1u64;
    while open > 0 {
        let Some(line) = header(&bytes[at..])? else { return Ok(None) };
        at += line.len() + 2;
        open -= 1;
        match line[0] {
            b'$' => {
                if let Some(body) = size(line)? {
                    at += body + 2;
                }
            }
            b'*' => open += size(line)?.unwrap_or(0) as u64,
            b'+' | b'-' | b':' => {}
            other => return Err(unexpected(other)),
        }
        if at > bytes.len() {
            return Ok(None);
        }
    }
    Ok(Some(at))
}

/// The line that `bytes` begin with, without its CRLF; `None` when it isn't all there.
fn header(bytes: &[u8]) -> Result<Option<&[u8]>> {
    match memchr::memchr(b'\n', bytes) {
        Some(end) if end >= 2 && bytes[end - 1] == b'\r' => Ok(Some(&bytes[..end - 1])),
        Some(_) => Err(Error::protocol("a line of the reply is not ended by CRLF; is this a Redis server?")),
        None if bytes.len() > LONGEST_LINE => {
            Err(Error::protocol("a line of the reply has no end; is this a Redis server?"))
        }
        None => Ok(None),
    }
}

/// The number of a `$` or `*` line: `None` for null (-1).
pub fn size(line: &[u8]) -> Result<Option<usize>> {
    let digits = &line[1..];
    if digits == b"-1" {
        return Ok(None);
    }
    let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u32>().ok());
    // The server's own limit of a bulk string is 512 MiB, of an array 2^31 (proto-max-bulk-len).
    number.map(|number| Some(number as usize)).ok_or_else(|| Error::protocol("a length in the reply is no number"))
}

pub fn unexpected(kind: u8) -> Error {
    let kind = char::from(kind).escape_default();
    Error::protocol(format!("a reply of the unknown type '{kind}'; is this a Redis server?"))
}

/// The error that a whole reply is, if it is one.
pub fn refusal(bytes: &[u8]) -> Option<Fault> {
    match bytes {
        [b'-', text @ .., b'\r', b'\n'] => Some(Fault::from_server(&String::from_utf8_lossy(text))),
        _ => None,
    }
}

/// Decodes one whole reply. An error reply is an `Err`.
pub fn decode(bytes: &[u8]) -> Result<Value> {
    if let Some(fault) = refusal(bytes) {
        return Err(fault.into());
    }
    redis::parse_redis_value(bytes).map_err(|error| Error::protocol(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_where_the_reply_ends_and_not_before() {
        for reply in [
            "+OK\r\n",
            ":5\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*0\r\n",
            "$3\r\nabc\r\n",
            "*2\r\n*1\r\n$0\r\n\r\n:7\r\n",
            "-ERR x\r\n",
        ] {
            let bytes = reply.as_bytes();
            for cut in 0..bytes.len() {
                assert_eq!(length(&bytes[..cut]).unwrap(), None, "{reply:?} cut at {cut}");
            }
            let more = [bytes, b"+NEXT\r\n"].concat();
            assert_eq!(length(&more).unwrap(), Some(bytes.len()), "{reply:?}");
        }
    }

    #[test]
    fn something_else_is_no_redis() {
        for bytes in [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"$x\r\n", b"\n", &[b'a'; LONGEST_LINE + 1]] {
            assert!(length(bytes).is_err());
        }
    }

    #[test]
    fn an_error_reply_is_an_error() {
        assert_eq!(decode(b"-NOGROUP No such key\r\n").unwrap_err().server_code(), "NOGROUP");
        assert_eq!(decode(b"+OK\r\n").unwrap(), Value::Okay);
    }
}
