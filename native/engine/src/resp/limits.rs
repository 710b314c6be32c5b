//! How large and how deep a reply may be. What exceeds it is no Redis.

/// Bytes of a line: a type, a number and CRLF. Only errors and simple strings are longer than a few bytes.
pub(crate) const LONGEST_LINE: usize = 64 * 1024;

/// Bytes of a string, as the server itself allows (`proto-max-bulk-len`).
pub(crate) const LONGEST_STRING: usize = 512 << 20;

/// Bytes of a whole reply. No command here asks for more at once, but for reads of entries, which have a scanner of
/// their own.
pub(crate) const LONGEST_REPLY: usize = LONGEST_STRING + LONGEST_LINE;

/// Arrays in arrays. The deepest known reply (`XINFO STREAM … FULL`) has six; the decoder of the `redis` crate goes
/// this deep.
pub(crate) const DEEPEST: usize = 16;
