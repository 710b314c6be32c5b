package com.redis.flink.sink;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;
import java.util.Map;

/**
 * Makes the fields of the hash that are written for a record. A lambda will do.
 *
 * <p>What it throws goes, with the record as text, to the sink's {@code
 * failedSerializationStreamName}, or fails the job when there is none. So do {@code null}, a map
 * without fields, and nulls in it: to write nothing for a record, filter it out before the sink.
 *
 * @param <T> the record's type
 */
@PublicEvolving
@FunctionalInterface
public interface RedisHashSerializer<T> extends Serializable {

    /** Fields and their values, at least one. Fields that the hash has besides them stay. */
    Map<String, String> serialize(T value);
}
