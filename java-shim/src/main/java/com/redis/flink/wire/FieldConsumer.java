package com.redis.flink.wire;

import org.apache.flink.annotation.Internal;

/**
 * Takes the fields of one message, in their order, as {@code RedisMessage.writeTo} gives them: the
 * ones Java knows as strings one by one, those that came from Redis and were not touched as the
 * bytes they came in.
 */
@Internal
public interface FieldConsumer {

    /** One field; the value must not be null. */
    void field(String name, String value);

    /**
     * A run of {@code pairs} fields with their values, from {@code from} up to but without {@code
     * to}, in the layout of an entry's strings (docs/architecture.md, "Batch layout").
     */
    void raw(byte[] strings, int from, int to, int pairs);
}
