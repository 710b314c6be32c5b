package com.redis.flink.sink;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;

/**
 * Finds the key of a record, and with it the partition. A method reference will do.
 *
 * @param <T> the record's type
 */
@PublicEvolving
@FunctionalInterface
public interface RedisKeyExtractor<T> extends Serializable {

    /**
     * Returns the record's key; null: the message is written without a key, to the partitions in
     * turn.
     */
    String extractKey(T value);
}
