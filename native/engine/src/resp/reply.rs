//! Where a RESP2 reply ends, and what it says
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

use redis::Value;

use crate::error::{Error, Fault, Result};
use crate::resp::decimal::decimal;
use crate::resp::limits::{DEEPEST, LONGEST_LINE, LONGEST_REPLY, LONGEST_STRING};

/// Returns the length in bytes of the reply that `bytes` begin with; `None`: it isn't all there.
///
/// # Errors
/// `Protocol` when the bytes are no reply.
pub fn length(bytes: &[u8]) -> Result<Option<usize>> {
    // Most replies to writes are one line.
    if let [b':' | b'+', ..] = bytes
        && let Some(line) = header(bytes)?
    {
        return Ok(Some(line.len() + 2));
    }
    End::default().find(bytes)
}

/// Finds the end of a reply that comes in parts, and goes on where it was when more has come.
pub(crate) struct End {
    /// How far it is known; beyond what has come, where a string's body is to come.
    at: usize,
    /// Of each array that has begun, how many elements are to come; the reply itself is the one element of the first.
    open: [usize; DEEPEST + 1],
    depth: usize,
}

impl Default for End {
    fn default() -> Self {
        let mut open = [0; DEEPEST + 1];
        open[0] = 1;
        Self { at: 0, open, depth: 0 }
    }
}

impl End {
    /// Returns the reply's length in bytes; `None`: it isn't all there. `bytes` are all of it that has come, at each
    /// call.
    ///
    /// # Errors
    /// `Protocol` when the bytes are no reply.
    pub(crate) fn find(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        while self.at <= bytes.len() {
            while self.open[self.depth] == 0 {
                if self.depth == 0 {
                    return Ok(Some(self.at));
                }
                self.depth -= 1;
            }
            let Some(line) = header(&bytes[self.at..])? else { break };
            self.take(line)?;
        }
        to_come(bytes)
    }

    fn take(&mut self, line: &[u8]) -> Result<()> {
        self.at += line.len() + 2;
        self.open[self.depth] -= 1;
        match line[0] {
            b'$' => {
                if let Some(body) = size(line)? {
                    self.at += body + 2;
                }
            }
            b'*' if self.depth == DEEPEST => return Err(too_deep()),
            b'*' => {
                self.depth += 1;
                self.open[self.depth] = size(line)?.unwrap_or(0);
            }
            b'+' | b'-' | b':' => {}
            other => return Err(unexpected(other)),
        }
        Ok(())
    }
}

/// Returns the fault of a reply with too many arrays in arrays.
pub(crate) fn too_deep() -> Error {
    Error::protocol("arrays in arrays beyond measure in the reply")
}

/// Returns `None` for a reply that isn't all there and of which more may come.
fn to_come(bytes: &[u8]) -> Result<Option<usize>> {
    if bytes.len() > LONGEST_REPLY {
        return Err(Error::protocol("a reply has no end; is this a Redis server?"));
    }
    Ok(None)
}

/// Returns the line that `bytes` begin with, without its CRLF; `None`: it isn't all there.
pub(crate) fn header(bytes: &[u8]) -> Result<Option<&[u8]>> {
    match memchr::memchr(b'\n', bytes) {
        Some(end) if end >= 2 && bytes[end - 1] == b'\r' => Ok(Some(&bytes[..end - 1])),
        Some(_) => Err(Error::protocol("a line of the reply is not ended by CRLF; is this a Redis server?")),
        None if bytes.len() > LONGEST_LINE => {
            Err(Error::protocol("a line of the reply has no end; is this a Redis server?"))
        }
        None => Ok(None),
    }
}

/// Returns the number of a `$` or `*` line; `None`: it is null (-1).
pub(crate) fn size(line: &[u8]) -> Result<Option<usize>> {
    let digits = &line[1..];
    if digits == b"-1" {
        return Ok(None);
    }
    match decimal(digits) {
        Some(number) if number <= LONGEST_STRING as u64 => Ok(Some(number as usize)),
        Some(_) => Err(Error::protocol("a length in the reply is beyond what Redis sends (512 MiB)")),
        None => Err(Error::protocol("a length in the reply is no number")),
    }
}

/// Returns the bulk string that `encoded` begins with, and what is behind it; `None` if it is none, or not all there.
pub(crate) fn bulk(encoded: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', encoded)?;
    let length = decimal(encoded[..end].strip_prefix(b"$")?.strip_suffix(b"\r")?)?;
    let (string, rest) = encoded[end + 1..].split_at_checked(usize::try_from(length).ok()?)?;
    Some((string, rest.strip_prefix(b"\r\n")?))
}

/// Returns the fault of a reply whose type is none of RESP2.
pub(crate) fn unexpected(kind: u8) -> Error {
    let kind = char::from(kind).escape_default();
    Error::protocol(format!("a reply of the unknown type '{kind}'; is this a Redis server?"))
}

/// Returns the fault that a whole reply tells of, if it is an error reply.
pub(crate) fn refusal(bytes: &[u8]) -> Option<Fault> {
    match bytes {
        [b'-', text @ .., b'\r', b'\n'] => Some(Fault::from_server(&String::from_utf8_lossy(text))),
        _ => None,
    }
}

/// Decodes one whole reply, with the `redis` crate.
///
/// # Errors
/// The server's, if it is an error reply; `Protocol` when the bytes are no reply.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value> {
    if let Some(fault) = refusal(bytes) {
        return Err(fault.into());
    }
    redis::parse_redis_value(bytes).map_err(|error| Error::protocol(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::resp::damage;

    /// Replies of every kind, in one another, as bytes.
    fn replies() -> impl Strategy<Value = Vec<u8>> {
        let bulk = prop::collection::vec(any::<u8>(), 0..20).prop_map(|body| {
            let mut out = format!("${}\r\n", body.len()).into_bytes();
            out.extend_from_slice(&body);
            out.extend_from_slice(b"\r\n");
            out
        });
        let leaf = prop_oneof![
            4 => bulk,
            1 => any::<i64>().prop_map(|number| format!(":{number}\r\n").into_bytes()),
            1 => "[+-][A-Z]{1,6} [ -~]{0,20}\r\n".prop_map(String::into_bytes),
            1 => prop_oneof![Just(b"$-1\r\n".to_vec()), Just(b"*-1\r\n".to_vec())],
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop::collection::vec(inner, 0..6).prop_map(|items| {
                let mut out = format!("*{}\r\n", items.len()).into_bytes();
                items.iter().for_each(|item| out.extend_from_slice(item));
                out
            })
        })
    }

    proptest! {
        #[test]
        fn a_reply_is_found_whole_and_read_as_the_crate_reads_it(
            reply in replies(),
            behind in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            for cut in 0..reply.len() {
                prop_assert_eq!(length(&reply[..cut]).unwrap(), None, "cut at {}", cut);
            }
            let more = [&reply[..], &behind].concat();
            prop_assert_eq!(length(&more).unwrap(), Some(reply.len()));
            let mut end = End::default();
            for cut in 0..reply.len() {
                prop_assert_eq!(end.find(&reply[..cut]).unwrap(), None, "in parts, cut at {}", cut);
            }
            prop_assert_eq!(end.find(&more).unwrap(), Some(reply.len()));
            match decode(&reply) {
                Ok(value) => prop_assert_eq!(value, redis::parse_redis_value(&reply).unwrap()),
                Err(error) => prop_assert!(reply[0] == b'-', "{}", error),
            }
        }

        #[test]
        fn a_damaged_reply_is_refused_waited_for_or_read_as_the_crate_reads_it(
            reply in replies(),
            damage in prop::collection::vec(damage::any(), 1..4),
        ) {
            let bytes = damage::done(reply, &damage);
            if let Ok(Some(end)) = length(&bytes) {
                prop_assert!(end <= bytes.len());
                for cut in 0..end {
                    prop_assert!(!matches!(length(&bytes[..cut]), Ok(Some(_))), "cut at {}", cut);
                }
                // The crate looks for the end itself.
                if let Ok(value) = decode(&bytes[..end]) {
                    prop_assert_eq!(value, redis::parse_redis_value(&bytes).unwrap());
                }
            }
        }

        #[test]
        fn anything_comes_to_an_end(bytes in damage::noise()) {
            if let Ok(Some(end)) = length(&bytes) {
                prop_assert!(end <= bytes.len());
                let _ = decode(&bytes[..end]);
            }
        }
    }

    #[test]
    fn no_depth_and_no_announced_length_is_taken_on_trust() {
        let nested = |depth: usize| [&b"*1\r\n".repeat(depth)[..], b":1\r\n"].concat();
        assert_eq!(length(&nested(DEEPEST)).unwrap(), Some(4 * DEEPEST + 4));
        assert!(decode(&nested(DEEPEST)).is_ok());
        assert!(length(&nested(DEEPEST + 1)).is_err());
        assert!(length(&nested(1_000_000)).is_err());
        // Of the last element of each, too, which needs no way back.
        assert!(length(&b"*2\r\n:1\r\n".repeat(DEEPEST + 1)).is_err());
        assert_eq!(length(b"$536870912\r\n").unwrap(), None);
        for beyond in ["$536870913\r\n", "*536870913\r\n", "*4294967295\r\n", "$99999999999999999999\r\n", "$+1\r\n"] {
            assert!(length(beyond.as_bytes()).is_err(), "{beyond}");
        }
        assert!(to_come(&[]).unwrap().is_none());
    }

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
