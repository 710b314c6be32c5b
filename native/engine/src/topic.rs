//! Topics: `orders` with 4 partitions is the streams `orders:0` to `orders:3`.

use crate::config::Partition;

/// The stream of one partition.
pub fn stream_name(topic: &str, partition: Partition) -> String {
    format!("{topic}:{partition}")
}

/// Where a message with this key goes: Java's `Math.abs((long) key.hashCode()) % partitions`, the same for every string.
///
/// The absolute value is taken of the long, since that of `Integer.MIN_VALUE` is negative as an int. `partitions` of 0 counts as 1.
pub fn partition_of(key: &str, partitions: u32) -> Partition {
    let distance = i64::from(java_hash(key)).unsigned_abs();
    // The remainder is below `partitions`, so it fits.
    (distance % u64::from(partitions.max(1))) as Partition
}

/// `java.lang.String.hashCode`: over UTF-16 code units, wrapping.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same file is read by the Java tests.
    #[test]
    fn agrees_with_java_on_the_shared_vectors() {
        let vectors = include_str!("../../../tests/golden/partitions.txt");
        let mut checked = 0;
        for line in vectors.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut columns = line.splitn(3, '\t');
            let partitions: u32 = columns.next().unwrap().parse().unwrap();
            let partition: u32 = columns.next().unwrap().parse().unwrap();
            let key: String = serde_json::from_str(columns.next().unwrap()).unwrap();
            assert_eq!(partition_of(&key, partitions), partition, "{line}");
            checked += 1;
        }
        assert!(checked > 10);
    }

    #[test]
    fn the_smallest_hash_has_a_partition() {
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(partition_of("polygenelubricants", 7), (2_147_483_648u64 % 7) as u32);
    }
}
