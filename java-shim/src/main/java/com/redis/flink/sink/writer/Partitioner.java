package com.redis.flink.sink.writer;

import org.apache.flink.annotation.Internal;

/**
 * Finds the partition of a key, by the rule that every client of the topic shares: Java's {@code
 * String.hashCode}, its absolute value, modulo the number of partitions. Shared vectors:
 * tests/golden/partitions.txt.
 *
 * <p>Belongs to one thread.
 */
@Internal
public final class Partitioner {

    private final int numPartitions;
    private int next;

    /**
     * @param numPartitions of the topic
     * @param first where the messages without a key begin; parallel writers begin at different ones
     */
    public Partitioner(int numPartitions, int first) {
        this.numPartitions = numPartitions;
        next = first % numPartitions;
    }

    /** Returns the partition of a key; for messages without one (null) the partitions in turn. */
    public int partition(String key) {
        if (key != null) {
            return ofKey(key, numPartitions);
        }
        int partition = next;
        next = partition + 1 == numPartitions ? 0 : partition + 1;
        return partition;
    }

    /** Returns the partition of a key. */
    public static int ofKey(String key, int numPartitions) {
        // As a long: the int Integer.MIN_VALUE has no absolute value.
        return (int) (Math.abs((long) key.hashCode()) % numPartitions);
    }
}
