//! What a large reply says, without its large parts.
//!
//! `XINFO STREAM` brings the first and the last entry of the stream, whole, and only their IDs matter. Here a reply is
//! taken as it comes: long strings, and what lies deeper than an entry's ID, are passed over, whatever they measure.

use redis::Value;

use crate::error::Result;
use crate::resp::limits::DEEPEST;
use crate::resp::reply;

/// The depth down to which arrays are kept: an entry is an array within the reply's own, and its fields are one more.
const DEEPEST_KEPT: usize = 2;
/// The longest string that is kept, in bytes. Names and IDs are far shorter.
const LONGEST_KEPT: usize = 1024;

/// Reads a reply as it comes, and keeps its small parts.
#[derive(Default)]
pub(crate) struct Outline {
    /// The arrays that have begun, the outermost first.
    open: Vec<Array>,
    /// Bytes of a string that are to be passed over.
    passing: usize,
    /// The reply, when only those bytes are to come.
    done: Option<Value>,
}

struct Array {
    to_come: usize,
    /// `None`: passed over.
    items: Option<Vec<Value>>,
}

impl Outline {
    /// Reads what it can of `input`. Returns how many bytes that was, and the reply if it ended there; an error reply
    /// is an `Err` inside.
    ///
    /// # Errors
    /// When the bytes are no reply. The connection is of no more use then.
    pub(crate) fn take(&mut self, input: &[u8]) -> Result<(usize, Option<Result<Value>>)> {
        let mut at = 0;
        loop {
            let passed = self.passing.min(input.len() - at);
            at += passed;
            self.passing -= passed;
            if self.passing > 0 {
                return Ok((at, None));
            }
            if let Some(value) = self.done.take() {
                return Ok((at, Some(Ok(value))));
            }
            let Some(line) = reply::header(&input[at..])? else { return Ok((at, None)) };
            let body = at + line.len() + 2;
            let value = match line[0] {
                b'$' => match reply::size(line)? {
                    None => Value::Nil,
                    Some(length) if length <= LONGEST_KEPT && self.keeps() => {
                        let Some(end) = Some(body + length + 2).filter(|end| *end <= input.len()) else {
                            return Ok((at, None));
                        };
                        at = end;
                        self.add(Value::BulkString(input[body..body + length].to_vec()));
                        continue;
                    }
                    Some(length) => {
                        self.passing = length + 2;
                        Value::Nil
                    }
                },
                b'*' => match reply::size(line)? {
                    None => Value::Nil,
                    Some(0) => Value::Array(Vec::new()),
                    Some(_) if self.open.len() == DEEPEST => return Err(reply::too_deep()),
                    Some(to_come) => {
                        let items = (self.open.len() < DEEPEST_KEPT).then(Vec::new);
                        self.open.push(Array { to_come, items });
                        at = body;
                        continue;
                    }
                },
                b'+' | b'-' | b':' => match reply::decode(&input[at..body]) {
                    Err(error) if self.open.is_empty() => return Ok((body, Some(Err(error)))),
                    value => value?,
                },
                other => return Err(reply::unexpected(other)),
            };
            at = body;
            self.add(value);
        }
    }

    fn keeps(&self) -> bool {
        self.open.last().is_none_or(|array| array.items.is_some())
    }

    /// Adds an element. The reply is done with its last element.
    fn add(&mut self, mut value: Value) {
        while let Some(array) = self.open.last_mut() {
            if let Some(items) = &mut array.items {
                items.push(value);
            }
            array.to_come -= 1;
            if array.to_come > 0 {
                return;
            }
            value = self.open.pop().and_then(|array| array.items).map_or(Value::Nil, Value::Array);
        }
        self.done = Some(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::damage;
    use proptest::prelude::*;

    /// Feeds the reply in parts that end at `cuts`. Returns the outline, and how many bytes were kept waiting at most.
    fn taken(bytes: &[u8], step: usize) -> (Value, usize) {
        let (mut outline, mut inbox, mut most) = (Outline::default(), Vec::new(), 0);
        for part in bytes.chunks(step) {
            inbox.extend_from_slice(part);
            let (used, value) = outline.take(&inbox).unwrap();
            inbox.drain(..used);
            most = most.max(inbox.len());
            if let Some(value) = value {
                return (value.unwrap(), most);
            }
        }
        panic!("no end");
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn keeps_ids_and_passes_over_entries() {
        let large = "x".repeat(1 << 20);
        let entry = format!("*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n${}\r\n{large}\r\n", large.len());
        let reply = format!("*6\r\n$6\r\nlength\r\n:2\r\n$1\r\na\r\n{entry}$1\r\nb\r\n{entry}");
        let outlined = Value::Array(vec![text("1-1"), Value::Nil]);
        let expected =
            Value::Array(vec![text("length"), Value::Int(2), text("a"), outlined.clone(), text("b"), outlined]);
        for step in [7, 4096, 1 << 20, 4 << 20] {
            let (value, most) = taken(reply.as_bytes(), step);
            assert_eq!(value, expected);
            assert!(most <= 64, "{most} bytes were kept");
        }
    }

    #[test]
    fn an_error_reply_is_an_error_and_what_is_behind_stays() {
        let (used, value) = Outline::default().take(b"-ERR no such key\r\n+OK\r\n").unwrap();
        assert_eq!((used, value.unwrap().unwrap_err().server_code()), (18, "ERR"));
        let (used, value) = Outline::default().take(b"*0\r\n+OK\r\n").unwrap();
        assert_eq!((used, value.unwrap().unwrap()), (4, Value::Array(Vec::new())));
        assert!(Outline::default().take(&b"*1\r\n".repeat(1000)).is_err());
    }

    proptest! {
        #[test]
        fn anything_is_taken_as_far_as_it_is_a_reply(bytes in damage::noise()) {
            if let Ok((used, Some(_))) = Outline::default().take(&bytes) {
                prop_assert_eq!(reply::length(&bytes).unwrap(), Some(used));
            }
        }
    }
}
