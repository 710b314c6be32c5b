//! Topics: `orders` with 4 partitions is the streams `orders:0` to `orders:3`.

/// The number of a partition, from 0.
pub type Partition = u32;

/// Returns the key of one partition's stream.
pub(crate) fn stream_name(topic: &str, partition: Partition) -> String {
    format!("{topic}:{partition}")
}

/// Returns Java's `String.hashCode`: over UTF-16 code units, wrapping.
pub(crate) fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_java_does() {
        // `"…".hashCode()` in a Java shell.
        for (text, hash) in [("", 0), ("a", 97), ("orders", -1_008_770_331), ("polygenelubricants", i32::MIN)] {
            assert_eq!(java_hash(text), hash, "{text}");
        }
    }
}
