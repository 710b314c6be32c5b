//! Where a RESP2 reply ends, and what it says
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

use redis::Value;

use crate::error::{Error, Fault, Result};

/// A header line is a type, a number and CRLF; only errors and simple strings are longer. More than this is no Redis.
const LONGEST_LINE: usize = 64 * 1024;

/// Arrays in arrays; the deepest known reply (`XINFO STREAM … FULL`) has six. The decoder goes as deep as they do.
pub(crate) const DEEPEST: usize = 16;

/// What the server itself allows for a string (`proto-max-bulk-len`).
const LONGEST_STRING: u32 = 512 << 20;

/// No command here asks for more in one reply, but for reads of entries, which have a scanner of their own.
const LONGEST_REPLY: usize = LONGEST_STRING as usize + LONGEST_LINE;

/// The length of the reply that `bytes` begin with, or `None` when it isn't all there.
pub fn length(bytes: &[u8]) -> Result<Option<usize>> {
    End::default().find(bytes)
}

/// Finds the end of a reply that comes in parts, and goes on where it was when more has come.
pub struct End {
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
    /// The reply's length, or `None` when it isn't all there. `bytes` are all of it that has come, at each call.
    pub fn find(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
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

pub(crate) fn too_deep() -> Error {
    Error::protocol("arrays in arrays beyond measure in the reply")
}

/// It isn't all there: whoever asks will receive more, up to a point.
fn to_come(bytes: &[u8]) -> Result<Option<usize>> {
    match bytes.len() > LONGEST_REPLY {
        true => Err(Error::protocol("a reply has no end; is this a Redis server?")),
        false => Ok(None),
    }
}

/// The line that `bytes` begin with, without its CRLF; `None` when it isn't all there.
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

/// The number of a `$` or `*` line: `None` for null (-1).
pub fn size(line: &[u8]) -> Result<Option<usize>> {
    let digits = &line[1..];
    if digits == b"-1" {
        return Ok(None);
    }
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|digit| digit.is_ascii_digit()));
    match digits.and_then(|text| text.parse::<u32>().ok()) {
        Some(number) if number <= LONGEST_STRING => Ok(Some(number as usize)),
        Some(_) => Err(Error::protocol("a length in the reply is beyond what Redis sends (512 MiB)")),
        None => Err(Error::protocol("a length in the reply is no number")),
    }
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

/// What a network, or a server that is none, makes of replies.
#[cfg(test)]
pub(crate) mod damage {
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    pub(crate) enum Damage {
        Change(usize, u8),
        Insert(usize, u8),
        Remove(usize),
        Repeat(usize, usize),
        CutOff(usize),
    }

    /// Mostly bytes that mean something.
    fn telling(byte: u8) -> u8 {
        const TELLING: &[u8] = b"*$\r\n-:+0123456789";
        TELLING.get(usize::from(byte) % 24).copied().unwrap_or(byte)
    }

    fn byte() -> impl Strategy<Value = u8> {
        proptest::arbitrary::any::<u8>().prop_map(telling)
    }

    pub(crate) fn any() -> impl Strategy<Value = Damage> {
        let place = proptest::arbitrary::any::<usize>;
        prop_oneof![
            (place(), byte()).prop_map(|(at, byte)| Damage::Change(at, byte)),
            (place(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
            place().prop_map(Damage::Remove),
            (place(), 1..30usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
            place().prop_map(Damage::CutOff),
        ]
    }

    /// Places count from the beginning again when they are beyond the end.
    pub(crate) fn done(mut bytes: Vec<u8>, damage: &[Damage]) -> Vec<u8> {
        for one in damage {
            let length = bytes.len().max(1);
            match *one {
                _ if bytes.is_empty() => {}
                Damage::Change(at, byte) => bytes[at % length] = byte,
                Damage::Insert(at, byte) => bytes.insert(at % length, byte),
                Damage::Remove(at) => drop(bytes.remove(at % length)),
                Damage::Repeat(at, count) => {
                    let at = at % length;
                    let again = bytes[at..length.min(at + count)].to_vec();
                    bytes.splice(at..at, again);
                }
                Damage::CutOff(at) => bytes.truncate(at % length),
            }
        }
        bytes
    }

    /// Bytes that look like replies to a parser that believes everything.
    pub(crate) fn noise() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop::collection::vec(proptest::arbitrary::any::<u8>(), 0..300);
        bytes.prop_map(|bytes| bytes.into_iter().map(telling).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        fn a_reply_is_found_whole_and_read_as_the_crate_reads_it(reply in replies(), behind in prop::collection::vec(any::<u8>(), 0..20)) {
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
