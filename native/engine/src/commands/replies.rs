//! Reads replies, of which the server is to have sent the right kind.

use std::collections::HashMap;

use redis::{FromRedisValue, Value};

use crate::error::{Error, Result};
use crate::stream::EntryId;

/// Reads a reply to `XINFO`, a flat list of names and values.
pub(super) fn fields(value: Value) -> Result<HashMap<String, Value>> {
    let pairs: Vec<Value> = match value {
        Value::Array(items) => items,
        _ => return Err(unreadable("XINFO")),
    };
    let mut map = HashMap::with_capacity(pairs.len() / 2);
    let mut items = pairs.into_iter();
    while let (Some(name), Some(value)) = (items.next(), items.next()) {
        let name = bytes(name).ok_or_else(|| unreadable("XINFO"))?;
        map.insert(String::from_utf8_lossy(&name).into_owned(), value);
    }
    Ok(map)
}

/// Reads one of the values.
pub(super) fn read<T: FromRedisValue>(about: &HashMap<String, Value>, name: &str) -> Result<T> {
    let value = about.get(name).cloned().ok_or_else(|| unreadable(name))?;
    T::from_redis_value(value).map_err(|_| unreadable(name))
}

/// Reads one of the values that is an entry's ID.
pub(super) fn id(about: &HashMap<String, Value>, name: &str) -> Result<EntryId> {
    about.get(name).cloned().and_then(bytes).and_then(|text| EntryId::parse(&text)).ok_or_else(|| unreadable(name))
}

/// Returns the bytes of a string.
pub(super) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

/// Makes the error for a reply of the wrong kind.
pub(super) fn unreadable(what: &str) -> Error {
    Error::protocol(format!("the reply to {what} can't be read; is this Redis 6.2 or newer?"))
}
