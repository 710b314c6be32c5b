//! How large and how deep a reply may be. What exceeds it is no Redis.

/// The longest line, in bytes: a type, a number and CRLF. Only errors and simple strings are longer than a few bytes.
pub(crate) const LONGEST_LINE: usize = 64 * 1024;

/// The longest string, in bytes, as the server itself allows (`proto-max-bulk-len`).
pub(crate) const LONGEST_STRING: usize = 512 << 20;

/// The longest reply, in bytes. No command here asks for more at once, except reads of entries, which have their own
/// scanner.
pub(crate) const LONGEST_REPLY: usize = LONGEST_STRING + LONGEST_LINE;

/// Arrays in arrays. The deepest known reply (`XINFO STREAM … FULL`) has six; the decoder of the `redis` crate goes
/// this deep.
pub(crate) const DEEPEST: usize = 16;
