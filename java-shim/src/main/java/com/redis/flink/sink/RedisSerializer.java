package com.redis.flink.sink;

import com.redis.flink.RedisMessage;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;

/**
 * Makes the message that is written for a record. A lambda will do.
 *
 * <p>What it throws goes, with the record as text, to the sink's {@code
 * failedSerializationStreamName}, or fails the job when there is none. So does {@code null}: to
 * write nothing for a record, filter it out before the sink.
 *
 * @param <T> the record's type
 */
@PublicEvolving
@FunctionalInterface
public interface RedisSerializer<T> extends Serializable {

    /** Returns the message for a record; called by a sink without a key extractor. */
    RedisMessage Serialize(T value);

    /**
     * Returns the message for a record under a given key; called by a sink with a key extractor. By
     * default what {@link #Serialize(Object)} makes, under that key.
     */
    default RedisMessage Serialize(T value, String key) {
        RedisMessage message = Serialize(value);
        return message == null ? null : message.withKey(key);
    }
}
