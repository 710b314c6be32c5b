package com.redis.flink.sink;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;

/**
 * Makes the JSON document that is written for a record. A lambda will do.
 *
 * <p>What it throws goes, with the record as text, to the sink's {@code
 * failedSerializationStreamName}, or fails the job when there is none. So does {@code null}: to
 * write nothing for a record, filter it out before the sink.
 *
 * @param <T> the record's type
 */
@PublicEvolving
@FunctionalInterface
public interface RedisJsonSerializer<T> extends Serializable {

    /** Returns the document, as JSON; Redis rejects what is none. */
    String serialize(T value);
}
